import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/lib/clock.ts';
import { FaultLink } from '../../src/lib/link/fault.ts';
import { type Conditions, MemoryWire } from '../../src/lib/link/memory.ts';
import { Random } from '../../src/lib/random.ts';
import { ethernet, ipv4, mac } from '../net/frames.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

function numbered(i: number): Buffer {
  const payload = Buffer.alloc(66);
  payload.writeUInt32BE(i, 0);
  payload.writeUInt32BE(~i >>> 0, 4); // so that no single wrong bit makes another frame's bytes
  return ethernet(B, A, 0x0800, ipv4({ source: '192.0.2.1', destination: '192.0.2.2', protocol: 99, payload }));
}

/** Sends numbered frames through a FaultLink in front of a perfect wire, one a millisecond: arrivals as [ms, number]. */
function run(conditions: Conditions, frames: number, seed = 1): { arrivals: number[][]; fault: FaultLink } {
  const clock = new VirtualClock();
  const wire = new MemoryWire(clock, new Random(0));
  const inner = wire.attach({ mac: mac(A), memoryBytes: 8 << 20 });
  const receiver = wire.attach({ mac: mac(B), memoryBytes: 8 << 20 });
  const fault = new FaultLink(inner, conditions, new Random(seed), clock);
  const arrivals: number[][] = [];
  for (let ms = 0; ms < frames + 100; ms++) {
    if (ms < frames) {
      const { data, memory } = fault;
      const id = data.alloc();
      const at = data.payload(id) - 34;
      memory.u8.set(numbered(ms), at);
      fault.transmit(data, id, at, 34, data.payload(id), 66, 0, 0);
      data.release(id);
      memory.u8.fill(0xdd, at, at + 100); // the frame was taken already
    }
    fault.flush();
    fault.receive();
    wire.deliver();
    for (const bytes of receiver.takeReceived()) {
      const number = Buffer.from(bytes).readUInt32BE(34);
      if (Buffer.from(bytes).equals(numbered(number))) arrivals.push([ms, number]);
    }
    clock.advance(1000);
  }
  expect(inner.data.available).toBe(inner.data.count);
  return { arrivals, fault };
}

describe('a bad line in front of a link', () => {
  it('without conditions carries everything at once', () => {
    const { arrivals } = run({}, 50);
    expect(arrivals).toEqual(Array.from({ length: 50 }, (_, i) => [i, i]));
  });

  it('delays', () => {
    const { arrivals } = run({ delayUs: 5000 }, 50);
    expect(arrivals).toEqual(Array.from({ length: 50 }, (_, i) => [i + 5, i]));
  });

  it('loses, duplicates, reorders and damages, and counts it', () => {
    const { arrivals, fault } = run({ loss: 0.1, duplicate: 0.1, reorder: 0.1, reorderUs: 3000, corrupt: 0.1 }, 1000);
    const { lost, duplicated, reordered, corrupted } = fault.impairment;
    for (const count of [lost, duplicated, reordered, corrupted]) expect(count).toBeGreaterThan(50);
    expect(arrivals.length).toBe(1000 - lost + duplicated - corrupted);
    expect(arrivals.some(([, number], i) => i > 0 && number < arrivals[i - 1][1])).toBe(true);
  });

  it('does the same for the same seed', () => {
    const conditions = { loss: 0.2, duplicate: 0.1, reorder: 0.1 };
    expect(run(conditions, 200, 5).arrivals).toEqual(run(conditions, 200, 5).arrivals);
    expect(run(conditions, 200, 5).arrivals).not.toEqual(run(conditions, 200, 6).arrivals);
  });
});
