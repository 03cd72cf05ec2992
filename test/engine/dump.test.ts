/**
 * DUMP and RESTORE with redis-server 7.0: the same bytes for the same value, each side reads the other's, and the same answers
 * to whatever else is asked.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VERSION_7_0 } from '../../src/lib/engine/rdb/types.ts';
import { Random } from '../../src/lib/random.ts';
import { Beside } from './beside.ts';
import { Harness } from './harness.ts';
import type { Word } from './random-commands.ts';
import { withFooter } from './rdb-values.ts';
import { RedisPeer } from './redis-peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_250_303);

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start('--list-max-listpack-size', '-2');
});

afterAll(async () => {
  await redis.stop();
});

/** The payload in a reply of DUMP. */
function payloadIn(reply: Buffer): Uint8Array {
  return reply.subarray(reply.indexOf(10) + 1, -2);
}

/** Texts and bytes of many lengths, random, repetitive and numeric. */
function strings(random: Random, count: number): Word[] {
  const made: Word[] = ['', '0', '-1', '127', '128', '-128', '-129', '32767', '32768', '-32769', '2147483647'];
  made.push('2147483648', '-2147483648', '-2147483649', '9223372036854775807', '01', '-0', '+1', ' 1', '99999999999');
  for (let i = 0; i < count; i++) {
    const length = random.below(random.below(20) === 0 ? 60_000 : 200);
    const letters = 1 + random.below(random.below(2) === 0 ? 4 : 256);
    const period = 1 + random.below(40);
    const block = Array.from({ length: period }, () => random.below(letters));
    const noise = random.below(3) === 0 ? 10 : 1_000_000;
    made.push(
      Uint8Array.from({ length }, (_, at) => (random.below(noise) === 0 ? random.below(256) : block[at % period])),
    );
  }
  return made;
}

describe('strings', () => {
  for (const compression of ['yes', 'no']) {
    test(`are dumped alike and read by both, rdbcompression ${compression}`, async () => {
      const beside = await Beside.start(redis, SEED, 2);
      await redis.run([['CONFIG', 'SET', 'rdbcompression', compression]]);
      const { rdb } = beside.harness.engine;
      rdb.version = VERSION_7_0;
      rdb.compression = compression === 'yes';
      const random = new Random(SEED);
      for (let round = 0; round < 12; round++) {
        const values = strings(random, 100);
        await beside.compare(values.map((value, i) => ['SET', `k${i}`, value]));
        await beside.compare(values.map((_, i) => ['DUMP', `k${i}`]));
        const theirs = (await redis.run(values.map((_, i) => ['DUMP', `k${i}`]))).map(payloadIn);
        await beside.compare(theirs.map((payload, i) => ['RESTORE', `r${i}`, '0', payload, 'REPLACE']));
        await beside.compare(values.map((_, i) => ['GET', `r${i}`]));
        await beside.compareEncodings();
      }
    });
  }
});

