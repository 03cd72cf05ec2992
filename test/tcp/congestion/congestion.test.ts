/**
 * What all congestion controls share: initial, restart and loss windows, when a window may grow, what a reduction remembers;
 * and NewReno's own arithmetic, ACK by ACK.
 */
import { describe, expect, it } from 'vitest';
import type { TcpOptions } from '../../../src/lib/tcp/config.ts';
import { CONGESTION_CONTROLS, congestionByName } from '../../../src/lib/tcp/congestion/algorithms.ts';
import { initialWindow } from '../../../src/lib/tcp/congestion/congestion.ts';
import { cubic } from '../../../src/lib/tcp/congestion/cubic.ts';
import { reno } from '../../../src/lib/tcp/congestion/reno.ts';
import type { Connection } from '../../../src/lib/tcp/connection.ts';
import { Script } from '../script.ts';

/** An established connection with an MSS of 1,000, whose fields the tests move. */
function connection(tcp: Partial<TcpOptions> = {}): Connection {
  const x = new Script({ tcp: { hystart: false, ...tcp } });
  return x.establish('mss 1000');
}

/** As if `bytes` were sent and nothing acknowledged. */
function inFlight(c: Connection, bytes: number): void {
  c.sndNxt = (c.sndUna + bytes) | 0;
}

/** `bytes` of what is in flight are acknowledged. */
function acknowledge(c: Connection, bytes: number, rttUs = 0): void {
  const flightBytes = (c.sndNxt - c.sndUna) | 0;
  c.sndUna = (c.sndUna + bytes) | 0;
  c.congestion.onAck(c, bytes, flightBytes, rttUs);
}

describe('the initial window (RFC 6928 §2)', () => {
  it.each([
    [1460, 10, 14_600],
    [1000, 10, 10_000],
    [2000, 10, 14_600],
    [9000, 10, 18_000],
    [536, 4, 2144],
    [88, 10, 880],
  ])('of MSS %i and %i segments is %i', (mss, segments, bytes) => {
    expect(initialWindow(mss, segments)).toBe(bytes);
  });

  it('is one segment when the SYN got lost (RFC 5681 §3.1)', () => {
    const x = new Script();
    x.listen();
    x.in('S 0:0 win 60000 mss 1000');
    x.advance(1000);
    x.in('. 1:1 ack 1');
    expect(x.connection.cwnd).toBe(1000);
  });
});

