/** XADD and XTRIM, whose options are mostly the same: entries come in at one end and, if there are too many, go at the other. */
import { StreamId, WHOLE_ID } from '../../store/stream/id.ts';
import { NODE_MAX_BYTES, type StreamLog } from '../../store/stream/log.ts';
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import { wrongArity } from '../dispatch-table.ts';
import type { Engine } from '../engine.ts';
import { changed, hasRoom, outOfMemory, tell } from '../keys.ts';
import { createStream, idArgument, isByte, newIdArgument, openToWrite, refuse, replyId } from './value.ts';

const WORD_MAXLEN = optionWord('MAXLEN');
const WORD_MINID = optionWord('MINID');
const WORD_LIMIT = optionWord('LIMIT');
const WORD_NOMKSTREAM = optionWord('NOMKSTREAM');

const STAR = 42;
const TILDE = 126;
const EQUALS = 61;

const NO_TRIM = 0;
const BY_LENGTH = 1;
const BY_ID = 2;

/** With `~` and no LIMIT, so many nodes go at most. */
const LIMIT_NODES = 100;
const DEFAULT_LIMIT = 10_000;
const MAX_LIMIT = 1_000_000;
/** What an entry may take beyond its bytes: a node of its own and its place in the tree. */
const ENTRY_ROOM = 8192;

/** What the options said. */
const options = {
  strategy: NO_TRIM,
  maxLength: 0,
  minId: new StreamId(),
  approximate: false,
  limit: 0,
  limitGiven: false,
  noCreate: false,
  /** 0: `*`, all of it is chosen here; 1: the ID is given; 2: its seq is chosen here. */
  given: 0,
};
const id = new StreamId();
const last = new StreamId();

export function xadd(engine: Engine, arg: number, argc: number): void {
  const at = readOptions(engine, arg, argc, true);
  if (at < 0) return;
  const first = at + 1;
  const pieces = arg + argc - first;
  if (pieces < 2 || (pieces & 1) === 1) {
    wrongArity(engine, 'xadd');
    return;
  }
  if (options.given === WHOLE_ID && id.isZero) {
    engine.reply.error('ERR The ID specified in XADD must be greater than 0-0');
    return;
  }
  const found = openToWrite(engine, arg + 1, engine.keyHash);
  if (found === -1) return;
  if (found === 0 && options.noCreate) {
    engine.reply.nil();
    return;
  }
  const bytes = bytesOf(engine, first, pieces);
  const { log } = engine.values.streams;
  if (!mayAppend(engine, found === 0 ? null : log, bytes)) return;
  if (found === 0 && !hasRoom(engine, bytes + engine.argLength[arg + 1] + ENTRY_ROOM)) return;
  const ref = found === 0 ? createStream(engine, arg + 1) : found;
  if (ref === 0) return;
  if (!log.append(id, engine.memory.dv, engine.argOffset, engine.argLength, first, pieces >> 1)) {
    if (found === 0) engine.db.remove(ref);
    outOfMemory(engine);
    return;
  }
  replyId(engine.reply, id);
  changed(engine, engine.db, 'xadd', ref);
  if (options.strategy !== NO_TRIM && trim(log) > 0) tell(engine, engine.db, 'xtrim', ref);
}

/** Chooses what is left to choose of the ID; false when it can't be, or the entry is too large: the error has been written. */
function mayAppend(engine: Engine, log: StreamLog | null, bytes: number): boolean {
  if (log === null) last.setMin();
  else log.lastId(last);
  if (last.isMax) {
    return refuse(engine, 'ERR The stream has exhausted the last possible ID, unable to add more items');
  }
  if (bytes > NODE_MAX_BYTES) return refuse(engine, 'ERR Elements are too large to be stored');
  if (options.given === 0) nextId(engine);
  else if (options.given !== WHOLE_ID && id.msLow === last.msLow && id.msHigh === last.msHigh) {
    id.copy(last);
    if (!id.incrementSeq()) id.setMin();
  }
  if (id.compare(last) > 0) return true;
  return refuse(engine, 'ERR The ID specified in XADD is equal or smaller than the target stream top item');
}

/** The time and 0; the ID after the last one when that is not of the past. */
function nextId(engine: Engine): void {
  id.setSafe(engine.nowMs, 0);
  if (id.msHigh === last.msHigh && id.msLow === last.msLow) id.copy(last);
  else if (id.compare(last) > 0) return;
  else id.copy(last);
  id.increment();
}

