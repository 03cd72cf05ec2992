/**
 * SORT and SORT_RO give the replies of a real redis-server: seeded mixtures of options over lists, sets and sorted sets of
 * numbers, words and other things, and the numbers that are just not numbers one by one.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { Harness } from './harness.ts';
import { type Parsed, parseReply, RedisPeer } from './redis-peer.ts';

const SEED = Number(process.env['RTCP_TEST_SEED'] ?? 77);
const COMMANDS = 3000;
const CHUNK = 200;

let redis: RedisPeer;
beforeAll(async () => {
  redis = await RedisPeer.start();
});
afterAll(() => redis.stop());

type Word = string | Uint8Array;

const NUMBERS = ['3', '1', '-5', '10', '2.5', '1e3', '-0.25', '7', '100', '9007199254740993', '0x1f', '-inf', '+4'];
const WORDS = ['pear', 'apple', 'Apple', 'fig', 'a', 'ab', '\x7f', 'a\x01', '', 'Ünï', 'zebra', '10', '9', 'fig tree'];
const SOURCES = ['list:n', 'list:w', 'set:n', 'set:i', 'set:w', 'zset:n', 'zset:w', 'none', 'string', 'hash'];

/** What both servers hold: weights are all different, and every element but the last has one. */
function fixtures(random: Random): Word[][] {
  const shuffled = (list: string[]): string[] =>
    list
      .map((one) => ({ one, at: random.float() }))
      .toSorted((a, b) => a.at - b.at)
      .map(({ one }) => one);
  const commands: Word[][] = [
    ['RPUSH', 'list:n', ...shuffled([...NUMBERS, ...NUMBERS.slice(0, 4)])],
    ['RPUSH', 'list:w', ...shuffled([...WORDS, 'fig', 'a', 'b\0b', 'b\0a', 'ba'])],
    ['SADD', 'set:n', ...shuffled(NUMBERS)],
    ['SADD', 'set:i', '3', '1', '-5', '10', '7', '100', '99999'],
    ['SADD', 'set:w', ...shuffled(WORDS)],
    ['ZADD', 'zset:n', ...shuffled(NUMBERS).flatMap((one, i) => [String(i % 5), one])],
    ['ZADD', 'zset:w', ...shuffled(WORDS).flatMap((one, i) => [String(i), one])],
    ['SET', 'string', 'x'],
    ['HSET', 'hash', 'f', 'v'],
  ];
  const all = shuffled([...new Set([...NUMBERS, ...WORDS])]);
  all.slice(0, -1).forEach((one, i) => {
    commands.push(['SET', `w_${one}`, String((i * 7919) % 1000)], ['SET', `${one}_s`, `s${(i * 31) % 101}`]);
    commands.push(['HSET', `h_${one}`, 'n', String(i * 3 - 40), 'name', `name ${i}`, '->', String(i)]);
    if (i % 3 === 0) commands.push(['SET', `x_${one}`, 'not a number']);
  });
  return commands;
}

class Sorts {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): Word[] {
    const { random } = this;
    const options: Word[][] = [];
    const maybe = (n: number, make: () => Word[]): void => {
      if (random.below(n) === 0) options.push(make());
    };
    maybe(2, () => [this.pick(['ALPHA', 'alpha'])]);
    maybe(2, () => [this.pick(['ASC', 'DESC', 'desc'])]);
    maybe(3, () => ['LIMIT', this.number(), this.number()]);
    maybe(3, () => [
      'BY',
      this.pick(['w_*', 'w_*', '*_s', 'h_*->n', 'h_*->name', 'nosort', 'none_*', 'x_*', 'h_*->', 'h_*->->']),
    ]);
    for (let i = 0; i < 2; i++) {
      maybe(4, () => [
        'GET',
        this.pick(['#', 'w_*', 'h_*->name', 'h_*->none', '*', 'nothing', 'hash->f', 'w_*->n', '#\0', 'w_*\0']),
      ]);
    }
    maybe(4, () => ['STORE', this.pick(['out', 'out', 'other'])]);
    maybe(40, () => [this.pick(['FOO', 'BY', 'LIMIT', ''])]);
    const words = options.map((one) => ({ one, at: random.float() })).toSorted((a, b) => a.at - b.at);
    return [this.pick(['SORT', 'SORT', 'SORT', 'sort_ro']), this.pick(SOURCES), ...words.flatMap(({ one }) => one)];
  }

  private pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }

  private number(): string {
    return this.random.below(12) === 0
      ? this.pick(['x', '', '9223372036854775807', '-9223372036854775808', '99999999999999999999'])
      : String(this.random.below(12) - 3);
  }
}

/** A set that is not sorted comes in any order. */
function sameReply(command: Word[], ours: Buffer, theirs: Buffer): boolean {
  if (ours.equals(theirs)) return true;
  const words = command.map((word) => String(word).toUpperCase());
  const unsorted = words[1].startsWith('SET:') && words.includes('NOSORT');
  // Elements without a weight are equal, and redis-server puts what is equal in no order that could be relied on.
  const tied = words.includes('ALPHA') && words.includes('BY');
  if ((tied || unsorted) && words.includes('LIMIT'))
    return ours.toString('latin1', 0, 4) === theirs.toString('latin1', 0, 4);
  return (unsorted || tied) && sorted(parseReply(ours)) === sorted(parseReply(theirs));
}

function sorted(reply: Parsed): string {
  return JSON.stringify(Array.isArray(reply) ? reply.toSorted() : reply);
}

async function both(harness: Harness, commands: Word[][]): Promise<[Buffer[], Buffer[]]> {
  const theirs = await redis.run(commands);
  return [commands.map((command) => harness.run(...command)), theirs];
}

