/**
 * The outcome of a benchmark as plain data: what --json and --export-json say, and what the exit code follows.
 */
import { availableParallelism, cpus, release } from 'node:os';
import { EXIT_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_THRESHOLD_MISSED } from '../cli/exit-codes.ts';
import type { Comparison, Failed, Plan } from './rounds.ts';
import type { CellSummary, Measurement } from './summary.ts';
import { summarise } from './summary.ts';
import type { Threshold } from './threshold.ts';
import { cellName, missedBy } from './threshold.ts';
import type { Workload } from './workload.ts';

export interface BenchResult {
  date: string;
  machine: {
    kernel: string;
    cpu: string;
    cpus: number;
    node: string;
    /** Processors of server and load; null: not pinned. */
    serverCpu: number | null;
    loadCpu: number | null;
  };
  workload: Workload;
  /** The contender that ratios refer to. */
  baseline: string;
  cells: CellSummary[];
  measurements: Measurement[];
  failed: Failed[];
  missed: { threshold: string; cell: string }[];
  interrupted: boolean;
}

export function benchResult(plan: Plan, comparison: Comparison, thresholds: readonly Threshold[]): BenchResult {
  const baseline = plan.contenders[0].name;
  const cells = summarise(comparison.measurements, baseline);
  return {
    date: new Date().toISOString(),
    machine: {
      kernel: release(),
      cpu: cpus()[0]?.model ?? 'unknown',
      cpus: availableParallelism(),
      node: process.version,
      serverCpu: plan.serverCpu,
      loadCpu: plan.loadCpu,
    },
    workload: plan.workload,
    baseline,
    cells,
    missed: thresholds.flatMap((condition) =>
      missedBy(condition, cells).map((cell) => ({ threshold: condition.text, cell: cellName(cell) })),
    ),
    ...comparison,
  };
}

export function exitCodeOf(result: BenchResult): number {
  if (result.interrupted) return EXIT_INTERRUPTED;
  if (result.failed.length > 0) return EXIT_FAILED;
  return result.missed.length > 0 ? EXIT_THRESHOLD_MISSED : EXIT_OK;
}
