/**
 * The timing wheel against a map of deadlines, over steps from a millisecond to years, with budgets that end in the middle of
 * everything.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Arena, chunkOf, wordOf } from '../../src/lib/store/arena.ts';
import { deadlineAt, HAS_EXPIRY, setDeadline } from '../../src/lib/store/record.ts';
import { ExpiryWheel } from '../../src/lib/store/wheel.ts';

const RECORD_BYTES = 24;
const DAY_MS = 86_400_000;
const START_MS = 1_700_000_000_123;

/** A wheel with records that are nothing but a deadline. */
class Clockwork {
  readonly arena: Arena;
  readonly wheel: ExpiryWheel;
  readonly owner = { index: 3 };
  readonly id: number;
  readonly waiting = new Map<number, number>();
  nowMs: number;

  constructor(arena: Arena, nowMs = START_MS) {
    this.arena = arena;
    this.nowMs = nowMs;
    this.wheel = new ExpiryWheel(arena, nowMs);
    this.id = this.wheel.register(this.owner);
  }

  add(atMs: number): number {
    const ref = this.arena.alloc(RECORD_BYTES);
    const words = this.arena.words[chunkOf(ref)];
    words[wordOf(ref)] = HAS_EXPIRY;
    setDeadline(words, wordOf(ref), atMs, this.id);
    expect(deadlineAt(words, wordOf(ref))).toBe(atMs);
    this.wheel.schedule(ref);
    // What is due already is reported with the next millisecond.
    this.waiting.set(ref, Math.max(atMs, this.nowMs + 1));
    return ref;
  }

  remove(ref: number): void {
    this.wheel.unlink(ref);
    this.waiting.delete(ref);
    this.arena.free(ref, RECORD_BYTES);
  }

  /** Moves the time on in calls of `budget`; checks that exactly what is due was reported, in order. Returns the calls. */
  advance(nowMs: number, budget: number): number {
    const due = [...this.waiting.values()].filter((atMs) => atMs <= nowMs).length;
    let reported = 0;
    let lastMs = 0;
    const report = (index: number, ref: number): void => {
      expect(index).toBe(this.owner.index);
      const atMs = this.waiting.get(ref) ?? Number.NaN;
      expect(atMs).toBeLessThanOrEqual(nowMs);
      expect(atMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = atMs;
      reported++;
      this.remove(ref);
    };
    let calls = 1;
    while (this.wheel.advance(nowMs, budget, report)) calls++;
    expect(reported).toBe(due);
    expect(this.wheel.size).toBe(this.waiting.size);
    this.nowMs = nowMs;
    return calls;
  }

  close(): void {
    for (const ref of [...this.waiting.keys()]) this.remove(ref);
  }
}

const delayMs = fc.oneof(
  fc.integer({ min: -5000, max: 3000 }),
  fc.integer({ min: 0, max: 600_000 }),
  fc.integer({ min: 0, max: 60 * DAY_MS }),
  fc.double({ min: 0, max: 400 * 365 * DAY_MS, noNaN: true }).map(Math.floor),
  fc.constantFrom(
    0,
    1,
    1023,
    1024,
    1025,
    262_143,
    262_144,
    2 ** 26 - 1,
    2 ** 26,
    2 ** 34 - 1,
    2 ** 34,
    2 ** 42,
    2 ** 42 + 1,
  ),
);
const stepMs = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 0, max: 5000 }),
  fc.integer({ min: 0, max: DAY_MS }),
  fc.integer({ min: 0, max: 55 * DAY_MS }),
  fc.constantFrom(1, 1024, 262_144, 2 ** 26, 2 ** 34),
);

