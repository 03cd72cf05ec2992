/** cjson, cmsgpack, struct and bit beside redis-server: known cases, and generated ones. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ScriptPair } from './pair.ts';

let pair: ScriptPair;
beforeAll(async () => {
  pair = await ScriptPair.start();
});
afterAll(() => pair.stop());

const plain = (text: string): string[] => text.split('\n').filter((line) => line !== '');

const cjson = String.raw`
return cjson.encode({1,2,3})
return cjson.encode({})
return cjson.encode({{},{{}}})
return cjson.encode({a=1})
return cjson.encode({[1]=1,[2]=2,[4]=4})
return cjson.encode({[1]=1,[20]=2})
return cjson.encode({[1.5]=1})
return cjson.encode({[-1]=1})
return cjson.encode({[0]=1})
return cjson.encode({[true]=1})
return cjson.encode('a"b\\c/d\b\f\n\r\t\0\1\31\127\128\255')
return cjson.encode(nil)
return cjson.encode(cjson.null)
return cjson.encode({cjson.null,1,cjson.null})
return cjson.encode(true)
return cjson.encode(function() end)
return cjson.encode({function() end})
return cjson.encode(coroutine.create(function() end))
return cjson.encode()
return cjson.encode(1,2)
return cjson.encode(0.1)
return cjson.encode(1/3)
return cjson.encode(1e100)
return cjson.encode(123456789012345)
return cjson.encode(100000000000005)
return cjson.encode(-0.5)
return cjson.encode(1e-10)
return cjson.encode(2^53)
return cjson.encode(0/0)
return cjson.encode(1/0)
return cjson.encode(-1/0)
local t={} for i=1,1000 do t={t} end return #cjson.encode(t)
local t={} for i=1,1001 do t={t} end return #cjson.encode(t)
local t={} t[1]=t return cjson.encode(t)
local t={} t.a=t return cjson.encode(t)
return cjson.decode('[1,2,3]')
return cjson.decode('[]')
return cjson.decode('{}')
return cjson.decode('{"a":1}').a
return cjson.decode('{"a":{"b":[1,{"c":"d"}]}}').a.b[2].c
return cjson.decode(' [ 1 , "x" , true , false , null ] ')
return cjson.decode('null') == cjson.null
return cjson.decode('true')
return cjson.decode('"x"')
return cjson.decode('1.5e3')
return cjson.decode('-0')
return tostring(cjson.decode('1e400'))
return tostring(cjson.decode('-1e400'))
return tostring(cjson.decode('0x1F'))
return tostring(cjson.decode('[+5]')[1])
return tostring(cjson.decode('007'))
return tostring(cjson.decode('inf'))
return tostring(cjson.decode('Infinity'))
return tostring(cjson.decode('-inf'))
return tostring(cjson.decode('1.'))
return tostring(cjson.decode('.5'))
return tostring(cjson.decode('-.5'))
return tostring(cjson.decode('-'))
return tostring(cjson.decode('1e'))
return tostring(cjson.decode('1e+'))
return tostring(cjson.decode('0x'))
return tostring(cjson.decode('0x1p4'))
return cjson.decode('"\\u0041\\u00e9\\u20ac\\ud83d\\ude00"')
return cjson.decode('"\\n\\t\\r\\b\\f\\/\\\\\\""')
return cjson.decode('"\\u0000"')
return cjson.decode('"\\ud800"')
return cjson.decode('"\\udc00"')
return cjson.decode('"\\ud800\\u0041"')
return cjson.decode('"\\ud800x"')
return cjson.decode('"\\u12"')
return cjson.decode('"\\x"')
return cjson.decode('"abc')
return cjson.decode('"a\0b"')
return cjson.decode('"a\nb\1"')
return cjson.decode('')
return cjson.decode(' ')
return cjson.decode('[')
return cjson.decode('[1')
return cjson.decode('[1,')
return cjson.decode('[1,]')
return cjson.decode('[1 2]')
return cjson.decode('{')
return cjson.decode('{1:2}')
return cjson.decode('{"a"')
return cjson.decode('{"a":')
return cjson.decode('{"a":1')
return cjson.decode('{"a":1,')
return cjson.decode('{"a":1,}')
return cjson.decode('{"a" 1}')
return cjson.decode('[1]]')
return cjson.decode('[1] x')
return cjson.decode('tru')
return cjson.decode('nul')
return cjson.decode('truex')
return cjson.decode('x')
return cjson.decode('\0')
return cjson.decode('a\0')
return cjson.decode('1\0')
return cjson.decode('123\0 ')
return cjson.decode('@')
return cjson.decode("'a'")
return cjson.decode('// x')
return cjson.decode()
return cjson.decode(nil)
return cjson.decode({})
return cjson.decode(5)
return cjson.decode('1','2')
return cjson.decode('{"a":1,"a":2}').a
return cjson.decode('[1,null,3]')
return #cjson.decode('[1,null,3]')
return #cjson.encode(cjson.decode(string.rep('[',1000)..string.rep(']',1000)))
return cjson.decode(string.rep('[',1001)..string.rep(']',1001))
return cjson.decode(string.rep('{"a":',1001)..'1'..string.rep('}',1001))
return {cjson.encode_sparse_array()}
return {cjson.encode_sparse_array(true,2,10), cjson.encode({[1]=1,[20]=2}), cjson.encode_sparse_array(false)}
return {cjson.encode_sparse_array(false,0), cjson.encode({[20]=2}), cjson.encode_sparse_array(false,2,10)}
return cjson.encode_sparse_array(1,2,3,4)
return cjson.encode_sparse_array('x')
return cjson.encode_sparse_array(true,-1)
return cjson.encode_max_depth()
return {cjson.encode_max_depth(2), pcall(cjson.encode,{{{}}}), cjson.encode_max_depth(1000)}
return cjson.encode_max_depth(0)
return cjson.encode_max_depth('x')
return cjson.encode_max_depth(1,2)
return {cjson.decode_max_depth(2), pcall(cjson.decode,'[[[]]]'), cjson.decode_max_depth(1000)}
return {cjson.encode_number_precision(3), cjson.encode(3.14159), cjson.encode(1234567), cjson.encode(0.00012345), cjson.encode_number_precision(14)}
return {cjson.encode_number_precision(1), cjson.encode(0.25), cjson.encode(0.35), cjson.encode(25), cjson.encode(2.5), cjson.encode_number_precision(14)}
return cjson.encode_number_precision(15)
return {tostring(cjson.encode_keep_buffer(false)), tostring(cjson.encode_keep_buffer(true))}
return {tostring(cjson.encode_keep_buffer('off')), tostring(cjson.encode_keep_buffer('on')), tostring(cjson.encode_keep_buffer())}
return {tostring(cjson.encode_invalid_numbers('null')), cjson.encode({0/0,1/0,-1/0}), tostring(cjson.encode_invalid_numbers(false))}
return {tostring(cjson.encode_invalid_numbers(true)), cjson.encode({0/0,1/0,-1/0}), tostring(cjson.encode_invalid_numbers('off'))}
return cjson.encode_invalid_numbers('x')
return {tostring(cjson.decode_invalid_numbers(false)), pcall(cjson.decode,'0x10'), tostring(cjson.decode_invalid_numbers(true))}
cjson.decode_invalid_numbers(false) local r={} for _,s in ipairs{'007','inf','nan','+1','-0x1','1e5','-','0','[0]','-0','Infinity'} do local ok,e=pcall(cjson.decode,s) r[#r+1]=s..tostring(ok)..(ok and '' or e) end cjson.decode_invalid_numbers(true) return r
local c=cjson.new() return {c.encode({1}), tostring(c.encode_max_depth(5)), cjson.encode_max_depth()}
local c=cjson.new() local r={} for k,v in pairs(c) do r[#r+1]=k..type(v) end table.sort(r) return r
return {cjson._NAME, cjson._VERSION}
cjson.foo=1
`;

const msgpack = String.raw`
return cmsgpack.pack(1)
return cmsgpack.pack()
return cmsgpack.pack(nil,true,false)
return cmsgpack.pack(0,127,128,255,256,65535,65536,4294967295,4294967296,2^53,2^62)
return cmsgpack.pack(-1,-32,-33,-128,-129,-32768,-32769,-2147483648,-2147483649,-2^53,-2^63)
return cmsgpack.pack(2^63)
return cmsgpack.pack(0.5,0.1,1e300,-1.25,1/0,-1/0)
return cmsgpack.pack('', 'a', string.rep('x',31), string.rep('x',32))
return cmsgpack.pack(string.rep('x',255), string.rep('x',256))
return cmsgpack.pack(string.rep('x',65535))
return cmsgpack.pack(string.rep('x',65536))
return cmsgpack.pack({})
return cmsgpack.pack({1,2,3})
return cmsgpack.pack({a=1})
return cmsgpack.pack({[1]='a',[3]='c'})
return cmsgpack.pack({['1']='a'})
return cmsgpack.pack({[1.5]='a'})
return cmsgpack.pack({[0]='a'})
return cmsgpack.pack({[-1]='a'})
return cmsgpack.pack({{},{{}}})
local t={} for i=1,16 do t[i]=i end return cmsgpack.pack(t)
local t={} for i=1,20 do t['k'..i]=i end return #cmsgpack.pack(t)
local t={} for i=1,70000 do t[i]=1 end return #cmsgpack.pack(t)
local t={} t[1]=t return cmsgpack.pack(t)
local t={} t.a=t return cmsgpack.pack(t)
local t={} for i=1,20 do t={t} end return cmsgpack.pack(t)
return cmsgpack.pack(function() end)
return cmsgpack.pack(cjson.null)
return cmsgpack.unpack(cmsgpack.pack({1,2,{a='b'}}))
return cmsgpack.unpack(cmsgpack.pack({a={1,2}})).a
return {cmsgpack.unpack(cmsgpack.pack(1,2,3))}
return {cmsgpack.unpack('')}
return cmsgpack.unpack()
return cmsgpack.unpack({})
return cmsgpack.unpack('\192')
return cmsgpack.unpack('\193')
return cmsgpack.unpack('\199\1\1a')
return cmsgpack.unpack('\212\1a')
return cmsgpack.unpack('\146\1')
return cmsgpack.unpack('\217\5ab')
return cmsgpack.unpack('\165ab')
return cmsgpack.unpack('\220\255')
return cmsgpack.unpack('\221\255\255\255\255')
return cmsgpack.unpack('\223\255\255\255\255')
return cmsgpack.unpack('\219\255\255\255\255')
return cmsgpack.unpack('\196\2ab')
return cmsgpack.unpack('\197\0\2ab')
return cmsgpack.unpack('\198\0\0\0\2ab')
return cmsgpack.unpack('\129\192\1')
return tostring(cmsgpack.unpack('\207\255\255\255\255\255\255\255\255'))
return tostring(cmsgpack.unpack('\211\128\0\0\0\0\0\0\0'))
return tostring(cmsgpack.unpack('\202\63\128\0\0'))
return tostring(cmsgpack.unpack('\203\63\240\0\0\0\0\0\0'))
return {cmsgpack.unpack('\204\255\205\1\0\206\0\1\0\0\208\128\209\128\0\210\128\0\0\0\224\255')}
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3))}
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3),1)}
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3),2)}
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3),3)}
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3),4)}
return {cmsgpack.unpack_one(cmsgpack.pack(1,2,3),-1)}
return {cmsgpack.unpack_one('')}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),2)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),0)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),2,1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),10,1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),0,1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3),-1)}
return {cmsgpack.unpack_limit(cmsgpack.pack(1,2,3))}
return {cmsgpack._NAME,cmsgpack._VERSION,cmsgpack._COPYRIGHT,cmsgpack._DESCRIPTION}
`;

const struct = String.raw`
return struct.pack('b',1)
return struct.pack('bBhHlLiIT',1,2,3,4,5,6,7,8,9)
return struct.pack('>bBhHlLiIT',1,2,3,4,5,6,7,8,9)
return struct.pack('<i3>i3',1,1)
return struct.pack('i16',-1)
return struct.pack('i32',1)
return struct.pack('i33',1)
return struct.pack('i99999999999',1)
return struct.pack('i0',1)
return struct.pack('fd',1.5,-2.25)
return struct.pack('>fd',1.5,-2.25)
return struct.pack('s','abc')
return struct.pack('c2','abc')
return struct.pack('c0','abc')
return struct.pack('c5','abc')
return struct.pack('c','abc')
return struct.pack('x')
return struct.pack('!bi','1',2)
return struct.pack('!4bd',1,2)
return struct.pack('!8bd',1,2)
return struct.pack('!3b',1)
return struct.pack('!0b',1)
return struct.pack('y',1)
return struct.pack('b')
return struct.pack()
return struct.pack('b','x')
return struct.pack(' b b ',1,2)
return struct.pack('B',300)
return struct.pack('h',-70000)
return struct.pack('l',-1)
return struct.pack('L',2^63)
return struct.pack('b',1.9)
return struct.pack('b',-1.9)
return {struct.unpack('b','\255')}
return {struct.unpack('B','\255')}
return {struct.unpack('bBhHlLiIT',struct.pack('bBhHlLiIT',1,2,3,4,5,6,7,8,9))}
return {struct.unpack('>h<h','\1\2\1\2')}
return {struct.unpack('i3','\255\255\255')}
return {struct.unpack('I3','\255\255\255')}
return {struct.unpack('i8','\255\255\255\255\255\255\255\255')}
return {tostring(struct.unpack('I8','\255\255\255\255\255\255\255\255'))}
return {tostring(struct.unpack('L','\255\255\255\255\255\255\255\255'))}
return {struct.unpack('i16',string.rep('\255',16))}
return {tostring(struct.unpack('f',struct.pack('f',1.5)))}
return {tostring(struct.unpack('d',struct.pack('d',0.1)))}
return {struct.unpack('s','abc\0def')}
return {struct.unpack('s','abc')}
return {struct.unpack('c3','abcdef')}
return {struct.unpack('c7','abcdef')}
return {struct.unpack('Bc0','\3abcdef')}
return {struct.unpack('c0','abc')}
return {struct.unpack('sc0','abc\0def')}
return {struct.unpack('Bc0','\9abc')}
return {struct.unpack('bc0','\255abc')}
return {struct.unpack('xb','\0\5')}
return {struct.unpack('b','')}
return {struct.unpack('b','abc',2)}
return {struct.unpack('b','abc',4)}
return {struct.unpack('b','abc',0)}
return {struct.unpack('b','abc',-1)}
return {struct.unpack('','abc')}
return {struct.unpack('!4bi','\1\0\0\0\2\0\0\0')}
return {struct.unpack()}
return {struct.unpack('b')}
return {struct.unpack('y','a')}
return struct.size('bBhHlLiIT')
return struct.size('!bi')
return struct.size('!4bd')
return struct.size('c10')
return struct.size('s')
return struct.size('c0')
return struct.size('i7')
return struct.size('y')
return struct.size('?')
return struct.size('xfd')
return struct.size('')
return struct.size()
`;

const bit = `
return {bit.tobit(0xffffffff),bit.tobit(0x80000000),bit.tobit(2^40+5),bit.tobit(-1),bit.tobit(1.5),bit.tobit(2.5),bit.tobit(-1.5),bit.tobit(0.5)}
return {bit.tobit(1e15),bit.tobit(2^52),bit.tobit(2^53+2),bit.tobit(-2^51)}
return {bit.bnot(0),bit.bnot(1),bit.bnot(-1),bit.bnot(0x12345678)}
return {bit.band(0x12345678,0xff),bit.band(1,3,5),bit.band(7)}
return {bit.bor(1,2,4,8),bit.bxor(0xa5a5f0f0,0xaa55ff00)}
return {bit.lshift(1,0),bit.lshift(1,8),bit.lshift(1,40),bit.lshift(0x87654321,12),bit.lshift(1,-1)}
return {bit.rshift(256,8),bit.rshift(-256,8),bit.rshift(0x87654321,12),bit.arshift(256,8),bit.arshift(-256,8)}
return {bit.rol(0x12345678,12),bit.ror(0x12345678,12),bit.rol(1,0),bit.ror(1,32),bit.rol(1,33)}
return {bit.bswap(0x12345678),bit.bswap(0x78563412)}
return {bit.tohex(1),bit.tohex(-1),bit.tohex(0xffff,4),bit.tohex(255,-4),bit.tohex(-1,0),bit.tohex(-1,20),bit.tohex(-1,-20),bit.tohex(0x12345678,3)}
return {bit.tobit('5'),bit.band('0xff',15)}
return bit.tobit()
return bit.tobit('x')
return bit.band()
return bit.lshift(1)
return bit.band(1,{})
return bit.tohex()
return bit.tohex(1,'x')
`;

test.each(Object.entries({ cjson, msgpack, struct, bit }))('%s: known cases', async (_, text) => {
  await pair.protocol(2);
  await pair.sameScripts(plain(text));
});

const seed = Number(process.env.RTCP_TEST_SEED ?? 20261130);
const numbers = fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.integer({ min: -(2 ** 53), max: 2 ** 53 }));
const json = fc.jsonValue({ maxDepth: 4 });
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));

/** Objects of one field at most: the order of more is the hash table's, which is seeded. */
const oneField = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(oneField);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, 1)
      .map(([key, inner]) => [key, oneField(inner)]),
  );
};

