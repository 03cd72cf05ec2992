/**
 * What happens when a connection's timer is due (RFC 9293 §3.10.8): retransmission time-out, persist probe, delayed
 * acknowledgment, keep-alive, and the end of the patience in FIN-WAIT-2.
 */
import { CLOSE_TIMEOUT } from '../link/stream.ts';
import { sendReset } from './bare.ts';
import { closeConnection } from './close.ts';
import type { Connection } from './connection.ts';
import { transmitSyn } from './handshake.ts';
import { resendFirst, sendKeepAlive, sendProbe, sendSmall } from './output.ts';
import { resendAll } from './recovery.ts';
import { atMost, distance } from './sequence.ts';
import { CLOSED, ESTABLISHED, FIN_WAIT_2, SYN_SENT, TIME_WAIT } from './state.ts';
import {
  armKeepAlive,
  armPersist,
  armRetransmit,
  TIMER_DELAYED_ACK,
  TIMER_FIN_WAIT,
  TIMER_KEEP_ALIVE,
  TIMER_PERSIST,
  TIMER_RETRANSMIT,
} from './timers.ts';

/** The connection came up in the heap of deadlines: runs what is due, and says when it wants to come up again. */
export function connectionDue(c: Connection): void {
  const clockUs = c.stack.clockUs;
  if ((c.armed & TIMER_RETRANSMIT) !== 0 && atMost(c.retransmitDueUs, clockUs)) retransmitTimeout(c);
  if ((c.armed & TIMER_PERSIST) !== 0 && atMost(c.persistDueUs, clockUs)) persistTimeout(c);
  if ((c.armed & TIMER_DELAYED_ACK) !== 0 && atMost(c.delayedAckDueUs, clockUs)) delayedAckTimeout(c);
  if ((c.armed & TIMER_FIN_WAIT) !== 0 && atMost(c.finWaitDueUs, clockUs)) finWaitTimeout(c);
  if ((c.armed & TIMER_KEEP_ALIVE) !== 0 && atMost(c.keepAliveDueUs, clockUs)) keepAliveTimeout(c);
  if (c.state === CLOSED || c.state === TIME_WAIT) return;
  const deadlines = c.stack.deadlines;
  if ((c.armed & TIMER_RETRANSMIT) !== 0) deadlines.wakeBy(c.slot, c.retransmitDueUs);
  if ((c.armed & TIMER_PERSIST) !== 0) deadlines.wakeBy(c.slot, c.persistDueUs);
  if ((c.armed & TIMER_DELAYED_ACK) !== 0) deadlines.wakeBy(c.slot, c.delayedAckDueUs);
  if ((c.armed & TIMER_FIN_WAIT) !== 0) deadlines.wakeBy(c.slot, c.finWaitDueUs);
  if ((c.armed & TIMER_KEEP_ALIVE) !== 0) deadlines.wakeBy(c.slot, c.keepAliveDueUs);
}

function retransmitTimeout(c: Connection): void {
  const stack = c.stack;
  c.armed &= ~TIMER_RETRANSMIT;
  if (c.state < ESTABLISHED) {
    synTimeout(c);
    return;
  }
  if (c.sndNxt === c.sndUna || gaveUp(c, stack.config.maxRetransmissions)) return;
  stack.counters.timeoutsFired++;
  c.rtt.backoff++; // RFC 6298 §5.5
  if (c.sndWnd === 0) {
    // The window was taken back: this is a probe, and no sign of congestion (RFC 9293 §3.8.6.1).
    stack.counters.zeroWindowProbes++;
    c.updatePrediction();
    resendFirst(c, 1, 'probe');
  } else {
    stack.congestion.onTimeout(c, c.flightBytes, c.retries > 1);
    c.recover = c.sndNxt; // RFC 6582 §4
    resendAll(c, 'timeout');
  }
  armRetransmit(c);
}

function synTimeout(c: Connection): void {
  const { config, counters, observer } = c.stack;
  if (gaveUp(c, c.state === SYN_SENT ? config.maxSynRetransmissions : config.maxSynAckRetransmissions)) return;
  counters.timeoutsFired++;
  counters.retransmitted++;
  c.rtt.backoff++;
  c.timing = false; // Karn
  if (observer !== null) observer.retransmitted(c, c.iss, 0, 'syn');
  transmitSyn(c);
}

/** Counts an expiry; at the limit (RFC 9293 §3.8.3, R2) the connection is closed. */
function gaveUp(c: Connection, limit: number): boolean {
  if (c.retries++ < limit) return false;
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
  if (c.sndWnd > 0 && c.sndNxt === c.sndUna) {
    // RFC 9293 §3.8.6.2.1 (4): a small window was waited on long enough.
    if (queue.unsentBytes > 0) sendSmall(c);
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
    c.stack.counters.delayedAcks++;
  }
  c.stack.markDirty(c.slot);
}

function finWaitTimeout(c: Connection): void {
  c.armed &= ~TIMER_FIN_WAIT;
  if (c.state !== FIN_WAIT_2) return;
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
  if (c.sndNxt === c.sndUna) {
    // Else the retransmission timer asks already.
    if (c.keepAliveProbes === stack.config.keepAliveProbes) {
      stack.counters.timeouts++;
      sendReset(c, c.sndNxt);
      closeConnection(c, CLOSE_TIMEOUT, 'no answer to keep-alive');
      return;
    }
    c.keepAliveProbes++;
    stack.counters.keepAliveProbes++;
    sendKeepAlive(c);
  }
  armKeepAlive(c, Math.ceil(c.keepAliveMs / 3));
}