describe('RESTORE', () => {
  test('answers as redis-server does to right and wrong arguments', async () => {
    const beside = await Beside.start(redis, SEED, 2);
    await redis.run([['CONFIG', 'SET', 'rdbcompression', 'yes']]);
    beside.harness.engine.rdb.version = VERSION_7_0;
    const good = withFooter([0, 3, 97, 98, 99]);
    const damaged = Uint8Array.from(good, (byte, i) => (i === 3 ? byte ^ 1 : byte));
    const random = new Random(SEED);
    const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
    const option = (): Word[] =>
      pick<Word[]>([
        ['REPLACE'],
        ['replace'],
        ['ABSTTL'],
        ['IDLETIME', pick(['0', '10', '-1', 'x', '9223372036854775807', '9223372036854775808'])],
        ['FREQ', pick(['0', '255', '256', '-1', 'x'])],
        ['IDLETIME'],
        ['FREQ'],
        ['NX'],
      ]);
    const payload = (): Word =>
      pick([good, good, good, damaged, withFooter([0, 3, 97, 98]), withFooter([99, 1, 97]), '', 'x', 'x'.repeat(10)]);
    const ttl = (): string => pick(['0', '0', '100000', '-1', 'x', '4000000000000', '9223372036854775808', '']);
    const commands = Array.from({ length: 2000 }, (): Word[] => {
      const key = pick(['a', 'b', 'list']);
      if (random.below(4) === 0)
        return pick<Word[]>([
          ['DEL', key],
          ['GET', key],
          ['DUMP', key],
          ['PERSIST', key],
        ]);
      const options = Array.from({ length: random.below(4) }, option).flat();
      return ['RESTORE', key, ttl(), payload(), ...options];
    });
    await beside.compare(commands);
  });

  test('refuses other versions and short payloads', () => {
    const harness = new Harness();
    const wrong = '-ERR DUMP payload version or checksum are wrong\r\n';
    expect(harness.text('RESTORE', 'k', '0', withFooter([0, 1, 97], 13))).toBe(wrong);
    expect(harness.text('RESTORE', 'k', '0', withFooter([0, 1, 97], 11))).toBe('+OK\r\n');
    expect(harness.text('RESTORE', 'l', '0', withFooter([0, 1, 97], 1))).toBe('+OK\r\n');
    expect(harness.text('RESTORE', 'm', '0', withFooter([], 11))).toBe('-ERR Bad data format\r\n');
    expect(harness.text('RESTORE', 'm', '0', withFooter([0, 1, 97], 11).subarray(4))).toBe(wrong);
  });

  test('a key whose time is over is not made, and the one that it replaces is gone', () => {
    const harness = new Harness();
    const events: string[] = [];
    harness.run('SET', 'k', 'v');
    harness.engine.keyListener = { keyChanged: (event) => events.push(event) };
    expect(harness.text('RESTORE', 'k', '1', withFooter([0, 1, 97]), 'ABSTTL', 'REPLACE')).toBe('+OK\r\n');
    expect(harness.text('RESTORE', 'k', '1', withFooter([0, 1, 97]), 'ABSTTL', 'REPLACE')).toBe('+OK\r\n');
    expect(harness.text('EXISTS', 'k')).toBe(':0\r\n');
    expect(harness.text('RESTORE', 'k', '0', withFooter([0, 1, 97]), 'REPLACE')).toBe('+OK\r\n');
    expect(events).toEqual(['del', 'restore']);
  });

  test('keeps idle time or frequency, as the policy has it', () => {
    const harness = new Harness();
    const { engine } = harness;
    const bits = (): number => {
      harness.run('EXISTS', 'k');
      const hash = engine.db.hash(engine.argOffset[1], engine.argLength[1]);
      return engine.db.lru(engine.db.find(engine.argOffset[1], engine.argLength[1], hash));
    };
    engine.nowMs = 5_000_000_000;
    harness.run('RESTORE', 'k', '0', withFooter([0, 1, 97]), 'IDLETIME', '1000');
    expect(bits()).toBe((5_000_000 - 1000) & 0x7ffff);
    engine.evictor.setPolicy('allkeys-lfu');
    harness.run('RESTORE', 'k', '0', withFooter([0, 1, 97]), 'FREQ', '77', 'REPLACE');
    expect(engine.evictor.decayed(bits(), engine.nowMs)).toBe(77);
  });

  test('finds no memory and leaves things as they were', () => {
    const harness = new Harness({ limitBytes: 2 << 20 });
    const length = 1_000_000;
    const big = withFooter([
      0,
      0x80,
      length >>> 24,
      (length >>> 16) & 255,
      (length >>> 8) & 255,
      length & 255,
      ...new Uint8Array(length),
    ]);
    harness.run('SET', 'k', 'v');
    harness.engine.arena.limitBytes = harness.engine.arena.usedBytes + 400_000;
    expect(harness.text('RESTORE', 'k', '0', big, 'REPLACE')).toMatch(/^-OOM/);
    expect(harness.text('GET', 'k')).toBe('$1\r\nv\r\n');
  });
});
