/**
 * Doubles in arguments, by the grammar of C's strtod: decimal with fraction and exponent, hexadecimal, infinity, nan.
 *
 *   doubleArgument   all of the argument, no blanks, no nan, no over- or underflow: scores and weights
 *   looseDouble      what strtod makes of the beginning, up to the end or a NUL; an empty text is 0: bounds of ranges
 */
import { simpleDecimal } from '../store/score.ts';
import type { Engine } from './engine.ts';

const NUMBER =
  /^[ \t\n\v\f\r]*([+-]?)(?:(inf(?:inity)?)|(nan(?:\(\w*\))?)|0x((?:[\da-f]+\.?[\da-f]*|\.[\da-f]+))(?:p([+-]?\d+))?|((?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?))/i;
const BLANK = /^[ \t\n\v\f\r]/;
const MANTISSA_BITS = 53;
const MIN_EXPONENT = -1074;
/** Exponents beyond this over- or underflow whatever the (less than a MiB of) digits are. */
const MAX_POWER = 5_000_000;

interface Parsed {
  value: number;
  /** Characters that were read. */
  length: number;
  /** Too large, or too small for anything but 0. */
  outOfRange: boolean;
}

const NOTHING: Parsed = { value: 0, length: 0, outOfRange: false };

/** Argument `i` as a double; NaN when it is none: the error has been written. */
export function doubleArgument(engine: Engine, i: number, error = 'ERR value is not a valid float'): number {
  const simple = simpleDecimal(engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
  if (!Number.isNaN(simple)) return simple;
  const text = engine.text(i);
  const { value, length, outOfRange } = parse(text);
  if (length === engine.argLength[i] && length > 0 && !outOfRange && !BLANK.test(text) && !Number.isNaN(value))
    return value;
  engine.reply.error(error);
  return Number.NaN;
}

/** Argument `i` without its first `skip` bytes as a double; NaN when it is none. */
export function looseDouble(engine: Engine, i: number, skip: number): number {
  const simple = simpleDecimal(engine.memory.dv, engine.argOffset[i] + skip, engine.argLength[i] - skip);
  if (!Number.isNaN(simple)) return simple;
  const text = engine.text(i).slice(skip);
  const { value, length } = parse(text);
  return length === text.length || text[length] === '\0' ? value : Number.NaN;
}

/** The double that a text is, up to its end or a NUL; NaN when it is none, or one that is out of range. An empty text is 0. */
export function sortableDouble(text: string): number {
  const { value, length, outOfRange } = parse(text);
  return (length === text.length || text[length] === '\0') && !outOfRange ? value : Number.NaN;
}

function parse(text: string): Parsed {
  const found = NUMBER.exec(text);
  if (found === null) return NOTHING;
  const [all, sign, infinite, nan, hexadecimal, power, decimal] = found;
  let value: number;
  let isZero = true;
  if (infinite !== undefined) value = Number.POSITIVE_INFINITY;
  else if (nan !== undefined) value = Number.NaN;
  else if (hexadecimal !== undefined) {
    value = fromHexadecimal(hexadecimal, Number(power ?? 0));
    isZero = !/[1-9a-f]/i.test(hexadecimal);
  } else {
    value = Number(decimal);
    isZero = !/[1-9]/.test(decimal.split(/e/i)[0]);
  }
  const outOfRange = infinite === undefined && (value === Number.POSITIVE_INFINITY || (value === 0 && !isZero));
  return { value: sign === '-' ? -value : value, length: all.length, outOfRange };
}

/** Rounded once, to nearest and ties to even, also where the result is subnormal. */
function fromHexadecimal(digits: string, power: number): number {
  const [whole, fraction = ''] = digits.split('.');
  const mantissa = BigInt(`0x0${whole}${fraction}`);
  if (mantissa === 0n) return 0;
  if (Math.abs(power) > MAX_POWER) return power > 0 ? Number.POSITIVE_INFINITY : 0;
  const exponent = power - 4 * fraction.length;
  const bits = mantissa.toString(2).length;
  const lowest = Math.max(exponent + bits - MANTISSA_BITS, MIN_EXPONENT);
  if (lowest <= exponent) return scaled(Number(mantissa), exponent);
  return scaled(Number(shiftedToEven(mantissa, BigInt(lowest - exponent))), lowest);
}

/** value · 2^exponent, where no bit is lost but by overflow: in two steps, since 2^exponent may be no double. */
function scaled(value: number, exponent: number): number {
  const first = Math.trunc(exponent / 2);
  return value * 2 ** first * 2 ** (exponent - first);
}

/** A double as C's "%.17g" prints it. */
export function formatSeventeenDigits(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : value < 0 ? '-inf' : 'nan';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const [mantissa, power] = roundedToEven(Math.abs(value)).split('e');
  const exponent = Number(power);
  const digits = mantissa.replace('.', '').replace(/0+$/, '');
  const sign = value < 0 ? '-' : '';
  if (exponent < -4 || exponent >= 17) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return sign + digits.padEnd(exponent + 1, '0');
  return `${sign}${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}

/** 17 digits and an exponent; JavaScript rounds an exact half up, C to the even digit. */
function roundedToEven(value: number): string {
  const exact = value.toExponential(100);
  const rounded = value.toExponential(16);
  const isHalf = /^50*$/.test(exact.slice(18, exact.indexOf('e')));
  if (!isHalf || (exact.charCodeAt(17) & 1) === 1) return rounded;
  return exact.slice(0, 18) + exact.slice(exact.indexOf('e'));
}

const BITS = new DataView(new ArrayBuffer(8));
const SIGNIFICAND = (1n << 52n) - 1n;

/** A double as C's "%.<decimals>f" prints it: exactly, halves to even. */
export function formatFixed(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : value < 0 ? '-inf' : 'nan';
  BITS.setFloat64(0, value);
  const bits = BITS.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 0x7ffn);
  const significand = (bits & SIGNIFICAND) | (exponent === 0 ? 0n : 1n << 52n);
  const power = Math.max(exponent, 1) - 1075; // value = significand · 2^power
  let scaled = significand * 10n ** BigInt(decimals);
  if (power >= 0) scaled <<= BigInt(power);
  else scaled = shiftedToEven(scaled, BigInt(-power));
  const digits = scaled.toString().padStart(decimals + 1, '0');
  const point = digits.length - decimals;
  const fraction = decimals === 0 ? '' : `.${digits.slice(point)}`;
  return `${bits >> 63n === 0n ? '' : '-'}${digits.slice(0, point)}${fraction}`;
}

function shiftedToEven(value: bigint, by: bigint): bigint {
  const kept = value >> by;
  const rest = value - (kept << by);
  const half = 1n << (by - 1n);
  return rest > half || (rest === half && (kept & 1n) === 1n) ? kept + 1n : kept;
}
