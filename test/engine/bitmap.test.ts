/**
 * The bitmap commands side by side with redis-server 7.0: replies, values, encodings and counts of changes; then what 7.2 does
 * otherwise, events, limits, and popcount against counting one by one.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { popcount } from '../../src/lib/engine/bitmap/popcount.ts';
import { Random } from '../../src/lib/random.ts';
import { Beside } from './beside.ts';
import { Harness } from './harness.ts';
import { BitStream } from './random-bits.ts';
import type { Word } from './random-commands.ts';
import { RedisPeer } from './redis-peer.ts';

const COMMANDS = 30_000;
const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_250_301);

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

/** 7.0 looks at the key before it looks at the range: a key that isn't there, or is a list, comes before a wrong argument. */
function argumentsFirst(command: Word[], ours: string, theirs: string): boolean {
  const name = String(command[0]).toUpperCase();
  return (name === 'BITCOUNT' || name === 'BITPOS') && ours.startsWith('-ERR') && /^(:0|:-1|-WRONGTYPE)/.test(theirs);
}

describe('bitmap commands answer as redis-server does', () => {
  for (const protocol of [2, 3]) {
    test(`RESP${protocol}, ${COMMANDS} commands`, async () => {
      const stream = new BitStream(SEED + protocol);
      const beside = await Beside.start(redis, SEED + protocol, protocol, argumentsFirst);
      await beside.makeList('list');
      for (let done = 0; done < COMMANDS; done += 250) {
        await beside.compare(Array.from({ length: 250 }, () => stream.next()));
        await beside.compareEncodings();
      }
    });
  }
});

describe('as of 7.2', () => {
  const harness = new Harness();
  const syntax = '-ERR syntax error\r\n';
  const notInteger = '-ERR value is not an integer or out of range\r\n';

  test('arguments are wrong whether the key is there or not', () => {
    expect(harness.text('BITCOUNT', 'none', '0')).toBe(syntax);
    expect(harness.text('BITCOUNT', 'none', '0', 'x')).toBe(notInteger);
    expect(harness.text('BITCOUNT', 'none', '0', '1', 'hello')).toBe(syntax);
    expect(harness.text('BITPOS', 'none', '0', 'x')).toBe(notInteger);
    expect(harness.text('BITPOS', 'none', '0', '1', '2', 'hello')).toBe(syntax);
    expect(harness.text('BITPOS', 'none', '0', '1', '2', 'BIT', 'x')).toBe(syntax);
    expect(harness.text('BITCOUNT', 'none', '0', '1', 'BIT')).toBe(':0\r\n');
    expect(harness.text('BITPOS', 'none', '0', '1', '2', 'BIT')).toBe(':0\r\n');
    expect(harness.text('BITPOS', 'none', '1', '1')).toBe(':-1\r\n');
  });
});

test('changes have the events that redis-server gives them, and what changes nothing has none', () => {
  const harness = new Harness();
  const events: string[] = [];
  harness.engine.keyListener = { keyChanged: (event) => events.push(event) };
  const eventsOf = (...words: string[]): string[] => {
    events.length = 0;
    harness.run(...words);
    return [...events];
  };
  expect(eventsOf('SETBIT', 'k', '7', '0')).toEqual(['setbit']);
  expect(eventsOf('SETBIT', 'k', '7', '0')).toEqual([]);
  expect(eventsOf('SETBIT', 'k', '7', '1')).toEqual(['setbit']);
  expect(eventsOf('BITFIELD', 'k', 'SET', 'u8', '0', '1', 'INCRBY', 'u8', '8', '1')).toEqual(['setbit']);
  expect(eventsOf('BITFIELD', 'k', 'SET', 'u8', '0', '1')).toEqual([]);
  expect(eventsOf('BITFIELD', 'k', 'OVERFLOW', 'FAIL', 'INCRBY', 'u2', '0', '9')).toEqual([]);
  expect(eventsOf('BITOP', 'NOT', 'l', 'k')).toEqual(['set']);
  expect(eventsOf('BITOP', 'AND', 'l', 'none')).toEqual(['del']);
  expect(eventsOf('BITOP', 'AND', 'l', 'none')).toEqual([]);
});

test('values at both ends of 64 bits are what redis-server takes them for', async () => {
  const beside = await Beside.start(redis, SEED, 2);
  const values = ['-9223372036854775808', '-9223372036854775807', '-9223372036854775680', '-9223372036854775000'];
  values.push('9223372036854775807', '-4611686018427387904', '-1');
  const types = ['i1', 'i8', 'i31', 'i33', 'i53', 'i62', 'i63', 'i64', 'u1', 'u8', 'u53', 'u63'];
  for (const mode of ['WRAP', 'SAT', 'FAIL']) {
    for (const value of values) {
      const commands = types.map((type) => [
        'BITFIELD',
        'k',
        'OVERFLOW',
        mode,
        'SET',
        type,
        '3',
        value,
        'GET',
        type,
        '3',
      ]);
      await beside.compare([['DEL', 'k'], ...commands, ['GET', 'k']]);
    }
  }
});

describe('limits', () => {
  test('the last bit of 512 MB, and the one after', () => {
    const harness = new Harness();
    expect(harness.text('SETBIT', 'k', '4294967295', '1')).toBe(':0\r\n');
    expect(harness.text('STRLEN', 'k')).toBe(':536870912\r\n');
    expect(harness.text('BITCOUNT', 'k')).toBe(':1\r\n');
    expect(harness.text('BITPOS', 'k', '1')).toBe(':4294967295\r\n');
    expect(harness.text('GETBIT', 'k', '4294967295')).toBe(':1\r\n');
    expect(harness.text('SETBIT', 'k', '4294967296', '1')).toBe(
      '-ERR bit offset is not an integer or out of range\r\n',
    );
    harness.run('DEL', 'k');
  });

  test('a string that finds no room leaves things as they were', () => {
    const harness = new Harness({ limitBytes: 1 << 20 });
    harness.run('SET', 'k', 'abc');
    expect(harness.text('SETBIT', 'k', '80000000', '1')).toMatch(/^-OOM/);
    expect(harness.text('BITFIELD', 'k', 'SET', 'u8', '80000000', '1')).toMatch(/^-OOM/);
    expect(harness.text('GET', 'k')).toBe('$3\r\nabc\r\n');
  });
});

test('popcount counts what is counted one by one', () => {
  const random = new Random(SEED);
  const words = new Int32Array(64);
  const bytes = new Uint8Array(words.buffer);
  for (let round = 0; round < 2000; round++) {
    const density = random.below(3);
    for (let i = 0; i < words.length; i++) words[i] = density === 0 ? -1 : random.int32();
    const from = random.below(bytes.length);
    const to = from + random.below(bytes.length - from + 1);
    let expected = 0;
    for (let at = from; at < to; at++) for (let bit = 0; bit < 8; bit++) expected += (bytes[at] >>> bit) & 1;
    expect([SEED, round, popcount(words, bytes, from, to)]).toEqual([SEED, round, expected]);
  }
});
