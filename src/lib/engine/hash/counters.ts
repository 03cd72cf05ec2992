/**
 * HINCRBY, HINCRBYFLOAT: adding to the number that a field holds as text. Sums within ±(2^53 - 1) are computed as numbers,
 * larger ones as BigInts within 64 bits, floats as long doubles.
 */
import { SET_NO_MEMORY } from '../../store/hashes.ts';
import { bigIntegerArgument, integerArgument, integerAt } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { addLongDouble, formatLongDouble, MAX_NUMBER_BYTES, parseLongDouble } from '../long-double.ts';
import { findField, hashChanged, noMemory, openToAdd, openToChange } from './value.ts';

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

export function hincrby(engine: Engine, arg: number, _argc: number): void {
  const delta = integerArgument(engine, arg + 3);
  if (Number.isNaN(delta)) return;
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  const { hashes } = engine.values;
  const place = ref === 0 ? 0 : findField(engine, arg + 2);
  let value = 0;
  if (place !== 0) {
    hashes.loadValue(place);
    value = integerAt(hashes.bytes, hashes.start, hashes.length);
    if (Number.isNaN(value)) {
      engine.reply.error('ERR hash value is not an integer');
      return;
    }
  }
  const sum = value + delta;
  // Of infinities (WIDE) the sum is infinite or NaN: neither is within the limits.
  if (sum > Number.MAX_SAFE_INTEGER || sum < -Number.MAX_SAFE_INTEGER || Number.isNaN(sum)) {
    addWide(engine, arg, place);
    return;
  }
  if (ref === 0 && !openToAdd(engine, arg, arg + 2, arg + 4)) return;
  if (
    hashes.setInteger(engine.memory.dv, engine.argOffset[arg + 2], engine.argLength[arg + 2], sum) === SET_NO_MEMORY
  ) {
    noMemory(engine);
    return;
  }
  hashChanged(engine, 'hincrby');
  engine.reply.integer(sum);
}

/** The rare sums whose terms or result leave the safe integers. */
function addWide(engine: Engine, arg: number, place: number): void {
  const value = place === 0 ? 0n : BigInt(valueText(engine, place));
  const sum = value + (bigIntegerArgument(engine, arg + 3) ?? 0n);
  if (sum > INT64_MAX || sum < INT64_MIN) {
    engine.reply.error('ERR increment or decrement would overflow');
    return;
  }
  if (setText(engine, arg, sum.toString(), 'hincrby')) engine.reply.integer64(sum);
}

export function hincrbyfloat(engine: Engine, arg: number, _argc: number): void {
  const delta = parseLongDouble(engine.text(arg + 3));
  if (delta === null) {
    engine.reply.error('ERR value is not a valid float');
    return;
  }
  if (delta.infinite) {
    engine.reply.error('ERR value is NaN or Infinity');
    return;
  }
  const ref = openToChange(engine, arg);
  if (ref === -1) return;
  const place = ref === 0 ? 0 : findField(engine, arg + 2);
  const value = parseLongDouble(place === 0 ? '0' : valueText(engine, place));
  if (value === null) {
    engine.reply.error('ERR hash value is not a float');
    return;
  }
  const sum = addLongDouble(value, delta);
  if (sum === null || sum.infinite) {
    engine.reply.error('ERR increment would produce NaN or Infinity');
    return;
  }
  const text = formatLongDouble(sum);
  if (setText(engine, arg, text, 'hincrbyfloat')) engine.reply.bulkText(text);
}

/** Gives the field in argument 2 this value. False without memory: the error has been written. */
function setText(engine: Engine, arg: number, text: string, event: string): boolean {
  if (!openToAdd(engine, arg, arg + 2, arg + 4)) return false;
  const bytes = Buffer.from(text);
  const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const { dv } = engine.memory;
  const done = engine.values.hashes.set(
    dv,
    engine.argOffset[arg + 2],
    engine.argLength[arg + 2],
    value,
    0,
    bytes.length,
    true,
  );
  if (done === SET_NO_MEMORY) noMemory(engine);
  else hashChanged(engine, event);
  return done !== SET_NO_MEMORY;
}

/** The value as text, as far as a number could reach. */
function valueText(engine: Engine, place: number): string {
  const { hashes } = engine.values;
  hashes.loadValue(place);
  const end = hashes.start + Math.min(hashes.length, MAX_NUMBER_BYTES);
  return Buffer.from(hashes.bytes.subarray(hashes.start, end)).toString('latin1');
}
