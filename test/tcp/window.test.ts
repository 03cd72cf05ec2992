import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Stream } from '../../src/lib/link/stream.ts';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import type { TcpObserver } from '../../src/lib/tcp/events.ts';
import { tcpAcknowledgment, tcpWindow } from '../../src/lib/wire/tcp.ts';
import { ADDRESS_B, Pair, type PairOptions, Recorder, write } from './pair.ts';
import { Script } from './script.ts';

const PORT = 6379;
const MIB = 1 << 20;
const FIRST_WINDOW = 262_144;

/** A writer that keeps `bytes` going, a little at a time, and a reader that counts. */
class Transfer {
  readonly pair: Pair;
  readonly reader = new Recorder();
  readonly writer = new Recorder();
  received = 0;
  /** The receiving connection. */
  connection!: Connection;
  private left: number;

  constructor(bytes: number, options: PairOptions) {
    this.left = bytes;
    this.pair = new Pair({
      linkA: { memoryBytes: 96 * MIB, dataBuffers: 4096 },
      linkB: { memoryBytes: 96 * MIB },
      ...options,
    });
    this.pair.b.tcp.listen(PORT, this.reader);
    this.reader.open = (stream) => {
      this.connection = stream as Connection;
    };
    this.reader.data = (_stream, _offset, length) => {
      this.received += length;
      this.reader.chunks.length = 0;
    };
    this.writer.open = (stream) => {
      stream.wantsDrain = true;
      this.fill(stream);
    };
    this.writer.drain = (stream) => this.fill(stream);
    this.pair.a.tcp.connect(ADDRESS_B, PORT, this.writer);
  }

  private fill(stream: Stream): void {
    const block = new Uint8Array(65_536);
    while (this.left > 0 && stream.queue.backlogBytes < 4 * block.length) {
      const n = Math.min(this.left, block.length);
      if (!write(stream, block.subarray(0, n))) return;
      this.left -= n;
    }
  }

  run(limitUs: number, bytes: number): boolean {
    return this.pair.run(limitUs, () => this.received >= bytes);
  }
}

/** Congestion is not what is looked at. */
const SENDER: Partial<TcpOptions> = { slowStartLimitSegments: 64 };

describe('a receive window that fits the path', () => {
  it('grows to the bandwidth-delay product and further, so that the line is what limits', () => {
    // 20 MB/s and 100 ms there and back: 2 MB are in flight when the line is full; the first window alone would carry 2.6 MB/s.
    const conditions = { delayUs: 50_000, bitsPerSecond: 160e6, queueBytes: 8 * MIB };
    const t = new Transfer(40 * MIB, { conditions, tcpA: SENDER });
    expect(t.run(10_000_000, 40 * MIB)).toBe(true);
    expect(t.connection.rcvBuffer).toBeGreaterThanOrEqual(4e6);
    expect(t.connection.rcvBuffer).toBeLessThanOrEqual(6 * MIB);
    const elapsedUs = t.pair.clock.us - 1_000_000_000;
    expect((40 * MIB) / elapsedUs).toBeGreaterThan(10); // bytes in a microsecond: MB/s, slow start included
  });

  it('does so without timestamps, too, by the round trip of the handshake', () => {
    const t = new Transfer(20 * MIB, { conditions: { delayUs: 20_000 }, tcpA: { ...SENDER, timestamps: false } });
    expect(t.run(10_000_000, 20 * MIB)).toBe(true);
    expect(t.connection.timestamps).toBe(false);
    expect(t.connection.rcvBuffer).toBeGreaterThan(2 * MIB);
  });

  it('stays where it is when half of it is more than a round trip brings', () => {
    const conditions = { delayUs: 5_000, bitsPerSecond: 40e6, queueBytes: 65_536 }; // 50 KB in each round trip
    const t = new Transfer(4 * MIB, { conditions });
    expect(t.run(10_000_000, 4 * MIB)).toBe(true);
    expect(t.connection.rcvBuffer).toBe(FIRST_WINDOW);
  });

  it('stays where it is while the reader does not keep up', () => {
    const t = new Transfer(20 * MIB, { conditions: { delayUs: 20_000 }, tcpA: SENDER });
    const count = t.reader.data!;
    t.reader.data = (stream, offset, length) => {
      count(stream, offset, length);
      stream.pauseRead();
    };
    for (let i = 0; i < 200; i++) {
      t.pair.run(50_000);
      t.connection?.resumeRead();
    }
    expect(t.received).toBeGreaterThan(2 * FIRST_WINDOW);
    expect(t.connection.rcvBuffer).toBe(FIRST_WINDOW);
  });

  it('ends at what was chosen: a size set alone is final', () => {
    const chosen = new Transfer(4 * MIB, { conditions: { delayUs: 20_000 }, tcpB: { receiveWindowBytes: 100_000 } });
    expect(chosen.run(10_000_000, 4 * MIB)).toBe(true);
    expect(chosen.connection.rcvBuffer).toBe(100_000);
    const bounded = new Transfer(20 * MIB, { conditions: { delayUs: 20_000 }, tcpB: { maxReceiveWindowBytes: MIB } });
    expect(bounded.run(20_000_000, 20 * MIB)).toBe(true);
    expect(bounded.connection.rcvBuffer).toBe(MIB);
  });

  it('does not outgrow what the field can say', () => {
    const t = new Transfer(4 * MIB, { conditions: { delayUs: 20_000 }, tcpA: { windowScale: false } });
    expect(t.run(20_000_000, 4 * MIB)).toBe(true);
    expect(t.connection.rcvBuffer).toBe(FIRST_WINDOW);
    expect(t.pair.b.tcp.windowGrowthLeft).toBe(t.pair.b.link.memory.extents.bytes >> 2);
  });

  it('grows within a limit for all connections, which gets back what closed ones had', () => {
    const tcpB = { maxReceiveMemoryBytes: MIB };
    const pair = new Pair({
      conditions: { delayUs: 20_000 },
      linkA: { memoryBytes: 96 * MIB, dataBuffers: 4096 },
      tcpA: SENDER,
      tcpB,
    });
    const reader = new Recorder();
    const writer = new Recorder();
    let received = 0;
    reader.data = (_stream, _offset, length) => {
      received += length;
      reader.chunks.length = 0;
    };
    reader.end = (stream) => stream.end();
    writer.open = (stream) => {
      write(stream, new Uint8Array(6 * MIB));
      stream.end();
    };
    pair.b.tcp.listen(PORT, reader);
    for (let i = 0; i < 4; i++) pair.a.tcp.connect(ADDRESS_B, PORT, writer);
    expect(pair.run(30_000_000, () => received >= 12 * MIB)).toBe(true);
    const grown = reader.opened.map((c) => c.rcvBuffer - FIRST_WINDOW);
    expect(grown.reduce((sum, bytes) => sum + bytes)).toBe(MIB);
    expect(pair.b.tcp.windowGrowthLeft).toBe(0);
    expect(pair.run(30_000_000, () => writer.closes.length === 4 && reader.closes.length === 4)).toBe(true);
    expect(received).toBe(24 * MIB);
    expect(pair.b.tcp.windowGrowthLeft).toBe(MIB);
  });

  it('stays where it is while rings have half of the memory', () => {
    const t = new Transfer(20 * MIB, { conditions: { delayUs: 20_000 }, tcpA: SENDER });
    const { extents } = t.pair.b.link.memory;
    const held = extents.alloc((extents.bytes >> 1) + MIB);
    expect(held).not.toBe(0);
    expect(t.run(20_000_000, 20 * MIB)).toBe(true);
    expect(t.connection.rcvBuffer).toBe(FIRST_WINDOW);
  });
});

