/**
 * Values of all types between a harness and redis-server 7.0: the same payloads where order is not left to a hash table, both
 * read each other's, and have the same digests then. So do the forms that older servers wrote.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/lib/engine/engine.ts';
import { TYPE_SET } from '../../src/lib/engine/keys.ts';
import { datasetDigest, valueDigest } from '../../src/lib/engine/rdb/dataset-digest.ts';
import { VERSION_7_0 } from '../../src/lib/engine/rdb/types.ts';
import { Random } from '../../src/lib/random.ts';
import { Harness } from './harness.ts';
import type { Word } from './random-commands.ts';
import { element, oldForm, VALUES, withFooter } from './rdb-values.ts';
import { parseReply, RedisPeer } from './redis-peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_250_304);
const ROUNDS = 40;

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start('--enable-debug-command', 'yes', '--sanitize-dump-payload', 'yes');
});

afterAll(async () => {
  await redis.stop();
});

function payloadIn(reply: Buffer): Buffer {
  return reply.subarray(reply.indexOf(10) + 1, -2);
}

function digestOf(harness: Harness, key: string): string {
  harness.run('EXISTS', key);
  const { engine } = harness;
  const [offset, length] = [engine.argOffset[1], engine.argLength[1]];
  return valueDigest(engine, engine.db, engine.db.find(offset, length, engine.db.hash(offset, length)));
}

/** DEBUG DIGEST-VALUE of keys on the other side. */
async function digests(keys: readonly string[]): Promise<string[]> {
  const [reply] = await redis.run([['DEBUG', 'DIGEST-VALUE', ...keys]]);
  return Array.from(parseReply(reply), (line) => String(line).slice(1));
}

function oldServer(seed: number): Harness {
  const harness = new Harness({ seed });
  harness.engine.rdb.version = VERSION_7_0;
  return harness;
}

/** Encodings whose order is not that of a hash table. */
function isOrdered(engine: Engine, harness: Harness, key: string): boolean {
  harness.run('EXISTS', key);
  const [offset, length] = [engine.argOffset[1], engine.argLength[1]];
  const ref = engine.db.find(offset, length, engine.db.hash(offset, length));
  const encoding = engine.values.kinds[engine.db.type(ref)]?.encoding(engine.db, ref);
  return encoding !== 'hashtable' && !(engine.db.type(ref) === TYPE_SET && encoding === 'listpack'); // 7.0 has a table
}

describe('values made by the same commands', () => {
  for (const [type, make] of Object.entries(VALUES)) {
    test(`${type}: dumped alike, read by both, with the same digests`, async () => {
      const random = new Random(SEED);
      const harness = oldServer(SEED);
      harness.engine.nowMs = Date.now();
      await redis.run([['FLUSHALL']]);
      const keys = Array.from({ length: ROUNDS }, (_, i) => `${type}:${i}`);
      for (const key of keys) {
        const commands = make(random, key);
        for (const command of commands) harness.run(...command);
        await redis.run(commands);
      }
      const theirs = (await redis.run(keys.map((key) => ['DUMP', key]))).map(payloadIn);
      const ours = keys.map((key) => payloadIn(harness.run('DUMP', key)));
      keys.forEach((key, i) => {
        if (!isOrdered(harness.engine, harness, key) || type === 'stream') return; // a stream keeps times, of two clocks
        expect([SEED, key, ours[i].toString('hex')]).toEqual([SEED, key, theirs[i].toString('hex')]);
      });
      const expected = await digests(keys);
      expect(keys.map((key) => digestOf(harness, key))).toEqual(expected);
      // Theirs to us, ours to them.
      for (const [i, key] of keys.entries()) {
        expect([key, harness.text('RESTORE', `r:${key}`, '0', theirs[i])]).toEqual([key, '+OK\r\n']);
        if (!isOrdered(harness.engine, harness, key)) continue;
        const again = payloadIn(harness.run('DUMP', `r:${key}`));
        expect([SEED, key, again.toString('hex')]).toEqual([SEED, key, theirs[i].toString('hex')]);
      }
      expect(keys.map((key) => digestOf(harness, `r:${key}`))).toEqual(expected);
      const restored = await redis.run(keys.map((key, i): Word[] => ['RESTORE', `r:${key}`, '0', ours[i]]));
      expect(restored.map(String)).toEqual(keys.map(() => '+OK\r\n'));
      expect(await digests(keys.map((key) => `r:${key}`))).toEqual(expected);
      // All of it, with keys that expire.
      await redis.run([['PEXPIRE', keys[0], '100000000']]);
      harness.run('PEXPIRE', keys[0], '100000000');
      const [all] = await redis.run([['DEBUG', 'DIGEST']]);
      expect(`+${datasetDigest(harness.engine)}\r\n`).toBe(String(all));
    });
  }
});

