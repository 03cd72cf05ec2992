/**
 * Seeded streams of list commands, right and wrong: few keys and few different elements, so that searches find something,
 * lists grow beyond a node and shrink again, and some keys hold other types.
 */
import { Random } from '../../src/lib/random.ts';

export type Word = string | Uint8Array;

const KEYS = ['l1', 'l2', 'l3', 'l4', 'big', 'string'];
const ELEMENTS = [
  'a',
  'b',
  'c',
  '0',
  '1',
  '-1',
  '127',
  '128',
  '4095',
  '-4096',
  '32768',
  '2147483648',
  '-9223372036854775808',
]
  .concat([
    '9223372036854775807',
    '9223372036854775808',
    '01',
    '-0',
    '',
    ' 1',
    '1.5',
    '\r\n',
    'x'.repeat(63),
    'y'.repeat(64),
  ])
  .concat(['z'.repeat(300), 'w'.repeat(1500), 'v'.repeat(4096), 'u'.repeat(9000)]);
const NOT_INTEGERS = ['', ' 1', '1.0', 'abc', '9223372036854775808', '-9223372036854775809', '+1', '-'];
const EXTREMES = ['9223372036854775807', '-9223372036854775808', '-9223372036854775807', '2147483648', '4294967296'];
const SIDES = ['LEFT', 'RIGHT', 'left', 'Right', 'MIDDLE'];

/** Commands that may wait on a real server. */
export const BLOCKING = ['BLPOP', 'BRPOP', 'BLMOVE', 'BRPOPLPUSH', 'BLMPOP'];

export class ListCommandStream {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): Word[] {
    const words = this.pick(MAKERS)(this);
    const dice = this.random.below(80);
    if (dice === 0) return [...words, 'x'];
    if (dice === 1 && words.length > 1) return words.slice(0, -1);
    if (dice === 2 && !BLOCKING.includes(String(words[0])))
      // An overlong timeout is out of range since 7.2, and was negative before.
      return words.map((word, i) => (i > 1 && this.below(3) === 0 ? this.wrong() : word));
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

  element(): Word {
    const dice = this.below(12);
    if (dice === 0) return Uint8Array.from({ length: this.below(100) }, () => this.below(256));
    return dice < 4 ? String(this.below(40)) : this.pick(ELEMENTS);
  }

  elements(most: number): Word[] {
    return Array.from({ length: 1 + this.below(most) }, () => this.element());
  }

  wrong(): Word {
    return this.pick(NOT_INTEGERS);
  }

  index(): Word {
    const dice = this.below(25);
    if (dice === 0) return this.wrong();
    if (dice === 1) return this.pick(EXTREMES);
    return String(this.below(60) - 30);
  }

  count(most: number): Word {
    const dice = this.below(15);
    if (dice === 0) return this.wrong();
    return dice === 1 ? this.pick(['0', '-1', ...EXTREMES]) : String(1 + this.below(most));
  }

  side(): string {
    return this.below(20) === 0 ? this.pick(SIDES) : this.pick(SIDES.slice(0, 2));
  }

  timeout(): Word {
    return this.pick(['0', '0.01', '1', '-1', 'x', '', '1e3']);
  }
}

type Make = (g: ListCommandStream) => Word[];

const push: Make = (g) => [g.pick(['LPUSH', 'RPUSH', 'rpush', 'LPUSHX', 'RPUSHX']), g.key(), ...g.elements(8)];
const pop: Make = (g) => [g.pick(['LPOP', 'RPOP']), g.key(), ...(g.below(3) === 0 ? [g.count(12)] : [])];
const popMany = (g: ListCommandStream): Word[] => {
  const keys = Array.from({ length: 1 + g.below(3) }, () => g.key());
  const numkeys = g.below(20) === 0 ? g.count(4) : String(keys.length);
  return [numkeys, ...keys, g.side(), ...(g.below(2) === 0 ? [g.pick(['COUNT', 'count']), g.count(9)] : [])];
};

const MAKERS: Make[] = [
  push,
  push,
  push,
  push,
  pop,
  pop,
  (g) => ['LLEN', g.key()],
  (g) => ['LINDEX', g.key(), g.index()],
  (g) => ['LRANGE', g.key(), g.index(), g.index()],
  (g) => ['LRANGE', g.key(), '0', '-1'],
  (g) => ['LSET', g.key(), g.index(), g.element()],
  (g) => ['LSET', g.key(), g.index(), g.element()],
  (g) => ['LINSERT', g.key(), g.pick(['BEFORE', 'AFTER', 'after', 'AT']), g.element(), g.element()],
  (g) => ['LINSERT', g.key(), g.pick(['BEFORE', 'AFTER']), g.element(), g.element()],
  (g) => ['LREM', g.key(), g.pick(['0', '1', '-1', '2', '-3', 'x']), g.element()],
  (g) => ['LTRIM', g.key(), g.index(), g.pick(['-1', '-2', String(g.index())])],
  (g) => {
    const options = [
      ...(g.below(2) === 0 ? ['RANK', g.pick(['1', '-1', '2', '-3', '0', 'x'])] : []),
      ...(g.below(2) === 0 ? ['COUNT', g.pick(['0', '1', '2', '7', '-1', 'x'])] : []),
      ...(g.below(3) === 0 ? ['MAXLEN', g.pick(['0', '1', '10', '-1', 'x'])] : []),
    ];
    return ['LPOS', g.key(), g.element(), ...options];
  },
  (g) => ['LMOVE', g.key(), g.key(), g.side(), g.side()],
  (g) => ['LMOVE', g.key(), g.key(), g.side(), g.side()],
  (g) => ['RPOPLPUSH', g.key(), g.key()],
  (g) => ['LMPOP', ...popMany(g)],
  (g) => ['BLMPOP', g.timeout(), ...popMany(g)],
  (g) => [g.pick(['BLPOP', 'BRPOP']), g.key(), ...(g.below(2) === 0 ? [g.key()] : []), g.timeout()],
  (g) => ['BLMOVE', g.key(), g.key(), g.side(), g.side(), g.timeout()],
  (g) => ['BRPOPLPUSH', g.key(), g.key(), g.timeout()],
  (g) => ['DEL', g.key()],
  (g) => ['COPY', g.key(), g.key(), 'REPLACE'],
  (g) => ['RENAME', g.key(), g.key()],
  (g) => ['SET', 'string', g.element()],
];
