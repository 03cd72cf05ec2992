/**
 * What scripts need of the server that runs them. The server runs commands, counts them and knows its limits; scripts call
 * commands through this and know nothing of connections.
 *
 *   EVAL ─▶ Lua ─▶ redis.call ─▶ checks ─▶ host.call(id, arg, argc) ─▶ the handler ─▶ reply (diverted) ─▶ Lua value
 */
import type { Engine } from '../engine/engine.ts';

/** Levels of redis.log: debug, verbose, notice, warning. */
export type ScriptLogLevel = 0 | 1 | 2 | 3;

export interface ScriptHost {
  readonly engine: Engine;
  /** Version that scripts see, `7.2.4`. */
  readonly version: string;
  /** Runs command `id` with the arguments at `arg`, and counts it as the commands of clients are counted. */
  call(id: number, arg: number, argc: number, hash: number): void;
  /** When the command that is the script began: by the engine's clock. */
  startedUs(): number;
  /** A command was refused before it ran. */
  rejected(id: number, arg: number, argc: number, error: string): void;
  /** The script that was called by the command at `arg` failed by an error that was counted where it was made. */
  failed(arg: number, argc: number): void;
  /** Commands run inside another one from now on (1), or no longer (-1): they may not block. */
  nest(by: 1 | -1): void;
  /** The data takes more than maxmemory. */
  outOfMemory(): boolean;
  /** How long a script may run until the others are answered BUSY, in ms; 0: for ever. */
  busyThresholdMs(): number;
  /** A script runs for longer than that: called every 100,000 instructions. What ends it (kill, abandon) takes effect at once. */
  busyTurn(): void;
  /** 0, or the server is to stop: 1 when scripts have had their time, 2 at once. */
  stopRequest(): number;
  log(level: ScriptLogLevel, text: string): void;
}
