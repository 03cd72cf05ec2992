/**
 * HGETEX, HSETEX, HGETDEL: reading or setting fields together with their deadlines, reading and removing them, as Redis 8.0
 * has them.
 *
 *   HGETEX  key [EX s | PX ms | EXAT s | PXAT ms | PERSIST] FIELDS numfields field [field …]
 *   HSETEX  key [FNX | FXX] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL] FIELDS numfields field value [field value …]
 *   HGETDEL key FIELDS numfields field [field …]
 */
import { SET_NO_MEMORY } from '../../store/hashes.ts';
import { integerAt, isWord, optionWord, shownText } from '../arguments.ts';
import { wrongArity } from '../dispatch-table.ts';
import type { Engine } from '../engine.ts';
import { outOfMemory, tell } from '../keys.ts';
import { fieldDeadline, fieldsFrom, giveDeadline, NOT_POSITIVE } from './deadlines.ts';
import {
  fieldsRemoved,
  findField,
  hashChanged,
  noMemory,
  openToAdd,
  openToChange,
  replyFieldValue,
  setField,
} from './value.ts';

const WORD_EX = optionWord('EX');
const WORD_PX = optionWord('PX');
const WORD_EXAT = optionWord('EXAT');
const WORD_PXAT = optionWord('PXAT');
const WORD_PERSIST = optionWord('PERSIST');
const WORD_KEEPTTL = optionWord('KEEPTTL');
const WORD_FNX = optionWord('FNX');
const WORD_FXX = optionWord('FXX');
const WORD_FIELDS = optionWord('FIELDS');
const INT32_MAX = 0x7fff_ffff;

/** What a time word means: 0 for none, else IN_SECONDS, FROM_NOW. */
const TIME = 1;
const IN_SECONDS = 2;
const FROM_NOW = 4;

function timeWord(engine: Engine, i: number): number {
  if (isWord(engine, i, WORD_EX)) return TIME | IN_SECONDS | FROM_NOW;
  if (isWord(engine, i, WORD_PX)) return TIME | FROM_NOW;
  if (isWord(engine, i, WORD_EXAT)) return TIME | IN_SECONDS;
  return isWord(engine, i, WORD_PXAT) ? TIME : 0;
}

/** The deadline in the argument behind a time word; NaN after an error. */
function timeAfter(engine: Engine, arg: number, i: number, word: number): number {
  const baseMs = (word & FROM_NOW) !== 0 ? engine.nowMs : 0;
  return fieldDeadline(engine, arg, i, (word & IN_SECONDS) !== 0, baseMs);
}

export function hgetdel(engine: Engine, arg: number, argc: number): void {
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  const first = fieldsFrom(engine, arg, arg + 2, arg + argc, NOT_POSITIVE);
  if (first < 0) return;
  const removed = replyAndRemove(engine, ref, first, arg + argc);
  if (removed === 0) return;
  engine.stats.dirty += removed - 1;
  fieldsRemoved(engine, 'hdel');
}

/** Answers with the fields' values and removes them; how many there were. */
function replyAndRemove(engine: Engine, ref: number, first: number, end: number): number {
  let removed = 0;
  engine.reply.array(end - first);
  for (let i = first; i < end; i++) {
    const place = ref === 0 ? 0 : findField(engine, i);
    if (place === 0) {
      engine.reply.nil();
      continue;
    }
    replyFieldValue(engine, place);
    engine.values.hashes.remove(place);
    removed++;
  }
  return removed;
}

export function hgetex(engine: Engine, arg: number, argc: number): void {
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  const word = timeWord(engine, arg + 2);
  const persists = isWord(engine, arg + 2, WORD_PERSIST);
  const atMs = word === 0 ? 0 : timeAfter(engine, arg, arg + 3, word);
  if (Number.isNaN(atMs)) return;
  const first = fieldsFrom(engine, arg, arg + (word !== 0 ? 4 : persists ? 3 : 2), arg + argc, NOT_POSITIVE);
  if (first < 0) return;
  if (word !== 0 && atMs <= engine.nowMs) {
    const removed = replyAndRemove(engine, ref, first, arg + argc);
    if (removed === 0) return;
    engine.stats.dirty += removed - 1;
    fieldsRemoved(engine, 'hdel');
    return;
  }
  const changes = ref === 0 ? 0 : changeDeadlines(engine, first, arg + argc, atMs, persists);
  if (changes > 0) {
    engine.stats.dirty += changes - 1;
    hashChanged(engine, persists ? 'hpersist' : 'hexpire');
  }
  if (changes < 0) return;
  engine.reply.array(arg + argc - first);
  for (let i = first; i < arg + argc; i++) {
    const place = ref === 0 ? 0 : findField(engine, i);
    if (place === 0) engine.reply.nil();
    else replyFieldValue(engine, place);
  }
}

