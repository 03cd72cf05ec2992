/**
 * The tree from IDs to values against a sorted array as the model: random changes, looked at from both ends and at random
 * places; what is freed is all of it; without memory nothing changes.
 */
import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/lib/random.ts';
import { Arena } from '../../../src/lib/store/arena.ts';
import { StreamId } from '../../../src/lib/store/stream/id.ts';
import { IdTree, TREE_WORDS } from '../../../src/lib/store/stream/id-tree.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 7);

interface Entry {
  id: bigint;
  value: number;
}

function newTree(arena: Arena): IdTree {
  const owner = arena.alloc(TREE_WORDS * 4 + 8);
  const tree = new IdTree(arena).open(owner, 2);
  arena.words[owner >>> 23].fill(0, ((owner & 0x7f_ffff) << 1) + 2, ((owner & 0x7f_ffff) << 1) + 2 + TREE_WORDS);
  return tree;
}

function toId(value: bigint): StreamId {
  const word = (shift: bigint): number => Number(BigInt.asIntN(32, value >> shift));
  return new StreamId().set(word(96n), word(64n), word(32n), word(0n));
}

function fromId(id: StreamId): bigint {
  const word = (n: number): bigint => BigInt(n >>> 0);
  return (word(id.msHigh) << 96n) | (word(id.msLow) << 64n) | (word(id.seqHigh) << 32n) | word(id.seqLow);
}

function forwards(tree: IdTree): Entry[] {
  const found: Entry[] = [];
  const id = new StreamId();
  for (let v = tree.first(); v !== 0; v = tree.next()) found.push({ id: fromId(tree.readId(id)), value: v });
  return found;
}

function backwards(tree: IdTree): Entry[] {
  const found: Entry[] = [];
  const id = new StreamId();
  for (let v = tree.last(); v !== 0; v = tree.prev()) found.push({ id: fromId(tree.readId(id)), value: v });
  return found.reverse();
}

describe('IdTree', () => {
  // How IDs come: in order, in reverse, all over 128 bits, and close together.
  const sources: [string, (random: Random, i: number) => bigint][] = [
    ['in order', (_, i) => BigInt(i + 1) << 64n],
    ['in reverse', (_, i) => BigInt(1_000_000 - i) << 64n],
    ['anywhere', (random) => [0, 0, 0, 0].reduce((id) => (id << 32n) | BigInt(random.int32() >>> 0), 0n)],
    ['close together', (random) => (BigInt(random.below(4)) << 64n) | BigInt(random.below(500))],
  ];
  for (const [name, source] of sources) {
    test(`IDs that come ${name}: as a sorted array`, () => {
      const random = new Random(SEED);
      const arena = new Arena();
      const before = arena.usedBytes;
      const tree = newTree(arena);
      const empty = arena.usedBytes;
      const model = new Map<bigint, number>();
      for (let i = 0; i < 6000; i++) {
        const grows = i < 4000 ? 0.75 : 0.2;
        const id = random.float() < grows || model.size === 0 ? source(random, i) : pick(random, model);
        if (model.has(id)) {
          expect(tree.find(toId(id))).toBe(model.get(id));
          expect(tree.remove(toId(id))).toBe(model.get(id));
          model.delete(id);
        } else {
          expect(tree.find(toId(id))).toBe(0);
          expect(tree.remove(toId(id))).toBe(0);
          expect(tree.insert(toId(id), i + 1)).toBe(true);
          model.set(id, i + 1);
        }
        expect(tree.size).toBe(model.size);
        if (i % 100 !== 0) continue;
        const sorted = sort(model);
        expect(forwards(tree)).toEqual(sorted);
        expect(backwards(tree)).toEqual(sorted);
        const at = model.size > 0 && random.below(2) === 0 ? pick(random, model) : source(random, random.below(6000));
        expect(tree.seek(toId(at))).toBe(sorted.find((entry) => entry.id >= at)?.value ?? 0);
        expect(tree.seekBack(toId(at))).toBe(sorted.findLast((entry) => entry.id <= at)?.value ?? 0);
        expect(arena.usedBytes - empty).toBeGreaterThanOrEqual(tree.bytes);
        expect(arena.usedBytes - empty).toBeLessThanOrEqual(tree.bytes * 1.1 + 64);
      }
      const values: number[] = [];
      while (tree.drain(17, (value) => values.push(value)) === 0);
      expect(values.sort((a, b) => a - b)).toEqual([...model.values()].sort((a, b) => a - b));
      expect(tree.size).toBe(0);
      expect(tree.bytes).toBe(0);
      expect(arena.usedBytes).toBe(empty);
      expect(empty).toBeGreaterThan(before);
    });
  }

  test('entries that come in order fill the leaves', () => {
    const tree = newTree(new Arena());
    for (let i = 1; i <= 100_000; i++) tree.insert(new StreamId().setSafe(i, 0), i);
    expect(tree.bytes / 100_000).toBeLessThan(21);
    for (let i = 1; i <= 100_000; i++) expect(tree.remove(new StreamId().setSafe(i, 0))).toBe(i);
    expect(tree.bytes).toBe(0);
  });

  test('nothing changes without memory', () => {
    const arena = new Arena();
    const tree = newTree(arena);
    const random = new Random(SEED);
    const model = new Map<bigint, number>();
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      const id = BigInt(random.int32() >>> 0) << 40n;
      if (model.has(id)) continue;
      arena.limitBytes = random.below(3) === 0 ? arena.usedBytes + random.below(2000) : 1 << 30;
      const used = arena.usedBytes;
      if (tree.insert(toId(id), i + 1)) model.set(id, i + 1);
      else {
        refused++;
        expect(arena.usedBytes).toBe(used);
      }
    }
    expect(refused).toBeGreaterThan(5);
    expect(forwards(tree)).toEqual(sort(model));
    expect(backwards(tree)).toEqual(sort(model));
  });
});

function pick(random: Random, model: Map<bigint, number>): bigint {
  let left = random.below(Math.min(model.size, 50));
  for (const id of model.keys()) if (left-- === 0) return id;
  return 0n;
}

function sort(model: Map<bigint, number>): Entry[] {
  const sorted = [...model].map(([id, value]) => ({ id, value }));
  return sorted.sort((a, b) => (a.id < b.id ? -1 : 1));
}
