/** Channels, patterns and sharded channels with several clients at once, compared with redis-server step by step. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PeerStream, request, World } from './peer.ts';
import { RedisServer, runHere, type Step } from './redis-clients.ts';

let redis: RedisServer;
beforeAll(async () => {
  redis = await RedisServer.start();
});
afterAll(() => redis.stop());

const SCRIPTS: Record<string, Step[]> = {
  'subscribing and unsubscribing': [
    [0, 'SUBSCRIBE a b a'],
    [0, 'PSUBSCRIBE x* y'],
    [0, 'SSUBSCRIBE s'],
    [0, 'UNSUBSCRIBE b'],
    [0, 'UNSUBSCRIBE'],
    [0, 'UNSUBSCRIBE'],
    [0, 'PUNSUBSCRIBE zz'],
    [0, 'PUNSUBSCRIBE y'],
    [0, 'PUNSUBSCRIBE'],
    [0, 'PUNSUBSCRIBE'],
    [0, 'SUNSUBSCRIBE q'],
    [0, 'SUNSUBSCRIBE'],
    [0, 'SUNSUBSCRIBE'],
    [0, 'GET x'],
    [0, 'SUBSCRIBE'],
  ],
  'messages go to channels, patterns and shards': [
    [0, 'SUBSCRIBE news'],
    [1, 'PSUBSCRIBE n*'],
    [0, 'PSUBSCRIBE [mn]ews'],
    [1, 'SSUBSCRIBE news'],
    [2, 'PUBLISH news hello'],
    [2, 'PUBLISH nothing hello'],
    [2, 'PUBLISH other hello'],
    [2, 'SPUBLISH news hello'],
    [2, 'SPUBLISH nothing hello'],
    [2, ['PUBLISH', 'news', '']],
    [2, ['PUBLISH', '', 'x']],
    [2, ['PUBLISH', 'news', 'x'.repeat(5000)]],
    [0, 'UNSUBSCRIBE news'],
    [2, 'PUBLISH news again'],
    [1, '<close>'],
    [2, 'PUBLISH news gone'],
    [2, 'PUBSUB NUMPAT'],
  ],
  'in RESP3 they are pushes, and commands go on': [
    [0, 'SUBSCRIBE a'],
    [
      1,
      [
        ['HELLO', '3', 'SETNAME', 'x'],
        ['CLIENT', 'REPLY', 'OFF'],
      ].slice(1),
    ],
    [2, 'PUBLISH a 1'],
  ],
  'a client of RESP2 that listens may do little else': [
    [0, 'SUBSCRIBE a'],
    [0, 'GET x'],
    [0, 'GET'],
    [0, 'NOSUCH'],
    [0, 'MULTI'],
    [0, 'EXEC'],
    [0, 'HELLO 3'],
    [0, 'CLIENT ID'],
    [0, 'CONFIG GET port'],
    [0, 'MONITOR'],
    [0, 'PING'],
    [0, 'PING hello'],
    [0, 'RESET'],
    [0, 'GET x'],
    [1, 'PUBLISH a 1'],
    [0, 'PSUBSCRIBE *'],
    [0, 'QUIT'],
    [1, 'PUBLISH a 1'],
  ],
  'in a transaction': [
    [0, 'MULTI'],
    [0, 'SUBSCRIBE a'],
    [0, 'PING'],
    [0, 'UNSUBSCRIBE'],
    [0, 'EXEC'],
    [1, 'SUBSCRIBE a'],
    [0, 'MULTI'],
    [0, 'PUBLISH a 1'],
    [0, 'PUBLISH a 2'],
    [0, 'EXEC'],
  ],
  PUBSUB: [
    [2, 'PUBSUB CHANNELS'],
    [0, 'SUBSCRIBE a'],
    [1, 'SSUBSCRIBE s'],
    [1, 'PSUBSCRIBE p*'],
    [2, 'PUBSUB CHANNELS'],
    [2, 'PUBSUB channels b*'],
    [2, 'PUBSUB CHANNELS a b'],
    [2, 'PUBSUB NUMSUB a b'],
    [2, 'PUBSUB NUMSUB'],
    [2, 'PUBSUB NUMPAT'],
    [2, 'PUBSUB NUMPAT x'],
    [2, 'PUBSUB SHARDCHANNELS'],
    [2, 'PUBSUB SHARDCHANNELS x*'],
    [2, 'PUBSUB SHARDNUMSUB s a'],
    [2, 'PUBSUB SHARDNUMSUB'],
    [2, 'PUBSUB'],
    [2, 'PUBSUB X'],
    [2, 'PUBSUB HELP'],
    [2, 'CLIENT KILL TYPE pubsub'],
    [2, 'PUBSUB CHANNELS'],
    [2, 'PUBSUB NUMPAT'],
  ],
  'CLIENT REPLY OFF hides replies, not messages': [
    [0, 'CLIENT REPLY OFF'],
    [0, 'SUBSCRIBE a'],
    [1, 'PUBLISH a 1'],
    [0, 'PING'],
    [0, 'UNSUBSCRIBE'],
    [0, 'PING'],
    [0, 'CLIENT REPLY ON'],
    [0, 'PING'],
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
    expect(world.core.context.pubsub.channels.size).toBe(0);
    expect(world.pool.available).toBe(world.pool.count);
  });
  const say = (stream: PeerStream, line: string): string => {
    stream.send(request(...line.split(' ')));
    return stream.received();
  };

  it('confirmations and messages are pushes, and any command may be sent', () => {
    expect(say(peer, 'SUBSCRIBE a')).toBe('>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n');
    expect(say(peer, 'PSUBSCRIBE ?')).toBe('>3\r\n$10\r\npsubscribe\r\n$1\r\n?\r\n:2\r\n');
    expect(say(other, 'PUBLISH a hi')).toBe(':2\r\n');
    expect(peer.received()).toBe(
      '>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$2\r\nhi\r\n>4\r\n$8\r\npmessage\r\n$1\r\n?\r\n$1\r\na\r\n$2\r\nhi\r\n',
    );
    expect(say(peer, 'GET k')).toBe('_\r\n');
    expect(say(peer, 'PING')).toBe('+PONG\r\n');
    expect(say(peer, 'UNSUBSCRIBE')).toBe('>3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n');
    expect(say(peer, 'UNSUBSCRIBE')).toBe('>3\r\n$11\r\nunsubscribe\r\n_\r\n:1\r\n');
  });

  // As Redis 7.2 has it; 7.0 wrote the message into the midst of the reply.
  it("what a client says to itself comes behind its command's reply, in a transaction behind EXEC's", () => {
    const message = (text: string): string => `>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\n${text}\r\n`;
    say(peer, 'SUBSCRIBE a');
    expect(say(peer, 'PUBLISH a 1')).toBe(`:1\r\n${message('1')}`);
    for (const line of ['MULTI', 'PUBLISH a 1', 'PING', 'PUBLISH a 2']) say(peer, line);
    expect(say(peer, 'EXEC')).toBe(`*3\r\n:1\r\n+PONG\r\n:1\r\n${message('1')}${message('2')}`);
    peer.send(Buffer.concat([request('PUBLISH', 'a', '1'), request('PING')]));
    expect(peer.received()).toBe(`:1\r\n${message('1')}+PONG\r\n`);
  });
});

describe('a client that does not take its messages', () => {
  it('is closed when more waits for it than its class may have', () => {
    const world = new World();
    world.setting('client-output-buffer-limit', 'pubsub 1mb 0 0');
    const [slow, quick, speaker] = [world.connect(), world.connect(), world.connect()];
    slow.send(request('SUBSCRIBE', 'a'));
    quick.send(request('SUBSCRIBE', 'a'));
    for (let i = 0; i < 40; i++) {
      speaker.send(request('PUBLISH', 'a', 'x'.repeat(50_000)));
      quick.received();
    }
    expect(slow.aborted).toBe(true);
    expect(quick.aborted).toBe(false);
    expect(speaker.received().endsWith(':1\r\n')).toBe(true);
    quick.close();
    speaker.close();
    expect(world.core.context.pubsub.channels.size).toBe(0);
  });
});

it('is shown by CLIENT LIST and INFO', () => {
  const world = new World();
  const [peer, other] = [world.connect(), world.connect()];
  for (const line of ['SUBSCRIBE a b', 'PSUBSCRIBE x', 'SSUBSCRIBE s']) peer.send(request(...line.split(' ')));
  other.send(request('CLIENT', 'LIST', 'TYPE', 'pubsub'));
  expect(other.received()).toMatch(/id=1 .* flags=P db=0 sub=2 psub=1 ssub=1 /);
  other.send(request('INFO', 'stats'));
  expect(other.received()).toMatch(/pubsub_channels:2\r\npubsub_patterns:1\r\npubsubshard_channels:1\r\n/);
  peer.close();
  other.close();
});
