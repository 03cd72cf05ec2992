/**
 * SINTER, SUNION, SDIFF, their STORE forms, SINTERCARD. Members of the first set (of an intersection: the smallest) are taken
 * some hundred at a time and looked up in one set after the other, with the slots and records of a whole batch touched ahead.
 * What stays is noted by its place, an int32 for each, until its number is known; or it goes into a new set, the result.
 *
 *   one ──▶ batch of places ──▶ in (not in) other, for each other set ──▶ kept places ──▶ reply
 *                                                                    └──▶ result ──▶ destination
 *
 * A union, and a difference of one set and many, are made in the result from the start: a set that is no key's value.
 */
import { NO_MEMORY, type SetView } from '../../store/set-view.ts';
import { RefList } from '../../store/table.ts';
import { integerAt, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, createValue, find, hashOf, hasRoom, outOfMemory, readTyped, remove, TYPE_SET } from '../keys.ts';
import { emitAll } from '../sample.ts';
import { replyMember } from './value.ts';

const WORD_LIMIT = optionWord('LIMIT');
const BATCH = 256;

/** The sets' records, as in the arguments; 0 for a key that is not there. */
const sources = new RefList();
const batch = new RefList();
const kept = new RefList();
const hashes = new Int32Array(BATCH);

export function sinter(engine: Engine, arg: number, argc: number): void {
  if (!readSources(engine, arg + 1, arg + argc)) return;
  intersect(engine, true, Number.POSITIVE_INFINITY);
  replyKept(engine);
}

export function sinterstore(engine: Engine, arg: number, argc: number): void {
  if (!readSources(engine, arg + 2, arg + argc)) return;
  intersect(engine, true, Number.POSITIVE_INFINITY);
  if (gatherKept(engine)) store(engine, arg, 'sinterstore');
}

/** SINTERCARD numkeys key [key …] [LIMIT limit] */
export function sintercard(engine: Engine, arg: number, argc: number): void {
  const keys = quietInteger(engine, arg + 1);
  if (!(keys > 0)) {
    engine.reply.error('ERR numkeys should be greater than 0');
    return;
  }
  if (keys > argc - 2) {
    engine.reply.error("ERR Number of keys can't be greater than number of args");
    return;
  }
  let limit = 0;
  for (let i = arg + 2 + keys; i < arg + argc; i++) {
    if (!isWord(engine, i, WORD_LIMIT) || i + 1 === arg + argc) {
      syntaxError(engine);
      return;
    }
    limit = quietInteger(engine, ++i);
    if (!(limit >= 0)) {
      engine.reply.error("ERR LIMIT can't be negative");
      return;
    }
  }
  if (!readSources(engine, arg + 2, arg + 2 + keys)) return;
  engine.reply.integer(intersect(engine, false, limit === 0 ? Number.POSITIVE_INFINITY : limit));
}

export function sdiff(engine: Engine, arg: number, argc: number): void {
  if (!readSources(engine, arg + 1, arg + argc)) return;
  if (!manyTakenAway(engine)) {
    subtract(engine);
    replyKept(engine);
  } else if (takeAway(engine)) replyResult(engine);
}

export function sdiffstore(engine: Engine, arg: number, argc: number): void {
  if (!readSources(engine, arg + 2, arg + argc)) return;
  if (manyTakenAway(engine)) {
    if (takeAway(engine)) store(engine, arg, 'sdiffstore');
    return;
  }
  subtract(engine);
  if (gatherKept(engine)) store(engine, arg, 'sdiffstore');
}

export function sunion(engine: Engine, arg: number, argc: number): void {
  if (!readSources(engine, arg + 1, arg + argc)) return;
  if (sources.length > 1) {
    if (unite(engine)) replyResult(engine);
  } else if (sources.refs[0] === 0) engine.reply.set(0);
  else replyWhole(engine);
}

export function sunionstore(engine: Engine, arg: number, argc: number): void {
  if (!readSources(engine, arg + 2, arg + argc)) return;
  if (unite(engine)) store(engine, arg, 'sunionstore');
}

