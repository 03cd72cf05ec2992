/**
 * Which arguments are keys, and what happens to them: every command with random arguments, right and wrong ones, against
 * redis-server's COMMAND GETKEYSANDFLAGS.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { replyKeys } from '../../src/lib/engine/command-command.ts';
import { Command } from '../../src/lib/engine/command-table.ts';
import type { Engine } from '../../src/lib/engine/engine.ts';
import { KEY_ACCESS, KEY_RO } from '../../src/lib/engine/key-search.ts';
import { allCommands } from '../../src/lib/engine/table/all.ts';
import type { ArgumentSpec } from '../../src/lib/engine/table/spec.ts';
import { Random } from '../../src/lib/random.ts';
import { Harness } from './harness.ts';
import { RedisPeer } from './redis-peer.ts';

const REQUESTS_PER_COMMAND = 100;
const MOST_ARGUMENTS = 12;
const SEED = Number(process.env.SEED ?? 20_240_115);
const PLAIN = ['a', 'b', 'k:1', '', '0', '1', '2', '3', '-1', '100', '1.5', '+2', ' 1', '99999999999', 'u8', '#0'];
/** Later than 7.0, or with another arity since. */
const SINCE_70 = ['zrank', 'zrevrank', 'command'];

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

const every = allCommands.map((spec) => new Command(-1, spec, '', {}));
const withKeys = every
  .flatMap((command) => (command.subcommands.size > 0 ? [...command.subcommands.values()] : [command]))
  .filter(({ spec, fullName }) => Number.parseFloat(spec.since) < 7.2 && !SINCE_70.includes(fullName.split('|')[0]))
  .filter(({ arity }) => arity !== 1); // 7.0 asks for an argument at least

function tokensOf(args: readonly ArgumentSpec[]): string[] {
  return args.flatMap((arg) => [...(arg.token ? [arg.token] : []), ...tokensOf(arg.arguments ?? [])]);
}

/** Requests of any shape: with the option words of the command, in either case, at random places. */
function requestsOf(command: Command, random: Random): string[][] {
  const words = [...PLAIN, ...tokensOf(command.spec.arguments ?? []).flatMap((token) => [token, token.toLowerCase()])];
  return Array.from({ length: REQUESTS_PER_COMMAND }, () => {
    const request = command.fullName.split('|');
    const argc = command.arity < 0 ? Math.max(2, -command.arity + random.below(MOST_ARGUMENTS)) : command.arity;
    while (request.length < argc) request.push(words[random.below(words.length)]);
    return request;
  });
}

describe('keys from arguments', () => {
  let command = every[0];
  const debug = (engine: Engine, arg: number, argc: number): void =>
    replyKeys(engine, command, arg + 1, argc - 1, true);
  const harness = new Harness({ families: [{ debug }] });

  async function compare(tried: Command, requests: string[][]): Promise<void> {
    const theirs = await redis.run(requests.map((request) => ['COMMAND', 'GETKEYSANDFLAGS', ...request]));
    command = tried;
    requests.forEach((request, i) => {
      expect([SEED, request, harness.text('DEBUG', ...request)]).toEqual([SEED, request, theirs[i].toString('latin1')]);
    });
  }

  test.each(withKeys.map((each) => [each.fullName, each] as const))('%s', async (_, each) => {
    await compare(each, requestsOf(each, new Random(SEED)));
  });

  test('more keys than there is room for are counted, not written', () => {
    const places = new Int32Array(2);
    const access = new Int32Array(2);
    let found = 0;
    const mget = every.find(({ spec }) => spec.name === 'mget') as Command;
    const count = (engine: Engine, arg: number, argc: number): void => {
      found = mget.keys.findKeys(engine, arg + 1, argc - 1, places, access);
      engine.reply.ok();
    };
    new Harness({ families: [{ debug: count }] }).run('DEBUG', 'MGET', 'a', 'b', 'c', 'd', 'e');
    expect(found).toBe(5);
    expect([...places]).toEqual([2, 3]);
    expect([...access]).toEqual([KEY_RO | KEY_ACCESS, KEY_RO | KEY_ACCESS]);
  });
});
