/**
 * The sending half of a turn over kernel sockets: the unsent ranges of many send queues, written by one native call.
 *
 *   queue A │ buffer ─▶ buffer │        queue B │ buffer │
 *   ranges  │ fd, offset, length, taken │ … │ … │              four int32 each, in packet memory; one sendmsg for each fd
 */
import type { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { baseAddress } from '../native/memory.ts';
import { type SocketCalls, socketCalls } from '../native/socket.ts';
import type { SocketStream } from './socket-stream.ts';

const MAX_RANGES = 1024;
/** Ranges of one stream in one send: the native call's limit, and what a send queue holds in buffers. */
const MAX_STREAM_RANGES = 256;

/** Is told what a send came to. */
export interface SendOwner {
  /** The kernel's buffer is full. */
  sendBlocked(stream: SocketStream): void;
  /** `errno` is positive. */
  sendFailed(stream: SocketStream, errno: number): void;
}

export class SendBatch {
  /** System calls made, and bytes that the kernel took. */
  calls = 0;
  bytes = 0;
  private readonly owner: SendOwner;
  private readonly pool: BufferPool;
  private readonly i32: Int32Array;
  private readonly base: number;
  private readonly native: SocketCalls;
  private readonly ranges: number;
  private readonly streams: (SocketStream | null)[] = new Array<SocketStream | null>(MAX_RANGES).fill(null);
  private count = 0;

  constructor(owner: SendOwner, memory: PacketMemory, pool: BufferPool) {
    this.owner = owner;
    this.pool = pool;
    this.i32 = memory.i32;
    this.base = baseAddress(memory);
    this.native = socketCalls();
    this.ranges = memory.reserve(MAX_RANGES * 16);
  }

  /** Adds the stream's unsent bytes; sends what was added before when there is no room. */
  add(stream: SocketStream): void {
    if (this.count + MAX_STREAM_RANGES > MAX_RANGES) this.send();
    const { i32, pool } = this;
    const queue = stream.queue;
    const last = this.count + MAX_STREAM_RANGES;
    let offset = queue.sendOffset;
    for (let id = queue.sendBuffer; id !== 0 && this.count < last; id = pool.next[id]) {
      const length = pool.length[id] - offset;
      if (length > 0) {
        const d = (this.ranges >> 2) + (this.count << 2);
        i32[d] = stream.fd;
        i32[d + 1] = pool.payload(id) + offset;
        i32[d + 2] = length;
        this.streams[this.count++] = stream;
      }
      offset = 0;
    }
  }

  /** Sends what was added, and takes what the kernel took out of the queues. */
  send(): void {
    const count = this.count;
    if (count === 0) return;
    this.count = 0;
    this.calls += this.native.send(this.base, this.ranges, count);
    const i32 = this.i32;
    for (let i = 0, d = this.ranges >> 2; i < count; i++, d += 4) {
      const stream = this.streams[i];
      this.streams[i] = null;
      if (stream === null || stream.closed) continue; // failed at an earlier range
      const taken = i32[d + 3];
      if (taken < 0) {
        this.owner.sendFailed(stream, -taken);
        continue;
      }
      if (taken > 0) {
        stream.queue.sent(taken);
        stream.queue.drop(taken);
        stream.progressed = true;
        this.bytes += taken;
      }
      if (taken < i32[d + 2] && !stream.blocked) this.owner.sendBlocked(stream);
    }
  }
}
