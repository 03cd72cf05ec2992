/**
 * The window while it is being reduced: Proportional Rate Reduction (RFC 6937, RFC 9937), in the scenarios of RFC 6937 §4: 20
 * segments in flight, ssthresh 10. RACK is off, so that the acknowledgment that shows a loss is the third that was SACKed.
 */
import { describe, expect, it } from 'vitest';
import { reduceByEcn } from '../../../src/lib/tcp/loss/recovery.ts';
import { CWR, OPEN, RECOVERY } from '../../../src/lib/tcp/loss/recovery-state.ts';
import type { Script } from '../script.ts';
import { flight, segment, watch } from './flight.ts';

const SEGMENTS = 20;

function twenty(waiting = 35_000): Script {
  const x = flight({ tcp: { rack: false }, segments: SEGMENTS, waiting });
  x.advance(100);
  return x;
}

/** SACKs segments one after the other; how many were sent in answer to each. */
function sack(x: Script, from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    x.in(`. 1:1 ack 1001 sack ${segment(from, i + 1)}`);
    return x.sent.splice(0).length;
  });
}

describe('Proportional Rate Reduction', () => {
  it('with one loss: one segment for two that arrive, evenly, and ssthresh in flight at the end', () => {
    const x = twenty();
    const c = x.connection;
    // Limited transmit, limited transmit, the loss; then ⌈delivered / 2⌉ in all.
    expect(sack(x, 2, 4)).toEqual([1, 1, 1]);
    expect(c.ssthresh).toBe(10_000);
    expect(sack(x, 2, 20).slice(3)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0]);
    expect(c.flightBytes - c.leftBytes).toBe(10_000);
    x.in('. 1:1 ack 21001');
    x.in('. 1:1 ack 23001');
    expect(c.caState).toBe(OPEN);
    expect(c.cwnd).toBe(10_000);
  });

  it('turned off: nothing until half a window has arrived, then one for one', () => {
    const x = flight({ tcp: { rack: false, prr: false }, segments: SEGMENTS, waiting: 35_000 });
    x.advance(100);
    const c = x.connection;
    expect(sack(x, 2, 4)).toEqual([1, 1, 1]);
    expect(c.ssthresh).toBe(10_000);
    // 22 are out, and the first twice: there is room for a tenth when 14 have arrived.
    expect(sack(x, 2, 20).slice(3)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
    expect(c.cwnd).toBe(10_000);
    x.in('. 1:1 ack 21001');
    x.in('. 1:1 ack 23001');
    expect([c.caState, c.cwnd]).toEqual([OPEN, 10_000]);
  });

  it.each([
    [false, []],
    [true, ['. 21001:21001 ack 1']],
  ])(
    'a partial acknowledgment that lets nothing go is answered if the configuration says %s',
    (answersPartialAcks, answers) => {
      const x = flight({ tcp: { rack: false, answersPartialAcks }, segments: SEGMENTS, waiting: 0 });
      x.advance(100);
      sack(x, 2, 4);
      x.in(`. 1:1 ack 4001 sack ${segment(6, 1)}`);
      expect(x.sent.map((sent) => sent.text)).toEqual(answers);
    },
  );

  it('with a burst of losses: not more than what arrives, while each acknowledgment shows nothing but it (CRB)', () => {
    const x = twenty();
    // 1 to 16 are lost: 17 to 20 arrive.
    const sent = sack(x, 17, 20);
    expect(sent.slice(0, 2)).toEqual([1, 1]);
    expect(sent[2]).toBe(1); // pipe 4 or so, far below ssthresh: as many as were delivered since the loss was seen
    expect(sent[3]).toBe(1);
    expect(x.connection.caState).toBe(RECOVERY);
  });

  it('and one more with each acknowledgment that moves SND.UNA and shows no further loss (SSRB)', () => {
    const x = twenty();
    sack(x, 17, 20);
    const c = x.connection;
    let una = 1;
    for (const expected of [2, 2, 2]) {
      una++;
      x.in(`. 1:1 ack ${una * 1000 + 1} sack ${segment(17, 4)}`);
      expect(x.sent.splice(0)).toHaveLength(expected);
    }
    expect(c.flightBytes - c.leftBytes).toBeLessThanOrEqual(c.ssthresh);
  });

  it('never lets more be sent than ssthresh in flight, nor than CRB or SSRB allow (every pattern of loss)', () => {
    for (let pattern = 1; pattern < 1024; pattern += 7) {
      const x = twenty(5000);
      const c = x.connection;
      let delivered = 0;
      const ranges: string[] = [];
      for (let i = 0; i < 10; i++) {
        if ((pattern & (1 << i)) !== 0) continue;
        ranges.unshift(segment(2 + 2 * i));
        x.in(`. 1:1 ack 1001 sack ${ranges.slice(0, 4).join(',')}`);
        if (c.caState === RECOVERY) delivered += 1000;
        const pipe = c.flightBytes - c.leftBytes;
        const fromRecovery = x.sent.length;
        if (c.caState !== RECOVERY) continue;
        expect(c.cwnd, `pattern ${pattern}`).toBeLessThanOrEqual(Math.max(pipe + 1000, c.ssthresh + 1000));
        expect(c.recovery!.prrOut).toBeLessThanOrEqual(Math.max(1000, delivered));
        expect(fromRecovery).toBeGreaterThan(0);
      }
    }
  });
});

describe('a reduction by ECN (RFC 3168 §6.1.2)', () => {
  it('goes down to ssthresh in the same way, resends nothing, and comes once for each window', () => {
    const x = twenty();
    const seen = watch(x);
    const c = x.connection;
    reduceByEcn(c);
    reduceByEcn(c);
    expect(c.caState).toBe(CWR);
    expect(c.ssthresh).toBe(10_000);
    const sent: number[] = [];
    for (let i = 1; i <= 18; i++) {
      x.in(`. 1:1 ack ${segment(i).split(':')[1]}`);
      sent.push(x.sent.splice(0).length);
    }
    expect(sent.reduce((sum, n) => sum + n)).toBe(9);
    expect(Math.max(...sent)).toBe(1);
    x.in('. 1:1 ack 21001');
    expect(c.caState).toBe(OPEN);
    expect(c.cwnd).toBe(10_000);
    reduceByEcn(c);
    expect(c.ssthresh).toBe(5000);
    expect(seen).toEqual(['ecn-reduced', 'recovery-left', 'ecn-reduced']);
    expect(x.tcp.counters.retransmitted).toBe(0);
  });

  it('is not reduced again for a loss in the same window', () => {
    const x = twenty();
    const c = x.connection;
    reduceByEcn(c);
    sack(x, 2, 5);
    expect(c.caState).toBe(RECOVERY);
    expect(c.ssthresh).toBe(10_000);
    reduceByEcn(c);
    expect(c.caState).toBe(RECOVERY);
  });
});
