/**
 * Two neighbours in the B+tree (btree.ts), children `slot` and `slot` + 1 of `parent`: one has too few entries, so they share,
 * or become one.
 *
 *   share   │ a b │ c d e f g h │ ─▶ │ a b c d │ e f g h │        merge   │ a b │ c d │ ─▶ │ a b c d │
 *
 * In the inner node after another, the first entry has no separator: when it moves, it gets the one between the two.
 */
import { chunkOf, wordOf } from '../ref.ts';
import * as node from './btree-node.ts';
import { INNER_MEMBERS, LEAF_MEMBERS, NEXT, PREV, SIZES } from './btree-node.ts';

/** Moves all of a leaf to the end of the one before it. */
export function mergeLeaves(chunks: Int32Array[], views: DataView[], left: number, right: number): void {
  const wordsL = chunks[chunkOf(left)];
  const wordsR = chunks[chunkOf(right)];
  const next = wordsR[wordOf(right) + NEXT];
  node.moveLeafHead(
    wordsR,
    views[chunkOf(right)],
    wordOf(right),
    wordsR[wordOf(right)],
    wordsL,
    views[chunkOf(left)],
    wordOf(left),
  );
  wordsL[wordOf(left) + NEXT] = next;
  if (next !== 0) chunks[chunkOf(next)][wordOf(next) + PREV] = left;
}

/** Moves all of an inner node to the end of the one before it: children `slot` + 1 and `slot` of `parent`. */
export function mergeInners(
  chunks: Int32Array[],
  views: DataView[],
  parent: number,
  slot: number,
  left: number,
  right: number,
): void {
  moveInnerHead(chunks, views, parent, slot, left, right, chunks[chunkOf(right)][wordOf(right)]);
}

/** Moves the first n entries of `right` to the end of `left`. The first of them gets the separator between the two. */
function moveInnerHead(
  chunks: Int32Array[],
  views: DataView[],
  parent: number,
  slot: number,
  left: number,
  right: number,
  n: number,
): void {
  const viewP = views[chunkOf(parent)];
  const score = node.innerScore(viewP, wordOf(parent), slot + 1);
  const member = chunks[chunkOf(parent)][wordOf(parent) + INNER_MEMBERS + slot + 1];
  node.setSeparator(chunks[chunkOf(right)], views[chunkOf(right)], wordOf(right), 0, score, member);
  node.moveInnerHead(
    chunks[chunkOf(right)],
    views[chunkOf(right)],
    wordOf(right),
    n,
    chunks[chunkOf(left)],
    views[chunkOf(left)],
    wordOf(left),
  );
}

/** Evens out two leaves. */
export function shareLeaves(
  chunks: Int32Array[],
  views: DataView[],
  parent: number,
  slot: number,
  left: number,
  right: number,
): void {
  const wordsL = chunks[chunkOf(left)];
  const wordsR = chunks[chunkOf(right)];
  const viewL = views[chunkOf(left)];
  const viewR = views[chunkOf(right)];
  const atL = wordOf(left);
  const atR = wordOf(right);
  const target = (wordsL[atL] + wordsR[atR]) >> 1;
  const moved = target - wordsL[atL];
  if (moved > 0) node.moveLeafHead(wordsR, viewR, atR, moved, wordsL, viewL, atL);
  else node.moveLeafTail(wordsL, viewL, atL, target, wordsR, viewR, atR);
  shared(chunks, views, parent, slot, moved, node.leafScore(viewR, atR, 0), wordsR[atR + LEAF_MEMBERS]);
}

/** Evens out two inner nodes. */
export function shareInners(
  chunks: Int32Array[],
  views: DataView[],
  parent: number,
  slot: number,
  left: number,
  right: number,
): void {
  const wordsL = chunks[chunkOf(left)];
  const wordsR = chunks[chunkOf(right)];
  const atL = wordOf(left);
  const atR = wordOf(right);
  const target = (wordsL[atL] + wordsR[atR]) >> 1;
  const before = node.sumSizes(wordsL, atL, wordsL[atL]);
  if (target > wordsL[atL]) moveInnerHead(chunks, views, parent, slot, left, right, target - wordsL[atL]);
  else {
    const viewP = views[chunkOf(parent)];
    const score = node.innerScore(viewP, wordOf(parent), slot + 1);
    const member = chunks[chunkOf(parent)][wordOf(parent) + INNER_MEMBERS + slot + 1];
    node.setSeparator(wordsR, views[chunkOf(right)], atR, 0, score, member);
    node.moveInnerTail(wordsL, views[chunkOf(left)], atL, target, wordsR, views[chunkOf(right)], atR);
  }
  const moved = node.sumSizes(wordsL, atL, wordsL[atL]) - before;
  const score = node.innerScore(views[chunkOf(right)], atR, 0);
  shared(chunks, views, parent, slot, moved, score, wordsR[atR + INNER_MEMBERS]);
}

/** `moved` members went from child slot + 1 to child slot, and the right one's separator is another. */
function shared(
  chunks: Int32Array[],
  views: DataView[],
  parent: number,
  slot: number,
  moved: number,
  score: number,
  member: number,
): void {
  const words = chunks[chunkOf(parent)];
  const at = wordOf(parent);
  words[at + SIZES + slot] += moved;
  words[at + SIZES + slot + 1] -= moved;
  node.setSeparator(words, views[chunkOf(parent)], at, slot + 1, score, member);
}
