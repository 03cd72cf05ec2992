/**
 * One end of a simulated wire: a `Link` whose frames are copied to and from its own packet memory. It can play every kind of
 * card: with or without gather, checksum offload and segmentation, completing transmissions at once or late.
 *
 *   transmit ─▶ outbox ─flush─▶ MemoryWire ─deliver─▶ inbox ─receive─▶ rx slots (2 mod 4)
 *
 * A late completion also checks the contract: the bytes of a buffer must not change while the wire still reads them.
 */
import type { BufferPool } from '../memory/buffer-pool.ts';
import { BufferPool as Pool } from '../memory/buffer-pool.ts';
import { PacketMemory } from '../memory/packet-memory.ts';
import { BURST, type Link, type LinkCapabilities, type LinkStats, RX_CHECKSUM_PARTIAL } from './link.ts';
import { completeChecksum } from './offload.ts';

/** What a frame's L4 checksum looks like to a receiver when the sender left it to the link. */
export type RxChecksum = 'complete' | 'partial' | 'partial-unflagged';

export interface MemoryLinkOptions {
  readonly name?: string;
  readonly mac: Uint8Array;
  readonly mtu?: number;
  readonly gather?: boolean;
  readonly checksumOffload?: boolean;
  /** Largest super-segment payload that can be sent; 0: the link does not segment. */
  readonly segmentationBytes?: number;
  /** Super-segments of a peer arrive whole, as on a TAP with offloads. */
  readonly takesSuperSegments?: boolean;
  readonly rxChecksum?: RxChecksum;
  /** A transmitted buffer stays in flight so long. */
  readonly completionDelayUs?: number;
  /** Frames that wait for flush() at most. */
  readonly txQueueFrames?: number;
  /** Received frames that wait for receive() at most. */
  readonly rxQueueFrames?: number;
  /** Takes every frame on the wire, whatever its destination. */
  readonly promiscuous?: boolean;
  readonly memoryBytes?: number;
  readonly dataBuffers?: number;
  /** Stride of the data pool: 2048 as on AF_XDP (one pool for all), 16384 as on TAP. */
  readonly dataStride?: number;
}

/** A frame on its way, as the wire sees it. */
export interface OutgoingFrame {
  readonly bytes: Uint8Array;
  /** Bytes to the L4 header when its checksum is partial, else 0. */
  readonly l4Offset: number;
  /** Payload bytes of each frame when it is a super-segment, else 0. */
  readonly mss: number;
}

/** The wire's side of a link. */
export interface Wire {
  nowUs(): number;
  carry(from: MemoryLink, frame: OutgoingFrame): void;
}

interface Incoming {
  readonly bytes: Uint8Array;
  readonly flags: number;
}

/** A transmission that its buffer still waits for. */
interface InFlight {
  readonly pool: BufferPool;
  readonly buffer: number;
  readonly dueUs: number;
  readonly ranges: readonly { readonly offset: number; readonly bytes: Uint8Array }[];
}

interface Queued {
  readonly pool: BufferPool;
  readonly buffer: number;
  readonly header: number;
  readonly headerLength: number;
  readonly payload: number;
  readonly payloadLength: number;
  readonly l4Offset: number;
  readonly mss: number;
}

const SUPER_FRAME_BYTES = 65_536 + 128;

export class MemoryLink implements Link {
  readonly kind = 'memory';
  readonly name: string;
  readonly memory: PacketMemory;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly capabilities: LinkCapabilities;
  readonly data: BufferPool;
  readonly control: BufferPool;
  readonly promiscuous: boolean;
  readonly takesSuperSegments: boolean;
  readonly rxChecksum: RxChecksum;
  readonly rxOffset = new Int32Array(BURST);
  readonly rxLength = new Int32Array(BURST);
  readonly rxFlags = new Int32Array(BURST);
  readonly stats: LinkStats = {
    rxFrames: 0,
    rxBytes: 0,
    txFrames: 0,
    txBytes: 0,
    rxDropped: 0,
    txDropped: 0,
    kicks: 0,
  };
  /** Breaches of the Link contract by what stands on it: each is a bug. */
  readonly breaches = { oversized: 0, notContiguous: 0, overwrittenInFlight: 0, badPartialChecksum: 0 };
  private readonly wire: Wire;
  private readonly slots: number;
  private readonly slotBytes: number;
  private readonly completionDelayUs: number;
  private readonly txQueueFrames: number;
  private readonly rxQueueFrames: number;
  private inbox: Incoming[] = [];
  private outbox: Queued[] = [];
  private inFlight: InFlight[] = [];

  constructor(wire: Wire, options: MemoryLinkOptions) {
    this.wire = wire;
    this.name = options.name ?? 'mem0';
    this.mac = options.mac;
    this.mtu = options.mtu ?? 1500;
    this.promiscuous = options.promiscuous ?? false;
    this.takesSuperSegments = options.takesSuperSegments ?? false;
    this.rxChecksum = options.rxChecksum ?? 'complete';
    this.completionDelayUs = options.completionDelayUs ?? 0;
    this.txQueueFrames = options.txQueueFrames ?? 4096;
    this.rxQueueFrames = options.rxQueueFrames ?? 65_536;
    this.capabilities = {
      gather: options.gather ?? true,
      checksumOffload: options.checksumOffload ?? false,
      segmentationBytes: options.segmentationBytes ?? 0,
    };
    this.memory = new PacketMemory(options.memoryBytes ?? 64 << 20);
    const largest = this.takesSuperSegments ? SUPER_FRAME_BYTES : this.mtu + 128;
    this.slotBytes = (largest + 127) & ~63;
    this.slots = this.memory.reserve(BURST * this.slotBytes);
    const stride = options.dataStride ?? (this.capabilities.segmentationBytes > 0 ? 16_384 : 2048);
    this.data = new Pool(this.memory, options.dataBuffers ?? 1024, stride);
    this.control = stride === 2048 ? this.data : new Pool(this.memory, 1024, 2048);
  }

