/** Strings in RDB: the string itself. */
import { byteOf, chunkOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import type { Engine } from '../engine.ts';
import { STRING_PLAIN, TYPE_STRING } from '../keys.ts';
import { type Loaded, REFUSED, type ValueCodec } from './codec.ts';
import type { Digest } from './digest.ts';
import type { RdbReader } from './reader.ts';
import { RDB_STRING } from './types.ts';
import type { RdbWriter } from './writer.ts';

export const stringCodec: ValueCodec = { codes: [RDB_STRING], dump, load, digest };

function dump(engine: Engine, db: Keyspace, ref: number, writer: RdbWriter): void {
  writer.byte(RDB_STRING);
  writer.string(engine.arena.bytes8[chunkOf(ref)], byteOf(ref) + db.valueByte(ref), db.valueLength(ref));
}

function load(_engine: Engine, _code: number, reader: RdbReader, into: Loaded): number {
  return reader.string(into.packed) ? into.setPacked(TYPE_STRING, STRING_PLAIN) : REFUSED;
}

function digest(engine: Engine, db: Keyspace, ref: number, into: Digest): void {
  const start = byteOf(ref) + db.valueByte(ref);
  into.mix(engine.arena.bytes8[chunkOf(ref)].subarray(start, start + db.valueLength(ref)));
}
