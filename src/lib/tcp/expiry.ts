/**
 * What happens when a connection's timer is due (RFC 9293 §3.10.8): retransmission time-out, persist probe, delayed
 * acknowledgment, keep-alive, the end of an owner's patience (user timeout, linger time, FIN-WAIT-2), and a path that may
 * have become wider.
 */
import { CLOSE_TIMEOUT } from '../link/stream.ts';
import { sendAbort } from './bare.ts';
import { abortConnection, closeConnection } from './close.ts';
import type { Connection } from './connection.ts';
import { enterLoss, reorderingTimeout } from './loss/recovery.ts';
import { resendFirst } from './loss/retransmit.ts';
import { tailProbeTimeout } from './loss/tail-probe.ts';
import { transmitSyn } from './opening/handshake.ts';
import { sendKeepAlive, sendProbe, sendSmall } from './output.ts';
import { pathMtuTimeout, suspectBlackHole } from './path-mtu.ts';
import { add, atMost, distance } from './sequence.ts';
import { CLOSED, ESTABLISHED, FIN_WAIT_2, SYN_SENT, TIME_WAIT } from './state.ts';
import {
  armKeepAlive,
  armPersist,
  armRetransmit,
  armUserTimeout,
  TIMER_DELAYED_ACK,
  TIMER_FIN_WAIT,
  TIMER_KEEP_ALIVE,
  TIMER_PATH_MTU,
  TIMER_PERSIST,
  TIMER_REORDERING,
  TIMER_RETRANSMIT,
  TIMER_TAIL_PROBE,
  TIMER_USER_TIMEOUT,
} from './timers.ts';

const LOSS_TIMERS = TIMER_TAIL_PROBE | TIMER_REORDERING;

/** The connection came up in the heap of deadlines: runs what is due, and says when it wants to come up again. */
export function connectionDue(c: Connection): void {
  const clockUs = c.stack.clockUs;
  // What finds a loss comes before the timeout of the same instant, which is off for another while then.
  if ((c.armed & LOSS_TIMERS) !== 0 && atMost(c.lossDueUs, clockUs)) lossTimeout(c);
  if ((c.armed & TIMER_RETRANSMIT) !== 0 && atMost(c.retransmitDueUs, clockUs)) retransmitTimeout(c);
  if ((c.armed & TIMER_PERSIST) !== 0 && atMost(c.persistDueUs, clockUs)) persistTimeout(c);
  if ((c.armed & TIMER_DELAYED_ACK) !== 0 && atMost(c.delayedAckDueUs, clockUs)) delayedAckTimeout(c);
  if ((c.armed & TIMER_FIN_WAIT) !== 0 && atMost(c.finWaitDueUs, clockUs)) finWaitTimeout(c);
  if ((c.armed & TIMER_KEEP_ALIVE) !== 0 && atMost(c.keepAliveDueUs, clockUs)) keepAliveTimeout(c);
  if ((c.armed & TIMER_USER_TIMEOUT) !== 0 && atMost(c.userTimeoutDueUs, clockUs)) userTimeout(c);
  if ((c.armed & TIMER_PATH_MTU) !== 0 && atMost(c.pathMtuDueUs, clockUs)) pathMtuTimeout(c);
  if (c.state === CLOSED || c.state === TIME_WAIT) return;
  const deadlines = c.stack.deadlines;
  if ((c.armed & LOSS_TIMERS) !== 0) deadlines.wakeBy(c.slot, c.lossDueUs);
  if ((c.armed & TIMER_RETRANSMIT) !== 0) deadlines.wakeBy(c.slot, c.retransmitDueUs);
  if ((c.armed & TIMER_PERSIST) !== 0) deadlines.wakeBy(c.slot, c.persistDueUs);
  if ((c.armed & TIMER_DELAYED_ACK) !== 0) deadlines.wakeBy(c.slot, c.delayedAckDueUs);
  if ((c.armed & TIMER_FIN_WAIT) !== 0) deadlines.wakeBy(c.slot, c.finWaitDueUs);
  if ((c.armed & TIMER_KEEP_ALIVE) !== 0) deadlines.wakeBy(c.slot, c.keepAliveDueUs);
  if ((c.armed & TIMER_USER_TIMEOUT) !== 0) deadlines.wakeBy(c.slot, c.userTimeoutDueUs);
  if ((c.armed & TIMER_PATH_MTU) !== 0) deadlines.wakeBy(c.slot, c.pathMtuDueUs);
}

