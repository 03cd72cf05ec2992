/** What clients do to each other and to themselves: CLIENT, MONITOR, RESET, QUIT. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type PeerStream, request, World } from './peer.ts';

let world: World;
let peer: PeerStream;
let other: PeerStream;

beforeEach(() => {
  world = new World();
  peer = world.connect();
  other = world.connect();
});
afterEach(() => {
  peer.close();
  other.close();
  expect(world.core.context.clients.size).toBe(0);
  expect(world.pool.available).toBe(world.pool.count);
});

function ask(stream: PeerStream, line: string): string {
  stream.send(request(...line.split(' ')));
  return stream.received();
}

/** The text of a bulk string. */
const bulk = (reply: string): string => reply.slice(reply.indexOf('\r\n') + 2, -2);

/** A CLIENT LIST line as a map of its fields. */
const fields = (line: string): Record<string, string> =>
  Object.fromEntries(
    line
      .trim()
      .split(' ')
      .map((field) => field.split('=')),
  );

const list = (): Record<string, string>[] => bulk(ask(peer, 'CLIENT LIST')).trim().split('\n').map(fields);

describe('CLIENT LIST', () => {
  it('has a line for each client, in the order in which they came', () => {
    ask(other, 'SELECT 3');
    ask(other, 'CLIENT SETNAME second');
    ask(other, 'CLIENT SETINFO lib-name some-client');
    ask(other, 'CLIENT SETINFO LIB-VER 1.2.3');
    ask(other, 'HELLO 3');
    const [first, second] = list();
    expect(first).toMatchObject({ id: '1', cmd: 'client|list', flags: 'N', db: '0', resp: '2', name: '' });
    expect(second).toMatchObject({
      id: '2',
      addr: '192.0.2.1:40000',
      laddr: '192.0.2.2:6379',
      fd: '8',
      cmd: 'hello',
      db: '3',
      resp: '3',
      name: 'second',
      user: 'default',
      'lib-name': 'some-client',
      'lib-ver': '1.2.3',
    });
  });

  it('says how old and how idle a client is', () => {
    world.clock.advance(5_000_000);
    world.core.engine.nowMs = world.clock.wallMs();
    ask(other, 'PING');
    world.clock.advance(2_000_000);
    world.core.engine.nowMs = world.clock.wallMs();
    expect(list()[1]).toMatchObject({ age: '7', idle: '2' });
  });

  it('shows flags', () => {
    ask(other, 'CLIENT NO-EVICT on');
    ask(other, 'CLIENT NO-TOUCH on');
    expect(list()[1].flags).toBe('eT');
    ask(other, 'MONITOR');
    expect(list()[1].flags).toBe('OeT');
  });

  it('chooses by id and by type', () => {
    expect(fields(bulk(ask(peer, 'CLIENT LIST ID 2 77'))).id).toBe('2');
    expect(bulk(ask(peer, 'CLIENT LIST TYPE normal')).trim().split('\n')).toHaveLength(2);
    expect(bulk(ask(peer, 'CLIENT LIST TYPE master'))).toBe('');
    expect(fields(bulk(ask(other, 'CLIENT INFO'))).id).toBe('2');
  });
});

describe('CLIENT SETINFO', () => {
  it.each([
    ['foo x', "-ERR Unrecognized option 'foo'\r\n"],
    ['Lib-Name a\tb', '-ERR Lib-Name cannot contain spaces, newlines or special characters.\r\n'],
    ['lib-ver a\u00e9', '-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n'],
    ['lib-name x y', "-ERR wrong number of arguments for 'client|setinfo' command\r\n"],
  ])('%s is refused', (words, reply) => {
    expect(ask(peer, `CLIENT SETINFO ${words}`)).toBe(reply);
  });

  it('survives RESET, the name does not', () => {
    ask(peer, 'CLIENT SETINFO lib-name lib');
    ask(peer, 'CLIENT SETNAME me');
    expect(ask(peer, 'RESET')).toBe('+RESET\r\n');
    expect(list()[0]).toMatchObject({ 'lib-name': 'lib', name: '' });
  });
});

