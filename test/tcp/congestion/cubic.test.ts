/**
 * CUBIC against the formulas of RFC 9438, evaluated directly, over a simulated ACK clock.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CubicEpoch, cubic } from '../../../src/lib/tcp/congestion/cubic.ts';
import type { Connection } from '../../../src/lib/tcp/connection.ts';
import { Script } from '../script.ts';

const C = 0.4;
const BETA = 0.7;
const ALPHA = 9 / 17; // 3 (1 − β) / (1 + β)
const MSS = 1000;
/** The function is looked at so often. */
const TICK_US = 4000;

/** W_cubic(t), figure 1: segments, seconds. */
function wCubic(t: number, wMax: number, k: number): number {
  return C * (t - k) ** 3 + wMax;
}

/**
 * §4.2–§4.5 in segments, as the RFC writes them: one acknowledgment of one segment at a time. What the RFC leaves open: the target is
 * a whole number of segments, up to wMax the next one, and it is found anew in each tick.
 */
class Model {
  readonly k: number;
  wEst: number;
  private growth = 0;
  private tickUs = -TICK_US;
  cwnd: number;
  readonly wMax: number;
  readonly cwndPrior: number;

  constructor(cwnd: number, wMax: number, cwndPrior: number) {
    this.k = cwnd < wMax ? Math.cbrt((wMax - cwnd) / C) : 0;
    this.wMax = Math.max(cwnd, wMax);
    this.cwndPrior = cwndPrior;
    this.cwnd = cwnd;
    this.wEst = cwnd;
  }

  acknowledged(segments: number, nowUs: number, rtt: number): void {
    this.wEst += (this.wEst < this.cwndPrior ? ALPHA : 1) * (segments / this.cwnd);
    if (nowUs - this.tickUs >= TICK_US) {
      this.tickUs = nowUs;
      const t = nowUs / 1e6 + rtt;
      const exact = wCubic(t, this.wMax, this.k);
      const target = t < this.k ? Math.ceil(exact) : Math.floor(exact);
      this.growth = Math.min(Math.max(target - Math.floor(this.cwnd), 0), this.cwnd / 2);
    }
    this.cwnd = Math.max(this.cwnd + (this.growth / this.cwnd) * segments, this.wEst);
  }
}

function established(): Connection {
  return new Script({ tcp: { congestion: cubic } }).establish('mss 1000');
}

/** A full window is acknowledged, two segments each time, over one round trip. */
function roundTrip(c: Connection, rttUs: number): void {
  const begunUs = c.stack.clockUs;
  const window = c.cwnd;
  for (let left = window; left > 0; left -= 2000) {
    const acked = Math.min(2000, left);
    c.stack.clockUs = (begunUs + Math.round((rttUs * (window - left + acked)) / window)) | 0;
    const flight = c.cwnd;
    c.sndNxt = (c.sndUna + flight) | 0;
    c.sndUna = (c.sndUna + acked) | 0;
    c.congestion.onAck(c, acked, flight, 0);
  }
}

