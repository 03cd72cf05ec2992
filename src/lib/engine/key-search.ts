/**
 * Which arguments of a command are keys, and what happens to them: from its key specs, and for the few commands whose specs
 * can't tell (an option that may stand anywhere, an access that depends on an option) by reading the options.
 *
 *   ZUNIONSTORE dest 2 a b WEIGHTS 1 2      specs: argument 1; as many as argument 2 says
 *   SORT list BY w_* STORE dest             options: argument 1; what follows the last STORE
 *
 * `findKeys` writes argument numbers and access bits where the caller wants them, and allocates nothing.
 * Reference: redis.io/docs/reference/key-specs; where a request is malformed, what redis-server 7.0 answers to COMMAND GETKEYS.
 */
import { integerAt, isWord, optionWord } from './arguments.ts';
import type { Engine } from './engine.ts';
import type { KeySpec } from './table/spec.ts';

/** What happens to a key, in the order in which COMMAND GETKEYSANDFLAGS lists it. */
const KEY_FLAG_NAMES = [
  'RO',
  'RW',
  'OW',
  'RM',
  'access',
  'update',
  'insert',
  'delete',
  'not_key',
  'incomplete',
  'variable_flags',
];

export const KEY_RO = 1;
export const KEY_RW = 2;
export const KEY_OW = 4;
export const KEY_RM = 8;
export const KEY_ACCESS = 16;
export const KEY_UPDATE = 32;
export const KEY_INSERT = 64;
export const KEY_DELETE = 128;
/** A channel, not a key: clusters route by it. */
export const KEY_NOT_KEY = 256;
const KEY_INCOMPLETE = 512;
const KEY_VARIABLE = 1024;

/** The names of access bits. */
export const keyFlagNames = (access: number): string[] =>
  KEY_FLAG_NAMES.filter((_, bit) => (access & (1 << bit)) !== 0);

const BEGIN_INDEX = 0;
const BEGIN_KEYWORD = 1;
const BEGIN_UNKNOWN = 2;
const FIND_RANGE = 0;
const FIND_COUNT = 1;

/** One key spec, compiled. */
export class KeyRule {
  readonly flags: number;
  readonly begin: number;
  /** The argument, or where to look for the keyword from. */
  readonly from: number;
  readonly keyword: Uint8Array;
  readonly find: number;
  readonly last: number;
  readonly step: number;
  readonly limit: number;

  constructor(spec: KeySpec) {
    const { begin, find } = spec;
    this.flags = spec.flags.split(' ').reduce((bits, name) => bits | (1 << KEY_FLAG_NAMES.indexOf(name)), 0);
    this.begin = begin.type === 'index' ? BEGIN_INDEX : begin.type === 'keyword' ? BEGIN_KEYWORD : BEGIN_UNKNOWN;
    this.from = begin.type === 'index' ? begin.index : begin.type === 'keyword' ? begin.startFrom : 0;
    this.keyword = optionWord(begin.type === 'keyword' ? begin.keyword : '');
    this.find = find.type === 'keynum' ? FIND_COUNT : FIND_RANGE;
    this.last = find.type === 'range' ? find.last : 0;
    this.step = find.type === 'range' ? find.step : 1;
    this.limit = find.type === 'range' ? find.limit : 0;
  }
}

const BY_SPECS = 0;
const BY_SET_OPTIONS = 1;
const BY_BITFIELD_OPTIONS = 2;
const BY_SORT_OPTIONS = 3;
const FIRST_ONLY = 4;
const BY_STREAM_OPTIONS = 5;
const BY_MIGRATE_OPTIONS = 6;

const TAB = 9;
const RETURN = 13;
const BLANK = 32;
const PLUS = 43;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const MOST_KEYS = 100_000_000;

/** Commands whose options say more than their specs. */
const OPTIONS: Readonly<Record<string, number>> = {
  set: BY_SET_OPTIONS,
  bitfield: BY_BITFIELD_OPTIONS,
  sort: BY_SORT_OPTIONS,
  sort_ro: FIRST_ONLY,
  xread: BY_STREAM_OPTIONS,
  xreadgroup: BY_STREAM_OPTIONS,
  migrate: BY_MIGRATE_OPTIONS,
};

const WORD_GET = optionWord('GET');
const WORD_OVERFLOW = optionWord('OVERFLOW');
const WORD_STORE = optionWord('STORE');
const WORD_LIMIT = optionWord('LIMIT');
const WORD_BY = optionWord('BY');
const WORD_KEYS = optionWord('KEYS');
const WORD_BLOCK = optionWord('BLOCK');
const WORD_COUNT = optionWord('COUNT');
const WORD_GROUP = optionWord('GROUP');
const WORD_NOACK = optionWord('NOACK');
const WORD_STREAMS = optionWord('STREAMS');
const WORD_AUTH = optionWord('AUTH');
const WORD_AUTH2 = optionWord('AUTH2');

