/**
 * Frames of the simulated wire, written and read plainly, with code of its own: what is tested here must not vouch for itself.
 *
 *   Ethernet 14 │ IPv4 20 │ TCP 20 + options │ payload
 */
import { ACK } from '../../src/lib/wire/tcp.ts';
import { checksum } from '../tcp/script.ts';

const ETHERNET = 14;
const IP = 20;
const TCP = 20;
const ICMP = 8;
const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
const ETHERTYPE_IPV4 = 0x0800;
const DEFAULT_TTL = 64;

/** An option as it is on the wire: sequence numbers and timestamps are not translated. */
export type WireOption =
  | { readonly kind: 'nop' | 'eol' | 'sackOK' }
  | { readonly kind: 'mss' | 'wscale'; readonly value: number }
  | { readonly kind: 'sack'; readonly blocks: readonly (readonly [number, number])[] }
  | { readonly kind: 'TS'; readonly val: number; readonly ecr: number }
  | { readonly kind: 'unknown'; readonly number: number };

export interface Segment {
  readonly sourceIp: number;
  readonly destinationIp: number;
  readonly tos: number;
  readonly ttl: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Signed 32-bit, as `ack`. */
  readonly sequence: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly urgent: number;
  readonly options: readonly WireOption[];
  readonly payload: Uint8Array;
}

/** What the stack sent, and when. */
export interface LiveSegment extends Segment {
  readonly atUs: number;
}

export interface Macs {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

export function tcpFrame(segment: Segment, macs: Macs): Uint8Array {
  const options = segment.options.flatMap(optionBytes);
  while (options.length % 4 !== 0) options.push(0);
  const header = TCP + options.length;
  const frame = ipFrame(segment, macs, PROTOCOL_TCP, header + segment.payload.length);
  const view = new DataView(frame.buffer);
  const tcp = ETHERNET + IP;
  view.setUint16(tcp, segment.sourcePort);
  view.setUint16(tcp + 2, segment.destinationPort);
  view.setInt32(tcp + 4, segment.sequence);
  view.setInt32(tcp + 8, segment.ack);
  view.setUint16(tcp + 12, (header << 10) | segment.flags);
  view.setUint16(tcp + 14, segment.window);
  view.setUint16(tcp + 18, segment.urgent);
  frame.set(options, tcp + TCP);
  frame.set(segment.payload, tcp + header);
  view.setUint16(tcp + 16, checksum(frame, tcp, frame.length, pseudoHeader(view, frame.length - tcp)));
  return frame;
}

/** An ICMP error from `router` about the first 8 bytes of `quoted`, a segment that was sent to it. */
export function icmpFrame(
  type: number,
  code: number,
  mtu: number,
  quoted: Segment,
  ip: { sourceIp: number; destinationIp: number; tos: number; ttl: number },
  macs: Macs,
): Uint8Array {
  const original = tcpFrame(quoted, macs).subarray(ETHERNET, ETHERNET + IP + TCP);
  const frame = ipFrame(ip, macs, PROTOCOL_ICMP, ICMP + original.length);
  const view = new DataView(frame.buffer);
  const icmp = ETHERNET + IP;
  frame[icmp] = type;
  frame[icmp + 1] = code;
  view.setUint16(icmp + 6, mtu);
  frame.set(original, icmp + ICMP);
  view.setUint16(icmp + 2, checksum(frame, icmp, frame.length, 0));
  return frame;
}

function ipFrame(
  ip: { sourceIp: number; destinationIp: number; tos: number; ttl: number },
  macs: Macs,
  protocol: number,
  length: number,
): Uint8Array {
  const frame = new Uint8Array(ETHERNET + IP + length);
  const view = new DataView(frame.buffer);
  frame.set(macs.destination, 0);
  frame.set(macs.source, 6);
  view.setUint16(12, ETHERTYPE_IPV4);
  frame[ETHERNET] = 0x45;
  frame[ETHERNET + 1] = ip.tos;
  view.setUint16(ETHERNET + 2, IP + length);
  view.setUint16(ETHERNET + 6, 0x4000); // don't fragment
  frame[ETHERNET + 8] = ip.ttl === 0 ? DEFAULT_TTL : ip.ttl;
  frame[ETHERNET + 9] = protocol;
  view.setInt32(ETHERNET + 12, ip.sourceIp);
  view.setInt32(ETHERNET + 16, ip.destinationIp);
  view.setUint16(ETHERNET + 10, checksum(frame, ETHERNET, ETHERNET + IP, 0));
  return frame;
}

/** The segment in a frame; null when it carries none, an error message when its checksums or lengths are wrong. */
export function readSegment(frame: Uint8Array, atUs: number): LiveSegment | string | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  if (view.getUint16(12) !== ETHERTYPE_IPV4 || frame[ETHERNET + 9] !== PROTOCOL_TCP) return null;
  const end = ETHERNET + view.getUint16(ETHERNET + 2);
  const tcp = ETHERNET + IP;
  const payload = tcp + (frame[tcp + 12] >> 4) * 4;
  if (frame[ETHERNET] !== 0x45 || end > frame.length || payload > end)
    return 'the stack sent a frame with wrong lengths';
  if (checksum(frame, ETHERNET, tcp, 0) !== 0) return 'the stack sent a wrong IPv4 header checksum';
  if (checksum(frame, tcp, end, pseudoHeader(view, end - tcp)) !== 0) return 'the stack sent a wrong TCP checksum';
  const flags = frame[tcp + 13];
  return {
    atUs,
    sourceIp: view.getInt32(ETHERNET + 12),
    destinationIp: view.getInt32(ETHERNET + 16),
    tos: frame[ETHERNET + 1],
    ttl: frame[ETHERNET + 8],
    sourcePort: view.getUint16(tcp),
    destinationPort: view.getUint16(tcp + 2),
    sequence: view.getInt32(tcp + 4),
    ack: (flags & ACK) === 0 ? 0 : view.getInt32(tcp + 8),
    flags,
    window: view.getUint16(tcp + 14),
    urgent: view.getUint16(tcp + 18),
    options: readOptions(view, tcp + TCP, payload),
    payload: frame.slice(payload, end),
  };
}

