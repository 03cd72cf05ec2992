/**
 * Captures as links. `PcapTap` stands between the stack and any link and records what passes; `PcapLink` plays a capture back
 * as if its frames arrived.
 *
 *   stack ── PcapTap ── xdp, packet, tap, memory …        stack ── PcapLink ── file
 *               └─▶ file.pcapng
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { Clock } from '../clock.ts';
import { BufferPool } from '../memory/buffer-pool.ts';
import { PacketMemory } from '../memory/packet-memory.ts';
import {
  BURST,
  type Link,
  type LinkCapabilities,
  type LinkStats,
  RX_CHECKSUM_PARTIAL,
  RX_CHECKSUM_VALID,
} from './link.ts';
import { completeChecksum, ipv4OffsetOf, l4ChecksumOffset, pseudoHeaderSum } from './offload.ts';
import type { CapturedPacket, CaptureReader } from './pcap-reader.ts';
import {
  type CaptureSink,
  EPB_CHECKSUM_VALID,
  EPB_INBOUND,
  EPB_OUTBOUND,
  EPB_SEGMENTATION_OFFLOADED,
  LINKTYPE_ETHERNET,
  PcapngWriter,
} from './pcapng.ts';

/** Headers and 64 KiB of payload. */
const MAX_FRAME_BYTES = 65_536 + 256;
/** What was recorded is on disk after so long at the latest, when the loop is idle. */
const FLUSH_US = 500_000;
const PROTOCOL_TCP = 6;
const MAX_SLEEP_US = 10_000;

/** A capture file. Opening throws what node:fs throws. */
export class FileSink implements CaptureSink {
  private readonly fd: number;

  constructor(path: string) {
    this.fd = openSync(path, 'w');
  }

  write(bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) done += writeSync(this.fd, bytes, done);
  }

  close(): void {
    closeSync(this.fd);
  }
}

/** A link that records every frame of another, in both directions, with its checksum completed. */
export class PcapTap implements Link {
  readonly kind: string;
  readonly name: string;
  readonly memory: PacketMemory;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly capabilities: LinkCapabilities;
  readonly data: BufferPool;
  readonly control: BufferPool;
  readonly stats: LinkStats;
  readonly rxOffset: Int32Array;
  readonly rxLength: Int32Array;
  readonly rxFlags: Int32Array;
  /** Why recording ended early (a full disk, say); the link itself goes on. */
  error: Error | null = null;
  /** Told once when that happens. */
  onError: ((error: Error) => void) | null = null;
  private readonly inner: Link;
  private readonly writer: PcapngWriter;
  private readonly clock: Clock;
  private readonly epochUs: number;
  private readonly interfaceId: number;
  private readonly scratch = Buffer.alloc(MAX_FRAME_BYTES);
  private flushedUs = 0;
  private nextComment: string | undefined = undefined;

  constructor(inner: Link, sink: CaptureSink, clock: Clock, snapLength?: number) {
    this.inner = inner;
    this.kind = inner.kind;
    this.name = inner.name;
    this.memory = inner.memory;
    this.mac = inner.mac;
    this.mtu = inner.mtu;
    this.capabilities = inner.capabilities;
    this.data = inner.data;
    this.control = inner.control;
    this.stats = inner.stats;
    this.rxOffset = inner.rxOffset;
    this.rxLength = inner.rxLength;
    this.rxFlags = inner.rxFlags;
    this.clock = clock;
    this.epochUs = clock.wallMs() * 1000 - clock.nowUs();
    this.writer = new PcapngWriter(sink, 'rtcp');
    const description = `rtcp ${inner.kind} link`;
    this.interfaceId = this.writer.addInterface({ name: inner.name, description, mac: inner.mac, snapLength });
  }

  /** A comment for the next frame that is recorded. */
  comment(text: string): void {
    this.nextComment = text;
  }

  receive(): number {
    const count = this.inner.receive();
    for (let i = 0; i < count; i++) this.recordReceived(this.rxOffset[i], this.rxLength[i], this.rxFlags[i]);
    return count;
  }

