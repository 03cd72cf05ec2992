/**
 * Scripts among several clients: what they change wakes, fails, tells and shows others as commands do, at their end. Compared
 * with redis-server step by step.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { request, World } from './peer.ts';
import { RedisServer, runHere, type Step } from './redis-clients.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

const script = (text: string): string[] => ['EVAL', text, '0'];

/** Its key is named: redis-server 7.0 tracks no others in scripts. */
const readsKey = ['EVAL', "return redis.call('get',KEYS[1])", '1', 'k'];

const SCRIPTS: Record<string, Step[]> = {
  'keys that a script makes wake those who wait, when it is done': [
    [0, 'BLPOP a 0'],
    [1, 'BLPOP b 0'],
    [2, script("redis.call('rpush','b','1') redis.call('rpush','a','1') return redis.call('llen','a')")],
    [0, 'BLPOP a 0'],
    [2, script("redis.call('rpush','a','1') redis.call('del','a') return 1")],
    [2, 'RPUSH a x'],
  ],
  'a transaction that watches what a script changes fails': [
    [0, 'WATCH k'],
    [2, script("return redis.call('set','k','v')")],
    [0, 'MULTI'],
    [0, script("return redis.call('get','k')")],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, script("return redis.call('get','k')")],
    [0, 'EXEC'],
  ],
  'messages, notifications and invalidations': [
    [1, 'SUBSCRIBE c __redis__:invalidate'],
    [0, 'CLIENT TRACKING ON REDIRECT #1'],
    [2, script("return redis.call('publish','c','hello')")],
    [0, readsKey],
    [2, script("return redis.call('set','k','v')")],
    [2, 'SET k w'],
    [0, readsKey],
    [0, 'SET k x'],
  ],
};

describe('a script of several clients', () => {
  it.each(Object.entries(SCRIPTS))('%s', async (_, steps) => {
    expect(runHere(3, steps)).toEqual(await redis.run(3, steps));
  });
});

it('MONITOR shows a script, and then what it does', () => {
  const world = new World();
  const [peer, monitor] = [world.connect(), world.connect()];
  monitor.send(request('MONITOR'));
  peer.send(request('EVAL', "redis.call('select',3) return redis.call('get','k')", '0'));
  peer.send(Buffer.concat([request('MULTI'), request('EVAL', "return redis.call('ping')", '0'), request('EXEC')]));
  const shown = monitor.received().match(/\[.*/g);
  expect(shown).toEqual([
    `[0 192.0.2.1:40000] "EVAL" "redis.call('select',3) return redis.call('get','k')" "0"`,
    '[3 lua] "select" "3"',
    '[3 lua] "get" "k"',
    '[0 192.0.2.1:40000] "MULTI"',
    `[0 192.0.2.1:40000] "EVAL" "return redis.call('ping')" "0"`,
    '[0 lua] "ping"',
    '[0 192.0.2.1:40000] "EXEC"',
  ]);
  peer.close();
  monitor.close();
});
