/**
 * Segments that no open connection stands behind, and those with their own options: SYNs, resets, answers in TIME-WAIT. Cold:
 * built field by field in a control buffer.
 */
import type { Hop } from '../net/hop.ts';
import { fold, pseudoHeader } from '../wire/checksum.ts';
import { ethernetHeaderBytes } from '../wire/ethernet.ts';
import { IPV4_DESTINATION, IPV4_HEADER_BYTES, IPV4_SOURCE, PROTOCOL_TCP } from '../wire/ipv4.ts';
import {
  ACK,
  FIN,
  RST,
  SYN,
  TCP_CHECKSUM,
  TCP_HEADER_BYTES,
  tcpAcknowledgment,
  tcpDestinationPort,
  tcpFlags,
  tcpHeaderBytes,
  tcpSequence,
  tcpSourcePort,
  writeTcp,
  writeTcpChecksum,
} from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { ECN_MASK } from './ecn.ts';
import { synOptionBytes, TIMESTAMPS_BLOCK_BYTES, writeSynOptions, writeTimestamps } from './options.ts';
import { add, maximum } from './sequence.ts';
import type { TcpStack } from './stack.ts';

/** Where a segment goes and comes from; reused, so that nothing is allocated for each. */
export class Endpoints {
  localIp = 0;
  remoteIp = 0;
  localPort = 0;
  remotePort = 0;
  hop: Hop | null = null;
  timestamps = false;
  tsVal = 0;
  tsEcr = 0;
  tos = 0;
  ttl = 64;
}

/** What a SYN or SYN,ACK offers beside timestamps; reused as well. */
export class SynOffer {
  mss = 0;
  /** −1: none. */
  windowScale = -1;
  sackPermitted = false;
}

/** Sends a segment without payload. False when there is no buffer or no hardware address (counted). */
export function sendBare(
  stack: TcpStack,
  to: Endpoints,
  sequence: number,
  acknowledgment: number,
  flags: number,
  window: number,
): boolean {
  const optionBytes = to.timestamps ? TIMESTAMPS_BLOCK_BYTES : 0;
  const id = allocateFrame(stack, to.hop);
  if (id === 0) return false;
  const tcp = stack.link.control.payload(id) - TCP_HEADER_BYTES - optionBytes;
  const headerBytes = TCP_HEADER_BYTES + optionBytes;
  writeTcp(stack.memory, tcp, to.localPort, to.remotePort, sequence, acknowledgment, headerBytes, flags, window);
  if (to.timestamps) writeTimestamps(stack.memory, tcp + TCP_HEADER_BYTES, to.tsVal, to.tsEcr);
  dispatchFrame(stack, null, to, id, tcp, headerBytes);
  return true;
}

/** Sends the SYN or (`flags` with ACK) the SYN,ACK of a connection, with its options. */
export function sendSyn(c: Connection, flags: number): boolean {
  const stack = c.stack;
  const offer = stack.config;
  const answering = (flags & ACK) !== 0;
  // An option is sent in a SYN,ACK only if it was in the SYN (RFC 7323 §1.3, RFC 2018 §2).
  const plain = !c.offersOptions || (offer.plainSynAfter > 0 && c.retries >= offer.plainSynAfter);
  const timestamps = answering ? c.timestamps : offer.timestamps && !plain;
  const syn = stack.synOffer;
  syn.mss = c.maxSeg !== 0 ? Math.min(c.maxSeg, stack.offeredMss) : stack.offeredMss;
  if (!c.offersOptions) syn.mss = 0;
  syn.windowScale = (answering ? c.peerScales : offer.windowScale && !plain) ? stack.windowScale : -1;
  syn.sackPermitted = answering ? c.sackPermitted : offer.sack && !plain;
  const to = endpointsOf(c);
  to.timestamps = timestamps;
  if (!answering) to.tsEcr = 0;
  if (!sendSynFrame(stack, c, to, c.iss, answering ? c.rcvNxt : 0, flags)) return false;
  if (answering) {
    c.lastAckSent = c.rcvNxt;
    // When it goes again, an acknowledgment between may have offered more, scaled.
    c.rcvAdv = maximum(c.rcvAdv, add(c.rcvNxt, synWindow(stack)));
  }
  return true;
}

/** A SYN or SYN,ACK that offers what `stack.synOffer` says, of a connection or (null) of none. False as `sendBare`. */
export function sendSynFrame(
  stack: TcpStack,
  c: Connection | null,
  to: Endpoints,
  sequence: number,
  acknowledgment: number,
  flags: number,
): boolean {
  const id = allocateFrame(stack, to.hop);
  if (id === 0) return false;
  const { mss, windowScale, sackPermitted } = stack.synOffer;
  const headerBytes = TCP_HEADER_BYTES + synOptionBytes(mss, windowScale, to.timestamps, sackPermitted);
  const tcp = stack.link.control.payload(id) - headerBytes;
  const { memory } = stack;
  const options = tcp + TCP_HEADER_BYTES;
  writeTcp(memory, tcp, to.localPort, to.remotePort, sequence, acknowledgment, headerBytes, flags, synWindow(stack));
  writeSynOptions(memory, options, mss, windowScale, to.timestamps, sackPermitted, to.tsVal, to.tsEcr);
  dispatchFrame(stack, c, to, id, tcp, headerBytes);
  return true;
}

