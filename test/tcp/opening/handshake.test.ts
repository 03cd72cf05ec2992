import { describe, expect, it } from 'vitest';
import { CLOSE_ABORTED, CLOSE_REFUSED, CLOSE_TIMEOUT } from '../../../src/lib/link/stream.ts';
import { ADDRESS_B } from '../pair.ts';
import { Script } from '../script.ts';

describe('passive open (RFC 9293 §3.10.7.2)', () => {
  it('answers a SYN by SYN,ACK and is established by the ACK', () => {
    const x = new Script();
    x.listen();
    x.in('S 0:0 win 1000 mss 1000');
    x.out('S. 0:0 ack 1');
    expect(x.state).toBe('SYN-RECEIVED');
    expect(x.handler.opened).toHaveLength(0);
    x.in('. 1:1 ack 1');
    x.expectSilence();
    expect(x.state).toBe('ESTABLISHED');
    expect(x.handler.opened).toHaveLength(1);
    expect(x.connection.remoteAddress()).toBe('192.0.2.2:40000');
    expect(x.connection.localAddress()).toBe('192.0.2.1:6379');
  });

  it('takes text and FIN that come with the third segment', () => {
    const x = new Script();
    x.listen();
    x.in('S 0:0');
    x.sent = [];
    x.in('FP. 1:101 ack 1');
    x.expectReceived(101);
    expect(x.handler.ended).toBe(1);
    x.out('. 1:1 ack 102');
    expect(x.state).toBe('CLOSE-WAIT');
  });

  it('does not acknowledge text or FIN that come with the SYN', () => {
    const x = new Script();
    x.listen();
    x.in('SF 0:50');
    x.out('S. 0:0 ack 1');
    x.in('. 1:51 ack 1');
    x.expectReceived(51);
  });

  it('ignores a reset, resets an acknowledgment, drops the rest', () => {
    const x = new Script();
    x.listen();
    x.in('R 0:0');
    x.in('R. 0:0 ack 5');
    x.expectSilence();
    x.in('. 0:0 ack 77');
    x.out('R 77:77');
    x.in('S. 0:0 ack 78');
    x.out('R 78:78');
    x.in('F 0:0');
    x.in('P 0:10');
    x.expectSilence();
    expect(x.state).toBe('CLOSED');
  });

  it('announces options only that were offered, and its MSS always', () => {
    const x = new Script({ tcp: { timestamps: true, windowScale: true, sack: true, receiveWindowBytes: 262_144 } });
    x.listen();
    x.in('S 0:0 mss 1460 wscale 7 sackok ts 1234 0');
    x.out('S. 0:0 ack 1');
    expect(x.last).toMatchObject({ mss: 1460, wscale: 3, sackOk: true, hasTimestamps: true, tsEcr: 1234 });
    expect(x.last.window).toBe(65_535); // never scaled in a SYN
    const y = new Script({ tcp: { timestamps: true, windowScale: true, sack: true, receiveWindowBytes: 262_144 } });
    y.listen();
    y.in('S 0:0');
    y.out('S. 0:0 ack 1');
    expect(y.last).toMatchObject({ mss: 1460, wscale: -1, sackOk: false, hasTimestamps: false });
  });

  it('takes 536 bytes for the MSS of a peer that does not say (MUST-15)', () => {
    const x = new Script();
    const c = x.establish('');
    expect(c.mss).toBe(536);
    x.write(1000);
    x.out('. 1:537 ack 1', 'P. 537:1001 ack 1');
  });

  it.each([
    ['an unknown kind', 'raw=fd06aabbccdd'],
    ['a length of zero', 'raw=fd000000'],
    ['a length past the end', 'raw=fdff0000'],
    ['a kind as the last byte', 'raw=010101fd'],
    ['an MSS of the wrong length', 'raw=020305b4'],
    ['forty bytes of end', 'raw=00000000000000000000'],
  ])('survives %s among the options', (_what, raw) => {
    const x = new Script();
    x.listen();
    x.in(`S 0:0 mss 1000 ${raw}`);
    x.out('S. 0:0 ack 1');
    x.in('. 1:1 ack 1');
    expect(x.state).toBe('ESTABLISHED');
    expect(x.connection.mss).toBe(1000);
  });

  it('takes a shift count above 14 for 14 (RFC 7323 §2.3)', () => {
    const x = new Script({ tcp: { windowScale: true } });
    x.establish('mss 1000 wscale 200', 2);
    expect(x.connection.sndWnd).toBe(2 << 14);
  });

  it('resends the SYN,ACK with backoff, and gives up', () => {
    const x = new Script({ tcp: { maxSynAckRetransmissions: 3 } });
    x.listen();
    x.in('S 0:0');
    x.out('S. 0:0 ack 1');
    x.outAfter(1000, 'S. 0:0 ack 1');
    x.outAfter(2000, 'S. 0:0 ack 1');
    x.outAfter(4000, 'S. 0:0 ack 1');
    x.advance(8000);
    x.expectSilence();
    expect(x.state).toBe('CLOSED');
    expect(x.handler.closes).toEqual([]);
    expect(x.tcp.listeners.get(6379)?.halfOpen).toBe(0);
  });

  it('resends the SYN,ACK when the SYN comes again', () => {
    const x = new Script();
    x.listen();
    x.in('S 0:0');
    x.out('S. 0:0 ack 1');
    x.in('S 0:0');
    x.out('S. 0:0 ack 1');
    x.in('. 1:1 ack 1');
    expect(x.state).toBe('ESTABLISHED');
  });

  it('lets a new SYN take the place of a half-open connection that is not answered for a second', () => {
    const x = new Script({ tcp: { synCookies: 'off' } });
    x.listen(2);
    x.in('S 0:0 sport 1001');
    x.in('S 0:0 sport 1002');
    x.out('S. 0:0 ack 1', 'S. 0:0 ack 1');
    x.advance(1_100);
    x.out('S. 0:0 ack 1', 'S. 0:0 ack 1'); // sent again after the initial timeout
    x.in('S 0:0 sport 1003');
    x.out('S. 0:0 ack 1');
    x.in('S 0:0 sport 1004');
    x.out('S. 0:0 ack 1');
    x.in('S 0:0 sport 1005'); // those two are young
    x.expectSilence();
    expect(x.tcp.listeners.get(6379)?.halfOpen).toBe(2);
    expect(x.tcp.connectionCount).toBe(2);
  });

  it('drops SYNs beyond the backlog, and takes them when there is room again', () => {
    const x = new Script({ tcp: { synCookies: 'off' } });
    x.listen(2);
    x.in('S 0:0 sport 1001');
    x.in('S 0:0 sport 1002');
    x.out('S. 0:0 ack 1', 'S. 0:0 ack 1');
    x.in('S 0:0 sport 1003');
    x.expectSilence();
    expect(x.tcp.counters.synBacklogFull).toBe(1);
    x.in('R 1:1 sport 1002');
    x.in('S 0:0 sport 1003');
    x.out('S. 0:0 ack 1');
  });

  it('drops SYNs when the table of connections is full', () => {
    const x = new Script({ tcp: { maxConnections: 1 } });
    x.listen();
    x.in('S 0:0 sport 1001');
    x.out('S. 0:0 ack 1');
    x.in('S 0:0 sport 1002');
    x.expectSilence();
    expect(x.tcp.counters.connectionTableFull).toBe(1);
  });

  it('goes back to LISTEN without a word when the peer resets', () => {
    const x = new Script();
    x.listen();
    x.in('S 0:0');
    x.sent = [];
    x.in('R 1:1');
    x.expectSilence();
    expect(x.state).toBe('CLOSED');
    expect(x.handler.closes).toEqual([]);
  });

  it('answers a wrong acknowledgment in SYN-RECEIVED by a reset and goes on waiting', () => {
    const x = new Script();
    x.listen();
    x.in('S 0:0');
    x.sent = [];
    x.in('. 1:1 ack 2');
    x.out('R 2:2');
    x.in('. 1:1 ack 0');
    x.out('R 0:0');
    x.in('. 1:1 ack 1');
    expect(x.state).toBe('ESTABLISHED');
  });

  it('goes back to LISTEN on a new SYN in the window', () => {
    const x = new Script();
    x.listen();
    x.in('S 0:0');
    x.sent = [];
    x.in('S 5:5');
    x.expectSilence();
    expect(x.state).toBe('CLOSED');
  });

  it('chooses initial sequence numbers that differ by connection and grow with time (RFC 6528)', () => {
    const x = new Script();
    x.listen();
    x.in('S 0:0 sport 1001');
    const first = x.hostIss;
    x.in('S 0:0 sport 1002');
    expect(x.hostIss).not.toBe(first);
    x.in('R 1:1 sport 1001');
    x.advance(100);
    x.in('S 0:0 sport 1001');
    expect((x.hostIss - first) | 0).toBe(25_000);
  });
});