test('what older servers wrote is read as redis-server reads it', async () => {
  const random = new Random(SEED + 1);
  const harness = oldServer(SEED);
  await redis.run([['FLUSHALL']]);
  const payloads = Array.from({ length: 400 }, () => withFooter(oldForm(random)));
  const keys = payloads.map((_, i) => `k${i}`);
  const replies = await redis.run(payloads.map((payload, i): Word[] => ['RESTORE', keys[i], '0', payload]));
  payloads.forEach((payload, i) => {
    const where = `seed ${SEED}, ${i}: code ${payload[0]}`;
    expect([where, harness.text('RESTORE', keys[i], '0', payload)]).toEqual([where, String(replies[i])]);
  });
  expect(keys.map((key) => digestOf(harness, key))).toEqual(await digests(keys));
  const encodings = await redis.run(keys.map((key) => ['OBJECT', 'ENCODING', key]));
  keys.forEach((key, i) => {
    const ours = harness.text('OBJECT', 'ENCODING', key);
    // As of 7.2, short lists and sets are listpacks.
    const since72 = ours === '$8\r\nlistpack\r\n' && /quicklist|hashtable/.test(String(encodings[i]));
    const where = `seed ${SEED}, ${i}: code ${payloads[i][0]}`;
    if (!(since72 && [1, 2, 10, 14, 18].includes(payloads[i][0]))) {
      expect([where, ours]).toEqual([where, String(encodings[i])]);
    }
  });
  const theirs = (await redis.run(keys.map((key) => ['DUMP', key]))).map(payloadIn);
  keys.forEach((key, i) => {
    if (!isOrdered(harness.engine, harness, key)) return;
    const where = `seed ${SEED}, ${i}: code ${payloads[i][0]}`;
    expect([where, payloadIn(harness.run('DUMP', key)).toString('hex')]).toEqual([where, theirs[i].toString('hex')]);
  });
});

