/**
 * Values that nobody can reach any more and that are too large to be freed at once: they wait here, and each step frees a few
 * elements of the first. So removing a key of ten million elements stalls nobody.
 *
 *   bury(kind, root) ─▶ small: freed at once
 *                    └▶ large: │ kind root flags │ kind root flags │ … ─▶ step(budget)
 */
import type { ValueKind } from './value-kind.ts';

/** What is not larger than this many elements is freed at once. */
const AT_ONCE = 64;

interface Burial {
  readonly kind: ValueKind;
  readonly root: number;
  readonly flags: number;
}

export class Reaper {
  /** Large values that were freed in steps. */
  freed = 0;
  private readonly queue: Burial[] = [];
  private first = 0;

  /** Values that wait. */
  get pending(): number {
    return this.queue.length - this.first;
  }

  /** Takes over a root that no record names any more. */
  bury(kind: ValueKind, root: number, flags: number): void {
    if (kind.release(root, flags, AT_ONCE)) this.queue.push({ kind, root, flags });
  }

  /** Frees about `budget` elements. True when there is more. */
  step(budget: number): boolean {
    if (this.first === this.queue.length) return false;
    const { kind, root, flags } = this.queue[this.first];
    if (kind.release(root, flags, budget)) return true;
    this.first++;
    this.freed++;
    if (this.first < this.queue.length) {
      if (this.first >= 1024 && this.first * 2 > this.queue.length) this.compact();
      return true;
    }
    this.compact();
    return false;
  }

  private compact(): void {
    this.queue.splice(0, this.first);
    this.first = 0;
  }
}
