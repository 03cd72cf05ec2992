/**
 * What simulated worlds (test/sim) found, each as the shortest script that shows it.
 */
import { describe, expect, it } from 'vitest';
import { CLOSE_NORMAL, CLOSE_RESET } from '../../src/lib/link/stream.ts';
import { distance } from '../../src/lib/tcp/sequence.ts';
import { write } from './pair.ts';
import { Script } from './script.ts';

describe('a reset after both sides have said FIN', () => {
  it('is a loss when bytes were not acknowledged', () => {
    const x = new Script();
    const c = x.establish();
    x.in('F. 1:1 ack 1');
    x.sent = [];
    x.write(500);
    c.end();
    x.turn();
    expect(x.state).toBe('LAST-ACK');
    x.in('R 2:2');
    expect(x.handler.closes).toEqual([CLOSE_RESET]);
  });

  it('is none when only the FIN was not', () => {
    const x = new Script();
    const c = x.establish();
    x.in('F. 1:1 ack 1');
    x.write(500);
    x.in('. 2:2 ack 501');
    c.end();
    x.turn();
    expect(x.state).toBe('LAST-ACK');
    x.in('R 2:2');
    expect(x.handler.closes).toEqual([CLOSE_NORMAL]);
  });
});

describe('FINs that cross', () => {
  it("the peer's is acknowledged, though ours was acknowledged in the same turn", () => {
    const x = new Script();
    const c = x.establish();
    c.end();
    x.turn();
    x.out('F. 1:1 ack 1');
    x.burst('F. 1:1 ack 1', '. 2:2 ack 2');
    expect(x.state).toBe('TIME-WAIT');
    x.out('. 2:2 ack 2');
  });
});

describe('windows', () => {
  it('the one of a SYN,ACK is not scaled in a simultaneous open either (RFC 7323 §2.2)', () => {
    const x = new Script({ tcp: { windowScale: true } });
    const c = x.connect();
    x.sent = [];
    x.in('S 0:0 win 1000 mss 1000 wscale 7');
    x.in('S. 0:0 ack 1 win 1000 mss 1000 wscale 7');
    expect(x.state).toBe('ESTABLISHED');
    expect([c.sndWnd, c.sndScale]).toEqual([1000, 7]);
    x.in('. 1:1 ack 1 win 1000');
    expect(c.sndWnd).toBe(128_000);
  });

  it('a FIN that comes while the window is closed leaves it closed', () => {
    const x = new Script({ tcp: { receiveWindowBytes: 2000, maxReceiveWindowBytes: 2000 } });
    const c = x.establish();
    c.pauseRead();
    x.burst('. 1:1001 ack 1', '. 1001:2001 ack 1');
    x.out('. 1:1 ack 2001');
    expect(x.last.window).toBe(0);
    x.in('F. 2001:2001 ack 1');
    x.out('. 1:1 ack 2002');
    expect(x.last.window).toBe(0);
    x.write(10);
    x.out('P. 1:11 ack 2002');
    x.in('. 2002:2002 ack 11');
    expect(c.sndUna).toBe(c.sndNxt);
  });

  it('a retransmission that acknowledges something new moves the right edge, though its sequence number is old', () => {
    const x = new Script();
    const c = x.establish('mss 1000', 3000);
    x.write(5000);
    x.out('. 1:1001 ack 1', '. 1001:2001 ack 1', '. 2001:3001 ack 1');
    x.in('. 101:201 ack 1001 win 2000'); // out of order: SND.WL1 is 101 now
    x.in('. 1:101 ack 3001 win 500'); // the edge is 3501, which is less than 3001 + 2000
    expect(c.sndWnd).toBe(500);
  });

  it('a SYN,ACK that goes again does not forget what was offered between', () => {
    const x = new Script({ tcp: { windowScale: true, receiveWindowBytes: 262_144, maxReceiveWindowBytes: 262_144 } });
    x.listen();
    x.in('S 0:0 win 1000 mss 1000 wscale 0');
    x.sent = [];
    x.in('. 0:0 ack 1'); // the client has the SYN,ACK, its ACK got lost, and now it asks whether we are there
    x.out('. 1:1 ack 1');
    const offered = x.last.window << x.connection.rcvScale;
    x.outAfter(1000, 'S. 0:0 ack 1');
    x.in('. 1:1 ack 1');
    expect(distance(x.connection.rcvAdv, x.connection.rcvNxt)).toBe(offered);
  });

  it('one segment fits cwnd when the path gets wider after a timeout', () => {
    const x = new Script({ tcp: { pathMtuAgeMs: 5_000, tailLossProbe: false, blackHoleTimeouts: 2 } });
    const c = x.establish('mss 1460');
    x.write(4000);
    for (let timeouts = 0; c.mss > 600 && timeouts < 8; timeouts++) x.advance(3_000 * 2 ** timeouts);
    expect(c.mss).toBeLessThan(600);
    while (c.mss < 1460) x.advance(1_000);
    expect(c.cwnd).toBeGreaterThanOrEqual(c.mss);
  });

  it('TIME-WAIT offers what was offered last', () => {
    const x = new Script({ tcp: { receiveWindowBytes: 20_000, maxReceiveWindowBytes: 60_000 } });
    const c = x.establish();
    c.rcvBuffer = 50_000; // it has grown
    c.end();
    x.turn();
    x.in('F. 1:1 ack 2');
    x.sent = [];
    x.in('F. 1:1 ack 2');
    x.out('. 2:2 ack 2');
    expect(x.last.window).toBe(50_000);
  });
});

describe('a connection that was reset while it waited to be accepted', () => {
  const waiting = (): Script => {
    const x = new Script();
    x.tcp.listen(x.localPort, x.handler, { acceptBacklog: 1 });
    x.in('S 0:0 win 1000 mss 1000');
    x.in('. 1:1 ack 1');
    x.in('F. 1:30 ack 1');
    x.in('R 31:31');
    return x;
  };

  it('keeps nothing of what its owner says to it', () => {
    const x = waiting();
    const free = x.host.link.data.available;
    x.handler.open = (stream) => void write(stream, Buffer.alloc(100));
    x.tcp.listeners.get(x.localPort)?.accept();
    x.turn();
    expect(x.handler.closes).toEqual([CLOSE_RESET]);
    expect(x.host.link.data.available).toBe(free);
  });

  it('does not report an end whose bytes are lost', () => {
    const x = waiting();
    x.handler.open = (stream) => stream.resumeRead();
    x.tcp.listeners.get(x.localPort)?.accept();
    expect([x.handler.received.length, x.handler.ended, x.handler.closes]).toEqual([0, 0, [CLOSE_RESET]]);
  });
});
