/** Set commands side by side with redis-server; what it does not show: listpacks of 7.2, events, fairness, memory. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodingOf } from '../../src/lib/engine/encoding.ts';
import { hashOf } from '../../src/lib/engine/keys.ts';
import { Harness } from './harness.ts';
import { parseReply, RedisPeer } from './redis-peer.ts';
import { SetCommands } from './set-commands.ts';
import { type Comparison, type Otherwise, sameElements, sameShape, sideBySide } from './side-by-side.ts';

const COMMANDS = 20_000;
const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_240_901);

const ANY_ORDER: Otherwise = { why: 'the order in a table is that of the hashes', same: sameElements };
const COMPARISON: Comparison = {
  otherwise: {
    SMEMBERS: ANY_ORDER,
    SINTER: ANY_ORDER,
    SUNION: ANY_ORDER,
    SDIFF: ANY_ORDER,
    SPOP: ANY_ORDER,
    SRANDMEMBER: { why: 'chosen at random', same: sameShape },
    SSCAN: {
      why: 'as SMEMBERS; a cursor that is not 0 means nothing to the other server',
      same: (ours, theirs, command) =>
        typeof ours !== 'string' &&
        typeof theirs !== 'string' &&
        (command[2] !== '0' || (ours[0] === theirs[0] && sameElements(ours[1], theirs[1]))),
    },
  },
  encodings: { listpack: ['hashtable'] }, // redis-server 7.0 has no sets that are listpacks
};

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

describe('set commands answer as redis-server does', () => {
  for (const protocol of [2, 3]) {
    test(`RESP${protocol}, ${COMMANDS} commands`, async () => {
      const seed = SEED + protocol;
      const harness = new Harness({ seed });
      harness.client.protocol = protocol;
      const commands = new SetCommands(seed);
      const label = `RTCP_TEST_SEED=${SEED}, RESP${protocol}`;
      await sideBySide(harness, redis, COMMANDS, () => commands.next(), COMPARISON, label);
    });
  }

  test('with tight limits', async () => {
    const harness = new Harness();
    const { limits } = harness.engine.values.sets;
    limits.intsetEntries = 6;
    limits.listpackEntries = 4;
    limits.listpackLength = 5;
    await redis.run([['CONFIG', 'SET', 'set-max-intset-entries', '6']]);
    const commands = new SetCommands(SEED);
    await sideBySide(harness, redis, 5000, () => commands.next(), COMPARISON, `RTCP_TEST_SEED=${SEED}`);
    await redis.run([['CONFIG', 'SET', 'set-max-intset-entries', '512']]);
  });
});

function encoding(harness: Harness, key: string): string {
  harness.run('EXISTS', key);
  const { engine } = harness;
  return encodingOf(engine, engine.db.find(engine.argOffset[1], engine.argLength[1], hashOf(engine, 1)));
}

const range = (n: number, prefix = ''): string[] => Array.from({ length: n }, (_, i) => `${prefix}${i}`);

describe('the encoding of a set', () => {
  const cases: [string, string[][], string][] = [
    ['512 integers', [range(512)], 'intset'],
    ['513 integers', [range(512), ['512']], 'hashtable'],
    ['more integers at once than may be', [[...range(300), ...range(300)]], 'hashtable'],
    ['128 texts', [range(128, 'm')], 'listpack'],
    ['129 texts', [range(128, 'm'), ['m128']], 'hashtable'],
    ['more texts at once than may be', [[...range(100, 'm'), ...range(100, 'm')]], 'hashtable'],
    ['a text of 64', [['x'.repeat(64)]], 'listpack'],
    ['a text of 65', [['x'.repeat(65)]], 'hashtable'],
    ['127 integers and a text', [range(127), ['text']], 'listpack'],
    ['128 integers and a text', [range(128), ['text']], 'hashtable'],
    ['an integer and a long text', [['1'], ['x'.repeat(65)]], 'hashtable'],
    ['texts and integers', [['a', '1', '2']], 'listpack'],
    ['what is no canonical integer', [['01', '+1', '-0']], 'listpack'],
  ];
  for (const [what, members, expected] of cases) {
    test(`of ${what} is ${expected}`, () => {
      const harness = new Harness();
      for (const some of members) harness.run('SADD', 's', ...some);
      expect(encoding(harness, 's')).toBe(expected);
      const distinct = new Set(members.flat());
      const reply = parseReply(harness.run('SMEMBERS', 's')) as string[];
      expect(new Set(reply.map((member) => member.slice(1)))).toEqual(distinct);
    });
  }

  test('of what SPOP leaves of a large set is as small as that needs', () => {
    const harness = new Harness();
    harness.run('SADD', 's', ...range(1000, 'm'));
    harness.run('SPOP', 's', '500');
    expect(encoding(harness, 's')).toBe('hashtable');
    harness.run('SPOP', 's', '480');
    expect(encoding(harness, 's')).toBe('listpack');
    expect(harness.text('SCARD', 's')).toBe(':20\r\n');
    for (const member of parseReply(harness.run('SMEMBERS', 's'))) {
      expect(harness.text('SISMEMBER', 's', String(member).slice(1))).toBe(':1\r\n');
    }
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

describe('changes of a set', () => {
  test('are told by the names that keyspace events have', () => {
    const harness = new Harness();
    expect(eventsOf(harness, 'SADD s a b c', 'SADD s a', 'SREM s x', 'SREM s a', 'SMOVE s t b', 'SMOVE s t x')).toEqual(
      ['sadd', 'srem', 'srem', 'sadd'],
    );
    expect(eventsOf(harness, 'SMOVE s t c', 'SPOP t', 'SPOP t 0', 'SPOP t 5', 'SPOP t')).toEqual([
      ...['srem', 'del', 'sadd', 'spop'],
      ...['spop', 'del'],
    ]);
    harness.run('SADD', 'a', '1', '2');
    harness.run('SADD', 'b', '2', '3');
    expect(eventsOf(harness, 'SINTERSTORE d a b', 'SUNIONSTORE d a b', 'SDIFFSTORE d a b', 'SDIFFSTORE d a a')).toEqual(
      [...['sinterstore', 'sunionstore', 'sdiffstore', 'del']],
    );
  });
});

describe('members chosen at random', () => {
  test('are chosen with the same chance in every form of a set', () => {
    for (const members of [range(30), range(30, 'm'), range(1000, 'm')]) {
      for (const count of [[], ['1'], ['-1']]) {
        const harness = new Harness({ seed: SEED });
        harness.run('SADD', 's', ...members);
        const hits = new Map<string, number>();
        for (let i = 0; i < members.length * 50; i++) {
          const member = String(parseReply(harness.run('SRANDMEMBER', 's', ...count))).slice(1);
          hits.set(member, (hits.get(member) ?? 0) + 1);
        }
        let chiSquare = 0;
        for (const member of members) chiSquare += ((hits.get(member) ?? 0) - 50) ** 2 / 50;
        const n = members.length;
        expect(chiSquare, `${n} members from ${members[0]}, count ${count}`).toBeLessThan(n + 6 * Math.sqrt(2 * n));
      }
    }
  });

  test('are popped with the same chance, one or several', () => {
    for (const members of [range(30), range(30, 'm'), range(300, 'm')]) {
      for (const count of [1, 10, 25]) {
        const hits = new Map<string, number>();
        const harness = new Harness({ seed: SEED + count });
        const rounds = 600;
        for (let i = 0; i < rounds; i++) {
          harness.run('DEL', 's');
          harness.run('SADD', 's', ...members);
          const popped = parseReply(harness.run('SPOP', 's', String(count))) as string[];
          expect(new Set(popped).size).toBe(count);
          for (const member of popped) hits.set(member.slice(1), (hits.get(member.slice(1)) ?? 0) + 1);
          expect(harness.text('SCARD', 's')).toBe(`:${members.length - count}\r\n`);
        }
        const share = count / members.length;
        const expected = rounds * share;
        let chiSquare = 0;
        for (const member of members) chiSquare += ((hits.get(member) ?? 0) - expected) ** 2 / (expected * (1 - share));
        const n = members.length;
        expect(chiSquare, `${n} from ${members[0]}, ${count}`).toBeLessThan(n + 6 * Math.sqrt(2 * n));
      }
    }
  });
});

const common = (a: Set<string>, b: Set<string>): Set<string> => new Set([...a].filter((member) => b.has(member)));
const without = (a: Set<string>, b: Set<string>): Set<string> => new Set([...a].filter((member) => !b.has(member)));

describe('set operations on large sets', () => {
  test('find what sets of JavaScript find', () => {
    const harness = new Harness({ seed: SEED });
    const even = new Set(range(4000, 'm').filter((_, i) => i % 2 === 0));
    const third = new Set(range(4000, 'm').filter((_, i) => i % 3 === 0));
    const few = new Set(['m0', 'm6', 'm7', 'x']);
    const sets: [string, Set<string>][] = [
      ['even', even],
      ['third', third],
      ['few', few],
    ];
    for (const [name, members] of sets) harness.run('SADD', name, ...members);
    const members = (...command: string[]): Set<string> => {
      const reply = parseReply(harness.run(...command)) as string[];
      expect(new Set(reply).size).toBe(reply.length);
      return new Set(reply.map((member) => member.slice(1)));
    };
    expect(members('SINTER', 'even', 'third')).toEqual(common(even, third));
    expect(members('SINTER', 'even', 'third', 'few')).toEqual(new Set(['m0', 'm6']));
    expect(members('SUNION', 'few', 'even', 'third')).toEqual(new Set([...even, ...third, ...few]));
    expect(members('SDIFF', 'even', 'third')).toEqual(without(even, third));
    expect(members('SDIFF', 'even', 'few', 'few', 'few', 'few')).toEqual(without(even, few));
    expect(harness.text('SINTERCARD', '2', 'even', 'third')).toBe(`:${common(even, third).size}\r\n`);
    expect(harness.text('SINTERCARD', '2', 'even', 'third', 'LIMIT', '300')).toBe(':300\r\n');
    harness.run('SDIFFSTORE', 'even', 'even', 'third');
    expect(members('SMEMBERS', 'even')).toEqual(without(even, third));
  });
});

describe('SSCAN', () => {
  test('meets every member that stays, whatever comes and goes', () => {
    const harness = new Harness({ seed: SEED });
    harness.run('SADD', 's', ...range(2000, 'stays'));
    const met = new Set<string>();
    let cursor = '0';
    let round = 0;
    do {
      const [next, members] = parseReply(harness.run('SSCAN', 's', cursor, 'COUNT', '20')) as [string, string[]];
      for (const member of members) met.add(member.slice(1));
      cursor = next.slice(1);
      harness.run(round % 2 === 0 ? 'SADD' : 'SREM', 's', ...range(100, `goes${round >> 1}:`));
      round++;
    } while (cursor !== '0');
    for (const member of range(2000, 'stays')) expect(met.has(member)).toBe(true);
  });
});

describe('without memory', () => {
  test('a set is as before, or not there, and results are nowhere', () => {
    const harness = new Harness({ limitBytes: 3 << 20 });
    const big = 'v'.repeat(2 << 20);
    harness.run('SADD', 'big', big);
    const used = harness.engine.arena.usedBytes;
    expect(harness.text('SADD', 's', big)).toMatch(/^-OOM/);
    expect(harness.text('EXISTS', 's')).toBe(':0\r\n');
    harness.run('SADD', 's', 'a');
    expect(harness.text('SADD', 's', 'b', big)).toMatch(/^-OOM/);
    expect(harness.text('SMEMBERS', 's')).toBe('*1\r\n$1\r\na\r\n');
    expect(harness.text('SUNIONSTORE', 's', 's', 'big')).toMatch(/^-OOM/);
    expect(harness.text('SUNION', 's', 'big')).toMatch(/^-OOM/);
    expect(harness.text('SMOVE', 'big', 's', big)).toMatch(/^-OOM/);
    expect(harness.text('SMEMBERS', 's')).toBe('*1\r\n$1\r\na\r\n');
    harness.run('DEL', 's');
    expect(harness.engine.arena.usedBytes).toBe(used);
  });
});
