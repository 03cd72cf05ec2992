/**
 * The hash table against a map, with hashes that are chosen to hurt: all equal, all in one place, in runs. After every step
 * that may rebuild something, the invariants of hash order and of the directory are checked slot by slot.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { Arena, chunkOf, wordOf } from '../../src/lib/store/arena.ts';
import * as segment from '../../src/lib/store/segment.ts';
import { HashTable, RefList } from '../../src/lib/store/table.ts';

/** A table and what must be in it: hash by ref. */
class Checked {
  readonly entries = new Map<number, number>();
  readonly table: HashTable;
  private nextRef = 1;

  constructor(arena: Arena, expected = 0) {
    this.table = new HashTable(arena);
    if (this.table.create(expected) === 0) throw new Error('no memory');
  }

  insert(hash: number): void {
    const ref = this.nextRef++;
    if (!this.table.insert(hash, ref)) throw new Error('no memory');
    this.entries.set(ref, hash);
  }

  remove(ref: number): void {
    const hash = this.entries.get(ref) ?? 0;
    const slot = this.table.seekEntry(hash, ref);
    expect(slot).toBeGreaterThan(0);
    this.table.remove(hash, slot);
    this.entries.delete(ref);
  }

  /** Removes every n-th entry, beginning anywhere. */
  removeSome(n: number, first: number): void {
    let i = first;
    for (const ref of [...this.entries.keys()]) if (i++ % n === 0) this.remove(ref);
  }

  check(): void {
    const { table, entries } = this;
    expect(table.size).toBe(entries.size);
    const found = new Map<number, number>();
    const depth = table['depth'];
    const directory = table['directory'].subarray(table['directoryAt'], table['directoryAt'] + (2 << depth));
    let bytes = directory.byteLength;
    let lastHash = -0x80000000;
    const chunks = table['chunks'];
    for (let entry = 0; entry < 1 << depth; ) {
      const ref = directory[entry * 2];
      const words = chunks[chunkOf(ref)];
      const base = wordOf(ref);
      const shape = words[base + segment.SHAPE];
      const named = 1 << (depth - segment.depthOf(shape));
      if (entry % named !== 0) throw new Error('a segment begins in the middle of its range');
      for (let i = 0; i < named; i++) {
        if (directory[(entry + i) * 2] !== ref || directory[(entry + i) * 2 + 1] !== shape)
          throw new Error('wrong entry');
      }
      const from = segment.firstSlot(base);
      const to = segment.endSlot(words, base);
      let count = 0;
      for (let slot = from; slot < to; slot += 2) {
        const hash = words[slot];
        if (words[slot + 1] === 0) {
          if (hash !== 0x7fffffff) throw new Error('an empty slot has a hash');
          continue;
        }
        if (hash < lastHash) throw new Error('hashes are out of order');
        if ((hash ^ segment.FLIP) >>> (32 - depth) < entry) throw new Error('a hash is in a segment after its own');
        if ((hash ^ segment.FLIP) >>> (32 - depth) >= entry + named)
          throw new Error('a hash is in a segment before its own');
        const home = from + segment.homeOf(shape, hash) * 2;
        if (slot < home) throw new Error('an entry is before its home');
        if (slot > home && words[slot - 1] === 0) throw new Error('an entry stands behind an empty slot');
        lastHash = hash;
        count++;
        found.set(words[slot + 1], hash);
      }
      if (words[to - 1] !== 0) throw new Error('the last slot is taken');
      if (words[base + segment.COUNT] !== count) throw new Error('the count is wrong');
      bytes += segment.bytesFor(segment.slotCount(words, base));
      entry += named;
    }
    expect(table.bytes).toBe(bytes);
    expect(found.size).toBe(entries.size);
    for (const [ref, hash] of entries) if (found.get(ref) !== hash) throw new Error('an entry is lost');
  }

  /** All refs, by collect() in steps. */
  collectAll(step: number): number[] {
    const refs: number[] = [];
    let cursor = 0;
    do {
      const list = new RefList();
      cursor = this.table.collect(cursor, step, list);
      refs.push(...list.refs.subarray(0, list.length));
    } while (cursor !== 0);
    return refs;
  }
}

