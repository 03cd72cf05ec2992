/**
 * Selective acknowledgment, the receiver's side (RFC 2018), and D-SACK (RFC 2883).
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

  it('names next what it has named last, so that each range is named several times (RFC 2018 §4)', () => {
    const x = established();
    for (let at = 1001; at <= 13_001; at += 2000) x.in(`. ${at}:${at + 1000} ack 1`);
    x.sent = [];
    x.in('. 5001:5501 ack 1'); // came twice, a part of it: a D-SACK, its range, and the two before
    x.out('. 1:1 ack 1');
    expect(x.last.sack).toEqual([
      [5001, 5501],
      [5001, 6001],
      [13_001, 14_001],
      [11_001, 12_001],
    ]);
    x.in('. 2001:2501 ack 1');
    x.out('. 1:1 ack 1');
    expect(x.last.sack).toEqual([
      [1001, 2501],
      [5001, 6001],
      [13_001, 14_001],
      [11_001, 12_001],
    ]);
  });
});

/** RFC 2883 §4, whose examples have segments of 500 bytes, on top of 3001 here. */
describe('D-SACK', () => {
  const blocks = (x: Script): unknown => {
    const { sack } = x.sent[x.sent.length - 1];
    x.sent = [];
    return sack;
  };

  it('says that a segment came twice (§4.1.1), once', () => {
    const x = established();
    for (const range of ['1:1001', '1001:2001', '2001:3001']) x.in(`. ${range} ack 1`);
    x.sent = [];
    x.in('. 2501:3001 ack 1');
    expect(blocks(x)).toEqual([[2501, 3001]]);
    x.in('. 3501:4001 ack 1');
    expect(blocks(x)).toEqual([[3501, 4001]]);
    expect(x.tcp.counters.dsacksOut).toBe(1);
  });

  it('comes before the ranges that are out of order (§4.1.2, §4.1.3)', () => {
    const x = established();
    for (const range of ['1:1001', '1001:2001', '2001:3001']) x.in(`. ${range} ack 1`);
    x.in('. 4501:5001 ack 1');
    x.sent = [];
    x.in('. 2501:3001 ack 1');
    expect(blocks(x)).toEqual([
      [2501, 3001],
      [4501, 5001],
    ]);
    x.in('. 4501:5001 ack 1'); // itself out of order: the second block is the range around it
    expect(blocks(x)).toEqual([
      [4501, 5001],
      [4501, 5001],
    ]);
  });

  it('says which part of a segment came twice (§4.2)', () => {
    const x = established();
    for (const range of ['1:1001', '1001:2001', '2001:3001']) x.in(`. ${range} ack 1`);
    x.sent = [];
    x.in('. 2501:3501 ack 1');
    x.advance(50);
    expect(blocks(x)).toEqual([[2501, 3001]]);
    x.in('. 4501:5501 ack 1');
    x.sent = [];
    x.in('. 5001:6001 ack 1');
    expect(blocks(x)).toEqual([
      [5001, 5501],
      [4501, 6001],
    ]);
  });

  it.each([
    ['when it is off', { dsack: false, sack: true }, 'mss 1000 sackok'],
    ['to a peer without SACK', { sack: true }, 'mss 1000'],
  ])('is not sent %s', (_what, tcp, options) => {
    const x = new Script({ tcp });
    x.establish(options);
    x.in('. 1:1001 ack 1');
    x.in('. 1:1001 ack 1');
    expect(x.sent.every((sent) => sent.sack.length === 0)).toBe(true);
    expect(x.sent.length).toBeGreaterThan(0);
  });
});
