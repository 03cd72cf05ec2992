/**
 * Lists in RDB: node by node, as the quicklist has them; by element, or in ziplists, from older servers.
 *
 *   QUICKLIST_2   nodes, { 1, element | 2, listpack } …        QUICKLIST   nodes, ziplist …
 *   LIST          count, element …                             LIST_ZIPLIST   ziplist
 */
import type { Keyspace } from '../../store/keyspace.ts';
import { LIST_QUICKLIST, openList } from '../../store/list-kind.ts';
import * as listpack from '../../store/listpack.ts';
import { fillBytes, fillCount, PACKED_HEAD_BYTES, type Quicklist } from '../../store/quicklist.ts';
import { NEXT, PLAIN, START } from '../../store/quicklist-node.ts';
import type { Engine } from '../engine.ts';
import { TYPE_LIST } from '../keys.ts';
import { discard, LOADED, type Loaded, NO_MEMORY, REFUSED, type ValueCodec } from './codec.ts';
import type { Digest } from './digest.ts';
import { isListpack, ListpackBuilder } from './listpack-builder.ts';
import { type RdbReader, Slice } from './reader.ts';
import { RDB_LIST, RDB_LIST_QUICKLIST, RDB_LIST_QUICKLIST_2, RDB_LIST_ZIPLIST } from './types.ts';
import type { RdbWriter } from './writer.ts';
import { Ziplist } from './ziplist.ts';

const CONTAINER_PLAIN = 1;
const CONTAINER_PACKED = 2;
/** Nodes of fewer bytes are not compressed, nor those that would become shorter by less. */
const COMPRESS_MIN_BYTES = 48;
const COMPRESS_MIN_GAIN = 8;
/** A list of so few bytes goes into the record. */
const PACKED_MAX_BYTES = 256;

const blob = new Slice();
const entry = new Slice();
const ziplist = new Ziplist();
const builder = new ListpackBuilder();

export const listCodec: ValueCodec = {
  codes: [RDB_LIST, RDB_LIST_ZIPLIST, RDB_LIST_QUICKLIST, RDB_LIST_QUICKLIST_2],
  dump,
  load,
  digest,
};

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function dump(engine: Engine, _db: Keyspace, ref: number, writer: RdbWriter): void {
  const { list } = engine.values;
  openList(list, engine.arena, ref);
  writer.byte(RDB_LIST_QUICKLIST_2);
  writer.writeLength(list.nodes);
  if (list.root === 0) dumpNode(list, writer, false);
  const depth = list.root === 0 ? 0 : list.listDepth;
  const last = list.nodes - 1;
  for (let node = list.head, i = 0; node !== 0; node = list.nodeWord(node, NEXT), i++) {
    const isDeep = depth > 0 && i >= depth && i <= last - depth;
    list.enter(node);
    if (list.isPlain(node)) dumpPlain(list, writer, isDeep);
    else dumpNode(list, writer, isDeep);
  }
}

function dumpNode(list: Quicklist, writer: RdbWriter, isDeep: boolean): void {
  const { view, at } = list;
  writer.writeLength(CONTAINER_PACKED);
  dumpContents(writer, new Uint8Array(view.buffer), at, listpack.totalBytes(view, at), isDeep);
}

function dumpPlain(list: Quicklist, writer: RdbWriter, isDeep: boolean): void {
  const { item } = listpack;
  listpack.decode(list.view, listpack.first(list.view, list.at));
  writer.writeLength(CONTAINER_PLAIN);
  dumpContents(writer, new Uint8Array(item.view.buffer), item.start, item.length, isDeep);
}

