/**
 * The end of a connection: CLOSE and ABORT calls (RFC 9293 §3.10.4, §3.10.5), resets, time-outs, and the last step of the
 * state machine, in which the connection leaves the tables and, if we closed first, a small TIME-WAIT record stays.
 */
import { CLOSE_ABORTED, CLOSE_NORMAL } from '../link/stream.ts';
import { sendReset } from './bare.ts';
import type { Connection } from './connection.ts';
import { CLOSE_WAIT, CLOSED, ESTABLISHED, FIN_WAIT_1, LAST_ACK, SYN_RECEIVED, SYN_SENT, TIME_WAIT } from './state.ts';

export function setState(c: Connection, to: number, cause: string): void {
  const from = c.state;
  c.state = to;
  c.updatePrediction();
  const observer = c.stack.observer;
  if (observer !== null) observer.stateChanged(c, from, to, cause);
}

/** CLOSE: what is queued is sent, then a FIN. */
export function endConnection(c: Connection): void {
  switch (c.state) {
    case SYN_SENT:
      closeConnection(c, CLOSE_ABORTED, 'CLOSE called');
      return;
    case SYN_RECEIVED: // queued until the connection is established
      c.finQueued = true;
      return;
    case ESTABLISHED:
      c.finQueued = true;
      setState(c, FIN_WAIT_1, 'CLOSE called');
      break;
    case CLOSE_WAIT:
      c.finQueued = true;
      setState(c, LAST_ACK, 'CLOSE called');
      break;
    default:
      return;
  }
  c.stack.markDirty(c.slot);
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
  if (c.state >= SYN_RECEIVED && (c.state <= CLOSE_WAIT || !c.finSent)) sendReset(c, c.sndNxt);
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
  if (c.readPaused && (c.buffered > 0 || c.endPending)) {
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
  stack.forget(c);
  c.armed = 0;
}

function discard(c: Connection): void {
  c.queue.clear();
  c.releaseRing();
  c.predicted = -1;
  c.rtxEnd = c.rtxNxt;
}

function announceClose(c: Connection, reason: number): void {
  if (!c.announced) return;
  c.announced = false;
  c.handler.onClose(c, reason);
}
