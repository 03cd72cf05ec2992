/**
 * Tail loss probes (RFC 8985 §7). The round trip is 100 ms, the retransmission timeout 250 ms.
 */
import { describe, expect, it } from 'vitest';
import { LOSS, OPEN, RECOVERY } from '../../../src/lib/tcp/loss/recovery-state.ts';
import { Script } from '../script.ts';
import { flight, segment, watch } from './flight.ts';

describe('a tail loss probe', () => {
  it('is the last segment again, after two round trips of silence; its SACK shows what is missing', () => {
    const x = flight();
    const seen = watch(x);
    x.advance(100);
    x.in('. 1:1 ack 7001'); // 8, 9 and 10 are lost
    x.expectSilence();
    x.outAfter(200, 'P. 10001:11001 ack 1');
    expect(seen).toEqual(['tail-probe 10001']);
    x.advance(100);
    x.in(`. 1:1 ack 7001 sack ${segment(10)}`);
    // RACK: 7 and 8 were sent before the probe, by more than a round trip and a quarter.
    expect(seen).toEqual(
      ['tail-probe 10001', 'recovery-entered', 'rack 7001', 'rack 8001', 'rack 9001'].slice(0, seen.length),
    );
    expect(x.connection.caState).toBe(RECOVERY);
    expect(x.tcp.counters.timeoutsFired).toBe(0);
  });

  it('is new data when there is some and the peer has room, whatever the congestion window says', () => {
    const x = flight({ waiting: 5000 });
    x.advance(100);
    expect(x.connection.cwnd).toBe(10_000);
    x.advance(99.999);
    x.expectSilence();
    x.advance(0.001);
    x.out('P. 11001:12001 ack 1');
    expect(x.connection.cwnd).toBe(10_000);
    x.in('. 1:1 ack 12001');
    expect(x.connection.recovery!.probing).toBe(false);
    expect(x.connection.caState).toBe(OPEN);
  });

  it('is a copy when the peer’s window is full', () => {
    const x = new Script();
    x.listen();
    x.in('S 0:0 win 5000 mss 1000 sackok');
    x.advance(100);
    x.in('. 1:1 ack 1 win 5000');
    x.write(9000);
    x.sent = [];
    x.outAfter(200, '. 4001:5001 ack 1');
  });

  it('waits for a delayed acknowledgment when one segment is out, but not longer than the timeout', () => {
    const x = flight({ segments: 1 });
    x.outAfter(250, 'P. 1001:2001 ack 1'); // 2 · 100 + 200 ms would be later
    expect(x.connection.caState).toBe(OPEN);
    expect(x.tcp.counters.tailProbes).toBe(1);
    x.outAfter(250, 'P. 1001:2001 ack 1'); // a full timeout after the probe
    expect(x.connection.caState).toBe(LOSS);
    const y = flight({ segments: 1, tcp: { minRtoMs: 1000 } });
    y.outAfter(400, 'P. 1001:2001 ack 1');
    expect(y.tcp.counters.tailProbes).toBe(1);
  });

  it('waits as long for less than two full segments, which a receiver need not acknowledge at once either', () => {
    const x = flight({ segments: 0, tcp: { minRtoMs: 1000 } });
    x.connection.cwnd = 10_000;
    x.write(1500);
    x.sent = [];
    x.outAfter(400, 'P. 2001:2501 ack 1');
    flight({ segments: 2, tcp: { minRtoMs: 1000 } }).outAfter(200, 'P. 2001:3001 ack 1');
  });

  it('comes once, then the timer', () => {
    const x = flight();
    const seen = watch(x);
    x.advance(200);
    x.out('P. 10001:11001 ack 1');
    x.advance(249.999);
    x.expectSilence();
    x.advance(0.001);
    expect(x.connection.caState).toBe(LOSS);
    expect(seen).toEqual(['tail-probe 10001', 'loss-entered', 'timeout 1001']);
  });

  it('carries the FIN when that was last', () => {
    const x = flight({ segments: 2 });
    x.connection.end();
    x.turn();
    x.out('F. 3001:3001 ack 1');
    x.outAfter(200, 'F. 3001:3001 ack 1');
    x.in('. 1:1 ack 3002');
    expect(x.state).toBe('FIN-WAIT-2');
    expect(x.connection.ledger).toBeNull();
    const y = flight({ segments: 0 });
    y.connection.cwnd = 10_000;
    y.write(1500);
    y.connection.end();
    y.turn();
    y.sent = [];
    y.advance(250);
    expect(y.sent[0].text).toBe('F. 2501:2501 ack 1');
  });

  it.each([
    ['the peer has no SACK', { sack: false }],
    ['it is off', { tcp: { tailLossProbe: false } }],
    ['RACK is off', { tcp: { rack: false } }],
  ])('does not come when %s', (_what, options) => {
    const x = flight(options);
    x.advance(249.999);
    x.expectSilence();
    x.advance(0.001);
    expect(x.connection.caState).toBe(LOSS);
  });

  it('is not sent sooner than after 2 ms', () => {
    const x = new Script();
    x.establish('mss 1000 sackok');
    x.write(100);
    x.in('. 1:1 ack 101'); // no time at all
    x.write(5000);
    x.sent = [];
    x.outAfter(2, 'P. 4101:5101 ack 1');
  });
});

describe('a probe that was a copy', () => {
  it('has repaired a loss when later data is acknowledged: the window is reduced (§7.4.2)', () => {
    const x = flight();
    const seen = watch(x);
    const c = x.connection;
    x.advance(100);
    x.in('. 1:1 ack 10001');
    x.advance(250);
    x.out('P. 10001:11001 ack 1');
    x.advance(100);
    const { cwnd } = c;
    x.in('. 1:1 ack 11001');
    expect(c.cwnd).toBeGreaterThanOrEqual(cwnd);
    x.write(6000);
    x.in('. 1:1 ack 17001');
    expect(seen).toContain('tail-repaired');
    expect(c.ssthresh).toBeLessThan(cwnd);
    expect(c.cwnd).toBe(c.ssthresh);
  });

  it.each([
    ['a D-SACK', '. 1:1 ack 11001 sack 10001:11001'],
    ['a duplicate', '. 1:1 ack 11001'],
  ])('has not when %s shows that both arrived', (_what, second) => {
    const x = flight();
    const seen = watch(x);
    const c = x.connection;
    x.advance(200);
    x.sent = [];
    x.in('. 1:1 ack 11001');
    x.in(second);
    expect(c.recovery!.probing).toBe(false);
    c.cwnd = 10_000;
    x.write(6000);
    x.in('. 1:1 ack 17001');
    expect(seen).not.toContain('tail-repaired');
    expect(c.ssthresh).toBe(x.tcp.config.maxCwndBytes);
  });
});
