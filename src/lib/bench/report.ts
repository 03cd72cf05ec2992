/**
 * A benchmark for people: what will be done, then a table with one row for each cell, figures as medians over the rounds,
 * the ratio to the baseline last.
 */
import { loadavg } from 'node:os';
import type { Output } from '../cli/output.ts';
import type { Column } from '../cli/table.ts';
import { formatCount, formatDurationUs } from '../cli/units.ts';
import type { BenchResult } from './result.ts';
import type { Plan } from './rounds.ts';
import type { CellSummary } from './summary.ts';
import { describeWorkload } from './workload.ts';

/** Load average of a minute from which others disturb a comparison that wants two processors. */
const BUSY_LOAD = 0.5;

const COLUMNS: Column[] = [
  { head: 'test' },
  { head: 'P', align: 'right' },
  { head: 'server' },
  { head: 'requests/s', align: 'right' },
  { head: 'p50', align: 'right' },
  { head: 'p99', align: 'right' },
  { head: 'p99.9', align: 'right' },
  { head: 'server CPU', align: 'right' },
  { head: 'machine', align: 'right' },
  { head: 'ratio', align: 'right' },
  { head: 'CPU ratio', align: 'right' },
];

export function announcePlan(output: Output, plan: Plan): void {
  const names = plan.contenders.map((contender) => contender.name).join(', ');
  const placement =
    plan.serverCpu === null ? 'not pinned' : `server on CPU ${plan.serverCpu}, load on CPU ${plan.loadCpu}`;
  output.note(`${plan.rounds} round(s) of ${names}; ${placement}`);
  output.note(describeWorkload(plan.workload));
  if (plan.contenders.some((contender) => contender.besideServer)) {
    output.note("tap: the load runs in the server's own namespace; its ratio is to redis on the veth");
  }
  const [load] = loadavg();
  if (load > BUSY_LOAD) {
    output.warn(`the machine is busy already (load ${load.toFixed(1)}): requests/s and latencies will suffer`);
  }
}

export function printResult(output: Output, result: BenchResult): void {
  if (result.cells.length > 0) printCells(output, result.cells);
  for (const failed of result.failed) output.warn(`${failed.contender} could not be measured: ${failed.cause}`);
  for (const missed of result.missed) output.note(`missed: ${missed.cell} has ${missed.threshold}`);
  if (result.interrupted) output.note('interrupted: what was measured until then is above');
}

function printCells(output: Output, cells: readonly CellSummary[]): void {
  output.table(
    COLUMNS,
    cells.map((cell) => [
      cell.test.toUpperCase(),
      String(cell.pipeline),
      cell.contender,
      formatCount(cell.requestsPerSecond),
      formatDurationUs(cell.p50Us),
      formatDurationUs(cell.p99Us),
      formatDurationUs(cell.p999Us),
      cell.serverCpuUs === null ? '–' : formatDurationUs(cell.serverCpuUs),
      cell.machineBusyUs === null ? '–' : formatDurationUs(cell.machineBusyUs),
      formatRatio(cell.ratio),
      formatRatio(cell.cpuRatio),
    ]),
  );
}

function formatRatio(ratio: number | null): string {
  return ratio === null ? '–' : `${ratio.toFixed(2)}×`;
}
