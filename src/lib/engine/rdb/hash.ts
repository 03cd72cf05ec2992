/**
 * Hashes in RDB: a listpack as it is, or field by field; ziplists and zipmaps from older servers.
 *
 *   HASH_LISTPACK, HASH_ZIPLIST   field value field value …          HASH   count, field, value …
 *
 * Those whose fields have deadlines are in timed-hash.ts.
 */
import { byteOf, chunkOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import * as listpack from '../../store/listpack.ts';
import { RecordTable } from '../../store/record-table.ts';
import { RefList } from '../../store/table.ts';
import type { Engine } from '../engine.ts';
import { TYPE_HASH } from '../keys.ts';
import { LOADED, type Loaded, NO_MEMORY, REFUSED, type ValueCodec } from './codec.ts';
import { Digest } from './digest.ts';
import { addField } from './hash-field.ts';
import { isListpack, ListpackBuilder, Seen, sliceEntry } from './listpack-builder.ts';
import { type RdbReader, Slice } from './reader.ts';
import { dumpTimed, earliestDeadline, loadTimed } from './timed-hash.ts';
import {
  RDB_HASH,
  RDB_HASH_LISTPACK,
  RDB_HASH_LISTPACK_EX,
  RDB_HASH_METADATA,
  RDB_HASH_ZIPLIST,
  RDB_HASH_ZIPMAP,
} from './types.ts';
import type { RdbWriter } from './writer.ts';
import { Ziplist } from './ziplist.ts';
import { Zipmap } from './zipmap.ts';

/** Fields that are taken from a table at a time. */
const BATCH = 256;
const FIELD_EXPIRES = Buffer.from('!!hexpire!!');

const blob = new Slice();
const field = new Slice();
const value = new Slice();
/** Of pairs that come out of a listpack while another is at hand. */
const packedField = new Slice();
const packedValue = new Slice();
const ziplist = new Ziplist();
const zipmap = new Zipmap();
const builder = new ListpackBuilder();
const found = new RefList();

export const hashCodec: ValueCodec = {
  codes: [RDB_HASH, RDB_HASH_ZIPMAP, RDB_HASH_ZIPLIST, RDB_HASH_LISTPACK, RDB_HASH_METADATA, RDB_HASH_LISTPACK_EX],
  dump,
  load,
  digest,
};

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function dump(engine: Engine, db: Keyspace, ref: number, writer: RdbWriter): void {
  const { hashes } = engine.values;
  hashes.open(db, ref, engine.nowMs);
  if (hashes.encoding(db, ref) === 'listpack') {
    const chunk = chunkOf(ref);
    const at = byteOf(ref) + db.valueByte(ref);
    writer.byte(RDB_HASH_LISTPACK);
    writer.string(engine.arena.bytes8[chunk], at, listpack.totalBytes(engine.arena.views[chunk], at));
    return;
  }
  const earliest = earliestDeadline(hashes);
  if (earliest < Number.POSITIVE_INFINITY) {
    dumpTimed(hashes, earliest, writer);
    return;
  }
  writer.byte(RDB_HASH);
  writer.writeLength(hashes.size);
  let cursor = 0;
  do {
    found.length = 0;
    cursor = hashes.collect(cursor, BATCH, found);
    for (let i = 0; i < found.length; i++) {
      hashes.loadField(found.refs[i]);
      writer.string(hashes.bytes, hashes.start, hashes.length);
      hashes.loadValue(found.refs[i]);
      writer.string(hashes.bytes, hashes.start, hashes.length);
    }
  } while (cursor !== 0);
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function load(engine: Engine, code: number, reader: RdbReader, into: Loaded): number {
  if (code === RDB_HASH) return loadFields(engine, reader, into);
  if (code === RDB_HASH_METADATA || code === RDB_HASH_LISTPACK_EX) return loadTimed(engine, code, reader, into);
  if (!reader.string(blob)) return REFUSED;
  const { maxPackedFields, maxPackedLength } = engine.values.hashes;
  if (code === RDB_HASH_LISTPACK) {
    if (!isListpack(blob)) return REFUSED;
    const longest = longestOfPairs(blob.bytes, blob.view, blob.start);
    if (longest < 0) return REFUSED;
    const fields = listpack.count(blob.view, blob.start) >> 1;
    if (fields > maxPackedFields) return unpack(engine, blob.bytes, blob.view, blob.start, into);
    into.packed.set(blob.bytes, blob.view, blob.start, blob.length);
    return into.setPacked(TYPE_HASH, 0);
  }
  if (!(code === RDB_HASH_ZIPMAP ? fromZipmap() : fromZiplist())) return REFUSED;
  const longest = longestOfPairs(builder.bytes, builder.view, 0);
  if (longest < 0) return REFUSED;
  const tooLong = code === RDB_HASH_ZIPMAP && longest > maxPackedLength; // of others, redis-server asks only how many
  if (builder.count >> 1 > maxPackedFields || tooLong) return unpack(engine, builder.bytes, builder.view, 0, into);
  return built(into);
}

/** The builder's listpack is the value. */
function built(into: Loaded): number {
  into.packed.set(builder.bytes, builder.view, 0, builder.length);
  return into.setPacked(TYPE_HASH, 0);
}

function fromZiplist(): boolean {
  builder.clear();
  ziplist.open(blob);
  while (ziplist.next(field)) if (!builder.append(field)) return false;
  return !ziplist.failed;
}

function fromZipmap(): boolean {
  builder.clear();
  zipmap.open(blob);
  while (zipmap.next(field)) if (!builder.append(field)) return false;
  return !zipmap.failed;
}

/** The longest field or value of a listpack of pairs; -1 if it is empty, not of pairs, or has a field twice. */
function longestOfPairs(bytes: Uint8Array, view: DataView, at: number): number {
  const seen = new Seen();
  let longest = -1;
  for (let p = listpack.first(view, at); p !== 0; p = listpack.next(view, p)) {
    sliceEntry(bytes, view, p, field);
    longest = Math.max(longest, field.length);
    p = listpack.next(view, p);
    if (p === 0 || !seen.add(field)) return -1;
    listpack.decode(view, p);
    longest = Math.max(longest, listpack.item.length);
  }
  return longest;
}

/** Field by field: packed as long as it may be, then a table. */
function loadFields(engine: Engine, reader: RdbReader, into: Loaded): number {
  const { maxPackedFields, maxPackedLength } = engine.values.hashes;
  const fields = reader.length();
  if (reader.failed || fields === 0) return REFUSED;
  if (fields > maxPackedFields) return fillTable(engine, newTable(engine), reader, fields, into);
  const seen = new Seen();
  builder.clear();
  for (let left = fields; left > 0; left--) {
    if (!reader.string(field) || !reader.string(value)) return REFUSED;
    if (!seen.add(field)) return REFUSED;
    if (field.length > maxPackedLength || value.length > maxPackedLength) {
      const table = newTable(engine);
      const result = tableOfPairs(engine, table, builder.bytes, builder.view, 0);
      if (result !== LOADED) return result;
      const added = addField(engine, table, field, value);
      if (added !== LOADED) {
        table.destroy();
        return added;
      }
      return fillTable(engine, table, reader, left - 1, into);
    }
    if (!builder.append(field) || !builder.append(value)) return REFUSED;
  }
  return built(into);
}

function newTable(engine: Engine): RecordTable {
  return new RecordTable(engine.arena, engine.databases[0].hashKey);
}

/** Makes a listpack of pairs, all different, the table that it would be. */
function unpack(engine: Engine, bytes: Uint8Array, view: DataView, at: number, into: Loaded): number {
  const table = newTable(engine);
  const result = tableOfPairs(engine, table, bytes, view, at);
  return result === LOADED ? into.setRooted(TYPE_HASH, 0, table.root) : result;
}

function tableOfPairs(engine: Engine, table: RecordTable, bytes: Uint8Array, view: DataView, at: number): number {
  if (table.create() === 0) return NO_MEMORY;
  for (let p = listpack.first(view, at); p !== 0; p = listpack.next(view, p)) {
    sliceEntry(bytes, view, p, packedField);
    p = listpack.next(view, p);
    sliceEntry(bytes, view, p, packedValue);
    const result = addField(engine, table, packedField, packedValue);
    if (result === LOADED) continue;
    table.destroy();
    return result;
  }
  return LOADED;
}

/** Reads `left` pairs into a table, a new one if none is open. */
function fillTable(engine: Engine, table: RecordTable, reader: RdbReader, left: number, into: Loaded): number {
  if (table.root === 0 && table.create(Math.min(left, reader.left >> 1)) === 0) return NO_MEMORY;
  for (let n = left; n > 0; n--) {
    const result = reader.string(field) && reader.string(value) ? addField(engine, table, field, value) : REFUSED;
    if (result === LOADED) continue;
    table.destroy();
    return result;
  }
  return into.setRooted(TYPE_HASH, 0, table.root);
}

// ── digest ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function digest(engine: Engine, db: Keyspace, ref: number, into: Digest): void {
  const { hashes } = engine.values;
  const pair = new Digest();
  hashes.open(db, ref, engine.nowMs);
  let cursor = 0;
  do {
    found.length = 0;
    cursor = hashes.collect(cursor, BATCH, found);
    for (let i = 0; i < found.length; i++) {
      pair.clear();
      hashes.loadField(found.refs[i]);
      pair.mix(hashes.bytes.subarray(hashes.start, hashes.start + hashes.length));
      hashes.loadValue(found.refs[i]);
      pair.mix(hashes.bytes.subarray(hashes.start, hashes.start + hashes.length));
      if (hashes.deadline(found.refs[i]) >= 0) pair.xor(FIELD_EXPIRES);
      into.xor(pair.bytes);
    }
  } while (cursor !== 0);
}
