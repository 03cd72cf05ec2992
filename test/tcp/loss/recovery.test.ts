/**
 * Loss seen by duplicate acknowledgments, where the peer has no SACK: fast retransmit, fast recovery, limited transmit (RFC 5681,
 * RFC 6582, RFC 3042), with RFC 6937's window.
 */
import { describe, expect, it } from 'vitest';
import { RECOVERY } from '../../../src/lib/tcp/loss/recovery-state.ts';
import { Script } from '../script.ts';

/** Ten segments of 1,000 bytes in flight, more queued if asked for. */
function tenInFlight(more = 0): Script {
  const x = new Script();
  x.establish('mss 1000');
  x.write(10_000 + more);
  expect(x.sent).toHaveLength(10);
  x.sent = [];
  return x;
}

describe('fast retransmit', () => {
  it('resends the first segment at the third duplicate, not before', () => {
    const x = tenInFlight();
    const c = x.connection;
    x.in('. 1:1 ack 1001');
    x.in('. 1:1 ack 1001');
    x.in('. 1:1 ack 1001');
    x.expectSilence();
    x.in('. 1:1 ack 1001');
    x.out('. 1001:2001 ack 1');
    expect(c.ssthresh).toBe(4500);
    expect(c.cwnd).toBe(6000); // 9,000 in flight, of which 3,000 have arrived and 1,000 are lost, and the one that is resent
    expect(x.tcp.counters.fastRetransmits).toBe(1);
  });

  it.each([
    ['text', '. 1:11 ack 1001'],
    ['a changed window', '. 1:1 ack 1001 win 50000'],
  ])('does not count an acknowledgment with %s', (_what, segment) => {
    const x = tenInFlight();
    x.in('. 1:1 ack 1001');
    x.in('. 1:1 ack 1001');
    x.in('. 1:1 ack 1001');
    x.in(segment);
    expect(x.sent.filter((sent) => sent.length > 0)).toEqual([]);
  });

  it('does not count duplicates when nothing is in flight', () => {
    const x = new Script();
    x.establish();
    for (let i = 0; i < 10; i++) x.in('. 1:1 ack 1');
    expect(x.tcp.counters.duplicateAcksIn).toBe(0);
  });

  it('sends a new segment for each of the first two duplicates (RFC 3042)', () => {
    const x = tenInFlight(5000);
    x.in('. 1:1 ack 1');
    x.out('. 10001:11001 ack 1');
    x.in('. 1:1 ack 1');
    x.out('. 11001:12001 ack 1');
    x.in('. 1:1 ack 1');
    expect(x.sent[0].text).toBe('. 1:1001 ack 1');
  });

  it('needs two bytes of sequence space past the last recovery to begin another (RFC 6582 §3.2)', () => {
    const x = tenInFlight();
    for (let i = 0; i < 4; i++) x.in('. 1:1 ack 1001');
    x.advance(200); // the timer, too
    x.sent = [];
    x.in('. 1:1 ack 2001');
    x.sent = [];
    for (let i = 0; i < 5; i++) x.in('. 1:1 ack 2001');
    expect(x.tcp.counters.fastRetransmits).toBe(1);
  });
});

describe('fast recovery', () => {
  it('sends one new segment for two further duplicates, until ssthresh is in flight (RFC 6937)', () => {
    const x = tenInFlight(10_000);
    const c = x.connection;
    for (let i = 0; i < 4; i++) x.in('. 1:1 ack 1001');
    // Two for the acknowledgment, one for each of two duplicates (limited transmit, which is no part of FlightSize), the loss.
    expect(x.sent.map((segment) => segment.start)).toEqual([10_001, 11_001, 12_001, 13_001, 1001]);
    expect(c.ssthresh).toBe(5500);
    x.sent = [];
    const news: number[] = [];
    for (let i = 0; i < 8; i++) {
      x.in('. 1:1 ack 1001');
      news.push(x.sent.splice(0).length);
    }
    expect(news).toEqual([0, 1, 0, 1, 0, 1, 0, 0]);
  });

  it('resends the next hole at a partial acknowledgment, and ends when all is acknowledged', () => {
    const x = tenInFlight();
    const c = x.connection;
    for (let i = 0; i < 4; i++) x.in('. 1:1 ack 1001');
    x.out('. 1001:2001 ack 1');
    x.in('. 1:1 ack 4001'); // 4001 is missing, too
    x.out('. 4001:5001 ack 1');
    expect(c.caState).toBe(RECOVERY);
    x.in('. 1:1 ack 7001');
    x.out('. 7001:8001 ack 1');
    x.in('. 1:1 ack 10001');
    x.expectSilence();
    expect(c.caState).not.toBe(RECOVERY);
    expect(c.cwnd).toBe(4500); // ssthresh
    x.advance(100_000);
    x.expectSilence();
  });

  it('restarts the timer at the first partial acknowledgment only', () => {
    const x = tenInFlight();
    for (let i = 0; i < 4; i++) x.in('. 1:1 ack 1001');
    const rtoUs = x.connection.rtt.rtoUs;
    x.advance(100);
    x.in('. 1:1 ack 2001');
    const due = x.clock.us + rtoUs;
    x.advance(100);
    x.in('. 1:1 ack 3001');
    x.sent = [];
    x.advance((due - x.clock.us) / 1000 - 0.001);
    x.expectSilence();
    x.advance(0.001);
    expect(x.sent[0].text).toBe('. 3001:4001 ack 1');
  });

  it('lets the timer do what duplicates could not', () => {
    const x = tenInFlight();
    const c = x.connection;
    for (let i = 0; i < 4; i++) x.in('. 1:1 ack 1001');
    x.sent = [];
    x.advance(200);
    x.out('. 1001:2001 ack 1');
    expect(c.caState).not.toBe(RECOVERY);
    expect(c.cwnd).toBe(1000);
  });
});
