/**
 * Scripts beside redis-server: µs for each EVAL, EVALSHA and FCALL (the command's own time, without network and parsing; of
 * redis-server what INFO commandstats says).
 *
 *   node_modules/.bin/node bench/scripts.ts [scripts]        default: 200000 of each
 *
 * Figures are the best of five rounds.
 */
import { createHash } from 'node:crypto';
import { systemClock } from '../src/lib/clock.ts';
import { lookup } from '../src/lib/engine/command-table.ts';
import { SendQueue } from '../src/lib/memory/send-queue.ts';
import { RedisPeer } from '../test/engine/redis-peer.ts';
import { World } from '../test/server/peer.ts';

const COUNT = Number(process.argv[2] ?? 200_000);
const ROUNDS = 5;
/** Scripts whose replies are kept together, and those that redis-server gets at a time. */
const BATCH = 256;
const CHUNK = 500;
const TIMEOUT_MS = 120_000;

const GET = "return redis.call('get',KEYS[1])";
const LIBRARY = `#!lua name=lib
redis.register_function('one', function() return 1 end)
redis.register_function('get', function(keys) return redis.call('get', keys[1]) end)`;
const SETUP = [
  ['SET', 'k', 'hello-value'],
  ['SCRIPT', 'LOAD', GET],
  ['FUNCTION', 'LOAD', LIBRARY],
];
const CASES: Record<string, string[]> = {
  'return 1': ['EVAL', 'return 1', '0'],
  'one GET': ['EVAL', GET, '1', 'k'],
  'one GET, by SHA': ['EVALSHA', createHash('sha1').update(GET).digest('hex'), '1', 'k'],
  'an array of arguments': ['EVAL', 'return {KEYS[1],ARGV[1],ARGV[2]}', '1', 'k', 'a', 'b'],
  'INCR, EXPIRE if new': [
    'EVAL',
    "local n=redis.call('incr',KEYS[1]) if n==1 then redis.call('expire',KEYS[1],ARGV[1]) end return n",
    ...['1', 'n', '1000'],
  ],
  'ten GETs': ['EVAL', "for i=1,10 do redis.call('get',KEYS[1]) end return 1", '1', 'k'],
  'a function': ['FCALL', 'one', '0'],
  'a function with a GET': ['FCALL', 'get', '1', 'k'],
};

const world = new World();
Object.assign(world.clock, systemClock);
const { engine, context } = world.core;
const queue = new SendQueue(world.memory, world.pool);

/** Runs a command `n` times; µs for each. */
function measure(words: readonly string[], n: number): number {
  const { runner } = context;
  if (runner === null) return Number.NaN;
  let at = world.frame;
  words.forEach((word, i) => {
    engine.argOffset[i] = at;
    engine.argLength[i] = word.length;
    world.memory.u8.set(Buffer.from(word), at);
    at += word.length + 8;
  });
  engine.batch.args = words.length;
  const id = lookup(world.memory, engine.argOffset[0], engine.argLength[0]);
  const hash = engine.db.hash(engine.argOffset[1], engine.argLength[1]);
  const fromMs = performance.now();
  for (let i = 0; i < n; i++) {
    if (i % BATCH === 0) {
      engine.reply.finish();
      queue.clear();
      engine.reply.begin(queue, 2, false);
    }
    runner.call(id, 0, words.length, hash);
  }
  const us = ((performance.now() - fromMs) * 1000) / n;
  engine.reply.finish();
  queue.clear();
  return us;
}

async function measureRedis(redis: RedisPeer, words: readonly string[], n: number): Promise<number> {
  await redis.run([['CONFIG', 'RESETSTAT']]);
  for (let done = 0; done < n; done += CHUNK) await redis.run(Array.from({ length: CHUNK }, () => [...words]));
  const [stats] = await redis.run([['INFO', 'commandstats']]);
  const pattern = new RegExp(`cmdstat_${words[0].toLowerCase()}:.*usec_per_call=([\\d.]+)`);
  return Number(stats.toString().match(pattern)?.[1]);
}

const deadline = setTimeout(() => process.exit(1), TIMEOUT_MS);
const redis = await RedisPeer.start();
await redis.run(SETUP);
engine.reply.begin(queue, 2, false);
for (const words of SETUP) measure(words, 1);
for (const [name, words] of Object.entries(CASES)) {
  measure(words, COUNT / ROUNDS); // V8 compiles it
  let ours = Number.POSITIVE_INFINITY;
  let theirs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    ours = Math.min(ours, measure(words, COUNT / ROUNDS));
    theirs = Math.min(theirs, await measureRedis(redis, words, COUNT / ROUNDS));
  }
  console.log(`${name.padEnd(24)} ${ours.toFixed(2)} µs      redis-server ${theirs.toFixed(2)} µs`);
}
await redis.stop();
clearTimeout(deadline);
