/**
 * The hash table: {hash, ref} in hash order, in segments that a directory finds by the top bits of the hash (extendible
 * hashing: Fagin, Nievergelt, Pippenger and Strong, 1979).
 *
 *   directory            segments, in hash order: all of the table is sorted
 *   │ ref shape │ 00 ──▶ │ …………………… │   depth 2
 *   │ ref shape │ 01 ──▶ │ …………………… │   depth 2
 *   │ ref shape │ 10 ─┬▶ │ …………………… │   depth 1: not split yet, two entries name it
 *   │ ref shape │ 11 ─┘
 *
 * Growth is local. A full segment doubles until it has 8,192 homes, then splits in two; the worst insert copies one segment.
 * There is no second table to look into and nothing to migrate, and since the order is that of the hashes whatever grows or
 * shrinks, the next hash is all that a SCAN must remember. Sparse neighbours merge. Where hashes cluster so that a split
 * would not part them, a segment gets a longer tail instead: slower there, and bounded.
 *
 * All of a table is in the arena and hangs from its root; a HashTable object is a view that is pointed at one with open():
 *
 *   root │ size │ depth │ directory │ bytes │ largest segment's slots │ segments of the full depth │
 */

import type { Random } from '../random.ts';
import type { Arena } from './arena.ts';
import { chunkOf, wordOf } from './ref.ts';
import * as segment from './segment.ts';
import { COUNT, FLIP, HEADER_WORDS, LIMIT, MAX_BITS, MIN_BITS, SHAPE } from './segment.ts';

/** The directory may grow to 16 entries, and beyond that to one for each 512 entries of the table. */
const DIRECTORY_FREE_ENTRIES = 16;
const KEYS_PER_DIRECTORY_ENTRY = 512;
/** From so many entries on a table is made as large as they need; that part of its homes will be taken. */
const EXPECTED_MIN = 1024;
const EXPECTED_LOAD = 0.6;
/** Two neighbours merge when they fill at most this part of one segment. */
const MERGE_LOAD = 0.4;
/** Hashes that are prefetched together; about as many cache misses as can be under way. */
const PREFETCH_GROUP = 32;
/** Random slots to look at before going on from one in order. */
const RANDOM_TRIES = 256;

const ROOT_SIZE = 0;
const ROOT_DEPTH = 1;
const ROOT_DIRECTORY = 2;
const ROOT_BYTES = 3;
const ROOT_LARGEST = 4;
const ROOT_DEEPEST = 5;
/** Bytes of a root in the arena. */
export const TABLE_ROOT_BYTES = 24;
/** In place of the segments of full depth: the entries are being given up, and the size is where that goes on. */
const GIVEN_UP = -1;
/** All entries were given up, now the segments are: the size is the first one's entry in the directory. */
const EMPTIED = -2;

export class HashTable {
  /** Entries. */
  size = 0;
  /** The chunk that the last seek was in. */
  words: Int32Array;
  /** Counts segments that were given up, and roots that were opened: a slot remembered from before means nothing any more. */
  epoch = 0;
  /** Bytes of segments and directory. */
  bytes = 0;
  /** Ref of the root that is open; 0 when there is none. */
  root = 0;
  /** The directory has 1 << depth entries, at least 2: a shift by 32 would be one by 0. */
  private depth = 1;
  /** Chunk and index of the directory, and its ref. */
  private directory: Int32Array;
  private directoryAt = 0;
  private directoryRef = 0;
  /** Segments as deep as the directory: when there is none, it can be halved. */
  private deepest = 0;
  /** No segment has more slots. */
  private largestSlots = 0;
  /** Of the group being prefetched: chunk and index of the home slots, and then, in place of the index, the refs. */
  private readonly aheadChunk = new Int32Array(PREFETCH_GROUP);
  private readonly aheadSlot = new Int32Array(PREFETCH_GROUP);
  private readonly arena: Arena;
  private readonly chunks: Int32Array[];