test('cjson and cmsgpack: what was decoded is encoded the same', async () => {
  await pair.protocol(2);
  await fc.assert(
    fc.asyncProperty(json.map(oneField), async (value) => {
      const text = JSON.stringify(value);
      await pair.same('EVAL', 'return cjson.encode(cjson.decode(ARGV[1]))', '0', text);
      await pair.same('EVAL', 'return cmsgpack.pack(cjson.decode(ARGV[1]))', '0', text);
      await pair.same('EVAL', 'return cjson.encode(cmsgpack.unpack(cmsgpack.pack(cjson.decode(ARGV[1]))))', '0', text);
    }),
    { seed, numRuns: 300 },
  );
});

test('numbers: printed, packed, and as bits', async () => {
  await pair.protocol(2);
  const script = `local n = tonumber(ARGV[1])
    return {tostring(n), cjson.encode(n), cmsgpack.pack(n), struct.pack('>dfiIlb', n, n, 1, 1, 1, 1), string.format('%.3f', n)}`;
  await fc.assert(
    fc.asyncProperty(numbers, async (n) => {
      if (Number.isFinite(n)) await pair.same('EVAL', script, '0', String(n));
    }),
    { seed, numRuns: 500 },
  );
  const bits = `local a, b = tonumber(ARGV[1]), tonumber(ARGV[2])
    return {bit.tobit(a), bit.bnot(a), bit.bxor(a, b), bit.rol(a, b), bit.rshift(a, b), bit.arshift(a, b), bit.tohex(a, b % 10)}`;
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.integer({ min: 0, max: 100 }), async (a, b) => {
      await pair.same('EVAL', bits, '0', String(a), String(b));
    }),
    { seed, numRuns: 200 },
  );
});

