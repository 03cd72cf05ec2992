/**
 * The TCP header (RFC 9293 §3.1):
 *
 *    0                   1                   2                   3
 *    0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *   ├──────────Source Port────────────┼──────Destination Port────────┤  0
 *   ├────────────────────────Sequence Number─────────────────────────┤  4
 *   ├─────────────────────Acknowledgment Number──────────────────────┤  8
 *   ├Offset─┼─Rsrvd─┼CEUAPRSF┼────────────────Window─────────────────┤ 12
 *   ├───────────Checksum──────────────┼───────Urgent Pointer─────────┤ 16
 *   ├────────────────────────Options … Padding───────────────────────┤ 20
 *
 * Accessors take the header's offset and can't fail once `tcpHeaderLengthOk` said yes. Sequence numbers are signed 32-bit.
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import { fold, pseudoHeader, sum } from './checksum.ts';
import { PROTOCOL_TCP } from './ipv4.ts';

export const TCP_HEADER_BYTES = 20;
export const TCP_MAX_OPTION_BYTES = 40;

export const TCP_SOURCE_PORT = 0;
export const TCP_DESTINATION_PORT = 2;
export const TCP_SEQUENCE = 4;
export const TCP_ACKNOWLEDGMENT = 8;
/** 16 bits: data offset (4), reserved (4), flags (8). */
export const TCP_OFFSET_FLAGS = 12;
export const TCP_FLAGS = 13;
export const TCP_WINDOW = 14;
export const TCP_CHECKSUM = 16;
export const TCP_URGENT = 18;

export const FIN = 0x01;
export const SYN = 0x02;
export const RST = 0x04;
export const PSH = 0x08;
export const ACK = 0x10;
export const URG = 0x20;
export const ECE = 0x40;
export const CWR = 0x80;

export function tcpSourcePort(memory: PacketMemory, tcp: number): number {
  return memory.dv.getUint16(tcp + TCP_SOURCE_PORT, false);
}

export function tcpDestinationPort(memory: PacketMemory, tcp: number): number {
  return memory.dv.getUint16(tcp + TCP_DESTINATION_PORT, false);
}

export function tcpSequence(memory: PacketMemory, tcp: number): number {
  return memory.dv.getInt32(tcp + TCP_SEQUENCE, false);
}

export function tcpAcknowledgment(memory: PacketMemory, tcp: number): number {
  return memory.dv.getInt32(tcp + TCP_ACKNOWLEDGMENT, false);
}

/** Header length in bytes, options included: 0…60 as the peer wrote it. */
export function tcpHeaderBytes(memory: PacketMemory, tcp: number): number {
  return (memory.u8[tcp + TCP_OFFSET_FLAGS] >> 4) << 2;
}

/** The eight flags of RFC 9293 and RFC 3168. */
export function tcpFlags(memory: PacketMemory, tcp: number): number {
  return memory.u8[tcp + TCP_FLAGS];
}

/** The window field, not scaled. */
export function tcpWindow(memory: PacketMemory, tcp: number): number {
  return memory.dv.getUint16(tcp + TCP_WINDOW, false);
}

/** The one length check: `length` bytes from the header's start hold the header that they announce. */
export function tcpHeaderLengthOk(memory: PacketMemory, tcp: number, length: number): boolean {
  if (length < TCP_HEADER_BYTES) return false;
  const headerBytes = tcpHeaderBytes(memory, tcp);
  return headerBytes >= TCP_HEADER_BYTES && headerBytes <= length;
}

/** True when checksum and pseudo-header (addresses int32, host order) agree with the `length` bytes at `tcp`. */
export function tcpChecksumOk(
  memory: PacketMemory,
  tcp: number,
  length: number,
  source: number,
  destination: number,
): boolean {
  return fold(pseudoHeader(source, destination, PROTOCOL_TCP, length) + sum(memory, tcp, length)) === 0xffff;
}

/** True when the checksum field holds the folded pseudo-header sum and no more: a sender that left the rest to a device. */
export function tcpChecksumPartial(
  memory: PacketMemory,
  tcp: number,
  length: number,
  source: number,
  destination: number,
): boolean {
  const partial = fold(pseudoHeader(source, destination, PROTOCOL_TCP, length));
  return memory.u16[(tcp + TCP_CHECKSUM) >> 1] === partial;
}

/** Computes and stores the whole checksum of a contiguous segment. `tcp` is even. */
export function writeTcpChecksum(
  memory: PacketMemory,
  tcp: number,
  length: number,
  source: number,
  destination: number,
): void {
  memory.u16[(tcp + TCP_CHECKSUM) >> 1] = 0;
  const total = pseudoHeader(source, destination, PROTOCOL_TCP, length) + sum(memory, tcp, length);
  memory.u16[(tcp + TCP_CHECKSUM) >> 1] = ~fold(total);
}

/** A header without options; checksum and urgent pointer are 0. */
export function writeTcp(
  memory: PacketMemory,
  tcp: number,
  sourcePort: number,
  destinationPort: number,
  sequence: number,
  acknowledgment: number,
  headerBytes: number,
  flags: number,
  window: number,
): void {
  const dv = memory.dv;
  dv.setUint16(tcp + TCP_SOURCE_PORT, sourcePort, false);
  dv.setUint16(tcp + TCP_DESTINATION_PORT, destinationPort, false);
  dv.setInt32(tcp + TCP_SEQUENCE, sequence, false);
  dv.setInt32(tcp + TCP_ACKNOWLEDGMENT, acknowledgment, false);
  dv.setUint16(tcp + TCP_OFFSET_FLAGS, (headerBytes << 10) | flags, false);
  dv.setUint16(tcp + TCP_WINDOW, window, false);
  dv.setInt32(tcp + TCP_CHECKSUM, 0, false);
}