describe.each(CONGESTION_CONTROLS)('$name', (congestion) => {
  it('doubles the window in each round trip of slow start', () => {
    const c = connection({ congestion, slowStartLimitSegments: 2 });
    for (let round = 0, window = 10_000; round < 4; round++, window *= 2) {
      expect(c.cwnd).toBe(window);
      inFlight(c, window);
      for (let acked = 0; acked < window; acked += 2000) acknowledge(c, 2000);
    }
  });

  it.each([
    [1, 1000],
    [2, 2000],
    [8, 8000],
  ])('grows by at most L = %i segments for one acknowledgment (RFC 3465 §2.2)', (slowStartLimitSegments, growth) => {
    const c = connection({ congestion, slowStartLimitSegments });
    inFlight(c, 10_000);
    acknowledge(c, 9000);
    expect(c.cwnd).toBe(10_000 + growth);
  });

  it('counts all of a burst of acknowledgments, between which nothing is sent', () => {
    const c = connection({ congestion, slowStartLimitSegments: 2 });
    c.ssthresh = 20_000;
    c.cwnd = 20_000;
    inFlight(c, 20_000);
    for (let i = 0; i < 10; i++) acknowledge(c, 2000);
    expect(c.cwnd).toBeGreaterThanOrEqual(20_900);
    expect(c.cwnd).toBeLessThanOrEqual(21_000);
  });

  it('does not grow by what was sent with room to spare', () => {
    const c = connection({ congestion });
    for (const [cwnd, ssthresh, flight] of [
      [10_000, 1 << 26, 4999], // slow start: less than half is used
      [10_000, 10_000, 9000], // congestion avoidance: one more segment would have fitted
    ]) {
      c.cwnd = cwnd;
      c.ssthresh = ssthresh;
      inFlight(c, flight);
      acknowledge(c, flight);
      expect(c.cwnd).toBe(cwnd);
    }
  });

  it('does not take a window that was full 2³¹ bytes ago for a full one', () => {
    const c = connection({ congestion });
    inFlight(c, 10_000);
    acknowledge(c, 10_000);
    const { cwnd } = c;
    for (const past of [0, 0x7fff_0000, -0x8000_0000, -0x7fff_0000]) {
      c.sndUna = (c.cwndFullUntil + past) | 0;
      inFlight(c, 1000);
      acknowledge(c, 1000);
    }
    expect(c.cwnd).toBe(cwnd);
  });

  it('does not grow past the limit', () => {
    const c = connection({ congestion, maxCwndBytes: 16_000 });
    for (let i = 0; i < 1000; i++) {
      inFlight(c, c.cwnd);
      acknowledge(c, 2000);
    }
    expect(c.cwnd).toBeGreaterThanOrEqual(16_000);
    expect(c.cwnd).toBeLessThanOrEqual(17_000);
  });

  it('never goes below two segments after a loss, or one after a timeout', () => {
    const c = connection({ congestion });
    inFlight(c, 1000);
    c.congestion.onCongestion(c, 1000);
    expect(c.ssthresh).toBe(2000);
    c.congestion.onRecoveryEnd(c);
    expect(c.cwnd).toBe(2000);
    c.congestion.onTimeout(c, 1000, false);
    expect([c.cwnd, c.ssthresh]).toEqual([1000, 2000]);
  });

  it('holds ssthresh when the same data times out again (RFC 5681 §3.1)', () => {
    const c = connection({ congestion });
    inFlight(c, 10_000);
    c.congestion.onTimeout(c, 10_000, false);
    const { ssthresh } = c;
    c.congestion.onTimeout(c, 10_000, true);
    expect([c.cwnd, c.ssthresh]).toEqual([1000, ssthresh]);
    c.congestion.onUndo(c);
    expect([c.cwnd, c.ssthresh]).toEqual([10_000, 1 << 26]);
  });

  it('opens by one segment for each acknowledgment until what was in flight at a timeout is acknowledged (RFC 3465 §2.3)', () => {
    const c = connection({ congestion, slowStartLimitSegments: 8 });
    inFlight(c, 30_000);
    c.recover = c.sndNxt;
    c.congestion.onTimeout(c, 30_000, false);
    c.ssthresh = 1 << 20;
    acknowledge(c, 20_000);
    expect(c.cwnd).toBe(2000);
    acknowledge(c, 10_000);
    expect(c.cwnd).toBe(3000);
    inFlight(c, 3000);
    acknowledge(c, 3000);
    expect(c.cwnd).toBe(6000);
  });

  it('takes the largest flight of a round trip for its use: more than half of the window opens it (RFC 7661 §4.1)', () => {
    const c = connection({ congestion, slowStartLimitSegments: 2 });
    inFlight(c, 8000);
    for (let acked = 0; acked < 8000; acked += 2000) acknowledge(c, 2000);
    expect(c.cwnd).toBe(16_000);
    inFlight(c, 8000);
    for (let acked = 0; acked < 8000; acked += 2000) acknowledge(c, 2000);
    expect(c.cwnd).toBe(16_000);
  });

  it('reduces what it may have in flight, and not what it had, when it is told to (RFC 9438 §4.6)', () => {
    for (const reducesWindow of [false, true]) {
      const c = connection({ congestion, reducesWindow });
      inFlight(c, 4000);
      c.congestion.onCongestion(c, 4000);
      const share = congestion.name === 'cubic' ? 0.7 : 0.5;
      expect(c.ssthresh).toBe((reducesWindow ? 10_000 : 4000) * share);
    }
  });

  it('brings back the windows when a reduction was for nothing, and keeps what grew since', () => {
    const c = connection({ congestion });
    c.cwnd = 40_000;
    c.ssthresh = 30_000;
    c.congestion.onCongestion(c, 40_000);
    c.congestion.onRecoveryEnd(c);
    expect(c.cwnd).toBeLessThan(30_000);
    c.congestion.onUndo(c);
    expect([c.cwnd, c.ssthresh]).toEqual([40_000, 30_000]);
    c.congestion.onCongestion(c, 40_000);
    c.cwnd = 50_000;
    c.congestion.onUndo(c);
    expect([c.cwnd, c.ssthresh]).toEqual([50_000, 30_000]);
  });
});

