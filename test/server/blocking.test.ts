/**
 * Clients that wait for keys. The command is GETDEL with a handler of this file, which waits when the key isn't there: what
 * is tested is the waiting, for any command.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TimeoutAnswer } from '../../src/lib/engine/blocking.ts';
import { findCommand } from '../../src/lib/engine/command-table.ts';
import type { Engine, Handler } from '../../src/lib/engine/engine.ts';
import { lookupWrite, remove, TYPE_STRING } from '../../src/lib/engine/keys.ts';
import { replyString } from '../../src/lib/engine/string/value.ts';
import { type PeerStream, request, World } from './peer.ts';

let world: World;
let peers: PeerStream[];
let timeoutMs: number;
let onTimeout: TimeoutAnswer;

/** GETDEL key: waits for the key when it isn't there. */
function pop(engine: Engine, arg: number): void {
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  if (ref !== 0) {
    replyString(engine, ref);
    remove(engine, engine.db, ref);
    return;
  }
  const deadlineMs = timeoutMs === 0 ? 0 : engine.nowMs + timeoutMs;
  const waits = engine.blocker.block({ keys: [arg + 1], type: TYPE_STRING, deadlineMs, onTimeout });
  if (!waits) engine.reply.nil();
}

beforeEach(() => {
  world = new World();
  const handlers = Reflect.get(world.core.context.runner as object, 'handlers') as Handler[];
  const id = findCommand('getdel')?.id as number;
  handlers[id] = pop;
  (Reflect.get(world.core.dispatcher, 'barrier') as Uint8Array)[id] = 1; // as blocking commands are
  peers = [0, 1, 2, 3].map(() => world.connect());
  timeoutMs = 0;
  onTimeout = 'nil';
});
afterEach(() => {
  for (const peer of peers) peer.close();
  const { context, engine } = world.core;
  expect(context.clients.size).toBe(0);
  expect(context.blocked.count).toBe(0);
  expect(context.blocked.keyCount).toBe(0);
  expect(context.blocked.deadlineCount).toBe(0);
  expect(engine.keyListener).toBeNull();
  expect(world.pool.available).toBe(world.pool.count);
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

const info = (field: string): string => new RegExp(`${field}:(.*)\r`).exec(say(3, 'INFO all'))?.[1] ?? '';

describe('a client that waits for a key', () => {
  it('is answered when the key appears, once', () => {
    expect(say(0, 'GETDEL k')).toBe('');
    expect(say(1, 'SET other v')).toBe('+OK\r\n');
    expect(peers[0].received()).toBe('');
    expect(say(1, 'SET k v')).toBe('+OK\r\n');
    expect(peers[0].received()).toBe('$1\r\nv\r\n');
    expect(say(1, 'EXISTS k')).toBe(':0\r\n');
    expect(say(0, 'PING')).toBe('+PONG\r\n');
  });

  it('comes after those who came before it', () => {
    for (const i of [2, 0, 1]) say(i, 'GETDEL k');
    for (const [i, value] of [
      [2, 'a'],
      [0, 'b'],
      [1, 'c'],
    ] as const) {
      say(3, `SET k ${value}`);
      expect(peers.map((peer) => peer.received())).toEqual(peers.map((_, k) => (k === i ? `$1\r\n${value}\r\n` : '')));
    }
  });

  it('keeps its later commands waiting, and then runs them in order', () => {
    say(0, 'GETDEL k');
    peers[0].send(Buffer.concat([request('ECHO', 'one'), request('GETDEL', 'k2'), request('ECHO', 'two')]));
    peers[0].send('*2\r\n$4\r\nECHO\r\n$5\r\nth');
    expect(peers[0].received()).toBe('');
    say(1, 'SET k v');
    expect(peers[0].received()).toBe('$1\r\nv\r\n$3\r\none\r\n');
    peers[0].send('ree\r\n');
    say(1, 'SET k2 w');
    expect(peers[0].received()).toBe('$1\r\nw\r\n$3\r\ntwo\r\n$5\r\nthree\r\n');
  });

  it('does not wake for a key of that name in another database, nor miss one that moves in', () => {
    say(0, 'GETDEL k');
    say(1, 'SELECT 1');
    say(1, 'SET k v');
    expect(peers[0].received()).toBe('');
    expect(say(1, 'MOVE k 0')).toBe(':1\r\n');
    expect(peers[0].received()).toBe('$1\r\nv\r\n');
  });

  it.each([
    ['RENAME', 'SET x v', 'RENAME x k'],
    ['COPY', 'SET x v', 'COPY x k'],
    ['SWAPDB', 'PING', 'SWAPDB 0 1'],
    ['APPEND', 'PING', 'APPEND k v'],
  ])('wakes by %s', (_, prepare, command) => {
    say(2, 'SELECT 1');
    say(2, 'SET k v');
    say(0, 'GETDEL k');
    say(1, prepare);
    say(1, command);
    expect(peers[0].received()).toBe('$1\r\nv\r\n');
  });

  it('wakes when another client that was served makes its key', () => {
    say(0, 'GETDEL k');
    say(1, 'GETDEL k2');
    peers[0].send(request('SET', 'k2', 'w'));
    say(2, 'SET k v');
    expect(peers[0].received()).toBe('$1\r\nv\r\n+OK\r\n');
    expect(peers[1].received()).toBe('$1\r\nw\r\n');
  });

  it('is answered after its time', () => {
    timeoutMs = 500;
    say(0, 'GETDEL k');
    onTimeout = 'nilArray';
    timeoutMs = 200;
    say(1, 'GETDEL k');
    pass(199);
    expect(peers[1].received()).toBe('');
    pass(1);
    expect(peers[1].received()).toBe('*-1\r\n');
    expect(peers[0].received()).toBe('');
    pass(300);
    expect(peers[0].received()).toBe('$-1\r\n');
    expect(say(0, 'PING')).toBe('+PONG\r\n');
  });

  it('keeps its deadline and its place when it is woken for nothing', () => {
    timeoutMs = 500;
    say(0, 'GETDEL k');
    pass(300);
    timeoutMs = 0;
    say(1, 'GETDEL k');
    peers[2].send(Buffer.concat([request('SET', 'k', 'v'), request('DEL', 'k')])); // k goes to the first
    expect(peers[0].received()).toBe('$1\r\nv\r\n');
    timeoutMs = 500;
    say(0, 'GETDEL k');
    pass(499);
    expect(peers[0].received()).toBe('');
    pass(1);
    expect(peers[0].received()).toBe('$-1\r\n');
    say(2, 'SET k w');
    expect(peers[1].received()).toBe('$1\r\nw\r\n');
  });

  it('is unblocked by CLIENT UNBLOCK', () => {
    expect(say(1, 'CLIENT UNBLOCK 1')).toBe(':0\r\n');
    say(0, 'GETDEL k');
    expect(say(1, 'CLIENT UNBLOCK 1')).toBe(':1\r\n');
    expect(peers[0].received()).toBe('$-1\r\n');
    say(0, 'GETDEL k');
    expect(say(1, 'CLIENT UNBLOCK 1 ERROR')).toBe(':1\r\n');
    expect(peers[0].received()).toBe('-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n');
    expect(say(1, 'CLIENT UNBLOCK 1 timeout')).toBe(':0\r\n');
    expect(say(1, 'CLIENT UNBLOCK 1 x')).toBe('-ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR\r\n');
    expect(say(1, 'CLIENT UNBLOCK x')).toBe('-ERR value is not an integer or out of range\r\n');
  });

  it('is forgotten when it is killed, or when its peer goes away', () => {
    for (const i of [0, 1, 2]) say(i, 'GETDEL k');
    expect(say(3, 'CLIENT KILL ID 1')).toBe(':1\r\n');
    world.sessions.onEnd(peers[1]);
    expect(peers[1].ended).toBe(true);
    peers[2].close();
    expect(info('blocked_clients')).toBe('0');
    expect(say(3, 'SET k v')).toBe('+OK\r\n');
    expect(say(3, 'GET k')).toBe('$1\r\nv\r\n');
  });

  it('counts in INFO and CLIENT LIST', () => {
    say(0, 'GETDEL k');
    timeoutMs = 100;
    say(1, 'GETDEL k2');
    expect(info('blocked_clients')).toBe('2');
    expect(info('total_blocking_keys')).toBe('2');
    expect(info('clients_in_timeout_table')).toBe('1');
    expect(say(3, 'CLIENT LIST').match(/flags=\w+/g)).toEqual(['flags=b', 'flags=b', 'flags=N', 'flags=N']);
    expect(info('cmdstat_getdel')).toBe('');
    pass(100);
    expect(info('cmdstat_getdel')).toContain('calls=1,');
  });

  it('is answered once even with CLIENT REPLY SKIP before it, and not at all then', () => {
    say(0, 'CLIENT REPLY SKIP');
    say(0, 'GETDEL k');
    say(1, 'SET k v');
    expect(say(0, 'PING')).toBe('+PONG\r\n');
  });
});

it('hundreds of clients that wait for one key are served one by one, and forgotten', () => {
  timeoutMs = 1000;
  const many = Array.from({ length: 200 }, () => world.connect());
  for (const peer of many) peer.send(request('GETDEL', 'k'));
  for (let i = 0; i < 50; i++) say(0, `SET k ${i}`);
  expect(many.slice(0, 51).map((peer) => peer.received())).toEqual(
    Array.from({ length: 51 }, (_, i) => (i < 50 ? `$${String(i).length}\r\n${i}\r\n` : '')),
  );
  pass(1000);
  expect(many.slice(50).every((peer) => peer.received() === '$-1\r\n')).toBe(true);
  for (const peer of many) peer.close();
});
