import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { halfSipHash, initialSequence, timestampOffset } from '../../src/lib/tcp/opening/isn.ts';
import {
  ParsedOptions,
  parseOptions,
  synOptionBytes,
  writeSynOptions,
  writeTimestamps,
} from '../../src/lib/tcp/options.ts';
import { RoundTrip } from '../../src/lib/tcp/rtt.ts';

describe('RoundTrip (RFC 6298)', () => {
  it('follows the formulas of §2 (model: floating point)', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 8, max: 2_000_000 }), { minLength: 1, maxLength: 50 }), (samples) => {
        const rtt = new RoundTrip(1_000_000, 200_000, 60_000_000);
        expect(rtt.rtoUs).toBe(1_000_000);
        let srtt = 0;
        let rttvar = 0;
        for (const [i, r] of samples.entries()) {
          rtt.sample(r);
          if (i === 0) {
            srtt = r;
            rttvar = r / 2;
          } else {
            rttvar = 0.75 * rttvar + 0.25 * Math.abs(srtt - r);
            srtt = 0.875 * srtt + 0.125 * r;
          }
          const rto = Math.min(60_000_000, Math.max(200_000, srtt + 4 * rttvar));
          expect(Math.abs(rtt.srttUs - srtt)).toBeLessThan(10);
          expect(Math.abs(rtt.rtoUs - rto)).toBeLessThan(100);
        }
      }),
    );
  });

  it('keeps the timeout the minimum away from the round trip when that bounds the variation, as on Linux', () => {
    const rtt = new RoundTrip(1_000_000, 200_000, 60_000_000, true);
    for (let i = 0; i < 100; i++) rtt.sample(300_000);
    expect(Math.abs(rtt.rtoUs - 500_000)).toBeLessThan(100);
    const other = new RoundTrip(1_000_000, 200_000, 60_000_000);
    for (let i = 0; i < 100; i++) other.sample(300_000);
    expect(Math.abs(other.rtoUs - 300_000)).toBeLessThan(1_000);
  });

  it('remembers the least round trip for five minutes', () => {
    const rtt = new RoundTrip(1_000_000, 200_000, 60_000_000);
    rtt.ageMinimum(1000);
    rtt.sample(10_000);
    for (let i = 0; i < 200; i++) rtt.sample(50_000);
    rtt.ageMinimum(1300);
    expect(rtt.minUs).toBe(10_000);
    rtt.ageMinimum(1301);
    expect(rtt.minUs).toBeGreaterThan(49_000);
  });

  it('doubles with each backoff up to the maximum, and forgets it at the next sample', () => {
    const rtt = new RoundTrip(1_000_000, 200_000, 10_000_000);
    const seen: number[] = [];
    for (let i = 0; i < 6; i++) {
      seen.push(rtt.rtoUs);
      rtt.backoff++;
    }
    expect(seen).toEqual([1e6, 2e6, 4e6, 8e6, 10e6, 10e6]);
    rtt.sample(500_000);
    expect(rtt.rtoUs).toBe(1_500_000);
  });
});

describe('initial sequence numbers (RFC 6528)', () => {
  it('hash by HalfSipHash-2-4: the reference implementation’s vector for 12 bytes', () => {
    // Key 00 01 … 07, input 00 01 … 0b: vectors_hsip32[12] of the reference implementation.
    const got = halfSipHash(0x0302_0100, 0x0706_0504, 0x0302_0100, 0x0706_0504, 0x0b0a_0908) >>> 0;
    expect(got.toString(16).padStart(8, '0')).toBe('2f87f057');
  });

  it('depend on every part of the connection and on the key, and grow by one every 4 µs', () => {
    const key = Int32Array.of(1, 2, 3, 4);
    const base = initialSequence(key, 0, 10, 20, 30);
    const others = [
      initialSequence(key, 0, 11, 20, 30),
      initialSequence(key, 0, 10, 21, 30),
      initialSequence(key, 0, 10, 20, 31),
      initialSequence(Int32Array.of(1, 3, 3, 4), 0, 10, 20, 30),
    ];
    expect(new Set([base, ...others]).size).toBe(5);
    expect((initialSequence(key, 4_000_000, 10, 20, 30) - base) | 0).toBe(1_000_000);
    expect((initialSequence(key, 4 * 2 ** 32 + 8, 10, 20, 30) - base) | 0).toBe(2);
    expect(timestampOffset(key, 10, 20)).not.toBe(timestampOffset(key, 10, 21));
  });
});

describe('options', () => {
  it('are read as they were written', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_535 }),
        fc.integer({ min: -1, max: 14 }),
        fc.boolean(),
        fc.boolean(),
        fc.integer(),
        fc.integer(),
        (mss, scale, timestamps, sack, tsVal, tsEcr) => {
          const memory = new PacketMemory(1 << 20);
          const at = memory.reserve(64);
          const n = writeSynOptions(memory, at, mss, scale, timestamps, sack, tsVal, tsEcr);
          expect(n).toBe(synOptionBytes(mss, scale, timestamps, sack));
          expect(n % 4).toBe(0);
          const parsed = new ParsedOptions();
          parseOptions(memory, at, at + n, parsed);
          expect(parsed).toMatchObject({ mss, windowScale: scale, sackPermitted: sack, malformed: false });
          expect(parsed.hasTimestamps).toBe(timestamps);
          if (timestamps) expect(parsed).toMatchObject({ tsVal, tsEcr });
          writeTimestamps(memory, at, tsEcr, tsVal);
          parseOptions(memory, at, at + 12, parsed);
          expect(parsed).toMatchObject({ tsVal: tsEcr, tsEcr: tsVal, mss: 0, windowScale: -1 });
        },
      ),
      { numRuns: 200 },
    );
  });

  it('never read past the header’s end, whatever the bytes', () => {
    const memory = new PacketMemory(1 << 20);
    const at = memory.reserve(64);
    const parsed = new ParsedOptions();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        memory.u8.set(bytes, at);
        parseOptions(memory, at, at + bytes.length, parsed);
        const { mss, windowScale, hasTimestamps, tsVal, tsEcr, sackBlocks, malformed } = parsed;
        const first = [mss, windowScale, hasTimestamps, tsVal, tsEcr, sackBlocks, malformed];
        // The same bytes before other garbage must read the same.
        memory.u8.fill(0x55, at + bytes.length, at + 64);
        parseOptions(memory, at, at + bytes.length, parsed);
        expect([
          parsed.mss,
          parsed.windowScale,
          parsed.hasTimestamps,
          parsed.tsVal,
          parsed.tsEcr,
          parsed.sackBlocks,
          parsed.malformed,
        ]).toEqual(first);
        expect(windowScale).toBeLessThanOrEqual(14);
        if (sackBlocks > 0) expect(parsed.sackOffset + sackBlocks * 8).toBeLessThanOrEqual(at + bytes.length);
      }),
      { numRuns: 2000 },
    );
  });
});
