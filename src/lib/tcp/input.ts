/**
 * A segment arrives at an open connection (RFC 9293 §3.10.7.4). Nearly every one is what the header prediction expects and
 * takes the short way; all others go through the checks in the RFC's order.
 *
 *   predicted ── data in order, or an acknowledgment of something ──────────────────────────────────────▶ deliver
 *   otherwise ── timestamps ─ sequence ─ RST ─ SYN ─ ACK ─ window ─ text ─ FIN
 */
import { CLOSE_ABORTED, CLOSE_NORMAL, CLOSE_REFUSED, CLOSE_RESET } from '../link/stream.ts';
import { ACK, FIN, PSH, RST, SYN, TCP_HEADER_BYTES, URG } from '../wire/tcp.ts';
import { acknowledge, acknowledgePredicted, duplicateAck, updateSendWindow } from './acknowledge.ts';
import { mayAnswerWithReset, sendAbort, sendReset } from './bare.ts';
import { closeConnection, closeOrderly, setState } from './close.ts';
import type { Connection } from './connection.ts';
import { deliverBuffered, receiveText } from './deliver.ts';
import { ecnArrives, ecnSynArrives } from './ecn.ts';
import { establish, repeatSyn } from './opening/handshake.ts';
import { parseOptions, TIMESTAMPS_WORD } from './options.ts';
import { sendAck } from './output.ts';
import { noteDuplicate } from './sack.ts';
import { acceptable, add, atLeast, distance, greaterThan, maximum } from './sequence.ts';
import { CLOSE_WAIT, CLOSED, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, LAST_ACK, SYN_RECEIVED } from './state.ts';
import { armFinWait, TIMER_FIN_WAIT } from './timers.ts';
import { sendEmpty } from './transmit.ts';
import { fitWindow } from './window.ts';

/** RFC 7323 §5.5: a TS.Recent of 24 days ago says nothing. */
const PAWS_IDLE_SECONDS = 24 * 86_400;
const NOT_PUSH = ~PSH;
const NO_STATE = CLOSED;
const TIMESTAMPS_LEAD = TIMESTAMPS_WORD;

/** `length` bytes at `tcp`, whose header length and checksum are verified. */
export function segmentArrives(c: Connection, tcp: number, length: number): void {
  if (!expectedArrives(c, tcp, length)) checkedArrives(c, tcp, length);
}

/**
 * The short way, for `length` (at least 20) bytes at `tcp` with a verified checksum. False, with nothing changed, when the
 * segment is not the expected one. Offsets, masks and sequence arithmetic are written out here: an imported binding is loaded
 * and checked at each use, 7 instructions.
 */
export function expectedArrives(c: Connection, tcp: number, length: number): boolean {
  const stack = c.stack;
  const dv = stack.memory.dv;
  const word = dv.getInt32(tcp + 12, false);
  if (((word >>> 16) & NOT_PUSH) !== c.predicted) return false; // all of data offset and flags but PSH
  const headerBytes = c.tcpHeaderBytes;
  const n = (length - headerBytes) | 0;
  const rcvNxt = c.rcvNxt;
  if (n < 0 || dv.getInt32(tcp + 4, false) !== rcvNxt || n > ((c.rcvAdv - rcvNxt) | 0)) return false;
  const ack = dv.getInt32(tcp + 8, false);
  const acked = (ack - c.sndUna) | 0;
  if (acked < 0 || ((c.sndNxt - ack) | 0) < 0 || (acked === 0 && n === 0)) return false;
  if (c.timestamps) {
    const tsVal = dv.getInt32(tcp + 24, false);
    if (dv.getInt32(tcp + 20, false) !== TIMESTAMPS_LEAD || ((tsVal - c.tsRecent) | 0) < 0) return false;
    if (((rcvNxt - c.lastAckSent) | 0) <= 0) {
      c.tsRecent = tsVal; // RFC 7323 §4.3 (2)
      c.tsRecentSeconds = stack.nowSeconds;
    }
  }
  stack.counters.predicted++;
  c.heardMs = stack.clockMs;
  updateSendWindow(c, (word & 0xffff) << c.sndScale, rcvNxt, ack);
  if (acked > 0) {
    acknowledgePredicted(c, ack, acked);
    if (c.state === NO_STATE) return true; // its owner closed it in onDrain
  }
  if (n === 0) return true;
  if (c.readPaused) {
    receiveText(c, rcvNxt, tcp + headerBytes, n); // … or paused it
    return true;
  }
  c.rcvNxt = (rcvNxt + n) | 0;
  const unacked = (c.unackedBytes + n) | 0;
  c.unackedBytes = unacked;
  if (unacked >= c.mss << 1) {
    c.ackNow = true; // RFC 5681 §4.2; for less: quick-ack.ts, when no reply has carried it
    fitWindow(c, tcp);
  }
  stack.markDirty(c.slot);
  c.handler.onData(c, tcp + headerBytes, n);
  return true;
}

