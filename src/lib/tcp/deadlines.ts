/**
 * When each connection wants to be woken: a binary heap of slots by deadline. One entry for each connection, whatever it
 * waits for; a deadline that moves later stays where it is until it comes up and is looked at again, so that re-arming the
 * retransmission timer on every acknowledgment is one field write in the connection and nothing here.
 *
 * Deadlines are microseconds of the stack's 32-bit clock, compared as sequence numbers are: they are less than 35 minutes apart.
 */
import { atLeast, atMost, distance, greaterThan, lessThan } from './sequence.ts';

export class DeadlineHeap {
  /** Entries now. */
  size = 0;
  private readonly heap: Int32Array;
  /** By slot: its deadline in the heap. */
  private readonly dueUs: Int32Array;
  /** By slot: its place in the heap, or −1. */
  private readonly place: Int32Array;

  /** Slots are 0…capacity. */
  constructor(capacity: number) {
    this.heap = new Int32Array(capacity + 1);
    this.dueUs = new Int32Array(capacity + 1);
    this.place = new Int32Array(capacity + 1).fill(-1);
  }

  /** Makes sure that `slot` comes up at `dueUs` or earlier. */
  wakeBy(slot: number, dueUs: number): void {
    const place = this.place[slot];
    if (place < 0) this.insert(slot, dueUs);
    else if (((dueUs - this.dueUs[slot]) | 0) < 0) {
      this.dueUs[slot] = dueUs;
      this.siftUp(place);
    }
  }

  /** The slot whose deadline is first, or −1 when there is none at or before `nowUs`. It is taken out. */
  popDue(nowUs: number): number {
    if (this.size === 0) return -1;
    const slot = this.heap[0];
    if (greaterThan(this.dueUs[slot], nowUs)) return -1;
    this.remove(slot);
    return slot;
  }

  /** Microseconds from `nowUs` to the first deadline (negative when it is past); Infinity when there is none. */
  untilFirst(nowUs: number): number {
    return this.size === 0 ? Infinity : distance(this.dueUs[this.heap[0]], nowUs);
  }

  remove(slot: number): void {
    const place = this.place[slot];
    if (place < 0) return;
    this.place[slot] = -1;
    const last = this.heap[--this.size];
    if (last === slot) return;
    this.heap[place] = last;
    this.place[last] = place;
    this.siftUp(place);
    this.siftDown(this.place[last]);
  }

  private insert(slot: number, dueUs: number): void {
    this.dueUs[slot] = dueUs;
    this.heap[this.size] = slot;
    this.place[slot] = this.size;
    this.siftUp(this.size++);
  }

  private siftUp(from: number): void {
    const slot = this.heap[from];
    const due = this.dueUs[slot];
    let i = from;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = this.heap[parent];
      if (atLeast(due, this.dueUs[above])) break;
      this.heap[i] = above;
      this.place[above] = i;
      i = parent;
    }
    this.heap[i] = slot;
    this.place[slot] = i;
  }

  private siftDown(from: number): void {
    const slot = this.heap[from];
    const due = this.dueUs[slot];
    let i = from;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= this.size) break;
      const right = child + 1;
      if (right < this.size && lessThan(this.dueUs[this.heap[right]], this.dueUs[this.heap[child]])) child = right;
      const below = this.heap[child];
      if (atMost(due, this.dueUs[below])) break;
      this.heap[i] = below;
      this.place[below] = i;
      i = child;
    }
    this.heap[i] = slot;
    this.place[slot] = i;
  }
}
