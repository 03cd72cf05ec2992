/** EVAL beside redis-server: what scripts see, what they may do, and what their values and errors look like as replies. */
import { afterAll, beforeAll, test } from 'vitest';
import { ScriptPair } from './pair.ts';

let pair: ScriptPair;
beforeAll(async () => {
  pair = await ScriptPair.start();
});
afterAll(() => pair.stop());

const values = String.raw`
return 1
return -1
return 3.99
return -3.99
return 1e15
return 2^53
return 1e18
return -1e18
return 1e300
return -1e300
return 0/0
return 1/0
return '1.5'+1
return true
return false
return nil
return
return ''
return 'a\0b\r\n\255'
return {}
return {1,2,3.9,'a',nil,4}
return {1,{2,{3,{}}},false,true}
return {nil}
return {a=1}
return {ok='fine'}
return {ok='a\r\nb'}
return {ok=5}
return {ok=''}
return {err='My Err'}
return {err='E\r\nx'}
return {err=5}
return {err=''}
return {err='ERR x', ok='y'}
return {double=3.5}
return {double=3}
return {double=1e5}
return {double='x'}
return {double=1/0}
return {map={a=1}}
return {map={[1]=2}}
return {map={}}
return {map=5}
return {set={a=true}}
return {set={5}}
return {big_number='12345678901234567890'}
return {big_number='1\r\n2'}
return {big_number=12}
return {verbatim_string={format='txt',string='hi'}}
return {verbatim_string={format='txt'}}
return {verbatim_string={format='longer',string='hi'}}
return {verbatim_string={string='hi'}}
return {verbatim_string=5}
return {1,{ok='fine'},{err='E x'},{double=3.5},{map={a={1,2}}},{set={a=true}}}
return function() end
return coroutine.create(function() end)
return cjson.null
return string
return redis.call
local t={1} for i=1,100 do t={t} end return t
return {map={a={map={b={set={c=true}}}}}}
return setmetatable({}, {__index=function(t,k) return k=='ok' and 'Q' or nil end})
return setmetatable({}, {__index=function(t,k) if k<3 then return k end end})
return 1,2,3
return #ARGV..#KEYS
return 'x', 'y'
return {string.find('abc','b',1,true)}
return tostring(1e15)..' '..tostring(2^53)..' '..tostring(1e100)..' '..tostring(1/0)..' '..tostring(-1/0)
return tostring(3.14159265358979)..' '..tostring(1e14)..' '..tostring(123456789012345678)
return string.format('%q', 'a\0b\r\n"\\')
return string.format('%5.2f|%d|%x|%s|%g|%e|%c|%i|%u|%o|%%', 3.14159, 42, 255, 'str', 1e20, 12345.678, 65, -3, 7, 8)
return string.format('%10s|%-10s|%.2s', 'a', 'b', 'cde')
return tonumber('0x10')..tonumber('1e1')..tostring(tonumber('z',36))..tostring(tonumber('x'))
return tostring(nil)..tostring(true)
return table.concat({1,2,3},',')..table.concat({})..table.concat({'a','b','c'},'-',2,3)
return {unpack({1,2,3})}
return {unpack({1,2,3},2)}
return select('#',1,nil,3)
return {select(2,'a','b','c')}
return ('x'):rep(3)..('abc'):upper()..('ABC'):lower()..('abc'):reverse()..#'abc'..('abc'):sub(-2)
return {('key=val'):match('(%w+)=(%w+)')}
return (string.gsub('hello world','o','0'))
return {string.gsub('hello','l',{l='L'})}
return {string.byte('abc',1,-1)}
return string.char(72,105)
local r={} for w in ('a b c'):gmatch('%a') do r[#r+1]=w end return r
local t={3,1,2} table.sort(t) return t
local t={3,1,2} table.sort(t,function(a,b) return a>b end) return t
local t={1,2} table.insert(t,3) table.insert(t,1,0) table.remove(t) return t
return {table.getn({1,2}), table.maxn({1,2,[10]=1})}
return {math.floor(3.7),math.ceil(3.2),math.max(1,5,3),math.min(4,2),math.abs(-4),math.sqrt(16),math.pow(2,10)}
return {math.fmod(7,3),math.mod(7,3),7%3,-7%3}
return {math.modf(3.7)}
return {math.frexp(8)}
return math.ldexp(1,4)
return tostring(math.pi)..tostring(math.huge)
return _VERSION
if 1 then return 5 end
return not nil
return 5 // 2
return 'a' .. 1 .. 2.5
for i=1,3 do if i==2 then return i end end
local s=0 for i=10,1,-3 do s=s+i end return s
local i=0 while true do i=i+1 if i>10 then break end end return i
local i=0 repeat i=i+1 until i>5 return i
return 1 == 1.0
return 'a' < 'b'
return {1 < 2, 2 <= 1, 'x' ~= 'y'}
return #'\0\0\0'
return type(nil)..type(1)..type('')..type({})..type(print)
`;

