/**
 * CUBIC (RFC 9438): after a reduction the window follows a cubic function of the time since, which is flat where the last
 * loss was, and never slower than Reno would be.
 *
 *   cwnd │            loss            ╱   W_cubic(t) = C · (t − K)³ + W_max
 *   W_max┼ ─ ─ ─╮─ ─ ─ ─ ─ ─ ─ _____╱─
 *        │      │        __-‾‾           concave up to K, convex behind it
 *   β·   │      ╰_-‾‾
 *        └──────┼─────────────┼─────▶ t
 *               0             K
 *
 * Windows are bytes, held as floating point; times are seconds. All of it is touched only by acknowledgments of a full window
 * in congestion avoidance.
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

/** RFC 9438 §4.6, §5. C in segments per second³. */
const BETA = 0.7;
const C = 0.4;
/** §4.3: makes the average window of the Reno-friendly region that of Reno. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA);
/** §4.7: what fast convergence leaves of W_max. */
const CONVERGENCE = (1 + BETA) / 2;
/** How often the function is looked at: a jiffy, where Linux has 250 of them in a second. */
const TICK_US = 4_000;

/** The variables of §4.1.2: one congestion avoidance stage, and what the last reduction left for the next. */
export class CubicEpoch {
  /** cwnd before the last reduction, or less by fast convergence; 0: there was none, or a timeout. */
  wMax = 0;
  /** cwnd before the last reduction: from there on Reno's window grows as ever (§4.3). */
  cwndPrior = 0;
  /** Congestion avoidance is under way; the fields below are its. */
  running = false;
  /** When the function reaches wMax, in seconds from its start. */
  k = 0;
  /** How long the window has been in full use since then: without the time in which the application was the limit (§5.8). */
  elapsed = 0;
  lastAckUs = 0;
  /** Where Reno would be. */
  wEst = 0;
  /** The part of cwnd below a byte. */
  fraction = 0;
  /** Bytes by which one round trip is to open the window, as of `lookedUs`. */
  gain = 0;
  lookedUs = 0;

  /** Congestion avoidance begins at `cwnd` bytes (§4.2, §4.8, §4.10). */
  begin(cwnd: number, mss: number, nowUs: number): void {
    if (cwnd < this.wMax) this.k = Math.cbrt((this.wMax - cwnd) / mss / C);
    else {
      this.k = 0;
      this.wMax = cwnd;
    }
    if (this.cwndPrior === 0) this.cwndPrior = cwnd;
    this.wEst = cwnd;
    this.elapsed = 0;
    this.fraction = 0;
    this.lastAckUs = nowUs;
    this.lookedUs = (nowUs - TICK_US) | 0;
    this.running = true;
  }

  /**
   * `ackedBytes` of a full window `cwnd` were acknowledged at `nowUs` of the stack's clock: the window that follows. `srttUs`
   * is the smoothed round trip.
   */
  grow(cwnd: number, mss: number, ackedBytes: number, nowUs: number, srttUs: number): number {
    const gapUs = (nowUs - this.lastAckUs) >>> 0; // up to 71 minutes
    this.lastAckUs = nowUs;
    // A full window has an acknowledgment in each round trip; what is longer was the application's time.
    this.elapsed += (gapUs < srttUs ? gapUs : srttUs) * 1e-6;
    const alpha = this.wEst < this.cwndPrior ? ALPHA : 1;
    this.wEst += (alpha * mss * ackedBytes) / cwnd; // §4.3, figure 4
    if ((nowUs - this.lookedUs) >>> 0 >= TICK_US) {
      this.lookedUs = nowUs;
      this.gain = this.gainAt(this.elapsed + srttUs * 1e-6, cwnd, mss);
    }
    const exact = this.fraction + (this.gain * ackedBytes) / cwnd; // §4.4, §4.5
    const whole = Math.floor(exact);
    this.fraction = exact - whole;
    const grown = cwnd + whole;
    return grown < this.wEst ? Math.floor(this.wEst) : grown;
  }

  /**
   * §4.2: towards where the function is in one round trip, at most half as much again. In whole segments: below wMax the next one
   * is always worth trying, beyond it only once it is reached. So a window of a few segments, or a round trip far below
   * TICK_US, grows by a segment in each round trip at first, as Linux's integers have it, and not by ALPHA.
   */
  private gainAt(t: number, cwnd: number, mss: number): number {
    const segments = this.window(t, mss) / mss;
    const target = t < this.k ? Math.ceil(segments) : Math.floor(segments);
    const gain = (target - Math.floor(cwnd / mss)) * mss;
    return gain <= 0 ? 0 : Math.min(gain, cwnd / 2);
  }

  /** W_cubic(t) in bytes (§4.2, figure 1). */
  private window(t: number, mss: number): number {
    const d = t - this.k;
    return C * d * d * d * mss + this.wMax;
  }

  copy(): CubicEpoch {
    return Object.assign(new CubicEpoch(), this);
  }
}

export const cubic: CongestionControl = {
  name: 'cubic',

  onOpen(c: Connection, synLost: boolean): void {
    openWindows(c, synLost);
  },

  onAck(c: Connection, ackedBytes: number, flightBytes: number, rttUs: number): void {
    const cwnd = c.cwnd;
    if (flightBytes << 1 < cwnd && ((c.roundEnd - c.sndUna) | 0) < 0) return; // request and reply: nothing to validate
    if (!windowWasUsed(c, flightBytes)) return;
    if (cwnd < c.ssthresh) slowStart(c, ackedBytes, rttUs);
    else avoidCongestion(c, ackedBytes);
  },

  onCongestion(c: Connection, flightBytes: number): void {
    reduce(c, flightBytes);
  },

  onRecoveryEnd(c: Connection): void {
    c.cwnd = c.ssthresh;
  },

  onTimeout(c: Connection, flightBytes: number, again: boolean): void {
    if (!again) reduce(c, flightBytes).wMax = 0; // §4.8: the function begins anew, where the next congestion avoidance does
    loseWindow(c);
  },

  onUndo(c: Connection): void {
    restoreWindows(c);
    c.cubic = c.priorCubic; // §4.9
  },

  onIdleRestart(c: Connection): void {
    if (validateAfterIdle(c) && c.cubic !== null) c.cubic.running = false;
  },
};

function avoidCongestion(c: Connection, ackedBytes: number): void {
  const epoch = c.cubic ?? makeEpoch(c);
  const nowUs = c.stack.clockUs;
  if (!epoch.running) epoch.begin(c.cwnd, c.mss, nowUs);
  const cwnd = epoch.grow(c.cwnd, c.mss, ackedBytes, nowUs, c.rtt.srttUs);
  const { maxCwndBytes } = c.stack.config;
  c.cwnd = cwnd < maxCwndBytes ? cwnd : maxCwndBytes;
}

function makeEpoch(c: Connection): CubicEpoch {
  c.cubic = new CubicEpoch();
  return c.cubic;
}

/** §4.6, §4.7: the multiplicative decrease; ssthresh only, cwnd follows. */
function reduce(c: Connection, flightBytes: number): CubicEpoch {
  const epoch = c.cubic ?? makeEpoch(c);
  c.priorCubic = epoch.copy();
  rememberWindows(c);
  const cwnd = c.cwnd;
  epoch.wMax = cwnd < epoch.wMax ? cwnd * CONVERGENCE : cwnd;
  epoch.cwndPrior = cwnd;
  epoch.running = false;
  c.ssthresh = Math.max(Math.floor(flightAtLoss(c, flightBytes) * BETA), 2 * c.mss);
  return epoch;
}
