/**
 * Ends that are not the usual one: an owner that lingers, lets go of what it has not read, or leaves too many behind.
 */
import { describe, expect, it } from 'vitest';
import { CLOSE_ABORTED, CLOSE_NORMAL } from '../../src/lib/link/stream.ts';
import { Script } from './script.ts';

describe('linger', () => {
  it('for no time: the end is a reset, and what is queued is lost', () => {
    const x = new Script();
    const c = x.establish('mss 1000', 500);
    x.write(1500);
    x.sent = [];
    c.lingerMs = 0;
    c.end();
    x.turn();
    x.out('R. 501:501 ack 1');
    expect(x.handler.closes).toEqual([CLOSE_ABORTED]);
  });

  it('for a time: a reset when not all was taken by then', () => {
    const x = new Script();
    const c = x.establish();
    c.lingerMs = 5_000;
    x.write(100);
    c.end();
    x.advance(4_999);
    expect(x.state).toBe('FIN-WAIT-1');
    x.sent = [];
    x.advance(1);
    x.out('R. 102:102 ack 1');
    expect(x.handler.closes).toEqual([CLOSE_ABORTED]);
  });

  it('for a time: over when all was taken, and FIN-WAIT-2 has its own patience', () => {
    const x = new Script();
    const c = x.establish();
    c.lingerMs = 5_000;
    x.write(100);
    c.end();
    x.turn();
    x.in('. 1:1 ack 102');
    x.advance(30_000);
    expect(x.state).toBe('FIN-WAIT-2');
    x.in('F. 1:1 ack 102');
    expect(x.state).toBe('TIME-WAIT');
    expect(x.handler.closes).toEqual([CLOSE_NORMAL]);
  });

  it('for a time: without a limit for FIN-WAIT-2 it leaves that alone', () => {
    const x = new Script({ tcp: { finWait2Ms: 0 } });
    const c = x.establish();
    c.lingerMs = 1_000;
    c.end();
    x.turn();
    x.in('. 1:1 ack 2');
    x.advance(3_600_000);
    expect(x.state).toBe('FIN-WAIT-2');
  });
});

describe('close, by an owner that reads no more', () => {
  it('is a FIN when everything was read', () => {
    const x = new Script();
    const c = x.establish();
    x.in('P. 1:11 ack 1');
    c.close();
    x.turn();
    x.out('F. 1:1 ack 11');
    expect(x.state).toBe('FIN-WAIT-1');
  });

  it('is a reset when bytes wait in our buffer (RFC 9293 §3.10.4, RFC 2525 §2.17)', () => {
    const x = new Script();
    const c = x.establish();
    c.pauseRead();
    x.in('P. 1:11 ack 1');
    c.close();
    x.turn();
    x.out('R. 1:1 ack 11');
    expect(x.handler.closes).toEqual([CLOSE_ABORTED]);
    expect(x.tcp.counters.unreadResets).toBe(1);
    expect(x.host.link.memory.extents.usedBytes).toBe(0);
  });

  it('is a reset when its owner says that bytes wait there', () => {
    const x = new Script();
    const c = x.establish();
    x.in('FP. 1:11 ack 1');
    x.sent = [];
    c.close(true);
    x.turn();
    x.out('R. 1:1 ack 12');
  });

  it.each([
    ['in order', '. 1:11 ack 2'],
    ['out of order', '. 101:111 ack 2'],
    ['with a FIN', 'F. 1:11 ack 2'],
  ])('answers new bytes %s by a reset (RFC 1122 §4.2.2.13)', (_what, segment) => {
    const x = new Script();
    x.establish().close();
    x.turn();
    x.in('. 1:1 ack 2');
    x.sent = [];
    x.in(segment);
    x.out('R 2:2');
    expect(x.state).toBe('CLOSED');
    expect(x.handler.received).toHaveLength(0);
    expect(x.handler.ended).toBe(0);
    expect(x.handler.closes).toEqual([CLOSE_ABORTED]);
    expect(x.tcp.counters.dataAfterClose).toBe(1);
  });

  it('goes on with a peer that only repeats itself, and ends', () => {
    const x = new Script();
    const c = x.establish();
    x.in('P. 1:11 ack 1');
    c.close();
    x.turn();
    x.sent = [];
    x.in('P. 1:11 ack 2');
    x.out('. 2:2 ack 11');
    x.in('F. 11:11 ack 2');
    x.out('. 2:2 ack 12');
    expect(x.state).toBe('TIME-WAIT');
    expect(x.handler.ended).toBe(0);
    expect(x.handler.closes).toEqual([CLOSE_NORMAL]);
  });

  it('after end() only stops the reading', () => {
    const x = new Script();
    const c = x.establish();
    c.end();
    x.turn();
    x.in('P. 1:11 ack 2');
    x.expectReceived(11);
    c.close();
    x.sent = [];
    x.in('P. 11:21 ack 2');
    expect(x.sent.pop()?.flags).toBe('R');
  });

  it('lets go of a connection that is over but for its reader', () => {
    const x = new Script();
    const c = x.establish();
    c.pauseRead();
    x.in('FP. 1:11 ack 1');
    c.end();
    x.turn();
    x.in('. 12:12 ack 2');
    expect(x.tcp.lingering.size).toBe(1);
    c.close();
    expect(x.tcp.lingering.size).toBe(0);
    expect(x.handler.closes).toEqual([CLOSE_NORMAL]);
    expect(x.host.link.memory.extents.usedBytes).toBe(0);
  });
});

describe('orphans', () => {
  it('beyond the limit are reset when they are ended', () => {
    const x = new Script({ tcp: { maxOrphans: 2 } });
    x.listen();
    for (let port = 1001; port <= 1003; port++) {
      x.in(`S 0:0 sport ${port}`);
      x.in(`. 1:1 ack 1 sport ${port}`);
    }
    x.sent = [];
    for (const c of x.handler.opened) c.end();
    x.turn();
    expect(x.sent.map((segment) => segment.flags).sort()).toEqual(['F.', 'F.', 'R.']);
    expect(x.tcp.orphans).toBe(2);
    expect(x.tcp.counters.orphansReset).toBe(1);
  });

  it('are counted until they are gone, however they go', () => {
    const x = new Script();
    x.establish().end();
    x.turn();
    expect(x.tcp.orphans).toBe(1);
    x.in('F. 1:1 ack 2');
    expect(x.tcp.orphans).toBe(0);
    const y = new Script();
    y.establish().end();
    y.connection.end();
    expect(y.tcp.orphans).toBe(1);
    y.in('R 1:1');
    expect(y.tcp.orphans).toBe(0);
  });
});