describe('validation after idle time (RFC 2861 §3.1)', () => {
  // The timeout is 1 s; the restart window 10,000; ssthresh becomes 3/4 of cwnd if that is more.
  it.each([
    [1, 80_000, 40_000],
    [2, 80_000, 20_000],
    [3, 80_000, 10_000],
    [600, 80_000, 10_000],
    [1, 12_000, 10_000],
    [9, 10_000, 10_000],
    [9, 4000, 4000],
  ])('for %i timeouts makes %i bytes %i', (timeouts, before, after) => {
    const c = connection();
    c.rtt.baseRtoUs = 1_000_000;
    c.cwnd = before;
    c.ssthresh = 7000;
    c.lastSentUs = (c.stack.clockUs - timeouts * 1_000_000) | 0;
    c.congestion.onIdleRestart(c);
    expect(c.cwnd).toBe(after);
    expect(c.ssthresh).toBe(before > 10_000 ? (before / 4) * 3 : 7000);
  });

  it('comes with the first data after the silence, and is reported', () => {
    const x = new Script();
    const c = x.establish('mss 1000');
    c.cwnd = 40_000;
    x.advance(1100);
    const events: string[] = [];
    x.tcp.observer = {
      stateChanged: () => undefined,
      segmentIn: () => undefined,
      segmentOut: () => undefined,
      dropped: () => undefined,
      retransmitted: () => undefined,
      timeWaitEnded: () => undefined,
      notSent: () => undefined,
      congestionChanged: (_c, event) => events.push(event),
    };
    x.write(30_000);
    expect(c.cwnd).toBeLessThan(40_000);
    expect(x.sent.length).toBe(Math.floor(c.cwnd / 1000));
    expect(events).toEqual(['idle-restart']);
  });
});

describe('reno in congestion avoidance (RFC 5681 §3.1, RFC 3465 §2.1)', () => {
  it('adds one segment for each window of acknowledged bytes', () => {
    const c = connection({ congestion: reno });
    c.ssthresh = 10_000;
    const windows: number[] = [];
    for (let i = 0; i < 12; i++) {
      inFlight(c, c.cwnd);
      acknowledge(c, 2000);
      windows.push(c.cwnd);
    }
    // 10,000 bytes are five acknowledgments; 11,000 five and a half.
    expect(windows.map((bytes) => bytes / 1000)).toEqual([10, 10, 10, 10, 11, 11, 11, 11, 11, 11, 12, 12]);
  });

  it('halves what was in flight', () => {
    const c = connection({ congestion: reno });
    c.congestion.onCongestion(c, 9001);
    expect(c.ssthresh).toBe(4500);
  });
});

describe('the choice', () => {
  it('is by name', () => {
    expect(congestionByName('cubic')).toBe(cubic);
    expect(congestionByName('reno')).toBe(reno);
    expect(congestionByName('Cubic')).toBeNull();
  });

  it('may change while the connection is open', () => {
    const c = connection({ congestion: cubic });
    c.cwnd = 20_000;
    c.ssthresh = 20_000;
    inFlight(c, 20_000);
    acknowledge(c, 2000);
    c.congestion = reno;
    c.congestion.onCongestion(c, 20_000);
    expect(c.ssthresh).toBe(10_000);
    c.congestion = cubic;
    c.congestion.onUndo(c);
    expect(c.ssthresh).toBe(20_000);
  });
});
