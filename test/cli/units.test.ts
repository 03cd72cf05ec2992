import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatBytes,
  formatCount,
  formatDurationUs,
  parseCount,
  parseDurationUs,
  parseShare,
  parseSizeBytes,
} from '../../src/lib/cli/units.ts';

describe('durations', () => {
  it.each([
    ['10s', 10_000_000],
    ['250ms', 250_000],
    ['50us', 50],
    ['50µs', 50],
    ['1.5s', 1_500_000],
    ['.5ms', 500],
    ['2m', 120_000_000],
    ['1h', 3_600_000_000],
    ['10 S', 10_000_000],
    ['0', 0],
  ])('%s is %i µs', (text, us) => {
    expect(parseDurationUs(text)).toBe(us);
  });

  it('a bare number has the unit that the flag says, and none otherwise', () => {
    expect(parseDurationUs('2', 's')).toBe(2_000_000);
    expect(parseDurationUs('0.2', 's')).toBe(200_000);
    expect(parseDurationUs('50', 'us')).toBe(50);
    expect(parseDurationUs('50')).toBeNull();
  });

  it.each(['', 's', '-1s', '1x', '1 2', '1e3', '1kb', 'constructor', '5toString', 'NaN', 'Infinity'])(
    '%j is none',
    (text) => {
      expect(parseDurationUs(text, 's')).toBeNull();
    },
  );

  it('are printed with three figures and read back within a percent', () => {
    expect([0.85, 46.1, 375, 1250, 3e6].map(formatDurationUs)).toEqual([
      '850 ns',
      '46.1 µs',
      '375 µs',
      '1.25 ms',
      '3.00 s',
    ]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3_600_000_000 }), (us) => {
        const again = parseDurationUs(formatDurationUs(us));
        expect(again).not.toBeNull();
        expect(Math.abs((again as number) - us)).toBeLessThanOrEqual(us * 0.01);
      }),
    );
  });
});

describe('sizes, as redis.conf has them', () => {
  it.each([
    ['64', 64],
    ['64b', 64],
    ['1k', 1000],
    ['1kb', 1024],
    ['64KB', 65_536],
    ['1m', 1_000_000],
    ['1mb', 1_048_576],
    ['1.5gb', 1_610_612_736],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSizeBytes(text)).toBe(bytes);
  });

  it.each(['', 'kb', '-1', '1tb', '1%'])('%j is none', (text) => {
    expect(parseSizeBytes(text)).toBeNull();
  });

  it('are printed in binary units', () => {
    expect([512, 65_536, 1 << 20, 2 ** 30 * 1.5].map(formatBytes)).toEqual([
      '512 B',
      '64.0 KiB',
      '1.00 MiB',
      '1.50 GiB',
    ]);
  });
});

describe('shares and counts', () => {
  it.each([
    ['1%', 0.01],
    ['0.01', 0.01],
    ['100%', 1],
    ['0', 0],
  ])('%s is %d', (text, share) => {
    expect(parseShare(text)).toBe(share);
  });

  it.each(['101%', '1.1', '-1%', '1s', ''])('%j is no share', (text) => {
    expect(parseShare(text)).toBeNull();
  });

  it.each([
    ['1000', 1000],
    ['200k', 200_000],
    ['1.5m', 1_500_000],
  ])('%s is %i', (text, count) => {
    expect(parseCount(text)).toBe(count);
  });

  it.each(['0.5', '1g', '', '-3'])('%j is no count', (text) => {
    expect(parseCount(text)).toBeNull();
  });

  it('counts are printed with three figures', () => {
    expect([999, 121_400, 1_684_000, 999_700].map(formatCount)).toEqual(['999', '121k', '1.68M', '1.00M']);
  });
});
