/**
 * One stream of commands, two servers: ours without a network, and a real redis-server. Replies are compared byte by byte,
 * but for those that a test names, with the reason; what is left in the keys and how it is encoded is compared, too.
 */
import { expect } from 'vitest';
import { encodingOf } from '../../src/lib/engine/encoding.ts';
import { hashOf } from '../../src/lib/engine/keys.ts';
import type { Harness } from './harness.ts';
import { type Parsed, parseReply, type RedisPeer } from './redis-peer.ts';

export type Word = string | Uint8Array;

/** How a reply is compared that need not be the same bytes, and why. */
export interface Otherwise {
  why: string;
  same: (ours: Parsed, theirs: Parsed, command: Word[]) => boolean;
}

export interface Comparison {
  /** By command in upper case. */
  otherwise: Record<string, Otherwise>;
  /** Our encoding may be another than theirs: by ours. */
  encodings?: Record<string, string[]>;
}

const CHUNK = 250;

const text = (word: Word): string => Buffer.from(word as string).toString('latin1');
const shown = (command: Word[]): string => JSON.stringify(command.map((word) => text(word).slice(0, 60)));

/** The same elements in whatever order, at the top level. */
export function sameElements(ours: Parsed, theirs: Parsed): boolean {
  const sorted = (reply: Parsed): string =>
    JSON.stringify(typeof reply === 'string' ? reply : reply.map((element) => JSON.stringify(element)).sort());
  return sorted(ours) === sorted(theirs);
}

/** The same pairs in whatever order, of a flat array or map. */
export function samePairs(ours: Parsed, theirs: Parsed): boolean {
  const pairs = (reply: Parsed): Parsed => {
    if (typeof reply === 'string') return reply;
    return Array.from({ length: reply.length >> 1 }, (_, i) => [reply[2 * i], reply[2 * i + 1]]);
  };
  return sameElements(pairs(ours), pairs(theirs));
}

/** Both are errors, the same one, or arrays (or not) of the same length: of elements chosen at random. */
export function sameShape(ours: Parsed, theirs: Parsed): boolean {
  if (typeof ours === 'string' || typeof theirs === 'string') {
    const bulks = String(ours).startsWith('$') && String(theirs).startsWith('$');
    return ours === theirs || bulks;
  }
  return ours.length === theirs.length;
}

/** Runs the commands on both sides, `more()` giving the next one, and compares. */
export async function sideBySide(
  harness: Harness,
  redis: RedisPeer,
  commands: number,
  more: () => Word[],
  comparison: Comparison,
  label: string,
): Promise<void> {
  await redis.run([['FLUSHALL'], ['HELLO', String(harness.client.protocol)], ['SELECT', '0']]);
  for (let done = 0; done < commands; done += CHUNK) {
    const chunk = Array.from({ length: CHUNK }, more);
    const theirs = await redis.run(chunk);
    chunk.forEach((command, i) => {
      const ours = harness.run(...command);
      if (ours.equals(theirs[i])) return;
      const otherwise = comparison.otherwise[text(command[0]).toUpperCase()];
      const alike = ours[0] === theirs[i][0] && otherwise?.same(parseReply(ours), parseReply(theirs[i]), command);
      if (alike) return;
      expect.fail(
        `${label}, command ${done + i}: ${shown(command)}\n` +
          `ours   ${JSON.stringify(ours.toString('latin1')).slice(0, 2000)}\n` +
          `theirs ${JSON.stringify(theirs[i].toString('latin1')).slice(0, 2000)}`,
      );
    });
    await compareEncodings(harness, redis, comparison.encodings ?? {}, `${label}, after command ${done + CHUNK}`);
  }
}

/** The same keys are left, encoded alike. */
async function compareEncodings(
  harness: Harness,
  redis: RedisPeer,
  allowed: Record<string, string[]>,
  where: string,
): Promise<void> {
  const { engine } = harness;
  const ours = parseReply(harness.run('KEYS', '*'));
  const [theirs] = (await redis.run([['KEYS', '*']])).map((reply) => parseReply(reply));
  expect(sameElements(ours, theirs), `${where}: keys ${JSON.stringify([ours, theirs]).slice(0, 500)}`).toBe(true);
  const names = Array.from(ours, (key) => Buffer.from(String(key).slice(1), 'latin1'));
  if (names.length === 0) return;
  const encodings = await redis.run(names.map((name) => ['OBJECT', 'ENCODING', name]));
  names.forEach((name, i) => {
    harness.run('EXISTS', name);
    const ref = engine.db.find(engine.argOffset[1], engine.argLength[1], hashOf(engine, 1));
    const mine = encodingOf(engine, ref);
    const other = String(parseReply(encodings[i])).slice(1);
    if (mine === other || allowed[mine]?.includes(other)) return;
    expect.fail(`${where}: ${JSON.stringify(name.toString('latin1'))} is ${mine}, and ${other} in redis-server`);
  });
}
