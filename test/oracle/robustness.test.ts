/**
 * What clients may send without harm: counts and ranges without end, arguments by the ten thousand, patterns that backtrack,
 * nesting, names of any bytes. Everything is answered, exactly or with an error, or the client that wants more than a client
 * may have is closed; within bounded time and memory.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PeerStream } from '../server/peer.ts';
import { Oracle } from './oracle.ts';
import { encode, Ours } from './ours.ts';
import { shown } from './report.ts';
import type { Unit } from './units.ts';

const SLOWEST_MS = 20_000;

let ours: Ours;
let client: PeerStream;

function fresh(): void {
  ours = new Ours();
  client = ours.world.connect();
}

/** The reply's bytes; '' when the client was closed. */
function ask(...words: string[]): string {
  client.send(encode(words));
  const reply = client.received();
  if (!client.aborted && !client.ended) return reply;
  client.close();
  client = ours.world.connect();
  return '';
}

describe('replies without an end', () => {
  beforeAll(fresh);

  test.each([
    ['SRANDMEMBER', 's'],
    ['HRANDFIELD', 'h'],
    ['ZRANDMEMBER', 'z'],
  ])('%s %s close their client', (name, key) => {
    ask('SADD', 's', 'a', 'b', 'c');
    ask('HSET', 'h', 'a', '1');
    ask('ZADD', 'z', '1', 'a');
    for (const count of ['-9223372036854775807', '-1000000000000000000', '-1000000000'])
      expect(ask(name, key, count)).toBe('');
    expect(ask(name, key, '-9223372036854775808')).toMatch(/^-ERR value is out of range/);
    expect(ask(name, key, '9223372036854775807')).toMatch(/^\*[13]\r\n/);
    expect(ask('PING')).toBe('+PONG\r\n');
    expect(ours.world.core.context.clients.size).toBe(2);
  });
});

describe('beyond what a string may hold', () => {
  beforeAll(fresh);

  const TOO_LONG = '-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n';
  test.each([
    ['SETRANGE k 536870912 x', TOO_LONG],
    ['SETRANGE k 536870909 abcd', TOO_LONG],
    ['SETRANGE k 9223372036854775807 x', TOO_LONG],
    ['SETRANGE k -1 x', '-ERR offset is out of range\r\n'],
    ['SETBIT k 4294967296 1', '-ERR bit offset is not an integer or out of range\r\n'],
    ['BITFIELD k SET u8 #536870912 1', '-ERR bit offset is not an integer or out of range\r\n'],
    ['GETRANGE k -9223372036854775808 9223372036854775807', '$1\r\nv\r\n'],
    ['LRANGE l -9223372036854775808 9223372036854775807', '*2\r\n$1\r\na\r\n$1\r\nb\r\n'],
    ['LPOS l b COUNT 9223372036854775807 MAXLEN 9223372036854775807', '*1\r\n:1\r\n'],
    ['XRANGE x - + COUNT 9223372036854775807', '*0\r\n'],
    ['ZRANGEBYSCORE z -inf +inf LIMIT 9223372036854775807 9223372036854775807', '*0\r\n'],
    ['EVAL x 9223372036854775807', "-ERR Number of keys can't be greater than number of args\r\n"],
    ['ZUNION 9223372036854775807 z', '-ERR syntax error\r\n'],
    ['LMPOP 9223372036854775807 l LEFT', '-ERR syntax error\r\n'],
  ])('%s', (line, reply) => {
    ask('SET', 'k', 'v');
    ask('DEL', 'l');
    ask('RPUSH', 'l', 'a', 'b');
    expect(ask(...line.split(' '))).toBe(reply);
    expect(ask('STRLEN', 'k')).toBe(':1\r\n');
  });
});