/** The long way: every check, in order. */
function checkedArrives(c: Connection, tcp: number, length: number): void {
  const stack = c.stack;
  const dv = stack.memory.dv;
  const word = dv.getInt32(tcp + 12, false);
  const flags = (word >>> 16) & 0xff;
  const headerBytes = (word >>> 28) << 2;
  const sequence = dv.getInt32(tcp + 4, false);
  const ack = dv.getInt32(tcp + 8, false);
  const n = length - headerBytes;
  parseOptions(stack.memory, tcp + TCP_HEADER_BYTES, tcp + headerBytes, stack.options);
  if (stack.options.malformed) stack.counters.badOptions++;

  if (c.timestamps && (flags & RST) === 0 && !timestampsOk(c, flags)) return;
  if (!sequenceOk(c, sequence, n, flags)) return;
  c.heardMs = stack.clockMs;
  // Second: RST
  if ((flags & RST) !== 0) {
    resetArrives(c, sequence);
    return;
  }
  // Third, security and compartment: no host has them (RFC 9293 §A.1). Fourth: SYN
  let startsAt = sequence;
  if ((flags & SYN) !== 0) {
    if (!synIsOurs(c, sequence, flags)) return;
    startsAt = add(sequence, 1); // the peer's SYN again, in a simultaneous open: the rest of the segment counts
  }
  // Fifth: ACK
  if ((flags & ACK) === 0) {
    stack.drop(c, 'noAckFlag');
    return;
  }
  // A SYN's window is not scaled (RFC 7323 §2.2): the SYN,ACK of a simultaneous open.
  const window = (word & 0xffff) << ((flags & SYN) !== 0 ? 0 : c.sndScale);
  if (!ackArrives(c, sequence, ack, window, n, flags)) return;
  // Sixth: urgent bytes are bytes among others, as RFC 6093 §5 would have it: the pointer is not used. Seventh: text. Eighth: FIN
  if ((flags & URG) !== 0) stack.counters.urgentSeen++;
  textArrives(c, startsAt, tcp + headerBytes, n, flags);
}

/** What follows the SYN,ACK that established the connection in the same segment: text and FIN, if it has any. */
export function restArrives(c: Connection, tcp: number, length: number): void {
  const dv = c.stack.memory.dv;
  const word = dv.getInt32(tcp + 12, false);
  const headerBytes = (word >>> 28) << 2;
  const startsAt = (dv.getInt32(tcp + 4, false) + 1) | 0;
  textArrives(c, startsAt, tcp + headerBytes, length - headerBytes, (word >>> 16) & 0xff);
}