  /** A view of no table yet: open() or create() first. */
  constructor(arena: Arena) {
    this.arena = arena;
    this.chunks = arena.words;
    this.words = arena.words[0];
    this.directory = arena.words[0];
  }

  /** Points the view at another table. What another view changed meanwhile is seen. */
  open(root: number): void {
    const words = this.chunks[chunkOf(root)];
    const at = wordOf(root);
    this.root = root;
    this.size = words[at + ROOT_SIZE];
    this.depth = words[at + ROOT_DEPTH];
    this.bytes = words[at + ROOT_BYTES] >>> 0;
    this.largestSlots = words[at + ROOT_LARGEST];
    this.deepest = words[at + ROOT_DEEPEST];
    this.useDirectory(words[at + ROOT_DIRECTORY]);
    this.epoch++;
  }

  /**
   * Makes an empty table (some 300 bytes, or room for as many entries as are expected) and opens it. Returns its root; 0, and
   * nothing changed, when there is no memory. What comes in the order of the hashes, as from another table, must be expected:
   * in a table that grows with it, all would stand in one place until the next split.
   */
  create(expected = 0): number {
    if (expected > EXPECTED_MIN) return this.createLarge(expected);
    const { arena } = this;
    const root = arena.alloc(TABLE_ROOT_BYTES);
    const directory = root === 0 ? 0 : arena.alloc(16);
    const first = directory === 0 ? 0 : segment.create(arena, 0, MIN_BITS, 0, 0);
    if (first === 0) {
      if (directory !== 0) arena.free(directory, 16);
      if (root !== 0) arena.free(root, TABLE_ROOT_BYTES);
      return 0;
    }
    const slots = segment.slotCount(this.chunks[chunkOf(first)], wordOf(first));
    const words = this.chunks[chunkOf(root)];
    const at = wordOf(root);
    words[at + ROOT_SIZE] = 0;
    words[at + ROOT_DEPTH] = 1;
    words[at + ROOT_DIRECTORY] = directory;
    words[at + ROOT_BYTES] = segment.bytesFor(slots) + 16;
    words[at + ROOT_LARGEST] = slots;
    words[at + ROOT_DEEPEST] = 0;
    this.open(root);
    this.words = this.chunks[chunkOf(first)];
    this.pointTo(first, 0);
    return root;
  }

  private createLarge(expected: number): number {
    const { arena, chunks } = this;
    let depth = 1;
    while (expected > EXPECTED_LOAD * 2 ** (depth + MAX_BITS)) depth++;
    const entries = 1 << depth;
    const bits = segment.bitsFor(expected / entries);
    const root = arena.alloc(TABLE_ROOT_BYTES);
    const directory = root === 0 ? 0 : arena.alloc(8 << depth);
    let made = 0;
    let bytes = 8 << depth;
    let slots = 0;
    for (; directory !== 0 && made < entries; made++) {
      const ref = segment.create(arena, depth, bits, 0, 0);
      if (ref === 0) break;
      const at = wordOf(directory) + made * 2;
      slots = segment.slotCount(chunks[chunkOf(ref)], wordOf(ref));
      bytes += segment.bytesFor(slots);
      chunks[chunkOf(directory)][at] = ref;
      chunks[chunkOf(directory)][at + 1] = segment.shapeOf(depth, bits);
    }
    if (made < entries) {
      for (let i = 0; i < made; i++) segment.destroy(arena, chunks[chunkOf(directory)][wordOf(directory) + i * 2]);
      if (directory !== 0) arena.free(directory, 8 << depth);
      if (root !== 0) arena.free(root, TABLE_ROOT_BYTES);
      return 0;
    }
    const words = chunks[chunkOf(root)];
    const at = wordOf(root);
    words[at + ROOT_SIZE] = 0;
    words[at + ROOT_DEPTH] = depth;
    words[at + ROOT_DIRECTORY] = directory;
    words[at + ROOT_BYTES] = bytes;
    words[at + ROOT_LARGEST] = slots;
    words[at + ROOT_DEEPEST] = entries;
    this.open(root);
    return root;
  }