function retransmitTimeout(c: Connection): void {
  const stack = c.stack;
  c.armed &= ~TIMER_RETRANSMIT;
  if (c.state < ESTABLISHED) {
    synTimeout(c);
    return;
  }
  if (c.sndNxt === c.sndUna) return;
  if (c.hop!.resolved && tailProbeTimeout(c)) return; // RFC 8985 §7.2: a probe, when its own time would be later
  if (gaveUp(c, stack.config.maxRetransmissions)) return;
  stack.counters.timeoutsFired++;
  c.rtt.backoff++; // RFC 6298 §5.5
  if (c.sndWnd === 0) {
    // The window was taken back: this is a probe, and no sign of congestion (RFC 9293 §3.8.6.1).
    stack.counters.zeroWindowProbes++;
    c.updatePrediction();
    resendFirst(c, 1, 'probe');
  } else {
    enterLoss(c);
    suspectBlackHole(c);
  }
  armRetransmit(c);
}

/** The deadline that the tail loss probe and RACK's reordering timer share. */
function lossTimeout(c: Connection): void {
  const probes = (c.armed & TIMER_TAIL_PROBE) !== 0;
  c.armed &= ~LOSS_TIMERS;
  if (c.sndNxt === c.sndUna || c.state < ESTABLISHED) return;
  if (!probes) reorderingTimeout(c);
  else if (c.hop!.resolved) tailProbeTimeout(c);
}

function synTimeout(c: Connection): void {
  const { config, counters, observer } = c.stack;
  if (gaveUp(c, c.state === SYN_SENT ? config.maxSynRetransmissions : config.maxSynAckRetransmissions)) return;
  counters.timeoutsFired++;
  counters.retransmitted++;
  c.rtt.backoff++;
  c.timing = false; // Karn
  transmitSyn(c);
  if (observer !== null) observer.retransmitted(c, c.iss, 0, 'syn');
}

/** Counts an expiry; at the limit (RFC 9293 §3.8.3, R2), unless there is a user timeout, the connection is closed. */
function gaveUp(c: Connection, limit: number): boolean {
  const bounded = c.userTimeoutMs > 0 && c.state >= ESTABLISHED;
  if (bounded) noteStall(c);
  if (c.retries++ < limit || bounded) return false;
  c.stack.counters.timeouts++;
  closeConnection(c, CLOSE_TIMEOUT, 'no answer');
  return true;
}

function persistTimeout(c: Connection): void {
  const stack = c.stack;
  c.armed &= ~TIMER_PERSIST;
  c.updatePrediction();
  const queue = c.queue;
  if (c.sndNxt === c.sndUna && queue.unsentBytes === 0 && (!c.finQueued || c.finSent)) return;
  if (!c.hop!.resolved) {
    // Nobody answers for the next hop: asked again, as often as a peer would be.
    if (gaveUp(c, stack.config.maxRetransmissions)) return;
    c.rtt.backoff++;
    stack.net.resolve(c.hop!);
    armPersist(c);
    return;
  }
  if (c.sndWnd > 0) {
    // RFC 9293 §3.8.6.2.1 (4): a small window was waited on long enough, or a cork.
    if (c.sndNxt === c.sndUna && queue.unsentBytes > 0) sendSmall(c);
    else if (c.sndNxt !== c.sndUna && (c.armed & TIMER_RETRANSMIT) === 0) armRetransmit(c);
    stack.markDirty(c.slot);
    return;
  }
  if (gaveUp(c, stack.config.maxRetransmissions)) return;
  stack.counters.zeroWindowProbes++;
  c.rtt.backoff++;
  sendProbe(c);
  armPersist(c);
}

