/** Memory that ends anywhere in commands on collections: they answer OOM and have changed nothing, or they are complete. */
import { describe, expect, test } from 'vitest';
import { valueDigest } from '../../src/lib/engine/rdb/dataset-digest.ts';
import { Random } from '../../src/lib/random.ts';
import { byteOf, chunkOf } from '../../src/lib/store/arena.ts';
import { Harness } from './harness.ts';
import { HashCommands } from './hash-commands.ts';
import { ListCommandStream } from './list-commands.ts';
import { BitStream } from './random-bits.ts';
import { StreamCommands } from './random-streams.ts';
import { parseReply, replyEnd } from './redis-peer.ts';
import { SetCommands } from './set-commands.ts';
import type { Word } from './side-by-side.ts';
import { SortedSetCommands } from './sorted-set-commands.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 41);
const STEPS = 500;
const DATABASES = 2;

/** Everything that can be seen but for encodings: a value may have become one for large values before memory ended. */
function snapshot(harness: Harness): string[] {
  const { engine } = harness;
  const seen: string[] = [];
  for (const db of engine.databases.slice(0, DATABASES)) {
    db.forEach((ref) => {
      const key = byteOf(ref) + db.keyByte(ref);
      const name = Buffer.from(engine.arena.bytes8[chunkOf(ref)].subarray(key, key + db.keyLength(ref)));
      seen.push(`${db.index} ${name.toString('latin1')} ${db.expiry(ref)} ${valueDigest(engine, db, ref)}`);
    });
  }
  return seen.sort();
}

const names = (n: number, bytes: number): string[] => Array.from({ length: n }, (_, i) => `${i}:`.padEnd(bytes, 'x'));
const pairs = (n: number, bytes: number): string[] => names(n, bytes).flatMap((name, i) => [String(i), name]);

/** Commands that need much at once, on keys of their own and on those of the streams. */
function large(random: Random): Word[] {
  const n = 1 + random.below(1500);
  const bytes = 1 + random.below(random.below(3) === 0 ? 3000 : 60);
  const key = (type: string): string => `large:${type}${random.below(2)}`;
  const makers: (() => Word[])[] = [
    () => ['HSET', key('h'), ...pairs(n, bytes)],
    () => ['SADD', key('s'), ...names(n, bytes)],
    () => ['SADD', key('i'), ...Array.from({ length: n }, (_, i) => String(i * (1 + random.below(1e9))))],
    () => ['ZADD', key('z'), ...pairs(n, bytes)],
    () => ['RPUSH', key('l'), ...names(n, bytes)],
    () => ['LINSERT', key('l'), 'BEFORE', '3:'.padEnd(bytes, 'x'), 'y'.repeat(bytes * 10)],
    () => ['LSET', key('l'), String(random.below(300)), 'z'.repeat(random.below(20_000))],
    () => ['LREM', key('l'), '0', '3:'.padEnd(bytes, 'x')],
    () => ['LTRIM', key('l'), String(random.below(50)), '-3'],
    () => ['LMOVE', key('l'), key('l'), 'LEFT', 'RIGHT'],
    () => ['XADD', key('x'), '*', ...pairs(Math.min(n, 300), bytes)],
    () => ['XGROUP', 'CREATE', key('x'), `g${random.below(3)}`, '0'],
    () => ['XREADGROUP', 'GROUP', `g${random.below(3)}`, `c${random.below(3)}`, 'STREAMS', key('x'), '>'],
    () => ['COPY', key('hszlxi'[random.below(6)]), key('hszlxi'[random.below(6)]), 'REPLACE'],
    () => ['COPY', key('hszlxi'[random.below(6)]), 'other', 'DB', '1', 'REPLACE'],
    () => ['RENAME', key('hszlxi'[random.below(6)]), key('hszlxi'[random.below(6)])],
    () => ['MOVE', key('hszlxi'[random.below(6)]), '1'],
    () => ['SUNIONSTORE', key('s'), key('s'), key('i'), 'large:s0'],
    () => ['SINTERSTORE', key('i'), 'large:s0', 'large:s1'],
    () => ['SDIFFSTORE', key('s'), 'large:s0', 'large:i0'],
    () => ['ZUNIONSTORE', key('z'), '3', 'large:z0', 'large:z1', 'large:s0', 'WEIGHTS', '1', '2', '3'],
    () => ['ZRANGESTORE', key('z'), 'large:z0', '0', '-1'],
    () => ['ZDIFFSTORE', key('z'), '2', 'large:z1', 'large:z0'],
    () => ['SORT', 'large:s0', 'ALPHA', 'STORE', key('l')],
    () => ['GEOSEARCHSTORE', key('z'), 'large:z0', 'FROMLONLAT', '0', '0', 'BYRADIUS', '20000', 'km'],
    () => ['HINCRBYFLOAT', key('h'), String(random.below(n)), '1.5'],
    () => ['HEXPIRE', key('h'), '1000', 'FIELDS', '3', '1', '2', '3'],
    () => ['SMOVE', 'large:s0', key('s'), '3:'.padEnd(bytes, 'x')],
    () => ['ZINCRBY', key('z'), '5', 'm'.repeat(bytes * 5)],
    () => ['PFADD', key('p'), ...names(n, 8)],
    () => ['PFMERGE', key('p'), 'large:p0', 'large:p1'],
    () => ['EXPIRE', key('hszlxi'[random.below(6)]), '1000'],
    () => ['DEL', key('hszlxip'[random.below(7)])],
    () => ['ZPOPMIN', key('z'), String(random.below(100))],
    () => ['SPOP', key('s'), String(random.below(100))],
  ];
  return makers[random.below(makers.length)]();
}

