import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../src/lib/clock.ts';
import { BURST, RX_CHECKSUM_PARTIAL, RX_CHECKSUM_VALID } from '../../src/lib/link/link.ts';
import { type Conditions, type MemoryLink, type MemoryLinkOptions, MemoryWire } from '../../src/lib/link/memory.ts';
import { Random } from '../../src/lib/random.ts';
import { ethernet, ipv4, mac, naiveChecksum } from '../net/frames.ts';

const A = '02:00:00:00:00:0a';
const B = '02:00:00:00:00:0b';

class Pair {
  readonly clock = new VirtualClock();
  readonly wire: MemoryWire;
  readonly a: MemoryLink;
  readonly b: MemoryLink;

  constructor(
    conditions: Conditions = {},
    seed = 1,
    a: Partial<MemoryLinkOptions> = {},
    b: Partial<MemoryLinkOptions> = {},
  ) {
    this.wire = new MemoryWire(this.clock, new Random(seed), conditions);
    this.a = this.wire.attach({ mac: mac(A), memoryBytes: 8 << 20, ...a });
    this.b = this.wire.attach({ mac: mac(B), memoryBytes: 8 << 20, ...b });
  }

  /** Sends one whole frame from a, contiguous in a data buffer. */
  send(frame: Uint8Array, l4Offset = 0, mss = 0): void {
    const { data, memory } = this.a;
    const id = data.alloc();
    const at = data.payload(id) - 54;
    memory.u8.set(frame, at);
    this.a.transmit(data, id, at, Math.min(54, frame.length), at + 54, Math.max(0, frame.length - 54), l4Offset, mss);
    data.release(id);
  }

  /** Everything that arrives at b until the wire is silent: when, and what. */
  drain(): { us: number; frame: Buffer }[] {
    this.a.flush();
    const got: { us: number; frame: Buffer }[] = [];
    for (;;) {
      this.wire.deliver();
      for (const bytes of this.b.takeReceived()) got.push({ us: this.clock.us, frame: Buffer.from(bytes) });
      const next = this.wire.nextDeadlineUs();
      if (next === Infinity) return got;
      this.clock.us = next;
    }
  }
}

/** A frame of 100 bytes that carries its number. */
function numbered(i: number): Buffer {
  const payload = Buffer.alloc(66);
  payload.writeUInt32BE(i, 0);
  return ethernet(B, A, 0x0800, ipv4({ source: '192.0.2.1', destination: '192.0.2.2', protocol: 99, payload }));
}

function numberOf(frame: Buffer): number {
  return frame.readUInt32BE(34);
}

function sendNumbered(pair: Pair, count: number): { us: number; frame: Buffer }[] {
  const got: { us: number; frame: Buffer }[] = [];
  for (let i = 0; i < count; i++) {
    pair.send(numbered(i));
    if (i % 100 === 99 || i === count - 1) got.push(...pair.drain());
  }
  return got;
}

describe('a perfect wire', () => {
  it('carries every frame once, in order, and pads short ones to 60 bytes', () => {
    const pair = new Pair();
    const got = sendNumbered(pair, 1000);
    expect(got.map(({ frame }) => numberOf(frame))).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    pair.send(ethernet(B, A, 0x88b5, Buffer.from('hi')));
    const [{ frame }] = pair.drain();
    expect(frame).toEqual(Buffer.concat([ethernet(B, A, 0x88b5, Buffer.from('hi')), Buffer.alloc(44)]));
    expect(pair.a.data.available).toBe(pair.a.data.count);
    expect(pair.a.breaches).toEqual({ oversized: 0, notContiguous: 0, overwrittenInFlight: 0, badPartialChecksum: 0 });
  });

  it('hands bursts up at 2 mod 4', () => {
    const pair = new Pair();
    for (let i = 0; i < BURST + 10; i++) pair.send(numbered(i));
    pair.a.flush();
    pair.wire.deliver();
    expect(pair.b.pending()).toBe(true);
    expect(pair.b.receive()).toBe(BURST);
    for (let i = 0; i < BURST; i++) {
      const at = pair.b.rxOffset[i];
      expect([at & 3, pair.b.rxLength[i], pair.b.memory.dv.getUint32(at + 34)]).toEqual([2, 100, i]);
    }
    pair.b.release();
    expect(pair.b.receive()).toBe(10);
    expect(pair.b.pending()).toBe(false);
  });

  it('reaches the station addressed, or all by broadcast', () => {
    const pair = new Pair();
    const third = pair.wire.attach({ mac: mac('02:00:00:00:00:0c'), memoryBytes: 8 << 20 });
    const all = pair.wire.attach({ mac: mac('02:00:00:00:00:0d'), memoryBytes: 8 << 20, promiscuous: true });
    pair.send(numbered(1));
    pair.send(ethernet('ff:ff:ff:ff:ff:ff', A, 0x88b5, Buffer.alloc(60)));
    pair.a.flush();
    pair.wire.deliver();
    expect([pair.a, pair.b, third, all].map((link) => link.takeReceived().length)).toEqual([0, 2, 1, 2]);
  });

  it('a filter picks frames off', () => {
    const pair = new Pair();
    pair.wire.filter = (_bytes, from, index) => from === pair.a && index !== 3;
    expect(sendNumbered(pair, 5).map(({ frame }) => numberOf(frame))).toEqual([0, 1, 2, 4]);
  });
});

