/**
 * The stack around its connections: checksums and offloads, hardware addresses that change, tags, limits, the observer.
 */
import { describe, expect, it } from 'vitest';
import { RX_CHECKSUM_PARTIAL, RX_CHECKSUM_VALID } from '../../src/lib/link/link.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import type { NotSentReason, RetransmitReason, TcpObserver } from '../../src/lib/tcp/events.ts';
import { STATE_NAMES } from '../../src/lib/tcp/state.ts';
import { ADDRESS_B, Pair, Recorder, write } from './pair.ts';
import { Script } from './script.ts';

/** The folded, uncomplemented pseudo-header sum of a plain frame. */
function pseudoHeaderSum(frame: Uint8Array): number {
  const view = new DataView(frame.buffer);
  let total = 6 + frame.length - 34;
  for (let i = 26; i < 34; i += 2) total += view.getUint16(i);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return total;
}

describe('checksums that arrive', () => {
  const withChecksum = (x: Script, value: (frame: Uint8Array) => number, flags: number): void => {
    const frame = x.frame('P. 1:11 ack 1');
    new DataView(frame.buffer).setUint16(50, value(frame));
    x.host.link.inject(frame, flags);
    x.turn();
  };

  it.each([
    ['wrong, and verified by nobody', () => 0x1234, 0, 0],
    ['wrong, but verified below us', () => 0x1234, RX_CHECKSUM_VALID, 10],
    ['left to a device, and said so', () => 0x1234, RX_CHECKSUM_PARTIAL, 10],
    ['left to a device, and not said so', pseudoHeaderSum, 0, 10],
  ])('%s', (_what, value, flags, bytes) => {
    const x = new Script();
    x.establish();
    withChecksum(x, value, flags);
    expect(x.handler.received).toHaveLength(bytes);
    expect(x.tcp.counters.badChecksum).toBe(bytes === 0 ? 1 : 0);
  });

  it('may be told not to believe in devices', () => {
    const x = new Script({ tcp: { acceptPartialChecksum: false } });
    x.establish();
    withChecksum(x, pseudoHeaderSum, 0);
    expect(x.tcp.counters.badChecksum).toBe(1);
  });

  it('drops headers that are shorter than they say', () => {
    const x = new Script();
    x.establish();
    for (const words of [0, 4, 15]) {
      const frame = x.frame('P. 1:11 ack 1');
      frame[46] = words << 4;
      x.host.link.inject(frame, RX_CHECKSUM_VALID);
    }
    x.turn();
    x.expectSilence();
    expect(x.tcp.counters.tooShort).toBe(3);
  });
});

describe('the way to the peer', () => {
  it('changes when the hardware address does', () => {
    const x = new Script();
    const c = x.establish();
    x.write(10);
    expect([...x.sent.splice(0)[0].frame.subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 0xaa]);
    c.hop!.setMac(0x0200, 0xbb, -1);
    x.write(10);
    expect([...x.sent[0].frame.subarray(0, 6)]).toEqual([2, 0, 0, 0, 0, 0xbb]);
  });

  it('carries the tag of the SYN', () => {
    const x = new Script();
    x.listen();
    const plain = x.frame('S 0:0 mss 1000');
    const tagged = Buffer.concat([plain.subarray(0, 12), Buffer.from([0x81, 0, 0, 42]), plain.subarray(12)]);
    x.host.link.inject(tagged);
    x.host.turn(x.clock.us);
    x.wire.deliver();
    const [answer] = x.peer.takeReceived();
    expect(Buffer.from(answer.subarray(12, 18)).toString('hex')).toBe('8100002a0800');
    const c = x.connection;
    const ack = x.frame('. 1:1 ack 0');
    const view = new DataView(ack.buffer);
    view.setInt32(42, (c.iss + 1) | 0);
    x.host.link.inject(Buffer.concat([ack.subarray(0, 12), Buffer.from([0x81, 0, 0, 42]), ack.subarray(12)]), 1);
    x.host.turn(x.clock.us);
    expect(x.state).toBe('ESTABLISHED');
    write(c, Buffer.from('tagged'));
    x.host.turn(x.clock.us);
    x.wire.deliver();
    const [data] = x.peer.takeReceived();
    expect(Buffer.from(data.subarray(12, 18)).toString('hex')).toBe('8100002a0800');
    expect(Buffer.from(data.subarray(18 + 40)).toString()).toBe('tagged');
    expect(x.host.link.breaches.oversized).toBe(0);
  });

  it('is asked for again when it is lost, and nothing that was queued is', () => {
    const pair = new Pair();
    const server = new Recorder();
    const client = new Recorder();
    pair.b.tcp.listen(7, server);
    const c = pair.a.tcp.connect(ADDRESS_B, 7, client)!;
    pair.run(1_000_000, () => server.opened.length > 0);
    c.hop!.resolved = false;
    c.hop!.state = 5; // failed
    write(c, Buffer.from('late'));
    expect(pair.run(5_000_000, () => server.received.toString() === 'late')).toBe(true);
  });
});

