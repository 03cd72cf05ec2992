/**
 * The time of day in microseconds, made of a millisecond wall clock and a microsecond monotonic one: it never runs backwards
 * within a millisecond, and follows when the wall clock is set.
 */
import type { Clock } from '../clock.ts';

const US_PER_MS = 1000;
/** The clocks may drift apart this far before the monotonic one is anchored anew. */
const TOLERANCE_MS = 2;

export class WallClock {
  private readonly clock: Clock;
  private anchorWallUs: number;
  private anchorUs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.anchorWallUs = clock.wallMs() * US_PER_MS;
    this.anchorUs = clock.nowUs();
  }

  /** Microseconds since 1970. */
  nowUs(): number {
    const wallMs = this.clock.wallMs();
    const us = this.anchorWallUs + (this.clock.nowUs() - this.anchorUs);
    if (Math.abs(us / US_PER_MS - wallMs) <= TOLERANCE_MS) return us;
    this.anchorWallUs = wallMs * US_PER_MS;
    this.anchorUs = this.clock.nowUs();
    return this.anchorWallUs;
  }
}
