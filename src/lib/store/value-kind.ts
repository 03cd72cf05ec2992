/**
 * What the keyspace's housekeeping must know of a type of value without knowing its structure: one ValueKind for each type,
 * bound to a shard's arena.
 *
 * A record (record.ts) holds a value in one of two forms:
 *
 *   packed   the value's bytes are all of it: a string, a listpack, an intset
 *   rooted   flag ROOTED; the value is one 32-bit ref: the root, from which everything else hangs by offset. The record may
 *            move, the root stays, and whoever has the root has the value
 */

import type { RecordTable } from './record-table.ts';
import { byteOf, chunkOf, wordOf } from './ref.ts';

/** Flag of a record whose value is a root; the other seven are the type's own. */
export const ROOTED = 0x80;
export const ROOT_BYTES = 4;

export interface ValueKind {
  /** The encoding of a record's value by the name that OBJECT ENCODING has for it. */
  encoding(db: RecordTable, ref: number): string;
  /** Elements of a record's value, as LLEN, HLEN, SCARD, ZCARD, XLEN count them. */
  count(db: RecordTable, ref: number): number;
  /** What release() has to do for a root that nothing was freed of yet, in the units of its budget. */
  burden(root: number, flags: number): number;
  /** Frees about `budget` elements under a root that no record names any more, and the root at last. True when more is left. */
  release(root: number, flags: number, budget: number): boolean;
  /** A copy of all that is under a root: its root; 0 when there is no memory (and then nothing is left behind). */
  clone(root: number, flags: number): number;
  /** Bytes under a root, estimated from `samples` elements; 0 looks at all. */
  memoryBytes(root: number, flags: number, samples: number): number;
  /** The value of this record, a root, came from under another key, or from nowhere; for who must know the key. */
  adopted?(db: RecordTable, ref: number): void;
  /**
   * Moves objects that stand in sparse slabs (Arena.isSparse), of about `count` elements from `cursor` on. Returns the cursor
   * for the rest; 0 begins, and 0 is the end. `moved` is called for each. The root itself stays where it is.
   */
  defragment(root: number, flags: number, cursor: number, count: number, moved: () => void): number;
}

/** The root of a rooted value. */
export function rootOf(chunks: Int32Array[], db: RecordTable, ref: number): number {
  return chunks[chunkOf(ref)][wordOf(ref) + (db.valueByte(ref) >> 2)];
}

export function setRoot(chunks: Int32Array[], db: RecordTable, ref: number, root: number): void {
  chunks[chunkOf(ref)][wordOf(ref) + (db.valueByte(ref) >> 2)] = root;
}

/** Index of a packed value's first byte in its chunk. */
export function valueStart(db: RecordTable, ref: number): number {
  return byteOf(ref) + db.valueByte(ref);
}
