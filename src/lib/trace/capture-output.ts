/**
 * The trace as a capture that Wireshark opens: each packet with what was found out about it as packet comments. A packet
 * waits for the next one, because what it caused (a change of state, a drop) is told after it.
 *
 *   frame n ─▶ waits ─ events about it ─▶ comments ─ frame n+1 ─▶ written
 */
import { FileSink } from '../link/pcap.ts';
import type { CaptureSink } from '../link/pcapng.ts';
import { EPB_INBOUND, EPB_OUTBOUND, PcapngWriter } from '../link/pcapng.ts';
import { labelText, variables } from './log-output.ts';
import type { TracedFrame, TraceEvent, TraceSink } from './model.ts';

/** Comments of one packet; the writer cuts what is longer. */
const MAX_COMMENTS = 64;

export class CaptureOutput implements TraceSink {
  private readonly writer: PcapngWriter;
  /** The writer's number for each link type. */
  private readonly interfaces = new Map<number, number>();
  private waiting: TracedFrame | null = null;
  private comments: string[] = [];

  constructor(sink: CaptureSink) {
    this.writer = new PcapngWriter(sink, 'rtcp tcp-trace');
  }

  /** Throws what node:fs throws. */
  static toFile(path: string): CaptureOutput {
    return new CaptureOutput(new FileSink(path));
  }

  frame(frame: TracedFrame): void {
    this.writeWaiting();
    this.waiting = { ...frame, bytes: frame.bytes.slice() };
  }

  event(event: TraceEvent): void {
    const comment = commentOf(event);
    if (comment !== '' && this.comments.length < MAX_COMMENTS) this.comments.push(comment);
  }

  end(): void {
    this.writeWaiting();
    this.writer.close();
  }

  private writeWaiting(): void {
    const frame = this.waiting;
    if (frame === null) return;
    let id = this.interfaces.get(frame.linkType);
    if (id === undefined) {
      id = this.writer.addInterface({ name: 'trace', linkType: frame.linkType });
      this.interfaces.set(frame.linkType, id);
    }
    const direction = { in: EPB_INBOUND, out: EPB_OUTBOUND, unknown: 0 }[frame.direction];
    const comment = this.comments.length === 0 ? undefined : this.comments.join('\n');
    this.writer.packet(id, frame.tUs, frame.bytes, direction, comment, frame.originalLength);
    this.waiting = null;
    this.comments = [];
  }
}

/** What Wireshark can't see by itself; empty: nothing. */
function commentOf(event: TraceEvent): string {
  switch (event.kind) {
    case 'segment': {
      const labels = event.labels.length === 0 ? '' : labelText(event);
      return [event.commands.join(', '), labels, variables(event.own).trim()].filter((part) => part !== '').join(' ');
    }
    case 'state':
      return `${event.end}: ${event.from} → ${event.to}: ${event.cause}`;
    case 'retransmit':
      return `sent again: ${event.reason} – ${event.rule}`;
    case 'drop':
      return `dropped: ${event.reason} – ${event.rule}`;
    case 'not-sent':
      return `${event.unsentBytes} bytes wait: ${event.reason} – ${event.rule}`;
    case 'congestion':
      return `${event.event}: ${event.rule}${variables(event.own)}`;
    case 'command':
      return `frame ${event.frame} carried ${event.commands.join(', ')}`;
    case 'closed':
      return `connection ${event.connection} closed: ${event.cause}`;
    case 'lost':
      return `${event.count} events of the trace were lost`;
    case 'opened':
      return `connection ${event.connection}: ${event.client} → ${event.server}`;
  }
}
