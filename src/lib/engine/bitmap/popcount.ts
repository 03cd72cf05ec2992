/**
 * Counting one bits. Whole words are added pairwise in ever wider fields of one word (Warren, Hacker's Delight, 5-1):
 *
 *   16 fields of 2 bits ─▶ 8 of 4 ─▶ 4 of 8 ─▶ multiply by 0x01010101: their sum in the top byte
 *
 * The fields of several words are added before they are widened: four words share the last steps.
 */

/** One bits of bytes [from, to) of a buffer that `words` and `bytes` both show. */
export function popcount(words: Int32Array, bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  let count = 0;
  for (; at < to && (at & 3) !== 0; at++) count += popcountWord(bytes[at]);
  if (at < to) {
    const end = to >>> 2;
    count += popcountWords(words, at >>> 2, end);
    at = Math.max(at, end << 2);
  }
  for (; at < to; at++) count += popcountWord(bytes[at]);
  return count;
}

export function popcountWord(word: number): number {
  let n = word - ((word >>> 1) & 0x5555_5555);
  n = (n & 0x3333_3333) + ((n >>> 2) & 0x3333_3333);
  return Math.imul((n + (n >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

function popcountWords(words: Int32Array, from: number, to: number): number {
  let count = 0;
  let at = from;
  for (const last = to - 3; at < last; at += 4) {
    let a = words[at];
    let b = words[at + 1];
    let c = words[at + 2];
    let d = words[at + 3];
    a -= (a >>> 1) & 0x5555_5555;
    b -= (b >>> 1) & 0x5555_5555;
    c -= (c >>> 1) & 0x5555_5555;
    d -= (d >>> 1) & 0x5555_5555;
    // Two words of 4-bit fields, each at most 8.
    a = (a & 0x3333_3333) + ((a >>> 2) & 0x3333_3333) + (b & 0x3333_3333) + ((b >>> 2) & 0x3333_3333);
    c = (c & 0x3333_3333) + ((c >>> 2) & 0x3333_3333) + (d & 0x3333_3333) + ((d >>> 2) & 0x3333_3333);
    a = (a & 0x0f0f_0f0f) + ((a >>> 4) & 0x0f0f_0f0f) + (c & 0x0f0f_0f0f) + ((c >>> 4) & 0x0f0f_0f0f);
    count += Math.imul(a, 0x0101_0101) >>> 24; // at most 128
  }
  for (; at < to; at++) count += popcountWord(words[at]);
  return count;
}
