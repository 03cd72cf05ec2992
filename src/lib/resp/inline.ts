/**
 * Inline commands: words separated by blanks, with "double quotes" (\n \r \t \b \a \xHH escapes) and 'single quotes' (\'
 * only), as redis-server splits them. Arguments are unescaped in place: an unescaped word is never longer than its source.
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import type { CommandBatch } from './batch.ts';

const BACKSLASH = 92;
const DOUBLE = 34;
const SINGLE = 39;

const isBlank = (c: number): boolean => c === 32 || (c >= 9 && c <= 13);

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const lower = c | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

function escaped(c: number): number {
  if (c === 110) return 10; // n
  if (c === 114) return 13; // r
  if (c === 116) return 9; // t
  if (c === 98) return 8; // b
  if (c === 97) return 7; // a
  return c;
}

/** Splits [start, end) and appends the words to the batch's arguments; returns how many, or -1 when quotes don't match. */
export function splitInline(memory: PacketMemory, start: number, end: number, batch: CommandBatch): number {
  const u8 = memory.u8;
  let argc = 0;
  let p = start;
  for (;;) {
    while (p < end && isBlank(u8[p])) p++;
    if (p >= end) return argc;
    const wordStart = p;
    let out = p;
    let quote = 0;
    for (; p < end; p++) {
      const c = u8[p];
      if (quote === 0) {
        if (isBlank(c)) break;
        if (c === DOUBLE || c === SINGLE) quote = c;
        else u8[out++] = c;
      } else if (c === BACKSLASH && quote === DOUBLE && p + 1 < end) {
        const high = p + 3 < end && u8[p + 1] === 120 ? hexDigit(u8[p + 2]) : -1;
        const low = high >= 0 ? hexDigit(u8[p + 3]) : -1;
        if (low >= 0) {
          u8[out++] = high * 16 + low;
          p += 3;
        } else {
          u8[out++] = escaped(u8[p + 1]);
          p++;
        }
      } else if (c === BACKSLASH && quote === SINGLE && p + 1 < end && u8[p + 1] === SINGLE) {
        u8[out++] = SINGLE;
        p++;
      } else if (c === quote) {
        if (p + 1 < end && !isBlank(u8[p + 1])) return -1; // a closing quote ends its word
        quote = 0;
        p++;
        break;
      } else u8[out++] = c;
    }
    if (quote !== 0) return -1;
    const index = batch.args + argc;
    if (index >= batch.argOffset.length) batch.grow(index + 1);
    batch.argOffset[index] = wordStart;
    batch.argLength[index] = out - wordStart;
    argc++;
  }
}
