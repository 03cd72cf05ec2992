/** LPOP, RPOP, LMPOP and those of them that wait: BLPOP, BRPOP, BLMPOP. */
import type { Quicklist } from '../../store/quicklist.ts';
import { mayCut, removeRange } from '../../store/quicklist-edit.ts';
import { isWord, optionWord, syntaxError } from '../arguments.ts';
import { timeoutArgument } from '../blocking.ts';
import { wrongArity } from '../dispatch-table.ts';
import type { Engine } from '../engine.ts';
import { changed, hashOf, outOfMemory, remove, TYPE_LIST, writeTyped } from '../keys.ts';
import { atLeast, countArgument, LEFT, RIGHT, sideArgument } from './arguments.ts';
import { replyElement, replyFromEnd, replyRange } from './read.ts';
import { open, settle } from './value.ts';

const WORD_COUNT = optionWord('COUNT');

export function lpop(engine: Engine, arg: number, argc: number): void {
  pop(engine, arg, argc, LEFT);
}

export function rpop(engine: Engine, arg: number, argc: number): void {
  pop(engine, arg, argc, RIGHT);
}

function pop(engine: Engine, arg: number, argc: number, side: number): void {
  const { reply } = engine;
  if (argc > 3) {
    wrongArity(engine, side === LEFT ? 'lpop' : 'rpop');
    return;
  }
  const count = argc === 3 ? countArgument(engine, arg + 2) : -1;
  if (count < 0 && argc === 3) return;
  const ref = writeTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (ref === -1) return;
  if (ref === 0) {
    if (argc === 3) reply.nilArray();
    else reply.nil();
  } else if (count === 0) reply.array(0);
  else if (!mayPop(engine, ref, side, Math.max(1, count))) return;
  else if (argc !== 3) popOne(engine, ref, side);
  else popMany(engine, ref, side, count);
}

/**
 * Opens a list of which `count` elements go from one end. False, and the error written, when there is no memory to expand the
 * compressed node that they leave a part of.
 */
function mayPop(engine: Engine, ref: number, side: number, count: number): boolean {
  const list = open(engine, ref);
  if (count === 1) {
    list.seek(side === LEFT ? 0 : -1);
    if (list.own()) return true;
  } else if (mayCut(list, 0, side === LEFT ? count : Math.max(0, list.length - count))) return true;
  outOfMemory(engine);
  return false;
}

/** Answers with the element that mayPop has put the cursor on, at one end, and removes it. */
function popOne(engine: Engine, ref: number, side: number): void {
  const { list } = engine.values;
  replyElement(engine, list);
  if (side === LEFT) list.removeFirst(1);
  else list.removeLast();
  removed(engine, ref, list, side, 1);
}

/** Answers with an array of up to `count` elements from one end and removes them. They may be popped (see mayPop). */
function popMany(engine: Engine, ref: number, side: number, count: number): void {
  const { list } = engine.values;
  const { length } = list;
  const n = Math.min(count, length);
  if (side === LEFT) replyRange(engine, list, 0, n);
  else replyFromEnd(engine, list, n);
  removeRange(list, side === LEFT ? 0 : length - n, n);
  removed(engine, ref, list, side, n);
}

/** n elements went from one end: the event, and what follows. */
export function removed(engine: Engine, ref: number, list: Quicklist, side: number, n: number): void {
  const { db } = engine;
  const empty = list.length === 0;
  const settled = empty ? ref : settle(engine, db, ref);
  changed(engine, db, side === LEFT ? 'lpop' : 'rpop', settled);
  engine.stats.dirty += n - 1;
  if (empty) remove(engine, db, settled);
}

/** LMPOP numkeys key [key ...] LEFT|RIGHT [COUNT count] */
export function lmpop(engine: Engine, arg: number, argc: number): void {
  multiPop(engine, arg, argc, arg + 1);
}

/** BLMPOP timeout numkeys key [key ...] LEFT|RIGHT [COUNT count] */
export function blmpop(engine: Engine, arg: number, argc: number): void {
  multiPop(engine, arg, argc, arg + 2);
}

function multiPop(engine: Engine, arg: number, argc: number, numkeys: number): void {
  const end = arg + argc;
  const keys = atLeast(engine, numkeys, 1, 'ERR numkeys should be greater than 0');
  if (keys < 0) return;
  const where = numkeys + keys + 1;
  if (where >= end) {
    syntaxError(engine);
    return;
  }
  const side = sideArgument(engine, where);
  if (side < 0) return;
  let count = -1;
  for (let i = where + 1; i < end; i++) {
    if (count !== -1 || !isWord(engine, i, WORD_COUNT) || i + 1 >= end) {
      syntaxError(engine);
      return;
    }
    count = atLeast(engine, ++i, 1, 'ERR count should be greater than 0');
    if (count < 0) return;
  }
  const timeout = numkeys === arg + 2 ? arg + 1 : 0;
  popFirstFound(engine, numkeys + 1, keys, side, Math.max(1, count), timeout, true);
}

export function blpop(engine: Engine, arg: number, argc: number): void {
  popFirstFound(engine, arg + 1, argc - 2, LEFT, 1, arg + argc - 1, false);
}

export function brpop(engine: Engine, arg: number, argc: number): void {
  popFirstFound(engine, arg + 1, argc - 2, RIGHT, 1, arg + argc - 1, false);
}

/**
 * Pops from the first of the keys that is there, and answers with its name and the elements: `many`: in an array. If there is
 * none and argument `timeout` (0: none) is given, the client waits.
 */
function popFirstFound(
  engine: Engine,
  first: number,
  keys: number,
  side: number,
  count: number,
  timeout: number,
  many: boolean,
): void {
  const { reply } = engine;
  const deadlineMs = timeout === 0 ? 0 : timeoutArgument(engine, timeout);
  if (deadlineMs < 0) return;
  for (let i = first; i < first + keys; i++) {
    const ref = writeTyped(engine, i, hashOf(engine, i), TYPE_LIST);
    if (ref === -1) return;
    if (ref === 0) continue;
    if (!mayPop(engine, ref, side, count)) return;
    reply.array(2);
    reply.bulk(engine.argOffset[i], engine.argLength[i]);
    if (many) popMany(engine, ref, side, count);
    else popOne(engine, ref, side);
    return;
  }
  if (timeout !== 0 && waits(engine, first, keys, deadlineMs)) return;
  reply.nilArray();
}

function waits(engine: Engine, first: number, n: number, deadlineMs: number): boolean {
  const keys = Array.from({ length: n }, (_, i) => first + i);
  return engine.blocker.block({ keys, type: TYPE_LIST, deadlineMs, onTimeout: 'nilArray' });
}
