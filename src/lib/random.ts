/**
 * Randomness, injected: a seeded generator for tests, simulations and hash-free choices, and a cryptographic source for keys
 * that a peer must not guess (hash seed, ISN key). xoshiro128** after Blackman and Vigna, seeded by splitmix32.
 */
import { randomFillSync } from 'node:crypto';

export class Random {
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    let x = seed | 0;
    const split = (): number => {
      x = (x + 0x9e3779b9) | 0;
      let z = x ^ (x >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      return (z ^ (z >>> 15)) | 0;
    };
    this.a = split();
    this.b = split();
    this.c = split();
    this.d = split() | 1;
  }

  /** 32 random bits as a signed integer. */
  int32(): number {
    const m = Math.imul(this.b, 5);
    const result = Math.imul((m << 7) | (m >>> 25), 9);
    const t = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= t;
    this.d = (this.d << 11) | (this.d >>> 21);
    return result | 0;
  }

  /** In [0, 1). */
  float(): number {
    return (this.int32() >>> 0) / 4_294_967_296;
  }

  /** Integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.float() * n);
  }
}

/** `words` signed 32-bit words from the operating system's cryptographic source. */
export function secretWords(words: number): Int32Array {
  return randomFillSync(new Int32Array(words));
}

/** A generator with an unpredictable seed. */
export function unseededRandom(): Random {
  return new Random(secretWords(1)[0]);
}
