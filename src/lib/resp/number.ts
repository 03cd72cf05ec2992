/**
 * Doubles as Redis 7.2 prints them: whole numbers up to 2^62 with all their digits (its d2string), others (its fpconv_dtoa) by
 * the shortest digits that read back the same, laid out as a plain integer, as a decimal fraction, or with an exponent that is
 * not padded.
 *
 *   digits · 10^k      k ≥ 0, at most 7 zeros appended      123000
 *                      k < 0, k > -7 or magnitude < 4       0.00123  1234.5
 *                      otherwise                            1.23e+25  1.5e-10
 */
const MAX_APPENDED_ZEROS = 7;
const PLAIN_FRACTION_DIGITS = 7;
const PLAIN_MAGNITUDE = 4;
/** Whole numbers up to here are printed as such. */
const MAX_WHOLE = 2 ** 62;
/** JavaScript prints whole numbers below with all their digits. */
const MAX_PLAIN = 2 ** 53;
/** Within these JavaScript lays fractions out in the same way. */
const MIN_FRACTION = 0.001;
const MAX_FRACTION = 1000;

/** The text of a double in replies. */
export function formatDouble(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (Number.isNaN(value)) return 'nan';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const size = Math.abs(value);
  if (size <= MAX_WHOLE && Math.trunc(value) === value)
    return size < MAX_PLAIN ? String(value) : BigInt(value).toString();
  if (size >= MIN_FRACTION && size < MAX_FRACTION) return String(value); // the same layout, and faster
  const [mantissa, power] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const magnitude = Number(power);
  const sign = value < 0 ? '-' : '';
  return sign + layOut(digits, magnitude);
}

/** `digits` with the point behind the first, times 10^magnitude. */
function layOut(digits: string, magnitude: number): string {
  const k = magnitude - digits.length + 1;
  const size = Math.abs(magnitude);
  if (k >= 0 && size < digits.length + MAX_APPENDED_ZEROS) return digits + '0'.repeat(k);
  if (k < 0 && (k > -PLAIN_FRACTION_DIGITS || size < PLAIN_MAGNITUDE)) {
    const point = digits.length + k;
    return point <= 0 ? `0.${'0'.repeat(-point)}${digits}` : `${digits.slice(0, point)}.${digits.slice(point)}`;
  }
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
  return `${digits[0]}${fraction}e${magnitude < 0 ? '-' : '+'}${size}`;
}

// ── without a string, for most numbers ─────────────────────────────────────────────────────────────────────────────────

/** Longest text: sign, 17 digits, point, e-308. */
export const DOUBLE_MAX_BYTES = 32;
/** Whole numbers below have up to 15 digits: any two of them, divided by the same power of ten, are different doubles. */
const MAX_SHORT = 1e15;
const POWERS = Float64Array.of(1, 10, 100, 1000, 1e4, 1e5, 1e6);
const MAX_INT32 = 0x7fff_ffff;
const ZERO = 48;
const POINT = 46;
const MINUS = 45;
const E = 101;
const digits = new Uint8Array(DOUBLE_MAX_BYTES);

/** Writes the text that formatDouble() has for a value at the beginning of `into`. Returns its length. */
export function writeDouble(value: number, into: Uint8Array): number {
  let p = 0;
  let size = value;
  if (value < 0) {
    size = -value;
    into[p++] = MINUS;
  }
  // Few decimals are found by trial; the smallest number of them makes the shortest text.
  for (let decimals = 0; decimals < POWERS.length; decimals++) {
    const whole = Math.round(size * POWERS[decimals]);
    if (!(whole < MAX_SHORT)) break;
    if (whole / POWERS[decimals] === size && whole > 0) return writeFixed(whole, decimals, into, p);
  }
  return size >= 1e-6 && Math.trunc(size) !== size
    ? writeLong(String(size), into, p)
    : writeText(formatDouble(value), into);
}

function writeText(text: string, into: Uint8Array): number {
  for (let i = 0; i < text.length; i++) into[i] = text.charCodeAt(i);
  return text.length;
}

/** whole / 10^decimals, which is not 0. */
function writeFixed(whole: number, decimals: number, into: Uint8Array, at: number): number {
  let length = 1;
  for (let bound = 10; bound <= whole; bound *= 10) length++;
  if (length <= decimals) length = decimals + 1;
  const end = at + length + (decimals > 0 ? 1 : 0);
  const point = end - 1 - decimals;
  let p = end;
  let rest = whole;
  for (; rest > MAX_INT32; ) {
    if (--p === point && decimals > 0) into[p--] = POINT;
    const tenth = Math.floor(rest / 10);
    into[p] = ZERO + (rest - tenth * 10);
    rest = tenth;
  }
  let small = rest | 0;
  while (p > at) {
    if (--p === point && decimals > 0) into[p--] = POINT;
    const tenth = (small / 10) | 0;
    into[p] = ZERO + small - tenth * 10;
    small = tenth;
  }
  return end;
}

/** JavaScript's text of a number between 1e-6 and 1e21, laid out as Redis does. */
function writeLong(text: string, into: Uint8Array, at: number): number {
  let n = 0;
  let pointAt = text.length;
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    if (byte === POINT) pointAt = i;
    else digits[n++] = byte;
  }
  const fraction = n - pointAt;
  let first = 0;
  while (digits[first] === ZERO) first++;
  const magnitude = pointAt - 1 - first;
  const isPlain =
    fraction <= 0 || fraction < PLAIN_FRACTION_DIGITS || (magnitude < PLAIN_MAGNITUDE && magnitude > -PLAIN_MAGNITUDE);
  let p = at;
  if (isPlain) {
    for (let i = 0; i < text.length; i++) into[p++] = text.charCodeAt(i);
    return p;
  }
  into[p++] = digits[first++];
  if (first < n) into[p++] = POINT;
  while (first < n) into[p++] = digits[first++];
  into[p++] = E;
  into[p++] = magnitude < 0 ? MINUS : 43;
  const power = magnitude < 0 ? -magnitude : magnitude;
  if (power >= 10) into[p++] = ZERO + ((power / 10) | 0);
  into[p++] = ZERO + (power % 10);
  return p;
}
