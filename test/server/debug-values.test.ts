/** The subcommands of DEBUG about keys and values, compared with redis-server's. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { findParameter } from '../../src/lib/server/config-table.ts';
import type { Word } from '../engine/random-commands.ts';
import { element, VALUES } from '../engine/rdb-values.ts';
import { parseReply, RedisPeer } from '../engine/redis-peer.ts';
import { type PeerStream, request, World } from './peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_250_306);

let redis: RedisPeer;
let world: World;
let peer: PeerStream;

beforeAll(async () => {
  redis = await RedisPeer.start('--enable-debug-command', 'yes');
});
afterAll(async () => {
  await redis.stop();
});
beforeEach(async () => {
  await redis.run([['FLUSHALL']]);
  world = new World();
  peer = world.connect();
  const parameter = findParameter('enable-debug-command');
  expect(parameter && world.config.load(parameter, ['yes'])).toBe(null);
  world.setting('dump-payload-version', '10');
});
afterEach(() => peer.close());

function ask(...words: Word[]): string {
  peer.send(request(...(words as string[])));
  return peer.received();
}

/** The same commands on both sides. */
async function both(commands: Word[][]): Promise<void> {
  await redis.run(commands);
  for (const command of commands) ask(...command);
}

async function theirs(...words: Word[]): Promise<string> {
  const [reply] = await redis.run([words]);
  return reply.toString('latin1');
}

/** Values of all types under `type:i`. */
async function makeValues(count: number): Promise<string[]> {
  const random = new Random(SEED);
  const keys: string[] = [];
  for (const [type, make] of Object.entries(VALUES)) {
    for (let i = 0; i < count; i++) {
      keys.push(`${type}:${i}`);
      await both(make(random, `${type}:${i}`));
    }
  }
  return keys;
}

