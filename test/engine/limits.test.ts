/** Memory that ends, strings that may not grow, and SCAN's promise. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { Harness } from './harness.ts';
import { CommandStream, type Word } from './random-commands.ts';
import { parseReply, replyEnd } from './redis-peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 31);

/** Everything that can be seen of the three databases that commands use. */
function snapshot(harness: Harness): string {
  const database = harness.client.database;
  const seen: string[] = [];
  for (harness.client.database = 0; harness.client.database < 3; harness.client.database++) {
    for (const key of parseReply(harness.run('KEYS', '*'))) {
      const name = Buffer.from(String(key).slice(1), 'latin1');
      seen.push(`${harness.client.database} ${key} ${harness.text('GET', name)} ${harness.text('PEXPIRETIME', name)}`);
    }
  }
  harness.client.database = database;
  return seen.sort().join('\n');
}

/** Commands with values that need pages of their own, and ones that move them. */
function large(stream: CommandStream): Word[] {
  const value = 'y'.repeat(stream.below(60_000));
  const key = stream.key();
  return stream.pick<Word[]>([
    ['SET', key, value, 'EX', '1000'],
    ['SET', key, value, 'GET', 'KEEPTTL'],
    ['SETEX', key, '1000', value],
    ['GETSET', key, value],
    ['APPEND', key, value],
    ['SETRANGE', key, '30000', value],
    ['MSET', key, value, stream.key(), value],
    ['MSETNX', key, value, 'nosuch', value],
    ['COPY', 'big0', key, 'REPLACE'],
    ['RENAME', 'big1', key],
    ['EXPIRE', 'big2', '1000'],
    ['GETEX', 'big2', 'EX', '1000'],
    ['GETEX', 'big2', 'PERSIST'],
    ['PERSIST', 'big2'],
  ]);
}

