/**
 * The whole comparison: each subject in a process of its own, one after the other, so that they share nothing but the
 * machine.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runToEnd } from '../bench/processes.ts';
import { CommandError, toCommandError } from '../cli/command-error.ts';
import type { Interrupt } from '../cli/interrupt.ts';
import { COMMAND_PLANS } from './command-plans.ts';
import { STRUCTURES } from './structures.ts';
import type { Contender, SubjectRequest, SubjectResult } from './subject.ts';
import { OPPONENTS } from './subject.ts';
import type { Workload } from './workload.ts';

const SUBJECT_TIMEOUT_MS = 15 * 60_000;
const PROCESS = ['./subject-process.ts', './subject-process.js']
  .map((name) => fileURLToPath(new URL(name, import.meta.url)))
  .find((path) => existsSync(path)) as string;

export interface DsBenchPlan {
  readonly structures: readonly string[];
  readonly against: readonly (typeof OPPONENTS)[number][];
  readonly workload: Workload;
  readonly redisServer: string;
}

export interface DsBenchResult {
  readonly workload: Workload;
  readonly node: string;
  readonly subjects: readonly SubjectResult[];
  /** Subjects that could not be measured, and why. */
  readonly failed: readonly { readonly structure: string; readonly contender: Contender; readonly cause: string }[];
  readonly interrupted: boolean;
}

/** The contenders of a structure: rtcp first, then its own alternatives, then those of --against that there are for it. */
export function contendersOf(structure: string, against: DsBenchPlan['against']): Contender[] {
  const { makers } = STRUCTURES[structure];
  const own = (Object.keys(makers) as Contender[]).filter((name) => !OPPONENTS.some((opponent) => opponent === name));
  const others = against.filter((name) => (name === 'redis' ? structure in COMMAND_PLANS : name in makers));
  return [...own, ...others];
}

export async function runDsBench(
  plan: DsBenchPlan,
  interrupt: Interrupt,
  say: (text: string) => void,
): Promise<DsBenchResult> {
  const subjects: SubjectResult[] = [];
  const failed: { structure: string; contender: Contender; cause: string }[] = [];
  const { workload } = plan;
  const done = (interrupted: boolean): DsBenchResult => ({
    workload,
    node: process.version,
    subjects,
    failed,
    interrupted,
  });
  for (const structure of plan.structures) {
    for (const contender of contendersOf(structure, plan.against)) {
      say(`${structure} · ${contender}`);
      try {
        subjects.push(await runSubject({ structure, contender, workload, redisServer: plan.redisServer }, interrupt));
      } catch (error) {
        if (interrupt.stopped) return done(true);
        failed.push({ structure, contender, cause: toCommandError(error).message });
      }
    }
  }
  return done(false);
}

async function runSubject(request: SubjectRequest, interrupt: Interrupt): Promise<SubjectResult> {
  const command = [process.execPath, PROCESS, JSON.stringify(request)];
  const run = await runToEnd(command, SUBJECT_TIMEOUT_MS, interrupt.signal);
  if (run.timedOut) throw new CommandError('took longer than 15 minutes', 'ask for fewer elements: --size 1m');
  if (run.code === 0) return JSON.parse(run.stdout);
  const cause = /^(?:\w*Error|RangeError): (.*)$/m.exec(run.stderr)?.[1] ?? run.stderr.trim().split('\n').at(-1);
  throw new CommandError(cause ?? `exit code ${run.code}`, 'ask for fewer or smaller elements');
}
