/**
 * The structures under the connections, each against a plain model: flow table, heap of deadlines, receive ring.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { DeadlineHeap } from '../../src/lib/tcp/deadlines.ts';
import { FlowTable } from '../../src/lib/tcp/flows.ts';
import { ReceiveRing } from '../../src/lib/tcp/receive-ring.ts';

describe('FlowTable', () => {
  it('does what a Map does, with keys that collide and keys that do not', () => {
    const key = fc.record({ ip: fc.integer({ min: 0, max: 3 }), ports: fc.integer({ min: 0, max: 12 }) });
    const step = fc.tuple(fc.constantFrom('set', 'delete', 'find'), key, fc.integer({ min: 1, max: 1000 }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.integer(), fc.integer(), (steps, k0, k1) => {
        const table = new FlowTable(64, Int32Array.of(k0, k1));
        const model = new Map<string, number>();
        for (const [what, { ip, ports }, value] of steps) {
          const name = `${ip}/${ports}`;
          if (what === 'set') {
            table.set(ip, ports, value);
            model.set(name, value);
          } else if (what === 'delete') {
            table.delete(ip, ports);
            model.delete(name);
          }
          expect(table.find(ip, ports)).toBe(model.get(name) ?? 0);
          expect(table.size).toBe(model.size);
        }
        for (let ip = 0; ip < 4; ip++) {
          for (let ports = 0; ports <= 12; ports++)
            expect(table.find(ip, ports)).toBe(model.get(`${ip}/${ports}`) ?? 0);
        }
      }),
    );
  });

  it('spreads a sweep of ports over the table, whatever the key', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer(), (k0, k1) => {
        const table = new FlowTable(4096, Int32Array.of(k0, k1));
        for (let port = 0; port < 4096; port++) table.set(0x7f00_0001, ((20_000 + port) << 16) | 6379, port + 1);
        for (let port = 0; port < 4096; port++) {
          expect(table.find(0x7f00_0001, ((20_000 + port) << 16) | 6379)).toBe(port + 1);
        }
      }),
      { numRuns: 20 },
    );
  });
});

describe('DeadlineHeap', () => {
  it('gives slots out at their deadlines, in order, whatever is re-armed or removed', () => {
    const step = fc.tuple(
      fc.constantFrom('wake', 'remove', 'pass'),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 5000 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.constantFrom(0, 0x7fff_f000, -5000), (steps, startUs) => {
        const heap = new DeadlineHeap(20);
        const model = new Map<number, number>(); // slot → microseconds after start
        let now = 0;
        for (const [what, slot, n] of steps) {
          if (what === 'wake') {
            heap.wakeBy(slot, (startUs + now + n) | 0);
            model.set(slot, Math.min(model.get(slot) ?? Infinity, now + n));
          } else if (what === 'remove') {
            heap.remove(slot);
            model.delete(slot);
          } else {
            now += n;
            let lastDue = -Infinity;
            for (let due = heap.popDue((startUs + now) | 0); due >= 0; due = heap.popDue((startUs + now) | 0)) {
              const at = model.get(due);
              expect(at).toBeLessThanOrEqual(now);
              expect(at).toBeGreaterThanOrEqual(lastDue);
              lastDue = at!;
              model.delete(due);
            }
          }
          expect(heap.size).toBe(model.size);
          const first = Math.min(...model.values());
          expect(heap.untilFirst((startUs + now) | 0)).toBe(first - now);
        }
      }),
    );
  });
});

describe('ReceiveRing', () => {
  it('keeps the first copy of every byte and gives the stream out in order, growing as it must (model: an array)', () => {
    const WINDOW = 400_000;
    const step = fc.tuple(
      fc.constantFrom('insert', 'insert', 'insert', 'read'),
      fc.oneof(fc.integer({ min: 0, max: 6000 }), fc.integer({ min: 0, max: 380_000 })),
      fc.integer({ min: 1, max: 40_000 }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 0x7fff_ff00, -3000), (steps, start) => {
        const memory = new PacketMemory(4 << 20);
        const scratch = memory.extents.alloc(40_000);
        const ring = new ReceiveRing(memory, 4, start);
        const model = Buffer.alloc(3 << 20); // by position in the stream: which insert brought the byte
        let read = 0;
        let next = 0;
        let serial = 0;
        let highest = 0;
        for (const [what, offset, length] of steps) {
          if (what === 'insert') {
            const at = next + (offset < 1500 ? 0 : offset - 1500);
            const n = Math.min(length, read + WINDOW - at);
            if (n <= 0) continue;
            const mark = (serial++ % 250) + 1;
            memory.u8.fill(mark, scratch, scratch + n);
            expect(ring.reserve((start + at + n) | 0)).toBe(true);
            if (!ring.insert((start + at) | 0, scratch, n)) {
              expect(ring.rangeCount).toBe(4);
              continue;
            }
            for (let i = at; i < at + n; i++) model[i] ||= mark;
            highest = Math.max(highest, at + n);
            while (model[next] !== 0) next++;
            expect((ring.nextSeq - start) | 0).toBe(next);
          } else {
            let left = Math.min(length, ring.readable);
            while (left > 0) {
              const n = Math.min(left, ring.pieceLength());
              const from = ring.pieceOffset();
              const piece = Buffer.from(memory.u8.slice(from, from + n));
              expect(piece.equals(model.subarray(read, read + n))).toBe(true);
              ring.consume(n);
              read += n;
              left -= n;
            }
          }
          expect(ring.readable).toBe(next - read);
          expect(ring.empty).toBe(next === read && highest <= next);
        }
        ring.release();
        memory.extents.free(scratch, 40_000);
        expect(memory.extents.usedBytes).toBe(0);
      }),
    );
  });

  it('takes memory for what comes, not for what may come, and stays as it is when there is none', () => {
    const memory = new PacketMemory(1 << 20, 512 << 10);
    const scratch = memory.extents.alloc(16_384);
    const before = memory.extents.usedBytes;
    const ring = new ReceiveRing(memory, 4, 1000);
    expect(memory.extents.usedBytes).toBe(before);
    expect(ring.reserve(1100)).toBe(true);
    expect(memory.extents.usedBytes - before).toBe(65_536);
    memory.u8.fill(7, scratch, scratch + 100);
    expect(ring.insert(1000, scratch, 100)).toBe(true);
    expect(ring.reserve(1000 + (1 << 20))).toBe(false);
    expect(ring.readable).toBe(100);
    expect(memory.u8[ring.pieceOffset() + 99]).toBe(7);
    ring.release();
    expect(memory.extents.usedBytes).toBe(before);
  });
});
