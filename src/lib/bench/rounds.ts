/**
 * The comparison itself. Every round runs every contender once (redis, packet, xdp, … and again), each alone, on a wire of
 * its own, after a short unmeasured load; so slow drift of the machine falls on all alike.
 *
 *   round 1: redis [P1 set get, P16 …]  packet […]  xdp […]  │ round 2: redis …
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError, toCommandError } from '../cli/command-error.ts';
import type { Interrupt } from '../cli/interrupt.ts';
import { machineBusyUs, processCpuUs } from './accounting.ts';
import type { Contender } from './contender.ts';
import { loadNamespace } from './contender.ts';
import { Lab } from './lab.ts';
import type { Finished } from './processes.ts';
import { placed, RunningServer, runToEnd } from './processes.ts';
import { loadArguments, parseLoadReport } from './redis-benchmark.ts';
import type { Measurement } from './summary.ts';
import { requestsFor, type TestName, type Workload } from './workload.ts';

/** How long a server that we started may take, and one that should be there already. */
const START_DEADLINE_MS = 20_000;
const RUNNING_DEADLINE_MS = 1_000;
const READY_ATTEMPT_MS = 1_000;
const READY_PAUSE_MS = 50;
const CELL_TIMEOUT_MS = 180_000;
/** Not counted: V8 compiles the way of a request in the first seconds of load. The same for every server. */
const WARM_UP_REQUESTS = 150_000;
export const WARM_UP = `after ${WARM_UP_REQUESTS / 1000}k SETs and GETs, and a tenth of each other test, that don't count`;
const WARM_UP_PIPELINE = 1;

export interface Plan {
  contenders: Contender[];
  workload: Workload;
  rounds: number;
  /** Processors for server and load; null: wherever the kernel puts them. */
  serverCpu: number | null;
  loadCpu: number | null;
}

export interface Failed {
  contender: string;
  cause: string;
}

export interface Comparison {
  measurements: Measurement[];
  /** Contenders that could not be run (in their first failing round), and why. */
  failed: Failed[];
  interrupted: boolean;
}

/** Runs the plan; `say` is told what is being measured. Nothing that it made is left when it returns or throws. */
export async function compare(plan: Plan, interrupt: Interrupt, say: (text: string) => void): Promise<Comparison> {
  const comparison: Comparison = { measurements: [], failed: [], interrupted: false };
  for (let round = 1; round <= plan.rounds; round++) {
    for (const contender of plan.contenders) {
      if (comparison.failed.some((failed) => failed.contender === contender.name)) continue;
      try {
        const bout = new Bout(plan, contender, round, interrupt);
        await bout.run(comparison.measurements, (text) =>
          say(`round ${round}/${plan.rounds} · ${contender.name} · ${text}`),
        );
      } catch (error) {
        if (interrupt.stopped) return { ...comparison, interrupted: true };
        const failure = toCommandError(error);
        if (plan.contenders[0] === contender) throw failure; // nothing to compare with
        comparison.failed.push({ contender: contender.name, cause: failure.message });
      }
    }
  }
  return comparison;
}

/** One contender in one round: its wire, its server, its cells. */
class Bout {
  private readonly plan: Plan;
  private readonly contender: Contender;
  private readonly round: number;
  private readonly interrupt: Interrupt;
  private lab: Lab | null = null;
  private server: RunningServer | null = null;

  constructor(plan: Plan, contender: Contender, round: number, interrupt: Interrupt) {
    this.plan = plan;
    this.contender = contender;
    this.round = round;
    this.interrupt = interrupt;
  }

  async run(measurements: Measurement[], say: (text: string) => void): Promise<void> {
    const forget = this.interrupt.onAbort(() => this.killAll());
    try {
      await this.start();
      await this.load('set', WARM_UP_PIPELINE, WARM_UP_REQUESTS);
      await this.load('get', WARM_UP_PIPELINE, WARM_UP_REQUESTS);
      const { pipelines, tests } = this.plan.workload;
      for (const pipeline of pipelines) {
        for (const test of tests) {
          if (pipeline === pipelines[0]) await this.warmUp(test, pipeline);
          say(`P=${pipeline} ${test}`);
          measurements.push(await this.measure(test, pipeline));
        }
      }
    } finally {
      await this.server?.stop();
      this.lab?.remove();
      forget();
    }
  }

