/**
 * One database: the keys of a hash table, each with its record in the arena (record.ts), and the wheel that finds those
 * whose time is over. Keys and values come from packet memory and are named by refs; no JavaScript object stands for a key.
 *
 *   hash(key) ─▶ find ─▶ ref ─▶ type, valueByte, valueLength … ─▶ arena.copyOut
 *                  └ 0 ─▶ insert ─▶ ref ─▶ arena.copyIn
 *
 * A ref stays good until its own record is resized, given or relieved of an expiry, or removed; what happens to other keys
 * does not move it.
 */

import type { PacketMemory } from '../memory/packet-memory.ts';
import type { Random } from '../random.ts';
import type { Arena } from './arena.ts';
import { hashBytes, hashWords } from './hash.ts';
import * as record from './record.ts';
import { ACCESS_SHIFT, FLAGS_MASK, FLAGS_SHIFT, HAS_EXPIRY, TYPE_MASK, WIDE } from './record.ts';
import { chunkOf, wordOf } from './ref.ts';
import { classOf, SMALL_MAX_BYTES } from './size-classes.ts';
import { HashTable, RefList } from './table.ts';
import type { ExpiryOwner, ExpiryWheel } from './wheel.ts';

/** Keys from which on touching a batch's records ahead pays: below, they are in the cache (measured: bench/store.ts). */
const PREFETCH_MIN_KEYS = 65_536;
/** Entries that forEach() takes from the table at a time. */
const EACH_BATCH = 256;

/** A table that was cleared, with the records that are yet to be freed. */
interface Grave {
  readonly table: HashTable;
  readonly owner: number;
  cursor: number;
}

export class Keyspace implements ExpiryOwner {
  /** The database's number; exchanged by SWAPDB. */
  index: number;
  /** Keys that have a deadline. */
  expires = 0;
  /** Called before a record is freed whose type is not 0 (string): its value may own more memory. */
  releaseValue: ((ref: number) => void) | null = null;
  /** What prefetching read, so that it is not optimised away. */
  touched = 0;
  private table: HashTable;
  private owner: number;
  /** Where find() found its record: valid while the table's epoch is the same and the slot still holds it. */
  private slot = 0;
  private slotWords: Int32Array;
  private slotEpoch = -1;
  private readonly graves: Grave[] = [];
  private readonly arena: Arena;
  private readonly chunks: Int32Array[];
  private readonly view: DataView;
  private readonly hashKey: Int32Array;
  private readonly wheel: ExpiryWheel;

  /**
   * @param memory where keys and values come from
   * @param hashKey two secret words
   * @param index the database's number
   */
  constructor(arena: Arena, memory: PacketMemory, hashKey: Int32Array, wheel: ExpiryWheel, index: number) {
    this.arena = arena;
    this.chunks = arena.words;
    this.view = memory.dv;
    this.hashKey = hashKey;
    this.wheel = wheel;
    this.index = index;
    this.table = new HashTable(arena);
    this.slotWords = this.table.words;
    this.owner = wheel.register(this);
    if (this.owner === 0) throw new RangeError('too many keyspaces');
  }

  /** Keys. */
  get size(): number {
    return this.table.size;
  }

  /** Bytes of the hash table. */
  get tableBytes(): number {
    return this.table.bytes;
  }

