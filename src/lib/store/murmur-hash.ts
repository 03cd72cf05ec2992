/**
 * MurmurHash64A (Austin Appleby, 2008), which HyperLogLog counts with: 64 bits in two 32-bit halves, multiplied by parts of 16
 * bits, so that the result is exact without BigInt.
 *
 *   h = seed ^ length·m;  for each 8 bytes k:  k·m, ^ >>47, ·m;  h ^ k, ·m;   the rest ^ h, ·m;   h ^ >>47, ·m, ^ >>47
 */
const MULTIPLIER_LOW = 0x5bd1e995;
const MULTIPLIER_HIGH = 0xc6a4a793;
const M0 = MULTIPLIER_LOW & 0xffff;
const M1 = MULTIPLIER_LOW >>> 16;

let low = 0;
let high = 0;

/** The halves of the last hash. */
export function hashLow(): number {
  return low;
}

export function hashHigh(): number {
  return high;
}

/** Bits 32…63 of a · MULTIPLIER_LOW. */
function highProduct(a: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const low0 = Math.imul(a0, M0);
  const mid0 = Math.imul(a1, M0);
  const mid1 = Math.imul(a0, M1);
  const carry = ((low0 >>> 16) + (mid0 & 0xffff) + (mid1 & 0xffff)) >>> 16;
  return (Math.imul(a1, M1) + (mid0 >>> 16) + (mid1 >>> 16) + carry) | 0;
}

/** Hashes `length` bytes at `offset`; the halves are hashLow() and hashHigh(). */
export function murmurHash64(view: DataView, offset: number, length: number, seed: number): void {
  let hLow = seed ^ Math.imul(length, MULTIPLIER_LOW);
  let hHigh = (highProduct(length) + Math.imul(length, MULTIPLIER_HIGH)) | 0;
  const end = offset + (length & ~7);
  let at = offset;
  for (; at < end; at += 8) {
    let kLow = view.getInt32(at, true);
    let kHigh = view.getInt32(at + 4, true);
    kHigh = (highProduct(kLow) + Math.imul(kHigh, MULTIPLIER_LOW) + Math.imul(kLow, MULTIPLIER_HIGH)) | 0;
    kLow = Math.imul(kLow, MULTIPLIER_LOW);
    kLow ^= kHigh >>> 15; // >> 47
    kHigh = (highProduct(kLow) + Math.imul(kHigh, MULTIPLIER_LOW) + Math.imul(kLow, MULTIPLIER_HIGH)) | 0;
    kLow = Math.imul(kLow, MULTIPLIER_LOW);
    hLow ^= kLow;
    hHigh ^= kHigh;
    hHigh = (highProduct(hLow) + Math.imul(hHigh, MULTIPLIER_LOW) + Math.imul(hLow, MULTIPLIER_HIGH)) | 0;
    hLow = Math.imul(hLow, MULTIPLIER_LOW);
  }
  const rest = length & 7;
  if (rest > 0) {
    for (let i = 0; i < rest; i++) {
      const byte = view.getUint8(at + i);
      if (i < 4) hLow ^= byte << (i << 3);
      else hHigh ^= byte << ((i - 4) << 3);
    }
    hHigh = (highProduct(hLow) + Math.imul(hHigh, MULTIPLIER_LOW) + Math.imul(hLow, MULTIPLIER_HIGH)) | 0;
    hLow = Math.imul(hLow, MULTIPLIER_LOW);
  }
  hLow ^= hHigh >>> 15;
  hHigh = (highProduct(hLow) + Math.imul(hHigh, MULTIPLIER_LOW) + Math.imul(hLow, MULTIPLIER_HIGH)) | 0;
  hLow = Math.imul(hLow, MULTIPLIER_LOW);
  low = hLow ^ (hHigh >>> 15);
  high = hHigh;
}
