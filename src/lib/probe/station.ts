/**
 * A small network tool is a station: it takes frames, sends frames when told the time, and says when it wants to be asked
 * again. It does no I/O itself, so the same station runs on an interface and on a simulated wire; `runStation` is the loop
 * for the former.
 *
 *   link.receive ─▶ input × n ─▶ output(now) ─▶ link.flush ─▶ link.wait(until nextDeadlineUs) ─┐
 *        ▲─────────────────────────────────────────────────────────────────────────────────────┘
 */
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Link } from '../link/link.ts';

export interface Station {
  /** Monotonic microseconds, set by the loop before it feeds frames. */
  nowUs: number;
  /** Nothing more is to be sent or waited for. */
  readonly finished: boolean;
  /** A received frame; valid during the call. */
  input(frame: number, length: number, rxFlags: number): void;
  /** Queues what is due for the link's next flush. */
  output(nowUs: number): void;
  /** Infinity: only a frame can make a difference. */
  nextDeadlineUs(): number;
}

/** Longest time in one go, sleep included: a signal is noticed between two. */
const SLICE_US = 20_000;

/** Runs the station until it has finished or the signal aborts. */
export async function runStation(station: Station, link: Link, clock: Clock, signal: AbortSignal): Promise<void> {
  let sliceEndUs = 0;
  while (!station.finished && !signal.aborted) {
    const frames = link.receive();
    station.nowUs = clock.nowUs();
    for (let i = 0; i < frames; i++) station.input(link.rxOffset[i], link.rxLength[i], link.rxFlags[i]);
    link.release();
    station.output(clock.nowUs());
    link.flush();
    if (station.finished) return;
    const nowUs = clock.nowUs();
    if (nowUs >= sliceEndUs) {
      await turn();
      sliceEndUs = clock.nowUs() + SLICE_US;
    } else if (!link.pending()) {
      const untilUs = Math.min(station.nextDeadlineUs(), sliceEndUs);
      if (untilUs > nowUs) link.wait(-1, untilUs - nowUs);
    }
  }
}
