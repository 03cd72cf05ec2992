/**
 * IDs of stream entries: `ms-seq`, two unsigned 64-bit integers, exactly and without BigInt: four 32-bit words, the highest
 * first, in the arena as in JavaScript.
 *
 *   │ ms high │ ms low │ seq high │ seq low │
 *
 * A StreamId is a register that is set, compared and stepped in place; nobody makes one for each entry.
 */
import { formatInteger, TEXT_VIEW } from '../integer64.ts';

export const ID_WORDS = 4;
/** Longest text of an ID: two numbers of 20 digits and the dash. */
const MAX_TEXT_BYTES = 41;
const TEXT_BYTES = 48;
const TWO_32 = 4_294_967_296;
const ZERO = 48;
const DASH = 45;

/** Where `format` leaves its text: right-aligned, at the end of the view. */
export const ID_TEXT = new DataView(new SharedArrayBuffer(TEXT_BYTES));

export class StreamId {
  msHigh = 0;
  msLow = 0;
  seqHigh = 0;
  seqLow = 0;

  set(msHigh: number, msLow: number, seqHigh: number, seqLow: number): this {
    this.msHigh = msHigh | 0;
    this.msLow = msLow | 0;
    this.seqHigh = seqHigh | 0;
    this.seqLow = seqLow | 0;
    return this;
  }

  /** `ms` and `seq` are safe integers from 0 on. */
  setSafe(ms: number, seq: number): this {
    return this.set((ms / TWO_32) | 0, ms, (seq / TWO_32) | 0, seq);
  }

  copy(from: StreamId): this {
    this.msHigh = from.msHigh;
    this.msLow = from.msLow;
    this.seqHigh = from.seqHigh;
    this.seqLow = from.seqLow;
    return this;
  }

  setMin(): this {
    return this.set(0, 0, 0, 0);
  }

  setMax(): this {
    return this.set(-1, -1, -1, -1);
  }

  get isZero(): boolean {
    return (this.msHigh | this.msLow | this.seqHigh | this.seqLow) === 0;
  }

  get isMax(): boolean {
    return (this.msHigh & this.msLow & this.seqHigh & this.seqLow) === -1;
  }

  /** The ms part; rounded when it is above 2^53. */
  get ms(): number {
    return (this.msHigh >>> 0) * TWO_32 + (this.msLow >>> 0);
  }

  /** Negative, 0 or positive as this ID is before, the same as, or after the other. */
  compare(other: StreamId): number {
    if (this.msHigh !== other.msHigh) return this.msHigh >>> 0 < other.msHigh >>> 0 ? -1 : 1;
    if (this.msLow !== other.msLow) return this.msLow >>> 0 < other.msLow >>> 0 ? -1 : 1;
    if (this.seqHigh !== other.seqHigh) return this.seqHigh >>> 0 < other.seqHigh >>> 0 ? -1 : 1;
    if (this.seqLow !== other.seqLow) return this.seqLow >>> 0 < other.seqLow >>> 0 ? -1 : 1;
    return 0;
  }

  equals(other: StreamId): boolean {
    return (
      this.seqLow === other.seqLow &&
      this.msLow === other.msLow &&
      this.msHigh === other.msHigh &&
      this.seqHigh === other.seqHigh
    );
  }

  /** The same ms and one more in seq; false, and nothing done, when seq is the largest. */
  incrementSeq(): boolean {
    if ((this.seqLow & this.seqHigh) === -1) return false;
    this.seqLow = (this.seqLow + 1) | 0;
    if (this.seqLow === 0) this.seqHigh = (this.seqHigh + 1) | 0;
    return true;
  }

  /** The next ID; false, and 0-0, after the last one. */
  increment(): boolean {
    if (this.incrementSeq()) return true;
    this.seqHigh = 0;
    this.seqLow = 0;
    this.msLow = (this.msLow + 1) | 0;
    if (this.msLow === 0) this.msHigh = (this.msHigh + 1) | 0;
    return (this.msHigh | this.msLow) !== 0;
  }

  /** The ID before; false, and the largest, before 0-0. */
  decrement(): boolean {
    this.seqLow = (this.seqLow - 1) | 0;
    if (this.seqLow !== -1) return true;
    this.seqHigh = (this.seqHigh - 1) | 0;
    if (this.seqHigh !== -1) return true;
    this.msLow = (this.msLow - 1) | 0;
    if (this.msLow !== -1) return true;
    this.msHigh = (this.msHigh - 1) | 0;
    return this.msHigh !== -1;
  }