describe('the expiry wheel', () => {
  test('reports every record when its time comes, none before, each once', () => {
    const arena = new Arena(64 * 1024 * 1024);
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ what: fc.constant('add' as const), ms: delayMs, pick: fc.nat() }) },
      { weight: 2, arbitrary: fc.record({ what: fc.constant('remove' as const), ms: fc.constant(0), pick: fc.nat() }) },
      { weight: 3, arbitrary: fc.record({ what: fc.constant('advance' as const), ms: stepMs, pick: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 50 }), (steps, budget) => {
        const clockwork = new Clockwork(arena);
        for (const { what, ms, pick } of steps) {
          if (what === 'add') clockwork.add(clockwork.nowMs + ms);
          else if (what === 'advance') clockwork.advance(clockwork.nowMs + ms, budget);
          else if (clockwork.waiting.size > 0)
            clockwork.remove([...clockwork.waiting.keys()][pick % clockwork.waiting.size]);
        }
        clockwork.advance(clockwork.nowMs + 500 * 365 * DAY_MS, budget);
        expect(clockwork.waiting.size).toBe(0);
        clockwork.close();
      }),
      { numRuns: 300 },
    );
  });

  test('works from any time, boundaries of its levels included', () => {
    const arena = new Arena(64 * 1024 * 1024);
    for (const startMs of [
      0,
      1,
      1023,
      1024,
      2 ** 18,
      2 ** 26 - 1,
      2 ** 34 - 1,
      2 ** 34,
      2 ** 42 - 2,
      2 ** 42,
      2 ** 45,
    ]) {
      const clockwork = new Clockwork(arena, startMs);
      for (let power = 1; power <= 2 ** 43; power *= 2)
        for (let d = -1; d <= 1; d++) clockwork.add(startMs + power + d);
      for (let power = 1; power <= 2 ** 43; power *= 2)
        for (let d = -1; d <= 1; d++) clockwork.advance(startMs + power + d, 7);
      expect(clockwork.waiting.size).toBe(0);
    }
  });

  test('says when it must be called next, never too late, and gets there in a few steps', () => {
    const arena = new Arena(64 * 1024 * 1024);
    fc.assert(
      fc.property(fc.array(delayMs, { minLength: 1, maxLength: 20 }), (delays) => {
        const clockwork = new Clockwork(arena);
        expect(clockwork.wheel.nextMs()).toBe(Number.POSITIVE_INFINITY);
        for (const ms of delays) clockwork.add(clockwork.nowMs + ms);
        let wakes = 0;
        while (clockwork.waiting.size > 0) {
          const nextMs = clockwork.wheel.nextMs();
          expect(nextMs).toBeGreaterThan(clockwork.nowMs);
          expect(nextMs).toBeLessThanOrEqual(Math.min(...clockwork.waiting.values()));
          clockwork.advance(nextMs, 1000);
          wakes++;
        }
        // One for each level that a deadline comes down, and one more each 138 years.
        expect(wakes).toBeLessThanOrEqual(delays.length * 9);
      }),
    );
  });

  test('never does more at once than its budget', () => {
    const clockwork = new Clockwork(new Arena(64 * 1024 * 1024));
    const records = 20_000;
    const atMs = (Math.floor(START_MS / 2 ** 26) + 3) * 2 ** 26;
    for (let i = 0; i < records; i++) clockwork.add(atMs + (i & 1));
    // Three days later all of them come down from the third level in one slot, and expire within two milliseconds.
    const calls = clockwork.advance(atMs + 1, 100);
    expect(calls).toBeGreaterThanOrEqual((2 * records) / 100);
    expect(calls).toBeLessThanOrEqual((2 * records) / 100 + 50);
    const fired = new Clockwork(new Arena(64 * 1024 * 1024));
    for (let i = 0; i < records; i++) fired.add(START_MS + 5);
    let inOneCall = 0;
    expect(fired.wheel.advance(START_MS + 5, 100, () => inOneCall++)).toBe(true);
    expect(inOneCall).toBeLessThanOrEqual(100);
  });

  test('passes years without records quickly', () => {
    const clockwork = new Clockwork(new Arena(64 * 1024 * 1024));
    expect(clockwork.advance(START_MS + 100 * 365 * DAY_MS, 10)).toBe(1);
    clockwork.add(clockwork.nowMs + 100 * 365 * DAY_MS);
    expect(clockwork.advance(clockwork.nowMs + 101 * 365 * DAY_MS, 20)).toBe(1);
  });

  test('waits when the clock goes backwards', () => {
    const clockwork = new Clockwork(new Arena(64 * 1024 * 1024));
    const ref = clockwork.add(START_MS + 100);
    const never = (): void => {
      throw new Error('reported too early');
    };
    expect(clockwork.wheel.advance(START_MS + 50, 100, never)).toBe(false);
    expect(clockwork.wheel.advance(START_MS - DAY_MS, 100, never)).toBe(false);
    expect(clockwork.wheel.advance(START_MS + 99, 100, never)).toBe(false);
    clockwork.add(START_MS + 10);
    expect(clockwork.wheel.advance(START_MS + 99, 100, never)).toBe(false);
    const reported: number[] = [];
    clockwork.wheel.advance(START_MS + 100, 100, (_index, expired) => reported.push(expired));
    expect(reported).toHaveLength(2);
    expect(reported).toContain(ref);
  });

  test('follows a record that moves, and reports the owner under its present number', () => {
    const clockwork = new Clockwork(new Arena(64 * 1024 * 1024));
    const { arena, wheel } = clockwork;
    const refs = [clockwork.add(START_MS + 5), clockwork.add(START_MS + 5), clockwork.add(START_MS + 5)];
    const moved = arena.alloc(RECORD_BYTES);
    arena.move(moved, 0, refs[1], 0, RECORD_BYTES);
    wheel.relocated(moved);
    arena.free(refs[1], RECORD_BYTES);
    clockwork.owner.index = 9;
    const reported: number[] = [];
    wheel.advance(START_MS + 5, 100, (index, ref) => {
      expect(index).toBe(9);
      reported.push(ref);
    });
    expect(reported).toEqual([refs[0], moved, refs[2]]);
  });

  test('drops the records of an owner that is gone', () => {
    const clockwork = new Clockwork(new Arena(64 * 1024 * 1024));
    const { wheel } = clockwork;
    for (let i = 0; i < 10; i++) clockwork.add(START_MS + i);
    wheel.disown(clockwork.id);
    const reported: number[] = [];
    wheel.advance(START_MS + 100, 100, (_index, ref) => reported.push(ref));
    expect(reported).toEqual([]);
    expect(wheel.size).toBe(0);
  });

  test('numbers owners from 1 on, 2,047 at most', () => {
    const wheel = new ExpiryWheel(new Arena(64 * 1024 * 1024), 0);
    const ids = new Set<number>();
    for (let id = wheel.register({ index: 0 }); id !== 0; id = wheel.register({ index: 0 })) ids.add(id);
    expect(ids.size).toBe(2047);
    wheel.unregister(5);
    expect(wheel.register({ index: 0 })).toBe(5);
  });
});
