/**
 * DEL, UNLINK, EXISTS, TOUCH, TYPE, RANDOMKEY: which keys there are, and that some no longer are. A key named twice counts
 * twice for those that count, and is removed once.
 */
import { byteOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import type { Engine } from '../engine.ts';
import { dropIfExpired, find, hashOf, lookupRead, peek, remove } from '../keys.ts';

/** Names of the types, by their code in a record. */
export const TYPE_NAMES = ['string', 'list', 'set', 'zset', 'hash', 'none', 'stream', 'none'];

/** DEL and UNLINK: freeing a string takes constant time, so there is nothing to be done later. */
export function del(engine: Engine, arg: number, argc: number): void {
  let removed = 0;
  for (let i = arg + 1; i < arg + argc; i++) {
    const ref = find(engine, engine.db, i, i === arg + 1 ? engine.keyHash : hashOf(engine, i));
    if (ref === 0) continue;
    remove(engine, engine.db, ref);
    removed++;
  }
  engine.reply.integer(removed);
}

export function exists(engine: Engine, arg: number, argc: number): void {
  let found = 0;
  for (let i = arg + 1; i < arg + argc; i++) {
    if (peek(engine, i, i === arg + 1 ? engine.keyHash : hashOf(engine, i)) !== 0) found++;
  }
  engine.reply.integer(found);
}

export function touch(engine: Engine, arg: number, argc: number): void {
  let found = 0;
  for (let i = arg + 1; i < arg + argc; i++) {
    if (lookupRead(engine, i, i === arg + 1 ? engine.keyHash : hashOf(engine, i)) !== 0) found++;
  }
  engine.reply.integer(found);
}

export function type(engine: Engine, arg: number, _argc: number): void {
  const ref = peek(engine, arg + 1, engine.keyHash);
  engine.reply.simple(ref === 0 ? 'none' : TYPE_NAMES[engine.db.type(ref)]);
}

export function randomkey(engine: Engine, _arg: number, _argc: number): void {
  const db = engine.db;
  while (db.size > 0) {
    const ref = db.randomRef(engine.random);
    if (dropIfExpired(engine, db, ref)) continue;
    replyKey(engine, db, ref);
    return;
  }
  engine.reply.nil();
}

/** Answers with the name of a key. */
export function replyKey(engine: Engine, db: Keyspace, ref: number): void {
  const arena = engine.arena;
  const chunk = ref >>> 23;
  const at = (byteOf(ref) + db.keyByte(ref)) >> 2;
  engine.reply.bulkWords(arena.views[chunk], arena.words[chunk], at, db.keyLength(ref));
}
