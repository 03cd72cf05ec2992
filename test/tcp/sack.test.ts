/**
 * Selective acknowledgment, the receiver's side (RFC 2018).
 */
import { describe, expect, it } from 'vitest';
import { Script } from './script.ts';

function established(timestamps = false): Script {
  const x = new Script({ tcp: { sack: true, timestamps } });
  if (timestamps) x.tsVal = 1000;
  x.establish('mss 1000 sackok');
  return x;
}

describe('SACK', () => {
  it('names the range that has just arrived first, then the others', () => {
    const x = established();
    x.in('. 1001:2001 ack 1');
    x.out('. 1:1 ack 1');
    expect(x.last.sack).toEqual([[1001, 2001]]);
    x.in('. 3001:4001 ack 1');
    x.out('. 1:1 ack 1');
    expect(x.last.sack).toEqual([
      [3001, 4001],
      [1001, 2001],
    ]);
    x.in('. 2001:2501 ack 1');
    x.out('. 1:1 ack 1');
    expect(x.last.sack).toEqual([
      [1001, 2501],
      [3001, 4001],
    ]);
    x.in('. 1:1001 ack 1');
    x.out('. 1:1 ack 2501');
    expect(x.last.sack).toEqual([[3001, 4001]]);
    x.in('. 2501:3001 ack 1');
    x.out('. 1:1 ack 4001');
    expect(x.last.sack).toEqual([]);
  });

  it.each([
    ['four blocks', false, 4],
    ['three beside timestamps', true, 3],
  ])('names at most %s', (_what, timestamps, most) => {
    const x = established(timestamps);
    for (let at = 1001; at <= 11_001; at += 2000) x.in(`. ${at}:${at + 1000} ack 1`);
    const last = x.sent[x.sent.length - 1];
    expect(last.sack).toHaveLength(most);
    expect(last.sack[0]).toEqual([11_001, 12_001]);
    expect(last.hasTimestamps).toBe(timestamps);
    expect(new Set(last.sack.map(String)).size).toBe(most);
  });

  it('is not used with a peer that did not permit it', () => {
    const x = new Script({ tcp: { sack: true } });
    x.establish('mss 1000');
    x.in('. 1001:2001 ack 1');
    x.out('. 1:1 ack 1');
    expect(x.last.sack).toEqual([]);
  });

  it('ignores blocks that a peer sends, whatever they say', () => {
    const x = established();
    x.write(3000);
    x.sent = [];
    x.in('. 1:1 ack 1001 raw=0101050a0000000000000000');
    x.in('. 1:1 ack 2001 raw=01010506ffffffff');
    x.in('. 1:1 ack 3001 raw=050a80000000');
    x.expectSilence();
    expect(x.connection.flightBytes).toBe(0);
  });
});
