/**
 * HyperLogLog in the byte format of Redis: an estimate of how many different elements were added, in 12 KB at most.
 *
 *   HYLL │ encoding │ 0 0 0 │ cardinality, 8 bytes LE; its top bit: out of date │ registers …
 *
 *   dense    16,384 registers of 6 bits, least significant bits first: 12,304 bytes
 *   sparse   runs in order:  00xxxxxx            ZERO   x + 1 registers that are 0
 *                            01xxxxxx yyyyyyyy   XZERO  xy + 1 registers that are 0
 *                            1vvvvvxx            VAL    x + 1 registers that are v + 1
 *
 * An element's hash gives a register (14 bits) and a count: the place of the first one bit in the rest. A register keeps the
 * largest count that it saw. The estimator is Ertl's: "New cardinality estimation algorithms for HyperLogLog sketches", 2017.
 * What is opened here may be any string that a client wrote: every run is checked against the end.
 */
import { hashHigh, hashLow, murmurHash64 } from './murmur-hash.ts';

export const REGISTERS = 16_384;
export const HEADER_BYTES = 16;
export const DENSE_BYTES = HEADER_BYTES + (REGISTERS * 6) / 8;
/** A sparse one that nothing was added to: one XZERO. */
export const EMPTY_BYTES = HEADER_BYTES + 2;
export const DENSE = 0;
export const SPARSE = 1;

const ENCODING_BYTE = 4;
const CARDINALITY_BYTE = 8;
const CACHE_BYTE = 15;
const INVALID_CACHE = 0x80;
const HASH_SEED = 0xadc83b19 | 0;
/** Bits of the hash that the count is taken from; a count is at most one more. */
const COUNT_BITS = 50;
const ALPHA = 0.721_347_520_444_481_7; // 0.5 / ln 2
const ZERO_MAX_LENGTH = 64;
const VAL_MAX_VALUE = 32;
const VAL_MAX_LENGTH = 4;
/** Runs that are looked at for two that have become one. */
const MERGE_SCAN = 5;
const TWO_32 = 4_294_967_296;

/** What setSparse answers; sparse ones that grow are `promoted` by the caller. */
export const UNCHANGED = 0;
export const CHANGED = 1;
export const CORRUPT = -1;
export const TOO_LARGE = 2;

const MAGIC = [72, 89, 76, 76];

// ── elements ───────────────────────────────────────────────────────────────────────────────────────────────────────────

let elementRegister = 0;
let elementCount = 0;

/** Finds register() and count() of an element. */
export function hashElement(view: DataView, offset: number, length: number): void {
  murmurHash64(view, offset, length, HASH_SEED);
  const low = hashLow();
  const high = hashHigh();
  elementRegister = low & (REGISTERS - 1);
  const rest = (low >>> 14) | (high << 18);
  // Trailing zeros of 50 bits, and the bit above them that ends every count.
  if (rest !== 0) elementCount = 32 - Math.clz32(rest & -rest);
  else {
    const top = (high >>> 14) | (1 << (COUNT_BITS - 32));
    elementCount = 64 - Math.clz32(top & -top);
  }
}

export function register(): number {
  return elementRegister;
}

export function count(): number {
  return elementCount;
}

// ── header ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** True when the bytes begin as a HyperLogLog does and, if dense, are as many as they must be. */
export function isHyperLogLog(bytes: Uint8Array, start: number, length: number): boolean {
  if (length < HEADER_BYTES) return false;
  for (let i = 0; i < MAGIC.length; i++) if (bytes[start + i] !== MAGIC[i]) return false;
  const encoding = bytes[start + ENCODING_BYTE];
  return encoding === SPARSE || (encoding === DENSE && length === DENSE_BYTES);
}

export function encodingOf(bytes: Uint8Array, start: number): number {
  return bytes[start + ENCODING_BYTE];
}

/** Writes EMPTY_BYTES: a sparse one without elements. */
export function writeEmpty(bytes: Uint8Array, start: number): void {
  bytes.fill(0, start, start + HEADER_BYTES);
  bytes.set(MAGIC, start);
  bytes[start + ENCODING_BYTE] = SPARSE;
  bytes[start + HEADER_BYTES] = 0x7f;
  bytes[start + HEADER_BYTES + 1] = 0xff;
}

