/**
 * How long one client makes the others wait: a whole shard, with its loop, on a transport that is this file. It fills keys of
 * every type, does what might take long with them, and looks at the longest turn of the loop, in which nobody else is served.
 *
 *   node_modules/.bin/node bench/stalls.ts [elements] [type …]        default: 1000000 hash set zset list stream many
 *
 * `turn` is the processor time of the longest turn (so that other processes do not count), with the command itself in it;
 * `command` is that of the command's own turn, `after` of the longest one until all memory is free again.
 */
import { systemClock } from '../src/lib/clock.ts';
import { threadTimeUs } from '../src/lib/native/process.ts';
import { CONTROL_STOP, CONTROL_WORDS, Shard, STOP_NOW } from '../src/lib/server/shard.ts';
import type { Transport } from '../src/lib/server/transport.ts';
import { core, discards, send, take } from './in-process.ts';

const [elementsArgument, ...typeArguments] = process.argv.slice(2);
const only = process.env.ONLY;
const elements = Number(elementsArgument ?? 1_000_000);
const PER_COMMAND = 500;
const SMALL_SET = 190;
const MAX_SETTLE_MS = 120_000;

const control = new Int32Array(CONTROL_WORDS);
const { engine } = core;

/** One thing after the other, a turn of the loop each; a turn says whether anything arrived in it. */
type Scenario = Generator<boolean, void>;

/** The transport: each turn does the scenario's next thing; the time from turn to turn is what others wait. */
class Script implements Transport {
  longestUs = 0;
  private lastUs = 0;
  private readonly scenario: Scenario;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
  }

  turn(): boolean {
    const us = threadTimeUs();
    if (this.lastUs > 0) this.longestUs = Math.max(this.longestUs, us - this.lastUs);
    this.lastUs = us;
    const { done, value } = this.scenario.next();
    if (done === true) control[CONTROL_STOP] = STOP_NOW;
    core.sessions.flush();
    return value === true;
  }
  turnInside(): boolean {
    return false;
  }
  pending(): boolean {
    return false;
  }
  nextDeadlineUs(): number {
    return Number.POSITIVE_INFINITY;
  }
  wait(): void {}
  stopListening(): void {}
  openStreams(): number {
    return 0;
  }
  unfinishedStreams(): number {
    return 0;
  }
  close(): void {}
}

function idle(): boolean {
  return engine.values.reaper.pending === 0 && engine.databases.every((database) => !database.freeStep(1));
}

/** One command, then turns until its consequences are over, in which others ask for something if they are `busy`. */
function* measure(type: string, what: string, words: string[], busy: boolean): Scenario {
  const started = performance.now();
  yield true;
  const fromUs = threadTimeUs();
  send(words);
  const command = threadTimeUs() - fromUs;
  const reply = take();
  yield true;
  script.longestUs = 0;
  for (
    let turns = 0;
    turns < 20 ||
    ((!idle() || (['PEXPIRE', 'PING'].includes(words[0]) && engine.databases[0].size > 0)) &&
      performance.now() - started < MAX_SETTLE_MS);
    turns++
  ) {
    if (busy) send(['PING']);
    take();
    yield busy;
  }
  console.log(
    `${type.padEnd(7)} ${what.padEnd(30)} command ${figures(command)} ms   after ${figures(script.longestUs)} ms   ` +
      `all ${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s   ${JSON.stringify(reply.slice(0, 30))}`,
  );
}

const name = (i: number): string => `element:${String(i).padStart(8, '0')}`;
const FILL: Record<string, (key: string, from: number, n: number) => string[]> = {
  hash: (key, from, n) => [
    'HSET',
    key,
    ...Array.from({ length: n }, (_, i) => [name(from + i), `value:${from + i}`]).flat(),
  ],
  set: (key, from, n) => ['SADD', key, ...Array.from({ length: n }, (_, i) => name(from + i))],
  zset: (key, from, n) => [
    'ZADD',
    key,
    ...Array.from({ length: n }, (_, i) => [String((from + i) * 1.5), name(from + i)]).flat(),
  ],
  list: (key, from, n) => ['RPUSH', key, ...Array.from({ length: n }, (_, i) => name(from + i))],
  stream: (key, from) => ['XADD', key, '*', 'f', name(from)],
};

/** Fills a key, one command a turn; the longest turn of that. */
function fill(type: string, key: string): number {
  let longest = 0;
  const per = type === 'stream' ? 1 : PER_COMMAND;
  for (let from = 0; from < elements; from += per) {
    const words = FILL[type](key, from, Math.min(per, elements - from));
    const startUs = threadTimeUs();
    send(words);
    longest = Math.max(longest, threadTimeUs() - startUs);
    take();
  }
  return longest;
}

