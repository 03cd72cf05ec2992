/**
 * Arguments, read where they lie: option words compared byte by byte, integers in the one form that redis-server accepts
 * (its string2ll): an optional `-`, no `+`, no blanks, no leading zeros, within a signed 64-bit integer.
 *
 * An integer is a number as long as it is a safe one. Beyond ±(2^53 - 1) it is reported as WIDE or -WIDE (infinities, so that
 * comparisons with limits come out right), and who needs the digits asks `bigIntegerAt`. Text that is no integer is NaN.
 */
import type { Engine } from './engine.ts';

/** An integer above 2^53 - 1; -WIDE for one below. */
export const WIDE = Number.POSITIVE_INFINITY;

/** Up to this many digits always make a safe integer. */
const SAFE_DIGITS = 15;
const MAX_DIGITS = 19;
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const INT32_MAX = 0x7fff_ffff;
const INT32_MIN = -0x8000_0000;

const MINUS = 45;
const ZERO = 48;

/** An option word for `isWord`: ASCII letters, kept in lower case. */
export function optionWord(word: string): Uint8Array {
  return Uint8Array.from(Buffer.from(word.toLowerCase()));
}

/** True when argument `i` is the word, in any case. */
export function isWord(engine: Engine, i: number, word: Uint8Array): boolean {
  const n = word.length;
  if (engine.argLength[i] !== n) return false;
  const u8 = engine.memory.u8;
  const offset = engine.argOffset[i];
  for (let k = 0; k < n; k++) if ((u8[offset + k] | 0x20) !== word[k]) return false;
  return true;
}

/** True when arguments `a` and `b` are the same bytes. */
export function sameBytes(engine: Engine, a: number, b: number): boolean {
  const n = engine.argLength[a];
  if (engine.argLength[b] !== n) return false;
  const u8 = engine.memory.u8;
  const offsetA = engine.argOffset[a];
  const offsetB = engine.argOffset[b];
  for (let k = 0; k < n; k++) if (u8[offsetA + k] !== u8[offsetB + k]) return false;
  return true;
}

/** The integer that bytes [offset, offset + length) spell: a safe integer, ±WIDE, or NaN. */
export function integerAt(u8: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  let p = offset;
  const negative = length > 1 && u8[p] === MINUS;
  if (negative) p++;
  const digits = end - p;
  const first = u8[p] - ZERO;
  if (first === 0) return digits === 1 && !negative ? 0 : Number.NaN;
  if (digits < 1 || digits > MAX_DIGITS) return Number.NaN;
  let value = 0;
  for (; p < end; p++) {
    const digit = u8[p] - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  if (digits > SAFE_DIGITS && value > Number.MAX_SAFE_INTEGER) return wideIntegerAt(u8, offset, length);
  return negative ? -value : value;
}

/** ±WIDE for digits that fit 64 bits, a safe integer when rounding made it look larger than it is, else NaN. */
function wideIntegerAt(u8: Uint8Array, offset: number, length: number): number {
  const big = BigInt(Buffer.from(u8.subarray(offset, offset + length)).toString('latin1'));
  if (big > INT64_MAX || big < INT64_MIN) return Number.NaN;
  const value = Number(big);
  if (Number.isSafeInteger(value)) return value;
  return big < 0n ? -WIDE : WIDE;
}

/** The 64-bit integer that bytes [offset, offset + length) spell, or null. */
export function bigIntegerAt(u8: Uint8Array, offset: number, length: number): bigint | null {
  if (Number.isNaN(integerAt(u8, offset, length))) return null;
  return BigInt(Buffer.from(u8.subarray(offset, offset + length)).toString('latin1'));
}

/** Argument `i` as an integer (safe, or ±WIDE); NaN when it is none: the error has been written. */
export function integerArgument(engine: Engine, i: number): number {
  const value = integerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
  if (Number.isNaN(value)) notAnInteger(engine);
  return value;
}

/** Argument `i` as a 64-bit integer; null when it is none: the error has been written. */
export function bigIntegerArgument(engine: Engine, i: number): bigint | null {
  const value = bigIntegerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
  if (value === null) notAnInteger(engine);
  return value;
}

/** Argument `i` as the number of a database; -1 when it isn't one: the error has been written. */
export function databaseArgument(engine: Engine, i: number): number {
  const value = integerArgument(engine, i);
  if (Number.isNaN(value)) return -1;
  if (value > INT32_MAX || value < INT32_MIN) {
    engine.reply.error(`ERR value is out of range, value must between ${INT32_MIN} and ${INT32_MAX}`);
    return -1;
  }
  if (value >= 0 && value < engine.databases.length) return value;
  engine.reply.error('ERR DB index is out of range');
  return -1;
}

/** What an error message shows of argument `i`: redis-server's C format ends at the first NUL. */
export function shownText(engine: Engine, i: number): string {
  const text = engine.text(i);
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

export function notAnInteger(engine: Engine): void {
  engine.reply.error('ERR value is not an integer or out of range');
}

/** The subcommand at `arg` + 1 got more or fewer arguments than it takes. */
export function subcommandSyntaxError(engine: Engine, arg: number, container: string): void {
  const name = shownText(engine, arg + 1).slice(0, 128);
  engine.reply.error(`ERR unknown subcommand or wrong number of arguments for '${name}'. Try ${container} HELP.`);
}

export function syntaxError(engine: Engine): void {
  engine.reply.error('ERR syntax error');
}
