/**
 * What SCAN, HSCAN, SSCAN and ZSCAN have in common: the cursor, which is the next hash in the table's order, and the options.
 *
 *   SCAN  cursor [MATCH pattern] [COUNT count] [TYPE type]
 *   HSCAN key cursor [MATCH pattern] [COUNT count] [NOVALUES]
 */
import { integerArgument, isWord, optionWord, shownText, syntaxError } from './arguments.ts';
import type { Engine } from './engine.ts';
import { globMatches } from './glob.ts';

const WORD_COUNT = optionWord('COUNT');
const WORD_MATCH = optionWord('MATCH');
const WORD_TYPE = optionWord('TYPE');
const WORD_NOVALUES = optionWord('NOVALUES');
const STAR = 42;
const DEFAULT_COUNT = 10;
/** One call visits no more elements than this, whatever COUNT says. */
const MAX_COUNT = 0x7fff_ffff;
const UINT64_MAX = 2n ** 64n - 1n;
/** Cursors are hashes: from here on there is none. */
export const CURSOR_LIMIT = 2 ** 32;

export interface ScanOptions {
  count: number;
  /** Argument with the pattern, or 0. */
  pattern: number;
  /** Name of the type in lower case; null: any. */
  type: string | null;
  noValues: boolean;
}

/** Argument `i` as a cursor as C's strtoul reads it, all of the text; -1 when it isn't one: the error has been written. */
export function cursorArgument(engine: Engine, i: number): number {
  const text = shownText(engine, i);
  if (text === '') return 0;
  const number = /^([+-]?)(\d+)$/.exec(text);
  const value = number === null ? UINT64_MAX + 1n : BigInt(number[2]);
  if (number === null || value > UINT64_MAX) {
    engine.reply.error('ERR invalid cursor');
    return -1;
  }
  return Number(number[1] === '-' ? BigInt.asUintN(64, -value) : value);
}

/** The options from argument `from` on, `also` being allowed; null when they are none: the error has been written. */
export function scanOptions(
  engine: Engine,
  from: number,
  end: number,
  also: 'type' | 'novalues' | '',
): ScanOptions | null {
  const options: ScanOptions = { count: DEFAULT_COUNT, pattern: 0, type: null, noValues: false };
  for (let i = from; i < end; i++) {
    const hasValue = i + 1 < end;
    if (hasValue && isWord(engine, i, WORD_COUNT)) {
      const count = integerArgument(engine, ++i);
      if (Number.isNaN(count)) return null;
      if (count < 1) {
        syntaxError(engine);
        return null;
      }
      options.count = Math.min(count, MAX_COUNT);
    } else if (hasValue && isWord(engine, i, WORD_MATCH)) options.pattern = matchesAll(engine, ++i) ? 0 : i;
    else if (hasValue && also === 'type' && isWord(engine, i, WORD_TYPE)) options.type = engine.text(++i).toLowerCase();
    else if (also === 'novalues' && isWord(engine, i, WORD_NOVALUES)) options.noValues = true;
    else {
      syntaxError(engine);
      return null;
    }
  }
  return options;
}

/** True for `*`, which even matches an empty name. */
export function matchesAll(engine: Engine, i: number): boolean {
  return engine.argLength[i] === 1 && engine.memory.u8[engine.argOffset[i]] === STAR;
}

/** True when the pattern in argument `i` (0: there is none) matches `length` bytes at `start`. */
export function matchesPattern(engine: Engine, i: number, bytes: Uint8Array, start: number, length: number): boolean {
  if (i === 0) return true;
  const from = engine.argOffset[i];
  return globMatches(engine.memory.u8, from, from + engine.argLength[i], bytes, start, start + length);
}

/** The reply's first half; the array of what was found follows. */
export function replyCursor(engine: Engine, next: number): void {
  engine.reply.array(2);
  engine.reply.bulkText(String(next));
}

/** The reply for a key that is not there. */
export function replyNothingScanned(engine: Engine): void {
  replyCursor(engine, 0);
  engine.reply.array(0);
}
