/**
 * Commands from the command table's argument specs: each command and each option that the table knows comes up, with
 * arguments chosen by their names and types, and some of them damaged.
 *
 *   spec ──▶ [name] [subcommand] arguments: optional? multiple? one of …? ──▶ words ──▶ dropped, doubled, swapped, wrong
 */
import { commands } from '../../src/lib/engine/command-table.ts';
import type { ArgumentSpec, CommandSpec } from '../../src/lib/engine/table/spec.ts';
import type { Vocabulary } from './vocabulary.ts';

/** The oracle's version: what came later it can't answer. */
const ORACLE_VERSION = 7.0;

/** Never sent at random: they end or stop a server, clients, or what the oracle itself uses; blocking ones are sent on purpose. */
const LEFT_OUT = new Set([
  ...['shutdown', 'debug', 'monitor', 'quit', 'client|kill', 'client|pause', 'client|reply', 'config|set', 'flushall'],
  ...['config|rewrite', 'config|resetstat', 'swapdb', 'pfselftest', 'client|tracking', 'client|no-evict', 'auth'],
  ...['wait', 'migrate', 'failover', 'replicaof', 'slaveof', 'psync', 'sync', 'replconf', 'save', 'bgsave', 'restore'],
  ...[
    'bgrewriteaof',
    'acl',
    'module',
    'cluster',
    'function|restore',
    'function|load',
    'eval',
    'eval_ro',
    'script|kill',
  ],
  ...['script|debug', 'function|kill', 'lolwut', 'restore-asking', 'client|unblock', 'memory|purge', 'latency'],
]);

/** Words for arguments of these names; others by their type. */
const BY_NAME: Readonly<Record<string, (v: Vocabulary) => string>> = {
  ...Object.fromEntries(['field', 'member', 'member1', 'member2', 'pivot'].map((name) => [name, (v) => v.member()])),
  element: (v) => (v.once(3) ? v.value() : v.member()),
  ...Object.fromEntries(
    ['seconds', 'milliseconds', 'ttl'].map((name) => [name, (v: Vocabulary) => v.lifetime()] as const),
  ),
  'unix-time-seconds': (v) => v.moment(true),
  'unix-time-milliseconds': (v) => v.moment(false),
  score: (v) => v.score(),
  increment: (v) => (v.once(3) ? v.double() : v.integer()),
  count: (v) => v.count(),
  limit: (v) => v.count(),
  rank: (v) => v.count(),
  len: (v) => v.count(),
  'num-matches': (v) => v.count(),
  cursor: (v) => v.cursor(),
  start: (v) => v.index(),
  stop: (v) => v.index(),
  end: (v) => v.index(),
  index: (v) => v.index(),
  offset: (v) => v.index(),
  db: (v) => v.pick(['0', '1', '2', '2', '1', '15', '16', '-1', 'x']),
  'destination-db': (v) => v.pick(['0', '1', '2', '16', '-1', 'x']),
  timeout: (v) => v.pick(['0', '100', '1e3', '-1', 'x', '', 'nan']),
  id: (v) => v.id(),
  'last-id': (v) => v.id(),
  'max-deleted-id': (v) => v.id(),
  lastid: (v) => v.id(),
  group: (v) => v.pick(['g', 'g', 'h', '', 'nogroup']),
  consumer: (v) => v.pick(['ann', 'bob', 'carl', '']),
  'min-idle-time': (v) => v.pick(['0', '0', '0', '100000000', '-1', 'x', '1000000']),
  ms: (v) => v.pick(['0', '1000000', '2000000', 'x']),
  threshold: (v) => (v.once(2) ? v.id() : v.count()),
  type: (v) => v.type(),
  encoding: (v) => v.fieldType(),
  bit: (v) => v.pick(['0', '1', '1', '0', '2', 'x']),
  longitude: (v) => v.longitude(),
  latitude: (v) => v.latitude(),
  radius: (v) => v.pick(['1', '100', '5000', '20000', '0', '-1', '1e7', 'x']),
  width: (v) => v.pick(['1', '100', '5000', '20000', '0', '-1', '1e7', 'x']),
  height: (v) => v.pick(['1', '100', '5000', '20000', '0', '-1', '1e7', 'x']),
  weight: (v) => v.double(),
  channel: (v) => v.channel(),
  shardchannel: (v) => v.channel(),
  section: (v) => v.pick(['server', 'clients', 'keyspace', 'commandstats', 'nosuch', 'all']),
  parameter: (v) => v.pick(['maxmemory', 'hz', 'set-max-*', 'nosuch', '*list*', 'save']),
  protover: (v) => v.pick(['2', '3', '3', '2', '4', '1', 'x']),
  username: (v) => v.pick(['default', 'nobody']),
  password: (v) => v.pick(['', 'x']),
  'connection-name': (v) => v.pick(['me', '', 'a b', 'x\n']),
  'command-name': (v) => v.pick(callables).spec.name,
  command: (v) => v.pick(callables).spec.name,
  'by-pattern': (v) => v.pick(['nosort', 's*', 'h*->a', '*', 'x', '*->', 'z1']),
  'get-pattern': (v) => v.pick(['#', 's*', 'h*->a', '*', 'x', 'h1->*']),
  sha1: (v) => v.pick(['e0e1f9fabfc9d4800c877a703b823ac0578ff8db', 'x', '0'.repeat(40)]),
  'library-name': (v) => v.pick(['lib', 'nosuch']),
  function: (v) => v.pick(['f', 'nosuch']),
  subcommand: (v) => v.pick(['ENCODING', 'GETREG', 'DECODE', 'TODENSE', 'x']),
};

