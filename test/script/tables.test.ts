/** Arguments that become tables and tables that become replies, in all the ways that Lua keeps a table, beside redis-server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ScriptPair } from './pair.ts';

let pair: ScriptPair;
beforeAll(async () => {
  pair = await ScriptPair.start();
});
afterAll(() => pair.stop());

test.each([2, 3] as const)('arrays, however they were made, RESP%i', async (protocol) => {
  await pair.protocol(protocol);
  await pair.sameScripts([
    'local t={} t[1]=1 t[2]="b" t[3]=true return t',
    'local t={} for i=1,9 do t[i]=i*1.5 end return t',
    'local t={} for i=9,1,-1 do t[i]=i end return t',
    'local t={1,2,3} t[4]=4 return t',
    'local t={1,2,3} t[4]=4 t[5]=nil t[3]=nil return t',
    'local t={1,2,3,4,5} table.remove(t) table.remove(t,1) return t',
    'local t={1,2,3} t.x=1 return t',
    'local t={1,2,3} t.x=1 t.x=nil return t',
    'local t={1,{2,{},{{}}},"x",{3,ok=1},{ok="fine"},{err="No"}} return t',
    'local t={} for i=1,300 do t[i]=tostring(i) end return t',
    'local t={} for i=1,40 do t[i]={i,{tostring(i)}} end return t',
    'return {print,1}',
    'return {1,print,coroutine.create(print),2}',
    'return {nil,1}',
    'return {1,nil,3}',
    'return {false,true,nil}',
    'return {"",("x"):rep(7),("x"):rep(8),("x"):rep(9),("x"):rep(5000)}',
    'return {1e15,-0.5,2^53,-2^53,1e300,-1e300,0/0}',
    'return setmetatable({1,2},{__index=function() return 9 end})',
    'redis.setresp(3) return {true,false,1}',
    'redis.setresp(3) return {map={a={1,2}},1}',
    'return {KEYS[1],ARGV[1],#KEYS,#ARGV}',
    'KEYS[1]="k" ARGV[2]="v" return {KEYS[1],ARGV[1],ARGV[2]}',
    'return {KEYS[1],ARGV[1],ARGV[2]}',
  ]);
});

test('arguments: none, some, and more than go into a table at once', async () => {
  const echo = 'local t={} for i,k in ipairs(KEYS) do t[i]=k end for i,v in ipairs(ARGV) do t[#t+1]=v end return t';
  for (const [keys, others] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [99, 100],
    [100, 101],
    [101, 1],
    [300, 5000],
  ]) {
    const words = Array.from({ length: keys + others }, (_, i) => 'a'.repeat(i % 70) + String(i));
    await pair.same('EVAL', echo, String(keys), ...words);
  }
  await pair.same('EVAL', 'return {#ARGV[1],#ARGV[2]}', '0', 'x'.repeat(200_000), Buffer.from([0, 255, 13, 10]));
});

test('numbers and strings as arguments of commands', async () => {
  await pair.sameScripts([
    "return {redis.call('set','n',1.5),redis.call('get','n'),redis.call('set','n',-7),redis.call('get','n')}",
    "return {redis.call('mset','a',1,'b',2^40,'c',('z'):rep(100)),redis.call('mget','a','b','c','d')}",
    "return redis.call('echo',('x'):rep(70000))",
    "local t={} for i=1,100 do t[i]=i end return redis.call('rpush','l',unpack(t))",
    "return redis.call('lrange','l',0,-1)",
    'return redis.acl_check_cmd("set","a",1)',
  ]);
});

test('nothing that is in use is collected: many scripts with new strings while the collector goes round', () => {
  const words = Array.from({ length: 90 }, (_, i) => `argument-${i}-`);
  const script = `
    local t={} for i=1,#ARGV do t[i]=KEYS[i]..ARGV[i]; redis.call('set',KEYS[1],t[i]); t[i]=redis.call('get',KEYS[1]) end
    collectgarbage('step',20) return t`;
  for (let round = 0; round < 300; round++) {
    const keys = words.map((word) => `k${word}${round}`);
    const others = words.map((word) => word + (round + 1));
    const expected = keys.map((key, i) => key + others[i]);
    const reply = pair.run('EVAL', script, '90', ...keys, ...others);
    expect(reply).toBe(`*90\r\n${expected.map((text) => `$${text.length}\r\n${text}\r\n`).join('')}`);
  }
});
