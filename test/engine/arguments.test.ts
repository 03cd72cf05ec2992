/** Integers from text against BigInt, with the form that redis-server insists on. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bigIntegerAt, integerAt, WIDE } from '../../src/lib/engine/arguments.ts';

const parse = (text: string): number => {
  const bytes = Buffer.from(`7${text}7`, 'latin1');
  return integerAt(bytes, 1, bytes.length - 2);
};

/** The same by regular expression and BigInt. */
function expected(text: string): number {
  if (!/^(0|-?[1-9]\d*)$/.test(text)) return Number.NaN;
  const big = BigInt(text);
  if (big !== BigInt.asIntN(64, big)) return Number.NaN;
  const value = Number(big);
  if (big > BigInt(Number.MAX_SAFE_INTEGER)) return WIDE;
  return big < -BigInt(Number.MAX_SAFE_INTEGER) ? -WIDE : value;
}

describe('integerAt', () => {
  test('agrees with BigInt on integers of up to 21 digits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 21n), max: 10n ** 21n }), fc.nat(62), (big, shift) => {
        const text = String(big >> BigInt(shift));
        expect(parse(text)).toBe(expected(text));
      }),
      { numRuns: 5000 },
    );
  });

  test('agrees on the edges of 2^53 and 2^63', () => {
    for (const edge of [2n ** 53n, -(2n ** 53n), 2n ** 63n, -(2n ** 63n), 10n ** 15n, 10n ** 16n, 10n ** 18n]) {
      for (let delta = -3n; delta <= 3n; delta++) {
        const text = String(edge + delta);
        expect([text, parse(text)]).toEqual([text, expected(text)]);
      }
    }
  });

  test('takes one form only', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789-+ .e\0'), maxLength: 8 }), (text) => {
        expect(parse(text)).toBe(expected(text));
      }),
      { numRuns: 5000 },
    );
  });

  test('bigIntegerAt gives the digits of what is WIDE', () => {
    const bytes = Buffer.from('9223372036854775807');
    expect(bigIntegerAt(bytes, 0, bytes.length)).toBe(2n ** 63n - 1n);
    expect(bigIntegerAt(bytes, 0, 0)).toBe(null);
  });
});
