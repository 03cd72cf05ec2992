/** Sorted-set commands side by side with redis-server; what it does not show: events, memory that runs out, what came with 7.2. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatDouble } from '../../src/lib/resp/number.ts';
import { Harness } from './harness.ts';
import { type Parsed, parseReply, RedisPeer } from './redis-peer.ts';
import { type Comparison, type Otherwise, sameElements, samePairs, sameShape, sideBySide } from './side-by-side.ts';
import { SortedSetCommands } from './sorted-set-commands.ts';

const COMMANDS = 20_000;
const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_240_811);

/** Theirs with doubles as Redis 7.2 prints them: 7.0 has %.17g. A packed -0 is 0 from 7.2 on. */
function modern(ours: Parsed, theirs: Parsed): Parsed {
  if (typeof theirs !== 'string') return theirs.map((element, i) => modern(ours[i] ?? '', element));
  const text = theirs.slice(1);
  if (ours === theirs || !/^[$,]-?[\d.]+(e[-+]\d+)?$/.test(theirs)) return theirs;
  if (text === '-0' && ours === `${theirs[0]}0`) return ours;
  return theirs[0] + formatDouble(Number(text));
}

const DIGITS: Otherwise = {
  why: 'Redis 7.0 prints doubles with up to 17 digits, 7.2 with as many as they need',
  same: (ours, theirs) => JSON.stringify(ours) === JSON.stringify(modern(ours, theirs)),
};
const WITH_SCORE: Otherwise = {
  why: 'WITHSCORE came with 7.2',
  same: (ours, theirs, command) => command.length === 4 && ours === '-ERR syntax error' && String(theirs)[0] === '-',
};
const withDigits = (...names: string[]): Record<string, Otherwise> =>
  Object.fromEntries(names.map((name) => [name, DIGITS]));
const COMPARISON: Comparison = {
  // Sets of 7.2: small ones are packed.
  encodings: { listpack: ['hashtable'] },
  otherwise: {
    ...withDigits('ZADD', 'ZINCRBY', 'ZSCORE', 'ZMSCORE', 'ZRANGE', 'ZREVRANGE', 'ZRANGEBYSCORE', 'ZREVRANGEBYSCORE'),
    ...withDigits('ZPOPMIN', 'ZPOPMAX', 'ZMPOP', 'BZMPOP', 'BZPOPMIN', 'BZPOPMAX', 'ZUNION', 'ZINTER', 'ZDIFF'),
    ZRANK: WITH_SCORE,
    ZREVRANK: WITH_SCORE,
    KEYS: { why: 'the order is that of the hashes', same: sameElements },
    ZRANDMEMBER: { why: 'chosen at random', same: sameShape },
    ZSCAN: {
      why: 'the order in a table is that of the hashes; a cursor that is not 0 means nothing to the other server',
      same: (ours, theirs, command) =>
        typeof ours !== 'string' &&
        typeof theirs !== 'string' &&
        (command[2] !== '0' || (ours[0] === theirs[0] && samePairs(modernScan(ours[1]), modernScan(theirs[1])))),
    },
  },
};

/** Pairs of a scan with scores in one form. */
function modernScan(pairs: Parsed): Parsed {
  if (typeof pairs === 'string') return pairs;
  return pairs.map((element, i) => (i % 2 === 0 ? element : `$${formatDouble(Number(text(element)) + 0)}`));
}

const text = (reply: Parsed): string => String(reply).slice(1).replace('inf', 'Infinity');

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

describe('sorted-set commands answer as redis-server does', () => {
  for (const protocol of [2, 3]) {
    for (const skiplists of [false, true]) {
      test(`RESP${protocol}, ${skiplists ? 'skiplist' : 'B+tree'}, ${COMMANDS} commands`, async () => {
        const seed = SEED + protocol;
        const harness = new Harness({ seed });
        harness.client.protocol = protocol;
        harness.engine.values.sortedSets.limits.skiplists = skiplists;
        const commands = new SortedSetCommands(seed);
        const label = `RTCP_TEST_SEED=${SEED}, RESP${protocol}`;
        await sideBySide(harness, redis, COMMANDS, () => commands.next(), COMPARISON, label);
      });
    }
  }
});

