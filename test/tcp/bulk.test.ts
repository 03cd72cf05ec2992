/**
 * What bulk meets on links that carry super-segments: a receiver acknowledges many segments at once, and acknowledgments come in
 * bursts before anything is sent.
 */
import { describe, expect, it } from 'vitest';
import { CONGESTION_CONTROLS } from '../../src/lib/tcp/congestion/algorithms.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import type { TcpObserver } from '../../src/lib/tcp/events.ts';
import { RECOVERY } from '../../src/lib/tcp/loss/recovery-state.ts';
import { Script } from './script.ts';

/** Payload lengths of what is given to the link. */
class FrameLengths implements TcpObserver {
  readonly lengths: number[] = [];

  segmentOut(_c: Connection | null, _tcp: number, _headerBytes: number, _payload: number, payloadLength: number): void {
    if (payloadLength > 0) this.lengths.push(payloadLength);
  }

  stateChanged(): void {}
  segmentIn(): void {}
  dropped(): void {}
  retransmitted(): void {}
  congestionChanged(): void {}
  timeWaitEnded(): void {}
  notSent(): void {}
}

const SUPER_SEGMENTS = { segmentationBytes: 16_192, checksumOffload: true, gather: true };

describe('a frame of bulk', () => {
  it('is at most a third of the congestion window, so that no single acknowledgment is missed for all of it', () => {
    const x = new Script({ link: SUPER_SEGMENTS });
    const c = x.establish('mss 1000');
    expect(c.cwnd).toBe(10_000);
    const frames = new FrameLengths();
    x.tcp.observer = frames;
    x.write(40_000);
    expect(frames.lengths).toEqual([3000, 3000, 3000, 1000]);
  });

  it('is as large as the link takes when that is less', () => {
    const x = new Script({ link: SUPER_SEGMENTS, tcp: { initialWindowSegments: 60 } });
    const c = x.establish('mss 1000', 65_535);
    expect(c.cwnd).toBe(60_000);
    const frames = new FrameLengths();
    x.tcp.observer = frames;
    x.write(100_000);
    expect(frames.lengths).toEqual([16_000, 16_000, 16_000, 12_000]);
  });

  it('is one segment when a third is less than one', () => {
    const x = new Script({ link: SUPER_SEGMENTS, tcp: { initialWindowSegments: 2 } });
    x.establish('mss 1000');
    const frames = new FrameLengths();
    x.tcp.observer = frames;
    x.write(40_000);
    expect(frames.lengths).toEqual([1000, 1000]);
  });
});

describe.each(CONGESTION_CONTROLS)('a reduction by $name', (congestion) => {
  const burst = ['. 1:1 ack 7001', '. 1:1 ack 7001', '. 1:1 ack 7001', '. 1:1 ack 7001'];

  it('is of the window that was full, when acknowledgments of most of it come in one burst with the sign of a loss', () => {
    const x = new Script({ tcp: { congestion } });
    const c = x.establish('mss 1000');
    x.write(40_000);
    expect(c.flightBytes).toBe(10_000);
    x.burst(...burst);
    expect(c.caState).toBe(RECOVERY);
    expect(c.ssthresh).toBeGreaterThanOrEqual(5000); // 3,000 bytes were in flight at that moment
  });

  it('is of it, too, when the writer is about to be asked for more', () => {
    const x = new Script({ tcp: { congestion } });
    const c = x.establish('mss 1000');
    x.write(10_000);
    c.wantsDrain = true;
    x.burst(...burst);
    expect(c.ssthresh).toBeGreaterThanOrEqual(5000);
  });

  it('is of what is in flight when nothing more waits to be sent', () => {
    const x = new Script({ tcp: { congestion } });
    const c = x.establish('mss 1000');
    x.write(10_000);
    x.burst(...burst);
    expect(c.caState).toBe(RECOVERY);
    expect(c.ssthresh).toBeLessThan(3000);
  });
});