describe('the window scale', () => {
  it('covers the window that may be, not the one that is', () => {
    const x = new Script({ tcp: { windowScale: true, receiveWindowBytes: 65_535, maxReceiveWindowBytes: 6 * MIB } });
    x.listen();
    x.in('S 0:0 win 1000 mss 1000 wscale 3');
    x.out('S. 0:0 ack 1');
    expect(x.last.wscale).toBe(7); // 65,535 · 2^7 ≥ 6 MiB > 65,535 · 2^6
    expect(x.last.window).toBe(65_535);
  });
});

/**
 * Follows the right edge in everything that a stack sends on its connections. A window is told in units of 2^scale, so it may seem
 * to shrink by less than one (RFC 7323 §2.4).
 */
class EdgeWatcher implements TcpObserver {
  moves = 0;
  shrunk = 0;
  private edge = 0;
  private known = false;
  private readonly scale: () => number;

  constructor(scale: () => number) {
    this.scale = scale;
  }

  segmentOut(c: Connection | null, tcp: number): void {
    if (c === null || c.state < 4) return; // a SYN's window is not scaled
    const { memory } = c.stack;
    const unit = 1 << this.scale();
    const edge = (tcpAcknowledgment(memory, tcp) + tcpWindow(memory, tcp) * unit) | 0;
    if (this.known && ((edge - this.edge) | 0) <= -unit) this.shrunk++;
    if (!this.known || ((edge - this.edge) | 0) > 0) {
      this.edge = edge;
      this.moves++;
    }
    this.known = true;
  }

  stateChanged(): void {}
  segmentIn(): void {}
  dropped(): void {}
  retransmitted(): void {}
  congestionChanged(): void {}
  timeWaitEnded(): void {}
  notSent(): void {}
}

describe('the right edge', () => {
  it('never moves left, and what is sent up to it is taken, whatever the path and the reader do', () => {
    const scenario = fc.record({
      seed: fc.integer({ min: 1, max: 1 << 30 }),
      delayUs: fc.constantFrom(200, 5_000, 40_000),
      loss: fc.constantFrom(0, 0.01, 0.05),
      first: fc.constantFrom(20_000, 65_536, FIRST_WINDOW),
      most: fc.constantFrom(65_536, MIB, 6 * MIB),
      pauses: fc.array(fc.integer({ min: 1, max: 400_000 }), { maxLength: 4 }),
    });
    fc.assert(
      fc.property(scenario, ({ seed, delayUs, loss, first, most, pauses }) => {
        const tcpB = { receiveWindowBytes: first, maxReceiveWindowBytes: most };
        const t = new Transfer(3 * MIB, { seed, conditions: { delayUs }, tcpA: SENDER, tcpB });
        t.pair.run(1_000_000, () => t.connection !== undefined); // ARP gives up after three lost requests
        t.pair.wire.setConditions({ delayUs, loss });
        const watcher = new EdgeWatcher(() => t.connection.rcvScale);
        t.pair.b.tcp.observer = watcher;
        const count = t.reader.data!;
        const stops = [...pauses];
        t.reader.data = (stream, offset, length) => {
          count(stream, offset, length);
          if (stops.length > 0 && t.received >= stops[0]) {
            stops.shift();
            stream.pauseRead();
          }
        };
        const done = (): boolean => t.received >= 3 * MIB;
        for (let i = 0; i < 2000 && !t.pair.run(100_000, done); i++) t.connection?.resumeRead();
        expect(t.received).toBe(3 * MIB);
        expect(watcher.shrunk).toBe(0);
        expect(watcher.moves).toBeGreaterThan(3);
        expect(t.connection.rcvBuffer).toBeGreaterThanOrEqual(first);
        expect(t.pair.b.tcp.counters.reassemblyNoMemory).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
