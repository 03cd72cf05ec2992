/** Hash commands side by side with redis-server; what it does not show: events, endless replies, memory that runs out. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Harness } from './harness.ts';
import { HashCommands } from './hash-commands.ts';
import { parseReply, RedisPeer } from './redis-peer.ts';
import { type Comparison, type Otherwise, sameElements, samePairs, sameShape, sideBySide } from './side-by-side.ts';

const COMMANDS = 20_000;
const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_240_801);

const ORDER = 'the order in a table is that of the hashes';
const RANDOM: Otherwise = { why: 'chosen at random', same: sameShape };
const COMPARISON: Comparison = {
  otherwise: {
    HGETALL: { why: ORDER, same: samePairs },
    HKEYS: { why: ORDER, same: sameElements },
    HVALS: { why: ORDER, same: sameElements },
    KEYS: { why: ORDER, same: sameElements },
    HRANDFIELD: RANDOM,
    HSCAN: {
      why: `${ORDER}; a cursor that is not 0 means nothing to the other server`,
      same: (ours, theirs, command) =>
        typeof ours !== 'string' &&
        typeof theirs !== 'string' &&
        (command[2] !== '0' || (ours[0] === theirs[0] && samePairs(ours[1], theirs[1]))),
    },
  },
};

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

describe('hash commands answer as redis-server does', () => {
  for (const protocol of [2, 3]) {
    test(`RESP${protocol}, ${COMMANDS} commands`, async () => {
      const seed = SEED + protocol;
      const harness = new Harness({ seed });
      harness.client.protocol = protocol;
      const commands = new HashCommands(seed);
      const label = `RTCP_TEST_SEED=${SEED}, RESP${protocol}`;
      await sideBySide(harness, redis, COMMANDS, () => commands.next(), COMPARISON, label);
    });
  }
});

describe('limits of packed hashes', () => {
  test('are followed as redis-server follows them', async () => {
    const harness = new Harness();
    harness.engine.values.hashes.maxPackedFields = 5;
    harness.engine.values.hashes.maxPackedLength = 7;
    await redis.run([['CONFIG', 'SET', 'hash-max-listpack-entries', '5', 'hash-max-listpack-value', '7']]);
    const commands = new HashCommands(SEED);
    await sideBySide(harness, redis, 5000, () => commands.next(), COMPARISON, `RTCP_TEST_SEED=${SEED}`);
    await redis.run([['CONFIG', 'SET', 'hash-max-listpack-entries', '512', 'hash-max-listpack-value', '64']]);
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

describe('changes of a hash', () => {
  test('are told by the names that keyspace events have', () => {
    const harness = new Harness();
    expect(eventsOf(harness, 'HSET h a 1 b 2', 'HMSET h a 1', 'HSETNX h a 1', 'HSETNX h c 1')).toEqual([
      'hset',
      'hset',
      'hset',
    ]);
    expect(eventsOf(harness, 'HINCRBY h a 1', 'HINCRBYFLOAT h a 1', 'HDEL h x', 'HDEL h a x', 'HDEL h b c')).toEqual([
      'hincrby',
      'hincrbyfloat',
      'hdel',
      'hdel',
      'del',
    ]);
    expect(harness.engine.db.size).toBe(0);
  });

  test('are counted by field', () => {
    const harness = new Harness();
    harness.run('HSET', 'h', 'a', '1', 'b', '2', 'c', '3');
    expect(harness.engine.stats.dirty).toBe(3);
    harness.run('HDEL', 'h', 'a', 'b', 'x');
    expect(harness.engine.stats.dirty).toBe(5);
  });
});

describe('HRANDFIELD', () => {
  test('chooses every field of a hash with the same chance, packed or not', () => {
    for (const fields of [20, 1000]) {
      for (const count of [[], ['1'], ['-1']]) {
        const harness = new Harness({ seed: SEED + fields });
        for (let i = 0; i < fields; i++) harness.run('HSET', 'h', `f${i}`, 'v');
        const draws = fields * 50;
        const hits = new Map<string, number>();
        for (let i = 0; i < draws; i++) {
          const reply = parseReply(harness.run('HRANDFIELD', 'h', ...count));
          const field = String(reply);
          hits.set(field, (hits.get(field) ?? 0) + 1);
        }
        let chiSquare = 0;
        for (let i = 0; i < fields; i++) chiSquare += ((hits.get(`$f${i}`) ?? 0) - 50) ** 2 / 50;
        // Mean fields - 1, standard deviation √(2(fields - 1)): six of them.
        expect(chiSquare, `${fields} fields, count ${count}`).toBeLessThan(fields + 6 * Math.sqrt(2 * fields));
      }
    }
  });

  test('takes every part of a hash with the same chance', () => {
    const harness = new Harness({ seed: SEED });
    for (let i = 0; i < 900; i++) harness.run('HSET', 'h', `f${i}`, 'v');
    for (const count of ['100', '600']) {
      const hits = new Map<string, number>();
      const rounds = 400;
      for (let i = 0; i < rounds; i++) {
        const reply = parseReply(harness.run('HRANDFIELD', 'h', count)) as string[];
        expect(new Set(reply).size).toBe(Number(count));
        for (const field of reply) hits.set(field, (hits.get(field) ?? 0) + 1);
      }
      const share = Number(count) / 900;
      const expected = rounds * share;
      let chiSquare = 0;
      for (let i = 0; i < 900; i++) chiSquare += ((hits.get(`$f${i}`) ?? 0) - expected) ** 2 / (expected * (1 - share));
      expect(chiSquare, count).toBeLessThan(900 + 6 * Math.sqrt(1800));
      expect(chiSquare, count).toBeGreaterThan(900 - 6 * Math.sqrt(1800));
    }
  });

  test('of an endless count is not begun: nothing could hold the reply', () => {
    for (const more of [[], ['WITHVALUES']]) {
      const harness = new Harness();
      harness.run('HSET', 'h', 'field', 'value');
      expect(harness.text('HRANDFIELD', 'h', '-1000000000000000000', ...more)).toBe('');
      expect(harness.client.stream.queue.overflowed).toBe(true);
    }
  });
});

describe('HSCAN', () => {
  test('meets every field that stays, whatever comes and goes', () => {
    const harness = new Harness({ seed: SEED });
    for (let i = 0; i < 2000; i++) harness.run('HSET', 'h', `stays${i}`, 'v');
    const met = new Set<string>();
    let cursor = '0';
    let round = 0;
    do {
      const [next, pairs] = parseReply(harness.run('HSCAN', 'h', cursor, 'COUNT', '20')) as [string, string[]];
      for (let k = 0; k < pairs.length; k += 2) met.add(pairs[k].slice(1));
      cursor = next.slice(1);
      for (let i = 0; i < 100; i++) {
        harness.run(round % 2 === 0 ? 'HSET' : 'HDEL', 'h', `goes${(round >> 1) * 100 + i}`, 'v');
      }
      round++;
    } while (cursor !== '0');
    for (let i = 0; i < 2000; i++) expect(met.has(`stays${i}`)).toBe(true);
  });

  test('leaves out values when asked', () => {
    const harness = new Harness();
    harness.run('HSET', 'h', 'a', '1', 'b', '2');
    expect(harness.text('HSCAN', 'h', '0', 'NOVALUES')).toBe('*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n');
  });
});

describe('without memory', () => {
  test('a hash is as before, or not there', () => {
    const harness = new Harness({ limitBytes: 1 << 20 });
    const big = 'v'.repeat(1 << 20);
    expect(harness.text('HSET', 'h', 'f', big)).toMatch(/^-OOM/);
    expect(harness.text('EXISTS', 'h')).toBe(':0\r\n');
    harness.run('HSET', 'h', 'a', '1');
    expect(harness.text('HSET', 'h', 'a', '2', 'b', big)).toMatch(/^-OOM/);
    expect(harness.text('HGETALL', 'h')).toBe('*2\r\n$1\r\na\r\n$1\r\n1\r\n');
    expect(harness.text('HSET', 'h', 'b', big)).toMatch(/^-OOM/);
    expect(harness.text('HGETALL', 'h')).toBe('*2\r\n$1\r\na\r\n$1\r\n1\r\n');
  });
});
