/**
 * Slow start, with HyStart++ (RFC 9406): in the first one of a connection, when nothing is known of the path, a round trip
 * that grows means a queue that fills. Then the window grows a quarter as fast for some rounds (Conservative Slow Start),
 * until it is clear whether that was so.
 *
 *   slow start ──minimum of this round ≥ the last one's + threshold──▶ CSS ──five rounds──▶ congestion avoidance
 *        ▲───────────────minimum of this round < that of the entry──────┘
 */
import type { Connection } from '../connection.ts';

// RFC 9406 §4.3
const MIN_RTT_THRESHOLD_US = 4_000;
const MAX_RTT_THRESHOLD_US = 16_000;
const MIN_RTT_DIVISOR_SHIFT = 3;
const SAMPLES = 8;
const CSS_GROWTH_SHIFT = 2;
const CSS_ROUNDS = 5;

/** No round trip is as long. */
const NEVER = 0x7fff_ffff;

/** What the rounds of a first slow start have shown; all round trips in µs. */
export class HyStart {
  /** The round ends when this sequence number is acknowledged. */
  roundEnd: number;
  lastMinUs = NEVER;
  currentMinUs = NEVER;
  samples = 0;
  /** The minimum that began CSS; NEVER in slow start. */
  baselineUs = NEVER;
  cssRounds = 0;

  constructor(roundEnd: number) {
    this.roundEnd = roundEnd;
  }

  get conservative(): boolean {
    return this.baselineUs !== NEVER;
  }

  /** An acknowledgment up to `ack` measured `rttUs` (0: nothing); `sndNxt` is where a round that begins now ends. True: enough. */
  acknowledged(ack: number, sndNxt: number, rttUs: number): boolean {
    if (rttUs > 0) {
      this.samples++;
      if (rttUs < this.currentMinUs) this.currentMinUs = rttUs;
      if (this.samples >= SAMPLES) this.judge();
    }
    const left = (this.roundEnd - ack) | 0;
    if (left > 0 && left <= ((sndNxt - ack) | 0)) return false; // further ahead is 2³¹ bytes ago
    this.roundEnd = sndNxt;
    this.lastMinUs = this.currentMinUs;
    this.currentMinUs = NEVER;
    this.samples = 0;
    return this.conservative && ++this.cssRounds === CSS_ROUNDS; // a round that was entered half-way counts
  }

  /** §4.2, with enough samples in this round. */
  private judge(): void {
    if (this.conservative) {
      if (this.currentMinUs < this.baselineUs) this.baselineUs = NEVER; // it was jitter
      return;
    }
    if (this.lastMinUs === NEVER) return;
    const eighth = this.lastMinUs >> MIN_RTT_DIVISOR_SHIFT;
    const threshold = Math.max(MIN_RTT_THRESHOLD_US, Math.min(eighth, MAX_RTT_THRESHOLD_US));
    if (this.currentMinUs < this.lastMinUs + threshold) return;
    this.baselineUs = this.currentMinUs;
    this.cssRounds = 0;
  }
}

/**
 * Opens the window by what was acknowledged (RFC 5681 §3.1 (2)), by at most L segments (RFC 3465 §2.2): RFC 9406's 8 where
 * nothing is paced; 1 while the cumulative acknowledgment may jump over what a timeout resent for nothing (§2.3).
 */
export function slowStart(c: Connection, ackedBytes: number, rttUs: number): void {
  const config = c.stack.config;
  const afterTimeout = c.rtxSlowStart && ((c.sndUna - ackedBytes - c.recover) | 0) < 0;
  if (!afterTimeout) c.rtxSlowStart = false;
  const limit = afterTimeout ? c.mss : c.mss * config.slowStartLimitSegments;
  let growth = ackedBytes < limit ? ackedBytes : limit;
  let enough = false;
  if (config.hystart && c.ssthresh >= config.maxCwndBytes) {
    if (c.hystart === null) c.hystart = new HyStart(c.sndNxt);
    if (c.hystart.conservative) growth >>= CSS_GROWTH_SHIFT;
    enough = c.hystart.acknowledged(c.sndUna, c.sndNxt, rttUs);
  }
  c.cwnd = (c.cwnd + growth) | 0;
  if (enough) leaveSlowStart(c);
}

function leaveSlowStart(c: Connection): void {
  c.ssthresh = c.cwnd;
  c.hystart = null;
  const { observer } = c.stack;
  if (observer !== null) observer.congestionChanged(c, 'slow-start-left');
}
