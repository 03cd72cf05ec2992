/** MULTI, EXEC, DISCARD, WATCH with several clients at once, compared with redis-server step by step. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { request, World } from './peer.ts';
import { RedisServer, runHere, type Step } from './redis-clients.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

const SCRIPTS: Record<string, Step[]> = {
  'commands are queued, and answered together': [
    [0, 'MULTI'],
    [0, 'SET k 1'],
    [1, 'GET k'],
    [0, 'INCR k'],
    [0, 'GET k'],
    [0, 'EXEC'],
    [1, 'GET k'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'EXEC'],
  ],
  'an error while queueing aborts, one while running does not': [
    [0, 'MULTI'],
    [0, 'SET k'],
    [0, 'SET k 1'],
    [0, 'EXEC'],
    [0, 'EXISTS k'],
    [0, 'MULTI'],
    [0, 'NOSUCH a b'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'SET k x'],
    [0, 'INCR k'],
    [0, 'SET k y'],
    [0, 'EXEC'],
    [0, 'GET k'],
  ],
  'nesting, WATCH inside, and what may not be in a transaction': [
    [0, 'MULTI'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'WATCH k'],
    [0, 'SET k v'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'SHUTDOWN NOSAVE'],
    [0, 'EXEC'],
    [0, 'CLIENT'],
    [0, 'MULTI'],
    [0, 'CLIENT'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'CLIENT NOSUCH'],
    [0, 'EXEC'],
  ],
  'wrong arguments of its own commands': [
    [0, 'EXEC x'],
    [0, 'MULTI x'],
    [0, 'MULTI'],
    [0, 'EXEC x'],
    [0, 'EXEC'],
    [0, 'DISCARD'],
    [0, 'MULTI'],
    [0, 'DISCARD x'],
    [0, 'EXEC'],
    [0, 'WATCH'],
    [0, 'UNWATCH x'],
  ],
  'DISCARD and RESET end it': [
    [0, 'WATCH k'],
    [0, 'MULTI'],
    [0, 'SET k v'],
    [0, 'DISCARD'],
    [0, 'GET k'],
    [1, 'SET k w'],
    [0, 'MULTI'],
    [0, 'GET k'],
    [0, 'EXEC'],
    [0, 'WATCH k'],
    [0, 'MULTI'],
    [0, 'RESET'],
    [0, 'EXEC'],
    [1, 'SET k x'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'QUIT'],
  ],
  'a watched key that another client changes makes EXEC fail': [
    [0, 'WATCH k other'],
    [1, 'SET k v'],
    [0, 'MULTI'],
    [0, 'GET k'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'GET k'],
    [0, 'EXEC'],
    [0, 'WATCH k'],
    [1, 'GET k'],
    [1, 'SETNX k w'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'WATCH k'],
    [0, 'SET k self'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'WATCH k'],
    [1, 'DEL k'],
    [0, 'UNWATCH'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'WATCH k'],
    [1, 'DEL k'],
    [0, 'MULTI'],
    [0, 'EXEC'],
  ],
  'flushing and swapping databases touch the keys that are or were there': [
    [0, 'WATCH missing'],
    [1, 'FLUSHALL'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [1, 'SET k v'],
    [0, 'WATCH k'],
    [1, 'FLUSHALL'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [1, 'SET k v'],
    [0, 'WATCH k'],
    [1, 'FLUSHDB'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'WATCH k'],
    [1, 'SELECT 1'],
    [1, 'SET k v'],
    [1, 'FLUSHDB'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [1, 'SET k v'],
    [0, 'WATCH k'],
    [1, 'SWAPDB 0 1'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'WATCH nothing'],
    [1, 'SWAPDB 0 1'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'WATCH k'],
    [1, 'SWAPDB 1 1'],
    [0, 'MULTI'],
    [0, 'EXEC'],
  ],
  'SELECT inside counts for what follows, and afterwards': [
    [0, 'MULTI'],
    [0, 'SELECT 3'],
    [0, 'SET k v'],
    [0, 'EXEC'],
    [0, 'GET k'],
    [1, 'GET k'],
  ],
  'a whole transaction in one segment': [
    [0, [['MULTI'], ['SET', 'k', 'v'], ['GET', 'k'], ['EXEC'], ['PING'], ['MULTI'], ['DISCARD'], ['GET', 'k']]],
  ],
  'CLIENT REPLY inside': [
    [0, 'MULTI'],
    [0, 'CLIENT REPLY SKIP'],
    [0, 'PING'],
    [0, 'EXEC'],
    [0, 'PING'],
    [0, 'PING'],
  ],
  'no memory': [
    [0, 'MULTI'],
    [0, 'SET k v'],
    [1, 'CONFIG SET maxmemory 1'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'GET k'],
    [0, 'MULTI'],
    [0, 'WATCH k'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'MULTI'],
    [0, 'GET k'],
    [0, 'DISCARD'],
    [1, 'CONFIG SET maxmemory 0'],
    [0, 'PING'],
  ],
};

describe('a script of several clients', () => {
  it.each(Object.entries(SCRIPTS))('%s', async (_, steps) => {
    expect(runHere(2, steps)).toEqual(await redis.run(2, steps));
  });
});

/** What clients do at random: short transactions on few keys of two databases, some that expire. */
const key = fc.constantFrom('a', 'b', 'c');
const command: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: key.map((k) => `WATCH ${k}`) },
  fc.tuple(key, key).map(([k, l]) => `WATCH ${k} ${l}`),
  { weight: 4, arbitrary: fc.constant('MULTI') },
  { weight: 4, arbitrary: fc.constant('EXEC') },
  fc.constantFrom('UNWATCH', 'DISCARD', 'FLUSHDB', 'FLUSHALL', 'SWAPDB 0 1', 'SELECT 0', 'SELECT 1'),
  { weight: 2, arbitrary: key.map((k) => `SET ${k} v`) },
  key.map((k) => `DEL ${k}`),
  key.map((k) => `GET ${k}`),
  key.map((k) => `APPEND ${k} x`),
  key.map((k) => `PEXPIREAT ${k} 1`), // over already: the key goes
  key.map((k) => `EXPIRE ${k} 100`),
  key.map((k) => `PERSIST ${k}`),
  fc.tuple(key, key).map(([k, l]) => `RENAME ${k} ${l}`),
  fc.tuple(key, key).map(([k, l]) => `COPY ${k} ${l}`),
  key.map((k) => `MOVE ${k} 1`),
);

