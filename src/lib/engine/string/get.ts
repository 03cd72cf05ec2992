/**
 * GET, MGET, GETSET, GETDEL, STRLEN, GETRANGE (SUBSTR): reading strings. A value goes from the arena into the send queue in
 * one copy; a value that the command is about to change or remove is answered first, when nothing can go wrong any more.
 */
import { integerArgument } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, hashOf, hasRoom, lookupRead, peek, remove, setString, TYPE_STRING } from '../keys.ts';
import { chunkBytes, holdsString, replyString, replyValue, valueStart } from './value.ts';

const NO_BYTES = new Uint8Array(0);
/** Keys of MGET whose slots and records are touched together before they are read. */
const PREFETCHED_KEYS = 16;
const hashes = new Int32Array(PREFETCHED_KEYS);

export function get(engine: Engine, arg: number, _argc: number): void {
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref === 0) engine.reply.nil();
  else replyString(engine, ref);
}

export function mget(engine: Engine, arg: number, argc: number): void {
  engine.reply.array(argc - 1);
  const end = arg + argc;
  const prefetch = engine.db.worthPrefetching;
  for (let from = arg + 1; from < end; from += PREFETCHED_KEYS) {
    const n = end - from < PREFETCHED_KEYS ? end - from : PREFETCHED_KEYS;
    for (let k = 0; k < n; k++) hashes[k] = hashOf(engine, from + k);
    if (prefetch) engine.db.prefetch(hashes, n);
    for (let k = 0; k < n; k++) {
      const ref = lookupRead(engine, from + k, hashes[k]);
      if (ref !== 0 && engine.db.type(ref) === TYPE_STRING) replyValue(engine, ref);
      else engine.reply.nil();
    }
  }
}

export function getset(engine: Engine, arg: number, _argc: number): void {
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref !== 0 && !holdsString(engine, ref)) return;
  if (!hasRoom(engine, engine.argLength[arg + 1] + engine.argLength[arg + 2])) return;
  if (ref === 0) engine.reply.nil();
  else replyValue(engine, ref);
  const made = setString(engine, arg + 1, engine.keyHash, ref, arg + 2, false);
  if (made !== 0) changed(engine, engine.db, 'set', made);
}

export function getdel(engine: Engine, arg: number, _argc: number): void {
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref === 0) engine.reply.nil();
  else if (holdsString(engine, ref)) {
    replyValue(engine, ref);
    remove(engine, engine.db, ref);
  }
}

export function strlen(engine: Engine, arg: number, _argc: number): void {
  const ref = peek(engine, arg + 1, engine.keyHash);
  if (ref === 0) engine.reply.integer(0);
  else if (holdsString(engine, ref)) engine.reply.integer(engine.db.valueLength(ref));
}

export function getrange(engine: Engine, arg: number, _argc: number): void {
  let start = integerArgument(engine, arg + 2);
  if (Number.isNaN(start)) return;
  let end = integerArgument(engine, arg + 3);
  if (Number.isNaN(end)) return;
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref !== 0 && !holdsString(engine, ref)) return;
  const length = ref === 0 ? 0 : engine.db.valueLength(ref);
  // Both counted from the end and crossed: empty, before clamping could uncross them.
  if (length === 0 || (start < 0 && end < 0 && start > end)) {
    engine.reply.bulkBytes(NO_BYTES);
    return;
  }
  if (start < 0) start = Math.max(0, length + start);
  if (end < 0) end = Math.max(0, length + end);
  end = Math.min(end, length - 1);
  if (start > end) engine.reply.bulkBytes(NO_BYTES);
  else {
    const from = valueStart(engine, ref);
    engine.reply.bulkBytes(chunkBytes(engine, ref).subarray(from + start, from + end + 1));
  }
}
