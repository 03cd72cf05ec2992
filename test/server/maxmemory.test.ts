/** maxmemory under load with values of all types: what is stored stays within it, whatever is to be evicted. */
import { expect, it } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { type PeerStream, request, World } from './peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 3);
const MAX_BYTES = 12 << 20;
/** What one command may add before the next one makes room: its values, and the growth of a table. */
const ONE_COMMAND_BYTES = 512 * 1024;
const STEPS = 3000;
const POLICIES = [
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
  'noeviction',
];

function draw(random: Random): string[] {
  const n = 1 + random.below(300);
  const key = `key:${random.below(2000)}`;
  const names = Array.from({ length: n }, (_, i) => `${random.below(5000)}:`.padEnd(8 + (i % 50), 'x'));
  const pairs = names.flatMap((name, i) => [String(i), name]);
  const makers: (() => string[])[] = [
    () => ['SET', key, 'v'.repeat(random.below(30_000))],
    () => ['HSET', `h${key}`, ...pairs],
    () => ['SADD', `s${key}`, ...names],
    () => ['ZADD', `z${key}`, ...pairs],
    () => ['RPUSH', `l${key}`, ...names],
    () => ['XADD', `x${key}`, '*', ...pairs],
    () => ['PFADD', `p${key}`, ...names],
    () => ['SETBIT', `b${key}`, String(random.below(100_000)), '1'],
  ];
  return makers[random.below(makers.length)]();
}

function ask(peer: PeerStream, words: string[]): string {
  peer.send(request(...words));
  return peer.received();
}

it.each(POLICIES)('%s keeps within maxmemory', (policy) => {
  const world = new World();
  const { engine } = world.core;
  const random = new Random(SEED);
  const empty = engine.arena.usedBytes;
  const peer = world.connect();
  ask(peer, ['CONFIG', 'SET', 'maxmemory', String(MAX_BYTES), 'maxmemory-policy', policy]);
  ask(peer, ['CONFIG', 'SET', 'maxmemory-eviction-tenacity', '100']);
  let refused = 0;
  let most = 0;
  for (let step = 0; step < STEPS; step++) {
    if (step % 20 === 0) world.clock.advance(1000);
    const words = draw(random);
    const reply = ask(peer, words);
    if (reply.startsWith('-OOM')) refused++;
    else expect([SEED, step, reply]).toEqual([SEED, step, expect.stringMatching(/^[:+$]/)]);
    if (random.below(2) === 0) ask(peer, ['EXPIRE', words[1], String(100 + random.below(1000))]);
    most = Math.max(most, engine.arena.usedBytes);
  }
  const limit = engine.evictor.limitBytes;
  expect(most).toBeLessThan(limit + ONE_COMMAND_BYTES);
  expect(most).toBeGreaterThan(limit * 0.9);
  if (policy === 'noeviction') expect(refused).toBeGreaterThan(100);
  else expect(engine.stats.evictedKeys).toBeGreaterThan(100);
  if (policy.startsWith('allkeys')) expect(refused).toBe(0);
  ask(peer, ['FLUSHALL', 'SYNC']);
  peer.close();
  expect(engine.arena.usedBytes).toBe(empty);
});
