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
