/**
 * A table of records (record.ts): keys found by hash, each with its value, all in the arena and hanging from one root. A
 * database is one (keyspace.ts), and so is a set, a large hash, and the members of a sorted set: member or field is the
 * record's key, and what belongs to it is the record's value. No JavaScript object stands for a key.
 *
 *   hash(view, offset, length) ─▶ find ─▶ ref ─▶ type, valueByte, valueLength … ─▶ arena.copyOut
 *                                   └ 0 ─▶ insert ─▶ ref ─▶ arena.copyIn
 *
 * A RecordTable object is a view: open() points it at a root, and one object serves all collections of a kind in turn. Keys
 * may come from any memory, so a DataView and a byte offset name them; up to 3 bytes past a key's end are read.
 *
 * A ref stays good until its own record is resized, given or relieved of an expiry, or removed; what happens to other keys
 * does not move it.
 */

import type { Random } from '../random.ts';
import type { Arena } from './arena.ts';
import { hashBytes, hashWords } from './hash.ts';
import * as record from './record.ts';
import { ACCESS_SHIFT, FLAGS_MASK, FLAGS_SHIFT, HAS_EXPIRY, TYPE_MASK, WIDE } from './record.ts';
import { chunkOf, wordOf } from './ref.ts';
import { classOf, SMALL_MAX_BYTES } from './size-classes.ts';
import { HashTable, RefList } from './table.ts';

/** Entries that forEach() takes from the table at a time. */
const EACH_BATCH = 256;

/** Freeing a segment costs as much as freeing some tens of records: its pages may go back to the system. */
const RECORDS_PER_SEGMENT = 64;

export class RecordTable {
  protected readonly table: HashTable;
  /** Where find() found its record: valid while the table's epoch is the same and the slot still holds it. */
  private slot = 0;
  private slotWords: Int32Array;
  private slotEpoch = -1;
  /** Records about to be freed, kept from step to step. */
  protected readonly doomed = new RefList();
  protected readonly arena: Arena;
  protected readonly chunks: Int32Array[];
  /** Two secret words. */
  readonly hashKey: Int32Array;

  /**
   * A view of no table yet: open() or create() first.
   *
   * @param hashKey two secret words
   */
  constructor(arena: Arena, hashKey: Int32Array) {
    this.arena = arena;
    this.chunks = arena.words;
    this.hashKey = hashKey;
    this.table = new HashTable(arena);
    this.slotWords = this.table.words;
  }

  /** Points the view at the table with this root. */
  open(root: number): void {
    this.table.open(root);
  }

  /** Makes an empty table, with room for keys that are expected in the order of another table, and opens it. Returns its root; 0, and nothing changed, when there is no memory. */
  create(expected = 0): number {
    return this.table.create(expected);
  }

  /** The root that is open. */
  get root(): number {
    return this.table.root;
  }

  /** Keys. */
  get size(): number {
    return this.table.size;
  }

  /** Bytes of the hash table, without the records. */
  get tableBytes(): number {
    return this.table.bytes;
  }