/** Bounds are of the kind that the command compares by. */
const byLex = (name: string): boolean => name.includes('lex');

/** All that can be sent at random: commands, and subcommands with their container. */
interface Callable {
  readonly spec: CommandSpec;
  readonly container: CommandSpec | null;
  /** In lower case; of a subcommand `container|subcommand`. */
  readonly name: string;
}

const isLater = (since: string | undefined): boolean =>
  since !== undefined && Number.parseFloat(since) > ORACLE_VERSION;

/** What the server has and the oracle knows, too. */
export const callables: readonly Callable[] = commands
  .flatMap(({ spec }): Callable[] =>
    spec.subcommands === undefined
      ? [{ spec, container: null, name: spec.name }]
      : spec.subcommands.map((sub) => ({ spec: sub, container: spec, name: `${spec.name}|${sub.name}` })),
  )
  .filter(({ spec, container, name }) => {
    if (LEFT_OUT.has(name) || LEFT_OUT.has(container?.name ?? '')) return false;
    return !isLater(spec.since) && !isLater(container?.since);
  });

export class Grammar {
  private readonly v: Vocabulary;
  private readonly chosen: readonly Callable[];
  /** Where a count of keys stands that is not known yet; -1 when there is none. */
  private countAt = -1;

  /** Only commands of these groups; all when there are none. */
  constructor(v: Vocabulary, groups: readonly string[]) {
    this.v = v;
    this.chosen = callables.filter(({ spec }) => groups.length === 0 || groups.includes(spec.group));
    if (this.chosen.length === 0) throw new Error(`no command is of ${groups.join(', ')}`);
  }

  next(): string[] {
    const { v } = this;
    let callable = v.pick(this.chosen);
    // What is about data comes more often than the rest.
    if (DATA_LESS.has(callable.spec.group)) callable = v.pick(this.chosen);
    if (LONG_REPLY.test(callable.name) && !v.once(8)) callable = v.pick(this.chosen);
    const words = this.command(callable);
    return v.once(7) ? this.damage(words) : words;
  }

  command({ spec, container }: Callable): string[] {
    const { v } = this;
    const words = container === null ? [v.cased(spec.name.toUpperCase())] : [container.name, v.cased(spec.name)];
    this.countAt = -1;
    this.arguments(spec.arguments ?? [], words, spec);
    return words;
  }

  private arguments(specs: readonly ArgumentSpec[], words: string[], command: CommandSpec): void {
    for (const spec of this.ordered(specs.filter(({ since }) => !isLater(since)))) {
      if (spec.optional && !this.v.once(3)) continue;
      this.argument(spec, words, command);
    }
  }

