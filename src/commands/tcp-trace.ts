import { Flags } from '@oclif/core';
import { RtcpCommand } from '../lib/cli/command.ts';
import { CommandError, UsageError } from '../lib/cli/command-error.ts';
import { EXIT_FAILED } from '../lib/cli/exit-codes.ts';
import * as flag from '../lib/cli/flags.ts';
import { plural } from '../lib/cli/units.ts';
import { STATE_NAMES } from '../lib/tcp/state.ts';
import { traceAttached } from '../lib/trace/attach.ts';
import { EventFilter } from '../lib/trace/event-filter.ts';
import { Follower } from '../lib/trace/follower.ts';
import { type SummaryDocument, summaryDocument } from '../lib/trace/json-output.ts';
import { LogOutput } from '../lib/trace/log-output.ts';
import {
  type ConnectionSummary,
  EVENT_KINDS,
  type EventKind,
  type TraceSink,
  type TraceTotals,
} from '../lib/trace/model.ts';
import { fileOutput } from '../lib/trace/outputs.ts';
import { parsePeer } from '../lib/trace/peer.ts';
import { type StopConditions, traceCapture, traceInterface } from '../lib/trace/sources.ts';
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
    const sinks: TraceSink[] = (flags.write ?? []).map((path) => fileOutput(path));
    if (flags.html !== undefined) sinks.push(fileOutput(flags.html, 'html'));
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
    await traceAttached(flags.attach as string, follower, stop, ({ address, port, pid }) =>
      this.output.note(`attached to ${address}:${port} (process ${pid}); Ctrl-C ends it`),
    );
    return null;
  }

  private liveOutput(): TraceSink {
    if (this.output.json) {
      return {
        event: (event) => void process.stdout.write(`${JSON.stringify(event)}\n`),
        end: () => {}, // the result of the command is the last line
      };
    }
    return new LogOutput({
      write: (line) => this.output.data(line),
      style: (style, text) => this.output.style(style, text),
      wide: (process.stdout.columns ?? WIDE_COLUMNS) >= WIDE_COLUMNS,
    });
  }

  private summaryOutput(): TraceSink {
    return new SummaryOutput({
      write: (line) => this.output.data(line),
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
