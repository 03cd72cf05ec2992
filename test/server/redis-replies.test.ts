/**
 * The connection and server commands side by side with redis-server 7.0: the same requests to both, in RESP2 and in RESP3,
 * replies equal byte by byte. Where 7.2, whose replies we give, differs from 7.0, the difference is listed with its reason.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { findParameter, PARAMETERS } from '../../src/lib/server/config-table.ts';
import { splitWords } from '../../src/lib/server/quote.ts';
import { REDIS_VERSION } from '../../src/lib/server/version.ts';
import { type Parsed, parseReply, RedisPeer } from '../engine/redis-peer.ts';
import { type PeerStream, request, World } from './peer.ts';

const PASSWORD = 'secret pass';

let redis: RedisPeer;
let locked: RedisPeer;
let world: World;
let peer: PeerStream;

beforeAll(async () => {
  redis = await RedisPeer.start('--enable-debug-command', 'yes');
  locked = await RedisPeer.start('--requirepass', PASSWORD);
});
afterAll(async () => {
  await redis.stop();
  await locked.stop();
});

/** A server of ours with these parameters, and one client. */
function startOurs(...settings: [name: string, value: string][]): void {
  world = new World();
  for (const [name, value] of settings) {
    const parameter = findParameter(name);
    const error = parameter === undefined ? 'no such parameter' : world.config.load(parameter, [value]);
    if (error !== null) throw new Error(`${name}: ${error}`);
  }
  peer = world.connect();
}

/** What the CONFIG SETs below change, put back. */
const RESTORED = ['hz', '10', 'maxmemory', '0', 'save', '', 'notify-keyspace-events', '', 'timeout', '0', 'bind', ''];

beforeEach(() => startOurs(['enable-debug-command', 'yes']));
afterEach(async () => {
  peer.close();
  await redis.run([['RESET'], ['FLUSHALL'], ['CONFIG', 'SET', ...RESTORED]]);
});

function ask(...words: string[]): string {
  peer.send(request(...words));
  return peer.received();
}

/** A line split into words as redis-cli would. */
function words(line: string): string[] {
  const split = splitWords(line);
  if (split === null) throw new Error(`unbalanced quotes in ${line}`);
  return split;
}

type Transcript = [line: string, reply: string][];

async function askRedis(server: RedisPeer, lines: readonly string[]): Promise<Transcript> {
  const replies = await server.run(lines.map((line) => words(line).map((word) => Buffer.from(word, 'latin1'))));
  return lines.map((line, i) => [line, withoutIdentity(replies[i].toString('latin1'))]);
}

function askOurs(lines: readonly string[]): Transcript {
  return lines.map((line) => [line, withoutIdentity(ask(...words(line)))]);
}

/** HELLO's answer without what is of the server and the connection: the version, the id. */
const withoutIdentity = (reply: string): string =>
  reply.replace(/(version\r\n)\$\d+\r\n[\d.]+/, '$1').replace(/(id\r\n:)\d+/, '$1');

const PROTOCOL_TYPES = 'string integer double bignum null array set map verbatim true false'.split(' ');

