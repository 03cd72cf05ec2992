/**
 * What a script must not be able to do to the server: take all memory, overflow a stack, run for ever. Each is an error for
 * the script, and the next one runs as if nothing had been.
 */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type PeerStream, request, World } from '../server/peer.ts';

let world: World;
let client: PeerStream;
beforeEach(() => {
  world = new World();
  client = world.connect();
});
afterEach(() => client.close());

const run = (...words: string[]): string => {
  client.send(request(...words));
  return client.received();
};
const script = (text: string): string => run('EVAL', text, '0');

test.each([
  ['recursion in Lua', 'local function f() return f()+1 end return f()', 'stack overflow'],
  ['recursion through gsub', 'local function g() return (string.gsub("a","a",g)) end return g()', 'stack overflow'],
  ['recursion through coroutines', 'local function f() return coroutine.wrap(f)() end return f()', 'stack overflow'],
  [
    'recursion through __index',
    'return setmetatable({},{__index=function(t,k) return t[k+1] end})[1]',
    'stack overflow',
  ],
  [
    'a chain of __index',
    'local f={} for i=1,1000 do f=setmetatable({},{__index=f}) end return f.x',
    'loop in gettable',
  ],
  ['a pattern of many items', 'return string.find(("a"):rep(200000),("a?"):rep(200000))', 'stack overflow'],
  ['the same, caught', 'return pcall(string.find,("a"):rep(200000),("a?"):rep(200000))', 'stack overflow'],
  ['nested MessagePack', 'return cmsgpack.unpack(("\\145"):rep(200000))', 'stack overflow'],
  ['nested JSON', 'return cjson.decode(("["):rep(200000))', 'too many nested'],
  ['a table in itself', 'local t={} t[1]=t return cjson.encode(t)', 'excessive nesting'],
  ['a string that doubles', 'local s="x" while true do s=s..s end', 'not enough memory'],
  ['string.rep of 2 GB', 'return #string.rep("x",2^31-10)', 'not enough memory'],
  ['string.rep beyond 2^53', 'return #string.rep(("x"):rep(2^20),2^31-1)', 'not enough memory'],
  [
    'sorting by nonsense',
    'local t={} for i=1,1e5 do t[i]=i end table.sort(t,function() return true end)',
    'invalid order',
  ],
  ['many results', 'return unpack({},1,1e8)', 'too many results'],
  ['many syntax levels', `return ${'{'.repeat(1000)}`, 'too many'],
])('%s', (_, text, error) => {
  expect(script(text)).toContain(error);
  expect(script('return 1')).toBe(':1\r\n');
  expect(script("return redis.call('set','k','v').ok")).toBe('$2\r\nOK\r\n');
});

test('a reply nested as deep as the stack goes, and then an error', () => {
  const reply = script('local t={} t[1]=t return t');
  expect(reply.replaceAll('*1\r\n', '')).toBe('-ERR reached lua stack limit\r\n');
  expect(reply.length).toBeGreaterThan(7000 * 4);
  const maps = script('local t={} t.map={a=t} return t');
  expect(maps).toContain('-ERR reached lua stack limit\r\n');
  expect(script('return 1')).toBe(':1\r\n');
});

test('memory is given back: a state that grew is replaced, scripts and libraries stay', () => {
  const code = '#!lua name=l\nredis.register_function("f", function() return 7 end)';
  expect(run('FUNCTION', 'LOAD', code)).toBe('$1\r\nl\r\n');
  const sha = run('SCRIPT', 'LOAD', 'return 5').slice(5, 45);
  expect(script('return #string.rep("x",1e8)')).toBe(':100000000\r\n');
  expect(run('EVALSHA', sha, '0')).toBe(':5\r\n');
  expect(world.core.context.scripting.scripts.memoryBytes).toBeLessThan(1 << 20);
  expect(run('FCALL', 'f', '0')).toBe(':7\r\n');
});

/** Each look at the clock finds it a millisecond later. */
function hurry(): void {
  let us = 0;
  Object.defineProperty(world.clock, 'nowUs', {
    value: () => {
      us += 1000;
      return us;
    },
  });
}

test('a script that runs too long is ended by SCRIPT KILL, though it catches errors; one that wrote is not', () => {
  hurry();
  world.setting('busy-reply-threshold', '10');
  const { scripting } = world.core.context;
  const answers: (string | null)[] = [];
  world.core.context.busyTurn = () => {
    answers.push(scripting.busyError, scripting.kill(false), scripting.kill(true));
    if (answers.length > 30) scripting.abandon();
  };
  const killed = script('while true do pcall(function() while true do end end) end');
  expect(killed).toContain('-ERR Script killed by user with SCRIPT KILL. script: ');
  const busy = 'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.';
  expect(answers).toEqual([busy, busy, null]);
  expect(world.log.some((line) => line.startsWith('Slow script detected'))).toBe(true);
  answers.length = 0;
  script("redis.call('set','a','b') while true do end");
  expect(answers[2]).toMatch(/^UNKILLABLE /);
  expect(script('return 1')).toBe(':1\r\n');
});

test('a library that does not end while it is loaded', () => {
  hurry();
  expect(run('FUNCTION', 'LOAD', '#!lua name=l\nwhile true do end')).toContain('FUNCTION LOAD timeout');
  expect(run('FUNCTION', 'LIST')).toBe('*0\r\n');
});

test('a table that refers to itself a hundred times can be ended while it is packed', () => {
  hurry();
  world.setting('busy-reply-threshold', '1');
  world.core.context.busyTurn = () => world.core.context.scripting.kill(true);
  const text = 'local t={} for i=1,100 do t[i]=t end return #cmsgpack.pack(t)';
  expect(script(text)).toContain('Script killed by user');
});
