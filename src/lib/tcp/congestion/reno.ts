/**
 * NewReno: slow start and congestion avoidance (RFC 5681), fast recovery (RFC 6582), initial window (RFC 6928).
 */
import type { Connection } from '../connection.ts';
import { type CongestionControl, initialWindow } from './congestion.ts';

/** RFC 5681 §3.1 (4): ssthresh = max(FlightSize / 2, 2 · SMSS). */
function halfFlight(connection: Connection, flightBytes: number): number {
  return Math.max(flightBytes >> 1, 2 * connection.mss);
}

export const reno: CongestionControl = {
  name: 'reno',

  onOpen(connection: Connection, synLost: boolean): void {
    // RFC 5681 §3.1: after a lost SYN the initial window is one segment.
    const config = connection.stack.config;
    connection.cwnd = synLost ? connection.mss : initialWindow(connection.mss, config.initialWindowSegments);
    connection.ssthresh = config.maxCwndBytes;
    connection.cwndCredit = 0;
  },

  onAck(connection: Connection, ackedBytes: number, flightBytes: number): void {
    const cwnd = connection.cwnd;
    // A window that is not used must not grow on account of what was not sent (RFC 7661 §4.1: validated while half is used).
    if (flightBytes << 1 < cwnd) return;
    const mss = connection.mss;
    const config = connection.stack.config;
    if (cwnd >= config.maxCwndBytes) return;
    if (cwnd < connection.ssthresh) {
      const limit = mss * config.slowStartLimitSegments;
      connection.cwnd = cwnd + (ackedBytes < limit ? ackedBytes : limit); // RFC 5681 §3.1 (2)
      return;
    }
    if (flightBytes + mss <= cwnd) return;
    // RFC 5681 §3.1: one SMSS for each cwnd of acknowledged bytes (byte counting, RFC 3465 §2.1).
    connection.cwndCredit += ackedBytes;
    if (connection.cwndCredit >= cwnd) {
      connection.cwndCredit -= cwnd;
      connection.cwnd = cwnd + mss;
    }
  },

  onEnterRecovery(connection: Connection, flightBytes: number): void {
    connection.ssthresh = halfFlight(connection, flightBytes);
    connection.cwnd = connection.ssthresh + 3 * connection.mss; // RFC 6582 §3.2 step 3: the three that left the network
    connection.cwndCredit = 0;
  },

  onDuplicateAck(connection: Connection): void {
    connection.cwnd += connection.mss; // RFC 6582 §3.2 step 4
  },

  onPartialAck(connection: Connection, ackedBytes: number): void {
    // RFC 6582 §3.2 step 5, partial: deflate by what was acknowledged, add one segment back for the one resent.
    const mss = connection.mss;
    const deflated = connection.cwnd - ackedBytes + (ackedBytes >= mss ? mss : 0);
    connection.cwnd = deflated < mss ? mss : deflated;
  },

  onExitRecovery(connection: Connection, flightBytes: number): void {
    // RFC 6582 §3.2 step 5, full, option 1: no burst.
    const mss = connection.mss;
    connection.cwnd = Math.min(connection.ssthresh, Math.max(flightBytes, mss) + mss);
  },

  onTimeout(connection: Connection, flightBytes: number, again: boolean): void {
    // RFC 5681 §3.1: held constant when the segment was resent by the timer already.
    if (!again) connection.ssthresh = halfFlight(connection, flightBytes);
    connection.cwnd = connection.mss; // the loss window
    connection.cwndCredit = 0;
  },

  onIdleRestart(connection: Connection): void {
    // RFC 5681 §4.1: the restart window is min(IW, cwnd).
    const window = initialWindow(connection.mss, connection.stack.config.initialWindowSegments);
    if (connection.cwnd > window) connection.cwnd = window;
  },
};
