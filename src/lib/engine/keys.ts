/**
 * The one place where commands find, make, change and remove keys. So this is where a key whose time is over disappears when
 * it is looked at, where hits and misses are counted, and where every change passes whoever listens to changes.
 *
 *   lookupRead, readTyped ───┐                       ┌─ setString, makeString, createValue, resizeValue ─┐
 *   lookupWrite, writeTyped ─┼─▶ ref, or 0 for none ─┼─ setExpiry, persist                                ├─▶ changed(event)
 *   peek, find ──────────────┘                       └─ remove ───────────────────────────────────────────┘      │
 *                                                                                              engine.keyListener ◀┘
 *
 * Keys are arguments (their index in the batch) and their hash; values are refs into the arena. A function that makes or
 * moves a record returns its ref, or 0 after it has answered that there is no memory: then nothing was changed.
 */
import type { Keyspace } from '../store/keyspace.ts';
import { ROOT_BYTES, ROOTED, rootOf as rootIn, setRoot } from '../store/value-kind.ts';
import { CLIENT_NO_TOUCH } from './client.ts';
import type { Engine } from './engine.ts';

export const TYPE_STRING = 0;
export const TYPE_LIST = 1;
export const TYPE_SET = 2;
export const TYPE_ZSET = 3;
export const TYPE_HASH = 4;
export const TYPE_STREAM = 6;

/** Flags of a string record: its encoding, where it can't be told from the bytes. */
export const STRING_PLAIN = 0;
/** Was made by APPEND or SETRANGE: `raw` whatever it holds. */
export const STRING_RAW = 1;
/** Was made by INCRBYFLOAT: never `int`. */
export const STRING_TEXT = 2;

/** The event of a change that keyspace events do not tell of. */
export const UNTOLD = '';

/** Deadlines are kept below this, in ms since 1970: the year 287396. */
export const MAX_DEADLINE_MS = Number.MAX_SAFE_INTEGER;

/** What a change may need beyond keys and values: a segment of the hash table is split into two of 64 KiB. */
const TABLE_GROWTH_BYTES = 256 * 1024;
/** What a record may take for each byte of key and value: rounding to a size class, and the reserve of what grows. */
const RECORD_WASTE = 1.3;

// ── finding ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Hash of the key in argument `i`. */
export function hashOf(engine: Engine, i: number): number {
  return engine.db.hash(engine.argOffset[i], engine.argLength[i]);
}

/** The live record of the key in argument `i`, or 0; one whose time is over is removed first. */
export function find(engine: Engine, db: Keyspace, i: number, hash: number): number {
  const ref = db.find(engine.argOffset[i], engine.argLength[i], hash);
  if (ref === 0 || db.expires === 0) return ref;
  return dropIfExpired(engine, db, ref) ? 0 : ref;
}

/** For commands that read: counts a hit or a miss, marks the access. */
export function lookupRead(engine: Engine, i: number, hash: number): number {
  const ref = peek(engine, i, hash);
  if (ref !== 0) touch(engine, ref);
  return ref;
}

/** As lookupRead, of a key whose name is no argument: `length` bytes at `offset` of a view. */
export function lookupBytes(engine: Engine, view: DataView, offset: number, length: number): number {
  const { db, stats } = engine;
  let ref = db.findBytes(view, offset, length, db.hashOfBytes(view, offset, length));
  if (ref !== 0 && db.expires !== 0 && dropIfExpired(engine, db, ref)) ref = 0;
  if (ref === 0) {
    stats.keyspaceMisses++;
    return 0;
  }
  stats.keyspaceHits++;
  touch(engine, ref);
  return ref;
}

/** For commands that change the key: marks the access. */
export function lookupWrite(engine: Engine, i: number, hash: number): number {
  const ref = find(engine, engine.db, i, hash);
  if (ref !== 0) touch(engine, ref);
  return ref;
}

/** For commands that ask about the key and leave no trace of it: counts a hit or a miss. */
export function peek(engine: Engine, i: number, hash: number): number {
  const ref = find(engine, engine.db, i, hash);
  if (ref !== 0) engine.stats.keyspaceHits++;
  else missed(engine, i);
  return ref;
}

function missed(engine: Engine, i: number): void {
  engine.stats.keyspaceMisses++;
  if (engine.keyListener !== null) engine.keyListener.keyMissed?.(engine.db, i);
}

