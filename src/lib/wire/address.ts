/**
 * Addresses as people write them. An IPv4 address is a signed 32-bit integer a<<24|b<<16|c<<8|d everywhere else; a hardware
 * address is six bytes, or two integers: `high16` (its first two bytes) and `low32` (the last four, signed).
 */

/**
 * An IPv4 address as int32. What the public signatures of net/ and tcp/ call by this name is what IPv6 (RFC 8200) would change:
 * it would become an index into a table of 16-byte addresses, so that comparing two stays one integer comparison, and the
 * flow table's key and the pseudo-header's sum would be taken from that table.
 */
export type IpAddress = number;

/** An address and the length of its network prefix, as in `192.0.2.1/24`. */
export interface Cidr {
  readonly address: number;
  readonly prefixLength: number;
}

const OCTET = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);
const MAC = /^[0-9a-f]{1,2}([:-][0-9a-f]{1,2}){5}$/i;

/** `192.0.2.1` → int32; null when it is not four decimal octets without leading zeros. */
export function parseIpv4(text: string): number | null {
  const match = IPV4.exec(text);
  if (match === null) return null;
  return (Number(match[1]) << 24) | (Number(match[2]) << 16) | (Number(match[3]) << 8) | Number(match[4]);
}

export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** `192.0.2.1/24`, or a bare address (a /32 unless told otherwise); null when malformed. */
export function parseCidr(text: string, defaultPrefixLength = 32): Cidr | null {
  const [head, tail, ...rest] = text.split('/');
  const address = parseIpv4(head);
  if (address === null || rest.length > 0) return null;
  if (tail === undefined) return { address, prefixLength: defaultPrefixLength };
  if (!/^\d{1,2}$/.test(tail) || Number(tail) > 32) return null;
  return { address, prefixLength: Number(tail) };
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.address)}/${cidr.prefixLength}`;
}

/** The mask of a prefix length 0…32 as int32: 24 → 255.255.255.0. */
export function prefixMask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : -1 << (32 - prefixLength);
}

/** Class D, 224.0.0.0/4 (RFC 1112 §4). */
export function isMulticast(address: number): boolean {
  return address >>> 28 === 14;
}

/** `02:00:00:00:00:01` (or with dashes) → 6 bytes; null when malformed. */
export function parseMac(text: string): Uint8Array | null {
  if (!MAC.test(text)) return null;
  return Uint8Array.from(text.split(/[:-]/), (octet) => Number.parseInt(octet, 16));
}

export function formatMac(mac: Uint8Array): string {
  return Array.from(mac.subarray(0, 6), (octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/** The first two bytes of a hardware address. */
export function macHigh16(mac: Uint8Array): number {
  return (mac[0] << 8) | mac[1];
}

/** The last four bytes of a hardware address, signed. */
export function macLow32(mac: Uint8Array): number {
  return (mac[2] << 24) | (mac[3] << 16) | (mac[4] << 8) | mac[5];
}

/** Both halves, as bytes again. */
export function macBytes(high16: number, low32: number): Uint8Array {
  return Uint8Array.of(high16 >>> 8, high16, low32 >>> 24, low32 >>> 16, low32 >>> 8, low32);
}
