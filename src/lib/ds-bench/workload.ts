/**
 * What is done to a structure: how many elements of which size, and in which order they are asked for. Every contender gets
 * the same elements in the same order, from the same seed.
 *
 *   uniform   inserts in random order, then each element once in another random order
 *   zipf      inserts in random order, then few elements often: element of rank r with probability ~ 1/r^0.99
 *             (J. Gray et al., "Quickly Generating Billion-Record Synthetic Databases", 1994)
 */
import { Random } from '../random.ts';

export type Distribution = 'uniform' | 'zipf';

export interface Workload {
  /** Elements. */
  readonly size: number;
  /** Bytes of a key, member, field or list element: at least 8. */
  readonly keyBytes: number;
  /** Bytes of what belongs to it, where something does. */
  readonly valueBytes: number;
  readonly distribution: Distribution;
  readonly seed: number;
}

export const MIN_KEY_BYTES = 8;
const ZIPF_EXPONENT = 0.99;

/** A random order of 0 … n-1. */
export function permutation(n: number, random: Random): Int32Array {
  const order = Int32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  return order;
}

/** The elements in the order in which they are inserted. */
export function insertOrder(workload: Workload): Int32Array {
  return permutation(workload.size, new Random(workload.seed));
}

/** `count` elements in the order in which they are asked for. */
export function askOrder(workload: Workload, count: number): Int32Array {
  const random = new Random(workload.seed + 1);
  if (workload.distribution === 'zipf') return zipf(workload.size, count, random);
  if (count === workload.size) return permutation(count, random);
  return Int32Array.from({ length: count }, () => random.below(workload.size));
}

/** Ranks drawn by Gray's method, scattered over the elements by a random order. */
function zipf(n: number, count: number, random: Random): Int32Array {
  const element = permutation(n, random);
  let zeta = 0;
  for (let rank = 1; rank <= n; rank++) zeta += 1 / rank ** ZIPF_EXPONENT;
  const alpha = 1 / (1 - ZIPF_EXPONENT);
  const zeta2 = 1 + 0.5 ** ZIPF_EXPONENT;
  const eta = (1 - (2 / n) ** (1 - ZIPF_EXPONENT)) / (1 - zeta2 / zeta);
  return Int32Array.from({ length: count }, () => {
    const u = random.float();
    const mass = u * zeta;
    let rank = Math.floor(n * (eta * u - eta + 1) ** alpha);
    if (mass < 1) rank = 0;
    else if (mass < zeta2) rank = 1;
    return element[Math.min(rank, n - 1)];
  });
}

const ZERO = 48;
const LETTER_M = 109;
const COLON = 58;

/** Writes the name of element `id` at `at`: `m:` and decimal digits, `bytes` in all. */
export function writeName(u8: Uint8Array, at: number, id: number, bytes: number): void {
  u8[at] = LETTER_M;
  u8[at + 1] = COLON;
  let rest = id;
  for (let i = bytes - 1; i >= 2; i--) {
    u8[at + i] = ZERO + (rest % 10);
    rest = (rest / 10) | 0;
  }
}

/** The name of element `id` as a string. */
export function nameOf(id: number, bytes: number): string {
  return `m:${String(id).padStart(bytes - 2, '0')}`;
}

/** The score of element `id`: an integer that no other has, not in the elements' order. */
export function scoreOf(id: number): number {
  return Math.imul(id, 0x9e3779b1) >>> 0; // by an odd number: one to one on 32 bits
}
