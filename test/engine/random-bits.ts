/**
 * Seeded streams of bitmap commands, right and wrong, on few keys: strings that grow bit by bit, texts that are integers, and
 * keys of another type.
 */
import { Random } from '../../src/lib/random.ts';
import type { Word } from './random-commands.ts';

const KEYS = ['a', 'b', 'c', 'd', 'e', 'number', 'list'];
const TYPES = ['u1', 'u2', 'u7', 'u8', 'u16', 'u31', 'u32', 'u33', 'u52', 'u53', 'u63', 'i1', 'i2', 'i5', 'i8', 'i16'];
const WIDE_TYPES = ['i31', 'i32', 'i33', 'i52', 'i53', 'i54', 'i63', 'i64'];
const WRONG_TYPES = ['u64', 'i65', 'u0', 'i0', 'x8', '', 'u', 'i', 'u08', 'U8', 'u 8', 'i-1', 'u8 ', 'u8\0x', 'u8x'];
const INTEGERS = ['0', '1', '-1', '127', '128', '255', '256', '-128', '-129', '65535', '4294967295', '4294967296'];
const WIDE_INTEGERS = [
  ...['4503599627370495', '4503599627370496', '4503599627370497', '-4503599627370496', '9007199254740991'],
  ...['9007199254740993', '9223372036854775807', '-9223372036854775808', '-9223372036854775807'],
];
const NOT_INTEGERS = ['', ' 1', '+1', '01', 'abc', '1.0', '9223372036854775808', '-9223372036854775809', '-'];
const WRONG_OFFSETS = [
  '-1',
  '4294967296',
  '#-1',
  '#',
  '#x',
  '#4294967296',
  '9223372036854775807',
  '#9223372036854775807',
];

type Make = (g: BitStream) => Word[];

export class BitStream {
  private readonly random: Random;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): Word[] {
    const words = this.pick(MAKERS)(this);
    const dice = this.below(50);
    if (dice === 0) return [...words, this.pick(NOT_INTEGERS)];
    if (dice === 1 && words.length > 2) return words.slice(0, -1);
    if (dice === 2) return words.map((word, i) => (i > 1 && this.below(3) === 0 ? this.pick(NOT_INTEGERS) : word));
    return words;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }

  below(n: number): number {
    return this.random.below(n);
  }

  cased(word: string): string {
    return this.below(2) === 0 ? word : word.toLowerCase();
  }

  key(): string {
    return this.pick(KEYS);
  }

  offset(): string {
    const dice = this.below(40);
    if (dice === 0) return this.pick(WRONG_OFFSETS);
    if (dice === 1) return this.pick(NOT_INTEGERS);
    return String(this.below(this.below(4) === 0 ? 3000 : 100));
  }

  index(): string {
    const dice = this.below(30);
    if (dice === 0) return this.pick(NOT_INTEGERS);
    if (dice === 1) return this.pick(WIDE_INTEGERS);
    return String(this.below(80) - 40);
  }

  unit(): string {
    return this.below(10) === 0 ? this.pick(['bits', '', 'byt']) : this.cased(this.pick(['BIT', 'BYTE']));
  }

  type(): string {
    const dice = this.below(40);
    return this.pick(dice === 0 ? WRONG_TYPES : dice < 12 ? WIDE_TYPES : TYPES);
  }

  field(): Word[] {
    const type = this.type();
    const counted = this.below(4) === 0;
    return [type, counted ? `#${this.below(20)}` : this.offset()];
  }

  operand(): string {
    const dice = this.below(30);
    if (dice === 0) return this.pick(NOT_INTEGERS);
    return dice < 10 ? this.pick(WIDE_INTEGERS) : dice < 20 ? this.pick(INTEGERS) : String(this.below(400) - 200);
  }

  operation(): Word[] {
    switch (this.below(8)) {
      case 0:
      case 1:
        return [this.cased('GET'), ...this.field()];
      case 2:
      case 3:
        return [this.cased('SET'), ...this.field(), this.operand()];
      case 4:
      case 5:
        return [this.cased('INCRBY'), ...this.field(), this.operand()];
      case 6:
        return [this.cased('OVERFLOW'), this.cased(this.pick(['WRAP', 'SAT', 'FAIL', 'FAIL']))];
      default:
        return this.below(10) === 0 ? ['OVERFLOW', 'x'] : [];
    }
  }

  bytes(): Word {
    const random = this.below(3);
    const length = this.below(this.below(10) === 0 ? 400 : 30);
    if (random === 0) return new Uint8Array(length).fill(this.below(2) * 255);
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

const MAKERS: Make[] = [
  (g) => [g.cased('SETBIT'), g.key(), g.offset(), g.below(15) === 0 ? g.operand() : String(g.below(2))],
  (g) => ['GETBIT', g.key(), g.offset()],
  (g) => ['BITCOUNT', g.key()],
  (g) => ['BITCOUNT', g.key(), g.index(), g.index()],
  (g) => ['BITCOUNT', g.key(), g.index(), g.index(), g.unit()],
  (g) => ['BITPOS', g.key(), g.below(20) === 0 ? g.operand() : String(g.below(2))],
  (g) => ['BITPOS', g.key(), String(g.below(2)), g.index()],
  (g) => ['BITPOS', g.key(), String(g.below(2)), g.index(), g.index()],
  (g) => ['BITPOS', g.key(), String(g.below(2)), g.index(), g.index(), g.unit()],
  (g) => ['BITOP', g.cased('NOT'), g.key(), g.key()],
  (g) => [
    'BITOP',
    g.cased(g.pick(['AND', 'OR', 'XOR', 'NOT', 'AND', 'OR', 'XOR', 'NAND'])),
    g.key(),
    ...Array.from({ length: 1 + g.below(4) }, () => g.key()),
  ],
  (g) => ['BITFIELD', g.key(), ...Array.from({ length: g.below(6) }, () => g.operation()).flat()],
  (g) => ['BITFIELD', g.key(), ...Array.from({ length: 1 + g.below(3) }, () => g.operation()).flat()],
  (g) => ['BITFIELD_RO', g.key(), ...Array.from({ length: g.below(4) }, () => ['GET', ...g.field()]).flat()],
  (g) => ['BITFIELD_RO', g.key(), ...g.operation()],
  (g) => ['SET', g.key(), g.bytes()],
  (g) => ['SET', 'number', g.pick([...INTEGERS, ...WIDE_INTEGERS])],
  (g) => ['SETEX', g.key(), '100000', g.bytes()],
  (g) => ['APPEND', g.key(), g.bytes()],
  (g) => ['DEL', g.key()],
  (g) => ['GET', g.key()],
  (g) => ['GET', g.key()],
  (g) => ['PERSIST', g.key()],
];
