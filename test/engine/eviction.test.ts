/** maxmemory: which keys go under each policy, that the others stay, and what an access leaves behind. */
import { describe, expect, test } from 'vitest';
import { EVICT_FAILED, EVICT_OK, EVICT_RUNNING } from '../../src/lib/engine/eviction.ts';
import { ACCESS_MASK } from '../../src/lib/store/record.ts';
import { Harness } from './harness.ts';

const VALUE = 'v'.repeat(1000);
const KEYS = 2000;
const SEED = Number(process.env.RTCP_TEST_SEED ?? 5);

function filled(policy: string): Harness {
  const harness = new Harness({ seed: SEED });
  const { engine } = harness;
  engine.evictor.setPolicy(policy);
  engine.accessClock = engine.evictor.newStamp(engine.nowMs);
  for (let i = 0; i < KEYS; i++) harness.run('SET', `k${i}`, VALUE);
  return harness;
}

/** Lets time pass, and stamps accesses with it. */
function later(harness: Harness, ms: number): void {
  harness.engine.nowMs += ms;
  harness.engine.accessClock = harness.engine.evictor.newStamp(harness.engine.nowMs);
}

/** Evicts down to `part` of what is there. */
function shrink(harness: Harness, part: number): number {
  const { engine } = harness;
  engine.evictor.limitBytes = Math.floor(engine.arena.usedBytes * part);
  return engine.evictor.makeRoom(engine);
}

const alive = (harness: Harness, keys: string[]): number => Number(harness.text('EXISTS', ...keys).slice(1, -2));
const names = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `k${from + i}`);

describe('eviction', () => {
  test('noeviction evicts nothing', () => {
    const harness = filled('noeviction');
    expect(shrink(harness, 0.5)).toBe(EVICT_FAILED);
    expect(harness.engine.db.size).toBe(KEYS);
    expect(alive(harness, names(0, KEYS))).toBe(KEYS);
  });

  test.each(['allkeys-lru', 'allkeys-lfu', 'allkeys-random'])('%s goes on until the data is small enough', (policy) => {
    const harness = filled(policy);
    expect(shrink(harness, 0.5)).toBe(EVICT_OK);
    expect(harness.engine.arena.usedBytes).toBeLessThanOrEqual(harness.engine.evictor.limitBytes);
    const left = alive(harness, names(0, KEYS));
    expect(left).toBe(KEYS - harness.engine.stats.evictedKeys);
    expect(left).toBeGreaterThan(KEYS * 0.3);
  });

  test('allkeys-lru spares what was used lately', () => {
    const harness = filled('allkeys-lru');
    later(harness, 100_000);
    for (const key of names(0, KEYS / 2)) harness.run('GET', key);
    later(harness, 1000);
    shrink(harness, 0.6);
    expect(alive(harness, names(0, KEYS / 2))).toBeGreaterThan(0.95 * (KEYS / 2));
  });

  test('allkeys-lfu spares what is used often, however long ago the others were', () => {
    const harness = filled('allkeys-lfu');
    for (let round = 0; round < 60; round++) for (const key of names(0, KEYS / 2)) harness.run('GET', key);
    for (const key of names(KEYS / 2, KEYS)) harness.run('GET', key);
    shrink(harness, 0.6);
    expect(alive(harness, names(0, KEYS / 2))).toBeGreaterThan(0.95 * (KEYS / 2));
  });

  test('an lfu counter grows with the logarithm of the accesses and decays with the minutes', () => {
    const harness = filled('allkeys-lfu');
    const { engine } = harness;
    const { evictor } = engine;
    let bits = evictor.newStamp(engine.nowMs);
    expect(evictor.decayed(bits, engine.nowMs)).toBe(5);
    for (let i = 0; i < 100_000; i++) bits = evictor.accessed(engine, bits);
    const counter = evictor.decayed(bits, engine.nowMs);
    expect(counter).toBeGreaterThan(110); // redis.io's table: 142 after 100,000 hits at factor 10
    expect(counter).toBeLessThan(175);
    expect(bits).toBeLessThanOrEqual(ACCESS_MASK);
    expect(evictor.decayed(bits, engine.nowMs + 10 * 60_000)).toBe(counter - 10);
    expect(evictor.decayed(bits, engine.nowMs + 1000 * 60_000)).toBe(0);
  });

  test.each(['volatile-lru', 'volatile-lfu', 'volatile-random', 'volatile-ttl'])(
    '%s takes only keys that expire',
    (policy) => {
      const harness = filled(policy);
      for (let i = 0; i < KEYS; i += 4) harness.run('EXPIRE', `k${i}`, '1000');
      expect(shrink(harness, 0.9)).toBe(EVICT_OK);
      const lasting = names(0, KEYS).filter((_, i) => i % 4 !== 0);
      expect(alive(harness, lasting)).toBe(lasting.length);
      expect(shrink(harness, 0.5)).toBe(EVICT_FAILED);
      expect(alive(harness, lasting)).toBe(lasting.length);
      expect(harness.engine.db.expires).toBe(0);
    },
  );

  test('volatile-ttl takes what expires first', () => {
    const harness = filled('volatile-ttl');
    for (let i = 0; i < KEYS; i++) harness.run('PEXPIRE', `k${i}`, String(1000 + i * 1000));
    shrink(harness, 0.5);
    const left = KEYS - harness.engine.stats.evictedKeys;
    expect(alive(harness, names(KEYS - left, KEYS))).toBeGreaterThan(0.98 * left);
  });

  test('ends when its time is over, and goes on later', () => {
    const harness = filled('allkeys-random');
    const { engine } = harness;
    let nowUs = 0;
    engine.clock.nowUs = () => (nowUs += 1000);
    expect(shrink(harness, 0.5)).toBe(EVICT_RUNNING);
    expect(engine.evictor.unfinished).toBe(true);
    let more = 0;
    while (engine.evictor.makeRoom(engine) === EVICT_RUNNING) more++;
    expect(more).toBeGreaterThan(10);
    expect(engine.evictor.unfinished).toBe(false);
  });
});
