/**
 * Changes in the middle of a quicklist: inserting with splits and merges, replacing, removing a range. Where redis-server would
 * split a node, use a neighbour's room, or merge nodes, so does this: OBJECT ENCODING shows how many nodes a list has.
 *
 *   insert into a full node:   │ a b c d │ ─▶ │ a b │ x c d │      then the two neighbours on each side are merged, if they fit
 */
import { copyAcross } from '../memory/copy.ts';
import * as listpack from './listpack.ts';
import { entryBytesAtMost, fillBytes, fillCount, type Quicklist } from './quicklist.ts';
import { COUNT, createNode, listpackBytes, NEXT, PLAIN, PREV, START } from './quicklist-node.ts';

/** What two listpacks need less when they are one: a header and an end mark. */
const MERGE_SAVES_BYTES = 7;

/**
 * Inserts an element before or after the cursor's. `limited`: nodes have the list's limit. False, and the list as it was, when
 * there is no memory. The cursor is not valid afterwards.
 */
export function insert(
  list: Quicklist,
  after: boolean,
  from: DataView,
  start: number,
  length: number,
  limited: boolean,
): boolean {
  const { node } = list;
  const position = after ? list.p + listpack.entryBytes(list.view, list.p) : list.p;
  if (!limited || list.admits(node, length)) {
    if (!list.insertHere(position, from, start, length)) return false;
    if (node !== 0) list.compressAround(node);
    return true;
  }
  const atEnd = after ? position === listpack.end(list.view, list.at) : position === list.at + listpack.HEADER_BYTES;
  if (length >= list.plainBytes) {
    if (list.isPlain(node) || atEnd) return insertNode(list, node, after, from, start, length);
    return insertBetween(list, position, after, from, start, length);
  }
  if (!atEnd) return insertWithSplit(list, position, after, from, start, length);
  const neighbour = list.nodeWord(node, after ? NEXT : PREV);
  if (!list.admits(neighbour, length)) return insertNode(list, node, after, from, start, length);
  if (!list.enterToChange(neighbour)) return false;
  const place = after ? list.at + listpack.HEADER_BYTES : listpack.end(list.view, list.at);
  if (!list.insertHere(place, from, start, length)) return false;
  list.compressAround(neighbour);
  return true;
}

/** A new node for the element, beside another. */
function insertNode(
  list: Quicklist,
  node: number,
  after: boolean,
  from: DataView,
  start: number,
  length: number,
): boolean {
  const made = nodeOf(list, from, start, length);
  if (made === 0) return false;
  list.link(made, after ? list.nodeWord(node, NEXT) : node);
  list.addTotal(1);
  list.compressAround(made);
  return true;
}

/** A node in no chain yet with one element; its count is right, the list's is not. */
function nodeOf(list: Quicklist, from: DataView, start: number, length: number): number {
  const made = createNode(list.arena, listpack.EMPTY_BYTES + entryBytesAtMost(length), false);
  if (made === 0) return 0;
  list.enter(made);
  listpack.append(list.view, list.at, from, start, length);
  list.setNodeWord(made, COUNT, 1);
  if (length >= list.plainBytes) list.setNodeWord(made, START, list.nodeWord(made, START) | PLAIN);
  return made;
}

/** A plain node for the element, between the two halves of the cursor's node. */
function insertBetween(
  list: Quicklist,
  position: number,
  after: boolean,
  from: DataView,
  start: number,
  length: number,
): boolean {
  const { node } = list;
  const offset = position - list.at;
  const made = nodeOf(list, from, start, length);
  if (made === 0) return false;
  list.enter(node);
  list.p = list.at + offset;
  const rest = split(list, list.p, after, 0);
  if (rest === 0) {
    list.link(made, 0);
    list.drop(made);
    return false;
  }
  list.link(made, after ? list.nodeWord(node, NEXT) : node);
  list.link(rest, after ? list.nodeWord(made, NEXT) : made);
  list.addTotal(1);
  list.compressAround(node);
  return true;
}

function insertWithSplit(
  list: Quicklist,
  position: number,
  after: boolean,
  from: DataView,
  start: number,
  length: number,
): boolean {
  const { node } = list;
  const rest = split(list, position, after, entryBytesAtMost(length));
  if (rest === 0) return false;
  list.link(rest, after ? list.nodeWord(node, NEXT) : node);
  list.enter(rest);
  const place = after ? list.at + listpack.HEADER_BYTES : listpack.end(list.view, list.at);
  if (!list.insertHere(place, from, start, length)) return false; // can't be: there is room
  const merged = mergeAround(list, node);
  list.compressAround(merged);
  return true;
}

