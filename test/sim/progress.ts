/** How far a batch is: one line on stderr that rewrites itself on a terminal, a line now and then elsewhere; and the summary. */
import type { Tally } from './batch.ts';

const TERMINAL_INTERVAL_MS = 200;
const LOG_INTERVAL_MS = 10_000;
/** Of the stacks' counters, those that say what the worlds were like. */
const TOLD = [
  'retransmitted',
  'timeoutsFired',
  'fastRetransmits',
  'zeroWindowProbes',
  'resetsIn',
  'timeouts',
  'timeWaitReused',
];

export class Progress {
  private readonly worlds: number;
  private readonly limitMs: number;
  private readonly startedMs = performance.now();
  private shownMs = 0;

  constructor(worlds: number, limitMs: number) {
    this.worlds = worlds;
    this.limitMs = limitMs;
  }

  get isTimeOver(): boolean {
    return performance.now() - this.startedMs > this.limitMs;
  }

  show(tally: Tally): void {
    const nowMs = performance.now();
    const { isTTY } = process.stderr;
    if (nowMs - this.shownMs < (isTTY ? TERMINAL_INTERVAL_MS : LOG_INTERVAL_MS)) return;
    this.shownMs = nowMs;
    const elapsedMs = nowMs - this.startedMs;
    const leftMs = Math.min((elapsedMs * (this.worlds - tally.worlds)) / tally.worlds, this.limitMs - elapsedMs);
    const line =
      `${tally.worlds} worlds, ${perSecond(tally.worlds, elapsedMs)} worlds/s, ` +
      `${perSecond(tally.connectionSeconds, elapsedMs)} connection-seconds/s, ${tally.failures.length} failed, ` +
      `${duration(leftMs)} left`;
    process.stderr.write(isTTY ? `\r\x1b[K${line}` : `${line}\n`);
  }

  finish(tally: Tally): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
    const elapsedMs = performance.now() - this.startedMs;
    const told = TOLD.map((name) => `${name} ${count(tally.counters[name] ?? 0)}`).join(', ');
    process.stdout.write(
      `${count(tally.worlds)} worlds in ${duration(elapsedMs)}: ${tally.failures.length} failed\n` +
        `${count(tally.connections)} connections, ${count(tally.frames)} frames, ${count(tally.events)} events, ` +
        `${count(tally.transitions)} state transitions, ${duration(1000 * tally.virtualSeconds)} of their time\n` +
        `${perSecond(tally.connectionSeconds, elapsedMs)} connection-seconds/s, ${perSecond(tally.events, elapsedMs)} events/s, ` +
        `hash of all ${(tally.hash >>> 0).toString(16).padStart(8, '0')}\n${told}\n`,
    );
  }
}

function count(n: number): string {
  return Math.round(n).toLocaleString('en');
}

function perSecond(n: number, elapsedMs: number): string {
  return count((1000 * n) / Math.max(1, elapsedMs));
}

function duration(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${count(seconds / 86_400)} days`;
}