describe('conditions', () => {
  const many = 20_000;

  it.each([
    ['loss', { loss: 0.2 }, 0.8],
    ['duplicate', { duplicate: 0.1 }, 1.1],
    ['bursts', { burstEnter: 0.01, burstLeave: 0.25 }, 1 - 0.01 / 0.26],
  ] as const)('%s happens as often as asked', (_name, conditions, share) => {
    const got = sendNumbered(new Pair(conditions), many);
    expect(got.length / many).toBeGreaterThan(share - 0.015);
    expect(got.length / many).toBeLessThan(share + 0.015);
  });

  it('bursts lose runs of frames, single loss does not', () => {
    const longestGap = (conditions: Conditions): number => {
      const numbers = sendNumbered(new Pair(conditions), many).map(({ frame }) => numberOf(frame));
      return numbers.slice(1).reduce((gap, n, i) => Math.max(gap, n - numbers[i]), 0);
    };
    expect(longestGap({ burstEnter: 0.002, burstLeave: 0.05 })).toBeGreaterThan(40);
    expect(longestGap({ loss: 0.04 })).toBeLessThan(8);
  });

  it('delay and jitter keep the order and the bounds', () => {
    const pair = new Pair({ delayUs: 500, jitterUs: 300 });
    const got = sendNumbered(pair, 100);
    expect(got.map(({ frame }) => numberOf(frame))).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(Math.min(...got.map(({ us }) => us))).toBeGreaterThanOrEqual(500);
    expect(got.at(-1)?.us).toBeLessThanOrEqual(800);
  });

  it('reordered frames arrive late, not never', () => {
    const pair = new Pair({ reorder: 0.1, reorderUs: 50, delayUs: 10 });
    const numbers = sendNumbered(pair, 100).map(({ frame }) => numberOf(frame));
    expect(numbers).not.toEqual([...numbers].sort((x, y) => x - y));
    expect([...numbers].sort((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(pair.wire.impairment(pair.a).reordered).toBeGreaterThan(0);
  });

  it('damage is one bit behind the Ethernet header, never in a frame without a checksum', () => {
    const pair = new Pair({ corrupt: 1 });
    for (const { frame } of sendNumbered(pair, 500)) {
      const good = numbered(0);
      frame.copy(good, 34, 34, 38); // its number, which may be what was hit
      expect(frame.subarray(0, 14)).toEqual(good.subarray(0, 14));
      const headerHit = naiveChecksum(frame.subarray(14, 34)) !== 0;
      const payloadHit = frame.subarray(38).some((byte) => byte !== 0) || numberOf(frame) >= 500;
      const numberHit = !headerHit && !payloadHit;
      expect([headerHit, payloadHit, numberHit].filter(Boolean).length).toBe(1);
    }
    pair.send(ethernet(B, A, 0x0806, Buffer.alloc(46, 1)));
    expect(pair.drain()[0].frame).toEqual(ethernet(B, A, 0x0806, Buffer.alloc(46, 1)));
  });

  it('a narrow line sends one frame after the other, and its queue is short', () => {
    const pair = new Pair({ bitsPerSecond: 8_000_000, queueBytes: 1000 }); // a byte each microsecond
    for (let i = 0; i < 20; i++) pair.send(numbered(i));
    expect(pair.drain().map(({ us }) => us)).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900, 1000]);
    expect(pair.wire.impairment(pair.a).queueFull).toBe(10);
  });

  it('a cable that is out carries nothing, and then again', () => {
    const pair = new Pair({ down: true });
    expect(sendNumbered(pair, 5)).toEqual([]);
    pair.wire.setConditions({}, pair.a);
    expect(sendNumbered(pair, 5)).toHaveLength(5);
  });

  it('a queue that is long enough marks what allows it, with a right checksum', () => {
    const pair = new Pair({ bitsPerSecond: 8_000_000, markBytes: 200 });
    for (let i = 0; i < 6; i++) {
      const frame = numbered(i);
      const tos = i === 5 ? 0 : 2; // ECT(0), but for one
      frame[15] = tos;
      frame.writeUInt16BE(0, 24);
      frame.writeUInt16BE(naiveChecksum(frame.subarray(14, 34)), 24);
      pair.send(frame);
    }
    const frames = pair.drain().map(({ frame }) => frame);
    expect(frames.map((frame) => frame[15])).toEqual([2, 2, 3, 3, 3, 0]);
    for (const frame of frames) expect(naiveChecksum(frame.subarray(14, 34))).toBe(0);
    expect(pair.wire.impairment(pair.a).marked).toBe(4);
  });

  it('what is on its way to a station that left finds nobody', () => {
    const pair = new Pair({ delayUs: 100 });
    pair.send(numbered(0));
    pair.a.flush();
    pair.wire.leave(pair.b);
    pair.clock.us = 100;
    expect(pair.wire.deliver()).toBe(1);
    expect(pair.b.pending()).toBe(false);
    pair.send(numbered(1));
    pair.a.flush();
    expect([pair.wire.noStation, pair.wire.inTransit]).toEqual([1, 0]);
  });

  it('the same seed gives the same run, another seed another', () => {
    const all: Conditions = { loss: 0.1, delayUs: 100, jitterUs: 50, duplicate: 0.1, reorder: 0.1, corrupt: 0.1 };
    const run = (seed: number): string =>
      JSON.stringify(sendNumbered(new Pair(all, seed), 300).map(({ us, frame }) => [us, frame.toString('hex')]));
    expect(run(7)).toBe(run(7));
    expect(run(7)).not.toBe(run(8));
  });
});

/** A TCP frame with `payload`, its checksum left partial or complete, built by hand. */
function tcpFrame(payload: Uint8Array, partial: boolean, flags = 0x19): Buffer {
  const segment = Buffer.concat([Buffer.alloc(20), payload]);
  segment.writeUInt16BE(1000, 0);
  segment.writeUInt16BE(6379, 2);
  segment.writeUInt32BE(0xfffffff0, 4);
  segment[12] = 0x50;
  segment[13] = flags;
  const pseudo = Buffer.from([192, 0, 2, 1, 192, 0, 2, 2, 0, 6, segment.length >> 8, segment.length & 255]);
  const complete = naiveChecksum(Buffer.concat([pseudo, segment]));
  segment.writeUInt16BE(partial ? ~naiveChecksum(pseudo) & 0xffff : complete, 16);
  const fields = {
    source: '192.0.2.1',
    destination: '192.0.2.2',
    protocol: 6,
    identification: 0xffff,
    fragment: 0x4000,
  };
  return ethernet(B, A, 0x0800, ipv4({ ...fields, payload: segment }));
}

function tcpChecksumOk(frame: Buffer): boolean {
  const segment = frame.subarray(34, 14 + frame.readUInt16BE(16));
  const pseudo = Buffer.from([192, 0, 2, 1, 192, 0, 2, 2, 0, 6, segment.length >> 8, segment.length & 255]);
  return naiveChecksum(Buffer.concat([pseudo, segment])) === 0;
}

describe('offloads', () => {
  const card = { checksumOffload: true, segmentationBytes: 16_000, dataBuffers: 128, memoryBytes: 16 << 20 };
  const payload = Buffer.from(Array.from({ length: 4000 }, (_, i) => i & 255));

  it.each([
    ['complete', 0, (frame: Buffer) => tcpChecksumOk(frame)],
    ['partial', RX_CHECKSUM_PARTIAL, (frame: Buffer) => frame.equals(tcpFrame(payload.subarray(0, 99), true))],
    ['partial-unflagged', 0, (frame: Buffer) => frame.equals(tcpFrame(payload.subarray(0, 99), true))],
  ] as const)('a partial checksum arrives %s', (rxChecksum, flags, check) => {
    const pair = new Pair({}, 1, card, { rxChecksum });
    pair.send(tcpFrame(payload.subarray(0, 99), true), 34);
    pair.a.flush();
    pair.wire.deliver();
    expect(pair.b.receive()).toBe(1);
    expect(pair.b.rxFlags[0]).toBe(flags);
    const at = pair.b.rxOffset[0];
    expect(check(Buffer.from(pair.b.memory.u8.slice(at, at + pair.b.rxLength[0])))).toBe(true);
    expect(pair.a.breaches.badPartialChecksum).toBe(0);
  });

  it('a card that verifies says so, but for damage', () => {
    const flags = (conditions: Conditions): number => {
      const pair = new Pair(conditions, 1, {}, { rxChecksum: 'verified' });
      pair.send(tcpFrame(payload.subarray(0, 99), false));
      pair.a.flush();
      pair.wire.deliver();
      expect(pair.b.receive()).toBe(1);
      return pair.b.rxFlags[0];
    };
    expect([flags({}), flags({ corrupt: 1 })]).toEqual([RX_CHECKSUM_VALID, 0]);
  });

  it('a super-segment arrives as frames of one MSS, each complete', () => {
    const pair = new Pair({}, 1, card);
    pair.send(tcpFrame(payload, true, 0x99), 34, 1460); // FIN, PSH, ACK, CWR
    const frames = pair.drain().map(({ frame }) => frame);
    expect(
      frames.map((frame) => [frame.readUInt32BE(38), frame.readUInt16BE(18), frame[47], frame.length - 54]),
    ).toEqual([
      [0xfffffff0, 0xffff, 0x90, 1460],
      [0xfffffff0 + 1460 - 2 ** 32, 0, 0x10, 1460],
      [0xfffffff0 + 2920 - 2 ** 32, 1, 0x19, 1080],
    ]);
    expect(Buffer.concat(frames.map((frame) => frame.subarray(54)))).toEqual(payload);
    for (const frame of frames)
      expect([tcpChecksumOk(frame), naiveChecksum(frame.subarray(14, 34))]).toEqual([true, 0]);
  });

  it('or whole, to a station that takes them', () => {
    const pair = new Pair({}, 1, card, { takesSuperSegments: true, rxChecksum: 'partial', memoryBytes: 16 << 20 });
    pair.send(tcpFrame(payload, true), 34, 1460);
    expect(pair.drain()[0].frame).toEqual(tcpFrame(payload, true));
  });

  it('damage to a frame with a partial checksum can be seen', () => {
    const pair = new Pair({ corrupt: 1 }, 3, card, { rxChecksum: 'partial' });
    for (let i = 0; i < 50; i++) pair.send(tcpFrame(payload.subarray(0, 64), true), 34);
    for (const { frame } of pair.drain()) {
      expect(tcpChecksumOk(frame) && naiveChecksum(frame.subarray(14, 34)) === 0).toBe(false);
    }
  });
});

describe('breaches of the contract are counted', () => {
  it('payload apart without gather, frames beyond the MTU, a wrong partial checksum', () => {
    const pair = new Pair({}, 1, { gather: false });
    const { data } = pair.a;
    const [first, second] = [data.alloc(), data.alloc()];
    pair.a.memory.u8.set(numbered(1), data.payload(first));
    pair.a.transmit(data, first, data.payload(first), 54, data.payload(second), 10, 0, 0);
    pair.a.transmit(data, first, data.payload(first), 1515, data.payload(first) + 1515, 0, 0, 0);
    pair.send(tcpFrame(Buffer.alloc(10), true), 34); // the link has no checksum offload
    pair.a.flush();
    expect(pair.a.breaches).toEqual({ oversized: 1, notContiguous: 1, overwrittenInFlight: 0, badPartialChecksum: 1 });
  });

  it('a buffer stays in flight until its completion, and must not change', () => {
    const pair = new Pair({}, 1, { completionDelayUs: 100 });
    const { data, memory } = pair.a;
    pair.send(numbered(1));
    pair.send(numbered(2));
    pair.a.flush();
    expect(data.available).toBe(data.count - 2);
    expect(pair.wire.nextDeadlineUs()).toBe(0);
    pair.wire.deliver();
    expect(pair.wire.nextDeadlineUs()).toBe(100);
    memory.u8[data.payload(1) - 1] ^= 1;
    pair.clock.us = 100;
    pair.wire.deliver();
    expect(data.available).toBe(data.count);
    expect(pair.a.breaches.overwrittenInFlight).toBe(1);
  });

  it('a full transmit queue drops, and releases at once', () => {
    const pair = new Pair({}, 1, { txQueueFrames: 3 });
    for (let i = 0; i < 5; i++) pair.send(numbered(i));
    expect(pair.a.stats.txDropped).toBe(2);
    expect(pair.drain().length).toBe(3);
    expect(pair.a.data.available).toBe(pair.a.data.count);
  });
});