/** Finds the sets in the arguments [from, end). False when a key holds something else: the error has been written. */
function readSources(engine: Engine, from: number, end: number): boolean {
  sources.length = 0;
  for (let i = from; i < end; i++) {
    const ref = readTyped(engine, i, hashOf(engine, i), TYPE_SET);
    if (ref === -1) return false;
    sources.push(ref);
  }
  return true;
}

/** An integer whose error is the caller's to write: NaN when it is none. */
function quietInteger(engine: Engine, i: number): number {
  return integerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
}

// ── by looking up ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** Finds the members that all sets share, and keeps them if told so. Returns how many, at most `limit`. */
function intersect(engine: Engine, keeps: boolean, limit: number): number {
  const { one } = engine.values.sets;
  kept.length = 0;
  let smallest = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let s = 0; s < sources.length; s++) {
    if (sources.refs[s] === 0) return 0;
    one.open(engine.db, sources.refs[s]);
    if (one.size >= least) continue;
    least = one.size;
    smallest = s;
  }
  const first = sources.refs[smallest];
  sources.refs[smallest] = sources.refs[0];
  sources.refs[0] = first;
  return sift(engine, true, keeps, limit);
}

/** Keeps the members that only the first set has. */
function subtract(engine: Engine): void {
  kept.length = 0;
  if (sources.refs[0] !== 0) sift(engine, false, true, Number.POSITIVE_INFINITY);
}

/** Takes the members of the first set that are in all the others (or in none): how many. */
function sift(engine: Engine, shared: boolean, keeps: boolean, limit: number): number {
  const { one, other } = engine.values.sets;
  one.open(engine.db, sources.refs[0]);
  let found = 0;
  let cursor = 0;
  do {
    batch.length = 0;
    cursor = one.collect(cursor, BATCH, batch);
    for (let s = 1; s < sources.length && batch.length > 0; s++) {
      if (sources.refs[s] === 0) continue; // of a difference: nothing is taken away
      if (sources.refs[s] === sources.refs[0]) {
        if (!shared) batch.length = 0;
        continue;
      }
      other.open(engine.db, sources.refs[s]);
      siftBatch(one, other, shared);
    }
    found += batch.length;
    for (let k = 0; keeps && k < batch.length; k++) kept.push(batch.refs[k]);
  } while (cursor !== 0 && found < limit);
  return Math.min(found, limit);
}

/** Leaves those of the batch that are (or are not) in `other`. */
function siftBatch(one: SetView, other: SetView, shared: boolean): void {
  let left = 0;
  for (let from = 0; from < batch.length; from += BATCH) {
    const n = Math.min(BATCH, batch.length - from);
    if (other.isTable) {
      for (let k = 0; k < n; k++) {
        one.load(batch.refs[from + k]);
        hashes[k] = other.table.hashOfBytes(one.view, one.start, one.length);
      }
      other.table.prefetch(hashes, n);
    }
    for (let k = 0; k < n; k++) {
      const place = batch.refs[from + k];
      one.load(place);
      const found = other.isTable
        ? other.table.findBytes(one.view, one.start, one.length, hashes[k])
        : other.find(one.view, one.start, one.length);
      if ((found !== 0) === shared) batch.refs[left++] = place;
    }
  }
  batch.length = left;
}

// ── in the result ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** False without memory: the error has been written. */
function begin(engine: Engine, expected: number): boolean {
  if (engine.values.sets.beginResult(expected)) return true;
  outOfMemory(engine);
  return false;
}

/** Adds a member of a set to the result. False without memory: the error has been written, and there is no result. */
function gather(engine: Engine, from: SetView, place: number): boolean {
  const { sets } = engine.values;
  from.load(place);
  if (sets.result.add(from.view, from.start, from.length) !== NO_MEMORY) return true;
  sets.dropResult();
  outOfMemory(engine);
  return false;
}

/** Makes what was kept of the first set the result. */
function gatherKept(engine: Engine): boolean {
  const { one } = engine.values.sets;
  if (!begin(engine, kept.length)) return false;
  for (let k = 0; k < kept.length; k++) if (!gather(engine, one, kept.refs[k])) return false;
  return true;
}

