/**
 * Sequence numbers (RFC 9293 §3.4): integers modulo 2³², kept as signed 32-bit integers. "Before" and "after" mean the
 * shorter way round the circle, so they hold for distances below 2³¹, which windows up to 2³⁰ never exceed. Timestamps and
 * the stack's clock wrap alike, and are compared alike.
 *
 *        after ↻ 0
 *     −1 ──●──── 1        lessThan(a, b)  ⇔  (a − b) mod 2³² has its top bit set
 *     2³¹−1 ● −2³¹
 */

/** a + n, modulo 2³². */
export function add(a: number, n: number): number {
  return (a + n) | 0;
}

/** Signed distance from b to a: positive when a is after b. */
export function distance(a: number, b: number): number {
  return (a - b) | 0;
}

export function lessThan(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}

export function atMost(a: number, b: number): boolean {
  return ((a - b) | 0) <= 0;
}

export function greaterThan(a: number, b: number): boolean {
  return ((a - b) | 0) > 0;
}

export function atLeast(a: number, b: number): boolean {
  return ((a - b) | 0) >= 0;
}

/** The later of the two. */
export function maximum(a: number, b: number): number {
  return ((a - b) | 0) >= 0 ? a : b;
}

/** The earlier of the two. */
export function minimum(a: number, b: number): number {
  return ((a - b) | 0) <= 0 ? a : b;
}

/**
 * The four cases of RFC 9293 §3.10.7.4, table 6: is a segment of `length` sequence numbers at `sequence` acceptable to a
 * window of `window` at `rcvNxt`?
 */
export function acceptable(sequence: number, length: number, rcvNxt: number, window: number): boolean {
  const offset = (sequence - rcvNxt) | 0;
  if (window === 0) return length === 0 && offset === 0;
  if (offset >= 0 && offset < window) return true;
  if (length === 0) return false;
  const lastOffset = (offset + length - 1) | 0;
  return lastOffset >= 0 && lastOffset < window;
}
