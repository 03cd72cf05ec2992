/**
 * The kinds of configuration parameters: how the words given by CONFIG SET, redis.conf or a flag become a value, and what is
 * wrong with them otherwise (in redis-server's words).
 *
 * A value is kept as its canonical text, the one that CONFIG GET shows: `1kb` becomes `1024`, `KEA` becomes `AKE`. So
 * setting, showing, comparing and restoring are the same for every kind, and code that needs a number asks once.
 */

/** What a parameter's words come to: the canonical text, or the reason why not. */
export type Parsed = { readonly text: string } | { readonly error: string };

export interface Kind {
  /** `words` is the value split at blanks for parameters of several words, else one word. `current` is the value now. */
  parse(words: readonly string[], current: string): Parsed;
}

const ok = (text: string): Parsed => ({ text });
const fail = (error: string): Parsed => ({ error });

export const INT_MIN = -(2n ** 31n);
export const INT_MAX = 2n ** 31n - 1n;
export const UINT_MAX = 2n ** 32n - 1n;
export const LONG_MAX = 2n ** 63n - 1n;
export const ULONG_MAX = 2n ** 64n - 1n;

/** A signed 64-bit integer in canonical form (no plus sign, blanks or leading zeros), or null. */
export function parseInteger64(text: string): bigint | null {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return null;
  const value = BigInt(text);
  return value < -LONG_MAX - 1n || value > LONG_MAX ? null : value;
}

const UNITS: Readonly<Record<string, bigint>> = {
  '': 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000n ** 2n,
  mb: 1024n ** 2n,
  g: 1000n ** 3n,
  gb: 1024n ** 3n,
};

/** Bytes of `512`, `64kb`, `1gb` (powers of 1024) or `64k`, `1g` (powers of 1000), at most 2^64 − 1; or null. */
export function parseMemory(text: string): bigint | null {
  const match = /^(\d*)([a-z]*)$/i.exec(text);
  const unit = match === null ? undefined : UNITS[match[2].toLowerCase()];
  if (match === null || unit === undefined) return null;
  // More than 20 digits say no more than the first 21 do.
  const bytes = BigInt(match[1].slice(0, 21)) * unit;
  return bytes > ULONG_MAX ? ULONG_MAX : bytes;
}

export const yesNo: Kind = {
  parse(words) {
    const word = words[0].toLowerCase();
    return word === 'yes' || word === 'no' ? ok(word) : fail("argument must be 'yes' or 'no'");
  },
};

/** Any text; `invalid` says what is wrong with it, or null. */
export function string(invalid?: (text: string) => string | null): Kind {
  return {
    parse(words) {
      const error = invalid?.(words[0]) ?? null;
      return error === null ? ok(words[0]) : fail(error);
    },
  };
}

/** One of `names`; with `several`, any of them together (flags, shown in the order of the list). */
export function oneOf(names: readonly string[], several = false): Kind {
  return {
    parse(words) {
      const given = words.map((word) => word.toLowerCase());
      if (given.length > 0 && given.every((word) => names.includes(word)) && (several || given.length === 1)) {
        return ok(names.filter((name) => given.includes(name)).join(' '));
      }
      return fail(`argument(s) must be one of the following: ${names.join(', ')}`);
    },
  };
}

const outOfRange = (low: bigint, high: bigint): Parsed => fail(`argument must be between ${low} and ${high} inclusive`);

export function integer(low: bigint, high: bigint): Kind {
  return {
    parse(words) {
      const value = parseInteger64(words[0]);
      if (value === null) return fail("argument couldn't be parsed into an integer");
      return value < low || value > high ? outOfRange(low, high) : ok(value.toString());
    },
  };
}

/** Bytes with a unit; with `percent`, `N%` is taken too, N up to 100. */
export function memory(low: bigint, high: bigint, percent = false): Kind {
  return {
    parse(words) {
      const bytes = parseMemory(words[0]);
      if (bytes !== null) return bytes < low || bytes > high ? outOfRange(low, high) : ok(bytes.toString());
      if (!percent) return fail('argument must be a memory value');
      const share = words[0].endsWith('%') ? parseInteger64(words[0].slice(0, -1)) : null;
      if (share === null || share < 0n) return fail('argument must be a memory or percent value');
      return share > 100n ? fail('percentage argument must be less or equal to 100') : ok(`${share}%`);
    },
  };
}

/** File permissions. */
export const octal: Kind = {
  parse(words) {
    if (!/^[0-7]+$/.test(words[0])) return fail("argument couldn't be parsed as an octal number");
    const value = Number.parseInt(words[0], 8);
    return value > 0o777 ? fail('argument must be between 0 and 777 inclusive') : ok(value.toString(8));
  },
};

