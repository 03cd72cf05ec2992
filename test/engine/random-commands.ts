/**
 * Seeded streams of string and generic commands, right and wrong: few keys, so that commands meet each other's results, and
 * values at the edges of what parsers and counters take.
 */
import { Random } from '../../src/lib/random.ts';

export type Word = string | Uint8Array;

const KEYS = ['a', 'b', 'c', 'd', 'e', 'key:0001', 'key:0002', 'Ünïcode', '', 'with space', 'x'.repeat(300)];
const INTEGERS = [
  ...['0', '1', '-1', '2', '3', '7', '10', '100', '-100', '12345678901', '9007199254740991', '9007199254740992'],
  ...['-9007199254740993', '9223372036854775806', '9223372036854775807', '9223372036854775808', '-9223372036854775808'],
  ...['-9223372036854775809', '18446744073709551615', '999999999999999999', '1000000000000000000'],
];
const NOT_INTEGERS = ['', ' 1', '1 ', '+1', '01', '-0', '1.0', '1e3', 'abc', '0x10', '--1', '-', '1\0', '١'];
const FLOATS = [
  ...[
    '0.1',
    '-0.1',
    '.5',
    '5.',
    '1e3',
    '1E-3',
    '3.0e3',
    '+2.5',
    '0x1p-3',
    '0X.8',
    'inf',
    '-INFINITY',
    'nan',
    'NaN(1)',
    '1e',
  ],
  ...[
    '1e4932',
    '-1e4932',
    '1e4933',
    '1e-4940',
    '1e-4951',
    '1e-5000',
    '1e99999999999',
    '.',
    'e5',
    '1_0',
    '0x',
    '1.5 ',
    ' 1.5',
  ],
  ...[
    '3.14159265358979323846264338327950288',
    '12345678901234567890.12345678901234567',
    '1e17',
    '1e18',
    '-2e-18',
    '5e-18',
  ],
  ...['99999999999999999999999999999999999', '0.000000000000000005', '0.00000000000000001', '100000000000000000000.5'],
];
const TEXTS = [
  'hello',
  'hello world',
  'ohmytext',
  'mynewtext',
  'v',
  'x'.repeat(44),
  'x'.repeat(45),
  'y'.repeat(5000),
  '\r\n',
];
const PATTERNS = [
  '*',
  'a*',
  '*y*',
  '[a-c]',
  '[^a]',
  '?',
  'key:*',
  'key:000[12]',
  '**',
  '',
  '\\a',
  '[',
  '[a',
  'x*x*x*x*y',
  'Ü*',
];
const DATABASES = ['0', '1', '2', '15', '16', '-1', '3000000000', 'x', '9223372036854775807'];

type Make = (g: CommandStream) => Word[];

export class CommandStream {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): Word[] {
    const make = this.pick(MAKERS);
    const words = make(this);
    const dice = this.random.below(60);
    if (dice === 0) return [...words, this.value()]; // one argument too many, or an unknown option
    if (dice === 1 && words.length > 1) return words.slice(0, -1);
    if (dice === 2) return words.map((word, i) => (i > 0 && this.random.below(3) === 0 ? this.wrong() : word));
    return words;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }

  below(n: number): number {
    return this.random.below(n);
  }

  key(): Word {
    return this.pick(KEYS);
  }

  keys(most: number): Word[] {
    return Array.from({ length: 1 + this.below(most) }, () => this.key());
  }

  value(): Word {
    switch (this.below(6)) {
      case 0:
        return this.pick(INTEGERS);
      case 1:
        return this.pick(NOT_INTEGERS);
      case 2:
        return this.pick(FLOATS);
      case 3:
        return Uint8Array.from({ length: this.below(40) }, () => this.below(256));
      default:
        return this.pick(TEXTS);
    }
  }

  /** Anything but a number, which could be a time that is over at once for one server and not yet for the other. */
  wrong(): Word {
    return this.below(2) === 0 ? this.pick(TEXTS) : this.pick(NOT_INTEGERS);
  }

  integer(): Word {
    const dice = this.below(10);
    if (dice === 0) return this.pick(NOT_INTEGERS);
    return dice < 6 ? String(this.below(200) - 100) : this.pick(INTEGERS);
  }

  index(): Word {
    return this.below(12) === 0 ? this.integer() : String(this.below(30) - 15);
  }

  float(): Word {
    return this.below(8) === 0 ? this.integer() : this.pick(FLOATS);
  }

  database(): string {
    return this.pick(DATABASES);
  }

  /** A word in one of several cases. */
  cased(word: string): string {
    const dice = this.below(3);
    return dice === 0 ? word : dice === 1 ? word.toLowerCase() : word[0] + word.slice(1).toLowerCase();
  }

  /** Each of the options perhaps, in any order. */
  options(...choices: (() => Word[])[]): Word[] {
    const chosen: Word[] = [];
    while (this.below(2) === 0) chosen.push(...this.pick(choices)());
    return chosen;
  }

  /**
   * A time to live in seconds or milliseconds: far off and different each time, so that the milliseconds by which two clocks
   * differ never decide; or one of the wrong ones.
   */
  lifetime(): Word {
    const dice = this.below(12);
    if (dice === 0) return this.pick(NOT_INTEGERS);
    if (dice === 1) return this.pick(['0', '-1', '-100000', '-9223372036854775808', '-9223372036854775']);
    if (dice === 2) return this.pick(['9223372036854775807', '9223372036854775808']);
    return String(100_000 + this.below(1_000_000_000));
  }

  /** As lifetime, as an absolute time in seconds; times 1000 in milliseconds. */
  moment(inSeconds: boolean): Word {
    const dice = this.below(12);
    if (dice === 0) return this.pick(NOT_INTEGERS);
    if (dice === 1) return this.pick(['0', '-1', '1', '1000', '-9223372036854775808', '9223372036854775808']);
    if (dice === 2 && inSeconds) return '9223372036854775807';
    return `${4_000_000_000 + this.below(1_000_000_000)}${inSeconds ? '' : '123'}`;
  }

  conditions(): Word[] {
    return this.options(
      () => [this.cased('NX')],
      () => [this.cased('XX')],
      () => [this.cased('GT')],
      () => [this.cased('LT')],
    );
  }

  times(): Word[] {
    const inSeconds = this.below(2) === 0;
    if (this.below(2) === 0) return [this.cased(inSeconds ? 'EX' : 'PX'), this.lifetime()];
    return [this.cased(inSeconds ? 'EXAT' : 'PXAT'), this.moment(inSeconds)];
  }

  pattern(): Word {
    return this.pick(PATTERNS);
  }
}