  release(): void {
    this.inner.release();
  }

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
    this.recordSent(headerOffset, headerLength, payloadOffset, payloadLength, l4Offset, mss);
    this.inner.transmit(pool, buffer, headerOffset, headerLength, payloadOffset, payloadLength, l4Offset, mss);
  }

  flush(): void {
    this.inner.flush();
  }

  pending(): boolean {
    return this.inner.pending();
  }

  wait(wakeFd: number, timeoutUs: number): void {
    const nowUs = this.clock.nowUs();
    if (nowUs - this.flushedUs >= FLUSH_US) {
      this.flushedUs = nowUs;
      this.guard(() => this.writer.flush());
    }
    this.inner.wait(wakeFd, timeoutUs);
  }

  close(): void {
    this.inner.close();
    this.guard(() => {
      const { rxFrames, rxDropped } = this.stats;
      this.writer.statistics(this.interfaceId, this.wallUs(), rxFrames, rxDropped);
      this.writer.close();
    });
  }

  private recordReceived(offset: number, length: number, flags: number): void {
    const frame = this.scratch.subarray(0, Math.min(length, MAX_FRAME_BYTES));
    frame.set(this.memory.u8.subarray(offset, offset + frame.length));
    if ((flags & RX_CHECKSUM_VALID) === 0) completeIfPartial(frame, (flags & RX_CHECKSUM_PARTIAL) !== 0);
    this.record(frame, EPB_INBOUND | ((flags & RX_CHECKSUM_VALID) !== 0 ? EPB_CHECKSUM_VALID : 0));
  }

  private recordSent(
    header: number,
    headerLength: number,
    payload: number,
    payloadLength: number,
    l4Offset: number,
    mss: number,
  ): void {
    const frame = this.scratch.subarray(0, Math.min(headerLength + payloadLength, MAX_FRAME_BYTES));
    const u8 = this.memory.u8;
    frame.set(u8.subarray(header, header + headerLength));
    frame.set(u8.subarray(payload, payload + frame.length - headerLength), headerLength);
    if (l4Offset > 0) completeChecksum(frame, l4Offset);
    this.record(frame, EPB_OUTBOUND | (mss > 0 && payloadLength > mss ? EPB_SEGMENTATION_OFFLOADED : 0));
  }

  private record(frame: Uint8Array, flags: number): void {
    const comment = this.nextComment;
    this.nextComment = undefined;
    this.guard(() => this.writer.packet(this.interfaceId, this.wallUs(), frame, flags, comment));
  }

  private wallUs(): number {
    return this.epochUs + this.clock.nowUs();
  }

  /** A sink that fails ends the recording, not the link. */
  private guard(write: () => void): void {
    if (this.error !== null) return;
    try {
      write();
    } catch (error) {
      this.error = error instanceof Error ? error : new Error(String(error));
      this.onError?.(this.error);
    }
  }
}

/**
 * Completes a TCP checksum that holds the pseudo-header sum only: said so by the receive flags, or recognised by that very
 * value where the link has no flags.
 */
function completeIfPartial(frame: Uint8Array, flagged: boolean): void {
  const ip = ipv4OffsetOf(frame);
  if (ip < 0 || frame[ip + 9] !== PROTOCOL_TCP) return;
  const l4 = ip + ((frame[ip] & 15) << 2);
  const end = Math.min(frame.length, ip + ((frame[ip + 2] << 8) | frame[ip + 3])); // without padding
  const datagram = frame.subarray(0, end);
  if (end < l4 + 20) return;
  const at = l4ChecksumOffset(datagram, l4);
  const field = (datagram[at] << 8) | datagram[at + 1];
  if (flagged || field === pseudoHeaderSum(datagram, l4)) completeChecksum(datagram, l4);
}

export interface PcapLinkOptions {
  readonly name?: string;
  readonly mac?: Uint8Array;
  readonly mtu?: number;
  /** Which frames arrive: those that were inbound (or of unknown direction) when captured, or all. */
  readonly play?: 'in' | 'all';
  /** With a clock, frames arrive at the recorded pace; without, at once. */
  readonly clock?: Clock;
  /** Records what the stack sends; without, it is thrown away. */
  readonly sink?: CaptureSink;
  readonly memoryBytes?: number;
}

const NO_OFFLOADS: LinkCapabilities = { gather: true, checksumOffload: false, segmentationBytes: 0 };

