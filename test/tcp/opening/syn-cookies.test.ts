/**
 * SYN cookies (RFC 4987 §3.6): what a SYN said comes back in the last ACK of the handshake, and nothing is kept in between.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TcpOptions } from '../../../src/lib/tcp/config.ts';
import { cookieCode } from '../../../src/lib/tcp/opening/isn.ts';
import { ADDRESS_A, ADDRESS_B, Pair, Recorder, write } from '../pair.ts';
import { Script } from '../script.ts';

const FULL: Partial<TcpOptions> = { timestamps: true, windowScale: true, sack: true, receiveWindowBytes: 262_144 };

/** A stack that listens and answers every SYN by a cookie. */
function cookieScript(tcp: Partial<TcpOptions> = {}): Script {
  const x = new Script({ tcp: { synCookies: 'always', ...tcp } });
  x.listen();
  return x;
}

describe('a SYN under pressure', () => {
  it('is answered without a connection, and the ACK opens one', () => {
    const x = cookieScript();
    x.in('S 0:0 mss 1460');
    x.out('S. 0:0 ack 1');
    expect(x.tcp.connectionCount).toBe(0);
    expect(x.tcp.flows.size).toBe(0);
    x.in('P. 1:101 ack 1 win 5000');
    expect(x.state).toBe('ESTABLISHED');
    x.expectReceived(101);
    expect(x.connection).toMatchObject({ peerMss: 1460, sndWnd: 5000, sndScale: 0, rcvScale: 0, sackPermitted: false });
    x.write(100);
    x.out('P. 1:101 ack 101');
    x.in('. 101:101 ack 101');
    expect(x.tcp.counters).toMatchObject({ cookiesSent: 1, cookiesAccepted: 1, badCookie: 0, established: 1 });
    expect(x.tcp.listeners.get(6379)?.halfOpen).toBe(0);
  });

  it.each([
    [0, 536],
    [1, 88],
    [88, 88],
    [255, 88],
    [536, 536],
    [1300, 1200],
    [1440, 1440],
    [1452, 1440],
    [1459, 1440],
    [1460, 1460],
    [8959, 1460],
    [65_495, 8960],
  ])('with an MSS of %i is remembered as one of %i', (announced, restored) => {
    const x = cookieScript();
    x.in(`S 0:0 ${announced === 0 ? '' : `mss ${announced}`}`);
    x.in('. 1:1 ack 1');
    expect(x.connection.peerMss).toBe(restored);
  });

  it('has its window scale and SACK in our timestamp', () => {
    for (const [options, expected] of [
      ['wscale 7 sackok', { sndScale: 7, rcvScale: 3, sackPermitted: true }],
      ['wscale 0', { sndScale: 0, rcvScale: 3, sackPermitted: false }],
      ['wscale 14', { sndScale: 14, rcvScale: 3, sackPermitted: false }],
      ['sackok', { sndScale: 0, rcvScale: 0, sackPermitted: true }],
      ['', { sndScale: 0, rcvScale: 0, sackPermitted: false }],
    ] as const) {
      const x = cookieScript(FULL);
      x.in(`S 0:0 mss 1460 ${options} ts 77 0`);
      x.out('S. 0:0 ack 1');
      expect(x.last).toMatchObject({ tsEcr: 77, sackOk: expected.sackPermitted });
      expect(x.last.wscale).toBe(options.includes('wscale') ? 3 : -1);
      x.in(`. 1:1 ack 1 win 1000 ts 78 ${x.last.tsVal}`);
      expect(x.connection).toMatchObject({ ...expected, timestamps: true, sndWnd: 1000 << expected.sndScale });
    }
  });

  it('offers nothing that it could not remember to a client without timestamps', () => {
    const x = cookieScript(FULL);
    x.in('S 0:0 mss 1460 wscale 7 sackok');
    x.out('S. 0:0 ack 1');
    expect(x.last).toMatchObject({ wscale: -1, sackOk: false, hasTimestamps: false });
    x.in('. 1:1 ack 1 win 1000');
    expect(x.connection).toMatchObject({ timestamps: false, sndScale: 0, rcvScale: 0, sndWnd: 1000 });
  });

  it('keeps the timestamp clock: never ahead of it, at most 64 ms behind, and never back (RFC 7323 §5.4)', () => {
    for (let ms = 0; ms < 200; ms += 7) {
      const x = cookieScript(FULL);
      x.advance(ms);
      x.in('S 0:0 mss 1460 wscale 13 sackok ts 5 0');
      x.out('S. 0:0 ack 1');
      const { tsVal } = x.last;
      x.in(`. 1:1 ack 1 ts 6 ${tsVal}`);
      const clock = (x.tcp.clockMs + x.connection.tsOffset) | 0;
      expect((clock - tsVal) | 0).toBeGreaterThanOrEqual(0);
      expect((clock - tsVal) | 0).toBeLessThanOrEqual(64);
      x.tsVal = 7;
      x.write(10);
      expect((x.sent[0].tsVal - tsVal) | 0).toBeGreaterThanOrEqual(0);
    }
  });

  it('agrees on ECN in the timestamp, too (RFC 3168 §6.1.1)', () => {
    for (const [flags, ts, answer, agreed] of [
      ['SEW', 'ts 5 0', true, true],
      ['S', 'ts 5 0', false, false],
      ['SEW', '', false, false],
    ] as const) {
      const x = cookieScript(FULL);
      x.in(`${flags} 0:0 mss 1460 ${ts}`);
      const [synAck] = x.sent.splice(0);
      expect((synAck.frame[47] & 0x40) !== 0).toBe(answer);
      x.in(`. 1:1 ack 1 ${ts === '' ? '' : `ts 6 ${synAck.tsVal}`}`);
      expect(x.connection.ecn).toBe(agreed);
    }
  });
});

