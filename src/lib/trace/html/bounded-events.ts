/**
 * The first and the last events of a trace of any length: how it began and how it ended, within a limit.
 *
 *   │ first limit/2, as they came │ … forgotten, counted … │ ring of the last limit/2 │
 */
import type { TraceEvent } from '../model.ts';

export class BoundedEvents {
  /** Events that are gone. */
  forgotten = 0;
  private readonly half: number;
  private readonly first: TraceEvent[] = [];
  private readonly ring: TraceEvent[] = [];
  private next = 0;

  constructor(limit: number) {
    this.half = Math.max(1, limit >> 1);
  }

  add(event: TraceEvent): void {
    if (this.first.length < this.half) {
      this.first.push(event);
      return;
    }
    if (this.ring.length < this.half) {
      this.ring.push(event);
      return;
    }
    this.ring[this.next] = event;
    this.next = (this.next + 1) % this.half;
    this.forgotten++;
  }

  /** In the order in which they came. */
  *[Symbol.iterator](): Iterator<TraceEvent> {
    yield* this.first;
    yield* this.ring.slice(this.next);
    yield* this.ring.slice(0, this.next);
  }
}