const SCENARIOS: Record<string, readonly string[]> = {
  'PING and ECHO': ['PING', 'PING hello', 'PING a b', 'PING ""', 'ECHO x', 'ECHO', 'ECHO a b'],
  SELECT: ['SELECT 1', 'SELECT abc', 'SELECT -1', 'SELECT 16', 'SELECT 3000000000', 'SELECT 99999999999999999999'],
  'AUTH without a password': ['AUTH x', 'AUTH default x', 'AUTH someone x', 'AUTH a b c', 'AUTH'],
  HELLO: ['HELLO', 'HELLO 3', 'HELLO', 'HELLO 2', 'HELLO 3 AUTH default x SETNAME me', 'CLIENT GETNAME', 'HELLO 2'],
  'HELLO refused': [
    'HELLO 4',
    'HELLO x',
    'HELLO 01',
    'HELLO 99999999999999999999',
    'HELLO 3 AUTH a',
    'HELLO 3 AUTH a b',
    'HELLO 3 SETNAME "a b"',
    'HELLO 3 SETNAME',
    'HELLO 3 FOO',
    'HELLO 2 auth default x setname "a\\nb"',
  ],
  'CLIENT names': [
    'CLIENT GETNAME',
    'CLIENT SETNAME "a b"',
    'CLIENT SETNAME me',
    'CLIENT GETNAME',
    'CLIENT SETNAME ""',
    'CLIENT GETNAME',
  ],
  'CLIENT without a subcommand or with a wrong one': ['CLIENT', 'CLIENT NOPE', 'CLIENT ID x', 'CLIENT INFO x'],
  'CLIENT LIST refused': [
    'CLIENT LIST foo',
    'CLIENT LIST TYPE foo',
    'CLIENT LIST ID',
    'CLIENT LIST ID x',
    'CLIENT LIST ID 999999',
    'CLIENT LIST TYPE pubsub',
    'CLIENT LIST TYPE a b',
  ],
  'CLIENT KILL': [
    'CLIENT KILL',
    'CLIENT KILL foo',
    'CLIENT KILL id',
    'CLIENT KILL id 0',
    'CLIENT KILL id x',
    'CLIENT KILL id 999999',
    'CLIENT KILL id 1 foo',
    'CLIENT KILL type foo',
    'CLIENT KILL type normal addr 203.0.113.1:1',
    'CLIENT KILL type replica',
    'CLIENT KILL user nobody',
    'CLIENT KILL skipme maybe id 999999',
    'CLIENT KILL skipme yes laddr 203.0.113.1:1',
  ],
  'CLIENT PAUSE': [
    'CLIENT PAUSE x',
    'CLIENT PAUSE -1',
    'CLIENT PAUSE 1 foo',
    'CLIENT PAUSE 99999999999999999999',
    'CLIENT PAUSE 0 WRITE',
    'CLIENT UNPAUSE',
    'CLIENT UNPAUSE x',
  ],
  'CLIENT UNBLOCK': ['CLIENT UNBLOCK x', 'CLIENT UNBLOCK 3 foo', 'CLIENT UNBLOCK 3', 'CLIENT UNBLOCK 3 error'],
  'CLIENT switches': [
    'CLIENT NO-EVICT on',
    'CLIENT NO-EVICT off',
    'CLIENT NO-EVICT maybe',
    'CLIENT REPLY foo',
    'CLIENT REPLY on',
    'CLIENT GETREDIR',
    'CLIENT CACHING yes',
    'CLIENT TRACKING off',
    'CLIENT TRACKING maybe',
    'CLIENT TRACKINGINFO',
  ],
  'CONFIG SET refused': [
    'CONFIG SET a',
    'CONFIG SET foo 1',
    'CONFIG SET foo 1 maxmemory',
    'CONFIG SET hz 10 hz 20',
    'CONFIG SET hz abc',
    'CONFIG SET databases 3',
    'CONFIG SET databases 3 foo 1',
    'CONFIG SET dir /',
    'CONFIG SET dbfilename a/b',
    'CONFIG SET maxmemory -1',
    'CONFIG SET maxmemory 1x',
    'CONFIG SET maxmemory-policy foo',
    'CONFIG SET maxmemory-clients 200%',
    'CONFIG SET maxmemory-clients x',
    'CONFIG SET timeout -1',
    'CONFIG SET timeout 010',
    'CONFIG SET timeout +1',
    'CONFIG SET port 99999',
    'CONFIG SET maxclients 0',
    'CONFIG SET appendonly maybe',
    'CONFIG SET save a',
    'CONFIG SET save "900 1  300 10"',
    'CONFIG SET client-output-buffer-limit "normal 1 2"',
    'CONFIG SET client-output-buffer-limit "foo 1 2 3"',
    'CONFIG SET client-output-buffer-limit "normal 1mb 2 -3"',
    'CONFIG SET notify-keyspace-events Kq',
    'CONFIG SET oom-score-adj-values "1 2"',
    'CONFIG SET oom-score-adj-values "1 2 5000"',
    'CONFIG SET latency-tracking-info-percentiles "50 a"',
    'CONFIG SET latency-tracking-info-percentiles "50 200"',
    'CONFIG SET shutdown-on-sigint "save nosave"',
    'CONFIG SET shutdown-on-sigint foo',
    'CONFIG SET shutdown-on-sigint ""',
    'CONFIG SET proto-max-bulk-len 1',
    'CONFIG SET client-query-buffer-limit 1x',
    'CONFIG SET slowlog-log-slower-than -5',
    'CONFIG SET repl-backlog-size 0',
    'CONFIG SET hll-sparse-max-bytes 99999999999999999999999',
    'CONFIG SET proc-title-template "{foo}"',
    'CONFIG SET cluster-announce-hostname "a b"',
    'CONFIG SET unixsocketperm 7',
    'CONFIG SET timeout 7 maxmemory 1mb hz abc',
    'CONFIG GET timeout',
    'CONFIG REWRITE',
    'CONFIG GET',
    'CONFIG NOPE',
  ],
  'CONFIG SET and GET': [
    'CONFIG SET maxmemory 1gb timeout 7',
    'CONFIG GET maxmemory',
    'CONFIG GET MaxMemory',
    'CONFIG GET timeout TIMEOUT',
    'CONFIG SET hz 100000',
    'CONFIG GET hz',
    'CONFIG SET save "0900 01"',
    'CONFIG GET save',
    'CONFIG SET notify-keyspace-events KEA',
    'CONFIG GET notify-keyspace-events',
    'CONFIG SET notify-keyspace-events Kg$xezn',
    'CONFIG GET notify*',
    'CONFIG SET client-output-buffer-limit "replica 1kb 0 0 normal 0 0 1"',
    'CONFIG GET client-output-buffer-limit',
    'CONFIG SET client-output-buffer-limit "slave 268435456 64mb 60 normal 0 0 0"',
    'CONFIG SET latency-tracking-info-percentiles "50 99.99 1e1"',
    'CONFIG GET latency-tracking-info-percentiles',
    'CONFIG SET latency-tracking-info-percentiles "50 99 99.9"',
    'CONFIG SET shutdown-on-sigint "save now"',
    'CONFIG GET shutdown-on-sigint',
    'CONFIG SET shutdown-on-sigint "default now"',
    'CONFIG GET shutdown-on-sigint',
    'CONFIG SET shutdown-on-sigint default',
    'CONFIG SET maxmemory-clients 7%',
    'CONFIG GET maxmemory-clients',
    'CONFIG SET maxmemory-clients 0',
    'CONFIG SET maxmemory ""',
    'CONFIG GET maxmemory',
    'CONFIG SET maxmemory 18446744073709551616',
    'CONFIG GET maxmemory',
    'CONFIG SET oom-score-adj-values "+1 -0 5"',
    'CONFIG GET oom-score-adj-values',
    'CONFIG SET oom-score-adj-values "0 200 800"',
    'CONFIG GET slave-read-only',
    'CONFIG GET nosuch',
    'CONFIG GET nosuch*',
    'CONFIG RESETSTAT',
    'CONFIG HELP',
  ],
  SWAPDB: [
    'SET a 0',
    'SELECT 1',
    'SET b 1',
    'SWAPDB 0 1',
    'DBSIZE',
    'GET a',
    'SWAPDB a 1',
    'SWAPDB 1 a',
    'SWAPDB 1 99',
    'SWAPDB 1 1',
    'SWAPDB 0 -1',
    'SELECT 0',
    'GET b',
  ],
  'FLUSHDB and FLUSHALL': [
    'SET a 1',
    'SELECT 2',
    'SET b 1',
    'DBSIZE',
    'FLUSHDB foo',
    'FLUSHALL ASYNC SYNC',
    'FLUSHDB ASYNC',
    'DBSIZE',
    'SELECT 0',
    'DBSIZE',
    'FLUSHALL SYNC',
    'DBSIZE',
    'FLUSHALL',
  ],
  MEMORY: [
    'MEMORY USAGE nosuch',
    'MEMORY USAGE x SAMPLES -1',
    'MEMORY USAGE x SAMPLES a',
    'MEMORY USAGE x SAMPLES',
    'MEMORY USAGE x foo 1',
    'MEMORY NOPE',
    'MEMORY DOCTOR',
    'MEMORY HELP',
    'MEMORY PURGE',
  ],
  SLOWLOG: [
    'SLOWLOG RESET',
    'SLOWLOG',
    'SLOWLOG LEN',
    'SLOWLOG GET',
    'SLOWLOG GET -5',
    'SLOWLOG GET x',
    'SLOWLOG NOPE',
    'SLOWLOG HELP',
  ],
  SHUTDOWN: ['SHUTDOWN foo', 'SHUTDOWN abort', 'SHUTDOWN nosave save', 'SHUTDOWN abort now'],
  'what takes no arguments or knows nothing': [
    'ROLE',
    'ROLE x',
    'TIME x',
    'MONITOR x',
    'LASTSAVE x',
    'LOLWUT VERSION x',
    'INFO nosuch',
    'INFO nosuch other',
    'UNKNOWN "a b" c',
  ],
  DEBUG: [
    'DEBUG',
    'DEBUG nope',
    'DEBUG SLEEP',
    'DEBUG SLEEP 0',
    'DEBUG SLEEP x',
    'DEBUG ERROR "FOO bar"',
    'DEBUG ERROR "a\\r\\nb"',
    'DEBUG OBJECT nosuch',
    'DEBUG OBJECT',
    'DEBUG LOG hello',
    'DEBUG SET-ACTIVE-EXPIRE x',
    'DEBUG SET-ACTIVE-EXPIRE 1',
    'DEBUG PROTOCOL foo',
    ...PROTOCOL_TYPES.map((type) => `DEBUG PROTOCOL ${type}`),
  ],
  'words of any bytes in errors': [
    'CLIENT LIST TYPE "a\\xff\\xc3b"',
    'CONFIG SET "\\xff\\r\\n" 1',
    'DEBUG ERROR "ERR \\xff"',
    'HELLO 3 "\\xe4"',
    'CLIENT "\\xe4"',
    '"\\xe4" "\\xf6"',
    'CONFIG SET masterauth "\\xff\\x01"',
    'CONFIG GET masterauth',
    'CONFIG SET masterauth ""',
  ],
  RESET: ['SELECT 3', 'CLIENT SETNAME x', 'RESET', 'CLIENT GETNAME', 'SET k v', 'SELECT 0', 'GET k'],
};

