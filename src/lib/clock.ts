/**
 * Time, injected: nobody below server/ reads the real clock. The monotonic clock drives protocols and timers, the wall clock
 * is what expiry and users see.
 */
import { performance } from 'node:perf_hooks'; // the global of that name is a getter: 3 % of the loop's time (measured)

export interface Clock {
  /** Monotonic, in microseconds, integer. */
  nowUs(): number;
  /** Milliseconds since 1970, integer. */
  wallMs(): number;
}

/** The machine's clocks. */
export const systemClock: Clock = {
  nowUs: () => Math.floor(performance.now() * 1000),
  wallMs: () => Date.now(),
};

/** A clock that moves when told. */
export class VirtualClock implements Clock {
  us = 0;
  readonly epochMs: number;

  constructor(epochMs = 1_700_000_000_000) {
    this.epochMs = epochMs;
  }

  nowUs(): number {
    return this.us;
  }

  wallMs(): number {
    return this.epochMs + Math.floor(this.us / 1000);
  }

  advance(us: number): void {
    this.us += us;
  }
}
