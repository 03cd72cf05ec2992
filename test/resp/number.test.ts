/** Doubles as text: read back the same, and laid out as Redis 7.2's d2string and fpconv do. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DOUBLE_MAX_BYTES, formatDouble, writeDouble } from '../../src/lib/resp/number.ts';

describe('formatDouble', () => {
  test('reads back as the same number', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(Number(formatDouble(value))).toBe(value);
      }),
      { numRuns: 10_000 },
    );
  });

  test.each([
    [0, '0'],
    [-0, '-0'],
    [1, '1'],
    [-42, '-42'],
    [3.5, '3.5'],
    [0.1, '0.1'],
    [0.1 + 0.2, '0.30000000000000004'],
    [Math.PI, '3.141592653589793'],
    [1e7, '10000000'],
    [1.5e7, '15000000'],
    [1e8, '100000000'],
    [-(2 ** 62), '-4611686018427387904'],
    [2 ** 62 + 1024, '4611686018427389000'],
    [1.5e8 + 0.5, '150000000.5'],
    [999.9999, '999.9999'],
    [1234567.8, '1234567.8'],
    [123e7, '1230000000'],
    [1e21, '1e+21'],
    [1.7976931348623157e308, '1.7976931348623157e+308'],
    [5e-324, '5e-324'],
    [0.000001, '0.000001'],
    [1e-7, '1e-7'],
    [12345.678901234567, '1.2345678901234567e+4'],
    [1234.5678, '1234.5678'],
    [123456.5, '123456.5'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
    [Number.NaN, 'nan'],
  ])('%d is %s', (value, text) => {
    expect(formatDouble(value)).toBe(text);
  });
});

describe('writeDouble', () => {
  const into = new Uint8Array(DOUBLE_MAX_BYTES);
  const written = (value: number): string => Buffer.from(into.subarray(0, writeDouble(value, into))).toString('latin1');

  test('writes what formatDouble says', () => {
    const usual = fc.double({ noNaN: true, min: -1e9, max: 1e9 });
    const decimal = fc
      .tuple(fc.integer({ min: -(10 ** 12), max: 10 ** 12 }), fc.integer({ min: 0, max: 12 }))
      .map(([whole, decimals]) => whole / 10 ** decimals);
    const any = fc.oneof(
      fc.double(),
      usual,
      decimal,
      fc.maxSafeInteger(),
      fc.bigInt(-(2n ** 64n), 2n ** 64n).map(Number),
    );
    fc.assert(
      fc.property(any, (value) => {
        expect(written(value)).toBe(formatDouble(value));
      }),
      { numRuns: 50_000 },
    );
  });

  test.each([
    0,
    -0,
    Number.NaN,
    Infinity,
    -Infinity,
    1e-6,
    1e-7,
    9.99e-7,
    1e21,
    1e15,
    999_999_999_999_999,
    0.000001,
    2 ** 62,
  ])('%d', (value) => {
    expect(written(value)).toBe(formatDouble(value));
  });
});
