/**
 * The load generator's report is read from the real thing: a redis-server on a Unix socket, measured for a moment.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadArguments, parseLoadReport } from '../../src/lib/bench/redis-benchmark.ts';
import type { Workload } from '../../src/lib/bench/workload.ts';
import { requestsFor, TEST_NAMES } from '../../src/lib/bench/workload.ts';

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'rtcp-bench-'));
const socket = join(directory, 'redis.sock');
let server: ChildProcess;

const WORKLOAD: Workload = {
  clients: 5,
  dataBytes: 64,
  keyspace: 1000,
  pipelines: [4],
  tests: ['set'],
  requests: 20_000,
  quick: false,
};

beforeAll(async () => {
  const options = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', directory];
  server = spawn('redis-server', options, { stdio: 'ignore' });
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await run('redis-cli', ['-s', socket, 'ping']).catch(() => ({ stdout: '' }));
    if (answer.stdout.includes('PONG')) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('redis-server did not start');
});

afterAll(async () => {
  const gone = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGKILL');
  await gone;
  rmSync(directory, { recursive: true });
});

/** Our arguments, over the Unix socket instead of host and port. */
async function benchmark(...extra: string[]): Promise<string> {
  const args = loadArguments(WORKLOAD, '127.0.0.1', 6379, 'set', 4).slice(4);
  return (await run('redis-benchmark', ['-s', socket, ...args, ...extra])).stdout;
}

describe('redis-benchmark', () => {
  it('names no test that redis-benchmark does not have, and an LRANGE is not taken for the LPUSH before it', async () => {
    const few = ['-n', '400', '-c', '5', '-P', '4'];
    for (const test of TEST_NAMES) {
      const { stdout } = await run('redis-benchmark', ['-s', socket, ...few, '-t', test]);
      const name = /^====== (.*) ======/gm;
      const titles = [...stdout.matchAll(name)].map((title) => title[1].toLowerCase());
      expect([test, titles.at(-1)?.replace(/ .*/, '')]).toEqual([test, test]);
      expect(parseLoadReport(stdout)?.requests).toBe(400);
    }
  });

  it('reports what is read from its report', async () => {
    const report = parseLoadReport(await benchmark());
    if (report === null) throw new Error('no report was read');
    expect(report.requests).toBe(20_000);
    expect(report.requestsPerSecond).toBeGreaterThan(1000);
    const { averageUs, p50Us, p95Us, p99Us, p999Us, maxUs } = report;
    const ascending = [p50Us, p95Us, p99Us, p999Us, maxUs];
    expect(ascending).toEqual([...ascending].sort((a, b) => a - b));
    expect(averageUs).toBeGreaterThan(0);
    expect(averageUs).toBeLessThanOrEqual(maxUs);
  });

  it('sets the keys and values that were asked for', async () => {
    await run('redis-cli', ['-s', socket, 'flushall']);
    await benchmark();
    const { stdout } = await run('redis-cli', [
      '-s',
      socket,
      '--raw',
      'eval',
      "return {redis.call('dbsize'), redis.call('strlen', redis.call('randomkey'))}",
      '0',
    ]);
    const [keys, bytes] = stdout.trim().split('\n').map(Number);
    expect(bytes).toBe(64);
    expect(keys).toBeGreaterThan(900);
    expect(keys).toBeLessThanOrEqual(1000);
  });

  it('other output is no report', async () => {
    expect(parseLoadReport('')).toBeNull();
    expect(parseLoadReport('Could not connect to Redis at 192.0.2.3:6379: Connection refused')).toBeNull();
    expect(parseLoadReport(await benchmark('--csv'))).toBeNull();
  });

  it('reads p99.9 from the first step of the distribution that covers it', () => {
    const text = [
      '  1000 requests completed in 1.00 seconds',
      'Latency by percentile distribution:',
      '99.805% <= 0.175 milliseconds (cumulative count 998)',
      '99.902% <= 3.527 milliseconds (cumulative count 999)',
      '100.000% <= 9.000 milliseconds (cumulative count 1000)',
      'Cumulative distribution of latencies:',
      '99.900% <= 0.303 milliseconds (cumulative count 999)',
      'Summary:',
      '  throughput summary: 1000.00 requests per second',
      '  latency summary (msec):',
      '          avg       min       p50       p95       p99       max',
      '        0.042     0.008     0.039     0.063     0.095     9.000',
    ].join('\n');
    expect(parseLoadReport(text)).toEqual({
      requests: 1000,
      requestsPerSecond: 1000,
      averageUs: 42,
      p50Us: 39,
      p95Us: 63,
      p99Us: 95,
      p999Us: 3527,
      maxUs: 9000,
    });
  });
});

describe('the number of requests', () => {
  it('grows with the pipeline depth, unless it was given', () => {
    const byDepth = [1, 16, 100].map((depth) => requestsFor({ ...WORKLOAD, requests: null }, depth, 'set'));
    expect(byDepth).toEqual([200_000, 1_500_000, 4_000_000]);
    expect(requestsFor({ ...WORKLOAD, requests: null, quick: true }, 1, 'set')).toBe(40_000);
    expect(requestsFor(WORKLOAD, 100, 'set')).toBe(20_000);
  });
});
