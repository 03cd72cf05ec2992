/**
 * Many worlds, one after the other, in this process or spread over several: each takes the next stride of seeds when it is done
 * with one, so that a slow world holds up nobody else.
 *
 *   Batch ── stride of seeds ──▶ child process (run.ts --child) ── Tally of the stride ──▶ Batch
 */
import { type ChildProcess, fork } from 'node:child_process';
import { drawWorld } from './plan.ts';
import { World } from './world.ts';

/** Seeds of one stride: a few hundred milliseconds. */
const STRIDE = 50;

/** A stride that takes so long never ends. */
const HANG_MS = 120_000;
const HANG_SIGNAL = 'SIGKILL';

export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly message: string;
}

/** What a number of worlds came to. */
export interface Tally {
  worlds: number;
  events: number;
  frames: number;
  connections: number;
  connectionSeconds: number;
  virtualSeconds: number;
  transitions: number;
  /** Over all worlds' hashes, whatever their order. */
  hash: number;
  counters: Record<string, number>;
  failures: Failure[];
}

export function emptyTally(): Tally {
  return {
    worlds: 0,
    events: 0,
    frames: 0,
    connections: 0,
    connectionSeconds: 0,
    virtualSeconds: 0,
    transitions: 0,
    hash: 0,
    counters: {},
    failures: [],
  };
}

export function addTally(sum: Tally, more: Tally): void {
  sum.worlds += more.worlds;
  sum.events += more.events;
  sum.frames += more.frames;
  sum.connections += more.connections;
  sum.connectionSeconds += more.connectionSeconds;
  sum.virtualSeconds += more.virtualSeconds;
  sum.transitions += more.transitions;
  sum.hash = (sum.hash + more.hash) | 0;
  for (const [name, value] of Object.entries(more.counters)) sum.counters[name] = (sum.counters[name] ?? 0) + value;
  sum.failures.push(...more.failures);
}

/** Lives through the worlds of these seeds, in this process. */
export function runSeeds(seeds: readonly number[]): Tally {
  const tally = emptyTally();
  for (const seed of seeds) {
    const { hash, counters, violation, ...result } = new World(drawWorld(seed)).run();
    const failures = violation === null ? [] : [{ seed, rule: violation.rule, message: violation.message }];
    addTally(tally, { ...result, worlds: 1, hash: Math.imul(hash ^ seed, 0x9e37_79b1), counters, failures });
  }
  return tally;
}

export class Batch {
  readonly tally = emptyTally();
  private readonly worlds: number;
  private readonly seedAt: (i: number) => number;
  private next = 0;
  private stopped = false;
  private readonly progress: (tally: Tally) => void;

  /** The seeds are `seedAt(0)` up to `seedAt(worlds − 1)`; `progress` is called after each stride. */
  constructor(worlds: number, seedAt: (i: number) => number, progress: (tally: Tally) => void) {
    this.worlds = worlds;
    this.seedAt = seedAt;
    this.progress = progress;
  }

  /** No more strides are begun; those that run are finished. */
  stop(): void {
    this.stopped = true;
  }

  /** With one job everything happens here, between two looks at the event loop. */
  async run(jobs: number): Promise<Tally> {
    if (jobs > 1) {
      await Promise.all(Array.from({ length: jobs }, () => this.runChild()));
      return this.tally;
    }
    for (let stride = this.takeStride(); stride.length > 0; stride = this.takeStride()) {
      this.count(runSeeds(stride));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this.tally;
  }

  private takeStride(): readonly number[] {
    if (this.stopped) return [];
    const first = this.next;
    this.next = Math.min(this.worlds, first + STRIDE);
    return Array.from({ length: this.next - first }, (_, i) => this.seedAt(first + i));
  }

  private count(tally: Tally): void {
    addTally(this.tally, tally);
    this.progress(this.tally);
  }

  private runChild(): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = fork(new URL('run.ts', import.meta.url), ['--child']);
      let watchdog = this.feed(child);
      child.on('message', (tally: Tally) => {
        clearTimeout(watchdog);
        this.count(tally);
        watchdog = this.feed(child);
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        clearTimeout(watchdog);
        if (code === 0 || signal === HANG_SIGNAL) resolve();
        else reject(new Error(`a child process ended with ${code ?? signal}`));
      });
    });
  }

  /** Gives a child its next stride, and ends it if that hangs: a loop inside one event, which nothing in the world can see. */
  private feed(child: ChildProcess): NodeJS.Timeout | undefined {
    const stride = this.takeStride();
    if (stride.length === 0) {
      child.disconnect();
      return undefined;
    }
    child.send(stride);
    return setTimeout(() => {
      const [seed] = stride;
      const message = `one of --first ${seed} --seeds ${stride.length} does not come back`;
      this.count({ ...emptyTally(), failures: [{ seed, rule: 'hangs', message }] });
      child.kill(HANG_SIGNAL);
    }, HANG_MS);
  }
}

/** The child's side: a tally for each stride that is sent, until there are no more. Ctrl-C is the parent's business. */
export function serveStrides(): void {
  process.on('SIGINT', () => undefined);
  process.on('message', (seeds: number[]) => process.send?.(runSeeds(seeds)));
}
