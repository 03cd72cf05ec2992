/**
 * What a connection has to say, in the order it will be said: a chain of transmit buffers, and behind it, when a reply is
 * larger than a connection may hold in buffers, a backlog in extents.
 *
 *   head                      sendBuffer              tail
 *   ┌────────┐  ┌────────┐   ┌────────┐  ┌────────┐  ┌───────┐ ┄┄┄┄┄ ┌─────────┬─────────┐
 *   │ acked▒▒│─▶│ sent   │──▶│ sent│  │─▶│ unsent │─▶│ open  │       │ backlog │ …       │
 *   └────────┘  └────────┘   └────────┘  └────────┘  └───────┘ ┄┄┄┄┄ └─────────┴─────────┘
 *   headOffset↑               ↑sendOffset              ↑ the encoder writes here
 *
 * The chain is the retransmission queue too: bytes leave it when the peer acknowledged them (TCP) or the kernel took them
 * (sockets). So a reply byte is written once, into the frame that carries it. `bytes` counts what is queued in buffers,
 * `unsentBytes` what of it was not sent yet, `backlogBytes` what waits behind.
 *
 * How much may be in buffers follows the need: when everything there is sent and more waits, the peer's window and the path
 * would take more, and the limit doubles. And it follows the pool: a queue takes another buffer only while it has fewer than
 * are free, so that however many want all, each next one gets a share (dynamic thresholds, A. Choudhury and E. Hahne, 1998).
 */
import type { BufferPool } from './buffer-pool.ts';
import type { PacketMemory } from './packet-memory.ts';

/** What may be in transmit buffers at first; more waits in the backlog. */
const INITIAL_LIMIT_BYTES = 1 << 20;
/** Sent but unacknowledged short buffers beyond this are appended to rather than left half empty. */
const MAX_SHORT_BUFFERS = 8;
const BACKLOG_BLOCK_BYTES = 1 << 18;
/** Usable bytes of a block: word-wise copies may run past their end, as they may in a buffer's tail. */
const BACKLOG_BLOCK_USABLE = BACKLOG_BLOCK_BYTES - 64;

export class SendQueue {
  head = 0;
  /** Bytes at the start of `head` that are acknowledged already. */
  headOffset = 0;
  tail = 0;
  /** First buffer with unsent bytes, or 0; the bytes from `sendOffset` on are unsent. */
  sendBuffer = 0;
  sendOffset = 0;
  bufferCount = 0;
  bytes = 0;
  unsentBytes = 0;
  backlogBytes = 0;
  /** The queue could not take a write (no memory): what follows must not be sent; its owner closes the connection. */
  overflowed = false;
  /** Asked before the backlog grows, with what is queued: false when it may not. Null: it may. */
  mayGrow: ((queuedBytes: number) => boolean) | null = null;
  /** Payload bytes for each buffer: at most the pool's capacity; a multiple of the MSS where the link segments. */
  capacity: number;
  readonly pool: BufferPool;
  readonly memory: PacketMemory;
  private limitBytes: number;
  private readonly maxLimitBytes: number;
  /** Backlog blocks as triples offset, start, end (bytes within the block); empty for nearly every connection. */
  private backlog: number[] = [];

  /** @param maxBufferedBytes how far the limit may grow; a transport that never leaves bytes in flight needs no more than it has */
  constructor(memory: PacketMemory, pool: BufferPool, maxBufferedBytes: number = INITIAL_LIMIT_BYTES) {
    this.memory = memory;
    this.pool = pool;
    this.capacity = pool.capacity;
    this.limitBytes = Math.min(INITIAL_LIMIT_BYTES, maxBufferedBytes);
    this.maxLimitBytes = maxBufferedBytes;
  }

  /** Everything queued, sent or not, in buffers or behind. */
  get totalBytes(): number {
    return this.bytes + this.backlogBytes;
  }

  /**
   * Room for at least `least` bytes (at most a buffer's capacity) at the end of the queue: returns where to write, and sets
   * `room` to how much fits there. The writer then calls `commit` with what it wrote. 0 when there is no memory. Word-wise
   * copies may run up to 63 bytes past the room's end.
   */
  room = 0;
  open(least: number): number {
    if (this.backlog.length > 0) return this.openBacklog(least);
    const pool = this.pool;
    const tail = this.tail;
    if (tail !== 0) {
      const used = pool.length[tail];
      const sealed = used > 0 && (this.sendBuffer !== tail || this.sendOffset > 0); // already on the wire: a new frame is cheaper
      if (used + least <= this.capacity && (!sealed || this.bufferCount >= MAX_SHORT_BUFFERS)) {
        this.room = this.capacity - used;
        return pool.payload(tail) + used;
      }
      if (this.bytes >= this.limitBytes || this.bufferCount >= pool.available) return this.openBacklog(least);
    }
    const id = pool.allocQueued();
    if (id === 0) return this.openBacklog(least);
    if (tail === 0) {
      this.head = id;
      this.headOffset = 0;
    } else pool.next[tail] = id;
    this.tail = id;
    this.bufferCount++;
    if (this.sendBuffer === 0) {
      this.sendBuffer = id;
      this.sendOffset = 0;
    }
    this.room = this.capacity;
    return pool.payload(id);
  }

