/**
 * ARP for IPv4 over Ethernet (RFC 826): 28 bytes.
 *
 *   0     2     4   5   6     8            14        18            24        28
 *   ├htype┼ptype┼hln┼pln┼─op──┼─sender mac─┼sender ip┼─target mac──┼target ip┤
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import { ETHERTYPE_IPV4, writeMac } from './ethernet.ts';

export const ARP_BYTES = 28;

export const ARP_OPERATION = 6;
export const ARP_SENDER_MAC = 8;
export const ARP_SENDER_ADDRESS = 14;
export const ARP_TARGET_MAC = 18;
export const ARP_TARGET_ADDRESS = 24;

export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

const HARDWARE_ETHERNET = 1;
const LENGTHS = 0x0604; // 6-byte hardware, 4-byte protocol addresses

/** True when `length` bytes at `at` are an ARP packet of our kind; the accessors below can't fail then. */
export function isArp(memory: PacketMemory, at: number, length: number): boolean {
  const dv = memory.dv;
  return (
    length >= ARP_BYTES &&
    dv.getUint16(at, false) === HARDWARE_ETHERNET &&
    dv.getUint16(at + 2, false) === ETHERTYPE_IPV4 &&
    dv.getUint16(at + 4, false) === LENGTHS
  );
}

export function arpOperation(memory: PacketMemory, at: number): number {
  return memory.dv.getUint16(at + ARP_OPERATION, false);
}

export function arpSenderAddress(memory: PacketMemory, at: number): number {
  return memory.dv.getInt32(at + ARP_SENDER_ADDRESS, false);
}

export function arpTargetAddress(memory: PacketMemory, at: number): number {
  return memory.dv.getInt32(at + ARP_TARGET_ADDRESS, false);
}

/** Writes a whole packet. Addresses are int32 in host order, hardware addresses in halves. */
export function writeArp(
  memory: PacketMemory,
  at: number,
  operation: number,
  senderHigh16: number,
  senderLow32: number,
  senderAddress: number,
  targetHigh16: number,
  targetLow32: number,
  targetAddress: number,
): void {
  const dv = memory.dv;
  dv.setUint16(at, HARDWARE_ETHERNET, false);
  dv.setUint16(at + 2, ETHERTYPE_IPV4, false);
  dv.setUint16(at + 4, LENGTHS, false);
  dv.setUint16(at + ARP_OPERATION, operation, false);
  writeMac(memory, at + ARP_SENDER_MAC, senderHigh16, senderLow32);
  dv.setInt32(at + ARP_SENDER_ADDRESS, senderAddress, false);
  writeMac(memory, at + ARP_TARGET_MAC, targetHigh16, targetLow32);
  dv.setInt32(at + ARP_TARGET_ADDRESS, targetAddress, false);
}
