/** LLEN, LINDEX, LRANGE, LPOS: looking at a list and leaving it as it is. */

import type { Reply } from '../../resp/reply.ts';
import * as listpack from '../../store/listpack.ts';
import type { Quicklist } from '../../store/quicklist.ts';
import { bigIntegerAt, integerArgument, isWord, optionWord, syntaxError, WIDE } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { readTyped, TYPE_LIST } from '../keys.ts';
import { atLeast } from './arguments.ts';
import { open } from './value.ts';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
/** Elements between two looks whether anybody reads them. */
const LOOK_EACH = 1024;
const WORD_RANK = optionWord('RANK');
const WORD_COUNT = optionWord('COUNT');
const WORD_MAXLEN = optionWord('MAXLEN');

export function llen(engine: Engine, arg: number, _argc: number): void {
  const ref = readTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (ref === -1) return;
  engine.reply.integer(ref === 0 ? 0 : open(engine, ref).length);
}

export function lindex(engine: Engine, arg: number, _argc: number): void {
  const ref = readTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (ref === -1) return;
  if (ref === 0) {
    engine.reply.nil();
    return;
  }
  const index = integerArgument(engine, arg + 2);
  if (Number.isNaN(index)) return;
  const list = open(engine, ref);
  if (list.seek(index)) replyElement(engine, list);
  else engine.reply.nil();
}

export function lrange(engine: Engine, arg: number, _argc: number): void {
  const start = integerArgument(engine, arg + 2);
  if (Number.isNaN(start)) return;
  const stop = integerArgument(engine, arg + 3);
  if (Number.isNaN(stop)) return;
  const ref = readTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (ref === -1) return;
  if (ref === 0) {
    engine.reply.array(0);
    return;
  }
  const list = open(engine, ref);
  const { length } = list;
  const from = start < 0 ? Math.max(0, start + length) : start;
  const to = Math.min(stop < 0 ? stop + length : stop, length - 1);
  if (from > to) engine.reply.array(0);
  else replyRange(engine, list, from, to - from + 1);
}

/** Answers with an array of n elements from an index on; there are so many. */
export function replyRange(engine: Engine, list: Quicklist, from: number, n: number): void {
  const { reply } = engine;
  reply.array(n);
  list.seek(from);
  for (let left = n; left > 0; ) {
    const answered = replyStrings(reply, list, left < LOOK_EACH ? left : LOOK_EACH);
    left -= answered;
    if (left === 0) return;
    if (answered > 0) {
      if (reply.unheard) return;
      if (list.p === list.end) list.nextNode();
      continue;
    }
    replyElement(engine, list);
    if (--left > 0) list.next();
  }
}

/**
 * Answers with the strings of up to 4 KB from the cursor on, up to `most` of them, the node's end, or another kind of entry, and
 * leaves the cursor behind them. How many there were: a list is mostly made of these, and read where they lie.
 */
function replyStrings(reply: Reply, list: Quicklist, most: number): number {
  const { view, end } = list;
  let { p } = list;
  let done = 0;
  for (; done < most && p < end; done++) {
    const mark = view.getUint8(p);
    if ((mark & listpack.SHORT_MASK) === listpack.SHORT_STRING) {
      const length = mark & ~listpack.SHORT_MASK;
      reply.bulkView(view, p + 1, length);
      p += length + 2; // the mark, and one byte of back length
    } else if ((mark & listpack.MEDIUM_MASK) === listpack.MEDIUM_STRING) {
      const length = ((mark & ~listpack.MEDIUM_MASK) << 8) | view.getUint8(p + 1);
      reply.bulkView(view, p + 2, length);
      p += length + (length < 126 ? 3 : 4); // two bytes, and a back length of 127 or less takes one, else two
    } else break;
  }
  list.p = p;
  return done;
}

/** As replyRange, backwards from the last element on. */
export function replyFromEnd(engine: Engine, list: Quicklist, n: number): void {
  engine.reply.array(n);
  list.seek(-1);
  for (let left = n; left > 0; left--) {
    replyElement(engine, list);
    if (left % LOOK_EACH === 0 && engine.reply.unheard) return;
    if (left > 1) list.prev();
  }
}

/** Answers with the cursor's element. */
export function replyElement(engine: Engine, list: Quicklist): void {
  list.decode();
  const { item } = listpack;
  engine.reply.bulkView(item.view, item.start, item.length);
}

/** LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len] */
export function lpos(engine: Engine, arg: number, argc: number): void {
  const { reply } = engine;
  let rank = 1;
  let count = -1;
  let maxLength = 0;
  for (let i = arg + 3; i < arg + argc; i++) {
    const more = i + 1 < arg + argc;
    if (more && isWord(engine, i, WORD_RANK)) {
      rank = rankArgument(engine, ++i);
      if (Number.isNaN(rank)) return;
    } else if (more && isWord(engine, i, WORD_COUNT)) {
      count = atLeast(engine, ++i, 0, "ERR COUNT can't be negative");
      if (count < 0) return;
    } else if (more && isWord(engine, i, WORD_MAXLEN)) {
      maxLength = atLeast(engine, ++i, 0, "ERR MAXLEN can't be negative");
      if (maxLength < 0) return;
    } else {
      syntaxError(engine);
      return;
    }
  }
  const ref = readTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (ref === -1) return;
  if (ref === 0) {
    if (count >= 0) reply.array(0);
    else reply.nil();
    return;
  }
  const { refs } = engine;
  refs.length = 0;
  findPositions(engine, open(engine, ref), arg + 2, rank, count, maxLength);
  if (count >= 0) {
    reply.array(refs.length);
    for (let i = 0; i < refs.length; i++) reply.integer(refs.refs[i]);
  } else if (refs.length === 0) reply.nil();
  else reply.integer(refs.refs[0]);
}

/** Collects in engine.refs where the element in argument `i` is. `count` -1: the first place only; 0: all of them. */
function findPositions(
  engine: Engine,
  list: Quicklist,
  i: number,
  rank: number,
  count: number,
  maxLength: number,
): void {
  const { refs } = engine;
  const { length } = list;
  const most = count === -1 ? 1 : count === 0 ? length : count;
  const end = maxLength === 0 ? length : Math.min(length, maxLength);
  const backwards = rank < 0;
  let skip = Math.abs(rank) - 1;
  list.seek(backwards ? -1 : 0);
  listpack.setNeedle(engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
  for (let index = 0; index < end; index++) {
    if (listpack.matches(list.view, list.p)) {
      if (skip > 0) skip--;
      else {
        refs.push(backwards ? length - index - 1 : index);
        if (refs.length >= most) return;
      }
    }
    if (backwards) list.prev();
    else list.next();
  }
}

/** RANK: NaN when it is none: the error has been written. */
function rankArgument(engine: Engine, i: number): number {
  const rank = integerArgument(engine, i);
  if (rank === -WIDE && bigIntegerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]) === INT64_MIN) {
    engine.reply.error(`ERR value is out of range, value must between ${-INT64_MAX} and ${INT64_MAX}`);
    return Number.NaN;
  }
  if (rank !== 0) return rank;
  engine.reply.error(
    "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start " +
      'from the end of the list',
  );
  return Number.NaN;
}