for (const compression of ['yes', 'no']) {
  test(`lists of compressed and of plain nodes, rdbcompression ${compression}`, async () => {
    const random = new Random(SEED + 2);
    const harness = oldServer(SEED);
    const { list } = harness.engine.values;
    const settings = { 'list-compress-depth': '1', 'list-max-listpack-size': '-1', rdbcompression: compression };
    await redis.run([['FLUSHALL'], ['CONFIG', 'SET', ...Object.entries(settings).flat()]]);
    await redis.run([['DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '200b']]);
    harness.engine.rdb.compression = compression === 'yes';
    list.depth = 1;
    list.fill = -1;
    list.setPlainBytes(200);
    for (let i = 0; i < 10; i++) {
      const many = Array.from({ length: 600 + random.below(900) }, () => element(random)); // never a listpack of 7.2
      const commands = [['RPUSH', 'k', ...many], ...VALUES.list(random, 'k')];
      await redis.run(commands);
      for (const command of commands) harness.run(...command);
      const [reply] = await redis.run([['DUMP', 'k']]);
      expect([i, harness.run('DUMP', 'k').toString('hex')]).toEqual([i, reply.toString('hex')]);
      expect(harness.text('RESTORE', 'l', '0', payloadIn(reply))).toBe('+OK\r\n');
      expect([i, harness.run('DUMP', 'l').toString('hex')]).toEqual([i, reply.toString('hex')]);
      await redis.run([['DEL', 'k']]);
      harness.run('DEL', 'k', 'l');
    }
    await redis.run([
      ['CONFIG', 'SET', 'list-compress-depth', '0', 'list-max-listpack-size', '-2', 'rdbcompression', 'yes'],
      ['DEBUG', 'QUICKLIST-PACKED-THRESHOLD', '0'],
    ]);
  });
}

test('deadlines of hash fields are dumped, and come back', () => {
  const harness = oldServer(SEED);
  harness.engine.nowMs = 3_000_000_000_000;
  harness.run('HSET', 'k', 'a', '1', 'b', '2', 'c', '3');
  harness.run('HPEXPIREAT', 'k', '4000000000000', 'FIELDS', '1', 'a');
  harness.run('HPEXPIREAT', 'k', '4000000000500', 'FIELDS', '1', 'b');
  const payload = payloadIn(harness.run('DUMP', 'k'));
  expect([payload[0], payload.readUInt16LE(payload.length - 10)]).toEqual([24, 12]);
  expect(harness.text('RESTORE', 'l', '0', payload)).toBe('+OK\r\n');
  const asked = ['FIELDS', '3', 'a', 'b', 'c'];
  expect(parseReply(harness.run('HPEXPIRETIME', 'l', ...asked))).toEqual([':4000000000000', ':4000000000500', ':-1']);
  expect(parseReply(harness.run('HMGET', 'l', 'a', 'b', 'c'))).toEqual(['$1', '$2', '$3']);
  expect(digestOf(harness, 'l')).toBe(digestOf(harness, 'k'));
  harness.run('HPERSIST', 'l', ...asked);
  expect(digestOf(harness, 'l')).not.toBe(digestOf(harness, 'k'));
  expect(payloadIn(harness.run('DUMP', 'l'))[0]).toBe(4);
  // What is over does not come back.
  harness.engine.nowMs = 4_000_000_000_100;
  expect(harness.text('RESTORE', 'n', '0', payload)).toBe('+OK\r\n');
  expect(parseReply(harness.run('HMGET', 'n', 'a', 'b', 'c'))).toEqual(['nil', '$2', '$3']);
  // The same, as 7.4 has small ones: a listpack of field, value, deadline.
  const listpack = [0, 0, 0, 0, 6, 0, 0x81, 97, 2, 1, 1, 0xf4, 0, 0x40, 0xe5, 0x9c, 0xa3, 3, 0, 0, 9];
  listpack.push(0x81, 98, 2, 2, 1, 0, 1, 0xff);
  listpack[0] = listpack.length;
  const small = withFooter([25, 0, 0x40, 0xe5, 0x9c, 0xa3, 3, 0, 0, ...[listpack.length, ...listpack]], 12);
  expect(harness.text('RESTORE', 'm', '0', small)).toBe('+OK\r\n');
  const two = ['FIELDS', '2', 'a', 'b'];
  expect(parseReply(harness.run('HPEXPIRETIME', 'm', ...two))).toEqual([`:${0x03a39ce54000}`, ':-1']);
  expect(0x03a39ce54000).toBeGreaterThan(harness.engine.nowMs);
});

test('a stream as redis-server wrote it before 7.0: what it has of groups is found out', async () => {
  const harness = oldServer(SEED);
  harness.run('XADD', 'k', '5-1', 'f', 'v');
  harness.run('XADD', 'k', '6-1', 'f', 'v');
  const dumped = payloadIn(harness.run('DUMP', 'k'));
  const id = (ms: number): number[] => [0, 0, 0, 0, 0, 0, 0, ms, 0, 0, 0, 0, 0, 0, 0, 1];
  const time = [0, 0, 0, 0x80, 0x8b, 1, 0, 0];
  const nodes = dumped.subarray(1, dumped.length - 10 - 9); // then length, three IDs, entries added, groups
  const group = (name: number, ms: number): number[] => [
    ...[1, name, ms, 1, 1, ...id(5), ...time, 3],
    ...[2, 1, 97, ...time, 1, ...id(5), 1, 98, ...time, 0],
  ];
  const payload = withFooter([15, ...nodes, 2, 6, 1, 3, ...group(103, 5), ...group(104, 6), ...group(105, 0)]);
  await redis.run([['FLUSHALL']]);
  const asked: Word[][] = [
    ['RESTORE', 'old', '0', payload],
    ['XINFO', 'GROUPS', 'old'],
    ['XPENDING', 'old', 'g'],
    ['XRANGE', 'old', '-', '+'],
    ['DUMP', 'old'],
  ];
  const theirs = await redis.run(asked);
  for (const [i, command] of asked.entries()) {
    expect([command[0], harness.run(...command).toString('hex')]).toEqual([command[0], theirs[i].toString('hex')]);
  }
});

test('empty collections and ones with an element twice are refused', async () => {
  const harness = oldServer(SEED);
  const bad: Record<string, number[]> = {
    'empty list': [1, 0],
    'empty hash': [4, 0],
    'empty quicklist': [18, 0],
    'quicklist of an empty node': [18, 1, 2, 7, 7, 0, 0, 0, 0, 0, 0xff],
    'empty set': [2, 0],
    'set with a member twice': [2, 3, 1, 97, 1, 98, 1, 97],
    'set with an integer twice': [2, 2, 0xc0, 5, 1, 53],
    'empty intset': [11, 8, 2, 0, 0, 0, 0, 0, 0, 0],
    'intset out of order': [11, 12, 2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0],
    'intset of width 3': [11, 11, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0],
    'empty sorted set': [5, 0],
    'sorted set with a member twice': [5, 2, 1, 97, 0, 0, 0, 0, 0, 0, 0, 0, 1, 97, 0, 0, 0, 0, 0, 0, 0, 0],
    'sorted set with no number': [5, 1, 1, 97, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
    'sorted set with no number as text': [3, 1, 1, 97, 253],
    'hash with a field twice': [4, 2, 1, 97, 1, 98, 1, 97, 1, 99],
    'hash listpack of three': [16, 13, 13, 0, 0, 0, 3, 0, 1, 1, 2, 1, 3, 1, 0xff],
    'hash listpack with a field twice': [16, 15, 15, 0, 0, 0, 4, 0, 1, 1, 2, 1, 1, 1, 3, 1, 0xff],
    module: [7, 0x81, 1, 2, 3, 4, 5, 6, 7, 8, 0],
    'old module': [6, 0],
    'code 8': [8, 1, 97],
    'code 22': [22, 1, 97],
  };
  for (const [what, value] of Object.entries(bad)) {
    const payload = withFooter(value);
    const [theirs] = await redis.run([['RESTORE', 'bad', '0', payload]]);
    expect([what, String(theirs)]).toEqual([what, '-ERR Bad data format\r\n']);
    expect([what, harness.text('RESTORE', 'bad', '0', payload)]).toEqual([what, '-ERR Bad data format\r\n']);
  }
  expect(harness.text('EXISTS', 'bad')).toBe(':0\r\n');
});
