/**
 * Loss found by time: RACK (RFC 8985 §6), on a virtual clock, to the microsecond. The round trip is 100 ms, so the reordering
 * window begins at 25 ms.
 */
import { describe, expect, it } from 'vitest';
import { DISORDER, LOSS, OPEN, RECOVERY } from '../../../src/lib/tcp/loss/recovery-state.ts';
import { tcpInfo } from '../../../src/lib/tcp/tcp-info.ts';
import { flight, segment, watch } from './flight.ts';

describe('RACK', () => {
  it('takes a segment for lost at once when three behind it have arrived', () => {
    const x = flight();
    const seen = watch(x);
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2, 2)}`);
    x.expectSilence();
    x.in(`. 1:1 ack 1001 sack ${segment(2, 3)}`);
    x.out('. 1001:2001 ack 1');
    expect(seen).toEqual(['recovery-entered', 'rack 1001']);
    expect(tcpInfo(x.connection)).toMatchObject({ caState: 'recovery', unacked: 10, sacked: 3, lost: 1, retrans: 1 });
  });

  it('waits a quarter of the least round trip when only one has arrived', () => {
    const x = flight();
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2)}`);
    expect(x.connection.caState).toBe(DISORDER);
    // Sent 100 ms ago, as what was SACKed; lost after 100 + 25 ms.
    x.outAfter(25, '. 1001:2001 ack 1');
    expect(x.connection.caState).toBe(RECOVERY);
  });

  it('resends nothing when the late segment comes within that', () => {
    const x = flight();
    const seen = watch(x);
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2)}`);
    x.advance(24);
    x.in('. 1:1 ack 3001');
    x.expectSilence();
    expect(x.connection.caState).toBe(OPEN);
    x.in('. 1:1 ack 11001');
    x.advance(10_000);
    expect(seen).toEqual([]);
  });

  it('is patient with three that have arrived, too, once it has seen reordering', () => {
    const x = flight();
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2)}`);
    x.in('. 1:1 ack 3001'); // segment 1 was late, not lost
    expect(tcpInfo(x.connection)).toMatchObject({ reordSeen: 1, reordering: 3 });
    x.in(`. 1:1 ack 3001 sack ${segment(4, 3)}`);
    x.expectSilence();
    x.outAfter(25, '. 3001:4001 ack 1');
  });

  it('sees that a retransmission was lost, without a timeout', () => {
    const x = flight({ waiting: 10_000 });
    const seen = watch(x);
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2, 3)}`); // lost: 1
    expect(x.sent[0].text).toBe('. 1001:2001 ack 1');
    x.advance(1);
    for (let i = 5; i <= 10; i++) x.in(`. 1:1 ack 1001 sack ${segment(2, i - 1)}`);
    const behind = x.sent[x.sent.length - 1];
    expect(behind.start).toBeGreaterThan(10_000); // new data, sent after the retransmission
    x.sent = [];
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${behind.start}:${behind.start + 1000},${segment(2, 9)}`);
    expect(x.sent[0].text).toBe('. 1001:2001 ack 1');
    expect(seen.filter((event) => event === 'rack 1001')).toHaveLength(2);
    expect(x.tcp.counters.timeoutsFired).toBe(0);
  });

  it('widens its window by a quarter of a round trip with a D-SACK, once a round trip, and for 16 recoveries', () => {
    const x = flight({ tcp: { undo: false } });
    const c = x.connection;
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2, 3)}`);
    x.in('. 1:1 ack 11001');
    expect(c.caState).toBe(OPEN);
    x.in('. 1:1 ack 11001 sack 1001:2001');
    expect(c.recovery!.reorderSteps).toBe(2);
    x.write(10_000);
    x.in('. 1:1 ack 11001 sack 1001:2001');
    expect(c.recovery!.reorderSteps).toBe(3); // nothing was in flight before: another round trip
    x.in('. 1:1 ack 11001 sack 1001:2001');
    expect(c.recovery!.reorderSteps).toBe(3);
    expect(c.recovery!.reorderPersists).toBe(16);
    expect(tcpInfo(c).dsackDups).toBe(3);
  });

  it('narrows it again after 16 recoveries without one', () => {
    const x = flight({ tcp: { undo: false } });
    const c = x.connection;
    let at = 1001;
    const recover = (): void => {
      x.advance(100);
      x.in(`. 1:1 ack ${at} sack ${at + 1000}:${at + 4000}`);
      expect(c.caState).toBe(RECOVERY);
      at += 10_000;
      x.in(`. 1:1 ack ${at}`);
      expect(c.caState).toBe(OPEN);
      c.cwnd = 10_000;
      x.write(10_000);
    };
    recover();
    x.in(`. 1:1 ack ${at} sack 1001:2001`);
    for (let i = 0; i < 15; i++) recover();
    expect(c.recovery!.reorderSteps).toBe(2);
    recover();
    expect(c.recovery!.reorderSteps).toBe(1);
  });

  it('takes no order of blocks for an order of arrival', () => {
    const x = flight();
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(5, 4)},${segment(2, 2)}`);
    x.out('. 1001:2001 ack 1', '. 4001:5001 ack 1');
    expect(x.connection.recovery!.reorderings).toBe(0);
  });

  it('finds the lost tail of a flight when a retransmission, sent after it, is acknowledged', () => {
    const x = flight();
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2, 7)}`); // 1, 9 and 10 are lost, which nothing tells about 9 and 10
    x.out('. 1001:2001 ack 1');
    x.advance(100);
    x.in('. 1:1 ack 9001');
    x.out('. 9001:10001 ack 1', 'P. 10001:11001 ack 1');
    x.advance(100);
    x.in('. 1:1 ack 11001');
    expect(x.connection.caState).toBe(OPEN);
    expect(x.tcp.counters.timeoutsFired).toBe(0);
  });

  it('leaves what was sent later than the latest arrival alone', () => {
    const x = flight({ segments: 5 });
    x.connection.cwnd = 10_000;
    x.advance(50);
    x.write(5000);
    x.sent = [];
    x.advance(50);
    x.in(`. 1:1 ack 1001 sack ${segment(2, 4)}`);
    expect(x.sent.map((sent) => sent.start)).toEqual([1001]);
    expect(tcpInfo(x.connection)).toMatchObject({ sacked: 4, lost: 1 });
  });

  it('cuts a super-segment where the blocks say', () => {
    const link = { dataStride: 16_384, segmentationBytes: 12_000, checksumOffload: true, gather: true };
    const x = flight({ link });
    const c = x.connection;
    expect(c.ledger).toBeNull(); // one transmission: no ledger
    x.advance(100);
    x.in('. 1:1 ack 1001 sack 2001:5001,6001:8001');
    expect(c.ledger!.count).toBe(5); // 1, 2–4, 5, 6–7, 8–10
    expect(c.ledger!.sackedBytes).toBe(5000);
    x.out('. 1001:2001 ack 1', '. 5001:6001 ack 1');
    for (const sent of x.sent) x.expectPayload(sent);
    expect(tcpInfo(c)).toMatchObject({ unacked: 10, sacked: 5, lost: 2, retrans: 2 });
  });
});

describe('without RACK, RFC 6675', () => {
  it('counts what was SACKed above: three segments', () => {
    const x = flight({ tcp: { rack: false } });
    const seen = watch(x);
    x.in(`. 1:1 ack 1001 sack ${segment(2)}`);
    x.in(`. 1:1 ack 1001 sack ${segment(2, 2)}`);
    x.advance(60);
    x.expectSilence();
    x.in(`. 1:1 ack 1001 sack ${segment(2, 3)}`);
    x.out('. 1001:2001 ack 1');
    expect(seen).toEqual(['recovery-entered', 'fast 1001']);
  });

  it('resends hole by hole as the pipe allows, then new data (NextSeg)', () => {
    const x = flight({ tcp: { rack: false }, waiting: 20_000 });
    const seen = watch(x);
    // 1, 3 and 5 are lost.
    x.in(`. 1:1 ack 1001 sack ${segment(2)}`);
    x.in(`. 1:1 ack 1001 sack ${segment(4)},${segment(2)}`);
    x.in(`. 1:1 ack 1001 sack ${segment(6)},${segment(4)},${segment(2)}`);
    for (let i = 7; i <= 10; i++) x.in(`. 1:1 ack 1001 sack ${segment(6, i - 5)},${segment(4)},${segment(2)}`);
    expect(seen.filter((event) => event.startsWith('fast'))).toEqual(['fast 1001', 'fast 3001', 'fast 5001']);
    x.in(`. 1:1 ack 5001 sack ${segment(6, 7)}`);
    expect(x.sent[x.sent.length - 1].start).toBeGreaterThan(10_000);
    x.in('. 1:1 ack 13001');
    expect(x.connection.caState).toBe(OPEN);
    expect(x.connection.cwnd).toBe(x.connection.ssthresh);
  });

  it('leaves a lost retransmission to the timer', () => {
    const x = flight({ tcp: { rack: false } });
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2, 9)}`);
    x.out('. 1001:2001 ack 1');
    const { rtoUs } = x.connection.rtt;
    x.advance(rtoUs / 1000 - 0.001);
    x.expectSilence();
    x.advance(0.001);
    x.out('. 1001:2001 ack 1');
    expect(x.connection.caState).toBe(LOSS);
  });
});

describe('the round trip', () => {
  it('is not that of what arrived long before the hole in front of it was filled (Karn)', () => {
    const x = flight({ tcp: { tailLossProbe: false } });
    x.advance(250);
    x.out('. 1001:2001 ack 1');
    x.advance(100);
    x.in('. 1:1 ack 11001'); // the nine behind it went out 350 ms ago
    expect(x.connection.rtt.srttUs).toBe(100_000);
  });

  it('is, without a doubt, that of what is acknowledged after it', () => {
    const x = flight({ tcp: { tailLossProbe: false }, waiting: 1000 });
    x.advance(250);
    x.advance(100);
    x.in('. 1:1 ack 11001');
    x.advance(60);
    x.in('. 1:1 ack 12001');
    expect(x.connection.rtt.srttUs).toBe(95_000);
    expect(x.connection.rtt.backoff).toBe(0);
  });
});
