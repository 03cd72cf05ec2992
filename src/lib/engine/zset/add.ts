/** ZADD and ZINCRBY: giving members scores. The set comes into being with its first member. */
import { isWord, optionWord, syntaxError } from '../arguments.ts';
import { doubleArgument } from '../double.ts';
import type { Engine } from '../engine.ts';
import { findMember, noMemory, openToChange, prepareToAdd, setChanged } from './value.ts';

const NX = 1;
const XX = 2;
const GT = 4;
const LT = 8;
const CH = 16;
const INCR = 32;
const OPTIONS = ['NX', 'XX', 'GT', 'LT', 'CH', 'INCR'].map(optionWord);

/** What became of one member. */
const LEFT = 0;
const ADDED = 1;
const UPDATED = 2;
/** Was given the score that it had. */
const SAME = 3;
const NOT_A_NUMBER = 4;
const NO_MEMORY = 5;

/** Scores of a command, parsed before anything is changed; no longer than it must be for the common ones. */
let scores = new Float64Array(64);
const MAX_KEPT_SCORES = 1 << 16;
/** The score that the last member has now. */
let scoreNow = 0;

export function zadd(engine: Engine, arg: number, argc: number): void {
  add(engine, arg, argc, 0);
}

export function zincrby(engine: Engine, arg: number, argc: number): void {
  add(engine, arg, argc, INCR);
}

function add(engine: Engine, arg: number, argc: number, initial: number): void {
  const end = arg + argc;
  let first = arg + 2;
  let flags = initial;
  for (let option = optionAt(engine, first, end); option !== 0; option = optionAt(engine, ++first, end))
    flags |= option;
  const members = (end - first) >> 1;
  if (first === end || ((end - first) & 1) !== 0) {
    syntaxError(engine);
    return;
  }
  if (compatible(engine, flags, members) && parseScores(engine, first, members))
    run(engine, arg, first + 1, 2, members, flags);
}

function run(engine: Engine, arg: number, first: number, stride: number, members: number, flags: number): void {
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  if (ref === 0 && (flags & XX) !== 0) {
    if ((flags & INCR) !== 0) engine.reply.nil();
    else engine.reply.integer(0);
    return;
  }
  if (prepareToAdd(engine, arg, ref, first, stride, members)) addAll(engine, first, stride, members, flags);
}

function optionAt(engine: Engine, i: number, end: number): number {
  if (i >= end) return 0;
  const length = engine.argLength[i];
  if (length !== 2 && length !== 4) return 0;
  for (let k = 0; k < OPTIONS.length; k++) if (isWord(engine, i, OPTIONS[k])) return 1 << k;
  return 0;
}

function compatible(engine: Engine, flags: number, members: number): boolean {
  const { reply } = engine;
  const order = flags & (GT | LT);
  if ((flags & NX) !== 0 && (flags & XX) !== 0)
    reply.error('ERR XX and NX options at the same time are not compatible');
  else if ((order !== 0 && (flags & NX) !== 0) || order === (GT | LT))
    reply.error('ERR GT, LT, and/or NX options at the same time are not compatible');
  else if ((flags & INCR) !== 0 && members > 1) reply.error('ERR INCR option supports a single increment-element pair');
  else return true;
  return false;
}

/** Room for the scores of a command's members. */
export function scoresFor(members: number): Float64Array {
  if (members > scores.length || (scores.length > MAX_KEPT_SCORES && members <= MAX_KEPT_SCORES))
    scores = new Float64Array(Math.max(members, 64));
  return scores;
}

/**
 * What is left of ZADD when the scores are known (scoresFor): the members are `members` arguments, from `first` on and `stride`
 * apart.
 */
export function addMembers(
  engine: Engine,
  arg: number,
  first: number,
  stride: number,
  members: number,
  nx: boolean,
  xx: boolean,
  ch: boolean,
): void {
  run(engine, arg, first, stride, members, (nx ? NX : 0) | (xx ? XX : 0) | (ch ? CH : 0));
}

function parseScores(engine: Engine, first: number, members: number): boolean {
  scoresFor(members);
  for (let k = 0; k < members; k++) {
    const score = doubleArgument(engine, first + 2 * k);
    if (Number.isNaN(score)) return false;
    scores[k] = score;
  }
  return true;
}

function addAll(engine: Engine, first: number, stride: number, members: number, flags: number): void {
  let added = 0;
  let updated = 0;
  let done = LEFT;
  for (let k = 0; k < members; k++) {
    done = addOne(engine, first + stride * k, scores[k], flags);
    if (done === ADDED) added++;
    else if (done === UPDATED) updated++;
    else if (done >= NOT_A_NUMBER) break;
  }
  if (done === NO_MEMORY) noMemory(engine);
  if (added + updated > 0) setChanged(engine, (flags & INCR) !== 0 ? 'zincr' : 'zadd', added + updated);
  const { reply } = engine;
  if (done === NOT_A_NUMBER) reply.error('ERR resulting score is not a number (NaN)');
  else if (done === NO_MEMORY) return;
  else if ((flags & INCR) === 0) reply.integer((flags & CH) !== 0 ? added + updated : added);
  else if (done === LEFT) reply.nil();
  else reply.double(scoreNow);
}

function addOne(engine: Engine, i: number, score: number, flags: number): number {
  const { sortedSets } = engine.values;
  const place = findMember(engine, i);
  const { dv } = engine.memory;
  scoreNow = score;
  if (place === 0) {
    if ((flags & XX) !== 0) return LEFT;
    return sortedSets.add(dv, engine.argOffset[i], engine.argLength[i], score) ? ADDED : NO_MEMORY;
  }
  if ((flags & NX) !== 0) return LEFT;
  const old = sortedSets.scoreAt(place);
  const now = (flags & INCR) !== 0 ? score + old : score;
  if (Number.isNaN(now)) return NOT_A_NUMBER;
  if (((flags & LT) !== 0 && now >= old) || ((flags & GT) !== 0 && now <= old)) return LEFT;
  scoreNow = now;
  if (now === old) return SAME;
  return sortedSets.rescore(place, dv, engine.argOffset[i], engine.argLength[i], now) ? UPDATED : NO_MEMORY;
}