describe.each([2, 3])('replies in RESP%i are those of redis-server', (protocol) => {
  it.each(Object.entries(SCENARIOS))('%s', async (_, lines) => {
    const all = [`HELLO ${protocol}`, ...lines];
    expect(askOurs(all)).toEqual(await askRedis(redis, all));
  });
});

it('attributes and pushes precede a reply in RESP3', () => {
  const reply = '$39\r\nSome real reply following the attribute\r\n';
  expect(ask('DEBUG', 'PROTOCOL', 'attrib')).toBe(reply);
  ask('HELLO', '3');
  const attribute = '|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n';
  expect(ask('DEBUG', 'PROTOCOL', 'attrib')).toBe(attribute + reply);
  const push = '>2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n';
  const after = '$40\r\nSome real reply following the push reply\r\n';
  expect(ask('DEBUG', 'PROTOCOL', 'push')).toBe(push + after);
});

describe('with requirepass', () => {
  const LINES = [
    'PING',
    'NOSUCH',
    'GET',
    'RESET',
    'HELLO',
    'HELLO 3 SETNAME me',
    'HELLO 3 AUTH default wrong',
    'AUTH wrong',
    'AUTH default wrong',
    'AUTH someone "secret pass"',
    'PING',
    'AUTH "secret pass"',
    'PING',
    'AUTH wrong',
    'PING',
    'RESET',
    'PING',
    'HELLO 3 AUTH default "secret pass" SETNAME me',
    'CLIENT GETNAME',
    'RESET',
  ];

  it('clients must authenticate, in the same words', async () => {
    startOurs(['requirepass', PASSWORD]);
    // One at a time: redis-server closes a client that has not authenticated and lets a kilobyte of replies wait.
    const theirs: Transcript = [];
    for (const line of LINES) theirs.push(...(await askRedis(locked, [line])));
    // 7.2 says "HELLO <proto> AUTH" where 7.0 says "HELLO AUTH".
    const ours = askOurs(LINES).map(([line, reply]) => [line, reply.replace('HELLO <proto> AUTH', 'HELLO AUTH')]);
    expect(ours).toEqual(theirs);
  });

  it('a client that was there before the password stays; without it everybody is in', () => {
    expect(ask('CONFIG', 'SET', 'requirepass', 'x')).toBe('+OK\r\n');
    expect(ask('PING')).toBe('+PONG\r\n');
    const later = world.connect();
    later.send(request('PING'));
    expect(later.received()).toBe('-NOAUTH Authentication required.\r\n');
    expect(ask('CONFIG', 'SET', 'requirepass', '')).toBe('+OK\r\n');
    later.send(request('PING'));
    expect(later.received()).toBe('+PONG\r\n');
    later.close();
  });
});