const simple =
  (name: string): Make =>
  (g) => [g.cased(name), g.key()];
const withValue =
  (name: string): Make =>
  (g) => [g.cased(name), g.key(), g.value()];
const pairs =
  (name: string): Make =>
  (g) => [name, ...g.keys(3).flatMap((key) => [key, g.value()])];
const expiring =
  (name: string, absolute: boolean): Make =>
  (g) => [name, g.key(), absolute ? g.moment(!name.startsWith('P')) : g.lifetime(), ...g.conditions()];

const MAKERS: Make[] = [
  ...['GET', 'GETDEL', 'STRLEN', 'INCR', 'DECR', 'TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME', 'PERSIST', 'TYPE'].map(
    simple,
  ),
  ...['SET', 'SETNX', 'GETSET', 'APPEND'].map(withValue),
  ...['MSET', 'MSETNX'].map(pairs),
  ...['DEL', 'UNLINK', 'EXISTS', 'TOUCH', 'MGET'].map(
    (name): Make =>
      (g) => [g.cased(name), ...g.keys(4)],
  ),
  expiring('EXPIRE', false),
  expiring('PEXPIRE', false),
  expiring('EXPIREAT', true),
  expiring('PEXPIREAT', true),
  (g) => [g.cased('INCRBY'), g.key(), g.integer()],
  (g) => [g.cased('DECRBY'), g.key(), g.integer()],
  (g) => [g.cased('INCRBYFLOAT'), g.key(), g.float()],
  (g) => [g.cased('INCRBYFLOAT'), g.key(), g.float()],
  (g) => [g.cased('SET'), g.key(), g.below(2) === 0 ? g.integer() : g.float()],
  (g) => ['SETEX', g.key(), g.lifetime(), g.value()],
  (g) => ['PSETEX', g.key(), g.lifetime(), g.value()],
  (g) => [
    'SET',
    g.key(),
    g.value(),
    ...g.options(
      () => [g.cased('NX')],
      () => [g.cased('XX')],
      () => [g.cased('GET')],
      () => [g.cased('KEEPTTL')],
      () => g.times(),
      () => [g.cased('PERSIST')],
    ),
  ],
  (g) => [
    'GETEX',
    g.key(),
    ...g.options(
      () => g.times(),
      () => [g.cased('PERSIST')],
      () => [g.cased('NX')],
    ),
  ],
  (g) => [g.pick(['GETRANGE', 'SUBSTR']), g.key(), g.index(), g.index()],
  (g) => ['SETRANGE', g.key(), g.below(3) === 0 ? g.integer() : String(g.below(40)), g.value()],
  (g) => [
    'LCS',
    g.key(),
    g.key(),
    ...g.options(
      () => [g.cased('LEN')],
      () => [g.cased('IDX')],
      () => [g.cased('WITHMATCHLEN')],
      () => [g.cased('MINMATCHLEN'), g.below(6) === 0 ? g.integer() : String(g.below(4))],
    ),
  ],
  (g) => ['RENAME', g.key(), g.key()],
  (g) => ['RENAMENX', g.key(), g.key()],
  (g) => [
    'COPY',
    g.key(),
    g.key(),
    ...g.options(
      () => [g.cased('REPLACE')],
      () => [g.cased('DB'), g.database()],
    ),
  ],
  (g) => ['MOVE', g.key(), g.database()],
  (g) => ['KEYS', g.pattern()],
  (g) => [
    'SCAN',
    g.pick(['0', '0', '0', '+0', '', '-0', ' 0', 'x', '18446744073709551616']),
    'COUNT',
    '100000',
    ...g.options(
      () => [g.cased('MATCH'), g.pattern()],
      () => [g.cased('TYPE'), g.pick(['string', 'LIST', 'nosuch'])],
      () => [g.cased('COUNT'), g.pick(['0', '-1', 'x', '100000'])],
    ),
  ],
  () => ['RANDOMKEY'],
  () => ['NOSUCHCOMMAND', 'x'.repeat(100), 'y'.repeat(100), 'z'],
];