/** RFC 7323 §5.3 R1, §3.2. */
function timestampsOk(c: Connection, flags: number): boolean {
  const stack = c.stack;
  const options = stack.options;
  if (!options.hasTimestamps) {
    if ((flags & SYN) !== 0) return true; // a peer that starts anew: answered by a challenge
    stack.drop(c, 'missingTimestamps');
    return false;
  }
  if (atLeast(options.tsVal, c.tsRecent)) return true;
  if (stack.nowSeconds - c.tsRecentSeconds > PAWS_IDLE_SECONDS) return true;
  stack.drop(c, 'pawsRejected');
  answerUnacceptable(c, flags, 0);
  return false;
}

/**
 * What a segment says beside its numbers counts only when its acknowledgment is acceptable, too: else a forger who hits the
 * window could lift TS.Recent, and PAWS would drop all that the peer sends (RFC 5961 §5 for text; Linux alike).
 */
function takeRemarks(c: Connection, sequence: number, ack: number, n: number, flags: number): void {
  rememberTimestamp(c, sequence);
  if (c.ecn) ecnArrives(c, flags, ack, n, c.stack.arrivedTos);
}

/** RFC 7323 §4.3: TS.Recent is the timestamp of the segment that our last acknowledgment falls into. */
function rememberTimestamp(c: Connection, sequence: number): void {
  if (!c.timestamps || !c.stack.options.hasTimestamps) return;
  if (greaterThan(sequence, c.lastAckSent)) return;
  c.tsRecent = c.stack.options.tsVal;
  c.tsRecentSeconds = c.stack.nowSeconds;
}

/** First: the sequence number. Unacceptable segments are answered by an acknowledgment, unless they are resets. */
function sequenceOk(c: Connection, sequence: number, n: number, flags: number): boolean {
  const stack = c.stack;
  const window = receiveWindow(c);
  const segLen = n + ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
  if (acceptable(sequence, segLen, c.rcvNxt, window)) return true;
  // "If the RCV.WND is zero … special allowance should be made to accept valid ACKs, URGs, and RSTs": not the text.
  if (window === 0 && sequence === c.rcvNxt && (flags & SYN) === 0) return true;
  if (c.state === SYN_RECEIVED && sequence === c.irs && (flags & (SYN | RST)) === SYN) {
    if ((flags & ACK) !== 0) return true; // simultaneous open, figure 8: the SYN,ACK of a SYN that we know
    if (c.ecn) ecnSynArrives(c, flags);
    repeatSyn(c); // our SYN,ACK was lost
    return false;
  }
  if ((flags & RST) !== 0) {
    stack.drop(c, 'resetOutsideWindow');
    return false;
  }
  stack.drop(c, 'outsideWindow');
  if (n > 0) {
    stack.counters.duplicateBytes += n;
    if (distance(c.rcvNxt, add(sequence, n)) >= 0) noteDuplicate(c, sequence, add(sequence, n));
  }
  answerUnacceptable(c, flags, segLen);
  return false;
}

/** RCV.WND: what was offered, or with `acceptBeyondOffer` all that the buffer has room for, once the connection has one. */
function receiveWindow(c: Connection): number {
  const offered = distance(c.rcvAdv, c.rcvNxt);
  const embryonic = c.state === SYN_RECEIVED && c.listener !== null;
  if (!c.stack.config.acceptBeyondOffer || embryonic) return offered;
  return Math.max(offered, c.rcvBuffer - c.buffered);
}

/**
 * <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. What occupies sequence numbers (a probe, a retransmission) is always answered; for the
 * rest the budget of challenge ACKs keeps two stacks from answering each other's answers for ever.
 */
function answerUnacceptable(c: Connection, flags: number, segLen: number): void {
  if (segLen > 0 && (flags & SYN) === 0) sendAck(c);
  else challenge(c);
}

/** RFC 5961 §7: a challenge ACK, if there is one left. */
function challenge(c: Connection): void {
  const stack = c.stack;
  if (!stack.challenges.take(c, stack.clockUs, stack.nowSeconds)) {
    stack.counters.challengeThrottled++;
    return;
  }
  stack.counters.challengeAcks++;
  sendAck(c);
}

