/**
 * The batch, executed: hashes are there already, so first every command's slot is touched, then every record, and only then
 * the commands run in order, by which time their cache lines have arrived.
 *
 *   identify (at parse)  id, hash of the first key
 *   execute              touch slots ─▶ touch records ─▶ for each: checks, handler, accounting ─▶ flush request
 *
 * The clock is read twice for a batch, not twice for a command: commands that work in constant time share its duration, and
 * only the others (and all of them when the slow log wants short times) are timed one by one.
 */
import type { Clock } from '../clock.ts';
import {
  CLIENT_CLOSE_AFTER_REPLY,
  CLIENT_CLOSING,
  CLIENT_REPLY_OFF,
  CLIENT_REPLY_SKIP,
  CLIENT_REPLY_SKIP_NEXT,
} from '../engine/client.ts';
import {
  COMMAND_CONTAINER,
  COMMAND_DENY_OOM,
  COMMAND_NO_AUTH,
  COMMAND_WRITE,
  commandFirstKey,
  commandFlags,
  commands,
  lookup,
} from '../engine/command-table.ts';
import { admits, bind, type HandlerFamily } from '../engine/dispatch-table.ts';
import type { Engine, Handler } from '../engine/engine.ts';
import type { CommandBatch } from '../resp/batch.ts';
import { ACCESS_MASK } from '../store/record.ts';
import type { ServerContext } from './context.ts';
import type { Session } from './session.ts';

/** Commands after which the rest of the connection's bytes may mean something else, or may not run yet. */
const BARRIER_GROUPS = ['connection', 'server', 'transactions', 'pubsub', 'scripting'];
/** Of those groups, what changes nothing about its client. */
const NO_BARRIER = ['ping', 'echo', 'dbsize', 'time', 'lastsave'];
/** With a slow-log threshold below this, every command is timed alone. */
const SHARED_TIMING_MIN_US = 1000;
const MS_PER_SECOND = 1000;

export class Dispatcher {
  /** A batch is being executed: a connection that closes meanwhile (CLIENT KILL, an output limit) must not begin it again. */
  executing = false;
  private readonly engine: Engine;
  private readonly batch: CommandBatch;
  private readonly context: ServerContext;
  private readonly clock: Clock;
  private readonly handlers: Handler[];
  private readonly barrier: Uint8Array;
  private readonly constantTime: Uint8Array;

  constructor(engine: Engine, context: ServerContext, clock: Clock, families: readonly HandlerFamily[]) {
    this.engine = engine;
    this.batch = engine.batch;
    this.context = context;
    this.clock = clock;
    this.handlers = bind(families);
    this.barrier = Uint8Array.from(commands, ({ spec }) =>
      BARRIER_GROUPS.includes(spec.group) && !NO_BARRIER.includes(spec.name) ? 1 : 0,
    );
    this.constantTime = Uint8Array.from(commands, ({ spec, flags }) =>
      spec.complexity?.startsWith('O(1)') && (flags & COMMAND_CONTAINER) === 0 ? 1 : 0,
    );
  }

  /** Looks up the command that was parsed into place `i` of the batch, and hashes its first key. Returns its id or -1. */
  identify(i: number): number {
    const batch = this.batch;
    const first = batch.first[i];
    const memory = this.engine.memory;
    const id = lookup(memory, batch.argOffset[first], batch.argLength[first]);
    batch.id[i] = id;
    if (id >= 0) {
      const key = commandFirstKey[id];
      if (key > 0 && key < batch.argc[i]) {
        batch.hash[i] = this.engine.db.hash(batch.argOffset[first + key], batch.argLength[first + key]);
      }
    }
    return id;
  }

  isBarrier(id: number): boolean {
    return id >= 0 && this.barrier[id] === 1;
  }

  /** Must the command wait for the end of CLIENT PAUSE? */
  paused(session: Session, id: number): boolean {
    if (id < 0 || !session.authenticated) return false;
    return !this.context.pauseWritesOnly || (commandFlags[id] & COMMAND_WRITE) !== 0;
  }

  /** Runs the batch and empties it. */
  execute(): void {
    const { batch, engine, clock } = this;
    const { config } = this.context;
    const n = batch.count;
    this.executing = true;
    engine.argOffset = batch.argOffset;
    engine.argLength = batch.argLength;
    engine.accessClock = (engine.nowMs / MS_PER_SECOND) & ACCESS_MASK;
    if (n > 1 && engine.db.worthPrefetching) engine.db.prefetch(batch.hash, n);
    const each = config.slowlogThresholdUs >= 0 && config.slowlogThresholdUs < SHARED_TIMING_MIN_US;
    const startUs = clock.nowUs();
    let current: Session | null = null;
    let apart = 0; // time that commands of their own timing took
    let shared = 0;
    for (let i = 0; i < n; i++) {
      const session = batch.owner[i] as Session;
      if ((session.flags & (CLIENT_CLOSING | CLIENT_CLOSE_AFTER_REPLY)) !== 0) continue;
      if (session !== current) {
        if (current !== null) this.leave(current);
        current = session;
        this.enter(session);
      }
      const id = batch.id[i];
      if (each || id < 0 || this.constantTime[id] === 0) apart += this.runTimed(session, i);
      else {
        this.run(session, i);
        shared++;
      }
    }
    if (current !== null) this.leave(current);
    if (shared > 0) this.account(n, Math.max(0, clock.nowUs() - startUs - apart) / shared);
    batch.clear();
    this.executing = false;
  }

