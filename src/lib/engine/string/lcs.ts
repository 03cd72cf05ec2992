/**
 * LCS: the longest common subsequence of two strings, by the table of the lengths for all prefixes.
 *
 *   table[i][j] = longest common subsequence of the first i bytes of a and the first j of b
 *
 * Walking back from the far corner gives the subsequence and the ranges in which it lies in both strings. The table may take
 * as many bytes as a string may have (proto-max-bulk-len).
 */
import { integerArgument, isWord, optionWord, syntaxError } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { hashOf, lookupRead, TYPE_STRING } from '../keys.ts';
import { valueBytes } from './value.ts';

const WORD_IDX = optionWord('IDX');
const WORD_LEN = optionWord('LEN');
const WORD_WITHMATCHLEN = optionWord('WITHMATCHLEN');
const WORD_MINMATCHLEN = optionWord('MINMATCHLEN');
const CELL_BYTES = 4;
/** Values of a range in `Common.ranges`: first and last index in a, first and last in b. */
const RANGE_VALUES = 4;

interface Options {
  indexes: boolean;
  lengthOnly: boolean;
  withMatchLength: boolean;
  minMatchLength: number;
}

interface Common {
  length: number;
  bytes: Uint8Array;
  ranges: number[];
}

export function lcs(engine: Engine, arg: number, argc: number): void {
  const first = lookupRead(engine, arg + 1, engine.keyHash);
  const second = lookupRead(engine, arg + 2, hashOf(engine, arg + 2));
  if (isOther(engine, first) || isOther(engine, second)) {
    engine.reply.error('ERR The specified keys must contain string values');
    return;
  }
  const options = parseOptions(engine, arg + 3, arg + argc);
  if (options === null) return;
  if (options.indexes && options.lengthOnly) {
    engine.reply.error('ERR If you want both the length and indexes, please just use IDX.');
    return;
  }
  const a = first === 0 ? new Uint8Array(0) : valueBytes(engine, first);
  const b = second === 0 ? new Uint8Array(0) : valueBytes(engine, second);
  if ((a.length + 1) * (b.length + 1) * CELL_BYTES > engine.maxStringBytes) {
    engine.reply.error('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len');
    return;
  }
  const table = makeTable((a.length + 1) * (b.length + 1));
  if (table === null) {
    engine.reply.error('ERR Insufficient memory, failed allocating transient memory for LCS');
    return;
  }
  fill(table, a, b);
  if (options.lengthOnly) engine.reply.integer(table[table.length - 1]);
  else if (options.indexes) replyIndexes(engine, walkBack(table, a, b), options);
  else engine.reply.bulkBytes(walkBack(table, a, b).bytes);
}

function isOther(engine: Engine, ref: number): boolean {
  return ref !== 0 && engine.db.type(ref) !== TYPE_STRING;
}

function parseOptions(engine: Engine, from: number, end: number): Options | null {
  const options: Options = { indexes: false, lengthOnly: false, withMatchLength: false, minMatchLength: 0 };
  for (let i = from; i < end; i++) {
    if (isWord(engine, i, WORD_IDX)) options.indexes = true;
    else if (isWord(engine, i, WORD_LEN)) options.lengthOnly = true;
    else if (isWord(engine, i, WORD_WITHMATCHLEN)) options.withMatchLength = true;
    else if (isWord(engine, i, WORD_MINMATCHLEN) && i + 1 < end) {
      const least = integerArgument(engine, ++i);
      if (Number.isNaN(least)) return null;
      options.minMatchLength = Math.max(0, least);
    } else {
      syntaxError(engine);
      return null;
    }
  }
  return options;
}

function makeTable(cells: number): Uint32Array | null {
  try {
    return new Uint32Array(cells);
  } catch {
    return null; // RangeError: the operating system has no more memory for us
  }
}

/** Fills the table of zeros, row by row; row i is the prefix of a of i bytes. */
function fill(table: Uint32Array, a: Uint8Array, b: Uint8Array): void {
  const width = b.length + 1;
  for (let i = 1; i <= a.length; i++) {
    const byte = a[i - 1];
    const row = i * width;
    for (let j = 1; j <= b.length; j++) {
      const above = table[row - width + j];
      const left = table[row + j - 1];
      if (byte === b[j - 1]) table[row + j] = table[row - width + j - 1] + 1;
      else table[row + j] = above > left ? above : left;
    }
  }
}

/**
 * The subsequence and its ranges, last range first. Of two equally long ways the one through b is taken, and a match that
 * does not extend the range at hand ends it without beginning another: so does redis-server.
 */
function walkBack(table: Uint32Array, a: Uint8Array, b: Uint8Array): Common {
  const width = b.length + 1;
  let left = table[table.length - 1];
  const common: Common = { length: left, bytes: new Uint8Array(left), ranges: [] };
  let i = a.length;
  let j = b.length;
  let open = false;
  let [aStart, aEnd, bStart, bEnd] = [0, 0, 0, 0];
  while (i > 0 && j > 0) {
    let complete = open;
    if (a[i - 1] === b[j - 1]) {
      i--;
      j--;
      common.bytes[--left] = a[i];
      const continues = open && aStart === i + 1 && bStart === j + 1;
      if (!open) [aEnd, bEnd] = [i, j];
      if (!open || continues) [aStart, bStart] = [i, j];
      complete = (open && !continues) || aStart === 0 || bStart === 0;
      open = true;
    } else if (table[(i - 1) * width + j] > table[i * width + j - 1]) i--;
    else j--;
    if (complete) {
      common.ranges.push(aStart, aEnd, bStart, bEnd);
      open = false;
    }
  }
  return common;
}

function replyIndexes(engine: Engine, common: Common, options: Options): void {
  const { reply } = engine;
  const { ranges } = common;
  let count = 0;
  for (let r = 0; r < ranges.length; r += RANGE_VALUES) {
    if (ranges[r + 1] - ranges[r] + 1 >= options.minMatchLength) count++;
  }
  reply.map(2);
  reply.bulkText('matches');
  reply.array(count);
  for (let r = 0; r < ranges.length; r += RANGE_VALUES) {
    const length = ranges[r + 1] - ranges[r] + 1;
    if (length < options.minMatchLength) continue;
    reply.array(options.withMatchLength ? 3 : 2);
    reply.array(2);
    reply.integer(ranges[r]);
    reply.integer(ranges[r + 1]);
    reply.array(2);
    reply.integer(ranges[r + 2]);
    reply.integer(ranges[r + 3]);
    if (options.withMatchLength) reply.integer(length);
  }
  reply.bulkText('len');
  reply.integer(common.length);
}
