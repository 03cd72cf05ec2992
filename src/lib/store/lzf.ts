/**
 * LZF, the compression of strings in RDB files and DUMP payloads: byte for byte what Marc Lehmann's LibLZF makes with a hash
 * table of 2^16 entries in its "very fast" mode, which is how Redis has it.
 *
 *   000lllll  bytes…                    l + 1 literal bytes
 *   lllooooo  oooooooo                  l + 2 bytes (l = 1…6) from o + 1 bytes back
 *   111ooooo  llllllll  oooooooo        l + 9 bytes from o + 1 bytes back
 *
 * The compressor remembers where each three bytes were seen last; only the last two positions inside a match are remembered.
 */
const HASH_BITS = 16;
const HASH_MASK = (1 << HASH_BITS) - 1;
const MAX_LITERAL = 1 << 5;
const MAX_OFFSET = 1 << 13;
const MAX_MATCH = (1 << 8) + (1 << 3);
const UNROLLED = 16;

/** Position + `base` where a hash was seen last; what comes out before the input's start is from earlier inputs. */
const seen = new Int32Array(1 << HASH_BITS);
/** The first position of the next input, plus its base: no input has one that another had. */
let epoch = 1;

function slotOf(input: Uint8Array, at: number): number {
  const three = (input[at] << 16) | (input[at + 1] << 8) | input[at + 2];
  return ((three >>> (24 - HASH_BITS)) - three * 5) & HASH_MASK;
}

/**
 * Bytes that match from `at` and `earlier` on: at least 3 (they are known to), at most what can be encoded. LibLZF leaves the
 * last two bytes of the input to literals unless its unrolled loop, 16 bytes without a look at the end, runs into them.
 */
function matchLength(input: Uint8Array, earlier: number, at: number, end: number): number {
  const most = Math.min(end - at - 2, MAX_MATCH);
  let length = 2;
  if (most > UNROLLED)
    while (length < UNROLLED + 2) {
      length++;
      if (input[earlier + length] !== input[at + length]) return length;
    }
  do length++;
  while (length < most && input[earlier + length] === input[at + length]);
  return length;
}

/**
 * Compresses input [start, end) to output [to, limit). Returns the bytes written; 0 when they would not have fitted.
 */
export function compress(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  to: number,
  limit: number,
): number {
  if (end === start || limit === to) return 0;
  if (epoch > 0x7fff_ffff - (end - start)) {
    seen.fill(0);
    epoch = 1;
  }
  const base = epoch - start;
  epoch += end - start;
  let at = start;
  let op = to + 1; // the run's own byte comes before its literals
  let literals = 0;
  while (at < end - 2) {
    const slot = slotOf(input, at);
    const earlier = seen[slot] - base;
    seen[slot] = base + at;
    if (
      earlier > start && // LibLZF never refers to the very first byte
      at - earlier <= MAX_OFFSET &&
      input[earlier + 2] === input[at + 2] &&
      input[earlier + 1] === input[at + 1] &&
      input[earlier] === input[at]
    ) {
      if (op + 4 >= limit && op - (literals === 0 ? 1 : 0) + 4 >= limit) return 0;
      if (literals === 0) op--;
      else output[op - literals - 1] = literals - 1;
      const length = matchLength(input, earlier, at, end);
      op = writeMatch(output, op, at - earlier - 1, length) + 1;
      literals = 0;
      at += length;
      if (at >= end - 2) break;
      seen[slotOf(input, at - 2)] = base + at - 2;
      seen[slotOf(input, at - 1)] = base + at - 1;
    } else {
      if (op >= limit) return 0;
      output[op++] = input[at++];
      if (++literals === MAX_LITERAL) {
        output[op - literals - 1] = literals - 1;
        literals = 0;
        op++;
      }
    }
  }
  if (op + 3 > limit) return 0; // at most 3 bytes are missing
  while (at < end) {
    output[op++] = input[at++];
    if (++literals === MAX_LITERAL) {
      output[op - literals - 1] = literals - 1;
      literals = 0;
      op++;
    }
  }
  if (literals === 0) op--;
  else output[op - literals - 1] = literals - 1;
  return op - to;
}

function writeMatch(output: Uint8Array, to: number, offset: number, length: number): number {
  let op = to;
  const code = length - 2;
  if (code < 7) output[op++] = (offset >> 8) + (code << 5);
  else {
    output[op++] = (offset >> 8) + (7 << 5);
    output[op++] = code - 7;
  }
  output[op++] = offset & 0xff;
  return op;
}

/**
 * Decompresses input [start, end) to output [to, limit). Returns the bytes written; -1 when the input is corrupt or makes more
 * than fits. Neither reads nor writes outside, whatever the input.
 */
export function decompress(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  to: number,
  limit: number,
): number {
  let at = start;
  let op = to;
  while (at < end) {
    const control = input[at++];
    if (control < MAX_LITERAL) {
      const length = control + 1;
      if (op + length > limit || at + length > end) return -1;
      for (let i = 0; i < length; i++) output[op++] = input[at++];
      continue;
    }
    let length = (control >> 5) + 2;
    if (length === 9) {
      if (at >= end) return -1;
      length += input[at++];
    }
    if (at >= end) return -1;
    let from = op - (((control & 0x1f) << 8) | input[at++]) - 1;
    if (from < to || op + length > limit) return -1;
    for (let i = 0; i < length; i++) output[op++] = output[from++]; // byte by byte: they may overlap
  }
  return op - to;
}
