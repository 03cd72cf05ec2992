/**
 * Values for tests of RDB: commands that make one of each type and encoding, and payloads in the forms that only older servers
 * write, valid or with one thing wrong.
 */

import { VERSION_7_0 } from '../../src/lib/engine/rdb/types.ts';
import type { Random } from '../../src/lib/random.ts';
import { Crc64 } from '../../src/lib/store/crc64.ts';
import type { Word } from './random-commands.ts';

/** A value with a footer that is right: what RESTORE takes. */
export function withFooter(value: readonly number[] | Uint8Array, version = VERSION_7_0): Uint8Array {
  const bytes = Uint8Array.from([...value, version & 0xff, version >> 8, 0, 0, 0, 0, 0, 0, 0, 0]);
  const crc = new Crc64();
  crc.update(bytes, 0, bytes.length - 8);
  const view = new DataView(bytes.buffer);
  view.setInt32(bytes.length - 8, crc.low, true);
  view.setInt32(bytes.length - 4, crc.high, true);
  return bytes;
}

/** Texts, integers of all sizes, and bytes. */
export function element(random: Random): Word {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  switch (random.below(6)) {
    case 0:
      return String(random.below(200) - 100);
    case 1:
      return String(random.int32());
    case 2:
      return pick(['', '0', '-1', '4095', '4096', '-4096', '-4097', '32768', '8388607', '8388608', '2147483648', '01']);
    case 3:
      return pick([
        '9223372036854775807',
        '-9223372036854775808',
        '9223372036854775808',
        'x'.repeat(64),
        'y'.repeat(300),
      ]);
    case 4:
      return Uint8Array.from({ length: random.below(80) }, () => random.below(256));
    default:
      return `element:${random.below(1000)}`;
  }
}

export type ValueMaker = (random: Random, key: string) => Word[][];

const several = (random: Random, most: number): Word[] =>
  Array.from({ length: 1 + random.below(random.below(4) === 0 ? most : 12) }, () => element(random));

function integers(random: Random, most: number): Word[] {
  const width = random.below(3);
  const one = (): string => (width === 0 ? String(random.below(1000) - 500) : String(random.int32()));
  const wide = (): string => String(BigInt(random.int32()) * BigInt(random.int32()));
  return Array.from({ length: 1 + random.below(most) }, () => (width === 2 ? wide() : one()));
}

/** Whole and broken numbers, many the same, large and small ones, infinities. */
export function score(random: Random): string {
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)];
  switch (random.below(6)) {
    case 0:
      return String(random.below(5));
    case 1:
      return String(random.float() * 1000 - 500);
    case 2:
      return pick(['inf', '-inf', '0.1', '1e300', '-1e-300', '4611686018427387904', '9223372036854775808']);
    case 3:
      return pick(['3.0', '1e17', '123456789012345678', '0.00001234', '2.98023223876953125e-8', '-5e-324', '1e-4']);
    default:
      return String(random.int32());
  }
}

/** Entries of the same fields and of others, some deleted, groups, and what is pending there. */
function stream(random: Random, key: string): Word[][] {
  const commands: Word[][] = [];
  const ids: string[] = [];
  let ms = random.below(2) === 0 ? 1 : 1_700_000_000_000;
  const entries = 1 + random.below(random.below(4) === 0 ? 400 : 10);
  for (let i = 0; i < entries; i++) {
    ms += random.below(3) === 0 ? random.below(100_000) : 1;
    ids.push(`${ms}-${random.below(3)}`);
    const fields = random.below(4) === 0 ? several(random, 5) : ['temperature', 'humidity'];
    commands.push(['XADD', key, ids[i], ...fields.flatMap((field) => [field, element(random)])]);
  }
  const some = (n: number): string[] =>
    Array.from({ length: 1 + random.below(n) }, () => ids[random.below(ids.length)]);
  if (random.below(2) === 0) commands.push(['XDEL', key, ...some(5)]);
  if (random.below(6) === 0) commands.push(['XTRIM', key, 'MAXLEN', '0']);
  for (let group = random.below(4); group > 0; group--) {
    commands.push([
      'XGROUP',
      'CREATE',
      key,
      `group${group}`,
      random.below(2) === 0 ? '0' : ids[random.below(ids.length)],
    ]);
    for (let consumer = random.below(4); consumer > 0; consumer--) {
      const reads = random.below(4);
      if (reads === 0) commands.push(['XGROUP', 'CREATECONSUMER', key, `group${group}`, `consumer${consumer}`]);
      else
        commands.push([
          'XREADGROUP',
          'GROUP',
          `group${group}`,
          `c${consumer}`,
          'COUNT',
          `${reads}`,
          'STREAMS',
          key,
          '>',
        ]);
    }
    if (random.below(3) === 0) commands.push(['XACK', key, `group${group}`, ...some(3)]);
  }
  return commands;
}