describe('limits', () => {
  it('refuses to listen twice on a port', () => {
    const x = new Script();
    x.listen();
    expect(() => x.listen()).toThrow(/6379/);
    x.tcp.unlisten(6379);
    x.listen();
  });

  it('opens no connection without a route, without a slot, or twice between the same ports', () => {
    const x = new Script({ tcp: { maxConnections: 2 } });
    expect(x.tcp.connect(0x0102_0304, 80, x.handler)).toBeNull();
    expect(x.tcp.connect(ADDRESS_B, 80, x.handler, 5000)).not.toBeNull();
    expect(x.tcp.connect(ADDRESS_B, 80, x.handler, 5000)).toBeNull();
    expect(x.tcp.connect(ADDRESS_B, 80, x.handler)).not.toBeNull();
    expect(x.tcp.connect(ADDRESS_B, 80, x.handler)).toBeNull();
    expect(x.tcp.connectionCount).toBe(2);
  });

  it('uses every ephemeral port once', () => {
    const x = new Script({ tcp: { maxConnections: 20_000, maxTimeWait: 0 }, link: { memoryBytes: 64 << 20 } });
    const ports = new Set<number>();
    for (let c = x.tcp.connect(ADDRESS_B, 80, x.handler); c !== null; c = x.tcp.connect(ADDRESS_B, 80, x.handler)) {
      ports.add(c.localPort);
    }
    expect(ports.size).toBe(16_384);
    expect(Math.min(...ports)).toBe(49_152);
    x.tcp.close();
    expect(x.tcp.connectionCount).toBe(0);
  });
});

describe('the observer', () => {
  it('sees states with their causes, segments, drops, retransmissions, and why nothing is sent', () => {
    const seen: string[] = [];
    const observer: TcpObserver = {
      stateChanged: (_c: Connection, from: number, to: number, cause: string) => {
        seen.push(`${STATE_NAMES[from]} -> ${STATE_NAMES[to]}: ${cause}`);
      },
      segmentIn: (c: Connection | null, _tcp: number, length: number) => {
        seen.push(`in ${c === null ? 'for nobody' : 'for a connection'}, ${length} bytes`);
      },
      segmentOut: (_c: Connection | null, _tcp: number, headerBytes: number, _payload: number, n: number) => {
        seen.push(`out ${headerBytes}+${n}`);
      },
      dropped: (_c: Connection | null, reason: string) => {
        seen.push(`dropped: ${reason}`);
      },
      retransmitted: (_c: Connection, _sequence: number, length: number, reason: RetransmitReason) => {
        seen.push(`again: ${length} bytes, ${reason}`);
      },
      congestionChanged: () => undefined,
      timeWaitEnded: () => undefined,
      notSent: (_c: Connection, reason: NotSentReason, unsent: number) => {
        seen.push(`not sent: ${unsent} bytes, ${reason}`);
      },
    };
    const x = new Script({ tcp: { nagle: true } });
    x.tcp.observer = observer;
    x.in('. 1:1 ack 0');
    x.listen();
    x.in('S 0:0 mss 1000');
    x.in('. 1:1 ack 1');
    expect(seen.splice(0)).toEqual([
      'in for nobody, 20 bytes',
      'dropped: noConnection',
      'out 20+0',
      'in for nobody, 24 bytes',
      'LISTEN -> SYN-RECEIVED: SYN received',
      'out 24+0',
      'in for a connection, 20 bytes',
      'SYN-RECEIVED -> ESTABLISHED: ACK received',
      'not sent: 0 bytes, empty',
    ]);
    x.write(10);
    x.write(10);
    x.advance(200);
    x.in('R 1:1');
    expect(seen).toEqual([
      'out 20+10',
      'not sent: 10 bytes, nagle',
      'out 20+10',
      'again: 10 bytes, timeout',
      'not sent: 10 bytes, nagle',
      'in for a connection, 20 bytes',
      'ESTABLISHED -> CLOSED: RST received',
    ]);
  });

  it('sees a closed window and a full congestion window as reasons', () => {
    const reasons = new Set<string>();
    const x = new Script();
    x.tcp.observer = {
      stateChanged: () => {},
      segmentIn: () => {},
      segmentOut: () => {},
      dropped: () => {},
      retransmitted: () => {},
      congestionChanged: () => undefined,
      timeWaitEnded: () => undefined,
      notSent: (_c, reason) => reasons.add(reason),
    };
    x.establish('mss 1000', 60_000);
    x.write(20_000);
    expect([...reasons]).toEqual(['empty', 'cwnd']);
    x.in('. 1:1 ack 10001 win 0');
    expect([...reasons]).toEqual(['empty', 'cwnd', 'rwnd']);
  });
});
