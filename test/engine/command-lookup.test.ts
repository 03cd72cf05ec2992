/**
 * Finding a command by its name, in a table of all commands whether they have a handler or not: what COMMAND tells of each of
 * them is redis-server's answer byte for byte, but for what 7.2 changed since 7.0.
 */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { findKeys } from '../../src/lib/engine/command-keys.ts';
import { CATEGORIES, commands, findCommand, lookup } from '../../src/lib/engine/command-table.ts';
import type { Engine } from '../../src/lib/engine/engine.ts';
import { KEY_RO } from '../../src/lib/engine/key-search.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { Harness } from './harness.ts';
import { type Parsed, parseReply, RedisPeer, replyEnd } from './redis-peer.ts';

vi.mock('../../src/lib/engine/table/absent.ts', () => ({ absent: {} }));

const names = commands.map((command) => command.spec.name);

describe('lookup', () => {
  const memory = new PacketMemory(1 << 20, 1 << 16);
  const at = 70_000;
  const find = (name: string): number => {
    memory.text.fill('#', at, at + 100);
    memory.u8.set(Buffer.from(name, 'latin1'), at);
    return lookup(memory, at, name.length);
  };

  test('finds every command in any case, wherever it lies', () => {
    for (const command of commands) {
      const { name } = command.spec;
      const mixed = [...name].map((c, i) => (i % 2 === 0 ? c.toUpperCase() : c)).join('');
      for (const spelling of [name, name.toUpperCase(), mixed]) expect(find(spelling)).toBe(command.id);
      expect(findCommand(mixed)).toBe(command);
    }
  });

  test('finds nothing else: a byte more, less or other', () => {
    const known = new Set(names);
    for (const name of names) {
      const others = [`${name}x`, `x${name}`, name.slice(1), name.slice(0, -1)];
      for (let i = 0; i < name.length; i++) {
        for (const byte of [0, 1, 0x0d, 0x2d, 0x5f, 0x7f, name.charCodeAt(i) ^ 1, name.charCodeAt(i) ^ 0x80]) {
          others.push(name.slice(0, i) + String.fromCharCode(byte) + name.slice(i + 1));
        }
      }
      for (const other of others) {
        if (!known.has(other.toLowerCase())) expect([other, find(other)]).toEqual([other, -1]);
      }
    }
    for (const short of ['', 'g', 'ge']) expect(find(short)).toBe(-1);
  });
});

/** Since 7.0 these have come, or another arity, flag or tip; command-table.test.ts says which. */
const CHANGED = [
  ...['acl|deluser', 'acl|save', 'acl|setuser', 'client|setname', 'command|getkeys', 'command|getkeysandflags'],
  ...['config|resetstat', 'config|rewrite', 'latency|reset', 'msetnx', 'randomkey', 'scan', 'zrank', 'zrevrank'],
  ...['blmove', 'blpop', 'brpop', 'brpoplpush', 'bzpopmax', 'bzpopmin', 'wait'],
];

describe('findKeys by id', () => {
  const places = new Int32Array(4);
  const access = new Int32Array(4);
  let found = -1;
  const debug = (engine: Engine, arg: number, argc: number): void => {
    const name = engine.text(arg + 1).toLowerCase();
    found = findKeys(engine, names.indexOf(name), arg + 1, argc - 1, places, access);
    engine.reply.ok();
  };
  const harness = new Harness({ families: [{ debug }] });
  const keysOf = (...words: string[]): string[] => {
    harness.run('DEBUG', ...words);
    return [...places.subarray(0, found)].map((place) => words[place - 1]);
  };

  test("finds those of a command, and of a container the subcommand's", () => {
    expect(keysOf('GET', 'k')).toEqual(['k']);
    expect(keysOf('eval_ro', 's', '2', 'a', 'b', 'c')).toEqual(['a', 'b']);
    expect(keysOf('OBJECT', 'Encoding', 'k')).toEqual(['k']);
    expect(keysOf('XGROUP', 'CREATE', 's', 'g', '$')).toEqual(['s']);
    expect(keysOf('MEMORY', 'USAGE', 'k', 'SAMPLES', '0')).toEqual(['k']);
    expect([...access.subarray(0, 1)]).toEqual([KEY_RO]);
  });

  test('finds none where there are none', () => {
    for (const words of [
      ['PING'],
      ['OBJECT'],
      ['OBJECT', 'HELP'],
      ['OBJECT', 'k'],
      ['EVAL', 's', '0'],
      ['CONFIG', 'GET', 'x'],
    ]) {
      expect([words, keysOf(...words)]).toEqual([words, []]);
    }
  });
});