const isNone = (words: readonly string[]): boolean => words.length === 0 || (words.length === 1 && words[0] === '');

/** Addresses to listen on, or none. */
export const addresses: Kind = {
  parse(words) {
    if (words.length > 16) return fail('Too many bind addresses specified.');
    return ok(isNone(words) ? '' : words.join(' '));
  },
};

/** `seconds changes` pairs, or none. */
export const savePoints: Kind = {
  parse(words) {
    if (isNone(words)) return ok('');
    const valid = words.every((word, i) => /^\d+$/.test(word) && Number(word) >= (i % 2 === 0 ? 1 : 0));
    return valid && words.length % 2 === 0
      ? ok(words.map((word) => BigInt(word).toString()).join(' '))
      : fail('Invalid save parameters');
  },
};

const OUTPUT_CLASSES = ['normal', 'slave', 'pubsub'];

/** `class hard soft seconds` for one or more classes of clients; those not named keep their limits. */
export const outputBufferLimits: Kind = {
  parse(words, current) {
    if (words.length % 4 !== 0) return fail('Wrong number of arguments in buffer limit configuration.');
    const limits = current.split(' ');
    for (let i = 0; i < words.length; i += 4) {
      const name = words[i].toLowerCase();
      const place = OUTPUT_CLASSES.indexOf(name === 'replica' ? 'slave' : name);
      if (place < 0) return fail('Invalid client class specified in buffer limit configuration.');
      const hard = parseMemory(words[i + 1]);
      const soft = parseMemory(words[i + 2]);
      if (hard === null || soft === null || !/^\d{1,9}$/.test(words[i + 3])) {
        return fail('Error in hard, soft or soft_seconds setting in buffer limit configuration.');
      }
      limits.splice(place * 4 + 1, 3, hard.toString(), soft.toString(), Number(words[i + 3]).toString());
    }
    return ok(limits.join(' '));
  },
};

/** Three numbers that don't exceed 2000 either way. */
export const oomScores: Kind = {
  parse(words) {
    if (words.length !== 3) return fail('wrong number of arguments');
    const values = words.map((word) => (/^[-+]?\d+$/.test(word) ? Number(word) : Number.NaN));
    return values.every((value) => Math.abs(value) <= 2000)
      ? ok(values.join(' '))
      : fail('Invalid oom-score-adj-values, elements must be between -2000 and 2000.');
  },
};

/** Percentiles of the latency distribution, 0 to 100, or none. */
export const percentiles: Kind = {
  parse(words) {
    if (isNone(words)) return ok('');
    const values = words.map((word) =>
      /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(word) ? Number(word) : Number.NaN,
    );
    if (values.some(Number.isNaN)) return fail('Invalid latency-tracking-info-percentiles parameters');
    if (values.some((value) => value < 0 || value > 100)) {
      return fail('latency-tracking-info-percentiles parameters should sit between [0.0,100.0]');
    }
    return ok(values.map((value) => String(Number(value.toFixed(6)))).join(' '));
  },
};

/** The classes of keyspace events; `A` stands for all of these. */
const ALL_EVENTS = 'g$lshzxetd';

/** Classes of keyspace events, shown in redis-server's order. */
export const keyspaceEvents: Kind = {
  parse(words) {
    const given = new Set(words[0]);
    for (const c of given) {
      if (!`AKEmn${ALL_EVENTS}`.includes(c)) return fail("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");
    }
    const all = given.has('A') || [...ALL_EVENTS].every((c) => given.has(c));
    const classes = all ? 'A' : [...`${ALL_EVENTS}n`].filter((c) => given.has(c)).join('');
    const rest = [...'KEm'].filter((c) => given.has(c)).join('');
    return ok(classes + (all && given.has('n') ? 'n' : '') + rest);
  },
};

/** Signals to shut down by: SAVE and NOSAVE exclude each other. */
export const shutdownFlags: Kind = {
  parse(words, current) {
    const parsed = oneOf(['default', 'save', 'nosave', 'now', 'force'], true).parse(words, current);
    if ('error' in parsed) return parsed;
    const flags = parsed.text.split(' ');
    if (flags.includes('save') && flags.includes('nosave')) {
      return fail("shutdown options SAVE and NOSAVE can't be used simultaneously");
    }
    return ok(flags.length > 1 ? flags.filter((flag) => flag !== 'default').join(' ') : parsed.text);
  },
};
