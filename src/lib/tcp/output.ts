/**
 * What a connection sends at the end of a turn (RFC 9293 §3.8, RFC 1122 §4.2.3.4): first what is lost, then what is new as far
 * as the windows go, then a FIN, and an acknowledgment if none of these carried it.
 *
 *   sndUna            sndNxt                    sndUna + min(cwnd, sndWnd)
 *     ├──── in flight ───┼──── usable window ────────┤
 *     └ what of it is lost: retransmit.ts             unsent bytes begin at sndNxt
 *
 * Once something is lost, or known to have arrived out of order, it is not the flight that cwnd bounds but the pipe: what is
 * on its way (RFC 6675 §4).
 */
import { FIN, PSH } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { pipeBytes, recordSent } from './loss/flight.ts';
import { CWR } from './loss/recovery-state.ts';
import { resendFirst, resendLost } from './loss/retransmit.ts';
import { moreThanFull, takeQuickAck } from './quick-ack.ts';
import { hasSelectiveAck, sendSelectiveAck } from './sack.ts';
import { add } from './sequence.ts';
import { ESTABLISHED } from './state.ts';
import {
  armDelayedAck,
  armPersist,
  armRetransmit,
  retrySoon,
  TIMER_DELAYED_ACK,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
} from './timers.ts';
import { sendEmpty, sendRange } from './transmit.ts';

// As in header.ts: own constants, and sequence arithmetic written out, where every reply passes.
const PUSH = PSH;
const PUSH_FIN = PSH | FIN;
const RETRANSMIT = TIMER_RETRANSMIT;
const DELAYED_ACK = TIMER_DELAYED_ACK;

/** Sends all that may go now. Called once a turn for every connection that was marked. */
export function sendPending(c: Connection): void {
  if (c.predicted >= 0 && c.hop!.resolved) sendPlain(c);
  else sendCarefully(c);
  if (c.ackNow) sendAck(c);
  else if (c.unackedBytes > 0) delayAck(c);
}

function delayAck(c: Connection): void {
  if (c.unackedBytes > c.rcvMss && moreThanFull(c)) {
    sendAck(c);
    return;
  }
  if ((c.armed & DELAYED_ACK) !== 0) return;
  if (takeQuickAck(c)) sendAck(c);
  else armDelayedAck(c);
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
    if (c.sndNxt === c.sndUna && (c.queue.totalBytes > 0 || (c.finQueued && !c.finSent))) armPersist(c); // or given up
    return;
  }
  if (c.ring?.empty && !c.readPaused) {
    c.releaseRing();
    c.updatePrediction();
  }
  const queue = c.queue;
  const pipeBefore = pipeBytes(c);
  const ledger = c.ledger;
  let mayGoOn = ledger === null || ledger.lostBytes === 0 || c.sndWnd === 0;
  if (!mayGoOn) mayGoOn = c.recovery?.frtoSendsNew === true || resendLost(c, ledger!);
  if (mayGoOn && !c.finSent) {
    if (queue.unsentBytes !== 0) sendNew(c);
    else if (queue.backlogBytes !== 0) sendBacklog(c);
    if (c.finQueued && !c.finSent && queue.unsentBytes === 0 && queue.backlogBytes === 0) sendFin(c);
    if (c.sndNxt !== c.sndUna) leaveOverride(c);
    else if (queue.unsentBytes !== 0 || (c.finQueued && !c.finSent)) armPersist(c);
  }
  if (c.caState >= CWR) c.recovery!.prrOut += pipeBytes(c) - pipeBefore;
}

/**
 * Something went after all while the persist timer ran as the override timeout: from now on the retransmission timer guards it,
 * which acknowledgments restart.
 */
function leaveOverride(c: Connection): void {
  if ((c.armed & TIMER_PERSIST) === 0 || c.sndWnd === 0) return;
  c.armed &= ~TIMER_PERSIST;
  if ((c.armed & RETRANSMIT) === 0) armRetransmit(c);
  c.updatePrediction();
}

/** An acknowledgment alone: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. */
export function sendAck(c: Connection): void {
  if (!c.hop!.resolved) {
    c.stack.net.resolve(c.hop!);
    return;
  }
  if (!(hasSelectiveAck(c) ? sendSelectiveAck(c) : sendEmpty(c, c.sndNxt, 0))) {
    c.ackNow = true;
    retrySoon(c);
  }
}

