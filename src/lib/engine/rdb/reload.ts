/**
 * All values written to RDB and read again, key by key, in memory: what DEBUG RELOAD is for. Names, deadlines and accesses stay;
 * keys whose time is over do not come back.
 */
import { byteOf, chunkOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import { RefList } from '../../store/table.ts';
import type { Engine } from '../engine.ts';
import { attach, discard, LOADED, Loaded } from './codec.ts';
import { dumpValue, loadValue } from './codecs.ts';
import { RdbReader, Slice } from './reader.ts';
import { isOver } from './timed-hash.ts';
import { RdbWriter } from './writer.ts';

const BATCH = 256;

const loaded = new Loaded();
const reader = new RdbReader();
const key = new Slice();

/** Returns '' or, when a value did not come back (it is there as it was), what went wrong. */
export function reload(engine: Engine): string {
  const writer = new RdbWriter();
  const refs = new RefList();
  for (const db of engine.databases) {
    refs.length = 0;
    let cursor = 0;
    do cursor = db.collect(cursor, BATCH, refs);
    while (cursor !== 0);
    for (let i = 0; i < refs.length; i++) {
      const ref = refs.refs[i];
      const atMs = db.expiry(ref);
      if ((atMs >= 0 && atMs < engine.nowMs) || isOver(engine, db, ref)) db.remove(ref);
      else if (!reloadKey(engine, db, ref, atMs, writer)) return `a value of database ${db.index} could not be loaded`;
    }
  }
  return '';
}

function reloadKey(engine: Engine, db: Keyspace, ref: number, atMs: number, writer: RdbWriter): boolean {
  writer.begin(engine.rdb.version, engine.rdb.compression);
  dumpValue(engine, db, ref, writer);
  reader.begin(writer.bytes, writer.view, 0, writer.length);
  reader.maxStringBytes = engine.maxStringBytes;
  if (loadValue(engine, reader, loaded) !== LOADED || reader.left !== 0) return false;
  const length = db.keyLength(ref);
  const start = byteOf(ref) + db.keyByte(ref);
  const access = db.lru(ref);
  if (!key.allocate(length)) return false;
  key.bytes.set(engine.arena.bytes8[chunkOf(ref)].subarray(start, start + length), key.start);
  db.remove(ref);
  const hash = db.hashOfBytes(key.view, key.start, length);
  const made = attach(engine, db, key.view, key.start, length, hash, loaded);
  if (made === 0) {
    discard(engine, loaded);
    return false;
  }
  db.touch(made, access);
  return atMs < 0 || db.setExpiry(made, atMs) !== 0;
}
