/**
 * Streams in RDB: the nodes as they are, each after its master ID, then what the stream and its groups know.
 *
 *   nodes, { master ID, listpack } …, length, last ID, ‹first ID, largest deleted ID, entries added›,
 *   groups, { name, last ID, ‹entries read›,
 *             pending, { ID 16 bytes, time, deliveries } …,
 *             consumers, { name, seen, «active», pending, ID 16 bytes … } … } …
 *
 * ‹…› from 7.0 on (STREAM_LISTPACKS_2), «…» from 7.2 on (_3). IDs are two lengths but where they are 16 bytes, big-endian; times
 * are ms in 64 bits, little-endian.
 */
import { copyAcross } from '../../memory/copy.ts';
import { byteOf, chunkOf } from '../../store/arena.ts';
import type { Keyspace } from '../../store/keyspace.ts';
import * as listpack from '../../store/listpack.ts';
import { StreamId } from '../../store/stream/id.ts';
import type { IdTree } from '../../store/stream/id-tree.ts';
import { NODE_LISTPACK } from '../../store/stream/layout.ts';
import type { Streams } from '../../store/stream/streams.ts';
import type { Engine } from '../engine.ts';
import { rootOf, TYPE_STREAM } from '../keys.ts';
import { discard, LOADED, type Loaded, NO_MEMORY, REFUSED, type ValueCodec } from './codec.ts';
import type { Digest } from './digest.ts';
import { isListpack } from './listpack-builder.ts';
import { type RdbReader, Slice } from './reader.ts';
import { StreamNodeCheck } from './stream-node.ts';
import { RDB_STREAM_LISTPACKS, RDB_STREAM_LISTPACKS_2, RDB_STREAM_LISTPACKS_3, VERSION_7_2 } from './types.ts';
import type { RdbWriter } from './writer.ts';

const ID_BYTES = 16;
const TWO_32 = 4_294_967_296;

const blob = new Slice();
const name = new Slice();
const id = new StreamId();
const check = new StreamNodeCheck();
const idBytes = new Uint8Array(ID_BYTES);
const idView = new DataView(idBytes.buffer);

export const streamCodec: ValueCodec = {
  codes: [RDB_STREAM_LISTPACKS, RDB_STREAM_LISTPACKS_2, RDB_STREAM_LISTPACKS_3],
  dump,
  load,
  digest,
};

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function dump(engine: Engine, db: Keyspace, ref: number, writer: RdbWriter): void {
  const { arena } = engine;
  const { streams } = engine.values;
  const root = rootOf(engine, db, ref);
  const log = streams.open(root);
  writer.byte(writer.version >= VERSION_7_2 ? RDB_STREAM_LISTPACKS_3 : RDB_STREAM_LISTPACKS_2);
  writer.writeLength(log.nodes.size);
  for (let node = log.nodes.first(); node !== 0; node = log.nodes.next()) {
    toBytes(log.nodes.readId(id));
    writer.string(idBytes, 0, ID_BYTES);
    writer.string(arena.bytes8[chunkOf(node)], byteOf(node) + NODE_LISTPACK, log.listpackBytes(node));
  }
  writer.writeLength(log.length);
  writeId(writer, log.lastId(id));
  writeId(writer, log.firstId(id));
  writeId(writer, log.maxDeletedId(id));
  writer.writeWideLength(log.addedLow, log.addedHigh);
  const count = streams.groups.count(root);
  writer.writeLength(count);
  for (let i = 0; i < count; i++) dumpGroup(engine, streams.groups.groupAt(root, i), writer);
}

function dumpGroup(engine: Engine, group: number, writer: RdbWriter): void {
  const { groups } = engine.values.streams;
  writer.string(engine.arena.bytes8[chunkOf(group)], groups.groupName(group), groups.nameLength(group));
  writeId(writer, groups.lastId(group, id));
  writer.writeWideLength(groups.readLow(group), groups.readHigh(group));
  const pending = groups.pending(group);
  writer.writeLength(pending.size);
  for (let nack = pending.first(); nack !== 0; nack = pending.next()) {
    writeRawId(writer, pending.readId(id));
    writer.safeInt64(groups.deliveredAt(nack));
    writer.writeLength(groups.deliveries(nack));
  }
  const count = groups.consumerCount(group);
  writer.writeLength(count);
  for (let i = 0; i < count; i++) dumpConsumer(engine, groups.consumerAt(group, i), writer);
}

