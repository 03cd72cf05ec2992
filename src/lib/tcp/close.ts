/**
 * The end of a connection: CLOSE and ABORT calls (RFC 9293 §3.10.4, §3.10.5), resets, time-outs, and the last step of the
 * state machine, in which the connection leaves the tables and, if we closed first, a small TIME-WAIT record stays.
 *
 *   end() ── queue, FIN ─┬─▶ peer's FIN ─▶ TIME-WAIT or CLOSED       close() is end() by an owner that reads no more:
 *                        ├─ linger time over, too many orphans ─▶ RST    unread bytes, or new ones that come ─▶ RST
 *   abort() ─────────────┴────────────────────────────────────▶ RST
 */
import { CLOSE_ABORTED, CLOSE_NORMAL } from '../link/stream.ts';
import { sendAbort } from './bare.ts';
import type { Connection } from './connection.ts';
import { releaseLedger } from './loss/flight.ts';
import { CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_1, LAST_ACK, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts';
import { armLinger } from './timers.ts';
import { returnWindow } from './window.ts';

export function setState(c: Connection, to: number, cause: string): void {
  const from = c.state;
  c.state = to;
  c.updatePrediction();
  const observer = c.stack.observer;
  if (observer !== null) observer.stateChanged(c, from, to, cause);
}

/** CLOSE: what is queued is sent, then a FIN. With a linger time of 0 it is ABORT. */
export function endConnection(c: Connection): void {
  if (c.state === SYN_SENT) {
    closeConnection(c, CLOSE_ABORTED, 'CLOSE called');
    return;
  }
  const mayEnd = c.state === SYN_RECEIVED || c.state === ESTABLISHED || c.state === CLOSE_WAIT;
  if (!mayEnd || c.finQueued) return;
  if (c.lingerMs === 0 || tooManyOrphans(c)) {
    abortConnection(c);
    return;
  }
  c.finQueued = true; // in SYN-RECEIVED it waits until the connection is established
  if (c.state === ESTABLISHED) setState(c, FIN_WAIT_1, 'CLOSE called');
  else if (c.state === CLOSE_WAIT) setState(c, LAST_ACK, 'CLOSE called');
  if (c.lingerMs > 0) armLinger(c);
  c.stack.markDirty(c.slot);
}

/** CLOSE by an owner that reads no more: see Connection.close. `unread`: it holds bytes that it did not use. */
export function letGo(c: Connection, unread: boolean): void {
  if (c.lingering) {
    finishLingering(c);
    return;
  }
  if (c.state === CLOSED) return;
  c.detached = true;
  c.endPending = false;
  if (!unread && c.buffered === 0) {
    endConnection(c);
    return;
  }
  c.stack.counters.unreadResets++;
  abortConnection(c);
}

/** Counts a connection that its owner ends; true when the limit is reached, and it is to be reset instead. */
function tooManyOrphans(c: Connection): boolean {
  const stack = c.stack;
  if (stack.orphans >= stack.config.maxOrphans) {
    stack.counters.orphansReset++;
    return true;
  }
  c.orphaned = true;
  stack.orphans++;
  return false;
}

/** ABORT: a reset to a peer that may still expect something, and the end. */
export function abortConnection(c: Connection): void {
  if (c.lingering) {
    finishLingering(c);
    return;
  }
  if (c.state === CLOSED) return;
  c.stack.counters.aborts++;
  // In CLOSING and LAST-ACK the peer expects no more than our FIN, if that is on its way.
  if (c.state >= SYN_RECEIVED && (c.state <= CLOSE_WAIT || !c.finSent)) sendAbort(c);
  closeConnection(c, CLOSE_ABORTED, 'ABORT called');
}

/**
 * Deletes the connection and tells its owner (CLOSE_* reason). What it had queued is lost; what it had received and not
 * handed up is, too.
 */
export function closeConnection(c: Connection, reason: number, cause: string): void {
  if (c.state === CLOSED) return;
  leaveTables(c);
  setState(c, CLOSED, cause);
  discard(c);
  announceClose(c, reason);
}

/** Both sides have said FIN, and ours was acknowledged: CLOSED if the peer closed first, TIME-WAIT if we did. */
export function closeOrderly(c: Connection, timeWait: boolean, cause: string): void {
  leaveTables(c);
  if (timeWait) {
    setState(c, TIME_WAIT, cause);
    c.stack.timeWait.enter(c);
  } else setState(c, CLOSED, cause);
  c.queue.clear();
  if (c.readPaused && !c.detached && (c.buffered > 0 || c.endPending)) {
    c.lingering = true; // its reader has not seen everything
    c.stack.lingering.add(c);
    return;
  }
  finishLingering(c);
}

/** The reader has seen everything: the connection is gone. */
export function finishLingering(c: Connection): void {
  c.lingering = false;
  c.stack.lingering.delete(c);
  c.state = CLOSED;
  discard(c);
  announceClose(c, CLOSE_NORMAL);
}

function leaveTables(c: Connection): void {
  const stack = c.stack;
  if (c.state === SYN_RECEIVED && c.listener !== null) c.listener.halfOpen--;
  if (c.orphaned) {
    c.orphaned = false;
    stack.orphans--;
  }
  stack.forget(c);
  c.armed = 0;
}

function discard(c: Connection): void {
  c.queue.clear();
  c.releaseRing();
  c.endPending = false; // not without the bytes before it
  returnWindow(c);
  c.predicted = -1;
  releaseLedger(c);
}

/** Tells the owner, if it knows of the connection; one that still waits to be accepted keeps the reason. */
export function announceClose(c: Connection, reason: number): void {
  c.closeReason = reason;
  if (!c.announced) return;
  c.announced = false;
  c.handler.onClose(c, reason);
}