describe('the window after a reduction', () => {
  it('follows a model in segments, whatever the windows, round trips and acknowledgments', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 4000 }),
        fc.integer({ min: 500, max: 300_000 }),
        fc.integer({ min: 1, max: 4 }),
        fc.boolean(),
        (segments, rttUs, stretch, afterLoss) => {
          const wMax = afterLoss ? segments / BETA : 0;
          const epoch = new CubicEpoch();
          epoch.wMax = wMax * MSS;
          epoch.cwndPrior = wMax * MSS;
          epoch.begin(segments * MSS, MSS, 0);
          const model = new Model(segments, wMax, afterLoss ? wMax : segments);
          let cwnd = segments * MSS;
          let nowUs = 0;
          for (let i = 0; i < 3000; i++) {
            const stepUs = Math.max(1, Math.round((rttUs * stretch * MSS) / cwnd));
            nowUs += Math.min(stepUs, rttUs);
            cwnd = epoch.grow(cwnd, MSS, stretch * MSS, nowUs, rttUs);
            model.acknowledged(stretch, nowUs, rttUs / 1e6);
            expect(Math.abs(cwnd / MSS - model.cwnd)).toBeLessThan(0.02 * model.cwnd);
            expect(Number.isInteger(cwnd)).toBe(true);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('lies on W_cubic(t): flat at W_max after K seconds, then ever steeper', () => {
    const c = established();
    const rttUs = 100_000; // so long that Reno is far below
    c.rtt.sample(rttUs);
    c.cwnd = 1_000_000;
    c.ssthresh = 1_000_000;
    c.congestion.onCongestion(c, c.cwnd);
    c.congestion.onRecoveryEnd(c);
    expect(c.cwnd).toBe(700_000);
    const k = Math.cbrt((1000 - 700) / C);
    const begun = c.stack.clockUs;
    for (let round = 0; round < 160; round++) {
      roundTrip(c, rttUs);
      const t = ((c.stack.clockUs - begun) | 0) / 1e6;
      const exact = wCubic(t, 1000, k);
      const slope = 3 * C * (t - k) ** 2;
      // One round trip of the curve, and a segment for what is rounded.
      expect(Math.abs(c.cwnd / MSS - exact)).toBeLessThan(slope * (rttUs / 1e6) + 1);
    }
    expect(((c.stack.clockUs - begun) | 0) / 1e6).toBeGreaterThan(k + 6);
    expect(c.cwnd).toBeGreaterThan(1_080_000);
  });

  it('grows by half of itself in a round trip at most (§4.2)', () => {
    const c = established();
    c.rtt.sample(1_000_000);
    c.cwnd = 10_000;
    c.ssthresh = 10_000;
    roundTrip(c, 1_000_000);
    for (let i = 0; i < 60; i++) {
      const before = c.cwnd;
      roundTrip(c, 1_000_000);
      expect(c.cwnd).toBeLessThanOrEqual(before * Math.exp(0.5) + 2000);
    }
  });
});

describe('the Reno-friendly region (§4.3)', () => {
  /** Windows after each round trip of 1 ms, from a reduction to 14 segments on: so short that the function hardly moves. */
  const windows = (): number[] => {
    const c = established();
    c.rtt.sample(1000);
    c.cwnd = 20_000;
    c.ssthresh = 20_000;
    c.congestion.onCongestion(c, 20_000);
    c.congestion.onRecoveryEnd(c);
    const after = [c.cwnd / MSS];
    while (c.cwnd < 24_000) {
      roundTrip(c, 1000);
      after.push(c.cwnd / MSS);
    }
    return after;
  };
  const growth = (after: number[], from: number): number => after[from + 1] - after[from];

  it('is entered by a segment for each round trip of the first tick', () => {
    const after = windows();
    for (let i = 0; i < 4; i++) expect(Math.abs(growth(after, i) - 1)).toBeLessThan(0.1);
    expect(growth(after, 5)).toBe(0); // ahead of both curves
  });

  it('grows by α segments in a round trip until the window before the reduction, then by one', () => {
    const after = windows();
    const caughtUp = after.findIndex((cwnd, i) => i > 5 && cwnd > after[5]);
    const reached = after.findIndex((cwnd) => cwnd >= 20);
    for (let i = caughtUp; i < reached - 2; i++) expect(Math.abs(growth(after, i) - ALPHA)).toBeLessThan(0.06);
    for (let i = reached + 1; i < after.length - 1; i++) expect(Math.abs(growth(after, i) - 1)).toBeLessThan(0.1);
  });
});

describe('a reduction', () => {
  it('multiplies what was in flight by 0.7, and remembers the window (§4.6)', () => {
    const c = established();
    c.cwnd = 50_000;
    c.congestion.onCongestion(c, 40_000);
    expect(c.ssthresh).toBe(28_000);
    expect(c.cubic).toMatchObject({ wMax: 50_000, cwndPrior: 50_000, running: false });
  });

  it('gives way to newcomers when it comes before the last maximum is reached (§4.7)', () => {
    const c = established();
    c.cwnd = 100_000;
    c.congestion.onCongestion(c, 100_000);
    c.cwnd = 80_000;
    c.congestion.onCongestion(c, 80_000);
    expect(c.cubic!.wMax).toBeCloseTo(80_000 * 0.85, 6);
    c.cwnd = 90_000;
    c.congestion.onCongestion(c, 90_000);
    expect(c.cubic!.wMax).toBe(90_000);
  });

  it('by a timeout lets the function begin where the next congestion avoidance does (§4.8)', () => {
    const c = established();
    c.rtt.sample(10_000);
    c.cwnd = 100_000;
    c.congestion.onTimeout(c, 100_000, false);
    expect([c.cwnd, c.ssthresh]).toEqual([1000, 70_000]);
    c.cwnd = 70_000;
    roundTrip(c, 10_000);
    expect(c.cubic).toMatchObject({ k: 0, wMax: 70_000, running: true });
  });

  it('that was for nothing leaves no trace (§4.9)', () => {
    const c = established();
    c.rtt.sample(10_000);
    c.cwnd = 100_000;
    c.ssthresh = 100_000;
    c.congestion.onCongestion(c, 100_000);
    c.congestion.onRecoveryEnd(c);
    for (let i = 0; i < 50; i++) roundTrip(c, 10_000);
    const before = { ...c.cubic };
    const { cwnd, ssthresh } = c;
    for (const reduce of [() => c.congestion.onCongestion(c, cwnd), () => c.congestion.onTimeout(c, cwnd, false)]) {
      reduce();
      c.cwnd = c.ssthresh;
      roundTrip(c, 10_000);
      c.congestion.onUndo(c);
      expect([c.cwnd, c.ssthresh]).toEqual([cwnd, ssthresh]);
      expect(c.cubic).toEqual(before);
    }
  });
});

describe('time in which the application was the limit (§5.8)', () => {
  it('is not the function’s time', () => {
    const c = established();
    const rttUs = 50_000;
    c.rtt.sample(rttUs);
    c.cwnd = 100_000;
    c.ssthresh = 100_000;
    c.congestion.onCongestion(c, 100_000);
    c.congestion.onRecoveryEnd(c);
    for (let i = 0; i < 20; i++) roundTrip(c, rttUs);
    const { elapsed } = c.cubic!;
    const { cwnd } = c;
    for (let i = 0; i < 1000; i++) {
      // A small request and its reply, every 100 ms.
      c.stack.clockUs = (c.stack.clockUs + 100_000) | 0;
      c.sndUna = (c.sndUna + 100) | 0;
      c.sndNxt = c.sndUna;
      c.congestion.onAck(c, 100, 100, rttUs);
    }
    expect(c.cwnd).toBe(cwnd);
    roundTrip(c, rttUs);
    expect(c.cubic!.elapsed - elapsed).toBeLessThan(0.11);
    expect(c.cwnd).toBeLessThan(cwnd * 1.05);
  });

  it('of which the validation takes the window away begins a new stage', () => {
    const c = established();
    c.rtt.sample(50_000);
    c.rtt.baseRtoUs = 200_000;
    c.cwnd = 100_000;
    c.ssthresh = 100_000;
    roundTrip(c, 50_000);
    c.lastSentUs = (c.stack.clockUs - 1_000_000) | 0;
    c.congestion.onIdleRestart(c);
    expect(c.cwnd).toBe(10_000);
    expect(c.cubic!.running).toBe(false);
  });
});

describe('memory', () => {
  it('is not taken by connections that never fill their window', () => {
    const c = established();
    for (let i = 0; i < 100; i++) {
      c.sndUna = (c.sndUna + 100) | 0;
      c.sndNxt = c.sndUna;
      c.congestion.onAck(c, 100, 100, 500);
    }
    expect([c.cubic, c.hystart, c.priorCubic]).toEqual([null, null, null]);
  });
});
