/**
 * The pseudo-random numbers of scripts: the 48-bit linear congruential generator of drand48 (POSIX), which draws the same numbers
 * on every machine. It begins where drand48 does, and goes on from script to script.
 *
 *   x' = (0x5DEECE66D · x + 0xB) mod 2^48        x = high·2^24 + low        a number is the upper 31 bits
 */
const A_HIGH = 0x5de;
const A_LOW = 0xece66d;
const C = 0xb;
const HALF = 2 ** 24;
const SEED_LOW = 0x330e;
const INITIAL_HIGH = 0x12_34ab;
const INITIAL_LOW = 0xcd_330e;
/** What math.random takes a number modulo and divides by. */
export const RANDOM_MAX = 0x7fff_ffff;

export class Drand48 {
  private high = INITIAL_HIGH;
  private low = INITIAL_LOW;

  /** As srand48: 32 bits of seed above 0x330E. */
  seed(value: number): void {
    this.low = ((value & 0xff) << 16) | SEED_LOW;
    this.high = (value >>> 8) % HALF;
  }

  /** A number in [0, 2^31). */
  next(): number {
    const product = this.low * A_LOW + C; // below 2^49
    const carry = Math.floor(product / HALF);
    this.high = (this.high * A_LOW + this.low * A_HIGH + carry) % HALF;
    this.low = product % HALF;
    return Math.floor((this.high * HALF + this.low) / 2 ** 17);
  }
}
