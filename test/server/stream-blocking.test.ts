/**
 * Clients that wait for streams: XREAD BLOCK for entries after an ID (`$` is the ID of then), XREADGROUP BLOCK for what is new
 * to a group, of which each entry goes to one consumer, and which must not go away meanwhile.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PeerStream, request, World } from './peer.ts';
import { RedisServer, runHere, type Step } from './redis-clients.ts';

let world: World;
let peers: PeerStream[];

beforeEach(() => {
  world = new World();
  peers = [0, 1, 2, 3].map(() => world.connect());
});
afterEach(() => {
  for (const peer of peers) peer.close();
  const { context } = world.core;
  expect(context.blocked.count).toBe(0);
  expect(context.blocked.keyCount).toBe(0);
  expect(world.memory.extents.usedBytes).toBe(0);
});

function say(i: number, line: string): string {
  peers[i].send(request(...line.split(' ')));
  return peers[i].received();
}

function pass(ms: number): void {
  world.clock.advance(ms * 1000);
  world.core.engine.nowMs = world.clock.wallMs();
  world.core.context.blocked.expire(world.core.engine.nowMs);
  world.sessions.flush();
}

/** `*1 *2 key *n (*2 ID *2 field value) …`, of entries with one field `f`, whose value is the ID's ms. */
function told(key: string, ...ids: string[]): string {
  const bulk = (text: string): string => `$${text.length}\r\n${text}\r\n`;
  const entries = ids.map((id) => `*2\r\n${bulk(id)}*2\r\n${bulk('f')}${bulk(id.split('-')[0])}`);
  return `*1\r\n*2\r\n${bulk(key)}*${ids.length}\r\n${entries.join('')}`;
}

const add = (key: string, ms: number): string => say(3, `XADD ${key} ${ms}-0 f ${ms}`);
const NO_GROUP = (key: string): string =>
  `-NOGROUP No such key '${key}' or consumer group 'g' in XREADGROUP with GROUP option\r\n`;

describe('XREAD BLOCK', () => {
  it('gets the entries after the ID when there are some', () => {
    expect(say(0, 'XREAD BLOCK 0 STREAMS s 0')).toBe('');
    expect(say(1, 'XREAD BLOCK 0 STREAMS other s 5 10')).toBe('');
    add('s', 3);
    expect(peers[0].received()).toBe(told('s', '3-0'));
    expect(peers[1].received()).toBe('');
    add('s', 10);
    expect(peers[1].received()).toBe('');
    add('s', 11);
    expect(peers[1].received()).toBe(told('s', '11-0'));
  });

  it('takes $ for the last ID when it began to wait, and for 0-0 where there is no stream', () => {
    add('s', 5);
    expect(say(0, 'XREAD BLOCK 0 STREAMS s $')).toBe('');
    expect(say(1, 'XREAD BLOCK 0 COUNT 1 STREAMS new $')).toBe('');
    say(3, 'DEL s');
    add('s', 4); // not after 5-0
    expect(peers[0].received()).toBe('');
    add('s', 6);
    expect(peers[0].received()).toBe(told('s', '6-0'));
    say(3, 'MULTI');
    for (const id of [1, 2]) add('new', id);
    say(3, 'EXEC');
    expect(peers[1].received()).toBe(told('new', '1-0'));
  });

  it('tells every reader, and answers null when the time is over', () => {
    for (const i of [0, 1]) say(i, 'XREAD BLOCK 100 STREAMS s $');
    say(2, 'XREAD BLOCK 50 STREAMS s $');
    pass(60);
    expect(peers[2].received()).toBe('*-1\r\n');
    add('s', 1);
    for (const i of [0, 1]) expect(peers[i].received()).toBe(told('s', '1-0'));
    pass(1000);
    for (const i of [0, 1, 2]) expect(peers[i].received()).toBe('');
  });

  it('stays asleep when the key becomes something else', () => {
    say(0, 'XREAD BLOCK 0 STREAMS s $');
    say(3, 'SET s x');
    expect(peers[0].received()).toBe('');
    say(3, 'DEL s');
    add('s', 1);
    expect(peers[0].received()).toBe(told('s', '1-0'));
  });

  it('does not wait in a transaction', () => {
    say(0, 'MULTI');
    say(0, 'XREAD BLOCK 0 STREAMS s $');
    expect(say(0, 'EXEC')).toBe('*1\r\n*-1\r\n');
  });

  it('has errors of its own', () => {
    expect(say(0, 'XREAD BLOCK -1 STREAMS s $')).toBe('-ERR timeout is negative\r\n');
    expect(say(0, 'XREAD BLOCK x STREAMS s $')).toBe('-ERR timeout is not an integer or out of range\r\n');
  });
});

