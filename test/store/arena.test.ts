/**
 * The arena against a model: every object is filled with bytes of its own, and has them still when others come and go. So no
 * two overlap, and nothing that was given back to the operating system was in use.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { Arena, byteOf, CHUNK_BYTES, chunkOf } from '../../src/lib/store/arena.ts';
import { CLASS_BYTES, classOf, PAGE_BYTES, SMALL_MAX_BYTES } from '../../src/lib/store/size-classes.ts';

const MIB = 1024 * 1024;

interface Held {
  ref: number;
  bytes: number;
  mark: number;
}

/** Allocates, marks, checks and frees objects of one arena. */
class Holder {
  readonly held: Held[] = [];
  private marks = 0;
  readonly arena: Arena;

  constructor(arena: Arena) {
    this.arena = arena;
  }

  take(bytes: number): boolean {
    const ref = this.arena.alloc(bytes);
    if (ref === 0) return false;
    const object = { ref, bytes, mark: (this.marks = (this.marks % 255) + 1) };
    this.held.push(object);
    this.view(object).fill(object.mark);
    return true;
  }

  drop(index: number): void {
    const [object] = this.held.splice(index, 1);
    this.check(object);
    this.arena.free(object.ref, object.bytes);
  }

  checkAll(): void {
    for (const object of this.held) this.check(object);
    const capacity = this.held.reduce((sum, object) => sum + this.arena.capacity(object.ref, object.bytes), 0);
    expect(this.arena.usedBytes).toBe(capacity);
  }

  /** Of large objects the first and last page, so that the test does not touch hundreds of megabytes. */
  private view(object: Held): Uint8Array {
    const start = byteOf(object.ref);
    return this.arena.bytes8[chunkOf(object.ref)].subarray(start, start + Math.min(object.bytes, MIB));
  }

  private check(object: Held): void {
    const wrong = this.view(object).findIndex((byte) => byte !== object.mark);
    if (wrong >= 0) throw new Error(`byte ${wrong} of an object of ${object.bytes} bytes was overwritten`);
  }
}

const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 700 }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: SMALL_MAX_BYTES + 10 }) },
  { weight: 2, arbitrary: fc.integer({ min: SMALL_MAX_BYTES, max: 3 * MIB }) },
  { weight: 1, arbitrary: fc.integer({ min: 3 * MIB, max: 70 * MIB }) },
);

describe('size classes', () => {
  test('hold every size and waste at most an eighth, or seven bytes', () => {
    for (let bytes = 0; bytes <= SMALL_MAX_BYTES; bytes++) {
      const given = CLASS_BYTES[classOf(bytes)];
      expect(given).toBeGreaterThanOrEqual(bytes);
      expect(given % 8).toBe(0);
      expect(given - bytes).toBeLessThanOrEqual(Math.max(8, bytes / 8));
    }
  });
});