/**
 * Cuts the cursor's node in two at a position: what is from it on (after) or before it (else) goes into a new node, which is in
 * no chain yet and has room for `spare` bytes more. Returns that; 0, and nothing done, without memory.
 */
function split(list: Quicklist, position: number, after: boolean, spare: number): number {
  const offset = position - list.at;
  const { node } = list;
  if (!list.enterToChange(node)) return 0;
  const { view, at } = list;
  const first = at + listpack.HEADER_BYTES;
  const cut = at + offset;
  const end = listpack.end(view, at);
  const from = after ? cut : first;
  const bytes = after ? end - cut : cut - first;
  const made = createNode(list.arena, listpack.EMPTY_BYTES + bytes + spare, false);
  if (made === 0) return 0;
  let entries = 0;
  for (let p = from; p < from + bytes; p += listpack.entryBytes(view, p)) entries++;
  list.enter(made);
  copyAcross(list.view, list.at + listpack.HEADER_BYTES, view, from, bytes);
  listpack.close(list.view, list.at, bytes, entries);
  list.setNodeWord(made, COUNT, entries);
  list.enter(node);
  list.p = from;
  list.addTotal(entries); // the list has as many as before
  list.removeHere(entries);
  return made;
}

/** Merges the nodes beside `center`, and it with them, as far as they fit into one. Returns the node that `center` is part of. */
function mergeAround(list: Quicklist, center: number): number {
  const prev = list.nodeWord(center, PREV);
  const prevPrev = prev === 0 ? 0 : list.nodeWord(prev, PREV);
  const next = list.nodeWord(center, NEXT);
  const nextNext = next === 0 ? 0 : list.nodeWord(next, NEXT);
  if (mayMerge(list, prevPrev, prev)) merge(list, prevPrev, prev);
  if (mayMerge(list, next, nextNext)) merge(list, next, nextNext);
  let target = center;
  const before = list.nodeWord(center, PREV);
  if (mayMerge(list, before, center) && merge(list, before, center)) target = before;
  const behind = list.nodeWord(target, NEXT);
  if (mayMerge(list, target, behind)) merge(list, target, behind);
  return target;
}

function mayMerge(list: Quicklist, a: number, b: number): boolean {
  if (a === 0 || b === 0 || list.isPlain(a) || list.isPlain(b)) return false;
  const fill = list.listFill;
  const bytes = listpackBytes(list.arena, a) + listpackBytes(list.arena, b) - MERGE_SAVES_BYTES;
  return bytes <= fillBytes(fill) && list.nodeWord(a, COUNT) + list.nodeWord(b, COUNT) <= fillCount(fill);
}

/** Appends the elements of b to a, its predecessor, and drops b. False, and nothing done, without memory. */
function merge(list: Quicklist, a: number, b: number): boolean {
  const { arena } = list;
  if (!list.enterToChange(b) || !list.enterToChange(a)) return false;
  const bytes = listpackBytes(arena, b) - listpack.EMPTY_BYTES;
  if (!list.roomBehind(bytes)) return false;
  const { view, at } = list;
  const entries = list.nodeWord(b, COUNT);
  list.enter(b);
  const end = listpack.end(view, at);
  copyAcross(view, end, list.view, list.at + listpack.HEADER_BYTES, bytes);
  const inA = list.nodeWord(a, COUNT);
  listpack.close(view, at, end - at - listpack.HEADER_BYTES + bytes, inA + entries);
  list.setNodeWord(a, COUNT, inA + entries);
  list.drop(b);
  return true;
}

/** Gives the cursor's element other bytes. False, and the list as it was, without memory. The cursor is not valid afterwards. */
export function replace(list: Quicklist, from: DataView, start: number, length: number): boolean {
  const { node } = list;
  if (node === 0 || (!list.isPlain(node) && length < list.plainBytes)) {
    if (!list.replaceHere(from, start, length)) return false;
    if (node !== 0) list.compressAround(node);
    return true;
  }
  if (list.isPlain(node)) return replacePlain(list, node, from, start, length);
  return replaceByPlain(list, node, from, start, length);
}

/** A plain node's element goes with its node, after another element has come in after it. */
function replacePlain(list: Quicklist, node: number, from: DataView, start: number, length: number): boolean {
  if (length >= list.plainBytes) return list.replaceHere(from, start, length);
  if (!insert(list, true, from, start, length, true)) return false;
  list.drop(node);
  list.addTotal(-1);
  list.compressAround(0);
  return true;
}

