/**
 * The processes of a benchmark: servers that run until they are stopped, and commands that run to their end. All are
 * started in a process group of their own (Ctrl-C is for the benchmark, which then stops them in order), bounded in time,
 * and ended by their pid.
 */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { CommandError } from '../cli/command-error.ts';
import { programPath } from '../doctor/platform.ts';

const STOP_GRACE_MS = 5_000;
const OUTPUT_LIMIT_BYTES = 1 << 20;

/** Where a process runs: a network namespace and a processor, or null for "as we do". */
export interface Placement {
  namespace: string | null;
  cpu: number | null;
}

/** The command line that runs `command` there. Each prefix execs the next, so the pid is the command's own. */
export function placed(placement: Placement, command: readonly string[]): string[] {
  const inNamespace = placement.namespace === null ? [] : ['ip', 'netns', 'exec', placement.namespace];
  const onCpu = placement.cpu === null ? [] : ['taskset', '-c', String(placement.cpu)];
  return [...inNamespace, ...onCpu, ...command];
}

/** Our environment without the flags' fallbacks: a benchmark's servers are started by their command line alone. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('RTCP_') || name === 'RTCP_NATIVE_LIB');
  return { ...Object.fromEntries(kept), NO_COLOR: '1' };
}

/** Throws a CommandError when a program that will be needed is not installed. */
export function requirePrograms(programs: readonly string[]): void {
  const isThere = (program: string): boolean =>
    program.includes('/') ? existsSync(program) : programPath(program) !== null;
  const missing = programs.find((program) => !isThere(program));
  if (missing === undefined) return;
  const cause = `${missing} is not installed`;
  throw missing.startsWith('redis-')
    ? new CommandError(cause, 'sudo apt-get install redis-server redis-tools')
    : new CommandError(cause, 'install it, or name another with --redis-server');
}

export class RunningServer {
  readonly pid: number;
  private readonly child: ChildProcess;
  private output = '';

  constructor(commandLine: readonly string[]) {
    const [program, ...args] = commandLine;
    this.child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: plainEnvironment() });
    this.child.on('error', (error) => this.keep(error.message)); // no such program: `exited` tells the rest
    this.child.stdout?.on('data', (chunk: Buffer) => this.keep(chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => this.keep(chunk.toString()));
    this.pid = this.child.pid ?? 0;
  }

  get exited(): boolean {
    return this.pid === 0 || this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** The last lines that it printed. */
  lastWords(): string {
    return this.output.trim().split('\n').slice(-4).join(' | ');
  }

  /** SIGTERM, and SIGKILL to what is still there after the grace. */
  async stop(): Promise<void> {
    if (this.exited) return;
    const gone = new Promise<void>((resolve) => this.child.once('exit', () => resolve()));
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_GRACE_MS);
    await gone;
    clearTimeout(timer);
  }

  /** At once and without waiting: for the way out. */
  kill(): void {
    if (!this.exited) this.child.kill('SIGKILL');
  }

  private keep(text: string): void {
    this.output = (this.output + text).slice(-8_192);
  }
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
  timedOut: boolean;
}

/** Runs a command to its end, its time limit, or the signal's abort (which throws the signal's reason). */
export function runToEnd(commandLine: readonly string[], timeoutMs: number, signal: AbortSignal): Promise<Finished> {
  signal.throwIfAborted();
  const [program, ...args] = commandLine;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: plainEnvironment() });
    const finished: Finished = { code: null, stdout: '', stderr: '', timedOut: false };
    const timer = setTimeout(() => {
      finished.timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    const abort = (): boolean => child.kill('SIGKILL');
    signal.addEventListener('abort', abort, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      if (finished.stdout.length < OUTPUT_LIMIT_BYTES) finished.stdout += chunk.toString('latin1');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (finished.stderr.length < OUTPUT_LIMIT_BYTES) finished.stderr += chunk.toString('latin1');
    });
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    child.on('error', (error) => {
      settle();
      reject(new CommandError(`${program} can't be started: ${error.message}`, 'see what is missing: rtcp doctor'));
    });
    child.on('close', (code) => {
      settle();
      if (signal.aborted) reject(signal.reason);
      else resolve({ ...finished, code });
    });
  });
}
