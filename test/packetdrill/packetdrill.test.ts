/**
 * Every script below this folder passes, and none of them passes when one number in it is another: the interpreter looks at
 * what it is told to look at. And the command, as one runs it.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judge, type RunOptions, type Verdict } from './verdict.ts';

const HERE = dirname(fileURLToPath(import.meta.url));
const OPTIONS: RunOptions = { strict: false, profile: 'auto', definitions: new Map(), trace: () => {} };

const files = readdirSync(HERE, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.pkt'))
  .sort();
const textOf = (name: string): string => readFileSync(join(HERE, name), 'utf8');

describe('the scripts', () => {
  it('are many', () => expect(files.length).toBeGreaterThanOrEqual(120));

  it.each(files)('%s', (name) => {
    const { verdict, line, reason } = judge(name, textOf(name), OPTIONS);
    expect({ verdict, line, reason }).toEqual({ verdict: 'PASS', line: 0, reason: '' });
  });
});

/** Numbers that an expectation stands or falls with: an acknowledgment, a result. */
const MUTATIONS: readonly RegExp[] = [
  /( > [FP]*\. \d+:\d+\(\d+\) ack )(\d+)/,
  /((?:read|write|send|recv)\(.*\) = )(\d+)/,
  /( > R\.? )(\d+):(\d+)/,
];

/** The script with the first such number of each line changed, one line at a time. */
function mutants(text: string): { readonly line: number; readonly text: string }[] {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const pattern = MUTATIONS.find((candidate) => candidate.test(line));
    if (pattern === undefined || /^\s*\/\//.test(line)) return [];
    const changed = line.replace(pattern, (_, before: string, number: string, end?: string) => {
      const both = end !== undefined && pattern === MUTATIONS[2] ? `:${Number(end) + 1}` : '';
      return `${before}${Number(number) + 1}${both}`;
    });
    return [{ line: index + 1, text: lines.with(index, changed).join('\n') }];
  });
}

describe('a number that is changed', () => {
  it('is noticed, in every script', () => {
    const unnoticed: string[] = [];
    let count = 0;
    for (const name of files) {
      for (const mutant of mutants(textOf(name))) {
        count++;
        if (judge(name, mutant.text, OPTIONS).verdict === 'PASS') unnoticed.push(`${name}:${mutant.line}`);
      }
    }
    expect(unnoticed).toEqual([]);
    expect(count).toBeGreaterThan(files.length);
  });
});

describe('npm run packetdrill', () => {
  let folder = '';
  const run = (...args: string[]): { status: number | null; lines: string[]; stderr: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(HERE, 'run.ts'), ...args], {
      encoding: 'utf8',
    });
    return { status, lines: stdout.trim().split('\n'), stderr };
  };
  const path = (name: string): string => join(folder, name);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'packetdrill-'));
    writeFileSync(path('a-good.pkt'), '+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 close(3) = 0\n');
    writeFileSync(path('b-bad.pkt'), '+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 close(3) = 1\n');
    writeFileSync(path('c-other.pkt'), '--ip_version=ipv6\n+0 close(3) = 0\n');
    writeFileSync(path('d-broken.pkt'), '+0 close(3) = 0\n+0 close(\n');
    writeFileSync(path('e-chosen.pkt'), '#ifdef CHOSEN\n+0 close(3) = 0\n#endif\n+0 close(4) = -1 EBADF (x)\n');
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it('says PASS, and exits 0', () => {
    const { status, lines } = run(path('a-good.pkt'));
    expect(status).toBe(0);
    expect(lines).toEqual([
      `PASS ${path('a-good.pkt')}`,
      '1 scripts: 1 passed (100.0 % of the supported), 0 failed, 0 unsupported',
    ]);
  });

  it('says where and why one fails, and exits 3; takes folders; writes JSON', () => {
    const { status, lines } = run(folder, '--json', path('out.json'));
    expect(status).toBe(3);
    expect(lines).toEqual([
      `PASS ${path('a-good.pkt')}`,
      `FAIL ${path('b-bad.pkt')}:2: close returned 0, not 1`,
      `UNSUPPORTED ${path('c-other.pkt')}:1: --ip_version=ipv6`,
      `ERROR ${path('d-broken.pkt')}:3: expected a value, found the end of the file`,
      `PASS ${path('e-chosen.pkt')}`,
      '5 scripts: 2 passed (50.0 % of the supported), 1 failed, 1 unsupported, 1 unreadable',
    ]);
    const verdicts = JSON.parse(readFileSync(path('out.json'), 'utf8')) as Verdict[];
    expect(verdicts.map(({ file, verdict, line }) => [file, verdict, line])).toEqual([
      [path('a-good.pkt'), 'PASS', 0],
      [path('b-bad.pkt'), 'FAIL', 2],
      [path('c-other.pkt'), 'UNSUPPORTED', 1],
      [path('d-broken.pkt'), 'ERROR', 3],
      [path('e-chosen.pkt'), 'PASS', 0],
    ]);
    expect(verdicts.every(({ ms, reason }) => ms >= 0 && typeof reason === 'string')).toBe(true);
  });

  it('exits 2 for one that can not be read, with its line', () => {
    expect(run(path('d-broken.pkt')).status).toBe(2);
    const missing = run(path('nowhere.pkt'));
    expect(missing.status).toBe(2);
    expect(missing.lines[0]).toContain('ENOENT');
  });

  it('exits 2 for wrong usage', () => {
    expect(run().status).toBe(2);
    expect(run('--strange', path('a-good.pkt')).stderr).toContain('usage: npm run packetdrill');
    expect(run('--profile', 'windows', path('a-good.pkt')).status).toBe(2);
  });

  it('takes defines, strictness, a profile, and tells what happens', () => {
    expect(run('-D', 'CHOSEN', path('e-chosen.pkt')).status).toBe(3);
    const { lines, status } = run('-v', '--strict', '--profile', 'freebsd', path('a-good.pkt'));
    expect(status).toBe(0);
    expect(lines.some((line) => line.includes('socket (line 1)'))).toBe(true);
  });

  it('is what package.json calls', () => {
    const root = join(HERE, '../..');
    const scripts = execFileSync('node', ['-p', 'require("./package.json").scripts.packetdrill'], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(scripts.trim()).toBe('node test/packetdrill/run.ts');
  });
});
