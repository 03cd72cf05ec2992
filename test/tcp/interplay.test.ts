/**
 * Mechanisms that are right alone, where two of them meet: a closed window and what is in flight, a probe and the backlog, the
 * override timeout and the retransmission timer.
 */
import { describe, expect, it } from 'vitest';
import { Script } from './script.ts';

const starts = (x: Script): number[] => x.sent.map((segment) => segment.start);

describe('a window that closed on data in flight, and opens again', () => {
  it.each([
    ['without SACK', 'mss 1000'],
    ['with SACK', 'mss 1000 sackok'],
  ])('lets what was refused go at once, whatever the timer has backed off to: %s', (_what, options) => {
    const x = new Script();
    const c = x.establish(options, 4000);
    x.write(4000);
    x.in('. 1:1 ack 1001 win 0'); // the window was taken back: the peer has dropped the rest
    for (let i = 0; i < 5; i++) {
      x.advance(c.rtt.rtoUs / 1000);
      x.in('. 1:1 ack 1001 win 0');
    }
    expect(c.rtt.rtoUs).toBeGreaterThan(3_000_000);
    x.sent = [];
    x.in('. 1:1 ack 1001 win 4000');
    expect(starts(x)[0]).toBe(1001);
    expect(c.rtt.rtoUs).toBeLessThan(1_000_000);
  });
});

describe('a probe of a closed window', () => {
  it('is not the FIN while bytes before it have no buffer', () => {
    const x = new Script({ link: { dataBuffers: 8 } });
    const c = x.establish('mss 1000', 1000);
    x.write(1000);
    x.in('. 1:1 ack 1001 win 0');
    const { data } = x.host.link;
    const taken: number[] = [];
    for (let id = data.allocQueued(); id !== 0; id = data.allocQueued()) taken.push(id);
    x.write(500); // nobody has a buffer for them
    expect(c.queue.backlogBytes).toBe(500);
    c.end();
    x.sent = [];
    x.advance(5_000);
    expect(x.sent.filter((segment) => segment.flags.includes('F'))).toEqual([]);
    for (const id of taken) data.release(id);
    x.in('. 1:1 ack 1001 win 1000');
    x.advance(5_000);
    const last = x.sent[x.sent.length - 1];
    expect([last.flags.includes('F'), last.start + last.length]).toEqual([true, 1501]);
  });
});

describe('the override timeout of a cork', () => {
  it('does not keep acknowledgments from restarting the retransmission timer (RFC 6298 §5.3)', () => {
    const x = new Script();
    const c = x.establish();
    c.corked = true;
    x.write(100); // waits under the cork, until 200 ms at most
    x.advance(10);
    x.write(5900);
    x.advance(150);
    for (let i = 1; i <= 5; i++) x.in(`. 1:1 ack ${i * 1000 + 1}`); // restarts the timer
    x.sent = [];
    x.advance(80);
    expect(x.tcp.counters.timeoutsFired).toBe(0);
  });
});
