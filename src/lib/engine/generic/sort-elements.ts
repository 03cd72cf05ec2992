/**
 * What SORT sorts: copies of elements, one behind the other, and the order that they are to have. Copies, because to look up
 * what BY and GET name may remove keys whose time is over, among them the one that is sorted.
 *
 *   bytes   │ element 0 │ element 1 │ …        order  │ 2 0 1 … │
 *   start, length, score, weight    by element
 */
import { copyAcross } from '../../memory/copy.ts';
import { simpleDecimal } from '../../store/score.ts';
import { sortableDouble } from '../double.ts';

const FIRST_BYTES = 4096;

/** Bytes in any view: `length` of them at `start`. */
export class Bytes {
  view: DataView = new DataView(new SharedArrayBuffer(8));
  start = 0;
  length = 0;

  set(view: DataView, start: number, length: number): void {
    this.view = view;
    this.start = start;
    this.length = length;
  }
}

export class SortElements {
  private view = new DataView(new SharedArrayBuffer(FIRST_BYTES));
  private used = 0;
  private readonly starts: number[] = [];
  private readonly lengths: number[] = [];

  get count(): number {
    return this.starts.length;
  }

  /** Adds a copy. Throws a RangeError when there is no memory for it. */
  add(view: DataView, start: number, length: number): void {
    if (this.used + length > this.view.byteLength) {
      const longer = new DataView(new SharedArrayBuffer(Math.max(this.view.byteLength * 2, this.used + length)));
      copyAcross(longer, 0, this.view, 0, this.used);
      this.view = longer;
    }
    copyAcross(this.view, this.used, view, start, length);
    this.starts.push(this.used);
    this.lengths.push(length);
    this.used += length;
  }

  /** Points at element `i`. */
  load(i: number, into: Bytes): void {
    into.set(this.view, this.starts[i], this.lengths[i]);
  }

  /** The number that element `i` spells; NaN when it is none. */
  number(i: number): number {
    return numberOf(this.view, this.starts[i], this.lengths[i]);
  }

  /** Below 0, 0 or above: the order of two elements' bytes, all of them or (`toNul`) those before the first NUL. */
  compare(a: number, b: number, toNul: boolean): number {
    const { view } = this;
    let p = this.starts[a];
    let q = this.starts[b];
    const left = this.lengths[a];
    const right = this.lengths[b];
    for (const stop = p + Math.min(left, right); p < stop; p++, q++) {
      const x = view.getUint8(p);
      const y = view.getUint8(q);
      if (x !== y) return x - y;
      if (toNul && x === 0) return 0;
    }
    if (!toNul) return left - right;
    // What the longer one has more counts only if it is not a NUL that comes next.
    if (left === right) return 0;
    return (left > right ? view.getUint8(p) : view.getUint8(q)) === 0 ? 0 : left - right;
  }
}

/** The number that bytes spell, as strtod reads it; NaN when they are none, or one that is out of range. */
export function numberOf(view: DataView, start: number, length: number): number {
  const simple = simpleDecimal(view, start, length);
  if (!Number.isNaN(simple)) return simple;
  return sortableDouble(Buffer.from(view.buffer, view.byteOffset + start, length).toString('latin1'));
}