describe('CLIENT KILL', () => {
  it('closes the others that match, and says how many', () => {
    expect(ask(peer, 'CLIENT KILL ID 2')).toBe(':1\r\n');
    expect(other.ended).toBe(true);
    expect(peer.ended).toBe(false);
    expect(list()).toHaveLength(1);
  });

  it('spares the caller unless SKIPME no', () => {
    expect(ask(peer, 'CLIENT KILL TYPE normal')).toBe(':1\r\n');
    expect(peer.ended).toBe(false);
    expect(ask(peer, 'CLIENT KILL LADDR 192.0.2.2:6379 SKIPME no')).toBe(':1\r\n');
    expect(peer.ended).toBe(true);
  });

  it('in the old form hits the caller, too, who still gets the answer', () => {
    expect(ask(peer, 'CLIENT KILL 192.0.2.1:40000')).toBe('+OK\r\n');
    expect([peer.ended, other.ended]).toEqual([true, true]);
  });

  it('executes nothing of a client that was closed in the same burst', () => {
    const { memory, frame } = world;
    const one = request('CLIENT', 'KILL', 'ID', '2');
    const two = request('SET', 'x', '1');
    memory.u8.set(one, frame);
    memory.u8.set(two, frame + 1000);
    world.sessions.onData(peer, frame, one.length);
    world.sessions.onData(other, frame + 1000, two.length);
    world.sessions.flush();
    expect(peer.received()).toBe(':1\r\n');
    expect(ask(peer, 'EXISTS x')).toBe(':0\r\n');
  });
});

describe('CLIENT REPLY', () => {
  it('OFF silences everything until ON, which is answered', () => {
    peer.send(Buffer.concat(['OFF', 'ON'].map((mode) => request('CLIENT', 'REPLY', mode))));
    expect(peer.received()).toBe('+OK\r\n');
    ask(peer, 'CLIENT REPLY OFF');
    expect(ask(peer, 'PING')).toBe('');
    expect(ask(peer, 'NOSUCH')).toBe('');
    expect(ask(peer, 'CLIENT REPLY SKIP')).toBe('');
    expect(ask(peer, 'PING')).toBe('');
    expect(ask(peer, 'CLIENT REPLY ON')).toBe('+OK\r\n');
    expect(ask(peer, 'PING')).toBe('+PONG\r\n');
  });

  it('SKIP leaves out the next reply only, pipelined or not', () => {
    const skip = request('CLIENT', 'REPLY', 'SKIP');
    peer.send(Buffer.concat([skip, request('PING'), request('ECHO', 'x')]));
    expect(peer.received()).toBe('$1\r\nx\r\n');
    expect(ask(peer, 'CLIENT REPLY SKIP')).toBe('');
    expect(ask(peer, 'PING')).toBe('');
    expect(ask(peer, 'PING')).toBe('+PONG\r\n');
  });

  it('is over with RESET', () => {
    ask(peer, 'CLIENT REPLY OFF');
    expect(ask(peer, 'RESET')).toBe('+RESET\r\n');
    expect(ask(peer, 'PING')).toBe('+PONG\r\n');
  });
});

describe('CLIENT PAUSE', () => {
  it('prolongs and tightens, never shortens or loosens', () => {
    const { context, engine } = world.core;
    ask(peer, 'CLIENT PAUSE 1000 WRITE');
    expect([context.pausedUntilMs - engine.nowMs, context.pauseWritesOnly]).toEqual([1000, true]);
    ask(peer, 'CLIENT PAUSE 500 WRITE');
    expect(context.pausedUntilMs - engine.nowMs).toBe(1000);
    context.pausedUntilMs = 0; // as the shard does when the time is over
    ask(peer, 'CLIENT PAUSE 100 ALL');
    expect(context.pauseWritesOnly).toBe(false);
  });

  it('WRITE holds writes and lets reads pass', () => {
    ask(peer, 'CLIENT PAUSE 1000 WRITE');
    expect(ask(peer, 'GET x')).toBe('$-1\r\n');
    expect(ask(peer, 'SET x 1')).toBe('');
    expect(peer.paused).toBe(true);
    expect(ask(other, 'CLIENT UNPAUSE')).toBe('+OK\r\n');
  });
});

