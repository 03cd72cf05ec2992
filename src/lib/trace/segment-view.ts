/**
 * A captured frame as a TCP segment: where its headers and payload lie. The object is reused; what a peer sent never makes
 * it throw, it answers with the reason why the frame is not followed.
 *
 *   │ link header │ [802.1Q] │ IPv4 20–60 │ TCP 20–60 │ payload, as far as it was captured │ … wire
 */
import { PROTOCOL_TCP } from '../wire/ipv4.ts';
import { SYN } from '../wire/tcp.ts';

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_VLANS = [0x8100, 0x88a8, 0x9100];

/** Link types of captures (the registry of draft-ietf-opsawg-pcaplinktype). */
const LINKTYPE_NULL = 0;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_RAW = 101;
const LINKTYPE_LINUX_SLL = 113;
const LINKTYPE_IPV4 = 228;
const LINKTYPE_LINUX_SLL2 = 276;
/** DLT_RAW's own numbers on some systems. */
const LINKTYPES_RAW = [LINKTYPE_RAW, 12, 14, LINKTYPE_IPV4];

export class SegmentView {
  tUs = 0;
  frame = 0;
  bytes: Uint8Array = new Uint8Array(0);
  sourceIp = 0;
  destinationIp = 0;
  sourcePort = 0;
  destinationPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  /** Not scaled. */
  window = 0;
  /** Payload bytes on the wire. */
  lengthBytes = 0;
  /** Where the options lie in `bytes`. */
  optionsStart = 0;
  optionsEnd = 0;
  /** Where the payload lies, as far as it was captured. */
  payloadStart = 0;
  payloadEnd = 0;
  direction: 'in' | 'out' | 'unknown' = 'unknown';
  // What the options say
  mss = 0;
  scale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;
  /** Absolute edges, left and right by turns. */
  readonly sackEdges: number[] = [];

  /** Takes a frame; returns why it is not followed, or null. `wireLength` is its length on the wire. */
  takeFrame(bytes: Uint8Array, linkType: number, wireLength: number): string | null {
    const ip = ipv4Offset(bytes, linkType);
    if (ip < 0) return ip === NOT_IPV4 ? 'not IPv4' : 'unknown link type';
    if (bytes.length < ip + 20) return 'cut within the IPv4 header';
    const ipHeaderBytes = (bytes[ip] & 15) << 2;
    if (bytes[ip] >> 4 !== 4 || ipHeaderBytes < 20) return 'not IPv4';
    if (bytes[ip + 9] !== PROTOCOL_TCP) return 'not TCP';
    if ((u16(bytes, ip + 6) & 0x3fff) !== 0) return 'fragment';
    // Total length 0: the sender left it to a device that cuts super-segments.
    const totalLength = u16(bytes, ip + 2) || wireLength - ip;
    this.sourceIp = i32(bytes, ip + 12);
    this.destinationIp = i32(bytes, ip + 16);
    return this.takeTcp(bytes, ip + ipHeaderBytes, totalLength - ipHeaderBytes, bytes.length);
  }

  /** Takes the TCP header at `tcp`; the segment has `length` bytes on the wire and is captured up to `capturedEnd`. */
  takeTcp(bytes: Uint8Array, tcp: number, length: number, capturedEnd: number): string | null {
    if (length < 20 || capturedEnd < tcp + 20) return 'cut within the TCP header';
    const headerBytes = (bytes[tcp + 12] >> 4) << 2;
    if (headerBytes < 20 || headerBytes > length) return 'TCP header length is wrong';
    this.bytes = bytes;
    this.sourcePort = u16(bytes, tcp);
    this.destinationPort = u16(bytes, tcp + 2);
    this.seq = i32(bytes, tcp + 4);
    this.ack = i32(bytes, tcp + 8);
    this.flags = bytes[tcp + 13];
    this.window = u16(bytes, tcp + 14);
    this.lengthBytes = length - headerBytes;
    this.optionsStart = tcp + 20;
    this.optionsEnd = Math.min(tcp + headerBytes, capturedEnd);
    this.payloadStart = Math.min(tcp + headerBytes, capturedEnd);
    this.payloadEnd = Math.min(tcp + length, capturedEnd);
    this.parseOptions();
    return null;
  }

  /** RFC 9293 §3.1, RFC 7323 §2 and §3, RFC 2018 §2 and §3. What is malformed ends the list. */
  private parseOptions(): void {
    this.mss = 0;
    this.scale = -1;
    this.sackPermitted = false;
    this.hasTimestamps = false;
    this.sackEdges.length = 0;
    const { bytes } = this;
    const syn = (this.flags & SYN) !== 0;
    let at = this.optionsStart;
    while (at < this.optionsEnd) {
      const kind = bytes[at];
      if (kind === 0) return;
      if (kind === 1) {
        at++;
        continue;
      }
      const length = at + 1 < this.optionsEnd ? bytes[at + 1] : 0;
      if (length < 2 || at + length > this.optionsEnd) return;
      if (kind === 2 && length === 4) this.mss = u16(bytes, at + 2);
      else if (kind === 3 && length === 3 && syn) this.scale = Math.min(14, bytes[at + 2]);
      else if (kind === 4 && length === 2 && syn) this.sackPermitted = true;
      else if (kind === 5 && length % 8 === 2) this.takeSack(at + 2, at + length);
      else if (kind === 8 && length === 10) {
        this.hasTimestamps = true;
        this.tsVal = i32(bytes, at + 2);
        this.tsEcr = i32(bytes, at + 6);
      }
      at += length;
    }
  }

  private takeSack(from: number, until: number): void {
    for (let at = from; at < until; at += 4) this.sackEdges.push(i32(this.bytes, at));
  }
}

const NOT_IPV4 = -1;
const UNKNOWN_LINK = -2;

/** Where the IPv4 header begins, or one of the two above. */
function ipv4Offset(bytes: Uint8Array, linkType: number): number {
  if (linkType === LINKTYPE_ETHERNET) return behindEtherType(bytes, 12);
  if (linkType === LINKTYPE_LINUX_SLL) return behindEtherType(bytes, 14);
  if (linkType === LINKTYPE_LINUX_SLL2) return u16(bytes, 0) === ETHERTYPE_IPV4 ? 20 : NOT_IPV4;
  if (LINKTYPES_RAW.includes(linkType)) return 0;
  // The address family, in the byte order of the machine that captured.
  if (linkType === LINKTYPE_NULL) return bytes[0] === 2 || bytes[3] === 2 ? 4 : NOT_IPV4;
  return UNKNOWN_LINK;
}

function behindEtherType(bytes: Uint8Array, typeAt: number): number {
  let at = typeAt;
  while (at + 4 < bytes.length && ETHERTYPE_VLANS.includes(u16(bytes, at))) at += 4;
  return u16(bytes, at) === ETHERTYPE_IPV4 ? at + 2 : NOT_IPV4;
}

/** Beyond the end: 0. */
function u16(bytes: Uint8Array, at: number): number {
  return at + 1 < bytes.length ? (bytes[at] << 8) | bytes[at + 1] : 0;
}

function i32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

const FLAG_NAMES = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR'];
const flagTexts = Array.from({ length: 256 }, (_, flags) => {
  const names = FLAG_NAMES.filter((_name, index) => (flags & (1 << index)) !== 0);
  return names.length === 0 ? '<none>' : names.join(' ');
});

/** `SYN ACK`, `PSH ACK`, …; lowest bit first, which puts SYN before ACK. */
export const flagText = (flags: number): string => flagTexts[flags & 0xff];
