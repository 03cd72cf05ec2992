/**
 * Every command with arguments from nowhere, for some seconds, against one server that lives through all of it: no handler
 * throws, every reply is whole, none is missing, and when the keys are gone no memory is left behind.
 *
 *   RTCP_HOSTILE_MS=60000 RTCP_TEST_SEED=5    for longer, and other commands
 */
import { expect, it } from 'vitest';
import { COMMAND_BLOCKING } from '../../src/lib/engine/command-table.ts';
import { findParameter, type Parameter } from '../../src/lib/server/config-table.ts';
import { replyEnd } from '../engine/redis-peer.ts';
import { HostileCommands, type Word } from './hostile-commands.ts';
import { type PeerStream, request, World } from './peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 1);
const FOR_MS = Number(process.env.RTCP_HOSTILE_MS ?? 8000);
const MAX_STEPS = 1_000_000;
const LIMIT_BYTES = 1 << 30;
/** No command may work so long, µs of this process: redis-server takes no longer for any of them. */
const SLOW_US = 3_000_000;
/** Scripts keep buffers for arguments, replies, and commands that wait for them. */
const SCRIPTS_KEEP_BYTES = 512 * 1024;
/** What would change the rules of the test itself. */
const LEFT_OUT = new Set(['client|pause', 'config|set', 'config|rewrite', 'shutdown', 'acl|load', 'acl|save']);
/** Groups whose commands answer more or less than once, or change what the client is. */
const WAITING = ['wait', 'waitaof'];
const OTHER_GROUPS = ['pubsub', 'connection', 'transactions', 'server'];
const SETTINGS = [
  'hash-max-listpack-entries',
  'hash-max-listpack-value',
  'set-max-intset-entries',
  'set-max-listpack-entries',
  'zset-max-listpack-entries',
  'list-max-listpack-size',
  'list-compress-depth',
  'stream-node-max-entries',
  'hll-sparse-max-bytes',
];

function show(words: Word[]): string {
  return JSON.stringify(words.map((word) => (typeof word === 'string' ? word : `0x${word.toString('hex')}`))).slice(
    0,
    2000,
  );
}

/** Number of replies in the bytes, but for pushes; -1 when they are not whole. */
function countReplies(bytes: Buffer): number {
  let count = 0;
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] !== 62) count++;
    at = replyEnd(bytes, at);
    if (at < 0) return -1;
  }
  return count;
}

function settle(world: World): void {
  const { engine } = world.core;
  for (let left = true, rounds = 0; (left || engine.values.reaper.pending > 0) && rounds < 100_000; rounds++) {
    left = engine.values.reaper.step(512);
    for (const database of engine.databases) left = database.freeStep(512) || left;
  }
}

it(
  'no handler throws, every reply is whole, nothing is left behind',
  () => {
    const world = new World();
    const { engine, context } = world.core;
    engine.arena.limitBytes = LIMIT_BYTES;
    world.config.load(findParameter('enable-debug-command') as Parameter, ['yes']);
    world.setting('proto-max-bulk-len', '64mb');
    const source = new HostileCommands(SEED, LEFT_OUT);
    const clear = (): number => {
      const last = world.connect();
      last.send(request('FLUSHALL'));
      expect(last.received()).toBe('+OK\r\n');
      last.close();
      settle(world);
      return engine.arena.usedBytes;
    };
    const atFirst = clear();
    let ordinary = world.connect();
    let other = world.connect();
    ordinary.send(request('DEBUG', 'SET-SKIP-CHECKSUM-VALIDATION', '1'));
    ordinary.received();
    const slow: string[] = [];
    const untilMs = performance.now() + FOR_MS;
    let step = 0;
    for (; step < MAX_STEPS && performance.now() < untilMs; step++) {
      if (step % 97 === 0) world.setting(SETTINGS[source.below(SETTINGS.length)], String(1 + source.below(200)));
      if (step % 50 === 0) world.clock.advance(1000);
      const { words, command, name } = source.next();
      const waits = (command.flags & COMMAND_BLOCKING) !== 0 || WAITING.includes(name);
      const plain = !OTHER_GROUPS.includes(command.spec.group) && !waits;
      const shown = `seed ${SEED} step ${step} ${show(words)}`;
      const peer: PeerStream = plain ? ordinary : other;
      const before = process.cpuUsage();
      let received: Buffer;
      try {
        peer.send(request(...words));
        received = Buffer.from(peer.received(), 'latin1');
      } catch (error) {
        throw new Error(`${shown}: ${(error as Error).stack}`);
      }
      const spent = process.cpuUsage(before);
      if (spent.user + spent.system > SLOW_US)
        slow.push(`${((spent.user + spent.system) / 1e6).toFixed(1)} s ${shown}`);
      const replies = countReplies(received);
      const gone = peer.owner === null || peer.ended || peer.aborted;
      if (replies < 0 && !gone) throw new Error(`${shown}: a broken reply ${received.toString('latin1', 0, 500)}`);
      if (plain && replies !== 1 && !gone) throw new Error(`${shown}: ${replies} replies`);
      if (name === 'dump' && received[0] === 36 && received.length > 20) {
        source.keepPayload(received.subarray(received.indexOf(10) + 1, -2));
      }
      if (ordinary.owner === null || ordinary.ended) {
        ordinary.close();
        ordinary = world.connect();
      }
      if (source.below(20) === 0 || other.owner === null || other.ended || other.aborted) {
        other.close();
        other = world.connect();
      }
      if (step % 5000 === 4999) {
        ordinary.close();
        ordinary = world.connect();
        expect([shown, clear()]).toEqual([shown, atFirst]);
      }
    }
    ordinary.close();
    other.close();
    expect(slow).toEqual([]);
    expect(step).toBeGreaterThan(FOR_MS / 20);
    expect([SEED, clear()]).toEqual([SEED, atFirst]);
    expect([context.clients.size, context.interest]).toEqual([0, 0]);
    expect(world.memory.extents.usedBytes).toBeLessThanOrEqual(SCRIPTS_KEEP_BYTES);
    expect(world.pool.available).toBe(world.pool.count);
  },
  FOR_MS + 60_000,
);
