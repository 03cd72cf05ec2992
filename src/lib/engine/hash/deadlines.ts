/**
 * HEXPIRE, HPEXPIRE, HEXPIREAT, HPEXPIREAT, HTTL, HPTTL, HEXPIRETIME, HPEXPIRETIME, HPERSIST: when a field's time is over, as
 * Redis 7.4 has them.
 *
 *   HEXPIRE key seconds [NX | XX | GT | LT] FIELDS numfields field [field …]
 *
 * Each field has an answer of its own: -2 there is no such field; -1 it has no deadline; 0 the condition is not met; 1 done;
 * 2 the time is past, and the field is gone.
 */
import { RefList } from '../../store/table.ts';
import { integerArgument, integerAt, isWord, optionWord } from '../arguments.ts';
import { wrongArity } from '../dispatch-table.ts';
import type { Engine } from '../engine.ts';
import { outOfMemory } from '../keys.ts';
import { expireFields, fieldsRemoved, findField, hashChanged, openToChange, openToRead } from './value.ts';

const WORD_FIELDS = optionWord('FIELDS');
const WORD_NX = optionWord('NX');
const WORD_XX = optionWord('XX');
const WORD_GT = optionWord('GT');
const WORD_LT = optionWord('LT');
const NX = 1;
const XX = 2;
const GT = 4;
const LT = 8;

const NO_FIELD = -2;
const NO_DEADLINE = -1;
const NOT_MET = 0;
const DONE = 1;
const GONE = 2;

/** Deadlines of fields are not above this, in ms since 1970: 2^46 - 1, the year 4199. */
const MAX_DEADLINE_MS = 70_368_744_177_663;
/** Fields that are removed for each report of the wheel. */
const TIMER_BUDGET = 64;

const MISPLACED = 'ERR Mandatory argument FIELDS is missing or not at the right position';
const MISMATCH = 'ERR The `numfields` parameter must match the number of arguments';
export const NOT_POSITIVE = 'ERR Number of fields must be a positive integer';

/** What each field is answered; they are written when nothing can go wrong any more. */
const answers = new RefList();

export function hexpire(engine: Engine, arg: number, argc: number): void {
  expireAfter(engine, arg, argc, true, engine.nowMs);
}

export function hpexpire(engine: Engine, arg: number, argc: number): void {
  expireAfter(engine, arg, argc, false, engine.nowMs);
}

export function hexpireat(engine: Engine, arg: number, argc: number): void {
  expireAfter(engine, arg, argc, true, 0);
}

export function hpexpireat(engine: Engine, arg: number, argc: number): void {
  expireAfter(engine, arg, argc, false, 0);
}

/** The time in argument 2 is counted from `baseMs`. */
function expireAfter(engine: Engine, arg: number, argc: number, inSeconds: boolean, baseMs: number): void {
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  const atMs = fieldDeadline(engine, arg, arg + 2, inSeconds, baseMs);
  if (Number.isNaN(atMs)) return;
  const condition = conditionAt(engine, arg + 3);
  const first = fieldsFrom(engine, arg, condition === 0 ? arg + 3 : arg + 4, arg + argc, NUMFIELDS_NOT_POSITIVE);
  if (first < 0) return;
  answers.length = 0;
  let deleted = 0;
  let updated = 0;
  for (let i = first; i < arg + argc; i++) {
    const answer = ref === 0 ? NO_FIELD : expireField(engine, i, atMs, condition);
    if (Number.isNaN(answer)) break;
    if (answer === GONE) deleted++;
    else if (answer === DONE) updated++;
    answers.push(answer);
  }
  if (deleted + updated > 0) {
    engine.stats.dirty += deleted + updated - 1;
    fieldsRemoved(engine, deleted > 0 ? 'hdel' : 'hexpire');
  }
  replyAnswers(engine, arg + argc - first);
}

const NUMFIELDS_NOT_POSITIVE = 'ERR Parameter `numFields` should be greater than 0';

/** Answers with what was noted for each of `fields` fields; there was no memory when that is not all of them. */
function replyAnswers(engine: Engine, fields: number): void {
  if (answers.length < fields) {
    outOfMemory(engine);
    return;
  }
  engine.reply.array(fields);
  for (let k = 0; k < fields; k++) engine.reply.integer(answers.refs[k]);
}

function conditionAt(engine: Engine, i: number): number {
  if (isWord(engine, i, WORD_NX)) return NX;
  if (isWord(engine, i, WORD_XX)) return XX;
  if (isWord(engine, i, WORD_GT)) return GT;
  return isWord(engine, i, WORD_LT) ? LT : 0;
}

/** Gives the field in argument `i` the deadline, or removes it when that is past. Its answer; NaN without memory. */
function expireField(engine: Engine, i: number, atMs: number, condition: number): number {
  const { hashes } = engine.values;
  const place = findField(engine, i);
  if (place === 0) return NO_FIELD;
  const before = hashes.deadline(place);
  if (before < 0 ? (condition & (XX | GT)) !== 0 : !isBetter(condition, before, atMs)) return NOT_MET;
  if (atMs <= engine.nowMs) {
    hashes.remove(place);
    return GONE;
  }
  return giveDeadline(engine, i, atMs) ? DONE : Number.NaN;
}

