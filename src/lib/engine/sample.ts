/**
 * Answers with elements of a collection: all of them, some chosen at random, or random ones again and again; for HRANDFIELD,
 * SRANDMEMBER, ZRANDMEMBER and those that list everything. Each element is written as soon as it is chosen: none of them
 * needs memory in proportion to the count that a client asks for.
 *
 *   most of the elements   one pass: each is taken with the chance (still wanted) / (still to come)   Knuth 3.4.2, algorithm S
 *   few of many            random places, those drawn before left out
 */
import type { Random } from '../random.ts';
import { RefSet } from '../store/ref-set.ts';
import { RefList } from '../store/table.ts';
import { bigIntegerArgument } from './arguments.ts';
import type { Engine } from './engine.ts';

/** Elements by place: where they are now, until something changes. */
export interface Collection {
  readonly size: number;
  /** Appends about `count` places from `cursor` on (0 begins) and returns the cursor for the rest; 0: that was all. */
  collect(cursor: number, count: number, into: RefList): number;
  /** Touches what is at these places ahead of reading it. */
  touchPlaces?(places: RefList): void;
  /** A place at random, each with the same chance; the collection must not be empty. */
  random(random: Random): number;
}

export type Emit = (engine: Engine, place: number) => void;

/** Elements collected at a time. */
const BATCH = 128;
/** Up to so many elements one pass is always cheaper than drawing. */
const ONE_PASS_SIZE = 512;
/** One pass, too, when more than one element of so many is wanted. */
const ONE_PASS_SHARE = 3;
/** Repeated draws between two looks at whether anybody still reads. */
const LOOK_EVERY = 1024;
/** The empty string. */
const SHORTEST_BULK_BYTES = 6;
const INT64_MAX = 2n ** 63n - 1n;

const places = new RefList();
const drawn = new RefSet();

/** Emits every element once. */
export function emitAll(engine: Engine, collection: Collection, emit: Emit): void {
  let cursor = 0;
  do {
    places.length = 0;
    cursor = collection.collect(cursor, BATCH, places);
    collection.touchPlaces?.(places);
    for (let k = 0; k < places.length; k++) emit(engine, places.refs[k]);
  } while (cursor !== 0);
}

/** Emits `count` different elements, every set of them with the same chance; `count` is at most the size. */
export function emitDistinct(engine: Engine, collection: Collection, count: number, emit: Emit): void {
  if (collection.size > ONE_PASS_SIZE && count * ONE_PASS_SHARE <= collection.size)
    drawDistinct(engine, collection, count, emit);
  else passOnce(engine, collection, count, emit);
}

function passOnce(engine: Engine, collection: Collection, count: number, emit: Emit): void {
  let wanted = count;
  let toCome = collection.size;
  let cursor = 0;
  do {
    places.length = 0;
    cursor = collection.collect(cursor, BATCH, places);
    for (let k = 0; k < places.length && wanted > 0; k++, toCome--) {
      if (engine.random.float() * toCome >= wanted) continue;
      emit(engine, places.refs[k]);
      wanted--;
    }
  } while (cursor !== 0 && wanted > 0);
}

function drawDistinct(engine: Engine, collection: Collection, count: number, emit: Emit): void {
  drawn.clear(count);
  for (let left = count; left > 0; ) {
    const place = collection.random(engine.random);
    if (!drawn.add(place)) continue;
    emit(engine, place);
    left--;
  }
}

/** Emits a random element `times` times; stops when nobody reads it. */
export function emitRepeated(engine: Engine, collection: Collection, times: number, emit: Emit): void {
  for (let done = 0; done < times; done++) {
    if (done % LOOK_EVERY === 0 && engine.reply.unread) return;
    emit(engine, collection.random(engine.random));
  }
}

/** Argument `i` as a count that may be negative; null when it is none: the error has been written. */
export function randomCountArgument(engine: Engine, i: number): bigint | null {
  const count = bigIntegerArgument(engine, i);
  if (count === null || count >= -INT64_MAX) return count;
  engine.reply.error(`ERR value is out of range, value must between ${-INT64_MAX} and ${INT64_MAX}`);
  return null;
}

/** The header of an array of so many strings. */
export function replyManyHeader(engine: Engine, count: bigint): void {
  engine.reply.announce(Number(count) * SHORTEST_BULK_BYTES);
  const n = Number(count);
  if (Number.isSafeInteger(n)) engine.reply.array(n);
  else engine.reply.raw(Buffer.from(`*${count}\r\n`));
}
