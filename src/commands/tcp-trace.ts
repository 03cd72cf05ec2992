import { statSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { RtcpCommand } from '../lib/cli/command.ts';
import { CommandError, UsageError } from '../lib/cli/command-error.ts';
import { EXIT_FAILED } from '../lib/cli/exit-codes.ts';
import * as flag from '../lib/cli/flags.ts';
import { plural } from '../lib/cli/units.ts';
import { wrapLine } from '../lib/cli/wrap.ts';
import { STATE_NAMES } from '../lib/tcp/state.ts';
import { traceAttached } from '../lib/trace/attach.ts';
import { EventFilter } from '../lib/trace/event-filter.ts';
import { Follower } from '../lib/trace/follower.ts';
import { type SummaryDocument, summaryDocument } from '../lib/trace/json-output.ts';
import { LOG_INDENT, LogOutput } from '../lib/trace/log-output.ts';
import {
  type ConnectionSummary,
  EVENT_KINDS,
  type EventKind,
  type TraceSink,
  type TraceTotals,
} from '../lib/trace/model.ts';
import { fileOutput, type OutputFormat } from '../lib/trace/outputs.ts';
import { parsePeer } from '../lib/trace/peer.ts';
import { captureBytes, type StopConditions, traceCapture, traceInterface } from '../lib/trace/sources.ts';
import { SummaryOutput } from '../lib/trace/summary-output.ts';

/** From this width on, each line has room for the stack's variables. */
const WIDE_COLUMNS = 140;
const MEND = 'rtcp tcp-trace --iface eth0, --pcap FILE, or --attach SOCKET';

export default class TcpTraceCommand extends RtcpCommand {
  static override summary = 'Follow TCP connections: states, retransmissions, windows, round trips, Redis commands.';
  static override description =
    "From an interface or a capture, segments are labelled as Wireshark labels them. From inside a running server (--attach), each event comes with the stack's own variables and reasons: why something was sent again, dropped, or not sent. Ends at the capture's end, after --count or --duration, or at Ctrl-C, with a summary of each connection. With --json, each event is one JSON document on a line of stdout, the summary the last.";
  static override examples = [
    {
      command: '<%= config.bin %> tcp-trace --iface eth0 --port 6379',
      description: 'What passes eth0 to and from Redis',
    },
    {
      command: '<%= config.bin %> tcp-trace --pcap slow.pcapng --event state,closed',
      description: 'Only changes of state, from a capture',
    },
    {
      command: '<%= config.bin %> tcp-trace --attach /run/rtcp/trace-6379.sock',
      description: "A running server's stack from inside",
    },
    {
      command: '<%= config.bin %> tcp-trace --pcap slow.pcapng --quiet --write labelled.pcapng',
      description: 'The same capture with what was found as packet comments, for Wireshark',
    },
    {
      command: '<%= config.bin %> tcp-trace --iface lo --json -c 100',
      description: 'A hundred frames as JSON lines',
    },
  ];

  static override flags = flag.withEnvironment({
    iface: Flags.string({ aliases: ['interface'], helpValue: 'IF', description: 'Watch this interface (CAP_NET_RAW)' }),
    pcap: Flags.string({ helpValue: 'FILE', description: 'Read a capture: pcapng or pcap' }),
    attach: Flags.string({ helpValue: 'SOCKET', description: 'Follow the stack of a running rtcp serve' }),
    peer: Flags.string({ helpValue: 'A[:P]', description: 'Only connections with this end' }),
    port: flag.port({ description: 'Only connections with this port at one end' }),
    state: Flags.string({ helpValue: 'NAME', description: 'Show events only while an end is in this state' }),
    event: Flags.string({ helpValue: 'KIND[,KIND]', description: `Show only these: ${EVENT_KINDS.join(', ')}` }),
    resp: Flags.boolean({
      allowNo: true,
      description: 'Read payloads as Redis traffic (default: port 6379, and what looks like it)',
    }),
    count: flag.count({ char: 'c', min: 1, description: 'Stop after so many frames' }),
    duration: flag.duration({ bareUnit: 's', description: 'Stop after this time' }),
    quiet: Flags.boolean({ char: 'q', description: 'Only the summary' }),
    write: Flags.string({
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
      description: 'Write a file as well, by its ending: .pcapng (with comments), .ndjson, .html, else the log',
    }),
    html: Flags.string({ helpValue: 'FILE', description: 'Write an offline page with diagrams' }),
  });

  async run(): Promise<SummaryDocument | null> {
    const { flags } = await this.parse(TcpTraceCommand);
    const sources = [flags.iface, flags.pcap, flags.attach].filter((source) => source !== undefined);
    if (sources.length !== 1) {
      throw new UsageError(sources.length === 0 ? 'nothing to trace is named' : 'more than one source is named', MEND);
    }
    const choice = { kinds: eventKinds(flags.event), state: stateName(flags.state) };
    const filter = { ...(flags.peer === undefined ? {} : parsePeer(flags.peer)), port: flags.port };
    const sinks = this.fileOutputs(flags.write ?? [], flags.html, sources[0], flags.pcap);
    if (!flags.quiet) sinks.push(new EventFilter(this.liveOutput(), choice));
    if (!this.output.json) sinks.push(this.summaryOutput());
    const summary = new SummaryKeeper();
    sinks.push(summary);
    const resp = flags.resp === undefined ? 'auto' : flags.resp ? 'always' : 'never';
    const follower = new Follower({ sinks, filter, resp });
    const stop: StopConditions = {
      maxFrames: flags.count ?? Infinity,
      durationUs: flags.duration ?? Infinity,
      signal: this.interrupt.signal,
    };
    const damage = await this.trace(flags, follower, stop);
    if (damage !== null && follower.totals.frames === 0) {
      throw new CommandError(`${flags.pcap}: ${damage}`, 'name a pcapng or pcap file that can be read: --pcap FILE');
    }
    follower.end();
    if (damage !== null) {
      this.output.warn(`${flags.pcap}: ${damage}; what comes before it was followed`);
      this.exitWith(EXIT_FAILED);
    }
    return summary.document;
  }

  /** NDJSON: the summary is the last line, not a document over many. */
  protected override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json)}\n`);
  }

  /** Runs the source; what is wrong with a capture, or null. */
  private async trace(
    flags: { iface?: string; pcap?: string; attach?: string; quiet: boolean },
    follower: Follower,
    stop: StopConditions,
  ): Promise<string | null> {
    if (flags.pcap !== undefined) {
      const progress = this.output.progress(`reading ${flags.pcap}`);
      const damage = await traceCapture(flags.pcap, follower, stop, (share) =>
        progress.update(`reading ${flags.pcap}: ${Math.floor(share * 100)} %`),
      );
      progress.stop();
      return damage;
    }
    if (flags.iface !== undefined) {
      this.output.note(`watching ${flags.iface}; Ctrl-C ends it`);
      // A spinner and a log on one terminal would overwrite each other.
      const progress = flags.quiet || this.output.json ? this.output.progress('') : null;
      const { dropped } = await traceInterface(flags.iface, follower, stop, () =>
        progress?.update(
          `${plural(follower.totals.frames, 'frame')}, ${plural(follower.connectionCount, 'connection')}`,
        ),
      );
      progress?.stop();
      if (dropped > 0) this.output.warn(`the kernel dropped ${plural(dropped, 'frame')}: too fast for this trace`);
      return null;
    }
    // The server that is watched goes first; what this process can't follow is counted as lost.
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
    await traceAttached(flags.attach as string, follower, stop, ({ address, port, pid }) =>
      this.output.note(`attached to ${address}:${port} (process ${pid}); Ctrl-C ends it`),
    );
    return null;
  }

  /** Opens what --write and --html name. That empties a file: not the capture, and only once it is known that there is one. */
  private fileOutputs(
    paths: string[],
    html: string | undefined,
    source: string,
    pcap: string | undefined,
  ): TraceSink[] {
    if (pcap !== undefined) captureBytes(pcap);
    if (paths.includes('-'))
      throw new UsageError('--write - : the log is on stdout already', 'leave it out, or name a file');
    expectApart(pcap, html === undefined ? paths : [...paths, html]);
    const open = (path: string, format?: OutputFormat): TraceSink =>
      fileOutput(path, {
        format,
        source,
        onError: (error) => {
          this.output.warn(`${path} ends here: ${error.message}`);
          this.exitWith(EXIT_FAILED);
        },
      });
    const sinks = paths.map((path) => open(path));
    return html === undefined ? sinks : [...sinks, open(html, 'html')];
  }

  private liveOutput(): TraceSink {
    if (this.output.json) {
      return {
        event: (event) => void process.stdout.write(`${JSON.stringify(event)}\n`),
        end: () => {}, // the result of the command is the last line
      };
    }
    return new LogOutput({
      write: (line) => this.output.data(wrapLine(line, columns(), LOG_INDENT)),
      style: (style, text) => this.output.style(style, text),
      wide: columns() >= WIDE_COLUMNS,
    });
  }

  private summaryOutput(): TraceSink {
    return new SummaryOutput({
      // A table is many lines in one, with columns of its own.
      write: (text) => this.output.data(text.includes('\n') ? text : wrapLine(text, columns(), 2)),
      bold: (text) => this.output.style('bold', text),
    });
  }
}

/** Keeps the summary for --json, whose last line it is. */
class SummaryKeeper implements TraceSink {
  document: SummaryDocument | null = null;

  event(): void {
    // only the summary counts
  }

  end(connections: readonly ConnectionSummary[], totals: TraceTotals): void {
    this.document = summaryDocument(connections, totals);
  }
}

/** Of the terminal; a file or a pipe has no edge. */
function columns(): number {
  return process.stdout.columns ?? Infinity;
}

/** Two names of one file would destroy what the other one wrote, or what is to be read. */
function expectApart(pcap: string | undefined, outputs: readonly string[]): void {
  const known = new Set(pcap === undefined ? [] : [identity(pcap)]);
  for (const path of outputs) {
    const id = identity(path);
    if (known.has(id)) throw new UsageError(`${path} is named twice`, 'give each output a file of its own');
    if (id !== '') known.add(id);
  }
}

/** The same for all names of a file; empty for what is none (a terminal, /dev/null). */
function identity(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return resolve(path);
  return found.isFile() ? `${found.dev}:${found.ino}` : '';
}

function eventKinds(text: string | undefined): Set<EventKind> {
  const kinds = (text ?? '').split(',').filter((kind) => kind !== '');
  for (const kind of kinds) {
    if (!EVENT_KINDS.some((known) => known === kind))
      throw new UsageError(`--event ${kind} is no kind of event`, EVENT_KINDS.join(', '));
  }
  return new Set(kinds as EventKind[]);
}

/** `established`, `FIN_WAIT_1` and `FIN-WAIT-1` are all understood. */
function stateName(text: string | undefined): string | null {
  if (text === undefined) return null;
  const name = text.toUpperCase().replaceAll('_', '-');
  if (!STATE_NAMES.includes(name)) throw new UsageError(`--state ${text} is no state`, STATE_NAMES.join(', '));
  return name;
}
