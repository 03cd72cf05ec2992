/**
 * Bytes of the peer that can't be handed up yet: in-order ones while the reader is paused, and out-of-order ones until the
 * gap before them is filled (RFC 9293 §3.10.7.4, seventh step). A ring over an extent of packet memory; sequence number s lies
 * at a fixed distance from the read position, so a byte is stored where it will be read from.
 *
 *            readSeq          nextSeq                                   readSeq + capacity
 *               ├──── in order ───┤     ┌─ range 0 ─┐     ┌─ range 1 ─┐      │
 *   ────────────▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓┄┄┄┄┄┄▓▓▓▓▓▓▓▓▓▓▓▓┄┄┄┄┄┄▓▓▓▓▓▓▓▓▓▓▓▓┄┄┄┄┄┄┄▶ sequence
 *
 * The ranges are sorted, apart from each other and few. Where segments overlap, the first copy of a byte stays. The ring is as
 * large as what came needs, not as the window: it begins small and doubles, so that a loss at 6 MiB of window costs what is
 * behind the gap, and a window that grows needs no ring that grows with it.
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import { add, atMost, distance, lessThan, maximum, minimum } from './sequence.ts';

const SMALLEST_BYTES = 65_536;

/** Blocks that fit into a SACK option (RFC 2018 §3). */
export const MAX_SACK_BLOCKS = 4;

export class ReceiveRing {
  /** Sequence number of the first byte that was not handed up. */
  readSeq = 0;
  /** First sequence number that is missing. */
  nextSeq = 0;
  rangeCount = 0;
  /** Pairs: first sequence number of a range, first after it. */
  readonly ranges: Int32Array;
  /** The range that the last insert touched: what a SACK option names first (RFC 2018 §4). */
  lastTouched = 0;
  /** Where the ranges began that the last SACK option named, in its order (sack.ts). */
  readonly reported = new Int32Array(MAX_SACK_BLOCKS);
  private readonly memory: PacketMemory;
  private base = 0;
  /** A power of two; 0 before anything came. */
  capacity = 0;
  private mask = 0;
  private readonly maxRanges: number;
  /** Ring position of readSeq. */
  private head = 0;

  /** Empty at `sequence`, and without memory until `reserve`. */
  constructor(memory: PacketMemory, maxRanges: number, sequence: number) {
    this.memory = memory;
    this.maxRanges = maxRanges;
    this.ranges = new Int32Array(2 * maxRanges + 2);
    this.readSeq = sequence;
    this.nextSeq = sequence;
  }

  /** The capacity that everything before sequence number `end` takes: at least what it is. */
  capacityFor(end: number): number {
    const need = distance(end, this.readSeq);
    if (need <= this.capacity) return this.capacity;
    let capacity = SMALLEST_BYTES;
    while (capacity < need) capacity *= 2;
    return capacity;
  }

  /** Makes room for everything before sequence number `end`; false, with nothing changed, when there is no memory for it. */
  reserve(end: number): boolean {
    const capacity = this.capacityFor(end);
    if (capacity === this.capacity) return true;
    const base = this.memory.extents.alloc(capacity);
    if (base === 0) return false;
    this.moveBytes(base);
    this.release();
    this.base = base;
    this.capacity = capacity;
    this.mask = capacity - 1;
    this.head = 0;
    return true;
  }

  release(): void {
    if (this.capacity > 0) this.memory.extents.free(this.base, this.capacity);
    this.capacity = 0;
  }

  /** In-order bytes that wait for the reader. */
  get readable(): number {
    return distance(this.nextSeq, this.readSeq);
  }

  get empty(): boolean {
    return this.rangeCount === 0 && this.nextSeq === this.readSeq;
  }

  /** The window moved on without the ring, which is empty. */
  moveTo(sequence: number): void {
    this.readSeq = sequence;
    this.nextSeq = sequence;
  }

