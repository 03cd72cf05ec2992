/**
 * What the server knows beside its data: one ServerContext for each shard, made when the shard starts, handed to the sessions
 * and the dispatcher, and held by the handlers of the connection and server commands.
 *
 *   engine ─┐
 *   config  ├─ context ── hooks ──▶ the shard: stop, close a client, sleep, what carries us
 *   clients ┘
 */
import { randomBytes } from 'node:crypto';
import { CLIENT_BLOCKED, CLIENT_MONITOR, CLIENT_PUBSUB, type Client } from '../engine/client.ts';
import { COMMAND_CONTAINER, type Command, commandFlags, commands } from '../engine/command-table.ts';
import { subcommandOf } from '../engine/dispatch-table.ts';
import type { Engine } from '../engine/engine.ts';
import { EVICT_FAILED } from '../engine/eviction.ts';
import { Scripting } from '../script/scripting.ts';
import { BlockedClients } from './blocking.ts';
import { Clients } from './clients.ts';
import type { Config } from './config.ts';
import { Housekeeping } from './housekeeping.ts';
import { INTEREST_MONITORS } from './interest.ts';
import { KeyEvents } from './key-events.ts';
import { type LatencyEvent, LatencyMonitor } from './latency-monitor.ts';
import type { LogLevel } from './log.ts';
import { MonitorFeed, shownArgument } from './monitor.ts';
import { Notifications } from './notifications.ts';
import { PubSub } from './pubsub.ts';
import { Pushes } from './pushes.ts';
import type { CommandRunner } from './run-command.ts';
import { ServerScriptHost } from './script-host.ts';
import type { Session } from './session.ts';
import { Slowlog } from './slowlog.ts';
import { CommandStats, ErrorStats, ServerStats } from './stats.ts';
import { Tracking } from './tracking.ts';
import { endTransaction } from './transaction.ts';
import { WallClock } from './wall-clock.ts';
import { Watches } from './watch.ts';

const US_PER_MS = 1000;
/** Clients that have reason to be silent. */
const NEVER_IDLE = CLIENT_MONITOR | CLIENT_BLOCKED | CLIENT_PUBSUB;

/** How SHUTDOWN was asked for. */
export interface ShutdownRequest {
  /** Don't wait for anything. */
  readonly now: boolean;
  /** Go on although something failed. */
  readonly force: boolean;
}

/** What carries the connections, for INFO and the log. */
export interface TransportInfo {
  /** xdp, packet, tap, socket. */
  readonly io: string;
  /** Name of the interface, or '' for kernel sockets. */
  readonly interface: string;
  /** The address that we listen on, A.B.C.D. */
  readonly address: string;
  readonly port: number;
  /** Counters of link and stack: field name → value, in the order in which they are shown. */
  readonly counters: Readonly<Record<string, number>>;
}

/** What the shard does for commands. */
export interface ServerHooks {
  /** Stops the server after this turn. */
  requestShutdown(request: ShutdownRequest): void;
  /** Takes a shutdown back; false when none is under way. */
  abortShutdown(): boolean;
  /** Ends the client's connection at once; what is queued for it is lost. Sets CLIENT_CLOSING. */
  killClient(client: Client): void;
  /** DEBUG SLEEP: blocks the whole shard. */
  sleepMs(ms: number): void;
  /** CLIENT UNPAUSE: the clients that were held go on once the running command is done. */
  resumePaused(): void;
  transportInfo(): TransportInfo;
  log(level: LogLevel, text: string): void;
}

export interface ContextParts {
  engine: Engine;
  config: Config;
  hooks: ServerHooks;
  /** Version of the rtcp package. */
  version: string;
}

