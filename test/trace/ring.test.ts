import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RingReader, RingWriter, ringMemory } from '../../src/lib/trace/ring.ts';

/** A record of `length` bytes whose bytes behind the length are `fill`; false when it is lost. */
function put(writer: RingWriter, length: number, fill: number): boolean {
  const at = writer.begin(length);
  if (at < 0) return false;
  writer.u8.fill(fill, at + 4, at + length);
  writer.commit(length);
  return true;
}

function records(bytes: Buffer): [length: number, fill: number][] {
  const found: [number, number][] = [];
  for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at)) {
    const length = bytes.readInt32LE(at);
    const body = bytes.subarray(at + 4, at + length);
    expect(body.every((byte) => byte === body[0])).toBe(true);
    found.push([length, body[0]]);
  }
  return found;
}

test('gives back what was written, in order and whole, and counts what had no room', () => {
  const step = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant('drain' as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const memory = ringMemory(1024);
      const writer = new RingWriter(memory);
      const reader = new RingReader(memory);
      let expected: [number, number][] = [];
      let lost = 0;
      steps.forEach((what, i) => {
        if (what === 'drain') {
          expect(records(reader.drain())).toEqual(expected);
          expect(reader.takeLost()).toBe(lost);
          expected = [];
          lost = 0;
        } else if (put(writer, what * 8, i & 255)) expected.push([what * 8, i & 255]);
        else lost++;
      });
      expect(records(reader.drain())).toEqual(expected);
    }),
  );
});

test('holds no more than its size, and takes again once it was read', () => {
  const memory = ringMemory(1024);
  const writer = new RingWriter(memory);
  let taken = 0;
  while (put(writer, 128, taken)) taken++;
  expect(taken).toBe(8);
  const reader = new RingReader(memory);
  expect(records(reader.drain())).toHaveLength(8);
  expect([put(writer, 128, 9), reader.takeLost(), reader.takeLost()]).toEqual([true, 1, 0]);
});

test('positions wrap at 2³²', () => {
  const memory = ringMemory(1024);
  new Int32Array(memory, 0, 2).fill(0x7fff_ffff & ~1023); // both sides are far along
  const writer = new RingWriter(memory);
  const reader = new RingReader(memory);
  for (let i = 0; i < 50; i++) {
    expect(put(writer, 200, i)).toBe(true);
    expect(records(reader.drain())).toEqual([[200, i]]);
  }
});
