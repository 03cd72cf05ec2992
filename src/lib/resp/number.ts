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
