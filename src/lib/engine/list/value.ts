/**
 * The value of a list key: opening it, making room in it, and the two questions that follow a change: is it a listpack or a
 * quicklist by redis-server's rules, and is it kept in the record or under a root.
 *
 *                 packed, in the record ──1 KiB──▶ rooted, one node           both are `listpack` to clients
 *                                                     │ ▲
 *     larger than list-max-listpack-size with what comes ▼ │ one node of at most half of that is left
 *                                                  rooted, nodes with limits  `quicklist`
 */

import type { Keyspace } from '../../store/keyspace.ts';
import { LIST_QUICKLIST, openList } from '../../store/list-kind.ts';
import * as listpack from '../../store/listpack.ts';
import {
  entryBytesAtMost,
  exceedsFill,
  fillBytes,
  fillCount,
  PACKED_HEAD_BYTES,
  type Quicklist,
} from '../../store/quicklist.ts';
import { chunkOf } from '../../store/ref.ts';
import { ROOTED, valueStart } from '../../store/value-kind.ts';
import type { Engine } from '../engine.ts';
import { createRooted, createValue, hasRoom, makeRooted, outOfMemory, resizeValue, TYPE_LIST } from '../keys.ts';

/** A packed list's bytes at most: moving so many costs less than 100 ns. */
const PACKED_MAX_BYTES = 1024;
/** A rooted listpack of so many bytes goes back into the record. */
const REPACK_MAX_BYTES = 256;
/** A packed list's value of so few bytes is not made shorter. */
const PACKED_KEPT_BYTES = 64;
/** A root, a node and its first block. */
export const ROOT_ROOM_BYTES = 1024;
/** What one more element may need beside its bytes: a node with a full block. */
export const NODE_ROOM_BYTES = 65_536 + ROOT_ROOM_BYTES;

/** Opens the list of a record, for reading. */
export function open(engine: Engine, ref: number): Quicklist {
  const { list } = engine.values;
  openList(list, engine.arena, ref);
  return list;
}

/** True when the list's nodes have limits. */
export function isLimited(engine: Engine, ref: number): boolean {
  return (engine.db.flags(ref) & LIST_QUICKLIST) !== 0;
}

/** Bytes that the elements in arguments [from, to) take at most. */
export function roomFor(engine: Engine, from: number, to: number): number {
  const { argLength } = engine;
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += entryBytesAtMost(argLength[i]);
  return bytes;
}

/** Bytes of arguments [from, to). */
export function lengthOf(engine: Engine, from: number, to: number): number {
  const { argLength } = engine;
  let bytes = 0;
  for (let i = from; i < to; i++) bytes += argLength[i];
  return bytes;
}

/**
 * Makes the key in argument `i`, which is not there, an empty list with room for `room` bytes of entries, and opens it. What
 * comes has `bytes` bytes in `entries` elements. Returns its ref; 0 without memory: the error has been written.
 */
export function createList(
  engine: Engine,
  i: number,
  hash: number,
  bytes: number,
  entries: number,
  room: number,
  front: boolean,
): number {
  const { db, values, arena } = engine;
  const { list } = values;
  if (!hasRoom(engine, engine.argLength[i] + room + ROOT_ROOM_BYTES)) return 0;
  const limited = exceedsFill(list.fill, listpack.EMPTY_BYTES + bytes, entries);
  const packedBytes = PACKED_HEAD_BYTES + listpack.EMPTY_BYTES + room;
  if (!limited && packedBytes <= PACKED_MAX_BYTES) {
    const made = createValue(engine, i, hash, TYPE_LIST, 0, packedBytes);
    if (made === 0) return 0;
    list.createPacked(arena.views[chunkOf(made)], valueStart(db, made), packedBytes, front);
    return made;
  }
  const root = list.create();
  if (root === 0) return outOfMemory(engine);
  const made = createRooted(engine, i, hash, TYPE_LIST, limited ? LIST_QUICKLIST : 0, root);
  if (made === 0) values.kinds[TYPE_LIST]?.release(root, 0, 1);
  return made;
}

/**
 * Opens a list for a change that adds elements of `bytes` bytes in all, `entries` of them, which take `room` bytes at most.
 * Returns the record's ref, which may be another; 0 without memory: the error has been written.
 */
