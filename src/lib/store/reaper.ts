/**
 * Values that nobody can reach any more and that are too large to be freed at once: they wait here, and each step frees a few
 * elements of the first ones. So removing a key of ten million elements stalls nobody, nor do ten thousand keys of a hundred
 * that expire together.
 *
 *   bury(kind, root) ─▶ small: freed at once, up to so many between two steps
 *                    └▶ large: │ kind root flags │ kind root flags │ … ─▶ step(budget)
 */
import type { ValueKind } from './value-kind.ts';

/** What is not larger than this many elements is freed at once; and values are freed in slices of so many. */
const AT_ONCE = 64;
/** Slices that are freed at once between two steps at most. */
const SLICES_AT_ONCE = 32;
/** In each millisecond this part of what waits is to go, as a power of two: it takes some seconds, however much it is … */
const PACE_SHIFT = 11;
/** … but that no step takes longer than about 1 ms. */
const PACE_MAX = 4096;

interface Burial {
  readonly kind: ValueKind;
  readonly root: number;
  readonly flags: number;
}

export class Reaper {
  /** Large values that were freed in steps. */
  freed = 0;
  /** Elements that wait, about. */
  burden = 0;
  private slicesAtOnce = SLICES_AT_ONCE;
  private readonly queue: Burial[] = [];
  private first = 0;

  /** Values that wait. */
  get pending(): number {
    return this.queue.length - this.first;
  }

  /** Takes over a root that no record names any more. */
  bury(kind: ValueKind, root: number, flags: number): void {
    const burden = kind.burden(root, flags);
    if (this.slicesAtOnce > 0) {
      this.slicesAtOnce--;
      if (!kind.release(root, flags, AT_ONCE)) return;
    }
    this.queue.push({ kind, root, flags });
    this.burden += burden;
  }

  /** Frees about `budget` elements, more when much waits. True when there is more. */
  step(budget: number): boolean {
    this.slicesAtOnce = SLICES_AT_ONCE;
    const pace = Math.min(PACE_MAX, this.burden >> PACE_SHIFT);
    for (let left = Math.max(budget, pace); left > 0 && this.first < this.queue.length; left -= AT_ONCE) {
      const { kind, root, flags } = this.queue[this.first];
      this.burden -= Math.min(this.burden, AT_ONCE);
      if (!kind.release(root, flags, Math.min(left, AT_ONCE))) this.forgetFirst();
    }
    return this.first < this.queue.length;
  }

  private forgetFirst(): void {
    this.first++;
    this.freed++;
    if (this.first === this.queue.length) {
      this.compact();
      this.burden = 0;
    } else if (this.first >= 1024 && this.first * 2 > this.queue.length) this.compact();
  }

  private compact(): void {
    this.queue.splice(0, this.first);
    this.first = 0;
  }
}
