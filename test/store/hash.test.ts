/**
 * HalfSipHash-1-3 against the published vectors (test_vectors_hsiphash of Linux's siphash_kunit.c, 32-bit: vector n is the hash of
 * the bytes 0 … n-1 under the key 00 01 … 07) and, for other keys and bytes, against SipHash's description in BigInt.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashBytes, hashWords } from '../../src/lib/store/hash.ts';

const VECTORS = [
  0x5814c896, 0xe7e864ca, 0xbc4b0e30, 0x01539939, 0x7e059ea6, 0x88e3d89b, 0xa0080b65, 0x9d38d9d6, 0x577999b1,
  0xc839caed, 0xe4fa32cf, 0x959246ee, 0x6b28096c, 0x66dd9cd6, 0x16658a7c, 0xd0257b04, 0x8b31d501, 0x2b1cd04b,
  0x06712339, 0x522aca67, 0x911bb605, 0x90a65f0e, 0xf826ef7b, 0x62512deb, 0x57150ad7, 0x5d473507, 0x1ec47442,
  0xab64afd3, 0x0a4100d0, 0x6d2ce652, 0x2331b6a3, 0x08d8791a, 0xbc6dda8d, 0xe0f6c934, 0xb0652033, 0x9b9851cc,
  0x7c46fb7f, 0x732ba8cb, 0xf142997a, 0xfcc9aa1b, 0x05327eb2, 0xe110131c, 0xf9e5e7c0, 0xa7d708a6, 0x11795ab1,
  0x65671619, 0x9f5fff91, 0xd89c5267, 0x007783eb, 0x95766243, 0xab639262, 0x9c7e1390, 0xc368dda6, 0x38ddc455,
  0xfa13d379, 0x979ea4e8, 0x53ecd77e, 0x2ee80657, 0x33dbb66a, 0xae3f0577, 0x88b4c4cc, 0x3e7f480b, 0x74c1ebf8,
  0x87178304,
];
const VECTOR_KEY = Int32Array.of(0x03020100, 0x07060504);

/** SipHash as its paper describes it, with 32-bit words, one round for each word and three at the end. */
function reference(bytes: Uint8Array, key: Int32Array): number {
  const mask = 0xffffffffn;
  const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (32n - by))) & mask;
  const k0 = BigInt(key[0] >>> 0);
  const k1 = BigInt(key[1] >>> 0);
  const v = [k0, k1, 0x6c796765n ^ k0, 0x74656462n ^ k1];
  const round = (): void => {
    v[0] = (v[0] + v[1]) & mask;
    v[1] = rotate(v[1], 5n) ^ v[0];
    v[0] = rotate(v[0], 16n);
    v[2] = (v[2] + v[3]) & mask;
    v[3] = rotate(v[3], 8n) ^ v[2];
    v[0] = (v[0] + v[3]) & mask;
    v[3] = rotate(v[3], 7n) ^ v[0];
    v[2] = (v[2] + v[1]) & mask;
    v[1] = rotate(v[1], 13n) ^ v[2];
    v[2] = rotate(v[2], 16n);
  };
  const padded = new Uint8Array((bytes.length & ~3) + 4);
  padded.set(bytes);
  padded[padded.length - 1] = bytes.length & 255;
  for (let at = 0; at < padded.length; at += 4) {
    const word = padded.subarray(at, at + 4).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    v[3] ^= word;
    round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < 3; i++) round();
  return Number(v[1] ^ v[3]) | 0;
}

/** Hashes bytes that lie at `offset` in a view full of something else. */
function hashAt(bytes: Uint8Array, offset: number, key: Int32Array): number {
  const buffer = new Uint8Array(offset + bytes.length + 8).fill(0xa5);
  buffer.set(bytes, offset);
  return hashBytes(new DataView(buffer.buffer), offset, bytes.length, key);
}

/** Hashes bytes as a record holds them: padded with zero bytes to whole words, something else behind them. */
function hashPadded(bytes: Uint8Array, index: number, key: Int32Array): number {
  const words = new Int32Array(index + Math.ceil(bytes.length / 4) + 2).fill(-1);
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  new Uint8Array(words.buffer).set(padded, index * 4);
  return hashWords(words, index, bytes.length, key);
}

describe('HalfSipHash-1-3', () => {
  test.each(VECTORS.map((vector, length) => [length, vector]))(
    'gives the published hash of %i bytes',
    (length, vector) => {
      const bytes = Uint8Array.from({ length }, (_, i) => i);
      expect(hashAt(bytes, 3, VECTOR_KEY) >>> 0).toBe(vector);
      expect(hashPadded(bytes, 1, VECTOR_KEY) >>> 0).toBe(vector);
    },
  );

  test('agrees with its description for any key, bytes and place', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), fc.nat(9), fc.integer(), fc.integer(), (bytes, offset, k0, k1) => {
        const key = Int32Array.of(k0, k1);
        const expected = reference(bytes, key);
        expect(hashAt(bytes, offset, key)).toBe(expected);
        expect(hashPadded(bytes, offset, key)).toBe(expected);
      }),
    );
  });
});
