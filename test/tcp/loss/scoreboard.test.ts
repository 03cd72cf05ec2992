/**
 * Selective acknowledgment, the sender's side: what blocks do to the ledger, and what those do that lie.
 */
import { describe, expect, it } from 'vitest';
import { Random } from '../../../src/lib/random.ts';
import { MAX_ENTRIES } from '../../../src/lib/tcp/loss/ledger.ts';
import { DISORDER, LOSS, OPEN, RECOVERY } from '../../../src/lib/tcp/loss/recovery-state.ts';
import { tcpInfo } from '../../../src/lib/tcp/tcp-info.ts';
import { Script } from '../script.ts';
import { flight, segment } from './flight.ts';

describe('SACK blocks', () => {
  it('keep what has arrived from being resent, also after a timeout', () => {
    const x = flight({ tcp: { tailLossProbe: false, rack: false } });
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(3)},${segment(6)}`);
    x.sent = [];
    x.advance(1000);
    expect(x.connection.caState).toBe(LOSS);
    x.sent = [];
    x.in(`. 1:1 ack 2001 sack ${segment(3)},${segment(6)}`);
    x.in(`. 1:1 ack 4001 sack ${segment(6)}`);
    x.in('. 1:1 ack 5001');
    x.in('. 1:1 ack 7001');
    const starts = x.sent.map((sent) => sent.start);
    expect(starts).not.toContain(3001);
    expect(starts).not.toContain(6001);
    expect(new Set(starts).size).toBe(starts.length);
    for (const sent of x.sent) x.expectPayload(sent);
  });

  it('let new data go for what has arrived (limited transmit with SACK, RFC 6675 §5)', () => {
    const x = flight({ tcp: { rack: false }, waiting: 5000 });
    x.in(`. 1:1 ack 1001 sack ${segment(2)}`);
    x.out('. 11001:12001 ack 1');
    x.in(`. 1:1 ack 1001 sack ${segment(2, 2)}`);
    x.out('. 12001:13001 ack 1');
    expect(x.connection.caState).toBe(DISORDER);
  });

  it('count in segments that carry text, too', () => {
    const x = flight();
    x.advance(100);
    x.in(`. 1:11 ack 1001 sack ${segment(2, 3)}`);
    expect(x.connection.caState).toBe(RECOVERY);
    expect(x.sent[0].text).toBe('. 1001:2001 ack 11');
  });

  it.each([
    ['below SND.UNA', '-500:1'],
    ['beyond SND.NXT', '9001:11002'],
    ['from below to within', '500:1501'],
    ['turned round', '4001:3001'],
    ['empty', '3001:3001'],
    ['half the circle away', '2000000000:2000001000'],
  ])('that lie %s are ignored and counted', (_what, block) => {
    const x = flight();
    const c = x.connection;
    // Second: the first place belongs to D-SACKs.
    x.in(`. 1:1 ack 1001 sack ${segment(2)},${block}`);
    expect(c.ledger!.sackedBytes).toBe(1000);
    expect(x.tcp.counters.sackBlocksIgnored).toBe(1);
  });

  it('are ignored when the option is malformed or was never agreed', () => {
    const x = flight({ sack: false });
    x.in(`. 1:1 ack 1001 sack ${segment(2, 3)}`);
    expect(x.connection.ledger!.sackedBytes).toBe(0);
    const y = flight();
    y.in('. 1:1 ack 1001 raw=0101050affffffff');
    y.in('. 1:1 ack 1001 raw=01010506ffffffff');
    y.in('. 1:1 ack 1001 raw=050a80000000');
    expect(y.connection.ledger!.sackedBytes).toBe(0);
    expect(y.tcp.counters.badOptions).toBeGreaterThan(0);
  });

  it('never make the stack forget data that is not acknowledged: a receiver may take them back (RFC 2018 §8)', () => {
    const x = flight({ tcp: { tailLossProbe: false } });
    const c = x.connection;
    x.advance(100);
    x.in(`. 1:1 ack 1001 sack ${segment(2, 9)}`);
    x.in('. 1:1 ack 2001'); // and what it had SACKed it has thrown away
    expect(c.ledger!.sackedBytes).toBe(9000);
    x.sent = [];
    x.advance(3000);
    expect(c.caState).toBe(LOSS);
    expect(c.ledger!.sackedBytes).toBe(0);
    expect(x.sent[0].text).toBe('. 2001:3001 ack 1');
    let una = 3001;
    for (let i = 0; i < 20 && una < 11_001; i++, una += 1000) x.in(`. 1:1 ack ${una}`);
    x.in('. 1:1 ack 11001');
    expect(c.caState).toBe(OPEN);
    expect(c.ledger).toBeNull();
    expect(new Set(x.sent.map((sent) => sent.start)).size).toBe(9);
    for (const sent of x.sent) x.expectPayload(sent);
  });

  it('that cut everything to pieces cost a bounded ledger, and the transfer goes on', () => {
    const x = new Script({ tcp: { receiveWindowBytes: 65_535 } });
    x.establish('mss 1000 sackok');
    const c = x.connection;
    c.cwnd = 60_000;
    x.write(60_000);
    x.sent = [];
    const random = new Random(7);
    for (let i = 0; i < 3000; i++) {
      const blocks = Array.from({ length: 4 }, () => {
        const from = 1 + random.below(59_990);
        return `${from}:${from + 1 + random.below(3)}`;
      });
      x.in(`. 1:1 ack 1 sack 1:2,${blocks.slice(1).join(',')}`);
      expect(c.ledger!.count).toBeLessThanOrEqual(MAX_ENTRIES);
    }
    expect(x.tcp.counters.sackBlocksIgnored).toBeGreaterThan(0);
    x.in('. 1:1 ack 60001');
    expect(c.flightBytes).toBe(0);
    expect(c.ledger).toBeNull();
    expect(x.host.link.data.available).toBe(x.host.link.data.count);
  });

  it('of everything do not end the flight: only the acknowledgment does', () => {
    const x = flight({ segments: 3 });
    x.in(`. 1:1 ack 1001 sack ${segment(1, 3)}`);
    expect(x.connection.flightBytes).toBe(3000);
    x.advance(5000);
    expect(x.sent.length).toBeGreaterThan(0);
    x.in('. 1:1 ack 4001');
    expect(x.connection.ledger).toBeNull();
  });
});

describe('tcpInfo', () => {
  it('counts segments as Linux does', () => {
    const x = flight({ waiting: 3000 });
    x.advance(100);
    const before = tcpInfo(x.connection);
    expect(before).toMatchObject({
      state: 'ESTABLISHED',
      caState: 'open',
      unacked: 10,
      sacked: 0,
      lost: 0,
      retrans: 0,
      sndCwnd: 10,
      sndSsthresh: 0x7fff_ffff,
      sndMss: 1000,
      rttUs: 100_000,
      rttvarUs: 37_500,
      rtoUs: 250_000,
      options: 2,
      bytesAcked: 1000,
      notsentBytes: 3000,
      congestion: 'reno',
    });
    x.in(`. 1:1 ack 2001 sack ${segment(3, 3)}`);
    const after = tcpInfo(x.connection);
    expect(after).toMatchObject({
      caState: 'recovery',
      sacked: 3,
      lost: 1,
      retrans: 1,
      totalRetrans: 1,
      bytesAcked: 2000,
    });
  });
});