  /**
   * Stores `length` bytes at `from` as those from `sequence` on, which is not before `nextSeq` and ends before what `reserve`
   * made room for; then moves `nextSeq` over everything that is contiguous now. False (and nothing stored) when it would be one range too many.
   */
  insert(sequence: number, from: number, length: number): boolean {
    const ranges = this.ranges;
    const end = add(sequence, length);
    // Ranges first…last−1 overlap or touch [sequence, end).
    let first = 0;
    while (first < this.rangeCount && lessThan(ranges[2 * first + 1], sequence)) first++;
    let last = first;
    while (last < this.rangeCount && atMost(ranges[2 * last], end)) last++;
    if (first === last && this.rangeCount === this.maxRanges && sequence !== this.nextSeq) return false;
    this.storeGaps(sequence, end, from, first, last);
    this.mergeRanges(sequence, end, first, last);
    if (ranges[0] === this.nextSeq) {
      this.nextSeq = ranges[1];
      this.removeRanges(0, 1);
      this.lastTouched = 0;
    }
    return true;
  }

  /** How many in-order bytes lie in one piece at the read position. */
  pieceLength(): number {
    const toWrap = this.capacity - this.head;
    const ready = this.readable;
    return ready < toWrap ? ready : toWrap;
  }

  /** Offset of the read position. */
  pieceOffset(): number {
    return this.base + this.head;
  }

  /** `n` in-order bytes were handed up. */
  consume(n: number): void {
    this.readSeq = add(this.readSeq, n);
    this.head = (this.head + n) & this.mask;
  }

  /** Copies everything up to the last range's end, gaps and all, to the start of a larger ring. */
  private moveBytes(to: number): void {
    const end = this.rangeCount > 0 ? this.ranges[2 * this.rangeCount - 1] : this.nextSeq;
    const n = distance(end, this.readSeq);
    const toWrap = Math.min(n, this.capacity - this.head);
    this.memory.copy(to, this.base + this.head, toWrap);
    this.memory.copy(to + toWrap, this.base, n - toWrap);
  }

  /** Copies what of [sequence, end) no range holds: the gaps before, between and behind ranges first…last−1. */
  private storeGaps(sequence: number, end: number, from: number, first: number, last: number): void {
    let at = sequence;
    for (let i = first; i < last; i++) {
      const gap = distance(this.ranges[2 * i], at);
      if (gap > 0) this.store(at, from + distance(at, sequence), gap);
      at = maximum(at, this.ranges[2 * i + 1]);
    }
    const rest = distance(end, at);
    if (rest > 0) this.store(at, from + distance(at, sequence), rest);
  }

  private store(sequence: number, from: number, length: number): void {
    const at = (this.head + distance(sequence, this.readSeq)) & this.mask;
    const toWrap = this.capacity - at;
    if (length <= toWrap) {
      this.memory.copy(this.base + at, from, length);
      return;
    }
    this.memory.copy(this.base + at, from, toWrap);
    this.memory.copy(this.base, from + toWrap, length - toWrap);
  }

  /** Puts one range in place of [sequence, end) and ranges first…last−1. */
  private mergeRanges(sequence: number, end: number, first: number, last: number): void {
    const ranges = this.ranges;
    this.lastTouched = first;
    if (first === last) {
      ranges.copyWithin(2 * first + 2, 2 * first, 2 * this.rangeCount);
      this.rangeCount++;
      ranges[2 * first] = sequence;
      ranges[2 * first + 1] = end;
      return;
    }
    const lastEnd = ranges[2 * last - 1];
    ranges[2 * first] = minimum(ranges[2 * first], sequence);
    ranges[2 * first + 1] = maximum(end, lastEnd);
    this.removeRanges(first + 1, last);
  }

  private removeRanges(first: number, last: number): void {
    this.ranges.copyWithin(2 * first, 2 * last, 2 * this.rangeCount);
    this.rangeCount -= last - first;
  }
}