describe('MONITOR', () => {
  const STAMP = /^\+\d+\.\d{6} /gm;
  const shown = (stream: PeerStream): string[] => stream.received().replace(STAMP, '').split('\r\n').slice(0, -1);

  it('shows commands of all databases in the form of redis-server', () => {
    expect(ask(other, 'MONITOR')).toBe('+OK\r\n');
    peer.send(request('SET', 'a\x01"\\\n\x7f\xff', ''));
    ask(peer, 'SELECT 3');
    ask(peer, 'get x');
    expect(other.received()).toMatch(
      /^\+1700000000\.\d{6} \[0 192\.0\.2\.1:40000\] "SET" "a\\x01\\"\\\\\\n\\x7f\\xff" ""\r\n/,
    );
    ask(peer, 'get x');
    expect(shown(other)).toEqual(['[3 192.0.2.1:40000] "get" "x"']);
  });

  it('hides passwords, administration and what was refused', () => {
    ask(other, 'MONITOR');
    ask(peer, 'AUTH secret');
    ask(peer, 'AUTH default secret');
    ask(peer, 'HELLO 3 AUTH default secret SETNAME me');
    ask(peer, 'HELLO 3 SETNAME auth AUTH default secret');
    ask(peer, 'CONFIG SET masterauth secret');
    ask(peer, 'DEBUG SLEEP 0');
    ask(peer, 'GET');
    ask(peer, 'NOSUCH x');
    expect(shown(other)).toEqual([
      '[0 192.0.2.1:40000] "AUTH" "(redacted)"',
      '[0 192.0.2.1:40000] "AUTH" "(redacted)" "(redacted)"',
      '[0 192.0.2.1:40000] "HELLO" "3" "AUTH" "(redacted)" "(redacted)" "SETNAME" "me"',
      '[0 192.0.2.1:40000] "HELLO" "3" "SETNAME" "auth" "AUTH" "(redacted)" "(redacted)"',
    ]);
  });

  it('shows a monitor its own commands behind their replies, and ends with RESET or the connection', () => {
    ask(other, 'MONITOR');
    expect(ask(other, 'PING')).toMatch(/^\+PONG\r\n\+[\d.]+ \[0 [\d.:]+\] "PING"\r\n$/);
    expect(ask(other, 'MONITOR')).toBe('');
    expect(ask(other, 'RESET')).toBe('+RESET\r\n');
    ask(peer, 'PING');
    expect(other.received()).toBe('');
    ask(other, 'MONITOR');
    other.close();
    expect(world.core.context.clients.monitors.size > 0).toBe(false);
    expect(ask(peer, 'PING')).toBe('+PONG\r\n');
  });

  it('closes a monitor that does not read', () => {
    world.setting('client-output-buffer-limit', 'normal 100kb 0 0');
    other.send(request('MONITOR'));
    for (let i = 0; i < 3 && !other.aborted; i++) ask(peer, `ECHO ${'x'.repeat(50_000)}`);
    expect(other.aborted).toBe(true);
    expect(world.core.context.clients.monitors.size > 0).toBe(false);
  });
});

describe('the end of a connection', () => {
  it('QUIT is answered, and nothing behind it runs', () => {
    peer.send(Buffer.concat([request('QUIT'), request('SET', 'x', '1')]));
    expect(peer.received()).toBe('+OK\r\n');
    expect(peer.ended).toBe(true);
    expect(ask(other, 'EXISTS x')).toBe(':0\r\n');
  });

  it('comes after `timeout` seconds of silence, but not for monitors', () => {
    world.setting('timeout', '10');
    ask(other, 'MONITOR');
    const third = world.connect();
    world.core.context.cron(world.clock.wallMs() + 10_000);
    expect(third.ended).toBe(false);
    ask(peer, 'PING');
    world.core.context.cron(world.clock.wallMs() + 10_001);
    expect([third.ended, other.ended]).toEqual([true, false]);
  });

  it('comes soon for who does not authenticate and does not read', () => {
    world.setting('requirepass', 'x');
    const stranger = world.connect();
    for (let i = 0; i < 100 && !stranger.aborted; i++) stranger.send('PING\r\n'.repeat(100));
    expect(stranger.aborted).toBe(true);
  });

  it('comes when more waits than the soft limit for its seconds', () => {
    world.setting('client-output-buffer-limit', 'normal 0 10kb 5');
    other.send(request('ECHO', 'x'.repeat(20_000)));
    const { context, engine } = world.core;
    const startMs = engine.nowMs;
    for (const ms of [0, 5000]) {
      engine.nowMs = startMs + ms;
      context.cron(engine.nowMs);
    }
    expect(other.aborted).toBe(false);
    engine.nowMs = startMs + 5001;
    context.cron(engine.nowMs);
    expect(other.aborted).toBe(true);
  });
});

describe('CLIENT PAUSE WRITE', () => {
  it.each([
    ['SET k v', true],
    ['GET k', false],
    ['PUBLISH c x', true],
    ['PFCOUNT k', true],
    ['EVAL return(1) 0', true],
    ['EVAL_RO return(1) 0', false],
    ['XGROUP CREATE k g $ MKSTREAM', true],
    ['XINFO STREAM k', false],
    ['OBJECT ENCODING k', false],
    ['MULTI', false],
  ])('%s waits: %s', (line, waits) => {
    ask(peer, 'CLIENT PAUSE 1000 WRITE');
    expect(ask(other, line) === '').toBe(waits);
    world.core.context.pausedUntilMs = 0;
  });

  it('a transaction waits at its EXEC, when there is a write inside', () => {
    ask(peer, 'CLIENT PAUSE 1000 WRITE');
    for (const line of ['MULTI', 'GET k']) ask(other, line);
    expect(ask(other, 'EXEC')).toBe('*1\r\n$-1\r\n');
    for (const line of ['MULTI', 'SET k v']) ask(other, line);
    expect(ask(other, 'EXEC')).toBe('');
    world.core.context.pausedUntilMs = 0;
  });
});
