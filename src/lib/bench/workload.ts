/**
 * What is asked of every server: the same keys, values, clients and pipeline depths. One measurement ("cell") is one test
 * at one depth; its number of requests grows with the depth, so that every cell runs for a second or more.
 */
import { UsageError } from '../cli/command-error.ts';

/**
 * The tests of redis-benchmark's default suite, in its order, which matters: what LPUSH pushed LPOP pops. Each with the part of
 * a cell's requests that it gets, because some ask for hundreds of elements.
 */
const TESTS = {
  ping_inline: 1,
  ping_mbulk: 1,
  set: 1,
  get: 1,
  incr: 1,
  lpush: 1,
  rpush: 1,
  lpop: 1,
  rpop: 1,
  sadd: 1,
  hset: 1,
  spop: 1,
  zadd: 1,
  zpopmin: 1,
  lrange_100: 0.2,
  lrange_300: 0.1,
  lrange_500: 0.05,
  lrange_600: 0.05,
  mset: 0.3,
} as const;

export type TestName = keyof typeof TESTS;
export const TEST_NAMES = Object.keys(TESTS) as TestName[];
/** What -t takes for all of them. */
const ALL_TESTS = 'all';

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
export function requestsFor(workload: Workload, pipeline: number, test: TestName): number {
  if (workload.requests !== null) return workload.requests;
  const requests = pipeline >= 64 ? 4_000_000 : pipeline >= 8 ? 1_500_000 : 200_000;
  return Math.round((workload.quick ? requests / QUICK_DIVISOR : requests) * TESTS[test]);
}

/** The workload in one line, as redis-benchmark's arguments say it. */
export function describeWorkload(workload: Workload): string {
  const depths = workload.pipelines
    .map((pipeline) => `-P ${pipeline} -n ${requestsFor(workload, pipeline, workload.tests[0])}`)
    .join(', ');
  return `redis-benchmark -c ${workload.clients} -d ${workload.dataBytes} -r ${workload.keyspace} -t ${workload.tests.join(',')} (${depths})`;
}

/** Names of tests with commas between them, or `all`; in the suite's order. Throws a UsageError. */
export function parseTests(text: string): TestName[] {
  const names = text.toLowerCase().split(',');
  if (names.length === 1 && names[0] === ALL_TESTS) return [...TEST_NAMES];
  const unknown = names.find((name) => !Object.hasOwn(TESTS, name));
  if (unknown === undefined) return TEST_NAMES.filter((name) => names.includes(name));
  throw new UsageError(`--tests: there is no test '${unknown}'`, `all, or some of ${TEST_NAMES.join(',')}`);
}