describe('COMMAND of all commands is that of redis-server', () => {
  let redis: RedisPeer;

  beforeAll(async () => {
    redis = await RedisPeer.start();
  });

  afterAll(async () => {
    await redis.stop();
  });

  const every = commands.flatMap((command) => [command, ...command.subcommands.values()]);
  const old = every.filter(({ spec }) => Number.parseFloat(spec.since) < 7.2);

  /** An information without its last field: the subcommands, whose order is free. */
  function withoutSubcommands(reply: Buffer): string {
    let end = reply.indexOf('\r\n') + 2; // *1
    end = reply.indexOf('\r\n', end) + 2; // *10
    for (let field = 0; field < 9; field++) end = replyEnd(reply, end);
    return reply.toString('latin1', 0, end);
  }

  test.each([2, 3])('INFO, byte for byte, in RESP%d', async (protocol) => {
    const harness = new Harness();
    harness.client.protocol = protocol;
    const requests = old
      .filter(({ fullName }) => !CHANGED.includes(fullName))
      .map(({ fullName }) => ['COMMAND', 'INFO', fullName]);
    await redis.run([['HELLO', String(protocol)]]);
    const theirs = await redis.run(requests);
    await redis.run([['HELLO', '2']]);
    requests.forEach((request, i) => {
      const mine = harness.run(...request);
      expect([request, withoutSubcommands(mine)]).toEqual([request, withoutSubcommands(theirs[i])]);
      if (findCommand(request[2])?.subcommands.size === 0) expect(mine.equals(theirs[i])).toBe(true);
    });
  });

  const listed = (reply: Buffer): string[] =>
    (parseReply(reply) as Parsed[]).map((name) => String(name).slice(1)).sort();

  test('LIST, whole and by category', async () => {
    const harness = new Harness();
    const since = every.filter((command) => !old.includes(command)).map(({ fullName }) => fullName);
    const filters = CATEGORIES.map((category) => ['FILTERBY', 'ACLCAT', category]);
    for (const filter of [[], ...filters]) {
      const request = ['COMMAND', 'LIST', ...filter];
      const [theirs] = await redis.run([request]);
      const mine = listed(harness.run(...request)).filter((name) => !since.includes(name));
      expect([filter, mine]).toEqual([filter, listed(theirs)]);
    }
  });

  test('COUNT is that of 7.0 and what came since', async () => {
    const [theirs] = await redis.run([['COMMAND', 'COUNT']]);
    const since = commands.filter((command) => !old.includes(command)).length;
    expect(commands.length - since).toBe(Number(theirs.toString().slice(1)));
    expect(new Harness().text('COMMAND', 'COUNT')).toBe(`:${commands.length}\r\n`);
  });

  test('malformed requests, and names in any form', async () => {
    const harness = new Harness();
    const requests = [
      ['LIST', 'FILTERBY'],
      ['LIST', 'FILTERBY', 'MODULE'],
      ['LIST', 'FILTERBY', 'X', 'y'],
      ['LIST', 'X', 'MODULE', 'y'],
      ['LIST', 'FILTERBY', 'MODULE', 'a', 'FILTERBY', 'MODULE', 'b'],
      ['LIST', 'filterby', 'pattern', 'EVAL_R?'],
      ['LIST', 'FILTERBY', 'ACLCAT', '@read'],
      ['INFO', 'Sort_RO', 'restore-asking', 'sort-ro', 'restore_asking', 'object|ENCODING', 'object|', '|object', ''],
      ['DOCS', 'nosuch', 'object|nosuch'],
      ['COUNT', 'x'],
      ['GETKEYS', 'EVAL', 's', '0'],
      ['GETKEYS', 'EVAL', 's', '2', 'a', 'b', 'c'],
      ['GETKEYS', 'eval_ro', 's', '3', 'a', 'b'],
      ['GETKEYS', 'EVAL', 's'],
      ['GETKEYS', 'ZUNIONSTORE', 'd', '2', 'a', 'b'],
      ['GETKEYS', 'ZUNIONSTORE', 'd', '0', 'a', 'b'],
      ['GETKEYS', 'SORT', 'k', 'STORE', 'a', 'BY', 'x*', 'STORE', 'b'],
      ['GETKEYSANDFLAGS', 'GEORADIUS', 'k', '1', '2', '3', 'm', 'STORE', 'd'],
      ['GETKEYS', 'XREAD', 'COUNT', '1', 'STREAMS', 'a', 'b', '0', '0'],
      ['GETKEYS', 'XREAD', 'COUNT', '1', 'STREAMS', 'a', 'b', '0'],
      ['GETKEYS', 'MIGRATE', 'h', '1', '', '0', '1', 'AUTH', 'KEYS', 'KEYS', 'a', 'b'],
      ['GETKEYS', 'SPUBLISH', 'channel', 'message'],
      ['GETKEYS', 'OBJECT', 'ENCODING', 'k'],
      ['GETKEYS', 'OBJECT|ENCODING', 'ENCODING', 'k'],
      ['GETKEYS', 'OBJECT', 'HELP'],
      ['GETKEYS', 'OBJECT', 'x'],
      ['GETKEYS', 'GET', 'a', 'b'],
      ['GETKEYSANDFLAGS', 'XGROUP', 'CREATE', 's', 'g', '$'],
      ['GETKEYS', 'MULTI', 'x'],
      ['GETKEYS', '', 'x'],
    ].map((words) => ['COMMAND', ...words]);
    const theirs = await redis.run(requests);
    requests.forEach((request, i) => {
      expect([request, harness.text(...request)]).toEqual([request, theirs[i].toString('latin1')]);
    });
  });
});
