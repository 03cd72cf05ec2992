/** Intsets against sets of BigInts, byte for byte as Redis lays them out. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as intset from '../../src/lib/store/intset.ts';

const MAX = 2n ** 63n - 1n;
const EDGES = [
  0n,
  1n,
  -1n,
  32_767n,
  32_768n,
  -32_768n,
  -32_769n,
  2n ** 31n - 1n,
  2n ** 31n,
  -(2n ** 31n),
  MAX,
  -MAX - 1n,
];

const integer = fc.oneof(
  fc.integer({ min: -300, max: 300 }).map(BigInt),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map(BigInt),
  fc.bigInt({ min: -MAX - 1n, max: MAX }),
  fc.constantFrom(...EDGES),
);

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const high = (value: bigint): number => Number(BigInt.asIntN(32, value >> 32n));

/** The bytes that Redis would have. */
function expected(sorted: bigint[], width: number): Buffer {
  const bytes = Buffer.alloc(8 + sorted.length * width);
  bytes.writeUInt32LE(width, 0);
  bytes.writeUInt32LE(sorted.length, 4);
  sorted.forEach((value, i) => {
    const at = 8 + i * width;
    if (width === 2) bytes.writeInt16LE(Number(value), at);
    else if (width === 4) bytes.writeInt32LE(Number(value), at);
    else bytes.writeBigInt64LE(value, at);
  });
  return bytes;
}

const widthOf = (value: bigint): number =>
  BigInt.asIntN(16, value) === value ? 2 : BigInt.asIntN(32, value) === value ? 4 : 8;

describe('an intset', () => {
  test('is sorted, as wide as it ever had to be, and found in', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 9 }),
        fc.array(fc.tuple(integer, fc.boolean()), { maxLength: 60 }),
        (at, steps) => {
          const bytes = new Uint8Array(1024).fill(0xa5);
          const view = new DataView(bytes.buffer);
          const model = new Set<bigint>();
          let width = 2;
          intset.empty(view, at);
          for (const [value, adds] of steps) {
            const index = intset.find(view, at, low(value), high(value));
            expect(index >= 0).toBe(model.has(value));
            if (adds && index < 0) {
              width = Math.max(width, widthOf(value));
              model.add(value);
              expect(intset.bytesWith(view, at, low(value), high(value))).toBe(8 + model.size * width);
              intset.insert(view, at, -1 - index, low(value), high(value));
            } else if (!adds && index >= 0) {
              model.delete(value);
              intset.remove(view, at, index);
            }
          }
          const sorted = [...model].sort((a, b) => (a < b ? -1 : 1));
          const total = intset.totalBytes(view, at);
          expect(Buffer.from(bytes.subarray(at, at + total))).toEqual(expected(sorted, width));
          expect(intset.validate(view, at, total)).toBe(sorted.length > 0);
          sorted.forEach((value, i) => {
            intset.get(view, at, i);
            expect([intset.memberLow(), intset.memberHigh()]).toEqual([low(value), high(value)]);
          });
        },
      ),
    );
  });

  test('of untrusted bytes is only what Redis could have made', () => {
    const valid = expected([-5n, 3n, 70_000n], 4);
    const check = (bytes: Buffer): boolean => {
      const copy = Uint8Array.from(bytes);
      return intset.validate(new DataView(copy.buffer), 0, copy.length);
    };
    expect(check(valid)).toBe(true);
    expect(check(expected([3n, -5n], 4))).toBe(false);
    expect(check(expected([3n, 3n], 8))).toBe(false);
    expect(check(expected([], 2))).toBe(false);
    expect(check(valid.subarray(0, valid.length - 1))).toBe(false);
    expect(check(Buffer.concat([valid, Buffer.alloc(4)]))).toBe(false);
    expect(check(Buffer.alloc(7))).toBe(false);
    const wrongWidth = Buffer.from(valid);
    wrongWidth.writeUInt32LE(3, 0);
    expect(check(wrongWidth)).toBe(false);
  });
});
