import fc from 'fast-check';
import { expect, it } from 'vitest';
import { copyAcross, moveWithin } from '../../src/lib/memory/copy.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';

const BYTES = 8192;
const filled = (): Uint8Array => Uint8Array.from({ length: BYTES }, (_, i) => (i * 37 + (i >> 8)) & 0xff);
const range = fc.tuple(fc.nat(BYTES / 2), fc.nat(BYTES / 2), fc.nat(BYTES / 2));

it('PacketMemory.copy moves bytes as copyWithin of an ordinary array does, overlapping or not, at any alignment', () => {
  const memory = new PacketMemory(1 << 20);
  const base = memory.reserve(BYTES);
  fc.assert(
    fc.property(range, ([to, from, n]) => {
      const model = filled();
      memory.u8.set(model, base);
      memory.copy(base + to, base + from, n);
      model.copyWithin(to, from, from + n);
      expect(memory.u8.slice(base, base + BYTES)).toEqual(model);
    }),
    { numRuns: 500 },
  );
});

it('moveWithin moves bytes as copyWithin of an ordinary array does, in both directions', () => {
  const shift = fc.tuple(
    fc.nat(BYTES / 2),
    fc.oneof(fc.integer({ min: -40, max: 40 }), fc.nat(BYTES / 4)),
    fc.nat(2000),
  );
  fc.assert(
    fc.property(shift, ([from, by, n]) => {
      const to = Math.max(0, from + by);
      const view = new DataView(new SharedArrayBuffer(BYTES));
      new Uint8Array(view.buffer).set(filled());
      moveWithin(view, to, from, n);
      expect(new Uint8Array(view.buffer)).toEqual(filled().copyWithin(to, from, from + n));
    }),
    { numRuns: 500 },
  );
});

it('copyAcross copies n bytes and touches no other', () => {
  fc.assert(
    fc.property(range, ([to, from, n]) => {
      const source = new DataView(new SharedArrayBuffer(BYTES));
      new Uint8Array(source.buffer).set(filled());
      const target = new DataView(new SharedArrayBuffer(BYTES));
      copyAcross(target, to, source, from, n);
      const model = new Uint8Array(BYTES);
      model.set(filled().subarray(from, from + n), to);
      expect(new Uint8Array(target.buffer)).toEqual(model);
    }),
    { numRuns: 500 },
  );
});

it('copyAcross refuses what is outside either memory, however it copies', () => {
  const memory = new DataView(new SharedArrayBuffer(BYTES));
  const part = new DataView(new SharedArrayBuffer(BYTES), 64, 1024);
  const refused = [
    [memory, 0, part, 0, 1025],
    [part, 1, memory, 0, 1024],
    [memory, BYTES - 600, part, 0, 601],
    [memory, -1, part, 0, 600],
    [memory, 0, part, -1, 600],
    [memory, 0, part, 1000, 25],
  ] as const;
  for (const [to, toByte, from, fromByte, n] of refused) {
    expect(() => copyAcross(to, toByte, from, fromByte, n)).toThrow(RangeError);
  }
});

it('copyAcross takes a view that is a part of its memory', () => {
  const source = new SharedArrayBuffer(BYTES);
  new Uint8Array(source).set(filled());
  const target = new SharedArrayBuffer(BYTES);
  copyAcross(new DataView(target, 100), 10, new DataView(source, 1000), 7, 2000);
  expect(new Uint8Array(target, 110, 2000)).toEqual(new Uint8Array(source, 1007, 2000));
  expect(new Uint8Array(target, 0, 110).every((byte) => byte === 0)).toBe(true);
  expect(new Uint8Array(target, 2110).every((byte) => byte === 0)).toBe(true);
});
