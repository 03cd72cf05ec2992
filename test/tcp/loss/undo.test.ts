/**
 * Reductions that turn out to have been for nothing: by timestamps (Eifel, RFC 3522, RFC 4015), by D-SACK (RFC 3708), by F-RTO
 * (RFC 5682).
 */
import { describe, expect, it } from 'vitest';
import { LOSS, OPEN, RECOVERY } from '../../../src/lib/tcp/loss/recovery-state.ts';
import { flight, segment, watch } from './flight.ts';

const WITHOUT_FRTO = { tcp: { frto: false } };

describe('undo by timestamps', () => {
  const stamped = { tcp: { timestamps: true, frto: false } };

  it('of a fast retransmit: the acknowledgment echoes a timestamp from before it', () => {
    const x = flight(stamped);
    const seen = watch(x);
    const c = x.connection;
    const sentTs = (x.tcp.clockMs + c.tsOffset) | 0;
    x.advance(100);
    x.in(`. 1:1 ack 1001 ts 2 ${sentTs} sack ${segment(2, 3)}`);
    expect(c.caState).toBe(RECOVERY);
    expect(c.ssthresh).toBe(5000);
    x.advance(10);
    x.in(`. 1:1 ack 5001 ts 2 ${sentTs}`); // the original was late
    expect(seen).toEqual(['recovery-entered', 'rack 1001', 'undone']);
    expect(c.caState).toBe(OPEN);
    expect(c.ssthresh).toBe(x.tcp.config.maxCwndBytes);
    expect(c.cwnd).toBeGreaterThanOrEqual(10_000);
    expect(x.tcp.counters.reductionsUndone).toBe(1);
  });

  it('not when the echo is of the retransmission', () => {
    const x = flight(stamped);
    const seen = watch(x);
    const c = x.connection;
    const sentTs = (x.tcp.clockMs + c.tsOffset) | 0;
    x.advance(100);
    x.in(`. 1:1 ack 1001 ts 2 ${sentTs} sack ${segment(2, 3)}`);
    const resentTs = x.sent[0].tsVal;
    x.advance(100);
    x.in(`. 1:1 ack 5001 ts 2 ${resentTs}`);
    expect(seen).not.toContain('undone');
    expect(c.ssthresh).toBe(5000);
  });

  it('of a timeout: nothing more is resent, and the window is as it was', () => {
    const x = flight(stamped);
    const seen = watch(x);
    const c = x.connection;
    const { cwnd } = c;
    const sentTs = (x.tcp.clockMs + c.tsOffset) | 0;
    x.advance(500); // a probe, then the timeout
    expect(c.caState).toBe(LOSS);
    x.sent = [];
    x.in(`. 1:1 ack 2001 ts 2 ${sentTs}`);
    expect(seen).toContain('undone');
    expect(c.caState).toBe(OPEN);
    expect(c.cwnd).toBeGreaterThanOrEqual(cwnd);
    x.expectSilence();
    expect(c.rtt.backoff).toBe(0);
    expect(c.rtt.rtoUs).toBeGreaterThan(500_000 / 8); // the long round trip counts
    x.in('. 1:1 ack 11001 ts 2 0');
    expect(c.ledger).toBeNull();
  });

  it('not when it is off', () => {
    const x = flight({ tcp: { timestamps: true, frto: false, undo: false } });
    const seen = watch(x);
    const sentTs = (x.tcp.clockMs + x.connection.tsOffset) | 0;
    x.advance(500);
    x.in(`. 1:1 ack 2001 ts 2 ${sentTs}`);
    expect(seen).not.toContain('undone');
    expect(x.connection.caState).toBe(LOSS);
  });
});

