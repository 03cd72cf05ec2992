/**
 * One stream of units from all families over the same few keys.
 *
 *   grammar (any command by its spec) ─┐
 *   the families' own streams ─────────┼─▶ tame ─▶ alone, in a transaction, in a script, blocking ─▶ units
 *   scans, transfers, pauses ──────────┘
 */
import { findCommand } from '../../src/lib/engine/command-table.ts';
import { HashCommands } from '../engine/hash-commands.ts';
import { ListCommandStream } from '../engine/list-commands.ts';
import { BitStream } from '../engine/random-bits.ts';
import { CommandStream } from '../engine/random-commands.ts';
import { StreamCommands } from '../engine/random-streams.ts';
import { SetCommands } from '../engine/set-commands.ts';
import { SortedSetCommands } from '../engine/sorted-set-commands.ts';
import { Grammar } from './grammar.ts';
import { isBlocking, mayBlock, tame } from './tame.ts';
import { type Command, commandCount, PAYLOAD, type Stream, type Unit } from './units.ts';
import { KEYS, Vocabulary } from './vocabulary.ts';

export const CLIENTS = 4;
/** The client that subscribes and does little else: in RESP3 7.0 sends messages in the midst of replies. */
export const LISTENER = 3;
/** A client goes on for about so many units. */
const TURN = 40;

/** Words that a script hands to redis.call. */
const MOST_IN_SCRIPT = 100;

type Words = readonly (string | Uint8Array)[];

/** Keys of the families' own streams, as the keys of this one. */
const RENAMED: readonly Readonly<Record<string, string>>[] = [
  { a: 's1', b: 's2', c: 'b1', d: 'l1', e: 'h1', 'key:0001': 'z1', 'key:0002': 'S1' },
  { h1: 'h1', h2: 'h2', h3: 'h1', h4: 'h2', big: 'h2', wide: 'h1', string: 's1' },
  { l1: 'l1', l2: 'l2', l3: 'l1', l4: 'S1', big: 'l2', string: 's1' },
  { i1: 'S1', i2: 'S2', s1: 'S1', s2: 'S2', s3: 'S1', n1: 'S2', n2: 'z1', string: 's1' },
  { z1: 'z1', z2: 'z2', z3: 'z1', big: 'z2', wide: 'z1', lex: 'g1', biglex: 'z2', string: 's1' },
  { a: 'x1', b: 'x2', c: 'x1', d: 'x2', text: 's1' },
  { a: 'b1', b: 's1', c: 's2', d: 'p1', e: 'b1', number: 's2', list: 'l1' },
];
const FAMILIES = ['generic', 'hash', 'list', 'set', 'sorted-set', 'stream', 'bitmap'];

const SCRIPTS: readonly (readonly [script: string, keys: number])[] = [
  ['return redis.call(unpack(ARGV))', 0],
  ['return redis.pcall(unpack(ARGV))', 0],
  ['redis.setresp(3) return redis.call(unpack(ARGV))', 0],
  ['return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))', 1],
  ['local r = redis.pcall(unpack(ARGV)) return r', 0],
];

const isSubscription = (words: Command): boolean => /^[ps]?(un)?subscribe$/i.test(words[0] ?? '');

/**
 * A command that may wait, for one key only: 7.2 runs it again when one of its keys changes, and then answers with an error
 * when another one has come to hold something else; 7.0 looks at the one key. And for a key that nothing but `feed` touches:
 * a key that is overwritten wakes nobody in redis-server, and 7.0 sends an empty array when what was added to a stream is
 * trimmed at once.
 */
function ofOneKey(words: Command): Command {
  const name = words[0].toLowerCase();
  const last = words.at(-1) ?? '0';
  if (words.length < 3) return words;
  if (name === 'blpop' || name === 'brpop') return [name, 'wl', last];
  if (name.startsWith('bzpop')) return [name, 'wz', last];
  if (name === 'blmove' || name === 'brpoplpush') return [name, 'wl', ...words.slice(2)];
  const streams = words.findIndex((word) => word.toLowerCase() === 'streams');
  if (name.startsWith('xread')) return streams > 0 ? [...words.slice(0, streams + 1), 'xb', last] : words;
  const where = words.findIndex((word, i) => i > 2 && /^(left|right|min|max)$/i.test(word));
  return where < 0 ? words : [name, words[1], '1', name === 'blmpop' ? 'wl' : 'wz', ...words.slice(where)];
}

function withConsumers(words: Command): Command[] {
  const makers = consumersOf(words);
  const group = makers[0]?.[3];
  const isAwaited = group !== undefined && makers[0][2] === 'xb';
  return [...(isAwaited ? [['XGROUP', 'CREATE', 'xb', group, '$', 'MKSTREAM']] : []), ...makers, words];
}

