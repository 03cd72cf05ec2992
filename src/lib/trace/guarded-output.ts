/**
 * An output whose file may fail (a full disk, a reader that left): that ends this output and nothing else. Whoever else listens
 * goes on, and `onError` is told once.
 */
import type { ConnectionSummary, TracedFrame, TraceEvent, TraceSink, TraceTotals } from './model.ts';

export class GuardedOutput implements TraceSink {
  /** Null: it failed. */
  private sink: TraceSink | null;
  private readonly onError: (error: Error) => void;

  constructor(sink: TraceSink, onError: (error: Error) => void) {
    this.sink = sink;
    this.onError = onError;
  }

  frame(frame: TracedFrame): void {
    try {
      this.sink?.frame?.(frame);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  event(event: TraceEvent, connection: ConnectionSummary | null): void {
    try {
      this.sink?.event(event, connection);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  end(connections: readonly ConnectionSummary[], totals: TraceTotals): void {
    try {
      this.sink?.end(connections, totals);
    } catch (error) {
      this.fail(error as Error);
    }
  }

  private fail(error: Error): void {
    this.sink = null;
    this.onError(error);
  }
}
