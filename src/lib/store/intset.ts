/**
 * An intset: a sorted array of different integers, byte for byte as Redis keeps and dumps it. All have the width that the
 * widest one ever needed; it never shrinks.
 *
 *   │ width u32: 2 4 8 │ count u32 │ integer │ integer │ …          little-endian, ascending
 *
 * The functions work in place on a view of the memory that the intset lies in; `at` is where it begins. Integers are two
 * 32-bit halves, low and high (integer64.ts). Whoever inserts has made sure of the room: `bytesWith`.
 */
import { moveWithin } from '../memory/copy.ts';

export const HEADER_BYTES = 8;
const WIDTH = 0;
const COUNT = 4;

let low = 0;
let high = 0;

/** The halves of the integer that `get` read. */
export function memberLow(): number {
  return low;
}

export function memberHigh(): number {
  return high;
}

/** Makes an empty intset of HEADER_BYTES. */
export function empty(view: DataView, at: number): void {
  view.setUint32(at + WIDTH, 2, true);
  view.setUint32(at + COUNT, 0, true);
}

export function count(view: DataView, at: number): number {
  return view.getUint32(at + COUNT, true);
}

/** All bytes, the header included. */
export function totalBytes(view: DataView, at: number): number {
  return HEADER_BYTES + view.getUint32(at + WIDTH, true) * view.getUint32(at + COUNT, true);
}

/** Bytes that an integer needs. */
export function widthOf(lowHalf: number, highHalf: number): number {
  if (lowHalf >> 31 !== highHalf) return 8;
  return (lowHalf << 16) >> 16 === lowHalf ? 2 : 4;
}

/** All bytes, with one integer more. */
export function bytesWith(view: DataView, at: number, lowHalf: number, highHalf: number): number {
  const width = Math.max(view.getUint32(at + WIDTH, true), widthOf(lowHalf, highHalf));
  return HEADER_BYTES + width * (count(view, at) + 1);
}

/** Reads the integer of an index; its halves are known then. */
export function get(view: DataView, at: number, index: number): void {
  read(view, at, index, view.getUint32(at + WIDTH, true));
}

function read(view: DataView, at: number, index: number, width: number): void {
  const p = at + HEADER_BYTES + index * width;
  if (width === 8) {
    low = view.getInt32(p, true);
    high = view.getInt32(p + 4, true);
  } else {
    low = width === 2 ? view.getInt16(p, true) : view.getInt32(p, true);
    high = low >> 31;
  }
}

function write(view: DataView, at: number, index: number, width: number, lowHalf: number, highHalf: number): void {
  const p = at + HEADER_BYTES + index * width;
  if (width === 2) view.setInt16(p, lowHalf, true);
  else view.setInt32(p, lowHalf, true);
  if (width === 8) view.setInt32(p + 4, highHalf, true);
}

/** Index of the integer; when it is not there, -1 less the index where it belongs. */
export function find(view: DataView, at: number, lowHalf: number, highHalf: number): number {
  const width = view.getUint32(at + WIDTH, true);
  let from = 0;
  let to = count(view, at);
  if (widthOf(lowHalf, highHalf) > width) return highHalf < 0 ? -1 : -1 - to;
  while (from < to) {
    const middle = (from + to) >>> 1;
    read(view, at, middle, width);
    if (high < highHalf || (high === highHalf && low >>> 0 < lowHalf >>> 0)) from = middle + 1;
    else if (high === highHalf && low === lowHalf) return middle;
    else to = middle;
  }
  return -1 - from;
}

/** Inserts an integer where `find` said (index from 0) that it belongs. */
export function insert(view: DataView, at: number, index: number, lowHalf: number, highHalf: number): void {
  const old = view.getUint32(at + WIDTH, true);
  const width = Math.max(old, widthOf(lowHalf, highHalf));
  const n = count(view, at);
  if (width === old) {
    const p = at + HEADER_BYTES + index * width;
    moveWithin(view, p + width, p, (n - index) * width);
  } else {
    // What needs a greater width is before all others or behind them. From the end, so that nothing is overwritten unread.
    const shift = index === 0 ? 1 : 0;
    for (let i = n - 1; i >= 0; i--) {
      read(view, at, i, old);
      write(view, at, i + shift, width, low, high);
    }
    view.setUint32(at + WIDTH, width, true);
  }
  write(view, at, index, width, lowHalf, highHalf);
  view.setUint32(at + COUNT, n + 1, true);
}

/** Removes the integer of an index. */
export function remove(view: DataView, at: number, index: number): void {
  const width = view.getUint32(at + WIDTH, true);
  const n = count(view, at);
  const p = at + HEADER_BYTES + index * width;
  moveWithin(view, p, p + width, (n - index - 1) * width);
  view.setUint32(at + COUNT, n - 1, true);
}

/** True when `bytes` bytes at `at`, from anywhere, are an intset of at least one integer, in order and without doubles. */
export function validate(view: DataView, at: number, bytes: number): boolean {
  if (bytes < HEADER_BYTES) return false;
  const width = view.getUint32(at + WIDTH, true);
  const n = count(view, at);
  if ((width !== 2 && width !== 4 && width !== 8) || n === 0 || HEADER_BYTES + width * n !== bytes) return false;
  read(view, at, 0, width);
  for (let i = 1; i < n; i++) {
    const lowBefore = low;
    const highBefore = high;
    read(view, at, i, width);
    if (high < highBefore || (high === highBefore && low >>> 0 <= lowBefore >>> 0)) return false;
  }
  return true;
}
