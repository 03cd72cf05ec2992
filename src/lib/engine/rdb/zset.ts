/**
 * Sorted sets in RDB: a listpack as it is, or member by member with binary scores, the highest first; ziplists and scores as
 * text from older servers.
 *
 *   ZSET_LISTPACK, ZSET_ZIPLIST   member score member score …          ZSET_2   count, member, double …
 *
 * redis-server 7.0 writes scores in listpacks with 17 digits, 7.2 with as many as it takes.
 */
import { byteOf, chunkOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import * as listpack from '../../store/listpack.ts';
import { compareBytes } from '../../store/ordered/compare.ts';
import * as packedSet from '../../store/packed-sorted-set.ts';
import { readScore } from '../../store/score.ts';
import type { SortedSet } from '../../store/sorted-set.ts';
import { formatSeventeenDigits } from '../double.ts';
import type { Engine } from '../engine.ts';
import { TYPE_ZSET } from '../keys.ts';
import { LOADED, type Loaded, NO_MEMORY, REFUSED, type ValueCodec } from './codec.ts';
import { Digest } from './digest.ts';
import { isListpack, ListpackBuilder, Seen, sliceEntry } from './listpack-builder.ts';
import { type RdbReader, Slice } from './reader.ts';
import { RDB_ZSET, RDB_ZSET_2, RDB_ZSET_LISTPACK, RDB_ZSET_ZIPLIST, VERSION_7_2 } from './types.ts';
import type { RdbWriter } from './writer.ts';
import { Ziplist } from './ziplist.ts';

/** A score as text, in a listpack: 17 digits, sign, point, exponent. */
const SCORE_MAX_BYTES = 32;
const SCORE = /^(-?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|-?inf)$/i;

const blob = new Slice();
const member = new Slice();
const score = new Slice();
/** The member before, when order is checked. */
const previous = new Slice();
const ziplist = new Ziplist();
const builder = new ListpackBuilder();

export const zsetCodec: ValueCodec = {
  codes: [RDB_ZSET, RDB_ZSET_2, RDB_ZSET_ZIPLIST, RDB_ZSET_LISTPACK],
  dump,
  load,
  digest,
};

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function dump(engine: Engine, db: Keyspace, ref: number, writer: RdbWriter): void {
  const { sortedSets } = engine.values;
  if (sortedSets.encoding(db, ref) === 'listpack') {
    dumpListpack(engine, db, ref, writer);
    return;
  }
  sortedSets.open(db, ref);
  writer.byte(RDB_ZSET_2);
  writer.writeLength(sortedSets.size);
  for (let more = sortedSets.seek(sortedSets.size - 1); more; more = sortedSets.prev()) {
    sortedSets.load();
    writer.string(engine.arena.bytes8[chunkOf(sortedSets.place)], sortedSets.start, sortedSets.length);
    writer.double(sortedSets.score);
  }
}

function dumpListpack(engine: Engine, db: Keyspace, ref: number, writer: RdbWriter): void {
  const chunk = chunkOf(ref);
  const bytes = engine.arena.bytes8[chunk];
  const view = engine.arena.views[chunk];
  const at = byteOf(ref) + db.valueByte(ref);
  writer.byte(RDB_ZSET_LISTPACK);
  if (writer.version >= VERSION_7_2) {
    writer.string(bytes, at, listpack.totalBytes(view, at));
    return;
  }
  builder.clear();
  for (let p = listpack.first(view, at); p !== 0; p = listpack.next(view, p)) {
    sliceEntry(bytes, view, p, member);
    builder.append(member);
    p = listpack.next(view, p);
    listpack.decode(view, p);
    if (listpack.item.isInteger) sliceEntry(bytes, view, p, score);
    else setText(score, formatSeventeenDigits(readScore(view, p)));
    builder.append(score);
  }
  writer.string(builder.bytes, 0, builder.length);
}

function setText(slice: Slice, text: string): void {
  slice.allocate(text.length);
  for (let i = 0; i < text.length; i++) slice.bytes[i] = text.charCodeAt(i);
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function load(engine: Engine, code: number, reader: RdbReader, into: Loaded): number {
  if (code === RDB_ZSET || code === RDB_ZSET_2) return loadMembers(engine, code, reader, into);
  if (!reader.string(blob)) return REFUSED;
  if (code === RDB_ZSET_ZIPLIST) {
    builder.clear();
    ziplist.open(blob);
    while (ziplist.next(member)) if (!builder.append(member)) return REFUSED;
    if (ziplist.failed) return REFUSED;
    return loadListpack(engine, builder.bytes, builder.view, 0, builder.length, into);
  }
  if (!isListpack(blob)) return REFUSED;
  return loadListpack(engine, blob.bytes, blob.view, blob.start, blob.length, into);
}

function loadListpack(
  engine: Engine,
  bytes: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  into: Loaded,
): number {
  if (!isSortedSet(bytes, view, at)) return REFUSED;
  if (packedSet.count(view, at) <= engine.values.sortedSets.limits.maxPackedMembers) {
    into.packed.set(bytes, view, at, length);
    return into.setPacked(TYPE_ZSET, 0);
  }
  const set = engine.values.zsetResult;
  const root = set.createRoot();
  if (root === 0) return NO_MEMORY;
  for (let p = listpack.first(view, at); p !== 0; p = listpack.next(view, p)) {
    sliceEntry(bytes, view, p, member);
    p = listpack.next(view, p);
    if (set.add(member.view, member.start, member.length, readScore(view, p))) continue;
    set.destroyRoot(root);
    return NO_MEMORY;
  }
  return into.setRooted(TYPE_ZSET, set.rootFlags, root);
}

/** True for a listpack of members, each there once, and scores that are numbers, in order. */
function isSortedSet(bytes: Uint8Array, view: DataView, at: number): boolean {
  const seen = new Seen();
  let before = Number.NaN;
  for (let p = listpack.first(view, at); p !== 0; p = listpack.next(view, p)) {
    sliceEntry(bytes, view, p, member);
    p = listpack.next(view, p);
    if (p === 0 || !seen.add(member) || !isScore(view, p)) return false;
    const here = readScore(view, p);
    if (here < before || (here === before && !follows())) return false;
    before = here;
    previous.set(member.bytes, member.view, member.start, member.length);
    if (member.bytes !== bytes) copyPrevious();
  }
  return !Number.isNaN(before);
}

/** The text of an integer member is in memory that the next one takes. */
function copyPrevious(): void {
  previous.allocate(member.length);
  for (let i = 0; i < member.length; i++) previous.bytes[i] = member.bytes[member.start + i];
}

/** True when `member` comes after `previous`. */
function follows(): boolean {
  const order = compareBytes(previous.view, previous.start, previous.length, member.view, member.start, member.length);
  return order < 0;
}

function isScore(view: DataView, p: number): boolean {
  const { item } = listpack;
  listpack.decode(view, p);
  if (item.isInteger) return true;
  if (item.length > SCORE_MAX_BYTES) return false;
  let text = '';
  for (let i = 0; i < item.length; i++) text += String.fromCharCode(item.view.getUint8(item.start + i));
  return SCORE.test(text);
}

/** Member by member into a rooted set; if it is small enough, it becomes a listpack then. */
function loadMembers(engine: Engine, code: number, reader: RdbReader, into: Loaded): number {
  const set = engine.values.zsetResult;
  const members = reader.length();
  if (reader.failed || members === 0) return REFUSED;
  const root = set.createRoot();
  if (root === 0) return NO_MEMORY;
  let longest = 0;
  for (let left = members; left > 0; left--) {
    const result = loadMember(set, code, reader);
    if (result !== LOADED) {
      set.destroyRoot(root);
      return result;
    }
    longest = Math.max(longest, member.length);
  }
  const { maxPackedMembers, maxPackedLength } = engine.values.sortedSets.limits;
  if (members > maxPackedMembers || longest > maxPackedLength) return into.setRooted(TYPE_ZSET, set.rootFlags, root);
  pack(set);
  set.destroyRoot(root);
  into.packed.set(builder.bytes, builder.view, 0, builder.length);
  return into.setPacked(TYPE_ZSET, 0);
}

function loadMember(set: SortedSet, code: number, reader: RdbReader): number {
  if (!reader.string(member)) return REFUSED;
  const value = code === RDB_ZSET ? reader.textDouble() : reader.double();
  if (reader.failed || Number.isNaN(value)) return REFUSED;
  if (set.find(member.view, member.start, member.length) !== 0) return REFUSED;
  return set.add(member.view, member.start, member.length, value) ? LOADED : NO_MEMORY;
}

/** Writes an open rooted set into the builder. */
function pack(set: SortedSet): void {
  builder.clear();
  for (let more = set.seek(0); more; more = set.next()) {
    set.load();
    const { view, start, length } = set;
    builder.reserve(packedSet.pairBytes(view, start, length, set.score));
    packedSet.append(builder.view, 0, listpack.end(builder.view, 0), view, start, length, set.score);
  }
}

// ── digest ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function digest(engine: Engine, db: Keyspace, ref: number, into: Digest): void {
  const { sortedSets } = engine.values;
  const pair = new Digest();
  sortedSets.open(db, ref);
  for (let more = sortedSets.seek(0); more; more = sortedSets.next()) {
    sortedSets.load();
    const { view, start, length } = sortedSets;
    pair.clear();
    pair.mix(new Uint8Array(view.buffer, view.byteOffset + start, length));
    pair.mix(Buffer.from(formatSeventeenDigits(sortedSets.score)));
    into.xor(pair.bytes);
  }
}
