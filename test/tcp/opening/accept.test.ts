/**
 * Listeners whose owner accepts by itself: the accept queue, its limit, and what happens to connections while they wait.
 */
import { describe, expect, it } from 'vitest';
import { CLOSE_RESET } from '../../../src/lib/link/stream.ts';
import type { Listener, ListenOptions } from '../../../src/lib/tcp/opening/listen.ts';
import { ADDRESS_B } from '../pair.ts';
import { Script } from '../script.ts';

function accepting(options: ListenOptions): { x: Script; listener: Listener } {
  const x = new Script();
  const listener = x.tcp.listen(6379, x.handler, options);
  return { x, listener };
}

describe('the accept queue', () => {
  it('holds a connection until its owner asks, and what the peer sent meanwhile', () => {
    const { x, listener } = accepting({ acceptBacklog: 4 });
    x.in('S 0:0 mss 1000');
    expect(listener.accept()).toBeNull();
    x.in('P. 1:101 ack 1');
    x.advance(100);
    expect(x.state).toBe('ESTABLISHED');
    expect(x.handler.opened).toHaveLength(0);
    expect(x.handler.received).toHaveLength(0);
    expect(x.sent.pop()?.text).toBe('. 1:1 ack 101'); // the peer's bytes are acknowledged
    const c = listener.accept();
    expect(x.handler.opened).toEqual([c]);
    expect(x.handler.received).toHaveLength(0);
    c?.resumeRead();
    x.expectReceived(101);
    expect(listener.accept()).toBeNull();
  });

  it('gives connections out in their order, with the end of the stream', () => {
    const { x, listener } = accepting({ acceptBacklog: 4 });
    for (const port of [1001, 1002]) {
      x.in(`S 0:0 sport ${port}`);
      x.in(`F. 1:1 ack 1 sport ${port}`);
    }
    const first = listener.accept();
    expect(first?.remotePort).toBe(1001);
    expect(x.handler.ended).toBe(0);
    first?.resumeRead();
    expect(x.handler.ended).toBe(1);
    expect(listener.accept()?.remotePort).toBe(1002);
  });

  it('when full, ignores the last ACK of a handshake, and the SYN,ACK goes out again', () => {
    const { x, listener } = accepting({ acceptBacklog: 1 });
    x.in('S 0:0 sport 1001');
    x.in('S 0:0 sport 1002');
    x.in('. 1:1 ack 1 sport 1002');
    x.in('S 0:0 sport 1001'); // to learn the ISN again
    x.sent = [];
    x.in('. 1:1 ack 1 sport 1001');
    x.expectSilence();
    expect(x.tcp.counters.acceptQueueFull).toBe(1);
    expect(listener.halfOpen).toBe(1);
    x.outAfter(1000, 'S. 0:0 ack 1');
    expect(listener.accept()?.remotePort).toBe(1002);
    x.in('. 1:1 ack 1 sport 1001');
    expect(listener.accept()?.remotePort).toBe(1001);
    expect(listener.halfOpen).toBe(0);
  });

  it('when full, drops SYNs', () => {
    const { x } = accepting({ acceptBacklog: 1 });
    x.in('S 0:0 sport 1001');
    x.in('. 1:1 ack 1 sport 1001');
    x.sent = [];
    x.in('S 0:0 sport 1002');
    x.expectSilence();
    expect(x.tcp.counters.acceptQueueFull).toBe(1);
  });

  it('keeps a connection that the peer reset: it opens and ends at once', () => {
    const { x, listener } = accepting({ acceptBacklog: 1 });
    x.in('S 0:0');
    x.in('P. 1:101 ack 1');
    x.in('R 101:101');
    expect(x.handler.closes).toEqual([]);
    const c = listener.accept();
    expect(c?.isClosed).toBe(true);
    expect(x.handler.opened).toHaveLength(1);
    expect(x.handler.closes).toEqual([CLOSE_RESET]);
    expect(x.host.link.memory.extents.usedBytes).toBe(0);
  });

  it('is emptied by resets when nobody listens any more, and what is half open is forgotten', () => {
    const { x } = accepting({ acceptBacklog: 4 });
    x.in('S 0:0 sport 1001');
    x.in('. 1:1 ack 1 sport 1001');
    x.in('S 0:0 sport 1002');
    x.sent = [];
    x.tcp.unlisten(6379);
    x.turn();
    expect(x.sent.map((segment) => segment.flags)).toEqual(['R.']);
    expect(x.tcp.connectionCount).toBe(0);
    expect(x.handler.closes).toEqual([]);
    x.sent = [];
    x.in('. 1:1 ack 1 sport 1002');
    x.out('R 1:1');
  });

  it('passes the listener’s settings on', () => {
    const { x, listener } = accepting({
      acceptBacklog: 4,
      nagle: true,
      maxSeg: 600,
      keepAliveMs: 5_000,
      tos: 0x28,
      ttl: 9,
    });
    x.in('S 0:0 mss 1460');
    x.out('S. 0:0 ack 1');
    expect(x.last.mss).toBe(600);
    expect([x.last.frame[15], x.last.frame[22]]).toEqual([0x28, 9]);
    x.in('. 1:1 ack 1');
    const c = listener.accept()!;
    expect(c).toMatchObject({ nagle: true, mss: 600, keepAliveMs: 5_000 });
    x.write(700, c);
    expect(x.sent.map((segment) => segment.length)).toEqual([600]);
    expect([x.sent[0].frame[15], x.sent[0].frame[22]]).toEqual([0x28, 9]);
  });
});

