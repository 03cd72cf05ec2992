/**
 * The virtio-net header that stands directly before a frame on packet and TAP links, and the queue of frames to send with
 * it. VIRTIO 1.2, section 5.1.6; little-endian, 10 bytes:
 *
 *   0      1         2        4         6           8            10
 *   │flags │ GSO type│ hdr len│ GSO size│ csum start│ csum offset│ frame at 2 mod 4
 *
 * The queue's descriptors lie in packet memory, four int32 each: header offset and length, payload offset and length.
 */
import type { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { RX_CHECKSUM_PARTIAL, RX_CHECKSUM_VALID } from './link.ts';

export const VNET_HEADER_BYTES = 10;

const NEEDS_CHECKSUM = 1;
const CHECKSUM_VALID = 2;
const GSO_TCPV4 = 1;
/** Bytes from the TCP header to its checksum (RFC 9293, 3.1). */
const TCP_CHECKSUM_OFFSET = 16;

/** Room for a received super-segment of 64 KiB with vnet, Ethernet and VLAN headers, in multiples of a cache line. */
export const SUPER_FRAME_BYTES = 65_536 + 512;
/**
 * A transmit buffer holds the largest super-segment: the kernel's work on one of 64 KB is little more than on one of 16 KB. A
 * line over a power of two, so that the starts of buffers do not all fall into the same sets of the cache.
 */
export const SUPER_BUFFER_BYTES = 65_536 + 64;
const MAX_DATA_BUFFERS = 8192;

/** Buffers to send from, if nobody says how many: a quarter of the memory at most. Most are only touched at their start. */
export function dataBuffersFor(memory: PacketMemory): number {
  return Math.min(MAX_DATA_BUFFERS, Math.floor(memory.bytes / 4 / SUPER_BUFFER_BYTES));
}

/** RX_* flags of a received frame, by the flags byte of its vnet header. */
export function receivedFlags(vnetFlags: number): number {
  if ((vnetFlags & NEEDS_CHECKSUM) !== 0) return RX_CHECKSUM_PARTIAL;
  return (vnetFlags & CHECKSUM_VALID) !== 0 ? RX_CHECKSUM_VALID : 0;
}

export class VnetQueue {
  /** Offset of the first descriptor. */
  readonly descriptors: number;
  readonly capacity: number;
  count = 0;
  /** Bytes of the queued frames. */
  bytes = 0;
  private readonly dv: DataView;
  private readonly i32: Int32Array;
  /** Pool and buffer of each queued frame, for completion. */
  private readonly pools: BufferPool[];
  private readonly buffers: Int32Array;

  constructor(memory: PacketMemory, capacity: number, pool: BufferPool) {
    this.descriptors = memory.reserve(capacity * 16);
    this.capacity = capacity;
    this.dv = memory.dv;
    this.i32 = memory.i32;
    this.pools = new Array<BufferPool>(capacity).fill(pool);
    this.buffers = new Int32Array(capacity);
  }

  /** Queues a frame (see Link.transmit). There must be room. */
  push(
    pool: BufferPool,
    buffer: number,
    headerOffset: number,
    headerLength: number,
    payloadOffset: number,
    payloadLength: number,
    l4Offset: number,
    mss: number,
  ): void {
    const dv = this.dv;
    const vnet = headerOffset - VNET_HEADER_BYTES;
    if (l4Offset === 0) {
      dv.setInt32(vnet, 0, true);
      dv.setInt32(vnet + 4, 0, true);
      dv.setInt16(vnet + 8, 0, true);
    } else {
      const segmented = mss !== 0 && payloadLength > mss;
      dv.setInt32(vnet, segmented ? NEEDS_CHECKSUM | (GSO_TCPV4 << 8) | (headerLength << 16) : NEEDS_CHECKSUM, true);
      dv.setInt32(vnet + 4, (segmented ? mss : 0) | (l4Offset << 16), true);
      dv.setInt16(vnet + 8, TCP_CHECKSUM_OFFSET, true);
    }
    const n = this.count++;
    const d = (this.descriptors >> 2) + (n << 2);
    this.i32[d] = headerOffset;
    this.i32[d + 1] = headerLength;
    this.i32[d + 2] = payloadOffset;
    this.i32[d + 3] = payloadLength;
    this.pools[n] = pool;
    this.buffers[n] = buffer;
    this.bytes += headerLength + payloadLength;
    pool.inFlight[buffer]++;
  }

  /** The kernel has copied every queued frame: their buffers are complete, the queue is empty. */
  complete(): void {
    for (let i = 0; i < this.count; i++) this.pools[i].completed(this.buffers[i]);
    this.count = 0;
    this.bytes = 0;
  }
}
