/**
 * The IPv4 header (RFC 791 §3.1):
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   ├Version┼──IHL──┼──Type of Service┼────────Total Length──────────┤  0
 *   ├────────Identification───────────┼─DM┼───Fragment Offset────────┤  4
 *   ├──Time to Live─┼────Protocol─────┼───────Header Checksum────────┤  8
 *   ├────────────────────────Source Address──────────────────────────┤ 12
 *   ├──────────────────────Destination Address───────────────────────┤ 16
 *   ├────────────────────────Options … Padding───────────────────────┤ 20
 *
 * Accessors take the header's offset, which is word-aligned, and can't fail once the header length was checked.
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import { fold, sum } from './checksum.ts';

export const IPV4_HEADER_BYTES = 20;
export const IPV4_MAX_HEADER_BYTES = 60;
export const IPV4_MAX_BYTES = 65_535;

export const IPV4_TOS = 1;
export const IPV4_TOTAL_LENGTH = 2;
export const IPV4_IDENTIFICATION = 4;
export const IPV4_FRAGMENT = 6;
export const IPV4_TTL = 8;
export const IPV4_PROTOCOL = 9;
export const IPV4_CHECKSUM = 10;
export const IPV4_SOURCE = 12;
export const IPV4_DESTINATION = 16;

/** Bits of the 16-bit fragment field; the offset counts 8-byte units. */
export const DONT_FRAGMENT = 0x4000;
export const MORE_FRAGMENTS = 0x2000;
export const FRAGMENT_OFFSET_MASK = 0x1fff;

export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

export const DEFAULT_TTL = 64;

/** Verdicts of checkOptions. */
export const OPTIONS_OK = 0;
export const OPTIONS_MALFORMED = 1;
export const OPTIONS_SOURCE_ROUTE = 2;

const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_LOOSE_ROUTE = 131;
const OPTION_STRICT_ROUTE = 137;

export function ipv4HeaderBytes(memory: PacketMemory, ip: number): number {
  return (memory.u8[ip] & 15) << 2;
}

export function ipv4TotalLength(memory: PacketMemory, ip: number): number {
  return memory.dv.getUint16(ip + IPV4_TOTAL_LENGTH, false);
}

export function ipv4Identification(memory: PacketMemory, ip: number): number {
  return memory.dv.getUint16(ip + IPV4_IDENTIFICATION, false);
}

/** Flags and offset: see DONT_FRAGMENT, MORE_FRAGMENTS, FRAGMENT_OFFSET_MASK. */
export function ipv4Fragment(memory: PacketMemory, ip: number): number {
  return memory.dv.getUint16(ip + IPV4_FRAGMENT, false);
}

export function ipv4Protocol(memory: PacketMemory, ip: number): number {
  return memory.u8[ip + IPV4_PROTOCOL];
}

export function ipv4Ttl(memory: PacketMemory, ip: number): number {
  return memory.u8[ip + IPV4_TTL];
}

export function ipv4Source(memory: PacketMemory, ip: number): number {
  return memory.dv.getInt32(ip + IPV4_SOURCE, false);
}

export function ipv4Destination(memory: PacketMemory, ip: number): number {
  return memory.dv.getInt32(ip + IPV4_DESTINATION, false);
}

/** True when the header's own checksum is right. By 32-bit words in integers: a header is too short for `sum` to pay. */
export function ipv4ChecksumOk(memory: PacketMemory, ip: number, headerBytes: number): boolean {
  const words = memory.i32;
  const end = (ip + headerBytes) >> 2;
  let total = 0;
  for (let i = ip >> 2; i < end; i++) {
    const word = words[i];
    total += (word & 0xffff) + (word >>> 16);
  }
  return fold(total) === 0xffff;
}

/** Computes and stores the header checksum. */
export function writeIpv4Checksum(memory: PacketMemory, ip: number, headerBytes: number): void {
  memory.u16[(ip + IPV4_CHECKSUM) >> 1] = 0;
  memory.u16[(ip + IPV4_CHECKSUM) >> 1] = ~fold(sum(memory, ip, headerBytes));
}

/** A header of 20 bytes with its checksum. `fragment` is the 16-bit field of flags and offset. */
export function writeIpv4(
  memory: PacketMemory,
  ip: number,
  tos: number,
  totalLength: number,
  identification: number,
  fragment: number,
  ttl: number,
  protocol: number,
  source: number,
  destination: number,
): void {
  const dv = memory.dv;
  dv.setUint16(ip, 0x4500 | (tos & 0xff), false);
  dv.setUint16(ip + IPV4_TOTAL_LENGTH, totalLength, false);
  dv.setUint16(ip + IPV4_IDENTIFICATION, identification, false);
  dv.setUint16(ip + IPV4_FRAGMENT, fragment, false);
  memory.u8[ip + IPV4_TTL] = ttl;
  memory.u8[ip + IPV4_PROTOCOL] = protocol;
  dv.setInt32(ip + IPV4_SOURCE, source, false);
  dv.setInt32(ip + IPV4_DESTINATION, destination, false);
  writeIpv4Checksum(memory, ip, IPV4_HEADER_BYTES);
}

/**
 * Walks the options of a header (RFC 791 §3.1, RFC 1122 §3.2.1.8): every one is tolerated but a source route, which a host
 * that does not forward has no use for and an attacker has (RFC 7126 §4.3, §4.4).
 */
export function checkOptions(memory: PacketMemory, ip: number, headerBytes: number): number {
  const u8 = memory.u8;
  const end = ip + headerBytes;
  let verdict = OPTIONS_OK;
  for (let at = ip + IPV4_HEADER_BYTES; at < end; ) {
    const kind = u8[at];
    if (kind === OPTION_END) break;
    if (kind === OPTION_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? u8[at + 1] : 0;
    if (length < 2 || at + length > end) return OPTIONS_MALFORMED;
    if (kind === OPTION_LOOSE_ROUTE || kind === OPTION_STRICT_ROUTE) verdict = OPTIONS_SOURCE_ROUTE;
    at += length;
  }
  return verdict;
}
