/**
 * What the stream commands share: finding a stream and a group, IDs as arguments, and IDs and entries as replies, which go from
 * the listpack straight into the send queue.
 */
import type { Reply } from '../../resp/reply.ts';
import * as listpack from '../../store/listpack.ts';
import type { EntryCursor } from '../../store/stream/cursor.ts';
import { ID_TEXT, INVALID_ID, idTextStart, parseId, type StreamId, WHOLE_ID } from '../../store/stream/id.ts';
import type { StreamLog } from '../../store/stream/log.ts';
import { bigIntegerArgument, shownText } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, createRooted, hashOf, outOfMemory, readTyped, rootOf, TYPE_STREAM, writeTyped } from '../keys.ts';

const DASH = 45;
const PLUS = 43;
const OPEN = 40;
const TWO_32 = 4_294_967_296;

// ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Opens the stream of a key for reading: its record; 0 for none; -1 for another type: the error has been written. */
export function openToRead(engine: Engine, i: number, hash: number): number {
  const ref = readTyped(engine, i, hash, TYPE_STREAM);
  if (ref > 0 || ref < -1) engine.values.streams.open(rootOf(engine, engine.db, ref));
  return ref;
}

/** As openToRead, for commands that change the stream. */
export function openToWrite(engine: Engine, i: number, hash: number): number {
  const ref = writeTyped(engine, i, hash, TYPE_STREAM);
  if (ref > 0 || ref < -1) engine.values.streams.open(rootOf(engine, engine.db, ref));
  return ref;
}

/** Makes the key, which is not there, an empty stream, and opens it. Returns its record; 0 without memory: answered. */
export function createStream(engine: Engine, i: number): number {
  const { streams } = engine.values;
  const root = streams.create();
  if (root === 0) return outOfMemory(engine);
  const ref = createRooted(engine, i, hashOf(engine, i), TYPE_STREAM, 0, root);
  if (ref === 0) streams.release(root, 0, 1);
  else streams.open(root);
  return ref;
}