function bytesOf(engine: Engine, first: number, pieces: number): number {
  let bytes = 0;
  for (let i = first, end = first + pieces; i < end; i++) bytes += engine.argLength[i];
  return bytes;
}

/** XTRIM key MAXLEN|MINID [=|~] threshold [LIMIT count] */
export function xtrim(engine: Engine, arg: number, argc: number): void {
  if (readOptions(engine, arg, argc, false) < 0) return;
  const ref = openToWrite(engine, arg + 1, engine.keyHash);
  if (ref === -1) return;
  const trimmed = ref === 0 ? 0 : trim(engine.values.streams.log);
  if (trimmed > 0) {
    changed(engine, engine.db, 'xtrim', ref);
    engine.stats.dirty += trimmed - 1;
  }
  engine.reply.integer(trimmed);
}

function trim(log: StreamLog): number {
  const maxLength = options.strategy === BY_LENGTH ? options.maxLength : -1;
  return log.trim(maxLength, options.minId, options.approximate, options.limit);
}

/** Reads the options. Returns the argument that is the ID (XADD), or behind the last one; -1 after an error. */
function readOptions(engine: Engine, arg: number, argc: number, adds: boolean): number {
  options.strategy = NO_TRIM;
  options.approximate = false;
  options.limit = 0;
  options.limitGiven = false;
  options.noCreate = false;
  options.given = 0;
  const end = arg + argc;
  let i = arg + 2;
  for (; i < end; i++) {
    if (adds && isByte(engine, i, STAR)) break;
    const more = i + 1 < end;
    if (more && isWord(engine, i, WORD_MAXLEN)) i = readThreshold(engine, i, end, BY_LENGTH);
    else if (more && isWord(engine, i, WORD_MINID)) i = readThreshold(engine, i, end, BY_ID);
    else if (more && isWord(engine, i, WORD_LIMIT)) i = readLimit(engine, i + 1);
    else if (adds && isWord(engine, i, WORD_NOMKSTREAM)) options.noCreate = true;
    else if (adds) {
      options.given = newIdArgument(engine, i, id);
      if (options.given === 0) return -1;
      break;
    } else {
      syntaxError(engine);
      return -1;
    }
    if (i < 0) return -1;
  }
  return settle(engine, adds) ? i : -1;
}

/** MAXLEN or MINID at `i`. Returns the last argument of it; -1 after an error. */
function readThreshold(engine: Engine, i: number, end: number, strategy: number): number {
  if (options.strategy !== NO_TRIM) {
    refuse(engine, 'ERR syntax error, MAXLEN and MINID options at the same time are not compatible');
    return -1;
  }
  let at = i + 1;
  options.approximate = at + 1 < end && isByte(engine, at, TILDE);
  if (options.approximate || (at + 1 < end && isByte(engine, at, EQUALS))) at++;
  options.strategy = strategy;
  if (strategy === BY_ID) return idArgument(engine, at, options.minId) ? at : -1;
  options.maxLength = integerArgument(engine, at);
  if (Number.isNaN(options.maxLength)) return -1;
  if (options.maxLength >= 0) return at;
  refuse(engine, 'ERR The MAXLEN argument must be >= 0.');
  return -1;
}

function readLimit(engine: Engine, i: number): number {
  options.limit = integerArgument(engine, i);
  options.limitGiven = true;
  if (Number.isNaN(options.limit)) return -1;
  if (options.limit >= 0) return i;
  refuse(engine, 'ERR The LIMIT argument must be >= 0.');
  return -1;
}

/** Checks that the options go together, and sets the limit if none was given. */
function settle(engine: Engine, adds: boolean): boolean {
  if (options.limit !== 0 && options.strategy === NO_TRIM) {
    return refuse(engine, 'ERR syntax error, LIMIT cannot be used without specifying a trimming strategy');
  }
  if (!adds && options.strategy === NO_TRIM) {
    return refuse(engine, 'ERR syntax error, XTRIM must be called with a trimming strategy');
  }
  if (options.limitGiven) {
    return options.approximate || refuse(engine, 'ERR syntax error, LIMIT cannot be used without the special ~ option');
  }
  if (!options.approximate) return true;
  const limit = LIMIT_NODES * engine.values.streams.log.nodeMaxEntries;
  options.limit = limit <= 0 ? DEFAULT_LIMIT : Math.min(limit, MAX_LIMIT);
  return true;
}
