/**
 * A bad line in front of a good link: what the stack sends is lost, delayed, duplicated, reordered or damaged as `Conditions`
 * say, by a seeded generator. For tools and tests on real links; the simulated wire has the same conditions built in.
 *
 *   stack ─transmit─▶ fate ─▶ waiting frames, by due time ─receive/flush/wait─▶ inner link
 */
import type { Clock } from '../clock.ts';
import type { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import type { Random } from '../random.ts';
import { type Conditions, Impairment } from './impairment.ts';
import type { Link, LinkCapabilities, LinkStats } from './link.ts';
import { ipv4OffsetOf } from './offload.ts';

/** Frames that wait at most; more are lost. */
const MAX_WAITING_FRAMES = 10_000;

interface Waiting {
  readonly dueUs: number;
  readonly bytes: Uint8Array;
}

export class FaultLink implements Link {
  readonly kind: string;
  readonly name: string;
  readonly memory: PacketMemory;
  readonly mac: Uint8Array;
  readonly mtu: number;
  /** The frames are held and sent again, whole: nothing may be left to the link. */
  readonly capabilities: LinkCapabilities = { gather: true, checksumOffload: false, segmentationBytes: 0 };
  readonly data: BufferPool;
  readonly control: BufferPool;
  readonly stats: LinkStats;
  readonly rxOffset: Int32Array;
  readonly rxLength: Int32Array;
  readonly rxFlags: Int32Array;
  /** What happened to the frames so far. */
  readonly impairment: Impairment;
  private readonly inner: Link;
  private readonly clock: Clock;
  /** Ascending by due time. */
  private readonly waiting: Waiting[] = [];

  constructor(inner: Link, conditions: Conditions, random: Random, clock: Clock) {
    this.inner = inner;
    this.kind = inner.kind;
    this.name = inner.name;
    this.memory = inner.memory;
    this.mac = inner.mac;
    this.mtu = inner.mtu;
    this.data = inner.data;
    this.control = inner.control;
    this.stats = inner.stats;
    this.rxOffset = inner.rxOffset;
    this.rxLength = inner.rxLength;
    this.rxFlags = inner.rxFlags;
    this.impairment = new Impairment(conditions, random);
    this.clock = clock;
  }

  receive(): number {
    this.forwardDue();
    return this.inner.receive();
  }

  release(): void {
    this.inner.release();
  }

  /** The frame is copied at once, so its buffer is never in flight here. */
  transmit(
    _pool: BufferPool,
    _buffer: number,
    headerOffset: number,
    headerLength: number,
    payloadOffset: number,
    payloadLength: number,
    _l4Offset: number,
    _mss: number,
  ): void {
    const frame = new Uint8Array(headerLength + payloadLength);
    frame.set(this.memory.u8.subarray(headerOffset, headerOffset + headerLength));
    frame.set(this.memory.u8.subarray(payloadOffset, payloadOffset + payloadLength), headerLength);
    for (const { dueUs, corruptBit } of this.impairment.decide(frame.length, this.clock.nowUs())) {
      if (this.waiting.length >= MAX_WAITING_FRAMES) this.stats.txDropped++;
      else this.hold({ dueUs, bytes: corruptBit < 0 ? frame : withInvertedBit(frame, corruptBit) });
    }
  }

  flush(): void {
    this.forwardDue();
    this.inner.flush();
  }

  pending(): boolean {
    return this.inner.pending() || (this.waiting.length > 0 && this.waiting[0].dueUs <= this.clock.nowUs());
  }

  wait(wakeFd: number, timeoutUs: number): void {
    this.forwardDue();
    if (this.waiting.length === 0) {
      this.inner.wait(wakeFd, timeoutUs);
      return;
    }
    const dueInUs = Math.max(0, this.waiting[0].dueUs - this.clock.nowUs());
    this.inner.wait(wakeFd, timeoutUs < 0 ? dueInUs : Math.min(timeoutUs, dueInUs));
    this.forwardDue();
  }

  close(): void {
    this.waiting.length = 0;
    this.inner.close();
  }

  private hold(frame: Waiting): void {
    let at = this.waiting.length;
    while (at > 0 && this.waiting[at - 1].dueUs > frame.dueUs) at--;
    this.waiting.splice(at, 0, frame);
  }

  /** Hands what is due to the inner link, in buffers of its own. */
  private forwardDue(): void {
    const nowUs = this.clock.nowUs();
    let sent = 0;
    while (sent < this.waiting.length && this.waiting[sent].dueUs <= nowUs) this.forward(this.waiting[sent++].bytes);
    if (sent === 0) return;
    this.waiting.splice(0, sent);
    this.inner.flush();
  }

  private forward(bytes: Uint8Array): void {
    const pool = bytes.length <= this.control.capacity ? this.control : this.data;
    const id = bytes.length <= pool.capacity ? pool.alloc() : 0;
    if (id === 0) {
      this.stats.txDropped++;
      return;
    }
    // 18 bytes before the payload is 2 mod 4, and right for a frame with or without a tag.
    const start = pool.payload(id) - 18;
    this.memory.u8.set(bytes, start);
    this.inner.transmit(pool, id, start, bytes.length, start + bytes.length, 0, 0, 0);
    pool.release(id);
  }
}

/** A copy with one bit inverted, behind the Ethernet header; ARP, which has no checksum, is spared. */
function withInvertedBit(frame: Uint8Array, bit: number): Uint8Array {
  const ip = ipv4OffsetOf(frame);
  if (ip < 0) return frame;
  const bytes = Uint8Array.from(frame);
  bytes[Math.max(bit >> 3, ip)] ^= 1 << (bit & 7);
  return bytes;
}
