/** Seeded streams of sorted-set commands, right and wrong: few keys and members, so that commands meet each other's results. */
import { Random } from '../../src/lib/random.ts';
import type { Word } from './side-by-side.ts';

/** `held` is there only between ZADD and a blocking command. */
const KEYS = ['z1', 'z2', 'z3', 'big', 'wide', 'lex', 'biglex', 'string'];
const MEMBERS = ['a', 'b', 'c', 'member', '', '1', '2', '-1', '127', '128', '4096', '65536', '12345678901', 'Ünï'];
const LONG_MEMBERS = ['m'.repeat(64), 'm'.repeat(65), '9223372036854775807', '01', '-0', 'a\0b', '\xff'.repeat(7)];
const SCORES = [
  ...['0', '1', '-1', '2', '3', '10', '-10', '1.5', '0.1', '-0.1', '3.25', '1e3', '1e-5', 'inf', '-inf', '+inf', '-0'],
  ...['100', '127', '128', '4095', '-4097', '32768', '8388608', '2147483648', '4294967296', '1e15', '1e17', '1e300'],
  ...['9007199254740993', '4611686018427387904', '-4611686018427387905', '9223372036854775807', '1e-320', '12345.678'],
  ...['0x10', '0x1.8p1', '1.', '.5', 'infinity', '3.0e0', '1.7976931348623157e308', '123456789.12345679'],
];
const BAD_SCORES = ['x', '', 'nan', ' 1', '1 ', '1e400', '1e-400', '-', '0x', '1e', 'in', '1a', '--1', '1\0'];
const BOUNDS = ['-inf', '+inf', '0', '1', '(1', '(0', '2', '3', '(3', '10', '(-inf', '(inf', '1.5', '-1', 'inf', '0.1'];
const BAD_BOUNDS = ['x', '', '(', '((1', 'nan', '(nan', ' 1', '1 ', '( 1', '1e999', '1\0x', '(x', '-', '+'];
const LEX = ['-', '+', '[a', '(a', '[b', '(c', '[', '(', '[m', '[zz', '[l:3', '(l:5', '[l:100', '[member'];
const BAD_LEX = ['a', '', '-x', '+x', '-\0', '+\0x', ']a', '1'];
const RANKS = ['0', '1', '2', '3', '-1', '-2', '-3', '5', '10', '-10', '100', '-100', '9223372036854775807'];
const BAD_RANKS = ['x', '', '1.5', '9223372036854775808', '-9223372036854775808', ' 1', '01'];
const COUNTS = ['0', '1', '2', '3', '5', '10', '100', '-1', '-3', '-10', '-100', 'x', '', '9223372036854775807'];

/** Keys of sets and sorted sets that have members in common. */
const SOURCES = ['z1', 'z2', 'z3', 'big', 'wide', 's1', 's2', 's3'];

type Make = (g: SortedSetCommands) => Word[];