  /** Hash of the key of `length` bytes at byte `offset` of a view. */
  hashOfBytes(view: DataView, offset: number, length: number): number {
    return hashBytes(view, offset, length, this.hashKey);
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The record of a key, or 0. Does not look at its expiry. */
  findBytes(view: DataView, keyOffset: number, keyLength: number, hash: number): number {
    const table = this.table;
    let slot = table.seek(hash);
    const slots = table.words;
    while (slots[slot] === hash) {
      const ref = slots[slot + 1];
      if (ref === 0) return 0;
      if (this.keyIs(ref, view, keyOffset, keyLength)) {
        this.slot = slot;
        this.slotWords = slots;
        this.slotEpoch = table.epoch;
        return ref;
      }
      slot += 2;
    }
    return 0;
  }

  /** 0 string, 1 list, 2 set, 3 sorted set, 4 hash, 6 stream. */
  type(ref: number): number {
    return this.chunks[chunkOf(ref)][wordOf(ref)] & TYPE_MASK;
  }

  /** Eight bits for the value's encoding. */
  flags(ref: number): number {
    return (this.chunks[chunkOf(ref)][wordOf(ref)] >>> FLAGS_SHIFT) & FLAGS_MASK;
  }

  keyLength(ref: number): number {
    return record.keyLengthAt(this.chunks[chunkOf(ref)], wordOf(ref));
  }

  valueLength(ref: number): number {
    return record.valueLengthAt(this.chunks[chunkOf(ref)], wordOf(ref));
  }

  /** Offset of the key in the record, in bytes; a multiple of 4. */
  keyByte(ref: number): number {
    return record.headerWords(this.chunks[chunkOf(ref)][wordOf(ref)]) << 2;
  }

  /** Offset of the value in the record, in bytes; a multiple of 4. */
  valueByte(ref: number): number {
    const at = wordOf(ref);
    return (record.valueWordAt(this.chunks[chunkOf(ref)], at) - at) << 2;
  }

  /** Milliseconds since 1970, or -1 when the key does not expire. */
  expiry(ref: number): number {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    return (words[at] & HAS_EXPIRY) === 0 ? -1 : record.deadlineAt(words, at);
  }

  /** The access clock of the last touch(): 19 bits. */
  lru(ref: number): number {
    return this.chunks[chunkOf(ref)][wordOf(ref)] >>> ACCESS_SHIFT;
  }

  /** Bytes that the record takes in the arena. */
  recordBytes(ref: number): number {
    return this.arena.capacity(ref, this.bytesOf(this.chunks[chunkOf(ref)], wordOf(ref)));
  }

  /** Bytes that the record takes in the arena, and its share of the table. */
  memoryBytes(ref: number): number {
    return this.recordBytes(ref) + Math.ceil(this.table.bytes / this.table.size);
  }

  // ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  touch(ref: number, clock: number): void {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    words[at] = (words[at] & ((1 << ACCESS_SHIFT) - 1)) | (clock << ACCESS_SHIFT);
  }

  setFlags(ref: number, flags: number): void {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    words[at] = (words[at] & ~(FLAGS_MASK << FLAGS_SHIFT)) | ((flags & FLAGS_MASK) << FLAGS_SHIFT);
  }

  setType(ref: number, type: number): void {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    words[at] = (words[at] & ~TYPE_MASK) | (type & TYPE_MASK);
  }

  /** Adds a key that is not there, with room for a value whose contents are undefined. Returns its ref; 0 without memory. */
  insertBytes(
    view: DataView,
    keyOffset: number,
    keyLength: number,
    hash: number,
    type: number,
    valueBytes: number,
  ): number {
    const meta = type | record.widthFor(keyLength, valueBytes);
    const bytes = record.recordBytes(meta, keyLength, valueBytes);
    const ref = this.arena.alloc(bytes);
    if (ref === 0) return 0;
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    words[at] = meta;
    record.setLengths(words, at, keyLength, valueBytes);
    this.writeKey(words, record.keyWordAt(words, at), view, keyOffset, keyLength);
    if (this.table.insert(hash, ref)) return ref;
    this.arena.free(ref, bytes);
    return 0;
  }

  /**
   * Gives a record a value of valueBytes, keeping the first bytes that both have. Returns its ref, which is another if it had
   * to move; 0, and nothing changed, when there is no memory.
   */
  resize(ref: number, valueBytes: number): number {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    const meta = words[at];
    const keyLength = record.keyLengthAt(words, at);
    const target = (meta & ~WIDE) | record.widthFor(keyLength, valueBytes);
    const bytes = record.recordBytes(target, keyLength, valueBytes);
    const oldBytes = this.bytesOf(words, at);
    if (target !== meta || !this.fits(ref, oldBytes, bytes))
      return this.moveTo(ref, target, valueBytes, bytes > oldBytes);
    record.setLengths(words, at, keyLength, valueBytes);
    return ref;
  }

  /**
   * Gives a string record a plain value of valueBytes, whose contents are undefined as far as the old one did not reach, where
   * it stands. False, and nothing done, when more than its length has to change: resize() then.
   */
  overwrite(ref: number, valueBytes: number): boolean {
    return record.overwrite(this.chunks[chunkOf(ref)], wordOf(ref), valueBytes);
  }

  /**
   * Gives a record room for a deadline, or takes it away: returns its ref, which is another when that changed; 0 without
   * memory. The deadline's words are undefined; the caller writes them.
   */
  protected withExpiry(ref: number, wants: boolean): number {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    if (((words[at] & HAS_EXPIRY) !== 0) === wants) return ref;
    return this.moveTo(ref, words[at] ^ HAS_EXPIRY, record.valueLengthAt(words, at), false);
  }