export function invalidateCache(bytes: Uint8Array, start: number): void {
  bytes[start + CACHE_BYTE] |= INVALID_CACHE;
}

export function isCacheValid(bytes: Uint8Array, start: number): boolean {
  return (bytes[start + CACHE_BYTE] & INVALID_CACHE) === 0;
}

/** The cached cardinality as a 64-bit integer in two halves: it may be anything that a client wrote. */
export function cachedLow(bytes: Uint8Array, start: number): number {
  const at = start + CARDINALITY_BYTE;
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

export function cachedHigh(bytes: Uint8Array, start: number): number {
  return cachedLow(bytes, start + 4);
}

/** Caches a cardinality below 2^53; Infinity as C's conversion leaves it: the top bit alone, which is never up to date. */
export function writeCardinality(bytes: Uint8Array, start: number, cardinality: number): void {
  const finite = cardinality < Number.POSITIVE_INFINITY;
  const at = start + CARDINALITY_BYTE;
  const low = finite ? cardinality | 0 : 0;
  const high = finite ? Math.floor(cardinality / TWO_32) : 0x80000000 | 0;
  for (let i = 0; i < 4; i++) {
    bytes[at + i] = low >>> (i << 3);
    bytes[at + 4 + i] = high >>> (i << 3);
  }
}

// ── dense ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function getDense(bytes: Uint8Array, start: number, index: number): number {
  const bit = index * 6;
  const at = start + HEADER_BYTES + (bit >> 3);
  const shift = bit & 7;
  const next = shift > 2 ? bytes[at + 1] : 0;
  return ((bytes[at] | (next << 8)) >> shift) & 63;
}

/** Raises a register to a value. True when it was lower. */
export function setDense(bytes: Uint8Array, start: number, index: number, value: number): boolean {
  if (getDense(bytes, start, index) >= value) return false;
  const bit = index * 6;
  const at = start + HEADER_BYTES + (bit >> 3);
  const shift = bit & 7;
  bytes[at] = (bytes[at] & ~(63 << shift)) | (value << shift);
  if (shift > 2) bytes[at + 1] = (bytes[at + 1] & ~(63 >> (8 - shift))) | (value >> (8 - shift));
  return true;
}

/** Writes the dense form of a sparse one to `into`, DENSE_BYTES. False, and `into` undefined, when the sparse one is corrupt. */
export function sparseToDense(bytes: Uint8Array, start: number, length: number, into: Uint8Array, to: number): boolean {
  into.fill(0, to, to + DENSE_BYTES);
  for (let i = 0; i < HEADER_BYTES; i++) into[to + i] = bytes[start + i];
  into[to + ENCODING_BYTE] = DENSE;
  const end = start + length;
  let index = 0;
  for (let p = start + HEADER_BYTES; p < end; p += runBytes(bytes[p])) {
    const span = spanOf(bytes, p, end);
    if (isVal(bytes[p])) {
      if (index + span > REGISTERS) return false;
      const value = runValue(bytes[p]);
      for (let i = 0; i < span; i++) setDense(into, to, index + i, value);
    }
    index += span;
  }
  return index === REGISTERS;
}

// ── sparse ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function isVal(opcode: number): boolean {
  return (opcode & 0x80) !== 0;
}

export function isXzero(opcode: number): boolean {
  return (opcode & 0xc0) === 0x40;
}

export function runValue(opcode: number): number {
  return ((opcode >> 2) & 0x1f) + 1;
}

export function runBytes(opcode: number): number {
  return isXzero(opcode) ? 2 : 1;
}

/** Registers that the run at p covers; a second byte beyond the end counts as 0. */
export function spanOf(bytes: Uint8Array, p: number, end: number): number {
  const opcode = bytes[p];
  if (isVal(opcode)) return (opcode & 3) + 1;
  if ((opcode & 0x40) === 0) return opcode + 1;
  return (((opcode & 0x3f) << 8) | (p + 1 < end ? bytes[p + 1] : 0)) + 1;
}

