/**
 * What a connection sends at the end of a turn (RFC 9293 §3.8, RFC 1122 §4.2.3.4): first what is lost, then what is new as far
 * as the windows go, then a FIN, and an acknowledgment if none of these carried it.
 *
 *   sndUna            sndNxt                    sndUna + min(cwnd, sndWnd)
 *     ├──── in flight ───┼──── usable window ────────┤
 *     └ [rtxNxt, rtxEnd) lies in here                 unsent bytes begin at sndNxt
 *
 * A range that starts at a buffer's payload start is sent from where it lies, with its headers in the buffer's headroom.
 * Otherwise the headers go into a control buffer and the link gathers, or if it can't, the range is copied.
 */
import { FIN, PSH } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import type { RetransmitReason } from './events.ts';
import { transmitSegment } from './header.ts';
import { sendSelectiveAck } from './sack.ts';
import { add, atMost, distance } from './sequence.ts';
import { ESTABLISHED } from './state.ts';
import { armDelayedAck, armPersist, armRetransmit, retrySoon, TIMER_RETRANSMIT } from './timers.ts';

// As in header.ts: own constants, and sequence arithmetic written out, where every reply passes.
const PUSH = PSH;
const PUSH_FIN = PSH | FIN;
const RETRANSMIT = TIMER_RETRANSMIT;

/** Sends all that may go now. Called once a turn for every connection that was marked. */
export function sendPending(c: Connection): void {
  if (c.predicted >= 0 && c.hop!.resolved) sendPlain(c);
  else sendCarefully(c);
  if (c.ackNow) sendAck(c);
  else if (c.unackedBytes > 0) armDelayedAck(c);
}

/** Nothing is lost, closing or stuck: new data is all there can be. */
function sendPlain(c: Connection): void {
  const queue = c.queue;
  if (queue.unsentBytes !== 0) sendNew(c);
  else if (queue.backlogBytes !== 0) sendBacklog(c);
  else if (c.stack.observer !== null) c.stack.observer.notSent(c, 'empty', 0);
  if (c.sndNxt === c.sndUna && queue.unsentBytes !== 0) armPersist(c);
}

function sendCarefully(c: Connection): void {
  const stack = c.stack;
  if (c.state < ESTABLISHED) return; // SYNs have their own timer
  if (!c.hop!.resolved) {
    if (stack.observer !== null) stack.observer.notSent(c, 'unresolved', c.queue.unsentBytes);
    stack.net.resolve(c.hop!); // sent when it is: TcpStack.onResolved
    return;
  }
  if (c.ring?.empty && !c.readPaused) {
    c.releaseRing();
    c.updatePrediction();
  }
  const queue = c.queue;
  if (c.resendReason !== null && c.sndNxt !== c.sndUna) resendFirst(c, c.mss, c.resendReason);
  c.resendReason = null;
  if (c.rtxNxt !== c.rtxEnd) resend(c);
  if (c.rtxNxt === c.rtxEnd && !c.finSent) {
    if (queue.unsentBytes !== 0) sendNew(c);
    else if (queue.backlogBytes !== 0) sendBacklog(c);
    if (c.finQueued && !c.finSent && queue.unsentBytes === 0 && queue.backlogBytes === 0) sendFin(c);
    if (c.sndNxt === c.sndUna && (queue.unsentBytes !== 0 || (c.finQueued && !c.finSent))) armPersist(c);
  }
}

/** An acknowledgment alone: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. */
export function sendAck(c: Connection): void {
  if (!c.hop!.resolved) {
    c.stack.net.resolve(c.hop!);
    return;
  }
  const selective = c.sackPermitted && c.ring !== null && c.ring.rangeCount > 0;
  if (!(selective ? sendSelectiveAck(c, c.ring!) : sendEmpty(c, c.sndNxt, 0))) {
    c.ackNow = true;
    retrySoon(c);
  }
}

/** Resends one segment from SND.UNA on (fast retransmit, partial ACK, probes of `limit` bytes). False without a buffer. */
export function resendFirst(c: Connection, limit: number, reason: RetransmitReason): boolean {
  const queue = c.queue;
  const flight = c.flightBytes;
  const dataBytes = c.finSent ? flight - 1 : flight;
  const here = dataBytes > 0 ? queue.pool.length[queue.head] - queue.headOffset : 0;
  const n = Math.min(here, dataBytes, limit);
  return resendRange(c, queue.head, queue.headOffset, n, c.sndUna, reason);
}

/** A keep-alive probe: an acknowledgment from just before the window, which a living peer answers (RFC 9293 §3.8.4). */
export function sendKeepAlive(c: Connection): void {
  if (c.hop!.resolved) sendEmpty(c, add(c.sndNxt, -1), 0);
  else c.stack.net.resolve(c.hop!);
}

