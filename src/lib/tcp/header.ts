/**
 * The headers of a connection's segments: a template in packet memory, copied in front of the payload and patched.
 *
 *   │ Ethernet 14 or 18 │ IPv4 20 │ TCP 20 or 32 │ payload …
 *                        lengths, checksums, sequence, acknowledgment, window, timestamps are patched
 */
import type { BufferPool } from '../memory/buffer-pool.ts';
import { fold, pseudoHeader, sum } from '../wire/checksum.ts';
import { ethernetHeaderBytes } from '../wire/ethernet.ts';
import { IPV4_CHECKSUM, IPV4_HEADER_BYTES, IPV4_TOTAL_LENGTH, PROTOCOL_TCP } from '../wire/ipv4.ts';
import { ACK, TCP_HEADER_BYTES, writeTcp } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { ECN_MASK, writeEcn } from './ecn.ts';
import { TIMESTAMPS_BLOCK_BYTES, writeTimestamps } from './options.ts';
import { advertiseWindow } from './window.ts';

/** Room for a template, which ends where its room ends: 18 + 20 + 32 bytes, rounded up. */
export const TEMPLATE_BYTES = 80;

// The module's own constants are folded into compiled code; an imported binding is loaded and checked at each use, as are
// imported functions. Hence these, and the literal offsets and arithmetic below: 7 instructions less for each.
const ACK_BIT = ACK;
const IP_HEADER = IPV4_HEADER_BYTES;
/** From the TCP header. */
const IP_LENGTH = IPV4_TOTAL_LENGTH - IPV4_HEADER_BYTES;
const IP_CHECKSUM = IPV4_CHECKSUM - IPV4_HEADER_BYTES;

/**
 * Builds the template of a connection whose hop is resolved. Called when the connection opens, when its options are agreed,
 * and when the hop's hardware address changed.
 */
export function buildTemplate(c: Connection): void {
  const stack = c.stack;
  const hop = c.hop;
  if (hop === null) return;
  const memory = stack.memory;
  c.hopVersion = hop.version;
  const ethernetBytes = ethernetHeaderBytes(hop.vlan);
  c.tcpHeaderBytes = TCP_HEADER_BYTES + (c.timestamps ? TIMESTAMPS_BLOCK_BYTES : 0);
  const headerBytes = ethernetBytes + IPV4_HEADER_BYTES + c.tcpHeaderBytes;
  const frame = stack.templates + (c.slot + 1) * TEMPLATE_BYTES - headerBytes;
  const ip = frame + ethernetBytes;
  const tcp = ip + IPV4_HEADER_BYTES;
  // A datagram that may not be fragmented needs no identification (RFC 6864 §4.1).
  stack.net.writeEthernetIpv4(frame, hop, c.localIp, c.remoteIp, PROTOCOL_TCP, 0, c.tos & ~ECN_MASK, 0, true, c.ttl);
  writeTcp(memory, tcp, c.localPort, c.remotePort, 0, 0, c.tcpHeaderBytes, ACK, 0);
  if (c.timestamps) writeTimestamps(memory, tcp + TCP_HEADER_BYTES, 0, 0);
  memory.u16[(ip + IPV4_TOTAL_LENGTH) >> 1] = 0;
  memory.u16[(ip + IPV4_CHECKSUM) >> 1] = 0;
  c.headerBytes = headerBytes;
  c.templateEnd = frame + headerBytes;
  c.ipChecksumBase = fold(sum(memory, ip, IPV4_HEADER_BYTES));
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
  const hop = c.hop!;
  if (hop.version !== c.hopVersion) buildTemplate(c);
  hop.used = true;
  const dv = stack.memory.dv;
  copyHeaders(dv, headerEnd, c.templateEnd);
  const tcpHeaderBytes = c.tcpHeaderBytes;
  const tcp = headerEnd - tcpHeaderBytes;
  const tcpLength = tcpHeaderBytes + n;
  const totalLength = tcpLength + IP_HEADER;
  dv.setUint16(tcp + IP_LENGTH, totalLength, false);
  // Both bases are folded already, so that one step folds their sum with another 16 bits.
  const ipSum = c.ipChecksumBase + (((totalLength & 0xff) << 8) | (totalLength >>> 8));
  dv.setUint16(tcp + IP_CHECKSUM, ~((ipSum & 0xffff) + (ipSum >>> 16)), true);
  const window = advertiseWindow(c);
  dv.setInt32(tcp + 4, sequence, false);
  dv.setInt32(tcp + 8, c.rcvNxt, false);
  dv.setInt32(tcp + 12, (tcpHeaderBytes << 26) | ((flags | ACK_BIT) << 16) | window, false);
  if (c.timestamps) {
    dv.setInt32(tcp + 24, (stack.clockMs + c.tsOffset) | 0, false);
    dv.setInt32(tcp + 28, c.tsRecent, false);
  }
  if (c.ecn) writeEcn(c, tcp, sequence, n);
  // The template's checksum field is 0. What a device completes begins as the sum of the pseudo-header.
  const pseudo = c.pseudoHeaderBase + (((tcpLength & 0xff) << 8) | (tcpLength >>> 8));
  const offload = stack.checksumOffload;
  const checksum = offload ? (pseudo & 0xffff) + (pseudo >>> 16) : checksumOf(c, tcp, payload, n, pseudo);
  dv.setUint16(tcp + 16, checksum, true);
  c.noteAcknowledged();
  if (n > 0) c.lastSentUs = stack.clockUs;
  stack.counters.segmentsOut++;
  if (stack.observer !== null) stack.observer.segmentOut(c, tcp, tcpHeaderBytes, payload, n);
  const headerBytes = c.headerBytes;
  const frame = headerEnd - headerBytes;
  stack.link.transmit(pool, id, frame, headerBytes, payload, n, offload ? tcp - frame : 0, segmentBytes);
}

