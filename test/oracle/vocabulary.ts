/**
 * What random commands are made of: few keys (two of each type, so that commands meet what others left, and some that are
 * odd), and for each kind of argument words that are right, at an edge, or wrong.
 */
import { Random } from '../../src/lib/random.ts';

/** Keys that mostly hold what their first letter says: s(tring), l(ist), S(et), h(ash), z(set), x (stream), b(its), p(f), g(eo). */
export const KEYS = [
  ...['s1', 's2', 'l1', 'l2', 'S1', 'S2', 'h1', 'h2', 'z1', 'z2', 'x1', 'x2', 'b1', 'p1', 'g1'],
  ...['', 'a\0b\r\n', '\xff\xfe'],
];
const KEYS_OF_GROUP: Readonly<Record<string, readonly string[]>> = {
  string: ['s1', 's2', 'b1'],
  list: ['l1', 'l2'],
  set: ['S1', 'S2'],
  hash: ['h1', 'h2'],
  'sorted-set': ['z1', 'z2', 'g1', 'z1', 'z2'],
  stream: ['x1', 'x2'],
  bitmap: ['b1', 's1', 's2'],
  hyperloglog: ['p1', 's2'],
  geo: ['g1', 'z2', 'g1'],
};

export const EDGES = [
  ...['0', '1', '-1', '2', '127', '128', '255', '256', '32767', '32768', '65536', '2147483647', '2147483648'],
  ...['-2147483649', '4294967295', '4294967296', '9007199254740991', '9007199254740993', '-9007199254740993'],
  ...['9223372036854775806', '9223372036854775807', '9223372036854775808', '-9223372036854775807'],
  ...['-9223372036854775808', '-9223372036854775809', '18446744073709551615', '18446744073709551616'],
];
const NOT_INTEGERS = ['', ' 1', '1 ', '+1', '01', '-0', '1.0', '1e3', 'abc', '0x10', '--1', '-', '1\0', '\xd9\xa1'];
const DOUBLES = [
  ...['0.1', '-0.1', '.5', '5.', '1e3', '1E-3', '+2.5', '0x1p-3', 'inf', '-INF', '+inf', '3.14159265358979', '1e17'],
  ...['1e308', '1e-320', '-0', '123456789.12345679', '1e21', '100', '2', '3', '-5', '17.25'],
];
const NOT_DOUBLES = ['nan', 'NaN(1)', '1e', '.', 'e5', '1_0', '0x', '1.5 ', ' 1.5', '', 'x', '1e400', '--1'];
const TEXTS = [
  ...['a', 'b', 'c', 'v', '', 'hello', 'hello world', '\r\n', 'x'.repeat(44), 'x'.repeat(45), 'y'.repeat(63)],
  ...['y'.repeat(64), 'y'.repeat(65), 'mynewtext', 'ohmytext', '\0', '*', '?', '\xff\xfe\xfd'],
];
const LONG_TEXTS = ['z'.repeat(300), 'w'.repeat(2100), 'u'.repeat(9000), 'ab'.repeat(3000)];
const MEMBERS = [
  'a',
  'b',
  'c',
  'd',
  'e',
  'm1',
  'm2',
  'm3',
  '1',
  '2',
  '3',
  '-7',
  '300',
  '70000',
  '5000000000',
  '',
  '01',
];
const PATTERNS = ['*', 's*', '[a-z]1', '?1', '*1', '[^a]*', '', '[', '\\s1', '**1', 'm?', 'nosuch*', '*->*'];
const LEX = ['-', '+', '[a', '(a', '[b', '(c', '[', '(', '[m', '[m2', '(zz', 'a', '', '-x'];
const BOUNDS = ['-inf', '+inf', '0', '1', '(1', '(0', '2', '(3', '10', '1.5', '-1', '(inf', '100', 'x', '(', '((1'];
const IDS = ['0', '1', '5', '5-1', '5-2', '7-1', '10', '100-3', '-', '+', '$', '>', '(5', '(5-1', '0-0', '1000', '1-1'];
const BAD_IDS = ['', 'abc', '5-', '-5', '5-5-5', '18446744073709551616', '18446744073709551615-18446744073709551615'];
const TYPES = ['string', 'list', 'set', 'zset', 'hash', 'stream', 'LIST', 'nosuch', ''];
const CURSORS = ['0', '0', '0', '0', '0', 'x', '', '-1', '18446744073709551616', ' 0', '+0'];
const FIELD_TYPES = ['u1', 'u4', 'u8', 'u16', 'u63', 'i1', 'i5', 'i8', 'i32', 'i64', 'u64', 'i65', 'x8', ''];
const CHANNELS = ['ch1', 'ch2', 'news', '', 'c\0h'];
const COUNTS = ['0', '1', '2', '3', '5', '10', '100', '-1', '-2', '-10', '-100'];

