/**
 * Conditions under which a benchmark is to fail, for CI:  p99>2ms  cpu>8us  rps<100k  ratio<1.15  xdp.P16.get:ratio<1.7
 * The part before the colon, if any, narrows it to cells whose name (`contender.Pdepth.test`) has these parts.
 */
import { parseCount, parseDurationUs } from '../cli/units.ts';
import type { CellSummary } from './summary.ts';

const METRICS = ['rps', 'p50', 'p99', 'p999', 'cpu', 'busy', 'ratio', 'cpuratio'] as const;
type Metric = (typeof METRICS)[number];
const DURATIONS: readonly Metric[] = ['p50', 'p99', 'p999', 'cpu', 'busy'];

export interface Threshold {
  text: string;
  /** Parts that the cell's name must have, lower case. */
  only: string[];
  metric: Metric;
  above: boolean;
  limit: number;
}

/** null when the text is not a condition. Durations in µs. */
export function parseThreshold(text: string): Threshold | null {
  const match = /^(?:([\w.-]+):)?([a-z0-9.]+)\s*([<>])\s*(\S+)$/i.exec(text.trim());
  if (match === null) return null;
  const name = match[2].toLowerCase().replace('p99.9', 'p999');
  const metric = METRICS.find((known) => known === name);
  if (metric === undefined) return null;
  const limit = parseLimit(metric, match[4]);
  if (limit === null) return null;
  return {
    text: text.trim(),
    only: (match[1] ?? '').toLowerCase().split('.').filter(Boolean),
    metric,
    above: match[3] === '>',
    limit,
  };
}

function parseLimit(metric: Metric, text: string): number | null {
  if (DURATIONS.includes(metric)) return parseDurationUs(text);
  if (metric === 'rps') return parseCount(text);
  const ratio = Number(text);
  return Number.isFinite(ratio) && ratio > 0 ? ratio : null;
}

/** The cells that meet the condition to fail. A cell that lacks the figure (the baseline has no ratio) can't. */
export function missedBy(threshold: Threshold, cells: readonly CellSummary[]): CellSummary[] {
  return cells.filter((cell) => {
    const parts = cellName(cell).toLowerCase().split('.');
    if (!threshold.only.every((part) => parts.includes(part))) return false;
    const value = figure(threshold.metric, cell);
    if (value === null) return false;
    return threshold.above ? value > threshold.limit : value < threshold.limit;
  });
}

export function cellName(cell: CellSummary): string {
  return `${cell.contender}.P${cell.pipeline}.${cell.test}`;
}

function figure(metric: Metric, cell: CellSummary): number | null {
  switch (metric) {
    case 'rps':
      return cell.requestsPerSecond;
    case 'p50':
      return cell.p50Us;
    case 'p99':
      return cell.p99Us;
    case 'p999':
      return cell.p999Us;
    case 'cpu':
      return cell.serverCpuUs;
    case 'busy':
      return cell.machineBusyUs;
    case 'ratio':
      return cell.ratio;
    case 'cpuratio':
      return cell.cpuRatio;
  }
}
