/**
 * The result as a table for people: one row for each cell, figures as medians over the rounds, the ratio to the baseline
 * last.
 */
import type { Output } from '../cli/output.ts';
import type { Column } from '../cli/table.ts';
import { formatCount, formatDurationUs } from '../cli/units.ts';
import type { CellSummary } from './summary.ts';

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

export function printSummary(output: Output, cells: readonly CellSummary[]): void {
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
