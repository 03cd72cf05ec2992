/**
 * One database: a table of records (record-table.ts), with the wheel that finds the keys whose time is over. Keys and values
 * come from packet memory. FLUSHALL only puts the table aside: what was in it is freed in steps.
 */

import type { PacketMemory } from '../memory/packet-memory.ts';
import type { Arena } from './arena.ts';
import * as record from './record.ts';
import { HAS_EXPIRY, TYPE_MASK } from './record.ts';
import { RecordTable, segmentsFor } from './record-table.ts';
import { chunkOf, wordOf } from './ref.ts';
import type { ExpiryOwner, ExpiryWheel } from './wheel.ts';

/** Keys from which on touching a batch's records ahead pays: below, they are in the cache (measured: bench/store.ts). */
const PREFETCH_MIN_KEYS = 65_536;
/** Records that are freed at a time when there is no other way. */
const FREE_BATCH = 256;

/** A table that was cleared, with the records that are yet to be freed. */
interface Grave {
  readonly root: number;
  readonly owner: number;
  cursor: number;
}

export class Keyspace extends RecordTable implements ExpiryOwner {
  /** The database's number; exchanged by SWAPDB. */
  index: number;
  /** Keys that have a deadline. */
  expires = 0;
  /** Called before a record is freed whose type is not 0 (string): its value may own more memory. */
  releaseValue: ((ref: number) => void) | null = null;
  private owner: number;
  private readonly graves: Grave[] = [];
  private readonly view: DataView;
  private readonly wheel: ExpiryWheel;

  /**
   * Throws a RangeError if the arena has no room for an empty table.
   *
   * @param memory where keys and values come from
   * @param hashKey two secret words
   * @param index the database's number
   */
  constructor(arena: Arena, memory: PacketMemory, hashKey: Int32Array, wheel: ExpiryWheel, index: number) {
    super(arena, hashKey);
    this.view = memory.dv;
    this.wheel = wheel;
    this.index = index;
    this.owner = wheel.register(this);
    if (this.owner === 0) throw new RangeError('too many keyspaces');
    if (this.create() === 0) throw new RangeError('the arena is too small for a hash table');
  }

  /** Hash of the key at an offset in packet memory. */
  hash(keyOffset: number, keyLength: number): number {
    return this.hashOfBytes(this.view, keyOffset, keyLength);
  }

  /** A batch of keys is large enough, and the table, for touching ahead to pay. */
  get worthPrefetching(): boolean {
    return this.table.size >= PREFETCH_MIN_KEYS;
  }

  /** The record of a key in packet memory, or 0. Does not look at its expiry. */
  find(keyOffset: number, keyLength: number, hash: number): number {
    return this.findBytes(this.view, keyOffset, keyLength, hash);
  }

  /** Adds a key that is not there, with room for a value whose contents are undefined. Returns its ref; 0 without memory. */
  insert(keyOffset: number, keyLength: number, hash: number, type: number, valueBytes: number): number {
    return this.insertBytes(this.view, keyOffset, keyLength, hash, type, valueBytes);
  }

  /** Sets when the key expires, in ms since 1970; not above 0: never. Returns its ref, which may be another; 0 without memory. */
  setExpiry(ref: number, atMs: number): number {
    const had = (this.chunks[chunkOf(ref)][wordOf(ref)] & HAS_EXPIRY) !== 0;
    if (atMs <= 0 && !had) return ref;
    if (had) this.wheel.unlink(ref);
    const wants = atMs > 0;
    const now = this.withExpiry(ref, wants);
    if (now === 0) {
      if (had) this.wheel.schedule(ref);
      return 0;
    }
    if (wants !== had) this.expires += wants ? 1 : -1;
    if (!wants) return now;
    record.setDeadline(this.chunks[chunkOf(now)], wordOf(now), atMs, this.owner);
    this.wheel.schedule(now);
    return now;
  }

  /** True when the record, which is in the wheel, is one of this database. */
  owns(ref: number): boolean {
    return record.ownerAt(this.chunks[chunkOf(ref)], wordOf(ref)) === this.owner;
  }

  override remove(ref: number): void {
    if (!this.seekSlot(ref)) return;
    if ((this.chunks[chunkOf(ref)][wordOf(ref)] & HAS_EXPIRY) !== 0) this.expires--;
    super.remove(ref);
  }

  /** Empties the database at once; freeStep() frees what was in it. */
  clear(): void {
    if (this.size === 0) return;
    const grave: Grave = { root: this.root, owner: this.owner, cursor: 0 };
    this.expires = 0;
    this.wheel.disown(grave.owner);
    this.graves.push(grave);
    const owner = this.wheel.register(this);
    if (owner === 0 || this.create() === 0) {
      // No owner number or no memory for the new table: now there will be.
      if (owner !== 0) this.wheel.unregister(owner);
      while (this.freeStep(FREE_BATCH));
      this.owner = this.wheel.register(this);
      if (this.create() === 0) throw new RangeError('no memory for an empty table, after all was freed');
      return;
    }
    this.owner = owner;
  }

  /** Frees about `budget` records of cleared databases. True when there are more. */
  freeStep(budget: number): boolean {
    const grave = this.graves[0];
    if (grave === undefined) return false;
    const current = this.root;
    this.open(grave.root);
    if (!this.table.emptied) {
      const { doomed: found } = this;
      found.length = 0;
      grave.cursor = this.collect(grave.cursor, budget, found);
      for (let i = 0; i < found.length; i++) this.release(found.refs[i]);
    }
    if (grave.cursor === 0 && !this.table.destroyStep(segmentsFor(budget))) {
      this.wheel.unregister(grave.owner);
      this.graves.shift();
    }
    if (current !== grave.root) this.open(current);
    return this.graves.length > 0;
  }

  protected override relocated(moved: number): void {
    this.wheel.relocated(moved);
  }

  protected override release(ref: number): void {
    const meta = this.chunks[chunkOf(ref)][wordOf(ref)];
    if ((meta & HAS_EXPIRY) !== 0) this.wheel.unlink(ref);
    if ((meta & TYPE_MASK) !== 0 && this.releaseValue !== null) this.releaseValue(ref);
    super.release(ref);
  }
}