/** Does a field with a deadline meet the condition for another? */
function isBetter(condition: number, beforeMs: number, atMs: number): boolean {
  if (condition === NX) return false;
  if (condition === GT) return atMs > beforeMs;
  return condition !== LT || atMs < beforeMs;
}

/** Gives the field in argument `i`, which is there, a deadline. False without memory. */
export function giveDeadline(engine: Engine, i: number, atMs: number): boolean {
  const { hashes } = engine.values;
  return hashes.makeTimed() && hashes.setDeadline(findField(engine, i), atMs) !== 0;
}

/**
 * The deadline that argument `i` of the command at `arg` gives, in ms since 1970, counted from `baseMs`. NaN when it gives
 * none: the error has been written.
 */
export function fieldDeadline(engine: Engine, arg: number, i: number, inSeconds: boolean, baseMs: number): number {
  const time = integerArgument(engine, i);
  if (Number.isNaN(time)) return time;
  if (time < 0) {
    engine.reply.error('ERR invalid expire time, must be >= 0');
    return Number.NaN;
  }
  const atMs = (inSeconds ? time * 1000 : time) + baseMs;
  if (atMs <= MAX_DEADLINE_MS) return atMs;
  engine.reply.error(`ERR invalid expire time in '${engine.text(arg).toLowerCase()}' command`);
  return Number.NaN;
}

/**
 * The first field of `FIELDS numfields field …`, which must begin at argument `i` and end at `end`; -1 when it does not: the
 * error has been written, `notPositive` for a number of fields that is none.
 */
export function fieldsFrom(engine: Engine, arg: number, i: number, end: number, notPositive: string): number {
  if (i + 1 >= end) {
    wrongArity(engine, engine.text(arg).toLowerCase());
    return -1;
  }
  if (!isWord(engine, i, WORD_FIELDS)) {
    engine.reply.error(MISPLACED);
    return -1;
  }
  const fields = integerAt(engine.memory.u8, engine.argOffset[i + 1], engine.argLength[i + 1]);
  if (!(fields > 0)) engine.reply.error(notPositive);
  else if (fields !== end - i - 2) engine.reply.error(MISMATCH);
  else return i + 2;
  return -1;
}

export function httl(engine: Engine, arg: number, argc: number): void {
  replyTimes(engine, arg, argc, true, engine.nowMs);
}

export function hpttl(engine: Engine, arg: number, argc: number): void {
  replyTimes(engine, arg, argc, false, engine.nowMs);
}

export function hexpiretime(engine: Engine, arg: number, argc: number): void {
  replyTimes(engine, arg, argc, true, 0);
}

export function hpexpiretime(engine: Engine, arg: number, argc: number): void {
  replyTimes(engine, arg, argc, false, 0);
}

/** The fields' deadlines, counted from `baseMs`; seconds are rounded up. */
function replyTimes(engine: Engine, arg: number, argc: number, inSeconds: boolean, baseMs: number): void {
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  const first = fieldsFrom(engine, arg, arg + 2, arg + argc, NOT_POSITIVE);
  if (first < 0) return;
  const { hashes } = engine.values;
  engine.reply.array(arg + argc - first);
  for (let i = first; i < arg + argc; i++) {
    const place = ref === 0 ? 0 : findField(engine, i);
    const atMs = place === 0 ? -1 : hashes.deadline(place);
    if (place === 0) engine.reply.integer(NO_FIELD);
    else if (atMs < 0) engine.reply.integer(NO_DEADLINE);
    else engine.reply.integer(inSeconds ? Math.floor((atMs + 999 - baseMs) / 1000) : atMs - baseMs);
  }
}

export function hpersist(engine: Engine, arg: number, argc: number): void {
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  const first = fieldsFrom(engine, arg, arg + 2, arg + argc, NOT_POSITIVE);
  if (first < 0) return;
  engine.reply.array(arg + argc - first);
  let changes = 0;
  for (let i = first; i < arg + argc; i++) {
    const place = ref === 0 ? 0 : findField(engine, i);
    if (place === 0) engine.reply.integer(NO_FIELD);
    else if (engine.values.hashes.clearDeadline(place)) {
      engine.reply.integer(DONE);
      changes++;
    } else engine.reply.integer(NO_DEADLINE);
  }
  if (changes > 0) hashChanged(engine, 'hpersist');
}

/** The wheel reports a hash's timer: removes some of the fields whose time is over, and the key with the last one. */
export function expireFieldsOf(engine: Engine, timer: number): void {
  const { hashes } = engine.values;
  if (!hashes.openDue(timer, engine.nowMs)) return;
  if (!hashes.hasDue || expireFields(engine, TIMER_BUDGET)) hashes.rewind();
}