/** As peek, for OBJECT: a miss is counted, but nobody is told of it. */
export function peekSilently(engine: Engine, i: number, hash: number): number {
  const ref = find(engine, engine.db, i, hash);
  if (ref !== 0) engine.stats.keyspaceHits++;
  else engine.stats.keyspaceMisses++;
  return ref;
}

/** As lookupRead, of a key that must have this type: its record; 0 for none; -1 for another type: the error has been written. */
export function readTyped(engine: Engine, i: number, hash: number, type: number): number {
  const ref = lookupRead(engine, i, hash);
  return ref === 0 || engine.db.type(ref) === type ? ref : wrongType(engine);
}

/** As lookupWrite, of a key that must have this type: its record; 0 for none; -1 for another type: the error has been written. */
export function writeTyped(engine: Engine, i: number, hash: number, type: number): number {
  const ref = lookupWrite(engine, i, hash);
  return ref === 0 || engine.db.type(ref) === type ? ref : wrongType(engine);
}

/** Answers that the key holds another type of value; returns -1. */
export function wrongType(engine: Engine): -1 {
  engine.reply.error('WRONGTYPE Operation against a key holding the wrong kind of value');
  return -1;
}

function touch(engine: Engine, ref: number): void {
  if ((engine.client.flags & CLIENT_NO_TOUCH) !== 0) return;
  const { db, evictor } = engine;
  db.touch(ref, evictor.lfu ? evictor.accessed(engine, db.lru(ref)) : engine.accessClock);
}

/** True when the record's time is over. */
export function isExpired(engine: Engine, db: Keyspace, ref: number): boolean {
  const atMs = db.expiry(ref);
  return atMs >= 0 && engine.nowMs > atMs;
}

/** Removes the record when its time is over, and says whether it was. */
export function dropIfExpired(engine: Engine, db: Keyspace, ref: number): boolean {
  if (!isExpired(engine, db, ref)) return false;
  expire(engine, db, ref);
  return true;
}

// ── changing ───────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A change was made: counts it and tells who listens. */
export function changed(engine: Engine, db: Keyspace, event: string, ref: number): void {
  engine.stats.dirty++;
  tell(engine, db, event, ref);
}

/** A further event of a change that is counted already. */
export function tell(engine: Engine, db: Keyspace, event: string, ref: number): void {
  if (engine.keyListener !== null) engine.keyListener.keyChanged(event, db, ref);
}

/** A key was made that wasn't there: tells who listens. For whoever inserts a record by himself. */
export function added(engine: Engine, db: Keyspace, ref: number): void {
  if (engine.keyListener !== null) engine.keyListener.keyAdded?.(db, ref);
}

/**
 * Gives the key in argument `i` the string in argument `value`. `ref` is what looking the key up directly before returned.
 * The caller reports the change.
 */
export function setString(
  engine: Engine,
  i: number,
  hash: number,
  ref: number,
  value: number,
  keepExpiry: boolean,
): number {
  const length = engine.argLength[value];
  const made = makeString(engine, i, hash, ref, length, keepExpiry);
  if (made !== 0) engine.arena.copyIn(made, engine.db.valueByte(made), engine.memory, engine.argOffset[value], length);
  return made;
}

/** As setString, with room for `length` bytes: the first ones of a string that was there are kept, others are undefined. */
export function makeString(
  engine: Engine,
  i: number,
  hash: number,
  ref: number,
  length: number,
  keepExpiry: boolean,
): number {
  const db = engine.db;
  if (ref === 0) {
    const made = db.insert(engine.argOffset[i], engine.argLength[i], hash, TYPE_STRING, length);
    if (made === 0) return outOfMemory(engine);
    db.touch(made, engine.accessClock);
    added(engine, db, made);
    return made;
  }
  if (db.overwrite(ref, length)) return ref;
  const losesExpiry = !keepExpiry && db.expires !== 0 && db.expiry(ref) >= 0;
  if (losesExpiry || db.type(ref) !== TYPE_STRING) return replace(engine, i, hash, ref, length, keepExpiry);
  const made = db.resize(ref, length);
  if (made === 0) return outOfMemory(engine);
  db.setFlags(made, STRING_PLAIN);
  return made;
}