test('bytes that are no JSON or MessagePack: the same values or the same errors', async () => {
  await pair.protocol(2);
  const shapes = fc.string({ unit: fc.constantFrom(...'[]{}:,"\\u01e-+.xtrufalsn \n'), maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(shapes, async (text) => {
      await pair.same('EVAL', 'return cjson.encode(cjson.decode(ARGV[1]))', '0', text);
    }),
    { seed, numRuns: 600 },
  );
  await fc.assert(
    fc.asyncProperty(bytes, async (data) => {
      await pair.same('EVAL', 'return #{cmsgpack.unpack(ARGV[1])}', '0', data);
      await pair.same('EVAL', "return {pcall(struct.unpack, '>Hsb', ARGV[1])}", '0', data);
      await pair.same('EVAL', 'return ARGV[1]', '0', data);
      await pair.same('EVAL', 'return cjson.encode(ARGV[1])', '0', data);
    }),
    { seed, numRuns: 300 },
  );
});

test('%.14g rounds a tie to the even digit', async () => {
  for (const n of ['100000000000005', '100000000000015', '1000000000000.25', '0.5', '2.5']) {
    expect(await pair.same('EVAL', 'return cjson.encode(tonumber(ARGV[1]))', '0', n)).not.toBe('');
  }
});