const errors = String.raw`
x=
return return
goto x
local a <const> = 1
for
return 'unfinished
return 5 5
error('x')
error('x',0)
error('x',1)
error('x',2)
error()
error(nil)
error(5)
error(true)
error({err='My x'})
error({err='My\r\nx'})
error({err=5})
error({err='-My x'})
x=1
return x
return x.y
string.x=1
redis.call=1
_G.x=1
math.pi=3
KEYS[1]=5 return KEYS[1]
KEYS=5
getmetatable('').__index=1
getmetatable(_G).__index=1
setmetatable(_G,{})
setmetatable(redis,{})
setmetatable(cjson,{})
rawset(_G,'x',1)
rawset(getmetatable(_G),'a',1)
table.insert(_G,1)
table.insert(string,1)
table.remove(string,1)
table.sort(string)
table.setn({},1)
return rawget(_G,'x')
return rawget(string,'format') == string.format
return getmetatable(string)
return type(getmetatable(_G))
return rawequal(getmetatable(_G), getmetatable(_G))
return getmetatable(cjson.null)
return type(getmetatable(''))
return getmetatable(setmetatable({},{__metatable='locked'}))
return setmetatable(setmetatable({},{__metatable='locked'}),{})
return _G._G == _G
return type(next(string))
for k,v in pairs(string) do if k=='format' then return 'yes' end end
return next({})
return next(nil)
return pairs(nil)
return pairs()
return ipairs()
return rawget('a')
return rawset('a')
return setmetatable(1)
return setmetatable({})
return setmetatable({},5)
return load(1)
return load()
return loadstring()
return {load(function() error('x') end)}
return {load(function() return {} end)}
local f,e=load(function() error('x') end) return e
local f,e=load(function() return {} end) return e
local n=0 local f=load(function() n=n+1 if n==1 then return 'return ' elseif n==2 then return '42' end end) return f()
local f,e=loadstring('x=') return e
local f,e=loadstring('x=','=name') return e
local f,e=loadstring('x=','@name') return e
return loadstring('return 1+1')()
local f,e=loadstring(string.dump(function() end)) return e
local f = loadstring('y=1') f()
local f = loadstring('return y') return f()
return loadstring('error("q")')()
local t=nil; t.x=1
local t={} return t.x.y
return nil..1
return {}..1
return 1+{}
return 1+'a'
return {}<{}
return 1<'a'
return #5
return -{}
nofunc()
local f f()
string.foo()
('x'):foo()
string.rep()
string.rep('x')
string.rep('x','y')
string.format('%d','x')
string.format('%y',1)
string.format('%s')
string.char(256)
string.char(-1)
string.find('a','[')
string.find('a','%')
string.gsub('a','a',function() return {} end)
string.gsub('a','(','b')
string.gsub('a','a','%2')
table.concat({{}})
table.concat({1,2},',',1,5)
table.insert({},1,2,3)
table.insert()
tonumber('10',99)
tonumber()
math.random(0)
math.random(5,4)
math.random(1,2,3)
math.random('x')
math.floor()
math.floor('x')
select(0)
select(-5,1)
unpack()
return {pcall(error)}
return {pcall(error,'x')}
return {pcall(error,{err='x y'})}
return {pcall(error,{1,2})}
return pcall(function() return 1,2 end)
return pcall()
return {pcall(5)}
return {xpcall(function() error('z') end,function(e) return 'h:'..e end)}
return select(2,xpcall(function() error('z') end,function(e) return 'h:'..e end))
local ok,e=pcall(function() local x = nil; x.y=1 end) return e
return coroutine.wrap(function() coroutine.yield(1) end)()
return {coroutine.resume(coroutine.create(function() error('x') end))}
return coroutine.wrap(function() error('x') end)()
return coroutine.yield(1)
local co=coroutine.wrap(function(a) local b=coroutine.yield(a+1) return b*2 end) return {co(1),co(10)}
local co=coroutine.create(function() pcall(coroutine.yield,1) end) return {coroutine.resume(co)}
return {coroutine.status(coroutine.create(function() end))}
assert(false)
assert(nil,'msg')
assert(false,{err='t'})
return assert(1)
local function f() return f()+1 end return f()
local function f() return f() end for i=1,10 do end return 'tail'
return __redis__err__handler('x')
return print('x')
return require('x')
return dofile('x')
return getfenv()
return setfenv(1,{})
return newproxy()
return io
return debug
return package
return collectgarbage('count') > 0
return collectgarbage()
return collectgarbage('nope')
return type(gcinfo())
local a={} a[nil]=1
local a={} a[0/0]=1
for i=1,10,0 do return i end
for i='a',2 do end
local t=setmetatable({},{__index=function(t,k) error('idx '..k) end}) return t.foo
local t=setmetatable({},{__newindex=function(t,k,v) rawset(t,k,v*2) end}) t.a=4 return t.a
local t=setmetatable({},{__call=function(self,a) return a+1 end}) return t(1)
return tostring(setmetatable({}, {__tostring=function() return 'hey' end}))
return tostring(setmetatable({}, {__tostring=function() return 5 end}))
return cjson.null == cjson.null
return tostring(cjson.null)
return string.gfind == string.gmatch
return unpack({},1,7999)
return select('#',unpack({},1,7000))
`;

