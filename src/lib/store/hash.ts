/**
 * HalfSipHash-1-3: a keyed 32-bit hash of short byte strings on 32-bit words (Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", 2012; the half variant is in their reference code). With a secret random key nobody can make keys that
 * collide on purpose. One round for each word, three to finish; 12 ns for 16 bytes (bench/store.ts).
 *
 *   word ──▶ v3 ^= word, round, v0 ^= word ──▶ … ──▶ length<<24 | tail ──▶ v2 ^= 0xff, 3 rounds ──▶ v1 ^ v3
 *
 * The round is written out twice: a function can't return four words without an object.
 */

/**
 * Hash of `length` bytes at `offset`, as a signed 32-bit integer. Reads up to 3 bytes past the end.
 *
 * @param key the first 8 bytes of the key, little-endian: k0, k1
 */
export function hashBytes(view: DataView, offset: number, length: number, key: Int32Array): number {
  let v0 = key[0];
  let v1 = key[1];
  let v2 = 0x6c796765 ^ v0;
  let v3 = 0x74656462 ^ v1;
  const end = offset + (length & ~3);
  for (let at = offset; at <= end; at += 4) {
    let m = view.getInt32(at, true);
    if (at === end) m = (length << 24) | (m & ((1 << ((length & 3) << 3)) - 1));
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  return finish(v0, v1, v2 ^ 0xff, v3);
}

/** Hash of `length` bytes that begin at words[index] and are padded with zero bytes to a whole word. */
export function hashWords(words: Int32Array, index: number, length: number, key: Int32Array): number {
  let v0 = key[0];
  let v1 = key[1];
  let v2 = 0x6c796765 ^ v0;
  let v3 = 0x74656462 ^ v1;
  const end = index + (length >>> 2);
  for (let at = index; at <= end; at++) {
    let m = at < end || (length & 3) !== 0 ? words[at] : 0;
    if (at === end) m |= length << 24;
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  return finish(v0, v1, v2 ^ 0xff, v3);
}

function finish(a: number, b: number, c: number, d: number): number {
  let v0 = a;
  let v1 = b;
  let v2 = c;
  let v3 = d;
  for (let round = 0; round < 3; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  return v1 ^ v3;
}
