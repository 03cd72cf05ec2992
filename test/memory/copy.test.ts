import fc from 'fast-check';
import { expect, it } from 'vitest';
import { copyAcross } from '../../src/lib/memory/copy.ts';
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
