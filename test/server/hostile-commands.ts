/**
 * A seeded stream of commands from a client who means no good: the command table's own descriptions of arguments, filled with
 * keys of right and wrong types, numbers at and beyond every edge, and random bytes; some then lose, repeat or swap words.
 */
import { type Command, commands } from '../../src/lib/engine/command-table.ts';
import type { ArgumentSpec, CommandSpec } from '../../src/lib/engine/table/spec.ts';
import { Random } from '../../src/lib/random.ts';

export type Word = string | Buffer;

const NUMBERS = [
  ...['0', '1', '-1', '2', '3', '5', '-2', '10', '100', '-100', '1000', '2147483647', '2147483648', '-2147483648'],
  ...['4294967295', '4294967296', '9007199254740993', '9223372036854775807', '-9223372036854775807'],
  ...[
    '-9223372036854775808',
    '9223372036854775808',
    '18446744073709551615',
    '1000000000000000000',
    '-1000000000000000000',
  ],
  ...['', ' 1', '+1', '01', '-0', '1.0', '1e3', 'abc', '536870911', '536870912', '4611686018427387904'],
];
const DOUBLES = [
  '0.5',
  '-1.5',
  'inf',
  '-inf',
  '+inf',
  'nan',
  '1e308',
  '-1e308',
  '5e-324',
  '1e400',
  '(1',
  '(inf',
  '90',
  '-180',
];
const PATTERNS = ['*', '[', '[^', '[a-', '\\', '****a', '?*?', '[]', '*a*b*c*', 'h*'];
const WORDS = [
  ...[
    '-',
    '+',
    '$',
    '>',
    '*',
    '=',
    '~',
    '#',
    '[a',
    '(a',
    '[z',
    '0-0',
    '1-1',
    '5-*',
    '18446744073709551615-18446744073709551615',
  ],
  ...[
    'a',
    'b',
    'c',
    'f',
    'g1',
    'consumer',
    '1',
    '2',
    '10',
    '',
    'WITHSCORES',
    'LIMIT',
    'COUNT',
    'GET',
    'i64',
    'u63',
    'u64',
    '#1',
  ],
  ...[
    'list',
    'OVERFLOW',
    'STORE',
    'BY',
    'nosort',
    'w_*',
    'h1->a',
    '*',
    'KM',
    'FIELDS',
    'ID',
    'mkstream',
    'km',
    'NX',
    'XX',
  ],
];
/** Keys by the first letter of their type. */
const PREFIX_OF_GROUP: Readonly<Record<string, string>> = {
  string: 's',
  list: 'l',
  set: 't',
  'sorted-set': 'z',
  hash: 'h',
  stream: 'x',
  bitmap: 's',
  hyperloglog: 'p',
  geo: 'z',
};
const PREFIXES = 'slzthxpn';
const KEYS_PER_TYPE = 4;
/** What makes values of every type, small and large, and some that expire. */
const SEEDS: string[][] = [
  ['SET', 's0', '10'],
  ['SET', 's1', 'hello world'],
  ['SET', 's2', '\xff'.repeat(3000)],
  ['RPUSH', 'l0', 'a', 'b', '3'],
  ['RPUSH', 'l1', ...Array.from({ length: 700 }, (_, i) => `element ${i}`)],
  ['RPUSH', 'l2', 'x'.repeat(9000), 'y', 'z'.repeat(9000)],
  ['SADD', 't0', '1', '2', '30000', '-5'],
  ['SADD', 't1', 'a', 'b', '3'],
  ['SADD', 't2', ...Array.from({ length: 600 }, (_, i) => `m${i}`)],
  ['ZADD', 'z0', '1', 'a', '2', 'b', 'inf', 'c'],
  ['ZADD', 'z1', ...Array.from({ length: 400 }, (_, i) => [`${i % 50}`, `m${i}`]).flat()],
  ['GEOADD', 'z2', '13.361389', '38.115556', 'Palermo', '15.087269', '37.502669', 'Catania'],
  ['HSET', 'h0', 'a', '1', 'b', 'x', 'c', '1.5'],
  ['HSET', 'h1', ...Array.from({ length: 600 }, (_, i) => [`f${i}`, `${i}`]).flat()],
  ['HPEXPIRE', 'h1', '100000000', 'FIELDS', '2', 'f1', 'f2'],
  ['XADD', 'x0', '1-1', 'f', 'v'],
  ['XADD', 'x0', '5-1', 'f', 'v', 'g', 'w'],
  ['XGROUP', 'CREATE', 'x0', 'g1', '0'],
  ['XREADGROUP', 'GROUP', 'g1', 'consumer', 'STREAMS', 'x0', '>'],
  ['XADD', 'x1', '*', 'f', 'v'],
  ['PFADD', 'p0', 'a', 'b', 'c'],
  ['PFADD', 'p1', ...Array.from({ length: 3000 }, (_, i) => `e${i}`)],
  ['PEXPIRE', 's1', '100000000'],
  ['EXPIRE', 'l1', '1000000'],
];

export class HostileCommands {
  private readonly random: Random;
  private readonly specs: { words: string[]; spec: CommandSpec; command: Command }[] = [];
  /** What DUMP answered lately: RESTORE gets it with bytes changed. */
  private readonly payloads: Buffer[] = [];

