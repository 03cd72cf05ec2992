/**
 * Ethernet II (RFC 894), with at most one IEEE 802.1Q tag:
 *
 *   0           6           12    14                    0           6           12    14    16    18
 *   ├destination┼──source───┼─type┼ payload …           ├destination┼──source───┼8100 ┼ TCI ┼─type┼ payload …
 *
 * The frame starts at 2 mod 4, so the payload is word-aligned with and without a tag.
 */
import type { PacketMemory } from '../memory/packet-memory.ts';

export const ETHERNET_HEADER_BYTES = 14;
export const VLAN_TAG_BYTES = 4;

/** Offsets from the frame's start. */
export const ETHERNET_DESTINATION = 0;
export const ETHERNET_SOURCE = 6;
export const ETHERNET_TYPE = 12;
/** The tag control information of a tagged frame: PCP 3 bits, DEI 1, VID 12. */
export const VLAN_TCI = 14;
export const VLAN_TYPE = 16;

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_VLAN = 0x8100;

/** `vlan` of a frame or neighbour without a tag. */
export const NO_VLAN = -1;

/** Bytes before the payload when the frame carries this tag (NO_VLAN: none). */
export function ethernetHeaderBytes(vlan: number): number {
  return vlan < 0 ? ETHERNET_HEADER_BYTES : ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES;
}

/** First two bytes of the hardware address at `at`. */
export function readMacHigh16(memory: PacketMemory, at: number): number {
  return memory.dv.getUint16(at, false);
}

/** Last four bytes of the hardware address at `at`, signed. */
export function readMacLow32(memory: PacketMemory, at: number): number {
  return memory.dv.getInt32(at + 2, false);
}

export function writeMac(memory: PacketMemory, at: number, high16: number, low32: number): void {
  memory.dv.setUint16(at, high16, false);
  memory.dv.setInt32(at + 2, low32, false);
}

/** The tag of a frame: its 16-bit TCI, or NO_VLAN. */
export function readVlan(memory: PacketMemory, frame: number): number {
  if (memory.dv.getUint16(frame + ETHERNET_TYPE, false) !== ETHERTYPE_VLAN) return NO_VLAN;
  return memory.dv.getUint16(frame + VLAN_TCI, false);
}

/** Type and, if any, tag. The addresses are written by writeMac. */
export function writeEtherType(memory: PacketMemory, frame: number, type: number, vlan: number): void {
  const dv = memory.dv;
  if (vlan < 0) {
    dv.setUint16(frame + ETHERNET_TYPE, type, false);
    return;
  }
  dv.setUint16(frame + ETHERNET_TYPE, ETHERTYPE_VLAN, false);
  dv.setUint16(frame + VLAN_TCI, vlan, false);
  dv.setUint16(frame + VLAN_TYPE, type, false);
}