  /** Index in `words`, which it sets, of the first slot whose hash is not below `hash`: maybe an empty one. */
  seek(hash: number): number {
    const home = this.seekHome(hash);
    const words = this.words;
    // Which of the first slots it is can't be predicted, and a wrong guess waits for a cache miss: counted without a branch.
    let slot = home + 2 * (+(words[home] < hash) + +(words[home + 2] < hash) + +(words[home + 4] < hash));
    while (words[slot] < hash) slot += 2;
    return slot;
  }

  /** Index in `words`, which it sets, of the hash's home slot. */
  seekHome(hash: number): number {
    const entry = this.directoryAt + (((hash ^ FLIP) >>> (32 - this.depth)) << 1);
    const ref = this.directory[entry];
    this.words = this.chunks[chunkOf(ref)];
    return wordOf(ref) + HEADER_WORDS + (segment.homeOf(this.directory[entry + 1], hash) << 1);
  }

  /** Index in `words`, which it sets, of the entry's slot; -1 when there is none. */
  seekEntry(hash: number, ref: number): number {
    let slot = this.seek(hash);
    const words = this.words;
    for (; words[slot] === hash && words[slot + 1] !== 0; slot += 2) if (words[slot + 1] === ref) return slot;
    return -1;
  }

  /**
   * Touches the home slots of n hashes, then the first 96 bytes of what they refer to: a batch's cache misses overlap. Three
   * passes, because the processor looks only some 400 instructions ahead and a mispredicted branch ends that: 116 ns for each
   * get with 1M keys, against 155 with the second and third pass in one, and 290 without (measured, bench/store.ts). Returns
   * what was read, so that it is not optimised away.
   */
  prefetch(hashes: Int32Array, n: number): number {
    let read = 0;
    for (let first = 0; first < n; first += PREFETCH_GROUP) {
      const count = n - first < PREFETCH_GROUP ? n - first : PREFETCH_GROUP;
      read ^= this.prefetchSlots(hashes, first, count);
      this.prefetchRefs(hashes, first, count);
      read ^= this.prefetchRecords(count);
    }
    return read;
  }

  /** Adds an entry. False when there is no memory for it. */
  insert(hash: number, ref: number): boolean {
    let base = this.seekSegment(hash);
    while (this.words[base + COUNT] >= this.words[base + LIMIT] || !segment.insert(this.words, base, hash, ref)) {
      if (!this.makeRoom(hash)) {
        if (!segment.insert(this.words, base, hash, ref)) return false; // beyond its limit, into its last slots
        break;
      }
      base = this.seekSegment(hash);
    }
    this.setSize(this.size + 1);
    return true;
  }

  /** Removes the entry of a slot in `words` that a seek found. */
  remove(hash: number, slot: number): void {
    const base = this.seekSegment(hash);
    const words = this.words;
    segment.remove(words, base, slot);
    this.setSize(this.size - 1);
    if (words[base + COUNT] < 1 << (segment.bitsOf(words[base + SHAPE]) - 3)) this.shrink(hash);
  }