describe('no connection (RFC 9293 §3.10.7.1)', () => {
  it.each([
    ['a SYN', 'S 0:0', ['R. 0:0 ack 1']],
    ['a SYN with text', 'S 0:10', ['R. 0:0 ack 11']],
    ['text', 'P 5:15', ['R. 0:0 ack 15']],
    ['a FIN', 'F 5:5', ['R. 0:0 ack 6']],
    ['an ACK', '. 5:5 ack 300', ['R 300:300']],
    ['a SYN,ACK', 'S. 5:5 ack 300', ['R 300:300']],
    ['text with ACK', 'P. 5:15 ack 300', ['R 300:300']],
    ['a RST', 'R 5:5', []],
    ['a RST,ACK', 'R. 5:5 ack 300', []],
    ['a SYN,RST', 'SR 5:5', []],
    ['nothing set', 'U 5:5', ['R. 0:0 ack 5']],
  ])('%s', (_what, segment, answer) => {
    const x = new Script();
    x.in(segment);
    x.out(...answer);
    expect(x.tcp.connectionCount).toBe(0);
  });

  it('has a budget of resets for each second, by a number that nobody can count on', () => {
    const x = new Script({ tcp: { resetLimitPerSecond: 10 } });
    const answered = new Set<number>();
    for (let second = 0; second < 20; second++) {
      for (let i = 0; i < 20; i++) x.in('S 0:0');
      expect(x.tcp.counters.resetsOut + x.tcp.counters.resetsThrottled).toBe((second + 1) * 20);
      answered.add(x.sent.splice(0).length);
      x.advance(1000);
    }
    expect(Math.min(...answered)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...answered)).toBeLessThanOrEqual(15);
    expect(answered.size).toBeGreaterThan(3);
  });

  it('answers nothing to port 0, or to what is not a host', () => {
    const x = new Script();
    x.in('S 0:0 sport 0');
    x.in(`S 0:0 from ${0xe000_0001 | 0}`); // 224.0.0.1
    x.in('S 0:0 from -1');
    x.in(`S 0:0 from ${0xc000_02ff | 0}`); // the subnet's broadcast
    x.expectSilence();
  });
});

