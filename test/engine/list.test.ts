/**
 * List commands give the replies of a real redis-server, byte for byte: seeded streams of right and wrong commands, with both
 * protocols and several node sizes; and the encodings of Redis 7.2, which the server at hand does not have yet.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Harness } from './harness.ts';
import { BLOCKING, ListCommandStream, type Word } from './list-commands.ts';
import { parseReply, RedisPeer } from './redis-peer.ts';

const SEED = Number(process.env['RTCP_TEST_SEED'] ?? 20_262);
const COMMANDS = 6000;
const CHUNK = 200;

let redis: RedisPeer;
beforeAll(async () => {
  redis = await RedisPeer.start();
});
afterAll(() => redis.stop());

/** A command that may wait is sent in a transaction, in which nothing waits. */
async function replies(commands: Word[][]): Promise<Buffer[]> {
  const sent = commands.flatMap((command) => (blocks(command) ? [['MULTI'], command, ['EXEC']] : [command]));
  const received = await redis.run(sent);
  let at = 0;
  return commands.map((command) => {
    if (!blocks(command)) return received[at++];
    at += 3;
    const queued = received[at - 2];
    return queued.toString('latin1', 0, 7) === '+QUEUED' ? received[at - 1].subarray('*1\r\n'.length) : queued;
  });
}

function blocks(command: Word[]): boolean {
  return BLOCKING.includes(String(command[0]).toUpperCase());
}

async function compare(seed: number, protocol: number, fill: number): Promise<void> {
  const harness = new Harness({ seed });
  harness.engine.nowMs = Date.now();
  harness.client.protocol = protocol;
  harness.engine.values.list.fill = fill;
  const before = harness.engine.arena.usedBytes;
  const stream = new ListCommandStream(seed);
  await redis.run([
    ['FLUSHALL'],
    ['HELLO', String(protocol)],
    ['CONFIG', 'SET', 'list-max-listpack-size', String(fill)],
  ]);
  for (let done = 0; done < COMMANDS; done += CHUNK) {
    const commands = Array.from({ length: CHUNK }, () => stream.next());
    const theirs = await replies(commands);
    commands.forEach((command, i) => {
      const ours = harness.run(...command);
      if (ours.equals(theirs[i])) return;
      const shown = command.map((word) =>
        Buffer.from(word as string)
          .toString('latin1')
          .slice(0, 60),
      );
      expect.fail(
        `seed ${seed}, RESP${protocol}, fill ${fill}, command ${done + i}: ${JSON.stringify(shown)}\n` +
          `ours   ${JSON.stringify(ours.toString('latin1').slice(0, 2000))}\n` +
          `theirs ${JSON.stringify(theirs[i].toString('latin1').slice(0, 2000))}`,
      );
    });
  }
  for (const key of parseReply(harness.run('KEYS', '*')))
    harness.run('DEL', Buffer.from(key.slice(1) as string, 'latin1'));
  while (harness.engine.values.reaper.step(1000));
  expect(harness.engine.arena.usedBytes).toBe(before);
}

describe('list commands answer as redis-server does', () => {
  test.each([
    [2, -2],
    [3, -2],
    [2, -1],
    [3, 4],
    [2, 1],
    [3, 128],
    [2, -5],
  ])('RESP%i, list-max-listpack-size %i', (protocol, fill) => compare(SEED + protocol + fill, protocol, fill));
});
