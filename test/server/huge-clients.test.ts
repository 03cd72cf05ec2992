/**
 * Clients that make the server remember a great deal: it is remembered and forgotten in a time that grows no faster than its
 * amount, limits answer with errors, and when such a client is gone all memory is back.
 */
import { afterEach, expect, it } from 'vitest';
import { type PeerStream, request, World } from './peer.ts';

/** For what takes less than 2 s; what is quadratic would need minutes. */
const LIMIT_MS = 20_000;
const startedMs = { value: 0 };

const many = (count: number, words: (i: number) => string[]): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => request(...words(i))));

/** Sends commands, 10,000 at a time, and returns the last reply line. */
function ask(peer: PeerStream, count: number, words: (i: number) => string[]): string {
  let last = '';
  for (let done = 0; done < count; done += 10_000) {
    peer.send(many(Math.min(10_000, count - done), (i) => words(done + i)));
    last = peer.received().slice(-200);
  }
  return last;
}

function begin(extentBytes?: number): World {
  startedMs.value = performance.now();
  return new World(extentBytes);
}

/** Nothing is left of the clients: neither in the arena, whose use was `before`, nor in packet memory. */
function nothingLeft(world: World, before: number): void {
  const { context, engine } = world.core;
  while (engine.values.reaper.step(1000));
  expect(context.clients.size).toBe(0);
  expect(context.interest).toBe(0);
  expect(engine.keyListener).toBeNull();
  expect(engine.arena.usedBytes).toBe(before);
  expect(world.pool.available).toBe(world.pool.count);
  expect(world.memory.extents.usedBytes).toBe(0);
}

afterEach(() => expect(performance.now() - startedMs.value).toBeLessThan(LIMIT_MS));

it('200,000 commands queued in a transaction', () => {
  const world = begin();
  const before = world.core.engine.arena.usedBytes;
  const peer = world.connect();
  peer.send(request('MULTI'));
  expect(ask(peer, 200_000, (i) => ['INCRBY', 'n', String(i)])).toMatch(/\+QUEUED\r\n$/);
  expect(world.memory.extents.usedBytes).toBeGreaterThan(200_000 * 8);
  peer.close();
  nothingLeft(world, before);
});

it('a transaction of more than client-query-buffer-limit ends its client, and only that', () => {
  const world = begin();
  const before = world.core.engine.arena.usedBytes;
  world.setting('client-query-buffer-limit', '1mb');
  const peer = world.connect();
  const other = world.connect();
  peer.send(request('MULTI'));
  ask(peer, 50_000, (i) => ['SET', 'k', String(i)]);
  expect(world.log.join('\n')).toContain('Closing client that reached max query buffer length');
  other.send(request('EXISTS', 'k'));
  expect(other.received()).toBe(':0\r\n');
  peer.close();
  other.close();
  nothingLeft(world, before);
});

it('a transaction for which there is no packet memory is refused, and so is its EXEC', () => {
  const world = begin();
  const before = world.core.engine.arena.usedBytes;
  const peer = world.connect();
  const held: number[] = []; // somebody else has all of it but 1 MiB
  for (let at = world.memory.extents.alloc(1 << 20); at !== 0; at = world.memory.extents.alloc(1 << 20)) held.push(at);
  world.memory.extents.free(held.pop() as number, 1 << 20);
  peer.send(request('MULTI'));
  const value = 'v'.repeat(10_000);
  peer.send(many(300, () => ['SET', 'k', value]));
  const lines = peer.received().split('\r\n');
  expect(lines.filter((line) => line === '+QUEUED').length).toBeGreaterThan(20);
  expect(lines.find((line) => line.startsWith('-'))).toMatch(/^-OOM /);
  peer.send(request('EXEC'));
  expect(peer.received()).toMatch(/^-EXECABORT /);
  peer.send(request('EXISTS', 'k'));
  expect(peer.received()).toBe(':0\r\n');
  peer.close();
  for (const at of held) world.memory.extents.free(at, 1 << 20);
  nothingLeft(world, before);
});