interface Source {
  next(): Word[];
}

const SOURCES: Record<string, (seed: number) => Source> = {
  hashes: (seed) => new HashCommands(seed),
  sets: (seed) => new SetCommands(seed),
  'sorted sets': (seed) => new SortedSetCommands(seed),
  lists: (seed) => new ListCommandStream(seed),
  streams: (seed) => new StreamCommands(seed),
  bits: (seed) => new BitStream(seed),
  'large ones': (seed) => {
    const random = new Random(seed);
    return { next: () => large(random) };
  },
};

describe('out of memory', () => {
  test.each(Object.keys(SOURCES))('%s: nothing is half done', (kind) => {
    const random = new Random(SEED);
    const source = SOURCES[kind](SEED);
    const harness = new Harness({ seed: SEED });
    const { arena } = harness.engine;
    const spread = kind === 'large ones' ? 600_000 : 4000;
    let refused = 0;
    for (let step = 0; step < STEPS; step++) {
      arena.limitBytes = Number.MAX_SAFE_INTEGER;
      const command = source.next();
      if (random.below(3) === 0) {
        harness.run(...command);
        continue;
      }
      const before = snapshot(harness);
      // hasRoom() keeps some room for the tables: up to there it refuses, beyond it allocations fail where they may.
      const reserved = random.below(2) === 0 ? 262_144 : 0;
      arena.limitBytes = arena.usedBytes + reserved + random.below(random.below(2) === 0 ? spread : 600);
      const reply = harness.run(...command);
      arena.limitBytes = Number.MAX_SAFE_INTEGER;
      const shown = `seed ${SEED} step ${step} ${JSON.stringify(command).slice(0, 200)}`;
      expect([shown, replyEnd(reply, 0)]).toEqual([shown, reply.length]);
      if (!reply.toString('latin1').includes('-OOM')) continue;
      refused++;
      const after = snapshot(harness);
      const differing = [
        ...after.filter((key) => !before.includes(key)),
        ...before.filter((key) => !after.includes(key)),
      ];
      expect([shown, ...differing.map((key) => key.slice(0, 60))]).toEqual([shown]);
    }
    expect(refused).toBeGreaterThan(5);
    for (let db = 0; db < DATABASES; db++) {
      harness.client.database = db;
      for (const key of parseReply(harness.run('KEYS', '*')))
        harness.run('DEL', Buffer.from(String(key).slice(1), 'latin1'));
    }
    const { values } = harness.engine;
    while (values.reaper.step(1000));
    expect(arena.usedBytes).toBe(new Harness().engine.arena.usedBytes);
  });
});