/**
 * Nine 8-byte words that end at `from`: the largest header, however long this one is, because the headroom has room for it. Not
 * in a loop, which takes 3 ns more; `| 0` instead of overflow checks saves 2 ns; and apart, because a function of more than 800
 * bytes of bytecode (server/jit.ts) is not inlined, 9 ns (all measured by bench/hot.ts, of a PING's 134).
 */
function copyHeaders(dv: DataView, to: number, from: number): void {
  dv.setBigUint64((to - 72) | 0, dv.getBigUint64((from - 72) | 0, true), true);
  dv.setBigUint64((to - 64) | 0, dv.getBigUint64((from - 64) | 0, true), true);
  dv.setBigUint64((to - 56) | 0, dv.getBigUint64((from - 56) | 0, true), true);
  dv.setBigUint64((to - 48) | 0, dv.getBigUint64((from - 48) | 0, true), true);
  dv.setBigUint64((to - 40) | 0, dv.getBigUint64((from - 40) | 0, true), true);
  dv.setBigUint64((to - 32) | 0, dv.getBigUint64((from - 32) | 0, true), true);
  dv.setBigUint64((to - 24) | 0, dv.getBigUint64((from - 24) | 0, true), true);
  dv.setBigUint64((to - 16) | 0, dv.getBigUint64((from - 16) | 0, true), true);
  dv.setBigUint64((to - 8) | 0, dv.getBigUint64((from - 8) | 0, true), true);
}

/** The checksum of a header at `tcp` and n bytes of payload behind it or elsewhere (RFC 9293 §3.1). */
function checksumOf(c: Connection, tcp: number, payload: number, n: number, pseudo: number): number {
  const memory = c.stack.memory;
  const headerBytes = c.tcpHeaderBytes;
  if (payload === tcp + headerBytes) return ~fold(pseudo + sum(memory, tcp, headerBytes + n));
  return ~fold(pseudo + sum(memory, tcp, headerBytes) + sum(memory, payload, n));
}
