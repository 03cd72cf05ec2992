/**
 * `rtcp bench` as a user runs it, with small numbers: it measures, judges, and removes what it made.
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const RTCP = new URL('../../bin/rtcp', import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), 'rtcp-bench-'));
const children: ChildProcess[] = [];

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
  rmSync(directory, { recursive: true });
});

interface Cell {
  contender: string;
  pipeline: number;
  test: string;
  requestsPerSecond: number;
  serverCpuUs: number | null;
  ratio: number | null;
}

interface Result {
  cells: Cell[];
  failed: unknown[];
  missed: { threshold: string; cell: string }[];
  measurements: unknown[];
  interrupted: boolean;
}

async function bench(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const { stdout, stderr } = await run(RTCP, ['bench', ...args], { timeout: 100_000 });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code = -1, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
    return { code, stdout, stderr };
  }
}

/** Namespaces of a benchmark, and whatever a killed one would have left. */
const namespaces = (): string[] =>
  execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => line.startsWith('rtcpb-'));

describe('bench --vs redis', () => {
  it('measures redis and every link over the same load, and leaves nothing behind', async () => {
    const file = join(directory, 'result.json');
    const ended = await bench(
      '--vs',
      'redis',
      '-n',
      '20k',
      '-P',
      '1',
      '-P',
      '16',
      '--rounds',
      '1',
      '--json',
      '--export-json',
      file,
    );
    const result = JSON.parse(ended.stdout) as Result;
    expect(result.failed).toEqual([]);
    expect(ended.code).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(result);
    expect(result.cells).toHaveLength(5 * 2 * 2);
    for (const cell of result.cells) {
      expect(cell.requestsPerSecond).toBeGreaterThan(1000);
      expect(cell.serverCpuUs).toBeGreaterThan(0.05);
      if (cell.contender === 'redis') expect(cell.ratio).toBeNull();
      else expect(cell.ratio).toBeGreaterThan(0.1);
    }
    expect(namespaces()).toEqual([]);
  });

  it('exits 5 when a condition to fail is met', async () => {
    const ended = await bench(
      '--vs',
      'redis',
      '--io',
      'socket',
      '-n',
      '5k',
      '-P',
      '4',
      '-t',
      'get',
      '--rounds',
      '1',
      '--fail-if',
      'ratio<1000',
      '--fail-if',
      'p99>1h',
      '--json',
    );
    expect(ended.code).toBe(5);
    expect((JSON.parse(ended.stdout) as Result).missed).toEqual([{ threshold: 'ratio<1000', cell: 'socket.P4.get' }]);
  });

  it('stops at the first Ctrl-C with what it has, and removes its namespaces', async () => {
    const child = spawn(RTCP, ['bench', '--vs', 'redis', '--io', 'socket', '-n', '3m', '-P', '1', '--json'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    children.push(child);
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    const deadline = Date.now() + 20_000;
    while (namespaces().length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect((JSON.parse(stdout) as Result).interrupted).toBe(true);
    expect(namespaces()).toEqual([]);
  });

  it('a server that is not there ends it, with a mend', async () => {
    const ended = await bench('--vs', 'redis', '--redis-server', '/nonexistent/redis-server', '--quick');
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(/\/nonexistent\/redis-server[\s\S]*\nmend: /);
    expect(namespaces()).toEqual([]);
  });
});

describe('bench --target', () => {
  it('compares servers that run already', async () => {
    const ports = [16_391, 16_392];
    for (const port of ports) {
      const options = ['--port', String(port), '--save', '', '--appendonly', 'no', '--dir', directory];
      children.push(spawn('redis-server', options, { stdio: 'ignore' }));
    }
    const [first, second] = ports;
    const ended = await bench(
      '--target',
      `one=127.0.0.1:${first}`,
      '--target',
      `two=127.0.0.1:${second}`,
      '-n',
      '5k',
      '-P',
      '2',
      '-t',
      'set',
      '--rounds',
      '1',
      '--json',
    );
    expect(ended.code).toBe(0);
    const { cells } = JSON.parse(ended.stdout) as Result;
    expect(cells.map((cell) => [cell.contender, cell.serverCpuUs, cell.ratio === null])).toEqual([
      ['one', null, true],
      ['two', null, false],
    ]);
  });
});