describe('limits of packed sorted sets', () => {
  test('are followed as redis-server follows them', async () => {
    const harness = new Harness();
    harness.engine.values.sortedSets.limits.maxPackedMembers = 5;
    harness.engine.values.sortedSets.limits.maxPackedLength = 7;
    await redis.run([['CONFIG', 'SET', 'zset-max-listpack-entries', '60', 'zset-max-listpack-value', '7']]);
    harness.engine.values.sortedSets.limits.maxPackedMembers = 60;
    const commands = new SortedSetCommands(SEED);
    await sideBySide(harness, redis, 5000, () => commands.next(), COMPARISON, `RTCP_TEST_SEED=${SEED}`);
    await redis.run([['CONFIG', 'SET', 'zset-max-listpack-entries', '128', 'zset-max-listpack-value', '64']]);
  });
});

/** The events of a run of commands, in order. */
function eventsOf(harness: Harness, ...commands: string[]): string[] {
  const events: string[] = [];
  harness.engine.keyListener = { keyChanged: (event) => events.push(event) };
  for (const command of commands) harness.run(...command.split(' '));
  harness.engine.keyListener = null;
  return events;
}

describe('changes of a sorted set', () => {
  test('are told by the names that keyspace events have', () => {
    const harness = new Harness();
    expect(
      eventsOf(harness, 'ZADD z 1 a 2 b 3 c', 'ZADD z 1 a', 'ZADD z NX 5 a', 'ZADD z INCR 1 a', 'ZINCRBY z 0 a'),
    ).toEqual(['zadd', 'zincr']);
    expect(eventsOf(harness, 'ZPOPMIN z', 'ZPOPMAX z 1', 'ZREM z x', 'ZREM z a b c')).toEqual([
      'zpopmin',
      'zpopmax',
      'zrem',
      'del',
    ]);
    expect(
      eventsOf(
        harness,
        ...['ZADD z 1 a 1 b 1 c', 'ZREMRANGEBYRANK z 0 0', 'ZREMRANGEBYSCORE z 5 9', 'ZREMRANGEBYLEX z [b [b'],
        ...['ZRANGESTORE y z 0 -1', 'ZRANGESTORE y z 5 9', 'ZRANGESTORE y z 5 9', 'ZREMRANGEBYSCORE z 1 1'],
      ),
    ).toEqual(['zadd', 'zremrangebyrank', 'zremrangebylex', 'zrangestore', 'del', 'zremrangebyscore', 'del']);
    expect(harness.engine.db.size).toBe(0);
  });

  test('are counted by member', () => {
    const harness = new Harness();
    harness.run('ZADD', 'z', '1', 'a', '2', 'b', '3', 'c');
    expect(harness.engine.stats.dirty).toBe(3);
    harness.run('ZREM', 'z', 'a', 'b', 'x');
    expect(harness.engine.stats.dirty).toBe(5);
    harness.run('ZADD', 'z', 'XX', '1', 'a', '3', 'c');
    expect(harness.engine.stats.dirty).toBe(5);
  });
});

describe('what came with Redis 7.2', () => {
  test('ZRANK and ZREVRANK tell the score', () => {
    for (const members of [3, 300]) {
      const harness = new Harness();
      for (let i = 0; i < members; i++) harness.run('ZADD', 'z', String(i + 0.5), `m${i}`);
      expect(harness.text('ZRANK', 'z', 'm2', 'withscore')).toBe('*2\r\n:2\r\n$3\r\n2.5\r\n');
      expect(parseReply(harness.run('ZREVRANK', 'z', 'm2', 'WITHSCORE'))).toEqual([`:${members - 3}`, '$2.5']);
      expect(harness.text('ZRANK', 'z', 'x', 'WITHSCORE')).toBe('*-1\r\n');
      expect(harness.text('ZRANK', 'no', 'x', 'WITHSCORE')).toBe('*-1\r\n');
      harness.client.protocol = 3;
      expect(harness.text('ZRANK', 'z', 'm2', 'WITHSCORE')).toBe('*2\r\n:2\r\n,2.5\r\n');
      expect(harness.text('ZRANK', 'z', 'x', 'WITHSCORE')).toBe('_\r\n');
    }
  });

  test('so many members at once that the set can not stay packed are not packed first', () => {
    const harness = new Harness();
    const pairs = Array.from({ length: 129 }, () => ['1', 'a']).flat();
    harness.run('ZADD', 'z', ...pairs);
    expect(harness.text('ZCARD', 'z')).toBe(':1\r\n');
    const { engine } = harness;
    expect(engine.values.sortedSets.keepsText).toBe(false);
  });
});