const commands = String.raw`
return redis.call('ping')
return redis.call('PING')
return redis.call('ping').ok
return redis.call('echo','x')
return redis.call('set','a','b')
return redis.call('get','a')
return redis.call('get','nokey')
return redis.call('get','nokey') == false
return redis.call('set','n',10)
return redis.call('incr','n')
return redis.call('incr','n') + 1
return redis.call('incrby','n',5)
redis.call('set','x',10) return redis.call('get','x')
redis.call('set','x',1e20) return redis.call('get','x')
redis.call('set','x',-7) return redis.call('get','x')
redis.call('set','x',2.5) return redis.call('get','x')
redis.call('set','x','\0\r\n\255') return redis.call('get','x')
redis.call('set','x',string.rep('ab',100000)) return #redis.call('get','x')
redis.call('set','x',string.rep('ab',100000)) return redis.call('get','x')
return redis.call('mset','k1','v1','k2','v2')
return redis.call('mget','k1','nokey','k2')
return redis.call('del','k1','k2')
return redis.call('exists','a','b')
return redis.call('append','ap','x')
return redis.call('strlen','a')
return redis.call('getrange','a',0,-1)
return redis.call('type','a')
return redis.call('ttl','a')
return redis.call('expire','a',100)
return redis.call('persist','a')
return redis.call('dbsize')
return redis.call('flushall')
return redis.call('set','a')
return redis.call('get')
return redis.call('foo')
return redis.call('')
return redis.call()
return redis.call({})
return redis.call(nil)
return redis.call(true)
return redis.call('set','x',true)
return redis.call('set','x',nil)
return redis.call('set','x',{})
return redis.call(5)
return redis.call('eval','return 1',0)
return redis.call('eval','')
return redis.call('script','flush')
return redis.call('multi')
return redis.call('exec')
return redis.call('watch','a')
return redis.call('auth','x')
return redis.call('hello',3)
return redis.call('subscribe','x')
return redis.call('client','foo')
return redis.call('client')
return redis.call('client','id')
return redis.call('client','list')
return redis.call('config','get','maxmemory')
return redis.call('config','foo')
return redis.call('debug','sleep',0)
return redis.call('monitor')
return redis.call('quit')
return redis.call('select',20)
redis.call('select',3) return redis.call('incr','z')
return redis.call('dbsize')
return redis.call('memory','foo')
return redis.call('client','kill')
return redis.call('incr','a','b')..1
redis.call('set','s','abc') return redis.call('incr','s')
redis.call('set','s','abc') return redis.pcall('incr','s')
redis.call('set','s','abc') local r=redis.pcall('incr','s') return r.err
redis.call('set','s','abc') return {redis.pcall('incr','s'),1}
redis.call('set','s','abc') local ok,e=pcall(redis.call,'incr','s') return e
redis.call('set','s','abc') local ok,e=pcall(redis.call,'incr','s') return {err=e}
redis.call('set','s','abc') local ok,e=pcall(function() return redis.call('incr','s') end) error(e)
redis.call('set','s','abc') local r=redis.pcall('incr','s') error(r)
redis.call('set','s','abc') local e=redis.pcall('incr','s') local r={} for k,v in pairs(e) do r[#r+1]=k..'='..tostring(v) end table.sort(r) return r
return redis.pcall('foo')
local e=redis.pcall('foo') local r={} for k,v in pairs(e) do r[#r+1]=k..'='..tostring(v) end table.sort(r) return r
local e=redis.pcall() local r={} for k,v in pairs(e) do r[#r+1]=k..'='..tostring(v) end table.sort(r) return r
return redis.pcall('get')
return redis.pcall()
return redis.pcall({})
local ok,e=pcall(redis.call,'nope') return e
local ok,e=xpcall(function() return redis.call('nope') end, function(e) return e end) local r={} for k,v in pairs(e) do r[#r+1]=k..'='..tostring(v) end table.sort(r) return r
local function f() return redis.call('incr','a','b') end local x = f()
return coroutine.wrap(function() coroutine.yield(redis.call('ping')) end)()
return coroutine.wrap(function() return redis.call('nope') end)()
return {coroutine.resume(coroutine.create(function() return redis.call('nope') end))}
redis.setresp(3) return redis.call('get','nokey')
redis.setresp(3) return redis.call('get','nokey') == nil
redis.setresp(3) return true
redis.setresp(3) return {true,false,nil,1}
redis.setresp(3) redis.setresp(2) return true
redis.setresp(3) return redis.call('mget','a','nokey')
redis.setresp(3) return redis.call('debug','protocol','bignum')
return redis.setresp(3)
return redis.setresp()
return redis.setresp(4)
return redis.setresp('3')
return redis.setresp(2,3)
return redis.sha1hex()
return redis.sha1hex(1)
return redis.sha1hex('')
return redis.sha1hex('a\0b')
return redis.sha1hex('a','b')
return redis.log()
return redis.log(1)
return redis.log('a','b')
return redis.log(9,'b')
return redis.log(-1,'b')
return redis.log(redis.LOG_DEBUG,'b','c',1,{})
return {redis.LOG_DEBUG,redis.LOG_VERBOSE,redis.LOG_NOTICE,redis.LOG_WARNING}
return {redis.REPL_NONE,redis.REPL_AOF,redis.REPL_SLAVE,redis.REPL_REPLICA,redis.REPL_ALL}
return redis.error_reply()
return redis.error_reply(1)
return redis.error_reply({})
return redis.error_reply('a','b')
return redis.error_reply('My Err')
return redis.error_reply('-My Err')
return redis.error_reply('-')
return redis.error_reply('')
return redis.error_reply('-ERR')
return redis.error_reply('WRONG thing')
return redis.error_reply('single')
return redis.error_reply('a\r\nb c')
error(redis.error_reply('My Err'))
local e=redis.error_reply('a b') local r={} for k,v in pairs(e) do r[#r+1]=k..'='..tostring(v) end return r
return redis.status_reply()
return redis.status_reply(1)
return redis.status_reply('x y')
return redis.status_reply('x\r\ny')
return redis.replicate_commands()
return redis.set_repl()
return redis.set_repl(4)
return redis.set_repl('x')
return redis.set_repl(1)
return redis.set_repl(1,2)
return redis.breakpoint()
return redis.debug('x')
return redis.acl_check_cmd()
return redis.acl_check_cmd('foo')
return redis.acl_check_cmd('set','a','b')
return redis.acl_check_cmd('get')
return redis.acl_check_cmd({})
return redis.foo
return math.random()
math.randomseed(0) return tostring(math.random())..' '..math.random(10)..' '..math.random(5,100)
return tostring(math.random())..' '..math.random(10)..' '..math.random(5,100)
local r={} for i=1,50 do r[i]=math.random(1000) end return r
math.randomseed(7) return tostring(math.random())..' '..math.random(10)..' '..math.random(5,100)
math.randomseed(-7.5) return tostring(math.random())
math.randomseed(123456789) local r={} for i=1,20 do r[i]=tostring(math.random()) end return r
math.randomseed(2^31) return tostring(math.random())
math.randomseed('x')
`;

/** Lines of a table as they are: `\n` in Lua strings stays. */
const plain = (text: string): string[] => text.split('\n').filter((line) => line !== '');

test.each([2, 3] as const)('values as replies, RESP%i', async (protocol) => {
  await pair.protocol(protocol);
  await pair.sameScripts(plain(values));
});

test.each([2, 3] as const)('errors and the sandbox, RESP%i', async (protocol) => {
  await pair.protocol(protocol);
  await pair.sameScripts(plain(errors));
});

test.each([2, 3] as const)('redis.* and commands, RESP%i', async (protocol) => {
  await pair.protocol(protocol);
  await pair.sameScripts(plain(commands));
});