/** Elements of a flat reply as strings, without their type marks. */
const flat = (reply: Parsed): string[] =>
  typeof reply === 'string' ? [] : reply.map((element) => String(element).slice(1));

describe('names are those of redis-server', () => {
  it('CONFIG GET * has every parameter of 7.0 with its default, and the new ones of 7.2', async () => {
    const [theirReply] = await redis.run([['CONFIG', 'GET', '*']]);
    const theirs = toMap(flat(parseReply(theirReply)));
    const ours = toMap(flat(parseReply(Buffer.from(ask('CONFIG', 'GET', '*'), 'latin1'))));
    const added = [...ours.keys()].filter((name) => !theirs.has(name)).sort();
    expect(added).toEqual([
      'cluster-announce-human-nodename',
      'locale-collate',
      'set-max-listpack-entries',
      'set-max-listpack-value',
    ]);
    // Given on the command line above, or of that process; and what we don't protect from, we don't claim to.
    const ofTheProcess = ['dir', 'unixsocket', 'port', 'bind', 'enable-debug-command', 'protected-mode'];
    for (const [name, value] of theirs) {
      if (!ofTheProcess.includes(name)) expect([name, ours.get(name)]).toEqual([name, value]);
    }
  });

  it('a parameter can be set at run time if and only if redis-server lets it', async () => {
    const names = PARAMETERS.map((parameter) => parameter.name);
    const immutable = (reply: string): boolean => reply.includes("can't set immutable config");
    // Two pairs of one name: refused as a duplicate if it isn't refused before, so nothing is changed.
    const commands = names.map((name) => ['CONFIG', 'SET', name, '1', name, '1']);
    const theirs = await redis.run(commands);
    for (const [i, command] of commands.entries()) {
      if (theirs[i].includes('Unknown option')) continue;
      const ours = ask(...command);
      expect([command[2], immutable(ours)]).toEqual([command[2], immutable(theirs[i].toString('latin1'))]);
    }
  });

  it('INFO everything has every field of 7.0, section by section, in order', async () => {
    const [theirReply] = await redis.run([['INFO', 'everything']]);
    const theirs = sections(theirReply.toString('latin1'));
    const ours = sections(ask('INFO', 'everything'));
    expect([...ours.keys()].filter((title) => title !== 'Rtcp')).toEqual([...theirs.keys()]);
    const variable = ['Commandstats', 'Errorstats', 'Latencystats', 'Keyspace'];
    for (const [title, fields] of theirs) {
      if (variable.includes(title)) continue;
      const same = (ours.get(title) ?? []).filter((field) => fields.includes(field));
      expect([title, same]).toEqual([title, fields]);
    }
  });

  it.each([[[]], [['default']], [['all']], [['everything']], [['server', 'KEYSPACE']], [['default', 'commandstats']]])(
    'INFO %j shows the same sections',
    async (wanted) => {
      const [theirReply] = await redis.run([['INFO', ...wanted]]);
      const titles = [...sections(ask('INFO', ...wanted)).keys()].filter((title) => title !== 'Rtcp');
      expect(titles).toEqual([...sections(theirReply.toString('latin1')).keys()]);
    },
  );

  it('CLIENT LIST has the fields of 7.0 in order, then lib-name and lib-ver', async () => {
    const fields = (reply: string): string[] =>
      reply
        .split(/[\r\n]+/)[1]
        .split(' ')
        .map((field) => field.split('=')[0]);
    const [theirs] = await redis.run([['CLIENT', 'LIST']]);
    expect(fields(ask('CLIENT', 'LIST'))).toEqual([...fields(theirs.toString('latin1')), 'lib-name', 'lib-ver']);
  });

  it('CLIENT HELP and DEBUG HELP keep to the form', async () => {
    const [theirs] = await redis.run([['CLIENT', 'HELP']]);
    const ours = flat(parseReply(Buffer.from(ask('CLIENT', 'HELP'), 'latin1')));
    const missing = flat(parseReply(theirs)).filter((line) => !ours.includes(line));
    expect(missing).toEqual([]);
    const added = ours.filter((line) => !theirs.includes(line));
    expect(added.map((line) => line.trim().split(' ')[0])).toEqual(['SETINFO', 'Set', '*', '*', 'NO-TOUCH', 'Will']);
    const [title, ...debug] = flat(parseReply(Buffer.from(ask('DEBUG', 'HELP'), 'latin1')));
    expect(title).toBe('DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:');
    expect(debug.slice(-2)).toEqual(['HELP', '    Prints this help.']);
  });

  it('MEMORY STATS has the fields of 7.0 in order', async () => {
    const names = (reply: string): string[] => {
      const fields = flat(parseReply(Buffer.from(reply, 'latin1')));
      return fields.filter((_, i) => i % 2 === 0);
    };
    await redis.run([['SET', 'k', 'v']]);
    ask('SET', 'k', 'v');
    const [theirs] = await redis.run([['MEMORY', 'STATS']]);
    expect(names(ask('MEMORY', 'STATS'))).toEqual(names(theirs.toString('latin1')));
  });

  it('says that it is Redis 7.2.4', () => {
    expect(REDIS_VERSION).toBe('7.2.4');
    expect(ask('INFO', 'server')).toContain('redis_version:7.2.4\r\nserver_name:rtcp\r\nrtcp_version:0.0.0\r\n');
    expect(ask('HELLO')).toContain('$7\r\nversion\r\n$5\r\n7.2.4\r\n');
    expect(ask('LOLWUT').endsWith('\n\nRedis ver. 7.2.4\n\r\n')).toBe(true);
  });
});

function toMap(flatPairs: string[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let i = 0; i < flatPairs.length; i += 2) map.set(flatPairs[i], flatPairs[i + 1]);
  return map;
}

/** Names of the fields by section of an INFO reply. */
function sections(reply: string): Map<string, string[]> {
  const map = new Map<string, string[]>();
  let fields: string[] = [];
  for (const line of reply.split('\r\n').slice(1)) {
    if (line.startsWith('# ')) map.set(line.slice(2), (fields = []));
    else if (line.includes(':')) fields.push(line.slice(0, line.indexOf(':')));
  }
  return map;
}
