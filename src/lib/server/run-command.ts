/**
 * One command, run: the checks in redis-server's order, then the handler, then what is counted and who else is told. Every
 * command passes here, whoever asks: a client's batch, a transaction, a script, a blocked client that is served.
 *
 *   run      a client's command: checks ─▶ call ─▶ clients that wait for what it changed
 *   call     the handler, MONITOR, statistics; of a command inside another one (EXEC, scripts) this is all
 *
 * Arguments are indexes into engine.argOffset: those of the batch, or placed behind them (KeptCommands.place).
 */
import type { Clock } from '../clock.ts';
import {
  CLIENT_BLOCKED,
  CLIENT_CLOSE_AFTER_REPLY,
  CLIENT_CLOSING,
  CLIENT_DIRTY_EXEC,
  CLIENT_MULTI,
  CLIENT_PUBSUB,
  CLIENT_REPLY_OFF,
  CLIENT_REPLY_SKIP,
  CLIENT_REPLY_SKIP_NEXT,
} from '../engine/client.ts';
import {
  COMMAND_ALLOW_BUSY,
  COMMAND_CONTAINER,
  COMMAND_DENY_OOM,
  COMMAND_FAST,
  COMMAND_NO_AUTH,
  COMMAND_NO_MULTI,
  COMMAND_SKIP_SLOWLOG,
  COMMAND_WRITE,
  commandFlags,
  commands,
  findCommand,
} from '../engine/command-table.ts';
import { admits, bind, EXEC_ABORT, type HandlerFamily } from '../engine/dispatch-table.ts';
import type { Engine, Handler } from '../engine/engine.ts';
import type { Reply } from '../resp/reply.ts';
import { leaveTransaction } from './commands/transactions.ts';
import type { ServerContext } from './context.ts';
import { INTEREST_BLOCKED, INTEREST_MONITORS, INTEREST_PUSHES, INTEREST_READY, INTEREST_TRACKING } from './interest.ts';
import type { KeptCommands } from './kept-commands.ts';
import type { Session } from './session.ts';
import type { Transaction } from './transaction.ts';

/** With a slow-log threshold below this, every command is timed alone (and when latency is monitored). */
export const SHARED_TIMING_MIN_US = 1000;
/** Of a script's commands that work in constant time, one of eight is timed; all while the last one took this long. */
const SAMPLE_MASK = 7;
const SAMPLED_BELOW_US = 50;
/** Clients to which not every command is open, or not now. */
const CLIENT_RESTRICTED = CLIENT_MULTI | CLIENT_PUBSUB;
const OUT_OF_MEMORY = "OOM command not allowed when used memory > 'maxmemory'.";
/** What is done when a client's command is complete. */
const INTEREST_AFTERWARDS = INTEREST_READY | INTEREST_PUSHES;
const EXEC = findCommand('exec')?.id;
/** What runs at once inside a transaction; the first four also when there is no memory to queue anything. */
const ENDS_TRANSACTION = ['exec', 'discard', 'quit', 'reset'];
const NEVER_QUEUED = ['multi', 'watch'];
/** What replicas would have to know of. */
const MAY_REPLICATE = ['publish', 'spublish', 'pfcount', 'eval', 'evalsha', 'fcall'];
/** What runs Lua, maybe for long. */
const SCRIPTS = ['eval', 'eval_ro', 'evalsha', 'evalsha_ro', 'fcall', 'fcall_ro'];
/** What a client may send that listens to channels in RESP2, where a message can't be told from a reply. */
const WHILE_SUBSCRIBED = [
  'ping',
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ssubscribe',
  'sunsubscribe',
  'quit',
  'reset',
];
const ONLY_WHILE_SUBSCRIBED =
  'only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context';

const named = (names: readonly string[]): Uint8Array =>
  Uint8Array.from(commands, ({ spec }) => (names.includes(spec.name) ? 1 : 0));

