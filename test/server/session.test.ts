import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PeerStream, request, World } from './peer.ts';

let world: World;
let peer: PeerStream;
beforeEach(() => {
  world = new World();
  peer = world.connect();
});
afterEach(() => {
  peer.close();
  expect(world.memory.extents.usedBytes).toBe(0);
  expect(world.pool.available).toBe(world.pool.count);
});

describe('a session', () => {
  it('takes a command of very many arguments without going over what it has for each of them', () => {
    const pairs = 150_000;
    const words = ['MSET'];
    for (let i = 0; i < pairs; i++) words.push(`key:${i}`, 'v');
    const bytes = Buffer.from(`*${words.length}\r\n${words.map((w) => `$${w.length}\r\n${w}\r\n`).join('')}`);
    for (let at = 0; at < bytes.length; at += 1460) peer.send(bytes.subarray(at, at + 1460)); // quadratic: minutes
    expect(peer.received()).toBe('+OK\r\n');
    peer.send(`DBSIZE\r\nGET key:${pairs - 1}\r\n`);
    expect(peer.received()).toBe(`:${pairs}\r\n$1\r\nv\r\n`);
  });

  it('answers a mistake in the middle of a command at once, without waiting for its last argument', () => {
    peer.send('*1000\r\n$4\r\nMSET\r\n');
    peer.send(':1\r\n');
    expect(peer.received()).toBe("-ERR Protocol error: expected '$', got ':'\r\n");
  });

  it('answers the same however its bytes are cut', () => {
    const commands: string[][] = [
      ['SET', 'k', 'v'.repeat(3000)],
      ['GET', 'k'],
      ['PING'],
      ['INCR', 'n'],
      ['SELECT', '1'],
      ['GET', 'k'],
      ['SELECT', '0'],
      ['STRLEN', 'k'],
      ['NOSUCH', 'x'],
      ['DEL', 'k', 'n'],
    ];
    const all = Buffer.concat([...commands.map((c) => request(...c)), Buffer.from('PING inline\r\n')]);
    peer.send(all);
    const expected = peer.received();
    expect(expected).toContain('$3000\r\n');
    expect(expected.endsWith('$6\r\ninline\r\n')).toBe(true);
    fc.assert(
      fc.property(fc.array(fc.nat(all.length), { maxLength: 20 }), (cuts) => {
        const sorted = [0, ...cuts, all.length].sort((a, b) => a - b);
        for (let i = 1; i < sorted.length; i++) peer.send(all.subarray(sorted[i - 1], sorted[i]));
        expect(peer.received()).toBe(expected);
      }),
      { numRuns: 100 },
    );
    for (let i = 0; i < all.length; i++) peer.send(all.subarray(i, i + 1));
    expect(peer.received()).toBe(expected);
  });

  it('executes commands of several connections of one burst in order, each to its own', () => {
    const other = world.connect();
    const { memory, frame } = world;
    const one = request('APPEND', 'x', 'a');
    const two = request('APPEND', 'x', 'bb');
    memory.u8.set(one, frame);
    memory.u8.set(two, frame + 1000);
    world.sessions.onData(peer, frame, one.length);
    world.sessions.onData(other, frame + 1000, two.length);
    expect(peer.received() + other.received()).toBe(''); // one batch
    world.sessions.flush();
    expect(peer.received()).toBe(':1\r\n');
    expect(other.received()).toBe(':3\r\n');
    other.close();
  });

  it('takes and returns values larger than any buffer', () => {
    const value = Buffer.alloc(20 << 20, 'abcdefg');
    peer.send(request('SET', 'big', value));
    expect(peer.received()).toBe('+OK\r\n');
    peer.send(request('GET', 'big'));
    expect(peer.received()).toBe(`$${value.length}\r\n${value.toString('latin1')}\r\n`);
    peer.send(request('DEL', 'big'));
    expect(peer.received()).toBe(':1\r\n');
  });

  it('takes no memory for an announcement', () => {
    peer.send('*2\r\n$3\r\nGET\r\n$536870912\r\nabc');
    expect(world.memory.extents.usedBytes).toBeLessThan(100_000);
  });

  it('answers what came before a protocol error, then the error, then ends', () => {
    peer.send(Buffer.concat([request('PING'), Buffer.from('*1\r\n+x\r\n'), request('PING')]));
    expect(peer.received()).toBe("+PONG\r\n-ERR Protocol error: expected '$', got '+'\r\n");
    expect(peer.ended).toBe(true);
    peer.send(request('PING'));
    expect(peer.received()).toBe('');
  });

  it('runs nothing after QUIT and ends when its reply is out', () => {
    peer.send(Buffer.concat([request('QUIT'), request('SET', 'after', 'quit')]));
    expect(peer.received()).toBe('+OK\r\n');
    expect(peer.ended).toBe(true);
    const other = world.connect();
    other.send(request('EXISTS', 'after'));
    expect(other.received()).toBe(':0\r\n');
    other.close();
  });

  it('parses with the limits of the unauthenticated until AUTH, also within one segment', () => {
    world.setting('requirepass', 'secret');
    const stranger = world.connect();
    stranger.send(request('GET', 'k'));
    expect(stranger.received()).toBe('-NOAUTH Authentication required.\r\n');
    stranger.send(request('MSET', ...Array.from({ length: 10 }, () => 'x')));
    expect(stranger.received()).toBe('-ERR Protocol error: unauthenticated multibulk length\r\n');
    const friend = world.connect();
    friend.send(Buffer.concat([request('AUTH', 'secret'), request('MSET', ...Array.from({ length: 20 }, () => 'x'))]));
    expect(friend.received()).toBe('+OK\r\n+OK\r\n');
    stranger.close();
    friend.close();
  });

  it('holds clients back during CLIENT PAUSE and loses nothing', () => {
    const other = world.connect();
    other.send(Buffer.concat([request('CLIENT', 'PAUSE', '1000', 'WRITE'), request('GET', 'p')]));
    expect(other.received()).toBe('+OK\r\n$-1\r\n');
    const rest = Buffer.concat([
      request('GET', 'p'),
      request('SET', 'p', '1'),
      request('GET', 'p'),
      request('INCR', 'p'),
    ]);
    peer.send(rest.subarray(0, rest.length - 5));
    expect(peer.received()).toBe('$-1\r\n');
    expect(peer.paused).toBe(true);
    peer.send(rest.subarray(rest.length - 5));
    expect(peer.received()).toBe('');
    world.core.context.pausedUntilMs = 0;
    for (const client of world.core.context.clients.all()) {
      const session = client.stream.owner as Parameters<typeof world.sessions.resume>[0];
      if (session.held) world.sessions.resume(session);
    }
    expect(peer.received()).toBe('+OK\r\n$1\r\n1\r\n:2\r\n');
    expect(peer.paused).toBe(false);
    other.close();
  });

  it('closes a client whose incomplete command passes client-query-buffer-limit', () => {
    world.setting('client-query-buffer-limit', '1mb');
    peer.send(Buffer.concat([Buffer.from('*2\r\n$3\r\nGET\r\n$5000000\r\n'), Buffer.alloc(2_000_000)]));
    expect(peer.aborted).toBe(true);
    expect(world.log.join()).toContain('query buffer');
  });

  it('closes a client that does not take its replies, by client-output-buffer-limit', () => {
    world.setting('client-output-buffer-limit', 'normal 1mb 0 0');
    peer.send(request('SET', 'k', 'v'.repeat(60_000)));
    for (let i = 0; i < 40 && !peer.aborted; i++) peer.send(request('GET', 'k'));
    expect(peer.aborted).toBe(true);
    expect(world.core.context.stats.outputLimitDisconnections).toBe(1);
  });

  it('refuses clients beyond maxclients', () => {
    world.setting('maxclients', '1');
    const second = world.connect();
    expect(second.received()).toBe('-ERR max number of clients reached\r\n');
    expect(second.ended).toBe(true);
    second.close();
  });

  it('leaves out replies as CLIENT REPLY says', () => {
    const reply = (mode: string): Buffer => request('CLIENT', 'REPLY', mode);
    peer.send(Buffer.concat([reply('SKIP'), request('PING', 'a'), request('PING', 'b')]));
    expect(peer.received()).toBe('$1\r\nb\r\n');
    peer.send(Buffer.concat([reply('OFF'), request('PING'), request('GET', 'x'), reply('ON'), request('PING')]));
    expect(peer.received()).toBe('+OK\r\n+PONG\r\n');
  });

  it('never throws on random bytes, and serves the next client', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), fc.boolean(), (chunks, asRequest) => {
        const noisy = world.connect();
        for (const chunk of chunks)
          noisy.send(asRequest ? request(...chunks.map((c) => Buffer.from(c))) : Buffer.from(chunk));
        noisy.received();
        noisy.close();
      }),
      { numRuns: 300 },
    );
    peer.send(request('PING'));
    expect(peer.received()).toBe('+PONG\r\n');
  });
});
