/**
 * A listpack: a sequence of strings and integers in one run of bytes, byte for byte as Redis keeps and dumps it, so that DUMP
 * and RESTORE are copies. The small form of lists, hashes, sets and sorted sets, and what stream and list nodes are made of.
 *
 *   │ total bytes u32 │ count u16 │ entry │ entry │ … │ 0xff │          count 65535: unknown, count them
 *                                   │ encoding + data │ backlen │        backlen: the size of what is before it, read backwards
 *
 *   0xxxxxxx  uint 7      110xxxxx +1  int 13     f1 f2 f3 f4  int 16 24 32 64, little-endian
 *   10xxxxxx  string < 64 1110xxxx +1  string < 4096     f0 +4  string
 *
 * Text that is a canonical 64-bit integer is always kept as one. The functions work in place on a view of the memory that the
 * listpack lies in; `at` is where it begins, a position is the offset of an entry in the view, and 0 is "none". Whoever inserts
 * has made sure of the room: `encodedBytes`, `replaceNeed`. Bytes to insert must lie outside the listpack.
 *
 * Reference: Redis's listpack specification, github.com/antirez/listpack.
 */
import { copyAcross, copyShort, moveWithin } from '../memory/copy.ts';
import { formatInteger, integerHigh, integerLow, isCanonicalInteger, TEXT_VIEW } from './integer64.ts';

export const HEADER_BYTES = 6;
/** A listpack without entries: the header and the end mark. */
export const EMPTY_BYTES = 7;
export const UNKNOWN_COUNT = 0xffff;

const END = 0xff;
const INT16 = 0xf1;
const INT24 = 0xf2;
const INT32 = 0xf3;
const INT64 = 0xf4;
const STRING32 = 0xf0;
/** `mark & SHORT_MASK` of a string of up to 63 bytes: the mark, its lower bits the length, the bytes, one byte back length. */
export const SHORT_STRING = 0x80;
export const SHORT_MASK = 0xc0;
/** `mark & MEDIUM_MASK` of a string of up to 4,095 bytes: the lower bits and one byte more are the length. */
export const MEDIUM_STRING = 0xe0;
export const MEDIUM_MASK = 0xf0;

/** What `decode` found. One object for all: good until the next call. */
class Item {
  isInteger = false;
  /** The value when it is an integer within ±(2^53 - 1), else NaN. */
  integer = Number.NaN;
  /** The halves of a 64-bit integer. */
  low = 0;
  high = 0;
  /** Where its bytes are: an integer's text is in a scratch buffer. */
  view: DataView = TEXT_VIEW;
  start = 0;
  length = 0;
}

export const item = new Item();

// ── header ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Makes an empty listpack of EMPTY_BYTES. */
export function empty(view: DataView, at: number): void {
  writeHeader(view, at, EMPTY_BYTES, 0);
  view.setUint8(at + HEADER_BYTES, END);
}

/** All bytes, header and end mark included. */
export function totalBytes(view: DataView, at: number): number {
  return view.getUint32(at, true);
}

/** Entries. Walks through all of them when there are 65535 or more. */
export function count(view: DataView, at: number): number {
  const known = view.getUint16(at + 4, true);
  if (known !== UNKNOWN_COUNT) return known;
  let n = 0;
  for (let p = at + HEADER_BYTES; view.getUint8(p) !== END; p += entryBytes(view, p)) n++;
  if (n < UNKNOWN_COUNT) view.setUint16(at + 4, n, true);
  return n;
}

/** Makes a listpack of entries that are there already, so many bytes of them behind the header's place. */
export function close(view: DataView, at: number, bytes: number, entries: number): void {
  writeHeader(view, at, bytes + EMPTY_BYTES, entries);
  view.setUint8(at + HEADER_BYTES + bytes, END);
}

function writeHeader(view: DataView, at: number, bytes: number, entries: number): void {
  view.setUint32(at, bytes, true);
  view.setUint16(at + 4, entries > UNKNOWN_COUNT ? UNKNOWN_COUNT : entries, true);
}

