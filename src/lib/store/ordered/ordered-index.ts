/**
 * The order of a sorted set: members by score, and by their bytes where scores are equal. An index holds scores and the refs
 * of the members' records (record.ts), whose keys it compares where they lie; it owns neither record nor key.
 *
 *   rank    0       1       2       3       4
 *         │ 1 "a" │ 1 "b" │ 2 "x" │ 7 "c" │ 9 "d" │        belowScore(2, false) = 2   belowScore(2, true) = 3
 *
 * Ranges by score, by bytes and by rank are all ranges of ranks: the bounds are turned into ranks, seek() goes to the first,
 * next() or prev() walk on. An index lies in the arena under a root; the object is a view of one at a time, with one cursor.
 */
import type { RefList } from '../table.ts';

export interface OrderedIndex {
  /** Members. */
  readonly size: number;
  /** Ref of the root that is open. */
  readonly root: number;
  /** Bytes in the arena, without the members' records. */
  readonly bytes: number;

  /** Makes an empty index and opens it. Returns its root; 0 when there is no memory. */
  create(): number;
  /** Points the view at the index with this root. */
  open(root: number): void;

  /** Adds a member that is not there; `score` is not NaN. False, and nothing changed, when there is no memory. */
  insert(score: number, member: number): boolean;
  /** Removes a member, whose record is still there. False when it is not in the index under this score. */
  remove(score: number, member: number): boolean;
  /** Gives a member another score where its place stays the same; false, and nothing changed, when it would have to move. */
  rescore(score: number, member: number, to: number): boolean;

  /** The record of the member of a rank stands elsewhere now; what is in the index of the old one is not looked at. */
  replace(rank: number, member: number): void;

  /** The rank of a member that is there, from 0. */
  rank(score: number, member: number): number;
  /** How many members have a lower score, or (inclusive) one that is not higher. */
  belowScore(score: number, inclusive: boolean): number;
  /** How many members, all of the same score, are before these bytes, or (inclusive) not after them. */
  belowBytes(view: DataView, start: number, length: number, inclusive: boolean): number;

  /** Puts the cursor on the member of a rank; false when there is none. Any change ends the cursor's life. */
  seek(rank: number): boolean;
  /** Moves the cursor to the member after it; false at the end. */
  next(): boolean;
  /** Moves the cursor to the member before it; false at the beginning. */
  prev(): boolean;
  /** The score at the cursor. */
  readonly score: number;
  /** The record at the cursor. */
  readonly member: number;

  /**
   * Frees the nodes of about `budget` members, appending the members to `into`; at last the root. True when more is left:
   * then nothing but this may be done with the index.
   */
  destroyStep(root: number, budget: number, into: RefList): boolean;
}