export class ServerContext {
  readonly engine: Engine;
  readonly config: Config;
  readonly hooks: ServerHooks;
  readonly version: string;
  readonly clients = new Clients();
  readonly slowlog = new Slowlog();
  readonly stats = new ServerStats();
  readonly commandStats = new CommandStats();
  readonly errorStats = new ErrorStats();
  readonly wallClock: WallClock;
  readonly startedMs: number;
  /** Bytes of the arena in use before there was any data. */
  readonly startupBytes: number;
  /** 40 hex digits that no other run has. */
  readonly runId = randomBytes(20).toString('hex');
  replicationId = randomBytes(20).toString('hex');
  /** CLIENT PAUSE holds until then, ms since 1970; 0 when nobody is paused. */
  pausedUntilMs = 0;
  /** It holds only the commands that write. */
  pauseWritesOnly = false;
  /** What somebody wants to be done after a command (INTEREST_*): 0 when it is done with its handler. */
  interest = 0;
  /** Commands that have others inside them (EXEC, scripts) and run now. */
  nesting = 0;
  /** Those of them that are scripts. */
  scripts = 0;
  /** What runs commands, from the moment the shard is assembled. */
  runner: CommandRunner | null = null;
  /** The client whose script runs for too long, while others are served inside it: only what is flagged allow_busy runs then. */
  interrupted: Session | null = null;
  /** Is called now and then while a script runs for too long; set by the shard: serves the others. */
  busyTurn: (() => void) | null = null;
  /** How the shard was told to stop (STOP_*); 0 when it wasn't. */
  stopRequest: () => number = () => 0;
  readonly scripting: Scripting;
  readonly blocked: BlockedClients;
  readonly watches: Watches;
  readonly pushes: Pushes;
  readonly pubsub: PubSub;
  readonly notifications: Notifications;
  readonly tracking: Tracking;
  readonly latencyMonitor = new LatencyMonitor();
  readonly keyEvents: KeyEvents;
  readonly housekeeping: Housekeeping;
  private readonly monitorFeed: MonitorFeed;

  constructor(parts: ContextParts) {
    this.engine = parts.engine;
    this.config = parts.config;
    this.hooks = parts.hooks;
    this.version = parts.version;
    this.wallClock = new WallClock(parts.engine.clock);
    this.startedMs = parts.engine.clock.wallMs();
    this.startupBytes = parts.engine.arena.usedBytes;
    this.housekeeping = new Housekeeping(this);
    this.monitorFeed = new MonitorFeed(parts.engine.memory);
    this.scripting = new Scripting(new ServerScriptHost(this));
    this.blocked = new BlockedClients(parts.engine, this);
    this.watches = new Watches(parts.engine);
    this.pushes = new Pushes(parts.engine, this);
    this.pubsub = new PubSub(this.pushes);
    this.notifications = new Notifications(this.pubsub);
    this.tracking = new Tracking(parts.engine, this);
    this.keyEvents = new KeyEvents(this);
    parts.engine.blocker = this.blocked;
  }

  /** The connection is gone: nothing remembers its client any more. */
  forget(session: Session): void {
    this.disengage(session);
    endTransaction(session);
    this.clients.remove(session);
  }

  /** The client gets nothing more that it didn't ask for just now: its stream ends, or it is RESET. */
  disengage(session: Session): void {
    this.blocked.forget(session);
    this.watches.unwatchAll(session);
    this.pubsub.forget(session);
    this.tracking.disable(session);
    this.clients.monitors.delete(session);
    this.monitorsChanged();
    this.keyEvents.refresh();
  }

  /** A client began to monitor, or ceased to. */
  monitorsChanged(): void {
    if (this.clients.monitors.size > 0) this.interest |= INTEREST_MONITORS;
    else this.interest &= ~INTEREST_MONITORS;
  }

  /** Clients have to authenticate. */
  authRequired(): boolean {
    return this.config.password !== '';
  }

  /** The data takes more than maxmemory: keys may have to go before a command runs. */
  get overMemory(): boolean {
    return this.engine.arena.usedBytes > this.engine.evictor.limitBytes;
  }

  /** Evicts what must go. True when that was in vain and a command that needs memory is to be refused. */
  evictInVain(): boolean {
    const { stats, engine } = this;
    const startUs = engine.clock.nowUs();
    const status = engine.evictor.makeRoom(engine);
    const us = engine.clock.nowUs() - startUs;
    stats.evictionExceededUs += us;
    this.noteLatency('eviction-cycle', us);
    return status === EVICT_FAILED;
  }

  log(level: LogLevel, text: string): void {
    this.hooks.log(level, text);
  }

  /** Where the command at `arg` counts in `commandStats`: its id, or the slot of the subcommand that was called. */
  statSlot(id: number, arg: number, argc: number): number {
    if ((commandFlags[id] & COMMAND_CONTAINER) === 0 || argc < 2) return id;
    const subcommand = subcommandOf(this.engine, id, arg);
    return subcommand === undefined ? id : this.commandStats.slotOf(subcommand);
  }

  /** The command at `arg`; of a container, the subcommand. */
  commandAt(id: number, arg: number, argc: number): Command {
    const isContainer = (commandFlags[id] & COMMAND_CONTAINER) !== 0 && argc > 1;
    return (isContainer ? subcommandOf(this.engine, id, arg) : undefined) ?? commands[id];
  }

  /** An event took so long: remembered when that is long enough. */
  noteLatency(event: LatencyEvent, us: number): void {
    const thresholdMs = this.config.latencyMonitorMs;
    if (thresholdMs === 0 || us < thresholdMs * US_PER_MS) return;
    this.latencyMonitor.add(event, Math.floor(us / US_PER_MS), this.engine.nowMs);
  }

