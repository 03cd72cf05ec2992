/**
 * From measurements to the table: the median over the rounds of every figure, and the ratio to the baseline as the median
 * of the ratios within each round (both ran within the same minute, so what the machine did meanwhile cancels out).
 */
import type { LoadReport } from './redis-benchmark.ts';
import { TEST_NAMES, type TestName } from './workload.ts';

/** One run of one test at one depth against one server. */
export interface Measurement {
  contender: string;
  round: number;
  pipeline: number;
  test: TestName;
  load: LoadReport;
  /** CPU time of the server process for each request; null when it is not ours to see. */
  serverCpuUs: number | null;
  /** Busy time of all processors (load generator included) for each request. */
  machineBusyUs: number | null;
}

export interface CellSummary {
  contender: string;
  pipeline: number;
  test: TestName;
  rounds: number;
  requestsPerSecond: number;
  p50Us: number;
  p99Us: number;
  p999Us: number;
  serverCpuUs: number | null;
  machineBusyUs: number | null;
  /** Requests/s relative to the baseline; null for the baseline itself. */
  ratio: number | null;
  /** Server CPU for each request relative to the baseline. */
  cpuRatio: number | null;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A summary for each cell, in the order in which cells were first measured within a depth and test. */
export function summarise(measurements: readonly Measurement[], baseline: string): CellSummary[] {
  const cells = new Map<string, Measurement[]>();
  for (const measurement of measurements) {
    const key = `${measurement.pipeline} ${measurement.test} ${measurement.contender}`;
    cells.set(key, [...(cells.get(key) ?? []), measurement]);
  }
  const summaries = [...cells.values()].map((runs) => summariseCell(runs, measurements, baseline));
  const order = (cell: CellSummary): number => cell.pipeline * TEST_NAMES.length + TEST_NAMES.indexOf(cell.test);
  return summaries.sort((a, b) => order(a) - order(b)); // stable: contenders keep their order
}

function summariseCell(runs: Measurement[], all: readonly Measurement[], baseline: string): CellSummary {
  const { contender, pipeline, test } = runs[0];
  const paired = (figure: (run: Measurement) => number | null): number | null => {
    if (contender === baseline) return null;
    const ratios: number[] = [];
    for (const run of runs) {
      const other = all.find(
        (m) => m.contender === baseline && m.round === run.round && m.pipeline === pipeline && m.test === test,
      );
      const own = figure(run);
      const base = other === undefined ? null : figure(other);
      if (own !== null && base !== null && base > 0) ratios.push(own / base);
    }
    return ratios.length === 0 ? null : median(ratios);
  };
  return {
    contender,
    pipeline,
    test,
    rounds: runs.length,
    requestsPerSecond: median(runs.map((run) => run.load.requestsPerSecond)),
    p50Us: median(runs.map((run) => run.load.p50Us)),
    p99Us: median(runs.map((run) => run.load.p99Us)),
    p999Us: median(runs.map((run) => run.load.p999Us)),
    serverCpuUs: medianOrNull(runs.map((run) => run.serverCpuUs)),
    machineBusyUs: medianOrNull(runs.map((run) => run.machineBusyUs)),
    ratio: paired((run) => run.load.requestsPerSecond),
    cpuRatio: paired((run) => run.serverCpuUs),
  };
}

/** Each contender's cell with the lowest ratio to the baseline. */
export function worstCells(cells: readonly CellSummary[]): CellSummary[] {
  const worst = new Map<string, CellSummary>();
  for (const cell of cells) {
    const known = worst.get(cell.contender);
    if (cell.ratio !== null && cell.ratio < (known?.ratio ?? Number.POSITIVE_INFINITY)) worst.set(cell.contender, cell);
  }
  return [...worst.values()];
}

function medianOrNull(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : median(known);
}
