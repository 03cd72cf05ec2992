import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { fold, pseudoHeader, sum, swap16, updateChecksum } from '../../src/lib/wire/checksum.ts';

const memory = new PacketMemory(1 << 20, 0);
const BASE = 65_536;

/** RFC 1071 §1 over big-endian words, in BigInt. */
function model(bytes: Uint8Array): number {
  let total = 0n;
  for (let i = 0; i < bytes.length; i += 2) total += BigInt((bytes[i] << 8) | (bytes[i + 1] ?? 0));
  while (total >> 16n) total = (total & 0xffffn) + (total >> 16n);
  return Number(total);
}

/** The sum of the bytes when they lie at `offset`, as big-endian words; what surrounds them is noise. */
function sumAt(offset: number, bytes: Uint8Array): number {
  memory.u8.fill(0xa5, offset - 8, offset + bytes.length + 8);
  memory.u8.set(bytes, offset);
  return swap16(fold(sum(memory, offset, bytes.length)));
}

/** One's complement has two zeros; sums are equal when they are congruent. */
function same(a: number, b: number): boolean {
  return a % 0xffff === b % 0xffff;
}

describe('checksum', () => {
  it('RFC 1071 §3: the worked example, at every alignment', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
    for (let shift = 0; shift < 8; shift++) expect(sumAt(BASE + shift, bytes)).toBe(0xddf2);
  });

  it('a real IPv4 header sums to its checksum', () => {
    const header = Buffer.from('4500003000004000400600000a000001c0a80001', 'hex');
    header.writeUInt16BE(~model(header) & 0xffff, 10);
    expect(sumAt(BASE + 4, header)).toBe(0xffff);
  });

  it('agrees with the model for any bytes, length and offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3000 }), fc.integer({ min: 0, max: 7 }), (bytes, shift) => {
        const got = sumAt(BASE + shift, bytes);
        expect(got).toBe(model(bytes));
        for (let i = 1; i <= 8; i++) expect(memory.u8[BASE + shift - i]).toBe(0xa5);
      }),
      { numRuns: 3000 },
    );
  });

  it('every length from 0 to 80 of ones at every offset', () => {
    for (let length = 0; length <= 80; length++) {
      const bytes = new Uint8Array(length).fill(0xff);
      for (let shift = 0; shift < 4; shift++) expect(sumAt(BASE + shift, bytes)).toBe(model(bytes));
    }
  });

  it('64 KiB of 0xff stays exact', () => {
    const bytes = new Uint8Array(65_535).fill(0xff);
    for (let shift = 0; shift < 4; shift++) expect(sumAt(BASE + shift, bytes)).toBe(model(bytes));
  });

  it('partial sums may be added before they are folded', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 200 }), (left, right) => {
        const even = left.length % 2 === 0 ? left : left.subarray(1);
        memory.u8.set(even, BASE);
        memory.u8.set(right, BASE + even.length);
        const apart = sum(memory, BASE, even.length) + sum(memory, BASE + even.length, right.length);
        expect(same(swap16(fold(apart)), model(Buffer.concat([even, right])))).toBe(true);
      }),
    );
  });

  it('fold never exceeds 16 bits', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (value) => {
        const folded = fold(value);
        expect(folded).toBeLessThanOrEqual(0xffff);
        expect(same(folded, value)).toBe(true);
      }),
    );
    expect(fold(0xffffffff)).toBe(0xffff);
    expect(fold(0xffff0001)).toBe(0x0001);
  });

  it('the pseudo-header sums like its twelve bytes (RFC 9293 §3.1)', () => {
    const byte = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    const length = fc.integer({ min: 0, max: 65_535 });
    fc.assert(
      fc.property(byte, byte, fc.integer({ min: 0, max: 255 }), length, (source, destination, protocol, n) => {
        const bytes = Buffer.alloc(12);
        bytes.writeInt32BE(source, 0);
        bytes.writeInt32BE(destination, 4);
        bytes[9] = protocol;
        bytes.writeUInt16BE(n, 10);
        expect(swap16(pseudoHeader(source, destination, protocol, n))).toBe(model(bytes));
      }),
    );
  });

  it('RFC 1624 §4: the incremental update of the example', () => {
    // "an IP packet header in which a 16-bit field m = 0x5555 changes to m' = 0x3285, with HC = 0xdd2f": HC' = 0x0000.
    expect(swap16(updateChecksum(swap16(0xdd2f), swap16(0x5555), swap16(0x3285)))).toBe(0x0000);
  });

  it('an incremental update gives what a full computation gives', () => {
    const word = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 60 }), word, fc.nat(), (data, after, where) => {
        const bytes = Buffer.from(data.length % 2 === 0 ? data : data.subarray(1));
        bytes[0] |= 1; // all-zero data has two representations
        const at = 2 + (where % (bytes.length / 2 - 1)) * 2;
        const before = bytes.readUInt16LE(at);
        const checksum = swap16(~model(bytes) & 0xffff);
        bytes.writeUInt16LE(after, at);
        expect(updateChecksum(checksum, before, after)).toBe(swap16(~model(bytes) & 0xffff));
      }),
    );
  });
});
