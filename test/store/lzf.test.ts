/**
 * LZF: what is compressed comes back, what LibLZF made is read, and corrupt input does no harm. That the compressor's output is
 * redis-server's, byte for byte, is tested with DUMP.
 */
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { compress, decompress } from '../../src/lib/store/lzf.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 1985);

/** Bytes that repeat in all distances and lengths. */
function repetitive(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const letters = 1 + random.below(8);
  for (let at = 0; at < length; ) {
    const run = 1 + random.below(random.below(4) === 0 ? 600 : 12);
    const back = at === 0 ? 0 : random.below(Math.min(at, 10_000));
    const copies = random.below(3) > 0 && back > 0;
    for (let i = 0; i < run && at < length; i++, at++) bytes[at] = copies ? bytes[at - back] : random.below(letters);
  }
  return bytes;
}

test('the published form of a simple run', () => {
  const output = new Uint8Array(100);
  const input = Buffer.from('a'.repeat(30));
  const n = compress(input, 0, 30, output, 0, 26);
  // Two literals (the first byte is never referred to), 26 bytes from one back, and the last two are literals again.
  expect([...output.subarray(0, n)]).toEqual([1, 97, 97, 0xe0, 26 - 9, 0, 1, 97, 97]);
  expect(decompress(output, 0, n, new Uint8Array(30), 0, 30)).toBe(30);
});

describe('a round trip', () => {
  test('gives back what went in, wherever it lies', () => {
    const random = new Random(SEED);
    for (let round = 0; round < 3000; round++) {
      const length = random.below(random.below(10) === 0 ? 40_000 : 400);
      const input = repetitive(random, length + 10);
      const output = new Uint8Array(length + 300).fill(0xee);
      const n = compress(input, 5, 5 + length, output, 7, 7 + length + 200);
      if (length === 0) expect(n).toBe(0);
      else {
        const back = new Uint8Array(length + 2).fill(0xdd);
        expect([SEED, round, decompress(output, 7, 7 + n, back, 1, 1 + length)]).toEqual([SEED, round, length]);
        expect(Buffer.compare(back.subarray(1, 1 + length), input.subarray(5, 5 + length))).toBe(0);
        expect([back[0], back[length + 1], output[6], output[7 + n + 1]]).toEqual([0xdd, 0xdd, 0xee, 0xee]);
      }
    }
  });

  test('is not misled by what did not fit before', () => {
    const random = new Random(SEED + 2);
    for (let round = 0; round < 500; round++) {
      const input = repetitive(random, 400);
      const output = new Uint8Array(700);
      compress(input, 0, 400, output, 0, random.below(200));
      const next = input.slice(random.below(300));
      const n = compress(next, 0, next.length, output, 0, 700);
      const back = new Uint8Array(next.length);
      expect([round, decompress(output, 0, n, back, 0, next.length)]).toEqual([round, next.length]);
      expect(back).toEqual(next);
    }
  });

  test('does not write beyond a limit', () => {
    const random = new Random(SEED + 1);
    for (let round = 0; round < 3000; round++) {
      const length = 1 + random.below(300);
      const input = repetitive(random, length);
      const limit = random.below(length + 20);
      const output = new Uint8Array(400).fill(0xee);
      const n = compress(input, 0, length, output, 0, limit);
      expect([SEED, round, n <= limit, output.subarray(limit + 1).every((byte) => byte === 0xee)]).toEqual([
        ...[SEED, round, true, true],
      ]);
    }
  });
});

test('corrupt input is refused or makes something else, within its bounds', () => {
  const random = new Random(SEED + 2);
  let refused = 0;
  for (let round = 0; round < 20_000; round++) {
    const input = repetitive(random, 30 + random.below(200));
    const output = new Uint8Array(input.length + 100);
    const n = compress(input, 0, input.length, output, 0, output.length);
    for (let i = random.below(4); i >= 0; i--) output[random.below(n)] = random.below(256);
    const cut = random.below(3) === 0 ? random.below(n) : n;
    const back = new Uint8Array(input.length + 2).fill(0xdd);
    const made = decompress(output, 0, cut, back, 1, 1 + input.length);
    if (made < 0) refused++;
    expect([SEED, round, made <= input.length, back[0], back[input.length + 1]]).toEqual([
      SEED,
      round,
      true,
      0xdd,
      0xdd,
    ]);
  }
  expect(refused).toBeGreaterThan(1000);
});