describe('a large sorted set', () => {
  test('gives back all that it took', () => {
    const harness = new Harness();
    const { engine } = harness;
    harness.run('ZADD', 'warm', '1', 'a');
    harness.run('DEL', 'warm');
    const before = engine.arena.usedBytes;
    for (const skiplists of [false, true]) {
      engine.values.sortedSets.limits.skiplists = skiplists;
      for (let i = 0; i < 5000; i++) harness.run('ZADD', 'z', String((i * 7919) % 1000), `member ${i}`);
      harness.run('COPY', 'z', 'y');
      expect(harness.text('ZRANGE', 'y', '2000', '2100', 'WITHSCORES')).toBe(
        harness.text('ZRANGE', 'z', '2000', '2100', 'WITHSCORES'),
      );
      harness.run('ZREMRANGEBYRANK', 'y', '10', '-10');
      expect(harness.text('ZCARD', 'y')).toBe(':19\r\n');
      harness.run('DEL', 'z', 'y');
      while (engine.values.reaper.step(1000));
      expect(engine.arena.usedBytes - before).toBeLessThan(100_000); // the table of keys may have grown
    }
  });

  test('is defragmented without losing its order', () => {
    const harness = new Harness({ seed: SEED });
    const { engine } = harness;
    for (let i = 0; i < 20_000; i++) harness.run('ZADD', 'z', String((i * 7919) % 20_000), `member ${i}`);
    for (let i = 0; i < 20_000; i++) if (i % 16 !== 0) harness.run('ZREM', 'z', `member ${i}`);
    const answers = (): string[] => [
      harness.text('ZRANGE', 'z', '0', '-1', 'WITHSCORES'),
      harness.text('ZRANK', 'z', 'member 160'),
      harness.text('ZCOUNT', 'z', '100', '(9000'),
    ];
    const before = answers();
    engine.arena.sortSlabs();
    const set = engine.values.sortedSets;
    harness.run('ZCARD', 'z');
    const root = engine.arena.words[set.ref >>> 23][((set.ref & 0x7f_ffff) << 1) + (engine.db.valueByte(set.ref) >> 2)];
    let moved = 0;
    let cursor = 0;
    do
      cursor = set.defragment(root, set.rootFlags, cursor, 64, () => {
        moved++;
      });
    while (cursor !== 0);
    expect(moved).toBeGreaterThan(100);
    expect(answers()).toEqual(before);
    for (let i = 0; i < 20_000; i += 16) expect(harness.text('ZREM', 'z', `member ${i}`)).toBe(':1\r\n');
    expect(harness.text('EXISTS', 'z')).toBe(':0\r\n');
  });
});

describe('without memory', () => {
  test('a sorted set is as before, or not there', () => {
    const harness = new Harness({ limitBytes: 1 << 20 });
    const big = 'm'.repeat(1 << 20);
    expect(harness.text('ZADD', 'z', '1', big)).toMatch(/^-OOM/);
    expect(harness.text('EXISTS', 'z')).toBe(':0\r\n');
    harness.run('ZADD', 'z', '1', 'a');
    expect(harness.text('ZADD', 'z', '2', 'a', '2', big)).toMatch(/^-OOM/);
    expect(harness.text('ZADD', 'z', '2', big)).toMatch(/^-OOM/);
    expect(harness.text('ZRANGE', 'z', '0', '-1', 'WITHSCORES')).toBe('*2\r\n$1\r\na\r\n$1\r\n1\r\n');
    let i = 0;
    while (harness.text('ZADD', 'full', String(i), `member number ${i}`) === ':1\r\n') i++;
    expect(harness.text('ZCARD', 'full')).toBe(`:${i}\r\n`);
    expect(harness.text('ZRANGESTORE', 'copy', 'full', '0', '-1')).toMatch(/^-OOM/);
    expect(harness.text('EXISTS', 'copy')).toBe(':0\r\n');
    expect(harness.text('ZREMRANGEBYRANK', 'full', '0', '-1')).toBe(`:${i}\r\n`);
  });
});
