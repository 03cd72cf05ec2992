/**
 * Timestamps, PAWS and window scale (RFC 7323).
 */
import { describe, expect, it } from 'vitest';
import { Script } from './script.ts';

function established(tsVal = 1000): Script {
  const x = new Script({ tcp: { timestamps: true } });
  x.tsVal = tsVal;
  x.establish();
  return x;
}

describe('timestamps', () => {
  it('are on every segment once they are agreed, resets included (§3.2)', () => {
    const x = established();
    x.write(10);
    x.out('P. 1:11 ack 1');
    expect(x.last).toMatchObject({ hasTimestamps: true, tsEcr: 1000 });
    x.connection.abort();
    x.turn();
    x.out('R. 11:11 ack 1');
    expect(x.last.hasTimestamps).toBe(true);
  });

  it('tick once a millisecond', () => {
    const x = established();
    x.write(10);
    const first = x.sent.splice(0)[0].tsVal;
    x.advance(25);
    x.write(10);
    expect((x.sent[0].tsVal - first) | 0).toBe(25);
  });

  it('are left out when the peer did not offer them', () => {
    const x = new Script({ tcp: { timestamps: true } });
    x.establish();
    x.write(10);
    expect(x.sent[0].hasTimestamps).toBe(false);
    expect(x.connection.mss).toBe(1000);
  });

  it('take twelve bytes of every segment (RFC 6691)', () => {
    const x = established();
    expect(x.connection.mss).toBe(988);
  });

  it('drops a segment that has none (§3.2)', () => {
    const x = established();
    x.tsVal = -1;
    x.in('P. 1:11 ack 1');
    x.expectSilence();
    expect(x.tcp.counters.missingTimestamps).toBe(1);
    expect(x.state).toBe('ESTABLISHED');
  });

  it('reads them wherever they stand among the options', () => {
    const x = established();
    x.tsVal = -1;
    x.in(`P. 1:11 ack 1 raw=${'01'.repeat(3)}080a${'000007d0'}${'00000000'}0101`);
    x.expectReceived(11);
    expect(x.connection.tsRecent).toBe(2000);
  });
});

describe('TS.Recent (§4.3)', () => {
  it('is the timestamp of the segment at the left edge of the window, not of later ones', () => {
    const x = established();
    x.in('P. 101:201 ack 1 ts 1005 0'); // out of order: is acknowledged at once, with the old timestamp
    x.out('. 1:1 ack 1');
    expect(x.last.tsEcr).toBe(1000);
    x.in('P. 1:101 ack 1 ts 1003 0');
    x.out('. 1:1 ack 201');
    expect(x.last.tsEcr).toBe(1003);
  });

  it('is that of the first segment since our last acknowledgment (Last.ACK.sent)', () => {
    const x = established();
    x.in('P. 1:11 ack 1 ts 1010 0');
    x.in('P. 11:21 ack 1 ts 1020 0');
    x.advance(40);
    x.out('. 1:1 ack 21');
    expect(x.last.tsEcr).toBe(1010);
    x.in('P. 21:31 ack 1 ts 1030 0');
    x.advance(40);
    x.out('. 1:1 ack 31');
    expect(x.last.tsEcr).toBe(1030);
  });

  it('compares modulo 2³²', () => {
    const x = established(0x7fff_fffe);
    x.in('P. 1:11 ack 1 ts 2147483650 0'); // 0x80000002
    x.expectReceived(11);
    expect(x.connection.tsRecent).toBe(0x8000_0002 | 0);
  });
});

describe('a forged segment that hits the window', () => {
  it('does not lift TS.Recent, unless it guesses the acknowledgment, too', () => {
    const x = new Script({ tcp: { timestamps: true } });
    x.tsVal = 1000;
    const c = x.establish();
    x.in('P. 1:11 ack 90000 ts 2000000000 0');
    expect([c.tsRecent, x.tcp.counters.badAck]).toEqual([1000, 1]);
    x.tsVal = 1001;
    x.in('P. 1:11 ack 1');
    x.expectReceived(11);
  });
});

describe('PAWS (§5)', () => {
  it('answers a segment with an old timestamp by an ACK, and drops it', () => {
    const x = established();
    x.in('P. 1:11 ack 1 ts 999 0');
    x.out('. 1:1 ack 1');
    x.expectReceived(1);
    expect(x.tcp.counters.pawsRejected).toBe(1);
  });

  it('does not look at the timestamp of a reset', () => {
    const x = established();
    x.in('R 1:1 ts 5 0');
    expect(x.state).toBe('CLOSED');
  });

  it('takes any timestamp after 24 days of silence (§5.5)', () => {
    const x = established();
    x.advance(23 * 86_400_000);
    x.in('P. 1:11 ack 1 ts 999 0');
    x.out('. 1:1 ack 1');
    x.advance(2 * 86_400_000);
    x.in('P. 1:11 ack 1 ts 999 0');
    x.expectReceived(11);
    expect(x.connection.tsRecent).toBe(999);
  });
});

describe('window scale (§2)', () => {
  it('scales windows in both directions, but not those of SYNs', () => {
    const x = new Script({ tcp: { windowScale: true, receiveWindowBytes: 262_144 } });
    const c = x.establish('mss 1000 wscale 4', 1000);
    expect(c.sndWnd).toBe(16_000);
    x.in('P. 1:11 ack 1 win 2000');
    expect(c.sndWnd).toBe(32_000);
    x.advance(50);
    x.out('. 1:1 ack 11');
    expect(x.last.window).toBe(262_144 >> 3);
  });

  it('is off when one side does not offer it', () => {
    const x = new Script({ tcp: { windowScale: true, receiveWindowBytes: 262_144 } });
    const c = x.establish('mss 1000', 1000);
    expect(c.sndWnd).toBe(1000);
    x.in('P. 1:11 ack 1');
    x.advance(50);
    x.out('. 1:1 ack 11');
    expect(x.last.window).toBe(65_535);
  });
});