  /** Options stand in whatever order, now and then. */
  private ordered(specs: readonly ArgumentSpec[]): readonly ArgumentSpec[] {
    const from = specs.findIndex(({ optional }) => optional === true);
    if (from < 0 || !this.v.once(3) || !specs.slice(from).every(({ optional }) => optional === true)) return specs;
    const options = specs.slice(from);
    for (let i = options.length - 1; i > 0; i--) {
      const k = this.v.below(i + 1);
      [options[i], options[k]] = [options[k], options[i]];
    }
    return [...specs.slice(0, from), ...options];
  }

  private argument(spec: ArgumentSpec, words: string[], command: CommandSpec): void {
    const { v } = this;
    const times = spec.multiple ? 1 + v.below(v.once(30) ? 60 : 3) : 1;
    const before = words.length;
    for (let i = 0; i < times; i++) {
      if (spec.token !== undefined && (i === 0 || spec.multipleToken)) words.push(v.cased(spec.token));
      if (spec.type !== 'pure-token') this.one(spec, words, command);
    }
    if (spec.type !== 'key' || this.countAt < 0) return;
    if (!v.once(12)) words[this.countAt] = String(words.length - before);
    this.countAt = -1;
  }

  private one(spec: ArgumentSpec, words: string[], command: CommandSpec): void {
    const { v } = this;
    if (spec.type === 'oneof') {
      const choices = (spec.arguments ?? []).filter(({ since }) => !isLater(since));
      this.argument(v.pick(choices), words, command);
    } else if (spec.name === 'streams') this.streams(words);
    else if (spec.type === 'block') this.arguments(spec.arguments ?? [], words, command);
    else if (spec.type === 'key') words.push(v.key(command.group));
    else if (spec.name === 'numkeys' || spec.name === 'numfields') {
      this.countAt = spec.name === 'numkeys' ? words.length : -1;
      words.push(v.count());
    } else words.push(this.word(spec, command));
  }

  /** As many IDs as keys, mostly. */
  private streams(words: string[]): void {
    const { v } = this;
    const keys = v.some(3, () => v.key('stream'));
    words.push(...keys, ...keys.map(() => v.id()));
    if (v.once(30)) words.push(v.id());
  }

  private word(spec: ArgumentSpec, command: CommandSpec): string {
    const { v } = this;
    if (spec.name === 'min' || spec.name === 'max') return byLex(command.name) ? v.lex() : v.bound();
    if (command.group === 'stream' && (spec.name === 'start' || spec.name === 'end')) return v.id();
    if (command.name === 'zrange' || command.name === 'zrangestore') {
      if (spec.name === 'start' || spec.name === 'stop') return v.pick([v.index(), v.index(), v.bound(), v.lex()]);
    }
    const named = BY_NAME[spec.name];
    if (named !== undefined) return named(v);
    if (spec.type === 'integer' || spec.type === 'unix-time') return v.integer();
    if (spec.type === 'double') return v.double();
    return spec.type === 'pattern' ? v.pattern() : v.value();
  }

  /** One thing is not as it should be. */
  private damage(words: string[]): string[] {
    const { v } = this;
    const at = v.below(words.length);
    const damaged = [...words];
    switch (v.below(6)) {
      case 0:
        if (at > 0) damaged.splice(at, 1);
        break;
      case 1:
        damaged.splice(at, 0, words[at]);
        break;
      case 2: {
        const other = v.below(words.length);
        if (at > 0 && other > 0) [damaged[at], damaged[other]] = [damaged[other], damaged[at]];
        break;
      }
      case 3:
        damaged.push(v.anything());
        break;
      case 4:
        return damaged.slice(0, Math.max(1, at));
      default:
        if (at > 0) damaged[at] = v.anything();
    }
    return damaged;
  }
}

/** What answers with the whole table of commands, or all that there is to tell of the server. */
const LONG_REPLY = /^(command|info|memory|config|client.list|acl.(getuser|list))/;
const DATA_LESS = new Set(['server', 'connection', 'pubsub', 'transactions', 'scripting']);
