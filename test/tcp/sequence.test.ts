import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as sequence from '../../src/lib/tcp/sequence.ts';

const CIRCLE = 1n << 32n;
const HALF = 1n << 31n;
const circle = (n: bigint): bigint => ((n % CIRCLE) + CIRCLE) % CIRCLE;
const big = (n: number): bigint => circle(BigInt(n));
const signed = (n: bigint): bigint => (circle(n) >= HALF ? circle(n) - CIRCLE : circle(n));

const int32 = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constantFrom(0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 30, -(2 ** 30)),
);
const near = fc.integer({ min: -70_000, max: 70_000 });

describe('sequence arithmetic, against BigInt', () => {
  it('adds and measures modulo 2³²', () => {
    fc.assert(
      fc.property(int32, int32, (a, b) => {
        expect(big(sequence.add(a, b))).toBe(circle(big(a) + big(b)));
        expect(BigInt(sequence.distance(a, b))).toBe(signed(big(a) - big(b)));
        expect(Object.is(sequence.add(a, b), sequence.add(a, b) | 0)).toBe(true);
      }),
    );
  });

  it('orders by the shorter way round', () => {
    fc.assert(
      fc.property(int32, fc.oneof(near, int32), (a, step) => {
        const b = sequence.add(a, step);
        const ahead = signed(big(b) - big(a));
        if (ahead === -HALF) return; // opposite: neither is before the other
        expect(sequence.lessThan(a, b)).toBe(ahead > 0n);
        expect(sequence.atMost(a, b)).toBe(ahead >= 0n);
        expect(sequence.greaterThan(a, b)).toBe(ahead < 0n);
        expect(sequence.atLeast(a, b)).toBe(ahead <= 0n);
        expect(sequence.maximum(a, b)).toBe(ahead > 0n ? b : a);
        expect(sequence.minimum(a, b)).toBe(ahead < 0n ? b : a);
      }),
    );
  });

  it('accepts a segment as table 6 of RFC 9293 §3.10.7.4 does', () => {
    fc.assert(
      fc.property(int32, near, fc.nat(3000), fc.nat(65_535), (rcvNxt, offset, length, window) => {
        const seq = sequence.add(rcvNxt, offset);
        // In a frame where RCV.NXT is 2³¹, so that plain comparison is right.
        const nxt = HALF;
        const segSeq = nxt + BigInt(offset);
        const last = segSeq + BigInt(length) - 1n;
        const end = nxt + BigInt(window);
        const inside = (n: bigint): boolean => nxt <= n && n < end;
        let expected: boolean;
        if (length === 0) expected = window === 0 ? segSeq === nxt : inside(segSeq);
        else expected = window === 0 ? false : inside(segSeq) || inside(last);
        expect(sequence.acceptable(seq, length, rcvNxt, window)).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});
