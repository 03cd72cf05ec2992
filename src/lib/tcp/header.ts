/**
 * The headers of a connection's segments: a template in packet memory, copied in front of the payload and patched.
 *
 *   │ Ethernet 14 or 18 │ IPv4 20 │ TCP 20 or 32 │ payload …
 *                        lengths, checksums, sequence, acknowledgment, window, timestamps are patched
 */
import type { BufferPool } from '../memory/buffer-pool.ts';
import { fold, pseudoHeader, sum, swap16 } from '../wire/checksum.ts';
import { ethernetHeaderBytes } from '../wire/ethernet.ts';
import { IPV4_CHECKSUM, IPV4_HEADER_BYTES, IPV4_TOTAL_LENGTH, PROTOCOL_TCP } from '../wire/ipv4.ts';
import { ACK, TCP_ACKNOWLEDGMENT, TCP_CHECKSUM, TCP_HEADER_BYTES, TCP_SEQUENCE, writeTcp } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { TIMESTAMPS_BLOCK_BYTES, writeTimestamps } from './options.ts';
import { add } from './sequence.ts';
import { TIMER_DELAYED_ACK } from './timers.ts';
import { advertiseWindow } from './window.ts';

/** Room for a template, which ends where its room ends: 18 + 20 + 32 bytes, rounded up. */
export const TEMPLATE_BYTES = 80;

/**
 * Builds the template of a connection whose hop is resolved. Called when the connection opens, when its options are agreed,
 * and when the hop's hardware address changed.
 */
export function buildTemplate(c: Connection): void {
  const stack = c.stack;
  const hop = c.hop;
  if (hop === null) return;
  const memory = stack.memory;
  const config = stack.config;
  c.hopVersion = hop.version;
  c.ethernetBytes = ethernetHeaderBytes(hop.vlan);
  c.tcpHeaderBytes = TCP_HEADER_BYTES + (c.timestamps ? TIMESTAMPS_BLOCK_BYTES : 0);
  const headerBytes = c.ethernetBytes + IPV4_HEADER_BYTES + c.tcpHeaderBytes;
  const frame = stack.templates + (c.slot + 1) * TEMPLATE_BYTES - headerBytes;
  const ip = frame + c.ethernetBytes;
  const tcp = ip + IPV4_HEADER_BYTES;
  // A datagram that may not be fragmented needs no identification (RFC 6864 §4.1).
  stack.net.writeEthernetIpv4(frame, hop, c.localIp, c.remoteIp, PROTOCOL_TCP, 0, config.tos, 0, true, config.ttl);
  writeTcp(memory, tcp, c.localPort, c.remotePort, 0, 0, c.tcpHeaderBytes, ACK, 0);
  if (c.timestamps) writeTimestamps(memory, tcp + TCP_HEADER_BYTES, 0, 0);
  memory.u16[(ip + IPV4_TOTAL_LENGTH) >> 1] = 0;
  memory.u16[(ip + IPV4_CHECKSUM) >> 1] = 0;
  c.ipChecksumBase = sum(memory, ip, IPV4_HEADER_BYTES);
  c.pseudoHeaderBase = pseudoHeader(c.localIp, c.remoteIp, PROTOCOL_TCP, 0);
}

/**
 * Sends one segment of an open connection: writes the headers so that they end at `headerEnd`, inside buffer `id` of `pool`,
 * and gives the link header and payload. ACK is always set; the acknowledgment, window and timestamps are those of now.
 *
 * @param payload where the payload lies: at `headerEnd`, or elsewhere if the link gathers
 * @param n payload bytes
 * @param segmentBytes payload bytes of each frame when the link is to cut a super-segment, else 0
 */
export function transmitSegment(
  c: Connection,
  pool: BufferPool,
  id: number,
  headerEnd: number,
  payload: number,
  n: number,
  sequence: number,
  flags: number,
  segmentBytes: number,
): void {
  const stack = c.stack;
  const memory = stack.memory;
  const hop = c.hop!;
  if (hop.version !== c.hopVersion) buildTemplate(c);
  hop.used = true;
  const headerBytes = c.ethernetBytes + IPV4_HEADER_BYTES + c.tcpHeaderBytes;
  const frame = headerEnd - headerBytes;
  const dv = memory.dv;
  // By 8-byte words from the end, so that the payload is left alone: 1.5 ns for 32 bytes, by 4-byte words 3 ns (measured).
  const template = stack.templates + (c.slot + 1) * TEMPLATE_BYTES;
  for (let k = (headerBytes + 7) & ~7; k > 0; k -= 8) {
    dv.setBigUint64(headerEnd - k, dv.getBigUint64(template - k, true), true);
  }

  const u16 = memory.u16;
  const tcp = headerEnd - c.tcpHeaderBytes;
  const ip = tcp - IPV4_HEADER_BYTES;
  const tcpLength = c.tcpHeaderBytes + n;
  const totalLength = swap16(IPV4_HEADER_BYTES + tcpLength);
  u16[(ip + IPV4_TOTAL_LENGTH) >> 1] = totalLength;
  u16[(ip + IPV4_CHECKSUM) >> 1] = ~fold(c.ipChecksumBase + totalLength);
  const window = advertiseWindow(c);
  dv.setInt32(tcp + TCP_SEQUENCE, sequence, false);
  dv.setInt32(tcp + TCP_ACKNOWLEDGMENT, c.rcvNxt, false);
  dv.setInt32(tcp + 12, (c.tcpHeaderBytes << 26) | ((flags | ACK) << 16) | window, false);
  if (c.timestamps) {
    dv.setInt32(tcp + 24, add(stack.clockMs, c.tsOffset), false);
    dv.setInt32(tcp + 28, c.tsRecent, false);
  }
  // The template's checksum field is 0. What a device completes begins as the sum of the pseudo-header.
  const pseudo = c.pseudoHeaderBase + swap16(tcpLength);
  const offload = stack.checksumOffload;
  u16[(tcp + TCP_CHECKSUM) >> 1] = offload ? fold(pseudo) : checksumOf(c, tcp, payload, n, pseudo);
  noteAcknowledged(c);
  if (n > 0) c.lastSentUs = stack.clockUs;
  stack.counters.segmentsOut++;
  if (stack.observer !== null) stack.observer.segmentOut(c, tcp, c.tcpHeaderBytes, payload, n);
  stack.link.transmit(pool, id, frame, headerBytes, payload, n, offload ? tcp - frame : 0, segmentBytes);
}

/** The checksum of a header at `tcp` and n bytes of payload behind it or elsewhere (RFC 9293 §3.1). */
function checksumOf(c: Connection, tcp: number, payload: number, n: number, pseudo: number): number {
  const memory = c.stack.memory;
  const headerBytes = c.tcpHeaderBytes;
  if (payload === tcp + headerBytes) return ~fold(pseudo + sum(memory, tcp, headerBytes + n));
  return ~fold(pseudo + sum(memory, tcp, headerBytes) + sum(memory, payload, n));
}

/** What we owed to the peer is in the segment that is being sent. */
export function noteAcknowledged(c: Connection): void {
  c.lastAckSent = c.rcvNxt;
  c.unackedBytes = 0;
  c.ackNow = false;
  c.armed &= ~TIMER_DELAYED_ACK;
}
