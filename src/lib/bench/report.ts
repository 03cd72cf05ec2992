/**
 * A benchmark for people: what will be done, then a table: for each test and depth the servers one below the other, figures
 * as medians over the rounds, the ratios to the baseline last.
 */
import { loadavg } from 'node:os';
import type { Output } from '../cli/output.ts';
import type { Column } from '../cli/table.ts';
import { formatCount, formatDurationUs, plural } from '../cli/units.ts';
import type { BenchResult } from './result.ts';
import { type Plan, WARM_UP } from './rounds.ts';
import { type CellSummary, worstCells } from './summary.ts';
import { describeWorkload } from './workload.ts';

/** Load average of a minute from which others disturb a comparison that wants two processors. */
const BUSY_LOAD = 0.5;

/** Within 80 characters, as long as the servers' names are short. */
const COLUMNS: Column[] = [
  { head: 'server' },
  { head: 'req/s', align: 'right' },
  { head: 'p50', align: 'right' },
  { head: 'p99', align: 'right' },
  { head: 'p99.9', align: 'right' },
  { head: 'CPU', align: 'right' },
  { head: 'machine', align: 'right' },
  { head: 'ratio', align: 'right' },
  { head: 'CPU ratio', align: 'right' },
];

export function announcePlan(output: Output, plan: Plan): void {
  const names = plan.contenders.map((contender) => contender.name).join(', ');
  const started = plan.contenders.some((contender) => contender.command !== null);
  const placement =
    plan.loadCpu === null
      ? 'not pinned'
      : `${started ? `server on CPU ${plan.serverCpu}, ` : ''}load on CPU ${plan.loadCpu}, ${WARM_UP}`;
  output.note(`${plural(plan.rounds, 'round')} of ${names}; ${placement}`);
  output.note(describeWorkload(plan.workload));
  if (plan.contenders.some((contender) => contender.besideServer)) {
    output.note("tap: the load runs in the server's own namespace; its ratio is to redis on the veth");
  }
  const [load] = loadavg();
  if (load > BUSY_LOAD) {
    output.warn(`this machine is busy (load ${load.toFixed(1)}): all figures will suffer`);
  }
}

export function printResult(output: Output, result: BenchResult): void {
  if (result.cells.length > 0) printCells(output, result.cells);
  for (const failed of result.failed) output.warn(`${failed.contender} could not be measured: ${failed.cause}`);
  for (const missed of result.missed) output.note(`missed: ${missed.cell} has ${missed.threshold}`);
  if (result.interrupted)
    output.note(`interrupted: ${result.cells.length > 0 ? 'that is what' : 'nothing'} was measured until then`);
}

function printCells(output: Output, cells: readonly CellSummary[]): void {
  const rows: string[][] = [];
  let group = '';
  for (const cell of cells) {
    const test = `${cell.test.toUpperCase()} P=${cell.pipeline}`;
    if (test !== group) rows.push([test, ...COLUMNS.slice(1).map(() => '')]);
    group = test;
    rows.push(cellRow(cell));
  }
  output.table(COLUMNS, rows);
  if (output.json) return;
  for (const { contender, test, pipeline, ratio } of worstCells(cells)) {
    output.data(`${contender}: lowest ratio ${formatRatio(ratio)}, ${test.toUpperCase()} at P=${pipeline}`);
  }
  output.note('CPU, machine: time for each request, of the server and of all processors');
  output.note('ratios are those within one round; every figure is the median of the rounds');
}

function cellRow(cell: CellSummary): string[] {
  return [
    `  ${cell.contender}`,
    formatCount(cell.requestsPerSecond),
    formatDurationUs(cell.p50Us),
    formatDurationUs(cell.p99Us),
    formatDurationUs(cell.p999Us),
    cell.serverCpuUs === null ? '–' : formatDurationUs(cell.serverCpuUs),
    cell.machineBusyUs === null ? '–' : formatDurationUs(cell.machineBusyUs),
    formatRatio(cell.ratio),
    formatRatio(cell.cpuRatio),
  ];
}

function formatRatio(ratio: number | null): string {
  return ratio === null ? '–' : `${ratio.toFixed(2)}×`;
}
