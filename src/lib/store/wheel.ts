/**
 * A hierarchical timing wheel (Varghese and Lauck, 1987; their scheme 7) for the deadlines of records, in milliseconds.
 *
 *   level 0   1024 slots of 1 ms                     1 s
 *   level 1    256 slots of 1.024 s                  4.4 min
 *   level 2    256 slots of 4.4 min                 18.6 h
 *   level 3    256 slots of 18.6 h                   199 days
 *   level 4    256 slots of 199 days                 139 years; what is later waits in its last slot and comes round again
 *
 * A slot is a ring of records, linked through their own words by ref, with a head in the arena: to unlink a record touches
 * its two neighbours and needs neither slot nor level. When time reaches the start of a higher slot, its records move down
 * ("cascade"). All work is counted against a budget, and what is left over is taken up by the next call where it was.
 */

import type { Arena } from './arena.ts';
import { deadlineAt, MAX_OWNERS, NEXT, ownerAt, PREV } from './record.ts';
import { chunkOf, wordOf } from './ref.ts';

const LEVEL0_BITS = 10;
const LEVEL0_SLOTS = 1 << LEVEL0_BITS;
const LEVEL_SLOTS = 256;
const LEVELS = 5;
const SLOTS = LEVEL0_SLOTS + (LEVELS - 1) * LEVEL_SLOTS;
/** Records of a slot that soonest() looks at. */
const SOONEST_LOOKS = 32;
/** A head has the words of a record up to its links. */
const HEAD_UNITS = (PREV + 1) >> 1;
const HEAD_BYTES = HEAD_UNITS * 8;

/** Whose records expire. The index is reported, and may change (SWAPDB). */
export interface ExpiryOwner {
  index: number;
}

export class ExpiryWheel {
  /** Records in the wheel. */
  size = 0;
  /** The first millisecond that advance() has not finished yet. */
  private tickMs: number;
  /** Records and slots that the running advance() may still touch. */
  private budget = 0;
  private readonly heads: number;
  /** One bit for each slot: set when a record is put in, cleared when time finds the slot empty. */
  private readonly occupied = new Int32Array(SLOTS / 32);
  private readonly owners: (ExpiryOwner | null)[] = [null];
  private readonly freeOwners: number[] = [];
  private readonly words: Int32Array[];

  /** Throws a RangeError if the arena can't hold the heads (48 KiB). */
  constructor(arena: Arena, nowMs: number) {
    this.words = arena.words;
    this.tickMs = nowMs + 1;
    this.heads = arena.alloc(SLOTS * HEAD_BYTES);
    if (this.heads === 0) throw new RangeError('the arena is too small for the expiry wheel');
    for (let slot = 0; slot < SLOTS; slot++) {
      const head = this.head(slot);
      this.setNext(head, head);
      this.setPrev(head, head);
    }
  }

  /** A number for the owner, to be written into its records; 0 when all 2,047 are taken. */
  register(owner: ExpiryOwner): number {
    const id = this.freeOwners.pop() ?? (this.owners.length < MAX_OWNERS ? this.owners.length : 0);
    if (id !== 0) this.owners[id] = owner;
    return id;
  }

  /** Records of this owner are not reported any more; those in the wheel are dropped from it as their time comes. */
  disown(id: number): void {
    this.owners[id] = null;
  }

  /** None of this owner's records is in the wheel any more. */
  unregister(id: number): void {
    this.owners[id] = null;
    this.freeOwners.push(id);
  }

  /** Puts a record with a deadline in. It must not be in. */
  schedule(ref: number): void {
    const slot = this.slotFor(deadlineAt(this.words[chunkOf(ref)], wordOf(ref)));
    this.occupied[slot >>> 5] |= 1 << (slot & 31);
    const head = this.head(slot);
    const last = this.prev(head);
    this.setNext(last, ref);
    this.setPrev(ref, last);
    this.setNext(ref, head);
    this.setPrev(head, ref);
    this.size++;
  }

  /** Takes a record out, if it is in. */
  unlink(ref: number): void {
    const next = this.next(ref);
    if (next === 0) return;
    const prev = this.prev(ref);
    this.setNext(prev, next);
    this.setPrev(next, prev);
    this.setNext(ref, 0);
    this.size--;
  }

