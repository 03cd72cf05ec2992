/** What waits to be freed goes in steps that are bounded, and no slower than it comes. */
import { describe, expect, it } from 'vitest';
import { Reaper } from '../../src/lib/store/reaper.ts';
import type { ValueKind } from '../../src/lib/store/value-kind.ts';

/** Values that are numbers of elements, by root; counts what is freed. */
class Counted implements ValueKind {
  readonly left: number[] = [];
  freed = 0;
  add(elements: number): number {
    return this.left.push(elements) - 1;
  }
  burden(root: number): number {
    return this.left[root];
  }
  release(root: number, _flags: number, budget: number): boolean {
    const n = Math.min(budget, this.left[root]);
    this.left[root] -= n;
    this.freed += n;
    return this.left[root] > 0;
  }
  encoding(): string {
    return '';
  }
  count(): number {
    return 0;
  }
  clone(): number {
    return 0;
  }
  memoryBytes(): number {
    return 0;
  }
  defragment(): number {
    return 0;
  }
}

describe('the reaper', () => {
  it('frees small values at once, but not thousands of them between two steps', () => {
    const kind = new Counted();
    const reaper = new Reaper();
    reaper.bury(kind, kind.add(50), 0);
    expect([kind.freed, reaper.pending]).toEqual([50, 0]);
    for (let i = 0; i < 10_000; i++) reaper.bury(kind, kind.add(64), 0);
    expect(kind.freed).toBeLessThanOrEqual(4096);
    while (reaper.step(512));
    expect([kind.freed, reaper.pending, reaper.burden]).toEqual([50 + 640_000, 0, 0]);
  });

  it('frees as much in a step as it is given, of several values, and not much more when millions wait', () => {
    const kind = new Counted();
    const reaper = new Reaper();
    for (let i = 0; i < 100; i++) reaper.bury(kind, kind.add(100), 0);
    const before = kind.freed;
    reaper.step(512);
    expect(kind.freed - before).toBeGreaterThan(256);
    expect(kind.freed - before).toBeLessThanOrEqual(512);
    reaper.bury(kind, kind.add(100_000_000), 0);
    while (reaper.pending > 1) reaper.step(512);
    const between = kind.freed;
    reaper.step(512);
    expect(kind.freed - between).toBeLessThanOrEqual(4096);
  });

  it('keeps up with a client who makes three million elements unreachable in a second', () => {
    const kind = new Counted();
    const reaper = new Reaper();
    let made = 0;
    let most = 0;
    for (let ms = 0; ms < 20_000; ms++) {
      for (let i = 0; i < 3; i++) reaper.bury(kind, kind.add(1000), 0);
      made += 3000;
      reaper.step(512);
      most = Math.max(most, made - kind.freed);
    }
    expect(most).toBeLessThan(8_000_000);
  });
});
