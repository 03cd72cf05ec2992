/**
 * The shape of a command's facts, and a few words to write them down with. What COMMAND, COMMAND DOCS, arity errors, the
 * ACL categories and dispatch know of a command, they know from one `CommandSpec`; the specs themselves are in the files
 * beside this one, a file for each group, with the facts of Redis 7.2.
 *
 *   name, arity ── flags ── explicit categories ── key specs ── documentation ── subcommands
 *
 * Reference: redis.io/docs/reference/key-specs, …/command-arguments, …/command-tips.
 */

export type ArgumentType =
  | 'string'
  | 'integer'
  | 'double'
  | 'key'
  | 'pattern'
  | 'unix-time'
  | 'pure-token'
  | 'oneof'
  | 'block';

/** One argument as COMMAND DOCS describes it. */
export interface ArgumentSpec {
  name: string;
  type: ArgumentType;
  /** What is shown for it, when that isn't its name. */
  display?: string;
  /** Index of the key spec that finds this key. */
  keySpec?: number;
  /** The word that precedes (or is) the argument. */
  token?: string;
  since?: string;
  deprecatedSince?: string;
  optional?: boolean;
  multiple?: boolean;
  multipleToken?: boolean;
  arguments?: ArgumentSpec[];
}

/** Where the search for keys begins: at an argument, or after a word that is looked for from argument `startFrom` on
 * (negative: backwards, counted from the end), or nobody can say. */
export type BeginSearch =
  | { type: 'index'; index: number }
  | { type: 'keyword'; keyword: string; startFrom: number }
  | { type: 'unknown' };

/**
 * Which arguments from there on are keys. A range: up to `last` arguments further (negative: counted from the end), every
 * `step`th; with `limit` n > 1 only the first nth part of what is left. A key number: the argument says how many follow it.
 */
export type FindKeys =
  | { type: 'range'; last: number; step: number; limit: number }
  | { type: 'keynum' }
  | { type: 'unknown' };

/** Some of a command's keys. `flags` say what happens to them, in the words of COMMAND INFO. */
export interface KeySpec {
  flags: string;
  begin: BeginSearch;
  find: FindKeys;
  notes?: string;
}

export interface CommandSpec {
  name: string;
  /** Number of arguments with the name; negative: at least so many. */
  arity: number;
  /** Blank-separated, as COMMAND INFO names them. */
  flags: string;
  /** ACL categories that the flags don't imply, blank-separated, without `@`. */
  categories: string;
  group: string;
  since: string;
  summary: string;
  complexity?: string;
  keys?: KeySpec[];
  tips?: string[];
  history?: [version: string, change: string][];
  arguments?: ArgumentSpec[];
  deprecatedSince?: string;
  replacedBy?: string;
  /** Internal: `syscmd` in COMMAND DOCS. */
  system?: boolean;
  subcommands?: CommandSpec[];
}

type Extra = Partial<ArgumentSpec>;

/** One key, found by key spec 0 unless `extra` says otherwise. */
export const key = (name = 'key', extra: Extra = {}): ArgumentSpec => ({ name, type: 'key', keySpec: 0, ...extra });
export const string = (name: string, extra: Extra = {}): ArgumentSpec => ({ name, type: 'string', ...extra });
export const integer = (name: string, extra: Extra = {}): ArgumentSpec => ({ name, type: 'integer', ...extra });
export const double = (name: string, extra: Extra = {}): ArgumentSpec => ({ name, type: 'double', ...extra });
export const pattern = (name: string, extra: Extra = {}): ArgumentSpec => ({ name, type: 'pattern', ...extra });
export const unixTime = (name: string, extra: Extra = {}): ArgumentSpec => ({ name, type: 'unix-time', ...extra });
/** A word that stands for itself: its name is the word in lower case. */
export const word = (token: string, extra: Extra = {}): ArgumentSpec => ({
  name: token.toLowerCase(),
  type: 'pure-token',
  token,
  ...extra,
});
export const oneOf = (name: string, choices: ArgumentSpec[], extra: Extra = {}): ArgumentSpec => ({
  name,
  type: 'oneof',
  arguments: choices,
  ...extra,
});
export const block = (name: string, parts: ArgumentSpec[], extra: Extra = {}): ArgumentSpec => ({
  name,
  type: 'block',
  arguments: parts,
  ...extra,
});

const range = (last: number, step = 1, limit = 0): FindKeys => ({ type: 'range', last, step, limit });
const at = (index: number): BeginSearch => ({ type: 'index', index });

/** A key spec of one key at argument `begin`. */
export const oneKey = (flags: string, begin = 1, notes?: string): KeySpec => ({
  flags,
  begin: at(begin),
  find: range(0),
  notes,
});
/** Of the first two arguments. */
export const twoKeys = (flags: string): KeySpec => ({ flags, begin: at(1), find: range(1) });
/** Of all arguments from `begin` on, every `step`th. */
export const manyKeys = (flags: string, step = 1, begin = 1, notes?: string): KeySpec => ({
  flags,
  begin: at(begin),
  find: range(-1, step),
  notes,
});
/** Of all arguments but the last. */
export const allButLast = (flags: string): KeySpec => ({ flags, begin: at(1), find: range(-2) });
/** Of as many keys as argument `count` says, which they follow. */
export const countedKeys = (flags: string, count: number, notes?: string): KeySpec => ({
  flags,
  begin: at(count),
  find: { type: 'keynum' },
  notes,
});
/** Of the arguments after a word, to the `last`; with `limit`, the first `limit`th part of them. */
export const keysAfter = (flags: string, keyword: string, startFrom: number, last: number, limit = 0): KeySpec => ({
  flags,
  begin: { type: 'keyword', keyword, startFrom },
  find: range(last, 1, limit),
});
/** Of keys that the arguments don't tell by their places: names that are made of patterns, words that may stand anywhere. */
export const unknownKeys = (flags: string, notes?: string): KeySpec => ({
  flags,
  begin: { type: 'unknown' },
  find: { type: 'unknown' },
  notes,
});