  /** The record, links included, was copied from one place to another: its neighbours learn it. */
  relocated(toRef: number): void {
    const next = this.next(toRef);
    if (next === 0) return;
    this.setPrev(next, toRef);
    this.setNext(this.prev(toRef), toRef);
  }

  /** The earliest millisecond at which there may be something to do; Infinity when the wheel is empty. */
  nextMs(): number {
    if (this.size === 0) return Number.POSITIVE_INFINITY;
    let earliest = this.nextOnLevel(0, LEVEL0_SLOTS, 1);
    let first = LEVEL0_SLOTS;
    let spanMs = LEVEL0_SLOTS;
    for (let level = 1; level < LEVELS; level++) {
      earliest = Math.min(earliest, this.nextOnLevel(first, LEVEL_SLOTS, spanMs));
      first += LEVEL_SLOTS;
      spanMs *= LEVEL_SLOTS;
    }
    return earliest;
  }

  /**
   * A record whose deadline is next, or nearly: exact to the millisecond within the first second, and among the first few of
   * its slot beyond. Only owners that `counts` takes are looked at. 0 when none was found.
   */
  soonest(counts: (owner: ExpiryOwner) => boolean): number {
    let first = 0;
    let slots = LEVEL0_SLOTS;
    let spanMs = 1;
    let best = 0;
    let bestMs = Number.POSITIVE_INFINITY;
    for (let level = 0; level < LEVELS; level++) {
      const from = Math.ceil(this.tickMs / spanMs) & (slots - 1);
      for (let i = 0; i < slots; i++) {
        const slot = first + ((from + i) & (slots - 1));
        if ((this.occupied[slot >>> 5] & (1 << (slot & 31))) === 0) continue;
        const ref = this.soonestOf(slot, counts);
        if (ref === 0) continue;
        const atMs = deadlineAt(this.words[chunkOf(ref)], wordOf(ref));
        if (atMs < bestMs) {
          best = ref;
          bestMs = atMs;
        }
        break;
      }
      first += slots;
      spanMs *= slots;
      slots = LEVEL_SLOTS;
    }
    return best;
  }

  private soonestOf(slot: number, counts: (owner: ExpiryOwner) => boolean): number {
    const head = this.head(slot);
    let best = 0;
    let bestMs = Number.POSITIVE_INFINITY;
    let looked = 0;
    for (let ref = this.next(head); ref !== head && looked < SOONEST_LOOKS; ref = this.next(ref), looked++) {
      const words = this.words[chunkOf(ref)];
      const owner = this.owners[ownerAt(words, wordOf(ref))];
      const atMs = deadlineAt(words, wordOf(ref));
      if (owner === null || atMs >= bestMs || !counts(owner)) continue;
      best = ref;
      bestMs = atMs;
    }
    return best;
  }

  /**
   * Reports the records whose deadline is at or before `nowMs`, each taken out of the wheel first (one that was put in too
   * late, in the next millisecond). At most `budget` records and slots are touched; true when work is left for the next call.
   * A clock that went backwards is waited for.
   */
  advance(nowMs: number, budget: number, onExpire: (keyspaceIndex: number, ref: number) => void): boolean {
    this.budget = budget;
    while (this.tickMs <= nowMs) {
      if (this.budget <= 0) return true;
      if ((this.tickMs & (LEVEL0_SLOTS - 1)) === 0 && !this.cascade()) return true;
      if (!this.fire(this.tickMs & (LEVEL0_SLOTS - 1), onExpire)) return true;
      this.budget--;
      this.tickMs++;
      this.tickMs = Math.min(this.nextMs(), nowMs + 1);
    }
    return false;
  }

  /** Reports a slot's records. False when the budget ended before the slot did. */
  private fire(slot: number, onExpire: (keyspaceIndex: number, ref: number) => void): boolean {
    const head = this.head(slot);
    for (let ref = this.next(head); ref !== head; ref = this.next(head)) {
      if (this.budget <= 0) return false;
      this.budget--;
      this.unlink(ref);
      const owner = this.owners[ownerAt(this.words[chunkOf(ref)], wordOf(ref))];
      if (owner !== null) onExpire(owner.index, ref);
    }
    this.occupied[slot >>> 5] &= ~(1 << (slot & 31));
    return true;
  }

