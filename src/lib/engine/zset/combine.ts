/**
 * ZUNION, ZINTER, ZDIFF, their STORE forms, ZINTERCARD: several sorted sets (or sets) made one.
 *
 *   union         every member of every source ─▶ result: found there, its score is aggregated ─▶ put in order at the end
 *   inter, diff   members of the first source, a batch at a time ─▶ looked up in each other source ─▶ what stays ─▶ result
 */
import { RefList } from '../../store/table.ts';
import { integerArgument, integerAt, isWord, optionWord, syntaxError } from '../arguments.ts';
import { doubleArgument } from '../double.ts';
import type { Engine } from '../engine.ts';
import {
  abandonResult,
  abandonUnindexed,
  accumulate,
  addToResult,
  beginResult,
  discardResult,
  indexResult,
  storeResult,
} from './result.ts';
import { Source, Sources } from './sources.ts';
import { replyRange } from './value.ts';

const WORD_WEIGHTS = optionWord('WEIGHTS');
const WORD_AGGREGATE = optionWord('AGGREGATE');
const WORD_WITHSCORES = optionWord('WITHSCORES');
const WORD_LIMIT = optionWord('LIMIT');
const WORD_SUM = optionWord('SUM');
const WORD_MIN = optionWord('MIN');
const WORD_MAX = optionWord('MAX');

const UNION = 0;
const INTER = 1;
const DIFF = 2;

const SUM = 0;
const MIN = 1;
const MAX = 2;

const BATCH = 256;

interface Options {
  aggregate: number;
  withScores: boolean;
  limit: number;
}

const sources = new Sources();
const batch = new RefList();
let scores = new Float64Array(BATCH);

export function zunion(engine: Engine, arg: number, argc: number): void {
  reply(engine, arg, argc, UNION, 'zunion');
}

export function zinter(engine: Engine, arg: number, argc: number): void {
  reply(engine, arg, argc, INTER, 'zinter');
}

export function zdiff(engine: Engine, arg: number, argc: number): void {
  reply(engine, arg, argc, DIFF, 'zdiff');
}

export function zunionstore(engine: Engine, arg: number, argc: number): void {
  store(engine, arg, argc, UNION, 'zunionstore');
}

export function zinterstore(engine: Engine, arg: number, argc: number): void {
  store(engine, arg, argc, INTER, 'zinterstore');
}

export function zdiffstore(engine: Engine, arg: number, argc: number): void {
  store(engine, arg, argc, DIFF, 'zdiffstore');
}

export function zintercard(engine: Engine, arg: number, argc: number): void {
  const options = parse(engine, arg + 1, arg + argc, INTER, false, true, 'zintercard');
  if (options === null) return;
  const { one } = views(engine);
  sources.sortBySize(engine, one);
  const limit = options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
  engine.reply.integer(Math.min(sift(engine, INTER, SUM, limit, false), limit));
}

function reply(engine: Engine, arg: number, argc: number, operation: number, name: string): void {
  const options = parse(engine, arg + 1, arg + argc, operation, true, false, name);
  if (options === null || !combine(engine, operation, options.aggregate)) return;
  const result = engine.values.zsetResult;
  replyRange(engine, result, 0, result.size, false, options.withScores);
  discardResult(engine);
}

function store(engine: Engine, arg: number, argc: number, operation: number, name: string): void {
  const options = parse(engine, arg + 2, arg + argc, operation, false, false, name);
  if (options !== null && combine(engine, operation, options.aggregate)) storeResult(engine, arg + 1, name);
}

/** The views that sources are read through: two at a time. */
function views(engine: Engine): { one: Source; other: Source } {
  const { values } = engine;
  values.zsetSources ??= {
    one: new Source(values.sortedSets, values.sets.one),
    other: new Source(values.sortedSets.anotherView(), values.sets.other),
  };
  return values.zsetSources;
}

// ── arguments ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** numkeys key … options; null after an error. */
function parse(
  engine: Engine,
  numkeys: number,
  end: number,
  operation: number,
  replies: boolean,
  counts: boolean,
  name: string,
): Options | null {
  const n = integerArgument(engine, numkeys);
  if (Number.isNaN(n)) return null;
  if (n < 1) {
    engine.reply.error(`ERR at least 1 input key is needed for '${name}' command`);
    return null;
  }
  if (n > end - numkeys - 1) {
    syntaxError(engine);
    return null;
  }
  if (!sources.read(engine, numkeys + 1, n)) return null;
  const options: Options = { aggregate: SUM, withScores: false, limit: 0 };
  const combines = operation !== DIFF && !counts;
  for (let i = numkeys + 1 + n; i < end; ) {
    if (combines && end - i > n && isWord(engine, i, WORD_WEIGHTS)) {
      if (!parseWeights(engine, i + 1, n)) return null;
      i += n + 1;
    } else if (combines && end - i > 1 && isWord(engine, i, WORD_AGGREGATE)) {
      options.aggregate = aggregateAt(engine, i + 1);
      if (options.aggregate < 0) return null;
      i += 2;
    } else if (replies && isWord(engine, i, WORD_WITHSCORES)) {
      options.withScores = true;
      i++;
    } else if (counts && end - i > 1 && isWord(engine, i, WORD_LIMIT)) {
      options.limit = integerAt(engine.memory.u8, engine.argOffset[i + 1], engine.argLength[i + 1]);
      if (!(options.limit >= 0)) {
        engine.reply.error("ERR LIMIT can't be negative");
        return null;
      }
      i += 2;
    } else {
      syntaxError(engine);
      return null;
    }
  }
  return options;
}

