/**
 * Frames on their way over a simulated wire: a binary heap, earliest arrival first; what arrives at the same time does so in
 * the order in which it was sent.
 *
 *        (due, order)          parent of i: (i − 1) / 2, never after its children
 *         ╱        ╲
 *     (due, order) (due, order)
 */
import type { Station } from './memory.ts';
import type { OutgoingFrame } from './memory-link.ts';

export interface Traveller {
  readonly dueUs: number;
  readonly order: number;
  readonly to: Station;
  readonly frame: OutgoingFrame;
}

export class Travellers {
  /** Frames so far; the next one's order. */
  order = 0;
  private readonly heap: Traveller[] = [];

  get size(): number {
    return this.heap.length;
  }

  /** When the first arrives; Infinity when there is none. */
  get firstDueUs(): number {
    return this.heap.length === 0 ? Infinity : this.heap[0].dueUs;
  }

  /** There must be one. */
  get first(): Traveller {
    return this.heap[0];
  }

  push(dueUs: number, to: Station, frame: OutgoingFrame): void {
    const heap = this.heap;
    const traveller = { dueUs, order: this.order++, to, frame };
    let i = heap.push(traveller) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(traveller, heap[parent])) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = traveller;
  }

  /** Takes the first out. There must be one. */
  pop(): Traveller {
    const heap = this.heap;
    const first = heap[0];
    const last = heap.pop() as Traveller;
    const size = heap.length;
    if (size === 0) return first;
    let i = 0;
    for (let child = 1; child < size; child = 2 * i + 1) {
      if (child + 1 < size && isBefore(heap[child + 1], heap[child])) child++;
      if (!isBefore(heap[child], last)) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function isBefore(a: Traveller, b: Traveller): boolean {
  return a.dueUs < b.dueUs || (a.dueUs === b.dueUs && a.order < b.order);
}
