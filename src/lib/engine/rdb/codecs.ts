/** All codecs: by the type of a value, to write it, and by the type code in front of its bytes, to read it. */
import { chunkOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import type { Engine } from '../engine.ts';
import { TYPE_HASH, TYPE_LIST, TYPE_SET, TYPE_STREAM, TYPE_STRING, TYPE_ZSET } from '../keys.ts';
import { type Loaded, REFUSED, type ValueCodec } from './codec.ts';
import { hashCodec } from './hash.ts';
import { listCodec } from './list.ts';
import type { RdbReader } from './reader.ts';
import { setCodec } from './set.ts';
import { streamCodec } from './stream.ts';
import { stringCodec } from './string.ts';
import type { RdbWriter } from './writer.ts';
import { zsetCodec } from './zset.ts';

const byType = new Map<number, ValueCodec>([
  [TYPE_STRING, stringCodec],
  [TYPE_LIST, listCodec],
  [TYPE_SET, setCodec],
  [TYPE_ZSET, zsetCodec],
  [TYPE_HASH, hashCodec],
  [TYPE_STREAM, streamCodec],
]);
const byCode = new Map<number, ValueCodec>();
for (const codec of byType.values()) for (const code of codec.codes) byCode.set(code, codec);

/** The codec for a record's value. */
export function codecOf(db: Keyspace, ref: number): ValueCodec {
  const codec = byType.get(db.type(ref));
  if (codec === undefined)
    throw new Error(`there is no codec for type ${db.type(ref)} of the record in chunk ${chunkOf(ref)}`);
  return codec;
}

/** Writes the type code and the value of a record. */
export function dumpValue(engine: Engine, db: Keyspace, ref: number, writer: RdbWriter): void {
  codecOf(db, ref).dump(engine, db, ref, writer);
}

/** Reads a type code and a value: LOADED, REFUSED or NO_MEMORY. */
export function loadValue(engine: Engine, reader: RdbReader, into: Loaded): number {
  const code = reader.byte();
  const codec = byCode.get(code);
  if (reader.failed || codec === undefined) return REFUSED;
  into.root = 0;
  return codec.load(engine, code, reader, into);
}
