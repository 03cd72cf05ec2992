/** Seeded streams of set commands, right and wrong: few keys and members, so that commands meet each other's results. */
import { Random } from '../../src/lib/random.ts';
import type { Word } from './side-by-side.ts';

/** In `i…` only integers, in `n…` many; `string` holds no set. */
const KEYS = ['i1', 'i2', 's1', 's2', 's3', 'n1', 'n2', 'string'];
const INTEGERS = [
  ...['0', '1', '-1', '2', '3', '127', '32767', '32768', '-32768', '-32769', '65536', '2147483647', '2147483648'],
  ...['-2147483648', '-2147483649', '4294967296', '9007199254740993', '9223372036854775807', '-9223372036854775808'],
];
const TEXTS = ['a', 'b', 'c', 'd', 'member', '', '01', '-0', '+1', '1.0', '9223372036854775808', ' 1', 'x'.repeat(64)];
const LONG_TEXTS = ['y'.repeat(65), 'z'.repeat(5000)];
const COUNTS = [
  ...['0', '1', '2', '3', '5', '10', '100', '-1', '-3', '-10', '-100', 'x', '', '9223372036854775807'],
  ...['9223372036854775808', '-9223372036854775808', '4611686018427387904'],
];
const PATTERNS = ['*', 'a*', '?', '-*', '[0-9]*', '', 'n:1*', '*9'];
const CURSORS = ['0', '0', '0', '0', 'x', '-1', '18446744073709551616', ''];

type Make = (g: SetCommands) => Word[];

export class SetCommands {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): Word[] {
    const words = this.pick(MAKERS)(this);
    const dice = this.below(50);
    if (dice === 0) return [...words, this.pick(TEXTS)];
    if (dice === 1 && words.length > 1 && words[0] !== 'SPOP') return words.slice(0, -1);
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

  /** A key that most likely holds a set. */
  setKey(): string {
    const key = this.key();
    return key === 'string' && this.below(4) > 0 ? 's1' : key;
  }

  keys(most: number): string[] {
    return Array.from({ length: 1 + this.below(most) }, () => this.setKey());
  }

  member(key: string): Word {
    if (key.startsWith('i')) return this.below(3) === 0 ? this.pick(INTEGERS) : String(this.below(700) - 350);
    if (key.startsWith('n')) return this.below(2) === 0 ? `n:${this.below(600)}` : String(this.below(300));
    if (this.below(60) === 0) return this.pick(LONG_TEXTS);
    if (this.below(20) === 0) return Uint8Array.from({ length: this.below(40) }, () => this.below(256));
    return this.below(2) === 0 ? this.pick(INTEGERS) : this.pick(TEXTS);
  }

  members(key: string): Word[] {
    const most = this.below(30) === 0 ? 200 : this.below(3) === 0 ? 40 : 3;
    return Array.from({ length: 1 + this.below(most) }, () => this.member(key));
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
    return [name, key, ...g.members(key)];
  };
const ofKey =
  (name: string): Make =>
  (g) => [name, g.key()];

const MAKERS: Make[] = [
  ...['SADD', 'SADD', 'SADD', 'SADD', 'sadd', 'SREM', 'SREM', 'SMISMEMBER'].map(ofMembers),
  ...['SISMEMBER', 'SISMEMBER', 'SREM', 'SADD'].map(ofMember),
  ...['SCARD', 'SMEMBERS', 'SRANDMEMBER'].map(ofKey),
  ...['SINTER', 'SUNION', 'SDIFF'].map(
    (name): Make =>
      (g) => [name, ...g.keys(4)],
  ),
  ...['SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE'].map(
    (name): Make =>
      (g) => [name, g.key(), ...g.keys(4)],
  ),
  (g) => {
    const keys = g.keys(4);
    const count = g.below(10) === 0 ? g.pick(COUNTS) : String(keys.length);
    const limit = g.below(2) === 0 ? [] : ['LIMIT', g.below(4) === 0 ? g.pick(COUNTS) : String(g.below(20))];
    return ['SINTERCARD', count, ...keys, ...limit];
  },
  (g) => {
    const key = g.key();
    return ['SMOVE', key, g.key(), g.member(key)];
  },
  (g) => ['SRANDMEMBER', g.key(), g.pick(COUNTS)],
  (g) => {
    const options: Word[] = ['COUNT', '1000'];
    if (g.below(3) === 0) options.push('MATCH', g.pick(PATTERNS));
    if (g.below(12) === 0) options.push('COUNT', g.pick(['0', '-1', 'x', '1000']));
    if (g.below(12) === 0) options.push(g.pick(['TYPE', 'MATCH', 'nosuch', 'NOVALUES']));
    return ['SSCAN', g.key(), g.pick(CURSORS), ...options];
  },
  // What it takes is chosen at random: only all of it is the same on both sides.
  (g) => (g.below(4) === 0 ? ['SPOP', g.key(), '100000'] : ['SPOP', g.key(), g.pick(['0', 'x', '-1', ''])]),
  (g) => (g.below(4) === 0 ? ['DEL', g.key()] : ['EXISTS', g.key()]),
  (g) => (g.below(4) === 0 ? ['COPY', g.key(), g.key(), 'REPLACE'] : ['TYPE', g.key()]),
  (g) => (g.below(4) === 0 ? ['RENAME', g.key(), g.key()] : ['TYPE', g.key()]),
  () => ['SET', 'string', 'text'],
  (g) => ['GET', g.key()],
];