export class SortedSetCommands {
  private readonly random: Random;
  /** Commands that must follow the last one. */
  private readonly due: Word[][] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): Word[] {
    const due = this.due.shift();
    if (due !== undefined) return due;
    const words = this.pick(MAKERS)(this);
    if (this.due.length > 0 || String(words[0]).startsWith('B')) return words;
    const dice = this.below(60);
    if (dice === 0) return [...words, this.member('z1')];
    if (dice === 1 && words.length > 1) return words.slice(0, -1);
    return words;
  }

  below(n: number): number {
    return this.random.below(n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** A key that may come to hold members of different scores. */
  destination(): string {
    return this.pick(['z1', 'z2', 'z3', 'big', 'wide', 'string', 'nokey']);
  }

  /** Mostly from the first list. */
  mostly<T>(good: readonly T[], bad: readonly T[]): T {
    return this.pick(this.below(25) === 0 ? bad : good);
  }

  key(): string {
    return this.below(40) === 0 ? 'nokey' : this.pick(KEYS);
  }

  /** Members of a key that grows beyond what is packed come from a larger set. */
  member(key: string): Word {
    if (key === 'big') return `n:${this.below(250)}`;
    if (key === 'biglex') return `l:${this.below(250)}`;
    if (key === 'lex') return this.pick(['a', 'b', 'c', 'aa', 'ab', 'l:3', 'l:4', 'm', 'member', 'z', '', '1', '12']);
    if (key === 'wide' && this.below(4) === 0) return this.pick(LONG_MEMBERS);
    return this.below(30) === 0 && key !== 'z1' ? this.pick(LONG_MEMBERS) : this.pick(MEMBERS);
  }

  /** What is ordered by bytes has scores that are all the same. */
  score(key: string): Word {
    if (key.endsWith('lex')) return '0';
    if (key === 'big' && this.below(2) === 0) return String(this.below(1000));
    return this.mostly(SCORES, BAD_SCORES);
  }

  pairs(key: string): Word[] {
    const n = 1 + this.below(key.startsWith('big') ? 40 : 4);
    return Array.from({ length: n }, () => [this.score(key), this.member(key)]).flat();
  }

  members(key: string, most: number): Word[] {
    return Array.from({ length: 1 + this.below(most) }, () => this.member(key));
  }

  /** `first` now, `second` as the next command. */
  followedBy(first: Word[], second: Word[]): Word[] {
    this.due.push(second);
    return first;
  }

  bound(): Word {
    return this.below(3) === 0 ? String(this.below(1000)) : this.mostly(BOUNDS, BAD_BOUNDS);
  }

  rank(): Word {
    return this.mostly(RANKS, BAD_RANKS);
  }

  lexKey(): string {
    return this.below(30) === 0 ? this.pick(['nothing', 'text']) : this.pick(['lex', 'biglex']);
  }

  limit(): Word[] {
    return this.below(3) === 0 ? ['LIMIT', this.rank(), this.rank()] : [];
  }
}

const ofMember =
  (name: string): Make =>
  (g) => {
    const key = g.key();
    return [name, key, g.member(key)];
  };
const ofMembers =
  (name: string): Make =>
  (g) => {
    const key = g.key();
    return [name, key, ...g.members(key, 5)];
  };
const ofScores =
  (name: string): Make =>
  (g) => [name, g.key(), g.bound(), g.bound()];
const ofLex =
  (name: string): Make =>
  (g) => [name, g.lexKey(), g.mostly(LEX, BAD_LEX), g.mostly(LEX, BAD_LEX)];
const add: Make = (g) => {
  const key = g.key();
  return ['ZADD', key, ...g.pairs(key)];
};
const withScores = (g: SortedSetCommands): Word[] => (g.below(2) === 0 ? ['WITHSCORES'] : []);

const zrange: Make = (g) => {
  const options: Word[] = [];
  let key = g.key();
  let bounds: Word[] = [g.rank(), g.rank()];
  const dice = g.below(8);
  if (dice < 3) {
    options.push('BYSCORE', ...g.limit());
    bounds = [g.bound(), g.bound()];
  } else if (dice < 6) {
    key = g.lexKey();
    options.push('BYLEX', ...g.limit());
    bounds = [g.mostly(LEX, BAD_LEX), g.mostly(LEX, BAD_LEX)];
  } else if (g.below(10) === 0) options.push(...g.limit());
  if (g.below(2) === 0) options.push('REV');
  if (dice < 3 || dice > 5 || g.below(20) === 0) options.push(...withScores(g));
  return ['ZRANGE', key, ...bounds, ...options];
};

const combine: Make = (g) => {
  const operation = g.pick(['ZUNION', 'ZINTER', 'ZDIFF', 'ZINTERCARD', 'ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE']);
  const keys = Array.from({ length: 1 + g.below(3) }, () => g.pick([...SOURCES, g.key()]));
  const n = g.below(25) === 0 ? g.pick(['0', '-1', 'x', '4', '9223372036854775807']) : String(keys.length);
  const options: Word[] = [];
  const takesWeights = !/DIFF|CARD/.test(operation);
  if (g.below(20) < (takesWeights ? 8 : 1)) {
    options.push('WEIGHTS', ...keys.map(() => g.mostly(['1', '2', '-1', '0', '0.5', 'inf', '-inf'], BAD_SCORES)));
  }
  if (g.below(20) < (takesWeights ? 8 : 1)) options.push('AGGREGATE', g.pick(['SUM', 'MIN', 'MAX', 'min', 'AVG']));
  if (g.below(20) < (operation.endsWith('STORE') ? 1 : 10)) options.push('WITHSCORES');
  if (g.below(20) < (operation === 'ZINTERCARD' ? 10 : 1)) options.push('LIMIT', g.pick(COUNTS));
  const destination = operation.endsWith('STORE') ? [g.destination()] : [];
  return [operation, ...destination, n, ...keys, ...options];
};

const MAKERS: Make[] = [
  ...Array.from({ length: 14 }, () => add),
  (g) => {
    const key = g.key();
    const options = Array.from({ length: 1 + g.below(2) }, () => g.pick(['NX', 'XX', 'GT', 'LT', 'CH', 'INCR', 'ch']));
    const pairs = options.includes('INCR') && g.below(8) > 0 ? [g.score(key), g.member(key)] : g.pairs(key);
    return ['ZADD', key, ...options, ...pairs];
  },
  (g) => {
    const key = g.key();
    return ['ZINCRBY', key, g.score(key), g.member(key)];
  },
  ...['ZSCORE', 'ZRANK', 'ZREVRANK', 'zscore', 'zrank'].map(ofMember),
  ...['ZREM', 'ZMSCORE', 'ZREM'].map(ofMembers),
  (g) => ['ZCARD', g.key()],
  ...['ZCOUNT', 'ZCOUNT'].map(ofScores),
  ...['ZLEXCOUNT', 'ZLEXCOUNT'].map(ofLex),
  zrange,
  zrange,
  zrange,
  (g) => ['ZREVRANGE', g.key(), g.rank(), g.rank(), ...withScores(g)],
  (g) => ['ZRANGEBYSCORE', g.key(), g.bound(), g.bound(), ...withScores(g), ...g.limit()],
  (g) => ['ZREVRANGEBYSCORE', g.key(), g.bound(), g.bound(), ...g.limit(), ...withScores(g)],
  (g) => ['ZRANGEBYLEX', g.lexKey(), g.mostly(LEX, BAD_LEX), g.mostly(LEX, BAD_LEX), ...g.limit()],
  (g) => ['ZREVRANGEBYLEX', g.lexKey(), g.mostly(LEX, BAD_LEX), g.mostly(LEX, BAD_LEX), ...g.limit()],
  (g) => ['ZRANGESTORE', g.destination(), ...zrange(g).slice(1)],
  (g) => (g.below(3) === 0 ? ['ZREMRANGEBYRANK', g.key(), g.rank(), g.rank()] : ['ZCARD', g.key()]),
  (g) => (g.below(3) === 0 ? ofScores('ZREMRANGEBYSCORE')(g) : ofScores('ZCOUNT')(g)),
  (g) => (g.below(3) === 0 ? ofLex('ZREMRANGEBYLEX')(g) : ofLex('ZLEXCOUNT')(g)),
  (g) => [g.pick(['ZPOPMIN', 'ZPOPMAX']), g.key(), ...(g.below(2) === 0 ? [g.pick(COUNTS)] : [])],
  (g) => {
    const keys = Array.from({ length: 1 + g.below(3) }, () => g.key());
    const n = g.below(20) === 0 ? g.pick(COUNTS) : String(keys.length);
    const count = g.below(2) === 0 ? ['COUNT', g.pick(COUNTS)] : [];
    return ['ZMPOP', n, ...keys, g.pick(['MIN', 'MAX', 'min', 'MIN', 'MAX', 'COUNT']), ...count];
  },
  // With nothing to pop, the other server would wait.
  (g) => [g.pick(['BZPOPMIN', 'BZPOPMAX']), 'z1', g.key(), g.pick(['-1', 'x', 'string', '', 'nan'])],
  (g) => ['BZMPOP', g.pick(['x', '-1']), '3', 'big', g.key(), 'string', g.pick(['MIN', 'MAX'])],
  (g) => ['BZMPOP', '0', g.pick(['x', '0', '-1', '100']), 'big', g.key(), 'string', g.pick(['MIN', 'MAX'])],
  (g) => {
    const count = g.below(2) === 0 ? ['COUNT', g.pick(['1', '2', '3', '100'])] : [];
    const pop = g.pick([
      ['BZPOPMIN', 'nokey', 'held', '0'],
      ['BZPOPMAX', 'held', '1.5'],
      ['BZMPOP', '0', '2', 'nokey', 'held', g.pick(['MIN', 'MAX']), ...count],
    ]);
    return g.followedBy(['ZADD', 'held', '1', g.member('z1'), '2', g.member('z1'), '0.5', g.member('z1')], pop);
  },
  (g) => ['ZRANDMEMBER', g.key()],
  (g) => ['ZRANDMEMBER', g.key(), g.pick(COUNTS), ...withScores(g)],
  (g) => {
    const options: Word[] = ['COUNT', '1000'];
    if (g.below(3) === 0) options.push('MATCH', g.pick(['*', 'a*', '?', 'n:1*', '']));
    if (g.below(12) === 0) options.push('COUNT', g.pick(['0', '-1', 'x']));
    return ['ZSCAN', g.key(), g.pick(['0', '0', '0', '0', 'x', '-1']), ...options];
  },
  (g) => (g.below(8) === 0 ? ['DEL', g.key()] : ['EXISTS', g.key()]),
  (g) => (g.below(4) === 0 ? ['COPY', g.key(), g.destination(), 'REPLACE'] : ['TYPE', g.key()]),
  ...Array.from({ length: 6 }, () => combine),
  (g) => ['SADD', g.pick(['s1', 's2', 's3']), ...g.members(g.pick(['z1', 'wide', 'big']), 40)],
  (g) => ['SADD', 's3', ...Array.from({ length: 5 }, () => String(g.below(200)))],
  (g) => (g.below(5) === 0 ? ['DEL', g.pick(['s1', 's2', 's3'])] : ['SCARD', 's1']),
  () => ['SET', 'string', 'text'],
  () => ['SET', 'text', 'text'],
];
