/**
 * 64-bit integers and their canonical text, exactly and without BigInt: an integer is two 32-bit halves, low and high (signed,
 * two's complement). Text is canonical when writing the integer gives the same text: an optional `-`, no leading zeros, no
 * `-0`, within a signed 64-bit integer.
 */

/** Longest text: -9223372036854775808. */
const MAX_TEXT_BYTES = 20;
const MAX_DIGITS = 19;
/** Up to this many digits fit 32 bits. */
const INT32_DIGITS = 9;
/** Up to this many digits always make a safe integer. */
const SAFE_DIGITS = 15;
const TWO_32 = 4_294_967_296;
const BILLION = 1_000_000_000;
const ZERO = 48;
const MINUS = 45;

/** Where `formatInteger` leaves its text: right-aligned, at the end of the view. */
export const TEXT_VIEW = new DataView(new SharedArrayBuffer(24));

let low = 0;
let high = 0;

/** The halves of the last integer that `isCanonicalInteger` or `setSafeInteger` saw. */
export function integerLow(): number {
  return low;
}

export function integerHigh(): number {
  return high;
}

/** Splits an integer within ±(2^53 - 1). */
export function setSafeInteger(value: number): void {
  low = value | 0;
  high = Math.floor(value / TWO_32) | 0;
}

/** True when the bytes are the canonical text of a 64-bit integer, whose halves are known then. */
export function isCanonicalInteger(view: DataView, start: number, length: number): boolean {
  if (length === 0 || length > MAX_TEXT_BYTES) return false;
  let p = start;
  const end = start + length;
  let digit = view.getUint8(p) - ZERO;
  const negative = digit === MINUS - ZERO;
  if (negative) {
    if (length === 1) return false;
    digit = view.getUint8(++p) - ZERO;
  }
  if (digit <= 0 || digit > 9) {
    low = 0;
    high = 0;
    return digit === 0 && length === 1;
  }
  const digits = end - p;
  if (digits > MAX_DIGITS) return false;
  if (digits > INT32_DIGITS) return longInteger(view, p, end, negative);
  let value = digit;
  for (p++; p < end; p++) {
    digit = view.getUint8(p) - ZERO;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  low = negative ? -value : value;
  high = low >> 31;
  return true;
}

/** The integer of 10 to 19 digits [start, end): all but the last nine times a billion, and the last nine. */
function longInteger(view: DataView, start: number, end: number, negative: boolean): boolean {
  const split = end - INT32_DIGITS;
  let upper = 0;
  let lower = 0;
  for (let p = start; p < end; p++) {
    const digit = view.getUint8(p) - ZERO;
    if (digit < 0 || digit > 9) return false;
    if (p < split) upper = upper * 10 + digit;
    else lower = lower * 10 + digit;
  }
  if (end - start <= SAFE_DIGITS) {
    setSafeInteger(negative ? -(upper * BILLION + lower) : upper * BILLION + lower);
    return true;
  }
  // upper has up to 34 bits, a billion 30: every product below is under 2^53.
  const a = Math.floor(upper / 65_536) * BILLION;
  const b = (a % 65_536) * 65_536 + (upper % 65_536) * BILLION + lower;
  const lowHalf = b % TWO_32;
  const highHalf = Math.floor(a / 65_536) + Math.floor(b / TWO_32);
  if (highHalf >= 0x8000_0000 && !(negative && highHalf === 0x8000_0000 && lowHalf === 0)) return false;
  low = lowHalf | 0;
  high = highHalf | 0;
  if (negative) {
    high = low === 0 ? -high | 0 : ~high;
    low = -low | 0;
  }
  return true;
}

/** Writes the integer's text right-aligned into TEXT_VIEW. Returns its length. */
export function formatInteger(lowHalf: number, highHalf: number): number {
  let p = TEXT_VIEW.byteLength;
  const negative = highHalf < 0;
  let lo = lowHalf;
  let hi = highHalf;
  if (negative) {
    hi = lo === 0 ? -hi | 0 : ~hi;
    lo = -lo | 0;
  }
  if (hi === 0 && lo >= 0) p = writeDigits(p, lo);
  else {
    // Long division by a billion, 16 bits at a time.
    const a = hi >>> 16;
    const b = (a % BILLION) * 65_536 + (hi & 0xffff);
    const c = (b % BILLION) * 65_536 + (lo >>> 16);
    const d = (c % BILLION) * 65_536 + (lo & 0xffff);
    const upper = (Math.floor(b / BILLION) * 65_536 + Math.floor(c / BILLION)) * 65_536 + Math.floor(d / BILLION);
    if (upper === 0) p = writeDigits(p, d % BILLION);
    else {
      p = writeNineDigits(p, d % BILLION);
      const top = Math.floor(upper / BILLION);
      if (top === 0) p = writeDigits(p, upper);
      else p = writeDigits(writeNineDigits(p, upper % BILLION), top);
    }
  }
  if (negative) TEXT_VIEW.setUint8(--p, MINUS);
  return TEXT_VIEW.byteLength - p;
}

/** The digits of 0 ≤ value < 2^31 before p; returns where they begin. */
function writeDigits(p: number, value: number): number {
  let n = value | 0;
  let q = p;
  do {
    const rest = (n / 10) | 0;
    TEXT_VIEW.setUint8(--q, ZERO + n - rest * 10);
    n = rest;
  } while (n > 0);
  return q;
}

function writeNineDigits(p: number, value: number): number {
  let n = value | 0;
  for (let i = 1; i <= INT32_DIGITS; i++) {
    const rest = (n / 10) | 0;
    TEXT_VIEW.setUint8(p - i, ZERO + n - rest * 10);
    n = rest;
  }
  return p - INT32_DIGITS;
}
