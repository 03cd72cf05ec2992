/**
 * Programs that were written for Redis, as they are: clients, queues, sessions, limits, locks, redis-cli's own tools, the whole
 * of redis-benchmark. Each runs against a stock redis-server and against rtcp, over kernel sockets and over our own TCP; what
 * they saw must be the same.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lab, type Output } from '../lab/lab.ts';

const NODE = new URL('../../node_modules/.bin/node', import.meta.url).pathname;
const USERS = new URL('./users/', import.meta.url).pathname;
const REDIS_PORT = '6399';
const PORT = '6379';

interface Transport {
  readonly name: string;
  readonly flags: string[];
  readonly host: string;
}

const TRANSPORTS: Transport[] = [
  { name: 'kernel sockets', flags: ['--io', 'socket', '--bind', '0.0.0.0'], host: '192.0.2.2' },
  {
    name: 'our own TCP over AF_PACKET',
    flags: ['--io', 'packet', '--iface', 'far0', '--ip', '192.0.2.10/24'],
    host: '192.0.2.10',
  },
];

const PROGRAMS: Record<string, string[]> = {
  ioredis: [NODE, `${USERS}ioredis.mjs`],
  'node-redis': [NODE, `${USERS}node-redis.mjs`],
  BullMQ: [NODE, `${USERS}bullmq.mjs`],
  'connect-redis, rate-limiter-flexible, redlock': [NODE, `${USERS}sessions-limits-locks.mjs`],
  'python3-redis': ['/usr/bin/python3', `${USERS}python-redis.py`],
};

let lab: Lab;
let redis: ChildProcess;

beforeAll(async () => {
  lab = new Lab();
  const options = ['--port', REDIS_PORT, '--bind', '192.0.2.2', '--save', '', '--protected-mode', 'no'];
  redis = spawn('ip', ['netns', 'exec', lab.server, 'redis-server', ...options], { stdio: 'ignore' });
  for (let i = 0; i < 200; i++) {
    if ((await cli('192.0.2.2', REDIS_PORT, 'PING')).stdout.startsWith('PONG')) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('redis-server did not start');
});

afterAll(async () => {
  redis.kill('SIGKILL');
  await lab.close();
});

function cli(host: string, port: string, ...words: string[]): Promise<Output> {
  return lab.exec(lab.client, ['redis-cli', '-h', host, '-p', port, ...words]);
}

/** What a program printed as JSON about the server there. */
async function seenBy(command: string[], host: string, port: string): Promise<unknown> {
  const run = await lab.exec(lab.client, [...command, host, port], 100_000);
  expect(run.code, run.stderr).toBe(0);
  return JSON.parse(run.stdout);
}

describe.each(TRANSPORTS)('over $name', ({ flags, host }) => {
  let stop: () => Promise<unknown>;

  beforeAll(async () => {
    const server = await lab.serve(lab.server, ...flags);
    stop = () => server.stop();
  });

  afterAll(async () => {
    await stop();
  });

  test.each(Object.entries(PROGRAMS))('%s sees what it sees with redis-server', async (_, command) => {
    const theirs = await seenBy(command, '192.0.2.2', REDIS_PORT);
    const ours = await seenBy(command, host, PORT);
    expect(ours).toEqual(theirs);
  });

  test('redis-cli: --bigkeys, --memkeys, --hotkeys, --scan, --stat, --latency, MONITOR', async () => {
    const fill = [
      'FLUSHALL',
      ...Array.from({ length: 50 }, (_, i) => `SET string:${i} ${'x'.repeat(i + 1)}`),
      `RPUSH list ${Array.from({ length: 30 }, (_, i) => i).join(' ')}`,
      `SADD set ${Array.from({ length: 20 }, (_, i) => `m${i}`).join(' ')}`,
      `HSET hash ${Array.from({ length: 10 }, (_, i) => `f${i} v${i}`).join(' ')}`,
      `ZADD zset ${Array.from({ length: 40 }, (_, i) => `${i} m${i}`).join(' ')}`,
      ...Array.from({ length: 5 }, (_, i) => `XADD stream ${i + 1}-0 a b`),
      'CONFIG SET maxmemory-policy allkeys-lfu',
      ...Array.from({ length: 300 }, () => 'GET string:7'),
    ];
    const summaries: string[][] = [];
    for (const [at, port] of [
      ['192.0.2.2', REDIS_PORT],
      [host, PORT],
    ]) {
      const filled = await lab.exec(lab.client, [
        'sh',
        '-c',
        `printf '%s\\n' "$0" | redis-cli -h ${at} -p ${port}`,
        fill.join('\n'),
      ]);
      expect(filled.code, filled.stderr).toBe(0);
      const big = await cli(at, port, '--bigkeys');
      expect(big.code).toBe(0);
      summaries.push(
        big.stdout
          .split('\n')
          .filter((line) => /^Biggest|^\d+ (strings|lists|sets|hashs|zsets|streams)|^Sampled|^Total key/.test(line)),
      );
      const mem = await cli(at, port, '--memkeys');
      expect(mem.stdout).toMatch(/^Biggest\s+zset found '"zset"' has \d+ bytes/m);
      const hot = await cli(at, port, '--hotkeys');
      expect(hot.stdout).toMatch(/^hot key found with counter: \d+\s+keyname: "string:7"/m);
      const scanned = (await cli(at, port, '--scan', '--pattern', 'string:*')).stdout.trim().split('\n');
      expect(new Set(scanned).size).toBe(50);
      // It goes on until it is ended, and writes by the block: by the line here.
      const forASecond = ['timeout', '1', 'stdbuf', '-oL'];
      const stat = await lab.exec(lab.client, [
        ...forASecond,
        'redis-cli',
        '-h',
        at,
        '-p',
        port,
        '--stat',
        '-i',
        '0.2',
      ]);
      expect(stat.stdout).toMatch(/keys\s+mem\s+clients\s+blocked\s+requests\s+connections/);
      expect(stat.stdout).toMatch(/^55\s/m);
      const latency = await lab.exec(lab.client, [
        'timeout',
        '2',
        'redis-cli',
        '-h',
        at,
        '-p',
        port,
        '--latency',
        '--raw',
      ]);
      expect(latency.stdout.trim()).toMatch(/^\d+ \d+ \d+\.\d+ \d+/);
      const monitor = lab.exec(lab.client, ['timeout', '2', 'redis-cli', '-h', at, '-p', port, 'MONITOR']);
      await new Promise((resolve) => setTimeout(resolve, 800));
      await cli(at, port, 'EVAL', 'return redis.call("get", KEYS[1])', '1', 'string:1');
      expect((await monitor).stdout).toMatch(/\[0 lua\] "get" "string:1"/);
      await cli(at, port, 'CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    }
    expect(summaries[1]).toEqual(summaries[0]);
    expect(summaries[1].length).toBeGreaterThan(10);
  });

  test("redis-benchmark's whole default suite ends well", async () => {
    await cli(host, PORT, 'FLUSHALL');
    const run = await lab.exec(
      lab.client,
      ['redis-benchmark', '-h', host, '-p', PORT, '-q', '-n', '5000', '-c', '20', '-P', '4', '-r', '1000'],
      100_000,
    );
    expect(run.code, run.stderr).toBe(0);
    expect(run.stderr + run.stdout).not.toMatch(/error/i);
    expect(run.stdout.match(/requests per second/g)?.length).toBeGreaterThanOrEqual(20);
  });
});