  /**
   * Appends entries from `cursor` on to `into`, about `wanted`; equal hashes are never parted. Returns the cursor for the
   * rest: the next hash in unsigned order; 0 begins, and 0 says that the end is reached.
   */
  collect(cursor: number, wanted: number, into: RefList): number {
    let slotsLeft = wanted * 10; // a sparse table: ten slots for each entry wanted, as Redis looks at ten empty buckets
    let last = 0;
    for (let order = cursor; ; ) {
      let slot = this.seek(order ^ FLIP);
      const base = this.seekSegment(order ^ FLIP);
      const words = this.words;
      for (const end = segment.endSlot(words, base); slot < end; slot += 2) {
        slotsLeft--;
        if (words[slot + 1] === 0) continue;
        const hash = words[slot];
        const done = into.length >= wanted || slotsLeft <= 0;
        if (done && (hash !== last || into.length === 0)) return (hash ^ FLIP) >>> 0;
        into.push(words[slot + 1]);
        last = hash;
      }
      const depth = segment.depthOf(words[base + SHAPE]);
      const spanAfter = 2 ** (32 - depth);
      order = (Math.floor(order / spanAfter) + 1) * spanAfter;
      if (order >= 2 ** 32) return 0;
      if (into.length >= wanted || slotsLeft <= 0) return order;
    }
  }

  /** The ref of an entry chosen at random, each with the same chance (but for the sparsest tables); 0 when there is none. */
  randomRef(random: Random): number {
    if (this.size === 0) return 0;
    const entries = 1 << this.depth;
    for (let tries = 0; tries < RANDOM_TRIES; tries++) {
      // Every segment with the same chance: by the first directory entry that names it.
      const entry = random.below(entries);
      const shape = this.directory[this.directoryAt + entry * 2 + 1];
      if ((entry & ((1 << (this.depth - segment.depthOf(shape))) - 1)) !== 0) continue;
      const ref = this.directory[this.directoryAt + entry * 2];
      const words = this.chunks[chunkOf(ref)];
      const slots = segment.slotCount(words, wordOf(ref));
      const slot = random.below(this.largestSlots);
      const found = slot < slots ? words[segment.firstSlot(wordOf(ref)) + slot * 2 + 1] : 0;
      if (found !== 0) return found;
    }
    return this.refAfter(random.int32() >>> 0);
  }

  /** Where giving up the entries in steps goes on: a cursor for collect(), 0 before the first step. */
  get givenUpTo(): number {
    return this.deepest === GIVEN_UP ? this.size >>> 0 : 0;
  }

  /** Notes that the entries before `cursor` were given up. All that the table is good for now is the rest of it, and destroy(). */
  giveUpTo(cursor: number): void {
    this.deepest = GIVEN_UP;
    this.setSize(cursor | 0);
    this.save();
  }

  /** destroyStep() has begun: there is nothing to collect any more. */
  get emptied(): boolean {
    return this.deepest === EMPTIED;
  }

  /** Frees all segments, the directory and the root. The entries' refs are the caller's. */
  destroy(): void {
    while (this.destroyStep(1 << this.depth));
  }

  /** As destroy(), up to `count` segments; true when there are more. Nothing else may be done with the table afterwards. */
  destroyStep(count: number): boolean {
    let entry = this.emptied ? this.size : 0;
    for (let left = count; left > 0 && entry < 1 << this.depth; left--) {
      const depth = segment.depthOf(this.directory[this.directoryAt + entry * 2 + 1]);
      segment.destroy(this.arena, this.directory[this.directoryAt + entry * 2]);
      entry += 1 << (this.depth - depth);
    }
    if (entry < 1 << this.depth) {
      this.deepest = EMPTIED;
      this.setSize(entry);
      this.save();
      return true;
    }
    this.arena.free(this.directoryRef, 8 << this.depth);
    this.arena.free(this.root, TABLE_ROOT_BYTES);
    this.root = 0;
    this.bytes = 0;
    this.size = 0;
    this.deepest = 0;
    return false;
  }

  private setSize(size: number): void {
    this.size = size;
    this.chunks[chunkOf(this.root)][wordOf(this.root) + ROOT_SIZE] = size;
  }

  /** Writes what a change of shape changed into the root. */
  private save(): void {
    const words = this.chunks[chunkOf(this.root)];
    const at = wordOf(this.root);
    words[at + ROOT_DEPTH] = this.depth;
    words[at + ROOT_DIRECTORY] = this.directoryRef;
    words[at + ROOT_BYTES] = this.bytes;
    words[at + ROOT_LARGEST] = this.largestSlots;
    words[at + ROOT_DEEPEST] = this.deepest;
  }

