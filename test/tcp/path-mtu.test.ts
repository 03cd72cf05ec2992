/**
 * The size of a path (RFC 1191): never below a floor, raised again in time, and tried smaller when full segments vanish
 * without a word (RFC 2923 §2.1).
 */
import { describe, expect, it } from 'vitest';
import { fragmentationNeeded } from '../../src/lib/tcp/path-mtu.ts';
import { Script } from './script.ts';

describe('path MTU', () => {
  it('is never taken to be smaller than the floor', () => {
    const x = new Script();
    const c = x.establish('mss 1460');
    expect(fragmentationNeeded(c, 68, 1500)).toBe(true);
    expect(c.pathMtu).toBe(552);
    expect(c.mss).toBe(512);
    expect(fragmentationNeeded(c, 68, 1500)).toBe(false);
    const y = new Script({ tcp: { minPathMtu: 296 } });
    const d = y.establish('mss 1460');
    fragmentationNeeded(d, 0, 500);
    expect(d.pathMtu).toBe(296);
  });

  it('is raised to the link’s after ten minutes', () => {
    const x = new Script();
    const c = x.establish('mss 1460');
    fragmentationNeeded(c, 1000, 1500);
    x.advance(599_999);
    expect(c.mss).toBe(960);
    x.advance(1);
    expect(c.mss).toBe(1460);
    expect(x.tcp.counters.pathMtuRaised).toBe(1);
    expect(x.tcp.nextDeadlineUs()).toBe(Infinity);
  });
});

describe('a black hole', () => {
  /** What is resent, timeout after timeout. */
  const resent = (x: Script, timeouts: number): number[] => {
    x.write(3000);
    x.sent = [];
    const lengths: number[] = [];
    let ms = 200;
    for (let i = 0; i < timeouts; i++) {
      x.advance(ms);
      lengths.push(x.sent.splice(0)[0].length);
      ms *= 2;
    }
    return lengths;
  };

  it('is suspected after two timeouts of a full segment: 1024 bytes, then 536, then what it was', () => {
    const x = new Script({ tcp: { blackHoleTimeouts: 2 } });
    const c = x.establish('mss 1460');
    expect(resent(x, 5)).toEqual([1460, 1024, 1024, 536, 536]);
    x.advance(6_400);
    expect(c.mss).toBe(1460);
    expect(c.pathMtu).toBe(0);
    expect(x.tcp.counters.blackHolesSuspected).toBe(2);
  });

  it('gives back what ICMP had told before', () => {
    const x = new Script({ tcp: { blackHoleTimeouts: 1 } });
    const c = x.establish('mss 1460');
    fragmentationNeeded(c, 1300, 1500);
    expect(resent(x, 2)).toEqual([1024, 536]);
    x.advance(800);
    expect(c.mss).toBe(1260);
    expect(c.pathMtu).toBe(1300);
  });

  it('is left, the size kept, when the smaller segments arrive', () => {
    const x = new Script({ tcp: { blackHoleTimeouts: 2 } });
    const c = x.establish('mss 1460');
    resent(x, 2);
    x.in('. 1:1 ack 1025');
    x.advance(1000);
    x.in('. 1:1 ack 3001');
    expect(c.mss).toBe(1024);
    x.advance(600_000);
    expect(c.mss).toBe(1460);
  });

  it('takes twice as many timeouts to suspect where full segments have arrived', () => {
    const x = new Script({ tcp: { blackHoleTimeouts: 1 } });
    const c = x.establish('mss 1460');
    x.write(6000);
    x.in('. 1:1 ack 2921');
    x.advance(1);
    x.in('. 1:1 ack 6001');
    x.advance(1000);
    expect(resent(x, 4)).toEqual([1460, 1024, 1024, 536]);
    expect(c.carriedMss).toBe(1460);
  });

  it('is not suspected for small segments, nor when that is turned off', () => {
    const x = new Script({ tcp: { blackHoleTimeouts: 2 } });
    const c = x.establish('mss 1460');
    x.write(100);
    x.advance(10_000);
    expect(c.mss).toBe(1460);
    const y = new Script({ tcp: { blackHoleTimeouts: 0 } });
    y.establish('mss 1460');
    expect(resent(y, 5)).toEqual([1460, 1460, 1460, 1460, 1460]);
  });
});

describe('small segments', () => {
  it('takes an MSS below 88 for 88', () => {
    for (const mss of [0, 1, 48, 87]) {
      const x = new Script();
      expect(x.establish(`mss ${mss}`).mss).toBe(mss === 0 ? 536 : 88);
    }
  });

  it('never sends more than its own limit, in either direction of the option', () => {
    const x = new Script();
    x.tcp.listen(6379, x.handler, { maxSeg: 500 });
    x.in('S 0:0 mss 1460');
    x.out('S. 0:0 ack 1');
    expect(x.last.mss).toBe(500);
    x.in('. 1:1 ack 1');
    x.write(1200);
    expect(x.sent.map((segment) => segment.length)).toEqual([500, 500, 200]);
  });
});
