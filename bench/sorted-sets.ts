/**
 * A sorted set of a million members of 16 bytes, by the handlers of its commands: with the B+tree, with the skiplist, and in
 * redis-server by its own COMMANDSTATS of the same commands, where MEMORY USAGE is the measure of its bytes. One process for
 * each. Figures are medians, of batches of 64 here, of commands in whole microseconds there: other work on the machine
 * disturbs them least.
 *
 *   node bench/sorted-sets.ts [members]
 */
import { parseArgs } from 'node:util';
import { Interrupt } from '../src/lib/cli/interrupt.ts';
import { runDsBench } from '../src/lib/ds-bench/run.ts';
import type { SubjectResult } from '../src/lib/ds-bench/subject.ts';

const { positionals } = parseArgs({ allowPositionals: true });
const size = Number(positionals[0] ?? 1_000_000);
const workload = { size, keyBytes: 16, valueBytes: 16, distribution: 'uniform', seed: 1 } as const;

const interrupt = new Interrupt();
const plan = { structures: ['zset'], against: ['redis'], workload, redisServer: 'redis-server' } as const;
const { subjects, failed } = await runDsBench(plan, interrupt, (text) => console.error(text));
for (const { contender, cause } of failed) console.error(`${contender}: ${cause}`);

const redis = subjects.find((subject) => subject.contender === 'redis');
const cell = (text: string): string => text.padStart(22);

/** A figure, and how it stands to redis-server's. */
function compared(value: number, unit: string, theirs: number | undefined): string {
  const ratio = theirs === undefined ? '' : ` (${(theirs / value).toFixed(2)} ×)`;
  return cell(`${value.toFixed(unit === 'B' ? 1 : 0)} ${unit}${ratio}`);
}

function row(name: string, unit: string, figureOf: (subject: SubjectResult) => number | undefined): void {
  const theirs = redis === undefined ? undefined : figureOf(redis);
  const cells = subjects.map((subject) => {
    const value = figureOf(subject);
    if (value === undefined) return cell('–');
    return compared(value, unit, subject === redis ? undefined : theirs);
  });
  console.log(name.padEnd(20) + cells.join(''));
}

console.log(`${size} members, Node ${process.version}; in brackets redis-server's figure divided by ours`);
console.log(''.padEnd(20) + subjects.map((subject) => cell(subject.contender)).join(''));
for (const { name } of subjects[0]?.operations ?? []) {
  row(name, 'ns', (subject) => subject.operations.find((operation) => operation.name === name)?.p50Ns);
}
row('bytes a member', 'B', (subject) => subject.bytesPerElement ?? undefined);