describe('active open (RFC 9293 §3.10.7.3)', () => {
  it('sends a SYN, and acknowledges the SYN,ACK', () => {
    const x = new Script();
    x.connect();
    x.out('S 0:0');
    expect(x.state).toBe('SYN-SENT');
    x.in('S. 0:0 ack 1 mss 1000');
    x.out('. 1:1 ack 1');
    expect(x.state).toBe('ESTABLISHED');
    expect(x.handler.opened).toHaveLength(1);
  });

  it('takes text and FIN with the SYN,ACK', () => {
    const x = new Script();
    x.connect();
    x.sent = [];
    x.in('SFP. 0:0 ack 1');
    x.out('. 1:1 ack 2');
    expect(x.state).toBe('CLOSE-WAIT');
    expect(x.handler.ended).toBe(1);
  });

  it('sends what was written before it was open with the first segment', () => {
    const x = new Script();
    const c = x.connect();
    x.sent = [];
    x.write(100, c);
    x.expectSilence();
    x.in('S. 0:0 ack 1 mss 1000');
    x.out('P. 1:101 ack 1');
  });

  it.each([
    ['ISS', 0],
    ['past SND.NXT', 2],
    ['far off', 100_000],
  ])('resets an acknowledgment of %s, and stays', (_what, ack) => {
    const x = new Script();
    x.connect();
    x.sent = [];
    x.in(`S. 0:0 ack ${ack}`);
    x.out(`R ${ack}:${ack}`);
    x.in(`R. 0:0 ack ${ack}`);
    x.expectSilence();
    expect(x.state).toBe('SYN-SENT');
  });

  it('is refused by a reset that acknowledges the SYN, and by no other', () => {
    const x = new Script();
    x.connect();
    x.sent = [];
    x.in('R 0:0');
    expect(x.state).toBe('SYN-SENT');
    x.in('R. 0:0 ack 1');
    x.expectSilence();
    expect(x.state).toBe('CLOSED');
    expect(x.handler.closes).toEqual([CLOSE_REFUSED]);
  });

  it('drops what has neither SYN nor RST', () => {
    const x = new Script();
    x.connect();
    x.sent = [];
    x.in('. 1:1 ack 1');
    x.in('F. 1:1 ack 1');
    x.in('P 1:50');
    x.expectSilence();
    expect(x.state).toBe('SYN-SENT');
  });

  it('opens simultaneously (figure 8)', () => {
    const x = new Script();
    x.connect();
    x.sent = [];
    x.in('S 0:0 mss 1000');
    x.out('S. 0:0 ack 1');
    expect(x.state).toBe('SYN-RECEIVED');
    x.in('S. 0:0 ack 1');
    x.out('. 1:1 ack 1');
    expect(x.state).toBe('ESTABLISHED');
    expect(x.handler.opened).toHaveLength(1);
  });

  it('opens simultaneously when the peer answers by a plain ACK', () => {
    const x = new Script();
    x.connect();
    x.sent = [];
    x.in('S 0:0 mss 1000');
    x.out('S. 0:0 ack 1');
    x.in('. 1:11 ack 1');
    expect(x.state).toBe('ESTABLISHED');
    x.expectReceived(11);
  });

  it('is refused by a reset in a simultaneous open', () => {
    const x = new Script();
    x.connect();
    x.in('S 0:0');
    x.in('R 1:1');
    expect(x.state).toBe('CLOSED');
    expect(x.handler.closes).toEqual([CLOSE_REFUSED]);
  });

  it('resends the SYN after 1, 2, 4 … 60 seconds, and gives up after more than three minutes (R2)', () => {
    const x = new Script();
    x.connect();
    x.out('S 0:0');
    for (const seconds of [1, 2, 4, 8, 16, 32, 60]) x.outAfter(seconds * 1000, 'S 0:0');
    x.advance(59_999);
    expect(x.handler.closes).toEqual([]);
    x.advance(1);
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
    x.expectSilence();
  });

  it('has an initial window of one segment and an RTO of 3 s when the SYN was lost (RFC 5681 §3.1, RFC 6298 §5.7)', () => {
    const x = new Script();
    const c = x.connect();
    x.advance(1000);
    x.sent = [];
    x.in('S. 0:0 ack 1 mss 1000');
    x.out('. 1:1 ack 1');
    x.write(5000, c);
    x.out('. 1:1001 ack 1');
    x.outAfter(3000, '. 1:1001 ack 1');
  });

  it('is over at once when it is closed or aborted in SYN-SENT', () => {
    for (const close of ['end', 'abort'] as const) {
      const x = new Script();
      const c = x.connect();
      x.sent = [];
      c[close]();
      x.turn();
      x.expectSilence();
      expect(x.state).toBe('CLOSED');
      expect(x.handler.closes).toEqual([CLOSE_ABORTED]);
    }
  });

  it('fails when nobody answers ARP', () => {
    const x = new Script();
    x.tcp.connect(ADDRESS_B + 5, 80, x.handler);
    x.advance(5000);
    expect(x.handler.closes).toEqual([CLOSE_TIMEOUT]);
    expect(x.tcp.connectionCount).toBe(0);
  });
});