/** Adds to the header's figures. */
function grow(view: DataView, at: number, bytes: number, entries: number): void {
  view.setUint32(at, view.getUint32(at, true) + bytes, true);
  const known = view.getUint16(at + 4, true);
  if (known !== UNKNOWN_COUNT) view.setUint16(at + 4, known + entries, true);
}

// ── walking ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The first entry. */
export function first(view: DataView, at: number): number {
  const p = at + HEADER_BYTES;
  return view.getUint8(p) === END ? 0 : p;
}

/** The last entry. */
export function last(view: DataView, at: number): number {
  return prev(view, at, end(view, at));
}

/** Where the end mark is: what is inserted before it becomes the last entry. */
export function end(view: DataView, at: number): number {
  return at + view.getUint32(at, true) - 1;
}

export function next(view: DataView, p: number): number {
  const q = p + entryBytes(view, p);
  return view.getUint8(q) === END ? 0 : q;
}

/** The entry before the one at p, or before the end mark. */
export function prev(view: DataView, at: number, p: number): number {
  if (p <= at + HEADER_BYTES) return 0;
  const size = view.getUint8(p - 1);
  if (size < 0x80) return p - 1 - size;
  const payload = readBacklen(view, p - 1);
  return p - payload - backlenBytes(payload);
}

/** The entry of an index from 0, or from the end: -1 is the last. */
export function seek(view: DataView, at: number, index: number): number {
  const known = view.getUint16(at + 4, true);
  let n = index;
  if (known !== UNKNOWN_COUNT) {
    if (n < 0) n += known;
    if (n < 0 || n >= known) return 0;
    if (n > known >> 1) n -= known;
  }
  if (known === UNKNOWN_COUNT) return seekUncounted(view, at, n);
  if (n >= 0) {
    let p = at + HEADER_BYTES;
    for (; n > 0; n--) {
      const mark = view.getUint8(p);
      p += mark >= 0x80 && mark < 0xc0 ? (mark & 0x3f) + 2 : entryBytes(view, p);
    }
    return p;
  }
  let p = end(view, at);
  for (; n < 0; n++) {
    const size = view.getUint8(p - 1);
    p = size < 0x80 ? p - 1 - size : prev(view, at, p);
  }
  return p;
}

function seekUncounted(view: DataView, at: number, index: number): number {
  if (index >= 0) {
    let p = first(view, at);
    for (let n = index; n > 0 && p !== 0; n--) p = next(view, p);
    return p;
  }
  let p = last(view, at);
  for (let n = index + 1; n < 0 && p !== 0; n++) p = prev(view, at, p);
  return p;
}

/** Bytes of the entry, its backlen included. */
export function entryBytes(view: DataView, p: number): number {
  const mark = view.getUint8(p);
  if (mark < 0x80) return 2;
  if (mark < 0xc0) return (mark & 0x3f) + 2;
  const payload = payloadBytes(view, p, mark);
  return payload + backlenBytes(payload);
}

/** Bytes of encoding and data; 0 for what is no entry. */
function payloadBytes(view: DataView, p: number, mark: number): number {
  if (mark < 0x80) return 1;
  if (mark < 0xc0) return (mark & 0x3f) + 1;
  if (mark < 0xe0) return 2;
  if (mark < 0xf0) return (((mark & 0xf) << 8) | view.getUint8(p + 1)) + 2;
  if (mark === STRING32) return view.getUint32(p + 1, true) + 5;
  if (mark === INT64) return 9;
  return mark <= INT32 ? mark - 0xee : 0; // f1 f2 f3: 3 4 5
}

/** Redis takes one byte more than it must for 16383, 2097151 and 268435455. */
function backlenBytes(payload: number): number {
  if (payload <= 127) return 1;
  if (payload < 16_383) return 2;
  if (payload < 2_097_151) return 3;
  return payload < 268_435_455 ? 4 : 5;
}

