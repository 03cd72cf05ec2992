/**
 * ARP packets as the tools see and send them: read out of a frame (at most one VLAN tag), or queued on a link.
 */
import type { Link } from '../link/link.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { macBytes, macHigh16, macLow32 } from '../wire/address.ts';
import {
  ARP_BYTES,
  ARP_REQUEST,
  ARP_SENDER_MAC,
  arpOperation,
  arpSenderAddress,
  arpTargetAddress,
  isArp,
  writeArp,
} from '../wire/arp.ts';
import {
  ETHERNET_HEADER_BYTES,
  ETHERNET_SOURCE,
  ETHERTYPE_ARP,
  ethernetHeaderBytes,
  NO_VLAN,
  readMacHigh16,
  readMacLow32,
  readVlan,
  writeEtherType,
  writeMac,
} from '../wire/ethernet.ts';

export interface ArpPacket {
  operation: number;
  /** 6 bytes. */
  senderMac: Uint8Array;
  /** int32 */
  senderAddress: number;
  targetAddress: number;
}

/** The ARP packet in a frame, or null when it carries none that is well-formed. */
export function readArp(memory: PacketMemory, frame: number, length: number): ArpPacket | null {
  if (length < ETHERNET_HEADER_BYTES) return null;
  const headerBytes = ethernetHeaderBytes(readVlan(memory, frame));
  const at = frame + headerBytes;
  if (!isArp(memory, at, length - headerBytes)) return null;
  if (memory.dv.getUint16(at - 2, false) !== ETHERTYPE_ARP) return null;
  return {
    operation: arpOperation(memory, at),
    senderMac: macBytes(readMacHigh16(memory, at + ARP_SENDER_MAC), readMacLow32(memory, at + ARP_SENDER_MAC)),
    senderAddress: arpSenderAddress(memory, at),
    targetAddress: arpTargetAddress(memory, at),
  };
}

/**
 * Queues a broadcast request for `target` from `sender`: an announcement when both are one address, a probe (RFC 5227 §1.1)
 * when the sender is 0. False when the link has no buffer left.
 */
export function sendArpRequest(link: Link, sender: number, target: number): boolean {
  const { control, memory, mac } = link;
  const id = control.alloc();
  if (id === 0) return false;
  const at = control.payload(id);
  const frame = at - ETHERNET_HEADER_BYTES;
  const high16 = macHigh16(mac);
  const low32 = macLow32(mac);
  writeMac(memory, frame, 0xffff, -1);
  writeMac(memory, frame + ETHERNET_SOURCE, high16, low32);
  writeEtherType(memory, frame, ETHERTYPE_ARP, NO_VLAN);
  writeArp(memory, at, ARP_REQUEST, high16, low32, sender, 0, 0, target);
  const length = ETHERNET_HEADER_BYTES + ARP_BYTES;
  link.transmit(control, id, frame, length, frame + length, 0, 0, 0);
  control.release(id);
  return true;
}
