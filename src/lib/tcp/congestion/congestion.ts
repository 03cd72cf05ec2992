/**
 * Congestion control: how much may be in flight. An algorithm works on the connection's `cwnd` and `ssthresh` (bytes); what
 * is lost, and what is resent, is recovery.ts's to know. While a reduction lasts, cwnd is moved by Proportional Rate
 * Reduction there (RFC 6937), towards the ssthresh that is set here.
 *
 *   onOpen ─▶ onAck… ─┬─ loss or ECN ─▶ onCongestion ─▶ (PRR) ─▶ onRecoveryEnd ─▶ onAck…
 *                     ├─ RTO ─────────▶ onTimeout ─▶ onAck…          either was spurious ─▶ onUndo ─▶ onAck…
 *                     └─ silence ─────▶ onIdleRestart ─▶ onAck…
 */
import type { Connection } from '../connection.ts';

export interface CongestionControl {
  readonly name: string;
  /** The handshake is complete. `synLost`: the SYN or SYN,ACK was sent more than once. */
  onOpen(connection: Connection, synLost: boolean): void;
  /**
   * New data was acknowledged, outside fast recovery; SND.UNA is past it already. `flightBytes` was in flight before; `rttUs`
   * is the round trip that this acknowledgment measured, or 0.
   */
  onAck(connection: Connection, ackedBytes: number, flightBytes: number, rttUs: number): void;
  /** A reduction begins, for a loss or for ECN: remembers the windows for `onUndo`, sets ssthresh. */
  onCongestion(connection: Connection, flightBytes: number): void;
  /** The reduction is done: cwnd = ssthresh. */
  onRecoveryEnd(connection: Connection): void;
  /** The retransmission timer expired; `again`: the same data was resent by the timer before. Remembers, too, but not again. */
  onTimeout(connection: Connection, flightBytes: number, again: boolean): void;
  /** Nothing was lost: back to the windows before the last `onCongestion` or `onTimeout`. */
  onUndo(connection: Connection): void;
  /** Sending resumes after nothing was sent for longer than the retransmission timeout. */
  onIdleRestart(connection: Connection): void;
}

/** RFC 6928 §2: min(segments · MSS, max(2 · MSS, segments · 1460)). */
export function initialWindow(mss: number, segments: number): number {
  return Math.min(segments * mss, Math.max(2 * mss, segments * 1460));
}

/** The windows of a connection that opens. */
export function openWindows(c: Connection, synLost: boolean): void {
  const config = c.stack.config;
  // RFC 5681 §3.1: after a lost SYN the initial window is one segment.
  c.cwnd = synLost ? c.mss : initialWindow(c.mss, config.initialWindowSegments);
  c.ssthresh = config.maxCwndBytes;
  c.cwndCredit = 0;
  c.cwndFullUntil = (c.sndUna - 1) | 0;
  c.roundEnd = c.cwndFullUntil;
  c.roundFlight = 0;
}

/**
 * Whether what is acknowledged now was sent under a full window; a window that is not used must not grow on account of what
 * was not sent (RFC 9438 §5.8). In slow start more than half of it is use enough, counted by the largest flight of this round
 * trip (RFC 7661 §4.1's pipeACK). Full as seen by the first of a burst of acknowledgments is full for all of them, although
 * nothing is sent in between: up to the SND.NXT of then.
 */
export function windowWasUsed(c: Connection, flightBytes: number): boolean {
  const cwnd = c.cwnd;
  if (cwnd >= c.stack.config.maxCwndBytes) return false;
  const outstanding = (c.sndNxt - c.sndUna) | 0;
  const roundLeft = (c.roundEnd - c.sndUna) | 0;
  if (flightBytes > c.roundFlight || roundLeft < 0 || roundLeft > outstanding) {
    c.roundFlight = flightBytes;
    c.roundEnd = c.sndNxt;
  }
  if (flightBytes + c.mss > cwnd) {
    c.cwndFullUntil = c.sndNxt;
    return true;
  }
  if (cwnd < c.ssthresh) return c.roundFlight << 1 > cwnd;
  const ahead = (c.cwndFullUntil - c.sndUna) | 0;
  return ahead >= 0 && ahead <= outstanding;
}

/**
 * FlightSize for a reduction (RFC 5681 §3.1): what was in flight when the network was as full as it was. A loss may be found
 * by the last of a burst of acknowledgments, or of one that covers much; what those allow is only sent at the end of the turn, so
 * that next to nothing is in flight for the moment. If the window was full, it says what was (as on Linux).
 */
export function flightAtLoss(c: Connection, flightBytes: number): number {
  if (c.stack.config.reducesWindow) return c.cwnd;
  const { queue } = c;
  const moreToSend = queue.unsentBytes !== 0 || queue.backlogBytes !== 0 || c.wantsDrain; // a writer that is about to be asked
  if (!moreToSend || flightBytes + c.mss > c.cwnd) return flightBytes;
  const ahead = (c.cwndFullUntil - c.sndUna) | 0;
  const wasFull = ahead >= 0 && ahead <= ((c.sndNxt - c.sndUna) | 0);
  return wasFull ? c.cwnd : flightBytes;
}

/** Before cwnd and ssthresh are reduced by a loss or a mark: what `restoreWindows` brings back. */
export function rememberWindows(c: Connection): void {
  c.priorCwnd = c.cwnd;
  c.priorSsthresh = c.ssthresh;
  c.cwndCredit = 0;
  c.hystart = null;
  c.sendCwr = c.ect; // RFC 3168 §6.1.2: whatever the reason is
}

/** The loss window after a timeout (RFC 5681 §3.1). */
export function loseWindow(c: Connection): void {
  c.cwnd = c.mss;
  c.rtxSlowStart = true;
  c.sendCwr = c.ect;
}

/** What grew since stays. */
export function restoreWindows(c: Connection): void {
  if (c.priorCwnd > c.cwnd) c.cwnd = c.priorCwnd;
  if (c.priorSsthresh > c.ssthresh) c.ssthresh = c.priorSsthresh;
}

/**
 * Congestion window validation (RFC 2861 §3.1): the window halves for each timeout of silence, down to the restart window
 * min(IW, cwnd) of RFC 5681 §4.1, and ssthresh keeps three quarters of what it was. True when the window has shrunk.
 */
export function validateAfterIdle(c: Connection): boolean {
  if (!c.stack.config.idleRestart) return false;
  const restart = initialWindow(c.mss, c.stack.config.initialWindowSegments);
  if (c.cwnd <= restart) return false;
  const kept = (c.cwnd >> 2) * 3;
  if (kept > c.ssthresh) c.ssthresh = kept;
  const idleUs = (c.stack.clockUs - c.lastSentUs) >>> 0; // up to 71 minutes
  const halvings = Math.min(31, Math.floor(idleUs / c.rtt.rtoUs));
  c.cwnd = Math.max(restart, c.cwnd >> halvings);
  const { observer } = c.stack;
  if (observer !== null) observer.congestionChanged(c, 'idle-restart');
  return true;
}