/** Commands that make a value under a key that isn't there, by the name of its type. */
export const VALUES: Readonly<Record<string, ValueMaker>> = {
  string: (random, key) => [['SET', key, element(random)]],
  list: (random, key) => [
    ['RPUSH', key, ...several(random, 2000)],
    ['LPUSH', key, ...several(random, 20)],
  ],
  set: (random, key) => [['SADD', key, ...several(random, 800)]],
  intset: (random, key) => [['SADD', key, ...integers(random, random.below(4) === 0 ? 700 : 40)]],
  zset: (random, key) => [['ZADD', key, ...several(random, 400).flatMap((member) => [score(random), member])]],
  stream,
  hash: (random, key) => [['HSET', key, ...several(random, 800).flatMap((field) => [field, element(random)])]],
};

// ── forms of older servers ─────────────────────────────────────────────────────────────────────────────────────────────

const bytesOf = (word: Word): number[] => [...Buffer.from(word as string)];
const little = (value: number, n: number): number[] => Array.from({ length: n }, (_, i) => (value / 256 ** i) & 0xff);

/** A length in RDB. */
export function rdbLength(n: number): number[] {
  if (n < 64) return [n];
  return n < 16_384 ? [0x40 | (n >> 8), n & 0xff] : [0x80, ...little(n, 4).reverse()];
}

/** A string in RDB, as it is. */
export function rdbString(word: Word | readonly number[]): number[] {
  const bytes = typeof word === 'string' ? bytesOf(word) : [...word];
  return [...rdbLength(bytes.length), ...bytes];
}

function ziplistEntry(word: Word): number[] {
  const text = Buffer.from(word as string).toString('latin1');
  const value = /^(0|-?[1-9]\d{0,14})$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 12) return [0xf1 + value];
  if (value >= -128 && value < 128) return [0xfe, value & 0xff];
  if (value >= -32_768 && value < 32_768) return [0xc0, ...little(value & 0xffff, 2)];
  if (value >= -8_388_608 && value < 8_388_608) return [0xf0, ...little(value & 0xff_ffff, 3)];
  if (value >= -2_147_483_648 && value < 2_147_483_648) return [0xd0, ...little(value >>> 0, 4)];
  const bytes = bytesOf(word);
  if (bytes.length < 64) return [bytes.length, ...bytes];
  if (bytes.length < 16_384) return [0x40 | (bytes.length >> 8), bytes.length & 0xff, ...bytes];
  return [0x80, ...little(bytes.length, 4).reverse(), ...bytes];
}

export function ziplist(words: readonly Word[]): number[] {
  const entries: number[] = [];
  let previous = 0;
  let tail = 10;
  for (const word of words) {
    const entry = ziplistEntry(word);
    const head = previous < 254 ? [previous] : [254, ...little(previous, 4)];
    tail = 10 + entries.length;
    entries.push(...head, ...entry);
    previous = head.length + entry.length;
  }
  return [...little(entries.length + 11, 4), ...little(tail, 4), ...little(words.length, 2), ...entries, 0xff];
}