  /** @param leftOut full names (`client|kill`) that are not drawn */
  constructor(seed: number, leftOut: ReadonlySet<string>) {
    this.random = new Random(seed);
    for (const command of commands) {
      const all = command.subcommands.size === 0 ? [command] : [...command.subcommands.values()];
      for (const one of all) {
        const words = one === command ? [command.spec.name] : [command.spec.name, one.spec.name];
        if (!leftOut.has(one.fullName))
          this.specs.push({ words, spec: { ...one.spec, group: command.spec.group }, command });
      }
    }
  }

  below(n: number): number {
    return this.random.below(n);
  }

  keepPayload(bytes: Buffer): void {
    if (this.payloads.length < 64) this.payloads.push(bytes);
    else this.payloads[this.below(64)] = bytes;
  }

  /** A command, and what the table says of it. */
  next(): { words: Word[]; command: Command; name: string } {
    const kind = this.below(20);
    if (kind === 0) return this.found('set', this.pick(SEEDS));
    if (kind === 1 && this.payloads.length > 0) return this.found('restore', this.restore());
    if (kind === 2) return this.found('dump', ['DUMP', this.key('')]);
    if (kind === 3) return this.found('eval', this.script());
    return this.drawn();
  }

  private drawn(): { words: Word[]; command: Command; name: string } {
    const { words, spec, command } = this.pick(this.specs);
    const all: Word[] = [...words];
    this.fill(spec.arguments ?? [], spec.group, all, 0);
    const mutations = this.below(3) === 0 ? 1 + this.below(3) : 0;
    for (let i = 0; i < mutations; i++) this.mutate(all, words.length, spec.group);
    return { words: all, command, name: words.join('|') };
  }

  private found(name: string, words: Word[]): { words: Word[]; command: Command; name: string } {
    return { words, command: commands.find(({ spec }) => spec.name === name) as Command, name };
  }

  private fill(specs: readonly ArgumentSpec[], group: string, into: Word[], depth: number): void {
    for (const spec of specs) {
      if (spec.optional && this.below(10) < 6) continue;
      const times = spec.multiple ? (this.below(30) === 0 ? 200 : 1 + this.below(4)) : 1;
      for (let i = 0; i < times; i++) {
        if (spec.token !== undefined && spec.type !== 'pure-token' && (i === 0 || spec.multipleToken))
          into.push(spec.token);
        this.fillOne(spec, group, into, depth);
      }
    }
  }

  private fillOne(spec: ArgumentSpec, group: string, into: Word[], depth: number): void {
    const parts = spec.arguments ?? [];
    if (spec.type === 'pure-token') into.push(spec.token ?? spec.name);
    else if (spec.type === 'oneof' && parts.length > 0)
      this.fill([{ ...this.pick(parts), optional: false }], group, into, depth + 1);
    else if (spec.type === 'block') this.fill(parts, group, into, depth + 1);
    else into.push(this.word(spec, group));
  }

  private word(spec: ArgumentSpec, group: string): Word {
    if (this.below(25) === 0) return this.bytes();
    switch (spec.type) {
      case 'key':
        return this.key(group);
      case 'integer':
      case 'unix-time':
        return spec.name === 'numkeys' && this.below(4) > 0 ? String(1 + this.below(3)) : this.pick(NUMBERS);
      case 'double':
        return this.pick(this.below(2) === 0 ? DOUBLES : NUMBERS);
      case 'pattern':
        return this.pick(PATTERNS);
      default:
        return this.text();
    }
  }

  private text(): Word {
    const kind = this.below(12);
    if (kind < 5) return this.pick(WORDS);
    if (kind < 8) return this.pick(NUMBERS);
    if (kind === 8) return this.pick(DOUBLES);
    if (kind === 9) return `m${this.below(600)}`;
    if (kind === 10) return 'v'.repeat(this.below(this.below(8) === 0 ? 20_000 : 100));
    return this.bytes();
  }

  private key(group: string): string {
    const own = PREFIX_OF_GROUP[group] ?? '';
    const prefix = own !== '' && this.below(10) < 8 ? own : PREFIXES[this.below(PREFIXES.length)];
    return `${prefix}${this.below(KEYS_PER_TYPE)}`;
  }

  private bytes(): Buffer {
    const bytes = Buffer.alloc(this.below(40));
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.below(256);
    return bytes;
  }

  private mutate(words: Word[], first: number, group: string): void {
    const at = first + this.below(words.length - first + 1);
    const kind = this.below(6);
    if (kind === 0) words.splice(at, 1);
    else if (kind === 1) words.splice(at, 0, this.text());
    else if (kind === 2 && at < words.length) words[at] = this.pick(NUMBERS);
    else if (kind === 3 && at < words.length) words[at] = this.bytes();
    else if (kind === 4 && at < words.length) words.push(...words.slice(at));
    else if (at < words.length) words[at] = this.key(group);
    if (words.length > 2000) words.length = 2000;
  }

  private restore(): Word[] {
    const payload = Buffer.from(this.pick(this.payloads));
    const end = payload.length - 10;
    for (let i = this.below(4); i > 0 && end > 0; i--)
      payload[this.below(end)] = this.below(3) === 0 ? 255 : this.below(256);
    return ['RESTORE', this.key(''), '0', payload, 'REPLACE'];
  }

  private script(): Word[] {
    const { words } = this.drawn();
    const how = this.pick(['call', 'pcall']);
    return ['EVAL', `return redis.${how}(unpack(ARGV))`, '0', ...words.slice(0, 200)];
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }
}