/** Hashes of one kind, by number. */
const KINDS: Record<string, (i: number, random: Random) => number> = {
  random: (_i, random) => random.int32(),
  equal: () => 0x12345678,
  'few values': (i) => Math.imul(i % 5, 0x3779b97f),
  'one place': (_i, random) => 0x40000000 + random.below(3000),
  'low end': (i) => -0x80000000 + (i % 700),
  'high end': (i) => 0x7fffffff - (i % 700),
  'a run': (i) => (i << 8) | 0,
  'two halves': (i, random) => (i & 1 ? random.int32() : 0x7f000000 | (random.int32() & 0xffff)),
};

const kind = fc.constantFrom(...Object.keys(KINDS));
const step = fc.oneof(
  fc.record({ what: fc.constant('insert'), n: fc.oneof(fc.nat(40), fc.nat(900), fc.nat(9000)), kind }),
  fc.record({ what: fc.constant('remove'), n: fc.integer({ min: 1, max: 4 }), kind }),
);

describe('the hash table', () => {
  test('keeps its order and its entries through growth, splits, merges and shrinking', () => {
    const arena = new Arena();
    const empty = arena.usedBytes;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.integer(), (steps, seed) => {
        const random = new Random(seed);
        const checked = new Checked(arena);
        for (const { what, n, kind } of steps) {
          // Equal hashes are searched one by one: some thousand of them would be slow to remove.
          const count = kind === 'equal' || kind === 'few values' ? Math.min(n, 900) : n;
          if (what === 'insert') for (let i = 0; i < count; i++) checked.insert(KINDS[kind](i, random));
          else checked.removeSome(n, seed & 7);
          checked.check();
        }
        expect(checked.collectAll(37).sort()).toEqual([...checked.entries.keys()].sort());
        checked.removeSome(1, 0);
        checked.check();
        expect(checked.table.bytes).toBeLessThan(5000);
        checked.table.destroy();
        expect(arena.usedBytes).toBe(empty);
      }),
      { numRuns: 40 },
    );
  });

  test('splits and merges under a hundred thousand entries, and ends as small as it began', () => {
    const checked = new Checked(new Arena());
    const random = new Random(5);
    const begin = checked.table.bytes;
    for (let n = 0; n < 100_000; n++) checked.insert(random.int32());
    checked.check();
    expect(checked.table['depth']).toBeGreaterThanOrEqual(4);
    for (const keep of [2, 2, 2, 2, 3, 3, 3, 1]) {
      checked.removeSome(keep, keep === 1 ? 0 : 1);
      checked.check();
      const perEntry = checked.table.bytes / Math.max(checked.table.size, 16);
      expect(perEntry).toBeLessThan(90);
    }
    expect(checked.table.size).toBe(0);
    expect(checked.table.bytes).toBe(begin);
  });

  test('made for entries that come in order is as good as one that grew', () => {
    for (const expected of [1025, 5000, 60_000]) {
      const arena = new Arena();
      const used = arena.usedBytes;
      const random = new Random(expected);
      const checked = new Checked(arena, expected);
      const bytes = checked.table.bytes;
      const hashes = Int32Array.from({ length: expected }, () => random.int32()).sort();
      for (const hash of hashes) checked.insert(hash);
      checked.check();
      expect(checked.table.bytes).toBeLessThan(bytes * 1.3);
      for (let i = 0; i < expected; i++) checked.insert(random.int32());
      checked.check();
      for (let round = 0; checked.entries.size > 0; round++) checked.removeSome(round < 6 ? 2 : 1, round);
      checked.check();
      checked.table.destroy();
      expect(arena.usedBytes).toBe(used);
    }
  });

  test('does not grow its directory for hashes that nothing can part', () => {
    const checked = new Checked(new Arena());
    for (let i = 0; i < 20_000; i++) checked.insert(0x7ffffff0 + (i & 3));
    checked.check();
    expect(checked.table.bytes).toBeLessThan(20_000 * 60);
  });

  test('collects in hash order, never parting equal hashes, about as many as wanted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -300, max: 300 }), { maxLength: 400 }),
        fc.integer({ min: 1, max: 50 }),
        (hashes, wanted) => {
          const checked = new Checked(new Arena(64 << 20));
          for (const hash of hashes) checked.insert(Math.imul(hash, 0x01000193));
          const unsigned = (ref: number): number => ((checked.entries.get(ref) ?? 0) ^ 0x80000000) >>> 0;
          let cursor = 0;
          let last = -1;
          let visited = 0;
          do {
            const list = new RefList();
            const next = checked.table.collect(cursor, wanted, list);
            for (let i = 0; i < list.length; i++) {
              const hash = unsigned(list.refs[i]);
              expect(hash).toBeGreaterThanOrEqual(cursor);
              if (next !== 0) expect(hash).toBeLessThan(next);
              expect(hash).toBeGreaterThanOrEqual(last);
              last = hash;
            }
            const final = list.length > 0 ? unsigned(list.refs[list.length - 1]) : -1;
            const equal = [...checked.entries.keys()].filter((ref) => unsigned(ref) === final).length;
            expect(list.length).toBeLessThanOrEqual(wanted - 1 + equal);
            if (next !== 0) expect(next).toBeGreaterThan(cursor);
            visited += list.length;
            cursor = next;
          } while (cursor !== 0);
          expect(visited).toBe(hashes.length);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('chooses at random with equal chances', () => {
    const arena = new Arena();
    // With 13,100 and 26,200 entries some segments are split already, and some are not.
    for (const size of [1, 3, 100, 5200, 9000, 13_100, 26_200, 30_000]) {
      const checked = new Checked(arena);
      const random = new Random(size);
      const crowd = size === 30_000 ? 12_000 : 0; // in one place: that segment is longer than the others
      for (let i = 0; i < size; i++) checked.insert(i < crowd ? 0x12345678 : random.int32());
      // Sixteen parts of the hash range: each is drawn as often as it has entries, within five standard deviations.
      const entries = new Float64Array(16);
      for (const hash of checked.entries.values()) entries[(hash ^ 0x80000000) >>> 28]++;
      const draws = 16_000;
      const drawn = new Float64Array(16);
      for (let i = 0; i < draws; i++) {
        const hash = checked.entries.get(checked.table.randomRef(random));
        if (hash === undefined) throw new Error('drew what is not there');
        drawn[(hash ^ 0x80000000) >>> 28]++;
      }
      for (let part = 0; part < 16; part++) {
        const chance = entries[part] / size;
        const deviation = Math.sqrt(draws * chance * (1 - chance));
        expect(Math.abs(drawn[part] - draws * chance)).toBeLessThanOrEqual(5 * deviation);
      }
    }
  });

  test('finds a random entry among few left in a large or crowded table', () => {
    const checked = new Checked(new Arena());
    const random = new Random(11);
    expect(checked.table.randomRef(random)).toBe(0);
    for (let i = 0; i < 3000; i++) checked.insert(0x7ffffff0);
    for (let i = 0; i < 20_000; i++) checked.insert(random.int32());
    checked.removeSome(1, 0);
    checked.insert(-5);
    for (let i = 0; i < 50; i++) expect(checked.entries.has(checked.table.randomRef(random))).toBe(true);
  });

  test('refuses an entry without memory and stays whole', () => {
    const arena = new Arena(40_000);
    const checked = new Checked(arena);
    const random = new Random(3);
    let refused = 0;
    for (let i = 0; i < 6000; i++) {
      const hash = random.int32();
      if (checked.table.insert(hash, 1_000_000 + i)) checked.entries.set(1_000_000 + i, hash);
      else refused++;
    }
    expect(refused).toBeGreaterThan(1000);
    expect(arena.usedBytes).toBeLessThanOrEqual(40_000);
    checked.check();
    checked.removeSome(1, 0);
    checked.insert(77);
    checked.check();
  });
});