  /** A command was refused before it ran; `error` is what it was answered. */
  rejected(slot: number, error: string): void {
    if (slot >= 0) this.commandStats.rejected[slot]++;
    this.countError(error);
  }

  /** A command ran and answered with an error. */
  failed(slot: number, error: string): void {
    this.commandStats.failed[slot]++;
    this.countError(error);
  }

  private countError(error: string): void {
    this.stats.errorReplies++;
    this.errorStats.record(error);
  }

  /** Shows the command at `arg`, which has just run, to the clients that monitor. */
  feedMonitors(arg: number, argc: number): void {
    const { engine, monitorFeed } = this;
    monitorFeed.show(engine, arg, argc, this.wallClock.nowUs(), this.scripts > 0, this.clients.monitors);
    this.limitMonitors();
  }

  /** Shows the command at `arg`, which begins a script, before those that the script runs. */
  feedMonitorsOfScript(arg: number, argc: number): void {
    if ((this.interest & INTEREST_MONITORS) === 0) return;
    const { engine, monitorFeed } = this;
    monitorFeed.showAlways(engine, arg, argc, this.wallClock.nowUs(), false, this.clients.monitors);
    this.limitMonitors();
  }

  private limitMonitors(): void {
    for (const client of this.clients.monitors) {
      if (client === this.engine.client) continue; // looked at when its replies are complete
      if (this.outputLimitReached(client, client.stream.queue.totalBytes)) this.closeForOutput(client);
    }
  }

  /** Puts the command at `arg`, which has just run and took `micros`, into the slow log. */
  slowlogAdd(arg: number, argc: number, micros: number): void {
    const { client } = this.engine;
    this.slowlog.add({
      nowMs: this.engine.nowMs,
      micros: Math.round(micros),
      argc,
      argument: (i) => shownArgument(this.engine, arg, argc, i),
      address: client.stream.remoteAddress(),
      clientName: client.name,
      maxLength: this.config.slowlogMaxLength,
    });
  }

  /** Bytes of replies since the start, or since CONFIG RESETSTAT. */
  get netOutputBytes(): number {
    return this.bytesWritten - this.stats.netOutputBase;
  }

  private get bytesWritten(): number {
    return this.engine.reply.bytesWritten + this.monitorFeed.bytesWritten + this.pushes.bytesWritten;
  }

  /** CONFIG RESETSTAT */
  resetStats(): void {
    const { stats } = this.engine;
    stats.keyspaceHits = 0;
    stats.keyspaceMisses = 0;
    stats.expiredKeys = 0;
    stats.evictedKeys = 0;
    stats.commandsProcessed = 0;
    this.stats.reset();
    this.stats.netOutputBase = this.bytesWritten;
    this.commandStats.reset();
    this.errorStats.reset();
  }

  /** Periodic work, `hz` times a second: rates, the memory peak, clients that are idle or take too little. */
  cron(nowMs: number): void {
    this.stats.netOutputBytes = this.netOutputBytes;
    this.stats.sample(nowMs, this.engine.stats.commandsProcessed);
    this.notePeak();
    this.housekeeping.cron();
    const idleMs = this.config.timeoutSeconds * 1000;
    for (const client of this.clients.all()) {
      if (this.outputLimitReached(client, client.stream.queue.totalBytes)) this.closeForOutput(client);
      else if (idleMs > 0 && nowMs - client.lastCommandMs > idleMs && (client.flags & NEVER_IDLE) === 0) {
        this.log('verbose', 'Closing idle client');
        this.hooks.killClient(client);
      }
    }
  }

  notePeak(): void {
    const used = this.engine.arena.usedBytes;
    if (used > this.stats.memoryPeakBytes) this.stats.memoryPeakBytes = used;
  }

  /** More waits for the client than its class may have. */
  outputLimitReached(client: Client, waitingBytes: number): boolean {
    return this.clients.overOutputLimit(client, waitingBytes, this.config.outputLimits, this.engine.nowMs);
  }

  /** Closes a client whose queued commands are more than client-query-buffer-limit allows. */
  closeForQuery(client: Client): void {
    this.stats.queryLimitDisconnections++;
    this.log('warning', `Closing client that reached max query buffer length: id=${client.id}`);
    this.hooks.killClient(client);
  }

  /** Closes a client that does not take its replies. */
  closeForOutput(client: Client): void {
    this.stats.outputLimitDisconnections++;
    this.log('warning', `Client id=${client.id} closed for overcoming of output buffer limits.`);
    this.hooks.killClient(client);
  }
}
