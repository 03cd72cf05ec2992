/**
 * What must not be left to chance: times that would be over on one server and not yet on the other, bits and bytes so far off
 * that a key takes hundreds of megabytes, replies without an end, clients that wait for seconds. (How rtcp meets those is in
 * robustness.test.ts.)
 */
import type { Command } from './units.ts';

/** Commands with a time to live, and where it may stand. */
const TIMED: Readonly<Record<string, number>> = {
  ...{ expire: 2, pexpire: 2, setex: 2, psetex: 2, set: 3, getex: 2, restore: 2 },
};
const SHORTEST = 100_000;
/** Beyond that 7.0 counts over. */
const LONGEST = 1e15;
const FAR_OFF: ReadonlySet<string> = new Set(['setbit', 'bitfield', 'bitfield_ro', 'setrange', 'getbit']);
const FARTHEST = 50_000;
const RANDOM: ReadonlySet<string> = new Set(['srandmember', 'hrandfield', 'zrandmember']);
const MOST_AT_RANDOM = 2000;
export const BLOCKING: ReadonlySet<string> = new Set([
  ...['blpop', 'brpop', 'blmove', 'brpoplpush', 'blmpop', 'bzmpop', 'bzpopmin', 'bzpopmax', 'xread', 'xreadgroup'],
]);
const IDLE: ReadonlySet<string> = new Set(['xclaim', 'xautoclaim', 'xpending']);

/** ZRANK takes a fourth word from 7.2 on: since-72.test.ts. */
const NO_FOURTH_WORD: ReadonlySet<string> = new Set(['zrank', 'zrevrank']);

const INTEGER = /^-?\d+$/;

/** The command as it may be sent. */
export function tame(words: Command): Command {
  const name = words[0]?.toLowerCase() ?? '';
  const timed = TIMED[name];
  if (timed !== undefined) return words.map((word, i) => (i >= timed ? notSoon(word, SHORTEST) : word));
  if (FAR_OFF.has(name)) return words.map((word, i) => (i >= 2 ? near(word) : word));
  if (RANDOM.has(name)) return words.map((word, i) => (i >= 2 ? bounded(word) : word));
  if (IDLE.has(name)) return words.map((word, i) => (i >= 3 ? notSoon(word, SHORTEST) : word));
  // COMMAND GETKEYS takes a command without arguments from 7.2 on.
  if (name === 'command' && /^getkeys/i.test(words[1] ?? '') && /^z(rev)?rank$/i.test(words[2] ?? ''))
    return ['COMMAND', words[1], 'GET', 'x'];
  // 7.0 sets the name before it looks at the options behind it.
  if (name === 'hello' && words.length > 4 && words.some((word) => /^setname$/i.test(word))) return words.slice(0, 2);
  if (name === 'command' && words.length === 3 && /^getkeys/i.test(words[1])) return [...words, 'x'];
  if (NO_FOURTH_WORD.has(name) && words.length > 3) return words.slice(0, 3);
  if (name.startsWith('xread') && words.some(isBlock)) {
    return words.map((word) => (Number(word) > LONGEST ? '100000' : notSoon(word, SHORTEST)));
  }
  if (BLOCKING.has(name)) return words.map((word) => (isShort(word) ? '0' : word));
  return words;
}

const isBlock = (word: string): boolean => word.toLowerCase() === 'block';

/** Waits if there is nothing. */
export function isBlocking(words: Command): boolean {
  return BLOCKING.has(words[0]?.toLowerCase() ?? '');
}

/** The command may leave its client blocked. */
export function mayBlock(words: Command): boolean {
  const name = words[0]?.toLowerCase() ?? '';
  return BLOCKING.has(name) && (!name.startsWith('xread') || words.some(isBlock));
}

/** A timeout that would be over before long; C reads hexadecimal ones, too. */
function isShort(word: string): boolean {
  return (Number(word) > 0 && Number(word) < 60) || /^[+]?0x/i.test(word);
}

function notSoon(word: string, shortest: number): string {
  if (!INTEGER.test(word)) return word;
  const value = Number(word);
  return value > 0 && value < shortest ? String(value + 1_000_000) : word;
}

function near(word: string): string {
  const sign = word.startsWith('#') ? '#' : '';
  const digits = word.slice(sign.length);
  if (!INTEGER.test(digits)) return word;
  const value = Number(digits);
  if (sign === '' && (value <= FARTHEST || value >= 2 ** 32)) return word;
  return sign !== '' && value <= 500 ? word : `${sign}${value % 500}`;
}

function bounded(word: string): string {
  if (!INTEGER.test(word) || word === '-9223372036854775808') return word;
  return Number(word) < -MOST_AT_RANDOM && Number(word) > -1e19 ? '-20' : word;
}
