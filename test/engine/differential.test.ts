/**
 * The string and generic commands side by side with redis-server: the same seeded stream of commands to both, every reply
 * compared byte by byte. What may differ is in one table, with the reason.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TYPE_STRING } from '../../src/lib/engine/keys.ts';
import { stringEncoding } from '../../src/lib/engine/string/value.ts';
import { Harness } from './harness.ts';
import { CommandStream, type Word } from './random-commands.ts';
import { type Parsed, parseReply, RedisPeer } from './redis-peer.ts';

const COMMANDS = 50_000;
const CHUNK = 250;
const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_240_711);
/** By so much may the two clocks differ. */
const CLOCK_TOLERANCE_MS = 60_000;
/** Times to live beyond this many ms or seconds are cut short here: 2^53 ms, less what has passed since 1970. */
const FARTHEST = 9_005_000_000_000;

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

/** Replies that may differ from redis-server 7.0, by command: how they are compared instead, and why. */
const COMPARED_OTHERWISE: Record<
  string,
  { why: string; same: (ours: Parsed, theirs: Parsed, command: Word[]) => boolean }
> = {
  KEYS: { why: 'the order is that of the hash table', same: sameElements },
  SCAN: {
    why: 'the order is that of the hash table, and a cursor that is not 0 means nothing to the other server',
    same: (ours, theirs, command) =>
      typeof ours === 'string' || typeof theirs === 'string'
        ? ours === theirs
        : Number(command[1]) !== 0 || (ours[0] === theirs[0] && sameElements(ours[1], theirs[1])),
  },
  RANDOMKEY: { why: 'a key at random', same: (ours, theirs) => (ours === 'nil') === (theirs === 'nil') },
  // Deadlines are kept below 2^53 ms, redis-server's below 2^63.
  TTL: { why: 'time goes on in between', same: (ours, theirs) => near(ours, theirs, CLOCK_TOLERANCE_MS / 1000) },
  PTTL: { why: 'time goes on in between', same: (ours, theirs) => near(ours, theirs, CLOCK_TOLERANCE_MS) },
  EXPIRETIME: {
    why: 'counted from another now',
    same: (ours, theirs) => near(ours, theirs, CLOCK_TOLERANCE_MS / 1000),
  },
  PEXPIRETIME: { why: 'counted from another now', same: (ours, theirs) => near(ours, theirs, CLOCK_TOLERANCE_MS) },
};

function sameElements(ours: Parsed, theirs: Parsed): boolean {
  const sorted = (reply: Parsed): string => JSON.stringify(typeof reply === 'string' ? reply : [...reply].sort());
  return sorted(ours) === sorted(theirs);
}

function near(ours: Parsed, theirs: Parsed, tolerance: number): boolean {
  const [a, b] = [Number(String(ours).slice(1)), Number(String(theirs).slice(1))];
  return ours === theirs || (a > 0 && b > 0 && (Math.abs(a - b) <= tolerance || (a > FARTHEST && b > FARTHEST)));
}

function sameReply(command: Word[], ours: Buffer, theirs: Buffer): boolean {
  if (ours.equals(theirs)) return true;
  const otherwise = COMPARED_OTHERWISE[String(command[0]).toUpperCase()];
  return otherwise?.same(parseReply(ours), parseReply(theirs), command) ?? false;
}

/** Both sides get a list under the key: ours has no list commands, so its record is made by hand. */
async function makeList(harness: Harness, key: string): Promise<void> {
  await redis.run([
    ['DEL', key],
    ['RPUSH', key, 'x'],
  ]);
  harness.run('SET', key, 'x');
  const db = harness.engine.db;
  db.setType(
    db.find(
      harness.engine.argOffset[1],
      harness.engine.argLength[1],
      db.hash(harness.engine.argOffset[1], harness.engine.argLength[1]),
    ),
    1,
  );
}

async function compare(seed: number, protocol: number): Promise<void> {
  const harness = new Harness({ seed });
  harness.engine.nowMs = Date.now();
  harness.client.protocol = protocol;
  const stream = new CommandStream(seed);
  await redis.run([['FLUSHALL'], ['HELLO', String(protocol)], ['SELECT', '0']]);
  for (let done = 0; done < COMMANDS; done += CHUNK) {
    const database = stream.below(3);
    harness.client.database = database;
    await redis.run([['SELECT', String(database)]]);
    harness.run('EXISTS', 'a');
    await makeList(harness, 'd');
    const commands = Array.from({ length: CHUNK }, () => stream.next());
    const theirs = await redis.run(commands);
    commands.forEach((command, i) => {
      const ours = harness.run(...command);
      if (sameReply(command, ours, theirs[i])) return;
      const shown = command.map((word) =>
        Buffer.from(word as string)
          .toString('latin1')
          .slice(0, 60),
      );
      expect.fail(
        `seed ${seed}, RESP${protocol}, command ${done + i}: ${JSON.stringify(shown)}\n` +
          `ours   ${JSON.stringify(ours.toString('latin1'))}\ntheirs ${JSON.stringify(theirs[i].toString('latin1'))}\n` +
          `replay with RTCP_TEST_SEED=${seed}`,
      );
    });
    await compareEncodings(harness, `seed ${seed}, after command ${done + CHUNK}`);
  }
  // What is left is the same, too.
  for (let database = 0; database < 3; database++) {
    harness.client.database = database;
    const [, keys] = await redis.run([
      ['SELECT', String(database)],
      ['KEYS', '*'],
    ]);
    expect(sameElements(parseReply(harness.run('KEYS', '*')), parseReply(keys)), `seed ${seed}`).toBe(true);
  }
}

/** OBJECT ENCODING of every key: the bytes may be the same and the history not. */
async function compareEncodings(harness: Harness, where: string): Promise<void> {
  const { engine } = harness;
  const names = Array.from(parseReply(harness.run('KEYS', '*')), (key) => Buffer.from(String(key).slice(1), 'latin1'));
  const theirs = await redis.run(names.map((name) => ['OBJECT', 'ENCODING', name]));
  names.forEach((name, i) => {
    harness.run('EXISTS', name);
    const [offset, length] = [engine.argOffset[1], engine.argLength[1]];
    const ref = engine.db.find(offset, length, engine.db.hash(offset, length));
    if (engine.db.type(ref) !== TYPE_STRING) return;
    const shown = `${where}: ${JSON.stringify(name.toString('latin1').slice(0, 60))}`;
    expect([shown, stringEncoding(engine, ref)]).toEqual([shown, String(parseReply(theirs[i])).slice(1)]);
  });
}

describe('string and generic commands answer as redis-server does', () => {
  test(`RESP2, ${COMMANDS} commands`, () => compare(SEED, 2));
  test(`RESP3, ${COMMANDS} commands`, () => compare(SEED + 1, 3));
});
