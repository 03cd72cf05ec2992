/**
 * Names of keys, each with what somebody keeps about it: who watches it, who waits for it, who has read it. An entry is found
 * by the key's hash, which every change computes once, and then compared byte by byte: no string is made on the way.
 *
 *   hash ─▶ Map ─▶ entry ─next─▶ entry         (entries of one hash: nearly always one)
 *                   database, name, value
 *
 * Entries are chained in the order in which they came, too: asking a Map for its oldest entry walks over the places of all
 * those that were removed before it.
 */

import type { PacketMemory } from '../memory/packet-memory.ts';
import type { Arena } from '../store/arena.ts';
import { hashBytes } from '../store/hash.ts';
import type { Keyspace } from '../store/keyspace.ts';
import { byteOf, chunkOf } from '../store/ref.ts';

/** The database of keys that are meant in all databases. */
export const ANY_DATABASE = -1;
/** Behind a name: word-wise reads may run over its end. */
const GAP_BYTES = 8;

export class KeyEntry<T> {
  readonly database: number;
  readonly hash: number;
  /** latin1: one character for one byte. A string, because a typed array takes 200 bytes more. */
  readonly name: string;
  value: T;
  next: KeyEntry<T> | null;
  /** Who came before and after it. */
  older: KeyEntry<T> | null;
  newer: KeyEntry<T> | null = null;
  /** The name as bytes, for those who look it up. */
  private view: DataView | null = null;

  constructor(
    database: number,
    hash: number,
    name: string,
    value: T,
    next: KeyEntry<T> | null,
    older: KeyEntry<T> | null,
  ) {
    this.database = database;
    this.hash = hash;
    this.name = name;
    this.value = value;
    this.next = next;
    this.older = older;
  }

  /** The key's record in its database, or 0; its expiry is not looked at. */
  find(databases: readonly Keyspace[]): number {
    return this.findIn(databases[this.database]);
  }

  /** The record of a key of this name in another database, or 0. */
  findIn(database: Keyspace): number {
    if (this.view === null) {
      const padded = Buffer.alloc(this.name.length + GAP_BYTES);
      padded.write(this.name, 'latin1');
      this.view = new DataView(padded.buffer, padded.byteOffset, padded.length);
    }
    return database.findBytes(this.view, 0, this.name.length, this.hash);
  }
}

/** The hash of a record's key. */
export function hashOfRecord(arena: Arena, db: Keyspace, ref: number): number {
  return hashBytes(arena.views[chunkOf(ref)], byteOf(ref) + db.keyByte(ref), db.keyLength(ref), db.hashKey);
}

export class KeyIndex<T> {
  /** Keys in it. */
  size = 0;
  /** The one that came first of those that are in it. */
  oldest: KeyEntry<T> | null = null;
  private newest: KeyEntry<T> | null = null;
  private readonly byHash = new Map<number, KeyEntry<T>>();

  /** The entry of the key whose record is `ref` (with its hash), in `database`. */
  ofRecord(arena: Arena, db: Keyspace, ref: number, hash: number, database: number): KeyEntry<T> | null {
    const first = this.byHash.get(hash);
    if (first === undefined) return null;
    return chained(first, database, arena.bytes8[chunkOf(ref)], byteOf(ref) + db.keyByte(ref), db.keyLength(ref));
  }

  /** The entry of a key in packet memory. */
  ofBytes(memory: PacketMemory, offset: number, length: number, hash: number, database: number): KeyEntry<T> | null {
    const first = this.byHash.get(hash);
    return first === undefined ? null : chained(first, database, memory.u8, offset, length);
  }

  /** Adds a key that is not in it. */
  add(memory: PacketMemory, offset: number, length: number, hash: number, database: number, value: T): KeyEntry<T> {
    const { byHash, newest } = this;
    const name = memory.latin1(offset, length);
    const entry = new KeyEntry(database, hash, name, value, byHash.get(hash) ?? null, newest);
    byHash.set(hash, entry);
    if (newest === null) this.oldest = entry;
    else newest.newer = entry;
    this.newest = entry;
    this.size++;
    return entry;
  }

  /** Takes an entry out that is in it. */
  remove(entry: KeyEntry<T>): void {
    const { older, newer } = entry;
    if (older === null) this.oldest = newer;
    else older.newer = newer;
    if (newer === null) this.newest = older;
    else newer.older = older;
    this.size--;
    const first = this.byHash.get(entry.hash) as KeyEntry<T>;
    if (first === entry) {
      if (entry.next === null) this.byHash.delete(entry.hash);
      else this.byHash.set(entry.hash, entry.next);
      return;
    }
    let before = first;
    while (before.next !== entry) before = before.next as KeyEntry<T>;
    before.next = entry.next;
  }

  /** Every entry, the oldest first; none may be removed meanwhile. */
  *entries(): Generator<KeyEntry<T>> {
    for (let entry = this.oldest; entry !== null; entry = entry.newer) yield entry;
  }

  clear(): void {
    this.byHash.clear();
    this.size = 0;
    this.oldest = null;
    this.newest = null;
  }
}

function chained<T>(
  first: KeyEntry<T>,
  database: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): KeyEntry<T> | null {
  for (let entry: KeyEntry<T> | null = first; entry !== null; entry = entry.next) {
    if (entry.database === database && entry.name.length === length && same(entry.name, bytes, at)) return entry;
  }
  return null;
}

function same(name: string, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) !== bytes[at + i]) return false;
  return true;
}
