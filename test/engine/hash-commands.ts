/** Seeded streams of hash commands, right and wrong: few keys and fields, so that commands meet each other's results. */
import { Random } from '../../src/lib/random.ts';
import type { Word } from './side-by-side.ts';

const KEYS = ['h1', 'h2', 'h3', 'h4', 'big', 'wide', 'string'];
const FIELDS = ['a', 'b', 'c', 'field', '', '1', '2', '-1', '127', '128', '4096', '-4097', '65536', '12345678901'];
const LONG_FIELDS = ['f'.repeat(64), 'f'.repeat(65), '9223372036854775807', '9223372036854775808', '01', '-0', 'Ünï'];
const VALUES = ['', 'v', 'value', '0', '1', '-1', '100', '3.5', '1e3', '9007199254740993', '9223372036854775807'];
const LONG_VALUES = [
  'v'.repeat(63),
  'v'.repeat(64),
  'x'.repeat(65),
  'y'.repeat(5000),
  ' 1',
  '0.1',
  'nan',
  'inf',
  '\r\n',
];
const DELTAS = [
  '1',
  '-1',
  '10',
  '9223372036854775807',
  '-9223372036854775808',
  '9007199254740993',
  'x',
  '',
  '1.5',
  '01',
];
const FLOATS = ['0.1', '-0.1', '1e3', '5.0e-2', 'inf', 'nan', 'x', '1e400', '200', '-3.25', '1 ', ' 1'];
const COUNTS = [
  ...['0', '1', '2', '3', '5', '10', '100', '-1', '-3', '-10', '-100', 'x', '', '9223372036854775807'],
  ...['9223372036854775808', '-9223372036854775808', '4611686018427387904', '-9223372036854775807'],
];
/** Of these the reply would have no end. */
const ENDLESS = ['-9223372036854775807'];
const PATTERNS = ['*', 'a*', '?', 'f*', '[0-9]*', '', 'n:1*', '*9'];
const CURSORS = ['0', '0', '0', '0', 'x', '-1', '18446744073709551616', ''];

type Make = (g: HashCommands) => Word[];

export class HashCommands {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): Word[] {
    const words = this.pick(MAKERS)(this);
    const dice = this.below(50);
    if (dice === 0) return [...words, this.value()];
    if (dice === 1 && words.length > 1) return words.slice(0, -1);
    return words;
  }

  below(n: number): number {
    return this.random.below(n);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  key(): string {
    return this.below(40) === 0 ? 'nokey' : this.pick(KEYS);
  }

  /** Fields of a key that grows beyond what is packed come from a larger set. */
  field(key: string): Word {
    if (key === 'big') return `n:${this.below(700)}`;
    if (key === 'wide' && this.below(4) === 0) return this.pick(LONG_FIELDS);
    return this.below(20) === 0 && key !== 'h1' ? this.pick(LONG_FIELDS) : this.pick(FIELDS);
  }

  value(): Word {
    const dice = this.below(30);
    if (dice === 0) return Uint8Array.from({ length: this.below(40) }, () => this.below(256));
    return dice < 3 ? this.pick(LONG_VALUES) : this.pick(VALUES);
  }

  fields(key: string, most: number): Word[] {
    return Array.from({ length: 1 + this.below(most) }, () => this.field(key));
  }

  pairs(key: string): Word[] {
    const most = key === 'big' ? 60 : 4;
    return this.fields(key, most).flatMap((field) => [field, this.value()]);
  }

  count(): Word {
    const count = this.pick(COUNTS);
    return ENDLESS.includes(count) ? '-7' : count;
  }
}

const ofField =
  (name: string): Make =>
  (g) => {
    const key = g.key();
    return [name, key, g.field(key)];
  };
const ofKey =
  (name: string): Make =>
  (g) => [name, g.key()];
const ofPairs =
  (name: string): Make =>
  (g) => {
    const key = g.key();
    return [name, key, ...g.pairs(key)];
  };
const ofFields =
  (name: string): Make =>
  (g) => {
    const key = g.key();
    return [name, key, ...g.fields(key, key === 'big' ? 50 : 4)];
  };

const MAKERS: Make[] = [
  ...['HSET', 'HSET', 'HSET', 'hset', 'HMSET', 'HMSET'].map(ofPairs),
  ...['HGET', 'HGET', 'HEXISTS', 'HSTRLEN', 'HDEL', 'hget'].map(ofField),
  ...['HLEN', 'HGETALL', 'HKEYS', 'HVALS', 'HRANDFIELD'].map(ofKey),
  ...['HMGET', 'HDEL'].map(ofFields),
  (g) => {
    const key = g.key();
    return ['HSETNX', key, g.field(key), g.value()];
  },
  (g) => {
    const key = g.key();
    return ['HINCRBY', key, g.field(key), g.pick(DELTAS)];
  },
  (g) => {
    const key = g.key();
    return ['HINCRBYFLOAT', key, g.field(key), g.pick(FLOATS)];
  },
  (g) => {
    const tail = g.below(2) === 0 ? [] : [g.pick(['WITHVALUES', 'withvalues', 'WITHSCORES'])];
    return ['HRANDFIELD', g.key(), g.count(), ...tail];
  },
  (g) => {
    const options: Word[] = ['COUNT', '1000'];
    if (g.below(3) === 0) options.push('MATCH', g.pick(PATTERNS));
    if (g.below(12) === 0) options.push('COUNT', g.pick(['0', '-1', 'x', '1000']));
    if (g.below(12) === 0) options.push(g.pick(['TYPE', 'MATCH', 'nosuch']));
    if (g.below(12) === 0) options.push('TYPE', 'hash');
    return ['HSCAN', g.key(), g.pick(CURSORS), ...options];
  },
  (g) => (g.below(8) === 0 ? ['DEL', g.key()] : ['EXISTS', g.key()]),
  (g) => (g.below(4) === 0 ? ['COPY', g.key(), g.key(), 'REPLACE'] : ['TYPE', g.key()]),
  (g) => (g.below(4) === 0 ? ['RENAME', g.key(), g.key()] : ['TYPE', g.key()]),
  () => ['SET', 'string', 'text'],
  (g) => ['GET', g.key()],
];