/** XREADGROUP, XCLAIM and XAUTOCLAIM make their consumer even if there is nothing to be had from 7.2 on: here it is always there. */
function consumersOf(words: Command): Command[] {
  const name = words[0].toLowerCase();
  const lower = words.map((word) => word.toLowerCase());
  const make = (key: string, group: string, consumer: string): Command => [
    ...['XGROUP', 'CREATECONSUMER', key, group, consumer],
  ];
  if (/^x(auto)?claim$/.test(name) && words.length > 3) return [make(words[1], words[2], words[3])];
  const [group, streams] = [lower.lastIndexOf('group'), lower.indexOf('streams')];
  if (name !== 'xreadgroup' || group < 0 || streams < 0) return [];
  const keys = words.slice(streams + 1, streams + 1 + ((words.length - streams) >> 1));
  return keys.map((key) => make(key, words[group + 1] ?? '', words[group + 2] ?? ''));
}

const latin1 = (word: string | Uint8Array): string => Buffer.from(word as string).toString('latin1');

export class Mix {
  private readonly v: Vocabulary;
  private readonly grammar: Grammar;
  private readonly families: (() => Words)[];
  private client = 0;
  private left = TURN;
  private fed = 0;

  constructor(seed: number, groups: readonly string[] = []) {
    this.v = new Vocabulary(seed);
    this.grammar = new Grammar(this.v, groups);
    const streams = [
      new CommandStream(seed),
      new HashCommands(seed),
      new ListCommandStream(seed),
      new SetCommands(seed),
      new SortedSetCommands(seed),
      new StreamCommands(seed),
      new BitStream(seed),
    ];
    this.families = streams.flatMap((stream, i) => {
      const wanted = groups.length === 0 || groups.includes(FAMILIES[i]);
      return wanted ? [() => this.renamed(stream.next(), RENAMED[i])] : [];
    });
  }

  /** A stream of about `commands` commands. */
  static stream(seed: number, commands: number, protocol: number, groups: readonly string[] = []): Stream {
    const mix = new Mix(seed, groups);
    const { v } = mix;
    const settings = v.once(2) ? [] : mix.settings();
    const plainSets = v.once(2);
    const events = v.once(4);
    const units: Unit[] = [];
    for (let count = 0; count < commands; ) {
      const unit = mix.unit();
      units.push(unit);
      count += commandCount(unit);
    }
    return { protocol, settings, plainSets, events, units };
  }

  private settings(): [string, string][] {
    const { v } = this;
    const choose = (name: string, ...values: string[]): [string, string] => [name, v.pick(values)];
    return [
      choose('list-max-listpack-size', '-2', '-1', '1', '3', '16'),
      choose('list-compress-depth', '0', '1', '2'),
      choose('hash-max-listpack-entries', '2', '8', '128'),
      choose('hash-max-listpack-value', '3', '64'),
      choose('set-max-intset-entries', '3', '16', '512'),
      choose('zset-max-listpack-entries', '0', '2', '8', '128'),
      choose('zset-max-listpack-value', '3', '64'),
      choose('stream-node-max-entries', '1', '3', '100'),
      choose('hll-sparse-max-bytes', '0', '100', '3000'),
    ];
  }

  unit(): Unit {
    const { v } = this;
    if (--this.left < 0) {
      this.client = v.once(2) ? 0 : v.below(LISTENER);
      this.left = v.below(2 * TURN);
    }
    const dice = v.below(600);
    if (dice === 0) return this.soon();
    if (dice < 5) return this.scan();
    if (dice < 9) return this.transfer();
    if (dice < 11) return { kind: 'unblock', client: v.below(LISTENER), error: v.once(2) };
    if (dice === 11) return this.commands([['FLUSHDB']]);
    if (dice === 12) return { ...this.commands([['SELECT', v.pick(['0', '0', '1', '2', '16'])]]) };
    if (dice < 30) return this.commands(v.some(2, () => this.feed()));
    if (dice < 60) return this.transaction();
    if (dice < 90) return this.script();
    return this.commands(this.step());
  }

  private commands(commands: readonly Command[]): Unit {
    if (commands.some(isSubscription)) return { kind: 'commands', client: LISTENER, commands };
    if (!commands.some(mayBlock)) return { kind: 'commands', client: this.client, commands };
    const waiting = commands.flatMap((words) => (mayBlock(words) ? withConsumers(ofOneKey(words)) : [words]));
    return { kind: 'commands', client: 1 + this.v.below(LISTENER - 1), commands: waiting, alone: true };
  }