it('100,000 subscriptions and as many patterns', () => {
  const world = begin();
  const before = world.core.engine.arena.usedBytes;
  const peer = world.connect();
  ask(peer, 100_000, (i) => ['SUBSCRIBE', `channel${i}`]);
  expect(ask(peer, 100_000, (i) => ['PSUBSCRIBE', `pattern${i}*`])).toMatch(/:200000\r\n$/);
  const { pubsub } = world.core.context;
  expect([pubsub.channels.size, pubsub.patterns.size]).toEqual([100_000, 100_000]);
  peer.close();
  expect([pubsub.channels.size, pubsub.patterns.size]).toEqual([0, 0]);
  nothingLeft(world, before);
});

it('100,000 watched keys', () => {
  const world = begin();
  const before = world.core.engine.arena.usedBytes;
  const peer = world.connect();
  ask(peer, 100_000, (i) => ['WATCH', `key${i}`]);
  expect(world.core.context.watches.keyCount).toBe(100_000);
  peer.close();
  expect(world.core.context.watches.keyCount).toBe(0);
  nothingLeft(world, before);
});

it('100,000 tracked keys more than the table may have', () => {
  const world = begin();
  const before = world.core.engine.arena.usedBytes;
  world.setting('tracking-table-max-keys', '100000');
  const peer = world.connect();
  const { tracking } = world.core.context;
  peer.send(Buffer.concat([request('HELLO', '3'), request('CLIENT', 'TRACKING', 'ON')]));
  const startMs = performance.now();
  ask(peer, 100_000, (i) => ['GET', `key${i}`]);
  const filledMs = performance.now() - startMs;
  expect(tracking.keyCount).toBe(100_000);
  const second = world.connect();
  second.send(Buffer.concat([request('HELLO', '3'), request('CLIENT', 'TRACKING', 'ON')]));
  peer.received();
  const fullMs = performance.now();
  ask(second, 100_000, (i) => ['GET', `other${i}`]);
  // Were the oldest looked for behind all those that went before, it would take five to eight times as long (measured).
  expect(performance.now() - fullMs).toBeLessThan(3 * filledMs + 300);
  expect(tracking.keyCount).toBe(100_000);
  const told = peer.received();
  expect(told.startsWith('>2\r\n$10\r\ninvalidate\r\n*1\r\n$4\r\nkey0\r\n>2\r\n')).toBe(true); // the oldest first
  expect(told.endsWith('$8\r\nkey99999\r\n')).toBe(true);
  peer.close();
  second.close();
  expect([tracking.keyCount, tracking.itemCount]).toEqual([0, 0]);
  nothingLeft(world, before);
});

it.each(['in the order in which they came', 'the last one first'])(
  '10,000 clients blocked by keys vanish, %s',
  (order) => {
    const world = begin(256 << 20);
    const before = world.core.engine.arena.usedBytes;
    const clients = 10_000;
    world.setting('maxclients', String(clients + 1));
    const peers = Array.from({ length: clients }, (_, i) => {
      const peer = world.connect();
      peer.send(request('BLPOP', 'queue', `own${i}`, i % 2 === 0 ? '0' : '1000'));
      return peer;
    });
    const { blocked } = world.core.context;
    expect(blocked.count).toBe(clients);
    const actor = world.connect();
    for (let i = 0; i < 1000; i++) {
      actor.send(request('RPUSH', 'queue', String(i)));
      expect(peers[i].received()).toBe(`*2\r\n$5\r\nqueue\r\n$${String(i).length}\r\n${i}\r\n`);
    }
    expect(blocked.count).toBe(clients - 1000);
    actor.close();
    if (order === 'the last one first') peers.reverse();
    for (const peer of peers) peer.close();
    expect([blocked.count, blocked.keyCount, blocked.deadlineCount]).toEqual([0, 0, 0]);
    nothingLeft(world, before);
  },
);