export class CommandRunner {
  /** The client whose commands run; null between clients. */
  current: Session | null = null;
  /** Where the arguments of the client's command that runs are, for those who keep it. */
  arg = 0;
  argc = 0;
  /** When the last command began that is timed alone, as every script is. */
  startedUs = 0;
  /** By id: 1 for commands whose time is shared out over a batch. */
  readonly constantTime: Uint8Array;
  /** By id: 1 for what CLIENT PAUSE WRITE holds back although it is no write. */
  readonly mayReplicate = named(MAY_REPLICATE);
  /** By id: 1 for what runs scripts. */
  readonly isScript = named(SCRIPTS);
  private readonly endsTransaction = named(ENDS_TRANSACTION);
  private readonly neverQueued = named(NEVER_QUEUED);
  private readonly whileSubscribed = named(WHILE_SUBSCRIBED);
  private readonly engine: Engine;
  private readonly context: ServerContext;
  private readonly clock: Clock;
  private readonly handlers: Handler[];
  /** By id: what the last one took that was timed in a script; -1 before the first. */
  private readonly lastUs = new Float64Array(commands.length).fill(-1);
  private samples = 0;
  /** A command that was kept runs again: MONITOR has shown it before. */
  private repeating = false;

  constructor(engine: Engine, context: ServerContext, clock: Clock, families: readonly HandlerFamily[]) {
    this.engine = engine;
    this.context = context;
    this.clock = clock;
    this.handlers = bind(families);
    this.constantTime = Uint8Array.from(commands, ({ spec, flags }) =>
      spec.complexity?.startsWith('O(1)') && (flags & COMMAND_CONTAINER) === 0 ? 1 : 0,
    );
  }