/** RFC 5961 §3.2: a reset must hit RCV.NXT exactly; one that only falls into the window is answered by a challenge. */
function resetArrives(c: Connection, sequence: number): void {
  const stack = c.stack;
  if (sequence !== c.rcvNxt && !stack.config.insecureReset) {
    stack.drop(c, 'resetOutsideWindow');
    challenge(c);
    return;
  }
  stack.counters.resetsIn++;
  if (c.state === SYN_RECEIVED) {
    stack.counters.refused++;
    closeConnection(c, CLOSE_REFUSED, 'RST received'); // a passive open: back to LISTEN, nobody is told
    return;
  }
  // The peer expects no more than our FIN, and that it may lose; but not what we said before it.
  const over = (c.state === CLOSING || c.state === LAST_ACK) && c.queue.totalBytes === 0;
  closeConnection(c, over ? CLOSE_NORMAL : CLOSE_RESET, 'RST received');
}

/** True for the peer's own SYN in a simultaneous open; every other SYN is a mistake or an attack (RFC 5961 §4.2). */
function synIsOurs(c: Connection, sequence: number, flags: number): boolean {
  const stack = c.stack;
  if (c.state === SYN_RECEIVED) {
    if (sequence === c.irs && (flags & ACK) !== 0) {
      c.ackNow = true;
      return true;
    }
    if (c.listener !== null) {
      stack.drop(c, 'unexpectedSyn');
      closeConnection(c, CLOSE_REFUSED, 'SYN in window'); // RFC 9293: return to LISTEN
      return false;
    }
  }
  stack.drop(c, 'unexpectedSyn');
  const inWindow = distance(sequence, c.rcvNxt) >= 0;
  if (!stack.config.insecureSyn || !inWindow) challenge(c);
  else {
    sendAbort(c); // RFC 793 §3.9: an error
    closeConnection(c, CLOSE_RESET, 'SYN in window');
  }
  return false;
}

/** The acknowledgment field. False when the segment is done with. */
function ackArrives(c: Connection, sequence: number, ack: number, window: number, n: number, flags: number): boolean {
  const stack = c.stack;
  const acked = distance(ack, c.sndUna);
  if (c.state === SYN_RECEIVED) {
    if (acked <= 0 || greaterThan(ack, c.sndNxt)) {
      stack.drop(c, 'badAck');
      if (mayAnswerWithReset(stack)) sendReset(c, ack); // <SEQ=SEG.ACK><CTL=RST>
      return false;
    }
    if (c.listener !== null && !c.listener.hasRoom) {
      stack.drop(c, 'acceptQueueFull'); // our SYN,ACK goes out again, and the peer will say it again
      return false;
    }
    takeRemarks(c, sequence, ack, n, flags);
    c.sndUna = ack;
    c.sndWnd = window;
    c.sndWl1 = sequence;
    c.sndWl2 = ack;
    if (window > c.maxSndWnd) c.maxSndWnd = window;
    establish(c, 'ACK received');
    return !c.isClosed;
  }
  // RFC 5961 §5.2: SND.UNA − MAX.SND.WND ≤ SEG.ACK ≤ SND.NXT
  if (greaterThan(ack, c.sndNxt) || acked < -c.maxSndWnd) {
    stack.drop(c, 'badAck');
    challenge(c);
    return false;
  }
  takeRemarks(c, sequence, ack, n, flags);
  const windowBefore = c.sndWnd;
  if (acked >= 0) updateSendWindow(c, window, sequence, ack);
  if (acked > 0) acknowledge(c, ack);
  else if (acked === 0) {
    duplicateAck(c, n === 0 && (flags & FIN) === 0 && c.sndWnd === windowBefore);
  }
  if (c.finSent && c.sndUna === c.sndNxt) return finAcknowledged(c);
  return c.state !== CLOSED;
}

