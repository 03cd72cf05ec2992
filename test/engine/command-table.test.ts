/**
 * The command table against redis-server's own COMMAND INFO and COMMAND DOCS (7.0); what 7.2 changed since is listed.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { replyDocs, replyInfo } from '../../src/lib/engine/command-docs.ts';
import { Command, commands, findCommand } from '../../src/lib/engine/command-table.ts';
import { bind } from '../../src/lib/engine/dispatch-table.ts';
import type { Engine } from '../../src/lib/engine/engine.ts';
import { genericHandlers } from '../../src/lib/engine/generic.ts';
import { absent } from '../../src/lib/engine/table/absent.ts';
import { allCommands } from '../../src/lib/engine/table/all.ts';
import type { Reply } from '../../src/lib/resp/reply.ts';
import { Harness } from './harness.ts';
import { type Parsed, parseReply, RedisPeer } from './redis-peer.ts';

/** Arity of 7.2 where 7.0 had another. */
const ARITY_SINCE_72: Record<string, number> = {
  'command|getkeys': -3, // takes commands without arguments
  'command|getkeysandflags': -3,
  zrank: -3, // WITHSCORE
  zrevrank: -3,
};
/** Commands and subcommands that 7.0 does not have: of 7.2, 7.4 (hash fields that expire), 8.0 (HGETEX and the like). */
const NEW_SINCE_70 = [
  ...['client|setinfo', 'client|no-touch', 'cluster|myshardid', 'waitaof'],
  ...['hexpire', 'hexpireat', 'hexpiretime', 'hpersist', 'hpexpire', 'hpexpireat', 'hpexpiretime', 'hpttl', 'httl'],
  ...['hgetdel', 'hgetex', 'hsetex'],
];
/** Tips that 7.2 changed: to whom a client sends what concerns all nodes, and what it makes of their replies. */
const TIPS_SINCE_72 = [
  ...['acl|deluser', 'acl|save', 'acl|setuser', 'client|setname', 'config|resetstat', 'config|rewrite'],
  ...['latency|reset', 'msetnx', 'randomkey', 'scan'],
];
/** Without the flag `noscript` in 7.2: scripts may call them, and they don't wait there. */
const SCRIPTABLE_SINCE_72 = ['blmove', 'blpop', 'brpop', 'brpoplpush', 'bzpopmax', 'bzpopmin', 'wait'];
/** Words that 7.2 documents where 7.0 left them to the text. */
const TOKENS_SINCE_72: Record<string, string[]> = {
  bitop: ['$AND', '$OR', '$XOR', '$NOT'],
  'client|kill': ['$YES', '$NO'],
  zrank: ['$WITHSCORE'],
  zrevrank: ['$WITHSCORE'],
};
/** What 7.2 says of the version that brought them, where 7.0 names a preview. */
const SINCE_BY_72: Record<string, string> = { 'client|pause': '$3.0.0' };
/** What 7.2 added to a history. */
const HISTORY_SINCE_72 = ['acl|log', 'xinfo|consumers', 'xinfo|stream', 'zrank', 'zrevrank'];

/** Places in COMMAND INFO. */
const [NAME, ARITY, FLAGS, FIRST, LAST, STEP, CATEGORIES, TIPS, KEY_SPECS, SUBCOMMANDS] = [
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
];

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

const names = commands.map((command) => command.spec.name);
/** All specs, whether there is a handler or not. */
const every = allCommands.map((spec) => new Command(-1, spec, '', {}));
const everyName = allCommands.map((spec) => spec.name);

/** COMMAND INFO of all commands, theirs and ours, subcommands flattened, by full name. */
async function infos(): Promise<{ ours: Map<string, Parsed>; theirs: Map<string, Parsed> }> {
  const [theirs] = await redis.run([['COMMAND', 'INFO', ...everyName]]);
  const ours = told((reply) => {
    reply.array(every.length);
    for (const command of every) replyInfo(reply, command);
  });
  const known = (parseReply(theirs) as Parsed[]).filter((info) => info !== 'nil');
  return { ours: byName(ours), theirs: byName(known) };
}

/** What a client reads of what `tell` writes. */
function told(tell: (reply: Reply) => void): Parsed {
  const debug = (engine: Engine): void => tell(engine.reply);
  return parseReply(new Harness({ families: [{ debug }] }).run('DEBUG', 'x'));
}