it('any interleaving of clients that watch and change keys goes as with redis-server', async () => {
  const steps = fc.array(fc.tuple(fc.nat(2), command), { minLength: 10, maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      expect(runHere(3, script)).toEqual(await redis.run(3, script));
    }),
    { numRuns: 60, interruptAfterTimeLimit: 30_000, markInterruptAsFailure: false },
  );
});

describe('a watched key that expires', () => {
  const exec = Buffer.concat([request('MULTI'), request('PING'), request('EXEC')]);

  function expiring(): { world: World; say: (i: number, ...words: string[]) => string; pass: (ms: number) => void } {
    const world = new World();
    const peers = [world.connect(), world.connect()];
    return {
      world,
      say: (i, ...words) => {
        peers[i].send(words[0] === 'EXEC' ? exec : request(...words));
        return peers[i].received();
      },
      pass: (ms) => {
        world.clock.advance(ms * 1000);
        world.core.engine.nowMs = world.clock.wallMs();
      },
    };
  }

  it('makes EXEC fail, removed or not', () => {
    const { say, pass } = expiring();
    say(0, 'SET', 'k', 'v', 'PX', '100');
    say(0, 'WATCH', 'k');
    pass(200);
    expect(say(0, 'EXEC')).toBe('+OK\r\n+QUEUED\r\n*-1\r\n');
    say(0, 'SET', 'k', 'v', 'PX', '100');
    say(0, 'WATCH', 'k');
    pass(200);
    expect(say(1, 'GET', 'k')).toBe('$-1\r\n');
    expect(say(0, 'EXEC')).toBe('+OK\r\n+QUEUED\r\n*-1\r\n');
  });

  it('does not, when its time was over before', () => {
    const { say, pass } = expiring();
    say(0, 'SET', 'k', 'v', 'PX', '100');
    pass(200);
    say(0, 'WATCH', 'k');
    expect(say(0, 'EXEC')).toBe('+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n');
    say(0, 'SET', 'k', 'v', 'PX', '100');
    pass(200);
    say(0, 'WATCH', 'k');
    say(1, 'GET', 'k'); // removes it
    expect(say(0, 'EXEC')).toBe('+OK\r\n+QUEUED\r\n*1\r\n+PONG\r\n');
    say(0, 'SET', 'k', 'v', 'PX', '100');
    pass(200);
    say(0, 'WATCH', 'k');
    say(1, 'SET', 'k', 'w');
    expect(say(0, 'EXEC')).toBe('+OK\r\n+QUEUED\r\n*-1\r\n');
  });
});

