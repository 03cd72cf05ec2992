/**
 * Scores as listpacks hold them: whole numbers up to 2^62 as integers, others as the shortest text that reads back the same
 * (as Redis 7.2 writes it), infinities as `inf` and `-inf`.
 *
 *   digits · 10^k   digits ≤ 2^53 and |k| ≤ 22: both are exact doubles, so one multiplication or division rounds rightly
 *                   (Clinger, "How to read floating point numbers accurately", 1990); up to 17 digits are kept as two doubles,
 *                   and what the result lacks is computed, too; what is left is read by the engine
 */
import { formatDouble } from '../resp/number.ts';
import { integerHigh, integerLow, setSafeInteger } from './integer64.ts';
import * as listpack from './listpack.ts';

/** Whole numbers within ± this are kept as integers. */
const INTEGER_LIMIT = 2 ** 62;
const TWO_32 = 4_294_967_296;
const MAX_MANTISSA = 2 ** 53;
const MAX_EXACT_POWER = 22;
/** The first digits of a mantissa are below ten times this, and as many may follow. */
const UPPER_LIMIT = 100_000_000;
const LOWER_DIGITS = 8;
/** 2^27 + 1 splits a double in two halves. */
const SPLITTER = 134_217_729;
/** A correction is good to so much of itself, and better. */
const DOUBT = 2 ** -40;
const POWERS = Float64Array.from({ length: MAX_EXACT_POWER + 1 }, (_, i) => 10 ** i);
/** 17 digits, sign, point, exponent. */
const MAX_TEXT_BYTES = 32;

const ZERO = 48;
const MINUS = 45;
const PLUS = 43;
const POINT = 46;
const LOWER_CASE = 0x20;
const E = 101;

/** The text of the score that `scoreBytes` was asked about. */
const TEXT = new DataView(new ArrayBuffer(MAX_TEXT_BYTES));
let textLength = 0;

/**
 * The number that bytes spell in decimal, when it is one that can be read exactly in this way; else NaN, which says nothing
 * of whether it is a number.
 */
export function simpleDecimal(view: DataView, start: number, length: number): number {
  const end = start + length;
  let p = start;
  if (length === 0) return Number.NaN;
  const sign = view.getUint8(p);
  if (sign === MINUS || sign === PLUS) p++;
  let upper = 0; // the first nine digits that count
  let lower = 0; // up to eight more
  let lowerPower = 0;
  let scale = 0;
  let digits = 0;
  let point = 0; // 1 after it
  for (; p < end; p++) {
    const digit = view.getUint8(p) - ZERO;
    if (digit < 0 || digit > 9) {
      if (digit !== POINT - ZERO || point === 1) break;
      point = 1;
      continue;
    }
    digits++;
    scale -= point;
    if (upper < UPPER_LIMIT) upper = upper * 10 + digit;
    else if (lowerPower === LOWER_DIGITS) return Number.NaN;
    else {
      lower = lower * 10 + digit;
      lowerPower++;
    }
  }
  if (digits === 0) return Number.NaN;
  if (p < end) {
    if ((view.getUint8(p) | LOWER_CASE) !== E) return Number.NaN;
    const exponent = smallExponent(view, p + 1, end);
    if (Number.isNaN(exponent)) return exponent;
    scale += exponent;
  }
  if (scale > MAX_EXACT_POWER || scale < -MAX_EXACT_POWER) return Number.NaN;
  const magnitude = compose(upper * POWERS[lowerPower], lower, scale);
  return sign === MINUS ? -magnitude : magnitude;
}

/** (high + low) · 10^scale, where both and high's product with a power are exact: NaN when the rounding is in doubt. */
function compose(high: number, low: number, scale: number): number {
  const mantissa = high + low;
  const power = POWERS[scale < 0 ? -scale : scale];
  if (mantissa <= MAX_MANTISSA) return scale < 0 ? mantissa / power : mantissa * power;
  const error = low - (mantissa - high); // what rounding the sum lost
  let value: number;
  let correction: number;
  if (scale < 0) {
    value = mantissa / power;
    const product = value * power;
    correction = (mantissa - product - productError(value, power, product) + error) / power;
  } else {
    value = mantissa * power;
    correction = productError(mantissa, power, value) + error * power;
  }
  const lowest = value + correction * (1 - DOUBT);
  return lowest === value + correction * (1 + DOUBT) ? lowest : Number.NaN;
}

/** What the rounded product of two numbers lacks (Dekker, "A floating-point technique for extending the precision", 1971). */
function productError(a: number, b: number, product: number): number {
  const bigA = SPLITTER * a;
  const highA = bigA - (bigA - a);
  const lowA = a - highA;
  const bigB = SPLITTER * b;
  const highB = bigB - (bigB - b);
  const lowB = b - highB;
  return lowA * lowB - (product - highA * highB - lowA * highB - highA * lowB);
}

/** A decimal exponent of up to three digits, or NaN. */
function smallExponent(view: DataView, start: number, end: number): number {
  let p = start;
  if (p === end) return Number.NaN;
  const sign = view.getUint8(p);
  if (sign === MINUS || sign === PLUS) p++;
  if (p === end || end - p > 3) return Number.NaN;
  let value = 0;
  for (; p < end; p++) {
    const digit = view.getUint8(p) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return sign === MINUS ? -value : value;
}

/** The score in the listpack entry at p. What is no number (which only a damaged listpack has) is 0. */
export function readScore(view: DataView, p: number): number {
  const mark = view.getUint8(p);
  if (mark < 0x80) return mark;
  listpack.decode(view, p);
  const { item } = listpack;
  if (item.isInteger) return item.high * TWO_32 + (item.low >>> 0);
  const simple = simpleDecimal(item.view, item.start, item.length);
  if (!Number.isNaN(simple)) return simple;
  let text = '';
  for (let i = 0; i < Math.min(item.length, MAX_TEXT_BYTES); i++) {
    text += String.fromCharCode(item.view.getUint8(item.start + i));
  }
  if (text === 'inf') return Number.POSITIVE_INFINITY;
  if (text === '-inf') return Number.NEGATIVE_INFINITY;
  return Number(text) || 0;
}

/** True for what double2ll of redis-server takes: the score is kept as an integer. */
function isWhole(score: number): boolean {
  return score <= INTEGER_LIMIT && score >= -INTEGER_LIMIT && Math.trunc(score) === score;
}

/** Bytes that the entry of a score takes. */
export function scoreBytes(score: number): number {
  if (isWhole(score)) {
    setSafeInteger(score);
    return listpack.integerEntryBytes(integerLow(), integerHigh());
  }
  const text = formatDouble(score);
  textLength = text.length;
  for (let i = 0; i < textLength; i++) TEXT.setUint8(i, text.charCodeAt(i));
  return listpack.encodedBytes(TEXT, 0, textLength);
}

/** Inserts a score, for which scoreBytes() was asked last and made room, before the entry or end mark at p. */
export function insertScore(view: DataView, at: number, p: number, score: number): void {
  if (isWhole(score)) {
    setSafeInteger(score);
    listpack.insertInteger(view, at, p, integerLow(), integerHigh());
  } else listpack.insert(view, at, p, TEXT, 0, textLength);
}