  /** The commands that follow are this client's. */
  enter(session: Session): void {
    const engine = this.engine;
    engine.client = session;
    this.current = session;
    engine.db = engine.databases[session.database];
    const muted = (session.flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP)) !== 0;
    engine.reply.begin(session.stream.queue, session.protocol, muted);
  }

  /** The session's replies are complete: they are sent at the end of the turn, within what its output buffer may hold. */
  leave(session: Session): void {
    const { engine, context } = this;
    this.current = null;
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
    else if ((session.flags & CLIENT_CLOSE_AFTER_REPLY) !== 0) {
      context.disengage(session); // behind the end there is no place for messages
      session.stream.end();
    }
  }

  /** The checks, then the command. False when it was refused, queued, or waits: then nothing of it is to be timed. */
  run(session: Session, id: number, arg: number, argc: number, hash: number): boolean {
    const { engine, context } = this;
    session.totalCommands++;
    if (!admits(engine, id, arg, argc)) return this.reject(session, id, arg, argc);
    const flags = commandFlags[id];
    if (!session.authenticated && (flags & COMMAND_NO_AUTH) === 0) {
      return this.refuse(session, id, arg, argc, 'NOAUTH Authentication required.');
    }
    if ((session.flags & CLIENT_RESTRICTED) !== 0) {
      if (!this.admitsNow(session, id, arg, argc, hash)) return false;
    } else if (context.overMemory && this.hasNoRoom(id, arg, argc)) {
      return this.refuse(session, id, arg, argc, OUT_OF_MEMORY);
    }
    session.lastCommand = id;
    this.arg = arg;
    this.argc = argc;
    const ran = this.call(id, arg, argc, hash);
    if ((context.interest & INTEREST_AFTERWARDS) !== 0) this.finish(session);
    return ran;
  }

  /**
   * As `run`, while the script of another client is interrupted: what is not allowed then is refused. Whom the script's changes
   * wake, and what its client is to be told, waits for the script's end.
   */
  runInside(session: Session, id: number, arg: number, argc: number, hash: number): boolean {
    const { engine } = this;
    session.totalCommands++;
    if (!admits(engine, id, arg, argc)) return this.reject(session, id, arg, argc);
    if (!session.authenticated && (commandFlags[id] & COMMAND_NO_AUTH) === 0) {
      return this.refuse(session, id, arg, argc, 'NOAUTH Authentication required.');
    }
    if (!this.admitsNow(session, id, arg, argc, hash)) return false;
    session.lastCommand = id;
    this.arg = arg;
    this.argc = argc;
    return this.call(id, arg, argc, hash);
  }

  /** Keys are to be evicted first; when that is in vain, a command that needs memory is to be refused. */
  private hasNoRoom(id: number, arg: number, argc: number): boolean {
    const { context } = this;
    return context.evictInVain() && (context.commandAt(id, arg, argc).flags & COMMAND_DENY_OOM) !== 0;
  }

  /** A client in a transaction, one that is subscribed, or inside a script: true when the command is to run now. */
  private admitsNow(session: Session, id: number, arg: number, argc: number, hash: number): boolean {
    const { context } = this;
    const { flags } = context.commandAt(id, arg, argc);
    const { transaction } = session;
    const endsIt = this.endsTransaction[id] === 1;
    if (transaction !== null && (flags & COMMAND_NO_MULTI) !== 0) {
      return this.refuse(session, id, arg, argc, 'ERR Command not allowed inside a transaction');
    }
    if (context.interrupted === null && context.overMemory && context.evictInVain()) {
      const inside = transaction === null ? 0 : transaction.flags;
      const denied = transaction !== null && !endsIt ? COMMAND_DENY_OOM : flags | (id === EXEC ? inside : 0);
      if ((denied & COMMAND_DENY_OOM) !== 0) return this.refuse(session, id, arg, argc, OUT_OF_MEMORY);
    }
    if ((session.flags & CLIENT_PUBSUB) !== 0 && session.protocol === 2 && this.whileSubscribed[id] === 0) {
      const error = `Can't execute '${context.commandAt(id, arg, argc).fullName}': ${ONLY_WHILE_SUBSCRIBED}`;
      return this.refuse(session, id, arg, argc, id === EXEC ? error : `ERR ${error}`);
    }
    if (context.interrupted !== null && (flags & COMMAND_ALLOW_BUSY) === 0) {
      return this.refuse(session, id, arg, argc, context.scripting.busyError as string);
    }
    if (transaction === null || endsIt || this.neverQueued[id] === 1) return true;
    this.queue(session, transaction, id, arg, argc, hash);
    return false;
  }

  private queue(session: Session, transaction: Transaction, id: number, arg: number, argc: number, hash: number): void {
    const { engine, context } = this;
    if (!transaction.commands.add(engine, id, hash, arg, argc)) {
      this.refuse(session, id, arg, argc, OUT_OF_MEMORY);
      return;
    }
    transaction.flags |= context.commandAt(id, arg, argc).flags;
    if (this.mayReplicate[id] === 1) transaction.flags |= COMMAND_WRITE;
    if (this.isScript[id] === 1) transaction.runsScripts = true;
    session.lastCommand = id;
    if (transaction.bytes > context.config.queryBufferLimit) context.closeForQuery(session);
    else engine.reply.simple('QUEUED');
  }

  /** The handler, and what is counted. False when the client waits now. */
  call(id: number, arg: number, argc: number, hash: number): boolean {
    const { engine, context } = this;
    const { reply } = engine;
    const errors = reply.errors;
    engine.keyHash = hash;
    const slot = this.constantTime[id] === 1 ? id : context.statSlot(id, arg, argc);
    this.handlers[id](engine, arg, argc);
    if (context.interest !== 0 && !this.attend(id, arg, argc)) return false;
    engine.stats.commandsProcessed++; // INFO does not count itself
    context.commandStats.calls[slot]++;
    if (reply.errors !== errors) context.failed(slot, reply.lastError);
    return true;
  }

  /** As call, with a clock of its own. */
  callTimed(id: number, arg: number, argc: number, hash: number): boolean {
    const startUs = this.clock.nowUs();
    this.startedUs = startUs;
    const ran = this.call(id, arg, argc, hash);
    if (ran) this.account(id, arg, argc, this.clock.nowUs() - startUs);
    return ran;
  }

  /**
   * As callTimed, for commands of scripts: of those that work in constant time most are taken to have lasted as long as the last
   * one that was timed (the clock is read twice in a tenth of such a command's time in a script).
   */
  callSampled(id: number, arg: number, argc: number, hash: number): boolean {
    const { commandStats, config } = this.context;
    const { lastUs } = this;
    const us = lastUs[id];
    const each =
      config.latencyMonitorMs > 0 ||
      (config.slowlogThresholdUs >= 0 && config.slowlogThresholdUs < SHARED_TIMING_MIN_US);
    this.samples = (this.samples + 1) & SAMPLE_MASK;
    if (us >= 0 && us < SAMPLED_BELOW_US && this.samples !== 0 && this.constantTime[id] === 1 && !each) {
      const ran = this.call(id, arg, argc, hash);
      commandStats.micros[id] += us;
      if (config.latencyTracking) commandStats.recordLatency(id, us * 1000);
      return ran;
    }
    const startUs = this.clock.nowUs();
    const ran = this.call(id, arg, argc, hash);
    lastUs[id] = this.clock.nowUs() - startUs;
    if (ran) this.account(id, arg, argc, lastUs[id]);
    return ran;
  }

  /** A command took so long. */
  account(id: number, arg: number, argc: number, us: number): void {
    const { context } = this;
    const { commandStats, config } = context;
    const slot = context.statSlot(id, arg, argc);
    commandStats.micros[slot] += us;
    if (config.latencyTracking) commandStats.recordLatency(slot, us * 1000);
    if (config.latencyMonitorMs > 0) {
      context.noteLatency((commandFlags[id] & COMMAND_FAST) !== 0 ? 'fast-command' : 'command', us);
    }
    const slow = config.slowlogThresholdUs >= 0 && us >= config.slowlogThresholdUs;
    if (slow && (commandFlags[id] & COMMAND_SKIP_SLOWLOG) === 0) context.slowlogAdd(arg, argc, us);
  }

  /** Whoever takes an interest in the command that just ran. False when it has blocked its client. */
  private attend(id: number, arg: number, argc: number): boolean {
    const { context } = this;
    if ((context.interest & INTEREST_MONITORS) !== 0 && !this.repeating) context.feedMonitors(arg, argc);
    if ((context.interest & INTEREST_BLOCKED) !== 0) {
      context.interest &= ~INTEREST_BLOCKED;
      return false;
    }
    if ((context.interest & INTEREST_TRACKING) !== 0) context.tracking.afterCommand(id, arg, argc);
    return true;
  }

  /**
   * The client's command is done, and all that was inside it: it gets the messages that waited for that, and the keys that
   * it changed wake those who wait for them; then its replies go on.
   */
  private finish(session: Session): void {
    const { context } = this;
    if ((context.interest & INTEREST_PUSHES) !== 0) context.pushes.flush();
    if ((context.interest & INTEREST_READY) === 0) return;
    this.engine.reply.finish();
    this.context.blocked.serve();
    this.enter(session);
  }

  /** Runs the command that a blocked client waits with. */
  runKept(session: Session, command: KeptCommands): void {
    const { engine, context } = this;
    this.enter(session);
    const arg = command.place(engine, 0);
    const id = command.ids[0];
    const argc = command.argc(0);
    if (context.overMemory && this.hasNoRoom(id, arg, argc)) {
      this.refuse(session, id, arg, argc, OUT_OF_MEMORY);
    } else {
      this.repeating = true;
      this.callTimed(id, arg, argc, command.hashes[0]);
      this.repeating = false;
      if ((context.interest & INTEREST_PUSHES) !== 0) context.pushes.flush();
    }
    command.unplace(engine, arg);
    this.leave(session);
  }

  /** Answers the command that a blocked client waits with: by an error, or as `answer` does. It counts as called. */
  answerKept(session: Session, command: KeptCommands, error: string | null, answer: (reply: Reply) => void): void {
    const { engine, context } = this;
    const interrupted = this.current;
    engine.reply.finish();
    this.enter(session);
    const arg = command.place(engine, 0);
    const slot = context.statSlot(command.ids[0], arg, command.argc(0));
    engine.stats.commandsProcessed++;
    context.commandStats.calls[slot]++;
    if (error === null) answer(engine.reply);
    else {
      engine.reply.error(error);
      context.failed(slot, engine.reply.lastError);
    }
    command.unplace(engine, arg);
    this.leave(session);
    if (interrupted !== null) this.enter(interrupted);
  }

  /** CLIENT REPLY SKIP leaves out its own reply and the next one. */
  skip(session: Session): void {
    if ((session.flags & CLIENT_BLOCKED) !== 0) return; // its reply is yet to come
    const next = (session.flags & CLIENT_REPLY_SKIP_NEXT) !== 0;
    session.flags &= ~(CLIENT_REPLY_SKIP | CLIENT_REPLY_SKIP_NEXT);
    if (next) session.flags |= CLIENT_REPLY_SKIP;
    this.engine.reply.mute((session.flags & (CLIENT_REPLY_OFF | CLIENT_REPLY_SKIP)) !== 0);
  }

  /** The command is not run, for this reason. */
  private refuse(session: Session, id: number, arg: number, argc: number, error: string): false {
    this.engine.reply.error(id === EXEC ? `${EXEC_ABORT} ${error}` : error);
    return this.reject(session, id, arg, argc);
  }

  /** The command was refused: the error has been written. It spoils the transaction that it would have been part of. */
  private reject(session: Session, id: number, arg: number, argc: number): false {
    const { context } = this;
    context.rejected(id < 0 ? id : context.statSlot(id, arg, argc), this.engine.reply.lastError);
    if (session.transaction === null && id !== EXEC) return false;
    session.flags |= CLIENT_DIRTY_EXEC;
    if (id !== EXEC) return false;
    leaveTransaction(context, session);
    if ((context.interest & INTEREST_MONITORS) !== 0) context.feedMonitors(arg, argc);
    return false;
  }
}