function dumpConsumer(engine: Engine, consumer: number, writer: RdbWriter): void {
  const { groups } = engine.values.streams;
  writer.string(engine.arena.bytes8[chunkOf(consumer)], groups.consumerName(consumer), groups.nameLength(consumer));
  writer.safeInt64(groups.seen(consumer));
  if (writer.version >= VERSION_7_2) writer.safeInt64(groups.active(consumer));
  const pending: IdTree = groups.pendingOf(consumer);
  writer.writeLength(pending.size);
  for (let nack = pending.first(); nack !== 0; nack = pending.next()) writeRawId(writer, pending.readId(id));
}

function writeId(writer: RdbWriter, from: StreamId): void {
  writer.writeWideLength(from.msLow, from.msHigh);
  writer.writeWideLength(from.seqLow, from.seqHigh);
}

function writeRawId(writer: RdbWriter, from: StreamId): void {
  toBytes(from);
  writer.raw(idBytes, 0, ID_BYTES);
}

function toBytes(from: StreamId): void {
  idView.setInt32(0, from.msHigh);
  idView.setInt32(4, from.msLow);
  idView.setInt32(8, from.seqHigh);
  idView.setInt32(12, from.seqLow);
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function load(engine: Engine, code: number, reader: RdbReader, into: Loaded): number {
  const { streams } = engine.values;
  const root = streams.create();
  if (root === 0) return NO_MEMORY;
  into.setRooted(TYPE_STREAM, 0, root);
  let result = loadNodes(engine, reader, root);
  if (result === LOADED) result = loadState(streams, code, reader, root);
  if (result === LOADED) result = loadGroups(streams, code, reader, root);
  if (result !== LOADED) discard(engine, into);
  return result;
}

/** The nodes, in order; the log's length is that of their entries then. */
function loadNodes(engine: Engine, reader: RdbReader, root: number): number {
  const { arena } = engine;
  const log = engine.values.streams.open(root);
  let entries = 0;
  check.reset();
  for (let left = reader.length(); left > 0; left--) {
    if (!reader.string(blob) || blob.length !== ID_BYTES) return REFUSED;
    fromBytes(blob.view, blob.start);
    if (!reader.string(blob) || !isListpack(blob) || !check.check(blob.view, blob.start, id)) return REFUSED;
    // The entries are in order, but the master ID need not be that of the first one.
    if (log.nodes.seek(id) !== 0) return REFUSED;
    const node = log.addNode(id, blob.length);
    if (node === 0) return NO_MEMORY;
    const at = byteOf(node) + NODE_LISTPACK;
    copyAcross(arena.views[chunkOf(node)], at, blob.view, blob.start, blob.length);
    entries += check.entries;
  }
  log.setLength(entries);
  return reader.failed ? REFUSED : LOADED;
}

/** What the stream knows beside its entries. */
function loadState(streams: Streams, code: number, reader: RdbReader, root: number): number {
  const log = streams.open(root);
  const length = reader.length();
  readId(reader);
  if (length !== log.length || (length > 0 && id.compare(check.last) < 0)) return REFUSED;
  log.setLastId(id);
  log.setAdded(length | 0, Math.floor(length / TWO_32));
  if (code !== RDB_STREAM_LISTPACKS) {
    readId(reader); // the first ID: it is what the entries say
    readId(reader);
    log.setMaxDeletedId(id);
    reader.wideLength();
    log.setAdded(reader.low, reader.high);
  }
  log.findFirstId();
  return reader.failed ? REFUSED : LOADED;
}

function loadGroups(streams: Streams, code: number, reader: RdbReader, root: number): number {
  const { groups } = streams;
  for (let left = reader.length(); left > 0; left--) {
    if (!reader.string(name) || groups.find(root, name.view, name.start, name.length) !== 0) return REFUSED;
    const group = groups.create(root, name.view, name.start, name.length);
    if (group === 0) return NO_MEMORY;
    readId(reader);
    groups.setLastId(group, id);
    if (code !== RDB_STREAM_LISTPACKS) {
      reader.wideLength();
      groups.setRead(group, reader.low, reader.high);
    } else if (streams.progress.number(id)) groups.setRead(group, streams.progress.low, streams.progress.high);
    let result = loadPending(streams, reader, group);
    if (result === LOADED) result = loadConsumers(streams, code, reader, group);
    if (result !== LOADED) return result;
  }
  return reader.failed ? REFUSED : LOADED;
}

/** The group's pending entries, of no consumer yet. */
function loadPending(streams: Streams, reader: RdbReader, group: number): number {
  const { groups } = streams;
  for (let left = reader.length(); left > 0; left--) {
    if (!readRawId(reader) || groups.pending(group).find(id) !== 0) return REFUSED;
    const timeMs = Math.max(0, readTime(reader));
    const deliveries = readCount(reader);
    if (reader.failed) return REFUSED;
    if (groups.createNack(group, id, timeMs, deliveries) === 0) return NO_MEMORY;
  }
  return reader.failed ? REFUSED : LOADED;
}

/** The consumers, and which of the pending entries are theirs: all of them, each of one. */
function loadConsumers(streams: Streams, code: number, reader: RdbReader, group: number): number {
  const { groups } = streams;
  let owned = 0;
  for (let left = reader.length(); left > 0; left--) {
    if (!reader.string(name)) return REFUSED;
    if (groups.findConsumer(group, name.view, name.start, name.length) !== 0) return REFUSED;
    const seenMs = readTime(reader);
    const activeMs = code === RDB_STREAM_LISTPACKS_3 ? readTime(reader) : seenMs;
    if (reader.failed) return REFUSED;
    const consumer = groups.createConsumer(group, name.view, name.start, name.length, seenMs);
    if (consumer === 0) return NO_MEMORY;
    groups.setActive(consumer, activeMs);
    for (let pending = reader.length(); pending > 0; pending--, owned++) {
      const nack = readRawId(reader) ? groups.pending(group).find(id) : 0;
      if (nack === 0 || groups.consumerOf(nack) !== 0) return REFUSED;
      if (!groups.assign(nack, id, consumer)) return NO_MEMORY;
    }
  }
  return reader.failed || owned !== groups.pending(group).size ? REFUSED : LOADED;
}

/** Reads an ID of two lengths into `id`. */
function readId(reader: RdbReader): void {
  reader.wideLength();
  const { low, high } = reader;
  reader.wideLength();
  id.set(high, low, reader.high, reader.low);
}

/** Reads an ID of 16 bytes into `id`. */
function readRawId(reader: RdbReader): boolean {
  const at = reader.take(ID_BYTES);
  if (at >= 0) fromBytes(reader.view, at);
  return at >= 0;
}

function fromBytes(view: DataView, at: number): void {
  id.set(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12));
}