/** Seven bits a byte, the highest first; all but the first byte have the top bit set. */
function writeBacklen(view: DataView, p: number, payload: number): void {
  if (payload <= 127) {
    view.setUint8(p, payload);
    return;
  }
  let rest = payload;
  let q = p + backlenBytes(payload) - 1;
  for (; q > p; q--) {
    view.setUint8(q, (rest & 127) | 128);
    rest >>>= 7;
  }
  view.setUint8(p, rest);
}

/** The backlen whose last byte is at p; -1 for more than five bytes. */
function readBacklen(view: DataView, p: number): number {
  let value = 0;
  let factor = 1;
  for (let q = p; q > p - 5; q--) {
    const byte = view.getUint8(q);
    value += (byte & 127) * factor;
    if (byte < 128) return value;
    factor *= 128;
  }
  return -1;
}

// ── reading ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Reads the entry at p into `item`. */
export function decode(view: DataView, p: number): void {
  const mark = view.getUint8(p);
  if (mark >= 0x80 && mark < 0xc0) {
    setString(view, p + 1, mark & 0x3f);
  } else if (mark >= 0xe0 && mark <= STRING32) {
    const head = mark < 0xf0 ? 2 : 5;
    setString(view, p + head, payloadBytes(view, p, mark) - head);
  } else if (mark === INT64) {
    setInteger(view.getInt32(p + 1, true), view.getInt32(p + 5, true));
  } else {
    const value = smallInteger(view, p, mark);
    setInteger(value, value >> 31);
  }
}

function setString(view: DataView, start: number, length: number): void {
  item.isInteger = false;
  item.integer = Number.NaN;
  item.view = view;
  item.start = start;
  item.length = length;
}

function setInteger(low: number, high: number): void {
  const value = high * 4_294_967_296 + (low >>> 0);
  item.isInteger = true;
  item.integer = Number.isSafeInteger(value) ? value : Number.NaN;
  item.low = low;
  item.high = high;
  item.view = TEXT_VIEW;
  item.length = formatInteger(low, high);
  item.start = TEXT_VIEW.byteLength - item.length;
}

/** An integer of up to 32 bits. */
function smallInteger(view: DataView, p: number, mark: number): number {
  if (mark < 0x80) return mark;
  if (mark < 0xe0) return (((mark & 0x1f) << 27) | (view.getUint8(p + 1) << 19)) >> 19;
  if (mark === INT16) return view.getInt16(p + 1, true);
  if (mark === INT24) return view.getUint16(p + 1, true) | (view.getInt8(p + 3) << 16);
  return view.getInt32(p + 1, true);
}

function isIntegerMark(mark: number): boolean {
  return mark < 0x80 || (mark >= 0xc0 && mark < 0xe0) || mark > STRING32;
}

// ── comparing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What `matches` looks for. Its integer is parsed when the first entry that is one is met. */
let needleView: DataView = TEXT_VIEW;
let needleStart = 0;
let needleLength = 0;
let needleKind = 0; // 0 not parsed, 1 an integer, 2 none
let needleLow = 0;
let needleHigh = 0;

/** Sets what `matches` compares with: bytes that stay where they are meanwhile. */
export function setNeedle(view: DataView, start: number, length: number): void {
  needleView = view;
  needleStart = start;
  needleLength = length;
  needleKind = 0;
}

/** True when the entry at p has the needle's bytes; integers are compared by value. */
export function matches(view: DataView, p: number): boolean {
  const mark = view.getUint8(p);
  if (mark >= 0x80 && mark < 0xc0) return (mark & 0x3f) === needleLength && needleIs(view, p + 1);
  if (isIntegerMark(mark)) return needleIsInteger(view, p, mark);
  const head = mark < 0xf0 ? 2 : 5;
  return payloadBytes(view, p, mark) - head === needleLength && needleIs(view, p + head);
}

function needleIs(view: DataView, start: number): boolean {
  const n = needleLength;
  const other = needleView;
  let q = needleStart;
  let p = start;
  const stop = start + n;
  for (; p <= stop - 4; p += 4, q += 4) if (view.getInt32(p, true) !== other.getInt32(q, true)) return false;
  for (; p < stop; p++, q++) if (view.getUint8(p) !== other.getUint8(q)) return false;
  return true;
}

