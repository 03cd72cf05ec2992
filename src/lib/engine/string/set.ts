/**
 * SET with its options, SETNX, SETEX, PSETEX, GETEX, MSET, MSETNX: writing strings whole, and their expiry with them.
 *
 *   SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]
 *
 * All arguments are checked before anything changes, and so is the memory of commands that change more than one thing.
 */
import { bigIntegerArgument, integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import { wrongArity } from '../dispatch-table.ts';
import type { Engine } from '../engine.ts';
import {
  changed,
  find,
  hashOf,
  hasRoom,
  lookupRead,
  lookupWrite,
  MAX_DEADLINE_MS,
  persist,
  remove,
  setExpiry,
  setString,
  tell,
} from '../keys.ts';
import { holdsString, replyValue } from './value.ts';

const NX = 1;
const XX = 2;
const GET = 4;
const KEEPTTL = 8;
const PERSIST = 16;
const EX = 32;
const PX = 64;
const EXAT = 128;
const PXAT = 256;
const ANY_TIME = EX | PX | EXAT | PXAT;

const WORD_NX = optionWord('NX');
const WORD_XX = optionWord('XX');
const WORD_GET = optionWord('GET');
const WORD_KEEPTTL = optionWord('KEEPTTL');
const WORD_PERSIST = optionWord('PERSIST');
const WORD_EX = optionWord('EX');
const WORD_PX = optionWord('PX');
const WORD_EXAT = optionWord('EXAT');
const WORD_PXAT = optionWord('PXAT');

/** Header, padding and slot of a record, shared by key and value. */
const ARGUMENT_OVERHEAD_BYTES = 16;
const INT64_MAX = 2n ** 63n - 1n;

/** What `parseOptions` found: the argument that holds the time, or 0. */
let timeArgument = 0;

export function set(engine: Engine, arg: number, argc: number): void {
  if (argc > 3) {
    setWithOptions(engine, arg, argc);
    return;
  }
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  const made = setString(engine, arg + 1, engine.keyHash, ref, arg + 2, false);
  if (made === 0) return;
  changed(engine, engine.db, 'set', made);
  engine.reply.ok();
}

function setWithOptions(engine: Engine, arg: number, argc: number): void {
  const options = parseOptions(engine, arg + 3, arg + argc, NX | XX | GET | KEEPTTL | ANY_TIME);
  if (options < 0) return;
  const atMs = timeOf(engine, arg, options);
  if (Number.isNaN(atMs)) return;
  const hash = engine.keyHash;
  const answersValue = (options & GET) !== 0;
  const ref = answersValue ? lookupRead(engine, arg + 1, hash) : lookupWrite(engine, arg + 1, hash);
  if (answersValue && ref !== 0 && !holdsString(engine, ref)) return;
  const refused = ref !== 0 ? (options & NX) !== 0 : (options & XX) !== 0;
  if (!refused && !hasRoomFor(engine, arg + 1, arg + 2, atMs > 0)) return;
  if (answersValue && ref !== 0) replyValue(engine, ref);
  else if (answersValue || refused) engine.reply.nil();
  if (refused) return;
  if (store(engine, arg, hash, ref, arg + 2, atMs, (options & KEEPTTL) !== 0) && !answersValue) engine.reply.ok();
}

/** Writes value and deadline (0: none). True unless there was no memory. */
function store(
  engine: Engine,
  arg: number,
  hash: number,
  ref: number,
  value: number,
  atMs: number,
  keepExpiry: boolean,
): boolean {
  let made = setString(engine, arg + 1, hash, ref, value, keepExpiry || atMs > 0);
  if (made === 0) return false;
  changed(engine, engine.db, 'set', made);
  if (atMs > 0) {
    made = setExpiry(engine, engine.db, made, atMs);
    if (made === 0) return false;
    tell(engine, engine.db, 'expire', made);
  }
  return true;
}

/** Room for key and value; twice when the record has to move once more, to make place for a deadline. */
function hasRoomFor(engine: Engine, key: number, value: number, withDeadline: boolean): boolean {
  return hasRoom(engine, (engine.argLength[key] + engine.argLength[value]) * (withDeadline ? 2 : 1));
}

/** Options from argument `from` on, of those `allowed`; -1 after an error. At most one of the times, KEEPTTL and PERSIST. */
function parseOptions(engine: Engine, from: number, end: number, allowed: number): number {
  let options = 0;
  timeArgument = 0;
  for (let i = from; i < end; i++) {
    const option = optionAt(engine, i) & allowed;
    const excludes = exclusions(option);
    const takesTime = (option & ANY_TIME) !== 0;
    if (option === 0 || (options & excludes) !== 0 || (takesTime && i + 1 === end)) {
      syntaxError(engine);
      return -1;
    }
    options |= option;
    if (takesTime) timeArgument = ++i;
  }
  return options;
}

function optionAt(engine: Engine, i: number): number {
  if (isWord(engine, i, WORD_EX)) return EX;
  if (isWord(engine, i, WORD_PX)) return PX;
  if (isWord(engine, i, WORD_NX)) return NX;
  if (isWord(engine, i, WORD_XX)) return XX;
  if (isWord(engine, i, WORD_GET)) return GET;
  if (isWord(engine, i, WORD_KEEPTTL)) return KEEPTTL;
  if (isWord(engine, i, WORD_EXAT)) return EXAT;
  if (isWord(engine, i, WORD_PXAT)) return PXAT;
  return isWord(engine, i, WORD_PERSIST) ? PERSIST : 0;
}

/** What may not stand before an option. The same option twice is no error to redis-server: the later one counts. */
function exclusions(option: number): number {
  if (option === NX) return XX;
  if (option === XX) return NX;
  if (option === GET) return 0;
  const times = ANY_TIME | KEEPTTL | PERSIST;
  return times & ~option;
}

/** The deadline that the options ask for; 0 for none, NaN after an error. */
function timeOf(engine: Engine, arg: number, options: number): number {
  if (timeArgument === 0) return 0;
  return deadline(engine, arg, timeArgument, (options & (EX | EXAT)) !== 0, (options & (EX | PX)) !== 0);
}

/**
 * The deadline that argument `i` of the command at `arg` gives, in ms since 1970. NaN when it isn't a positive time that
 * 64 bits of milliseconds can hold: the error has been written.
 */
function deadline(engine: Engine, arg: number, i: number, inSeconds: boolean, relative: boolean): number {
  const time = integerArgument(engine, i);
  if (Number.isNaN(time)) return time;
  const baseMs = relative ? engine.nowMs : 0;
  const atMs = (inSeconds ? time * 1000 : time) + baseMs;
  if (time > 0 && atMs <= MAX_DEADLINE_MS) return atMs;
  if (time > 0 && fitsInt64(engine, i, inSeconds, baseMs)) return MAX_DEADLINE_MS;
  engine.reply.error(`ERR invalid expire time in '${engine.text(arg).toLowerCase()}' command`);
  return Number.NaN;
}

function fitsInt64(engine: Engine, i: number, inSeconds: boolean, baseMs: number): boolean {
  const time = bigIntegerArgument(engine, i) ?? INT64_MAX;
  return time * (inSeconds ? 1000n : 1n) + BigInt(baseMs) <= INT64_MAX;
}

export function setnx(engine: Engine, arg: number, _argc: number): void {
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  if (ref !== 0) engine.reply.integer(0);
  else if (store(engine, arg, engine.keyHash, 0, arg + 2, 0, false)) engine.reply.integer(1);
}

export function setex(engine: Engine, arg: number, _argc: number): void {
  setExpiring(engine, arg, true);
}

export function psetex(engine: Engine, arg: number, _argc: number): void {
  setExpiring(engine, arg, false);
}

function setExpiring(engine: Engine, arg: number, inSeconds: boolean): void {
  const atMs = deadline(engine, arg, arg + 2, inSeconds, true);
  if (Number.isNaN(atMs) || !hasRoomFor(engine, arg + 1, arg + 3, true)) return;
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  if (store(engine, arg, engine.keyHash, ref, arg + 3, atMs, false)) engine.reply.ok();
}

export function getex(engine: Engine, arg: number, argc: number): void {
  const options = parseOptions(engine, arg + 2, arg + argc, PERSIST | ANY_TIME);
  if (options < 0) return;
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref === 0) {
    engine.reply.nil();
    return;
  }
  if (!holdsString(engine, ref)) return;
  const atMs = timeOf(engine, arg, options);
  if (Number.isNaN(atMs)) return;
  const moves = atMs > 0 || ((options & PERSIST) !== 0 && engine.db.expiry(ref) >= 0);
  if (moves && !hasRoom(engine, engine.db.memoryBytes(ref))) return; // before the answer, after which no error may come
  replyValue(engine, ref);
  if ((options & (EXAT | PXAT)) !== 0 && atMs <= engine.nowMs) remove(engine, engine.db, ref);
  else if (atMs > 0) changed(engine, engine.db, 'expire', setExpiry(engine, engine.db, ref, atMs));
  else if ((options & PERSIST) !== 0) {
    const persisted = persist(engine, engine.db, ref);
    if (persisted !== 0) changed(engine, engine.db, 'persist', persisted);
  }
}