/** Everything that we had to say, and that we have nothing more to say, is acknowledged. False when the connection is over. */
function finAcknowledged(c: Connection): boolean {
  switch (c.state) {
    case FIN_WAIT_1:
      setState(c, FIN_WAIT_2, 'FIN acknowledged');
      armFinWait(c);
      return true;
    case FIN_WAIT_2:
      armFinWait(c);
      return true;
    case CLOSING:
      if (c.ackNow) sendAck(c); // both FINs came in one turn
      closeOrderly(c, true, 'FIN acknowledged');
      return false;
    case LAST_ACK:
      closeOrderly(c, false, 'FIN acknowledged');
      return false;
    default:
      return c.state !== CLOSED;
  }
}

/** The text, cut to the window, and the FIN behind it. */
function textArrives(c: Connection, startsAt: number, payload: number, n: number, flags: number): void {
  const stack = c.stack;
  if (c.state !== ESTABLISHED && c.state !== FIN_WAIT_1 && c.state !== FIN_WAIT_2) {
    // CLOSE-WAIT, CLOSING, LAST-ACK: the peer has said FIN, this should not occur.
    if (n > 0) stack.drop(c, 'dataAfterFin');
    return;
  }
  const end = add(startsAt, n);
  const skip = distance(c.rcvNxt, startsAt);
  const from = skip > 0 ? skip : 0;
  const beyond = distance(end, c.rcvAdv);
  const until = beyond > 0 ? n - beyond : n;
  if (c.detached && until > from) {
    // RFC 1122 §4.2.2.13: the peer must know that nobody reads it. <SEQ=SEG.ACK><CTL=RST>: what it expects next of us.
    stack.drop(c, 'dataAfterClose');
    stack.counters.aborts++;
    sendReset(c, c.sndUna);
    closeConnection(c, CLOSE_ABORTED, 'text after CLOSE');
    return;
  }
  if (from > 0 && n > 0) {
    stack.counters.duplicateBytes += from < n ? from : n;
    noteDuplicate(c, startsAt, add(startsAt, from < n ? from : n));
  }
  if (until > from) receiveText(c, add(startsAt, from), payload + from, until - from);
  else if (n > 0) {
    c.ackNow = true; // nothing new in it, or no room: the peer must hear where we are
    stack.markDirty(c.slot);
  }
  if (c.isClosed) return;
  if ((flags & FIN) !== 0 && beyond <= 0) {
    c.finSeen = true;
    c.finSeq = end;
    c.updatePrediction();
  }
  if (c.finSeen && c.rcvNxt === c.finSeq) finArrives(c);
  else if ((flags & FIN) !== 0 && n === 0 && c.finSeen) sendAck(c); // out of order: say what is missing
}

/** Eighth: the peer has nothing more to say. */
function finArrives(c: Connection): void {
  const stack = c.stack;
  c.finSeen = false;
  c.rcvNxt = add(c.rcvNxt, 1);
  c.rcvAdv = maximum(c.rcvAdv, c.rcvNxt); // a FIN takes no room: it may come while the window is closed
  c.ackNow = true;
  c.endPending = !c.detached;
  stack.markDirty(c.slot);
  switch (c.state) {
    case ESTABLISHED:
      setState(c, CLOSE_WAIT, 'FIN received');
      break;
    case FIN_WAIT_1: // our own is not acknowledged, or this would be FIN-WAIT-2
      setState(c, CLOSING, 'FIN received');
      if (stack.config.repeatFin) repeatFin(c);
      break;
    default: // FIN-WAIT-2
      c.armed &= ~TIMER_FIN_WAIT;
      sendAck(c);
      deliverEnd(c);
      if (c.state !== CLOSED) closeOrderly(c, true, 'FIN received');
      return;
  }
  deliverEnd(c);
}

function repeatFin(c: Connection): void {
  if (!c.finSent || !c.hop!.resolved) return;
  c.timing = false; // Karn
  c.stack.counters.retransmitted++;
  sendEmpty(c, add(c.sndNxt, -1), FIN);
}

function deliverEnd(c: Connection): void {
  if (!c.readPaused) deliverBuffered(c);
}
