/**
 * Connections that live long: sequence numbers wrap after 4 GB, the clock of microseconds after 71 minutes, and what was noted
 * before half of that lies in the future by the shorter way round the circle. Nothing that is remembered may be taken for news.
 */
import { describe, expect, it } from 'vitest';
import { CubicEpoch, cubic } from '../../src/lib/tcp/congestion/cubic.ts';
import { HyStart } from '../../src/lib/tcp/congestion/hystart.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { recoveryOf } from '../../src/lib/tcp/loss/recovery-state.ts';
import { add } from '../../src/lib/tcp/sequence.ts';
import { Script } from './script.ts';

const HOUR_MS = 3_600_000;
const MSS = 1000;

/** Eleven segments of 1000 bytes, acknowledged one by one after 20 ms: a window of more than the initial one. */
function grow(x: Script, c: Connection): void {
  for (let round = 0; round < 3; round++) {
    const first = add(c.sndNxt, -c.iss);
    x.write(10 * MSS);
    x.advance(20);
    for (let i = 1; i <= 10; i++) x.in(`. 1:1 ack ${first + i * MSS}`);
  }
  x.sent = [];
}

describe('after a silence', () => {
  it.each([0.5, 1.1, 1.5, 25, 24 * 26])(
    'of %f hours the congestion window is the initial one (RFC 5681 §4.1)',
    (hours) => {
      const x = new Script({ tcp: { keepAliveMs: 600_000 } });
      const c = x.establish('mss 1000', 60_000);
      grow(x, c);
      expect(c.cwnd).toBeGreaterThan(10 * MSS);
      for (let ms = 0; ms < hours * HOUR_MS; ms += 600_000) {
        x.advance(600_000);
        if (x.sent.splice(0).length > 0) x.in(`. 1:1 ack ${add(c.sndNxt, -c.iss)}`);
      }
      x.write(40 * MSS);
      expect(x.sent.length).toBe(10);
    },
  );

  it('of 40 minutes without a full window, CUBIC goes on where it was (RFC 9438 §5.8)', () => {
    const grown = (pauseUs: number): number => {
      const epoch = new CubicEpoch();
      epoch.wMax = 200_000;
      epoch.begin(140_000, 1_000, 0);
      let cwnd = 140_000;
      for (let i = 1; i <= 20; i++) {
        const nowUs = (i * 100_000 + (i > 10 ? pauseUs : 0)) | 0;
        cwnd = epoch.grow(cwnd, 1_000, cwnd, nowUs, 100_000);
      }
      return cwnd;
    };
    expect(grown(0)).toBeGreaterThan(170_000);
    expect(grown(40 * 60_000_000)).toBe(grown(0));
  });

  it('of 40 minutes RACK knows nothing of what was sent before it', () => {
    const x = new Script({ tcp: { keepAliveMs: 600_000, tailLossProbe: false } });
    const c = x.establish('mss 1000 sackok', 60_000);
    x.write(5 * MSS);
    x.advance(20);
    x.in('. 1:1 ack 1 sack 1001:5001');
    x.in('. 1:1 ack 5001');
    for (let minutes = 0; minutes < 40; minutes += 10) {
      x.advance(600_000);
      x.in('. 1:1 ack 5001');
    }
    x.write(3 * MSS);
    x.sent = [];
    x.advance(30); // longer than the round trip was, and less than it is now
    x.in('. 1:1 ack 5001 sack 6001:7001');
    expect(x.sent.map((segment) => segment.start)).not.toContain(5001);
    expect(c.ledger?.lostBytes).toBe(0);
  });
});

/** As if `bytes` had been sent, and acknowledged plainly, since the connection was made. */
function moveOn(x: Script, c: Connection, bytes: number): void {
  c.sndUna = add(c.sndUna, bytes);
  c.sndNxt = c.sndUna;
  c.sndWl2 = c.sndUna;
  x.hostIss = add(x.hostIss, bytes);
}

describe('after more than 2³¹ bytes without a loss', () => {
  const LONG = 0x9000_0000;

  it('the third duplicate still means a loss (RFC 6582 §3.2)', () => {
    const x = new Script();
    const c = x.establish();
    moveOn(x, c, LONG);
    x.write(6 * MSS);
    x.sent = [];
    for (let i = 0; i < 3; i++) x.in('. 1:1 ack 1');
    expect(x.sent.map((segment) => segment.start)).toContain(1);
    expect(x.tcp.counters.fastRetransmits).toBe(1);
  });

  it('of small requests, bulk is measured from where it begins', () => {
    const x = new Script();
    const c = x.establish();
    c.takenSeq = add(c.rcvNxt, -LONG);
    x.advance(1);
    x.burst('. 1:1001 ack 1', 'P. 1001:2001 ack 1');
    expect(c.takenSeq).toBe(add(c.rcvNxt, c.rcvBuffer >> 1));
  });

  it('of small replies, HyStart begins its rounds where the window is in use', () => {
    const h = new HyStart(0);
    h.acknowledged(LONG | 0, (LONG + 5000) | 0, 1000);
    expect(h.roundEnd).toBe((LONG + 5000) | 0);
  });

  it('SACKs in order are no reordering', () => {
    const x = new Script({ tcp: { congestion: cubic } });
    const c = x.establish('mss 1000 sackok');
    const r = recoveryOf(c);
    moveOn(x, c, LONG);
    x.write(6 * MSS);
    x.advance(20);
    x.in('. 1:1 ack 1 sack 1001:2001');
    x.in('. 1:1 ack 1 sack 1001:3001');
    expect(r.reorderings).toBe(0);
  });

  it('a D-SACK widens the reordering window again', () => {
    const x = new Script();
    const c = x.establish('mss 1000 sackok');
    const r = recoveryOf(c);
    x.write(2 * MSS);
    x.in('. 1:1 ack 2001 sack 1:1001');
    expect(r.reorderSteps).toBe(2);
    moveOn(x, c, LONG);
    x.write(2 * MSS);
    x.in('. 1:1 ack 4001 sack 2001:3001');
    expect(r.reorderSteps).toBe(3);
  });
});
