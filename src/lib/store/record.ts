/**
 * A record holds a key and its value in the arena. All fields are 32-bit words, key and value are padded to whole words, the
 * key with zero bytes.
 *
 *   0      meta      │ access 19 │ flags 8 │ wide 1 │ expiry 1 │ type 3 │
 *   1      lengths   │ key 10 │ value 22 │                       or, if wide, the key's length
 *  (2…5)   expiry: deadline in ms, low word │ owner 11 │ high 21 │ next │ prev             if it expires
 *  (6, 2)  the value's length                                                             if it is wide
 *   …      key
 *   …      value
 *
 * So 16 + 64 bytes take 88. Wide records have a key of 1 KiB or a value of 4 MiB or more. `next` and `prev` are the timing
 * wheel's; next is 0 when the record is in no slot of it. `owner` names the keyspace to the wheel.
 *
 * The functions take the words of the record's chunk and the index of its first word.
 */

export const TYPE_MASK = 7;
export const HAS_EXPIRY = 1 << 3;
export const WIDE = 1 << 4;
export const FLAGS_SHIFT = 5;
export const FLAGS_MASK = 0xff;
export const ACCESS_SHIFT = 13;
/** The access clock has 19 bits. */
export const ACCESS_MASK = 0x7ffff;

export const LENGTHS = 1;
export const DEADLINE_LOW = 2;
export const DEADLINE_HIGH = 3;
export const NEXT = 4;
export const PREV = 5;
export const EXPIRY_WORDS = 4;

const NARROW_KEY_SHIFT = 22;
const NARROW_KEY_LIMIT = 1 << 10;
const NARROW_VALUE_LIMIT = 1 << NARROW_KEY_SHIFT;
const NARROW_VALUE_MASK = NARROW_VALUE_LIMIT - 1;

const DEADLINE_HIGH_BITS = 21;
const DEADLINE_HIGH_MASK = (1 << DEADLINE_HIGH_BITS) - 1;
/** Owners are below this. */
export const MAX_OWNERS = 1 << (32 - DEADLINE_HIGH_BITS);

/** WIDE or 0: what lengths ask for. */
export function widthFor(keyLength: number, valueLength: number): number {
  return keyLength < NARROW_KEY_LIMIT && valueLength < NARROW_VALUE_LIMIT ? 0 : WIDE;
}

/** Words before the key. */
export function headerWords(meta: number): number {
  return 2 + ((meta & HAS_EXPIRY) >>> 1) + ((meta & WIDE) >>> 4); // the bits' own values are 8 and 16: 4 words, 1 word
}

/** Bytes that a record needs. */
export function recordBytes(meta: number, keyLength: number, valueLength: number): number {
  return (headerWords(meta) + ((keyLength + 3) >>> 2) + ((valueLength + 3) >>> 2)) << 2;
}

export function keyLengthAt(words: Int32Array, index: number): number {
  const lengths = words[index + LENGTHS];
  return (words[index] & WIDE) === 0 ? lengths >>> NARROW_KEY_SHIFT : lengths;
}

export function valueLengthAt(words: Int32Array, index: number): number {
  const meta = words[index];
  if ((meta & WIDE) === 0) return words[index + LENGTHS] & NARROW_VALUE_MASK;
  return words[index + headerWords(meta) - 1];
}

/** Index of the key's first word. */
export function keyWordAt(words: Int32Array, index: number): number {
  return index + headerWords(words[index]);
}

/** Index of the value's first word. */
export function valueWordAt(words: Int32Array, index: number): number {
  const meta = words[index];
  const lengths = words[index + LENGTHS];
  const keyLength = (meta & WIDE) === 0 ? lengths >>> NARROW_KEY_SHIFT : lengths;
  return index + headerWords(meta) + ((keyLength + 3) >>> 2);
}

/** Writes the lengths in the form that the record's meta word says. */
export function setLengths(words: Int32Array, index: number, keyLength: number, valueLength: number): void {
  const meta = words[index];
  if ((meta & WIDE) === 0) {
    words[index + LENGTHS] = (keyLength << NARROW_KEY_SHIFT) | valueLength;
    return;
  }
  words[index + LENGTHS] = keyLength;
  words[index + headerWords(meta) - 1] = valueLength;
}

/**
 * Makes the record's value one of valueBytes without flags, if nothing but its length changes by that: true for a string
 * (type 0) that does not expire, is not wide and takes as many words as before. The most frequent change of all.
 */
export function overwrite(words: Int32Array, index: number, valueBytes: number): boolean {
  const meta = words[index];
  const lengths = words[index + LENGTHS];
  const oldBytes = lengths & NARROW_VALUE_MASK;
  if ((meta & (TYPE_MASK | HAS_EXPIRY | WIDE)) !== 0 || (valueBytes + 3) >>> 2 !== (oldBytes + 3) >>> 2) return false;
  if (valueBytes >= NARROW_VALUE_LIMIT) return false;
  words[index] = meta & ~(FLAGS_MASK << FLAGS_SHIFT);
  words[index + LENGTHS] = lengths ^ oldBytes ^ valueBytes;
  return true;
}

/** Milliseconds since 1970, below 2^53. */
export function deadlineAt(words: Int32Array, index: number): number {
  return (words[index + DEADLINE_HIGH] & DEADLINE_HIGH_MASK) * 4_294_967_296 + (words[index + DEADLINE_LOW] >>> 0);
}

export function ownerAt(words: Int32Array, index: number): number {
  return words[index + DEADLINE_HIGH] >>> DEADLINE_HIGH_BITS;
}

export function setDeadline(words: Int32Array, index: number, atMs: number, owner: number): void {
  words[index + DEADLINE_LOW] = atMs | 0;
  words[index + DEADLINE_HIGH] = (owner << DEADLINE_HIGH_BITS) | ((atMs / 4_294_967_296) & DEADLINE_HIGH_MASK);
}
