/**
 * Sets in RDB: an intset or (from 7.2 on) a listpack as it is, or member by member.
 *
 *   SET_INTSET   intset          SET_LISTPACK   listpack          SET   count, member …
 */
import { byteOf, chunkOf } from '../../store/arena.ts';
import { integerHigh, integerLow, isCanonicalInteger } from '../../store/integer64.ts';
import * as intset from '../../store/intset.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import * as listpack from '../../store/listpack.ts';
import { RecordTable } from '../../store/record-table.ts';
import { INTSET } from '../../store/set-view.ts';
import { RefList } from '../../store/table.ts';
import type { Engine } from '../engine.ts';
import { TYPE_SET } from '../keys.ts';
import { LOADED, type Loaded, NO_MEMORY, REFUSED, type ValueCodec } from './codec.ts';
import type { Digest } from './digest.ts';
import { isListpack, ListpackBuilder, Seen, sliceEntry } from './listpack-builder.ts';
import { type RdbReader, Slice } from './reader.ts';
import { RDB_SET, RDB_SET_INTSET, RDB_SET_LISTPACK, VERSION_7_2 } from './types.ts';
import type { RdbWriter } from './writer.ts';

/** Members that are taken from a set at a time. */
const BATCH = 256;

const blob = new Slice();
const member = new Slice();
/** Of what is moved from one form to another while a member is at hand. */
const moved = new Slice();
const builder = new ListpackBuilder();
const found = new RefList();