export function grow(engine: Engine, ref: number, bytes: number, entries: number, room: number): number {
  if (!hasRoom(engine, room + ROOT_ROOM_BYTES)) return 0;
  const { db } = engine;
  const list = open(engine, ref);
  if ((db.flags(ref) & LIST_QUICKLIST) !== 0) return ref;
  const total = list.singleBytes;
  const limited = exceedsFill(list.fill, total + bytes, list.length + entries);
  if (list.root !== 0) {
    if (limited) {
      db.setFlags(ref, ROOTED | LIST_QUICKLIST);
      list.setShape(list.fill, list.depth);
    }
    return ref;
  }
  const wanted = PACKED_HEAD_BYTES + total + room;
  if (limited || wanted > PACKED_MAX_BYTES) return unpack(engine, ref, list, limited, room);
  const valueBytes = db.valueLength(ref);
  if (wanted <= valueBytes) return ref;
  const made = resizeValue(engine, db, ref, Math.min(wanted + (wanted >> 2), PACKED_MAX_BYTES));
  if (made !== 0) open(engine, made);
  return made;
}

/** Moves an open packed list under a root. */
function unpack(engine: Engine, ref: number, list: Quicklist, limited: boolean, room: number): number {
  const { view, at } = list;
  const entries = list.length;
  const root = list.create();
  if (root === 0) return outOfMemory(engine);
  if (entries > 0 && !list.adopt(view, at, entries, Math.min(room, fillBytes(list.fill)))) {
    engine.values.kinds[TYPE_LIST]?.release(root, 0, 1);
    return outOfMemory(engine);
  }
  return makeRooted(engine, engine.db, ref, limited ? LIST_QUICKLIST : 0, root);
}

/**
 * After elements went: a quicklist of one small node is a listpack again, and a very small listpack moves into the record.
 * Returns the record's ref, which may be another.
 */
export function settle(engine: Engine, db: Keyspace, ref: number): number {
  const flags = db.flags(ref);
  if ((flags & ROOTED) === 0) return settlePacked(engine, db, ref);
  const { list } = engine.values;
  if (list.nodes !== 1) return ref;
  const bytes = list.singleBytes;
  if ((flags & LIST_QUICKLIST) !== 0) {
    if (!isSmall(list.fill, bytes, list.length, 2)) return ref;
    db.setFlags(ref, ROOTED);
  }
  return bytes <= REPACK_MAX_BYTES ? repack(engine, db, ref, bytes) : ref;
}

/** A packed list that fills less than a quarter of its record's value is given a shorter one. */
function settlePacked(engine: Engine, db: Keyspace, ref: number): number {
  const { list } = engine.values;
  const capacity = db.valueLength(ref);
  const bytes = PACKED_HEAD_BYTES + list.singleBytes;
  if (bytes > capacity >> 2 || capacity <= PACKED_KEPT_BYTES) return ref;
  list.packToFront();
  return db.resize(ref, bytes + (bytes >> 2)) || ref; // without memory to move into, it stays
}

/** What SORT … STORE makes is looked at once, at the end: a node within the limits is a listpack. */
export function settleMade(engine: Engine, db: Keyspace, ref: number): number {
  const { list } = engine.values;
  if (list.nodes !== 1 || !isSmall(list.fill, list.singleBytes, list.length, 1)) return ref;
  db.setFlags(ref, ROOTED);
  return list.singleBytes <= REPACK_MAX_BYTES ? repack(engine, db, ref, list.singleBytes) : ref;
}

/** True when a node is at most 1/part of what the fill allows; with a limit of elements its bytes don't matter. */
function isSmall(fill: number, bytes: number, entries: number, part: number): boolean {
  if (fill < 0) return bytes <= Math.floor(fillBytes(fill) / part);
  return bytes !== Number.POSITIVE_INFINITY && entries <= Math.floor(fillCount(fill) / part);
}

/** Moves a list of one node into the record, if there is memory for it; else it stays. */
function repack(engine: Engine, db: Keyspace, ref: number, bytes: number): number {
  const { list } = engine.values;
  const { root } = list;
  const packedBytes = PACKED_HEAD_BYTES + bytes + (bytes >> 3);
  const moved = db.resize(ref, packedBytes);
  if (moved === 0) return ref;
  list.enter(list.head);
  const { view, at } = list;
  list.createPacked(engine.arena.views[chunkOf(moved)], valueStart(db, moved), packedBytes, false);
  list.copyHere(view, at, bytes);
  db.setFlags(moved, 0);
  engine.values.kinds[TYPE_LIST]?.release(root, 0, 2);
  return moved;
}