  /** `n` bytes were written where `open` said. */
  commit(n: number): void {
    const backlog = this.backlog;
    if (backlog.length > 0) {
      backlog[backlog.length - 1] += n;
      this.backlogBytes += n;
      return;
    }
    const tail = this.tail;
    this.pool.length[tail] += n;
    this.bytes += n;
    this.unsentBytes += n;
    if (this.sendBuffer === 0) {
      this.sendBuffer = tail;
      this.sendOffset = this.pool.length[tail] - n;
    }
  }

  /** Appends n bytes of the memory (copying them). False when there was no room for all: the queue is then `overflowed`. */
  append(from: number, n: number): boolean {
    let s = from;
    let left = n;
    while (left > 0) {
      const at = this.open(1);
      if (at === 0) {
        this.overflowed = true;
        return false;
      }
      const step = left < this.room ? left : this.room;
      this.memory.copy(at, s, step);
      this.commit(step);
      s += step;
      left -= step;
    }
    return true;
  }

  /** The transport sent `n` unsent bytes, beginning at `sendBuffer`, `sendOffset` (never past that buffer's end). */
  sent(n: number): void {
    this.unsentBytes -= n;
    this.sendOffset += n;
    const id = this.sendBuffer;
    if (this.sendOffset === this.pool.length[id]) {
      this.sendBuffer = this.pool.next[id];
      this.sendOffset = 0;
    }
  }

  /** `n` sent bytes at the head are done with (acknowledged, or taken by the kernel): their buffers are released. */
  drop(n: number): void {
    const pool = this.pool;
    const id = this.head;
    this.bytes -= n;
    if (id === this.tail && pool.length[id] - this.headOffset === n && n > 0) {
      // One buffer, and nothing behind: what a short reply leaves.
      this.head = 0;
      this.headOffset = 0;
      this.tail = 0;
      this.sendBuffer = 0;
      this.sendOffset = 0;
      this.bufferCount = 0;
      pool.release(id);
    } else this.dropChain(n);
    if (this.backlogBytes > 0) this.refill();
  }

  private dropChain(n: number): void {
    const pool = this.pool;
    let left = n;
    while (left > 0) {
      const id = this.head;
      const here = pool.length[id] - this.headOffset;
      if (left < here) {
        this.headOffset += left;
        break;
      }
      left -= here;
      this.popHead();
    }
  }

  private popHead(): void {
    const pool = this.pool;
    const id = this.head;
    if (this.sendBuffer === id) {
      this.sendBuffer = pool.next[id];
      this.sendOffset = 0;
    }
    this.head = pool.next[id];
    if (this.head === 0) this.tail = 0;
    this.headOffset = 0;
    this.bufferCount--;
    pool.release(id);
  }

  /**
   * Moves backlog into buffers as far as they go. `drop` does it; a transport with nothing unsent calls it, too, because the
   * pool may have been empty then.
   */
  refill(): void {
    const backlog = this.backlog;
    const pool = this.pool;
    if (this.unsentBytes === 0 && this.bytes >= this.limitBytes) {
      this.limitBytes = Math.min(2 * this.limitBytes, this.maxLimitBytes);
    }
    while (backlog.length > 0 && this.bytes < this.limitBytes && this.bufferCount < pool.available) {
      const id = pool.allocQueued();
      if (id === 0) return;
      const start = backlog[0] + backlog[1];
      const n = Math.min(this.capacity, backlog[2] - backlog[1]);
      this.memory.copy(pool.payload(id), start, n);
      pool.length[id] = n;
      if (this.tail === 0) this.head = id;
      else pool.next[this.tail] = id;
      this.tail = id;
      this.bufferCount++;
      this.bytes += n;
      this.unsentBytes += n;
      this.backlogBytes -= n;
      if (this.sendBuffer === 0) {
        this.sendBuffer = id;
        this.sendOffset = 0;
      }
      backlog[1] += n;
      if (backlog[1] === backlog[2]) {
        this.memory.extents.free(backlog[0], BACKLOG_BLOCK_BYTES);
        backlog.splice(0, 3);
      }
    }
  }

  /** Releases everything. */
  clear(): void {
    while (this.head !== 0) this.popHead();
    for (let i = 0; i < this.backlog.length; i += 3) this.memory.extents.free(this.backlog[i], BACKLOG_BLOCK_BYTES);
    this.backlog = [];
    this.headOffset = 0;
    this.sendBuffer = 0;
    this.sendOffset = 0;
    this.bytes = 0;
    this.unsentBytes = 0;
    this.backlogBytes = 0;
    this.overflowed = false;
    this.mayGrow = null;
  }

  private openBacklog(least: number): number {
    const backlog = this.backlog;
    const last = backlog.length - 3;
    if (last >= 0 && backlog[last + 2] + least <= BACKLOG_BLOCK_USABLE) {
      this.room = BACKLOG_BLOCK_USABLE - backlog[last + 2];
      return backlog[last] + backlog[last + 2];
    }
    if (this.mayGrow !== null && !this.mayGrow(this.totalBytes)) return 0;
    const offset = this.memory.extents.alloc(BACKLOG_BLOCK_BYTES);
    if (offset === 0) return 0;
    backlog.push(offset, 0, 0);
    this.room = BACKLOG_BLOCK_USABLE;
    return offset;
  }
}
