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
  CLIENT_MULTI,
  CLIENT_REPLY_SKIP,
  CLIENT_REPLY_SKIP_NEXT,
} from '../engine/client.ts';
import {
  COMMAND_BLOCKING,
  COMMAND_WRITE,
  commandFirstKey,
  commands,
  findCommand,
  lookup,
} from '../engine/command-table.ts';
import type { Engine } from '../engine/engine.ts';
import { MemberPrefetch } from '../engine/prefetch-members.ts';
import type { CommandBatch } from '../resp/batch.ts';
import type { ServerContext } from './context.ts';
import type { KeptCommands } from './kept-commands.ts';
import { type CommandRunner, SHARED_TIMING_MIN_US } from './run-command.ts';
import type { Session } from './session.ts';

/** Commands after which the rest of the connection's bytes may mean something else, or may not run yet. */
const BARRIER_GROUPS = ['connection', 'server', 'transactions', 'pubsub', 'scripting'];
/** Of those groups, what changes nothing about its client. */
const NO_BARRIER = ['ping', 'echo', 'dbsize', 'time', 'lastsave'];
const EXEC = findCommand('exec')?.id;

export class Dispatcher {
  /** A batch is being executed: a connection that closes meanwhile (CLIENT KILL, an output limit) must not begin it again. */
  executing = false;
  private readonly engine: Engine;
  private readonly members: MemberPrefetch;
  private readonly batch: CommandBatch;
  private readonly context: ServerContext;
  private readonly clock: Clock;
  private readonly runner: CommandRunner;
  private readonly barrier: Uint8Array;
  private readonly constantTime: Uint8Array;

  constructor(engine: Engine, context: ServerContext, clock: Clock, runner: CommandRunner) {
    this.engine = engine;
    this.members = new MemberPrefetch(engine);
    this.batch = engine.batch;
    this.context = context;
    this.clock = clock;
    this.runner = runner;
    this.barrier = Uint8Array.from(commands, ({ spec, flags }) => {
      const changesClient = BARRIER_GROUPS.includes(spec.group) && !NO_BARRIER.includes(spec.name);
      return changesClient || (flags & COMMAND_BLOCKING) !== 0 ? 1 : 0;
    });
    this.constantTime = runner.constantTime;
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

  /** Does the command that the client sends run scripts, now? */
  runsScripts(session: Session, id: number): boolean {
    if (id === EXEC) return session.transaction?.runsScripts === true;
    return this.runner.isScript[id] === 1 && (session.flags & CLIENT_MULTI) === 0;
  }

  /** Must the command in place `i` wait for the end of CLIENT PAUSE? */
  paused(session: Session, i: number): boolean {
    const { batch, context, engine, runner } = this;
    const id = batch.id[i];
    if (id < 0 || !session.authenticated) return false;
    if (!context.pauseWritesOnly) return true;
    engine.argOffset = batch.argOffset;
    engine.argLength = batch.argLength;
    const inside = id === EXEC && session.transaction !== null ? session.transaction.flags : 0;
    const { flags } = context.commandAt(id, batch.first[i], batch.argc[i]);
    return ((flags | inside) & COMMAND_WRITE) !== 0 || runner.mayReplicate[id] === 1;
  }

  /** Runs the batch and empties it. */
  execute(): void {
    const { batch, engine, clock } = this;
    const { config } = this.context;
    const n = batch.count;
    if (this.context.interrupted !== null) {
      this.executeInside(n);
      return;
    }
    this.executing = true;
    engine.argOffset = batch.argOffset;
    engine.argLength = batch.argLength;
    engine.accessClock = engine.evictor.newStamp(engine.nowMs);
    if (n > 1 && engine.db.worthPrefetching) engine.db.prefetch(batch.hash, n);
    if (n > 1) this.members.run(batch);
    const slowlogged = config.slowlogThresholdUs >= 0 && config.slowlogThresholdUs < SHARED_TIMING_MIN_US;
    const each = slowlogged || config.latencyMonitorMs > 0;
    const startUs = clock.nowUs();
    let current: Session | null = null;
    let apart = 0; // time that commands of their own timing took
    let shared = 0;
    for (let i = 0; i < n; i++) {
      const session = batch.owner[i] as Session;
      if ((session.flags & (CLIENT_CLOSING | CLIENT_CLOSE_AFTER_REPLY)) !== 0) continue;
      if (session !== current) {
        if (current !== null) this.runner.leave(current);
        current = session;
        this.runner.enter(session);
      }
      const id = batch.id[i];
      if (each || id < 0 || this.constantTime[id] === 0) apart += this.runTimed(session, i);
      else {
        this.run(session, i);
        shared++;
      }
    }
    if (current !== null) this.runner.leave(current);
    if (shared > 0) this.account(n, Math.max(0, clock.nowUs() - startUs - apart) / shared);
    batch.clear();
    this.executing = false;
  }

  /** Runs the batch while a script is interrupted. */
  private executeInside(n: number): void {
    const { batch, engine } = this;
    this.executing = true;
    engine.argOffset = batch.argOffset;
    engine.argLength = batch.argLength;
    for (let i = 0; i < n; i++) {
      this.runAlone(batch.owner[i] as Session, batch.id[i], batch.first[i], batch.argc[i], batch.hash[i]);
    }
    batch.clear();
    this.executing = false;
  }

  /** Runs a script that has waited for the end of the turn. */
  executeKept(session: Session, commands: KeptCommands, i: number): void {
    const { engine } = this;
    this.executing = true;
    engine.accessClock = engine.evictor.newStamp(engine.nowMs);
    const arg = commands.place(engine, i);
    this.runAlone(session, commands.ids[i], arg, commands.argc(i), commands.hashes[i]);
    commands.unplace(engine, arg);
    this.executing = false;
  }

  private runAlone(session: Session, id: number, arg: number, argc: number, hash: number): void {
    const { clock, runner } = this;
    if ((session.flags & (CLIENT_CLOSING | CLIENT_CLOSE_AFTER_REPLY)) !== 0) return;
    runner.enter(session);
    const startUs = clock.nowUs();
    runner.startedUs = startUs;
    const inside = this.context.interrupted !== null;
    const ran = inside ? runner.runInside(session, id, arg, argc, hash) : runner.run(session, id, arg, argc, hash);
    if (ran) runner.account(id, arg, argc, clock.nowUs() - startUs);
    if ((session.flags & (CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT)) !== 0) runner.skip(session);
    runner.leave(session);
  }

  /** Runs one command with a clock of its own; returns its duration in µs. */
  private runTimed(session: Session, i: number): number {
    const { batch, clock } = this;
    const startUs = clock.nowUs();
    const ran = this.run(session, i);
    const us = clock.nowUs() - startUs;
    if (ran) this.runner.account(batch.id[i], batch.first[i], batch.argc[i], us);
    return us;
  }

  private run(session: Session, i: number): boolean {
    const { batch } = this;
    const ran = this.runner.run(session, batch.id[i], batch.first[i], batch.argc[i], batch.hash[i]);
    if ((session.flags & (CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT)) !== 0) this.runner.skip(session);
    return ran;
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
