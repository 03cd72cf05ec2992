/** LSET, LINSERT, LREM, LTRIM: changes in the middle of a list. */
import * as listpack from '../../store/listpack.ts';
import { entryBytesAtMost, type Quicklist } from '../../store/quicklist.ts';
import { insert, keepRange, mayRemoveMatches, replace } from '../../store/quicklist-edit.ts';
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, outOfMemory, remove, TYPE_LIST, writeTyped } from '../keys.ts';
import { grow, isLimited, open, settle } from './value.ts';

const WORD_BEFORE = optionWord('BEFORE');
const WORD_AFTER = optionWord('AFTER');

export function lset(engine: Engine, arg: number, _argc: number): void {
  const { db } = engine;
  const found = writeTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (found === -1) return;
  if (found === 0) {
    engine.reply.error('ERR no such key');
    return;
  }
  const index = integerArgument(engine, arg + 2);
  if (Number.isNaN(index)) return;
  const start = engine.argOffset[arg + 3];
  const length = engine.argLength[arg + 3];
  const ref = grow(engine, found, length, 1, entryBytesAtMost(length));
  if (ref === 0) return;
  const { list } = engine.values;
  if (!list.seek(index)) {
    engine.reply.error('ERR index out of range');
    return;
  }
  if (!replace(list, engine.memory.dv, start, length)) {
    outOfMemory(engine);
    return;
  }
  changed(engine, db, 'lset', settle(engine, db, ref));
  engine.reply.ok();
}

/** LINSERT key BEFORE|AFTER pivot element */
export function linsert(engine: Engine, arg: number, _argc: number): void {
  const { db, reply } = engine;
  const after = isWord(engine, arg + 2, WORD_AFTER);
  if (!after && !isWord(engine, arg + 2, WORD_BEFORE)) {
    syntaxError(engine);
    return;
  }
  const found = writeTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (found === -1) return;
  if (found === 0) {
    reply.integer(0);
    return;
  }
  const start = engine.argOffset[arg + 4];
  const length = engine.argLength[arg + 4];
  const ref = grow(engine, found, length, 1, entryBytesAtMost(length));
  if (ref === 0) return;
  const { list } = engine.values;
  if (!seekElement(engine, list, arg + 3)) {
    reply.integer(-1);
    return;
  }
  if (!insert(list, after, engine.memory.dv, start, length, isLimited(engine, ref))) {
    outOfMemory(engine);
    return;
  }
  changed(engine, db, 'linsert', ref);
  reply.integer(list.length);
}

/** Puts the cursor on the first element that is the same as argument `i`. */
function seekElement(engine: Engine, list: Quicklist, i: number): boolean {
  listpack.setNeedle(engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
  let there = list.seek(0);
  while (there && !listpack.matches(list.view, list.p)) there = list.next();
  return there;
}

/** LREM key count element */
export function lrem(engine: Engine, arg: number, _argc: number): void {
  const { db, reply } = engine;
  const count = integerArgument(engine, arg + 2);
  if (Number.isNaN(count)) return;
  const ref = writeTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (ref === -1) return;
  if (ref === 0) {
    reply.integer(0);
    return;
  }
  const list = open(engine, ref);
  const most = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count);
  listpack.setNeedle(engine.memory.dv, engine.argOffset[arg + 3], engine.argLength[arg + 3]);
  if (!mayRemoveMatches(list, most, count < 0)) {
    outOfMemory(engine);
    return;
  }
  const removed = count < 0 ? removeBackwards(list, most) : removeForwards(list, most);
  if (removed > 0) {
    const empty = list.length === 0;
    const settled = empty ? ref : settle(engine, db, ref);
    changed(engine, db, 'lrem', settled);
    engine.stats.dirty += removed - 1;
    if (empty) remove(engine, db, settled);
  }
  reply.integer(removed);
}

/** Removes up to `most` elements that match the needle, from the first on. None of their nodes is compressed. */
function removeForwards(list: Quicklist, most: number): number {
  let removed = 0;
  let there = list.seek(0);
  while (there && removed < most) {
    if (!listpack.matches(list.view, list.p)) {
      there = list.next();
      continue;
    }
    const { node } = list;
    const next = node === 0 ? 0 : list.nextOf(node);
    list.removeHere(1);
    removed++;
    if (list.node === 0 && node !== 0) there = next !== 0 && list.seekFirstOf(next);
    else if (list.p === listpack.end(list.view, list.at)) there = list.nextNode();
  }
  if (removed > 0) list.compressAll();
  return removed;
}

function removeBackwards(list: Quicklist, most: number): number {
  let removed = 0;
  let there = list.seek(-1);
  while (there && removed < most) {
    if (!listpack.matches(list.view, list.p)) {
      there = list.prev();
      continue;
    }
    const { node } = list;
    const prev = node === 0 ? 0 : list.prevOf(node);
    list.removeHere(1);
    removed++;
    if (list.node === 0 && node !== 0) there = prev !== 0 && list.seekLastOf(prev);
    else there = list.prev();
  }
  if (removed > 0) list.compressAll();
  return removed;
}

/** LTRIM key start stop */
export function ltrim(engine: Engine, arg: number, _argc: number): void {
  const { db } = engine;
  const start = integerArgument(engine, arg + 2);
  if (Number.isNaN(start)) return;
  const stop = integerArgument(engine, arg + 3);
  if (Number.isNaN(stop)) return;
  const ref = writeTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (ref === -1) return;
  if (ref === 0) {
    engine.reply.ok();
    return;
  }
  const list = open(engine, ref);
  const { length } = list;
  const from = start < 0 ? Math.max(0, start + length) : start;
  const to = Math.min(stop < 0 ? stop + length : stop, length - 1);
  const left = from > to ? length : from;
  const right = from > to ? 0 : length - 1 - to;
  if (!keepRange(list, left, length - right)) {
    outOfMemory(engine);
    return;
  }
  const empty = list.length === 0;
  const settled = empty ? ref : settle(engine, db, ref);
  changed(engine, db, 'ltrim', settled);
  engine.stats.dirty += left + right - 1;
  if (empty) remove(engine, db, settled);
  engine.reply.ok();
}