/** The persist timer's probe (RFC 9293 §3.8.6.1): one byte past the window, or the FIN, the first time; later the same again. */
export function sendProbe(c: Connection): boolean {
  if (c.flightBytes > 0) return resendFirst(c, 1, 'probe');
  const queue = c.queue;
  if (queue.unsentBytes === 0) return sendFinSegment(c);
  if (!sendRange(c, queue.sendBuffer, queue.sendOffset, 1, c.sndNxt, 0)) return false;
  queue.sent(1);
  c.sndNxt = add(c.sndNxt, 1);
  return true;
}

/** The window is open, but by less than is worth a segment, and nothing is in flight: the override timeout ended the wait. */
export function sendSmall(c: Connection): void {
  const queue = c.queue;
  const here = queue.pool.length[queue.sendBuffer] - queue.sendOffset;
  const n = Math.min(here, c.sndWnd, c.mss);
  if (n > 0) sendNewRange(c, n);
}

// ---- new data

function sendNew(c: Connection): void {
  const stack = c.stack;
  const queue = c.queue;
  if (c.sndNxt === c.sndUna && ((stack.clockUs - c.lastSentUs) | 0) > c.rtt.rtoUs) stack.congestion.onIdleRestart(c);
  while (queue.unsentBytes !== 0) {
    const n = sendableBytes(c);
    if (n === 0 || !sendNewRange(c, n)) break;
    if (queue.unsentBytes === 0 && queue.backlogBytes !== 0) queue.refill();
  }
}

/** Bytes wait behind the queue because there were no buffers for them. */
function sendBacklog(c: Connection): void {
  c.queue.refill();
  if (c.queue.unsentBytes !== 0) sendNew(c);
  else retrySoon(c);
}

/**
 * How much of the first unsent buffer may go: whole segments if they fit; a short one only by the rules of RFC 9293
 * §3.8.6.2.1 (sender's silly window avoidance) and §3.7.4 (Nagle). 0: nothing.
 */
function sendableBytes(c: Connection): number {
  const stack = c.stack;
  const queue = c.queue;
  const mss = c.mss;
  const flight = (c.sndNxt - c.sndUna) | 0;
  const windowRoom = (c.sndWnd - flight) | 0;
  // RFC 3042: each of the first two duplicate ACKs lets one new segment go.
  const extra = c.dupAcks !== 0 && !c.inRecovery ? (c.dupAcks < 2 ? mss : 2 * mss) : 0;
  const congestionRoom = (c.cwnd + extra - flight) | 0;
  const room = windowRoom < congestionRoom ? windowRoom : congestionRoom;
  const here = (queue.pool.length[queue.sendBuffer] - queue.sendOffset) | 0;
  const limit = c.superBytes;
  const n = here < limit ? here : limit;
  if (n <= room) {
    if (n === queue.unsentBytes) return c.nagle && !c.finQueued ? nagledBytes(c, n, flight) : n;
    // A short buffer before others goes if a full segment could, by what is queued and by what fits.
    if (n >= mss || room >= mss || queue.unsentBytes <= room) return n;
  } else if (room >= mss) return room - (room % mss);
  const silly = room * 2 < c.maxSndWnd || room <= 0 || room !== windowRoom || (flight > 0 && c.nagle);
  if (!silly) return n < room ? n : room;
  if (stack.observer !== null) {
    stack.observer.notSent(c, windowRoom <= congestionRoom ? 'rwnd' : 'cwnd', queue.unsentBytes);
  }
  return 0;
}

/** The last n bytes of the queue: what is short of a segment waits while anything is in flight (RFC 9293 §3.7.4). */
function nagledBytes(c: Connection, n: number, flight: number): number {
  const rest = n % c.mss;
  if (n > rest) return n - rest;
  if (flight === 0) return rest;
  const { observer } = c.stack;
  if (observer !== null) observer.notSent(c, 'nagle', c.queue.unsentBytes);
  return 0;
}

/** Sends the first n unsent bytes, with PSH or FIN if they are the last. */
function sendNewRange(c: Connection, n: number): boolean {
  const queue = c.queue;
  let flags = 0;
  let length = n;
  if (n === queue.unsentBytes && queue.backlogBytes === 0) {
    flags = PUSH;
    if (c.finQueued && c.sndWnd - c.flightBytes > n) {
      flags = PUSH_FIN;
      length = n + 1;
    }
  }
  if (!sendRange(c, queue.sendBuffer, queue.sendOffset, n, c.sndNxt, flags)) return false;
  queue.sent(n);
  c.sndNxt = (c.sndNxt + length) | 0;
  if (length !== n) c.finSent = true;
  sentNew(c);
  return true;
}

/** New sequence numbers went out: time them, and guard them by the retransmission timer. */
function sentNew(c: Connection): void {
  if (!c.timing) {
    c.timing = true;
    c.timedSeq = c.sndNxt;
    c.timedAtUs = c.stack.clockUs;
  }
  if ((c.armed & RETRANSMIT) === 0) armRetransmit(c);
}