/** How a command's keys are found. */
export class KeySearch {
  readonly rules: readonly KeyRule[];
  /** False when no argument is ever a key. */
  readonly hasKeys: boolean;
  private readonly options: number;
  private readonly reliable: boolean;
  /** The rule of which an argument says how many keys there are; -1 for none. */
  private readonly counted: number;

  constructor(name: string, specs: readonly KeySpec[]) {
    this.rules = specs.map((spec) => new KeyRule(spec));
    this.hasKeys = this.rules.some((rule) => (rule.flags & KEY_NOT_KEY) === 0);
    this.options = OPTIONS[name] ?? BY_SPECS;
    this.counted = this.rules.findIndex((rule) => rule.find === FIND_COUNT);
    this.reliable = this.rules.every((rule) => (rule.flags & KEY_VARIABLE) === 0);
  }

  /**
   * The keys of the command at `arg`, whose arity has been checked: argument numbers (counted as `arg` is) into `places`,
   * what happens to them (KEY_… bits) into `access`. Returns how many there are: more than the arrays hold means that only
   * as many were written.
   */
  findKeys(engine: Engine, arg: number, argc: number, places: Int32Array, access: Int32Array): number {
    if (this.reliable) {
      const found = this.bySpecs(engine, arg, argc, places, access);
      if (found >= 0) return found;
    }
    if (this.counted >= 0) return this.byCount(engine, arg, argc, places, access);
    switch (this.options) {
      case BY_SET_OPTIONS:
        return one(arg + 1, setAccess(engine, arg, argc), places, access);
      case BY_BITFIELD_OPTIONS:
        return one(arg + 1, bitfieldAccess(engine, arg, argc), places, access);
      case BY_SORT_OPTIONS:
        return bySortOptions(engine, arg, argc, places, access);
      case FIRST_ONLY:
        return one(arg + 1, KEY_RO | KEY_ACCESS, places, access);
      case BY_STREAM_OPTIONS:
        return byStreamOptions(engine, arg, argc, places, access);
      case BY_MIGRATE_OPTIONS:
        return byMigrateOptions(engine, arg, argc, places, access);
      default:
        return 0;
    }
  }

  /**
   * The specs found an error in the number of keys: redis-server reads it again, less strictly, and then knows nothing of what
   * happens to the keys. The destination comes last.
   */
  private byCount(engine: Engine, arg: number, argc: number, places: Int32Array, access: Int32Array): number {
    const { rules, counted } = this;
    const first = rules[counted].from + 1;
    const count = leadingInteger(engine, arg + first - 1);
    if (count < 1 || count > argc - first) return 0;
    let n = 0;
    while (n < count) n = put(arg + first + n, 0, n, places, access);
    return counted === 0 ? n : put(arg + rules[0].from, 0, n, places, access);
  }

  /** -1 when a spec doesn't fit the arguments, or none could. */
  private bySpecs(engine: Engine, arg: number, argc: number, places: Int32Array, access: Int32Array): number {
    const { rules } = this;
    let n = 0;
    for (let r = 0; r < rules.length; r++) {
      const rule = rules[r];
      if ((rule.flags & KEY_NOT_KEY) !== 0) continue;
      let first = firstOf(engine, rule, arg, argc);
      if (first < 0) return -1;
      if (first === 0) continue;
      let last: number;
      if (rule.find === FIND_COUNT) {
        if (first >= argc) return -1;
        const i = arg + first;
        const count = integerAt(engine.memory.u8, engine.argOffset[i], engine.argLength[i]);
        if (!(count >= 0)) return -1;
        first++;
        last = first + count - 1;
      } else if (rule.last >= 0) last = first + rule.last;
      else if (rule.limit === 0) last = argc + rule.last;
      else last = first + Math.trunc((argc - first) / rule.limit) + rule.last;
      if (last >= argc || last < first) return -1;
      for (let i = first; i <= last; i += rule.step) n = put(arg + i, rule.flags, n, places, access);
      if ((rule.flags & KEY_INCOMPLETE) !== 0) return -1;
    }
    return n;
  }
}

