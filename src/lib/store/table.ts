/**
 * The hash table: slots of {hash, ref}, in the order of their hashes, in segments that a directory finds by the hash's top
 * bits (extendible hashing: Fagin, Nievergelt, Pippenger and Strong, 1979).
 *
 *   directory        segment   │ count limit slots shape … │ hash ref │ hash ref │  +∞  0  │ hash ref │ …  tail │
 *   │ ref shape │──▶                                         └ home = the hash's bits after the directory's
 *   │ ref shape │──▶ …
 *
 * Within a segment: linear probing in hash order, which is Robin Hood hashing without a stored distance. A slot is never
 * before its home, an empty slot has the largest hash, so a search is one comparison for each slot and a miss stops at the
 * first larger hash. Deletion shifts back. Homes are followed by a tail, so that nothing wraps around, and the last slot is
 * always empty.
 *
 * Growth is local: a full segment doubles until it has 8,192 homes, then splits in two. The worst insert copies one segment
 * (30 µs), there is no second table to look into, and the hash order of everything makes the next hash a SCAN cursor.
 * When hashes cluster so much that splitting does not part them, a segment gets a longer tail instead, and slower.
 */
import { type Arena, chunkOf, wordOf } from './arena.ts';
import * as segment from './segment.ts';
import { HEADER_WORDS, MAX_BITS, MIN_BITS } from './segment.ts';

/** Segments and directory entries that a table may have beyond what its size asks for. */
const DIRECTORY_SLACK = 16;
const SLOTS_PER_DIRECTORY_ENTRY = 512;

export class HashTable {
  /** Entries. */
  size = 0;
  /** The chunk of the segment that seek() found last. */
  words: Int32Array;
  /** Counts segments that were given up: what was remembered of a slot before is void. */
  epoch = 0;
  /** Directory entries are 1 << depth, at least 2. */
  private depth = 1;
  private shift = 31;
  private directory: Int32Array = new Int32Array(0);
  private directoryRef = 0;
  private readonly arena: Arena;
  private readonly chunks: Int32Array[];

  /** Throws a RangeError if the arena has no room for an empty table (about 300 bytes). */
  constructor(arena: Arena) {
    this.arena = arena;
    this.chunks = arena.words;
    const ref = segment.create(arena, 0, MIN_BITS, 0);
    if (ref === 0 || !this.allocDirectory(1)) throw new RangeError('the arena is too small for a hash table');
    this.words = arena.words[chunkOf(ref)];
    this.pointAt(ref, 0, 2);
  }

  /** Index in `words` (set by this) of the first slot whose hash is not below `hash`; it may be empty. */
  seek(hash: number): number {
    const at = ((hash ^ 0x80000000) >>> this.shift) << 1;
    const ref = this.directory[at];
    const shape = this.directory[at + 1];
    const words = this.chunks[ref >>> 23];
    this.words = words;
    let slot = segment.homeSlot(wordOf(ref), shape, hash);
    while (words[slot] < hash) slot += 2;
    return slot;
  }

  /** Index in `words` (set by this) of the hash's home slot. */
  seekHome(hash: number): number {
    const at = ((hash ^ 0x80000000) >>> this.shift) << 1;
    const ref = this.directory[at];
    this.words = this.chunks[ref >>> 23];
    return segment.homeSlot(wordOf(ref), this.directory[at + 1], hash);
  }

  /** The slot of an entry, or -1; `words` is set to its chunk. */
  seekEntry(hash: number, ref: number): number {
    let slot = this.seek(hash);
    const words = this.words;
    for (; words[slot] === hash && words[slot + 1] !== 0; slot += 2) if (words[slot + 1] === ref) return slot;
    return -1;
  }

  /** Adds an entry; equal hashes are kept apart by their order of insertion only. False when there is no memory. */
  insert(hash: number, ref: number): boolean {
    for (;;) {
      const base = this.segmentOf(hash);
      const words = this.words;
      if (words[base + segment.COUNT] < words[base + segment.LIMIT] || !this.makeRoom(hash)) {
        // Below its limit, or no memory to grow: then the segment is filled to its last slot.
        if (segment.insert(words, base, hash, ref)) {
          this.size++;
          return true;
        }
        if (!this.makeRoom(hash)) return false;
      }
    }
  }

  /** Removes the entry in a slot that seek() or seekEntry() found. */
  remove(hash: number, slot: number): void {
    const base = this.segmentOf(hash);
    const words = this.words;
    segment.remove(words, base, slot);
    this.size--;
    if (words[base + segment.COUNT] < words[base + segment.SPARSE]) this.shrink(hash);
  }

  /** Entries from hash `from` on, in order, into refs; never parts equal hashes. Returns the hash after the last, or 0 at the end. */
  collect(from: number, wanted: number, into: RefList): number {
    let hash = from | 0;
    let slots = wanted * 10; // sparse tables: a call looks at ten slots for each entry wanted, as Redis does
    for (;;) {
      const base = this.segmentOf(hash ^ 0x80000000);
      const words = this.words;
      const end = segment.endOf(words, base);
      let slot = this.seek(hash ^ 0x80000000);
      let last = 0;
      for (; slot < end && words[slot + 1] === 0; slot += 2) slots--;
      while (slot < end) {
        if ((into.length >= wanted || slots <= 0) && words[slot] !== last) return (words[slot] ^ 0x80000000) >>> 0;
        last = words[slot];
        into.push(words[slot + 1]);
        do slots--;
        while ((slot += 2) < end && words[slot + 1] === 0);
      }
      hash = segment.lastHash(words, base, hash) + 1;
      if (hash === 0 || hash === 4_294_967_296) return 0;
      if (into.length >= wanted || slots <= 0) return hash >>> 0;
    }
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
