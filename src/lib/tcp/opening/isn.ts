/**
 * What a peer must not guess: initial sequence numbers (RFC 6528: ISN = M + F(local, remote, key), M a 4 µs clock), the offset
 * of the timestamp clock (RFC 7323 §5.4), which depends on the addresses only, so that it grows over incarnations of one
 * connection (RFC 6191), and the code of a SYN cookie (RFC 4987 §3.6). F is HalfSipHash-2-4 (Aumasson and Bernstein), a keyed
 * function over 32-bit words.
 *
 *   secret words:  │ 0 1 sequence numbers │ 2 3 timestamps │ 4 5 flow table │ 6 7 SYN cookies │
 */

// The state of the hash: module-level words, so that nothing is allocated. Set up anew by every call.
let v0 = 0;
let v1 = 0;
let v2 = 0;
let v3 = 0;

function rotate(x: number, n: number): number {
  return (x << n) | (x >>> (32 - n));
}

function sipRound(): void {
  v0 = (v0 + v1) | 0;
  v1 = rotate(v1, 5) ^ v0;
  v0 = rotate(v0, 16);
  v2 = (v2 + v3) | 0;
  v3 = rotate(v3, 8) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = rotate(v3, 7) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = rotate(v1, 13) ^ v2;
  v2 = rotate(v2, 16);
}

function compress(word: number): void {
  v3 ^= word;
  sipRound();
  sipRound();
  v0 ^= word;
}

function begin(k0: number, k1: number): void {
  v0 = k0;
  v1 = k1;
  v2 = 0x6c79_6765 ^ k0;
  v3 = 0x7465_6462 ^ k1;
}

/** The last word says that no bytes were left over, and the length. */
function finish(lengthBytes: number): number {
  compress(lengthBytes << 24);
  v2 ^= 0xff;
  sipRound();
  sipRound();
  sipRound();
  sipRound();
  return v1 ^ v3;
}

/** HalfSipHash-2-4 of three 32-bit little-endian words (12 bytes), to 32 bits. */
export function halfSipHash(k0: number, k1: number, a: number, b: number, c: number): number {
  begin(k0, k1);
  compress(a);
  compress(b);
  compress(c);
  return finish(12);
}

/** The same of five words (20 bytes). */
export function halfSipHash5(k0: number, k1: number, a: number, b: number, c: number, d: number, e: number): number {
  begin(k0, k1);
  compress(a);
  compress(b);
  compress(c);
  compress(d);
  compress(e);
  return finish(20);
}

/** RFC 6528 §3. Ports are `local << 16 | remote`. */
export function initialSequence(
  key: Int32Array,
  nowUs: number,
  localIp: number,
  remoteIp: number,
  ports: number,
): number {
  const clock4Us = Math.floor(nowUs / 4) | 0;
  return (clock4Us + halfSipHash(key[0], key[1], localIp, remoteIp, ports)) | 0;
}

/** What is added to the millisecond clock in TSval (RFC 7323 §5.4). */
export function timestampOffset(key: Int32Array, localIp: number, remoteIp: number): number {
  return halfSipHash(key[2], key[3], localIp, remoteIp, 0);
}

/**
 * The code of a SYN cookie: the connection's ends, the client's initial sequence number, and `content`, which is what the
 * cookie says and when it was made. Ports are `remote << 16 | local`.
 */
export function cookieCode(
  key: Int32Array,
  localIp: number,
  remoteIp: number,
  ports: number,
  clientSequence: number,
  content: number,
): number {
  return halfSipHash5(key[6], key[7], localIp, remoteIp, ports, clientSequence, content);
}