  /** The way of another command is compiled when it comes for the first time. */
  private async warmUp(test: TestName, pipeline: number): Promise<void> {
    if (test === 'set' || test === 'get') return;
    await this.load(test, pipeline, Math.ceil(requestsFor(this.plan.workload, pipeline, test) / 10));
  }

  private killAll(): void {
    this.server?.kill();
    this.lab?.remove();
  }

  private async start(): Promise<void> {
    const { command } = this.contender;
    if (command !== null) {
      this.lab = Lab.create();
      this.server = new RunningServer(
        placed({ namespace: this.lab.serverNamespace, cpu: this.plan.serverCpu }, command),
      );
    }
    const deadline = Date.now() + (command === null ? RUNNING_DEADLINE_MS : START_DEADLINE_MS);
    for (;;) {
      const answer = await this.ping();
      if (answer.stdout.includes('PONG')) return;
      if (this.server?.exited) throw this.notReady(`ended at its start: ${this.server.lastWords()}`);
      if (Date.now() > deadline)
        throw this.notReady(`does not answer PING: ${`${answer.stdout} ${answer.stderr}`.trim()}`);
      await sleep(READY_PAUSE_MS);
    }
  }

  private ping(): Promise<Finished> {
    const { host, port } = this.contender;
    const command = ['redis-cli', '-h', host, '-p', String(port), 'ping'];
    return runToEnd(this.atLoadSide(command), READY_ATTEMPT_MS, this.interrupt.signal);
  }

  private notReady(what: string): CommandError {
    const { name, host, port, command } = this.contender;
    const mend = command === null ? `start it, or name another --target` : `try it alone: ${command.join(' ')}`;
    const address = `${host}:${port}`;
    return new CommandError(`${name === address ? name : `${name} (${address})`} ${what}`, mend);
  }

  private atLoadSide(command: readonly string[]): string[] {
    return placed({ namespace: loadNamespace(this.contender, this.lab), cpu: this.plan.loadCpu }, command);
  }

  private async load(test: TestName, pipeline: number, requests?: number): Promise<Finished> {
    const { host, port, name } = this.contender;
    const args = loadArguments(this.plan.workload, host, port, test, pipeline, requests);
    const run = await runToEnd(this.atLoadSide(['redis-benchmark', ...args]), CELL_TIMEOUT_MS, this.interrupt.signal);
    if (run.timedOut)
      throw new CommandError(
        `${name}: ${test} at P=${pipeline} did not end within ${CELL_TIMEOUT_MS / 1000} s`,
        'ask for fewer requests: -n',
      );
    if (run.code !== 0) {
      const said = `${run.stdout.slice(-300)} ${run.stderr.slice(-300)}`.replaceAll(/\s+/g, ' ').trim();
      throw new CommandError(`${name}: redis-benchmark failed (${run.code}): ${said}`, 'see the server and its log');
    }
    return run;
  }

  private async measure(test: TestName, pipeline: number): Promise<Measurement> {
    const cpuBefore = this.server === null ? 0 : processCpuUs(this.server.pid);
    const busyBefore = machineBusyUs();
    const run = await this.load(test, pipeline);
    const load = parseLoadReport(run.stdout);
    if (load === null)
      throw new CommandError(
        `${this.contender.name}: no report in redis-benchmark's output`,
        'redis-benchmark 7.0 is expected: redis-benchmark --version',
      );
    return {
      contender: this.contender.name,
      round: this.round,
      pipeline,
      test,
      load,
      serverCpuUs: this.server === null ? null : (processCpuUs(this.server.pid) - cpuBefore) / load.requests,
      machineBusyUs: (machineBusyUs() - busyBefore) / load.requests,
    };
  }
}
