/**
 * The nodes of the B+tree (btree.ts shows them): layout, and moving entries within one and between two. The functions take the
 * words and the view of the node's chunk and the index of its first word; the count is the first word.
 */

export const NODE_BYTES = 1024;
export const LEAF_MAX = 84;
export const INNER_MAX = 50;
/** With fewer, a node shares with a neighbour or merges into it. */
export const LEAF_MIN = 28;
export const INNER_MIN = 16;

/** Words of a leaf's header: refs of its neighbours, 0 at the ends. */
export const NEXT = 1;
export const PREV = 2;
/** Byte offset of the scores, word offset of the members. */
export const LEAF_SCORES = 16;
export const LEAF_MEMBERS = (LEAF_SCORES + LEAF_MAX * 8) >> 2;

/** Byte offset of the scores, word offsets of what belongs to them. */
export const INNER_SCORES = 16;
export const INNER_MEMBERS = (INNER_SCORES + INNER_MAX * 8) >> 2;
export const CHILDREN = INNER_MEMBERS + INNER_MAX;
/** Members under each child. */
export const SIZES = CHILDREN + INNER_MAX;

export function makeLeaf(words: Int32Array, at: number): void {
  words[at] = 0;
  words[at + NEXT] = 0;
  words[at + PREV] = 0;
}

export function leafScore(view: DataView, at: number, slot: number): number {
  return view.getFloat64((at << 2) + LEAF_SCORES + (slot << 3), true);
}

export function setLeafScore(view: DataView, at: number, slot: number, score: number): void {
  view.setFloat64((at << 2) + LEAF_SCORES + (slot << 3), score, true);
}

export function innerScore(view: DataView, at: number, slot: number): number {
  return view.getFloat64((at << 2) + INNER_SCORES + (slot << 3), true);
}

export function setSeparator(
  words: Int32Array,
  view: DataView,
  at: number,
  slot: number,
  score: number,
  member: number,
): void {
  view.setFloat64((at << 2) + INNER_SCORES + (slot << 3), score, true);
  words[at + INNER_MEMBERS + slot] = member;
}

/** Members under the first n children. */
export function sumSizes(words: Int32Array, at: number, n: number): number {
  let sum = 0;
  for (let p = at + SIZES, stop = p + n; p < stop; p++) sum += words[p];
  return sum;
}

/** The first of the slots [from, count) whose score is not below `score` (or, inclusive, above it); `scores` is a byte offset. */
export function countBelow(
  view: DataView,
  scores: number,
  from: number,
  count: number,
  score: number,
  inclusive: boolean,
): number {
  let low = from;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const there = view.getFloat64(scores + (middle << 3), true);
    if (there < score || (inclusive && there === score)) low = middle + 1;
    else high = middle;
  }
  return low;
}

// ── leaves ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function insertInLeaf(
  words: Int32Array,
  view: DataView,
  at: number,
  slot: number,
  score: number,
  member: number,
): void {
  const count = words[at];
  const scores = (at << 2) + LEAF_SCORES;
  const members = at + LEAF_MEMBERS;
  for (let p = scores + (count << 3), stop = scores + (slot << 3); p > stop; p -= 8)
    view.setFloat64(p, view.getFloat64(p - 8, true), true);
  for (let p = members + count, stop = members + slot; p > stop; p--) words[p] = words[p - 1];
  view.setFloat64(scores + (slot << 3), score, true);
  words[members + slot] = member;
  words[at] = count + 1;
}

export function removeFromLeaf(words: Int32Array, view: DataView, at: number, slot: number): void {
  closeLeaf(words, view, at, slot, 1);
}

/** Removes n entries from `slot` on. */
function closeLeaf(words: Int32Array, view: DataView, at: number, slot: number, n: number): void {
  const count = words[at];
  shiftScores(view, (at << 2) + LEAF_SCORES, slot, n, count);
  shiftWords(words, at + LEAF_MEMBERS, slot, n, count);
  words[at] = count - n;
}

function shiftScores(view: DataView, scores: number, slot: number, n: number, count: number): void {
  const distance = n << 3;
  for (let p = scores + (slot << 3), stop = scores + ((count - n) << 3); p < stop; p += 8)
    view.setFloat64(p, view.getFloat64(p + distance, true), true);
}

function shiftWords(words: Int32Array, first: number, slot: number, n: number, count: number): void {
  for (let p = first + slot, stop = first + count - n; p < stop; p++) words[p] = words[p + n];
}

