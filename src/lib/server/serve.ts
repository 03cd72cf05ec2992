/**
 * `rtcp serve`: the main thread's part. It decides (plan), changes what must be changed on the machine (and puts it back),
 * starts the shard's worker, turns signals into stops, and prints the log.
 *
 *   main ── control words + eventfd ──▶ worker: link, stack, shard loop
 *        ◀── messages: ready, log, failed, stopped ──
 *
 * Nothing outlives the process: descriptors, XDP program and TAP go with it however it ends; the sysctls of lo are restored here,
 * and after a kill -9 by the next server (loopback.ts).
 */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { capabilities, capabilityMend } from '../native/capabilities.ts';
import { holdPort, interfaceInfo, interfaceNames } from '../native/interface.ts';
import { closeFd, createEventfd, signal } from '../native/wait.ts';
import type { LogLevel } from './log.ts';
import { Logger } from './log.ts';
import { LoopbackRouting } from './loopback.ts';
import { type AddressFlags, type Plan, PlanError, planTransport, type Surroundings } from './plan.ts';
import { CONTROL_STOP, CONTROL_WORDS, STOP_GRACEFUL, STOP_NOW } from './shard.ts';
import type { ShardMessage, ShardSetup } from './shard-worker.ts';
import { Tracing } from './tracing.ts';

const EXIT_INTERRUPTED = 130;
/** After a second signal the worker gets this long to end by itself. */
const ABORT_GRACE_MS = 1000;

export interface ServeOptions extends AddressFlags {
  /** Shards: 1. */
  shards: number;
  /** Longest spin before the loop sleeps. */
  spinUs: number;
  /** Directives of redis.conf and flags, in order: name and words. */
  directives: [string, string[]][];
  /** The file that they came from, absolute, or ''. */
  configFile: string;
  logLevel: LogLevel;
  /** Write every frame to this pcapng file, or ''. */
  pcapFile: string;
  /** Follow our TCP into this file (trace/outputs.ts: its ending says how), or ''. */
  traceFile: string;
  /** Where `tcp-trace --attach` may connect; '': a place by the port. */
  traceSocket: string;
  /** Takes each log line, with its newline. */
  write(line: string): void;
}

/** Serves until a signal, SHUTDOWN or a failure; returns the exit code. Throws a PlanError or NativeError before it serves. */
export async function serve(options: ServeOptions): Promise<number> {
  const logger = new Logger({
    write: options.write,
    wallMs: () => Date.now(),
    pid: process.pid,
    level: options.logLevel,
  });
  const plan = planTransport(options, surroundings());
  const undo: (() => void)[] = [];
  const restore = (): void => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) step();
  };
  process.once('exit', restore);
  const control = new Int32Array(new SharedArrayBuffer(CONTROL_WORDS * 4));
  let tracing: Tracing | null = null;
  try {
    if (plan.io[0] === 'socket' && options.pcapFile !== '') {
      throw new PlanError('--pcap records frames, and kernel sockets have none', 'use tcpdump, or another --io');
    }
    if (plan.io[0] === 'socket' && (options.traceFile !== '' || options.traceSocket !== '')) {
      throw new PlanError('--trace follows our own TCP, and kernel sockets are not ours', 'use another --io');
    }
    if (plan.io[0] !== 'socket') tracing = await Tracing.open(options, plan, control, logger);
    prepareMachine(plan, logger, undo);
    return await runShard(options, plan, logger, control, tracing);
  } finally {
    tracing?.close();
    restore();
    process.removeListener('exit', restore);
  }
}

/** What serving needs of the machine, each step with the one that takes it back. */
function prepareMachine(plan: Plan, logger: Logger, undo: (() => void)[]): void {
  if (!plan.takeover) return;
  const held = holdPort(plan.address, plan.port);
  undo.push(() => closeFd(held));
  if (plan.interfaceName !== 'lo') return;
  const routing = new LoopbackRouting();
  undo.push(() => routing.restore());
  const changed = routing.set();
  if (changed.length > 0) {
    const settings = changed.map((name) => `net.ipv4.conf.lo.${name}=1`).join(' ');
    logger.log('notice', `${settings} while we serve (our frames on lo are martian otherwise)`);
  }
}

function runShard(
  options: ServeOptions,
  plan: Plan,
  logger: Logger,
  control: Int32Array,
  tracing: Tracing | null,
): Promise<number> {
  const wakeFd = createEventfd();
  const setup: ShardSetup = {
    plan,
    control,
    wakeFd,
    index: 0,
    spinUs: options.spinUs,
    directives: options.directives,
    configFile: options.configFile,
    logLevel: options.logLevel,
    pcapFile: options.pcapFile,
    traceRing: tracing === null ? null : tracing.ring,
    version: packageVersion(),
  };
  const worker = new Worker(new URL(`./shard-worker${import.meta.url.slice(-3)}`, import.meta.url), {
    workerData: setup,
  });
  let stops = 0;
  let exitCode = 0;
  const stop = (name: NodeJS.Signals): void => {
    stops++;
    if (stops === 1) logger.log('warning', `Received ${name} scheduling shutdown...`);
    else {
      exitCode = EXIT_INTERRUPTED;
      setTimeout(() => void worker.terminate(), ABORT_GRACE_MS).unref();
    }
    Atomics.store(control, CONTROL_STOP, stops === 1 ? STOP_GRACEFUL : STOP_NOW);
    signal(wakeFd);
  };
  const onTerm = (): void => stop('SIGTERM');
  const onInt = (): void => stop('SIGINT');
  process.on('SIGTERM', onTerm);
  process.on('SIGINT', onInt);
  return new Promise<number>((resolve, reject) => {
    let failure: Error | null = null;
    worker.on('message', (message: ShardMessage) => {
      if (message.kind === 'log') options.write(message.line);
      else if (message.kind === 'failed') failure = revive(message);
      else for (const line of message.lines) logger.log('notice', line);
    });
    worker.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    worker.on('exit', () => {
      process.removeListener('SIGTERM', onTerm);
      process.removeListener('SIGINT', onInt);
      closeFd(wakeFd);
      if (failure !== null) reject(failure);
      else resolve(exitCode);
    });
  });
}

/** An error of the worker, with what the operator needs of it. */
function revive(message: { message: string; mend: string; exitCode: number }): Error {
  return new PlanError(message.message, message.mend, message.exitCode);
}

function surroundings(): Surroundings {
  const mine = capabilities();
  return {
    privileged: mine.netAdmin && mine.netRaw && mine.bpf,
    privilegeMend: capabilityMend(),
    interfaces: interfaceNames,
    interfaceAddress: (name) => {
      if (!interfaceNames().includes(name)) return undefined;
      const { address, prefix } = interfaceInfo(name);
      return address === 0 ? null : { address, prefix };
    },
  };
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
