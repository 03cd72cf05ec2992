/**
 * Loss seen by duplicate acknowledgments: fast retransmit, fast recovery, limited transmit (RFC 5681, RFC 6582, RFC 3042).
 */
import { describe, expect, it } from 'vitest';
import { Script } from './script.ts';

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
    expect(c.cwnd).toBe(4500 + 3000);
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
  it('inflates the window with every further duplicate, and sends new data when it fits', () => {
    const x = tenInFlight(10_000);
    for (let i = 0; i < 4; i++) x.in('. 1:1 ack 1001');
    x.sent = [];
    const c = x.connection;
    const cwnd = c.cwnd;
    x.in('. 1:1 ack 1001');
    expect(c.cwnd).toBe(cwnd + 1000);
    for (let i = 0; i < 6; i++) x.in('. 1:1 ack 1001');
    expect(x.sent.every((segment) => segment.start > 10_000)).toBe(true);
    expect(x.sent.length).toBeGreaterThan(0);
  });

  it('resends the next hole at a partial acknowledgment, and ends when all is acknowledged', () => {
    const x = tenInFlight();
    const c = x.connection;
    for (let i = 0; i < 4; i++) x.in('. 1:1 ack 1001');
    x.out('. 1001:2001 ack 1');
    x.in('. 1:1 ack 4001'); // 4001 is missing, too
    x.out('. 4001:5001 ack 1');
    expect(c.inRecovery).toBe(true);
    x.in('. 1:1 ack 7001');
    x.out('. 7001:8001 ack 1');
    x.in('. 1:1 ack 10001');
    x.expectSilence();
    expect(c.inRecovery).toBe(false);
    expect(c.cwnd).toBe(2000); // min(ssthresh, max(FlightSize, SMSS) + SMSS) with nothing in flight
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
    expect(c.inRecovery).toBe(false);
    expect(c.cwnd).toBe(1000);
  });
});