function parseWeights(engine: Engine, first: number, n: number): boolean {
  for (let k = 0; k < n; k++) {
    sources.weights[k] = doubleArgument(engine, first + k, 'ERR weight value is not a float');
    if (Number.isNaN(sources.weights[k])) return false;
  }
  return true;
}

function aggregateAt(engine: Engine, i: number): number {
  if (isWord(engine, i, WORD_SUM)) return SUM;
  if (isWord(engine, i, WORD_MIN)) return MIN;
  if (isWord(engine, i, WORD_MAX)) return MAX;
  syntaxError(engine);
  return -1;
}

// ── combining ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Makes the result. False without memory: the error has been written, and there is no result. */
function combine(engine: Engine, operation: number, aggregate: number): boolean {
  if (!beginResult(engine)) return false;
  if (operation !== DIFF) sources.sortBySize(engine, views(engine).one);
  if (operation === UNION) return unite(engine, aggregate) && indexResult(engine);
  if (sift(engine, operation, aggregate, Number.POSITIVE_INFINITY, true) >= 0) return true;
  abandonResult(engine);
  return false;
}

/** A sum of infinities that is none is 0, as redis-server has it. */
function aggregated(score: number, value: number, aggregate: number): number {
  if (aggregate === MIN) return value < score ? value : score;
  if (aggregate === MAX) return value > score ? value : score;
  const sum = score + value;
  return Number.isNaN(sum) ? 0 : sum;
}

function weighted(score: number, weight: number): number {
  const value = score * weight;
  return Number.isNaN(value) ? 0 : value;
}

function unite(engine: Engine, aggregate: number): boolean {
  const { one } = views(engine);
  const { members } = engine.values.zsetResult;
  for (let s = 0; s < sources.refs.length; s++) {
    one.open(engine, sources.refs.refs[s]);
    let cursor = 0;
    do {
      batch.length = 0;
      cursor = one.collect(cursor, BATCH, batch);
      for (let k = 0; k < batch.length; k++) {
        one.load(batch.refs[k]);
        const score = weighted(one.score, sources.weights[s]);
        const hash = members.hashOfBytes(one.view, one.start, one.length);
        const found = members.findBytes(one.view, one.start, one.length, hash);
        if (found !== 0) members.setScore(found, aggregated(members.scoreOf(found), score, aggregate));
        else if (accumulate(engine, one.view, one.start, one.length, score) === 0) {
          abandonUnindexed(engine);
          return false;
        }
      }
    } while (cursor !== 0);
  }
  return true;
}

/**
 * Takes the members of the first source that are in all the others, or in none. Returns how many, stopping when `limit` is
 * reached; -1 when there is no memory for the result, into which they go if `gathers`.
 */
function sift(engine: Engine, operation: number, aggregate: number, limit: number, gathers: boolean): number {
  const { one } = views(engine);
  let kept = 0;
  let cursor = 0;
  one.open(engine, sources.refs.refs[0]);
  do {
    batch.length = 0;
    cursor = one.collect(cursor, BATCH, batch);
    if (batch.length > scores.length) scores = new Float64Array(batch.length);
    for (let k = 0; k < batch.length; k++) {
      one.load(batch.refs[k]);
      scores[k] = operation === DIFF ? one.score : weighted(one.score, sources.weights[0]);
    }
    for (let s = 1; s < sources.refs.length && batch.length > 0; s++) siftBatch(engine, s, operation, aggregate);
    kept += batch.length;
    for (let k = 0; gathers && k < batch.length; k++) {
      one.load(batch.refs[k]);
      if (!addToResult(engine, one.view, one.start, one.length, scores[k])) return -1;
    }
  } while (cursor !== 0 && kept < limit);
  return kept;
}

/** Leaves in the batch what is (not) in source `s`. */
function siftBatch(engine: Engine, s: number, operation: number, aggregate: number): void {
  const { one, other } = views(engine);
  other.open(engine, sources.refs.refs[s]);
  let kept = 0;
  for (let k = 0; k < batch.length; k++) {
    one.load(batch.refs[k]);
    const found = other.find(one.view, one.start, one.length);
    if (found !== (operation === INTER)) continue;
    batch.refs[kept] = batch.refs[k];
    scores[kept++] = found ? aggregated(scores[k], other.score * sources.weights[s], aggregate) : scores[k];
  }
  batch.length = kept;
}
