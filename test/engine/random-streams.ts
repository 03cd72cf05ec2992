/**
 * Seeded streams of stream commands, right and wrong, on few keys, groups and consumers: entries that have the same fields and
 * others, IDs that come in order, repeat and lie at the edges of 64 bits, groups that are behind, claims of what is idle.
 */
import { Random } from '../../src/lib/random.ts';
import type { Word } from './random-commands.ts';

const KEYS = ['a', 'b', 'c', 'd'];
const GROUPS = ['g', 'h', 'gg'];
const CONSUMERS = ['ann', 'bob', 'carl', 'al'];
const FIELDS = ['name', 'age', '7', 'x'];
const EDGES = [
  ...['18446744073709551615-18446744073709551615', '18446744073709551615-18446744073709551614', '0-1', '0-0', '0'],
  ...[
    '18446744073709551615',
    '9223372036854775807-5',
    '9223372036854775808-0',
    '4294967296-4294967295',
    '1-4294967296',
  ],
];
const WRONG_IDS = [
  ...['', '-', '+', '$', '>', '(', '(-', '((5', 'abc', '5-', '-5', '5--1', '5-5-5', '18446744073709551616', '5-*', '*'],
  ...['+5', ' 5', '05-01', '5 ', '5\0x', '1--05', '0x5', '5.0', '0-*'],
];
const NUMBERS = ['0', '1', '2', '3', '5', '10', '100'];
const WRONG_NUMBERS = [
  '-1',
  '',
  'x',
  '1.5',
  '01',
  '9223372036854775807',
  '-9223372036854775808',
  '9223372036854775808',
];
/** Far apart, so that the time that a test takes does not matter. */
const IDLE_MS = ['0', '500000', '1000000', '2000000', '-5'];

type Make = (g: StreamCommands) => Word[];

export class StreamCommands {
  private readonly random: Random;
  private ms = 5;

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  next(): Word[] {
    const words = this.pick(MAKERS)(this);
    // What is deleted must not be so large that XSETID, whose limits are not those of 7.0, comes below it.
    const dice = words[0] === 'XSETID' || words[0] === 'XDEL' ? 3 : this.below(60);
    if (dice === 0) return [...words, this.pick([...WRONG_NUMBERS, 'JUSTID', 'COUNT', 'x'])];
    if (dice === 1 && words.length > 2) return words.slice(0, -1);
    if (dice === 2) return words.map((word, i) => (i > 1 && this.below(4) === 0 ? this.pick(WRONG_NUMBERS) : word));
    return words;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)];
  }

  below(n: number): number {
    return this.random.below(n);
  }

  some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: 1 + this.below(most) }, make);
  }

  cased(word: string): string {
    return this.below(4) === 0 ? word.toLowerCase() : word;
  }

  key(): string {
    return this.below(40) === 0 ? this.pick(['none', 'text']) : this.pick(KEYS);
  }

  group(): string {
    return this.below(30) === 0 ? this.pick(['', 'no\0ne', 'no\r\nne']) : this.pick(GROUPS);
  }

  consumer(): string {
    return this.below(30) === 0 ? this.pick(['', 'nobody']) : this.pick(CONSUMERS);
  }

  /** An ID that may be there. */
  id(): string {
    const dice = this.below(50);
    if (dice === 0) return this.pick(EDGES);
    if (dice === 1) return this.pick(WRONG_IDS);
    const ms = Math.max(0, this.ms - this.below(this.below(3) === 0 ? 200 : 20));
    return this.below(3) === 0 ? `${ms}` : `${ms}-${this.below(4)}`;
  }

  /** An ID that mostly is the next one. */
  newId(): string {
    const dice = this.below(100);
    if (dice === 0) return this.pick(WRONG_IDS.filter((id) => !id.startsWith('*')));
    if (dice === 1 && this.below(20) === 0) return this.pick(EDGES);
    if (this.below(3) > 0) this.ms += this.below(3);
    if (this.below(400) === 0) this.ms += 70_000;
    return this.below(4) === 0 ? `${this.ms}-*` : `${this.ms}-${this.below(4)}`;
  }

  /** An ID after all others: which ones XSETID refuses is not the same in 7.0 and 7.2. */
  laterId(): string {
    this.ms += 2;
    return this.below(30) === 0 ? this.pick(['', '-', '+', '$', 'abc', '5-*', '*']) : String(this.ms);
  }

  edge(): string {
    const dice = this.below(8);
    if (dice < 3) return this.pick(['-', '+']);
    return dice === 3 ? `(${this.id()}` : this.id();
  }

  number(): string {
    return this.below(40) === 0 ? this.pick(WRONG_NUMBERS) : this.pick(NUMBERS);
  }

  count(): Word[] {
    return this.below(3) === 0 ? [] : [this.cased('COUNT'), this.number()];
  }

  fields(): Word[] {
    const value = (): Word => {
      const dice = this.below(20);
      if (dice < 8) return String(this.below(this.pick([10, 200, 100_000])) - 5);
      if (dice === 8) return this.pick(['9223372036854775807', '-9223372036854775808', '12345678901', '2147483648']);
      if (dice === 9) return Uint8Array.from({ length: this.below(5000) }, () => this.below(256));
      return Buffer.alloc(this.below(90), 'value ');
    };
    if (this.below(3) > 0) return ['name', value(), 'age', value()];
    return this.some(3, () => [this.pick(FIELDS), value()]).flat();
  }

  trimming(): Word[] {
    const by: Word[] =
      this.below(2) === 0
        ? [this.cased('MAXLEN'), ...this.pick([[], ['='], ['~'], ['~']]), String(this.below(150))]
        : [this.cased('MINID'), ...this.pick([[], ['='], ['~']]), this.id()];
    return this.below(6) === 0 ? [...by, this.cased('LIMIT'), this.number()] : by;
  }

  ids(most = 3): string[] {
    return this.some(most, () => this.id());
  }
}