function needleIsInteger(view: DataView, p: number, mark: number): boolean {
  if (needleKind === 0) {
    needleKind = isCanonicalInteger(needleView, needleStart, needleLength) ? 1 : 2;
    needleLow = integerLow();
    needleHigh = integerHigh();
  }
  if (needleKind === 2) return false;
  if (mark === INT64) {
    return view.getInt32(p + 1, true) === needleLow && view.getInt32(p + 5, true) === needleHigh;
  }
  const value = smallInteger(view, p, mark);
  return value === needleLow && value >> 31 === needleHigh;
}

/** True when the entry at p has these bytes. */
export function equals(view: DataView, p: number, other: DataView, start: number, length: number): boolean {
  setNeedle(other, start, length);
  return matches(view, p);
}

/** The first entry from p on with these bytes, where after each one that is not, `skip` entries are left out; or 0. */
export function find(view: DataView, p: number, skip: number, other: DataView, start: number, length: number): number {
  if (p === 0) return 0;
  setNeedle(other, start, length);
  // Most entries are short strings, and those of one listpack are alike at their beginning: the last four bytes come first.
  const last = length >= 4 ? other.getInt32(start + length - 4, true) : 0;
  for (let q = p; ; ) {
    const mark = view.getUint8(q);
    if (mark >= 0x80 && mark < 0xc0) {
      const n = mark & 0x3f;
      if (n === length && (n < 4 || view.getInt32(q + n - 3, true) === last) && needleIs(view, q + 1)) return q;
      q += n + 2;
    } else {
      if (matches(view, q)) return q;
      q += mark < 0x80 ? 2 : entryBytes(view, q);
    }
    let next = view.getUint8(q);
    for (let left = skip; left > 0 && next !== END; left--) {
      q += next < 0x80 ? 2 : next < 0xc0 ? (next & 0x3f) + 2 : entryBytes(view, q);
      next = view.getUint8(q);
    }
    if (next === END) return 0;
  }
}

// ── writing ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Bytes that an entry of these bytes takes: what inserting it needs. */
export function encodedBytes(view: DataView, start: number, length: number): number {
  if (isCanonicalInteger(view, start, length)) return integerEntryBytes(integerLow(), integerHigh());
  return stringEntryBytes(length);
}

/** Bytes that an entry of a 64-bit integer takes. */
export function integerEntryBytes(low: number, high: number): number {
  if (low >> 31 !== high) return 10;
  if (low >= 0 && low < 128) return 2;
  if (low >= -4096 && low < 4096) return 3;
  if (low >= -32_768 && low < 32_768) return 4;
  return low >= -8_388_608 && low < 8_388_608 ? 5 : 6;
}

function stringEntryBytes(length: number): number {
  if (length < 64) return length + 2;
  const payload = length + (length < 4096 ? 2 : 5);
  return payload + backlenBytes(payload);
}

/** Bytes that replacing the entry at p by these bytes adds; negative when it takes fewer. */
export function replaceNeed(view: DataView, p: number, from: DataView, start: number, length: number): number {
  return encodedBytes(from, start, length) - entryBytes(view, p);
}

/** Inserts before the entry (or end mark) at p, where the new entry then is. */
export function insert(view: DataView, at: number, p: number, from: DataView, start: number, length: number): void {
  if (isCanonicalInteger(from, start, length)) {
    insertInteger(view, at, p, integerLow(), integerHigh());
    return;
  }
  open(view, at, p, stringEntryBytes(length), 1);
  writeString(view, p, from, start, length);
}

/** As insert, of a 64-bit integer. */
export function insertInteger(view: DataView, at: number, p: number, low: number, high: number): void {
  open(view, at, p, integerEntryBytes(low, high), 1);
  writeInteger(view, p, low, high);
}

export function append(view: DataView, at: number, from: DataView, start: number, length: number): void {
  insert(view, at, end(view, at), from, start, length);
}

