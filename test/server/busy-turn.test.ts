/** Turns inside a script that runs for too long: what arrives in them, and what they must leave as it was. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { interrupt } from '../../src/lib/server/interruption.ts';
import { type PeerStream, request, World } from './peer.ts';

const BUSY = '-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n';
const KILLED = '-ERR Script killed by user with SCRIPT KILL. script: ';
const forEver = request('EVAL', 'while true do end', '0');

let world: World;
let client: PeerStream;
let other: PeerStream;
beforeEach(() => {
  world = new World();
  world.setting('busy-reply-threshold', '10');
  let us = 0;
  // each look at the clock finds it a millisecond later
  Object.defineProperty(world.clock, 'nowUs', {
    value: () => {
      us += 1000;
      return us;
    },
  });
  client = world.connect();
  other = world.connect();
});
afterEach(() => {
  client.close();
  other.close();
  expect(world.core.context.clients.size).toBe(0);
});

/** What happens in each turn inside a script; the last one is repeated. */
function inside(...turns: (() => void)[]): void {
  const { context, dispatcher } = world.core;
  let n = 0;
  context.busyTurn = () => interrupt(context, dispatcher, turns[Math.min(n++, turns.length - 1)]);
}

const kill = (): void => other.send(request('SCRIPT', 'KILL'));

test('its own client is served in order: what was sent behind the script, and what comes while it runs', () => {
  const long = 'x'.repeat(100_000);
  inside(
    () => client.send(request('SET', 'k', long)),
    () => client.send(Buffer.concat([request('STRLEN', 'k'), request('EVAL', "return redis.call('incr','n')", '0')])),
    kill,
  );
  client.send(Buffer.concat([request('INCR', 'n'), forEver, request('INCR', 'n'), request('GET', 'nothing')]));
  const [first, error, ...rest] = client.received().split('\r\n');
  expect([first, rest]).toEqual([':1', [':2', '$-1', '+OK', ':100000', ':3', '']]);
  expect(error).toContain(KILLED.trim());
  expect(other.received()).toBe('+OK\r\n');
});

test('one script after the other in one segment: each may be long, none is lost', () => {
  const script = (i: number): Buffer => request('EVAL', `return {KEYS[1],ARGV[1]}`, '1', `key${i}`, `value${i}`);
  const scripts = Array.from({ length: 500 }, (_, i) => script(i));
  scripts.splice(250, 0, forEver);
  inside(kill);
  client.send(Buffer.concat(scripts));
  const parts = client.received().split(/(?=\*2\r\n|-ERR[^\n]*\n)/);
  expect(parts.length).toBe(501);
  expect(parts[0]).toBe('*2\r\n$4\r\nkey0\r\n$6\r\nvalue0\r\n');
  expect(parts[250]).toContain(KILLED);
  expect(parts[500]).toBe('*2\r\n$6\r\nkey499\r\n$8\r\nvalue499\r\n');
  expect(other.received()).toBe('+OK\r\n');
});

test('scripts of the same burst are not run inside it', () => {
  const third = world.connect();
  inside(() => {}, kill);
  const at = world.frame;
  const both = [forEver, Buffer.concat([request('EVAL', 'return 1', '0'), request('GET', 'k')])];
  world.memory.u8.set(Buffer.concat(both), at);
  world.sessions.onData(client, at, both[0].length);
  world.sessions.onData(third, at + both[0].length, both[1].length);
  world.memory.u8.fill(0x55, at, at + both[0].length); // nothing of the frames is needed any more
  world.sessions.flush();
  expect(client.received()).toContain(KILLED);
  expect(third.received()).toBe(BUSY + BUSY);
  third.send(request('EVAL', 'return 1', '0'));
  expect(third.received()).toBe(':1\r\n');
  third.close();
});

test('the reply of a transaction goes on where it was; what was counted is not counted twice', () => {
  inside(() => other.send(Buffer.concat([request('GET', 'k'), request('NOSUCH'), request('SCRIPT', 'KILL')])));
  const script = request('EVAL', "return {redis.call('ping'),pcall(function() while true do end end)}", '0');
  client.send(
    Buffer.concat([request('MULTI'), request('SELECT', '3'), script, request('SET', 'k', 'v'), request('EXEC')]),
  );
  const reply = client.received();
  expect(reply).toMatch(
    /^\+OK\r\n(\+QUEUED\r\n){3}\*3\r\n\+OK\r\n\*3\r\n\+PONG\r\n\$-1\r\n\$43\r\nERR Script killed [^\n]*\n\+OK\r\n$/,
  );
  expect(other.received()).toBe(`${BUSY}-ERR unknown command 'NOSUCH', with args beginning with: \r\n+OK\r\n`);
  other.send(Buffer.concat([request('SELECT', '3'), request('GET', 'k')]));
  expect(other.received()).toBe('+OK\r\n$1\r\nv\r\n');
  expect(world.core.context.stats.errorReplies).toBe(2); // BUSY and the unknown command
  const { commandStats } = world.core.context;
  expect(commandStats.failed.reduce((sum, n) => sum + n, 0)).toBe(0);
});

test('keys that it has changed wake those who wait for them when it is done, and not before', () => {
  const waiting = world.connect();
  waiting.send(request('BLPOP', 'list', '0'));
  const seen: string[] = [];
  inside(
    () => {
      other.send(Buffer.concat([request('WATCH', 'list'), request('HELLO', '3')]));
      seen.push(waiting.received());
    },
    () => world.core.context.scripting.abandon(),
  );
  client.send(request('EVAL', "redis.call('rpush','list','a') while true do end", '0'));
  expect(seen).toEqual(['']);
  expect(waiting.received()).toBe('*2\r\n$4\r\nlist\r\n$1\r\na\r\n');
  waiting.close();
});

test.each([false, true])('its client leaves (in a transaction: %s)', (transaction) => {
  const before = world.memory.extents.usedBytes;
  inside(() => client.close(), kill);
  const script = request('EVAL', "pcall(function() while true do end end) return redis.call('set','a','b')", '0');
  const all = transaction
    ? [request('MULTI'), request('SUBSCRIBE', 'c'), script, request('SET', 'k', 'v'), request('EXEC')]
    : [script];
  client.send(Buffer.concat(all));
  expect(client.queue.totalBytes).toBe(0);
  expect(world.core.context.clients.size).toBe(1);
  other.send(request('GET', 'k'));
  expect(other.received()).toBe(`+OK\r\n${transaction ? '$1\r\nv\r\n' : '$-1\r\n'}`);
  world.core.context.scripting.scripts.flush();
  // The block of waiting scripts is kept, and nothing else.
  expect(world.memory.extents.usedBytes - before).toBeLessThanOrEqual(65_536);
});

test('CLIENT PAUSE and a limit on memory change nothing about what is answered', () => {
  world.setting('maxmemory', '1');
  inside(() => {
    world.core.context.pausedUntilMs = Number.POSITIVE_INFINITY;
    other.send(Buffer.concat([request('SET', 'k', 'v'), request('SCRIPT', 'KILL')]));
    world.core.context.pausedUntilMs = 0;
  });
  client.send(forEver);
  expect(other.received()).toBe(`${BUSY}+OK\r\n`);
  expect(client.received()).toContain(KILLED);
});