  /** One command, with others when what it does is left to chance, or unspecified. */
  private step(): Command[] {
    const words = this.words();
    const name = words[0]?.toLowerCase();
    if (name === 'multi' && !this.v.once(8)) return [['EXEC']];
    if (name === 'spop' || (name === 'xadd' && words.includes('*'))) return [words, ['DEL', words[1] ?? 's1']];
    const distances = words.findIndex((word) => /^storedist$/i.test(word));
    // The last digit of a distance depends on the machine's sine.
    if (distances > 0) return [words, ['DEL', name === 'geosearchstore' ? words[1] : (words[distances + 1] ?? 'g1')]];
    const store = words.findIndex((word) => /^store$/i.test(word));
    if (name === 'sort' && store > 0) return [words, ['DEL', words[store + 1] ?? 'l1']];
    if (/^geo(radius|search)/.test(name) && words.some((word) => /^count$/i.test(word))) return this.ofPlaces(words);
    if (name === 'xsetid') return this.ofNew(words);
    if (name === 'xpending' && this.v.once(2)) return this.ofPending(words);
    if (/^x(readgroup|(auto)?claim)$/.test(name)) return withConsumers(words);
    if (/lex/.test(name) || words.some((word) => /^bylex$/i.test(word))) return this.ofOneScore(words);
    return [words];
  }

  /** Ranges of members are only specified when all scores are the same. */
  private ofOneScore(words: Command): Command[] {
    const { v } = this;
    const key = words[/store$/i.test(words[0]) ? 2 : 1] ?? 'z1';
    const members = v.some(v.once(4) ? 60 : 6, () => ['0', v.member()]).flat();
    return [['DEL', key], ['ZADD', key, ...members], words];
  }

  /** Of places that are equally far off, COUNT takes some: here there are none. */
  private ofPlaces(words: Command): Command[] {
    const { v } = this;
    const key = words[/store$/i.test(words[0]) ? 2 : 1] ?? 'g1';
    const places = v.some(20, () => [String(v.below(170)), String(v.below(80)), v.member()]).flat();
    return [['DEL', key], ['GEOADD', key, ...places], words];
  }

  /** XSETID of a stream of which nothing was deleted: otherwise 7.2 refuses more IDs than 7.0. */
  private ofNew(words: Command): Command[] {
    const key = words[1] ?? 'x1';
    return [['DEL', key], ['XADD', key, `${this.v.below(300)}-1`, 'f', 'v'], words, ['DEL', key]];
  }

  /** XPENDING of a group that has been given something. */
  private ofPending(words: Command): Command[] {
    const [, key = 'x1', group = 'g'] = words;
    return [
      ['XADD', key, `${1000 + this.fed++}-*`, 'f', 'v'],
      ['XGROUP', 'CREATE', key, group, '0', 'MKSTREAM'],
      ...withConsumers(['XREADGROUP', 'GROUP', group, 'ann', 'COUNT', '2', 'STREAMS', key, '>']),
      words,
    ];
  }

  /** A step that may stand in a transaction or a script. */
  private inner(): Command[] {
    for (;;) {
      const steps = this.step();
      if (!steps.some(isSubscription)) return steps;
    }
  }

  private words(): Command {
    const { v, families } = this;
    for (;;) {
      const words = families.length > 0 && v.once(3) ? v.pick(families)().map(latin1) : this.grammar.next();
      // What isn't there is the same unknown command each time.
      if (findCommand(words[0].toLowerCase()) !== undefined || v.once(50)) return tame(words);
    }
  }

  private renamed(words: Words, names: Readonly<Record<string, string>>): Words {
    return words.map((word) => (typeof word === 'string' ? (names[word] ?? word) : word));
  }

  private transaction(): Unit {
    const { v } = this;
    const watch = v.once(3) ? [['WATCH', ...v.some(2, () => v.pick(KEYS))]] : [];
    const body = v.some(5, () => this.inner()).flat();
    const last = v.once(12) ? ['DISCARD'] : v.once(20) ? [] : ['EXEC'];
    const commands = [...watch, ['MULTI'], ...body, ...(last.length > 0 ? [last] : [])];
    return { kind: 'commands', client: this.client, commands, ...(body.some(mayBlock) ? { alone: true } : {}) };
  }

  private script(): Unit {
    const { v } = this;
    const steps = this.inner();
    // Scripts may call blocking commands from 7.2 on: since-72.test.ts.
    if (steps.some((words) => words.length > MOST_IN_SCRIPT || isBlocking(words))) return this.commands(steps);
    const [script, keys] = v.pick(SCRIPTS);
    const commands = steps.map((words) => {
      if (keys === 0 || words.length < 2) return ['EVAL', SCRIPTS[0][0], '0', ...words];
      const at = keys === 1 ? [words[1], words[0], ...words.slice(2)] : words;
      return ['EVAL', script, String(keys), ...at];
    });
    const plain = keys === 0 ? steps.map((words) => ['EVAL', script, '0', ...words]) : commands;
    return this.commands(findCommand('eval') === undefined ? steps : plain);
  }

