/**
 * Everything that waits: retransmission with backoff, probes of a closed window, delayed acknowledgments; on a virtual clock,
 * to the microsecond.
 */
import { describe, expect, it } from 'vitest';
import { CLOSE_TIMEOUT } from '../../src/lib/link/stream.ts';
import { Script } from './script.ts';

describe('retransmission timeout (RFC 6298)', () => {
  it('doubles with every expiry up to its maximum, and gives up at the limit', () => {
    const x = new Script({ tcp: { maxRtoMs: 3_000, maxRetransmissions: 6 } });
    x.establish();
    x.write(100);
    x.out('P. 1:101 ack 1');
    for (const ms of [200, 400, 800, 1600, 3000, 3000]) x.outAfter(ms, 'P. 1:101 ack 1');
    x.advance(3000);
    x.expectSilence();
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
    expect(x.tcp.connectionCount).toBe(0);
    expect(x.host.link.data.available).toBe(x.host.link.data.count);
  });

  it('starts again with every acknowledgment of new data, and stops when all is acknowledged', () => {
    const x = new Script();
    x.establish();
    x.write(3000);
    x.sent = [];
    x.advance(150);
    x.in('. 1:1 ack 1001');
    x.expectSilence();
    const rtoMs = x.connection.rtt.rtoUs / 1000;
    expect(rtoMs).toBe(200); // the handshake took no time
    x.advance(100);
    x.in('. 1:1 ack 2001');
    x.outAfter(x.connection.rtt.rtoUs / 1000, 'P. 2001:3001 ack 1');
    x.in('. 1:1 ack 3001');
    x.advance(100_000);
    x.expectSilence();
  });

  it('resends one segment, then as many as slow start allows', () => {
    const x = new Script();
    const c = x.establish('mss 1000');
    x.write(8000);
    x.sent = [];
    x.outAfter(200, '. 1:1001 ack 1');
    expect(c.cwnd).toBe(1000);
    expect(c.ssthresh).toBe(4000);
    x.in('. 1:1 ack 1001');
    x.out('. 1001:2001 ack 1', '. 2001:3001 ack 1');
    x.in('. 1:1 ack 3001');
    x.out('. 3001:4001 ack 1', '. 4001:5001 ack 1', '. 5001:6001 ack 1');
    x.in('. 1:1 ack 8001'); // the rest was there all the time
    x.expectSilence();
    x.advance(60_000);
    x.expectSilence();
  });

  it('holds ssthresh when the same data times out again (RFC 5681 §3.1)', () => {
    const x = new Script();
    const c = x.establish('mss 1000');
    x.write(8000);
    x.advance(200);
    expect(c.ssthresh).toBe(4000);
    x.advance(400);
    expect(c.ssthresh).toBe(4000);
    expect(c.cwnd).toBe(1000);
  });

  it('takes no sample from what was resent (Karn), and keeps the backoff until there is one', () => {
    const x = new Script();
    const c = x.establish();
    x.write(100);
    x.advance(200);
    const rtoUs = c.rtt.rtoUs;
    expect(rtoUs).toBe(400_000);
    x.in('. 1:1 ack 101');
    expect(c.rtt.rtoUs).toBe(rtoUs);
    x.write(100);
    x.sent = [];
    x.outAfter(400, 'P. 101:201 ack 1');
    x.in('. 1:1 ack 201');
    x.write(100);
    x.advance(10);
    x.in('. 1:1 ack 301');
    expect(c.rtt.rtoUs).toBe(200_000);
  });

  it('tells copies apart by timestamps (RFC 7323 §4)', () => {
    const x = new Script({ tcp: { timestamps: true } });
    x.tsVal = 1;
    const c = x.establish();
    x.write(100);
    x.advance(200);
    expect(c.rtt.rtoUs).toBe(400_000);
    const { tsVal } = x.sent[x.sent.length - 1];
    x.advance(5);
    x.in(`. 1:1 ack 101 ts 2 ${tsVal}`);
    expect(c.rtt.backoff).toBe(0);
    expect(c.rtt.rtoUs).toBe(200_000);
  });
});