describe('XREADGROUP BLOCK', () => {
  beforeEach(() => {
    say(3, 'XGROUP CREATE s g $ MKSTREAM');
  });

  it('gives each entry to one consumer, first come, first served', () => {
    for (const i of [1, 0]) expect(say(i, `XREADGROUP GROUP g c${i} BLOCK 0 COUNT 1 STREAMS s >`)).toBe('');
    add('s', 1);
    expect(peers[1].received()).toBe(told('s', '1-0'));
    expect(peers[0].received()).toBe('');
    add('s', 2);
    expect(peers[0].received()).toBe(told('s', '2-0'));
    expect(say(2, 'XPENDING s g')).toBe(
      '*4\r\n:2\r\n$3\r\n1-0\r\n$3\r\n2-0\r\n*2\r\n*2\r\n$2\r\nc0\r\n$1\r\n1\r\n*2\r\n$2\r\nc1\r\n$1\r\n1\r\n',
    );
  });

  it('makes the consumer before it waits, and does not wait for history', () => {
    expect(say(0, 'XREADGROUP GROUP g ann BLOCK 0 STREAMS s 0')).toBe('*1\r\n*2\r\n$1\r\ns\r\n*0\r\n');
    expect(say(0, 'XREADGROUP GROUP g bob BLOCK 0 STREAMS s >')).toBe('');
    expect(say(2, 'XINFO CONSUMERS s g')).toContain('bob');
  });

  it('ends with an error when the group is destroyed, and when the stream goes or becomes something else', () => {
    for (const line of ['XGROUP DESTROY s g', 'DEL s', 'FLUSHALL', 'RENAME s t']) {
      expect(say(0, 'XREADGROUP GROUP g ann BLOCK 0 STREAMS s >')).toBe('');
      say(3, line);
      expect([line, peers[0].received()]).toEqual([line, NO_GROUP('s')]);
      say(3, 'DEL s');
      say(3, 'XGROUP CREATE s g $ MKSTREAM');
    }
    expect(say(0, 'XREADGROUP GROUP g ann BLOCK 0 STREAMS s >')).toBe('');
    say(3, 'SET s x');
    expect(peers[0].received()).toBe('-WRONGTYPE Operation against a key holding the wrong kind of value\r\n');
  });

  it('answers null when the time is over', () => {
    say(0, 'XREADGROUP GROUP g ann BLOCK 20 STREAMS s >');
    pass(10);
    say(3, 'XGROUP CREATE s h $'); // a change that brings it nothing
    expect(peers[0].received()).toBe('');
    pass(15);
    expect(peers[0].received()).toBe('*-1\r\n');
  });

  it('tells a RESP3 client a map', () => {
    say(0, 'HELLO 3');
    say(0, 'XREADGROUP GROUP g ann BLOCK 20 STREAMS s >');
    add('s', 7);
    expect(peers[0].received()).toBe(told('s', '7-0').replace('*1\r\n*2\r\n', '%1\r\n'));
  });
});

describe('a transaction that watches a stream', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await RedisServer.start();
  });
  afterAll(() => redis.stop());

  it('is undone by what happens to entries, not by what happens to groups', async () => {
    const changes = [
      ...['XGROUP CREATE s h 0', 'XGROUP SETID s g 0', 'XGROUP DESTROY s h', 'XGROUP CREATECONSUMER s g ann'],
      ...['XREADGROUP GROUP g ann STREAMS s >', 'XACK s g 1-1', 'XCLAIM s g ann 0 2-1 JUSTID', 'XSETID s 9-9'],
      ...['XGROUP DELCONSUMER s g ann', 'XADD s 10-1 a b', 'XTRIM s MAXLEN 1', 'XDEL s 10-1', 'XDEL s 10-1'],
      ...['XGROUP CREATE new g 0 MKSTREAM', 'XGROUP CREATE new h 0 MKSTREAM', 'DEL s'],
    ];
    const steps: Step[] = ['XADD s 1-1 a b', 'XADD s 2-1 a b', 'XGROUP CREATE s g 0'].map((line): Step => [0, line]);
    for (const change of changes) {
      steps.push([0, 'WATCH s new'], [1, change], [0, 'MULTI'], [0, 'PING'], [0, 'EXEC']);
    }
    expect(runHere(2, steps)).toEqual(await redis.run(2, steps));
  });
});
