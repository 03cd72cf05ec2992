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
import {
  BURST,
  type Link,
  type LinkCapabilities,
  type LinkStats,
  RX_CHECKSUM_PARTIAL,
  RX_CHECKSUM_VALID,
} from './link.ts';
import type { Station } from './memory.ts';
import { completeChecksum, l4ChecksumOffset, pseudoHeaderSum } from './offload.ts';

/**
 * What a receiver is told about checksums: nothing (they are complete); that a card has verified them; or those that a sender
 * on this machine left to the link arrive unfinished, with a flag or without.
 */
export type RxChecksum = 'complete' | 'verified' | 'partial' | 'partial-unflagged';

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
  /** A bit of it is wrong: whoever verifies checksums must notice. */
  readonly damaged: boolean;
}

/** The wire's side of a link. */
export interface Wire {
  nowUs(): number;
  carry(from: Station, frame: OutgoingFrame): void;
}

interface Incoming {
  readonly bytes: Uint8Array;
  readonly flags: number;
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

/** A transmission that its buffer still waits for, and what was sent. */
interface InFlight {
  readonly queued: Queued;
  readonly dueUs: number;
  readonly bytes: Uint8Array;
}

const SUPER_FRAME_BYTES = 65_536 + 128;

export class MemoryLink implements Link, Station {
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
    const { inbox, stats } = this;
    const count = Math.min(inbox.length, BURST);
    for (let i = 0; i < count; i++) {
      const { bytes, flags } = inbox[i];
      const offset = this.slots + i * this.slotBytes + 2;
      this.memory.u8.set(bytes, offset);
      this.rxOffset[i] = offset;
      this.rxLength[i] = bytes.length;
      this.rxFlags[i] = flags;
      stats.rxFrames++;
      stats.rxBytes += bytes.length;
    }
    if (count === inbox.length) inbox.length = 0;
    else inbox.splice(0, count);
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
  }

  /** Reports the transmissions that are over by now to their pools. They end in the order in which they began. */
  complete(nowUs: number): void {
    const { inFlight, memory } = this;
    let done = 0;
    for (; done < inFlight.length && inFlight[done].dueUs <= nowUs; done++) {
      const { queued, bytes } = inFlight[done];
      const { header, headerLength, payload, payloadLength } = queued;
      const sameHeader = memory.text.compare(bytes, 0, headerLength, header, header + headerLength) === 0;
      // A link that gathers has copied a payload that lay apart: its buffer may be used again.
      const apart = payload !== header + headerLength;
      const samePayload =
        apart || memory.text.compare(bytes, headerLength, bytes.length, payload, payload + payloadLength) === 0;
      if (!sameHeader || !samePayload) this.breaches.overwrittenInFlight++;
      queued.pool.completed(queued.buffer);
    }
    if (done > 0) inFlight.splice(0, done);
  }

  /** When a transmission completes next. */
  nextCompletionUs(): number {
    return this.inFlight.length === 0 ? Infinity : this.inFlight[0].dueUs;
  }

  /** A frame arrives (a copy of `bytes`, with these RX_ flags). */
  inject(bytes: Uint8Array, flags = 0): void {
    this.take(Uint8Array.from(bytes), flags);
  }

  /** A frame arrives over the wire. Its L4 checksum may have been left to the link. */
  arrive(frame: OutgoingFrame): void {
    const { bytes, l4Offset, damaged } = frame;
    if (l4Offset === 0) this.take(bytes, this.rxChecksum === 'verified' && !damaged ? RX_CHECKSUM_VALID : 0);
    else if (this.rxChecksum === 'partial') this.take(bytes, RX_CHECKSUM_PARTIAL);
    else if (this.rxChecksum === 'partial-unflagged') this.take(bytes, 0);
    else {
      const complete = Uint8Array.from(bytes);
      completeChecksum(complete, l4Offset);
      this.take(complete, this.rxChecksum === 'verified' ? RX_CHECKSUM_VALID : 0);
    }
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

  private take(bytes: Uint8Array, flags: number): void {
    if (this.inbox.length >= this.rxQueueFrames || bytes.length > this.slotBytes - 66) {
      this.stats.rxDropped++;
      return;
    }
    this.inbox.push({ bytes, flags });
  }

  private send(queued: Queued): void {
    const { pool, buffer, header, headerLength, payload, payloadLength, l4Offset, mss } = queued;
    const { memory, stats, breaches, capabilities } = this;
    const bytes = new Uint8Array(headerLength + payloadLength);
    if (payload === header + headerLength) bytes.set(memory.u8.subarray(header, header + bytes.length));
    else {
      bytes.set(memory.u8.subarray(header, header + headerLength));
      bytes.set(memory.u8.subarray(payload, payload + payloadLength), headerLength);
    }
    const ethernetBytes = bytes[12] === 0x81 && bytes[13] === 0 ? 18 : 14;
    const tooLong = mss > 0 ? payloadLength > capabilities.segmentationBytes : bytes.length > ethernetBytes + this.mtu;
    if (tooLong) breaches.oversized++;
    if (l4Offset > 0 && !this.partialOk(bytes, l4Offset)) breaches.badPartialChecksum++;
    stats.txFrames++;
    stats.txBytes += bytes.length;
    if (this.completionDelayUs === 0) pool.completed(buffer);
    else this.inFlight.push({ queued, dueUs: this.wire.nowUs() + this.completionDelayUs, bytes });
    this.wire.carry(this, { bytes, l4Offset, mss, damaged: false });
  }

  /** The field must hold the folded pseudo-header sum, and only a link that offloads may be given one. */
  private partialOk(bytes: Uint8Array, l4Offset: number): boolean {
    const at = l4ChecksumOffset(bytes, l4Offset);
    const field = (bytes[at] << 8) | bytes[at + 1];
    return this.capabilities.checksumOffload && field === pseudoHeaderSum(bytes, l4Offset);
  }
}