const figures = (us: number): string => (us / 1000).toFixed(2).padStart(9);

const READS: Record<string, string[][]> = {
  hash: [
    ['HGETALL', 'k'],
    ['HRANDFIELD', 'k', '-1000000000000000'],
    ['HSCAN', 'k', '0', 'COUNT', '1000000000000000000'],
  ],
  set: [
    ['SMEMBERS', 'k'],
    ['SRANDMEMBER', 'k', '-1000000000'],
  ],
  zset: [
    ['ZRANGE', 'k', '0', '-1', 'WITHSCORES'],
    ['ZRANDMEMBER', 'k', '-1000000000'],
  ],
  list: [['LRANGE', 'k', '0', '-1']],
  stream: [['XRANGE', 'k', '-', '+']],
};
const REMOVALS: [string, string[][], string[]][] = [
  ['DEL', [], ['DEL', 'k']],
  ['UNLINK, others busy', [], ['UNLINK', 'k']],
  ['SET over', [], ['SET', 'k', 'v']],
  ['RENAME over', [['SET', 'other', 'v']], ['RENAME', 'other', 'k']],
  ['PEXPIRE 1', [], ['PEXPIRE', 'k', '1']],
  ['FLUSHALL', [], ['FLUSHALL']],
  ['SUNIONSTORE onto', [['SADD', 'other', '1', 'b']], ['SUNIONSTORE', 'k', 'other']],
];

function* everything(types: string[]): Scenario {
  console.log(`${elements} elements`);
  for (const type of types) {
    if (type === 'many') yield* many();
    else yield* ofType(type);
  }
}

function* ofType(type: string): Scenario {
  for (const [index, [what, before, removal]] of REMOVALS.entries()) {
    if (only !== undefined && !what.includes(only)) continue;
    const longest = fill(type, 'k');
    Object.assign(discards, { count: 0, us: 0, longestUs: 0 });
    if (index === 0) {
      const megabytes = (engine.arena.usedBytes / 2 ** 20) | 0;
      console.log(`${type}: longest command while filling ${figures(longest)} ms, ${megabytes} MB`);
      for (const words of READS[type] ?? []) yield* measure(type, words.join(' ').slice(0, 30), words, false);
      yield* measure(type, 'COPY k k2', ['COPY', 'k', 'k2'], false);
      yield* measure(type, 'DEL k2, idle', ['DEL', 'k2'], false);
    }
    for (const words of before) send(words);
    yield* measure(type, what, removal, true);
    send(['FLUSHALL']);
    while (!idle()) yield false;
    take();
    if (index === 1)
      console.log(
        `${type}: pages given back ${discards.count} times, ${figures(discards.us)} ms, longest ${figures(discards.longestUs)}`,
      );
  }
  const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  console.log(
    `${type}: ${megabytes(engine.arena.usedBytes)} MB left in use, ${megabytes(engine.arena.reservedBytes)} mapped`,
  );
}

/** Keys that expire together, and a database of keys that is cleared; many sets that are each small enough to go at once. */
function* many(): Scenario {
  const keys = Math.floor(elements / SMALL_SET);
  for (const what of ['FLUSHALL', 'expiry']) {
    const words = what === 'FLUSHALL' ? ['FLUSHALL'] : ['PING'];
    engine.activeExpire = false; // what expires is to wait until all are there
    for (let i = 0; i < keys; i++) {
      send(FILL.set(`set:${i}`, 0, SMALL_SET));
      if (what === 'expiry') send(['PEXPIRE', `set:${i}`, '1']);
      take();
    }
    engine.activeExpire = true;
    yield* measure('many', `${what}: ${keys} sets of ${SMALL_SET}`, words, true);
    engine.activeExpire = false;
    for (let i = 0; i < elements; i++) {
      send(['SET', `key:${i}`, 'v', 'PX', '1']);
      take();
    }
    engine.activeExpire = true;
    yield* measure('many', `${what}: ${elements} strings`, words, true);
  }
}

const types = typeArguments.length > 0 ? typeArguments : ['hash', 'set', 'zset', 'list', 'stream', 'many'];
const script = new Script(everything(types));
const shard = new Shard({
  index: 0,
  clock: systemClock,
  context: core.context,
  sessions: core.sessions,
  dispatcher: core.dispatcher,
  transport: script,
  control,
  wakeFd: -1,
  spinUs: 0,
  recorder: null,
});
shard.run();