  private useDirectory(ref: number): void {
    this.directoryRef = ref;
    this.directory = this.chunks[chunkOf(ref)];
    this.directoryAt = wordOf(ref);
  }

  private prefetchSlots(hashes: Int32Array, first: number, count: number): number {
    const directory = this.directory;
    const directoryAt = this.directoryAt;
    const chunks = this.chunks;
    const aheadChunk = this.aheadChunk;
    const aheadSlot = this.aheadSlot;
    const shift = 32 - this.depth;
    let read = 0;
    for (let i = 0; i < count; i++) {
      const hash = hashes[first + i];
      const entry = directoryAt + (((hash ^ FLIP) >>> shift) << 1);
      const ref = directory[entry];
      const slot = wordOf(ref) + HEADER_WORDS + (segment.homeOf(directory[entry + 1], hash) << 1);
      aheadChunk[i] = chunkOf(ref);
      aheadSlot[i] = slot;
      read ^= chunks[chunkOf(ref)][slot];
    }
    return read;
  }

  /** Counts the smaller hashes without a branch, among three slots: whoever stands further back is just not prefetched. */
  private prefetchRefs(hashes: Int32Array, first: number, count: number): void {
    const chunks = this.chunks;
    const aheadChunk = this.aheadChunk;
    const aheadSlot = this.aheadSlot;
    for (let i = 0; i < count; i++) {
      const hash = hashes[first + i];
      const words = chunks[aheadChunk[i]];
      const slot = aheadSlot[i];
      const smaller = +(words[slot] < hash) + +(words[slot + 2] < hash) + +(words[slot + 4] < hash);
      aheadSlot[i] = words[slot + 2 * smaller + 1];
    }
  }

  private prefetchRecords(count: number): number {
    const chunks = this.chunks;
    const aheadSlot = this.aheadSlot;
    let read = 0;
    for (let i = 0; i < count; i++) {
      const ref = aheadSlot[i];
      const words = chunks[chunkOf(ref)];
      const at = wordOf(ref);
      read ^= words[at] ^ words[at + 8] ^ words[at + 20];
    }
    return read;
  }

  /** Base of the hash's segment in `words`, which it sets. */
  private seekSegment(hash: number): number {
    const ref = this.directory[this.directoryAt + (((hash ^ FLIP) >>> (32 - this.depth)) << 1)];
    this.words = this.chunks[chunkOf(ref)];
    return wordOf(ref);
  }

  /** Makes the hash's segment larger, or splits it. False when there is no memory. */
  private makeRoom(hash: number): boolean {
    const base = this.seekSegment(hash);
    const shape = this.words[base + SHAPE];
    const bits = segment.bitsOf(shape);
    const depth = segment.depthOf(shape);
    const count = this.words[base + COUNT];
    if (count > 1 << (bits - 2)) {
      if (bits < MAX_BITS) return this.rebuild(hash, bits + 1, 0, 0);
      if (depth < this.depth || this.deepen()) return this.split(hash);
    }
    // Full in one place: its hashes are (nearly) equal, and no home of their own would part them.
    const slots = segment.slotCount(this.words, base);
    return this.rebuild(hash, bits, slots * 2, count * 2);
  }

  /** Replaces the hash's segment by one of other dimensions. */
  private rebuild(hash: number, bits: number, minSlots: number, limit: number): boolean {
    const base = this.seekSegment(hash);
    const old = this.words;
    const depth = segment.depthOf(old[base + SHAPE]);
    const from = segment.firstSlot(base);
    const to = segment.endSlot(old, base);
    const ref = this.createFrom(old, from, to, depth, bits, minSlots, limit);
    if (ref === 0) return false;
    this.destroySegmentOf(hash);
    this.pointTo(ref, hash);
    this.save();
    return true;
  }

