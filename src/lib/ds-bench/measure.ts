/**
 * Measuring: an operation is run in batches, and each batch is timed as a whole, because a look at the clock costs as much as
 * the operation. Before each batch, outside of the time, its arguments are prepared.
 *
 *   prepare │ run 64 ├──ns──┤ prepare │ run 64 ├──ns──┤ …   ─▶ ns for each operation: mean, and p50 … max of the batches
 */
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';

export const BATCH = 64;
/** Points of the curve that the report draws: how long batches took as the operation went on. */
const CURVE_POINTS = 200;

export interface Operation {
  /** As it is shown: `HSET`, `insert`. */
  readonly name: string;
  /** How often. */
  readonly count: number;
  /** Makes ready what run(first, n) needs. */
  prepare(first: number, n: number): void;
  /** Does the operations first … first+n-1. */
  run(first: number, n: number): void;
}

/** Times in nanoseconds for one operation; of the quantiles, as the mean of a batch. */
export interface Measured {
  readonly name: string;
  readonly count: number;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
  /** The longest batch, whole. */
  readonly worstBatchUs: number;
  /** Pauses of the garbage collector while operations ran (and not while they were prepared). */
  readonly gcCount: number;
  readonly gcMs: number;
  readonly gcMaxMs: number;
  /** Worst batch mean of each stretch of the operation, ns: CURVE_POINTS of them, or as many as there were batches. */
  readonly curveNs: number[];
}

export async function measure(operation: Operation): Promise<Measured> {
  const { count } = operation;
  const batches = Math.ceil(count / BATCH);
  const perOperation = new Float64Array(batches);
  let totalNs = 0;
  let worstNs = 0;
  const startedAt = new Float64Array(batches);
  const pauses: { at: number; ms: number }[] = [];
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) pauses.push({ at: entry.startTime, ms: entry.duration });
  });
  observer.observe({ entryTypes: ['gc'] });
  for (let batch = 0, first = 0; batch < batches; batch++, first += BATCH) {
    const n = Math.min(BATCH, count - first);
    operation.prepare(first, n);
    const start = performance.now();
    startedAt[batch] = start;
    operation.run(first, n);
    const ns = (performance.now() - start) * 1e6;
    totalNs += ns;
    if (ns > worstNs) worstNs = ns;
    perOperation[batch] = ns / n;
  }
  await nextTurn(); // the observer is told of pauses between turns
  await nextTurn();
  observer.disconnect();
  const inside = pauses.filter(({ at }) => during(startedAt, perOperation, at)).map(({ ms }) => ms);
  const curveNs = curve(perOperation);
  perOperation.sort();
  const quantile = (q: number): number => perOperation[Math.min(batches - 1, Math.floor(batches * q))];
  return {
    name: operation.name,
    count,
    meanNs: totalNs / count,
    p50Ns: quantile(0.5),
    p99Ns: quantile(0.99),
    p999Ns: quantile(0.999),
    maxNs: perOperation[batches - 1],
    worstBatchUs: worstNs / 1000,
    gcCount: inside.length,
    gcMs: inside.reduce((sum, ms) => sum + ms, 0),
    gcMaxMs: inside.reduce((longest, ms) => Math.max(longest, ms), 0),
    curveNs,
  };
}

/** Was it during a batch (times in ms, of the batches per operation in ns) and not in the preparation of one? */
function during(startedAt: Float64Array, perOperation: Float64Array, at: number): boolean {
  let low = 0;
  let high = startedAt.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (startedAt[middle] <= at) low = middle;
    else high = middle - 1;
  }
  return at >= startedAt[low] && at <= startedAt[low] + (perOperation[low] * BATCH) / 1e6;
}

function curve(perOperation: Float64Array): number[] {
  const points = Math.min(CURVE_POINTS, perOperation.length);
  return Array.from({ length: points }, (_, i) => {
    const from = Math.floor((i * perOperation.length) / points);
    const to = Math.floor(((i + 1) * perOperation.length) / points);
    return Math.round(perOperation.subarray(from, Math.max(to, from + 1)).reduce((a, b) => Math.max(a, b), 0));
  });
}
