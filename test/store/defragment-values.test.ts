/** Defragmenting between the steps of commands on collections: whatever is moved, everything is as it would be without. */
import { describe, expect, it } from 'vitest';
import { datasetDigest } from '../../src/lib/engine/rdb/dataset-digest.ts';
import { Random } from '../../src/lib/random.ts';
import { Defragmenter } from '../../src/lib/store/defragmenter.ts';
import { Harness } from '../engine/harness.ts';
import { HashCommands } from '../engine/hash-commands.ts';
import { ListCommandStream } from '../engine/list-commands.ts';
import { StreamCommands } from '../engine/random-streams.ts';
import { parseReply } from '../engine/redis-peer.ts';
import { SetCommands } from '../engine/set-commands.ts';
import type { Word } from '../engine/side-by-side.ts';
import { SortedSetCommands } from '../engine/sorted-set-commands.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 23);
const STEPS = 2500;

/** Commands that make values of many objects, and leave holes between them. */
function holes(random: Random): Word[] {
  const key = (type: string): string => `holes:${type}${random.below(4)}`;
  const from = random.below(3000);
  const name = (i: number): string => `${from + i}:`.padEnd(8 + ((from + i) % 90), 'x');
  const names = Array.from({ length: 1 + random.below(200) }, (_, i) => name(i));
  const pairs = names.flatMap((each, i) => [String(i), each]);
  const adding = random.below(5) < 2;
  const makers: (() => Word[])[] = adding
    ? [
        () => ['HSET', key('h'), ...names.flatMap((each) => [each, each])],
        () => ['SADD', key('s'), ...names],
        () => ['ZADD', key('z'), ...pairs],
        () => ['RPUSH', key('l'), ...names],
        () => ['XADD', key('x'), '*', ...pairs],
        () => ['HPEXPIRE', key('h'), '90000000', 'FIELDS', '3', name(0), name(1), name(2)],
        () => ['XGROUP', 'CREATE', key('x'), 'g', '0'],
        () => ['XREADGROUP', 'GROUP', 'g', `c${random.below(5)}`, 'COUNT', '9', 'STREAMS', key('x'), '>'],
      ]
    : [
        () => ['HDEL', key('h'), ...names],
        () => ['SREM', key('s'), ...names],
        () => ['ZREM', key('z'), ...names],
        () => ['LTRIM', key('l'), String(random.below(9)), String(-1 - random.below(60))],
        () => ['LREM', key('l'), '0', name(0)],
        () => ['XTRIM', key('x'), 'MAXLEN', String(random.below(200))],
        () => ['XDEL', key('x'), '1-1'],
        () => ['SPOP', key('s'), String(random.below(50))],
        () => ['DEL', key('hszlx'[random.below(5)])],
      ];
  return makers[random.below(makers.length)]();
}

describe('defragmenting values', () => {
  it.each(['btree', 'skiplist'])('changes nothing that can be seen, with sorted sets as %s', (index) => {
    const random = new Random(SEED);
    const choice = new Random(SEED + 1);
    const sources = [
      new HashCommands(SEED),
      new SetCommands(SEED),
      new SortedSetCommands(SEED),
      new ListCommandStream(SEED),
      new StreamCommands(SEED),
      { next: () => holes(choice) },
      { next: () => holes(choice) },
    ];
    const moving = new Harness({ seed: SEED });
    const still = new Harness({ seed: SEED });
    for (const { engine } of [moving, still]) engine.values.sortedSets.limits.skiplists = index === 'skiplist';
    const { arena, databases, values } = moving.engine;
    const defragmenter = new Defragmenter(arena, databases, values.kinds);
    for (let step = 0; step < STEPS; step++) {
      const words = sources[random.below(sources.length)].next();
      const shown = `seed ${SEED} step ${step} ${JSON.stringify(words).slice(0, 200)}`;
      const reply = moving.run(...words);
      expect([shown, reply.toString('latin1')]).toEqual([shown, still.run(...words).toString('latin1')]);
      if (random.below(3) === 0) defragmenter.start();
      let looks = 0;
      const most = random.below(4);
      defragmenter.step(() => looks++ >= most);
      if (random.below(5) === 0) for (const each of [moving, still]) each.engine.values.reaper.step(1000);
      if (step % 50 === 49) {
        expect([shown, datasetDigest(moving.engine)]).toEqual([shown, datasetDigest(still.engine)]);
      }
    }
    expect(defragmenter.stats.hits).toBeGreaterThan(1000);
    expect(arena.usedBytes).toBe(still.engine.arena.usedBytes);
    for (const db of databases) {
      moving.client.database = db.index;
      for (const key of parseReply(moving.run('KEYS', '*')))
        moving.run('DEL', Buffer.from(String(key).slice(1), 'latin1'));
    }
    while (values.reaper.step(1000));
    expect(arena.usedBytes).toBe(new Harness().engine.arena.usedBytes);
  });
});
