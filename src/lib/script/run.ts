/** A script that runs: what it may do, what it has done, and whether it is to end. */

/** Flags of a script, as its shebang or its registration names them. */
export const SCRIPT_NO_WRITES = 1;
export const SCRIPT_ALLOW_OOM = 2;
export const SCRIPT_ALLOW_STALE = 4;
export const SCRIPT_NO_CLUSTER = 8;
export const SCRIPT_CROSS_SLOT = 16;
/** An EVAL script without a shebang: commands are checked one by one. */
export const SCRIPT_COMPAT = 32;

/** In the order in which FUNCTION LIST shows them. */
export const SCRIPT_FLAG_NAMES: readonly [name: string, flag: number][] = [
  ['no-writes', SCRIPT_NO_WRITES],
  ['allow-oom', SCRIPT_ALLOW_OOM],
  ['allow-stale', SCRIPT_ALLOW_STALE],
  ['no-cluster', SCRIPT_NO_CLUSTER],
  ['allow-cross-slot-keys', SCRIPT_CROSS_SLOT],
];

export const scriptFlag = (name: string): number => SCRIPT_FLAG_NAMES.find(([known]) => known === name)?.[1] ?? 0;

/** One object for each engine of scripts, used again for each run. */
export class ScriptRun {
  /** SHA1 of a script, or the name of a function. */
  name = '';
  /** EVAL and its kin, not FCALL. */
  isEval = true;
  flags = 0;
  /** Refuses commands that write. */
  readOnly = false;
  /** No check of maxmemory. */
  allowOom = false;
  /** There was no memory for data when it began. */
  outOfMemory = false;
  /** It has called a command that writes: it can't be killed any more. */
  wrote = false;
  /** It has run longer than busy-reply-threshold. */
  busy = false;
  /** SCRIPT KILL or FUNCTION KILL wants it to end. */
  killed = false;
  startedMs = 0;
  /** The command that called it: index of its first argument, and their number. */
  arg = 0;
  argc = 0;
}