describe('DEBUG', () => {
  it('DIGEST and DIGEST-VALUE are the same for the same data', async () => {
    const keys = await makeValues(5);
    await both([
      ['SELECT', '3'],
      ['SET', 'other', 'x'],
      ['EXPIRE', 'other', '10000'],
      ['SELECT', '0'],
    ]);
    expect(ask('DEBUG', 'DIGEST-VALUE', ...keys, 'nosuch')).toBe(
      await theirs('DEBUG', 'DIGEST-VALUE', ...keys, 'nosuch'),
    );
    expect(ask('DEBUG', 'DIGEST')).toBe(await theirs('DEBUG', 'DIGEST'));
    await both([['FLUSHALL']]);
    expect(ask('DEBUG', 'DIGEST')).toBe(await theirs('DEBUG', 'DIGEST'));
  });

  it('RELOAD leaves everything as it was, also what it can write only once', async () => {
    await makeValues(4);
    ask('EXPIRE', 'string:1', '1000');
    ask('HSET', 'timed', 'a', '1', 'b', '2');
    ask('HPEXPIRE', 'timed', '1000000', 'FIELDS', '1', 'a');
    const deadline = ask('HPEXPIRETIME', 'timed', 'FIELDS', '2', 'a', 'b');
    const before = [ask('DEBUG', 'DIGEST'), ask('DBSIZE'), ask('PEXPIRETIME', 'string:1'), deadline];
    for (const options of [[], ['nosave'], ['NOFLUSH', 'MERGE']]) {
      expect(ask('DEBUG', 'RELOAD', ...options)).toBe('+OK\r\n');
      expect([
        ask('DEBUG', 'DIGEST'),
        ask('DBSIZE'),
        ask('PEXPIRETIME', 'string:1'),
        ask('HPEXPIRETIME', 'timed', 'FIELDS', '2', 'a', 'b'),
      ]).toEqual(before);
    }
    expect(world.core.engine.stats.dirty).toBe(0);
    expect(ask('DEBUG', 'RELOAD', 'x')).toBe(await theirs('DEBUG', 'RELOAD', 'x'));
  });

  it('OBJECT tells the serialized length of every type, and what quicklists are made of', async () => {
    const random = new Random(SEED);
    const many = Array.from({ length: 3000 }, () => element(random));
    await both([
      ['RPUSH', 'list', ...many],
      ['SET', 'compressible', 'ab'.repeat(500)],
      ['SADD', 'intset', '1', '2', '3'],
      ['ZADD', 'zset', '1', 'a', '2.5', 'b'],
      ['HSET', 'hash', 'a', '1'],
      ['XADD', 'stream', '1-1', 'f', 'v'],
    ]);
    const shape = (reply: string): string =>
      reply
        .replace(/at:0x[0-9a-f]+ refcount:\d+/, 'at')
        .replace(/lru:\d+ lru_seconds_idle:\d+/, 'lru')
        .trim();
    for (const key of ['list', 'compressible', 'intset', 'zset', 'hash', 'stream']) {
      expect([key, shape(ask('DEBUG', 'OBJECT', key))]).toEqual([key, shape(await theirs('DEBUG', 'OBJECT', key))]);
    }
    expect(ask('DEBUG', 'OBJECT', 'list', 'fast')).not.toContain('serializedlength');
  });

  it('LISTPACK and QUICKLIST say so of what they are asked for', async () => {
    await both([
      ['SET', 'string', 'x'],
      ['HSET', 'hash', 'a', '1'],
      ['RPUSH', 'list', ...Array.from({ length: 3000 }, (_, i) => `element ${i}`)],
    ]);
    for (const key of ['string', 'hash', 'list', 'nosuch']) {
      for (const name of ['LISTPACK', 'QUICKLIST']) {
        expect([name, key, ask('DEBUG', name, key)]).toEqual([name, key, await theirs('DEBUG', name, key)]);
      }
    }
    expect(world.log.join('\n')).toContain('DEBUG QUICKLIST: 3000 elements in ');
  });

  it('POPULATE makes keys that are not there yet', async () => {
    await both([
      ['SET', 'key:3', 'kept'],
      ['DEBUG', 'POPULATE', '10'],
      ['DEBUG', 'POPULATE', '5', 'other'],
      ['DEBUG', 'POPULATE', '5', 'long', '20'],
      ['DEBUG', 'POPULATE', '2', 'short', '3'],
    ]);
    expect(ask('DEBUG', 'DIGEST')).toBe(await theirs('DEBUG', 'DIGEST'));
    expect(ask('DEBUG', 'POPULATE', '-1')).toBe(await theirs('DEBUG', 'POPULATE', '-1'));
    expect(ask('GET', 'key:3')).toBe('$4\r\nkept\r\n');
  });

  it('SET-SKIP-CHECKSUM-VALIDATION lets RESTORE take what is damaged in its footer only', () => {
    ask('SET', 'k', 'v');
    const payload = Buffer.from(String(parseReply(Buffer.from(ask('DUMP', 'k'), 'latin1'))).slice(1), 'latin1');
    payload[payload.length - 1] ^= 1;
    expect(ask('RESTORE', 'l', '0', payload)).toMatch(/^-ERR DUMP payload/);
    expect(ask('DEBUG', 'SET-SKIP-CHECKSUM-VALIDATION', '1')).toBe('+OK\r\n');
    expect(ask('RESTORE', 'l', '0', payload)).toBe('+OK\r\n');
    ask('DEBUG', 'SET-SKIP-CHECKSUM-VALIDATION', '0');
    expect(ask('RESTORE', 'm', '0', payload)).toMatch(/^-ERR DUMP payload/);
  });

  it('CHANGE-REPL-ID changes what INFO tells', () => {
    const id = (): string | undefined => /master_replid:(\w+)/.exec(ask('INFO', 'replication'))?.[1];
    const before = id();
    expect(ask('DEBUG', 'CHANGE-REPL-ID')).toBe('+OK\r\n');
    expect(id()).not.toBe(before);
    expect(id()).toMatch(/^[0-9a-f]{40}$/);
  });

  it('SDSLEN tells lengths of strings, and refuses what is none', async () => {
    await both([
      ['SET', 'k', 'value'],
      ['SET', 'n', '12'],
      ['HSET', 'h', 'a', '1'],
    ]);
    for (const key of ['n', 'h', 'nosuch'])
      expect(ask('DEBUG', 'SDSLEN', key)).toBe(await theirs('DEBUG', 'SDSLEN', key));
    expect(ask('DEBUG', 'SDSLEN', 'k')).toMatch(
      /^\+key_sds_len:1, key_sds_avail:0, .*val_sds_len:5, val_sds_avail:\d+/,
    );
  });
});
