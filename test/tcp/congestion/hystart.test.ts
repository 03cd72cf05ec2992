/**
 * HyStart++ (RFC 9406): rounds, thresholds and the conservative phase, sample by sample; then a transfer through a narrow line.
 */
import { describe, expect, it } from 'vitest';
import { HyStart } from '../../../src/lib/tcp/congestion/hystart.ts';
import { Pair, Recorder, write } from '../pair.ts';
import { Script } from '../script.ts';

const MS = 1000;

/** A round of `samples` acknowledgments that measure `rttMs`; true when it ended slow start. */
class Rounds {
  readonly hystart = new HyStart(100);
  private end = 100;

  round(rttMs: number, samples = 8): boolean {
    const next = this.end + 100;
    for (let i = 1; i < samples; i++) this.hystart.acknowledged(this.end - 50, next, rttMs * MS);
    const left = this.hystart.acknowledged(this.end, next, rttMs * MS);
    this.end = next;
    return left;
  }
}

describe('HyStart', () => {
  // RttThresh = max(4 ms, min(lastRoundMinRTT / 8, 16 ms))
  it.each([
    [10, 13.9, 14],
    [40, 44.9, 45],
    [100, 112.4, 112.5],
    [400, 415.9, 416],
  ])('after a round of %f ms goes on at %f ms and becomes careful at %f ms', (last, below, above) => {
    const goesOn = new Rounds();
    goesOn.round(last);
    goesOn.round(below);
    expect(goesOn.hystart.conservative).toBe(false);
    const careful = new Rounds();
    careful.round(last);
    careful.round(above);
    expect(careful.hystart.conservative).toBe(true);
  });

  it('takes the minimum of a round, from eight samples on', () => {
    const few = new Rounds();
    few.round(10);
    few.round(100, 7);
    expect(few.hystart.conservative).toBe(false);
    const mixed = new Rounds();
    mixed.round(10);
    for (let i = 0; i < 20; i++) mixed.hystart.acknowledged(150, 300, (i === 3 ? 11 : 90) * MS);
    expect(mixed.hystart.conservative).toBe(false);
  });

  it('leaves slow start after five careful rounds, of which the first is the one that it began in', () => {
    const x = new Rounds();
    x.round(10);
    expect([1, 2, 3, 4, 5].map(() => x.round(20))).toEqual([false, false, false, false, true]);
  });

  it('returns to slow start when the round trip falls below that of the entry: it was jitter', () => {
    const x = new Rounds();
    x.round(10);
    x.round(20);
    expect(x.hystart.conservative).toBe(true);
    x.round(19);
    expect(x.hystart.conservative).toBe(false);
    x.round(30); // …and may become careful again, for five rounds
    expect(x.hystart.conservative).toBe(true);
    expect([1, 2, 3, 4].map(() => x.round(30))).toEqual([false, false, false, true]);
  });

  it('holds sequence numbers that wrap', () => {
    const h = new HyStart(0x7fff_ff00);
    for (let i = 0; i < 8; i++) h.acknowledged(0x7fff_0000, 0, 10 * MS);
    h.acknowledged(0x7fff_ff00, -0x7fff_0000, 10 * MS);
    expect(h.roundEnd).toBe(-0x7fff_0000);
    expect(h.lastMinUs).toBe(10 * MS);
  });
});

describe('slow start with it', () => {
  it('grows a quarter as fast while careful, sets ssthresh at its end, and is over after a loss', () => {
    const x = new Script({ tcp: { hystart: true, slowStartLimitSegments: 8 } });
    const c = x.establish('mss 1000');
    const events: string[] = [];
    x.tcp.observer = {
      stateChanged: () => undefined,
      segmentIn: () => undefined,
      segmentOut: () => undefined,
      dropped: () => undefined,
      retransmitted: () => undefined,
      timeWaitEnded: () => undefined,
      notSent: () => undefined,
      congestionChanged: (_c, event) => events.push(event),
    };
    let rounds = 0;
    const round = (rttMs: number): void => {
      rounds++;
      const step = Math.ceil(c.cwnd / 10);
      const end = (c.sndUna + c.cwnd) | 0;
      c.sndNxt = end;
      while (((end - c.sndUna) | 0) > 0) {
        const flight = (c.sndNxt - c.sndUna) | 0;
        const acked = Math.min(step, (end - c.sndUna) | 0);
        c.sndUna = (c.sndUna + acked) | 0;
        c.sndNxt = (c.sndUna + c.cwnd) | 0;
        c.congestion.onAck(c, acked, flight, rttMs * MS);
      }
    };
    round(10);
    round(10);
    expect(c.cwnd).toBe(40_000);
    const before = c.cwnd;
    while (c.ssthresh > 1 << 25) round(30);
    expect(rounds).toBeLessThan(10);
    // Some of the first round doubles, five rounds add a quarter each.
    expect(c.cwnd).toBeLessThan(before * 2 * 1.25 ** 5);
    expect(c.ssthresh).toBe(c.cwnd);
    expect(c.hystart).toBeNull();
    expect(events).toEqual(['slow-start-left']);
    c.congestion.onTimeout(c, c.cwnd, false);
    round(10);
    expect(c.hystart).toBeNull();
  });

  it('is not used when it is off', () => {
    const x = new Script({ tcp: { hystart: false } });
    const c = x.establish('mss 1000');
    c.sndNxt = (c.sndUna + 10_000) | 0;
    c.sndUna = (c.sndUna + 1000) | 0;
    c.congestion.onAck(c, 1000, 10_000, 10 * MS);
    expect(c.cwnd).toBe(11_000);
    expect(c.hystart).toBeNull();
  });
});

describe('transfers of 1 MB through a narrow line with 40 ms and a queue of two bandwidth-delay products', () => {
  /** Frames that the queue dropped until everything had arrived. */
  function drops(bitsPerSecond: number, hystart: boolean): number {
    const queueBytes = 2 * (bitsPerSecond / 8) * 0.04;
    const tcp = { nagle: false, hystart, receiveWindowBytes: 1 << 20 };
    const pair = new Pair({ conditions: { delayUs: 20_000, bitsPerSecond, queueBytes }, tcpA: tcp, tcpB: tcp });
    const payload = Buffer.alloc(1_000_000, 'hystart');
    const sink = new Recorder();
    pair.b.tcp.listen(6379, sink);
    const source = new Recorder();
    source.open = (stream) => void write(stream, payload);
    pair.a.tcp.connect(pair.b.net.address, 6379, source);
    const arrived = (): number => sink.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    expect(pair.run(60_000_000, () => arrived() === payload.length)).toBe(true);
    return pair.wire.impairment(pair.a.link).queueFull;
  }

  it('lose less than half of what they lose without it', () => {
    const rates = [10_000_000, 20_000_000, 50_000_000];
    const lost = (hystart: boolean): number => rates.reduce((sum, rate) => sum + drops(rate, hystart), 0);
    expect(lost(true)).toBeLessThan(lost(false) / 2);
  });
});
