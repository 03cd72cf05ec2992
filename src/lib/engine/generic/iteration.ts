/**
 * KEYS and SCAN: the names of the keys. Refs of what matches are collected first, because an array's length comes before its
 * elements; a list of integers, never of strings.
 */
import { byteOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import type { Engine } from '../engine.ts';
import { globMatches } from '../glob.ts';
import { dropIfExpired, isExpired } from '../keys.ts';
import { CURSOR_LIMIT, cursorArgument, matchesAll, replyCursor, scanOptions } from '../scan.ts';
import { replyKey, TYPE_NAMES } from './existence.ts';

export function keys(engine: Engine, arg: number, _argc: number): void {
  const db = engine.db;
  const refs = engine.refs;
  const all = matchesAll(engine, arg + 1);
  refs.length = 0;
  db.forEach((ref) => {
    if ((all || keyMatches(engine, db, ref, arg + 1)) && !isExpired(engine, db, ref)) refs.push(ref);
  });
  engine.reply.array(refs.length);
  for (let k = 0; k < refs.length; k++) replyKey(engine, db, refs.refs[k]);
}

/** SCAN cursor [MATCH pattern] [COUNT count] [TYPE type] */
export function scan(engine: Engine, arg: number, argc: number): void {
  const cursor = cursorArgument(engine, arg + 1);
  if (cursor < 0) return;
  const options = scanOptions(engine, arg + 2, arg + argc, 'type');
  if (options === null) return;
  const db = engine.db;
  const refs = engine.refs;
  refs.length = 0;
  const next = cursor < CURSOR_LIMIT ? db.collect(cursor, options.count, refs) : 0;
  let kept = 0;
  for (let k = 0; k < refs.length; k++) {
    const ref = refs.refs[k];
    if (options.pattern !== 0 && !keyMatches(engine, db, ref, options.pattern)) continue;
    if (dropIfExpired(engine, db, ref)) continue;
    if (options.type !== null && TYPE_NAMES[db.type(ref)] !== options.type) continue;
    refs.refs[kept++] = ref;
  }
  replyCursor(engine, next);
  engine.reply.array(kept);
  for (let k = 0; k < kept; k++) replyKey(engine, db, refs.refs[k]);
}

function keyMatches(engine: Engine, db: Keyspace, ref: number, pattern: number): boolean {
  const from = engine.argOffset[pattern];
  const key = byteOf(ref) + db.keyByte(ref);
  const bytes = engine.arena.bytes8[ref >>> 23];
  return globMatches(engine.memory.u8, from, from + engine.argLength[pattern], bytes, key, key + db.keyLength(ref));
}
