/** BZPOPMIN, BZPOPMAX and BZMPOP: clients that wait for a member of a sorted set. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PeerStream, request, World } from './peer.ts';

let world: World;
let peers: PeerStream[];

beforeEach(() => {
  world = new World();
  peers = [0, 1, 2, 3].map(() => world.connect());
});
afterEach(() => {
  for (const peer of peers) peer.close();
  expect(world.core.context.blocked.count).toBe(0);
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

describe('a client that waits for a member', () => {
  it('gets the lowest or the highest, with the key that has it', () => {
    expect(say(0, 'BZPOPMIN a b 0')).toBe('');
    expect(say(1, 'BZPOPMAX b 0')).toBe('');
    expect(say(2, 'BZMPOP 0 2 c b MIN COUNT 2')).toBe('');
    expect(say(3, 'ZADD b 1 one 2 two 3 three 4.5 four')).toBe(':4\r\n');
    expect(peers[0].received()).toBe('*3\r\n$1\r\nb\r\n$3\r\none\r\n$1\r\n1\r\n');
    expect(peers[1].received()).toBe('*3\r\n$1\r\nb\r\n$4\r\nfour\r\n$3\r\n4.5\r\n');
    expect(peers[2].received()).toBe(
      '*2\r\n$1\r\nb\r\n*2\r\n*2\r\n$3\r\ntwo\r\n$1\r\n2\r\n*2\r\n$5\r\nthree\r\n$1\r\n3\r\n',
    );
    expect(say(3, 'EXISTS b')).toBe(':0\r\n');
  });

  it('waits on for what it was not left', () => {
    expect(say(0, 'BZPOPMIN k 0')).toBe('');
    expect(say(1, 'BZPOPMIN k 0')).toBe('');
    expect(say(3, 'ZADD k 1 a')).toBe(':1\r\n');
    expect(peers[0].received()).toBe('*3\r\n$1\r\nk\r\n$1\r\na\r\n$1\r\n1\r\n');
    expect(peers[1].received()).toBe('');
    expect(say(3, 'ZINCRBY k 2 b')).toBe('$1\r\n2\r\n');
    expect(peers[1].received()).toBe('*3\r\n$1\r\nk\r\n$1\r\nb\r\n$1\r\n2\r\n');
  });

  it('is served by every command that makes a sorted set', () => {
    const makers = [
      'GEOADD k 13.36 38.11 m',
      'ZUNIONSTORE k 1 source',
      'ZRANGESTORE k source 0 0',
      'ZINTERSTORE k 1 source',
      'COPY source k',
      'GEOSEARCHSTORE k source FROMMEMBER m BYRADIUS 1 m',
    ];
    for (const maker of makers) {
      say(3, 'GEOADD source 13.36 38.11 m');
      expect(say(0, 'BZPOPMIN k 0'), maker).toBe('');
      say(3, maker);
      expect(peers[0].received(), maker).toMatch(/^\*3\r\n\$1\r\nk\r\n\$1\r\nm\r\n/);
    }
    say(0, 'BZPOPMIN k 0');
    say(3, 'RENAME source k');
    expect(peers[0].received()).toMatch(/^\*3\r\n/);
  });

  it('is not disturbed by keys of other types', () => {
    expect(say(0, 'BZPOPMIN k 0')).toBe('');
    say(3, 'RPUSH k x');
    expect(peers[0].received()).toBe('');
    say(3, 'DEL k');
    say(3, 'ZADD k 1 a');
    expect(peers[0].received()).toBe('*3\r\n$1\r\nk\r\n$1\r\na\r\n$1\r\n1\r\n');
    say(3, 'SET k v');
    expect(say(0, 'BZPOPMIN k 0')).toMatch(/^-WRONGTYPE/);
  });

  it('gives up when its time is over', () => {
    expect(say(0, 'BZPOPMIN k 0.5')).toBe('');
    expect(say(1, 'BZMPOP 0.2 1 k MAX')).toBe('');
    pass(300);
    expect(peers[0].received()).toBe('');
    expect(peers[1].received()).toBe('*-1\r\n');
    pass(300);
    expect(peers[0].received()).toBe('*-1\r\n');
  });

  it('does not wait within a transaction', () => {
    say(0, 'MULTI');
    say(0, 'BZPOPMIN k 0');
    say(0, 'BZMPOP 0 1 k MIN');
    expect(say(0, 'EXEC')).toBe('*2\r\n*-1\r\n*-1\r\n');
  });
});
