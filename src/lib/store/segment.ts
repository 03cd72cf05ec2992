/**
 * A segment of the hash table, in the arena: eight header words, then slots of two words in the order of their hashes.
 *
 *   │ count limit slots shape version 0 0 0 │ hash ref │ hash ref │ max 0 │ hash ref │ … │ tail … │ max 0 │
 *                                           └ home 0     home 1     …                             └ always empty
 *
 * Linear probing in hash order is Robin Hood hashing (Celis, 1986) without a stored distance: a home is the next bits of the
 * hash after the `depth` bits that chose the segment, so it grows with the hash, an entry is never before its home, and
 * whoever comes later in hash order stands further back. An empty slot holds the largest hash and ref 0, so that a search is
 * one comparison for each slot and needs no check for the end.
 *
 * Hashes are signed 32-bit integers in signed order; "bits of the hash" are those of hash ^ 0x80000000, in the same order.
 */

import type { Arena } from './arena.ts';
import { chunkOf, wordOf } from './ref.ts';

export const COUNT = 0;
/** Entries at which the segment asks for room. */
export const LIMIT = 1;
const SLOTS = 2;
/** Depth in the low 5 bits, above them the shift that makes a home of a hash: 32 - bits. */
export const SHAPE = 3;
export const HEADER_WORDS = 8;

/** Homes of the smallest and of the largest segment, as powers of two. */
export const MIN_BITS = 4;
export const MAX_BITS = 13;
/** Slots after the last home: at 80 % load, none of 20 million entries stood that far from its home (measured). */
const TAIL_SLOTS = 32;
const EMPTY_HASH = 0x7fffffff;

export const FLIP = 0x80000000 | 0;

export function shapeOf(depth: number, bits: number): number {
  return ((32 - bits) << 5) | depth;
}

export function depthOf(shape: number): number {
  return shape & 31;
}

export function bitsOf(shape: number): number {
  return 32 - (shape >> 5);
}

/** A hash's home, counted from the first slot. */
export function homeOf(shape: number, hash: number): number {
  return ((hash ^ FLIP) << shape) >>> (shape >> 5); // shift counts are taken modulo 32: the depth of the shape
}

/** Index of the first slot. */
export function firstSlot(base: number): number {
  return base + HEADER_WORDS;
}

/** Index after the last slot. */
export function endSlot(words: Int32Array, base: number): number {
  return base + HEADER_WORDS + (words[base + SLOTS] << 1);
}

/** The number of bits for a segment of so many entries: at most 60 % load, or the largest. */
export function bitsFor(entries: number): number {
  let bits = MIN_BITS;
  while (bits < MAX_BITS && entries > 0.6 * (1 << bits)) bits++;
  return bits;
}

/** Ref of an empty segment of at least `minSlots` slots, or 0 when there is no memory. `limit` 0: 80 % of the homes. */
export function create(arena: Arena, depth: number, bits: number, minSlots: number, limit: number): number {
  const homes = 1 << bits;
  const wanted = bytesFor(Math.max(homes + Math.min(homes, TAIL_SLOTS), minSlots));
  const ref = arena.alloc(wanted);
  if (ref === 0) return 0;
  const words = arena.words[chunkOf(ref)];
  const base = wordOf(ref);
  const slots = (arena.capacity(ref, wanted) - HEADER_WORDS * 4) >>> 3;
  words.fill(0, base, base + HEADER_WORDS);
  words[base + LIMIT] = Math.max(limit, (homes * 0.8) | 0);
  words[base + SLOTS] = slots;
  words[base + SHAPE] = shapeOf(depth, bits);
  for (let slot = base + HEADER_WORDS, end = slot + slots * 2; slot < end; slot += 2) {
    words[slot] = EMPTY_HASH;
    words[slot + 1] = 0;
  }
  return ref;
}

export function destroy(arena: Arena, ref: number): void {
  arena.free(ref, bytesFor(arena.words[chunkOf(ref)][wordOf(ref) + SLOTS]));
}

/** Bytes that a segment of so many slots takes. */
export function bytesFor(slots: number): number {
  return HEADER_WORDS * 4 + slots * 8;
}

/** Slots of the segment, used or not. */
export function slotCount(words: Int32Array, base: number): number {
  return words[base + SLOTS];
}

/** Adds an entry. False, and nothing done, when it would take the last slot. */
export function insert(words: Int32Array, base: number, hash: number, ref: number): boolean {
  let slot = base + HEADER_WORDS + (homeOf(words[base + SHAPE], hash) << 1);
  while (words[slot] < hash) slot += 2;
  let empty = slot;
  while (words[empty + 1] !== 0) empty += 2;
  if (empty === endSlot(words, base) - 2) return false;
  for (; empty > slot; empty -= 2) {
    words[empty] = words[empty - 2];
    words[empty + 1] = words[empty - 1];
  }
  words[slot] = hash;
  words[slot + 1] = ref;
  words[base + COUNT]++;
  return true;
}

/** Removes the entry of a slot: those behind it move one back, up to the first that is at home. */
export function remove(words: Int32Array, base: number, slot: number): void {
  const shape = words[base + SHAPE];
  const first = base + HEADER_WORDS;
  let hole = slot;
  for (;;) {
    const next = hole + 2;
    const hash = words[next];
    const ref = words[next + 1];
    if (ref === 0 || first + (homeOf(shape, hash) << 1) === next) break;
    words[hole] = hash;
    words[hole + 1] = ref;
    hole = next;
  }
  words[hole] = EMPTY_HASH;
  words[hole + 1] = 0;
  words[base + COUNT]--;
}

/**
 * Slots that a segment of this shape would use, the last entry's included, for the entries of the slots [from, to), if those
 * before them use `used`.
 */
export function measure(words: Int32Array, from: number, to: number, shape: number, used: number): number {
  let next = used;
  for (let slot = from; slot < to; slot += 2) {
    if (words[slot + 1] === 0) continue;
    const home = homeOf(shape, words[slot]);
    next = (home > next ? home : next) + 1;
  }
  return next;
}

/** Entries in the slots [from, to). */
export function countBetween(words: Int32Array, from: number, to: number): number {
  let entries = 0;
  for (let slot = from; slot < to; slot += 2) if (words[slot + 1] !== 0) entries++;
  return entries;
}

/**
 * Copies the entries of the slots [from, to) behind those that `into` has, whose hashes are all smaller.
 *
 * @param next the first slot of `into` that may be used
 * @returns the slot after the last that was used
 */
export function pour(
  words: Int32Array,
  from: number,
  to: number,
  into: Int32Array,
  base: number,
  next: number,
): number {
  const shape = into[base + SHAPE];
  const first = base + HEADER_WORDS;
  let free = next;
  let poured = 0;
  for (let slot = from; slot < to; slot += 2) {
    const ref = words[slot + 1];
    if (ref === 0) continue;
    const hash = words[slot];
    const home = first + (homeOf(shape, hash) << 1);
    const at = home > free ? home : free;
    into[at] = hash;
    into[at + 1] = ref;
    free = at + 2;
    poured++;
  }
  into[base + COUNT] += poured;
  return free;
}