describe('cookies', () => {
  it('are sent when the backlog is full, and for five seconds after', () => {
    const x = new Script();
    x.listen(1);
    x.in('S 0:0 sport 1001');
    expect(x.tcp.connectionCount).toBe(1);
    x.in('S 0:0 sport 1002');
    expect(x.tcp.counters.cookiesSent).toBe(1);
    x.in('R 1:1 sport 1001');
    x.advance(4_000);
    x.in('S 0:0 sport 1003'); // there is room, but a flood would take it
    expect(x.tcp.counters.cookiesSent).toBe(2);
    expect(x.tcp.connectionCount).toBe(0);
    x.advance(2_000);
    x.in('S 0:0 sport 1004');
    expect(x.tcp.counters.cookiesSent).toBe(2);
    expect(x.tcp.connectionCount).toBe(1);
  });

  it('are good for one to two minutes', () => {
    const lifeMs = (afterMs: number): string => {
      const x = cookieScript();
      x.advance(24_000 + afterMs); // the script's clock starts at 1000 s: 40 s into a counter of 64 s
      x.in('S 0:0');
      x.advance(64_000);
      x.in('. 1:1 ack 1');
      return x.state;
    };
    expect(lifeMs(0)).toBe('ESTABLISHED');
    expect(lifeMs(30_000)).toBe('ESTABLISHED');
    const x = cookieScript();
    x.in('S 0:0');
    x.sent = [];
    x.advance(128_000);
    x.in('. 1:1 ack 1');
    expect(x.state).toBe('CLOSED');
    x.out('R 1:1');
  });

  it('are not looked for when none are out', () => {
    const x = new Script();
    x.listen();
    x.in('. 1:1 ack 1');
    expect(x.tcp.counters).toMatchObject({ badCookie: 0, noConnection: 1 });
  });

  it('are of one client, one port, one sequence number', () => {
    for (const forged of [
      '. 1:1 ack 2',
      '. 2:2 ack 1',
      '. 1:1 ack 1 sport 40001',
      `. 1:1 ack 1 from ${ADDRESS_B + 1}`,
    ]) {
      const x = cookieScript();
      x.in('S 0:0');
      x.sent = [];
      x.in(forged);
      expect(x.tcp.connectionCount).toBe(0);
      expect(x.sent.map((segment) => segment.flags)).toEqual(['R']);
      expect(x.tcp.counters.badCookie).toBe(1);
    }
  });

  it('can’t be guessed', () => {
    const x = cookieScript({ resetLimitPerSecond: 0 });
    x.in('S 0:0');
    x.sent = [];
    fc.assert(
      fc.property(fc.integer(), (guess) => {
        x.hostIss = guess;
        x.in('. 1:1 ack 1');
        return x.tcp.connectionCount === 0;
      }),
      { numRuns: 5_000 },
    );
  });

  it('depend on every part and on their own key', () => {
    const key = Int32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const codes = [
      cookieCode(key, 1, 2, 3, 4, 5),
      cookieCode(key, 9, 2, 3, 4, 5),
      cookieCode(key, 1, 9, 3, 4, 5),
      cookieCode(key, 1, 2, 9, 4, 5),
      cookieCode(key, 1, 2, 3, 9, 5),
      cookieCode(key, 1, 2, 3, 4, 9),
      cookieCode(Int32Array.of(1, 2, 3, 4, 5, 6, 7, 9), 1, 2, 3, 4, 5),
    ];
    expect(new Set(codes).size).toBe(codes.length);
    expect(cookieCode(Int32Array.of(9, 9, 9, 9, 9, 9, 7, 8), 1, 2, 3, 4, 5)).toBe(codes[0]);
  });

  it('wait for room in the accept queue as well', () => {
    const x = new Script({ tcp: { synCookies: 'always' } });
    const listener = x.tcp.listen(6379, x.handler, { acceptBacklog: 1 });
    x.in('S 0:0');
    const iss = x.hostIss;
    x.in('S 0:0 sport 40001');
    x.in('. 1:1 ack 1 sport 40001');
    x.hostIss = iss;
    x.in('. 1:1 ack 1');
    expect(x.tcp.counters.acceptQueueFull).toBe(1);
    expect(listener.accept()?.remotePort).toBe(40_001);
    x.in('. 1:1 ack 1');
    expect(listener.accept()?.remotePort).toBe(40_000);
  });

  it('are no flight: an ICMP error that quotes one changes nothing', () => {
    const x = cookieScript();
    x.in('S 0:0');
    const { frame } = x.sent[0];
    x.host.link.memory.u8.set(frame.subarray(14), x.host.link.control.payload(1));
    x.tcp.icmpError(3, 3, 0, x.host.link.control.payload(1), x.host.link.control.payload(1) + 20);
    expect(x.tcp.counters.icmpIgnored).toBe(1);
    x.in('. 1:1 ack 1');
    expect(x.state).toBe('ESTABLISHED');
  });
});