/** The group that argument `i` names in the open stream, or 0. */
export function groupArgument(engine: Engine, i: number): number {
  const { streams } = engine.values;
  return streams.groups.find(streams.log.root, engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
}

/** The consumer that argument `i` names in a group, or 0. */
export function consumerArgument(engine: Engine, group: number, i: number): number {
  const { groups } = engine.values.streams;
  return groups.findConsumer(group, engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
}

/** As consumerArgument; one that is not there is made, as a change of its own. 0 without memory: nothing is answered. */
export function ensureConsumer(engine: Engine, ref: number, group: number, i: number): number {
  const { groups } = engine.values.streams;
  const found = consumerArgument(engine, group, i);
  if (found !== 0) {
    groups.setSeen(found, nowOf(engine));
    return found;
  }
  const made = groups.createConsumer(group, engine.memory.dv, engine.argOffset[i], engine.argLength[i], nowOf(engine));
  if (made !== 0) changed(engine, engine.db, 'xgroup-createconsumer', ref);
  return made;
}

export function noSuchGroup(engine: Engine, key: number, group: number, where = ''): void {
  const names = `'${shownText(engine, key)}' or consumer group '${shownText(engine, group)}'`;
  engine.reply.error(`NOGROUP No such key ${names}${where}`);
}

/** The time in whole milliseconds. */
export function nowOf(engine: Engine): number {
  return Math.floor(engine.nowMs);
}

// ── arguments ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** True when argument `i` is this one byte. */
export function isByte(engine: Engine, i: number, byte: number): boolean {
  return engine.argLength[i] === 1 && engine.memory.u8[engine.argOffset[i]] === byte;
}

/** Reads argument `i`, a whole ID; a missing seq is 0. False when it is none: the error has been written. */
export function idArgument(engine: Engine, i: number, id: StreamId): boolean {
  return isId(engine, i, id) || invalidId(engine);
}

/** As idArgument, without an error. */
export function isId(engine: Engine, i: number, id: StreamId): boolean {
  return parseId(engine.memory.u8, engine.argOffset[i], engine.argLength[i], 0, id) === WHOLE_ID;
}

/** As idArgument; `-` and `+` are the least and the greatest ID. */
export function edgeArgument(engine: Engine, i: number, id: StreamId): boolean {
  return readEdge(engine, i, 0, id);
}

/** As idArgument, for XADD: 2 when seq is `*`, and 0 when it is none: the error has been written. */
export function newIdArgument(engine: Engine, i: number, id: StreamId): number {
  const kind = parseId(engine.memory.u8, engine.argOffset[i], engine.argLength[i], 0, id);
  if (kind === INVALID_ID) invalidId(engine);
  return kind;
}

/** The first ID of an interval: `-`, an ID, or `(` and the ID that is left out. */
export function startArgument(engine: Engine, i: number, id: StreamId): boolean {
  if (!isExclusive(engine, i)) return readEdge(engine, i, 0, id);
  if (!readAfterBracket(engine, i, 0, id)) return false;
  return id.increment() || refuse(engine, 'ERR invalid start ID for the interval');
}

/** The last ID of an interval: `+`, an ID (all of a millisecond when seq is missing), or `(` and the ID that is left out. */
export function endArgument(engine: Engine, i: number, id: StreamId): boolean {
  if (!isExclusive(engine, i)) return readEdge(engine, i, -1, id);
  if (!readAfterBracket(engine, i, -1, id)) return false;
  return id.decrement() || refuse(engine, 'ERR invalid end ID for the interval');
}

function isExclusive(engine: Engine, i: number): boolean {
  return engine.argLength[i] > 1 && engine.memory.u8[engine.argOffset[i]] === OPEN;
}

function readAfterBracket(engine: Engine, i: number, missing: number, id: StreamId): boolean {
  const kind = parseId(engine.memory.u8, engine.argOffset[i] + 1, engine.argLength[i] - 1, missing, id);
  return kind === WHOLE_ID || invalidId(engine);
}

function readEdge(engine: Engine, i: number, missing: number, id: StreamId): boolean {
  if (isByte(engine, i, DASH)) id.setMin();
  else if (isByte(engine, i, PLUS)) id.setMax();
  else if (parseId(engine.memory.u8, engine.argOffset[i], engine.argLength[i], missing, id) !== WHOLE_ID) {
    return invalidId(engine);
  }
  return true;
}

function invalidId(engine: Engine): false {
  return refuse(engine, 'ERR Invalid stream ID specified as stream command argument');
}

export function refuse(engine: Engine, error: string): false {
  engine.reply.error(error);
  return false;
}

/** Argument `i` as a 64-bit integer, its halves into `into`; false when it is none: the error has been written. */
export function int64Argument(engine: Engine, i: number, into: Int32Array): boolean {
  const value = bigIntegerArgument(engine, i);
  if (value === null) return false;
  into[0] = Number(BigInt.asIntN(32, value));
  into[1] = Number(BigInt.asIntN(32, value >> 32n));
  return true;
}

// ── replies ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function replyId(reply: Reply, id: StreamId): void {
  const length = id.format();
  reply.bulkView(ID_TEXT, idTextStart(length), length);
}

/** A 64-bit integer by its halves. */
export function replyInt64(reply: Reply, low: number, high: number): void {
  const value = high * TWO_32 + (low >>> 0);
  if (Number.isSafeInteger(value)) reply.integer(value);
  else reply.integer64((BigInt(high) << 32n) | BigInt(low >>> 0));
}

/** The entry that the cursor stands on: its ID, and fields and values in turn. */
export function replyEntry(reply: Reply, cursor: EntryCursor): void {
  reply.array(2);
  replyId(reply, cursor.id);
  const { view, fields } = cursor;
  reply.array(fields * 2);
  let p = cursor.values;
  if (!cursor.same) {
    for (let i = fields * 2; i > 0; i--) p = replyElement(reply, view, p);
    return;
  }
  let name = cursor.names;
  for (let i = fields; i > 0; i--) {
    name = replyElement(reply, view, name);
    p = replyElement(reply, view, p);
  }
}

/** Answers with the element at p of a listpack; returns where the next one is. */
function replyElement(reply: Reply, view: DataView, p: number): number {
  const mark = view.getUint8(p);
  if (mark >= 0x80 && mark < 0xc0) {
    const length = mark & 0x3f; // the most frequent: a string of less than 64 bytes
    reply.bulkView(view, p + 1, length);
    return p + length + 2;
  }
  listpack.decode(view, p);
  const { item } = listpack;
  reply.bulkView(item.view, item.start, item.length);
  return p + listpack.entryBytes(view, p);
}

/** The entries from start to end, no more than `limit` (0: all), as an array. */
export function replyRange(reply: Reply, log: StreamLog, start: StreamId, end: StreamId, limit: number): void {
  if (start.compare(end) > 0) {
    reply.array(0);
    return;
  }
  log.seek(start);
  const n = log.countForward(end, limit);
  reply.array(n);
  for (let i = 0; i < n && log.next(); i++) replyEntry(reply, log);
}

/** As replyRange, from the end backwards. */
export function replyRangeBack(reply: Reply, log: StreamLog, start: StreamId, end: StreamId, limit: number): void {
  if (start.compare(end) > 0) {
    reply.array(0);
    return;
  }
  log.seekBack(end);
  const n = log.countBack(start, limit);
  reply.array(n);
  for (let i = 0; i < n && log.previous(); i++) replyEntry(reply, log);
}
