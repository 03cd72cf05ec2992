/**
 * What took long enough to be remembered (latency-monitor-threshold): for each kind of event the last 160 seconds in which it
 * happened, each with the worst of that second.
 *
 *   command ─▶ │ 12:00:01 7 ms │ 12:00:05 31 ms │ … 160 at most │    all time high 31 ms
 */
const SAMPLES = 160;

export interface LatencySample {
  /** Seconds since 1970. */
  readonly seconds: number;
  ms: number;
}

export interface LatencyHistory {
  /** Oldest first. */
  readonly samples: LatencySample[];
  maxMs: number;
}

/** `command` and `fast-command` are what clients waited for; the others are the server's own work between commands. */
export type LatencyEvent = 'command' | 'fast-command' | 'expire-cycle' | 'eviction-cycle' | 'active-defrag-cycle';

export class LatencyMonitor {
  readonly events = new Map<string, LatencyHistory>();

  /** An event took `ms`, at or above the threshold. */
  add(event: LatencyEvent, ms: number, nowMs: number): void {
    const seconds = Math.floor(nowMs / 1000);
    let history = this.events.get(event);
    if (history === undefined) {
      history = { samples: [], maxMs: 0 };
      this.events.set(event, history);
    }
    history.maxMs = Math.max(history.maxMs, ms);
    const last = history.samples.at(-1);
    if (last !== undefined && last.seconds === seconds) {
      last.ms = Math.max(last.ms, ms);
      return;
    }
    history.samples.push({ seconds, ms });
    if (history.samples.length > SAMPLES) history.samples.shift();
  }

  /** Forgets an event; false when nothing was known of it. */
  reset(event: string): boolean {
    return this.events.delete(event);
  }
}