function byName(infos: Parsed): Map<string, Parsed> {
  const all = new Map<string, Parsed>();
  for (const info of infos) {
    all.set(String(info[NAME]).slice(1), info);
    for (const [name, sub] of byName(info[SUBCOMMANDS] as Parsed)) all.set(name, sub);
  }
  return all;
}

describe('the facts are those of redis-server', () => {
  test('every command and subcommand has the same name, arity, flags, keys and categories', async () => {
    const { ours, theirs } = await infos();
    expect([...ours.keys()].filter((name) => !theirs.has(name)).sort()).toEqual([...NEW_SINCE_70].sort());
    expect([...theirs.keys()].filter((name) => !ours.has(name))).toEqual([]);
    for (const [name, info] of ours) {
      const other = theirs.get(name);
      if (other === undefined) continue;
      for (const place of [FIRST, LAST, STEP, CATEGORIES, KEY_SPECS]) {
        expect([name, info[place]]).toEqual([name, other[place]]);
      }
      const dropped = SCRIPTABLE_SINCE_72.includes(name) ? ['+noscript'] : [];
      const flags = other[FLAGS] as string[];
      expect(flags).toEqual(expect.arrayContaining(dropped));
      expect([name, info[FLAGS]]).toEqual([name, flags.filter((flag) => !dropped.includes(flag))]);
      expect([name, info[ARITY]]).toEqual([name, `:${ARITY_SINCE_72[name] ?? Number(String(other[ARITY]).slice(1))}`]);
      if (TIPS_SINCE_72.includes(name)) expect([name, info[TIPS]]).not.toEqual([name, other[TIPS]]);
      else expect([name, info[TIPS]]).toEqual([name, other[TIPS]]);
    }
  });

  test('no command of redis-server is missing', async () => {
    const [reply] = await redis.run([['COMMAND', 'LIST']]);
    const theirs = (parseReply(reply) as string[]).map((name) => name.slice(1)).filter((name) => !name.includes('|'));
    expect(theirs.filter((name) => !everyName.includes(name))).toEqual([]);
  });

  test('COMMAND DOCS has the same fields but for summaries, what 7.2 deprecated, and arguments that it renamed', async () => {
    const [reply] = await redis.run([['COMMAND', 'DOCS', ...everyName]]);
    const theirs = fieldsByName(parseReply(reply));
    const docs = told((out) => {
      out.array(every.length * 2);
      for (const command of every) replyDocs(out, command);
    });
    const ours = fieldsByName(docs);
    expect([...theirs.keys()].filter((name) => !ours.has(name))).toEqual([]);
    for (const [name, fields] of theirs) {
      const mine = ours.get(name);
      expect([name, mine?.get('since')]).toEqual([name, SINCE_BY_72[name] ?? fields.get('since')]);
      for (const field of ['group', 'complexity']) {
        expect([name, mine?.get(field)]).toEqual([name, fields.get(field)]);
      }
      const history = mine?.get('history') as Parsed[] | undefined;
      if (HISTORY_SINCE_72.includes(name)) {
        expect([name, history?.slice(0, -1)]).toEqual([name, fields.get('history') ?? []]);
        expect(history?.at(-1)?.[0]).toBe('$7.2.0');
      } else expect([name, history]).toEqual([name, fields.get('history')]);
      for (const field of ['doc_flags', 'deprecated_since', 'replaced_by']) {
        if (fields.has(field)) expect([name, mine?.get(field)]).toEqual([name, fields.get(field)]);
      }
      const added = TOKENS_SINCE_72[name] ?? [];
      const tokens = tokensOf(mine?.get('arguments'));
      for (const token of added) expect([name, tokens]).toEqual([name, expect.arrayContaining([token])]);
      const old = tokens.filter((token) => !added.includes(token));
      expect([name, old]).toEqual([name, tokensOf(fields.get('arguments'))]);
    }
  });
});

describe('what is absent', () => {
  test('has a spec, and a reason', () => {
    const all = every.flatMap((command) => [command, ...command.subcommands.values()]);
    const known = new Set(all.map((command) => command.fullName));
    for (const [name, reason] of Object.entries(absent)) {
      expect([name, known.has(name)]).toEqual([name, true]);
      expect(reason).not.toBe('');
      expect(findCommand(name)).toBeUndefined();
    }
    expect(names).toHaveLength(everyName.filter((name) => !(name in absent)).length);
  });
});