// ---- options (RFC 9293 §3.1, RFC 7323, RFC 2018)

function optionBytes(option: WireOption): number[] {
  switch (option.kind) {
    case 'eol':
      return [0];
    case 'nop':
      return [1];
    case 'mss':
      return [2, 4, option.value >> 8, option.value & 255];
    case 'wscale':
      return [3, 3, option.value];
    case 'sackOK':
      return [4, 2];
    case 'sack':
      return [
        5,
        2 + 8 * option.blocks.length,
        ...option.blocks.flatMap(([left, right]) => [...be32(left), ...be32(right)]),
      ];
    case 'TS':
      return [8, 10, ...be32(option.val), ...be32(option.ecr)];
    case 'unknown':
      return [option.number, 2];
  }
}

function readOptions(view: DataView, start: number, end: number): WireOption[] {
  const options: WireOption[] = [];
  for (let at = start; at < end; ) {
    const kind = view.getUint8(at);
    const length = kind < 2 || at + 1 === end ? 1 : Math.max(2, view.getUint8(at + 1));
    options.push(readOption(view, kind, at, length));
    at += length;
  }
  return options;
}

function readOption(view: DataView, kind: number, at: number, length: number): WireOption {
  if (kind === 0) return { kind: 'eol' };
  if (kind === 1) return { kind: 'nop' };
  if (kind === 2 && length === 4) return { kind: 'mss', value: view.getUint16(at + 2) };
  if (kind === 3 && length === 3) return { kind: 'wscale', value: view.getUint8(at + 2) };
  if (kind === 4 && length === 2) return { kind: 'sackOK' };
  if (kind === 8 && length === 10) return { kind: 'TS', val: view.getInt32(at + 2), ecr: view.getInt32(at + 6) };
  if (kind !== 5 || length % 8 !== 2) return { kind: 'unknown', number: kind };
  const blocks: [number, number][] = [];
  for (let i = at + 2; i < at + length; i += 8) blocks.push([view.getInt32(i), view.getInt32(i + 4)]);
  return { kind: 'sack', blocks };
}

function be32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** The sum of the pseudo-header of a frame's datagram, as `checksum` begins with it. */
function pseudoHeader(view: DataView, length: number): number {
  let total = PROTOCOL_TCP + length;
  for (let i = 0; i < 8; i += 2) total += view.getUint16(ETHERNET + 12 + i);
  return total;
}
