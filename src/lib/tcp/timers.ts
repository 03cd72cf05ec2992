/**
 * The timers of a connection: a bit in `armed` and a deadline each. Arming writes two fields; the heap of all connections is
 * touched only when the connection has to come up earlier than it would anyway. What happens when one is due: expiry.ts.
 */
import type { Connection } from './connection.ts';
import { add } from './sequence.ts';

/** RFC 6298: a segment (or SYN, or FIN) was not acknowledged. */
export const TIMER_RETRANSMIT = 1;
const RETRANSMIT = TIMER_RETRANSMIT; // a module's own constant is folded, an exported one is loaded
/** RFC 9293 §3.8.6.1: the window is closed and nothing is in flight. */
export const TIMER_PERSIST = 2;
/** RFC 9293 §3.8.6.3; also when something could not be sent for want of a buffer. */
export const TIMER_DELAYED_ACK = 4;
/** Our direction has ended, and the peer is silent. */
export const TIMER_FIN_WAIT = 8;

/** RFC 9293 §3.8.4: nothing was heard for long. */
export const TIMER_KEEP_ALIVE = 16;

/** A deadline must stay within half the circle of the 32-bit clock: longer waits are made of shorter ones. */
const MAX_WAIT_MS = 1_000_000;
/** How soon to try again what found no buffer. */
const RETRY_US = 1_000;

/** (Re)starts the retransmission timer: RFC 6298 §5.1, §5.3. */
export function armRetransmit(c: Connection): void {
  const dueUs = (c.stack.clockUs + c.rtt.rtoUs) | 0;
  c.armed |= RETRANSMIT;
  c.retransmitDueUs = dueUs;
  c.stack.deadlines.wakeBy(c.slot, dueUs);
}

/** The persist timer: first after one timeout, then after twice as long each time. */
export function armPersist(c: Connection): void {
  if ((c.armed & TIMER_PERSIST) !== 0) return;
  c.armed = (c.armed | TIMER_PERSIST) & ~TIMER_RETRANSMIT;
  c.persistDueUs = add(c.stack.clockUs, c.rtt.rtoUs);
  c.stack.deadlines.wakeBy(c.slot, c.persistDueUs);
  c.updatePrediction();
}

export function armDelayedAck(c: Connection): void {
  if ((c.armed & TIMER_DELAYED_ACK) !== 0) return;
  c.armed |= TIMER_DELAYED_ACK;
  c.delayedAckDueUs = add(c.stack.clockUs, c.stack.delayedAckUs);
  c.stack.deadlines.wakeBy(c.slot, c.delayedAckDueUs);
}

/** There was no buffer for something that should have gone out. */
export function retrySoon(c: Connection): void {
  c.armed |= TIMER_DELAYED_ACK;
  c.delayedAckDueUs = add(c.stack.clockUs, RETRY_US);
  c.stack.deadlines.wakeBy(c.slot, c.delayedAckDueUs);
}

/** FIN-WAIT-2 lasts while the peer has something to say. */
export function armFinWait(c: Connection): void {
  const limitMs = c.stack.config.finWait2Ms;
  if (limitMs === 0) return;
  c.armed |= TIMER_FIN_WAIT;
  c.finWaitDueUs = add(c.stack.clockUs, Math.min(limitMs, MAX_WAIT_MS) * 1000);
  c.stack.deadlines.wakeBy(c.slot, c.finWaitDueUs);
}

/** `waitMs` from now, the peer's silence is looked at. */
export function armKeepAlive(c: Connection, waitMs: number): void {
  c.armed |= TIMER_KEEP_ALIVE;
  c.keepAliveDueUs = add(c.stack.clockUs, Math.min(waitMs, MAX_WAIT_MS) * 1000);
  c.stack.deadlines.wakeBy(c.slot, c.keepAliveDueUs);
}