export function appendInteger(view: DataView, at: number, low: number, high: number): void {
  insertInteger(view, at, end(view, at), low, high);
}

/** Gives the entry at p other bytes. */
export function replace(view: DataView, at: number, p: number, from: DataView, start: number, length: number): void {
  if (isCanonicalInteger(from, start, length)) {
    replaceInteger(view, at, p, integerLow(), integerHigh());
    return;
  }
  reopen(view, at, p, stringEntryBytes(length));
  writeString(view, p, from, start, length);
}

/** As replace, by a 64-bit integer. */
export function replaceInteger(view: DataView, at: number, p: number, low: number, high: number): void {
  reopen(view, at, p, integerEntryBytes(low, high));
  writeInteger(view, p, low, high);
}

/** Removes the entry at p; what followed it is there then. Returns p, or 0 when it was the last. */
export function remove(view: DataView, at: number, p: number): number {
  open(view, at, p + entryBytes(view, p), -entryBytes(view, p), -1);
  return view.getUint8(p) === END ? 0 : p;
}

/** Removes the last entry; there is one. */
export function removeLast(view: DataView, at: number): void {
  const total = view.getUint32(at, true);
  const stop = at + total - 1;
  const size = view.getUint8(stop - 1);
  const p = size < 0x80 ? stop - 1 - size : prev(view, at, stop);
  view.setUint8(p, END);
  view.setUint32(at, total - (stop - p), true);
  const known = view.getUint16(at + 4, true);
  if (known !== UNKNOWN_COUNT) view.setUint16(at + 4, known - 1, true);
}

/** Removes up to n entries from the one at p on. Returns how many. */
export function deleteRange(view: DataView, at: number, p: number, n: number): number {
  let q = p;
  let removed = 0;
  for (; removed < n && view.getUint8(q) !== END; removed++) q += entryBytes(view, q);
  open(view, at, q, p - q, -removed);
  return removed;
}

/** Moves what is from p on by `bytes`, which may be negative, and counts `entries` more. */
function open(view: DataView, at: number, p: number, bytes: number, entries: number): void {
  const stop = at + view.getUint32(at, true);
  if (p === stop - 1) view.setUint8(p + bytes, END);
  else moveWithin(view, p + bytes, p, stop - p);
  grow(view, at, bytes, entries);
}

/** Makes the entry at p one of `bytes`. */
function reopen(view: DataView, at: number, p: number, bytes: number): void {
  const old = entryBytes(view, p);
  if (bytes !== old) open(view, at, p + old, bytes - old, 0);
}

// ── growing at the front ───────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Prepends without moving the entries: the header moves down instead. There are encodedBytes() free before the listpack.
 * Returns where it begins now.
 */
export function prependDown(view: DataView, at: number, from: DataView, start: number, length: number): number {
  return prependMeasured(view, at, measure(from, start, length), from, start, length);
}

/** As encodedBytes, keeping what it found for prependMeasured or appendMeasured of the same bytes, called next. */
export function measure(from: DataView, start: number, length: number): number {
  measuredInteger = isCanonicalInteger(from, start, length);
  return measuredInteger ? integerEntryBytes(integerLow(), integerHigh()) : stringEntryBytes(length);
}

let measuredInteger = false;

/** prependDown of what `measure` returned `bytes` for. */
export function prependMeasured(
  view: DataView,
  at: number,
  bytes: number,
  from: DataView,
  start: number,
  length: number,
): number {
  const total = view.getUint32(at, true);
  const known = view.getUint16(at + 4, true);
  const moved = at - bytes;
  view.setUint32(moved, total + bytes, true);
  view.setUint16(moved + 4, known < UNKNOWN_COUNT ? known + 1 : known, true);
  if (measuredInteger) writeInteger(view, moved + HEADER_BYTES, integerLow(), integerHigh());
  else writeString(view, moved + HEADER_BYTES, from, start, length);
  return moved;
}

