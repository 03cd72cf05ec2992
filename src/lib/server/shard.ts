/**
 * A shard: the part of the keyspace that one worker thread owns, and the loop that serves it.
 *
 *     ┌──────────────────────────────── one turn ─────────────────────────────────┐
 *     │ burst in ─▶ TCP ─▶ sessions ─▶ batch ─▶ execute ─▶ replies ─▶ TCP ─▶ kick │─▶ timers ─▶ spin, then sleep
 *     └───────────────────────────────────────────────────────────────────────────┘
 *
 * The loop is plain and synchronous and never returns to the Node event loop: the main thread reaches it through `control`
 * (shared words) and an eventfd that ends its sleep.
 *
 * Before it sleeps it may spin. That halves the latency of a peer who waits alone, but when many peers are at it, sleeping is
 * better for all: what arrives meanwhile is served in one turn. So it spins only while commands come far apart, and only as
 * long as spinning has paid lately.
 */
import type { Clock } from '../clock.ts';
import { CLIENT_PAUSED } from '../engine/client.ts';
import { expireCycle } from '../engine/expire-cycle.ts';
import type { Recorder } from '../trace/recorder.ts';
import type { ServerContext } from './context.ts';
import type { Dispatcher } from './dispatch.ts';
import { interrupt } from './interruption.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';
import type { Transport } from './transport.ts';

/** Words of the control block. */
export const CONTROL_STOP = 0;
/** The switch of the trace's recorder: trace/recorder.ts. */
export const CONTROL_TRACE = 1;
export const CONTROL_WORDS = 4;
/** Values of CONTROL_STOP. */
export const STOP_GRACEFUL = 1;
export const STOP_NOW = 2;

/** A graceful stop waits this long for peers to take their last bytes. */
const DRAIN_US = 3_000_000;
/** A peer who has taken everything and says nothing for so long has nothing more to come: a redis-cli at its prompt. */
const QUIET_US = 100_000;
/**
 * Records that are expired, and freed from cleared databases, at most in one millisecond. The budget doubles while work is left, so
 * that a million keys that expire together cost others 0.1 to 0.2 ms in each millisecond, for two seconds. An idle turn
 * may always spend all of it.
 */
const RECLAIM_MIN = 64;
const RECLAIM_MAX = 512;
const US_PER_MS = 1000;
/** Time between two turns inside a script that runs for too long, and how often what arrives is looked for in one of them. */
const INSIDE_GAP_US = 10_000;
const INSIDE_ROUNDS = 16;
/** Commands that come closer together than this are worth waiting for (measured: 50 clients, unpipelined, come 9 µs apart). */
const LONELY_GAP_US = 15;
/** The average gap remembers about this many turns, as a power of two. */
const GAP_SHIFT = 3;

export interface ShardParts {
  index: number;
  clock: Clock;
  context: ServerContext;
  dispatcher: Dispatcher;
  sessions: Sessions;
  transport: Transport;
  control: Int32Array;
  wakeFd: number;
  spinUs: number;
  /** Is told at each cron to look at CONTROL_TRACE; null when there is nothing to trace. */
  recorder: Recorder | null;
}

export class Shard {
  readonly index: number;
  private readonly clock: Clock;
  private readonly context: ServerContext;
  private readonly dispatcher: Dispatcher;
  private readonly sessions: Sessions;
  private readonly transport: Transport;
  private readonly control: Int32Array;
  private readonly wakeFd: number;
  private readonly recorder: Recorder | null;
  private readonly maxSpinUs: number;
  /** How long to spin before sleeping: grows when a spin caught something, shrinks when it didn't. */
  private spinUs: number;
  /** Average time between commands. */
  private gapUs = LONELY_GAP_US;
  private nextCronUs = 0;
  private lastReclaimMs = 0;
  private nextInsideUs = 0;
  /** More than the minimum: the last millisecond left work over. */
  private reclaimBudget = RECLAIM_MIN;

  constructor(parts: ShardParts) {
    this.index = parts.index;
    this.clock = parts.clock;
    this.context = parts.context;
    this.dispatcher = parts.dispatcher;
    this.sessions = parts.sessions;
    this.transport = parts.transport;
    this.control = parts.control;
    this.wakeFd = parts.wakeFd;
    this.recorder = parts.recorder;
    this.maxSpinUs = parts.spinUs;
    this.spinUs = parts.spinUs;
    this.context.stopRequest = () => Atomics.load(this.control, CONTROL_STOP);
    this.context.busyTurn = () => this.turnInside();
  }

  /** Serves until told to stop; then lets the peers take what was promised to them, and closes the transport. */
  run(): void {
    const { clock, transport, control } = this;
    const { stats, engine } = this.context;
    let busySinceUs = 0;
    let lastBusyUs = clock.nowUs();
    for (;;) {
      const nowUs = clock.nowUs();
      if (busySinceUs > 0) stats.turnsUs += nowUs - busySinceUs;
      this.tick(nowUs);
      stats.turns++;
      const before = engine.stats.commandsProcessed;
      const busy = transport.turn(nowUs);
      busySinceUs = busy ? nowUs : 0;
      if (Atomics.load(control, CONTROL_STOP) !== 0) break;
      if (busy) {
        this.noteGap(nowUs - lastBusyUs, engine.stats.commandsProcessed - before);
        lastBusyUs = nowUs;
        continue;
      }
      if (this.reclaimBudget > RECLAIM_MIN && this.reclaim(RECLAIM_MAX)) continue;
      if (this.spin(nowUs)) continue;
      const sleepUs = this.sleepUs(clock.nowUs());
      if (sleepUs > 0) transport.wait(this.wakeFd, sleepUs);
    }
    this.drain();
  }