/** A new record in place of one that has a deadline to lose, or that is no string and goes with all that it owns. */
function replace(engine: Engine, i: number, hash: number, ref: number, length: number, keepExpiry: boolean): number {
  const db = engine.db;
  const atMs = keepExpiry ? db.expiry(ref) : -1;
  if (!hasRoom(engine, (engine.argLength[i] + length) * (atMs < 0 ? 1 : 2))) return 0;
  db.remove(ref);
  const made = db.insert(engine.argOffset[i], engine.argLength[i], hash, TYPE_STRING, length);
  if (made === 0) return outOfMemory(engine);
  db.touch(made, engine.accessClock);
  return atMs < 0 ? made : setExpiry(engine, db, made, atMs);
}

/**
 * Makes the key in argument `i`, which is not there, with a packed value of `bytes`, whose contents are undefined. Returns its
 * ref; 0 without memory: the error has been written. The caller reports the change.
 */
export function createValue(
  engine: Engine,
  i: number,
  hash: number,
  type: number,
  flags: number,
  bytes: number,
): number {
  const { db } = engine;
  const made = db.insert(engine.argOffset[i], engine.argLength[i], hash, type, bytes);
  if (made === 0) return outOfMemory(engine);
  db.setFlags(made, flags);
  db.touch(made, engine.accessClock);
  added(engine, db, made);
  return made;
}

/** As createValue, with a root as the value; `flags` without ROOTED. On 0 the root is still the caller's. */
export function createRooted(
  engine: Engine,
  i: number,
  hash: number,
  type: number,
  flags: number,
  root: number,
): number {
  const made = createValue(engine, i, hash, type, flags | ROOTED, ROOT_BYTES);
  if (made !== 0) setRoot(engine.arena.words, engine.db, made, root);
  return made;
}

/** Gives a packed value another size, keeping the bytes that both have. Returns the record's ref; 0 without memory. */
export function resizeValue(engine: Engine, db: Keyspace, ref: number, bytes: number): number {
  const moved = db.resize(ref, bytes);
  return moved !== 0 ? moved : outOfMemory(engine);
}

/** Puts a root in place of a packed value; `flags` without ROOTED. Returns the record's ref: to shrink never fails. */
export function makeRooted(engine: Engine, db: Keyspace, ref: number, flags: number, root: number): number {
  const moved = db.resize(ref, ROOT_BYTES) || ref; // without memory to move into, it stays where it is, larger than it need be
  db.setFlags(moved, flags | ROOTED);
  setRoot(engine.arena.words, db, moved, root);
  return moved;
}

/** The root of a rooted value. */
export function rootOf(engine: Engine, db: Keyspace, ref: number): number {
  return rootIn(engine.arena.words, db, ref);
}

/** Makes the key expire at `atMs`. The caller reports the change. */
export function setExpiry(engine: Engine, db: Keyspace, ref: number, atMs: number): number {
  const moved = db.setExpiry(ref, Math.min(atMs, MAX_DEADLINE_MS));
  return moved !== 0 ? moved : outOfMemory(engine);
}

/** Makes the key live for ever; 0 when it did already. The caller reports the change. */
export function persist(engine: Engine, db: Keyspace, ref: number): number {
  if (db.expiry(ref) < 0) return 0;
  const moved = db.setExpiry(ref, -1);
  return moved !== 0 ? moved : outOfMemory(engine);
}

/** Removes a key, as a change that clients asked for. */
export function remove(engine: Engine, db: Keyspace, ref: number): void {
  changed(engine, db, 'del', ref);
  db.remove(ref);
}

/** Removes a key whose time is over. */
export function expire(engine: Engine, db: Keyspace, ref: number): void {
  engine.stats.expiredKeys++;
  tell(engine, db, 'expired', ref); // no change that a client made: `dirty` does not count it
  db.remove(ref);
}

// ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * True when `bytes` more of key and value surely fit. For commands that change several things: when one of them found no
 * memory, the ones before it could not be undone.
 */
export function hasRoom(engine: Engine, bytes: number): boolean {
  const arena = engine.arena;
  if (arena.usedBytes + bytes * RECORD_WASTE + TABLE_GROWTH_BYTES <= arena.limitBytes) return true;
  outOfMemory(engine);
  return false;
}

/** Answers that there is no memory; returns 0, for callers that return a ref. */
export function outOfMemory(engine: Engine): 0 {
  engine.reply.error("OOM command not allowed when used memory > 'maxmemory'.");
  return 0;
}