describe('a flood of forged SYNs', () => {
  it('leaves nothing behind: no connection, no neighbour, no ARP request', () => {
    const x = new Script();
    x.listen(16);
    const { counters, arp } = x.host.net;
    const neighbours = arp.neighbours.size;
    for (let i = 0; i < 5_000; i++) x.in(`S 0:0 from ${0xc633_6400 + (i % 250) + 1} sport ${1024 + i}`);
    for (let i = 3; i < 200; i++) x.in(`S 0:0 from ${ADDRESS_A + i} sport 7`);
    expect(x.tcp.connectionCount).toBe(16);
    expect(arp.neighbours.size).toBe(neighbours);
    expect(counters.arpRequestsOut).toBe(0);
    expect(x.tcp.counters.cookiesSent).toBe(5_000 + 197 - 16);
    x.sent = [];
    x.in('S 0:0 mss 1000');
    x.out('S. 0:0 ack 1');
    x.in('P. 1:11 ack 1');
    x.expectReceived(11);
    x.advance(70_000); // the sixteen are given up
    expect(x.tcp.connectionCount).toBe(1);
    expect(arp.neighbours.size).toBe(neighbours + 1);
  });

  it('does not keep connections from TIME-WAIT from being opened anew', () => {
    const x = new Script();
    x.listen(1);
    x.in('S 0:0');
    x.in('. 1:1 ack 1');
    x.connection.end();
    x.turn();
    x.in('F. 1:1 ack 2');
    expect(x.state).toBe('TIME-WAIT');
    const before = x.hostIss;
    x.in('S 0:0 sport 1001');
    x.in('S 0:0 sport 1002');
    expect(x.tcp.counters.cookiesSent).toBe(1);
    x.in('S 5000:5000');
    expect(x.tcp.counters.cookiesSent).toBe(1);
    expect((x.hostIss - before) | 0).toBeGreaterThan(0);
    x.in('. 5001:5001 ack 1');
    expect(x.tcp.counters.established).toBe(2);
  });
});

describe('a whole stack as the client', () => {
  it.each([
    ['all options', {}],
    ['no timestamps', { timestamps: false }],
    ['no SACK', { sack: false }],
    ['no window scale', { windowScale: false }],
    ['ECN', { ecn: 'active' } as const],
  ])('%s: opens by a cookie and transfers both ways', (_what, tcpA) => {
    const pair = new Pair({ tcpA, tcpB: { synCookies: 'always' } });
    const server = new Recorder();
    const client = new Recorder();
    const bytes = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251));
    pair.b.tcp.listen(7, server);
    server.data = (stream, offset, length) => write(stream, pair.b.link.memory.u8.slice(offset, offset + length));
    const c = pair.a.tcp.connect(ADDRESS_B, 7, client)!;
    client.open = () => write(c, bytes);
    expect(pair.run(20_000_000, () => client.received.length === bytes.length)).toBe(true);
    expect(client.received.equals(bytes)).toBe(true);
    expect(pair.b.tcp.counters.cookiesAccepted).toBe(1);
  });
});
