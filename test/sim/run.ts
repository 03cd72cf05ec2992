/**
 * `npm run sim --`: lives through simulated worlds and says which of them broke a rule.
 *
 *   --seeds N [--first N] [--minutes M] [--jobs N] [--json FILE]    many worlds
 *   --seed N [--log] [--pcap FILE] [--shrink]                       one world again, and what it needs to fail
 *          [--without loss,sack,…] [--only 3,5]                     … without these, with these conversations only
 *   --throughput [--update]                                         the table of goodput
 *
 * Exit status: 0 nothing was found, 2 usage, 3 a rule was broken, 130 interrupted before anything was found.
 */
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { EXIT_DIFFERENCE, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE } from '../../src/lib/cli/exit-codes.ts';
import { Batch, serveStrides, type Tally } from './batch.ts';
import { knownSeeds } from './known-seeds.ts';
import { drawWorld, type WorldPlan } from './plan.ts';
import { Progress } from './progress.ts';
import { Capture, replay } from './replay.ts';
import { shrink, simplify } from './simplify.ts';
import {
  compareThroughput,
  measureThroughput,
  printThroughput,
  storedThroughput,
  storeThroughput,
} from './throughput.ts';

const OPTIONS = {
  seeds: { type: 'string' },
  first: { type: 'string' },
  minutes: { type: 'string' },
  jobs: { type: 'string' },
  json: { type: 'string' },
  seed: { type: 'string' },
  log: { type: 'boolean' },
  pcap: { type: 'string' },
  shrink: { type: 'boolean' },
  without: { type: 'string' },
  only: { type: 'string' },
  throughput: { type: 'boolean' },
  update: { type: 'boolean' },
  child: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

class UsageError extends Error {}

function whole(name: string, text: string | undefined, fallback: number, least = 0): number {
  if (text === undefined) return fallback;
  const number = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number;
  throw new UsageError(`--${name} takes a whole number${least > 0 ? ` from ${least} on` : ''}, not ${text}`);
}

/** Before hours of work, not behind them. */
function expectWritable(name: string, path: string | undefined): void {
  if (path === undefined) return;
  try {
    closeSync(openSync(path, 'a'));
  } catch (error) {
    throw new UsageError(`--${name} ${path}: ${(error as Error).message}`);
  }
}

function parse() {
  try {
    return parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

type Flags = ReturnType<typeof parse>;

async function runBatch(flags: Flags): Promise<number> {
  const count = whole('seeds', flags.seeds, flags.minutes === undefined ? 1_000 : Number.MAX_SAFE_INTEGER);
  const first = whole('first', flags.first, 1);
  const minutes = Number(flags.minutes ?? Infinity);
  if (!(minutes > 0)) throw new UsageError(`--minutes takes a number, not ${flags.minutes}`);
  const known = knownSeeds();
  const worlds = known.length + count;
  const seedAt = (i: number): number => (i < known.length ? known[i] : first + i - known.length);
  const jobs = whole('jobs', flags.jobs, 1, 1);
  expectWritable('json', flags.json);
  const progress = new Progress(worlds, minutes * 60_000);
  const batch = new Batch(worlds, seedAt, (tally) => {
    progress.show(tally);
    if (progress.isTimeOver) batch.stop();
  });
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      interrupted = true;
      batch.stop();
    });
  }
  const tally = await batch.run(jobs);
  progress.finish(tally);
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(tally, null, 2)}\n`);
  printFailures(tally);
  if (tally.failures.length > 0) return EXIT_DIFFERENCE;
  return interrupted ? EXIT_INTERRUPTED : EXIT_OK;
}

function printFailures({ failures }: Tally): void {
  const byRule = Map.groupBy(failures, ({ rule }) => rule);
  for (const [rule, broken] of byRule) {
    process.stdout.write(`\n${broken.length} × ${rule}\n`);
    for (const { seed, message } of broken.slice(0, 5)) {
      process.stdout.write(`  ${message}\n    npm run sim -- --seed ${seed} --log\n`);
    }
  }
}

function runOne(flags: Flags): number {
  const seed = whole('seed', flags.seed, 0);
  const only = flags.only === undefined ? null : flags.only.split(',').map((id) => whole('only', id, 0));
  const plan = simplified(drawWorld(seed), flags.without?.split(',') ?? [], only);
  expectWritable('pcap', flags.pcap);
  process.stdout.write(`${describePlan(plan)}\n\n`);
  const capture = flags.pcap === undefined ? null : new Capture(flags.pcap);
  const log = flags.log ? (line: string) => void process.stdout.write(`${line}\n`) : null;
  const { events, hash, connectionSeconds, connections, frames, violation } = replay(plan, { log, capture });
  process.stdout.write(
    `seed ${seed}: ${events} events, hash ${(hash >>> 0).toString(16).padStart(8, '0')}, ${frames} frames, ` +
      `${connections} connections, ${Math.round(connectionSeconds)} connection-seconds\n`,
  );
  if (violation === null) return EXIT_OK;
  process.stdout.write(`${violation.message}\n`);
  if (flags.shrink) {
    const {
      without,
      only: ids,
      plan: simplest,
    } = shrink(plan, violation.rule, (line) => process.stderr.write(`${line}\n`));
    process.stdout.write(`\n${describePlan(simplest)}\n\nnpm run sim -- --seed ${seed} --log`);
    process.stdout.write(` --only ${ids.join(',')}${without.length > 0 ? ` --without ${without.join(',')}` : ''}\n`);
  }
  return EXIT_DIFFERENCE;
}

function simplified(plan: WorldPlan, without: string[], only: number[] | null): WorldPlan {
  try {
    return simplify(plan, without, only);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** One line for each part of the plan. */
function describePlan({ clocks, segments, transit, hosts, conversations, faults, closingUs }: WorldPlan): string {
  const line = (name: string, value: unknown): string => `${name.padEnd(16)}${JSON.stringify(value)}`;
  return [
    line('clocks', clocks),
    ...segments.map((segment, i) => line(`segment ${i}`, segment)),
    ...(segments.length > 1 ? [line('transit', transit)] : []),
    ...hosts.map((host, i) => line(`host ${i}`, host)),
    ...conversations.map((conversation) => line(`conversation ${conversation.id}`, conversation)),
    ...faults.map((fault) => line('fault', fault)),
    line('closing', `${closingUs / 1e6} s`),
  ].join('\n');
}

function runThroughput(flags: Flags): number {
  const table = measureThroughput();
  process.stdout.write(printThroughput(table));
  if (flags.update) {
    storeThroughput(table);
    return EXIT_OK;
  }
  const drops = compareThroughput(storedThroughput(), table);
  for (const drop of drops) process.stdout.write(`${drop}\n`);
  return drops.length > 0 ? EXIT_DIFFERENCE : EXIT_OK;
}

async function main(): Promise<number> {
  const flags = parse();
  if (flags.help) {
    const [header] = readFileSync(import.meta.filename, 'utf8').split('*/');
    process.stdout.write(`${header.replace(/^(\/\*\*| \* ?)/gm, '').trim()}\n`);
    return EXIT_OK;
  }
  if (flags.throughput) return runThroughput(flags);
  if (flags.seed !== undefined) return runOne(flags);
  return runBatch(flags);
}

if (process.argv.includes('--child')) serveStrides();
else {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\nTry npm run sim -- --help\n`);
    process.exitCode = EXIT_USAGE;
  }
}
