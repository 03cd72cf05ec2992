/**
 * Deadlines of blocked clients: a binary heap, earliest first, in which each entry knows its place, so that one that is no
 * longer wanted is taken out at once.
 *
 *              0
 *        1           2            entry i is no later than 2i+1 and 2i+2
 *     3     4     5     6
 */
export interface Deadline {
  /** Milliseconds since 1970. */
  readonly deadlineMs: number;
  /** Its place in the heap; -1 when it is in none. */
  heapIndex: number;
}

export class Deadlines<T extends Deadline> {
  private readonly heap: T[] = [];

  get size(): number {
    return this.heap.length;
  }

  /** The earliest deadline, or Infinity. */
  get nextMs(): number {
    return this.heap.length === 0 ? Number.POSITIVE_INFINITY : this.heap[0].deadlineMs;
  }

  add(entry: T): void {
    this.heap.push(entry);
    this.rise(entry, this.heap.length - 1);
  }

  remove(entry: T): void {
    const at = entry.heapIndex;
    if (at < 0) return;
    entry.heapIndex = -1;
    const last = this.heap.pop() as T;
    if (last === entry) return;
    this.rise(last, at);
    this.sink(last, last.heapIndex);
  }

  /** Takes out the earliest entry whose deadline has come, or null. */
  pop(nowMs: number): T | null {
    if (this.nextMs > nowMs) return null;
    const first = this.heap[0];
    this.remove(first);
    return first;
  }

  private rise(entry: T, from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = this.heap[parent];
      if (above.deadlineMs <= entry.deadlineMs) break;
      this.put(above, at);
      at = parent;
    }
    this.put(entry, at);
  }

  private sink(entry: T, from: number): void {
    const { heap } = this;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].deadlineMs < heap[child].deadlineMs) child++;
      if (heap[child].deadlineMs >= entry.deadlineMs) break;
      this.put(heap[child], at);
      at = child;
    }
    this.put(entry, at);
  }

  private put(entry: T, at: number): void {
    this.heap[at] = entry;
    entry.heapIndex = at;
  }
}
