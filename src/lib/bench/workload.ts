/**
 * What is asked of every server: the same keys, values, clients and pipeline depths. One measurement ("cell") is one test
 * at one depth; its number of requests grows with the depth, so that every cell runs for a second or more.
 */
import { UsageError } from '../cli/command-error.ts';

export type TestName = 'set' | 'get';

export interface Workload {
  clients: number;
  dataBytes: number;
  /** Keys are drawn at random from this many. */
  keyspace: number;
  pipelines: number[];
  tests: TestName[];
  /** Requests of one cell; null: by pipeline depth. */
  requests: number | null;
  quick: boolean;
}

const QUICK_DIVISOR = 5;

/** Requests of one cell at this depth, when they were not given. */
export function requestsFor(workload: Workload, pipeline: number): number {
  if (workload.requests !== null) return workload.requests;
  const requests = pipeline >= 64 ? 4_000_000 : pipeline >= 8 ? 1_500_000 : 200_000;
  return workload.quick ? requests / QUICK_DIVISOR : requests;
}

/** The workload in one line, as redis-benchmark's arguments say it. */
export function describeWorkload(workload: Workload): string {
  const depths = workload.pipelines
    .map((pipeline) => `-P ${pipeline} -n ${requestsFor(workload, pipeline)}`)
    .join(', ');
  return `redis-benchmark -c ${workload.clients} -d ${workload.dataBytes} -r ${workload.keyspace} -t ${workload.tests.join(',')} (${depths})`;
}

/** `set,get` or one of them; throws a UsageError. */
export function parseTests(text: string): TestName[] {
  const names = text.toLowerCase().split(',');
  const tests = names.filter((name): name is TestName => name === 'set' || name === 'get');
  if (tests.length === names.length) return tests;
  throw new UsageError(`--tests: '${text}' is not a list of set and get`, 'for example -t set,get');
}