const MAKERS: Make[] = [
  ...Array.from({ length: 14 }, (): Make => (g) => ['XADD', g.key(), g.newId(), ...g.fields()]),
  (g) => ['XADD', g.key(), g.cased('NOMKSTREAM'), g.newId(), ...g.fields()],
  (g) => ['XADD', g.key(), ...g.trimming(), g.newId(), ...g.fields()],
  (g) => ['XTRIM', g.key(), ...g.trimming()],
  (g) => ['XDEL', g.key(), ...g.ids().filter((id) => !EDGES.includes(id)), '1'],
  (g) => ['XDEL', g.key(), ...g.ids().filter((id) => !EDGES.includes(id)), '1'],
  (g) => ['XLEN', g.key()],
  (g) => ['XRANGE', g.key(), g.edge(), g.edge(), ...g.count()],
  (g) => ['XRANGE', g.key(), '-', '+', ...g.count()],
  (g) => ['XRANGE', g.key(), g.id(), '+', ...g.count()],
  (g) => ['XREVRANGE', g.key(), g.edge(), g.edge(), ...g.count()],
  (g) => ['XREVRANGE', g.key(), '+', '-', ...g.count()],
  (g) => ['XREAD', ...g.count(), g.cased('STREAMS'), g.key(), g.pick([g.id(), g.id(), '$'])],
  (g) => ['XREAD', ...g.count(), 'STREAMS', g.key(), g.key(), g.id(), g.id()],
  (g) => ['XREAD', g.pick(['NOACK', 'GROUP']), g.group(), g.consumer(), 'STREAMS', g.key(), g.id()],
  (g) => ['XSETID', g.key(), g.laterId(), ...setIdOptions(g)],
  (g) => ['DEL', g.below(4) === 0 ? g.pick(KEYS) : 'none'],
  (g) => ['XINFO', g.cased('STREAM'), g.key()],
  (g) => ['XINFO', 'STREAM', g.key(), g.cased('FULL'), ...g.count()],
  (g) => ['XINFO', 'GROUPS', g.key()],
  (g) => ['XINFO', 'CONSUMERS', g.key(), g.group()],
  (g) => ['XINFO', g.pick(['HELP', 'STREAM', 'none']), ...g.pick([[], [g.key()], [g.key(), 'x']])],
  (g) => ['XGROUP', g.cased('CREATE'), g.key(), g.group(), g.pick(['$', '0', g.id()]), ...groupOptions(g)],
  (g) => ['XGROUP', 'CREATE', g.key(), g.group(), g.pick(['$', '0', g.id()]), 'MKSTREAM'],
  (g) => ['XGROUP', g.cased('SETID'), g.key(), g.group(), g.pick(['$', '-', '+', '0', g.id()]), ...groupOptions(g)],
  (g) => ['XGROUP', g.below(5) === 0 ? 'DESTROY' : 'HELP', ...(g.below(2) === 0 ? [g.key(), g.group()] : [])],
  (g) => ['XGROUP', 'CREATECONSUMER', g.key(), g.group(), g.consumer()],
  (g) => ['XGROUP', g.below(4) === 0 ? 'DELCONSUMER' : 'CREATECONSUMER', g.key(), g.group(), g.consumer()],
  ...Array.from({ length: 8 }, (): Make => readGroup),
  (g) => ['XACK', g.key(), g.group(), ...g.ids(6)],
  (g) => ['XACK', g.key(), g.group(), ...g.ids(6)],
  (g) => ['XPENDING', g.key(), g.group()],
  (g) => ['XPENDING', g.key(), g.group(), ...idle(g), g.edge(), g.edge(), g.number()],
  (g) => ['XPENDING', g.key(), g.group(), ...idle(g), '-', '+', '20', ...g.pick([[], [g.consumer()]])],
  (g) => ['XCLAIM', g.key(), g.group(), g.consumer(), g.pick(IDLE_MS), ...g.ids(5), ...claimOptions(g)],
  (g) => ['XCLAIM', g.key(), g.group(), g.consumer(), g.pick(IDLE_MS), ...g.ids(5), ...claimOptions(g)],
  (g) => ['XAUTOCLAIM', g.key(), g.group(), g.consumer(), g.pick(IDLE_MS), g.edge(), ...autoclaimOptions(g)],
  (g) => ['XAUTOCLAIM', g.key(), g.group(), g.consumer(), '0', '-', ...autoclaimOptions(g)],
];