describe('a closed window (RFC 9293 §3.8.6.1)', () => {
  it('is probed by one byte, with exponential backoff, for as long as the peer answers', () => {
    const x = new Script({ tcp: { maxRetransmissions: 4, maxRtoMs: 10_000 } });
    x.establish('mss 1000', 1000);
    x.write(5000);
    x.out('. 1:1001 ack 1');
    x.in('. 1:1 ack 1001 win 0');
    x.expectSilence();
    let ms = 200;
    for (let i = 0; i < 30; i++) {
      x.advance(ms - 0.001);
      x.expectSilence();
      x.advance(0.001);
      x.out('. 1001:1002 ack 1');
      x.in('. 1:1 ack 1001 win 0');
      ms = Math.min(ms * 2, 10_000);
    }
    expect(x.state).toBe('ESTABLISHED');
    x.in('. 1:1 ack 1001 win 3000');
    expect(x.sent.map((segment) => segment.text)).toEqual(
      ['. 1001:1002 ack 1', '. 1002:2001 ack 1', '. 2001:3001 ack 1', '. 3001:4001 ack 1'].slice(0, x.sent.length),
    );
    expect(x.sent.length).toBeGreaterThanOrEqual(3);
    for (const segment of x.sent) x.expectPayload(segment);
  });

  it('goes on from the byte that a probe got through', () => {
    const x = new Script();
    x.establish('mss 1000', 1000);
    x.write(3000);
    x.in('. 1:1 ack 1001 win 0');
    x.sent = [];
    x.advance(200);
    x.out('. 1001:1002 ack 1');
    x.in('. 1:1 ack 1002 win 0');
    x.expectSilence();
    x.in('. 1:1 ack 1002 win 5000');
    x.out('. 1002:2001 ack 1', 'P. 2001:3001 ack 1');
  });

  it('gives up when the peer does not answer', () => {
    const x = new Script({ tcp: { maxRetransmissions: 3, maxRtoMs: 1_000 } });
    x.establish('mss 1000', 1000);
    x.write(3000);
    x.in('. 1:1 ack 1001 win 0');
    x.advance(60_000);
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
  });

  it('is probed by the FIN when nothing else is left', () => {
    const x = new Script();
    x.establish('mss 1000', 1000);
    x.write(1000);
    x.in('. 1:1 ack 1001 win 0');
    x.sent = [];
    x.connection.end();
    x.turn();
    x.expectSilence();
    x.outAfter(200, 'F. 1001:1001 ack 1');
    x.in('. 1:1 ack 1002 win 0');
    expect(x.state).toBe('FIN-WAIT-2');
  });

  it('is no sign of congestion when it closed on data in flight', () => {
    const x = new Script({ tcp: { maxRetransmissions: 4, maxRtoMs: 1_000 } });
    const c = x.establish('mss 1000', 4000);
    x.write(4000);
    x.sent = [];
    x.in('. 1:1 ack 1001 win 0'); // the window was taken back
    const { cwnd } = c;
    for (let i = 0; i < 20; i++) {
      x.advance(1_000);
      expect(x.sent.length).toBeGreaterThan(0);
      for (const segment of x.sent.splice(0)) expect([segment.start, segment.length]).toEqual([1001, 1]);
      x.in('. 1:1 ack 1001 win 0');
    }
    expect(c.cwnd).toBe(cwnd);
    x.in('. 1:1 ack 1001 win 4000');
    x.advance(60_000);
    expect(x.sent.map((segment) => segment.start)).toContain(1001);
  });
});

