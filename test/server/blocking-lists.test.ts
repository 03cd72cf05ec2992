/** Blocking list and sorted-set commands with several clients at once, compared with redis-server step by step. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer, runHere, type Step } from './redis-clients.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

const SCRIPTS: Record<string, Step[]> = {
  'served in the order of arrival': [
    [0, 'BLPOP a b 0'],
    [1, 'BLPOP b 0'],
    [2, 'BRPOP a 0'],
    [3, 'RPUSH b 1'],
    [3, 'RPUSH b 2'],
    [3, 'RPUSH a 3 4 5'],
    [3, 'LRANGE a 0 -1'],
  ],
  'several elements serve several clients': [
    [0, 'BLPOP a 0'],
    [1, 'BLPOP a 0'],
    [2, 'BRPOP a 0'],
    [3, 'RPUSH a 1 2 3 4'],
    [3, 'LRANGE a 0 -1'],
  ],
  'after the whole transaction, and not for what it has taken away': [
    [0, 'BLPOP a 0'],
    [3, 'MULTI'],
    [3, 'LPUSH a 1'],
    [3, 'LPUSH a 2'],
    [3, 'EXEC'],
    [0, 'BLPOP b 0'],
    [3, 'MULTI'],
    [3, 'LPUSH b 1'],
    [3, 'DEL b'],
    [3, 'EXEC'],
    [3, 'MULTI'],
    [3, 'LPUSH b 1'],
    [3, 'DEL b'],
    [3, 'LPUSH b 2'],
    [3, 'EXEC'],
  ],
  'keys serve in the order in which they became ready': [
    [0, 'BLMOVE a out LEFT RIGHT 0'],
    [1, 'BLMOVE c out LEFT RIGHT 0'],
    [3, 'MULTI'],
    [3, 'LPUSH c 1'],
    [3, 'LPUSH a 2'],
    [3, 'EXEC'],
    [3, 'LRANGE out 0 -1'],
  ],
  'inside a transaction nobody waits': [
    [0, 'MULTI'],
    [0, 'BLPOP a 0'],
    [0, 'BLMOVE a b LEFT LEFT 0'],
    [0, 'BRPOPLPUSH a b 0'],
    [0, 'BLMPOP 0 1 a LEFT'],
    [0, 'BZPOPMIN a 0'],
    [0, 'LPUSH a x'],
    [0, 'BLPOP a 0'],
    [0, 'EXEC'],
  ],
  'a chain: what one client moves serves the next': [
    [0, 'BLMOVE a b LEFT RIGHT 0'],
    [1, 'BLMOVE b c LEFT RIGHT 0'],
    [2, 'BLPOP c 0'],
    [3, 'RPUSH a x'],
    [3, 'EXISTS a b c'],
  ],
  'a ring': [
    [0, 'BRPOPLPUSH a a 0'],
    [1, 'BRPOPLPUSH a b 0'],
    [3, 'RPUSH a x'],
    [3, 'LRANGE a 0 -1'],
    [3, 'LRANGE b 0 -1'],
  ],
  'a key of another type wakes nobody, unless the command finds it at once': [
    [0, 'BLPOP a 0'],
    [3, 'SET a x'],
    [3, 'DEL a'],
    [3, 'SADD a x'],
    [3, 'DEL a'],
    [3, 'ZADD a 1 x'],
    [3, 'DEL a'],
    [3, 'RPUSH a x'],
    [3, 'SET b x'],
    [0, 'BLPOP b a 0'],
    [0, 'BLPOP a b 0'],
    [0, 'BLMOVE c b LEFT LEFT 0'],
    [3, 'RPUSH c x'],
    [3, 'LRANGE c 0 -1'],
  ],
  'keys that appear by other ways': [
    [3, 'RPUSH x 1'],
    [0, 'BLPOP a 0'],
    [3, 'RENAME x a'],
    [3, 'RPUSH x 1'],
    [0, 'BLPOP a 0'],
    [3, 'COPY x a'],
    [3, 'SELECT 1'],
    [3, 'RPUSH a 1'],
    [0, 'BLPOP a 0'],
    [3, 'MOVE a 0'],
    [3, 'RPUSH a 1'],
    [0, 'BLPOP a 0'],
    [3, 'SWAPDB 0 1'],
    [3, 'SELECT 0'],
    [3, 'RPUSH list 3 1 2'],
    [0, 'BLPOP a 0'],
    [3, 'LMOVE list a LEFT LEFT'],
  ],
  'sorted sets': [
    [0, 'BZPOPMIN z 0'],
    [1, 'BZPOPMAX z 0'],
    [2, 'BZMPOP 0 1 z MIN COUNT 2'],
    [3, 'ZADD z 1 a'],
    [3, 'ZADD z 1 a 2 b 3 c 4 d'],
    [3, 'ZRANGE z 0 -1'],
    [0, 'BZPOPMIN y z 0'],
    [0, 'BZPOPMIN y 0'],
    [1, 'BLPOP y 0'],
    [3, 'ZADD x 5 m'],
    [3, 'RENAME x y'],
    [3, 'RPUSH y l'],
  ],
  BLMPOP: [
    [0, 'BLMPOP 0 2 a b RIGHT COUNT 2'],
    [3, 'RPUSH b 1 2 3'],
    [0, 'BLMPOP 0 2 a b LEFT COUNT 5'],
    [0, 'BLMPOP 0 2 a b LEFT'],
    [1, 'BLMPOP 0 1 a LEFT'],
    [3, 'LPUSH a 9'],
    [3, 'LPUSH a 8'],
  ],
  'later commands wait, and clients that are killed or go away are forgotten': [
    [0, [['BLPOP', 'a', '0'], ['LPUSH', 'b', '1'], ['BLPOP', 'a', '0'], ['PING']]],
    [1, 'BLPOP b 0'],
    [3, 'LPUSH a 1'],
    [3, 'LPUSH a 2'],
    [0, 'BLPOP a 0'],
    [1, 'BLPOP a 0'],
    [2, 'BLPOP a 0'],
    [3, 'CLIENT KILL ID #0'],
    [1, '<close>'],
    [3, 'LPUSH a 1'],
    [3, 'EXISTS a'],
  ],
  'CLIENT UNBLOCK': [
    [0, 'BLPOP a 0'],
    [3, 'CLIENT UNBLOCK #0'],
    [0, 'BLMOVE a b LEFT LEFT 0'],
    [3, 'CLIENT UNBLOCK #0 TIMEOUT'],
    [0, 'BLPOP a 0'],
    [3, 'CLIENT UNBLOCK #0 ERROR'],
    [3, 'CLIENT UNBLOCK #0 ERROR'],
    [3, 'LPUSH a 1'],
    [3, 'LRANGE a 0 -1'],
  ],
  'wrong arguments': [
    [0, 'BLPOP a x'],
    [0, 'BLPOP a -1'],
    [0, 'BLMPOP x 1 a LEFT'],
    [0, 'BLMPOP 0 0 a LEFT'],
    [0, 'BLMOVE a b LEFT UP 0'],
    [0, 'BZPOPMIN a nan'],
  ],
};

describe('a script of several clients', () => {
  it.each(Object.entries(SCRIPTS))('%s', async (_, steps) => {
    expect(runHere(4, steps)).toEqual(await redis.run(4, steps));
  });
});

// redis-server 7.0 would serve the first client from c.
it('of several keys that have become ready, the command takes the first that it names', () => {
  const steps: Step[] = [
    [0, 'BLPOP a b c 0'],
    [3, 'MULTI'],
    [3, 'LPUSH c 1'],
    [3, 'LPUSH a 2'],
    [3, 'EXEC'],
  ];
  expect(runHere(4, steps)[4][0]).toBe('*2\r\n$1\r\na\r\n$1\r\n2\r\n');
});

/**
 * Three clients wait, the fourth changes keys. Each waits for one key: of several, redis-server 7.0 serves the one that
 * changed, and 7.2, which runs the command again, the first that has something (or answers that it is of the wrong type).
 */
