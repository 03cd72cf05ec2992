/**
 * How long an owner waits for its peer: user timeout (RFC 5482), keep-alive by connection, time to open; on a virtual clock.
 */
import { describe, expect, it } from 'vitest';
import { CLOSE_TIMEOUT } from '../../src/lib/link/stream.ts';
import { ADDRESS_B } from './pair.ts';
import { Script } from './script.ts';

describe('user timeout (RFC 5482)', () => {
  it('ends a connection whose data is not acknowledged, that long after it was sent', () => {
    const x = new Script({ tcp: { userTimeoutMs: 5_000, maxRetransmissions: 2 } });
    x.establish();
    x.write(100);
    x.advance(4_999);
    expect(x.state).toBe('ESTABLISHED');
    x.advance(1);
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
    expect(x.tcp.counters.userTimeouts).toBe(1);
  });

  it('begins anew with every progress', () => {
    const x = new Script();
    const c = x.establish();
    c.userTimeoutMs = 2_000;
    x.write(1000);
    for (let i = 1; i <= 20; i++) {
      x.advance(1_500);
      expect(x.state).toBe('ESTABLISHED');
      x.in(`. 1:1 ack ${1 + i * 10}`);
    }
    x.advance(10_000);
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
  });

  it('bounds the wait for a closed window, even if the peer answers', () => {
    const x = new Script({ tcp: { userTimeoutMs: 10_000 } });
    x.establish('mss 1000', 1000);
    x.write(2000);
    x.in('. 1:1 ack 1001 win 0');
    let waitedMs = 0;
    while (x.state === 'ESTABLISHED' && waitedMs < 60_000) {
      x.advance(100);
      waitedMs += 100;
      if (x.sent.splice(0).length > 0) x.in('. 1:1 ack 1001 win 0');
    }
    expect(waitedMs).toBeGreaterThan(9_900);
    expect(waitedMs).toBeLessThan(10_200);
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
  });

  it('does not count a window that opened in between', () => {
    const x = new Script({ tcp: { userTimeoutMs: 3_000 } });
    x.establish('mss 1000', 1000);
    x.write(30_000);
    for (let at = 1001; at < 20_000; at += 1000) {
      x.in(`. 1:1 ack ${at} win 0`);
      x.advance(2_000);
      x.in(`. 1:1 ack ${at} win 1000`);
    }
    expect(x.state).toBe('ESTABLISHED');
  });

  it('bounds keep-alive in place of the number of probes', () => {
    const x = new Script({ tcp: { userTimeoutMs: 100_000, keepAliveProbes: 1 } });
    const c = x.establish();
    c.keepAlive(60_000, 10_000);
    for (const ms of [60_000, 10_000, 10_000, 10_000]) x.outAfter(ms, '. 0:0 ack 1');
    x.outAfter(10_000, 'R. 1:1 ack 1');
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
  });

  it('tells what the network said (RFC 5461 §2)', () => {
    const x = new Script({ tcp: { userTimeoutMs: 3_000 } });
    const c = x.establish();
    expect(c.softError).toBe(-1);
    x.write(100);
    c.softError = 0x0301;
    x.advance(3_000);
    expect([x.handler.closes, c.softError]).toEqual([[CLOSE_TIMEOUT], 0x0301]);
  });
});

describe('keep-alive of one connection', () => {
  it('has its own times and number of probes', () => {
    const x = new Script();
    const c = x.establish();
    c.keepAlive(30_000, 2_000, 2);
    x.outAfter(30_000, '. 0:0 ack 1');
    x.outAfter(2_000, '. 0:0 ack 1');
    x.outAfter(2_000, 'R. 1:1 ack 1');
  });

  it('asks at once when the peer is silent for longer already, and can be turned off', () => {
    const x = new Script();
    const c = x.establish();
    x.advance(50_000);
    c.keepAlive(30_000);
    x.advance(0.001);
    x.out('. 0:0 ack 1');
    c.keepAlive(0);
    x.advance(3_600_000);
    x.expectSilence();
    expect(x.tcp.nextDeadlineUs()).toBe(Infinity);
  });
});

describe('time to open', () => {
  it('ends an active open, whatever the number of SYNs', () => {
    const x = new Script();
    x.tcp.connect(ADDRESS_B, 80, x.handler, 5000, { openTimeoutMs: 4_500 });
    x.advance(4_499);
    expect(x.handler.closes).toEqual([]);
    x.advance(1);
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
  });
});

describe('a next hop that does not answer', () => {
  it('is asked for as long as a peer would be, then the connection ends', () => {
    const x = new Script({ tcp: { maxRetransmissions: 4, maxRtoMs: 2_000 } });
    const c = x.establish();
    c.hop!.resolved = false;
    c.hop!.state = 5; // failed
    x.peer.close();
    x.write(100);
    x.advance(60_000);
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
  });
});

describe('the cork', () => {
  it('holds what is short of a segment until it is drawn', () => {
    const x = new Script();
    const c = x.establish('mss 1000');
    c.corked = true;
    x.write(1500);
    x.out('. 1:1001 ack 1');
    x.write(400);
    x.in('. 1:1 ack 1001');
    x.expectSilence();
    c.corked = false;
    x.turn();
    x.out('P. 1001:1901 ack 1');
  });

  it('holds it for 200 ms at most once nothing is in flight', () => {
    const x = new Script();
    const c = x.establish('mss 1000');
    c.corked = true;
    x.write(10);
    x.outAfter(200, 'P. 1:11 ack 1');
    x.in('. 1:1 ack 11');
    x.write(10);
    x.advance(100);
    x.write(1500);
    x.out('. 11:1011 ack 1');
    x.in('. 1:1 ack 1011');
    x.advance(200);
    x.out('P. 1011:1521 ack 1');
  });

  it('does not hold a FIN', () => {
    const x = new Script();
    const c = x.establish('mss 1000');
    c.corked = true;
    x.write(10);
    c.end();
    x.turn();
    x.out('FP. 1:11 ack 1');
  });
});
