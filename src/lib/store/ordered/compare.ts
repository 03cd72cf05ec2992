/**
 * The order of members by their bytes, as memcmp has it and then by length. A record's key is padded with zero bytes to whole
 * words, so words are compared: the first byte in which they differ is the lowest set bit's of their exclusive or.
 */
import { keyLengthAt, keyWordAt } from '../record.ts';
import { chunkOf, wordOf } from '../ref.ts';

/** Below, above or equal to 0 as the key of record `a` is before, after or equal to that of record `b`. */
export function compareMembers(chunks: Int32Array[], a: number, b: number): number {
  if (a === b) return 0;
  const wordsA = chunks[chunkOf(a)];
  const wordsB = chunks[chunkOf(b)];
  const recordA = wordOf(a);
  const recordB = wordOf(b);
  const lengthA = keyLengthAt(wordsA, recordA);
  const lengthB = keyLengthAt(wordsB, recordB);
  let p = keyWordAt(wordsA, recordA);
  let q = keyWordAt(wordsB, recordB);
  const stop = p + (((lengthA < lengthB ? lengthA : lengthB) + 3) >>> 2);
  for (; p < stop; p++, q++) {
    if (wordsA[p] !== wordsB[q]) return compareWords(wordsA[p], wordsB[q]);
  }
  return lengthA - lengthB;
}

/** As compareMembers, of the key of record `a` and bytes anywhere; up to 3 bytes past their end are read. */
export function compareWithBytes(
  chunks: Int32Array[],
  a: number,
  view: DataView,
  start: number,
  length: number,
): number {
  const words = chunks[chunkOf(a)];
  const at = wordOf(a);
  return compareKey(words, keyWordAt(words, at), keyLengthAt(words, at), view, start, length);
}

function compareKey(
  words: Int32Array,
  key: number,
  keyLength: number,
  view: DataView,
  start: number,
  length: number,
): number {
  let p = key;
  let q = start;
  const common = keyLength < length ? keyLength : length;
  for (const stop = key + (common >>> 2); p < stop; p++, q += 4) {
    const word = view.getInt32(q, true);
    if (words[p] !== word) return compareWords(words[p], word);
  }
  const tail = common & 3;
  if (tail !== 0) {
    const mask = (1 << (tail << 3)) - 1;
    const a = words[p] & mask;
    const b = view.getInt32(q, true) & mask;
    if (a !== b) return compareWords(a, b);
  }
  return keyLength - length;
}

/** Two different words by the first byte in memory (the lowest) that differs. */
function compareWords(a: number, b: number): number {
  const difference = a ^ b;
  const shift = (31 - Math.clz32(difference & -difference)) & ~7;
  return ((a >>> shift) & 0xff) - ((b >>> shift) & 0xff);
}

/** As compareMembers, of bytes anywhere, one by one. */
export function compareBytes(
  a: DataView,
  startA: number,
  lengthA: number,
  b: DataView,
  startB: number,
  lengthB: number,
): number {
  const common = lengthA < lengthB ? lengthA : lengthB;
  for (let i = 0; i < common; i++) {
    const difference = a.getUint8(startA + i) - b.getUint8(startB + i);
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}