const key = fc.constantFrom('a', 'b', 'c');
const side = fc.constantFrom('LEFT', 'RIGHT');
const waiting: fc.Arbitrary<string> = fc.oneof(
  key.map((k) => `BLPOP ${k} 0`),
  key.map((k) => `BRPOP ${k} 0`),
  fc.tuple(key, key, side, side).map(([k, l, s, t]) => `BLMOVE ${k} ${l} ${s} ${t} 0`),
  fc.tuple(key, side).map(([k, s]) => `BLMPOP 0 1 ${k} ${s} COUNT 2`),
  key.map((k) => `BZPOPMIN ${k} 0`),
);
const changing: fc.Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: key.map((k) => `RPUSH ${k} 1 2`) },
  key.map((k) => `LPUSH ${k} x`),
  key.map((k) => `ZADD ${k} 1 m 2 n`),
  key.map((k) => `SET ${k} v`),
  { weight: 3, arbitrary: key.map((k) => `DEL ${k}`) },
  fc.tuple(key, key).map(([k, l]) => `RENAME ${k} ${l}`),
  fc.tuple(key, key).map(([k, l]) => `LMOVE ${k} ${l} LEFT RIGHT`),
  { weight: 2, arbitrary: fc.constantFrom('MULTI', 'EXEC') },
  fc.constantFrom('CLIENT UNBLOCK #0', 'CLIENT UNBLOCK #1 ERROR', 'FLUSHALL'),
);

it('any mixture of clients that wait and one that changes keys goes as with redis-server', async () => {
  const step = fc.oneof(fc.tuple(fc.nat(2), waiting), {
    weight: 2,
    arbitrary: fc.tuple(fc.constant(3), changing),
  }) as fc.Arbitrary<[number, string]>;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (script) => {
      expect(runHere(4, script)).toEqual(await redis.run(4, script));
    }),
    { numRuns: 60, interruptAfterTimeLimit: 30_000, markInterruptAsFailure: false },
  );
});