describe('much of everything', () => {
  beforeAll(fresh);

  const many = Array.from({ length: 10_000 }, (_, i) => `m${i}`);

  test('ten thousand arguments', () => {
    expect(ask('MSET', ...many)).toBe('+OK\r\n');
    expect(ask('EXISTS', ...many)).toBe(':5000\r\n');
    expect(ask('SADD', 'set', ...many)).toBe(':10000\r\n');
    expect(ask('WATCH', ...many)).toBe('+OK\r\n');
    expect(ask('UNWATCH')).toBe('+OK\r\n');
    expect(ask('SINTERCARD', '10000', ...many)).toMatch(/^-WRONGTYPE/);
    expect(ask('ZADD', 'zset', ...many.flatMap((member, i) => [String(i), member]))).toBe(':10000\r\n');
    expect(ask('XADD', 'stream', '1-1', ...many)).toBe('$3\r\n1-1\r\n');
    expect(ask('EVAL', 'return #ARGV', '0', ...many)).toBe(':10000\r\n');
    expect(ask('COMMAND', 'DOCS', ...many)).toBe('*0\r\n');
    expect(ask('SUBSCRIBE', ...many).split('subscribe').length).toBe(10_001);
    client.close();
    client = ours.world.connect();
    expect(ask('PUBSUB', 'CHANNELS')).toBe('*0\r\n');
  });

  test('patterns that could match in very many ways', () => {
    const long = 'a'.repeat(50_000);
    const pattern = `${'*a'.repeat(40)}b`;
    const startMs = Date.now();
    ask('SET', long, 'v');
    ask('SADD', 'long', long);
    expect(ask('KEYS', pattern)).toBe('*0\r\n');
    expect(ask('SSCAN', 'long', '0', 'MATCH', pattern)).toBe('*2\r\n$1\r\n0\r\n*0\r\n');
    expect(ask('CONFIG', 'GET', pattern)).toBe('*0\r\n');
    expect(ask('ACL', 'DRYRUN', 'default', 'GET', long)).toBe('+OK\r\n');
    expect(Date.now() - startMs).toBeLessThan(SLOWEST_MS);
  });

  test('nesting in scripts', () => {
    const script = (text: string): string => ask('EVAL', text, '0');
    expect(script('local t = {} local c = t for i = 1, 100000 do c[1] = {} c = c[1] end return t')).toMatch(/^\*1\r\n/);
    expect(script(`return ${'('.repeat(100_000)}1`)).toMatch(/^-ERR Error compiling script/);
    expect(script('return cjson.decode(string.rep("[", 100000))')).toMatch(/^-ERR .*too many nested/);
    expect(script('return cmsgpack.unpack(string.rep(string.char(0x91), 100000))')).toMatch(/^-ERR/);
    expect(script('return string.rep("x", 600000000)')).toMatch(/^-ERR .*not enough memory/);
    expect(script('local t = {} for i = 1, 1e6 do t[i] = string.rep("x", 5000000) .. i end')).toMatch(/^-ERR .*memory/);
    expect(script('return 1')).toBe(':1\r\n');
  });
});

describe('names of any bytes are the same on both servers', () => {
  let oracle: Oracle;
  beforeAll(async () => {
    oracle = await Oracle.start();
  });
  afterAll(() => oracle.stop());

  const names = ['', '\0', 'a\0b', '\r\n', 'a\r\n*1\r\n$4\r\nPING\r\n', '\xff\xfe', ' ', '"', '*', '[', '\\'];

  test.each([2, 3])('RESP%i', async (protocol) => {
    const commands = names.flatMap((name) => [
      ['SET', name, name],
      ['GET', name],
      ['TYPE', name],
      ['EXISTS', name, name],
      ['DEL', name],
      ['HSET', name, name, name],
      ['HGET', name, name],
      ['DEL', name],
      ['RPUSH', name, name, ''],
      ['LPOS', name, name],
      ['DEL', name],
      ['SADD', name, name],
      ['SPOP', name],
      ['ZADD', name, '1', name],
      ['ZSCORE', name, name],
      ['DEL', name],
      ['XADD', name, '1-1', name, name],
      ['XGROUP', 'CREATE', name, name, '0'],
      ['XREADGROUP', 'GROUP', name, name, 'STREAMS', name, '>'],
      ['XREADGROUP', 'GROUP', `${name}x`, name, 'STREAMS', name, '>'],
      ['DEL', name],
      ['KEYS', name],
      ['PUBLISH', name, name],
      ['PUBSUB', 'NUMSUB', name],
      ['CLIENT', 'SETNAME', name],
      ['CLIENT', 'GETNAME'],
      ['EVAL', 'return {KEYS[1], ARGV[1], #KEYS[1]}', '1', name, name],
      ['EVAL', name, '0'],
      ['EVAL', `return redis.error_reply(ARGV[1])`, '0', `ERR ${name}`],
      ['OBJECT', name],
      ['CONFIG', 'SET', name, name],
      ['CONFIG', 'GET', name],
      ['GETEX', 'k', name],
      ['SORT', 'k', 'BY', name, 'GET', name],
      ['SCRIPT', 'EXISTS', name],
      ['COMMAND', 'INFO', name],
      [name],
      [name, name, name],
    ]);
    const units: Unit[] = commands.map((words) => ({ kind: 'commands', client: 0, commands: [words] }));
    const failure = await oracle.run({ protocol, settings: [], plainSets: false, events: false, units });
    expect(failure === null ? '' : shown(failure)).toBe('');
  });
});