export const setCodec: ValueCodec = { codes: [RDB_SET, RDB_SET_INTSET, RDB_SET_LISTPACK], dump, load, digest };

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function dump(engine: Engine, db: Keyspace, ref: number, writer: RdbWriter): void {
  const { sets } = engine.values;
  const encoding = sets.encoding(db, ref);
  const chunk = chunkOf(ref);
  const at = byteOf(ref) + db.valueByte(ref);
  const view = engine.arena.views[chunk];
  if (encoding === 'intset') {
    writer.byte(RDB_SET_INTSET);
    writer.string(engine.arena.bytes8[chunk], at, intset.totalBytes(view, at));
  } else if (encoding === 'listpack' && writer.version >= VERSION_7_2) {
    writer.byte(RDB_SET_LISTPACK);
    writer.string(engine.arena.bytes8[chunk], at, listpack.totalBytes(view, at));
  } else {
    const set = sets.one;
    set.open(db, ref);
    writer.byte(RDB_SET);
    writer.writeLength(set.size);
    let cursor = 0;
    do {
      found.length = 0;
      cursor = set.collect(cursor, BATCH, found);
      for (let i = 0; i < found.length; i++) {
        set.load(found.refs[i]);
        writer.string(set.bytes, set.start, set.length);
      }
    } while (cursor !== 0);
  }
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function load(engine: Engine, code: number, reader: RdbReader, into: Loaded): number {
  if (code === RDB_SET) return loadMembers(engine, reader, into);
  if (!reader.string(blob)) return REFUSED;
  return code === RDB_SET_INTSET ? loadIntset(engine, into) : loadListpack(engine, into);
}

function loadIntset(engine: Engine, into: Loaded): number {
  const { bytes, view, start, length } = blob;
  if (!intset.validate(view, start, length)) return REFUSED;
  const n = intset.count(view, start);
  if (n > engine.values.sets.limits.intsetEntries) {
    const table = newTable(engine);
    if (table.create() === 0) return NO_MEMORY;
    for (let i = 0; i < n; i++) {
      intset.get(view, start, i);
      member.setInteger(intset.memberLow(), intset.memberHigh());
      if (add(table, member) !== LOADED) return giveUp(table, NO_MEMORY);
    }
    return into.setRooted(TYPE_SET, 0, table.root);
  }
  into.packed.set(bytes, view, start, length);
  return into.setPacked(TYPE_SET, INTSET);
}

function loadListpack(engine: Engine, into: Loaded): number {
  const { bytes, view, start, length } = blob;
  if (!isListpack(blob)) return REFUSED;
  const seen = new Seen();
  for (let p = listpack.first(view, start); p !== 0; p = listpack.next(view, p)) {
    sliceEntry(bytes, view, p, member);
    if (!seen.add(member)) return REFUSED;
  }
  const n = listpack.count(view, start);
  if (n === 0) return REFUSED;
  if (n > engine.values.sets.limits.listpackEntries) {
    const table = newTable(engine);
    const result = tableOfListpack(table, bytes, view, start);
    return result === LOADED ? into.setRooted(TYPE_SET, 0, table.root) : result;
  }
  into.packed.set(bytes, view, start, length);
  return into.setPacked(TYPE_SET, 0);
}

/** Member by member: an intset as long as all are integers, a listpack as long as it may be one, then a table. */
function loadMembers(engine: Engine, reader: RdbReader, into: Loaded): number {
  const { limits } = engine.values.sets;
  const members = reader.length();
  if (reader.failed || members === 0) return REFUSED;
  if (members > limits.intsetEntries) return fillTable(newTable(engine), reader, members, into);
  const seen = new Seen();
  let integers: bigint[] | null = [];
  builder.clear();
  for (let left = members; left > 0; left--) {
    if (!reader.string(member) || !seen.add(member)) return REFUSED;
    if (integers !== null && isCanonicalInteger(member.view, member.start, member.length)) {
      integers.push((BigInt(integerHigh()) << 32n) | BigInt(integerLow() >>> 0));
      continue;
    }
    if (integers !== null) appendIntegers(integers);
    integers = null;
    if (builder.count >= limits.listpackEntries || member.length > limits.listpackLength) {
      const table = newTable(engine);
      const result = tableOfListpack(table, builder.bytes, builder.view, 0);
      if (result !== LOADED) return result;
      const added = add(table, member);
      return added === LOADED ? fillTable(table, reader, left - 1, into) : giveUp(table, added);
    }
    if (!builder.append(member)) return REFUSED;
  }
  if (integers !== null) return intsetOf(integers, into);
  into.packed.set(builder.bytes, builder.view, 0, builder.length);
  return into.setPacked(TYPE_SET, 0);
}

/** What an intset becomes when something else is added: a listpack in the order of the integers. */
function appendIntegers(integers: bigint[]): void {
  for (const integer of integers.sort(ascending)) {
    moved.setInteger(Number(BigInt.asIntN(32, integer)), Number(integer >> 32n));
    builder.append(moved);
  }
}

function intsetOf(integers: bigint[], into: Loaded): number {
  const { packed } = into;
  packed.allocate(intset.HEADER_BYTES + 8 * integers.length);
  intset.empty(packed.view, packed.start);
  integers.sort(ascending).forEach((integer, i) => {
    intset.insert(packed.view, packed.start, i, Number(BigInt.asIntN(32, integer)), Number(integer >> 32n));
  });
  packed.length = intset.totalBytes(packed.view, packed.start);
  return into.setPacked(TYPE_SET, INTSET);
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function newTable(engine: Engine): RecordTable {
  return new RecordTable(engine.arena, engine.databases[0].hashKey);
}

function giveUp(table: RecordTable, result: number): number {
  table.destroy();
  return result;
}

/** Makes the members of a listpack, all different, a table. */
function tableOfListpack(table: RecordTable, bytes: Uint8Array, view: DataView, at: number): number {
  if (table.create() === 0) return NO_MEMORY;
  for (let p = listpack.first(view, at); p !== 0; p = listpack.next(view, p)) {
    sliceEntry(bytes, view, p, moved);
    if (add(table, moved) !== LOADED) return giveUp(table, NO_MEMORY);
  }
  return LOADED;
}

/** Reads `left` members into a table, a new one if none is open. */
function fillTable(table: RecordTable, reader: RdbReader, left: number, into: Loaded): number {
  if (table.root === 0 && table.create(Math.min(left, reader.left)) === 0) return NO_MEMORY;
  for (let n = left; n > 0; n--) {
    const result = reader.string(member) ? add(table, member) : REFUSED;
    if (result !== LOADED) return giveUp(table, result);
  }
  return into.setRooted(TYPE_SET, 0, table.root);
}

/** Adds a member that must not be there yet. */
function add(table: RecordTable, slice: Slice): number {
  const hash = table.hashOfBytes(slice.view, slice.start, slice.length);
  if (table.findBytes(slice.view, slice.start, slice.length, hash) !== 0) return REFUSED;
  return table.insertBytes(slice.view, slice.start, slice.length, hash, 0, 0) === 0 ? NO_MEMORY : LOADED;
}

// ── digest ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function digest(engine: Engine, db: Keyspace, ref: number, into: Digest): void {
  const set = engine.values.sets.one;
  set.open(db, ref);
  let cursor = 0;
  do {
    found.length = 0;
    cursor = set.collect(cursor, BATCH, found);
    for (let i = 0; i < found.length; i++) {
      set.load(found.refs[i]);
      into.xor(set.bytes.subarray(set.start, set.start + set.length));
    }
  } while (cursor !== 0);
}