describe('the arena', () => {
  test('keeps objects apart and counts what they take', () => {
    const arena = new Arena(2048 * MIB);
    const empty = arena.reservedBytes;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), size), { maxLength: 120 }), (steps) => {
        const holder = new Holder(arena);
        for (const [choice, bytes] of steps) {
          if (choice % 3 === 0 && holder.held.length > 0) holder.drop(choice % holder.held.length);
          else if (!holder.take(bytes)) throw new Error('no memory');
        }
        for (const { ref } of holder.held) expect(byteOf(ref) % 8).toBe(0);
        holder.checkAll();
        while (holder.held.length > 0) holder.drop(holder.held.length - 1);
        expect(arena.usedBytes).toBe(0);
        expect(arena.reservedBytes).toBeLessThanOrEqual(empty + CHUNK_BYTES);
      }),
      { numRuns: 60 },
    );
  });

  test('reuses pages of one size class for another', () => {
    const arena = new Arena();
    for (const bytes of [24, 400, 3000, 16_000, 200_000]) {
      const refs: number[] = [];
      while (arena.usedBytes < 50 * MIB) refs.push(arena.alloc(bytes));
      for (const ref of refs) arena.free(ref, bytes);
      expect(arena.usedBytes).toBe(0);
    }
    expect(arena.reservedBytes).toBe(CHUNK_BYTES);
  });

  test('gives empty chunks back, all but one', () => {
    const arena = new Arena();
    const small: number[] = [];
    for (let i = 0; i < 12; i++) small.push(arena.alloc(30 * MIB));
    const huge = arena.alloc(200 * MIB);
    expect(arena.reservedBytes).toBeGreaterThan(500 * MIB);
    arena.free(huge, 200 * MIB);
    for (const ref of small) arena.free(ref, 30 * MIB);
    expect(arena.usedBytes).toBe(0);
    expect(arena.reservedBytes).toBe(2 * CHUNK_BYTES);
    expect(arena.alloc(200 * MIB)).not.toBe(0); // under the number of a chunk that is gone
  });

  test('discards only what nobody uses', () => {
    const arena = new Arena(1024 * MIB);
    let discarded = 0;
    arena.discard = (bytes) => {
      discarded += bytes.length;
      if (bytes.length < 4 * MIB) bytes.fill(0);
      else for (let at = 0; at < bytes.length; at += PAGE_BYTES) bytes[at] = 0;
    };
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), size), { maxLength: 60 }), (steps) => {
        const holder = new Holder(arena);
        for (const [choice, bytes] of steps) {
          if (choice % 2 === 0 && holder.held.length > 0) holder.drop(choice % holder.held.length);
          else holder.take(bytes);
        }
        holder.checkAll();
        while (holder.held.length > 0) holder.drop(0);
      }),
      { numRuns: 20 },
    );
    expect(discarded).toBeGreaterThan(MIB);
  });

  test('answers 0 beyond its limit and goes on when something was freed', () => {
    const arena = new Arena(MIB);
    const refs: number[] = [];
    for (let ref = arena.alloc(1000); ref !== 0; ref = arena.alloc(1000)) refs.push(ref);
    expect(arena.usedBytes).toBeLessThanOrEqual(MIB);
    expect(arena.usedBytes).toBeGreaterThan(MIB - 2000);
    expect(arena.alloc(1000)).toBe(0);
    expect(arena.alloc(100_000)).toBe(0);
    expect(arena.alloc(100 * MIB)).toBe(0);
    arena.free(refs[7], 1000);
    expect(arena.alloc(1000)).not.toBe(0);
    expect(arena.alloc(1000)).toBe(0);
  });

  test('holds a value of 512 MiB', () => {
    const arena = new Arena();
    const bytes = 512 * MIB;
    const ref = arena.alloc(bytes);
    const view = arena.views[chunkOf(ref)];
    view.setFloat64(byteOf(ref) + bytes - 8, 1.5);
    expect(view.getFloat64(byteOf(ref) + bytes - 8)).toBe(1.5);
    expect(arena.usedBytes).toBe(bytes);
    arena.free(ref, bytes);
    expect(arena.usedBytes).toBe(0);
    expect(arena.reservedBytes).toBe(CHUNK_BYTES);
  });
});

describe('copies', () => {
  const arena = new Arena();
  const memory = new PacketMemory(4 * MIB);
  const base = memory.reserve(MIB);
  const ROOM = 4096;
  const first = arena.alloc(ROOM);
  const second = arena.alloc(5 * MIB);
  const range = fc.record({
    from: fc.nat(1000),
    to: fc.nat(1000),
    n: fc.oneof(fc.nat(40), fc.nat(300), fc.nat(3000)),
    seed: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  });
  const noise = (seed: Uint8Array): Uint8Array => Uint8Array.from({ length: ROOM }, (_, i) => seed[i & 15] + i * 7);
  const object = (ref: number): Uint8Array => arena.bytes8[chunkOf(ref)].subarray(byteOf(ref), byteOf(ref) + ROOM);

  test('copyIn writes exactly the bytes that it was given', () => {
    fc.assert(
      fc.property(range, fc.boolean(), ({ from, to, n, seed }, large) => {
        const ref = large ? second : first;
        memory.u8.set(noise(seed), base);
        const expected = object(ref).fill(0x5a).slice();
        expected.set(memory.u8.subarray(base + from, base + from + n), to);
        arena.copyIn(ref, to, memory, base + from, n);
        expect(Buffer.compare(object(ref), expected)).toBe(0);
      }),
    );
  });

  test('copyOut writes them and at most seven bytes after them', () => {
    fc.assert(
      fc.property(range, fc.boolean(), ({ from, to, n, seed }, large) => {
        const ref = large ? second : first;
        object(ref).set(noise(seed));
        const target = memory.u8.subarray(base, base + ROOM);
        const expected = target.fill(0x5a).slice();
        expected.set(object(ref).subarray(from, from + n), to);
        arena.copyOut(ref, from, memory, base + to, n);
        target.fill(0x5a, to + n, to + n + 7);
        expect(Buffer.compare(target, expected)).toBe(0);
      }),
    );
  });

  test('move copies between objects, and within one even if the ranges overlap', () => {
    fc.assert(
      fc.property(range, fc.boolean(), fc.boolean(), ({ from, to, n, seed }, fromLarge, toLarge) => {
        const source = fromLarge ? second : first;
        const target = toLarge ? second : first;
        object(target).fill(0x5a);
        object(source).set(noise(seed));
        const expected = object(target).slice();
        expected.set(object(source).slice(from, from + n), to);
        arena.move(target, to, source, from, n);
        expect(Buffer.compare(object(target), expected)).toBe(0);
      }),
    );
  });
});