  /** Removes a key and frees its record. */
  remove(ref: number): void {
    if (!this.seekSlot(ref)) return;
    this.table.remove(this.slotWords[this.slot], this.slot);
    this.release(ref);
  }

  /** Touches the records of refs from the `first` of a list on, so that they are in the cache when they are read one by one. */
  touchRecords(list: RefList, first: number): void {
    const chunks = this.chunks;
    const refs = list.refs;
    let read = 0;
    for (let i = first; i < list.length; i++) {
      const ref = refs[i];
      read ^= chunks[chunkOf(ref)][wordOf(ref)];
    }
    this.touched ^= read;
  }

  // ── all of it ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Appends the refs of about `count` keys from `cursor` on to `into`, and returns the cursor for the rest; 0 begins, and 0 is
   * returned at the end. A key that is there from the first call to the last is met once, whatever else comes and goes.
   */
  collect(cursor: number, count: number, into: RefList): number {
    return this.table.collect(cursor, count, into);
  }

  /** As collect, for visitors: they may remove or move the record that they are given. */
  scan(cursor: number, count: number, visit: (ref: number) => void): number {
    const found = new RefList();
    const next = this.table.collect(cursor, count, found);
    for (let i = 0; i < found.length; i++) visit(found.refs[i]);
    return next;
  }

  /** Visits every key. */
  forEach(visit: (ref: number) => void): void {
    let cursor = 0;
    do cursor = this.scan(cursor, EACH_BATCH, visit);
    while (cursor !== 0);
  }

  /** A key chosen at random, or 0 when there is none. */
  randomRef(random: Random): number {
    return this.table.randomRef(random);
  }

  /** True when the table has this record under this hash, as hashOf() gave it: also asked of records that are gone. */
  holds(ref: number, hash: number): boolean {
    return this.table.seekEntry(hash, ref) >= 0;
  }

  /** What prefetching read, so that it is not optimised away. */
  touched = 0;

  /** Touches the slots and records of n hashes, so that they are in the cache when they are looked for. */
  prefetch(hashes: Int32Array, n: number): void {
    this.touched ^= this.table.prefetch(hashes, n);
  }

  /** Frees all records, the table and its root; for tables that are small, or in no hurry. */
  destroy(): void {
    const found = new RefList();
    let cursor = 0;
    do {
      found.length = 0;
      cursor = this.table.collect(cursor, EACH_BATCH, found);
      for (let i = 0; i < found.length; i++) this.release(found.refs[i]);
    } while (cursor !== 0);
    this.table.destroy();
  }

  /**
   * Moves those of about `count` records from `cursor` on that stand in sparse slabs, and returns the cursor for the rest, 0 at
   * the end. `moved` is told of each (old ref, new ref), for whoever holds refs to them. All records of the batch are appended
   * to `into`, by where they stand now.
   */
  defragment(cursor: number, count: number, moved: (from: number, to: number) => void, into: RefList): number {
    const first = into.length;
    const next = this.table.collect(cursor, count, into);
    for (let i = first; i < into.length; i++) {
      const ref = into.refs[i];
      const words = this.chunks[chunkOf(ref)];
      const at = wordOf(ref);
      if (!this.arena.isSparse(ref, this.bytesOf(words, at))) continue;
      const to = this.moveTo(ref, words[at], record.valueLengthAt(words, at), false);
      if (to === 0) continue;
      moved(ref, to);
      into.refs[i] = to;
    }
    return next;
  }

  /**
   * As destroy(), in steps of about `budget` records; true when there is more to do. After the first step nothing else may be
   * done with the table; where it is to go on is kept in the root.
   */
  destroyStep(budget: number): boolean {
    const { table } = this;
    if (table.emptied) return table.destroyStep(segmentsFor(budget));
    const { doomed: found } = this;
    found.length = 0;
    const cursor = table.collect(table.givenUpTo, budget, found);
    for (let i = 0; i < found.length; i++) this.release(found.refs[i]);
    if (cursor === 0) return table.destroyStep(segmentsFor(budget));
    table.giveUpTo(cursor);
    return true;
  }

  // ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The hash of a record's key. */
  hashOf(ref: number): number {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    return hashWords(words, record.keyWordAt(words, at), record.keyLengthAt(words, at), this.hashKey);
  }