/** What redis-server keeps compressed, it writes so whatever rdbcompression says: nodes that are deep enough, if it is worth it. */
function dumpContents(writer: RdbWriter, bytes: Uint8Array, start: number, length: number, isDeep: boolean): void {
  const { compression, minGain } = writer;
  if (isDeep && !compression && length >= COMPRESS_MIN_BYTES) {
    writer.compression = true;
    writer.minGain = COMPRESS_MIN_GAIN;
  }
  writer.string(bytes, start, length);
  writer.compression = compression;
  writer.minGain = minGain;
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function load(engine: Engine, code: number, reader: RdbReader, into: Loaded): number {
  const { list } = engine.values;
  const root = list.create();
  if (root === 0) return NO_MEMORY;
  into.setRooted(TYPE_LIST, LIST_QUICKLIST, root);
  let result = loadNodes(code, reader, list);
  if (result === LOADED && list.length === 0) result = REFUSED;
  if (result !== LOADED) discard(engine, into);
  else {
    list.compressAll();
    settle(engine, list, into);
  }
  return result;
}

function loadNodes(code: number, reader: RdbReader, list: Quicklist): number {
  if (code === RDB_LIST_ZIPLIST) return reader.string(blob) ? pushZiplist(list) : REFUSED;
  for (let left = reader.length(); left > 0; left--) {
    let result: number;
    if (code === RDB_LIST) result = reader.string(entry) ? push(list) : REFUSED;
    else if (code === RDB_LIST_QUICKLIST) result = reader.string(blob) ? appendZiplist(list) : REFUSED;
    else result = appendNode(reader, list);
    if (result !== LOADED) return result;
  }
  return reader.failed ? REFUSED : LOADED;
}

function push(list: Quicklist): number {
  return list.pushBack(entry.view, entry.start, entry.length, true) ? LOADED : NO_MEMORY;
}

function pushZiplist(list: Quicklist): number {
  ziplist.open(blob);
  while (ziplist.next(entry)) if (push(list) !== LOADED) return NO_MEMORY;
  return ziplist.failed ? REFUSED : LOADED;
}

/** Appends a ziplist's entries as one node; none for an empty one. */
function appendZiplist(list: Quicklist): number {
  builder.clear();
  ziplist.open(blob);
  while (ziplist.next(entry)) if (!builder.append(entry)) return REFUSED;
  if (ziplist.failed) return REFUSED;
  return builder.count === 0 || list.adopt(builder.view, 0, builder.count, 0) ? LOADED : NO_MEMORY;
}

function appendNode(reader: RdbReader, list: Quicklist): number {
  const container = reader.length();
  if (!reader.string(blob) || blob.length === 0) return REFUSED;
  if (container === CONTAINER_PLAIN) return appendPlain(list);
  if (container !== CONTAINER_PACKED || !isListpack(blob)) return REFUSED;
  const entries = listpack.count(blob.view, blob.start);
  return entries === 0 || list.adopt(blob.view, blob.start, entries, 0) ? LOADED : NO_MEMORY;
}

/** Appends an element as a node of its own, which takes no other. */
function appendPlain(list: Quicklist): number {
  builder.clear();
  if (!builder.append(blob)) return REFUSED;
  if (!list.adopt(builder.view, 0, 1, 0)) return NO_MEMORY;
  list.setNodeWord(list.tail, START, list.nodeWord(list.tail, START) | PLAIN);
  return LOADED;
}

/** One node within the limits is a listpack; a small one moves into the record: │ start u16 │ listpack │ */
function settle(engine: Engine, list: Quicklist, into: Loaded): void {
  if (list.nodes !== 1 || list.isPlain(list.head)) return;
  const bytes = list.singleBytes;
  const isSmall = list.fill < 0 ? bytes <= fillBytes(list.fill) : list.length <= fillCount(list.fill);
  if (!isSmall) return;
  into.flags = 0;
  if (bytes > PACKED_MAX_BYTES || !into.packed.allocate(PACKED_HEAD_BYTES + bytes)) return;
  list.enter(list.head);
  const { packed } = into;
  packed.view.setUint16(packed.start, PACKED_HEAD_BYTES, true);
  const from = new Uint8Array(list.view.buffer);
  packed.bytes.set(from.subarray(list.at, list.at + bytes), packed.start + PACKED_HEAD_BYTES);
  discard(engine, into);
}

// ── digest ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function digest(engine: Engine, _db: Keyspace, ref: number, into: Digest): void {
  const { list } = engine.values;
  const { item } = listpack;
  openList(list, engine.arena, ref);
  for (let more = list.seek(0); more; more = list.next()) {
    list.decode();
    into.mix(new Uint8Array(item.view.buffer, item.start, item.length));
  }
}
