/**
 * Transmit buffers of one size. A buffer is a frame in the making: payload is written where it will be sent from, and the
 * headers go in front of it, into the headroom.
 *
 *   base + id·stride
 *   ├──── HEADROOM 128 ────┬──────────── capacity ─────────────┬─ tail 64 ─┤
 *   │  …meta│eth│ip│tcp+opt│ payload: bytes of the send queue   │  overrun  │
 *                          └ payload(id), 64-byte aligned
 *
 * Headers end where the payload begins, so a frame starts at 2 mod 4 (14 + 20 + 20 + 4n before an aligned payload) and its
 * IP and TCP headers are word-aligned. Ids are 1…count; 0 is "none". A buffer that the kernel still reads (`inFlight`) when
 * its owner releases it goes back to the free list when the link reports its completion.
 */
import type { PacketMemory } from './packet-memory.ts';

export const HEADROOM_BYTES = 128;
export const TAIL_BYTES = 64;

export class BufferPool {
  /** Payload bytes that a buffer holds. */
  readonly capacity: number;
  readonly count: number;
  readonly stride: number;
  readonly base: number;
  /** Next buffer of the queue that holds this one, by id. */
  readonly next: Int32Array;
  /** Payload bytes written, by id. */
  readonly length: Int32Array;
  /** Times that this buffer was handed to the kernel and not yet reported complete, by id. */
  readonly inFlight: Int32Array;
  /** Buffers free now. */
  available = 0;
  /**
   * Buffers that send queues leave alone, for acknowledgments and retransmissions: without them, two peers whose queues took
   * every buffer would wait for each other's acknowledgments for ever. Set by the transport when it shares the pool.
   */
  reserve = 0;
  /** `alloc()` found nothing: counted, for the statistics. */
  exhausted = 0;
  /** payload(0), which nobody has. */
  private readonly firstPayload: number;
  private readonly released: Uint8Array;
  private readonly free: Int32Array;

  /** Takes `count` buffers of `stride` bytes (a multiple of 64) out of `memory`, or lays them over `at`. */
  constructor(memory: PacketMemory, count: number, stride: number, at: number = memory.reserve(count * stride)) {
    this.base = at - stride; // ids start at 1
    this.firstPayload = this.base + HEADROOM_BYTES;
    this.count = count;
    this.stride = stride;
    this.capacity = stride - HEADROOM_BYTES - TAIL_BYTES;
    this.next = new Int32Array(count + 1);
    this.length = new Int32Array(count + 1);
    this.inFlight = new Int32Array(count + 1);
    this.released = new Uint8Array(count + 1);
    this.free = new Int32Array(count);
    for (let id = count; id >= 1; id--) this.free[this.available++] = id;
  }

  /** A buffer id, its length and next set to 0; or 0 when there is none. */
  alloc(): number {
    if (this.available === 0) {
      this.exhausted++;
      return 0;
    }
    const id = this.free[--this.available];
    this.next[id] = 0;
    this.length[id] = 0;
    return id;
  }

  /** As `alloc`, for a send queue: 0 when only the reserve is left. */
  allocQueued(): number {
    if (this.available <= this.reserve) {
      this.exhausted++;
      return 0;
    }
    return this.alloc();
  }

  /** The owner is done with the buffer; it is reused once the kernel is, too. */
  release(id: number): void {
    if (this.inFlight[id] > 0) this.released[id] = 1;
    else this.free[this.available++] = id;
  }

  /** The kernel is done with one transmission of the buffer. */
  completed(id: number): void {
    if (--this.inFlight[id] === 0 && this.released[id] === 1) {
      this.released[id] = 0;
      this.free[this.available++] = id;
    }
  }

  /** Offset of the buffer's first payload byte. */
  payload(id: number): number {
    return (this.firstPayload + Math.imul(id, this.stride)) | 0;
  }

  /** The buffer that holds an offset (of its headroom, payload or tail). */
  idOf(offset: number): number {
    return ((offset - this.base) / this.stride) | 0;
  }
}