export function zipmap(pairs: readonly Word[]): number[] {
  const length = (n: number): number[] => (n < 254 ? [n] : [254, ...little(n, 4)]);
  const entries = pairs.flatMap((word, i) => {
    const bytes = bytesOf(word);
    const free = i % 4 === 3 ? 2 : 0;
    return [...length(bytes.length), ...(i % 2 === 1 ? [free] : []), ...bytes, ...new Array<number>(free).fill(0xaa)];
  });
  return [Math.min(254, pairs.length / 2), ...entries, 0xff];
}

/** A hash whose fields have deadlines, of which no server before 7.4 knows. */
export function timedHash(random: Random): number[] {
  const fields = distinct(several(random, 40));
  const earliest = [...little(4_000_000_000_000, 6), 0, 0];
  const offset = (): number[] => rdbLength(random.below(2) === 0 ? 0 : 1 + random.below(100_000));
  const triples = fields.flatMap((field) => [...offset(), ...rdbString(field), ...rdbString(element(random))]);
  return [24, ...earliest, ...rdbLength(fields.length), ...triples];
}

/** A score as RDB had them before 2015. */
function rdbScore(value: number): number[] {
  if (value === Number.POSITIVE_INFINITY) return [254];
  if (value === Number.NEGATIVE_INFINITY) return [255];
  return [String(value).length, ...bytesOf(String(value))];
}

/** Members and scores in the order of a sorted set. */
function inOrder(random: Random, members: readonly Word[]): Word[] {
  const bytes = (word: Word): Buffer => Buffer.from(word as string);
  const pairs = members.map((member): [number, Word] => [random.below(8) / 4, member]);
  pairs.sort(([a, one], [b, other]) => a - b || Buffer.compare(bytes(one), bytes(other)));
  return pairs.flatMap(([value, member]) => [member, String(value)]);
}

/** The different ones among words, by their bytes. */
export function distinct(words: readonly Word[]): Word[] {
  return [...new Map(words.map((word) => [Buffer.from(word as string).toString('latin1'), word])).values()];
}

/** Values in the forms of older servers, type code and all. */
export function oldForm(random: Random): number[] {
  const words = several(random, 300);
  const pairs = distinct(words).flatMap((field) => [field, element(random)]);
  switch (random.below(12)) {
    case 0:
      return [1, ...rdbLength(words.length), ...words.flatMap(rdbString)];
    case 1:
      return [10, ...rdbString(ziplist(words))];
    case 2:
      return [14, 2, ...rdbString(ziplist(words)), ...rdbString(ziplist(several(random, 100)))];
    case 3:
      return [4, ...rdbLength(pairs.length / 2), ...pairs.flatMap(rdbString)];
    case 4:
      return [13, ...rdbString(ziplist(pairs))];
    case 5:
      return [9, ...rdbString(zipmap(pairs))];
    case 6:
      return [2, ...rdbLength(distinct(words).length), ...distinct(words).flatMap(rdbString)];
    case 7: {
      const members = distinct(integers(random, 600));
      return [2, ...rdbLength(members.length), ...members.flatMap(rdbString)];
    }
    case 8:
      return [12, ...rdbString(ziplist(inOrder(random, distinct(words))))];
    case 9: {
      const members = distinct(words);
      const text = (): number[] => rdbScore(Number(score(random).replace('inf', 'Infinity')));
      return [3, ...rdbLength(members.length), ...members.flatMap((member) => [...rdbString(member), ...text()])];
    }
    case 10: {
      const members = distinct(words);
      const double = (): number[] => {
        const bytes = Buffer.alloc(8);
        bytes.writeDoubleLE(Number(score(random).replace('inf', 'Infinity')));
        return [...bytes];
      };
      return [5, ...rdbLength(members.length), ...members.flatMap((member) => [...rdbString(member), ...double()])];
    }
    default:
      return [18, 2, 1, ...rdbString(element(random)), 1, ...rdbString('plain')];
  }
}
