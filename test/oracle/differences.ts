/**
 * Where rtcp means to answer otherwise than redis-server 7.0.15, or where no two servers answer alike: by command, how the
 * replies are compared instead, and why. Everything else is the same byte by byte. An entry that a long run doesn't hit is dead.
 */
import { formatDouble } from '../../src/lib/resp/number.ts';
import type { Command } from './units.ts';
import { canonical, isError, type Value } from './value.ts';

export interface Difference {
  /** In lower case; subcommands as `container|sub`. */
  readonly commands: readonly string[];
  readonly why: string;
  same(ours: Value, theirs: Value, words: Command): boolean;
}

const CLOCK_TOLERANCE_MS = 60_000;
/** Times to live beyond this many ms are cut short here: 2^53 ms, less what has passed since 1970. */
const FARTHEST = 9_005_000_000_000;

const sorted = (values: readonly Value[]): string => values.map(canonical).sort().join();
const pairs = (items: readonly Value[]): Value[] =>
  Array.from({ length: items.length >> 1 }, (_, i) => ({
    mark: '*',
    text: '',
    items: [items[2 * i], items[2 * i + 1]],
  }));

/** The same elements in whatever order. */
function sameElements(ours: Value, theirs: Value): boolean {
  if (ours.items === null || theirs.items === null || ours.mark !== theirs.mark) return false;
  return sorted(ours.items) === sorted(theirs.items);
}

/** The same pairs in whatever order. */
function samePairs(ours: Value, theirs: Value): boolean {
  if (ours.items === null || theirs.items === null || ours.mark !== theirs.mark) return false;
  return ours.items.length === theirs.items.length && sorted(pairs(ours.items)) === sorted(pairs(theirs.items));
}

/** As many elements, or both a text, or both nothing. */
function sameShape(ours: Value, theirs: Value): boolean {
  return ours.mark === theirs.mark && !isError(ours) && ours.items?.length === theirs.items?.length;
}

/** Both are answers, whatever they say. */
function bothAnswered(ours: Value, theirs: Value): boolean {
  return !isError(ours) && !isError(theirs) && ours.mark === theirs.mark;
}

/** Both are help, of which ours has more. */
function sameHelp(ours: Value, theirs: Value): boolean {
  return ours.items !== null && theirs.items !== null && ours.items.length > theirs.items.length;
}

function near(tolerance: number, farthest: number): Difference['same'] {
  return (ours, theirs) => {
    if (ours.mark !== ':' || theirs.mark !== ':') return false;
    const [a, b] = [Number(ours.text), Number(theirs.text)];
    return a > 0 && b > 0 && (Math.abs(a - b) <= tolerance || (a > farthest && b > farthest));
  };
}

/** Compares leaf by leaf. */
function alike(ours: Value, theirs: Value, leaf: (ours: Value, theirs: Value) => boolean): boolean {
  if (ours.items === null || theirs.items === null) return canonical(ours) === canonical(theirs) || leaf(ours, theirs);
  const others = theirs.items;
  if (ours.mark !== theirs.mark || ours.items.length !== others.length) return false;
  return ours.items.every((item, i) => alike(item, others[i], leaf));
}

const number = (text: string): number => Number(text.replace('inf', 'Infinity'));

/** Theirs is a double with more digits than it needs. */
function sameDouble(ours: Value, theirs: Value): boolean {
  if (ours.mark !== theirs.mark || !'$,'.includes(ours.mark)) return false;
  if (ours.text === '-0' && theirs.text === '0') return true; // not packed from the beginning
  return /^-?[\d.]+(e[-+]\d+)?$/.test(theirs.text) && ours.text === formatDouble(number(theirs.text) + 0);
}

/** Fields of XINFO whose values are times, and those that came with 7.2. */
const TIMES: ReadonlySet<string> = new Set(['idle', 'seen-time']);
const NEW_FIELDS: ReadonlySet<string> = new Set(['inactive', 'active-time']);

/** XINFO's answer without times (what entries of a pending list have third, too) and without the fields that 7.0 lacks. */
function timeless(value: Value): Value {
  if (value.items === null) return value;
  const items: Value[] = [];
  const { items: all } = value;
  for (let i = 0; i < all.length; i++) {
    const { text } = all[i];
    if (NEW_FIELDS.has(text)) i++;
    else if (TIMES.has(text) && all[i + 1]?.mark === ':') items.push(all[i++]);
    else items.push(timeless(all[i]));
  }
  const isPending = (all.length === 3 || all.length === 4) && /^\d+-\d+$/.test(all[0].text);
  return { ...value, items: isPending ? items.filter((_, i) => i !== all.length - 2) : items };
}

/** The value, with arrays in order and doubles in one form. */
function tableForm(value: Value): string {
  if (value.items !== null) return `[${value.items.map(tableForm).sort().join()}]`;
  const isDouble = value.mark === ',' || (value.mark === '$' && /^-?\d+\.\d+$/.test(value.text));
  return isDouble ? formatDouble(number(value.text)) : canonical(value);
}

