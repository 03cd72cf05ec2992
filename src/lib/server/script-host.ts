/**
 * What scripts ask of this server: their commands pass the same runner as everybody's, counted and shown to MONITOR, and errors
 * that a command made are counted there, not once more for the script that hands them on.
 */
import { lookup } from '../engine/command-table.ts';
import type { Engine } from '../engine/engine.ts';
import type { ScriptHost, ScriptLogLevel } from '../script/host.ts';
import type { ServerContext } from './context.ts';
import type { LogLevel } from './log.ts';
import { REDIS_VERSION } from './version.ts';

const LEVELS: readonly LogLevel[] = ['debug', 'verbose', 'notice', 'warning'];

export class ServerScriptHost implements ScriptHost {
  readonly engine: Engine;
  readonly version = REDIS_VERSION;
  private readonly context: ServerContext;

  constructor(context: ServerContext) {
    this.context = context;
    this.engine = context.engine;
  }

  call(id: number, arg: number, argc: number, hash: number): void {
    const { reply } = this.engine;
    const { errors } = reply;
    this.context.runner?.callSampled(id, arg, argc, hash);
    reply.errors = errors;
  }

  startedUs(): number {
    return this.context.runner?.startedUs ?? 0;
  }

  rejected(id: number, arg: number, argc: number, error: string): void {
    const { context } = this;
    context.rejected(id < 0 ? id : context.statSlot(id, arg, argc), error);
  }

  failed(arg: number, argc: number): void {
    const { context, engine } = this;
    const id = lookup(engine.memory, engine.argOffset[arg], engine.argLength[arg]);
    if (id >= 0) context.commandStats.failed[context.statSlot(id, arg, argc)]++;
  }

  nest(by: 1 | -1): void {
    this.context.nesting += by;
    this.context.scripts += by;
  }

  outOfMemory(): boolean {
    const { context } = this;
    return context.overMemory && context.evictInVain();
  }

  busyThresholdMs(): number {
    return this.context.config.busyThresholdMs;
  }

  busyTurn(): void {
    this.context.busyTurn?.();
  }

  stopRequest(): number {
    return this.context.stopRequest();
  }

  log(level: ScriptLogLevel, text: string): void {
    this.context.log(LEVELS[level], text);
  }
}
