/**
 * Integers of n bits at any bit of a string, most significant bit first, as BITFIELD has them:
 *
 *   byte          0        1        2
 *   bits       ........ ..iiiiii iiii....      i10 at offset 10
 *
 * A field is read and written as a part of up to 32 bits, or two: [ high: n - 32 ][ low: 32 ]. Up to 52 bits its values
 * and their sums are exact numbers; wider ones are BigInts.
 */

export const WRAP = 0;
export const SAT = 1;
export const FAIL = 2;

/** Fields of at most this many bits, and operands of this magnitude, are computed as numbers. */
export const NUMBER_BITS = 52;
export const NUMBER_MAX = 2 ** NUMBER_BITS;
const TWO_32 = 2 ** 32;

/** True when the last value that `fitted` or `fittedWide` got was outside its type. */
export let overflowed = false;

/** Bits [offset, offset + n) of the bytes [start, end), n ≤ 32, as an unsigned number; zeros beyond the end. */
function readPart(bytes: Uint8Array, start: number, end: number, offset: number, n: number): number {
  const first = start + Math.floor(offset / 8);
  const last = start + Math.floor((offset + n - 1) / 8);
  let value = 0; // up to 5 bytes
  for (let at = first; at <= last; at++) value = value * 256 + (at < end ? bytes[at] : 0);
  return Math.floor(value / (1 << (7 - ((offset + n - 1) & 7)))) % 2 ** n;
}

/** Writes the low n ≤ 32 bits of an unsigned number at bit `offset` of the bytes that begin at `start`. */
function writePart(bytes: Uint8Array, start: number, offset: number, n: number, value: number): void {
  let rest = value;
  let end = offset + n;
  for (let left = n; left > 0; ) {
    const below = -end & 7;
    const take = Math.min(8 - below, left);
    const mask = (1 << take) - 1;
    const at = start + Math.floor((end - 1) / 8);
    bytes[at] = (bytes[at] & ~(mask << below)) | ((rest & mask) << below);
    rest >>>= take;
    left -= take;
    end -= take;
  }
}

/** The field's value, for n ≤ NUMBER_BITS. */
export function readField(
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
  n: number,
  signed: boolean,
): number {
  const high = n > 32 ? readPart(bytes, start, end, offset, n - 32) : 0;
  const low = n > 32 ? readPart(bytes, start, end, offset + n - 32, 32) : readPart(bytes, start, end, offset, n);
  const value = high * TWO_32 + low;
  return signed && value >= 2 ** (n - 1) ? value - 2 ** n : value;
}

export function writeField(bytes: Uint8Array, start: number, offset: number, n: number, value: number): void {
  const unsigned = value < 0 ? value + 2 ** n : value;
  if (n > 32) writePart(bytes, start, offset, n - 32, Math.floor(unsigned / TWO_32));
  writePart(bytes, start, n > 32 ? offset + n - 32 : offset, Math.min(n, 32), unsigned % TWO_32);
}

/** As readField, for n > 32. */
export function readWideField(
  bytes: Uint8Array,
  start: number,
  end: number,
  offset: number,
  n: number,
  signed: boolean,
): bigint {
  const high = readPart(bytes, start, end, offset, n - 32);
  const low = readPart(bytes, start, end, offset + n - 32, 32);
  const value = (BigInt(high) << 32n) | BigInt(low);
  return signed ? BigInt.asIntN(n, value) : value;
}

/** As writeField, for n > 32. */
export function writeWideField(bytes: Uint8Array, start: number, offset: number, n: number, value: bigint): void {
  const unsigned = BigInt.asUintN(n, value);
  writePart(bytes, start, offset, n - 32, Number(unsigned >> 32n));
  writePart(bytes, start, offset + n - 32, 32, Number(unsigned & 0xffff_ffffn));
}

/**
 * An integer of magnitude up to 2^53 as a field of n bits (n ≤ NUMBER_BITS) would hold it under an overflow mode. What FAIL
 * does with `overflowed` is the caller's.
 */
export function fitted(value: number, n: number, signed: boolean, mode: number): number {
  const range = 2 ** n;
  const max = signed ? range / 2 - 1 : range - 1;
  const min = signed ? -range / 2 : 0;
  overflowed = value > max || value < min;
  if (!overflowed) return value;
  if (mode === SAT) return value > max ? max : min;
  const wrapped = value % range;
  if (wrapped > max) return wrapped - range;
  return wrapped < min ? wrapped + range : wrapped;
}

/** As fitted, for any n and any value. */
export function fittedWide(value: bigint, n: number, signed: boolean, mode: number): bigint {
  const range = 1n << BigInt(n);
  const max = signed ? range / 2n - 1n : range - 1n;
  const min = signed ? -range / 2n : 0n;
  overflowed = value > max || value < min;
  if (!overflowed) return value;
  if (mode === SAT) return value > max ? max : min;
  return signed ? BigInt.asIntN(n, value) : BigInt.asUintN(n, value);
}