it('in RESP3 a failed EXEC is a null', () => {
  const world = new World();
  const [peer, other] = [world.connect(), world.connect()];
  peer.send(request('HELLO', '3'));
  peer.received();
  peer.send(request('WATCH', 'k'));
  other.send(request('SET', 'k', 'v'));
  peer.send(Buffer.concat([request('MULTI'), request('EXEC')]));
  expect(peer.received()).toBe('+OK\r\n+OK\r\n_\r\n');
  peer.close();
  other.close();
});

it('what is queued is bounded by client-query-buffer-limit', () => {
  const world = new World();
  world.setting('client-query-buffer-limit', String(1 << 20));
  const peer = world.connect();
  peer.send(request('MULTI'));
  for (let i = 0; i < 30 && !peer.ended; i++) peer.send(request('SET', 'k', 'v'.repeat(60_000)));
  expect(peer.ended).toBe(true);
  expect(world.log.join()).toContain('max query buffer length');
  peer.close();
  expect(world.memory.extents.usedBytes).toBe(0);
});

it('shows in MONITOR as it is run, EXEC last', () => {
  const world = new World();
  const [peer, monitor] = [world.connect(), world.connect()];
  monitor.send(request('MONITOR'));
  for (const line of ['MULTI', 'SET k v', 'EXEC', 'MULTI', 'GET', 'EXEC']) peer.send(request(...line.split(' ')));
  const shown = monitor.received().match(/"(.*)"/g);
  expect(shown).toEqual(['"MULTI"', '"SET" "k" "v"', '"EXEC"', '"MULTI"', '"EXEC"']);
  peer.close();
  monitor.close();
});

it('shows in CLIENT LIST', () => {
  const world = new World();
  const [peer, other] = [world.connect(), world.connect()];
  for (const line of ['WATCH k', 'MULTI', 'SET k v', 'GET k']) peer.send(request(...line.split(' ')));
  other.send(request('SET', 'k', 'w'));
  other.send(request('CLIENT', 'LIST', 'ID', '1'));
  expect(other.received()).toMatch(/flags=xd .* multi=2 /);
  peer.close();
  other.close();
});

it('a hundred thousand keys are watched, and forgotten, in no more time than that takes', () => {
  const world = new World();
  const [peer, other] = [world.connect(), world.connect()];
  const keys = Array.from({ length: 100_000 }, (_, i) => `key:${i}`);
  peer.send(request('WATCH', ...keys));
  expect(world.core.context.watches.keyCount).toBe(keys.length);
  other.send(request('SET', 'key:99999', 'v'));
  expect(world.core.context.watches.keyCount).toBe(0);
  peer.received();
  peer.send(Buffer.concat([request('MULTI'), request('EXEC')]));
  expect(peer.received()).toBe('+OK\r\n*-1\r\n');
  peer.close();
  other.close();
}, 10_000);
