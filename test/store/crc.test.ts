/** CRC-16 and CRC-64 against their published check values and against the definition, bit by bit; slots against Redis's examples. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { crc16, keySlot } from '../../src/lib/store/crc16.ts';
import { Crc64 } from '../../src/lib/store/crc64.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 64);
const CHECK = Buffer.from('123456789');

function crc64(bytes: Uint8Array, start = 0, end = bytes.length): bigint {
  const crc = new Crc64();
  crc.update(bytes, start, end);
  return valueOf64(crc);
}

function valueOf64(crc: Crc64): bigint {
  return (BigInt(crc.high >>> 0) << 32n) | BigInt(crc.low >>> 0);
}

/** Long division by the polynomial, reflected: the definition. */
function byDefinition(bytes: Uint8Array): bigint {
  let crc = 0n;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ ((crc & 1n) === 0n ? 0n : 0x95ac9329ac4bc9b5n);
  }
  return crc;
}

describe('CRC-64', () => {
  test('has its check value', () => {
    expect(crc64(CHECK)).toBe(0xe9c6d914c4b8d9can);
    expect(crc64(Buffer.alloc(0))).toBe(0n);
  });

  test('is what long division gives, in one piece or in many', () => {
    const random = new Random(SEED);
    for (let round = 0; round < 300; round++) {
      const bytes = Uint8Array.from({ length: random.below(100) }, () => random.below(256));
      const expected = byDefinition(bytes);
      expect([SEED, round, crc64(bytes)]).toEqual([SEED, round, expected]);
      const pieces = new Crc64();
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(bytes.length, at + 1 + random.below(20));
        pieces.update(bytes, at, end);
        at = end;
      }
      expect([SEED, round, valueOf64(pieces)]).toEqual([SEED, round, expected]);
    }
  });
});

describe('CRC-16', () => {
  test('has the check value of XMODEM', () => {
    expect(crc16(CHECK, 0, CHECK.length)).toBe(0x31c3);
  });

  test('gives keys their slots', () => {
    const slotOf = (key: string): number => {
      const bytes = Buffer.from(`xx${key}}}`); // what lies around the key does not matter
      return keySlot(bytes, 2, bytes.length - 2);
    };
    expect(slotOf('foo')).toBe(12_182);
    expect(slotOf('bar')).toBe(5061);
    expect(slotOf('')).toBe(0);
    expect(slotOf('123456789')).toBe(0x31c3);
    expect(slotOf('{user1000}.following')).toBe(slotOf('user1000'));
    expect(slotOf('foo{}{bar}')).toBe(crc16(Buffer.from('foo{}{bar}'), 0, 10) & 16_383);
    expect(slotOf('foo{{bar}}zap')).toBe(slotOf('{bar'));
    expect(slotOf('foo{bar}{zap}')).toBe(5061);
    expect(slotOf('foo{bar')).toBe(crc16(Buffer.from('foo{bar'), 0, 7) & 16_383);
  });
});