export function mset(engine: Engine, arg: number, argc: number): void {
  if (!admitsPairs(engine, arg, argc)) return;
  for (let i = arg + 1; i < arg + argc; i += 2) {
    const hash = i === arg + 1 ? engine.keyHash : hashOf(engine, i);
    const made = setString(engine, i, hash, lookupWrite(engine, i, hash), i + 1, false);
    if (made === 0) return;
    changed(engine, engine.db, 'set', made);
  }
  engine.reply.ok();
}

export function msetnx(engine: Engine, arg: number, argc: number): void {
  if (!admitsPairs(engine, arg, argc)) return;
  for (let i = arg + 1; i < arg + argc; i += 2) {
    if (find(engine, engine.db, i, hashOf(engine, i)) !== 0) {
      engine.reply.integer(0);
      return;
    }
  }
  for (let i = arg + 1; i < arg + argc; i += 2) {
    const hash = hashOf(engine, i);
    const made = setString(engine, i, hash, lookupWrite(engine, i, hash), i + 1, false);
    if (made === 0) return;
    changed(engine, engine.db, 'set', made);
  }
  engine.reply.integer(1);
}

/** Every key has a value, and there is memory for all of them: half a MSET is none. */
function admitsPairs(engine: Engine, arg: number, argc: number): boolean {
  if ((argc & 1) === 0) {
    wrongArity(engine, engine.text(arg).toLowerCase());
    return false;
  }
  let bytes = 0;
  for (let i = arg + 1; i < arg + argc; i++) bytes += engine.argLength[i] + ARGUMENT_OVERHEAD_BYTES;
  return hasRoom(engine, bytes);
}