const word = (words: Command, i: number): string => words[i]?.toLowerCase() ?? '';

/** The elements of a payload of DUMP beyond the version and the checksum. */
const VERSION_AND_SUM = 10;
/** RDB types whose bytes depend on the order of a table, came after 7.0, or hold doubles as texts. */
/** A table in place of a listpack (hashes, sorted sets), a listpack or table in place of an intset. */
const UNPACKED = new Set(['\x04\x10', '\x05\x11', '\x14\x0b', '\x02\x0b', '\x11\x05']);
const UNORDERED = new Set([2, 4, 5, 15, 16, 17, 19, 20, 21]);

export const DIFFERENCES: readonly Difference[] = [
  {
    commands: [
      'smembers',
      'sunion',
      'sinter',
      'sdiff',
      'keys',
      'hkeys',
      'hvals',
      'pubsub|channels',
      'pubsub|shardchannels',
    ],
    why: 'the order is that of the hash table',
    same: sameElements,
  },
  { commands: ['hgetall'], why: 'the order is that of the hash table', same: samePairs },
  {
    commands: ['scan', 'sscan', 'hscan', 'zscan'],
    why: 'a step of a scan depends on the hash table; scans to the end are compared',
    same: sameShape,
  },
  {
    commands: ['spop', 'srandmember', 'hrandfield', 'zrandmember', 'randomkey'],
    why: 'chosen at random',
    same: sameShape,
  },
  {
    commands: ['ttl', 'expiretime', 'pttl', 'pexpiretime'],
    why: 'time goes on; deadlines are kept below 2^53 ms',
    same: (ours, theirs, words) => {
      const unitMs = /^p/i.test(words[0]) ? 1 : 1000;
      return near(CLOCK_TOLERANCE_MS / unitMs, FARTHEST / unitMs)(ours, theirs, words);
    },
  },
  {
    commands: [
      ...['zadd', 'zincrby', 'zscore', 'zmscore', 'zrange', 'zrevrange', 'zrangebyscore', 'zrevrangebyscore'],
      ...['zpopmin', 'zpopmax', 'zmpop', 'bzmpop', 'bzpopmin', 'bzpopmax', 'zunion', 'zinter', 'zdiff'],
    ],
    why: 'Redis 7.0 prints doubles with up to 17 digits, 7.2 with as many as they need; a packed -0 is 0 from 7.2 on',
    same: (ours, theirs) => alike(ours, theirs, sameDouble),
  },
  {
    commands: ['dump'],
    why: 'version and checksum are those of 7.2, and elements of tables come in the order of their hashes',
    same: (ours, theirs) => {
      if (ours.mark !== '$' || theirs.mark !== '$') return false;
      if (UNPACKED.has(ours.text.slice(0, 1) + theirs.text.slice(0, 1))) return true; // as OBJECT ENCODING
      if (UNORDERED.has(ours.text.charCodeAt(0)) && UNORDERED.has(theirs.text.charCodeAt(0))) return true;
      return ours.text.slice(0, -VERSION_AND_SUM) === theirs.text.slice(0, -VERSION_AND_SUM);
    },
  },
  {
    commands: ['object|encoding'],
    why: 'small sets are listpacks from 7.2 on, and so are small lists',
    same: (ours, theirs) => ours.text === 'listpack' && /^(hashtable|quicklist)$/.test(theirs.text),
  },
  {
    commands: ['object|encoding'],
    why: 'from 7.2 on a value is what the number of elements given at once calls for, though some be the same',
    same: (ours, theirs) =>
      (/^(skiplist|hashtable)$/.test(ours.text) && theirs.text === 'listpack') ||
      (/^(listpack|hashtable)$/.test(ours.text) && theirs.text === 'intset'),
  },
  {
    commands: ['object|encoding'],
    why: 'SORT leaves a sorted set as it is; redis-server makes a skiplist of it',
    same: (ours, theirs) => ours.text === 'listpack' && theirs.text === 'skiplist',
  },
  {
    commands: ['function|dump'],
    why: 'version and checksum are those of 7.2',
    same: (ours, theirs) =>
      ours.mark === '$' && ours.text.slice(0, -VERSION_AND_SUM) === theirs.text.slice(0, -VERSION_AND_SUM),
  },
  {
    commands: ['sort', 'sort_ro'],
    why: 'what is sorted by has the same text, or none: any order will do',
    same: (ours, theirs, words) => words.some((text) => /^by$/i.test(text)) && sameShape(ours, theirs),
  },
  {
    commands: ['sort', 'sort_ro'],
    why: 'letters are compared up to a NUL: what is the same up to there comes in any order',
    same: (ours, theirs) => sameElements(ours, theirs) && (ours.items ?? []).some(({ text }) => text.includes('\0')),
  },
  {
    commands: ['sort', 'sort_ro'],
    why: 'redis-server looks at an errno that an earlier command may have left behind',
    same: (ours, theirs) => !isError(ours) && /^ERR One or more scores can't be converted/.test(theirs.text),
  },
  {
    commands: ['eval'],
    why: 'maps become tables of Lua, which have an order of their own; doubles have no more digits than they need',
    same: (ours, theirs, words) =>
      /setresp\(3\)/.test(words[1]) && tableForm(timeless(ours)) === tableForm(timeless(theirs)),
  },
  {
    commands: ['object|refcount'],
    why: 'all small integers count as shared, copied ones, too; and nothing else is referred to twice',
    same: (ours, theirs) => /^(2147483647|1)$/.test(ours.text) && /^[12]$/.test(theirs.text),
  },
  {
    commands: ['object|idletime', 'object|freq'],
    why: 'time goes on',
    same: (ours, theirs) => ours.mark === ':' && theirs.mark === ':',
  },
  {
    commands: [
      ...['info', 'time', 'client|list', 'client|info', 'client|id', 'memory|usage', 'memory|stats', 'memory|doctor'],
      ...['memory|malloc-stats', 'lastsave', 'slowlog|get', 'slowlog|len', 'slowlog|reset', 'role', 'hello', 'lolwut'],
      ...['client|getredir', 'client|trackinginfo', 'config|get', 'command', 'command|list', 'command|count', 'dbsize'],
      ...['command|docs', 'command|info'],
    ],
    why: 'about this server and this moment, and as 7.2 tells it',
    same: bothAnswered,
  },
  {
    commands: ['xadd'],
    why: 'an ID made of the time',
    same: (ours, theirs, words) => words.includes('*') && ours.mark === '$' && theirs.mark === '$',
  },
  {
    commands: ['xread', 'xreadgroup'],
    why: '7.2 names the command',
    same: (ours, theirs) =>
      ours.text.startsWith("ERR Unbalanced 'xread") && theirs.text.startsWith('ERR Unbalanced XREAD list'),
  },
  {
    commands: ['blpop', 'brpop', 'blmove', 'brpoplpush', 'blmpop', 'bzpopmin', 'bzpopmax', 'bzmpop'],
    why: '7.2 says that a timeout is out of range where 7.0 found it negative',
    same: (ours, theirs) => ours.text === 'ERR timeout is out of range' && theirs.text === 'ERR timeout is negative',
  },
  {
    commands: ['lpos'],
    why: 'from 7.2 on the lowest rank, which has no opposite, is refused',
    same: (ours, _, words) =>
      ours.text.startsWith('ERR value is out of range') && words.includes('-9223372036854775808'),
  },
  {
    commands: ['hello'],
    why: '7.2 looks at all options before it checks the password',
    same: (ours, theirs) => /^ERR Syntax error in HELLO/.test(ours.text) && theirs.text.startsWith('WRONGPASS'),
  },
  {
    commands: ['xreadgroup'],
    why: 'from 7.2 on a client whose group goes runs its command again',
    same: (ours, theirs) =>
      /^NOGROUP No such key|^WRONGTYPE/.test(ours.text) &&
      /^(NOGROUP the consumer group this|UNBLOCKED the stream key no)/.test(theirs.text),
  },
  {
    commands: ['client|help'],
    why: '7.2 has more subcommands',
    same: sameHelp,
  },
  {
    commands: ['bitcount', 'bitpos'],
    why: 'from 7.2 on arguments are looked at before the key',
    same: (ours, theirs) => ours.mark === '-' && /^(0|-1|WRONGTYPE .*)$/.test(theirs.text),
  },
  {
    commands: ['xinfo|stream', 'xinfo|consumers'],
    why: 'times; 7.2 tells of more of them',
    same: (ours, theirs) => canonical(timeless(ours)) === canonical(timeless(theirs)),
  },
  {
    commands: ['xpending'],
    why: 'how long entries are idle',
    same: (ours, theirs) => alike(ours, theirs, (a, b) => a.mark === ':' && b.mark === ':'),
  },
];