function valRun(value: number, length: number): number {
  return 0x80 | ((value - 1) << 2) | (length - 1);
}

/** The runs that take the place of one, and how many bytes they are. */
const sequence = new Uint8Array(5);
let sequenceBytes = 0;

function appendZeros(length: number): void {
  if (length === 0) return;
  if (length > ZERO_MAX_LENGTH) sequence[sequenceBytes++] = 0x40 | ((length - 1) >> 8);
  sequence[sequenceBytes++] = length - 1;
}

function appendVal(value: number, length: number): void {
  if (length > 0) sequence[sequenceBytes++] = valRun(value, length);
}

/** Bytes of the sparse one after the last setSparse that answered CHANGED. */
let sparseBytes = 0;

export function sparseLength(): number {
  return sparseBytes;
}

/**
 * Raises a register of the sparse one of `length` bytes at `start`, which has room for 3 bytes more. TOO_LARGE, and nothing
 * changed, when it would have to be longer than `maxBytes` or hold a count above 32: it must become dense first.
 */
export function setSparse(
  bytes: Uint8Array,
  start: number,
  length: number,
  index: number,
  value: number,
  maxBytes: number,
): number {
  if (value > VAL_MAX_VALUE) return TOO_LARGE;
  const end = start + length;
  let p = start + HEADER_BYTES;
  let previous = p;
  let first = 0;
  let span = 0;
  while (p < end) {
    span = spanOf(bytes, p, end);
    if (index < first + span) break;
    previous = p;
    p += runBytes(bytes[p]);
    first += span;
  }
  if (p >= end) return CORRUPT;
  const opcode = bytes[p];
  const old = isVal(opcode) ? runValue(opcode) : 0;
  if (old >= value) return UNCHANGED;
  let grownEnd = end;
  if (span === 1 && !isXzero(opcode)) bytes[p] = valRun(value, 1);
  else {
    split(old, first, span, index, value);
    const delta = sequenceBytes - runBytes(opcode);
    if (delta > 0 && length + delta > maxBytes) return TOO_LARGE;
    const next = p + runBytes(opcode);
    if (next < end) bytes.copyWithin(next + delta, next, end);
    grownEnd += delta;
    for (let i = 0; i < sequenceBytes && p + i < grownEnd; i++) bytes[p + i] = sequence[i];
  }
  sparseBytes = mergeRuns(bytes, previous, grownEnd) - start;
  invalidateCache(bytes, start);
  return CHANGED;
}

/** Makes the sequence for a run of `span` registers from `first` on, all `old`, of which one becomes `value`. */
function split(old: number, first: number, span: number, index: number, value: number): void {
  const before = index - first;
  const after = span - 1 - before;
  sequenceBytes = 0;
  if (old === 0) appendZeros(before);
  else appendVal(old, before);
  appendVal(value, 1);
  if (old === 0) appendZeros(after);
  else appendVal(old, after);
}

/** Joins neighbouring VAL runs of the same value among a few from `from` on. Returns the new end. */
function mergeRuns(bytes: Uint8Array, from: number, oldEnd: number): number {
  let end = oldEnd;
  let p = from;
  for (let scan = MERGE_SCAN; p < end && scan > 0; scan--) {
    const opcode = bytes[p];
    if (!isVal(opcode)) {
      p += runBytes(opcode);
      continue;
    }
    const next = p + 1 < end ? bytes[p + 1] : 0;
    const length = (opcode & 3) + (next & 3) + 2;
    if (isVal(next) && runValue(next) === runValue(opcode) && length <= VAL_MAX_LENGTH) {
      bytes[p + 1] = valRun(runValue(opcode), length);
      bytes.copyWithin(p, p + 1, end);
      end--;
    } else p++;
  }
  return end;
}

// ── merging and counting ───────────────────────────────────────────────────────────────────────────────────────────────

