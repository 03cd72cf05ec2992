/**
 * Where the replies of commands go that a script calls: a send queue of its own, whose buffers lie in one extent of the packet
 * memory. A reply that fits one buffer is read where it was written; a longer one is put together first.
 */
import { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { SendQueue } from '../memory/send-queue.ts';

const BUFFERS = 4;
const BUFFER_BYTES = 32_768;

export class ReplyCapture {
  readonly queue: SendQueue;
  /** The reply that `take` found: bytes from `offset` of `bytes` on. */
  bytes: Uint8Array;
  offset = 0;
  /** Bytes of the reply. */
  length = 0;
  private readonly memory: PacketMemory;
  private readonly at: number;

  private constructor(memory: PacketMemory, at: number) {
    this.memory = memory;
    this.at = at;
    this.bytes = memory.u8;
    this.queue = new SendQueue(memory, new BufferPool(memory, BUFFERS, BUFFER_BYTES, at));
  }

  /** null when there is no packet memory for it. */
  static create(memory: PacketMemory): ReplyCapture | null {
    const at = memory.extents.alloc(BUFFERS * BUFFER_BYTES);
    return at === 0 ? null : new ReplyCapture(memory, at);
  }

  /** Finds the reply; it is valid until `release`. False when it did not fit the memory. */
  take(): boolean {
    const { queue, memory } = this;
    if (queue.overflowed) return false;
    this.length = queue.totalBytes;
    if (queue.bufferCount === 1 && queue.backlogBytes === 0) {
      this.bytes = memory.u8;
      this.offset = queue.pool.payload(queue.head);
      return true;
    }
    this.bytes = new Uint8Array(this.length);
    this.offset = 0;
    let at = 0;
    for (;;) {
      if (queue.unsentBytes === 0) queue.refill();
      if (queue.unsentBytes === 0) break;
      const id = queue.sendBuffer;
      const from = queue.pool.payload(id) + queue.sendOffset;
      const n = queue.pool.length[id] - queue.sendOffset;
      this.bytes.set(memory.u8.subarray(from, from + n), at);
      at += n;
      queue.sent(n);
      queue.drop(n);
    }
    return true;
  }

  release(): void {
    const { queue } = this;
    if (queue.bufferCount === 1 && queue.backlogBytes === 0 && !queue.overflowed) {
      const n = queue.unsentBytes;
      queue.sent(n);
      queue.drop(n);
    } else queue.clear();
  }

  /** The extent goes back. */
  dispose(): void {
    this.queue.clear();
    this.memory.extents.free(this.at, BUFFERS * BUFFER_BYTES);
  }
}
