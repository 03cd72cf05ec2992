/**
 * Hashes whose fields have deadlines, as Redis 7.4 has them in RDB (version 12): deadlines count from the earliest one, so that
 * they are short.
 *
 *   HASH_METADATA      earliest deadline, count, { deadline − earliest + 1 or 0, field, value } …
 *   HASH_LISTPACK_EX   earliest deadline, listpack: field value deadline field value deadline …      read only
 */
import type { FieldTable } from '../../store/field-table.ts';
import { type Hashes, TIMED } from '../../store/hashes.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import * as listpack from '../../store/listpack.ts';
import { RefList } from '../../store/table.ts';
import type { Engine } from '../engine.ts';
import { TYPE_HASH } from '../keys.ts';
import { discard, LOADED, type Loaded, NO_MEMORY, REFUSED } from './codec.ts';
import { addField } from './hash-field.ts';
import { isListpack, sliceEntry } from './listpack-builder.ts';
import { type RdbReader, Slice } from './reader.ts';
import { RDB_HASH_METADATA, VERSION_7_4 } from './types.ts';
import type { RdbWriter } from './writer.ts';

const BATCH = 256;
const TWO_32 = 4_294_967_296;
/** Latest deadline of a field: 46 bits of ms, the year 4199. */
const MAX_DEADLINE_MS = 2 ** 46 - 2;

const blob = new Slice();
const field = new Slice();
const value = new Slice();
const found = new RefList();

/** True for a hash of which no field lives any more: there is nothing to write, and its key will go. */
export function isOver(engine: Engine, db: Keyspace, ref: number): boolean {
  if (db.type(ref) !== TYPE_HASH || (db.flags(ref) & TIMED) === 0) return false;
  const { hashes } = engine.values;
  hashes.open(db, ref, engine.nowMs);
  return hashes.size === 0;
}

/** The earliest deadline of the open hash's fields; Infinity when none has one. */
export function earliestDeadline(hashes: Hashes): number {
  let earliest = Number.POSITIVE_INFINITY;
  let cursor = 0;
  do {
    found.length = 0;
    cursor = hashes.collect(cursor, BATCH, found);
    for (let i = 0; i < found.length; i++) {
      const atMs = hashes.deadline(found.refs[i]);
      if (atMs >= 0 && atMs < earliest) earliest = atMs;
    }
  } while (cursor !== 0);
  return earliest;
}

/** Writes the open hash, whose fields have deadlines from `earliest` on. */
export function dumpTimed(hashes: Hashes, earliest: number, writer: RdbWriter): void {
  writer.version = Math.max(writer.version, VERSION_7_4);
  writer.byte(RDB_HASH_METADATA);
  writer.safeInt64(earliest);
  writer.writeLength(hashes.size);
  let cursor = 0;
  do {
    found.length = 0;
    cursor = hashes.collect(cursor, BATCH, found);
    for (let i = 0; i < found.length; i++) {
      const atMs = hashes.deadline(found.refs[i]);
      writer.writeLength(atMs < 0 ? 0 : atMs - earliest + 1);
      hashes.loadField(found.refs[i]);
      writer.string(hashes.bytes, hashes.start, hashes.length);
      hashes.loadValue(found.refs[i]);
      writer.string(hashes.bytes, hashes.start, hashes.length);
    }
  } while (cursor !== 0);
}

export function loadTimed(engine: Engine, code: number, reader: RdbReader, into: Loaded): number {
  const table = engine.values.hashes.anotherTable();
  if (table.create() === 0) return NO_MEMORY;
  const timer = table.createTimer();
  if (timer === 0) {
    table.destroy();
    return NO_MEMORY;
  }
  into.setRooted(TYPE_HASH, TIMED, timer);
  reader.int64();
  const earliest = reader.high * TWO_32 + (reader.low >>> 0);
  let result = REFUSED;
  if (!reader.failed && earliest >= 0 && earliest <= MAX_DEADLINE_MS) {
    result =
      code === RDB_HASH_METADATA ? loadFields(engine, table, earliest, reader) : loadTriples(engine, table, reader);
  }
  if (result !== LOADED) discard(engine, into);
  return result;
}

function loadFields(engine: Engine, table: FieldTable, earliest: number, reader: RdbReader): number {
  const fields = reader.length();
  for (let left = fields; left > 0; left--) {
    const offset = reader.length();
    if (!reader.string(field) || !reader.string(value)) return REFUSED;
    const result = add(engine, table, offset === 0 ? -1 : earliest + offset - 1);
    if (result !== LOADED) return result;
  }
  return table.size > 0 ? LOADED : REFUSED;
}

function loadTriples(engine: Engine, table: FieldTable, reader: RdbReader): number {
  if (!reader.string(blob) || !isListpack(blob)) return REFUSED;
  const { bytes, view, start } = blob;
  const count = listpack.count(view, start);
  if (count === 0 || count % 3 !== 0) return REFUSED;
  for (let p = listpack.first(view, start); p !== 0; p = listpack.next(view, p)) {
    sliceEntry(bytes, view, p, field);
    p = listpack.next(view, p);
    sliceEntry(bytes, view, p, value);
    p = listpack.next(view, p);
    listpack.decode(view, p);
    const atMs = listpack.item.integer; // NaN for what is no integer
    const result = atMs >= 0 ? add(engine, table, atMs === 0 ? -1 : atMs) : REFUSED;
    if (result !== LOADED) return result;
  }
  return table.size > 0 ? LOADED : REFUSED;
}

/** Adds `field` and `value`, unless their time is over; -1 is no deadline. */
function add(engine: Engine, table: FieldTable, atMs: number): number {
  if (atMs > MAX_DEADLINE_MS) return REFUSED;
  if (atMs >= 0 && atMs < engine.nowMs) return LOADED;
  const result = addField(engine, table, field, value);
  if (result !== LOADED || atMs < 0) return result;
  const hash = table.hashOfBytes(field.view, field.start, field.length);
  const ref = table.findBytes(field.view, field.start, field.length, hash);
  return table.setDeadline(ref, atMs) === 0 ? NO_MEMORY : LOADED;
}
