/**
 * ds-bench measures what it says: every structure against every contender runs, does the same work, and tells figures that
 * hang together; orders are what they are called; the page shows it all in a browser.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Interrupt } from '../../src/lib/cli/interrupt.ts';
import { dsBenchPage } from '../../src/lib/ds-bench/page-output.ts';
import { contendersOf, type DsBenchResult, runDsBench } from '../../src/lib/ds-bench/run.ts';
import { STRUCTURES } from '../../src/lib/ds-bench/structures.ts';
import { OPPONENTS } from '../../src/lib/ds-bench/subject.ts';
import { askOrder, insertOrder, nameOf, scoreOf, type Workload, writeName } from '../../src/lib/ds-bench/workload.ts';

const WORKLOAD: Workload = { size: 3000, keyBytes: 16, valueBytes: 16, distribution: 'uniform', seed: 1 };
const interrupt = new Interrupt();
let result: DsBenchResult;

beforeAll(async () => {
  const structures = Object.keys(STRUCTURES);
  const plan = { structures, against: [...OPPONENTS], workload: WORKLOAD, redisServer: 'redis-server' };
  result = await runDsBench(plan, interrupt, () => {});
}, 180_000);

afterAll(() => interrupt.dispose());

describe('the figures', () => {
  test('are there for every structure and contender', () => {
    expect(result.failed).toEqual([]);
    const measured = result.subjects.map(({ structure, contender }) => `${structure} ${contender}`);
    const wanted = Object.keys(STRUCTURES).flatMap((name) =>
      contendersOf(name, OPPONENTS).map((who) => `${name} ${who}`),
    );
    expect(measured).toEqual(wanted);
    expect(wanted).toContain('zset redis');
    expect(wanted).toContain('order skiplist');
  });

  test('hang together: quantiles ascend, and redis-server counted every command', () => {
    for (const { structure, contender, operations } of result.subjects) {
      for (const { name, count, meanNs, p50Ns, p99Ns, p999Ns, maxNs, curveNs } of operations) {
        const shown = `${structure} ${contender} ${name}`;
        expect([shown, count > 0 && meanNs > 0]).toEqual([shown, true]);
        if (contender === 'redis') continue;
        expect([shown, p50Ns <= p99Ns && p99Ns <= p999Ns && p999Ns <= maxNs]).toEqual([shown, true]);
        expect([shown, Math.max(...curveNs)]).toEqual([shown, Math.round(maxNs)]);
      }
    }
  });

  test('say what an element takes, of the order of its bytes', () => {
    for (const { structure, contender, bytesPerElement } of result.subjects) {
      if (['hll', 'checksum', 'resp', 'probes', 'wheel', 'order'].includes(structure)) continue;
      const shown = `${structure} ${contender}`;
      expect([shown, (bytesPerElement ?? 0) > 16 && (bytesPerElement ?? 0) < 400]).toEqual([shown, true]);
    }
  });

  test('show the idea of Robin Hood hashing: no long ways, and a miss that stops early', () => {
    const [ours, linear] = result.subjects.filter(({ structure }) => structure === 'probes');
    const average = (counts: number[]): number =>
      counts.reduce((sum, count, i) => sum + count * (i + 1), 0) / counts.reduce((sum, count) => sum + count, 0);
    const longest = (counts: number[]): number => counts.findLastIndex((count) => count > 0) + 1;
    expect(ours.extras.hit.reduce((sum, count) => sum + count, 0)).toBe(WORKLOAD.size);
    expect(average(ours.extras.hit)).toBeCloseTo(average(linear.extras.hit), 1); // the same sum of distances
    expect(longest(ours.extras.hit)).toBeLessThan(longest(linear.extras.hit));
    expect(average(ours.extras.miss)).toBeLessThan(average(linear.extras.miss) / 2);
  });
});

describe('the workload', () => {
  test('uniform: each element once, in an order that the seed makes', () => {
    const order = insertOrder(WORKLOAD);
    expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: WORKLOAD.size }, (_, i) => i));
    expect(insertOrder(WORKLOAD)).toEqual(order);
    expect(insertOrder({ ...WORKLOAD, seed: 2 })).not.toEqual(order);
  });

  test('zipf: the r-th most frequent element comes about 1/r^0.99 as often as the first', () => {
    const asked = askOrder({ ...WORKLOAD, size: 1000, distribution: 'zipf' }, 400_000);
    const counts = new Map<number, number>();
    for (const id of asked) counts.set(id, (counts.get(id) ?? 0) + 1);
    const frequencies = [...counts.values()].sort((a, b) => b - a);
    let zeta = 0;
    for (let rank = 1; rank <= 1000; rank++) zeta += rank ** -0.99;
    for (const rank of [1, 2, 5, 10, 50]) {
      const expected = (asked.length * rank ** -0.99) / zeta;
      expect([rank, Math.abs(frequencies[rank - 1] / expected - 1) < 0.25]).toEqual([rank, true]);
    }
  });

  test('names are the same bytes whoever writes them, and scores differ', () => {
    const u8 = new Uint8Array(16);
    writeName(u8, 0, 12_345, 16);
    expect(Buffer.from(u8).toString()).toBe(nameOf(12_345, 16));
    expect(new Set(Array.from({ length: 10_000 }, (_, id) => scoreOf(id))).size).toBe(10_000);
  });
});

describe('the page', () => {
  let browser: Browser;
  const directory = mkdtempSync(join(tmpdir(), 'rtcp-ds-bench-page-'));

  beforeAll(async () => {
    const executablePath = execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
    const args = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'];
    browser = await chromium.launch({ executablePath, args });
  });

  afterAll(async () => {
    await browser.close();
    rmSync(directory, { recursive: true });
  });

  test('has a section for each structure, with a row, bars and a plot for what was measured', async () => {
    const path = join(directory, 'page.html');
    writeFileSync(path, dsBenchPage(result, 0));
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => void complaints.push(message.text()));
    page.on('pageerror', (error) => void complaints.push(error.message));
    await page.goto(`file://${path}`);
    expect(await page.locator('.structure').count()).toBe(Object.keys(STRUCTURES).length);
    for (const structure of Object.keys(STRUCTURES)) {
      const [own] = result.subjects.filter((subject) => subject.structure === structure);
      const rows = await page.locator(`#${structure} .scroll tbody th`).allTextContents();
      expect(rows.filter((name) => !name.startsWith('bytes'))).toEqual(own.operations.map(({ name }) => name));
      expect(await page.locator(`#${structure} .bar`).count()).toBeGreaterThanOrEqual(own.operations.length);
      expect(await page.locator(`#${structure} canvas`).count()).toBeGreaterThan(0);
    }
    expect(complaints).toEqual([]);
  });
});
