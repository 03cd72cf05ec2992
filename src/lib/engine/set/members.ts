/** SADD, SREM, SMOVE: members come and go. A set comes into being with its first member and goes with its last. */
import { NO_MEMORY, type SetView } from '../../store/set-view.ts';
import type { Engine } from '../engine.ts';
import { hashOf, hasRoom, TYPE_SET, writeTyped } from '../keys.ts';
import { findMember, membersRemoved, noMemory, openToAdd, openToChange, setChanged } from './value.ts';

export function sadd(engine: Engine, arg: number, argc: number): void {
  const ref = writeTyped(engine, arg + 1, engine.keyHash, TYPE_SET);
  if (ref === -1) return;
  const { one } = engine.values.sets;
  const end = arg + argc;
  if (!openToAdd(engine, one, arg + 1, engine.keyHash, ref, arg + 2, end)) return;
  let added = 0;
  for (let i = arg + 2; i < end; i++) {
    const done = add(engine, one, i);
    if (done === NO_MEMORY) {
      noMemory(engine, one);
      return;
    }
    added += done;
  }
  if (added > 0) {
    engine.stats.dirty += added - 1;
    setChanged(engine, one, 'sadd');
  }
  engine.reply.integer(added);
}

function add(engine: Engine, view: SetView, i: number): number {
  return view.add(engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
}

export function srem(engine: Engine, arg: number, argc: number): void {
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  const { one } = engine.values.sets;
  let removed = 0;
  for (let i = arg + 2; ref !== 0 && i < arg + argc && one.size > 0; i++) {
    const place = findMember(engine, one, i);
    if (place === 0) continue;
    one.remove(place);
    removed++;
  }
  if (removed > 0) {
    engine.stats.dirty += removed - 1;
    membersRemoved(engine, one, 'srem');
  }
  engine.reply.integer(removed);
}

/** SMOVE source destination member */
export function smove(engine: Engine, arg: number, _argc: number): void {
  const { one, other } = engine.values.sets;
  const source = writeTyped(engine, arg + 1, engine.keyHash, TYPE_SET);
  if (source === 0) engine.reply.integer(0);
  if (source === 0 || source === -1) return;
  const hash = hashOf(engine, arg + 2);
  const target = writeTyped(engine, arg + 2, hash, TYPE_SET);
  if (target === -1) return;
  one.open(engine.db, source);
  const place = findMember(engine, one, arg + 3);
  if (place === 0 || source === target) {
    engine.reply.integer(place === 0 ? 0 : 1);
    return;
  }
  if (!hasRoom(engine, engine.argLength[arg + 2] + engine.argLength[arg + 3])) return;
  if (!openToAdd(engine, other, arg + 2, hash, target, arg + 3, arg + 4)) return;
  const added = add(engine, other, arg + 3);
  if (added === NO_MEMORY) {
    noMemory(engine, other);
    return;
  }
  one.remove(place);
  membersRemoved(engine, one, 'srem');
  if (added > 0) setChanged(engine, other, 'sadd');
  engine.reply.integer(1);
}