/** Never scaled in a SYN (RFC 7323 §2.2). */
function synWindow(stack: TcpStack): number {
  return Math.min(stack.receiveWindow, 0xffff);
}

/** Resets the peer of a connection: <SEQ=sequence><CTL=RST>, with timestamps if they are in use (RFC 7323 §3.2). */
export function sendReset(c: Connection, sequence: number): void {
  c.stack.counters.resetsOut++;
  sendBare(c.stack, endpointsOf(c), sequence, 0, RST, 0);
}

/** The reset of an ABORT call (RFC 9293 §3.10.5), with an acknowledgment, as the kernels have it: a peer in any state takes it. */
export function sendAbort(c: Connection): void {
  c.stack.counters.resetsOut++;
  sendBare(c.stack, endpointsOf(c), c.sndNxt, c.rcvNxt, RST | ACK, 0);
}

/**
 * Answers a segment that belongs to no connection (RFC 9293 §3.10.7.1), or to one that does not take it: nothing to a reset;
 * <SEQ=SEG.ACK><CTL=RST> if it acknowledges something, else <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>.
 */
export function answerWithReset(stack: TcpStack, frame: number, ip: number, tcp: number, length: number): void {
  const memory = stack.memory;
  const flags = tcpFlags(memory, tcp);
  if ((flags & RST) !== 0 || !mayAnswerWithReset(stack)) return;
  const to = sourceOf(stack, frame, ip, tcp);
  stack.counters.resetsOut++;
  if ((flags & ACK) !== 0) {
    sendBare(stack, to, tcpAcknowledgment(memory, tcp), 0, RST, 0);
    return;
  }
  const text = length - tcpHeaderBytes(memory, tcp);
  const controls = ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
  sendBare(stack, to, 0, (tcpSequence(memory, tcp) + text + controls) | 0, RST | ACK, 0);
}

/**
 * Where an answer to this segment goes that nobody's connection gives: back to the frame's source, without asking ARP or
 * remembering anything, because the source address may be forged.
 */
export function sourceOf(stack: TcpStack, frame: number, ip: number, tcp: number): Endpoints {
  const { memory, endpoints: to, config } = stack;
  to.localIp = memory.dv.getInt32(ip + IPV4_DESTINATION, false);
  to.remoteIp = memory.dv.getInt32(ip + IPV4_SOURCE, false);
  to.localPort = tcpDestinationPort(memory, tcp);
  to.remotePort = tcpSourcePort(memory, tcp);
  to.hop = frame !== 0 ? stack.net.replyHop(frame) : stack.net.hop(to.remoteIp);
  to.timestamps = false;
  to.tos = config.tos;
  to.ttl = config.ttl;
  return to;
}

/** Takes one from this second's budget of resets that are sent because somebody sent something. */
export function mayAnswerWithReset(stack: TcpStack): boolean {
  if (stack.resetBudget.take(stack.nowSeconds)) return true;
  stack.counters.resetsThrottled++;
  return false;
}

/** The ends of a connection, in the stack's scratch object. */
export function endpointsOf(c: Connection): Endpoints {
  const stack = c.stack;
  const to = stack.endpoints;
  to.localIp = c.localIp;
  to.remoteIp = c.remoteIp;
  to.localPort = c.localPort;
  to.remotePort = c.remotePort;
  to.hop = c.hop;
  to.timestamps = c.timestamps;
  to.tsVal = add(stack.clockMs, c.tsOffset);
  to.tsEcr = c.tsRecent;
  to.tos = c.tos;
  to.ttl = c.ttl;
  return to;
}

/** A control buffer for a frame to this hop; 0 when there is none, or the hop has no address yet. */
export function allocateFrame(stack: TcpStack, hop: Hop | null): number {
  if (hop === null || !hop.resolved) {
    if (hop !== null) stack.net.resolve(hop);
    return 0;
  }
  const id = stack.link.control.alloc();
  if (id === 0) stack.counters.noBuffer++;
  return id;
}

/** Puts the lower headers in front and the checksum in, and gives the frame to the link and the buffer back to its pool. */
export function dispatchFrame(
  stack: TcpStack,
  c: Connection | null,
  to: Endpoints,
  id: number,
  tcp: number,
  headerBytes: number,
): void {
  const hop = to.hop!;
  const { memory, link } = stack;
  const ethernetBytes = ethernetHeaderBytes(hop.vlan);
  const frame = tcp - IPV4_HEADER_BYTES - ethernetBytes;
  const { localIp, remoteIp } = to;
  hop.used = true;
  stack.net.writeEthernetIpv4(
    frame,
    hop,
    localIp,
    remoteIp,
    PROTOCOL_TCP,
    headerBytes,
    to.tos & ~ECN_MASK,
    0,
    true,
    to.ttl,
  );
  let l4Offset = 0;
  if (stack.checksumOffload) {
    memory.u16[(tcp + TCP_CHECKSUM) >> 1] = fold(pseudoHeader(localIp, remoteIp, PROTOCOL_TCP, headerBytes));
    l4Offset = tcp - frame;
  } else writeTcpChecksum(memory, tcp, headerBytes, localIp, remoteIp);
  const end = tcp + headerBytes;
  stack.counters.segmentsOut++;
  if (stack.observer !== null) stack.observer.segmentOut(c, tcp, headerBytes, end, 0);
  link.transmit(link.control, id, frame, end - frame, end, 0, l4Offset, 0);
  link.control.release(id);
}