async function compare(seed: number, protocol: number): Promise<void> {
  const harness = new Harness({ seed });
  harness.client.protocol = protocol;
  await redis.run([['FLUSHALL'], ['HELLO', String(protocol)]]);
  const sorts = new Sorts(seed);
  const random = new Random(seed);
  for (let done = 0; done < COMMANDS; done += CHUNK) {
    // Where unordered results were stored both sides may differ by now: all is made anew.
    await redis.run([['FLUSHALL']]);
    for (const key of parseReply(harness.run('KEYS', '*')))
      harness.run('DEL', Buffer.from(String(key).slice(1), 'latin1'));
    const made = fixtures(random);
    const [ourFixtures, theirFixtures] = await both(harness, made);
    expect(ourFixtures).toEqual(theirFixtures);
    const commands = Array.from({ length: CHUNK }, () => sorts.next()).flatMap((command) =>
      command.includes('STORE')
        ? [['DEL', 'out', 'other'], command, ['LRANGE', command[command.lastIndexOf('STORE') + 1] ?? 'out', '0', '-1']]
        : [command],
    );
    const [ours, theirs] = await both(harness, commands);
    commands.forEach((command, i) => {
      const before = command[0] === 'LRANGE' ? commands[i - 1] : command;
      if (sameReply(before, ours[i], theirs[i])) return;
      expect.fail(
        `seed ${seed}, RESP${protocol}: ${JSON.stringify(command)} after ${JSON.stringify(before)}\n` +
          `ours   ${JSON.stringify(ours[i].toString('latin1'))}\ntheirs ${JSON.stringify(theirs[i].toString('latin1'))}`,
      );
    });
  }
}

describe('SORT', () => {
  test('RESP2, as redis-server', () => compare(SEED, 2));
  test('RESP3, as redis-server', () => compare(SEED + 1, 3));

  test('takes for a number what redis-server does', async () => {
    const harness = new Harness();
    const texts = ['', ' ', ' 1', '1 ', '1\0x', '\0', 'nan', 'inf', 'infinit', '0x', '0x1p4', '.5', '5.'].concat([
      '.',
      '-',
      '+',
      '1e',
      '1e+',
      '--1',
      '1,5',
      '١',
      '1_0',
      '00012',
      '9223372036854775808',
      '\t\n3',
      '1e400',
      '-1e400',
      '1e-400',
    ]);
    // What is out of range comes last: redis-server looks at an errno that stays from one number to the next.
    const commands = texts.flatMap((text) => [
      ['DEL', 'l'],
      ['RPUSH', 'l', text, '1'],
      ['SORT', 'l'],
    ]);
    const [ours, theirs] = await both(harness, [['HELLO', '2'], ...commands]);
    commands.forEach((_, i) => {
      if (i % 3 === 2) {
        const text = texts[(i - 2) / 3];
        expect([text, ours[i + 1].toString('latin1')]).toEqual([text, theirs[i + 1].toString('latin1')]);
      }
    });
  });

  test('stores a list with the event and the encoding that belong to it', () => {
    const harness = new Harness();
    const events: string[] = [];
    harness.run('RPUSH', 'l', '3', '1', '2');
    harness.run('SET', 'out', 'x', 'EX', '100');
    harness.engine.keyListener = { keyChanged: (event) => events.push(event) };
    expect(harness.text('SORT', 'l', 'STORE', 'out')).toBe(':3\r\n');
    expect(harness.text('OBJECT', 'ENCODING', 'out')).toBe('$8\r\nlistpack\r\n');
    expect(harness.text('TTL', 'out')).toBe(':-1\r\n');
    expect(harness.text('SORT', 'l', 'STORE', 'l')).toBe(':3\r\n');
    expect(harness.text('SORT', 'none', 'STORE', 'out')).toBe(':0\r\n');
    expect(events).toEqual(['sortstore', 'sortstore', 'del']);
    for (let i = 0; i < 900; i++) harness.run('RPUSH', 'l', `${'9'.repeat(15)}.${i}`);
    harness.run('SORT', 'l', 'DESC', 'STORE', 'out');
    expect(harness.text('OBJECT', 'ENCODING', 'out')).toBe('$9\r\nquicklist\r\n');
    expect(harness.text('LINDEX', 'out', '-1')).toBe('$1\r\n1\r\n');
  });

  test('finds what is named after elements of any length', () => {
    const harness = new Harness();
    const [long, longer] = ['x'.repeat(100), 'y'.repeat(5000)];
    harness.run('RPUSH', 'l', 'a', long, longer);
    harness.run('MSET', 'w_a', '3', `w_${long}`, '2', `w_${longer}`, '1');
    expect(harness.text('SORT', 'l', 'BY', 'w_*', 'GET', 'w_*')).toBe('*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n');
  });

  test('leaves out what expired meanwhile, even the key that it sorts by', () => {
    const harness = new Harness();
    harness.run('RPUSH', 'l', '1', '2', '3');
    harness.run('SET', 'w_1', '9', 'PX', '10');
    harness.run('SET', 'w_2', '1');
    harness.run('SET', 'w_3', '-1');
    expect(harness.text('SORT', 'l', 'BY', 'w_*')).toBe('*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n');
    harness.engine.nowMs += 11;
    expect(harness.text('SORT', 'l', 'BY', 'w_*', 'GET', 'w_*')).toBe('*3\r\n$2\r\n-1\r\n$-1\r\n$1\r\n1\r\n');
    expect(harness.text('EXISTS', 'w_1')).toBe(':0\r\n');
  });
});