/** Gives the fields the deadline (0: none), or takes theirs away. How many changed; -1 without memory: the error has been written. */
function changeDeadlines(engine: Engine, first: number, end: number, atMs: number, persists: boolean): number {
  let changes = 0;
  for (let i = first; i < end && (persists || atMs > 0); i++) {
    const place = findField(engine, i);
    if (place === 0) continue;
    if (persists) {
      if (engine.values.hashes.clearDeadline(place)) changes++;
    } else if (giveDeadline(engine, i, atMs)) changes++;
    else {
      if (changes > 0) hashChanged(engine, 'hexpire');
      outOfMemory(engine);
      return -1;
    }
  }
  return changes;
}

/** What HSETEX was asked for. */
interface SetOptions {
  onlyAbsent: boolean;
  onlyPresent: boolean;
  keepsDeadline: boolean;
  /** 0 for none. */
  atMs: number;
  timed: boolean;
  /** The first field's argument. */
  first: number;
}

export function hsetex(engine: Engine, arg: number, argc: number): void {
  const options = parseOptions(engine, arg, arg + argc);
  if (options === null) return;
  const end = arg + argc;
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  if (!meets(engine, ref, options, end)) {
    engine.reply.integer(0);
    return;
  }
  if (!openToAdd(engine, arg, options.first, end)) return;
  if (!setAll(engine, options, end)) return;
  engine.stats.dirty += ((end - options.first) >> 1) - 1;
  const { hashes } = engine.values;
  hashChanged(engine, 'hset');
  if (options.timed && options.atMs <= engine.nowMs) {
    for (let i = options.first; i < end; i += 2) {
      const place = findField(engine, i);
      if (place !== 0) hashes.remove(place);
    }
    engine.stats.dirty--; // one change, two events
    fieldsRemoved(engine, 'hdel');
  } else if (options.timed) tell(engine, engine.db, 'hexpire', hashes.ref);
  engine.reply.integer(1);
}

/** Sets the fields and their deadlines. False without memory: the error has been written. */
function setAll(engine: Engine, options: SetOptions, end: number): boolean {
  for (let i = options.first; i < end; i += 2) {
    const done = setField(engine, i, i + 1, options.keepsDeadline);
    if (done !== SET_NO_MEMORY) {
      const lives = options.timed && options.atMs > engine.nowMs;
      if (!lives || giveDeadline(engine, i, options.atMs)) continue;
    }
    noMemory(engine);
    return false;
  }
  return true;
}

function meets(engine: Engine, ref: number, options: SetOptions, end: number): boolean {
  if (ref === 0) return !options.onlyPresent;
  if (!options.onlyPresent && !options.onlyAbsent) return true;
  for (let i = options.first; i < end; i += 2) {
    if ((findField(engine, i) !== 0) === options.onlyAbsent) return false;
  }
  return true;
}

/** Null after an error. FIELDS comes last. */
function parseOptions(engine: Engine, arg: number, end: number): SetOptions | null {
  const options = { onlyAbsent: false, onlyPresent: false, keepsDeadline: false, atMs: 0, timed: false, first: 0 };
  for (let i = arg + 2; i < end; i++) {
    if (isWord(engine, i, WORD_FIELDS)) {
      options.first = pairsFrom(engine, i, end);
      return options.first < 0 ? null : options;
    }
    const word = timeWord(engine, i);
    const keeps = isWord(engine, i, WORD_KEEPTTL);
    const absent = isWord(engine, i, WORD_FNX);
    if (word !== 0 || keeps) {
      if (options.timed || options.keepsDeadline) {
        engine.reply.error('ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified');
        return null;
      }
      options.keepsDeadline = keeps;
      options.timed = !keeps;
      if (keeps) continue;
      if (i + 1 === end) {
        engine.reply.error('ERR missing expire time');
        return null;
      }
      options.atMs = timeAfter(engine, arg, ++i, word);
      if (Number.isNaN(options.atMs)) return null;
    } else if (absent || isWord(engine, i, WORD_FXX)) {
      if (options.onlyAbsent || options.onlyPresent) {
        engine.reply.error('ERR Only one of FXX or FNX arguments can be specified');
        return null;
      }
      options.onlyAbsent = absent;
      options.onlyPresent = !absent;
    } else {
      engine.reply.error(`ERR unknown argument: ${shownText(engine, i)}`);
      return null;
    }
  }
  wrongArity(engine, 'hsetex');
  return null;
}

/** The first field behind `FIELDS numfields` at argument `i`; -1 after an error. */
function pairsFrom(engine: Engine, i: number, end: number): number {
  if (i < end - 3) {
    const fields = integerAt(engine.memory.u8, engine.argOffset[i + 1], engine.argLength[i + 1]);
    if (!(fields >= 1 && fields <= INT32_MAX)) {
      engine.reply.error('ERR invalid number of fields');
      return -1;
    }
    if (fields * 2 === end - i - 2) return i + 2;
  }
  wrongArity(engine, 'hsetex');
  return -1;
}