/** Adds all members of a set to the result, as gather. */
function gatherAll(engine: Engine, ref: number): boolean {
  const { one } = engine.values.sets;
  if (ref === 0) return true;
  one.open(engine.db, ref);
  let cursor = 0;
  do {
    batch.length = 0;
    cursor = one.collect(cursor, BATCH, batch);
    for (let k = 0; k < batch.length; k++) if (!gather(engine, one, batch.refs[k])) return false;
  } while (cursor !== 0);
  return true;
}

function unite(engine: Engine): boolean {
  const { one } = engine.values.sets;
  let largest = 0;
  for (let s = 0; s < sources.length; s++) {
    if (sources.refs[s] === 0) continue;
    one.open(engine.db, sources.refs[s]);
    largest = Math.max(largest, one.size);
  }
  if (!begin(engine, largest)) return false;
  for (let s = 0; s < sources.length; s++) if (!gatherAll(engine, sources.refs[s])) return false;
  return true;
}

/** Is it cheaper to take the others' members away from a copy of the first set than to look each of its members up in them? */
function manyTakenAway(engine: Engine): boolean {
  const { one } = engine.values.sets;
  let first = 0;
  let present = 0;
  let all = 0;
  for (let s = 0; s < sources.length; s++) {
    if (sources.refs[s] === 0) continue;
    if (s > 0 && sources.refs[s] === sources.refs[0]) return false; // nothing is left
    one.open(engine.db, sources.refs[s]);
    if (s === 0) first = one.size;
    present++;
    all += one.size;
  }
  return all < Math.floor((first * present) / 2);
}

function takeAway(engine: Engine): boolean {
  const { one, result } = engine.values.sets;
  one.open(engine.db, sources.refs[0]);
  if (!begin(engine, one.size) || !gatherAll(engine, sources.refs[0])) return false;
  engine.values.sets.settleResult();
  for (let s = 1; s < sources.length; s++) {
    if (sources.refs[s] === 0) continue;
    one.open(engine.db, sources.refs[s]);
    let cursor = 0;
    do {
      batch.length = 0;
      cursor = one.collect(cursor, BATCH, batch);
      for (let k = 0; k < batch.length; k++) {
        one.load(batch.refs[k]);
        const place = result.find(one.view, one.start, one.length);
        if (place !== 0) result.remove(place);
      }
    } while (cursor !== 0);
  }
  return true;
}

// ── answers ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function replyKept(engine: Engine): void {
  engine.reply.set(kept.length);
  for (let k = 0; k < kept.length; k++) replyMember(engine, kept.refs[k]);
  kept.length = 0;
}

function replyWhole(engine: Engine): void {
  const { one } = engine.values.sets;
  one.open(engine.db, sources.refs[0]);
  engine.reply.set(one.size);
  emitAll(engine, one, replyMember);
}

function replyResult(engine: Engine): void {
  const { result } = engine.values.sets;
  engine.reply.set(result.size);
  emitAll(engine, result, replyResultMember);
  engine.values.sets.dropResult();
}

function replyResultMember(engine: Engine, place: number): void {
  const { result } = engine.values.sets;
  result.load(place);
  engine.reply.bulkView(result.view, result.start, result.length);
}

/** Puts the result under the key in argument 1, in place of whatever is there, and answers with its size. */
function store(engine: Engine, arg: number, event: string): void {
  const { sets } = engine.values;
  const { db, keyHash } = engine;
  const size = sets.result.size;
  const existing = find(engine, db, arg + 1, keyHash);
  if (size === 0) {
    sets.dropResult();
    if (existing !== 0) remove(engine, db, existing);
    engine.reply.integer(0);
    return;
  }
  sets.weighResult();
  if (!hasRoom(engine, engine.argLength[arg + 1] + sets.resultBytes)) {
    sets.dropResult();
    return;
  }
  if (existing !== 0) db.remove(existing);
  const made = createValue(engine, arg + 1, keyHash, TYPE_SET, sets.resultFlags, sets.resultBytes);
  if (made === 0) {
    sets.dropResult();
    return;
  }
  sets.placeResult(db, made);
  changed(engine, db, event, made);
  engine.reply.integer(size);
}
