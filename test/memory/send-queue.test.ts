import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BufferPool } from '../../src/lib/memory/buffer-pool.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { SendQueue } from '../../src/lib/memory/send-queue.ts';

describe('SendQueue', () => {
  it('gives every byte once and in order under any mix of writes, sends and acknowledgements (model: an array)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('write', 'send', 'ack'), fc.integer({ min: 1, max: 9000 })), {
          maxLength: 200,
        }),
        fc.constantFrom(3, 40, 400),
        (steps, count) => {
          const memory = new PacketMemory(16 << 20);
          const pool = new BufferPool(memory, count, 640);
          const queue = new SendQueue(memory, pool);
          const source = memory.reserve(65_536);
          let written = 0;
          let sent = 0;
          let acked = 0;
          const send = (limit: number): void => {
            let left = limit;
            while (left > 0 && queue.unsentBytes > 0) {
              const id = queue.sendBuffer;
              const n = Math.min(left, pool.length[id] - queue.sendOffset);
              const at = pool.payload(id) + queue.sendOffset;
              for (let i = 0; i < n; i++) expect(memory.u8[at + i]).toBe((sent + i) % 251);
              queue.sent(n);
              sent += n;
              left -= n;
            }
          };
          for (const [what, n] of steps) {
            if (what === 'write') {
              for (let i = 0; i < n; i++) memory.u8[source + i] = (written + i) % 251;
              expect(queue.append(source, n)).toBe(true);
              written += n;
            } else if (what === 'send') send(n);
            else {
              const ack = Math.min(n, sent - acked);
              queue.drop(ack);
              acked += ack;
            }
            expect(queue.totalBytes).toBe(written - acked);
            expect(queue.unsentBytes + queue.backlogBytes).toBe(written - sent);
          }
          while (acked < written) {
            send(1 << 30);
            queue.drop(sent - acked);
            acked = sent;
          }
          expect(sent).toBe(written);
          expect(queue.totalBytes).toBe(0);
          expect(pool.available).toBe(pool.count);
          expect(memory.extents.usedBytes).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('keeps a released buffer back while the kernel reads it', () => {
    const memory = new PacketMemory(1 << 20);
    const pool = new BufferPool(memory, 4, 512);
    const id = pool.alloc();
    pool.inFlight[id] = 2;
    pool.release(id);
    expect(pool.available).toBe(3);
    pool.completed(id);
    expect(pool.available).toBe(3);
    pool.completed(id);
    expect(pool.available).toBe(4);
  });
});

/** Sends everything that is in buffers. */
function sendAll(queue: SendQueue): void {
  while (queue.unsentBytes > 0)
    queue.sent(Math.min(queue.unsentBytes, queue.pool.length[queue.sendBuffer] - queue.sendOffset));
}

describe('how much a queue keeps in buffers', () => {
  const MIB = 1 << 20;
  const CAPACITY = 16_384 - 192;

  function queueOver(pool: BufferPool, memory: PacketMemory, mostBytes?: number): SendQueue {
    const queue = new SendQueue(memory, pool, mostBytes);
    const source = memory.extents.alloc(8 * MIB);
    expect(queue.append(source, 8 * MIB)).toBe(true);
    memory.extents.free(source, 8 * MIB);
    return queue;
  }

  it('doubles when everything there is sent and more waits, up to the most', () => {
    const memory = new PacketMemory(96 * MIB, 32 * MIB);
    const queue = queueOver(new BufferPool(memory, 2048, 16_384), memory, 4 * MIB);
    const limits: number[] = [];
    for (let i = 0; i < 5; i++) {
      limits.push(Math.floor(queue.bytes / MIB));
      sendAll(queue);
      queue.refill();
    }
    expect(limits).toEqual([1, 2, 4, 4, 4]);
    expect(queue.bytes).toBeLessThan(4 * MIB + CAPACITY);
  });

  it('stays while some of it is not sent, and where nothing more was allowed', () => {
    const memory = new PacketMemory(96 * MIB, 32 * MIB);
    const pool = new BufferPool(memory, 2048, 16_384);
    const held = queueOver(pool, memory, 4 * MIB);
    held.sent(100);
    held.drop(100);
    held.refill();
    expect(held.bytes).toBeLessThan(MIB + CAPACITY);
    const plain = queueOver(pool, memory);
    sendAll(plain);
    plain.refill();
    expect(plain.bytes).toBeLessThan(MIB + CAPACITY);
  });

  it('takes another buffer only while it has fewer than are free, however small the pool', () => {
    const memory = new PacketMemory(96 * MIB, 64 * MIB);
    const pool = new BufferPool(memory, 60, 16_384);
    const counts: number[] = [];
    for (let i = 0; i < 4; i++) {
      const queue = queueOver(pool, memory, 4 * MIB);
      sendAll(queue);
      queue.refill();
      counts.push(queue.bufferCount);
    }
    expect(counts).toEqual([30, 15, 8, 4]);
    expect(pool.available).toBe(3);
  });
});

describe('ExtentHeap', () => {
  it('never overlaps, coalesces, and returns everything (model: the set of live blocks)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 300_000 })), { maxLength: 200 }),
        (steps) => {
          const { extents } = new PacketMemory(4 << 20);
          const live: Array<{ offset: number; bytes: number }> = [];
          for (const [take, n] of steps) {
            if (take || live.length === 0) {
              const offset = extents.alloc(n);
              if (offset === 0) continue;
              for (const other of live) {
                expect(offset + n <= other.offset || other.offset + other.bytes <= offset).toBe(true);
              }
              live.push({ offset, bytes: n });
            } else {
              const [block] = live.splice(n % live.length, 1);
              extents.free(block.offset, block.bytes);
            }
          }
          for (const block of live) extents.free(block.offset, block.bytes);
          expect(extents.usedBytes).toBe(0);
          const whole = extents.bytes - (extents.bytes % 16_384);
          expect(extents.alloc(whole)).not.toBe(0);
        },
      ),
      { numRuns: 200 },
    );
  });
});