  private keyIs(ref: number, view: DataView, keyOffset: number, keyLength: number): boolean {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    if (record.keyLengthAt(words, at) !== keyLength) return false;
    let word = record.keyWordAt(words, at);
    let from = keyOffset;
    for (const whole = keyOffset + (keyLength & ~3); from < whole; from += 4, word++)
      if (words[word] !== view.getInt32(from, true)) return false;
    const tail = keyLength & 3;
    return tail === 0 || words[word] === (view.getInt32(from, true) & ((1 << (tail << 3)) - 1));
  }

  private writeKey(words: Int32Array, at: number, view: DataView, keyOffset: number, keyLength: number): void {
    let word = at;
    let from = keyOffset;
    for (const whole = keyOffset + (keyLength & ~3); from < whole; from += 4, word++)
      words[word] = view.getInt32(from, true);
    const tail = keyLength & 3;
    if (tail !== 0) words[word] = view.getInt32(from, true) & ((1 << (tail << 3)) - 1);
  }

  protected bytesOf(words: Int32Array, at: number): number {
    return record.recordBytes(words[at], record.keyLengthAt(words, at), record.valueLengthAt(words, at));
  }

  /** The memory of a record of oldBytes is right for one of bytes, too: the same size class, or pages at least half used. */
  private fits(ref: number, oldBytes: number, bytes: number): boolean {
    const capacity = this.arena.capacity(ref, oldBytes);
    if (bytes <= SMALL_MAX_BYTES) return oldBytes <= SMALL_MAX_BYTES && classOf(bytes) === classOf(oldBytes);
    return oldBytes > SMALL_MAX_BYTES && bytes <= capacity && bytes >= capacity >> 1;
  }

  /** Moves a record to memory of its own size with another meta word and value length. Returns its new ref, or 0. */
  protected moveTo(ref: number, meta: number, valueBytes: number, growing: boolean): number {
    const from = this.chunks[chunkOf(ref)];
    const fromAt = wordOf(ref);
    const keyLength = record.keyLengthAt(from, fromAt);
    const oldValueBytes = record.valueLengthAt(from, fromAt);
    if (!this.seekSlot(ref)) return 0;
    const bytes = record.recordBytes(meta, keyLength, valueBytes);
    let moved = 0;
    if (growing && bytes > SMALL_MAX_BYTES) moved = this.arena.alloc(bytes + (bytes >> 3)); // what grows (APPEND) will grow again
    if (moved === 0) moved = this.arena.alloc(bytes);
    if (moved === 0) return 0;
    const into = this.chunks[chunkOf(moved)];
    const at = wordOf(moved);
    into[at] = meta;
    if ((meta & from[fromAt] & HAS_EXPIRY) !== 0) {
      for (let i = record.DEADLINE_LOW; i <= record.PREV; i++) into[at + i] = from[fromAt + i];
      this.relocated(moved);
    }
    record.setLengths(into, at, keyLength, valueBytes);
    // The key and what stays of the value, which follows it, in one go.
    const keep = ((keyLength + 3) & ~3) + (valueBytes < oldValueBytes ? valueBytes : oldValueBytes);
    this.arena.move(moved, this.keyByte(moved), ref, this.keyByte(ref), keep);
    this.slotWords[this.slot + 1] = moved;
    this.arena.free(ref, this.bytesOf(from, fromAt));
    return moved;
  }

  /** Remembers the slot of a record, as find() does. False when the record is in no slot. */
  protected seekSlot(ref: number): boolean {
    const table = this.table;
    if (this.slotEpoch === table.epoch && this.slotWords[this.slot + 1] === ref) return true;
    const slot = table.seekEntry(this.hashOf(ref), ref);
    if (slot < 0) return false;
    this.slot = slot;
    this.slotWords = table.words;
    this.slotEpoch = table.epoch;
    return true;
  }

  /** A record with a deadline was copied, its links included, to another place. */
  protected relocated(_moved: number): void {}

  /** Frees a record that is in no slot any more. */
  protected release(ref: number): void {
    this.arena.free(ref, this.bytesOf(this.chunks[chunkOf(ref)], wordOf(ref)));
  }
}

/** Segments that are freed in the time of so many records. */
export function segmentsFor(budget: number): number {
  return Math.max(1, Math.floor(budget / RECORDS_PER_SEGMENT));
}