/** A keep-alive probe: an acknowledgment from just before the window, which a living peer answers (RFC 9293 §3.8.4). */
export function sendKeepAlive(c: Connection): void {
  if (c.hop!.resolved) sendEmpty(c, add(c.sndNxt, -1), 0);
  else c.stack.net.resolve(c.hop!);
}

/** The persist timer's probe (RFC 9293 §3.8.6.1): one byte past the window, or the FIN, the first time; later the same again. */
export function sendProbe(c: Connection): boolean {
  if (c.flightBytes === 0 && c.stack.config.emptyProbes) {
    sendKeepAlive(c);
    return true;
  }
  if (c.flightBytes > 0) return resendFirst(c, 1, 'probe');
  const queue = c.queue;
  if (queue.unsentBytes === 0) return queue.backlogBytes === 0 && sendFinSegment(c); // what waits for a buffer comes first
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
  // Unsigned: for up to 71 minutes.
  if (c.sndNxt === c.sndUna && (stack.clockUs - c.lastSentUs) >>> 0 > c.rtt.rtoUs) c.congestion.onIdleRestart(c);
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
  const congestionRoom = (c.cwnd + c.leftBytes - flight) | 0;
  const room = windowRoom < congestionRoom ? windowRoom : congestionRoom;
  const here = (queue.pool.length[queue.sendBuffer] - queue.sendOffset) | 0;
  const limit = c.superBytes;
  const n = here < limit ? here : limit;
  if (n <= room) {
    if (n === queue.unsentBytes) return c.holdsShort && !c.finQueued ? heldBytes(c, n, flight) : n;
    // A short buffer before others goes if a full segment could, by what is queued and by what fits.
    if (n >= mss) return partOfWindow(c, n);
    if (room >= mss || queue.unsentBytes <= room) return n;
  } else if (room >= mss) return partOfWindow(c, room - (room % mss));
  const silly = room * 2 < c.maxSndWnd || room <= 0 || room !== windowRoom || (flight > 0 && c.holdsShort);
  if (!silly) return n < room ? n : room;
  if (stack.observer !== null) {
    stack.observer.notSent(c, windowRoom <= congestionRoom ? 'rwnd' : 'cwnd', queue.unsentBytes);
  }
  return 0;
}

/**
 * n bytes of bulk in one frame, but at most a third of the window, as Linux's tcp_tso_win_divisor has it. A receiver acknowledges
 * a super-segment once: where that is the whole window, one acknowledgment that gets lost stops everything.
 */
function partOfWindow(c: Connection, n: number): number {
  const mss = c.mss;
  const third = (c.cwnd / 3) | 0;
  if (n <= third || n <= mss) return n;
  return third > mss ? third - (third % mss) : mss;
}

/**
 * The last n bytes of the queue: what is short of a segment waits while anything is in flight (RFC 9293 §3.7.4), or under a
 * cork until the persist timer, which runs as the override timeout once nothing is in flight, sends it all the same.
 */
function heldBytes(c: Connection, n: number, flight: number): number {
  const rest = n % c.mss;
  if (n > rest) return n - rest;
  const mayGo = flight === 0 || (c.stack.config.minshall && ((c.shortEnd - c.sndUna) | 0) <= 0);
  if (mayGo && !c.corked) {
    c.shortEnd = (c.sndNxt + rest) | 0;
    return rest;
  }
  const { observer } = c.stack;
  if (observer !== null) observer.notSent(c, c.corked ? 'cork' : 'nagle', c.queue.unsentBytes);
  return 0;
}

/**
 * A segment of new data past the congestion window, if there is one and the peer has room for it: a tail loss probe. With PSH,
 * because a receiver would delay the acknowledgment of a single segment, for 40 ms on Linux, and not that of one that was pushed.
 */
export function sendOneMore(c: Connection): boolean {
  const queue = c.queue;
  if (queue.unsentBytes === 0) return false;
  const n = Math.min(queue.pool.length[queue.sendBuffer] - queue.sendOffset, c.mss);
  return n <= c.sndWnd - c.flightBytes && sendNewRange(c, n, PUSH);
}

/** Sends the first n unsent bytes, with PSH and FIN if they are the last, or with `push`. */
function sendNewRange(c: Connection, n: number, push = 0): boolean {
  const queue = c.queue;
  let flags = push;
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
  if (c.timing || c.ledger !== null) recordSent(c);
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
