/** ZPOPMIN, ZPOPMAX, ZMPOP, and BZPOPMIN, BZPOPMAX, BZMPOP, which wait for a member to come. */
import { integerAt, isWord, optionWord, syntaxError } from '../arguments.ts';
import { timeoutArgument } from '../blocking.ts';
import type { Engine } from '../engine.ts';
import { hashOf, TYPE_ZSET, writeTyped } from '../keys.ts';
import { membersRemoved, openToChange, replyPair } from './value.ts';

const WORD_COUNT = optionWord('COUNT');
const WORD_MIN = optionWord('MIN');
const WORD_MAX = optionWord('MAX');

export function zpopmin(engine: Engine, arg: number, argc: number): void {
  popOneKey(engine, arg, argc, false);
}

export function zpopmax(engine: Engine, arg: number, argc: number): void {
  popOneKey(engine, arg, argc, true);
}

function popOneKey(engine: Engine, arg: number, argc: number, max: boolean): void {
  const { reply } = engine;
  let count = 1;
  if (argc > 3) {
    syntaxError(engine);
    return;
  }
  if (argc === 3) {
    count = integerFrom(engine, arg + 2, 0, 'ERR value is out of range, must be positive');
    if (count < 0) return;
  }
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  if (ref === 0 || count === 0) {
    reply.array(0);
    return;
  }
  const nested = argc === 3 && reply.protocol !== 2;
  const n = Math.min(count, engine.values.sortedSets.size);
  reply.array(nested ? n : n * 2);
  pop(engine, n, max, nested);
}

/** Answers with n members of the open set from one end, and removes them. */
function pop(engine: Engine, n: number, max: boolean, nested: boolean): void {
  const { sortedSets } = engine.values;
  const { size } = sortedSets;
  const first = max ? size - n : 0;
  sortedSets.seek(max ? size - 1 : 0);
  for (let left = n; left > 0; left--) {
    sortedSets.load();
    replyPair(engine, sortedSets, nested);
    if (left === 1) break;
    if (max) sortedSets.prev();
    else sortedSets.next();
  }
  sortedSets.removeRange(first, n);
  membersRemoved(engine, max ? 'zpopmax' : 'zpopmin', n);
}

/** Argument `i` as an integer of at least `least`; -1 when it isn't one: the error has been written. */
function integerFrom(engine: Engine, i: number, least: number, error: string): number {
  const value = integerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
  if (value >= least) return value;
  engine.reply.error(error);
  return -1;
}

/** Opens the first key of n from argument `first` on that is there. Its argument; 0 for none; -1 after an error. */
function openFirst(engine: Engine, first: number, n: number): number {
  for (let i = first; i < first + n; i++) {
    const ref = writeTyped(engine, i, hashOf(engine, i), TYPE_ZSET);
    if (ref === -1) return -1;
    if (ref === 0) continue;
    engine.values.sortedSets.open(engine.db, ref);
    return i;
  }
  return 0;
}

export function zmpop(engine: Engine, arg: number, argc: number): void {
  popManyKeys(engine, arg, argc, 1);
}

export function bzmpop(engine: Engine, arg: number, argc: number): void {
  popManyKeys(engine, arg, argc, 2);
}

/** [timeout] numkeys key … MIN|MAX [COUNT n], where numkeys is argument 1 or, if there is a timeout to wait for, 2. */
function popManyKeys(engine: Engine, arg: number, argc: number, numkeys: number): void {
  const end = arg + argc;
  const n = integerFrom(engine, arg + numkeys, 1, 'ERR numkeys should be greater than 0');
  if (n < 0) return;
  const where = arg + numkeys + 1 + n;
  const max = where < end && isWord(engine, where, WORD_MAX);
  if (where >= end || (!max && !isWord(engine, where, WORD_MIN))) {
    syntaxError(engine);
    return;
  }
  let count = -1;
  for (let i = where + 1; i < end; i += 2) {
    if (count !== -1 || i + 1 >= end || !isWord(engine, i, WORD_COUNT)) {
      syntaxError(engine);
      return;
    }
    count = integerFrom(engine, i + 1, 1, 'ERR count should be greater than 0');
    if (count < 0) return;
  }
  const blocking = numkeys === 2;
  const deadlineMs = blocking ? timeoutArgument(engine, arg + 1) : 0;
  if (deadlineMs < 0) return;
  const key = openFirst(engine, arg + numkeys + 1, n);
  if (key < 0) return;
  const { reply } = engine;
  if (key === 0) {
    if (!blocking || !waits(engine, arg + numkeys + 1, n, deadlineMs)) reply.nilArray();
    return;
  }
  const popped = Math.min(Math.max(count, 1), engine.values.sortedSets.size);
  reply.array(2);
  reply.bulk(engine.argOffset[key], engine.argLength[key]);
  reply.array(popped);
  pop(engine, popped, max, true);
}

export function bzpopmin(engine: Engine, arg: number, argc: number): void {
  popOrWait(engine, arg, argc, false);
}

export function bzpopmax(engine: Engine, arg: number, argc: number): void {
  popOrWait(engine, arg, argc, true);
}

function popOrWait(engine: Engine, arg: number, argc: number, max: boolean): void {
  const deadlineMs = timeoutArgument(engine, arg + argc - 1);
  if (deadlineMs < 0) return;
  const key = openFirst(engine, arg + 1, argc - 2);
  if (key < 0) return;
  const { reply } = engine;
  if (key === 0) {
    if (!waits(engine, arg + 1, argc - 2, deadlineMs)) reply.nilArray();
    return;
  }
  reply.array(3);
  reply.bulk(engine.argOffset[key], engine.argLength[key]);
  pop(engine, 1, max, false);
}

function waits(engine: Engine, first: number, n: number, deadlineMs: number): boolean {
  const keys = Array.from({ length: n }, (_, i) => first + i);
  return engine.blocker.block({ keys, type: TYPE_ZSET, deadlineMs, onTimeout: 'nilArray' });
}