  /** Adds a signed 64-bit difference to each part, modulo 2^64. */
  add(msDeltaLow: number, msDeltaHigh: number, seqDeltaLow: number, seqDeltaHigh: number): void {
    const msLow = (this.msLow + msDeltaLow) | 0;
    const seqLow = (this.seqLow + seqDeltaLow) | 0;
    this.msHigh = (this.msHigh + msDeltaHigh + (msLow >>> 0 < this.msLow >>> 0 ? 1 : 0)) | 0;
    this.seqHigh = (this.seqHigh + seqDeltaHigh + (seqLow >>> 0 < this.seqLow >>> 0 ? 1 : 0)) | 0;
    this.msLow = msLow;
    this.seqLow = seqLow;
  }

  /** Sets this to a − b, each part modulo 2^64. */
  setDifference(a: StreamId, b: StreamId): void {
    this.msHigh = (a.msHigh - b.msHigh - (a.msLow >>> 0 < b.msLow >>> 0 ? 1 : 0)) | 0;
    this.seqHigh = (a.seqHigh - b.seqHigh - (a.seqLow >>> 0 < b.seqLow >>> 0 ? 1 : 0)) | 0;
    this.msLow = (a.msLow - b.msLow) | 0;
    this.seqLow = (a.seqLow - b.seqLow) | 0;
  }

  /** Reads the four words at an index. */
  read(words: Int32Array, at: number): this {
    this.msHigh = words[at];
    this.msLow = words[at + 1];
    this.seqHigh = words[at + 2];
    this.seqLow = words[at + 3];
    return this;
  }

  write(words: Int32Array, at: number): void {
    words[at] = this.msHigh;
    words[at + 1] = this.msLow;
    words[at + 2] = this.seqHigh;
    words[at + 3] = this.seqLow;
  }

  /** Writes the text right-aligned into ID_TEXT. Returns its length. */
  format(): number {
    let p = formatUnsigned(TEXT_BYTES, this.seqLow, this.seqHigh);
    ID_TEXT.setUint8(--p, DASH);
    p = formatUnsigned(p, this.msLow, this.msHigh);
    return TEXT_BYTES - p;
  }

  /** For messages and tests. */
  toString(): string {
    const n = this.format();
    return Buffer.from(new Uint8Array(ID_TEXT.buffer).slice(TEXT_BYTES - n)).toString('latin1');
  }
}

/** Where an ID's text begins in ID_TEXT, by its length. */
export function idTextStart(length: number): number {
  return TEXT_BYTES - length;
}

/** Negative, 0 or positive as the ID in the four words at an index is before, the same as, or after `id`. */
export function compareWords(words: Int32Array, at: number, id: StreamId): number {
  let a = words[at];
  let b = id.msHigh;
  if (a !== b) return a >>> 0 < b >>> 0 ? -1 : 1;
  a = words[at + 1];
  b = id.msLow;
  if (a !== b) return a >>> 0 < b >>> 0 ? -1 : 1;
  a = words[at + 2];
  b = id.seqHigh;
  if (a !== b) return a >>> 0 < b >>> 0 ? -1 : 1;
  a = words[at + 3];
  b = id.seqLow;
  if (a !== b) return a >>> 0 < b >>> 0 ? -1 : 1;
  return 0;
}

/** Writes the digits of an unsigned 64-bit integer before p of ID_TEXT; returns where they begin. */
function formatUnsigned(end: number, low: number, high: number): number {
  let p = end;
  if (high === 0 && low >= 0) {
    let n = low;
    do {
      const rest = (n / 10) | 0;
      ID_TEXT.setUint8(--p, ZERO + n - rest * 10);
      n = rest;
    } while (n > 0);
    return p;
  }
  if (high > 0 && high < 0x20_0000) return formatSafe(p, high * TWO_32 + (low >>> 0));
  // A tenth has 63 bits or fewer: 32 bits by long division, 16 at a time, and the last digit apart.
  const a = (high >>> 16) % 10;
  const b = (a * 65_536 + (high & 0xffff)) % 10;
  const c = (b * 65_536 + (low >>> 16)) % 10;
  const digit = (c * 65_536 + (low & 0xffff)) % 10;
  const tenthHigh = Math.floor((high >>> 0) / 10);
  const tenthLow =
    (Math.floor((b * 65_536 + (low >>> 16)) / 10) << 16) | Math.floor((c * 65_536 + (low & 0xffff)) / 10);
  ID_TEXT.setUint8(--p, ZERO + digit);
  const n = formatInteger(tenthLow, tenthHigh);
  for (let i = 1; i <= n; i++) ID_TEXT.setUint8(p - i, TEXT_VIEW.getUint8(TEXT_VIEW.byteLength - i));
  return p - n;
}