function fieldsByName(docs: Parsed): Map<string, Map<string, Parsed>> {
  const all = new Map<string, Map<string, Parsed>>();
  for (let i = 0; i < docs.length; i += 2) {
    const fields = new Map<string, Parsed>();
    const list = docs[i + 1];
    for (let f = 0; f < list.length; f += 2) fields.set(String(list[f]).slice(1), list[f + 1]);
    all.set(String(docs[i]).slice(1), fields);
    for (const [name, sub] of fieldsByName(fields.get('subcommands') ?? [])) all.set(name, sub);
  }
  return all;
}

/** All words that an argument list knows, in order: what survives the renaming of arguments. */
function tokensOf(args: Parsed | undefined): string[] {
  if (args === undefined || typeof args === 'string') return [];
  return args.flatMap((arg) => {
    const at = (arg as Parsed[]).indexOf('$token');
    const token = at < 0 ? [] : [String(arg[at + 1])];
    const nested = (arg as Parsed[]).indexOf('$arguments');
    return [...token, ...(nested < 0 ? [] : tokensOf(arg[nested + 1]))];
  });
}

describe('binding handlers', () => {
  test('a command without a handler stops the start', () => {
    expect(() => bind([genericHandlers])).toThrow('append has no handler');
  });

  test('a handler without a command, or two for one, stop it, too', () => {
    const every = Object.fromEntries(names.map((name) => [name, () => {}]));
    expect(bind([every])).toHaveLength(commands.length);
    expect(() => bind([every, { nosuch: () => {} }])).toThrow('there is no command nosuch');
    expect(() => bind([every, genericHandlers])).toThrow('copy has two handlers');
  });
});

describe('COMMAND answers as redis-server does', () => {
  const requests = [
    ['COMMAND', 'HELP'],
    ['COMMAND', 'COUNT', 'x'],
    ['COMMAND', 'NOSUCH'],
    ['COMMAND', 'GETKEYS'],
    ['COMMAND', 'GETKEYS', 'PING', 'x'],
    ['COMMAND', 'GETKEYS', 'NOSUCH', 'x'],
    ['COMMAND', 'GETKEYS', 'MSET', 'a', '1', 'b', '2'],
    ['COMMAND', 'GETKEYS', 'GET', 'a', 'b'],
    ['COMMAND', 'GETKEYS', 'MEMORY', 'USAGE', 'k'],
    ['COMMAND', 'GETKEYS', 'MEMORY', 'NOSUCH', 'k'],
    ['COMMAND', 'GETKEYSANDFLAGS', 'SET', 'k', 'v'],
    ['COMMAND', 'GETKEYSANDFLAGS', 'SET', 'k', 'v', 'get'],
    ['COMMAND', 'GETKEYSANDFLAGS', 'COPY', 'a', 'b'],
    ['COMMAND', 'GETKEYSANDFLAGS', 'MGET', 'a', 'b'],
    ['COMMAND', 'GETKEYSANDFLAGS', 'LCS', 'a', 'b', 'IDX'],
    ['COMMAND', 'INFO', 'nosuch', 'get', 'client|id', 'client|nosuch', 'client|id|x', 'memory|usage', 'SET'],
    ['COMMAND', 'DOCS', 'nosuch'],
    ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'getex*'],
    ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN', 'CLIENT|setn?me'],
    ['COMMAND', 'LIST', 'FILTERBY', 'ACLCAT', 'nosuch'],
    ['COMMAND', 'LIST', 'FILTERBY', 'MODULE', 'x'],
    ['COMMAND', 'LIST', 'FILTERBY', 'PATTERN'],
    ['COMMAND', 'LIST', 'x'],
  ];

  test.each([2, 3])('in RESP%d', async (protocol) => {
    const harness = new Harness();
    harness.client.protocol = protocol;
    await redis.run([['HELLO', String(protocol)]]);
    const theirs = await redis.run(requests);
    requests.forEach((request, i) => {
      expect([request, harness.text(...request)]).toEqual([request, theirs[i].toString('latin1')]);
    });
    await redis.run([['HELLO', '2']]);
  });

  test('COMMAND, COMMAND INFO and COMMAND COUNT agree on how many there are', () => {
    const harness = new Harness();
    expect(parseReply(harness.run('COMMAND'))).toHaveLength(commands.length);
    expect(harness.text('COMMAND')).toBe(harness.text('COMMAND', 'INFO'));
    expect(harness.text('COMMAND', 'COUNT')).toBe(`:${commands.length}\r\n`);
    expect(parseReply(harness.run('COMMAND', 'DOCS'))).toHaveLength(2 * commands.length);
  });
});