  receive(): number {
    const count = Math.min(this.inbox.length, BURST);
    const taken = this.inbox.splice(0, count);
    taken.forEach(({ bytes, flags }, i) => {
      const offset = this.slots + i * this.slotBytes + 2;
      this.memory.u8.set(bytes, offset);
      this.rxOffset[i] = offset;
      this.rxLength[i] = bytes.length;
      this.rxFlags[i] = flags;
      this.stats.rxFrames++;
      this.stats.rxBytes += bytes.length;
    });
    return count;
  }

  release(): void {}

  transmit(
    pool: BufferPool,
    buffer: number,
    headerOffset: number,
    headerLength: number,
    payloadOffset: number,
    payloadLength: number,
    l4Offset: number,
    mss: number,
  ): void {
    if (this.outbox.length >= this.txQueueFrames) {
      this.stats.txDropped++;
      return;
    }
    const apart = payloadLength > 0 && payloadOffset !== headerOffset + headerLength;
    if (apart && !this.capabilities.gather) this.breaches.notContiguous++;
    pool.inFlight[buffer]++;
    this.outbox.push({
      pool,
      buffer,
      header: headerOffset,
      headerLength,
      payload: payloadOffset,
      payloadLength,
      l4Offset,
      mss,
    });
  }

  flush(): void {
    if (this.outbox.length === 0) return;
    this.stats.kicks++;
    const queued = this.outbox;
    this.outbox = [];
    for (const frame of queued) this.send(frame);
    this.complete(this.wire.nowUs());
  }

  /** Reports the transmissions that are over by now to their pools. */
  complete(nowUs: number): void {
    if (this.inFlight.length === 0) return;
    this.inFlight = this.inFlight.filter((sent) => {
      if (sent.dueUs > nowUs) return true;
      for (const { offset, bytes } of sent.ranges) {
        if (Buffer.compare(bytes, this.memory.u8.subarray(offset, offset + bytes.length)) !== 0) {
          this.breaches.overwrittenInFlight++;
        }
      }
      sent.pool.completed(sent.buffer);
      return false;
    });
  }

  /** When a transmission completes next. */
  nextCompletionUs(): number {
    return this.inFlight.reduce((next, sent) => Math.min(next, sent.dueUs), Infinity);
  }

  /** A frame arrives (a copy of `bytes`, with these RX_ flags). */
  inject(bytes: Uint8Array, flags = 0): void {
    if (this.inbox.length >= this.rxQueueFrames || bytes.length > this.slotBytes - 66) {
      this.stats.rxDropped++;
      return;
    }
    this.inbox.push({ bytes: Uint8Array.from(bytes), flags });
  }

  /** A frame arrives whose L4 checksum its sender left to the link, at `l4Offset`. */
  injectPartial(frame: OutgoingFrame): void {
    if (this.rxChecksum === 'complete') {
      const bytes = Uint8Array.from(frame.bytes);
      completeChecksum(bytes, frame.l4Offset);
      this.inject(bytes);
      return;
    }
    this.inject(frame.bytes, this.rxChecksum === 'partial' ? RX_CHECKSUM_PARTIAL : 0);
  }

  /** Takes everything that arrived, for tests that look at frames themselves. */
  takeReceived(): Uint8Array[] {
    const taken = this.inbox;
    this.inbox = [];
    return taken.map((frame) => frame.bytes);
  }

  pending(): boolean {
    return this.inbox.length > 0;
  }

  wait(): void {
    throw new Error('a simulated link has no real time to wait in: advance the clock and deliver()');
  }

  close(): void {
    this.inbox = [];
    this.outbox = [];
    this.complete(Infinity);
  }

  private send(queued: Queued): void {
    const { header, headerLength, payload, payloadLength, l4Offset, mss } = queued;
    const bytes = new Uint8Array(headerLength + payloadLength);
    bytes.set(this.memory.u8.subarray(header, header + headerLength));
    bytes.set(this.memory.u8.subarray(payload, payload + payloadLength), headerLength);
    const ethernetBytes = bytes[12] === 0x81 && bytes[13] === 0 ? 18 : 14;
    const tooLong =
      mss > 0 ? payloadLength > this.capabilities.segmentationBytes : bytes.length > ethernetBytes + this.mtu;
    if (tooLong) this.breaches.oversized++;
    this.stats.txFrames++;
    this.stats.txBytes += bytes.length;
    this.inFlight.push({
      pool: queued.pool,
      buffer: queued.buffer,
      dueUs: this.wire.nowUs() + this.completionDelayUs,
      ranges: [
        { offset: header, bytes: bytes.slice(0, headerLength) },
        { offset: payload, bytes: bytes.slice(headerLength) },
      ],
    });
    this.wire.carry(this, { bytes, l4Offset, mss });
  }
}