/** As C's atoi reads it: blanks, a sign, digits up to what is none. A number that no request can have is as good as another. */
function leadingInteger(engine: Engine, i: number): number {
  const u8 = engine.memory.u8;
  let p = engine.argOffset[i];
  const end = p + engine.argLength[i];
  while (p < end && (u8[p] === BLANK || (u8[p] >= TAB && u8[p] <= RETURN))) p++;
  const negative = p < end && u8[p] === MINUS;
  if (negative || (p < end && u8[p] === PLUS)) p++;
  let value = 0;
  for (; p < end && u8[p] >= ZERO && u8[p] <= NINE && value < MOST_KEYS; p++) value = value * 10 + u8[p] - ZERO;
  return negative ? -value : value;
}

/** The argument from which on `rule` counts; 0 when its keyword isn't there, -1 when nobody can say. */
function firstOf(engine: Engine, rule: KeyRule, arg: number, argc: number): number {
  if (rule.begin === BEGIN_INDEX) return rule.from;
  if (rule.begin === BEGIN_UNKNOWN) return -1;
  if (rule.from > 0) {
    for (let i = rule.from; i < argc - 1; i++) if (isWord(engine, arg + i, rule.keyword)) return i + 1;
  } else for (let i = argc + rule.from; i > 1; i--) if (isWord(engine, arg + i, rule.keyword)) return i + 1;
  return 0;
}

function put(place: number, flags: number, n: number, places: Int32Array, access: Int32Array): number {
  if (n < places.length) {
    places[n] = place;
    access[n] = flags;
  }
  return n + 1;
}

function one(place: number, flags: number, places: Int32Array, access: Int32Array): number {
  return put(place, flags, 0, places, access);
}

/** SET reads its key only when it has the GET option. */
function setAccess(engine: Engine, arg: number, argc: number): number {
  for (let i = arg + 3; i < arg + argc; i++) if (isWord(engine, i, WORD_GET)) return KEY_RW | KEY_ACCESS | KEY_UPDATE;
  return KEY_OW | KEY_UPDATE;
}

/** BITFIELD only reads when all that it is asked for is GET. */
function bitfieldAccess(engine: Engine, arg: number, argc: number): number {
  const end = arg + argc;
  for (let i = arg + 2; i < end; i++) {
    const left = end - i - 1;
    if (isWord(engine, i, WORD_GET) && left >= 2) i += 2;
    else if (isWord(engine, i, WORD_OVERFLOW) && left >= 1) i += 1;
    else return KEY_RW | KEY_ACCESS | KEY_UPDATE; // SET, INCRBY, or a syntax error
  }
  return KEY_RO | KEY_ACCESS;
}

/** The last STORE counts. */
function bySortOptions(engine: Engine, arg: number, argc: number, places: Int32Array, access: Int32Array): number {
  one(arg + 1, KEY_RO | KEY_ACCESS, places, access);
  let n = 1;
  for (let i = arg + 2; i < arg + argc; i++) {
    if (isWord(engine, i, WORD_LIMIT)) i += 2;
    else if (isWord(engine, i, WORD_GET) || isWord(engine, i, WORD_BY)) i += 1;
    else if (isWord(engine, i, WORD_STORE) && i + 1 < arg + argc) {
      n = put(i + 1, KEY_OW | KEY_UPDATE, 1, places, access);
    }
  }
  return n;
}

/** The first half of what follows STREAMS, which isn't the name of a group or a key here. */
function byStreamOptions(engine: Engine, arg: number, argc: number, places: Int32Array, access: Int32Array): number {
  const end = arg + argc;
  for (let i = arg + 1; i < end; i++) {
    if (isWord(engine, i, WORD_BLOCK) || isWord(engine, i, WORD_COUNT)) i += 1;
    else if (isWord(engine, i, WORD_GROUP)) i += 2;
    else if (isWord(engine, i, WORD_STREAMS)) {
      const half = (end - i - 1) / 2;
      if (!Number.isInteger(half)) return 0;
      let n = 0;
      while (n < half) n = put(i + 1 + n, 0, n, places, access);
      return n;
    } else if (!isWord(engine, i, WORD_NOACK)) return 0;
  }
  return 0;
}

/** The third argument, or when that is empty all that follow KEYS. */
function byMigrateOptions(engine: Engine, arg: number, argc: number, places: Int32Array, access: Int32Array): number {
  const flags = KEY_RW | KEY_ACCESS | KEY_DELETE;
  const end = arg + argc;
  for (let i = arg + 6; i < end; i++) {
    if (isWord(engine, i, WORD_KEYS)) {
      if (engine.argLength[arg + 3] > 0) return 0;
      let n = 0;
      for (let k = i + 1; k < end; k++) n = put(k, flags, n, places, access);
      return n;
    }
    if (isWord(engine, i, WORD_AUTH)) i += 1;
    else if (isWord(engine, i, WORD_AUTH2)) i += 2;
  }
  return one(arg + 3, flags, places, access);
}