export class Vocabulary {
  readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  below(n: number): number {
    return this.random.below(n);
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.random.below(n) === 0;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }

  some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: 1 + this.below(most) }, make);
  }

  /** A key, mostly one that holds what commands of the group work on. */
  key(group: string): string {
    const typed = KEYS_OF_GROUP[group];
    if (typed === undefined || this.once(7)) return this.once(25) ? `new${this.below(4)}` : this.pick(KEYS);
    return this.pick(typed);
  }

  /** A word in one of several cases. */
  cased(word: string): string {
    const dice = this.below(4);
    return dice < 2 ? word : dice === 2 ? word.toLowerCase() : word[0] + word.slice(1).toLowerCase();
  }

  bytes(most: number): string {
    return String.fromCharCode(...Array.from({ length: this.below(most) }, () => this.below(256)));
  }

  value(): string {
    const dice = this.below(20);
    if (dice === 0) return this.pick(EDGES);
    if (dice === 1) return this.pick(NOT_INTEGERS);
    if (dice === 2) return this.pick(DOUBLES);
    if (dice === 3) return this.bytes(40);
    if (dice === 4) return this.once(4) ? this.pick(LONG_TEXTS) : this.pick(TEXTS);
    return dice < 10 ? String(this.below(200) - 50) : this.pick(TEXTS);
  }

  member(): string {
    const dice = this.below(20);
    if (dice === 0) return this.value();
    return dice < 8 ? String(this.below(60)) : dice < 11 ? `n:${this.below(300)}` : this.pick(MEMBERS);
  }

  integer(): string {
    const dice = this.below(14);
    if (dice === 0) return this.pick(NOT_INTEGERS);
    return dice < 3 ? this.pick(EDGES) : String(this.below(200) - 100);
  }

  /** An index, a rank, an offset: small, now and then far off. */
  index(): string {
    return this.once(12) ? this.integer() : String(this.below(24) - 8);
  }

  count(): string {
    return this.once(15) ? this.integer() : this.pick(COUNTS);
  }

  double(): string {
    const dice = this.below(14);
    if (dice === 0) return this.pick(NOT_DOUBLES);
    return dice < 6 ? this.pick(DOUBLES) : String(this.below(100) - 20);
  }

  /** A time to live: far off and different each time, so that the milliseconds by which two clocks differ never decide. */
  lifetime(): string {
    const dice = this.below(14);
    if (dice === 0) return this.pick(NOT_INTEGERS);
    if (dice === 1) return this.pick(['0', '-1', '-100000', '-9223372036854775808', '9223372036854775807']);
    return String(100_000 + this.below(1_000_000_000));
  }

  moment(inSeconds: boolean): string {
    const dice = this.below(14);
    if (dice === 0) return this.pick(NOT_INTEGERS);
    if (dice === 1) return this.pick(['0', '-1', '1', '1000', '-9223372036854775808', '9223372036854775808']);
    return `${4_000_000_000 + this.below(1_000_000_000)}${inSeconds ? '' : '123'}`;
  }

  score(): string {
    return this.once(6) ? this.double() : String(this.below(20));
  }

  id(): string {
    const dice = this.below(20);
    if (dice === 0) return this.pick(BAD_IDS);
    return dice < 12 ? `${this.below(400)}-${this.below(3)}` : this.pick(IDS);
  }

  longitude(): string {
    return this.once(25) ? this.double() : String((this.below(36_000) - 18_000) / 100);
  }

  latitude(): string {
    return this.once(25) ? this.double() : String((this.below(17_000) - 8500) / 100);
  }

  text = (): string => this.pick(TEXTS);
  pattern = (): string => this.pick(PATTERNS);
  lex = (): string => this.pick(LEX);
  bound = (): string => this.pick(BOUNDS);
  type = (): string => this.pick(TYPES);
  cursor = (): string => this.pick(CURSORS);
  fieldType = (): string => this.pick(FIELD_TYPES);
  channel = (): string => this.pick(CHANNELS);

  /** Anything: what a command may get in place of what it expects. */
  anything(): string {
    switch (this.below(8)) {
      case 0:
        return this.pick(NOT_INTEGERS);
      case 1:
        return this.pick(EDGES);
      case 2:
        return this.pick(NOT_DOUBLES);
      case 3:
        return this.pick(KEYS);
      case 4:
        return this.pick(['NX', 'XX', 'GET', 'COUNT', 'LIMIT', 'WITHSCORES', 'BY', 'STORE', 'MATCH', 'LEFT', 'ID']);
      default:
        return this.value();
    }
  }
}
