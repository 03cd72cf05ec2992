/**
 * INCR, DECR, INCRBY, DECRBY, INCRBYFLOAT. Counters are text like every string; sums within ±(2^53 - 1) are computed as
 * numbers and written as digits where they are kept, larger ones as BigInts within 64 bits, floats as long doubles.
 */
import { bigIntegerArgument, integerArgument, notAnInteger } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { changed, lookupWrite, makeString, STRING_TEXT } from '../keys.ts';
import { addLongDouble, formatLongDouble, type LongDouble, MAX_NUMBER_BYTES, parseLongDouble } from '../long-double.ts';
import { chunkBytes, holdsString, valueBytes, valueInteger, valueStart } from './value.ts';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const INT32_MAX = 0x7fff_ffff;
const MINUS = 45;
const ZERO = 48;

export function incr(engine: Engine, arg: number, _argc: number): void {
  add(engine, arg, 1);
}

export function decr(engine: Engine, arg: number, _argc: number): void {
  add(engine, arg, -1);
}

export function incrby(engine: Engine, arg: number, _argc: number): void {
  const delta = integerArgument(engine, arg + 2);
  if (!Number.isNaN(delta)) add(engine, arg, delta);
}

export function decrby(engine: Engine, arg: number, _argc: number): void {
  const delta = integerArgument(engine, arg + 2);
  if (Number.isNaN(delta)) return;
  if (bigIntegerArgument(engine, arg + 2) === INT64_MIN) engine.reply.error('ERR decrement would overflow');
  else add(engine, arg, -delta);
}

/** Adds a safe integer, or ±WIDE for the one that argument 2 spells. */
function add(engine: Engine, arg: number, delta: number): void {
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  let value = 0;
  if (ref !== 0) {
    if (!holdsString(engine, ref)) return;
    value = valueInteger(engine, ref);
    if (Number.isNaN(value)) {
      notAnInteger(engine);
      return;
    }
  }
  const sum = value + delta;
  // Of infinities (WIDE) the sum is infinite or NaN: neither is within the limits.
  if (sum <= Number.MAX_SAFE_INTEGER && sum >= -Number.MAX_SAFE_INTEGER) storeInteger(engine, arg, ref, sum);
  else addWide(engine, arg, ref, delta);
}

function storeInteger(engine: Engine, arg: number, ref: number, value: number): void {
  const length = decimalLength(value);
  const made = makeString(engine, arg + 1, engine.keyHash, ref, length, true);
  if (made === 0) return;
  writeDecimal(chunkBytes(engine, made), valueStart(engine, made), length, value);
  changed(engine, engine.db, 'incrby', made);
  engine.reply.integer(value);
}

/** Characters of a safe integer. */
function decimalLength(value: number): number {
  const magnitude = value < 0 ? -value : value;
  let length = value < 0 ? 2 : 1;
  for (let bound = 10; bound <= magnitude && bound < 1e16; bound *= 10) length++;
  return length;
}

function writeDecimal(bytes: Uint8Array, at: number, length: number, value: number): void {
  let rest = value < 0 ? -value : value;
  if (value < 0) bytes[at] = MINUS;
  const first = value < 0 ? at + 1 : at;
  let p = at + length - 1;
  for (; rest > INT32_MAX; p--) {
    const tenth = Math.floor(rest / 10);
    bytes[p] = ZERO + (rest - tenth * 10);
    rest = tenth;
  }
  let small = rest | 0;
  for (; p >= first; p--) {
    const tenth = (small / 10) | 0;
    bytes[p] = ZERO + small - tenth * 10;
    small = tenth;
  }
}

/** The rare sums whose terms or result leave the safe integers. */
function addWide(engine: Engine, arg: number, ref: number, delta: number): void {
  const value = ref === 0 ? 0n : BigInt(valueText(engine, ref));
  const sum = value + wideDelta(engine, arg, delta);
  if (sum > INT64_MAX || sum < INT64_MIN) {
    engine.reply.error('ERR increment or decrement would overflow');
    return;
  }
  const made = storeText(engine, arg, ref, sum.toString());
  if (made === 0) return;
  changed(engine, engine.db, 'incrby', made);
  engine.reply.integer64(sum);
}

/** The term as a BigInt: what is infinite stands in argument 2, with the sign turned by DECRBY. */
function wideDelta(engine: Engine, arg: number, delta: number): bigint {
  if (Number.isFinite(delta)) return BigInt(delta);
  const magnitude = BigInt(engine.text(arg + 2).replace('-', ''));
  return delta < 0 ? -magnitude : magnitude;
}

export function incrbyfloat(engine: Engine, arg: number, _argc: number): void {
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  if (ref !== 0 && !holdsString(engine, ref)) return;
  const value = floatOf(engine, ref === 0 ? '0' : valueText(engine, ref));
  if (value === null) return;
  const delta = floatOf(engine, engine.text(arg + 2));
  if (delta === null) return;
  const sum = addLongDouble(value, delta);
  if (sum === null || sum.infinite) {
    engine.reply.error('ERR increment would produce NaN or Infinity');
    return;
  }
  const text = formatLongDouble(sum);
  const made = storeText(engine, arg, ref, text);
  if (made === 0) return;
  engine.db.setFlags(made, STRING_TEXT);
  changed(engine, engine.db, 'incrbyfloat', made);
  engine.reply.bulkText(text);
}

function floatOf(engine: Engine, text: string): LongDouble | null {
  const value = parseLongDouble(text);
  if (value === null) engine.reply.error('ERR value is not a valid float');
  return value;
}

function storeText(engine: Engine, arg: number, ref: number, text: string): number {
  const made = makeString(engine, arg + 1, engine.keyHash, ref, text.length, true);
  if (made !== 0) valueBytes(engine, made).set(Buffer.from(text));
  return made;
}

/** The value as text, as far as a number could reach. */
function valueText(engine: Engine, ref: number): string {
  const bytes = valueBytes(engine, ref).subarray(0, MAX_NUMBER_BYTES);
  return Buffer.from(bytes).toString('latin1');
}
