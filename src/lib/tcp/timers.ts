/**
 * The timers of a connection: a bit in `armed` and a deadline each. Arming writes two fields; the heap of all connections is
 * touched only when the connection has to come up earlier than it would anyway. What happens when one is due: expiry.ts.
 */
import type { Connection } from './connection.ts';
import { OPEN } from './loss/recovery-state.ts';
import { add, minimum } from './sequence.ts';
import { ESTABLISHED } from './state.ts';

/** RFC 6298: a segment (or SYN, or FIN) was not acknowledged. */
export const TIMER_RETRANSMIT = 1;
const RETRANSMIT = TIMER_RETRANSMIT; // a module's own constant is folded, an exported one is loaded
/** RFC 9293 §3.8.6.1: the window is closed and nothing is in flight. */
export const TIMER_PERSIST = 2;
/** RFC 9293 §3.8.6.3; also when something could not be sent for want of a buffer. */
export const TIMER_DELAYED_ACK = 4;
/** Our direction has ended: the peer is silent, or takes longer than the owner lingers. */
export const TIMER_FIN_WAIT = 8;

/** RFC 9293 §3.8.4: nothing was heard for long. */
export const TIMER_KEEP_ALIVE = 16;
/** RFC 5482: the owner's patience with a peer that takes nothing, or does not open. */
export const TIMER_USER_TIMEOUT = 32;
/** RFC 1191 §6.3: a path that was narrow may be wider now. */
export const TIMER_PATH_MTU = 64;
/** RFC 8985 §7 and §6.2 step 5: one deadline for both, since a flight with something out of order is not probed. */
export const TIMER_TAIL_PROBE = 128;
export const TIMER_REORDERING = 256;

/** A deadline must stay within half the circle of the 32-bit clock: longer waits are made of shorter ones. */
const MAX_WAIT_MS = 1_000_000;
/** RFC 8985 §7.2: the longest that a receiver may wait with an acknowledgment. */
const MAX_ACK_DELAY_US = 200_000;
/** Probes of a short path come not before this, so that its connections don't live in the heap; as Linux's TCP_TIMEOUT_MIN. */
const MIN_PROBE_US = 2_000;
/** How soon to try again what found no buffer. */
const RETRY_US = 1_000;

/** (Re)starts the retransmission timer: RFC 6298 §5.1, §5.3. */
export function armRetransmit(c: Connection): void {
  const rtoUs = c.rtt.rtoUs;
  const dueUs = (c.stack.clockUs + rtoUs) | 0;
  c.armed |= RETRANSMIT;
  c.retransmitDueUs = dueUs;
  c.stack.deadlines.wakeBy(c.slot, dueUs);
  if (((c.sndNxt - c.sndUna) | 0) > c.mss || rtoUs > MAX_ACK_DELAY_US) armTailProbe(c);
}

/**
 * (Re)starts the tail loss probe's timer (RFC 8985 §7.2), if something may be probed: two round trips, longer when no more
 * than a segment or two are out, whose acknowledgment may be delayed. Never later than the retransmission timer, which sends the probe in its
 * own place when it comes first; so a request or reply of one segment on a short path arms nothing here.
 */
export function armTailProbe(c: Connection): void {
  if (!mayProbeTail(c) || (c.armed & RETRANSMIT) === 0) return;
  const twoRoundTripsUs = c.rtt.srttUs << 1;
  const single = c.flightBytes < c.mss << 1; // less than two full segments is not acknowledged at once (RFC 5681 §4.2)
  const waitUs = single ? twoRoundTripsUs + MAX_ACK_DELAY_US : Math.max(twoRoundTripsUs, MIN_PROBE_US);
  c.armed |= TIMER_TAIL_PROBE;
  c.lossDueUs = minimum(add(c.stack.clockUs, waitUs), c.retransmitDueUs);
  c.stack.deadlines.wakeBy(c.slot, c.lossDueUs);
}

/** RFC 8985 §7.2: the peer has SACK, nothing is out of order or lost, and no probe is out. */
export function mayProbeTail(c: Connection): boolean {
  if (!c.probesTail || c.caState !== OPEN || c.rtt.backoff !== 0 || c.retries !== 0) return false;
  if (c.rtt.srtt8Us === 0 || c.sndNxt === c.sndUna || c.state < ESTABLISHED) return false;
  return c.recovery === null || !c.recovery.probing;
}

/** RACK looks again in so many µs. */
export function armReordering(c: Connection, waitUs: number): void {
  c.armed = (c.armed | TIMER_REORDERING) & ~TIMER_TAIL_PROBE;
  c.lossDueUs = add(c.stack.clockUs, waitUs);
  c.stack.deadlines.wakeBy(c.slot, c.lossDueUs);
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

/** Until `waitMs` from now the peer may take nothing. */
export function armUserTimeout(c: Connection, waitMs: number): void {
  c.armed |= TIMER_USER_TIMEOUT;
  c.userTimeoutDueUs = add(c.stack.clockUs, Math.min(Math.max(waitMs, 0), MAX_WAIT_MS) * 1000);
  c.stack.deadlines.wakeBy(c.slot, c.userTimeoutDueUs);
}

export function armPathMtu(c: Connection): void {
  c.armed |= TIMER_PATH_MTU;
  c.pathMtuDueUs = add(c.stack.clockUs, Math.min(c.stack.config.pathMtuAgeMs, MAX_WAIT_MS) * 1000);
  c.stack.deadlines.wakeBy(c.slot, c.pathMtuDueUs);
}

/** How long the owner waits until its last bytes are taken: its linger time (FIN-WAIT-2 takes the timer over). */
export function armLinger(c: Connection): void {
  c.armed |= TIMER_FIN_WAIT;
  c.finWaitDueUs = add(c.stack.clockUs, Math.min(c.lingerMs, MAX_WAIT_MS) * 1000);
  c.stack.deadlines.wakeBy(c.slot, c.finWaitDueUs);
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