  private scan(): Unit {
    const { v } = this;
    const [name, key] = v.pick([
      ['SCAN', ''],
      ['SSCAN', 'S1'],
      ['SSCAN', 'S2'],
      ['HSCAN', 'h1'],
      ['HSCAN', 'h2'],
      ['ZSCAN', 'z1'],
      ['ZSCAN', 'z2'],
    ]);
    const words = name === 'SCAN' ? ['SCAN', '0'] : [name, key, '0'];
    const cursor = words.length - 1;
    if (!v.once(3)) words.push('COUNT', v.pick(['1', '2', '7', '50', '1000']));
    if (v.once(3)) words.push('MATCH', v.pattern());
    if (name === 'SCAN' && v.once(3)) words.push('TYPE', v.type());
    return { kind: 'scan', words, cursor };
  }

  private transfer(): Unit {
    const { v } = this;
    const options = v.once(5) ? ['ABSTTL'] : v.once(5) ? ['IDLETIME', '5'] : [];
    const ttl = options[0] === 'ABSTTL' ? v.pick(['4500000000123', '1', '0']) : v.pick(['0', '0', '900000', '-1']);
    const replace = v.once(5) ? [] : ['REPLACE'];
    return {
      kind: 'transfer',
      from: v.pick(KEYS),
      restore: ['RESTORE', v.pick(KEYS), ttl, PAYLOAD, ...replace, ...options],
      own: v.once(2),
    };
  }

  /** Deadlines of a few ms, and time that goes by until they are over. */
  private soon(): Unit {
    const { v } = this;
    if (v.once(3)) return { kind: 'commands', client: 1, commands: [this.shortWait()], alone: true, pauseMs: 15 };
    const commands = v.some(3, () =>
      v.pick([
        ['PEXPIRE', v.pick(KEYS), '2'],
        ['SET', v.key('string'), 'v', 'PX', '2'],
        ['PSETEX', v.key('string'), '3', 'v'],
        ['GETEX', v.key('string'), 'PX', '1'],
      ]),
    );
    const after = commands.map((words) => ['TOUCH', words[1]]);
    return { kind: 'commands', client: 0, commands, pauseMs: 8, after };
  }

  /** Something happens to one of the keys that clients wait for: a list, a sorted set, a stream. */
  private feed(): Command {
    const { v } = this;
    this.fed += 1 + v.below(2);
    const [key, other] = v.pick([
      ['wl', 'l1'],
      ['wz', 'z1'],
      ['xb', 'x1'],
    ]);
    const more = {
      wl: [
        ['RPUSH', 'wl', ...v.some(3, () => v.value())],
        ['LPUSH', 'wl', v.value()],
        ['LMOVE', 'l1', 'wl', 'LEFT', 'LEFT'],
      ],
      wz: [
        ['ZADD', 'wz', ...v.some(3, () => [v.score(), v.member()]).flat()],
        ['ZINCRBY', 'wz', '1', v.member()],
      ],
      xb: [
        ['XADD', 'xb', `${this.fed}-${v.below(3)}`, 'f', v.value()],
        ...[
          ['XGROUP', 'CREATE', 'xb', v.pick(['g', 'h']), v.pick(['$', '0']), 'MKSTREAM'],
          ['XLEN', 'xb'],
        ],
        ...[
          ['XGROUP', 'DESTROY', 'xb', 'g'],
          ['XDEL', 'xb', `${this.fed}-1`],
        ],
      ],
    }[key] ?? [['PING']];
    if (!v.once(3)) return v.pick(more);
    const goes = [
      ['DEL', key],
      ['RENAME', key, other],
      ['MOVE', key, '1'],
    ];
    // A stream that comes with other IDs wakes clients of 7.0 with an empty array.
    const comes = [
      ['RENAME', other, key],
      ['COPY', other, key],
    ];
    return v.pick(key === 'xb' ? goes : [...goes, ...comes]);
  }

  private shortWait(): Command {
    const { v } = this;
    return v.pick([
      ['BLPOP', 'nokey', 'l1', '0.005'],
      ['BLMOVE', 'nokey', 'l1', 'LEFT', 'RIGHT', '0.004'],
      ['BLMPOP', '0.005', '2', 'nokey', 'l2', 'LEFT'],
      ['BZPOPMIN', 'nokey', 'z1', '0.004'],
      ['BZMPOP', '0.005', '1', 'nokey', 'MAX'],
      ['XREAD', 'BLOCK', '5', 'STREAMS', 'nokey', '$'],
      ['BRPOPLPUSH', 'nokey', 'l1', '0.004'],
    ]);
  }
}
