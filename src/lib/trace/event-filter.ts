/**
 * Lets only some events through to a sink: those of certain kinds, or those of a connection while one of its ends is in a
 * certain state (and the changes into and out of it). Summaries pass unfiltered.
 */
import type { ConnectionSummary, EventKind, TracedFrame, TraceEvent, TraceSink, TraceTotals } from './model.ts';

export interface EventChoice {
  /** Empty: all. */
  readonly kinds: ReadonlySet<EventKind>;
  /** As tcp/state.ts names it; null: any. */
  readonly state: string | null;
}

export class EventFilter implements TraceSink {
  private readonly sink: TraceSink;
  private readonly choice: EventChoice;

  constructor(sink: TraceSink, choice: EventChoice) {
    this.sink = sink;
    this.choice = choice;
  }

  frame(frame: TracedFrame): void {
    this.sink.frame?.(frame);
  }

  event(event: TraceEvent, connection: ConnectionSummary | null): void {
    const { kinds, state } = this.choice;
    if (kinds.size > 0 && !kinds.has(event.kind)) return;
    if (state !== null && !concerns(event, connection, state)) return;
    this.sink.event(event, connection);
  }

  end(connections: readonly ConnectionSummary[], totals: TraceTotals): void {
    this.sink.end(connections, totals);
  }
}

function concerns(event: TraceEvent, connection: ConnectionSummary | null, state: string): boolean {
  if (event.kind === 'state') return event.from === state || event.to === state;
  return connection !== null && (connection.client.state === state || connection.server.state === state);
}
