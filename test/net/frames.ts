/**
 * Frames built by hand, byte by byte, with a checksum of their own: what the code under test is compared with. Nothing here
 * uses src/lib/wire.
 */

export interface Ipv4Fields {
  source: string;
  destination: string;
  protocol: number;
  payload: Uint8Array;
  identification?: number;
  /** The 16-bit field: 0x4000 DF, 0x2000 MF, offset in units of 8 bytes. */
  fragment?: number;
  ttl?: number;
  tos?: number;
  /** Multiple of four bytes. */
  options?: Uint8Array;
}

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff';

export function mac(text: string): Buffer {
  return Buffer.from(text.replaceAll(':', ''), 'hex');
}

export function ip(text: string): Buffer {
  return Buffer.from(text.split('.').map(Number));
}

/** As int32 in host order. */
export function ipInt(text: string): number {
  return ip(text).readInt32BE();
}

/** RFC 1071, the slow and obvious way: the value to store big-endian. */
export function naiveChecksum(bytes: Uint8Array): number {
  let total = 0n;
  for (let i = 0; i < bytes.length; i += 2) total += BigInt((bytes[i] << 8) | (bytes[i + 1] ?? 0));
  while (total > 0xffffn) total = (total & 0xffffn) + (total >> 16n);
  return Number(~total & 0xffffn);
}

export function ethernet(to: string, from: string, type: number, payload: Uint8Array, vlan = -1): Buffer {
  const tag = vlan < 0 ? Buffer.alloc(0) : Buffer.from([0x81, 0x00, vlan >> 8, vlan & 255]);
  return Buffer.concat([mac(to), mac(from), tag, Buffer.from([type >> 8, type & 255]), payload]);
}

export function ipv4(fields: Ipv4Fields): Buffer {
  const { payload, identification = 0, fragment = 0, ttl = 64, tos = 0, options = Buffer.alloc(0) } = fields;
  const header = Buffer.alloc(20 + options.length);
  header[0] = 0x40 | (header.length / 4);
  header[1] = tos;
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(identification, 4);
  header.writeUInt16BE(fragment, 6);
  header[8] = ttl;
  header[9] = fields.protocol;
  ip(fields.source).copy(header, 12);
  ip(fields.destination).copy(header, 16);
  header.set(options, 20);
  header.writeUInt16BE(naiveChecksum(header), 10);
  return Buffer.concat([header, payload]);
}

export function icmp(type: number, code: number, word: number, data: Uint8Array): Buffer {
  const message = Buffer.concat([Buffer.from([type, code, 0, 0]), Buffer.alloc(4), data]);
  message.writeUInt32BE(word >>> 0, 4);
  message.writeUInt16BE(naiveChecksum(message), 2);
  return message;
}

export function arp(operation: number, senderMac: string, sender: string, targetMac: string, target: string): Buffer {
  return Buffer.concat([
    Buffer.from([0, 1, 8, 0, 6, 4, 0, operation]),
    mac(senderMac),
    ip(sender),
    mac(targetMac),
    ip(target),
  ]);
}

/** A frame without the zeros that filled it up to 60 bytes. */
export function unpadded(frame: Uint8Array, length: number): Buffer {
  const rest = frame.subarray(length);
  if (rest.some((byte) => byte !== 0)) throw new Error('padding is not zero');
  return Buffer.from(frame.subarray(0, length));
}