  /** While a script runs for too long: takes what arrives and answers it, now and then. */
  private turnInside(): void {
    const { clock, context, transport } = this;
    if (clock.nowUs() < this.nextInsideUs) return;
    interrupt(context, this.dispatcher, () => {
      for (let i = 0; i < INSIDE_ROUNDS && transport.turnInside(clock.nowUs()); i++) context.stats.turns++;
    });
    this.nextInsideUs = clock.nowUs() + INSIDE_GAP_US;
  }

  private noteGap(elapsedUs: number, commands: number): void {
    const gap = commands > 1 ? elapsedUs / commands : elapsedUs;
    this.gapUs += ((gap < this.maxSpinUs ? gap : this.maxSpinUs) - this.gapUs) / (1 << GAP_SHIFT);
  }

  /** Looks for arrivals without a system call for as long as that has paid lately; true when something is there. */
  private spin(fromUs: number): boolean {
    if (this.gapUs < LONELY_GAP_US || this.maxSpinUs === 0) return false;
    const { clock, transport } = this;
    const untilUs = Math.min(fromUs + this.spinUs, transport.nextDeadlineUs(), this.nextCronUs);
    do {
      if (transport.pending()) {
        this.spinUs = Math.min(this.maxSpinUs, this.spinUs * 2);
        return true;
      }
    } while (clock.nowUs() < untilUs);
    this.spinUs = Math.max(1, this.spinUs >> 1);
    return false;
  }

  /** Time, expiry and the periodic work. */
  private tick(nowUs: number): void {
    const context = this.context;
    const engine = context.engine;
    const nowMs = this.clock.wallMs();
    engine.nowMs = nowMs;
    if (nowMs !== this.lastReclaimMs) {
      this.lastReclaimMs = nowMs;
      context.housekeeping.step();
      const left = this.reclaim(this.reclaimBudget);
      this.reclaimBudget = left ? Math.min(RECLAIM_MAX, this.reclaimBudget * 2) : RECLAIM_MIN;
      const { blocked } = context;
      if (blocked.count > 0) {
        blocked.serve(); // keys that expired may be waited for
        blocked.expire(nowMs);
      }
    }
    if (context.pausedUntilMs !== 0 && nowMs >= context.pausedUntilMs) this.resumePaused();
    if (nowUs >= this.nextCronUs) {
      this.nextCronUs = nowUs + Math.floor((1000 * US_PER_MS) / context.config.hz);
      context.cron(nowMs);
      this.recorder?.obey(this.control, CONTROL_TRACE);
      for (const client of context.clients.all()) this.sessions.trim(client.stream.owner as Session);
    }
  }

  /** CLIENT UNPAUSE: those who wait go on in the next turn. */
  resumePausedSoon(): void {
    this.context.pausedUntilMs = 1;
  }

  /** CLIENT PAUSE is over: everybody who waited goes on, in the order in which the clients came. */
  private resumePaused(): void {
    const context = this.context;
    context.pausedUntilMs = 0;
    context.pauseWritesOnly = false;
    for (const client of context.clients.all()) {
      const session = client.stream.owner as Session | null;
      if (session !== null && (session.flags & CLIENT_PAUSED) !== 0) this.sessions.resume(session);
    }
    this.sessions.flush();
  }

  /** Removes expired keys, what hung from removed ones, and records of cleared databases, at most `budget` of each; true when more are left. */
  private reclaim(budget: number): boolean {
    const { engine } = this.context;
    const startUs = this.context.config.latencyMonitorMs > 0 ? this.clock.nowUs() : -1;
    const left = engine.activeExpire && expireCycle(engine, engine.nowMs, budget);
    if (startUs >= 0) this.context.noteLatency('expire-cycle', this.clock.nowUs() - startUs);
    if (engine.values.reaper.step(budget)) return true;
    for (const database of engine.databases) if (database.freeStep(budget)) return true;
    return left;
  }

  private sleepUs(nowUs: number): number {
    const due = Math.min(this.transport.nextDeadlineUs(), this.nextCronUs);
    const sleepUs = Math.max(0, Math.ceil(due - nowUs));
    const { blocked } = this.context;
    if (blocked.deadlineCount === 0) return sleepUs;
    const waitUs = (blocked.nextDeadlineMs - this.clock.wallMs()) * US_PER_MS;
    return Math.max(0, Math.min(sleepUs, waitUs));
  }

  /** Every stream is ended after its last reply; who doesn't take it in time is reset. */
  private drain(): void {
    const { clock, transport, control, context } = this;
    transport.stopListening();
    for (const client of context.clients.all()) this.sessions.finish(client.stream.owner as Session);
    const untilUs = clock.nowUs() + DRAIN_US;
    let quietSinceUs = clock.nowUs();
    for (;;) {
      const nowUs = clock.nowUs();
      const busy = transport.turn(nowUs);
      if (busy) quietSinceUs = nowUs;
      if (transport.openStreams() === 0 || nowUs >= untilUs) break;
      if (nowUs - quietSinceUs >= QUIET_US && transport.unfinishedStreams() === 0) break;
      if (Atomics.load(control, CONTROL_STOP) === STOP_NOW) break;
      if (!busy) transport.wait(this.wakeFd, Math.min(20 * US_PER_MS, Math.max(1, this.sleepUs(nowUs))));
    }
    transport.close();
  }
}
