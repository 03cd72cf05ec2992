/** A sink that keeps everything, and captures followed into it. */
import { BufferSource } from '../../src/lib/link/pcap-reader.ts';
import { followCapture } from '../../src/lib/trace/capture-source.ts';
import { Follower, type FollowerOptions } from '../../src/lib/trace/follower.ts';
import type {
  ConnectionSummary,
  EventKind,
  TracedFrame,
  TraceEvent,
  TraceSink,
  TraceTotals,
} from '../../src/lib/trace/model.ts';

export class Collected implements TraceSink {
  readonly events: TraceEvent[] = [];
  readonly frames: number[] = [];
  connections: readonly ConnectionSummary[] = [];
  totals: TraceTotals | null = null;

  frame(frame: TracedFrame): void {
    this.frames.push(frame.number);
  }

  event(event: TraceEvent): void {
    this.events.push(event);
  }

  end(connections: readonly ConnectionSummary[], totals: TraceTotals): void {
    this.connections = connections;
    this.totals = totals;
  }

  of<K extends EventKind>(kind: K): Extract<TraceEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<TraceEvent, { kind: K }> => event.kind === kind);
  }

  /** `client ESTABLISHED → FIN-WAIT-1: FIN sent` */
  get transitions(): string[] {
    return this.of('state').map(({ end, from, to, cause }) => `${end} ${from} → ${to}: ${cause}`);
  }

  get commands(): string[] {
    return this.of('segment').flatMap(({ commands }) => commands);
  }
}

export function follow(capture: Uint8Array, options: Partial<FollowerOptions> = {}): Collected {
  const collected = new Collected();
  const follower = new Follower({ ...options, sinks: [collected] });
  const { error } = followCapture(new BufferSource(capture), follower);
  if (error !== null) throw new Error(error);
  return collected;
}