describe('delayed acknowledgment (RFC 9293 §3.8.6.3)', () => {
  it('comes after 40 ms, once', () => {
    const x = new Script();
    x.establish();
    x.in('P. 1:11 ack 1');
    x.advance(10);
    x.in('P. 11:21 ack 1');
    x.expectSilence();
    x.outAfter(30, '. 1:1 ack 21');
    x.advance(1000);
    x.expectSilence();
  });

  it('does not wait after a full segment for a second after something came out of order: the next may be lost, too', () => {
    const x = new Script();
    x.establish('mss 1000');
    x.in('. 1001:2001 ack 1');
    x.out('. 1:1 ack 1');
    x.in('. 1:1001 ack 1');
    x.out('. 1:1 ack 2001');
    x.in('. 2001:3001 ack 1');
    x.out('. 1:1 ack 3001');
    x.in('. 3001:3011 ack 1');
    x.expectSilence();
    x.outAfter(40, '. 1:1 ack 3011');
    x.advance(2000);
    x.in('. 3011:4011 ack 1');
    x.expectSilence();
  });

  it('does not come when data carried it', () => {
    const x = new Script();
    x.establish();
    x.in('P. 1:11 ack 1');
    x.advance(20);
    x.write(5);
    x.out('P. 1:6 ack 11');
    x.in('. 11:11 ack 6');
    x.advance(1000);
    x.expectSilence();
  });
});

describe('keep-alive (RFC 9293 §3.8.4)', () => {
  it('is off by default', () => {
    const x = new Script();
    x.establish();
    x.advance(86_400_000);
    x.expectSilence();
    expect(x.state).toBe('ESTABLISHED');
  });

  it('asks a silent peer, and goes on as long as it answers', () => {
    const x = new Script({ tcp: { keepAliveMs: 7_200_000 } });
    x.establish();
    for (let i = 0; i < 3; i++) {
      x.outAfter(7_200_000, '. 0:0 ack 1');
      x.in('. 1:1 ack 1');
    }
    expect(x.state).toBe('ESTABLISHED');
  });

  it.each([1_000, 2_000])(
    'asks every %i ms, and goes on as long as it answers, after a silence of 1,000 ms',
    (interval) => {
      const x = new Script({ tcp: { keepAliveMs: 1_000, keepAliveIntervalMs: interval, keepAliveProbes: 1 } });
      x.establish();
      x.outAfter(1_000, '. 0:0 ack 1');
      for (let i = 0; i < 5; i++) {
        x.in('. 1:1 ack 1'); // in the same millisecond
        x.outAfter(interval, '. 0:0 ack 1');
      }
      expect(x.state).toBe('ESTABLISHED');
      x.outAfter(interval, 'R. 1:1 ack 1'); // no answer
    },
  );

  it('does not ask a peer that talks', () => {
    const x = new Script({ tcp: { keepAliveMs: 60_000 } });
    x.establish();
    for (let at = 1; at < 200; at += 10) {
      x.in(`P. ${at}:${at + 10} ack 1`);
      x.advance(50_000);
    }
    expect(x.tcp.counters.keepAliveProbes).toBe(0);
  });

  it('resets a peer that left three probes unanswered', () => {
    const x = new Script({ tcp: { keepAliveMs: 60_000 } });
    x.establish();
    x.outAfter(60_000, '. 0:0 ack 1');
    x.outAfter(20_000, '. 0:0 ack 1');
    x.outAfter(20_000, '. 0:0 ack 1');
    x.outAfter(20_000, 'R. 1:1 ack 1');
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
  });
});

describe('the stack’s deadlines', () => {
  it('are none when nothing waits, and one for each connection at most', () => {
    const x = new Script();
    x.establish();
    x.advance(60_000);
    expect(x.tcp.nextDeadlineUs()).toBe(Infinity);
    for (let i = 0; i < 20; i++) x.write(10);
    expect(x.tcp.deadlines.size).toBe(1);
    expect(x.tcp.nextDeadlineUs()).toBe(x.clock.us + 200_000);
  });

  it('survive a clock that stands still for a day', () => {
    const x = new Script();
    x.establish();
    x.write(10);
    x.sent = [];
    x.clock.us += 86_400_000_000;
    x.turn();
    x.out('P. 1:11 ack 1');
    x.outAfter(400, 'P. 1:11 ack 1');
  });
});
