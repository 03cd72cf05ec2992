/**
 * The payload of DUMP and RESTORE: a value as in an RDB file, and what tells whether it is one.
 *
 *   │ type code │ value … │ RDB version u16 LE │ CRC-64 of all before it, u64 LE │
 */

import { Crc64 } from '../../store/crc64.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import type { Engine } from '../engine.ts';
import { dumpValue } from './codecs.ts';
import { RdbReader } from './reader.ts';
import { VERSION_7_4 } from './types.ts';
import { RdbWriter } from './writer.ts';

const VERSION_BYTES = 2;
const FOOTER_BYTES = VERSION_BYTES + 8;

const crc = new Crc64();

export const writer = new RdbWriter();
export const reader = new RdbReader();

/** Writes a record's payload: it is in `writer`. */
export function writePayload(engine: Engine, db: Keyspace, ref: number): void {
  writer.begin(engine.rdb.version, engine.rdb.compression);
  dumpValue(engine, db, ref, writer);
  sealPayload();
}

/** Writes what ends a payload behind what is in `writer`. */
export function sealPayload(): void {
  writer.uint16(writer.version);
  crc.reset();
  crc.update(writer.bytes, 0, writer.length);
  writer.int64(crc.low, crc.high);
}

/**
 * Points `reader` at the value in a payload. False when the payload is too short, of a version that is not known here, or when
 * its checksum is wrong.
 */
export function openPayload(engine: Engine, bytes: Uint8Array, view: DataView, start: number, length: number): boolean {
  if (length < FOOTER_BYTES) return false;
  const footer = start + length - FOOTER_BYTES;
  if (view.getUint16(footer, true) > VERSION_7_4) return false;
  if (engine.rdb.checksum) {
    crc.reset();
    crc.update(bytes, start, footer + VERSION_BYTES);
    const stored = footer + VERSION_BYTES;
    if (view.getInt32(stored, true) !== crc.low || view.getInt32(stored + 4, true) !== crc.high) return false;
  }
  reader.begin(bytes, view, start, start + length); // redis-server reads on in the footer, too
  reader.maxStringBytes = engine.maxStringBytes;
  return true;
}
