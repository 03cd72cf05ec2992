/** Decimal text read without a string is the number that the engine reads; what can't be is left to it. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { simpleDecimal } from '../../src/lib/store/score.ts';

function read(text: string): number {
  const bytes = Buffer.from(text);
  return simpleDecimal(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length);
}

describe('simpleDecimal', () => {
  test('reads what Number reads, nearly always', () => {
    const digits = fc.stringMatching(/^\d{1,17}$/);
    const text = fc
      .tuple(digits, fc.nat(17), fc.integer({ min: -20, max: 20 }), fc.boolean(), fc.boolean())
      .map(([all, point, power, negative, exponent]) => {
        const at = Math.min(point, all.length);
        return `${negative ? '-' : ''}${all.slice(0, at)}.${all.slice(at)}${exponent ? `e${power}` : ''}`;
      })
      .filter((candidate) => /\d/.test(candidate));
    let doubtful = 0;
    fc.assert(
      fc.property(fc.oneof(text, fc.double({ noNaN: true, min: -1e15, max: 1e15 }).map(String)), (candidate) => {
        const value = read(candidate);
        if (Number.isNaN(value)) doubtful++;
        else expect(value).toBe(Number(candidate));
      }),
      { numRuns: 100_000 },
    );
    expect(doubtful).toBeLessThan(50_000);
  });

  test('rounds halves to even', () => {
    for (const text of ['9007199254740993', '9007199254740995', '90071992547409930e-1', '0.50000000000000005']) {
      const value = read(text);
      if (!Number.isNaN(value)) expect(value).toBe(Number(text));
    }
    for (const text of ['12345678901.234567', '4294967295.9999998']) expect(read(text)).toBe(Number(text));
  });

  test.each(['', '-', '.', '1.2.3', '1e', '1e+', 'x', '1x', '0x1', 'inf', '1 ', ' 1', '1e1000', '123456789012345678'])(
    'leaves %j to others',
    (text) => {
      expect(read(text)).toBeNaN();
    },
  );
});
