/**
 * The x87 80-bit `long double`, in which redis-server computes INCRBYFLOAT: a 64-bit significand and a 15-bit exponent,
 * rounded to nearest, ties to even. Exact BigInt arithmetic, rounded where the processor rounds.
 *
 *   value = ± significand · 2^exponent      significand < 2^64, and ≥ 2^63 but for zero
 *
 * Text goes in by the grammar of C's strtold (decimal, hexadecimal, infinity) and comes out as C's "%.17Lf" without trailing
 * zeros, which is how redis-server prints it for people.
 */
export interface LongDouble {
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
  readonly infinite: boolean;
}

const SIGNIFICAND_BITS = 64;
/** Values of 2^16384 and above are infinite. */
const MAX_EXPONENT = 16_384;
/** Half of the smallest denormal is 2^-16446: at or below it a value rounds to zero. */
const ZERO_EXPONENT = -16_446;
/** Powers of ten beyond these over- or underflow whatever the digits are (longest text: 5,119 digits). */
const MAX_POWER_OF_TEN = 11_000;
/** Texts of this length and longer are refused (MAX_LONG_DOUBLE_CHARS). */
export const MAX_NUMBER_BYTES = 5 * 1024;
const PRINTED_DIGITS = 17;

const DECIMAL = /^([+-]?)(?=\d|\.\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/;
const HEXADECIMAL = /^([+-]?)0[xX](?=[\da-fA-F]|\.[\da-fA-F])([\da-fA-F]*)\.?([\da-fA-F]*)(?:[pP]([+-]?\d+))?$/;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

const zero = (negative: boolean): LongDouble => ({ negative, significand: 0n, exponent: 0, infinite: false });
const infinity = (negative: boolean): LongDouble => ({ negative, significand: 0n, exponent: 0, infinite: true });

/** The value that the text spells, or null when it spells none, overflows, or underflows to zero. */
export function parseLongDouble(text: string): LongDouble | null {
  if (text.length === 0 || text.length >= MAX_NUMBER_BYTES) return null;
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinity(infinite[1] === '-');
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) return parseDecimal(decimal);
  const hexadecimal = HEXADECIMAL.exec(text);
  return hexadecimal === null ? null : parseHexadecimal(hexadecimal);
}

function parseDecimal([, sign, whole, fraction, power = '0']: string[]): LongDouble | null {
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return zero(sign === '-');
  const tens = Number(power) - fraction.length;
  if (Math.abs(tens) > MAX_POWER_OF_TEN) return null;
  const scale = 10n ** BigInt(Math.abs(tens));
  return inRange(tens < 0 ? round(sign === '-', digits, scale, 0) : round(sign === '-', digits * scale, 1n, 0));
}

function parseHexadecimal([, sign, whole, fraction, power = '0']: string[]): LongDouble | null {
  const digits = BigInt(`0x${whole}${fraction}`);
  if (digits === 0n) return zero(sign === '-');
  return inRange(round(sign === '-', digits, 1n, Number(power) - 4 * fraction.length));
}

/** strtold's range errors: overflow, and underflow to zero. */
function inRange(value: LongDouble): LongDouble | null {
  return value.infinite || value.significand === 0n ? null : value;
}

/** The sum, rounded once; null for ∞ - ∞. */
export function addLongDouble(a: LongDouble, b: LongDouble): LongDouble | null {
  if (a.infinite || b.infinite) {
    if (a.infinite && b.infinite && a.negative !== b.negative) return null;
    return infinity(a.infinite ? a.negative : b.negative);
  }
  const exponent = Math.min(a.exponent, b.exponent);
  const left = signedSignificand(a) << BigInt(a.exponent - exponent);
  const right = signedSignificand(b) << BigInt(b.exponent - exponent);
  const sum = left + right;
  if (sum === 0n) return zero(a.negative && b.negative);
  return round(sum < 0n, sum < 0n ? -sum : sum, 1n, exponent);
}

/** The product with a positive integer, rounded once. */
export function multiplyLongDouble(value: LongDouble, factor: bigint): LongDouble {
  if (value.infinite || value.significand === 0n) return value;
  return round(value.negative, value.significand * factor, 1n, value.exponent);
}

/** The least integer that is not below a finite value. */
export function ceilLongDouble(value: LongDouble): bigint {
  const signed = signedSignificand(value);
  if (value.exponent >= 0) return signed << BigInt(value.exponent);
  return -(-signed >> BigInt(-value.exponent)); // shifting right rounds down
}

function signedSignificand(value: LongDouble): bigint {
  return value.negative ? -value.significand : value.significand;
}

/** The long double nearest to numerator / denominator · 2^exponent. */
function round(negative: boolean, numerator: bigint, denominator: bigint, exponent: number): LongDouble {
  const magnitude = bitLength(numerator) - bitLength(denominator) + exponent; // of the value: 2^(magnitude ± 1)
  if (magnitude > MAX_EXPONENT + 1) return infinity(negative);
  if (magnitude < ZERO_EXPONENT - 1) return zero(negative);
  // One more shift than needed at most: the quotient has 64 or 65 bits.
  const shift = SIGNIFICAND_BITS + bitLength(denominator) - bitLength(numerator);
  let quotient = divideToEven(numerator, denominator, shift);
  let scaled = exponent - shift;
  if (bitLength(quotient) > SIGNIFICAND_BITS) {
    quotient = divideToEven(numerator, denominator, shift - 1);
    scaled++;
    if (bitLength(quotient) > SIGNIFICAND_BITS) {
      quotient >>= 1n; // 2^64, rounded up from all ones
      scaled++;
    }
  }
  const top = scaled + bitLength(quotient);
  if (top > MAX_EXPONENT) return infinity(negative);
  const underflows = top <= ZERO_EXPONENT || (top === ZERO_EXPONENT + 1 && isPowerOfTwo(quotient));
  return underflows ? zero(negative) : { negative, significand: quotient, exponent: scaled, infinite: false };
}

/** numerator · 2^shift / denominator to the nearest integer, ties to even. */
function divideToEven(numerator: bigint, denominator: bigint, shift: number): bigint {
  const n = shift > 0 ? numerator << BigInt(shift) : numerator;
  const d = shift < 0 ? denominator << BigInt(-shift) : denominator;
  const quotient = n / d;
  const twice = (n % d) * 2n;
  return twice > d || (twice === d && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return hex.length * 4 - (Math.clz32(Number.parseInt(hex[0], 16)) - 28);
}

function isPowerOfTwo(value: bigint): boolean {
  return (value & (value - 1n)) === 0n;
}

/** The text of a finite value: "%.17Lf", trailing zeros and a bare point removed, and `0` for what prints as `-0`. */
export function formatLongDouble(value: LongDouble): string {
  const scaled = divideToEven(value.significand * 10n ** BigInt(PRINTED_DIGITS), 1n, value.exponent);
  const digits = scaled.toString().padStart(PRINTED_DIGITS + 1, '0');
  const point = digits.length - PRINTED_DIGITS;
  const fraction = digits.slice(point).replace(/0+$/, '');
  const text = fraction === '' ? digits.slice(0, point) : `${digits.slice(0, point)}.${fraction}`;
  return value.negative && text !== '0' ? `-${text}` : text;
}