describe('undo by D-SACK', () => {
  it('when every copy was reported as received twice, also after the recovery', () => {
    const x = flight();
    const seen = watch(x);
    const c = x.connection;
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2)},${segment(4, 7)}`); // 1 and 3 are taken for lost
    expect(x.sent.map((sent) => sent.start)).toEqual([1001, 3001]);
    x.in('. 1:1 ack 11001');
    expect(c.caState).toBe(OPEN);
    expect(c.ssthresh).toBe(5000);
    x.in('. 1:1 ack 11001 sack 1001:2001');
    expect(c.ssthresh).toBe(5000);
    x.in('. 1:1 ack 11001 sack 3001:4001');
    expect(c.ssthresh).toBe(x.tcp.config.maxCwndBytes);
    expect(c.cwnd).toBe(10_000);
    expect(seen.filter((event) => event === 'undone')).toHaveLength(1);
  });

  it('not by one that lies before what was reduced for, or when nothing was resent', () => {
    const x = flight();
    const seen = watch(x);
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2, 3)}`);
    x.in('. 1:1 ack 1001 sack 1:1001');
    x.in('. 1:1 ack 1001 sack 1:1001');
    expect(seen).not.toContain('undone');
    expect(x.tcp.counters.dsacksIn).toBe(2);
  });

  it('ends a timeout', () => {
    const x = flight({ ...WITHOUT_FRTO, segments: 1 });
    const seen = watch(x);
    const c = x.connection;
    x.advance(500);
    expect(c.caState).toBe(LOSS);
    x.in('. 1:1 ack 2001');
    x.in('. 1:1 ack 2001 sack 1001:2001');
    expect(seen).toContain('undone');
    expect(c.ssthresh).toBe(x.tcp.config.maxCwndBytes);
  });
});

describe('F-RTO (RFC 5682)', () => {
  /** Ten segments whose acknowledgments come after the timeout; 20,000 bytes more wait. No tail probe, for clarity. */
  const delayed = { tcp: { tailLossProbe: false }, waiting: 20_000 };

  it.each([
    ['with SACK', true],
    ['without', false],
  ])('%s: new data after the first acknowledgment, and the second says that nothing was lost', (_what, sack) => {
    const x = flight({ ...delayed, sack });
    const seen = watch(x);
    const c = x.connection;
    x.advance(250);
    x.out('. 1001:2001 ack 1');
    expect(c.caState).toBe(LOSS);
    x.in('. 1:1 ack 2001'); // of the original, but who knows
    x.out('. 11001:12001 ack 1', '. 12001:13001 ack 1');
    x.in('. 1:1 ack 3001');
    expect(seen).toContain('undone');
    expect(c.caState).toBe(OPEN);
    expect(c.ssthresh).toBe(x.tcp.config.maxCwndBytes);
    expect(c.cwnd).toBeGreaterThanOrEqual(10_000);
    expect(x.tcp.counters.retransmitted).toBe(1);
  });

  it('goes on as ever when a duplicate follows (3a)', () => {
    const x = flight({ ...delayed, sack: false });
    const seen = watch(x);
    x.advance(250);
    x.in('. 1:1 ack 2001');
    x.sent = [];
    x.in('. 1:1 ack 2001');
    expect(x.connection.recovery!.frto).toBe(false);
    x.in('. 1:1 ack 3001');
    expect(seen).not.toContain('undone');
    expect(x.sent[0].text).toBe('. 2001:3001 ack 1');
  });

  it('goes on as ever when the first acknowledgment after the timeout is a duplicate (2a)', () => {
    const x = flight({ ...delayed, sack: false });
    x.advance(250);
    x.sent = [];
    x.in('. 1:1 ack 1001');
    x.in('. 1:1 ack 2001');
    x.out('. 2001:3001 ack 1', '. 3001:4001 ack 1');
  });

  it('with SACK: a block of new data means that the first flight is lost', () => {
    const x = flight(delayed);
    const seen = watch(x);
    x.advance(250);
    x.in('. 1:1 ack 2001');
    x.sent = [];
    x.in('. 1:1 ack 2001 sack 11001:12001');
    expect(x.sent[0].text).toBe('. 2001:3001 ack 1');
    expect(seen).not.toContain('undone');
  });

  it('with SACK: also when the block comes with text, so that it is no duplicate', () => {
    const x = flight(delayed);
    x.advance(250);
    x.in('. 1:1 ack 2001');
    x.sent = [];
    x.in('. 1:11 ack 2001 sack 11001:12001');
    expect(x.connection.recovery!.frto).toBe(false);
    expect(x.sent[0].text).toBe('. 2001:3001 ack 11');
  });

  it('resends lost data at once when there is nothing new to send', () => {
    const x = flight({ tcp: { tailLossProbe: false }, sack: false });
    x.advance(250);
    x.sent = [];
    x.in('. 1:1 ack 2001');
    x.out('. 2001:3001 ack 1', '. 3001:4001 ack 1');
  });

  it('is not used when it is off', () => {
    const x = flight({ tcp: { tailLossProbe: false, frto: false }, waiting: 20_000, sack: false });
    x.advance(250);
    x.sent = [];
    x.in('. 1:1 ack 2001');
    x.out('. 2001:3001 ack 1', '. 3001:4001 ack 1');
  });
});
