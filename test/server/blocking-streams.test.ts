/** XREAD BLOCK and XREADGROUP BLOCK with several clients at once, compared with redis-server step by step. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisServer, runHere, type Step } from './redis-clients.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

const SCRIPTS: Record<string, Step[]> = {
  'every reader gets an entry': [
    [0, 'XREAD BLOCK 0 STREAMS a b $ $'],
    [1, 'XREAD BLOCK 0 STREAMS b 0'],
    [2, 'XREAD COUNT 1 BLOCK 0 STREAMS a 5-0'],
    [3, 'XADD b 1-1 f v'],
    [3, 'XADD a 4-1 f v'],
    [3, 'XADD a 6-1 f v'],
    [3, 'XADD a 7-1 f v'],
  ],
  '$ is the last entry of the moment': [
    [3, 'XADD a 1-1 f v'],
    [0, 'XREAD BLOCK 0 STREAMS a $'],
    [3, 'MULTI'],
    [3, 'XADD a 2-1 f v'],
    [3, 'XADD a 3-1 f v'],
    [3, 'EXEC'],
    [0, 'XREAD BLOCK 0 STREAMS a b $ $'],
    [3, 'DEL a'],
    [3, 'XADD a 1-1 f v'],
    [3, 'XADD a 9-1 f v'],
  ],
  'a group hands each entry to one of those who wait': [
    [3, 'XGROUP CREATE a g $ MKSTREAM'],
    [0, 'XREADGROUP GROUP g c0 BLOCK 0 STREAMS a >'],
    [1, 'XREADGROUP GROUP g c1 BLOCK 0 STREAMS a >'],
    [2, 'XREAD BLOCK 0 STREAMS a $'],
    [3, 'XADD a 1-1 f v'],
    [3, 'XADD a 2-1 f v'],
    [3, 'XPENDING a g'],
    [0, 'XREADGROUP GROUP g c0 BLOCK 0 STREAMS a 0'],
    [0, 'XREADGROUP GROUP g c0 BLOCK 0 STREAMS a >'],
    [1, 'XREADGROUP GROUP g c1 COUNT 1 BLOCK 0 STREAMS a >'],
    [3, 'MULTI'],
    [3, 'XADD a 3-1 f v'],
    [3, 'XADD a 4-1 f v'],
    [3, 'XADD a 5-1 f v'],
    [3, 'EXEC'],
    [3, 'XADD a 6-1 f v'],
  ],
  'inside a transaction nobody waits': [
    [0, 'MULTI'],
    [0, 'XREAD BLOCK 0 STREAMS a $'],
    [0, 'EXEC'],
  ],
  'a key of another type, and one that is gone, wake no reader': [
    [0, 'XREAD BLOCK 0 STREAMS a $'],
    [3, 'RPUSH a x'],
    [3, 'DEL a'],
    [3, 'XADD a 1-1 f v'],
    [3, 'SET s x'],
    [0, 'XREAD BLOCK 0 STREAMS s $'],
    [0, 'XREAD BLOCK x STREAMS a $'],
    [0, 'XREADGROUP GROUP nosuch c BLOCK 0 STREAMS a >'],
    [0, 'XREAD BLOCK 0 STREAMS a $'],
    [3, 'CLIENT UNBLOCK #0'],
  ],
};

describe('a script of several clients', () => {
  it.each(Object.entries(SCRIPTS))('%s', async (_, steps) => {
    expect(runHere(4, steps)).toEqual(await redis.run(4, steps));
  });
});

// As Redis 7.2 has it, which runs the command again; 7.0 has a message of its own.
it.each([
  ['DEL a', "-NOGROUP No such key 'a' or consumer group 'g' in XREADGROUP with GROUP option\r\n"],
  ['XGROUP DESTROY a g', "-NOGROUP No such key 'a' or consumer group 'g' in XREADGROUP with GROUP option\r\n"],
  ['FLUSHALL', "-NOGROUP No such key 'a' or consumer group 'g' in XREADGROUP with GROUP option\r\n"],
  ['SET a x', '-WRONGTYPE Operation against a key holding the wrong kind of value\r\n'],
])('%s ends the wait of a group that is gone', (command, reply) => {
  const steps: Step[] = [
    [1, 'XGROUP CREATE a g $ MKSTREAM'],
    [0, 'XREADGROUP GROUP g c BLOCK 0 STREAMS a >'],
    [1, 'INFO clients'],
    [1, command],
  ];
  const transcript = runHere(2, steps);
  expect(transcript[2][1]).toContain('total_blocking_keys_on_nokey:1\r\n');
  expect(transcript[3][0]).toBe(reply);
});