function idle(g: StreamCommands): Word[] {
  return g.below(3) === 0 ? [g.cased('IDLE'), g.pick(IDLE_MS)] : [];
}

function setIdOptions(g: StreamCommands): Word[] {
  const options: Word[] =
    g.below(3) === 0 ? [g.cased('ENTRIESADDED'), g.pick([g.number(), '1000', '9007199254740993'])] : [];
  return g.below(4) === 0 ? [...options, g.cased('MAXDELETEDID'), g.id()] : options;
}

function groupOptions(g: StreamCommands): Word[] {
  if (g.below(2) === 0) return [];
  return [g.cased('ENTRIESREAD'), g.pick([g.number(), '9223372036854775806', '-2'])];
}

function readGroup(g: StreamCommands): Word[] {
  const head: Word[] = ['XREADGROUP', g.cased('GROUP'), g.group(), g.consumer(), ...g.count()];
  if (g.below(6) === 0) head.push(g.cased('NOACK'));
  const from = (): string => (g.below(4) === 0 ? g.id() : g.below(30) === 0 ? '$' : '>');
  if (g.below(5) > 0) return [...head, 'STREAMS', g.key(), from()];
  return [...head, 'STREAMS', g.key(), g.key(), from(), from()];
}

function claimOptions(g: StreamCommands): Word[] {
  const options: Word[] = [];
  if (g.below(4) === 0) options.push(g.cased('FORCE'));
  if (g.below(4) === 0) options.push(g.cased('JUSTID'));
  if (g.below(3) === 0) options.push(g.cased('IDLE'), g.pick([...IDLE_MS, '9223372036854775807']));
  if (g.below(8) === 0) options.push(g.cased('TIME'), g.pick(['1000', '-1', '99999999999999', '1600000000000']));
  if (g.below(4) === 0) options.push(g.cased('RETRYCOUNT'), g.number());
  if (g.below(6) === 0) options.push(g.cased('LASTID'), g.id());
  if (g.below(40) === 0) options.push('WHAT');
  return options;
}

function autoclaimOptions(g: StreamCommands): Word[] {
  const options = g.count();
  return g.below(3) === 0 ? [...options, g.cased('JUSTID')] : options;
}