  /** At the start of a slot of level 1: moves its records down, and first those of the higher slots that start now, too. */
  private cascade(): boolean {
    const turn = this.tickMs / LEVEL0_SLOTS;
    const level1 = LEVEL0_SLOTS;
    const level2 = level1 + LEVEL_SLOTS;
    const level3 = level2 + LEVEL_SLOTS;
    const level4 = level3 + LEVEL_SLOTS;
    if ((turn & 0xffffff) === 0 && !this.drain(level4 + ((turn / 0x1000000) & 255))) return false;
    if ((turn & 0xffff) === 0 && !this.drain(level3 + ((turn / 0x10000) & 255))) return false;
    if ((turn & 0xff) === 0 && !this.drain(level2 + ((turn / 0x100) & 255))) return false;
    return this.drain(level1 + (turn & 255));
  }

  /** Moves a slot's records to where they belong seen from now. False when the budget ended before the slot did. */
  private drain(slot: number): boolean {
    const head = this.head(slot);
    for (let ref = this.next(head); ref !== head; ref = this.next(head)) {
      if (this.budget <= 0) return false;
      this.budget--;
      this.unlink(ref);
      this.schedule(ref);
    }
    this.occupied[slot >>> 5] &= ~(1 << (slot & 31));
    return true;
  }

  /** The slot of a deadline, seen from tickMs; deadlines in the past belong to tickMs itself. */
  private slotFor(deadlineMs: number): number {
    const atMs = deadlineMs > this.tickMs ? deadlineMs : this.tickMs;
    const delayMs = atMs - this.tickMs;
    if (delayMs < LEVEL0_SLOTS) return atMs & (LEVEL0_SLOTS - 1);
    let first = LEVEL0_SLOTS;
    let spanMs = LEVEL0_SLOTS;
    for (let level = 1; level < LEVELS; level++) {
      if (delayMs < spanMs * LEVEL_SLOTS) return first + ((atMs / spanMs) & (LEVEL_SLOTS - 1));
      first += LEVEL_SLOTS;
      spanMs *= LEVEL_SLOTS;
    }
    const topMs = spanMs / LEVEL_SLOTS;
    return first - LEVEL_SLOTS + ((this.tickMs / topMs + LEVEL_SLOTS - 1) & (LEVEL_SLOTS - 1));
  }

  /** When the first occupied slot of a level starts, counted from the level's next slot boundary. */
  private nextOnLevel(first: number, slots: number, spanMs: number): number {
    const turn = Math.ceil(this.tickMs / spanMs);
    const index = turn & (slots - 1);
    let distance = this.nextOccupied(first + index, first + slots);
    if (distance >= 0) return (turn + distance) * spanMs;
    distance = this.nextOccupied(first, first + index);
    if (distance >= 0) return (turn + slots - index + distance) * spanMs;
    return Number.POSITIVE_INFINITY;
  }

  /** Distance from slot `from` to the first occupied slot before `to`, or -1. */
  private nextOccupied(from: number, to: number): number {
    if (from >= to) return -1;
    let word = from >>> 5;
    let bits = this.occupied[word] & (-1 << (from & 31));
    const last = (to - 1) >>> 5;
    while (bits === 0) {
      if (++word > last) return -1;
      bits = this.occupied[word];
    }
    const slot = (word << 5) + 31 - Math.clz32(bits & -bits);
    return slot < to ? slot - from : -1;
  }

  private head(slot: number): number {
    return this.heads + slot * HEAD_UNITS;
  }

  private next(ref: number): number {
    return this.words[chunkOf(ref)][wordOf(ref) + NEXT];
  }

  private prev(ref: number): number {
    return this.words[chunkOf(ref)][wordOf(ref) + PREV];
  }

  private setNext(ref: number, to: number): void {
    this.words[chunkOf(ref)][wordOf(ref) + NEXT] = to;
  }

  private setPrev(ref: number, to: number): void {
    this.words[chunkOf(ref)][wordOf(ref) + PREV] = to;
  }
}
