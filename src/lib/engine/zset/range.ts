/**
 * ZRANGE with all that it took over from older commands, those commands, and ZRANGESTORE.
 *
 *   arguments ─▶ by what, which way, LIMIT ─▶ bounds ─▶ ranks [from, to) ─▶ reply from where members lie, or a new set
 */
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { hashOf, readTyped, TYPE_ZSET } from '../keys.ts';
import { BY_LEX, BY_RANK, BY_SCORE, bounds } from './bounds.ts';
import { abandonResult, addToResult, beginResult, storeResult } from './result.ts';
import { replyRange } from './value.ts';

const WORD_BYLEX = optionWord('BYLEX');
const WORD_BYSCORE = optionWord('BYSCORE');
const WORD_LIMIT = optionWord('LIMIT');
const WORD_REV = optionWord('REV');
const WORD_WITHSCORES = optionWord('WITHSCORES');

/** To be said by options. */
const AUTO = -1;
const UPWARDS = 0;
const DOWNWARDS = 1;

export function zrange(engine: Engine, arg: number, argc: number): void {
  range(engine, arg, argc, 1, AUTO, AUTO);
}

export function zrevrange(engine: Engine, arg: number, argc: number): void {
  range(engine, arg, argc, 1, BY_RANK, DOWNWARDS);
}

export function zrangebyscore(engine: Engine, arg: number, argc: number): void {
  range(engine, arg, argc, 1, BY_SCORE, UPWARDS);
}

export function zrevrangebyscore(engine: Engine, arg: number, argc: number): void {
  range(engine, arg, argc, 1, BY_SCORE, DOWNWARDS);
}

export function zrangebylex(engine: Engine, arg: number, argc: number): void {
  range(engine, arg, argc, 1, BY_LEX, UPWARDS);
}

export function zrevrangebylex(engine: Engine, arg: number, argc: number): void {
  range(engine, arg, argc, 1, BY_LEX, DOWNWARDS);
}

export function zrangestore(engine: Engine, arg: number, argc: number): void {
  range(engine, arg, argc, 2, AUTO, AUTO);
}

/** `source` is the argument that is the key to read: 1, or 2 when argument 1 is the key to store at. */
function range(engine: Engine, arg: number, argc: number, source: number, by0: number, direction0: number): void {
  const store = source === 2;
  const first = arg + source + 1;
  let by = by0;
  let direction = direction0;
  let withScores = false;
  let offset = 0;
  let limit = -1;
  for (let i = first + 2; i < arg + argc; i++) {
    if (!store && isWord(engine, i, WORD_WITHSCORES)) withScores = true;
    else if (i + 2 < arg + argc && isWord(engine, i, WORD_LIMIT)) {
      offset = integerArgument(engine, i + 1);
      if (Number.isNaN(offset)) return;
      limit = integerArgument(engine, i + 2);
      if (Number.isNaN(limit)) return;
      i += 2;
    } else if (direction === AUTO && isWord(engine, i, WORD_REV)) direction = DOWNWARDS;
    else if (by === AUTO && isWord(engine, i, WORD_BYLEX)) by = BY_LEX;
    else if (by === AUTO && isWord(engine, i, WORD_BYSCORE)) by = BY_SCORE;
    else {
      syntaxError(engine);
      return;
    }
  }
  if (by === AUTO) by = BY_RANK;
  const reverse = direction === DOWNWARDS;
  if (!combinable(engine, by, limit, withScores)) return;
  const swapped = reverse && by !== BY_RANK;
  if (!bounds.parse(engine, by, swapped ? first + 1 : first, swapped ? first : first + 1)) return;
  const ref = readTyped(engine, first - 1, store ? hashOf(engine, first - 1) : engine.keyHash, TYPE_ZSET);
  if (ref === -1) return;
  const { sortedSets } = engine.values;
  if (ref === 0) {
    bounds.from = 0;
    bounds.to = 0;
  } else {
    sortedSets.open(engine.db, ref);
    bounds.resolve(engine, sortedSets, reverse);
    if (by !== BY_RANK) bounds.limit(offset, limit, reverse);
  }
  const count = bounds.to - bounds.from;
  if (store) storeRange(engine, arg, bounds.from, count);
  else replyRange(engine, sortedSets, reverse ? bounds.to - 1 : bounds.from, count, reverse, withScores);
}

function combinable(engine: Engine, by: number, limit: number, withScores: boolean): boolean {
  const { reply } = engine;
  if (limit !== -1 && by === BY_RANK)
    reply.error('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX');
  else if (withScores && by === BY_LEX)
    reply.error('ERR syntax error, WITHSCORES not supported in combination with BYLEX');
  else return true;
  return false;
}

function storeRange(engine: Engine, arg: number, rank: number, count: number): void {
  const { sortedSets } = engine.values;
  if (!beginResult(engine)) return;
  if (count > 0) sortedSets.seek(rank);
  for (let left = count; left > 0; left--) {
    sortedSets.load();
    if (!addToResult(engine, sortedSets.view, sortedSets.start, sortedSets.length, sortedSets.score)) {
      abandonResult(engine);
      return;
    }
    sortedSets.next();
  }
  storeResult(engine, arg + 1, 'zrangestore');
}