/** Moves what is from slot `keep` on to the beginning of the next leaf. */
export function moveLeafTail(
  from: Int32Array,
  fromView: DataView,
  fromAt: number,
  keep: number,
  to: Int32Array,
  toView: DataView,
  toAt: number,
): void {
  const n = from[fromAt] - keep;
  const count = to[toAt];
  for (let i = count - 1; i >= 0; i--) {
    setLeafScore(toView, toAt, i + n, leafScore(toView, toAt, i));
    to[toAt + LEAF_MEMBERS + i + n] = to[toAt + LEAF_MEMBERS + i];
  }
  for (let i = 0; i < n; i++) {
    setLeafScore(toView, toAt, i, leafScore(fromView, fromAt, keep + i));
    to[toAt + LEAF_MEMBERS + i] = from[fromAt + LEAF_MEMBERS + keep + i];
  }
  to[toAt] = count + n;
  from[fromAt] = keep;
}

/** Moves the first n entries to the end of the leaf before. */
export function moveLeafHead(
  from: Int32Array,
  fromView: DataView,
  fromAt: number,
  n: number,
  to: Int32Array,
  toView: DataView,
  toAt: number,
): void {
  const count = to[toAt];
  for (let i = 0; i < n; i++) {
    setLeafScore(toView, toAt, count + i, leafScore(fromView, fromAt, i));
    to[toAt + LEAF_MEMBERS + count + i] = from[fromAt + LEAF_MEMBERS + i];
  }
  to[toAt] = count + n;
  closeLeaf(from, fromView, fromAt, 0, n);
}

// ── inner nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────

export function insertInInner(
  words: Int32Array,
  view: DataView,
  at: number,
  slot: number,
  child: number,
  size: number,
  score: number,
  member: number,
): void {
  for (let i = words[at]; i > slot; i--) copyEntry(words, view, at, i - 1, words, view, at, i);
  words[at + CHILDREN + slot] = child;
  words[at + SIZES + slot] = size;
  setSeparator(words, view, at, slot, score, member);
  words[at]++;
}

export function removeFromInner(words: Int32Array, view: DataView, at: number, slot: number): void {
  closeInner(words, view, at, slot, 1);
}

function closeInner(words: Int32Array, view: DataView, at: number, slot: number, n: number): void {
  const count = words[at];
  shiftScores(view, (at << 2) + INNER_SCORES, slot, n, count);
  shiftWords(words, at + INNER_MEMBERS, slot, n, count);
  shiftWords(words, at + CHILDREN, slot, n, count);
  shiftWords(words, at + SIZES, slot, n, count);
  words[at] = count - n;
}

function copyEntry(
  from: Int32Array,
  fromView: DataView,
  fromAt: number,
  fromSlot: number,
  to: Int32Array,
  toView: DataView,
  toAt: number,
  toSlot: number,
): void {
  to[toAt + CHILDREN + toSlot] = from[fromAt + CHILDREN + fromSlot];
  to[toAt + SIZES + toSlot] = from[fromAt + SIZES + fromSlot];
  const score = innerScore(fromView, fromAt, fromSlot);
  setSeparator(to, toView, toAt, toSlot, score, from[fromAt + INNER_MEMBERS + fromSlot]);
}

/** Moves what is from slot `keep` on to the beginning of the next node. */
export function moveInnerTail(
  from: Int32Array,
  fromView: DataView,
  fromAt: number,
  keep: number,
  to: Int32Array,
  toView: DataView,
  toAt: number,
): void {
  const n = from[fromAt] - keep;
  for (let i = to[toAt] - 1; i >= 0; i--) copyEntry(to, toView, toAt, i, to, toView, toAt, i + n);
  for (let i = 0; i < n; i++) copyEntry(from, fromView, fromAt, keep + i, to, toView, toAt, i);
  to[toAt] += n;
  from[fromAt] = keep;
}

/** Moves the first n entries to the end of the node before. */
export function moveInnerHead(
  from: Int32Array,
  fromView: DataView,
  fromAt: number,
  n: number,
  to: Int32Array,
  toView: DataView,
  toAt: number,
): void {
  const count = to[toAt];
  for (let i = 0; i < n; i++) copyEntry(from, fromView, fromAt, i, to, toView, toAt, count + i);
  to[toAt] = count + n;
  closeInner(from, fromView, fromAt, 0, n);
}