const isContainer = /^(object|client|config|command|memory|slowlog|xinfo|xgroup|pubsub|script|function|latency|debug)$/;

/** The name by which differences are found. */
export function differenceName(words: Command): string {
  const name = word(words, 0);
  return isContainer.test(name) && words.length > 1 ? `${name}|${word(words, 1)}` : name;
}

/** Which differences there are, and how often each was met. */
export class Differences {
  readonly hits = new Map<Difference, number>(DIFFERENCES.map((difference) => [difference, 0]));
  private readonly byName = new Map<string, Difference[]>();

  constructor() {
    for (const difference of DIFFERENCES) {
      for (const name of difference.commands) {
        this.byName.set(name, [...(this.byName.get(name) ?? []), difference]);
      }
    }
  }

  /** True when the replies to the command may differ like this. */
  allow(words: Command, ours: Value, theirs: Value): boolean {
    for (const difference of this.byName.get(differenceName(words)) ?? []) {
      if (!difference.same(ours, theirs, words)) continue;
      this.hits.set(difference, (this.hits.get(difference) ?? 0) + 1);
      return true;
    }
    return false;
  }

  /** Entries that were never needed. */
  get dead(): Difference[] {
    return DIFFERENCES.filter((difference) => this.hits.get(difference) === 0);
  }
}
