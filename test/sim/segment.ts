/**
 * A TCP segment as it lies in an Ethernet frame, read by the book and by code that the stack has no part in: an oracle that
 * shared the stack's accessors would share their mistakes.
 */
import { FIN, RST, SYN } from '../../src/lib/wire/tcp.ts';
import { Violation } from './violation.ts';

const ETHERNET_BYTES = 14;
const PROTOCOL_TCP = 6;
const KIND_NOP = 1;
const KIND_MSS = 2;
const KIND_WINDOW_SCALE = 3;
const KIND_SACK = 5;
/** RFC 9293 §3.7.1: of a SYN without the option. */
export const DEFAULT_MSS = 536;

/** Reused, segment after segment. Sequence numbers are signed, addresses int32. */
export class Segment {
  source = 0;
  destination = 0;
  /** Source << 16 | destination. */
  ports = 0;
  flags = 0;
  sequence = 0;
  ack = 0;
  /** Not scaled. */
  window = 0;
  payloadBytes = 0;
  datagramBytes = 0;
  mss = DEFAULT_MSS;
  /** −1: not there. */
  scale = -1;
  sackBlocks = 0;
  /** Pairs: left edge, right edge. */
  readonly sack = new Int32Array(8);

  /** False when the frame holds no whole TCP segment. Throws when it holds one that nobody may send. */
  parse(bytes: Uint8Array): boolean {
    const ip = ETHERNET_BYTES;
    const isWhole = bytes[12] === 8 && bytes[13] === 0 && (word16(bytes, ip + 6) & 0x3fff) === 0;
    if (!isWhole || bytes[ip + 9] !== PROTOCOL_TCP) return false;
    const total = word16(bytes, ip + 2);
    const ipBytes = (bytes[ip] & 15) << 2;
    const tcp = ip + ipBytes;
    const headerBytes = (bytes[tcp + 12] >> 4) << 2;
    this.source = word32(bytes, ip + 12);
    this.destination = word32(bytes, ip + 16);
    this.ports = word32(bytes, tcp);
    this.sequence = word32(bytes, tcp + 4);
    this.ack = word32(bytes, tcp + 8);
    this.flags = bytes[tcp + 13];
    this.window = word16(bytes, tcp + 14);
    this.datagramBytes = total;
    this.payloadBytes = total - ipBytes - headerBytes;
    const contradiction = (this.flags & SYN) !== 0 && (this.flags & (FIN | RST)) !== 0;
    if (this.payloadBytes < 0 || headerBytes < 20 || (bytes[tcp + 12] & 15) !== 0 || contradiction) {
      throw new Violation('malformed header', `${headerBytes} bytes, ${describe(this)}`);
    }
    this.parseOptions(bytes, tcp + 20, tcp + headerBytes);
    return true;
  }

  private parseOptions(bytes: Uint8Array, from: number, end: number): void {
    this.mss = DEFAULT_MSS;
    this.scale = -1;
    this.sackBlocks = 0;
    for (let at = from; at < end && bytes[at] !== 0; ) {
      const kind = bytes[at];
      if (kind === KIND_NOP) {
        at++;
        continue;
      }
      const length = bytes[at + 1];
      if (length < 2 || at + length > end) throw new Violation('malformed options', describe(this));
      if (kind === KIND_MSS) this.mss = word16(bytes, at + 2);
      if (kind === KIND_WINDOW_SCALE) this.scale = bytes[at + 2];
      if (kind === KIND_SACK) {
        for (let edge = at + 2; edge < at + length; edge += 4) {
          this.sack[(edge - at - 2) >> 2] = word32(bytes, edge);
        }
        this.sackBlocks = (length - 2) >> 3;
      }
      at += length;
    }
  }
}

/** Throws when a checksum is wrong; `partial`: the TCP one is left to the card. */
export function expectChecksums(bytes: Uint8Array, partial: boolean): void {
  if (bytes[12] !== 8 || bytes[13] !== 0) return;
  const ip = ETHERNET_BYTES;
  const l4 = ip + ((bytes[ip] & 15) << 2);
  const end = ip + word16(bytes, ip + 2);
  if (sumOf(bytes, ip, l4, 0) !== 0xffff) throw new Violation('IPv4 checksum', '');
  if (partial || (word16(bytes, ip + 6) & 0x3fff) !== 0) return;
  const pseudo = bytes[ip + 9] === PROTOCOL_TCP ? sumOf(bytes, ip + 12, ip + 20, PROTOCOL_TCP + end - l4) : 0;
  if (sumOf(bytes, l4, end, pseudo) !== 0xffff) throw new Violation('TCP or ICMP checksum', '');
}

/** RFC 1071, by the book. */
function sumOf(bytes: Uint8Array, from: number, end: number, initial: number): number {
  let sum = initial;
  let i = from;
  for (; i + 1 < end; i += 2) sum += (bytes[i] << 8) | bytes[i + 1];
  if (i < end) sum += bytes[i] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

function word16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

function word32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

export function describe({ source, destination, ports, sequence, payloadBytes, flags }: Segment): string {
  const address = (ip: number): string => [ip >>> 24, (ip >>> 16) & 255, (ip >>> 8) & 255, ip & 255].join('.');
  const from = `${address(source)}:${ports >>> 16}`;
  return `${from} → ${address(destination)}:${ports & 0xffff} seq ${sequence >>> 0} len ${payloadBytes} flags ${flags}`;
}
