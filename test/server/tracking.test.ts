/** CLIENT TRACKING with several clients at once: by redis-server's answers where they can be compared, else by Redis 7.2's rules. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PeerStream, request, World } from './peer.ts';
import { RedisServer, runHere, type Step } from './redis-clients.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

const wrong = [
  'CLIENT TRACKINGINFO',
  'CLIENT GETREDIR',
  'CLIENT CACHING YES',
  'CLIENT CACHING x',
  'CLIENT TRACKING ON x',
  'CLIENT TRACKING x',
  'CLIENT TRACKING ON PREFIX a',
  'CLIENT TRACKING ON PREFIX',
  'CLIENT TRACKING ON REDIRECT',
  'CLIENT TRACKING ON OPTIN OPTOUT',
  'CLIENT TRACKING ON BCAST OPTIN',
  'CLIENT TRACKING ON REDIRECT 99999',
  'CLIENT TRACKING ON REDIRECT x',
  'CLIENT TRACKING ON REDIRECT #1 REDIRECT #1',
  'CLIENT TRACKING ON BCAST PREFIX foo PREFIX foobar',
  'CLIENT TRACKING ON BCAST PREFIX foo PREFIX bar',
  'CLIENT TRACKING ON BCAST PREFIX fo',
  'CLIENT TRACKING ON BCAST PREFIX other',
  'CLIENT TRACKINGINFO',
  'CLIENT TRACKING ON',
  'CLIENT TRACKING OFF',
  'CLIENT TRACKING OFF BCAST',
  'CLIENT TRACKING ON NOLOOP',
  'CLIENT TRACKINGINFO',
  'CLIENT TRACKING ON OPTIN',
  'CLIENT TRACKING ON OPTOUT',
  'CLIENT CACHING NO',
  'CLIENT CACHING YES',
  'CLIENT TRACKINGINFO',
  'GET k',
  'CLIENT TRACKINGINFO',
  'CLIENT TRACKING OFF',
  'CLIENT TRACKING ON OPTOUT',
  'CLIENT TRACKING ON OPTIN',
  'CLIENT CACHING YES',
  'CLIENT CACHING NO',
  'CLIENT TRACKINGINFO',
  'MULTI',
  'GET k',
  'EXEC',
  'CLIENT TRACKINGINFO',
  'CLIENT TRACKING ON REDIRECT #1',
  'CLIENT GETREDIR',
  'CLIENT TRACKINGINFO',
  'RESET',
  'CLIENT TRACKINGINFO',
];

const SCRIPTS: Record<string, Step[]> = {
  'options and their refusals': wrong.map((line): Step => [0, line]),
  'RESP2 is told through another client': [
    [1, 'SUBSCRIBE __redis__:invalidate'],
    [0, 'CLIENT TRACKING ON REDIRECT #1'],
    [0, 'GET k'],
    [2, 'SET k v'],
    [2, 'SET k w'],
    [0, 'MGET k j'],
    [2, 'MSET k v j x'],
    [0, 'STRLEN k'],
    [0, 'SET k mine'],
    [0, 'EXISTS k j'],
    [2, 'DEL k j'],
    [2, 'FLUSHALL'],
    [0, 'GET k'],
    [2, 'FLUSHDB'],
    [0, 'GET k'],
    [2, 'SELECT 1'],
    [2, 'SET k v'],
    [0, 'GET k'],
    [1, '<close>'],
    [2, 'SET k v'],
    [0, 'CLIENT TRACKINGINFO'],
    [0, 'CLIENT GETREDIR'],
  ],
  'only reads count, and OPTIN, OPTOUT and NOLOOP choose': [
    [1, 'SUBSCRIBE __redis__:invalidate'],
    [0, 'CLIENT TRACKING ON REDIRECT #1 OPTIN'],
    [0, 'GET k'],
    [2, 'SET k v'],
    [0, 'CLIENT CACHING YES'],
    [0, 'GET k'],
    [0, 'GET j'],
    [2, 'MSET k v j x'],
    [0, 'CLIENT CACHING YES'],
    [0, 'MULTI'],
    [0, 'GET k'],
    [0, 'GET j'],
    [0, 'EXEC'],
    [0, 'GET i'],
    [2, 'MSET k v j x i y'],
    [0, 'CLIENT TRACKING OFF'],
    [0, 'CLIENT TRACKING ON REDIRECT #1 OPTOUT'],
    [0, 'GET k'],
    [0, 'CLIENT CACHING NO'],
    [0, 'GET j'],
    [2, 'MSET k v j x'],
    [0, 'CLIENT TRACKING OFF'],
    [0, 'CLIENT TRACKING ON REDIRECT #1 NOLOOP'],
    [0, 'MGET k j'],
    [0, 'SET k v'],
    [2, 'SET j v'],
    [0, 'GETDEL j'],
    [0, 'GETEX k'],
    [2, 'SET k v'],
  ],
  'broadcasting by prefix': [
    [1, 'SUBSCRIBE __redis__:invalidate'],
    [0, 'CLIENT TRACKING ON REDIRECT #1 BCAST PREFIX a PREFIX b'],
    [2, 'SET c 1'],
    [2, 'SET a1 1'],
    [2, 'SET a1 2'],
    [2, [['MULTI'], ['SET', 'a2', '1'], ['SET', 'a1', '1'], ['SET', 'a2', '2'], ['EXEC']]],
    [0, 'SET b1 x'],
    [2, 'RENAME b1 a3'],
    [2, 'FLUSHALL'],
    [0, 'CLIENT TRACKING OFF'],
    [0, 'CLIENT TRACKING ON REDIRECT #1 BCAST NOLOOP'],
    [0, 'SET x 1'],
    [2, 'SET x 1'],
    [0, 'CLIENT TRACKINGINFO'],
    [0, 'CLIENT TRACKING OFF'],
    [2, 'SET x 1'],
  ],
};

describe('a script of several clients', () => {
  it.each(Object.entries(SCRIPTS))('%s', async (_, steps) => {
    expect(runHere(3, steps)).toEqual(await redis.run(3, steps));
  });
});

describe('in RESP3', () => {
  let world: World;
  let peer: PeerStream;
  let other: PeerStream;
  beforeEach(() => {
    world = new World();
    peer = world.connect();
    other = world.connect();
    say(peer, 'HELLO 3');
  });
  afterEach(() => {
    peer.close();
    other.close();
    const { tracking } = world.core.context;
    expect([tracking.clientCount, tracking.keyCount, tracking.itemCount, tracking.prefixCount]).toEqual([0, 0, 0, 0]);
    expect(world.core.engine.keyListener).toBeNull();
  });
  const say = (stream: PeerStream, line: string): string => {
    stream.send(request(...line.split(' ')));
    return stream.received();
  };
  const gone = (...keys: string[]): string =>
    `>2\r\n$10\r\ninvalidate\r\n*${keys.length}\r\n${keys.map((key) => `$${key.length}\r\n${key}\r\n`).join('')}`;

  it('a client is told by a push, once for each key that it has read', () => {
    say(peer, 'CLIENT TRACKING ON');
    say(peer, 'MGET a b');
    say(other, 'SET c 1');
    expect(peer.received()).toBe('');
    say(other, 'SET a 1');
    expect(peer.received()).toBe(gone('a'));
    say(other, 'MSET a 2 b 2');
    expect(peer.received()).toBe(gone('b'));
    expect(say(other, 'INFO stats')).toContain('tracking_total_keys:0\r\n');
  });

  it('of its own changes behind the reply', () => {
    say(peer, 'CLIENT TRACKING ON');
    say(peer, 'GET k');
    expect(say(peer, 'SET k x')).toBe(`+OK\r\n${gone('k')}`);
    expect(say(peer, 'SET k x')).toBe('+OK\r\n');
    say(peer, 'GET k');
    for (const line of ['MULTI', 'SET k z', 'GET k', 'SET k 1', 'PING']) say(peer, line);
    expect(say(peer, 'EXEC')).toBe(`*4\r\n+OK\r\n$1\r\nz\r\n+OK\r\n+PONG\r\n${gone('k')}${gone('k')}`);
    expect(say(peer, 'FLUSHALL')).toBe('+OK\r\n>2\r\n$10\r\ninvalidate\r\n_\r\n');
  });

  it('also when its reads come with others in one segment', () => {
    say(peer, 'CLIENT TRACKING ON');
    peer.send(
      Buffer.concat([request('PING'), request('GET', 'a'), request('SET', 'x', '1'), request('MGET', 'b', 'c')]),
    );
    peer.received();
    expect(world.core.context.tracking.keyCount).toBe(3);
    say(other, 'MSET PING 1 GET 1 a 1 x 1 c 1');
    expect(peer.received()).toBe(gone('a') + gone('c'));
  });

  it('of keys that expire', () => {
    say(peer, 'CLIENT TRACKING ON');
    say(other, 'SET k v PX 10');
    say(peer, 'GET k');
    world.clock.advance(20_000);
    world.core.engine.nowMs = world.clock.wallMs();
    say(other, 'GET k');
    expect(peer.received()).toBe(gone('k'));
  });

  it('broadcasts are told at the end of a turn, together', () => {
    say(peer, 'CLIENT TRACKING ON BCAST');
    expect(say(peer, 'SET a 1')).toBe(`+OK\r\n${gone('a')}`);
    other.send(Buffer.concat([request('SET', 'b', '1'), request('SET', 'a', '1'), request('SET', 'b', '2')]));
    expect(peer.received()).toBe(gone('a', 'b'));
    expect(say(other, 'INFO stats')).toContain('tracking_total_prefixes:1\r\n');
  });

  it('that the client it redirects to is gone', () => {
    const third = world.connect();
    expect(say(peer, 'CLIENT TRACKING ON REDIRECT 3')).toBe('+OK\r\n');
    expect(say(other, 'CLIENT LIST ID 1')).toMatch(/flags=t .* redir=3 /);
    say(peer, 'GET k');
    third.close();
    say(other, 'SET k v');
    expect(peer.received()).toBe('>2\r\n$21\r\ntracking-redir-broken\r\n:3\r\n');
    expect(say(other, 'CLIENT LIST ID 1')).toContain('flags=tR ');
    expect(say(peer, 'CLIENT TRACKINGINFO')).toContain('broken_redirect');
  });

  it('the table keeps no more keys than it may: the oldest go', () => {
    world.setting('tracking-table-max-keys', '2');
    say(peer, 'CLIENT TRACKING ON');
    say(peer, 'MGET 1 2');
    expect(say(peer, 'GET 3')).toBe(`_\r\n${gone('1')}`);
    expect(say(peer, 'GET 2')).toBe('_\r\n');
    expect(world.core.context.tracking.keyCount).toBe(2);
    say(other, 'CLIENT TRACKING ON');
    say(other, 'GET 2');
    expect(world.core.context.tracking.itemCount).toBe(3);
  });
});
