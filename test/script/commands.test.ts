/** EVAL's arguments, shebangs, SCRIPT, FUNCTION and FCALL beside redis-server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReply } from '../engine/redis-peer.ts';
import { ScriptPair } from './pair.ts';

let pair: ScriptPair;
beforeAll(async () => {
  pair = await ScriptPair.start();
});
afterAll(() => pair.stop());

const ONE = 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db'; // return 1

test.each([2, 3] as const)('keys and arguments, RESP%i', async (protocol) => {
  await pair.protocol(protocol);
  await pair.both(
    ['EVAL'],
    ['EVAL', 'return 1'],
    ['EVAL', 'return 1', 'x'],
    ['EVAL', 'return 1', '-1'],
    ['EVAL', 'return 1', '2', 'a'],
    ['EVAL', 'return 1', '9999999999999999999'],
    ['EVAL', 'return 1', '2147483648'],
    ['EVAL', 'x=', 'x'],
    ['EVAL', 'return {KEYS,ARGV,#KEYS,#ARGV}', '2', 'a', 'b', 'c', 'd'],
    ['EVAL', 'return {KEYS,ARGV}', '0'],
    ['EVAL', 'return {KEYS[1],ARGV[1],KEYS[2]}', '1', 'a\0b', Buffer.from([0, 255, 13, 10])],
    ['EVAL', 'return ARGV', '0', ...Array.from({ length: 5000 }, (_, i) => `arg ${i}`)],
    ['EVAL', 'return #ARGV[1]', '0', 'x'.repeat(100_000)],
    ['EVAL', 'return ARGV[1]', '0', 'x'.repeat(100_000)],
    ['EVAL', 'KEYS[1]=5 ARGV[2]=7 return {KEYS,ARGV}', '1', 'a', 'b'],
    ['EVAL', "return redis.call('set',KEYS[1],ARGV[1])", '1', 'key', 'value'],
    ['EVAL', "return redis.call('get',KEYS[1])", '1', 'key'],
    ['EVAL', 'local a = 1\nlocal b = nil\nreturn a + b', '0'],
    ['EVAL', 'local function f() error("deep") end\n\nf()', '0'],
    ['EVAL', "return redis.call('select', 5)", '0'],
    ['EVAL', "redis.call('select', 5) return redis.call('set','in','five')", '0'],
    ['GET', 'in'],
    ['DBSIZE'],
    ['EVALSHA', 'abc', '0'],
    ['EVALSHA', 'abc', 'x'],
    ['EVALSHA', 'f'.repeat(40), '0'],
    ['EVALSHA', 'f'.repeat(40), 'x'],
    ['EVALSHA', ONE, '0'],
    ['EVALSHA', ONE.toUpperCase(), '0'],
    ['EVALSHA_RO', ONE, '0'],
    ['EVALSHA', ONE, '1'],
    ['EVAL_RO', "return redis.call('set','a',1)", '0'],
    ['EVAL_RO', "return redis.pcall('set','a',1)", '0'],
    ['EVAL_RO', "return redis.call('get','key')", '0'],
    ['EVAL_RO', "return redis.call('publish','a','b')", '0'],
    ['EVAL_RO', 'return KEYS', '1', 'a'],
    ['FLUSHALL'],
  );
});

test('shebangs', async () => {
  await pair.protocol(2);
  const scripts = [
    '#!lua',
    '#!',
    '#',
    '#!lua\nreturn 1',
    '#!lua\n\nreturn x',
    '#!lua flags=no-writes\nreturn redis.call("set","a","b")',
    '#!lua flags=no-writes\nreturn redis.call("get","a")',
    '#!lua flags=nope\nreturn 1',
    '#!lua name=x\nreturn 1',
    '#!foo\nreturn 1',
    '#!LUA\nreturn 1',
    '#!lua flags=no-writes,allow-oom x=y\nreturn 1',
    '#!lua flags=\nreturn 1',
    '#!lua flags=no-writes,\nreturn 1',
    '#! lua\nreturn 1',
    '#!lua\nx=',
    '#!lua flags=allow-stale,no-cluster,allow-cross-slot-keys,allow-oom\nreturn 1',
    '#!lua  flags=no-writes   flags=allow-oom\nreturn 5',
  ];
  for (const script of scripts) {
    await pair.same('EVAL', script, '0');
    await pair.same('EVAL_RO', script, '0');
    await pair.same('SCRIPT', 'LOAD', script);
  }
});

test('SCRIPT', async () => {
  await pair.both(
    ['SCRIPT'],
    ['SCRIPT', 'LOAD', 'x='],
    ['SCRIPT', 'LOAD', ''],
    ['SCRIPT', 'LOAD', 'return 1'],
    ['SCRIPT', 'LOAD'],
    ['SCRIPT', 'LOAD', 'return 2', 'x'],
    ['SCRIPT', 'EXISTS'],
    ['SCRIPT', 'EXISTS', 'a', ONE, ONE.toUpperCase()],
    ['SCRIPT', 'FLUSH', 'foo'],
    ['SCRIPT', 'FLUSH', 'async', 'sync'],
    ['SCRIPT', 'FLUSH', 'ASYNC'],
    ['SCRIPT', 'EXISTS', ONE],
    ['EVALSHA', ONE, '0'],
    ['SCRIPT', 'LOAD', 'return 1'],
    ['SCRIPT', 'FLUSH', 'sync'],
    ['SCRIPT', 'FLUSH'],
    ['SCRIPT', 'KILL'],
    ['SCRIPT', 'KILL', 'x'],
    ['SCRIPT', 'DEBUG', 'foo'],
    ['SCRIPT', 'DEBUG', 'no'],
    ['SCRIPT', 'DEBUG'],
    ['SCRIPT', 'HELP'],
    ['SCRIPT', 'HELP', 'x'],
    ['SCRIPT', 'foo'],
  );
});

const registrations = `
redis.register_function("f1", function(keys,args) return {keys,args} end)
redis.register_function({},function() end)
redis.register_function("a b",function() end)
redis.register_function("",function() end)
redis.register_function()
redis.register_function(1,2,3)
redis.register_function(1,function() end)
redis.register_function("f2","x")
redis.register_function{}
redis.register_function(5)
redis.register_function("f2")
redis.register_function{function_name="x"}
redis.register_function{callback=function() end}
redis.register_function{function_name="x",callback=5}
redis.register_function{function_name=5,callback=5}
redis.register_function{function_name={},callback=function() end}
redis.register_function{function_name="x",callback=function() end,flags=5}
redis.register_function{function_name="x",callback=function() end,flags={"nope"}}
redis.register_function{function_name="x",callback=function() end,flags={5}}
redis.register_function{function_name="x",callback=function() end,flags={}}
redis.register_function{function_name="x",callback=function() end,foo={5}}
redis.register_function{function_name="x",callback=function() end,[5]={5}}
redis.register_function{function_name="x",callback=function() end,[{}]={5}}
redis.register_function{function_name="x",callback=function() end,description=5}
redis.register_function{function_name="x",callback=function() end,description={}}
redis.register_function{FUNCTION_NAME="x",callback=function() end}
redis.register_function("x",function() end) redis.register_function("x",function() end)
redis.register_function("f",function() end) local a = string.rep("a",2)
redis.register_function("f",function() end) local a = pcall(x)
redis.register_function("f",function() end) redis.log(redis.LOG_WARNING, "hi") local a = redis.REDIS_VERSION
redis.register_function("f",function() end) local a = redis.setresp
redis.register_function("f",function() end) local t = {} t.x.y = 1
redis.register_function("f",function() end) redis.x = 1
redis.register_function("f",function() end) local x = _G
redis.log("x")
redis.call("ping")
x=1
x=
local a = y
return 1
local s = ("x"):rep(3) redis.register_function(s,function() end)
`;

test('FUNCTION LOAD: what may be registered', async () => {
  await pair.protocol(2);
  for (const code of registrations.split('\n').filter((line) => line !== '')) {
    await pair.same('FUNCTION', 'LOAD', `#!lua name=c\n${code}`);
    await pair.same('FUNCTION', 'LIST');
    await pair.same('FUNCTION', 'FLUSH');
  }
  for (const body of [
    'x',
    '',
    '#!lua',
    '#!lua\nreturn 1',
    '#!lua name=\nreturn 1',
    '#!lua name=a b\nreturn 1',
    '#!lua name=c name=d\nreturn 1',
    '#!lua foo=c\nreturn 1',
    '#!lua name=c-d\nreturn 1',
    '#!foo name=c\nreturn 1',
    '#!LUA name=c\nreturn 1',
    '#!foo name=\nreturn 1',
  ]) {
    await pair.same('FUNCTION', 'LOAD', body);
  }
});

const LIBRARY = `#!lua name=d
redis.register_function{function_name="x",callback=function(k,a) return redis.call("set",k[1],1) end,flags={"no-writes","allow-stale"},description="desc"}
redis.register_function("y",function(k,a) return redis.call("nope") end)
redis.register_function("z",function(k,a) return g end)
redis.register_function("w",function(k,a) redis.register_function("q",function() end) end)
local n = 0
redis.register_function("counter",function(k,a) n = n + 1 return n end)
redis.register_function("u",function(k,a) return KEYS end)
redis.register_function("t",function(k,a) return x() end)
redis.register_function("echo",function(k,a) return {k,a} end)
redis.register_function{function_name="ro",callback=function(k,a) return redis.call("get",k[1]) end,flags={"no-writes"}}
local register = redis.register_function
redis.register_function("late",function(k,a) register("q",function() end) end)
redis.register_function("s",function(k,a) string.x = 1 end)
redis.register_function("e",function(k,a) error({err="MY error"}) end)
redis.register_function("resp",function(k,a) redis.setresp(3) return {true, {double=1.5}} end)`;

const calls = [
  'x 1 a|x 0|y 0|z 0|w 0|counter 0|counter 0|u 0|t 0|nope 0|x a|x -1|x 5|nope a|echo 1 a b|echo 0|ro 1 a|late 0|s 0|e 0',
  'resp 0|echo|echo 2 a b c d',
]
  .join('|')
  .split('|')
  .map((text) => text.split(' '));

test.each([2, 3] as const)('FCALL, RESP%i', async (protocol) => {
  await pair.protocol(protocol);
  await pair.same('FUNCTION', 'FLUSH');
  await pair.same('FUNCTION', 'LOAD', LIBRARY);
  for (const call of calls) {
    await pair.same('FCALL', ...call);
    await pair.same('FCALL_RO', ...call);
  }
  await pair.both(
    ['FUNCTION', 'STATS'],
    ['FUNCTION', 'LOAD', LIBRARY],
    ['FUNCTION', 'LOAD', 'REPLACE', LIBRARY],
    ['FUNCTION', 'LOAD', 'nope', LIBRARY],
    ['FUNCTION', 'LOAD', '#!lua name=other\nredis.register_function("x", function() end)'],
    ['FCALL', 'counter', '0'],
    ['FUNCTION', 'KILL'],
    ['FUNCTION', 'DELETE', 'nope'],
    ['FUNCTION', 'DELETE', 'd'],
    ['FCALL', 'counter', '0'],
    ['FUNCTION', 'STATS'],
  );
});

test.each([2, 3] as const)('FUNCTION LIST, DUMP, RESTORE, RESP%i', async (protocol) => {
  await pair.protocol(protocol);
  const one =
    '#!lua name=lib1\nredis.register_function{function_name="f",callback=function() return 1 end,flags={"allow-oom","no-cluster"}}';
  await pair.same('FUNCTION', 'FLUSH', 'SYNC');
  await pair.same('FUNCTION', 'DUMP').catch(() => ''); // the RDB version differs: below
  await pair.both(
    ['FUNCTION', 'LOAD', one],
    ['FUNCTION', 'LIST'],
    ['FUNCTION', 'LIST', 'WITHCODE'],
    ['FUNCTION', 'LIST', 'LIBRARYNAME', 'LIB*', 'withcode'],
    ['FUNCTION', 'LIST', 'LIBRARYNAME', 'nope'],
    ['FUNCTION', 'LIST', 'foo'],
    ['FUNCTION', 'LIST', 'LIBRARYNAME'],
    ['FUNCTION', 'LIST', 'withcode', 'withcode'],
    ['FUNCTION', 'LIST', 'libraryname', 'a', 'libraryname', 'b'],
    ['FUNCTION', 'RESTORE', 'x'],
    ['FUNCTION', 'RESTORE', 'x', 'foo'],
    ['FUNCTION', 'RESTORE', 'x', 'append', 'x'],
    ['FUNCTION', 'FLUSH', 'x'],
    ['FUNCTION', 'FLUSH', 'sync', 'async'],
    ['FUNCTION', 'HELP'],
    ['FUNCTION', 'foo'],
    ['FUNCTION'],
  );
  const [theirs] = await pair.redis.run([['FUNCTION', 'DUMP']]);
  const payload = theirs.subarray(theirs.indexOf('\n') + 1, -2);
  const ours = pair.run('FUNCTION', 'DUMP');
  const body = String(parseReply(Buffer.from(ours, 'latin1'))).slice(1, -10);
  expect(body).toBe(payload.toString('latin1').slice(0, -10));
  await pair.both(
    ['FUNCTION', 'RESTORE', payload],
    ['FUNCTION', 'RESTORE', payload, 'REPLACE'],
    ['FUNCTION', 'RESTORE', payload, 'FLUSH'],
    ['FUNCTION', 'LIST', 'WITHCODE'],
    ['FUNCTION', 'FLUSH'],
    ['FUNCTION', 'LOAD', '#!lua name=other\nredis.register_function("f", function() return 2 end)'],
    ['FUNCTION', 'RESTORE', payload],
    ['FUNCTION', 'RESTORE', payload, 'REPLACE'],
    ['FCALL', 'f', '0'],
    ['FUNCTION', 'RESTORE', payload, 'FLUSH'],
    ['FCALL', 'f', '0'],
    ['FUNCTION', 'LIST'],
  );
  pair.run('FUNCTION', 'FLUSH');
  const own = Buffer.from(String(parseReply(Buffer.from(ours, 'latin1'))).slice(1), 'latin1');
  expect(pair.run('FUNCTION', 'RESTORE', own)).toBe('+OK\r\n');
  expect(pair.run('FCALL', 'f', '0')).toBe(':1\r\n');
});

test('errors are counted once, under the command that made them', async () => {
  await pair.protocol(2);
  await pair.both(
    ['CONFIG', 'RESETSTAT'],
    ['SET', 's', 'abc'],
    ['EVAL', "return redis.call('incr','s')", '0'],
    ['EVAL', "return redis.pcall('incr','s')", '0'],
    ['EVAL', "return redis.call('nope')", '0'],
    ['EVAL', "return redis.call('get')", '0'],
    ['EVAL', "error('mine')", '0'],
    ['EVAL', "return {err='MY err'}", '0'],
    ['EVAL', "redis.pcall('incr','s') return 1", '0'],
  );
  const picked = (info: string): string[] =>
    info
      .split('\r\n')
      .filter((line) => /^(cmdstat_(incr|get|eval|set)|errorstat)/.test(line))
      .map((line) => line.replace(/usec=.*?,usec_per_call=[\d.]+,/, ''))
      .sort();
  for (const section of ['commandstats', 'errorstats']) {
    const [theirs] = await pair.redis.run([['INFO', section]]);
    expect(picked(pair.run('INFO', section))).toEqual(picked(theirs.toString('latin1')));
  }
});
