/** LMOVE, RPOPLPUSH and those of them that wait, BLMOVE and BRPOPLPUSH: an element goes from one list to another. */
import { copyAcross } from '../../memory/copy.ts';
import * as listpack from '../../store/listpack.ts';
import { entryBytesAtMost, type Quicklist } from '../../store/quicklist.ts';
import { sameBytes } from '../arguments.ts';
import { timeoutArgument } from '../blocking.ts';
import type { Engine } from '../engine.ts';
import { changed, hashOf, hasRoom, outOfMemory, TYPE_LIST, tell, writeTyped } from '../keys.ts';
import { LEFT, RIGHT, sideArgument } from './arguments.ts';
import { removed } from './pop.ts';
import { createList, grow, isLimited, open, ROOT_ROOM_BYTES } from './value.ts';

/** The element on its way; replaced by a larger one when need be. */
let carried = new DataView(new SharedArrayBuffer(4096));
/** What stays allocated for the next one. */
const CARRIED_KEPT_BYTES = 1 << 20;

/** LMOVE source destination LEFT|RIGHT LEFT|RIGHT */
export function lmove(engine: Engine, arg: number, _argc: number): void {
  const from = sideArgument(engine, arg + 3);
  if (from < 0) return;
  const to = sideArgument(engine, arg + 4);
  if (to >= 0) move(engine, arg, from, to, -1);
}

export function rpoplpush(engine: Engine, arg: number, _argc: number): void {
  move(engine, arg, RIGHT, LEFT, -1);
}

/** BLMOVE source destination LEFT|RIGHT LEFT|RIGHT timeout */
export function blmove(engine: Engine, arg: number, _argc: number): void {
  const from = sideArgument(engine, arg + 3);
  if (from < 0) return;
  const to = sideArgument(engine, arg + 4);
  if (to < 0) return;
  const deadlineMs = timeoutArgument(engine, arg + 5);
  if (deadlineMs >= 0) move(engine, arg, from, to, deadlineMs);
}

export function brpoplpush(engine: Engine, arg: number, _argc: number): void {
  const deadlineMs = timeoutArgument(engine, arg + 3);
  if (deadlineMs >= 0) move(engine, arg, RIGHT, LEFT, deadlineMs);
}

/** `deadlineMs` -1: the client does not wait. */
function move(engine: Engine, arg: number, from: number, to: number, deadlineMs: number): void {
  const { reply } = engine;
  const source = writeTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (source === -1) return;
  if (source === 0) {
    if (deadlineMs < 0 || !waits(engine, arg, deadlineMs)) reply.nil();
    return;
  }
  const same = sameBytes(engine, arg + 1, arg + 2);
  const hash = same ? engine.keyHash : hashOf(engine, arg + 2);
  const target = same ? source : writeTyped(engine, arg + 2, hash, TYPE_LIST);
  if (target === -1) return;
  const list = open(engine, source);
  list.seek(from === LEFT ? 0 : -1);
  if (!list.own()) {
    outOfMemory(engine);
    return;
  }
  const length = carry(list);
  const counted = listpack.item.isInteger ? 0 : length; // redis-server's reckoning of what comes leaves integers out
  if (same) rotate(engine, source, length, counted, from, to);
  else transfer(engine, arg, source, target, hash, length, counted, from, to);
  if (carried.byteLength > CARRIED_KEPT_BYTES) carried = new DataView(new SharedArrayBuffer(4096));
}

/** Within one list: taken away first, so that what comes finds the room. */
function rotate(engine: Engine, ref: number, length: number, counted: number, from: number, to: number): void {
  const { db, reply } = engine;
  if (!hasRoom(engine, entryBytesAtMost(length) * 2 + ROOT_ROOM_BYTES)) return; // else grow() would find none, too late
  let list = open(engine, ref);
  if (list.length === 1) {
    reply.bulkView(carried, 0, length);
    changed(engine, db, to === LEFT ? 'lpush' : 'rpush', ref);
    tell(engine, db, from === LEFT ? 'lpop' : 'rpop', ref);
    return;
  }
  if (from === LEFT) list.removeFirst(1);
  else list.removeLast();
  const grown = grow(engine, ref, counted, 1, entryBytesAtMost(length));
  if (grown === 0) return;
  list = engine.values.list;
  if (!pushCarried(engine, grown, list, length, to)) return;
  reply.bulkView(carried, 0, length);
  tell(engine, db, to === LEFT ? 'lpush' : 'rpush', grown);
  removed(engine, grown, list, from, 1);
}

function transfer(
  engine: Engine,
  arg: number,
  source: number,
  target: number,
  hash: number,
  length: number,
  counted: number,
  from: number,
  to: number,
): void {
  const { db } = engine;
  const room = entryBytesAtMost(length);
  const made =
    target === 0
      ? createList(engine, arg + 2, hash, counted, 1, room, to === LEFT)
      : grow(engine, target, counted, 1, room);
  if (made === 0 || !pushCarried(engine, made, engine.values.list, length, to)) return;
  engine.reply.bulkView(carried, 0, length);
  tell(engine, db, to === LEFT ? 'lpush' : 'rpush', made);
  const list = open(engine, source);
  if (from === LEFT) list.removeFirst(1);
  else list.removeLast();
  removed(engine, source, list, from, 1);
}

/** False when there was no memory: the error has been written. */
function pushCarried(engine: Engine, ref: number, list: Quicklist, length: number, to: number): boolean {
  const limited = isLimited(engine, ref);
  const done = to === LEFT ? list.pushFront(carried, 0, length, limited) : list.pushBack(carried, 0, length, limited);
  if (done) return true;
  outOfMemory(engine);
  if (list.length === 0) engine.db.remove(ref);
  return false;
}

/** Copies the cursor's element to `carried`; returns its length. */
function carry(list: Quicklist): number {
  list.decode();
  const { item } = listpack;
  if (carried.byteLength < item.length) carried = new DataView(new SharedArrayBuffer(item.length));
  copyAcross(carried, 0, item.view, item.start, item.length);
  return item.length;
}

function waits(engine: Engine, arg: number, deadlineMs: number): boolean {
  return engine.blocker.block({ keys: [arg + 1], type: TYPE_LIST, deadlineMs, onTimeout: 'nilArray' });
}