/** A FIN of its own, if the window has room for its sequence number. */
function sendFin(c: Connection): void {
  if (c.sndWnd - c.flightBytes < 1) return;
  if (sendFinSegment(c)) sentNew(c);
}

function sendFinSegment(c: Connection): boolean {
  if (!sendEmpty(c, c.sndNxt, FIN)) {
    retrySoon(c);
    return false;
  }
  c.finSent = true;
  c.sndNxt = add(c.sndNxt, 1);
  return true;
}

// ---- lost data

/** Resends [rtxNxt, rtxEnd) as far as the windows go: go-back-N after a timeout, without what has been acknowledged since. */
function resend(c: Connection): void {
  const queue = c.queue;
  if (atMost(c.rtxNxt, c.sndUna)) {
    c.rtxNxt = c.sndUna;
    c.rtxBuffer = queue.head;
    c.rtxOffset = queue.headOffset;
  }
  const window = c.sndWnd < c.cwnd ? c.sndWnd : c.cwnd;
  while (c.rtxNxt !== c.rtxEnd) {
    if (c.rtxBuffer !== 0 && c.rtxOffset === queue.pool.length[c.rtxBuffer]) {
      c.rtxBuffer = queue.pool.next[c.rtxBuffer];
      c.rtxOffset = 0;
    }
    const left = distance(c.rtxEnd, c.rtxNxt);
    const dataLeft = c.finSent && c.rtxEnd === c.sndNxt ? left - 1 : left;
    const here = dataLeft > 0 ? queue.pool.length[c.rtxBuffer] - c.rtxOffset : 0;
    const n = Math.min(here, dataLeft, c.mss);
    const flight = distance(c.rtxNxt, c.sndUna);
    if (flight > 0 && flight + n > window) return;
    if (!resendRange(c, c.rtxBuffer, c.rtxOffset, n, c.rtxNxt, c.rtxReason)) return;
    const finToo = dataLeft !== left && n === dataLeft;
    c.rtxNxt = add(c.rtxNxt, n + (finToo ? 1 : 0));
    c.rtxOffset += n;
  }
  c.updatePrediction();
}

/** Resends n bytes of a buffer at their sequence number, with the FIN if it follows them. */
function resendRange(
  c: Connection,
  buffer: number,
  offset: number,
  n: number,
  sequence: number,
  reason: RetransmitReason,
): boolean {
  const stack = c.stack;
  const finFollows = c.finSent && add(sequence, n + 1) === c.sndNxt;
  const last = finFollows || (add(sequence, n) === c.sndNxt && c.queue.unsentBytes === 0);
  const flags = (finFollows ? FIN : 0) | (last && n > 0 ? PSH : 0);
  const done = n > 0 ? sendRange(c, buffer, offset, n, sequence, flags) : sendEmpty(c, sequence, flags);
  if (!done) {
    retrySoon(c);
    return false;
  }
  c.timing = false; // Karn: RFC 6298 §3
  stack.counters.retransmitted++;
  if (stack.observer !== null) stack.observer.retransmitted(c, sequence, n, reason);
  if ((c.armed & TIMER_RETRANSMIT) === 0) armRetransmit(c);
  return true;
}

// ---- frames

/** A segment without payload, built in a control buffer. */
function sendEmpty(c: Connection, sequence: number, flags: number): boolean {
  const stack = c.stack;
  const control = stack.link.control;
  const id = control.alloc();
  if (id === 0) {
    stack.counters.noBuffer++;
    return false;
  }
  const at = control.payload(id);
  transmitSegment(c, control, id, at, at, 0, sequence, flags, 0);
  control.release(id);
  return true;
}

/** n bytes of a buffer of the send queue as one frame (or one super-segment). */
function sendRange(c: Connection, buffer: number, offset: number, n: number, sequence: number, flags: number): boolean {
  const stack = c.stack;
  const pool = c.queue.pool;
  const payload = pool.payload(buffer) + offset;
  const segmentBytes = n > c.mss ? c.mss : 0;
  // The headroom is free unless the kernel still reads headers there.
  if (offset === 0 && pool.inFlight[buffer] === 0) {
    transmitSegment(c, pool, buffer, payload, payload, n, sequence, flags, segmentBytes);
    return true;
  }
  const gather = stack.link.capabilities.gather;
  const from = gather || n <= stack.link.control.capacity ? stack.link.control : pool;
  const id = from.alloc();
  if (id === 0) {
    stack.counters.noBuffer++;
    if (stack.observer !== null) stack.observer.notSent(c, 'no-buffer', n);
    retrySoon(c);
    return false;
  }
  const headerEnd = from.payload(id);
  if (!gather) {
    stack.memory.copy(headerEnd, payload, n);
    stack.counters.payloadCopies++;
  }
  transmitSegment(c, from, id, headerEnd, gather ? payload : headerEnd, n, sequence, flags, segmentBytes);
  from.release(id);
  return true;
}
