/**
 * RENAME, RENAMENX, COPY, MOVE: the same value under another name, or in another database. The key is part of the record, so
 * all four write a second record; then the first is removed, or stays.
 */
import type { Keyspace } from '../../store/keyspace.ts';
import { ROOTED, setRoot } from '../../store/value-kind.ts';
import { databaseArgument, isWord, optionWord, sameBytes, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import {
  added,
  changed,
  find,
  hasRoom,
  lookupRead,
  lookupWrite,
  outOfMemory,
  rootOf,
  setExpiry,
  TYPE_STRING,
  tell,
} from '../keys.ts';

const WORD_DB = optionWord('DB');
const WORD_REPLACE = optionWord('REPLACE');

export function rename(engine: Engine, arg: number, _argc: number): void {
  if (renameKey(engine, arg, false)) engine.reply.ok();
}

export function renamenx(engine: Engine, arg: number, _argc: number): void {
  if (renameKey(engine, arg, true)) engine.reply.integer(1);
}

/** False when the answer (an error, or 0) has been written. */
function renameKey(engine: Engine, arg: number, onlyIfAbsent: boolean): boolean {
  const db = engine.db;
  const source = lookupWrite(engine, arg + 1, engine.keyHash);
  if (source === 0) {
    engine.reply.error('ERR no such key');
    return false;
  }
  if (sameBytes(engine, arg + 1, arg + 2)) {
    if (onlyIfAbsent) engine.reply.integer(0);
    return !onlyIfAbsent;
  }
  const hash = db.hash(engine.argOffset[arg + 2], engine.argLength[arg + 2]);
  const target = find(engine, db, arg + 2, hash);
  if (target !== 0 && onlyIfAbsent) {
    engine.reply.integer(0);
    return false;
  }
  const made = duplicate(engine, db, source, db, arg + 2, target, hash, true);
  if (made === 0) return false;
  tell(engine, db, 'rename_from', source);
  changed(engine, db, 'rename_to', made);
  removeHusk(db, source);
  return true;
}

/** COPY source destination [DB destination-db] [REPLACE] */
export function copy(engine: Engine, arg: number, argc: number): void {
  const source = engine.db;
  let target = source;
  let replace = false;
  for (let i = arg + 3; i < arg + argc; i++) {
    if (isWord(engine, i, WORD_REPLACE)) replace = true;
    else if (isWord(engine, i, WORD_DB) && i + 1 < arg + argc) {
      const index = databaseArgument(engine, ++i);
      if (index < 0) return;
      target = engine.databases[index];
    } else {
      syntaxError(engine);
      return;
    }
  }
  if (source === target && sameBytes(engine, arg + 1, arg + 2)) {
    sameObject(engine);
    return;
  }
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref === 0) {
    engine.reply.integer(0);
    return;
  }
  const hash = target.hash(engine.argOffset[arg + 2], engine.argLength[arg + 2]);
  const existing = find(engine, target, arg + 2, hash);
  if (existing !== 0 && !replace) {
    engine.reply.integer(0);
    return;
  }
  const made = duplicate(engine, source, ref, target, arg + 2, existing, hash, false);
  if (made === 0) return;
  changed(engine, target, 'copy_to', made);
  engine.reply.integer(1);
}

export function move(engine: Engine, arg: number, _argc: number): void {
  const source = engine.db;
  const index = databaseArgument(engine, arg + 2);
  if (index < 0) return;
  const target = engine.databases[index];
  if (source === target) {
    sameObject(engine);
    return;
  }
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  const hash = target.hash(engine.argOffset[arg + 1], engine.argLength[arg + 1]);
  if (ref === 0 || find(engine, target, arg + 1, hash) !== 0) {
    engine.reply.integer(0);
    return;
  }
  const made = duplicate(engine, source, ref, target, arg + 1, 0, hash, true);
  if (made === 0) return;
  tell(engine, source, 'move_from', ref);
  changed(engine, target, 'move_to', made);
  removeHusk(source, ref);
  engine.reply.integer(1);
}

function sameObject(engine: Engine): void {
  engine.reply.error('ERR source and destination objects are the same');
}

/**
 * Writes value, type, flags and deadline of record `ref` under the key in argument `i` of `target`, in place of `existing`
 * (0: none). What hangs from a root is copied, or (`moves`) both records have it for now, and removeHusk() takes the old
 * one away. Returns the new record; 0 when there was no memory: the error has been written and nothing changed.
 */
function duplicate(
  engine: Engine,
  source: Keyspace,
  ref: number,
  target: Keyspace,
  i: number,
  existing: number,
  hash: number,
  moves: boolean,
): number {
  const length = source.valueLength(ref);
  const atMs = source.expiry(ref);
  const writes = atMs < 0 ? 1 : 2; // a deadline makes the new record move once more
  if (!hasRoom(engine, writes * (engine.argLength[i] + length))) return 0;
  const flags = source.flags(ref);
  let root = 0;
  if ((flags & ROOTED) !== 0) {
    root = rootOf(engine, source, ref);
    if (!moves) root = engine.values.kinds[source.type(ref)]?.clone(root, flags) ?? 0;
    if (root === 0) return outOfMemory(engine);
  }
  if (existing !== 0) target.remove(existing);
  const made = target.insert(engine.argOffset[i], engine.argLength[i], hash, source.type(ref), length);
  if (made === 0) {
    const kind = engine.values.kinds[source.type(ref)];
    if (root !== 0 && !moves && kind !== null) engine.values.reaper.bury(kind, root, flags);
    return outOfMemory(engine);
  }
  target.setFlags(made, flags);
  added(engine, target, made);
  target.touch(made, moves ? source.lru(ref) : engine.accessClock);
  if (root !== 0) {
    setRoot(engine.arena.words, target, made, root);
    engine.values.kinds[target.type(made)]?.adopted?.(target, made);
  } else engine.arena.move(made, target.valueByte(made), ref, source.valueByte(ref), length);
  return atMs < 0 ? made : setExpiry(engine, target, made, atMs);
}

/** Removes a record whose root another record has by now. */
function removeHusk(db: Keyspace, ref: number): void {
  db.setType(ref, TYPE_STRING); // of a string nothing hangs
  db.remove(ref);
}
