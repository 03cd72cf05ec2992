/**
 * DUMP and RESTORE: a value as bytes that another server can read (rdb/payload.ts).
 *
 *   RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds | FREQ counter]
 */
import { ACCESS_MASK } from '../../store/record.ts';
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { added, changed, find, hasRoom, lookupRead, MAX_DEADLINE_MS, outOfMemory, setExpiry } from '../keys.ts';
import { attach, discard, LOADED, Loaded, NO_MEMORY, recordBytes } from '../rdb/codec.ts';
import { loadValue } from '../rdb/codecs.ts';
import { openPayload, reader, writePayload, writer } from '../rdb/payload.ts';
import { isOver } from '../rdb/timed-hash.ts';

const WORD_REPLACE = optionWord('REPLACE');
const WORD_ABSTTL = optionWord('ABSTTL');
const WORD_IDLETIME = optionWord('IDLETIME');
const WORD_FREQ = optionWord('FREQ');
const MAX_FREQ = 255;

/** What parseOptions found; -1 where nothing was given. */
let replace = false;
let absolute = false;
let idleSeconds = -1;
let freq = -1;

const loaded = new Loaded();

export function dump(engine: Engine, arg: number, _argc: number): void {
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref === 0 || isOver(engine, engine.db, ref)) {
    engine.reply.nil();
    return;
  }
  writePayload(engine, engine.db, ref);
  engine.reply.bulkBytes(writer.bytes.subarray(0, writer.length));
}

export function restore(engine: Engine, arg: number, argc: number): void {
  if (!parseOptions(engine, arg + 4, arg + argc)) return;
  const { db, reply } = engine;
  const { keyHash } = engine;
  const existing = replace ? find(engine, db, arg + 1, keyHash) : lookupRead(engine, arg + 1, keyHash);
  if (existing !== 0 && !replace) {
    reply.error('BUSYKEY Target key name already exists.');
    return;
  }
  const atMs = deadline(engine, arg + 2);
  if (atMs < 0 || !load(engine, arg + 3)) return;
  const length = engine.argLength[arg + 1];
  const room = length + recordBytes(loaded);
  if (!hasRoom(engine, atMs > 0 ? 2 * room : room)) {
    discard(engine, loaded);
    return;
  }
  const isLate = atMs > 0 && atMs <= engine.nowMs;
  if (existing !== 0) {
    if (isLate) changed(engine, db, 'del', existing);
    db.remove(existing);
  }
  if (isLate) discard(engine, loaded);
  else if (!put(engine, arg + 1, atMs)) return;
  reply.ok();
}

/** Options from argument `from` on. False after an error. */
function parseOptions(engine: Engine, from: number, end: number): boolean {
  replace = false;
  absolute = false;
  idleSeconds = -1;
  freq = -1;
  for (let i = from; i < end; i++) {
    if (isWord(engine, i, WORD_REPLACE)) replace = true;
    else if (isWord(engine, i, WORD_ABSTTL)) absolute = true;
    else if (isWord(engine, i, WORD_IDLETIME) && i + 1 < end && freq === -1) {
      idleSeconds = integerArgument(engine, ++i);
      if (!isWithin(engine, idleSeconds, Number.POSITIVE_INFINITY, 'ERR Invalid IDLETIME value, must be >= 0'))
        return false;
    } else if (isWord(engine, i, WORD_FREQ) && i + 1 < end && idleSeconds === -1) {
      freq = integerArgument(engine, ++i);
      if (!isWithin(engine, freq, MAX_FREQ, 'ERR Invalid FREQ value, must be >= 0 and <= 255')) return false;
    } else {
      syntaxError(engine);
      return false;
    }
  }
  return true;
}

/** True for 0 ≤ value ≤ max; NaN is an error that has been written. */
function isWithin(engine: Engine, value: number, max: number, error: string): boolean {
  if (value >= 0 && value <= max) return true;
  if (!Number.isNaN(value)) engine.reply.error(error);
  return false;
}

/** The deadline in argument `i`, in ms since 1970; 0 for none, -1 after an error. */
function deadline(engine: Engine, i: number): number {
  const ttl = integerArgument(engine, i);
  if (!isWithin(engine, ttl, Number.POSITIVE_INFINITY, 'ERR Invalid TTL value, must be >= 0')) return -1;
  if (ttl === 0) return 0;
  return Math.min(absolute ? ttl : ttl + engine.nowMs, MAX_DEADLINE_MS);
}

/** Reads the payload in argument `i` into `loaded`. False after an error. */
function load(engine: Engine, i: number): boolean {
  const { memory, reply } = engine;
  if (!openPayload(engine, memory.u8, memory.dv, engine.argOffset[i], engine.argLength[i])) {
    reply.error('ERR DUMP payload version or checksum are wrong');
    return false;
  }
  const result = loadValue(engine, reader, loaded);
  if (result === NO_MEMORY) outOfMemory(engine);
  else if (result !== LOADED) reply.error('ERR Bad data format');
  return result === LOADED;
}

/** Makes the key in argument `key`, which is not there, of what was loaded. False after an error. */
function put(engine: Engine, key: number, atMs: number): boolean {
  const { db, memory } = engine;
  let made = attach(engine, db, memory.dv, engine.argOffset[key], engine.argLength[key], engine.keyHash, loaded);
  if (made === 0) {
    discard(engine, loaded);
    outOfMemory(engine);
    return false;
  }
  loaded.root = 0;
  added(engine, db, made);
  if (atMs > 0) {
    made = setExpiry(engine, db, made, atMs);
    if (made === 0) return false;
  }
  setAccess(engine, made);
  changed(engine, db, 'restore', made);
  return true;
}

/** Gives the key the age or the frequency that came with it, if the policy has a use for it. */
function setAccess(engine: Engine, ref: number): void {
  const { db, evictor } = engine;
  if (evictor.lfu) {
    if (freq >= 0) db.touch(ref, evictor.lfuBits(freq, engine.nowMs));
  } else if (idleSeconds >= 0) {
    const seconds = Math.floor(engine.nowMs / 1000) - Math.min(idleSeconds, ACCESS_MASK);
    db.touch(ref, seconds & ACCESS_MASK);
  }
}