function delayedAckTimeout(c: Connection): void {
  c.armed &= ~TIMER_DELAYED_ACK;
  if (c.unackedBytes > 0) {
    c.ackNow = true;
    c.interactive = false;
    c.stack.counters.delayedAcks++;
  }
  c.stack.markDirty(c.slot);
}

/** The first expiry without progress: from when the timer was started on, the user timeout runs (RFC 5482 §3). */
function noteStall(c: Connection): void {
  const sameStall = c.sndUna === c.stalledUna && (c.retries > 0 || c.sndWnd === 0);
  if ((c.armed & TIMER_USER_TIMEOUT) !== 0 && sameStall) return;
  const waitedMs = Math.round(c.rtt.rtoUs / 1000);
  c.stalledSinceMs = add(c.stack.clockMs, -waitedMs);
  c.stalledUna = c.sndUna;
  armUserTimeout(c, c.userTimeoutMs - waitedMs);
}

function userTimeout(c: Connection): void {
  const { counters, clockMs } = c.stack;
  c.armed &= ~TIMER_USER_TIMEOUT;
  const opening = c.state < ESTABLISHED;
  const limitMs = opening ? c.openTimeoutMs : c.userTimeoutMs;
  const stalled = opening || (c.sndUna === c.stalledUna && (c.retries > 0 || c.sndWnd === 0));
  if (limitMs === 0 || !stalled) return;
  const elapsedMs = distance(clockMs, c.stalledSinceMs);
  if (elapsedMs < limitMs) {
    armUserTimeout(c, limitMs - elapsedMs);
    return;
  }
  counters.timeouts++;
  counters.userTimeouts++;
  closeConnection(c, CLOSE_TIMEOUT, 'user timeout');
}

/** In FIN-WAIT-2 the peer was silent too long; before, it took too long to take the last bytes for one who lingers. */
function finWaitTimeout(c: Connection): void {
  c.armed &= ~TIMER_FIN_WAIT;
  if (c.state !== FIN_WAIT_2) {
    abortConnection(c);
    return;
  }
  if (c.stack.config.finWait2Ms === 0) return;
  c.stack.counters.timeouts++;
  closeConnection(c, CLOSE_TIMEOUT, 'silent in FIN-WAIT-2');
}

function keepAliveTimeout(c: Connection): void {
  const stack = c.stack;
  c.armed &= ~TIMER_KEEP_ALIVE;
  if (c.keepAliveMs === 0) return;
  const silentMs = distance(stack.clockMs, c.heardMs);
  if (silentMs < c.keepAliveMs) {
    c.keepAliveProbes = 0;
    armKeepAlive(c, c.keepAliveMs - silentMs);
    return;
  }
  // Probes may be further apart than the silence that begins them: one was answered, however long ago.
  if (distance(c.heardMs, c.keepAliveSentMs) >= 0) c.keepAliveProbes = 0;
  if (c.sndNxt === c.sndUna) {
    // Else the retransmission timer asks already.
    if (
      c.userTimeoutMs > 0 ? c.keepAliveProbes > 0 && silentMs >= c.userTimeoutMs : c.keepAliveProbes >= c.keepAliveLimit
    ) {
      stack.counters.timeouts++;
      sendAbort(c);
      closeConnection(c, CLOSE_TIMEOUT, 'no answer to keep-alive');
      return;
    }
    c.keepAliveProbes++;
    c.keepAliveSentMs = stack.clockMs;
    stack.counters.keepAliveProbes++;
    sendKeepAlive(c);
  }
  armKeepAlive(c, c.keepAliveIntervalMs || Math.ceil(c.keepAliveMs / 3));
}