/** append of what `measure` returned `bytes` for. */
export function appendMeasured(
  view: DataView,
  at: number,
  bytes: number,
  from: DataView,
  start: number,
  length: number,
): void {
  const total = view.getUint32(at, true);
  const known = view.getUint16(at + 4, true);
  const p = at + total - 1;
  view.setUint32(at, total + bytes, true);
  if (known < UNKNOWN_COUNT) view.setUint16(at + 4, known + 1, true);
  if (measuredInteger) writeInteger(view, p, integerLow(), integerHigh());
  else writeString(view, p, from, start, length);
  view.setUint8(p + bytes, END);
}

/**
 * Removes the first n entries, of which there are so many, without moving the others: the header moves up instead. Returns
 * where the listpack begins now.
 */
export function removeFirstUp(view: DataView, at: number, n: number): number {
  const bytes = view.getUint32(at, true);
  const known = view.getUint16(at + 4, true);
  let p = at + HEADER_BYTES;
  for (let left = n; left > 0; left--) p += entryBytes(view, p);
  const moved = p - HEADER_BYTES;
  writeHeader(view, moved, bytes - (moved - at), known === UNKNOWN_COUNT ? known : known - n);
  return moved;
}

// ── encoding ───────────────────────────────────────────────────────────────────────────────────────────────────────────

function writeString(view: DataView, p: number, from: DataView, start: number, length: number): void {
  if (length < 64) {
    view.setUint8(p, 0x80 | length);
    copyShort(view, p + 1, from, start, length);
    view.setUint8(p + 1 + length, length + 1);
    return;
  }
  let head = 2;
  if (length < 4096) {
    view.setUint8(p, 0xe0 | (length >> 8));
    view.setUint8(p + 1, length & 0xff);
  } else {
    head = 5;
    view.setUint8(p, STRING32);
    view.setUint32(p + 1, length, true);
  }
  copyAcross(view, p + head, from, start, length);
  writeBacklen(view, p + head + length, head + length);
}

function writeInteger(view: DataView, p: number, low: number, high: number): void {
  const bytes = integerEntryBytes(low, high);
  switch (bytes) {
    case 2:
      view.setUint8(p, low);
      break;
    case 3:
      view.setUint8(p, 0xc0 | ((low >> 8) & 0x1f));
      view.setUint8(p + 1, low & 0xff);
      break;
    case 4:
      view.setUint8(p, INT16);
      view.setInt16(p + 1, low, true);
      break;
    case 5:
      view.setUint8(p, INT24);
      view.setUint16(p + 1, low & 0xffff, true);
      view.setInt8(p + 3, low >> 16);
      break;
    case 6:
      view.setUint8(p, INT32);
      view.setInt32(p + 1, low, true);
      break;
    default:
      view.setUint8(p, INT64);
      view.setInt32(p + 1, low, true);
      view.setInt32(p + 5, high, true);
  }
  view.setUint8(p + bytes - 1, bytes - 1);
}

// ── untrusted bytes ────────────────────────────────────────────────────────────────────────────────────────────────────

/** True when `bytes` bytes at `at`, from anywhere, are a listpack whose every entry can be walked in both directions. */
export function validate(view: DataView, at: number, bytes: number): boolean {
  if (bytes < EMPTY_BYTES || view.getUint32(at, true) !== bytes) return false;
  const stop = at + bytes - 1;
  if (view.getUint8(stop) !== END) return false;
  let p = at + HEADER_BYTES;
  let n = 0;
  for (; p < stop; n++) {
    const mark = view.getUint8(p);
    if (p + headBytes(mark) > stop) return false;
    const payload = payloadBytes(view, p, mark);
    const after = p + payload + backlenBytes(payload);
    if (payload === 0 || after > stop || readBacklen(view, after - 1) !== payload) return false;
    p = after;
  }
  const known = view.getUint16(at + 4, true);
  return known === UNKNOWN_COUNT || known === n;
}

/** Bytes from which an entry's size can be told. */
function headBytes(mark: number): number {
  return mark >= 0xe0 && mark < 0xf0 ? 2 : mark === STRING32 ? 5 : 1;
}
