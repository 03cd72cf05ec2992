/**
 * Explicit Congestion Notification (RFC 3168): a router marks what it would otherwise have to drop, the receiver echoes the
 * mark, the sender slows down as for a loss and says so.
 *
 *   our data, ECT ──▶ router ──▶ CE ──▶ peer          TCP flags:  SYN      ECE + CWR   may we?
 *                                        │ ECE                    SYN,ACK  ECE         we may
 *   CWR on the next new data ◀── slower ◀┘                        later    ECE mark arrived, CWR slowed down
 *
 * Only new data is ECT: not SYNs, acknowledgments, retransmissions and probes (§6.1.4–§6.1.6), whose loss or whose mark would
 * tell nobody anything. A connection without ECN pays one comparison for each segment that it sends; with it, what arrives
 * takes the long way.
 */
import { IPV4_CHECKSUM, IPV4_HEADER_BYTES, IPV4_TOS } from '../wire/ipv4.ts';
import { ACK, CWR, ECE, SYN, TCP_FLAGS } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { reduceByEcn } from './loss/recovery.ts';
import { ESTABLISHED } from './state.ts';

/** The two lowest bits of the type of service (§5). */
export const ECN_MASK = 3;
export const ECT_0 = 2;
export const CONGESTION_EXPERIENCED = 3;

const SETUP = ECE | CWR;

// ---- opening

/**
 * The ECN flags of our next SYN, or (`flags` with ACK) SYN,ACK. A SYN that was not answered is repeated without: somebody on
 * the way may drop what has them (§6.1.1.1).
 */
export function ecnSynFlags(c: Connection, flags: number): number {
  if ((flags & ACK) !== 0) return c.ecn ? ECE : 0;
  return c.stack.config.ecn === 'active' && c.retries <= c.stack.config.ecnSynRetries ? SETUP : 0;
}

/** The peer's SYN, also when it comes again, or when it crosses ours: agrees if it asks. */
export function ecnSynArrives(c: Connection, flags: number): void {
  c.ecn = c.stack.config.ecn !== 'off' && (flags & SETUP) === SETUP;
  c.ect = c.ecn;
}

/**
 * The SYN,ACK of an active open: ECE alone means yes; both flags are what a broken peer reflects (§6.1.1). Who has sent a SYN
 * without the flags, too, must not send ECT, but has to echo what the peer may have taken for agreed.
 */
export function ecnSynAckArrives(c: Connection, flags: number): void {
  c.ecn = c.stack.config.ecn === 'active' && (flags & SETUP) === ECE;
  c.ect = c.ecn && c.retries <= c.stack.config.ecnSynRetries;
}

// ---- receiving

/**
 * A segment in the window of an ECN connection, before its acknowledgment and its `n` bytes of text are looked at; `tos` is
 * the type of service that it came with.
 */
export function ecnArrives(c: Connection, flags: number, ack: number, n: number, tos: number): void {
  if ((flags & SYN) !== 0) return;
  const { counters } = c.stack;
  if (n > 0) {
    if ((flags & CWR) !== 0 && c.echoMark) {
      c.echoMark = false;
      c.ackNow = true; // the peer's window may be a single segment: it waits for this
    }
    if ((tos & ECN_MASK) === CONGESTION_EXPERIENCED) {
      counters.congestionMarksIn++;
      if (!c.echoMark) c.ackNow = true;
      c.echoMark = true; // §6.1.3; also when the same segment has CWR: it is a new mark
    }
  }
  if ((flags & ECE) === 0 || !c.ect || c.state < ESTABLISHED) return;
  if (((ack - c.sndUna) | 0) < 0 || ((c.sndNxt - ack) | 0) < 0) return;
  counters.congestionEchoesIn++;
  if (c.sndNxt !== c.sndUna) reduceByEcn(c); // once for each window
}

// ---- sending

/** ECE for the flags of an acknowledgment, while a mark is to be echoed. */
export function echoFlag(c: Connection): number {
  return c.echoMark ? ECE : 0;
}

/**
 * Adds to the headers at `tcp` of a segment of an ECN connection, before its TCP checksum is computed: ECE, and if its n bytes
 * at `sequence` are new and within the peer's window, CWR and ECT(0).
 */
export function writeEcn(c: Connection, tcp: number, sequence: number, n: number): void {
  const { dv } = c.stack.memory;
  let flags = echoFlag(c);
  const isNew = n > 0 && sequence === c.sndNxt && ((sequence + n - c.sndUna) | 0) <= c.sndWnd;
  if (c.sendCwr && (isNew || (n > 0 && c.stack.config.cwrOnLoss))) {
    flags |= CWR;
    c.sendCwr = false;
  }
  if (flags !== 0) dv.setUint8(tcp + TCP_FLAGS, dv.getUint8(tcp + TCP_FLAGS) | flags);
  if (!isNew || !c.ect) return;
  const ip = tcp - IPV4_HEADER_BYTES;
  dv.setUint8(ip + IPV4_TOS, dv.getUint8(ip + IPV4_TOS) | ECT_0);
  // RFC 1624: the header's sum grows by what its first word has grown; the template's ECN bits are 0.
  const total = (~dv.getUint16(ip + IPV4_CHECKSUM, false) & 0xffff) + ECT_0;
  dv.setUint16(ip + IPV4_CHECKSUM, ~((total & 0xffff) + (total >>> 16)), false);
}
