/**
 * ICMP (RFC 792): eight bytes, then the echo's data or a quotation of the datagram that an error is about.
 *
 *   0    1    2         4              6            8
 *   ├type┼code┼checksum─┼─identifier───┼─sequence───┼ data …            echo, echo reply
 *   ├type┼code┼checksum─┼─unused / pointer┼─MTU─────┼ IP header + ≥ 8 bytes of the datagram   errors (MTU: RFC 1191 §4)
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import { fold, sum } from './checksum.ts';

export const ICMP_HEADER_BYTES = 8;

export const ICMP_TYPE = 0;
export const ICMP_CODE = 1;
export const ICMP_CHECKSUM = 2;
export const ICMP_IDENTIFIER = 4;
export const ICMP_SEQUENCE = 6;
export const ICMP_NEXT_HOP_MTU = 6;

export const ICMP_ECHO_REPLY = 0;
export const ICMP_UNREACHABLE = 3;
export const ICMP_SOURCE_QUENCH = 4;
export const ICMP_REDIRECT = 5;
export const ICMP_ECHO_REQUEST = 8;
export const ICMP_TIME_EXCEEDED = 11;
export const ICMP_PARAMETER_PROBLEM = 12;

/** Codes of ICMP_UNREACHABLE. */
export const UNREACHABLE_NET = 0;
export const UNREACHABLE_HOST = 1;
export const UNREACHABLE_PROTOCOL = 2;
export const UNREACHABLE_PORT = 3;
export const UNREACHABLE_FRAGMENTATION_NEEDED = 4;

/** Codes of ICMP_TIME_EXCEEDED. */
export const EXCEEDED_TTL = 0;
export const EXCEEDED_REASSEMBLY = 1;

/** Messages about a datagram: never answered by another error (RFC 1122 §3.2.2). */
export function isIcmpError(type: number): boolean {
  return (
    type === ICMP_UNREACHABLE ||
    type === ICMP_SOURCE_QUENCH ||
    type === ICMP_REDIRECT ||
    type === ICMP_TIME_EXCEEDED ||
    type === ICMP_PARAMETER_PROBLEM
  );
}

export function icmpIdentifier(memory: PacketMemory, icmp: number): number {
  return memory.dv.getUint16(icmp + ICMP_IDENTIFIER, false);
}

export function icmpSequence(memory: PacketMemory, icmp: number): number {
  return memory.dv.getUint16(icmp + ICMP_SEQUENCE, false);
}

export function icmpChecksumOk(memory: PacketMemory, icmp: number, length: number): boolean {
  return fold(sum(memory, icmp, length)) === 0xffff;
}

/** Writes the eight header bytes and the checksum over `length` bytes; what follows the header stands there already. */
export function writeIcmp(
  memory: PacketMemory,
  icmp: number,
  type: number,
  code: number,
  high16: number,
  low16: number,
  length: number,
): void {
  const dv = memory.dv;
  memory.u8[icmp] = type;
  memory.u8[icmp + ICMP_CODE] = code;
  dv.setUint16(icmp + ICMP_CHECKSUM, 0, false);
  dv.setUint16(icmp + ICMP_IDENTIFIER, high16, false);
  dv.setUint16(icmp + ICMP_SEQUENCE, low16, false);
  dv.setUint16(icmp + ICMP_CHECKSUM, ~fold(sum(memory, icmp, length)) & 0xffff, true);
}