  /** Parts the hash's segment at the middle of its range. */
  private split(hash: number): boolean {
    const base = this.seekSegment(hash);
    const old = this.words;
    const depth = segment.depthOf(old[base + SHAPE]) + 1;
    const middle = (((hash ^ FLIP) & -(2 ** (33 - depth))) | (1 << (32 - depth))) ^ FLIP;
    const from = segment.firstSlot(base);
    const to = segment.endSlot(old, base);
    const boundary = this.seek(middle);
    const low = this.createHalf(old, from, boundary, depth);
    const high = low === 0 ? 0 : this.createHalf(old, boundary, to, depth);
    if (high === 0) {
      if (low !== 0) this.destroySegment(low);
      this.save();
      return false;
    }
    this.destroySegmentOf(hash);
    this.pointTo(low, middle ^ (1 << (32 - depth)));
    this.pointTo(high, middle);
    this.save();
    return true;
  }

  private createHalf(words: Int32Array, from: number, to: number, depth: number): number {
    return this.createFrom(words, from, to, depth, segment.bitsFor(segment.countBetween(words, from, to)), 0, 0);
  }

  /** Merges the hash's segment with its neighbour, or makes it smaller, if that is worth while. */
  private shrink(hash: number): void {
    const base = this.seekSegment(hash);
    const words = this.words;
    const shape = words[base + SHAPE];
    const depth = segment.depthOf(shape);
    const count = words[base + COUNT];
    if (depth > 0 && this.merge(hash, depth)) return;
    const bits = segment.bitsFor(count);
    if (bits < segment.bitsOf(shape)) this.rebuild(hash, bits, 0, 0);
  }

  private merge(hash: number, depth: number): boolean {
    const bit = 1 << (32 - depth);
    const highHash = ((hash ^ FLIP) | bit) ^ FLIP;
    const lowHash = ((hash ^ FLIP) & ~bit) ^ FLIP;
    const highBase = this.seekSegment(highHash);
    const high = this.words;
    const lowBase = this.seekSegment(lowHash);
    const low = this.words;
    if (segment.depthOf(low[lowBase + SHAPE]) !== segment.depthOf(high[highBase + SHAPE])) return false; // one is split further
    const together = low[lowBase + COUNT] + high[highBase + COUNT];
    if (together > MERGE_LOAD * (1 << MAX_BITS)) return false;
    const bits = segment.bitsFor(together);
    const shape = segment.shapeOf(depth - 1, bits);
    const lowFrom = segment.firstSlot(lowBase);
    const lowTo = segment.endSlot(low, lowBase);
    const highFrom = segment.firstSlot(highBase);
    const highTo = segment.endSlot(high, highBase);
    const need = segment.measure(high, highFrom, highTo, shape, segment.measure(low, lowFrom, lowTo, shape, 0)) + 1;
    const ref = this.createSegment(depth - 1, bits, need, 0);
    if (ref === 0) return false;
    const into = this.chunks[chunkOf(ref)];
    const base = wordOf(ref);
    const next = segment.pour(low, lowFrom, lowTo, into, base, segment.firstSlot(base));
    segment.pour(high, highFrom, highTo, into, base, next);
    this.destroySegmentOf(highHash);
    this.destroySegmentOf(lowHash);
    this.pointTo(ref, lowHash);
    while (this.depth > 1 && this.deepest === 0) if (!this.flatten()) break;
    this.save();
    return true;
  }

  /** Doubles the directory, if the table is large enough for it. */
  private deepen(): boolean {
    const entries = 2 << this.depth;
    if (entries > DIRECTORY_FREE_ENTRIES + this.size / KEYS_PER_DIRECTORY_ENTRY) return false;
    return this.resizeDirectory(this.depth + 1);
  }