describe('a listener that many connections have come through', () => {
  it('still knows who was half open before them', () => {
    const x = new Script();
    x.listen(2);
    x.in('S 0:0 sport 1001');
    for (let port = 2001; port < 2010; port++) {
      x.in(`S 0:0 sport ${port}`);
      x.in(`. 1:1 ack 1 sport ${port}`);
    }
    expect(x.tcp.connectionCount).toBe(10);
    x.tcp.unlisten(x.localPort);
    expect(x.tcp.connectionCount).toBe(9);
  });
});

describe('a connection without options', () => {
  it('says none and uses none, in either role', () => {
    const tcp = { timestamps: true, windowScale: true, sack: true };
    const x = new Script({ tcp });
    x.tcp.listen(6379, x.handler, { offersOptions: false });
    x.in('S 0:0 mss 1000 wscale 7 sackok ts 5 0');
    x.out('S. 0:0 ack 1');
    expect(x.last.frame.length).toBe(14 + 20 + 20);
    x.in('. 1:1 ack 1');
    expect(x.connection).toMatchObject({
      timestamps: false,
      sackPermitted: false,
      sndScale: 0,
      rcvScale: 0,
      mss: 1000,
    });
    const y = new Script({ tcp });
    y.tcp.connect(ADDRESS_B, y.peerPort, y.handler, 5000, { offersOptions: false });
    y.turn();
    y.out('S 0:0');
    expect(y.last.frame.length).toBe(14 + 20 + 20);
  });
});

describe('a half-open connection', () => {
  it('is not kept by a peer that repeats its SYN', () => {
    const x = new Script({ tcp: { maxSynAckRetransmissions: 2 } });
    x.listen();
    for (let i = 0; i < 10; i++) {
      x.in('S 0:0');
      x.advance(900);
    }
    expect(x.tcp.counters.timeouts).toBeGreaterThan(0);
  });

  it('ends after its own timeout, whatever the number of SYN,ACKs', () => {
    const x = new Script();
    x.tcp.listen(6379, x.handler, { openTimeoutMs: 1_500 });
    x.in('S 0:0');
    x.advance(1_499);
    expect(x.state).toBe('SYN-RECEIVED');
    x.advance(1);
    expect(x.state).toBe('CLOSED');
    x.in('S 0:0');
    x.in('. 1:1 ack 1');
    x.advance(10_000);
    expect(x.state).toBe('ESTABLISHED');
  });

  it('is dropped when its SYN has a FIN and such are not wanted', () => {
    const x = new Script({ tcp: { dropSynFin: true } });
    x.listen();
    x.in('SF 0:0');
    x.expectSilence();
    expect(x.tcp.counters.synWithFin).toBe(1);
  });
});
