/** Keyspace notifications, compared with redis-server: every event of the commands that are there, and what turns them on. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isEvent } from '../../src/lib/server/notifications.ts';
import { request, World } from './peer.ts';
import { RedisServer, runHere, type Step } from './redis-clients.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

const COMMANDS = [
  'SET k v',
  'SET k w',
  'SET k v EX 100',
  'GET missing',
  'EXISTS missing',
  'TTL missing',
  'STRLEN missing',
  'MGET k missing',
  'APPEND k x',
  'APPEND new x',
  'SETRANGE k 1 y',
  'INCR n',
  'DECRBY n 2',
  'INCRBYFLOAT n 1.5',
  'GETSET k z',
  'GETDEL k',
  'GETDEL k',
  'SET k v',
  'GETEX k EX 10',
  'GETEX k PERSIST',
  'EXPIRE k 100',
  'EXPIRE k -1',
  'SETEX k 10 v',
  'PSETEX k 10000 v',
  'SETNX k v',
  'SETNX k2 v',
  'MSET a 1 b 2',
  'MSETNX c 1 d 2',
  'PERSIST k',
  'RENAME k k3',
  'RENAMENX k3 k4',
  'COPY k4 k5',
  'MOVE k5 1',
  'DEL k4 nothing a',
  'UNLINK b',
  'LPUSH l 1 2 3',
  'RPUSH l 4',
  'LPUSHX nothing 1',
  'LINSERT l BEFORE 4 x',
  'LSET l 0 y',
  'LREM l 0 x',
  'LPOP l',
  'RPOP l',
  'LTRIM l 0 0',
  'RPOPLPUSH l l2',
  'LMOVE l2 l RIGHT LEFT',
  'RPOP l',
  'SETBIT bits 3 1',
  'BITOP NOT bits2 bits',
  'BITFIELD bits SET u8 0 1',
  'PFADD hll a',
  'PFMERGE hll2 hll',
  'HSET h f v g w',
  'HDEL h f',
  'HINCRBY h n 1',
  'HINCRBYFLOAT h n 1',
  'HDEL h g n',
  'HSET h f 1',
  'HSETNX h f 2',
  'HSETNX h g 2',
  'HMSET h a 1',
  'SADD s a b c',
  'SREM s a',
  'SADD s2 x',
  'SMOVE s s2 b',
  'SREM s2 x',
  'SPOP s2',
  'SINTERSTORE s3 s s',
  'SUNIONSTORE s4 s nothing',
  'SDIFFSTORE s3 s s',
  'SREM s c',
  'ZADD z 1 a 2 b 3 c 4 d 5 e',
  'ZADD z XX 1 nothing',
  'ZADD z INCR 1 a',
  'ZINCRBY z 1 a',
  'ZREM z a',
  'ZPOPMIN z',
  'ZPOPMAX z',
  'ZREMRANGEBYRANK z 0 0',
  'ZREMRANGEBYSCORE z 9 9',
  'ZUNIONSTORE z2 1 z',
  'ZINTERSTORE z2 2 z nothing',
  'ZDIFFSTORE z2 1 z',
  'ZRANGESTORE z3 z 0 -1',
  'ZREMRANGEBYLEX z - +',
  'GEOADD geo 13.361389 38.115556 Palermo',
  'GEOSEARCHSTORE geo2 geo FROMMEMBER Palermo BYRADIUS 1 km',
  'SORT l STORE l3',
  'XADD x 1-1 f v',
  'XADD x 2-1 f v',
  'XADD x MAXLEN 1 3-1 f v',
  'XSETID x 9-1',
  'XGROUP CREATE x g 0',
  'XGROUP CREATECONSUMER x g c',
  'XREADGROUP GROUP g c2 COUNT 1 STREAMS x >',
  'XACK x g 3-1',
  'XGROUP SETID x g 0',
  'XGROUP DELCONSUMER x g c',
  'XGROUP DESTROY x g',
  'XDEL x 3-1',
  'XTRIM x MAXLEN 0',
  'RENAME z3 z4',
  'COPY h h2',
  'OBJECT ENCODING missing',
  'MULTI',
  'SET in multi',
  'DEL in',
  'EXEC',
  'SELECT 2',
  'SET k v',
  'FLUSHDB',
  'SWAPDB 1 2',
];

describe('every event', () => {
  it.each(['KEAmn', 'Em', 'K$g', 'En', 'E', 'A', 'Klx'])('with notify-keyspace-events %s', async (classes) => {
    const steps: Step[] = [
      [0, `CONFIG SET notify-keyspace-events ${classes}`],
      [1, 'PSUBSCRIBE *'],
      ...COMMANDS.map((command): Step => [0, command]),
      [0, 'SELECT 0'],
    ];
    expect(runHere(2, steps)).toEqual(await redis.run(2, steps));
  });
});

it('a client hears of its own changes behind the reply, when it is in a transaction behind all of them', () => {
  const world = new World();
  world.setting('notify-keyspace-events', 'EA');
  const peer = world.connect();
  peer.send(Buffer.concat([request('HELLO', '3'), request('SUBSCRIBE', '__keyevent@0__:set')]));
  peer.received();
  const message = '>3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nk\r\n';
  peer.send(request('SET', 'k', 'v'));
  expect(peer.received()).toBe(`+OK\r\n${message}`);
  peer.send(Buffer.concat([request('MULTI'), request('SET', 'k', 'v'), request('PING'), request('EXEC')]));
  expect(peer.received()).toBe(`+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+PONG\r\n${message}`);
  peer.close();
});

it('keys that expire are told of, looked at or not', () => {
  const world = new World();
  world.setting('notify-keyspace-events', 'Kx');
  const [peer, other] = [world.connect(), world.connect()];
  peer.send(request('PSUBSCRIBE', '*'));
  peer.received();
  other.send(request('SET', 'k', 'v', 'PX', '10'));
  world.clock.advance(20_000);
  world.core.engine.nowMs = world.clock.wallMs();
  other.send(request('GET', 'k'));
  expect(peer.received()).toContain('__keyspace@0__:k\r\n$7\r\nexpired');
  peer.close();
  other.close();
});

it('costs nothing when it is off', () => {
  const world = new World();
  const { engine } = world.core;
  expect(engine.keyListener).toBeNull();
  for (const classes of ['g', 'KE', 'KEA', '']) {
    world.setting('notify-keyspace-events', classes);
    expect(engine.keyListener === null).toBe(!/K|E/.test(classes));
  }
});

it('has a class for every event that the commands report', () => {
  const root = join(import.meta.dirname, '../../src/lib/engine');
  const events = new Set<string>();
  for (const file of readdirSync(root, { recursive: true }) as string[]) {
    if (!file.endsWith('.ts')) continue;
    const source = readFileSync(join(root, file), 'utf8');
    for (const [, event] of source.matchAll(/\b(?:changed|tell)\((?:[^();]|\([^()]*\))*?'([a-z_-]+)'/g))
      events.add(event);
  }
  expect(events.size).toBeGreaterThan(20);
  expect([...events].filter((event) => !isEvent(event))).toEqual([]);
});
