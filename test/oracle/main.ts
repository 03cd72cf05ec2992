/**
 * npm run oracle -- --seeds N --commands M [--seed S] [--resp 2|3] [--family f] [--log] [--replay FILE]
 *
 * Runs seeded streams on rtcp and on redis-server; prints what differs as a stream that is small enough to read, and which
 * --replay takes again. Exit code 3 when something differed.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { callables } from './grammar.ts';
import { Mix } from './mix.ts';
import { type Failure, Oracle } from './oracle.ts';
import { shown } from './report.ts';
import { shrink } from './shrink.ts';
import type { Stream } from './units.ts';

const STREAM_COMMANDS = 2500;
const PROGRESS_MS = 5000;
const EXIT_DIFFERENCE = 3;

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string' },
    commands: { type: 'string' },
    seed: { type: 'string', default: '1' },
    resp: { type: 'string' },
    family: { type: 'string', multiple: true },
    failures: { type: 'string', default: '5' },
    replay: { type: 'string' },
    log: { type: 'boolean', default: false },
  },
});

async function report(oracle: Oracle, stream: Stream, failure: Failure, title: string): Promise<void> {
  console.log(`\n${title}: ${shown(failure)}`);
  const shrunk = await shrink(oracle, stream, failure);
  if (shrunk === null) console.log('  it does not fail again alone');
  else console.log(`  smallest:\n${shown(shrunk.failure)}\n${JSON.stringify(shrunk.stream)}`);
}

async function main(): Promise<number> {
  const oracle = await Oracle.start();
  let failures = 0;
  try {
    if (flags.replay !== undefined) {
      const stream = JSON.parse(readFileSync(flags.replay, 'utf8')) as Stream;
      const failure = await oracle.run(stream);
      console.log(failure === null ? 'no difference' : shown(failure));
      return failure === null ? 0 : EXIT_DIFFERENCE;
    }
    const perSeed = Number(flags.commands ?? STREAM_COMMANDS);
    const seeds = Number(flags.seeds ?? 20);
    const startMs = Date.now();
    let progressMs = startMs;
    for (let seed = Number(flags.seed); seed < Number(flags.seed) + seeds; seed++) {
      const protocol = Number(flags.resp ?? 2 + (seed & 1));
      const stream = Mix.stream(seed, perSeed, protocol, flags.family ?? []);
      if (flags.log) for (const unit of stream.units) console.log(JSON.stringify(unit));
      const failure = await oracle.run(stream);
      if (failure !== null) {
        failures++;
        await report(oracle, stream, failure, `seed ${seed}, RESP${protocol}`);
        if (failures >= Number(flags.failures)) break;
      }
      if (Date.now() - progressMs < PROGRESS_MS) continue;
      progressMs = Date.now();
      const rate = Math.round(oracle.commands / ((progressMs - startMs) / 1000));
      console.error(`seed ${seed}: ${oracle.commands} commands, ${rate}/s, ${failures} failures`);
    }
    const seconds = (Date.now() - startMs) / 1000;
    console.log(
      `${oracle.commands} commands in ${seconds.toFixed(1)} s (${Math.round(oracle.commands / seconds)}/s), ` +
        `${oracle.stateChecks} comparisons of states, ${failures} failures`,
    );
    for (const { commands, why } of oracle.differences.dead) console.log(`never met: ${commands.join(' ')}: ${why}`);
    const unanswered = callables.filter(({ name }) => !oracle.answered.has(name)).map(({ name }) => name);
    if (unanswered.length > 0 && flags.family === undefined) console.log(`only errors: ${unanswered.join(' ')}`);
    return failures > 0 ? EXIT_DIFFERENCE : 0;
  } finally {
    await oracle.stop();
  }
}

process.exitCode = await main();