  /** Halves the directory, whose neighbouring entries are all equal. */
  private flatten(): boolean {
    return this.resizeDirectory(this.depth - 1);
  }

  private resizeDirectory(depth: number): boolean {
    const ref = this.arena.alloc(8 << depth);
    if (ref === 0) return false;
    const from = this.directory;
    const fromAt = this.directoryAt;
    const into = this.chunks[chunkOf(ref)];
    const intoAt = wordOf(ref);
    let deepest = 0;
    for (let entry = 0; entry < 1 << depth; entry++) {
      const source = fromAt + (depth > this.depth ? entry >> 1 : entry << 1) * 2;
      into[intoAt + entry * 2] = from[source];
      into[intoAt + entry * 2 + 1] = from[source + 1];
      if (segment.depthOf(from[source + 1]) === depth) deepest++;
    }
    this.arena.free(this.directoryRef, 8 << this.depth);
    this.bytes += (8 << depth) - (8 << this.depth);
    this.useDirectory(ref);
    this.depth = depth;
    this.deepest = deepest;
    this.save();
    return true;
  }

  /** Enters a segment in the directory, for all hashes that share `hash`'s first bits up to the segment's depth. */
  private pointTo(ref: number, hash: number): void {
    const shape = this.chunks[chunkOf(ref)][wordOf(ref) + SHAPE];
    const entries = 1 << (this.depth - segment.depthOf(shape));
    const first = ((hash ^ FLIP) >>> (32 - this.depth)) & -entries;
    const directory = this.directory;
    for (let at = this.directoryAt + first * 2, end = at + entries * 2; at < end; at += 2) {
      directory[at] = ref;
      directory[at + 1] = shape;
    }
  }

  private createFrom(
    words: Int32Array,
    from: number,
    to: number,
    depth: number,
    bits: number,
    minSlots: number,
    limit: number,
  ): number {
    const need = segment.measure(words, from, to, segment.shapeOf(depth, bits), 0) + 1;
    const ref = this.createSegment(depth, bits, Math.max(minSlots, need), limit);
    if (ref === 0) return 0;
    const base = wordOf(ref);
    segment.pour(words, from, to, this.chunks[chunkOf(ref)], base, segment.firstSlot(base));
    return ref;
  }

  private createSegment(depth: number, bits: number, minSlots: number, limit: number): number {
    const ref = segment.create(this.arena, depth, bits, minSlots, limit);
    if (ref === 0) return 0;
    if (depth === this.depth) this.deepest++;
    const slots = segment.slotCount(this.chunks[chunkOf(ref)], wordOf(ref));
    this.bytes += segment.bytesFor(slots);
    this.largestSlots = depth === 0 ? slots : Math.max(this.largestSlots, slots);
    return ref;
  }

  private destroySegmentOf(hash: number): void {
    this.destroySegment(this.directory[this.directoryAt + (((hash ^ FLIP) >>> (32 - this.depth)) << 1)]);
  }

  private destroySegment(ref: number): void {
    const words = this.chunks[chunkOf(ref)];
    if (segment.depthOf(words[wordOf(ref) + SHAPE]) === this.depth) this.deepest--;
    this.bytes -= segment.bytesFor(segment.slotCount(words, wordOf(ref)));
    segment.destroy(this.arena, ref);
    this.epoch++;
  }

  /** The first entry at or after a place in the order, or else the first of all. */
  private refAfter(order: number): number {
    const found = new RefList();
    for (let cursor = this.collect(order, 1, found); found.length === 0; cursor = this.collect(cursor, 1, found));
    return found.refs[0];
  }
}

/** A growing list of refs. */
export class RefList {
  length = 0;
  refs = new Int32Array(64);

  push(ref: number): void {
    if (this.length === this.refs.length) {
      const longer = new Int32Array(this.length * 2);
      longer.set(this.refs);
      this.refs = longer;
    }
    this.refs[this.length++] = ref;
  }
}