/** An element of a listpack becomes a node of its own, and what was behind it another. */
function replaceByPlain(list: Quicklist, node: number, from: DataView, start: number, length: number): boolean {
  const offset = list.p - list.at;
  const made = nodeOf(list, from, start, length);
  if (made === 0) return false;
  list.enter(node);
  const behind = list.at + offset + listpack.entryBytes(list.view, list.at + offset);
  let rest = 0;
  if (behind !== listpack.end(list.view, list.at)) {
    list.p = behind;
    rest = split(list, behind, true, 0);
    if (rest === 0) {
      list.link(made, 0);
      list.drop(made);
      return false;
    }
  }
  list.link(made, list.nodeWord(node, NEXT));
  if (rest !== 0) list.link(rest, list.nodeWord(made, NEXT));
  list.addTotal(1);
  if (!list.enterToChange(node)) return false;
  list.p = listpack.last(list.view, list.at);
  list.removeHere(1);
  if (list.node !== 0) mergeAround(list, made);
  list.compressAround(made);
  return true;
}

/**
 * Makes sure that the list may be cut before the elements of two indices: a compressed node that has elements on both sides of
 * a cut is expanded. False, and the list as it was, without memory.
 */
export function mayCut(list: Quicklist, first: number, second: number): boolean {
  if (!mayCutAt(list, first)) return false;
  const { node } = list;
  if (mayCutAt(list, second)) return true;
  if (node !== 0) list.compressAround(node);
  return false;
}

function mayCutAt(list: Quicklist, index: number): boolean {
  if (list.root === 0 || index === 0 || !list.seek(index)) return true;
  return list.p === list.at + listpack.HEADER_BYTES || list.own();
}

/**
 * Makes sure that `most` elements that match the needle can be removed, from the first on or (backwards) from the last: the
 * nodes that they are in are expanded. False, and the list as it was, without memory.
 */
export function mayRemoveMatches(list: Quicklist, most: number, backwards: boolean): boolean {
  if (list.root === 0 || !hasCompressed(list)) return true;
  let left = most;
  for (let there = list.seek(backwards ? -1 : 0); there && left > 0; there = backwards ? list.prev() : list.next()) {
    if (!listpack.matches(list.view, list.p)) continue;
    left--;
    if (list.own()) continue;
    list.compressAll();
    return false;
  }
  return true;
}

function hasCompressed(list: Quicklist): boolean {
  for (let node = list.head; node !== 0; node = list.nextOf(node)) if (list.isCompressed(node)) return true;
  return false;
}

/** Keeps the elements of indices [from, to). False, and nothing done, without memory, which only compressed nodes need. */
export function keepRange(list: Quicklist, from: number, to: number): boolean {
  const { length } = list;
  if (!mayCut(list, from, to)) return false;
  removeElements(list, to, length - to);
  removeElements(list, 0, from);
  if (list.root !== 0) list.compressAround(0);
  return true;
}

/**
 * Removes `count` elements from the one of index `start` (from 0; there is one) on. False, and nothing done, without memory,
 * which only compressed nodes need (see mayCut).
 */
export function removeRange(list: Quicklist, start: number, count: number): boolean {
  if (!mayCut(list, start, start + count)) return false;
  removeElements(list, start, count);
  if (list.root !== 0) list.compressAround(0);
  return true;
}

/** As removeRange, in a list that may be cut at both ends of the range. */
function removeElements(list: Quicklist, start: number, count: number): void {
  if (count <= 0 || !list.seek(start)) return;
  let left = Math.min(count, list.length - start);
  if (list.root === 0) {
    list.removeHere(left);
    return;
  }
  let { node } = list;
  let behind = countFrom(list);
  while (left > 0) {
    const next = list.nodeWord(node, NEXT);
    const n = Math.min(left, behind);
    left -= n;
    if (n === list.nodeWord(node, COUNT)) {
      list.addTotal(-n);
      list.drop(node);
    } else list.removeHere(n);
    if (left === 0) break;
    node = next;
    behind = list.nodeWord(node, COUNT);
    if (behind > left) list.seekFirstOf(node);
  }
}

/** Elements of the cursor's node from the cursor on. */
function countFrom(list: Quicklist): number {
  const end = listpack.end(list.view, list.at);
  let n = 0;
  for (let p = list.p; p < end; p += listpack.entryBytes(list.view, p)) n++;
  return n;
}