/** Raises the registers `into` (a byte each) to those of a HyperLogLog. False when it is corrupt. */
export function mergeInto(into: Uint8Array, bytes: Uint8Array, start: number, length: number): boolean {
  if (encodingOf(bytes, start) === DENSE) {
    mergeDense(into, bytes, start + HEADER_BYTES);
    return true;
  }
  const end = start + length;
  let index = 0;
  for (let p = start + HEADER_BYTES; p < end; p += runBytes(bytes[p])) {
    const span = spanOf(bytes, p, end);
    if (isVal(bytes[p])) {
      if (index + span > REGISTERS) return false;
      const value = runValue(bytes[p]);
      for (let i = index; i < index + span; i++) if (into[i] < value) into[i] = value;
    }
    index += span;
  }
  return index === REGISTERS;
}

function mergeDense(into: Uint8Array, bytes: Uint8Array, at: number): void {
  for (let i = 0, p = at; i < REGISTERS; i += 4, p += 3) {
    const four = bytes[p] | (bytes[p + 1] << 8) | (bytes[p + 2] << 16);
    const a = four & 63;
    const b = (four >> 6) & 63;
    const c = (four >> 12) & 63;
    const d = four >> 18;
    if (into[i] < a) into[i] = a;
    if (into[i + 1] < b) into[i + 1] = b;
    if (into[i + 2] < c) into[i + 2] = c;
    if (into[i + 3] < d) into[i + 3] = d;
  }
}

/**
 * How many registers have each value, in four parts: most registers have one of a few values, and counting the next one would
 * have to wait for the last (a count of a dense one takes half the time).
 */
const histogram = new Int32Array(4 * 64);

/** The estimate for registers of a byte each. */
export function countRegisters(registers: Uint8Array): number {
  histogram.fill(0);
  for (let i = 0; i < REGISTERS; i++) histogram[((i & 3) << 6) | registers[i]]++;
  return estimate();
}

/** The estimate for a HyperLogLog; -1 when it is corrupt, Infinity when its registers are ones that no element leaves. */
export function countHyperLogLog(bytes: Uint8Array, start: number, length: number): number {
  histogram.fill(0);
  if (encodingOf(bytes, start) === SPARSE) {
    const end = start + length;
    let index = 0;
    for (let p = start + HEADER_BYTES; p < end; p += runBytes(bytes[p])) {
      const span = spanOf(bytes, p, end);
      index += span;
      histogram[isVal(bytes[p]) ? runValue(bytes[p]) : 0] += span;
    }
    return index === REGISTERS ? estimate() : -1;
  }
  for (let i = 0, p = start + HEADER_BYTES; i < REGISTERS; i += 4, p += 3) {
    const four = bytes[p] | (bytes[p + 1] << 8) | (bytes[p + 2] << 16);
    histogram[four & 63]++;
    histogram[64 | ((four >> 6) & 63)]++;
    histogram[128 | ((four >> 12) & 63)]++;
    histogram[192 | (four >> 18)]++;
  }
  return estimate();
}

function estimate(): number {
  for (let i = 0; i < 64; i++) histogram[i] += histogram[64 | i] + histogram[128 | i] + histogram[192 | i];
  let z = REGISTERS * tau((REGISTERS - histogram[COUNT_BITS + 1]) / REGISTERS);
  for (let j = COUNT_BITS; j >= 1; j--) z = (z + histogram[j]) * 0.5;
  z += REGISTERS * sigma(histogram[0] / REGISTERS);
  return Math.round((ALPHA * REGISTERS * REGISTERS) / z);
}

/** x + Σ x^(2^k) · 2^(k-1), as far as doubles tell a difference. */
function sigma(of: number): number {
  if (of === 1) return Number.POSITIVE_INFINITY;
  let x = of;
  let y = 1;
  let z = of;
  for (let before = Number.NaN; before !== z; ) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

/** (1 - x - Σ (1 - x^(2^-k))² · 2^-k) / 3 */
function tau(of: number): number {
  if (of === 0 || of === 1) return 0;
  let x = of;
  let y = 1;
  let z = 1 - of;
  for (let before = Number.NaN; before !== z; ) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}
