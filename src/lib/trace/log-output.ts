/**
 * The live log: one line an event.
 *
 *   0.000000     1 #1 192.0.2.1:40000 → 192.0.2.2:6379
 *   0.000000     1 #1 → SYN 0:1 win 64240 [mss 1460 wscale 7 sackOK]
 *   0.000104     2 #1 ← SYN ACK 0:1 ack 1 win 65535 rtt 104 µs
 *   0.000131     3 #1 server SYN-RECEIVED → ESTABLISHED: ACK of SYN
 *   0.000140     4 #1 → PSH ACK 1:30 ack 1 win 64256 · GET user:1
 *
 * Seconds since the first event, the frame that it is about, the connection, → from client to server or ← back. Sequence
 * numbers are relative, as Wireshark's: first:behind the last. A window is shown when it differs from the end's last one, the
 * rule behind a reason when it comes up first.
 */
import { formatDurationUs } from '../cli/units.ts';
import type { ConnectionSummary, OwnState, SegmentEvent, TracedFrame, TraceEvent, TraceSink } from './model.ts';

export type LogStyle = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

export interface LogOptions {
  /** Takes a line without its newline. */
  write(line: string): void;
  /** The text in that style, or as it is. */
  style(style: LogStyle, text: string): string;
  /** Variables of the stack with each segment, too; without, only where they changed anything. */
  wide: boolean;
}

/** Where the text of a line begins, behind time and frame. */
export const LOG_INDENT = 17;

/** More reasons than the stack has; others may come from a socket. */
const MAX_REASONS = 256;
/** Ends whose windows are remembered. */
const MAX_WINDOWS = 4096;

export class LogOutput implements TraceSink {
  private readonly options: LogOptions;
  private startUs = -1;
  /** Reasons whose rule was shown. */
  private readonly known = new Set<string>();
  /** The last window of each end. */
  private readonly windows = new Map<string, number>();

  constructor(options: LogOptions) {
    this.options = options;
  }

  /** Times count from the first segment, also when a filter keeps its events out. */
  frame({ tUs }: TracedFrame): void {
    if (this.startUs < 0) this.startUs = tUs;
  }

  event(event: TraceEvent, _connection: ConnectionSummary | null): void {
    if (this.startUs < 0) this.startUs = event.tUs;
    const { style } = this.options;
    const seconds = ((event.tUs - this.startUs) / 1e6).toFixed(6).padStart(10);
    const frame = (event.frame === 0 ? '' : String(event.frame)).padStart(6);
    const id = event.connection === 0 ? '' : ` #${event.connection}`;
    this.options.write(`${style('dim', seconds + frame)}${id} ${this.text(event)}`);
  }

  end(): void {
    // the summaries are another output's
  }

  private text(event: TraceEvent): string {
    const { style } = this.options;
    switch (event.kind) {
      case 'opened':
        return style('bold', `${event.client} → ${event.server}`) + (event.fromStart ? '' : ' (open before the trace)');
      case 'segment':
        return this.segment(event);
      case 'state':
        return `${event.end} ${event.from} → ${style('bold', event.to)}: ${event.cause}`;
      case 'retransmit':
        return this.reason('yellow', `sent again ${event.seq}:${event.seq + event.lengthBytes}`, event);
      case 'drop':
        return this.reason('red', 'dropped', event);
      case 'not-sent':
        return this.reason('cyan', `${event.unsentBytes} bytes wait`, event);
      case 'congestion':
        return `${style('yellow', event.event)}${this.explained(event.event, event.rule)}${variables(event.own)}`;
      case 'command':
        return style('dim', `frame ${event.frame} carried ${event.commands.join(', ')}`);
      case 'closed':
        return style('bold', `closed: ${event.cause}`);
      case 'lost':
        return style('red', `${event.count} events were lost: the trace could not keep up`);
    }
  }

  private windowChanged({ connection, from, windowBytes }: SegmentEvent): boolean {
    const end = `${connection} ${from}`;
    if (this.windows.get(end) === windowBytes) return false;
    if (this.windows.size >= MAX_WINDOWS) this.windows.clear();
    this.windows.set(end, windowBytes);
    return true;
  }

  private reason(
    colour: LogStyle,
    what: string,
    event: { reason: string; rule: string; own: OwnState | null },
  ): string {
    const explained = this.explained(event.reason, event.rule);
    return `${this.options.style(colour, `${what}: ${event.reason}`)}${explained}${variables(event.own)}`;
  }

  /** The rule behind a reason, the first time that it comes up. */
  private explained(reason: string, rule: string): string {
    if (this.known.has(reason) || this.known.size >= MAX_REASONS) return '';
    this.known.add(reason);
    return ` – ${rule}`;
  }

  private segment(event: SegmentEvent): string {
    const { style } = this.options;
    const arrow = event.from === 'client' ? style('cyan', '→') : style('green', '←');
    const parts = [`${arrow} ${event.flags} ${range(event)}`];
    if (event.flags.includes('ACK')) parts.push(`ack ${event.ack}`);
    if (this.windowChanged(event)) parts.push(`win ${event.windowBytes}`);
    if (event.sack !== null) parts.push(`sack ${event.sack.map(([left, right]) => `${left}:${right}`).join(' ')}`);
    if (event.options.length > 0) parts.push(style('dim', `[${event.options.join(' ')}]`));
    if (event.rttUs !== null && event.rttUs > 0) parts.push(style('dim', `rtt ${formatDurationUs(event.rttUs)}`));
    if (event.labels.length > 0) parts.push(style('yellow', labelText(event)));
    if (event.commands.length > 0) parts.push(`· ${style('bold', event.commands.join(', '))}`);
    if (!this.options.wide) return parts.join(' ');
    const { own, inFlightBytes, lengthBytes } = event;
    const seen = lengthBytes > 0 ? ` {in flight ${inFlightBytes}}` : '';
    return parts.join(' ') + style('dim', own === null ? seen : variables(own));
  }
}

/** Sequence numbers occupied: the payload's, and one each for SYN and FIN. */
function range({ seq, lengthBytes, flags }: SegmentEvent): string {
  const occupied = lengthBytes + (flags.includes('SYN') || flags.includes('FIN') ? 1 : 0);
  return occupied === 0 ? `${seq}` : `${seq}:${seq + occupied}`;
}

/** `[duplicate-ack #2 of 17, zero-window]`: the second that repeats frame 17. */
export function labelText({ labels, duplicateNumber, duplicateOf }: SegmentEvent): string {
  const texts = labels.map((label) =>
    label === 'duplicate-ack' ? `${label} #${duplicateNumber} of ${duplicateOf}` : label,
  );
  return `[${texts.join(', ')}]`;
}

/** Of an ssthresh that is as large as a window may ever be (TcpConfig.maxCwndBytes), or larger: none was set. */
const UNSET_SSTHRESH_BYTES = 1 << 26;

/** What only the stack knows; nothing of a connection that is not open yet. */
export function variables(own: OwnState | null): string {
  if (own === null || own.cwndBytes === 0) return '';
  const ssthresh = own.ssthreshBytes >= UNSET_SSTHRESH_BYTES ? '∞' : `${own.ssthreshBytes}`;
  const srtt = own.srttUs === 0 ? '–' : formatDurationUs(own.srttUs);
  return ` {cwnd ${own.cwndBytes} ssthresh ${ssthresh} in flight ${own.inFlightBytes} srtt ${srtt} rto ${formatDurationUs(own.rtoUs)}}`;
}
