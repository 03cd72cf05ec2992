import fc from 'fast-check';
import { expect, it } from 'vitest';
import { LatencyHistogram } from '../../src/lib/server/latency.ts';

it('percentiles are at most 1/32 above the true ones', () => {
  const nanos = fc.oneof(fc.nat(200), fc.nat(100_000), fc.nat(0x7fff_ffff));
  fc.assert(
    fc.property(
      fc.array(nanos, { minLength: 1, maxLength: 300 }),
      fc.integer({ min: 1, max: 1000 }),
      (values, mille) => {
        const histogram = new LatencyHistogram();
        for (const value of values) histogram.record(value);
        const percent = mille / 10;
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil((percent / 100) * sorted.length)) - 1];
        const found = histogram.percentile(percent);
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(exact + exact / 32);
      },
    ),
  );
});

it('what takes longer than it can tell counts as its longest', () => {
  const histogram = new LatencyHistogram();
  histogram.record(1e12);
  expect(histogram.percentile(50)).toBe(0x7fff_ffff);
  expect(new LatencyHistogram().percentile(50)).toBe(0);
});
