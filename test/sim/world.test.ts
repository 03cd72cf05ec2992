/**
 * The seeded world in a short form: the seeds that once failed, some hundreds of others, and that a seed means the same world
 * every time. `npm run sim -- --seeds 100000 --jobs 2` is the long form.
 */
import { describe, expect, it } from 'vitest';
import { runSeeds } from './batch.ts';
import { knownSeeds } from './known-seeds.ts';
import { drawWorld } from './plan.ts';
import { simplify } from './simplify.ts';
import { World } from './world.ts';

const SEEDS = 2_000;

describe('simulated worlds', () => {
  it('no rule is broken in those that once failed', () => {
    expect(runSeeds(knownSeeds()).failures).toEqual([]);
  });

  it.each([0, 1, 2, 3])(`no rule is broken: quarter %i of seeds 1 to ${SEEDS}`, (quarter) => {
    const seeds = Array.from({ length: SEEDS / 4 }, (_, i) => 1 + quarter * (SEEDS / 4) + i);
    const started = performance.now();
    const { failures, connectionSeconds, frames } = runSeeds(seeds);
    const perSecond = (1000 * connectionSeconds) / (performance.now() - started);
    console.log(`${Math.round(perSecond)} simulated connection-seconds/s, ${frames} frames`);
    expect(failures).toEqual([]);
    expect(frames).toBeGreaterThan(10_000);
  });

  it('the same seed gives the same events, whatever came before; another seed gives others', () => {
    const run = (seed: number): [number, number] => {
      const { events, hash } = new World(drawWorld(seed)).run();
      return [events, hash];
    };
    const seeds = Array.from({ length: 25 }, (_, i) => 5_000 + i);
    const first = seeds.map(run);
    expect(seeds.toReversed().map(run).toReversed()).toEqual(first);
    expect(new Set(first.map(([, hash]) => hash)).size).toBe(seeds.length);
  });

  it('an onlooker changes nothing', () => {
    const onlooker = { log: () => undefined, sent: () => undefined, arrived: () => undefined };
    for (let seed = 6_000; seed < 6_020; seed++) {
      const [alone, watched] = [new World(drawWorld(seed)).run(), new World(drawWorld(seed), onlooker).run()];
      expect([watched.events, watched.hash]).toEqual([alone.events, alone.hash]);
    }
  });

  it('worlds are drawn from plain data: a plan survives JSON but for what is infinite', () => {
    const plan = drawWorld(7);
    expect(simplify(plan, [], null)).toEqual(plan);
    expect(simplify(plan, ['faults', 'loss'], [0]).conversations.map(({ id }) => id)).toEqual([0]);
    expect(() => simplify(plan, ['gravity'], null)).toThrow(/gravity/);
  });
});
