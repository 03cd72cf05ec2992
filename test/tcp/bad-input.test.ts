/**
 * What a hostile or broken peer may send: every case is counted, memory is bounded, and the connection (or the next one) works.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Script } from './script.ts';

describe('options of absurd lengths', () => {
  it('on a SYN, on data, on an acknowledgment: nothing is believed past the header, nothing breaks', () => {
    const raw = fc.uint8Array({ minLength: 4, maxLength: 36 }).map((bytes) => {
      const whole = bytes.subarray(0, bytes.length & ~3);
      return `raw=${Buffer.from(whole).toString('hex')}`;
    });
    fc.assert(
      fc.property(raw, raw, raw, fc.boolean(), (first, second, third, timestamps) => {
        const x = new Script({ tcp: { timestamps, windowScale: true, sack: true } });
        x.listen();
        x.in(`S 0:0 ${first}`);
        const answered = x.sent.splice(0).map(({ flags }) => flags);
        expect(answered).toEqual(['S.']);
        x.in(`. 1:1 ack 1 ${second}`);
        x.in(`P. 1:11 ack 1 ${third}`);
        expect(x.tcp.connectionCount).toBeLessThanOrEqual(1);
        for (const c of x.handler.opened) {
          expect(c.mss + (c.timestamps ? 12 : 0)).toBeGreaterThanOrEqual(88);
          expect(c.sndScale).toBeLessThanOrEqual(14);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('storms of acknowledgments', () => {
  it.each([
    '. -5:-5 ack 1',
    '. 1:1 ack 5000',
    '. 1:1 ack -70000',
    'R 100:100',
    'S 1:1',
    'S. 1:1 ack 1',
    '. 90000:90000 ack 1',
  ])('%s is answered ten times in five seconds at most', (segment) => {
    const x = new Script();
    x.establish();
    for (let i = 0; i < 2_000; i++) x.in(segment);
    expect(x.sent).toHaveLength(10);
    expect(x.tcp.counters.challengeThrottled).toBe(1_990);
    expect(x.state).toBe('ESTABLISHED');
  });

  it('duplicates while data is in flight cause one fast retransmission, not a thousand', () => {
    const x = new Script();
    x.establish();
    x.write(5_000);
    x.sent = [];
    for (let i = 0; i < 1_000; i++) x.in('. 1:1 ack 1');
    expect(x.sent.length).toBeLessThan(20);
  });
});

describe('windows', () => {
  it('that shrink: nothing is sent past them, and everything arrives when they open', () => {
    const x = new Script();
    x.establish('mss 1000', 20_000);
    x.write(30_000);
    const arrived = new Uint8Array(30_001);
    let end = 1;
    const take = (): void => {
      for (const s of x.sent.splice(0)) {
        x.expectPayload(s);
        arrived.fill(1, s.start, s.start + s.length);
        end = Math.max(end, s.start + s.length);
      }
    };
    take();
    for (const window of [100, 50, 1, 0]) {
      const limit = Math.max(end, 1001 + window + 1); // a probe may have one byte more
      x.in(`. 1:1 ack 1001 win ${window}`);
      x.advance(150);
      take();
      expect(end).toBeLessThanOrEqual(limit);
    }
    for (let i = 0; i < 100 && end < 30_001; i++) {
      const missing = arrived.indexOf(0, 1);
      x.in(`. 1:1 ack ${missing < 0 ? 30_001 : missing} win 60000`);
      x.advance(50);
      take();
    }
    expect(arrived.indexOf(0, 1)).toBe(-1);
  });

  it('of a few bytes are worth a few segments a second (RFC 9293 §3.8.6.2.1)', () => {
    const x = new Script();
    x.establish('mss 1000', 60_000);
    x.write(30_000);
    x.in('. 1:1 ack 10001 win 7');
    let acked = 10_001;
    let segments = 0;
    for (let i = 0; i < 600; i++) {
      x.advance(100);
      for (const s of x.sent.splice(0)) {
        segments++;
        if (s.start === acked) acked += s.length;
      }
      x.in(`. 1:1 ack ${acked} win 7`);
    }
    expect(segments).toBeGreaterThan(10);
    expect(segments).toBeLessThan(60 * 6);
  });
});

describe('a reassembly bomb', () => {
  it('of single bytes with gaps: ranges and memory are bounded, the rest is counted, the stream goes on', () => {
    const x = new Script();
    x.establish();
    for (let at = 3; at < 4_000; at += 2) x.in(`P. ${at}:${at + 1} ack 1`);
    const { extents } = x.host.link.memory;
    expect(x.connection.ring?.rangeCount).toBe(256);
    expect(extents.usedBytes).toBeLessThanOrEqual(131_072);
    expect(x.tcp.counters.reassemblyTooManyRanges).toBe(1_999 - 256);
    x.sent = [];
    for (let at = 1; at < 4_001; at += 500) x.in(`P. ${at}:${at + 500} ack 1`);
    x.expectReceived(4_001);
    x.turn();
    expect(extents.usedBytes).toBe(0);
  });

  it('of many connections: what has no memory is dropped and counted, and comes again', () => {
    const x = new Script({ link: { memoryBytes: 4 << 20, dataBuffers: 64 } });
    x.listen();
    for (let port = 1001; port <= 1100; port++) {
      x.in(`S 0:0 sport ${port}`);
      x.in(`. 1:1 ack 1 sport ${port}`);
      x.in(`P. 100:200 ack 1 sport ${port}`);
    }
    expect(x.tcp.counters.reassemblyNoMemory).toBeGreaterThan(0);
    expect(x.tcp.connectionCount).toBe(100);
    const { extents } = x.host.link.memory;
    expect(extents.usedBytes).toBeLessThanOrEqual(extents.bytes / 2); // others need memory, too
    x.tcp.close();
    expect([extents.usedBytes, x.tcp.ringBytes]).toEqual([0, 0]);
  });
});

describe('a tiny MSS', () => {
  it('costs at most a segment for each 88 bytes', () => {
    const x = new Script({ tcp: { initialWindowSegments: 1000 } });
    x.establish('mss 1');
    x.write(8_800);
    expect(x.sent.length).toBeLessThanOrEqual(100);
    expect(x.sent.every((s) => s.length <= 88)).toBe(true);
  });
});