  private enter(session: Session): void {
    const engine = this.engine;
    engine.client = session;
    engine.db = engine.databases[session.database];
    const muted = (session.flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP)) !== 0;
    engine.reply.begin(session.stream.queue, session.protocol, muted);
  }

  /** The session's replies are complete: they are sent at the end of the turn, within what its output buffer may hold. */
  private leave(session: Session): void {
    const { engine, context } = this;
    if ((session.flags & CLIENT_CLOSING) !== 0) {
      engine.reply.abandon(); // closed by its own command: the queue is gone
      return;
    }
    engine.reply.finish();
    context.stats.writes++;
    session.lastCommandMs = engine.nowMs;
    session.stream.requestFlush();
    const queue = session.stream.queue;
    if (queue.overflowed || context.outputLimitReached(session, queue.totalBytes)) context.closeForOutput(session);
    else if ((session.flags & CLIENT_CLOSE_AFTER_REPLY) !== 0) session.stream.end();
  }

  /** Runs one command with a clock of its own; returns its duration in µs. */
  private runTimed(session: Session, i: number): number {
    const { batch, clock, context } = this;
    const id = batch.id[i];
    const startUs = clock.nowUs();
    const ran = this.run(session, i);
    const us = clock.nowUs() - startUs;
    if (ran) {
      const { commandStats, config } = context;
      const slot = context.statSlot(id, batch.first[i], batch.argc[i]);
      commandStats.micros[slot] += us;
      if (config.latencyTracking) commandStats.recordLatency(slot, us * 1000);
      if (config.slowlogThresholdUs >= 0 && us >= config.slowlogThresholdUs) {
        context.slowlogAdd(batch.first[i], batch.argc[i], us);
      }
    }
    return us;
  }

  /** The checks in redis-server's order, then the handler. False when a check refused the command. */
  private run(session: Session, i: number): boolean {
    const { batch, engine, context } = this;
    const id = batch.id[i];
    const arg = batch.first[i];
    const argc = batch.argc[i];
    const reply = engine.reply;
    const errors = reply.errors;
    let ran = false;
    session.totalCommands++;
    if (!admits(engine, id, arg, argc)) this.reject(i);
    else if (!session.authenticated && (commandFlags[id] & COMMAND_NO_AUTH) === 0) {
      reply.error('NOAUTH Authentication required.');
      this.reject(i);
    } else if (context.outOfMemory && (commandFlags[id] & COMMAND_DENY_OOM) !== 0) {
      reply.error("OOM command not allowed when used memory > 'maxmemory'.");
      this.reject(i);
    } else {
      session.lastCommand = id;
      engine.keyHash = batch.hash[i];
      const slot = this.constantTime[id] === 1 ? id : context.statSlot(id, arg, argc);
      this.handlers[id](engine, arg, argc);
      if (context.monitoring) context.feedMonitors(arg, argc);
      ran = true;
      engine.stats.commandsProcessed++; // INFO does not count itself
      context.commandStats.calls[slot]++;
      if (reply.errors !== errors) context.failed(slot, reply.lastError);
    }
    if ((session.flags & (CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT)) !== 0) this.skip(session);
    return ran;
  }

  private reject(i: number): void {
    const { context, engine, batch } = this;
    const id = batch.id[i];
    const slot = id < 0 ? id : context.statSlot(id, batch.first[i], batch.argc[i]);
    context.rejected(slot, engine.reply.lastError);
  }

  /** CLIENT REPLY SKIP leaves out its own reply and the next one. */
  private skip(session: Session): void {
    const next = (session.flags & CLIENT_REPLY_SKIP_NEXT) !== 0;
    session.flags &= ~(CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT);
    if (next) session.flags |= CLIENT_REPLY_SKIP;
    this.engine.reply.mute((session.flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP)) !== 0);
  }

  /** Gives each constant-time command of the batch its share of the time; runs of one command are counted together. */
  private account(n: number, us: number): void {
    const { id } = this.batch;
    const { commandStats, config } = this.context;
    const tracked = config.latencyTracking;
    for (let i = 0; i < n; ) {
      const command = id[i];
      let end = i + 1;
      while (end < n && id[end] === command) end++;
      if (command >= 0 && this.constantTime[command] === 1) {
        commandStats.micros[command] += us * (end - i);
        if (tracked) commandStats.recordLatency(command, us * 1000, end - i);
      }
      i = end;
    }
  }
}
