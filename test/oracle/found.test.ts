/** Streams in which the oracle once found rtcp to answer otherwise than redis-server, made small. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Oracle } from './oracle.ts';
import { shown } from './report.ts';
import type { Unit } from './units.ts';

/** Commands of the first client, words divided by blanks; `''` is an empty word. */
const FOUND: Readonly<Record<string, readonly string[]>> = {
  'an option of ZRANGE that is there twice': ['ZRANGE z 0 1 REV REV', 'ZRANGE z 0 1 BYLEX BYLEX', 'ZRANGE z 0 1 REV'],
  'a type of SCAN that is empty': ['SET s v', "SCAN 0 TYPE ''", 'SCAN 0 TYPE string'],
  'SLOWLOG GET with two counts': ['SLOWLOG GET 1 2'],
  'groups of a stream that is watched': [
    ...['XADD x 1-1 f v', 'WATCH x', 'XGROUP CREATE x g 0', 'XGROUP SETID x g $', 'XGROUP CREATECONSUMER x g c'],
    ...['XGROUP DELCONSUMER x g c', 'XGROUP DESTROY x g', 'XSETID x 5-5', 'MULTI', 'PING', 'EXEC'],
    ...['WATCH y', 'XGROUP CREATE y g $ MKSTREAM', 'MULTI', 'PING', 'EXEC'],
  ],
  'keys of SORT that are longer than those before': [
    ...[`RPUSH l ${'x'.repeat(20)} ${'y'.repeat(57)} ${'z'.repeat(300)}`, `SET abcdefg${'y'.repeat(57)} 5`],
    ...['SORT l ALPHA GET abcdefg*', 'SORT l ALPHA BY abcdefg*', 'SORT l ALPHA GET h*->f GET #'],
  ],
  'a NUL in a word that an error shows': [
    'FUNCTION LIST a\0b',
    'CLIENT LIST TYPE a\0b',
    'ACL CAT a\0b',
    'HELLO 3 a\0b',
    'ACL DRYRUN a\0b GET k',
  ],
  'a NUL in an error or a status of a script': [
    ...['EVAL return{err=ARGV[1]} 0 a\0b', 'EVAL return{ok=ARGV[1]} 0 a\0b', 'EVAL error(ARGV[1]) 0 a\0b'],
    ...['EVAL error({err=ARGV[1]}) 0 a\0b', 'EVAL return{big_number=ARGV[1]} 0 1\0b'],
  ],
  'the largest count of XAUTOCLAIM': [
    ...['XADD x 1-1 f v', 'XGROUP CREATE x g 0', 'XREADGROUP GROUP g c STREAMS x >'],
    ...['XAUTOCLAIM x g d 0 0 COUNT 9007199254740994 MORE', 'XAUTOCLAIM x g d 0 0 COUNT 576460752303423488'],
    ...['XAUTOCLAIM none g c 0 0 COUNT 576460752303423487', 'XAUTOCLAIM x g c 0 0 COUNT 0'],
    ...['XAUTOCLAIM x g c 0 0 COUNT 1099511627776', 'XAUTOCLAIM x g c 0 0 COUNT 9007199254740993'],
  ],
  'places of members whose scores are no places': [
    'ZADD z -inf a +inf b 9223372036854775808 c -1 d 1e300 e -1e300 f 18446744073709551615 g 4503599627370496 h',
    ...['GEOHASH z a b c d e f g h', 'GEOPOS z a b c d e f g h', 'GEODIST z a b', 'GEORADIUSBYMEMBER z a 1 mi'],
  ],
  'options of XGROUP that are there twice': [
    ...['XGROUP CREATE x g $ MKSTREAM MKSTREAM', 'XGROUP CREATE x h $ MKSTREAM MKSTREAM ENTRIESREAD 4'],
    ...['XGROUP SETID x g $ ENTRIESREAD 1 ENTRIESREAD 1', 'XGROUP CREATE none h $ ENTRIESREAD 1 ENTRIESREAD 2'],
    ...['XGROUP SETID x none $ ENTRIESREAD 1 ENTRIESREAD 1', 'XINFO GROUPS x'],
  ],
  'scores beyond 2^62': [
    ...['ZADD z 6.2e18 a -5e18 b 4611686018427387905 c 1e21 d 123456789012345678901 e', 'ZRANGE z 0 -1 WITHSCORES'],
    ...['ZSCORE z a', 'ZINCRBY z 0 b', 'ZPOPMAX z'],
  ],
  'a value far below a signed field': [
    ...['BITFIELD b OVERFLOW SAT SET i33 88 -9223372036854775808', 'GET b'],
    ...['BITFIELD c OVERFLOW SAT SET i8 0 -9223372036854775808', 'GET c'],
    ...['BITFIELD d OVERFLOW SAT SET i8 0 -9223372036854775000', 'GET d', 'BITFIELD d OVERFLOW FAIL SET i8 0 -999'],
  ],
};

let oracle: Oracle;

beforeAll(async () => {
  oracle = await Oracle.start();
});

afterAll(() => oracle.stop());

test.each(Object.entries(FOUND))('%s', async (_, lines) => {
  for (const protocol of [2, 3]) {
    const commands = lines.map((line) => line.split(' ').map((word) => (word === "''" ? '' : word)));
    const units: Unit[] = commands.map((words) => ({ kind: 'commands', client: 0, commands: [words] }));
    const failure = await oracle.run({ protocol, settings: [], plainSets: false, events: false, units });
    expect(failure === null ? '' : shown(failure)).toBe('');
  }
});