  hash(keyOffset: number, keyLength: number): number {
    return hashBytes(this.view, keyOffset, keyLength, this.hashKey);
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A batch of keys is large enough, and the table, for touching ahead to pay. */
  get worthPrefetching(): boolean {
    return this.table.size >= PREFETCH_MIN_KEYS;
  }

  /** Touches the slots and records of n hashes, so that they are in the cache when the commands of a batch come to them. */
  prefetch(hashes: Int32Array, n: number): void {
    this.touched ^= this.table.prefetch(hashes, n);
  }

  /** The record of a key, or 0. Does not look at its expiry. */
  find(keyOffset: number, keyLength: number, hash: number): number {
    const table = this.table;
    let slot = table.seek(hash);
    const slots = table.words;
    while (slots[slot] === hash) {
      const ref = slots[slot + 1];
      if (ref === 0) return 0;
      if (this.keyIs(ref, keyOffset, keyLength)) {
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

  /** Bytes that the record takes in the arena, and its share of the table. */
  memoryBytes(ref: number): number {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    return this.arena.capacity(ref, this.bytesOf(words, at)) + Math.ceil(this.table.bytes / this.table.size);
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
  insert(keyOffset: number, keyLength: number, hash: number, type: number, valueBytes: number): number {
    const meta = type | record.widthFor(keyLength, valueBytes);
    const bytes = record.recordBytes(meta, keyLength, valueBytes);
    const ref = this.arena.alloc(bytes);
    if (ref === 0) return 0;
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    words[at] = meta;
    record.setLengths(words, at, keyLength, valueBytes);
    this.writeKey(words, record.keyWordAt(words, at), keyOffset, keyLength);
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

  /** Sets when the key expires, in ms since 1970; not above 0: never. Returns its ref, which may be another; 0 without memory. */
  setExpiry(ref: number, atMs: number): number {
    let words = this.chunks[chunkOf(ref)];
    let at = wordOf(ref);
    const meta = words[at];
    const had = (meta & HAS_EXPIRY) !== 0;
    if (atMs <= 0 && !had) return ref;
    if (had) this.wheel.unlink(ref);
    const wants = atMs > 0;
    let now = ref;
    if (wants !== had) {
      now = this.moveTo(ref, meta ^ HAS_EXPIRY, record.valueLengthAt(words, at), false);
      if (now === 0) {
        if (had) this.wheel.schedule(ref);
        return 0;
      }
      this.expires += wants ? 1 : -1;
    }
    if (!wants) return now;
    words = this.chunks[chunkOf(now)];
    at = wordOf(now);
    record.setDeadline(words, at, atMs, this.owner);
    this.wheel.schedule(now);
    return now;
  }

  /** Removes a key and frees its record. */
  remove(ref: number): void {
    if (!this.seekSlot(ref)) return;
    const words = this.chunks[chunkOf(ref)];
    if ((words[wordOf(ref)] & HAS_EXPIRY) !== 0) this.expires--;
    this.table.remove(this.slotWords[this.slot], this.slot);
    this.release(ref);
  }

  // ── all of it ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Visits about `count` keys from `cursor` on, and returns the cursor for the rest; 0 begins, and 0 is returned at the end.
   * A key that is there from the first call to the last is visited once, whatever else comes and goes. A visitor may remove
   * or move the record that it is given.
   */
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

  /** Empties the database at once; freeStep() frees what was in it. */
  clear(): void {
    if (this.size === 0) return;
    const grave: Grave = { table: this.table, owner: this.owner, cursor: 0 };
    this.expires = 0;
    this.slotEpoch = -1;
    this.wheel.disown(grave.owner);
    this.graves.push(grave);
    const owner = this.wheel.register(this);
    const table = owner === 0 ? null : HashTable.create(this.arena);
    if (owner === 0 || table === null) {
      // No owner number or no memory for the new table: now there will be.
      if (owner !== 0) this.wheel.unregister(owner);
      while (this.freeStep(EACH_BATCH));
      this.table = new HashTable(this.arena);
      this.owner = this.wheel.register(this);
      return;
    }
    this.table = table;
    this.owner = owner;
  }

  /** Frees about `budget` records of cleared databases. True when there are more. */
  freeStep(budget: number): boolean {
    const grave = this.graves[0];
    if (grave === undefined) return false;
    const found = new RefList();
    grave.cursor = grave.table.collect(grave.cursor, budget, found);
    for (let i = 0; i < found.length; i++) this.release(found.refs[i]);
    if (grave.cursor === 0) {
      grave.table.destroy();
      this.wheel.unregister(grave.owner);
      this.graves.shift();
    }
    return this.graves.length > 0;
  }

  // ── records ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The hash of a record's key. */
  protected hashOf(ref: number): number {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    return hashWords(words, record.keyWordAt(words, at), record.keyLengthAt(words, at), this.hashKey);
  }

  private keyIs(ref: number, keyOffset: number, keyLength: number): boolean {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    if (record.keyLengthAt(words, at) !== keyLength) return false;
    const view = this.view;
    let word = record.keyWordAt(words, at);
    let from = keyOffset;
    for (const whole = keyOffset + (keyLength & ~3); from < whole; from += 4, word++)
      if (words[word] !== view.getInt32(from, true)) return false;
    const tail = keyLength & 3;
    return tail === 0 || words[word] === (view.getInt32(from, true) & ((1 << (tail << 3)) - 1));
  }

  private writeKey(words: Int32Array, at: number, keyOffset: number, keyLength: number): void {
    const view = this.view;
    let word = at;
    let from = keyOffset;
    for (const whole = keyOffset + (keyLength & ~3); from < whole; from += 4, word++)
      words[word] = view.getInt32(from, true);
    const tail = keyLength & 3;
    if (tail !== 0) words[word] = view.getInt32(from, true) & ((1 << (tail << 3)) - 1);
  }

  private bytesOf(words: Int32Array, at: number): number {
    return record.recordBytes(words[at], record.keyLengthAt(words, at), record.valueLengthAt(words, at));
  }

  /** The memory of a record of oldBytes is right for one of bytes, too: the same size class, or pages at least half used. */
  private fits(ref: number, oldBytes: number, bytes: number): boolean {
    const capacity = this.arena.capacity(ref, oldBytes);
    if (bytes <= SMALL_MAX_BYTES) return oldBytes <= SMALL_MAX_BYTES && classOf(bytes) === classOf(oldBytes);
    return oldBytes > SMALL_MAX_BYTES && bytes <= capacity && bytes >= capacity >> 1;
  }

  /** Moves a record to memory of its own size with another meta word and value length. Returns its new ref, or 0. */
  private moveTo(ref: number, meta: number, valueBytes: number, growing: boolean): number {
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
      this.wheel.relocated(moved);
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
  private seekSlot(ref: number): boolean {
    const table = this.table;
    if (this.slotEpoch === table.epoch && this.slotWords[this.slot + 1] === ref) return true;
    const slot = table.seekEntry(this.hashOf(ref), ref);
    if (slot < 0) return false;
    this.slot = slot;
    this.slotWords = table.words;
    this.slotEpoch = table.epoch;
    return true;
  }

  private release(ref: number): void {
    const words = this.chunks[chunkOf(ref)];
    const at = wordOf(ref);
    if ((words[at] & HAS_EXPIRY) !== 0) this.wheel.unlink(ref);
    if ((words[at] & TYPE_MASK) !== 0 && this.releaseValue !== null) this.releaseValue(ref);
    this.arena.free(ref, this.bytesOf(words, at));
  }
}
