/**
 * The Internet checksum (RFC 1071): the one's-complement sum of 16-bit words, complemented.
 *
 * Partial sums are kept over *little-endian* words: the sum is byte-order independent (RFC 1071 §2.B), so what a
 * little-endian store of `~fold(sum)` leaves in memory is the network's checksum. Partial sums may be added to each other
 * before they are folded. A range that begins at an odd offset is summed as if it began at an even one: byte 0 is the
 * low half of its first word, wherever it lies in memory.
 */
import type { PacketMemory } from '../memory/packet-memory.ts';

/** Exchanges the two bytes of a 16-bit value: network order ↔ what a little-endian load sees. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** Exchanges the four bytes of a 32-bit value, likewise. */
export function swap32(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

/** Folds a partial sum (up to 2³² − 1) into 16 bits, carries added in. */
export function fold(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return ((once & 0xffff) + (once >>> 16)) & 0xffff;
}

/**
 * Partial sum of `length` bytes at any offset: a non-negative integer below 2¹⁹. An odd last byte counts as if a zero byte
 * followed. Reads up to 3 bytes past the end (and ignores them), writes nothing.
 *
 * Four float64 accumulators over 32-bit words: 114–120 ns for 1,456 bytes, where a loop over 16-bit words takes 215–276
 * (measured). Exact, because 16,384 words of 32 bits stay below 2⁴⁶.
 */
export function sum(memory: PacketMemory, offset: number, length: number): number {
  if ((offset & 1) !== 0) return sumOdd(memory, offset, length);
  let at = offset;
  let left = length;
  let head = 0;
  if ((at & 2) !== 0 && left >= 2) {
    head = memory.u16[at >> 1];
    at += 2;
    left -= 2;
  }
  if ((at & 2) !== 0) return head + (left === 1 ? memory.u8[at] : 0);
  const words = memory.u32;
  let i = at >> 2;
  const end = i + (left >> 2);
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  for (; i + 3 < end; i += 4) {
    a += words[i];
    b += words[i + 1];
    c += words[i + 2];
    d += words[i + 3];
  }
  for (; i < end; i++) a += words[i];
  const tailBytes = left & 3;
  if (tailBytes !== 0) b += words[i] & ((1 << (tailBytes << 3)) - 1);
  const total = a + b + c + d;
  const high = Math.floor(total / 4_294_967_296);
  const low = total >>> 0;
  return (head + high + (low & 0xffff) + (low >>> 16)) | 0;
}

/** The even-offset sum from the second byte on, with its byte lanes exchanged (RFC 1071 §2.B). */
function sumOdd(memory: PacketMemory, offset: number, length: number): number {
  if (length <= 0) return 0;
  return memory.u8[offset] + swap16(fold(sum(memory, offset + 1, length - 1)));
}

/**
 * Partial sum of the TCP/UDP pseudo-header (RFC 9293 §3.1). Addresses are int32 in host order, `length` is that of header and
 * payload in bytes.
 */
export function pseudoHeader(source: number, destination: number, protocol: number, length: number): number {
  const bigEndian =
    (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length;
  return swap16(fold(bigEndian));
}

/**
 * The checksum after one 16-bit word of what it covers changed (RFC 1624 eqn. 3: HC' = ~(~HC + ~m + m')). All three as a
 * little-endian load sees them. What is covered must not be all zeros afterwards: its checksum is 0xffff, and this gives 0.
 */
export function updateChecksum(checksum: number, before: number, after: number): number {
  return ~fold((~checksum & 0xffff) + (~before & 0xffff) + (after & 0xffff)) & 0xffff;
}