/** A time in ms; what is further off than numbers reach is at their end. */
function readTime(reader: RdbReader): number {
  reader.int64();
  const ms = reader.high * TWO_32 + (reader.low >>> 0);
  return Math.max(-1, Math.min(ms, Number.MAX_SAFE_INTEGER));
}

function readCount(reader: RdbReader): number {
  reader.wideLength();
  return Math.min((reader.high >>> 0) * TWO_32 + (reader.low >>> 0), Number.MAX_SAFE_INTEGER);
}

// ── digest ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

function digest(engine: Engine, db: Keyspace, ref: number, into: Digest): void {
  const log = engine.values.streams.open(rootOf(engine, db, ref));
  id.setMin();
  log.seek(id);
  while (log.next()) {
    into.mix(Buffer.from(log.id.toString().replace('-', '.')));
    const { view } = log;
    let field = log.names;
    let value = log.values;
    for (let left = log.fields; left > 0; left--) {
      if (!log.same) value = field + listpack.entryBytes(view, field);
      mixEntry(into, view, field);
      mixEntry(into, view, value);
      if (log.same) field += listpack.entryBytes(view, field);
      value += listpack.entryBytes(view, value);
      if (!log.same) field = value;
    }
  }
}

function mixEntry(into: Digest, view: DataView, p: number): void {
  const { item } = listpack;
  listpack.decode(view, p);
  into.mix(new Uint8Array(item.view.buffer, item.view.byteOffset + item.start, item.length));
}
