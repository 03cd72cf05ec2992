/**
 * NewReno's windows: slow start and congestion avoidance (RFC 5681) by byte counting (RFC 3465), halved by a loss.
 */
import type { Connection } from '../connection.ts';
import {
  type CongestionControl,
  flightAtLoss,
  loseWindow,
  openWindows,
  rememberWindows,
  restoreWindows,
  validateAfterIdle,
  windowWasUsed,
} from './congestion.ts';
import { slowStart } from './hystart.ts';

export const reno: CongestionControl = {
  name: 'reno',

  onOpen(c: Connection, synLost: boolean): void {
    openWindows(c, synLost);
  },

  onAck(c: Connection, ackedBytes: number, flightBytes: number, rttUs: number): void {
    const cwnd = c.cwnd;
    if (flightBytes << 1 < cwnd && ((c.roundEnd - c.sndUna) | 0) < 0) return; // request and reply: nothing to validate
    if (!windowWasUsed(c, flightBytes)) return;
    if (cwnd < c.ssthresh) {
      slowStart(c, ackedBytes, rttUs);
      return;
    }
    // RFC 5681 §3.1: one SMSS for each cwnd of acknowledged bytes (byte counting, RFC 3465 §2.1).
    c.cwndCredit += ackedBytes;
    if (c.cwndCredit >= cwnd) {
      c.cwndCredit -= cwnd;
      c.cwnd = cwnd + c.mss;
    }
  },

  onCongestion(c: Connection, flightBytes: number): void {
    rememberWindows(c);
    c.ssthresh = halfFlight(c, flightBytes);
  },

  onRecoveryEnd(c: Connection): void {
    c.cwnd = c.ssthresh;
  },

  onTimeout(c: Connection, flightBytes: number, again: boolean): void {
    // RFC 5681 §3.1: held constant when the segment was resent by the timer already.
    if (!again) {
      rememberWindows(c);
      c.ssthresh = halfFlight(c, flightBytes);
    }
    loseWindow(c);
  },

  onUndo(c: Connection): void {
    restoreWindows(c);
  },

  onIdleRestart(c: Connection): void {
    validateAfterIdle(c);
  },
};

/** RFC 5681 §3.1 (4): ssthresh = max(FlightSize / 2, 2 · SMSS). */
function halfFlight(c: Connection, flightBytes: number): number {
  return Math.max(flightAtLoss(c, flightBytes) >> 1, 2 * c.mss);
}
