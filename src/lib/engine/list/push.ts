/** LPUSH, RPUSH, LPUSHX, RPUSHX: elements are added at one end, in the order in which they are named. */
import type { Engine } from '../engine.ts';
import { changed, hasRoom, outOfMemory, TYPE_LIST, writeTyped } from '../keys.ts';
import { createList, grow, isLimited, lengthOf, NODE_ROOM_BYTES, open, roomFor } from './value.ts';

export function lpush(engine: Engine, arg: number, argc: number): void {
  push(engine, arg, argc, true, false);
}

export function rpush(engine: Engine, arg: number, argc: number): void {
  push(engine, arg, argc, false, false);
}

export function lpushx(engine: Engine, arg: number, argc: number): void {
  push(engine, arg, argc, true, true);
}

export function rpushx(engine: Engine, arg: number, argc: number): void {
  push(engine, arg, argc, false, true);
}

function push(engine: Engine, arg: number, argc: number, front: boolean, onlyIfThere: boolean): void {
  const { db, reply } = engine;
  const found = writeTyped(engine, arg + 1, engine.keyHash, TYPE_LIST);
  if (found === -1) return;
  if (found === 0 && onlyIfThere) {
    reply.integer(0);
    return;
  }
  if (argc === 3 && found !== 0 && isLimited(engine, found)) {
    pushOne(engine, arg + 2, found, front);
    return;
  }
  const first = arg + 2;
  const end = arg + argc;
  const n = end - first;
  const bytes = lengthOf(engine, first, end);
  const room = roomFor(engine, first, end);
  const ref =
    found === 0
      ? createList(engine, arg + 1, engine.keyHash, bytes, n, room, front)
      : grow(engine, found, bytes, n, room);
  if (ref === 0) return;
  const { list } = engine.values;
  const { dv } = engine.memory;
  const limited = isLimited(engine, ref);
  for (let i = first; i < end; i++) {
    const start = engine.argOffset[i];
    const length = engine.argLength[i];
    const done = front ? list.pushFront(dv, start, length, limited) : list.pushBack(dv, start, length, limited);
    if (done) continue;
    outOfMemory(engine);
    if (list.length === 0) db.remove(ref);
    return;
  }
  changed(engine, db, front ? 'lpush' : 'rpush', ref);
  engine.stats.dirty += n - 1;
  reply.integer(list.length);
}

/** One element, in argument `i`, for a list that is a quicklist already: what queues do all day. */
function pushOne(engine: Engine, i: number, ref: number, front: boolean): void {
  const length = engine.argLength[i];
  if (!hasRoom(engine, length + NODE_ROOM_BYTES)) return;
  const list = open(engine, ref);
  const { dv } = engine.memory;
  const start = engine.argOffset[i];
  if (!(front ? list.pushFront(dv, start, length, true) : list.pushBack(dv, start, length, true))) {
    outOfMemory(engine);
    return;
  }
  changed(engine, engine.db, front ? 'lpush' : 'rpush', ref);
  engine.reply.integer(list.length);
}
