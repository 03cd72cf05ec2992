/**
 * A link for benchmarks: frames are written into its receive slots by the benchmark, transmitted frames are counted and
 * complete at once. What remains is the cost of our own code.
 */
import { BURST, type Link, type LinkCapabilities, type LinkStats } from '../src/lib/link/link.ts';
import { BufferPool } from '../src/lib/memory/buffer-pool.ts';
import type { PacketMemory } from '../src/lib/memory/packet-memory.ts';

const SLOT_BYTES = 2048;

export class HotLink implements Link {
  readonly kind = 'memory';
  readonly name = 'hot0';
  readonly memory: PacketMemory;
  readonly mac = Uint8Array.of(2, 0, 0, 0, 0, 1);
  readonly mtu = 1500;
  readonly capabilities: LinkCapabilities = { gather: true, checksumOffload: true, segmentationBytes: 16_384 };
  readonly data: BufferPool;
  readonly control: BufferPool;
  readonly stats: LinkStats = {
    rxFrames: 0,
    rxBytes: 0,
    txFrames: 0,
    txBytes: 0,
    rxDropped: 0,
    txDropped: 0,
    kicks: 0,
  };
  readonly rxOffset = new Int32Array(BURST);
  readonly rxLength = new Int32Array(BURST);
  readonly rxFlags = new Int32Array(BURST);
  /** The last frame transmitted: where its header is, and how long it is in all. */
  lastHeader = 0;
  lastLength = 0;
  /** Frames that the next receive() returns. */
  waiting = 0;
  private readonly slots: number;

  constructor(memory: PacketMemory) {
    this.memory = memory;
    this.data = new BufferPool(memory, 1024, 16_384);
    this.control = new BufferPool(memory, 256, 2048);
    this.slots = memory.reserve(BURST * SLOT_BYTES);
    for (let i = 0; i < BURST; i++) this.rxOffset[i] = this.slot(i);
  }

  /** Where frame `i` of the next burst begins: 2 mod 4. */
  slot(i: number): number {
    return this.slots + i * SLOT_BYTES + 2;
  }

  receive(): number {
    const n = this.waiting;
    this.waiting = 0;
    return n;
  }

  release(): void {}

  transmit(
    _pool: BufferPool,
    _buffer: number,
    header: number,
    headerLength: number,
    _at: number,
    length: number,
  ): void {
    this.lastHeader = header;
    this.lastLength = headerLength + length;
    this.stats.txFrames++;
  }

  flush(): void {}
  pending(): boolean {
    return this.waiting > 0;
  }
  wait(): void {}
  close(): void {}
}