/** A capture played back: its frames are received, in order. */
export class PcapLink implements Link {
  readonly kind = 'pcap';
  readonly name: string;
  readonly memory: PacketMemory;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly capabilities = NO_OFFLOADS;
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
  /** The capture has no more frames. */
  ended = false;
  /** Time of the last frame received, in nanoseconds since 1970. */
  lastTimestampNs = 0n;
  private readonly reader: CaptureReader;
  private readonly playAll: boolean;
  private readonly clock: Clock | null;
  private readonly writer: PcapngWriter | null;
  private readonly slots: number;
  private readonly slotBytes = (MAX_FRAME_BYTES + 127) & ~63;
  private readonly sleeper = new Int32Array(new SharedArrayBuffer(4));
  private ahead: CapturedPacket | null = null;
  private firstNs = -1n;
  private startUs = 0;

  constructor(reader: CaptureReader, options: PcapLinkOptions = {}) {
    this.reader = reader;
    this.name = options.name ?? 'pcap';
    this.mac = options.mac ?? new Uint8Array(6);
    this.mtu = options.mtu ?? 1500;
    this.playAll = options.play === 'all';
    this.clock = options.clock ?? null;
    this.memory = new PacketMemory(options.memoryBytes ?? 64 << 20);
    this.slots = this.memory.reserve(BURST * this.slotBytes);
    this.data = new BufferPool(this.memory, 1024, 2048);
    this.control = this.data;
    this.writer = options.sink === undefined ? null : new PcapngWriter(options.sink, 'rtcp');
    this.writer?.addInterface({ name: this.name, mac: this.mac });
  }

  /** What is wrong with the capture, if anything. */
  get error(): string | null {
    return this.reader.error;
  }

  receive(): number {
    let count = 0;
    while (count < BURST && this.fill() && this.dueInUs() <= 0) {
      const packet = this.ahead;
      this.ahead = null;
      if (packet === null) break;
      const offset = this.slots + count * this.slotBytes + 2;
      this.memory.u8.set(packet.bytes, offset);
      this.rxOffset[count] = offset;
      this.rxLength[count] = packet.bytes.length;
      this.rxFlags[count] = 0;
      this.lastTimestampNs = packet.timestampNs;
      this.stats.rxFrames++;
      this.stats.rxBytes += packet.bytes.length;
      count++;
    }
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
    _l4Offset: number,
    _mss: number,
  ): void {
    this.stats.txFrames++;
    this.stats.txBytes += headerLength + payloadLength;
    pool.inFlight[buffer]++;
    if (this.writer !== null) {
      const u8 = this.memory.u8;
      const frame = new Uint8Array(headerLength + payloadLength);
      frame.set(u8.subarray(headerOffset, headerOffset + headerLength));
      frame.set(u8.subarray(payloadOffset, payloadOffset + payloadLength), headerLength);
      this.writer.packet(0, Number(this.lastTimestampNs / 1000n), frame, EPB_OUTBOUND);
    }
    pool.completed(buffer);
  }

  flush(): void {
    this.stats.kicks++;
  }

  pending(): boolean {
    return this.fill() && this.dueInUs() <= 0;
  }

  /** Sleeps in short steps: there is no descriptor here that a waker could write to. */
  wait(_wakeFd: number, timeoutUs: number): void {
    const dueUs = this.fill() ? this.dueInUs() : MAX_SLEEP_US;
    const us = Math.min(dueUs, MAX_SLEEP_US, timeoutUs < 0 ? MAX_SLEEP_US : timeoutUs);
    if (us > 0) Atomics.wait(this.sleeper, 0, 0, us / 1000);
  }

  close(): void {
    this.reader.close();
    this.writer?.close();
  }

  /** Reads ahead to the next frame that is to arrive; false at the end. */
  private fill(): boolean {
    while (this.ahead === null && !this.ended) {
      const packet = this.reader.next();
      if (packet === null) this.ended = true;
      else if (packet.linkType !== LINKTYPE_ETHERNET || packet.bytes.length > MAX_FRAME_BYTES) this.stats.rxDropped++;
      else if (this.playAll || packet.direction !== 'out') this.ahead = packet;
    }
    return this.ahead !== null;
  }

  /** Microseconds until the frame read ahead arrives. */
  private dueInUs(): number {
    if (this.clock === null || this.ahead === null) return 0;
    if (this.firstNs < 0n) {
      this.firstNs = this.ahead.timestampNs;
      this.startUs = this.clock.nowUs();
    }
    return this.startUs + Number((this.ahead.timestampNs - this.firstNs) / 1000n) - this.clock.nowUs();
  }
}
