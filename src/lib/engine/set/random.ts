/** SPOP, SRANDMEMBER: members chosen at random, to be taken away or only to be seen. */
import { integerAt, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, remove } from '../keys.ts';
import { emitAll, emitDistinct, emitRepeated, randomCountArgument, replyManyHeader } from '../sample.ts';
import { membersRemoved, openToChange, openToRead, replyMember } from './value.ts';

/** When SPOP leaves so much less than it takes, redis-server makes a new set of what is left. */
const REMADE_FACTOR = 5;

export function spop(engine: Engine, arg: number, argc: number): void {
  if (argc > 2) {
    popSeveral(engine, arg, argc);
    return;
  }
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  if (ref === 0) {
    engine.reply.nil();
    return;
  }
  const { one } = engine.values.sets;
  const place = one.random(engine.random);
  replyMember(engine, place);
  one.remove(place);
  membersRemoved(engine, one, 'spop');
}

function popSeveral(engine: Engine, arg: number, argc: number): void {
  if (argc > 3) {
    syntaxError(engine);
    return;
  }
  const count = countToPop(engine, arg + 2);
  if (count < 0) return;
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  if (ref === 0 || count === 0) {
    engine.reply.set(0);
    return;
  }
  const { one } = engine.values.sets;
  const size = one.size;
  engine.reply.set(Math.min(count, size));
  engine.stats.dirty += Math.min(count, size) - 1;
  if (count >= size) {
    emitAll(engine, one, replyMember);
    changed(engine, engine.db, 'spop', one.ref);
    remove(engine, engine.db, one.ref);
    return;
  }
  if (one.isTable) {
    for (let left = count; left > 0; left--) take(engine, one.random(engine.random));
    if ((size - count) * REMADE_FACTOR <= count) one.toListpack(engine.refs);
  } else takePacked(engine, size, count);
  membersRemoved(engine, one, 'spop');
}

function take(engine: Engine, place: number): void {
  replyMember(engine, place);
  engine.values.sets.one.remove(place);
}

/** Goes through a packed set from its end: what is removed moves nothing that is yet to come. */
function takePacked(engine: Engine, size: number, count: number): void {
  const { refs } = engine;
  refs.length = 0;
  engine.values.sets.one.collect(0, size, refs);
  let wanted = count;
  for (let k = size - 1; wanted > 0; k--) {
    if (engine.random.float() * (k + 1) >= wanted) continue;
    take(engine, refs.refs[k]);
    wanted--;
  }
}

/** -1 after an error. */
function countToPop(engine: Engine, i: number): number {
  const count = integerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
  if (count >= 0) return count;
  engine.reply.error('ERR value is out of range, must be positive');
  return -1;
}

export function srandmember(engine: Engine, arg: number, argc: number): void {
  if (argc > 2) {
    several(engine, arg, argc);
    return;
  }
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0) engine.reply.nil();
  else replyMember(engine, engine.values.sets.one.random(engine.random));
}

function several(engine: Engine, arg: number, argc: number): void {
  if (argc > 3) {
    syntaxError(engine);
    return;
  }
  const count = randomCountArgument(engine, arg + 2);
  if (count === null) return;
  const ref = openToRead(engine, arg);
  if (ref === -1) return;
  if (ref === 0 || count === 0n) {
    engine.reply.array(0);
    return;
  }
  const { one } = engine.values.sets;
  const size = one.size;
  if (count < 0n) {
    replyManyHeader(engine, -count);
    emitRepeated(engine, one, Number(-count), replyMember);
    return;
  }
  const replied = count < BigInt(size) ? Number(count) : size;
  engine.reply.array(replied);
  emitDistinct(engine, one, replied, replyMember);
}