/** A safe integer of 2^32 and more: what lies above a million and what is below are 32-bit integers each, up to 2^53. */
function formatSafe(end: number, value: number): number {
  let p = end;
  let upper = Math.floor(value / 1_000_000);
  let lower = (value - upper * 1_000_000) | 0;
  for (let i = 0; i < 6; i++) {
    const rest = (lower / 10) | 0;
    ID_TEXT.setUint8(--p, ZERO + lower - rest * 10);
    lower = rest;
  }
  while (upper > 0x7fff_ffff) {
    const rest = Math.floor(upper / 10);
    ID_TEXT.setUint8(--p, ZERO + upper - rest * 10);
    upper = rest;
  }
  let n = upper | 0;
  while (n > 0) {
    const rest = (n / 10) | 0;
    ID_TEXT.setUint8(--p, ZERO + n - rest * 10);
    n = rest;
  }
  return p;
}

// ── parsing ────────────────────────────────────────────────────────────────────────────────────────────────────────────

let parsedLow = 0;
let parsedHigh = 0;

/** What `parse` made of the text. */
export const INVALID_ID = 0;
export const WHOLE_ID = 1;
/** `ms-*`: seq is 0. */
export const ID_WITHOUT_SEQ = 2;

/**
 * Parses `ms` or `ms-seq` into `id`; a missing seq is `missing` in all its bits (0 or -1). The numbers are what redis-server
 * takes for unsigned ones: digits as they should be, or else whatever C's strtoull reads to the end (blanks before, a sign,
 * leading zeros). Its C strings end at the first NUL.
 */
export function parseId(u8: Uint8Array, start: number, length: number, missing: number, id: StreamId): number {
  if (length > 127) return INVALID_ID;
  let end = start;
  let dash = -1;
  for (const limit = start + length; end < limit && u8[end] !== 0; end++) if (u8[end] === DASH && dash < 0) dash = end;
  if (!parseUnsigned(u8, start, dash < 0 ? end : dash)) return INVALID_ID;
  id.set(parsedHigh, parsedLow, missing, missing);
  if (dash < 0) return WHOLE_ID;
  if (dash === end - 2 && u8[dash + 1] === 42) {
    id.seqHigh = 0;
    id.seqLow = 0;
    return ID_WITHOUT_SEQ;
  }
  if (!parseUnsigned(u8, dash + 1, end)) return INVALID_ID;
  id.seqHigh = parsedHigh;
  id.seqLow = parsedLow;
  return WHOLE_ID;
}

/** Up to 15 digits, the first not 0 unless it is alone, are parsed here; the odd rest by parseOdd. */
function parseUnsigned(u8: Uint8Array, start: number, end: number): boolean {
  const digits = end - start;
  if (digits < 1) return false;
  if (digits > 15 || (u8[start] === ZERO && digits > 1)) return parseOdd(u8, start, end);
  let value = 0;
  for (let p = start; p < end; p++) {
    const digit = u8[p] - ZERO;
    if (digit < 0 || digit > 9) return parseOdd(u8, start, end);
    value = value * 10 + digit;
  }
  parsedLow = value | 0;
  parsedHigh = (value / TWO_32) | 0;
  return true;
}

/** As strtoull, but negative integers of canonical form are refused, as redis-server does it before it asks strtoull. */
function parseOdd(u8: Uint8Array, start: number, end: number): boolean {
  let p = start;
  while (p < end && (u8[p] === 32 || (u8[p] >= 9 && u8[p] <= 13))) p++;
  const negative = u8[p] === DASH && p < end;
  if (p < end && (negative || u8[p] === 43)) p++;
  if (p === end) return false;
  const first = p;
  let low = 0;
  let high = 0;
  for (; p < end; p++) {
    const digit = u8[p] - ZERO;
    if (digit < 0 || digit > 9) return false;
    const lower = low * 10 + digit;
    const upper = high * 10 + Math.floor(lower / TWO_32);
    if (upper >= TWO_32) return false;
    low = lower % TWO_32;
    high = upper;
  }
  const canonical = first === start + 1 && u8[first] !== ZERO;
  if (negative && canonical && (high < 0x8000_0000 || (high === 0x8000_0000 && low === 0))) return false;
  parsedLow = negative ? -low | 0 : low | 0;
  parsedHigh = negative ? (low === 0 ? -high | 0 : ~high) : high | 0;
  return true;
}

/** Longest text of an ID, for buffers. */
export const ID_MAX_TEXT_BYTES = MAX_TEXT_BYTES;
