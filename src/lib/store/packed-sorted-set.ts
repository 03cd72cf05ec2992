/**
 * A small sorted set as a listpack, byte for byte as Redis keeps it: members in order, each with its score after it.
 *
 *   │ header │ member │ score │ member │ score │ … │ 0xff │
 *
 * Functions over a view and the listpack's beginning `at`; places are positions of members, 0 is none.
 */
import * as listpack from './listpack.ts';
import { compareBytes } from './ordered/compare.ts';
import { insertScore, readScore, scoreBytes } from './score.ts';

export function count(view: DataView, at: number): number {
  return listpack.count(view, at) >> 1;
}

export function find(view: DataView, at: number, member: DataView, start: number, length: number): number {
  return listpack.find(view, listpack.first(view, at), 1, member, start, length);
}

export function scoreAt(view: DataView, place: number): number {
  return readScore(view, place + listpack.entryBytes(view, place));
}

export function seek(view: DataView, at: number, rank: number): number {
  return listpack.seek(view, at, 2 * rank);
}

export function next(view: DataView, place: number): number {
  return listpack.next(view, listpack.next(view, place));
}

export function prev(view: DataView, at: number, place: number): number {
  const score = listpack.prev(view, at, place);
  return score === 0 ? 0 : listpack.prev(view, at, score);
}

export function rankOf(view: DataView, at: number, place: number): number {
  let rank = 0;
  for (let p = listpack.first(view, at); p !== place; p = next(view, p)) rank++;
  return rank;
}

/** How many members have a lower score, or (inclusive) one that is not higher. */
export function belowScore(view: DataView, at: number, score: number, inclusive: boolean): number {
  let rank = 0;
  for (let p = listpack.first(view, at); p !== 0; p = next(view, p), rank++) {
    const there = scoreAt(view, p);
    if (there > score || (there === score && !inclusive)) break;
  }
  return rank;
}

/** How many members, all of the same score, are before these bytes, or (inclusive) not after them. */
export function belowBytes(
  view: DataView,
  at: number,
  other: DataView,
  start: number,
  length: number,
  inclusive: boolean,
): number {
  const limit = inclusive ? 1 : 0; // a comparison below this counts
  let rank = 0;
  for (let p = listpack.first(view, at); p !== 0; p = next(view, p), rank++) {
    if (compareAt(view, p, other, start, length) >= limit) break;
  }
  return rank;
}

function compareAt(view: DataView, p: number, other: DataView, start: number, length: number): number {
  listpack.decode(view, p);
  const { item } = listpack;
  return compareBytes(item.view, item.start, item.length, other, start, length);
}

/** Bytes that a member and its score take. The score's text is kept until `insert`. */
export function pairBytes(member: DataView, start: number, length: number, score: number): number {
  return listpack.encodedBytes(member, start, length) + scoreBytes(score);
}

/** Inserts a member that is not there, for which pairBytes() was asked last and there is room. */
export function insert(
  view: DataView,
  at: number,
  member: DataView,
  start: number,
  length: number,
  score: number,
): void {
  let p = listpack.first(view, at);
  while (p !== 0) {
    const there = scoreAt(view, p);
    if (there > score || (there === score && compareAt(view, p, member, start, length) > 0)) break;
    p = next(view, p);
  }
  append(view, at, p === 0 ? listpack.end(view, at) : p, member, start, length, score);
}

/** As insert, before the member (or end mark) at p. */
export function append(
  view: DataView,
  at: number,
  p: number,
  member: DataView,
  start: number,
  length: number,
  score: number,
): void {
  scoreBytes(score); // what was compared on the way may have had texts of their own
  listpack.insert(view, at, p, member, start, length);
  insertScore(view, at, p + listpack.entryBytes(view, p), score);
}

/** Removes n members from the one at `place` on. */
export function remove(view: DataView, at: number, place: number, n: number): void {
  listpack.deleteRange(view, at, place, 2 * n);
}