describe('out of memory', () => {
  test('is answered once, and nothing has changed', () => {
    const random = new Random(SEED);
    const stream = new CommandStream(SEED);
    const harness = new Harness({ seed: SEED });
    const { arena } = harness.engine;
    let refused = 0;
    for (let step = 0; step < 1200; step++) {
      harness.client.database = random.below(3);
      arena.limitBytes = Number.MAX_SAFE_INTEGER;
      harness.run('SET', `big${random.below(4)}`, 'x'.repeat(random.below(40_000)));
      const before = snapshot(harness);
      arena.limitBytes = arena.usedBytes + random.below([12_000, 150_000, 600_000][random.below(3)]);
      const command = random.below(3) === 0 ? large(stream) : stream.next();
      const reply = harness.run(...command);
      arena.limitBytes = Number.MAX_SAFE_INTEGER;
      const shown = `seed ${SEED} step ${step} ${JSON.stringify(command).slice(0, 200)}`;
      expect([shown, replyEnd(reply, 0)]).toEqual([shown, reply.length]);
      if (!reply.toString('latin1').startsWith('-OOM')) continue;
      refused++;
      expect([shown, snapshot(harness)]).toEqual([shown, before]);
    }
    expect(refused).toBeGreaterThan(100);
  });

  test('keys can still be read and removed, and then there is room again', () => {
    const harness = new Harness({ limitBytes: 8 * 1024 * 1024 });
    const value = 'v'.repeat(10_000);
    let stored = 0;
    while (harness.text('SET', `k${stored}`, value) === '+OK\r\n') stored++;
    expect(harness.text('SET', `k${stored}`, value)).toBe(
      "-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    );
    expect(harness.text('STRLEN', 'k0')).toBe(':10000\r\n');
    expect(harness.text('DEL', 'k0', 'k1', 'k2')).toBe(':3\r\n');
    expect(harness.text('SET', 'k0', value)).toBe('+OK\r\n');
  });
});

describe('the longest string', () => {
  const tooLong = '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n';

  test('ends APPEND and SETRANGE', () => {
    const harness = new Harness();
    harness.engine.maxStringBytes = 1000;
    expect(harness.text('SETRANGE', 'k', '990', '0123456789')).toBe(':1000\r\n');
    expect(harness.text('APPEND', 'k', 'x')).toBe(tooLong);
    expect(harness.text('SETRANGE', 'k', '991', '0123456789')).toBe(tooLong);
    expect(harness.text('SETRANGE', 'none', '1000', 'x')).toBe(tooLong);
    expect(harness.text('SETRANGE', 'none', '9223372036854775807', 'x')).toBe(tooLong);
    expect(harness.text('STRLEN', 'k')).toBe(':1000\r\n');
  });

  test('bounds the table of LCS', () => {
    const harness = new Harness();
    harness.engine.maxStringBytes = 4 * 101 * 101;
    harness.run('MSET', 'a', 'x'.repeat(100), 'b', 'y'.repeat(100), 'c', 'z'.repeat(101));
    expect(harness.text('LCS', 'a', 'b', 'LEN')).toBe(':0\r\n');
    expect(harness.text('LCS', 'a', 'c', 'LEN')).toBe(
      '-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n',
    );
  });

  test('a value of 20 MB goes in and comes out', () => {
    const harness = new Harness();
    const value = Buffer.alloc(20_000_000, 'abcdefg');
    expect(harness.text('SET', 'k', value)).toBe('+OK\r\n');
    harness.run('APPEND', 'k', 'end');
    expect(harness.text('GETRANGE', 'k', '-5', '-1')).toBe('$5\r\n' + `${value.subarray(-2)}end\r\n`);
    const reply = harness.run('GET', 'k');
    expect(reply.subarray(0, 11).toString()).toBe('$20000003\r\n');
    expect(reply.subarray(11, 11 + value.length).equals(value)).toBe(true);
    harness.run('DEL', 'k');
  });
});

describe('SCAN', () => {
  test('returns every key that is there all the time, once, while others come and go', () => {
    const random = new Random(SEED);
    const harness = new Harness({ seed: SEED });
    for (let i = 0; i < 3000; i++) harness.run('SET', `stays${i}`, 'v');
    const seen = new Map<string, number>();
    let cursor = '0';
    do {
      const count = String(1 + random.below(50));
      const [next, keys] = parseReply(harness.run('SCAN', cursor, 'COUNT', count));
      for (const key of keys) seen.set(String(key), (seen.get(String(key)) ?? 0) + 1);
      cursor = String(next).slice(1);
      for (let i = 0; i < 60; i++) {
        const other = `other${random.below(20_000)}`;
        harness.run(...(random.below(2) === 0 ? ['SET', other, 'v'] : ['DEL', other]));
      }
    } while (cursor !== '0');
    for (let i = 0; i < 3000; i++) expect([SEED, i, seen.get(`$stays${i}`)]).toEqual([SEED, i, 1]);
  });

  test('filters by pattern and type without losing its place', () => {
    const harness = new Harness();
    for (let i = 0; i < 1000; i++) harness.run('SET', i % 10 === 0 ? `match${i}` : `k${i}`, 'v');
    const found: string[] = [];
    let cursor = '0';
    do {
      const [next, keys] = parseReply(harness.run('SCAN', cursor, 'MATCH', 'match*', 'TYPE', 'string'));
      for (const key of keys) found.push(String(key));
      cursor = String(next).slice(1);
    } while (cursor !== '0');
    expect(new Set(found).size).toBe(100);
    expect(found).toHaveLength(100);
    expect(parseReply(harness.run('SCAN', '0', 'COUNT', '5000', 'TYPE', 'list'))).toEqual(['$0', []]);
  });
});

test('MGET of more keys than are touched together answers in order', () => {
  const harness = new Harness();
  const names = Array.from({ length: 100 }, (_, i) => `k${i}`);
  for (const name of names) if (!name.endsWith('7')) harness.run('SET', name, `v${name}`);
  const reply = parseReply(harness.run('MGET', ...names));
  expect(reply).toEqual(names.map((name) => (name.endsWith('7') ? 'nil' : `$v${name}`)));
});
