import { writeFileSync } from 'node:fs';
import { Args, Flags } from '@oclif/core';
import { requirePrograms } from '../lib/bench/processes.ts';
import { RtcpCommand } from '../lib/cli/command.ts';
import { UsageError } from '../lib/cli/command-error.ts';
import { EXIT_FAILED, EXIT_INTERRUPTED } from '../lib/cli/exit-codes.ts';
import * as flag from '../lib/cli/flags.ts';
import { nearest } from '../lib/cli/nearest.ts';
import { writePage } from '../lib/ds-bench/page-output.ts';
import { describeWorkload, printDsBench } from '../lib/ds-bench/report.ts';
import type { DsBenchResult } from '../lib/ds-bench/run.ts';
import { runDsBench } from '../lib/ds-bench/run.ts';
import { STRUCTURES } from '../lib/ds-bench/structures.ts';
import { OPPONENTS } from '../lib/ds-bench/subject.ts';
import { MIN_KEY_BYTES } from '../lib/ds-bench/workload.ts';

const NAMES = Object.keys(STRUCTURES);

export default class DsBench extends RtcpCommand {
  static override summary = 'Measure the data structures alone: times, tails, memory, beside Map, objects and Redis.';
  static override description =
    `Each structure is filled, asked and emptied in a process of its own, without a network: time for each operation with its tail, bytes for each element, pauses of the garbage collector. Data types are measured through the handlers of their commands, and a redis-server (--against redis) by its own statistics of the same commands.

Structures: ${Object.entries(STRUCTURES)
      .map(([name, { idea }]) => `${name} (${idea})`)
      .join('; ')}.`;
  static override examples = [
    { command: '<%= config.bin %> ds-bench', description: 'All structures, 100,000 elements' },
    {
      command: '<%= config.bin %> ds-bench zset hash --size 1m --against redis',
      description: 'A million elements, beside a redis-server that is started for it',
    },
    {
      command: '<%= config.bin %> ds-bench table --against map,object --dist zipf',
      description: 'Few keys often, beside what JavaScript has',
    },
    {
      command: '<%= config.bin %> ds-bench table order wheel --size 1m --html structures.html',
      description: 'A page with plots: how tables grow, B+tree and skiplist, wheel and heap',
    },
    { command: '<%= config.bin %> ds-bench probes', description: 'See what Robin Hood hashing does to the distances' },
  ];
  static override strict = false;
  static override args = {
    structure: Args.string({ description: `Structures: ${NAMES.join(' ')} (default: all)` }),
  };

  static override flags = flag.withEnvironment({
    size: flag.count({ default: 100_000, min: 100, max: 50_000_000, description: 'Elements' }),
    'key-size': flag.size({ default: 16, description: 'Bytes of a key, member, field or list element' }),
    'value-size': flag.size({ default: 16, description: 'Bytes of a value' }),
    dist: Flags.string({
      options: ['uniform', 'zipf'],
      default: 'uniform',
      description: 'The order in which elements are asked for',
    }),
    against: Flags.string({
      default: '',
      helpValue: OPPONENTS.join(','),
      description: 'What to compare with, commas between',
    }),
    seed: flag.count({ default: 1, min: 0, description: 'Of all orders and draws' }),
    'redis-server': Flags.string({ default: 'redis-server', description: 'The stock server to start' }),
    html: Flags.string({ helpValue: 'FILE', description: 'Write one page with plots, which opens offline' }),
    'export-json': Flags.string({ helpValue: 'FILE', description: 'Write the result to a file' }),
  });

  async run(): Promise<DsBenchResult> {
    const { flags, argv } = await this.parse(DsBench);
    const structures = chosen(argv as string[]);
    const against = opponents(flags.against);
    if (flags['key-size'] < MIN_KEY_BYTES) {
      throw new UsageError(
        `--key-size: ${flags['key-size']} bytes don't tell elements apart`,
        `${MIN_KEY_BYTES} or more`,
      );
    }
    if (against.includes('redis')) requirePrograms([flags['redis-server']]);
    const workload = {
      size: flags.size,
      keyBytes: flags['key-size'],
      valueBytes: flags['value-size'],
      distribution: flags.dist as 'uniform' | 'zipf',
      seed: flags.seed,
    };
    this.output.note(`${describeWorkload({ workload })}; Node.js ${process.version}`);
    const { interrupt } = this;
    const progress = this.output.progress('starting');
    let result: DsBenchResult;
    try {
      const plan = { structures, against, workload, redisServer: flags['redis-server'] };
      result = await runDsBench(plan, interrupt, (text) => progress.update(text));
    } finally {
      progress.stop();
    }
    printDsBench(this.output, result);
    if (flags['export-json'] !== undefined) writeFileSync(flags['export-json'], `${JSON.stringify(result, null, 2)}\n`);
    if (flags.html !== undefined && result.subjects.length > 0) writePage(flags.html, result);
    if (result.interrupted) this.exitWith(EXIT_INTERRUPTED);
    else if (result.failed.length > 0) this.exitWith(EXIT_FAILED);
    return result;
  }
}

function chosen(names: string[]): string[] {
  if (names.length === 0) return NAMES;
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown === undefined) return NAMES.filter((name) => names.includes(name));
  const near = nearest(unknown, NAMES);
  throw new UsageError(
    `there is no structure '${unknown}'`,
    near === null ? `one of ${NAMES.join(' ')}` : `${near} is near to it`,
  );
}

function opponents(text: string): (typeof OPPONENTS)[number][] {
  const names = text.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !OPPONENTS.some((opponent) => opponent === name));
  if (unknown !== undefined)
    throw new UsageError(`--against: there is no '${unknown}'`, `some of ${OPPONENTS.join(',')}`);
  return OPPONENTS.filter((opponent) => names.includes(opponent));
}
