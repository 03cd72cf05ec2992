/**
 * What is to happen later in a world: a binary heap of moments, earliest first; at the same moment in the order in which they
 * were planned.
 */
interface Entry {
  readonly atUs: number;
  readonly order: number;
  readonly happen: () => void;
}

export class Agenda {
  private readonly heap: Entry[] = [];
  private order = 0;

  /** When the first thing happens; Infinity when nothing is planned. */
  get firstUs(): number {
    return this.heap.length === 0 ? Infinity : this.heap[0].atUs;
  }

  at(atUs: number, happen: () => void): void {
    const { heap } = this;
    const entry = { atUs, order: this.order++, happen };
    let i = heap.length;
    for (; i > 0; i = (i - 1) >> 1) {
      const parent = heap[(i - 1) >> 1];
      if (!isBefore(entry, parent)) break;
      heap[i] = parent;
    }
    heap[i] = entry;
  }

  /** Takes the first out and lets it happen. There must be one. */
  next(): void {
    const { heap } = this;
    const [first] = heap;
    const last = heap.pop() as Entry;
    if (heap.length > 0) {
      let i = 0;
      for (let child = 1; child < heap.length; child = 2 * i + 1) {
        if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++;
        if (!isBefore(heap[child], last)) break;
        heap[i] = heap[child];
        i = child;
      }
      heap[i] = last;
    }
    first.happen();
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order);
}
