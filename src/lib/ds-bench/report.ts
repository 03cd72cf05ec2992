/**
 * The comparison for people: for each structure a table of its operations, rtcp's figures first, then each contender's mean
 * and how many times rtcp is faster.
 */
import type { Output } from '../cli/output.ts';
import type { Column } from '../cli/table.ts';
import { formatBytes, formatCount, formatDurationUs } from '../cli/units.ts';
import type { Measured } from './measure.ts';
import type { DsBenchResult } from './run.ts';
import { STRUCTURES } from './structures.ts';
import type { SubjectResult } from './subject.ts';

const BAR_WIDTH = 40;
/** Rows of the histogram of probe lengths. */
const PROBE_ROWS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

export function printDsBench(output: Output, result: DsBenchResult): void {
  const structures = [...new Set(result.subjects.map((subject) => subject.structure))];
  for (const structure of structures) {
    printStructure(
      output,
      structure,
      result.subjects.filter((subject) => subject.structure === structure),
    );
  }
  for (const { structure, contender, cause } of result.failed) {
    output.warn(`${structure}, ${contender}: ${cause}`);
  }
  if (result.interrupted) output.note('interrupted: that is what was measured until then');
  if (structures.length > 0 && !output.json) {
    output.note('quantiles are of means over 64 operations; × is how many times faster rtcp is, by the means');
    output.note('redis is its own COMMANDSTATS: in-command time, pipelined over a Unix socket; memory is its own, too');
  }
}

function printStructure(output: Output, structure: string, subjects: readonly SubjectResult[]): void {
  const { idea, element } = STRUCTURES[structure];
  const [own, ...others] = subjects;
  output.data(`${output.style('bold', structure)}  ${idea}`);
  const columns: Column[] = [
    { head: own.contender },
    ...['mean', 'p50', 'p99', 'p99.9', 'max', 'GC'].map((head): Column => ({ head, align: 'right' })),
    ...others.flatMap(({ contender }): Column[] => [
      { head: contender, align: 'right' },
      { head: '', align: 'right' },
    ]),
  ];
  const rows = own.operations.map((operation) => row(operation, others));
  if (own.bytesPerElement !== null && element !== '') rows.push(bytesRow(element, own, others));
  output.table(columns, rows);
  if (structure === 'probes') printProbes(output, subjects);
  output.data();
}

function row(operation: Measured, others: readonly SubjectResult[]): string[] {
  const { name, meanNs, p50Ns, p99Ns, p999Ns, maxNs, gcMs, gcMaxMs } = operation;
  const gc = gcMs === 0 ? '–' : formatDurationUs(gcMaxMs * 1000);
  return [
    `  ${name}`,
    ...[meanNs, p50Ns, p99Ns, p999Ns, maxNs].map(nanoseconds),
    gc,
    ...others.flatMap((other) => {
      const same = other.operations.find((each) => each.name === name);
      return same === undefined ? ['–', ''] : [nanoseconds(same.meanNs), `${(same.meanNs / meanNs).toFixed(1)}×`];
    }),
  ];
}

function bytesRow(element: string, own: SubjectResult, others: readonly SubjectResult[]): string[] {
  const bytes = (value: number | null): string => (value === null ? '–' : formatBytes(Math.round(value * 10) / 10));
  const mine = own.bytesPerElement ?? 0;
  return [
    `  bytes for each ${element}`,
    bytes(own.bytesPerElement),
    '',
    '',
    '',
    '',
    '',
    ...others.flatMap(({ bytesPerElement }) =>
      bytesPerElement === null ? ['–', ''] : [bytes(bytesPerElement), `${(mine / bytesPerElement).toFixed(2)} of it`],
    ),
  ];
}

function nanoseconds(ns: number): string {
  if (Number.isNaN(ns)) return '–';
  return ns < 99.95 ? `${ns.toFixed(1)} ns` : formatDurationUs(ns / 1000);
}

/** How many entries need so many probes, of all; both tables beside each other. */
function printProbes(output: Output, subjects: readonly SubjectResult[]): void {
  output.data();
  const share = (subject: SubjectResult, kind: string, from: number, to: number): number => {
    const counts = subject.extras[kind] ?? [];
    const all = counts.reduce((sum, count) => sum + count, 0);
    return counts.slice(from - 1, to - 1).reduce((sum, count) => sum + count, 0) / Math.max(1, all);
  };
  for (const kind of ['hit', 'miss']) {
    output.data(`  probes of a ${kind}, share of the entries`);
    for (const [i, from] of PROBE_ROWS.entries()) {
      const to = PROBE_ROWS[i + 1] ?? Number.POSITIVE_INFINITY;
      const label = to === from + 1 ? String(from) : Number.isFinite(to) ? `${from}–${to - 1}` : `${from} or more`;
      const cells = subjects.map((subject) => {
        const part = share(subject, kind, from, to);
        const name = subject.contender === 'rtcp' ? 'Robin Hood' : subject.contender;
        return `${name} ${(part * 100).toFixed(2).padStart(6)} % ${'▇'.repeat(Math.ceil(part * BAR_WIDTH)).padEnd(BAR_WIDTH)}`;
      });
      output.data(`    ${label.padStart(10)}  ${cells.join('  ').trimEnd()}`);
    }
  }
}

/** The workload in one line. */
export function describeWorkload({ workload }: { workload: DsBenchResult['workload'] }): string {
  const { size, keyBytes, valueBytes, distribution } = workload;
  return `${formatCount(size)} elements of ${keyBytes} B, values of ${valueBytes} B, asked for in ${distribution} order`;
}
