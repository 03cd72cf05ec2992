/**
 * Both indexes of sorted sets against a sorted array: every answer at every size, ties by bytes, infinite scores, growth and
 * shrinking from either end, and memory that is all given back.
 */
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/lib/random.ts';
import { Arena, byteOf, chunkOf } from '../../src/lib/store/arena.ts';
import { BTree } from '../../src/lib/store/ordered/btree.ts';
import { compareBytes, compareMembers, compareWithBytes } from '../../src/lib/store/ordered/compare.ts';
import type { OrderedIndex } from '../../src/lib/store/ordered/ordered-index.ts';
import { Skiplist } from '../../src/lib/store/ordered/skiplist.ts';
import { RecordTable } from '../../src/lib/store/record-table.ts';
import { RefList } from '../../src/lib/store/table.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_240_711);
const TYPE_ZSET = 3;

interface Entry {
  score: number;
  bytes: Buffer;
  ref: number;
}

const before = (a: Entry, b: Entry): number => a.score - b.score || Buffer.compare(a.bytes, b.bytes);

class Subject {
  readonly arena = new Arena();
  readonly random: Random;
  readonly members: RecordTable;
  readonly index: OrderedIndex;
  readonly emptyBytes: number;
  readonly model: Entry[] = [];
  readonly root: number;

  constructor(kind: 'btree' | 'skiplist', seed: number) {
    this.random = new Random(seed);
    this.members = new RecordTable(this.arena, Int32Array.of(seed, ~seed));
    this.index = kind === 'btree' ? new BTree(this.arena) : new Skiplist(this.arena, this.random);
    this.emptyBytes = this.arena.usedBytes;
    this.members.create();
    this.root = this.index.create();
  }

  /** Where an entry is in the model, or would be. */
  place(entry: Entry): number {
    let low = 0;
    let high = this.model.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (before(this.model[middle], entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  add(score: number, bytes: Buffer): void {
    const view = padded(bytes);
    const hash = this.members.hashOfBytes(view, 0, bytes.length);
    if (this.members.findBytes(view, 0, bytes.length, hash) !== 0) return;
    const ref = this.members.insertBytes(view, 0, bytes.length, hash, TYPE_ZSET, 8);
    const entry = { score, bytes, ref };
    expect(this.index.insert(score, ref)).toBe(true);
    this.model.splice(this.place(entry), 0, entry);
  }

  removeAt(rank: number): void {
    const [entry] = this.model.splice(rank, 1);
    expect(this.index.remove(entry.score, entry.ref)).toBe(true);
    this.members.remove(entry.ref);
  }

  rescore(rank: number, score: number): void {
    const entry = this.model[rank];
    const [low, high] = [this.model[rank - 1]?.score ?? -Infinity, this.model[rank + 1]?.score ?? Infinity];
    if (this.index.rescore(entry.score, entry.ref, score)) {
      expect(low <= score && score <= high).toBe(true);
      entry.score = score;
      return;
    }
    this.model.splice(rank, 1);
    expect(this.index.remove(entry.score, entry.ref)).toBe(true);
    entry.score = score;
    expect(this.index.insert(score, entry.ref)).toBe(true);
    this.model.splice(this.place(entry), 0, entry);
  }

  /** Everything that can be asked, at one random place. */
  check(): void {
    const { index, model } = this;
    index.open(this.root);
    expect(index.size).toBe(model.length);
    expect(index.seek(model.length)).toBe(false);
    expect(index.seek(-1)).toBe(false);
    if (model.length === 0) return;
    const rank = this.random.below(model.length);
    const entry = model[rank];
    expect(index.rank(entry.score, entry.ref)).toBe(rank);
    const first = model.findIndex((other) => other.score >= entry.score);
    const past = model.findLastIndex((other) => other.score <= entry.score) + 1;
    expect(index.belowScore(entry.score, false)).toBe(first);
    expect(index.belowScore(entry.score, true)).toBe(past);
    this.walk(rank, 200);
    const absent = Number.isFinite(entry.score) ? entry.score + 0.5 : 0.25;
    expect(index.remove(absent, entry.ref)).toBe(false);
  }

  /** From a rank on in both directions. */
  walk(rank: number, steps: number): void {
    const { index, model } = this;
    for (const direction of [1, -1]) {
      expect(index.seek(rank)).toBe(true);
      for (let at = rank, n = 0; n < steps; at += direction, n++) {
        if (index.score !== model[at].score || index.member !== model[at].ref) expect(at).toBe(-1);
        const more = direction > 0 ? index.next() : index.prev();
        if (more !== (model[at + direction] !== undefined)) expect(at).toBe(-2);
        if (!more) break;
      }
    }
  }

  end(): void {
    while (this.model.length > 0) this.removeAt(this.random.below(this.model.length));
    expect(this.index.size).toBe(0);
    this.members.destroy();
    expect(this.index.destroyStep(this.root, 10, new RefList())).toBe(false);
    expect(this.arena.usedBytes).toBe(this.emptyBytes);
  }
}

/** A view of bytes with what may be read after them. */
function padded(bytes: Uint8Array): DataView {
  const copy = new Uint8Array(bytes.length + 4).fill(0xee);
  copy.set(bytes);
  return new DataView(copy.buffer);
}

/** Scores that tie often, or hardly ever; some infinite. */
function randomScore(random: Random, distinct: number): number {
  const n = random.below(distinct);
  if (n === 0) return random.below(2) === 0 ? Infinity : -Infinity;
  return distinct > 1000 ? random.float() * 1e6 : n - 5;
}

/** Bytes with common beginnings, zeros and high bits. */
function randomBytes(random: Random): Buffer {
  const bytes = Buffer.from(
    Array.from({ length: random.below(14) }, () => [0, 1, 97, 98, 127, 128, 255][random.below(7)]),
  );
  return random.below(2) === 0 ? bytes : Buffer.concat([Buffer.from('a common beginning'), bytes]);
}

describe.each(['btree', 'skiplist'] as const)('%s', (kind) => {
  test.each([3, 20, 100_000])('is a sorted array whose scores are of %i kinds', (distinct) => {
    const subject = new Subject(kind, SEED + distinct);
    const { random, model } = subject;
    for (const [target, steps] of [
      [0, 50],
      [300, 1500],
      [7000, 12_000],
      [100, 10_000],
      [0, 500],
    ]) {
      for (let step = 0; step < steps; step++) {
        const grow = random.below(10) < (model.length < target ? 9 : 1);
        if (grow || model.length === 0) subject.add(randomScore(random, distinct), randomBytes(random));
        else if (random.below(4) === 0) subject.rescore(random.below(model.length), randomScore(random, distinct));
        else subject.removeAt(random.below(model.length));
        if (step % 53 === 0) subject.check();
      }
    }
    subject.end();
  });

  test('takes ascending and descending scores, and gives them up from either end', () => {
    const subject = new Subject(kind, SEED);
    const name = (i: number): Buffer => Buffer.from(`member ${i}`);
    for (let i = 0; i < 12_000; i++) subject.add(i, name(i));
    const ascending = subject.index.bytes;
    for (let i = 0; i < 12_000; i++) subject.add(-i, name(-i - 1));
    for (let i = 0; i < 200; i++) subject.check();
    expect(subject.index.bytes).toBeGreaterThan(ascending);
    for (let i = 0; i < 11_000; i++) {
      subject.removeAt(0);
      subject.removeAt(subject.model.length - 1);
      if (i % 101 === 0) subject.check();
    }
    if (subject.model.length > 0) subject.walk(0, subject.model.length);
    subject.end();
  });

  test('counts members before bytes when all scores are the same', () => {
    const subject = new Subject(kind, SEED);
    const { random, model, index } = subject;
    for (let i = 0; i < 8000; i++) subject.add(7, Buffer.concat([randomBytes(random), randomBytes(random)]));
    for (let i = 0; i < 300; i++) {
      const bytes = random.below(2) === 0 ? randomBytes(random) : model[random.below(model.length)].bytes;
      const view = padded(bytes);
      const below = model.filter((entry) => Buffer.compare(entry.bytes, bytes) < 0).length;
      const upTo = model.filter((entry) => Buffer.compare(entry.bytes, bytes) <= 0).length;
      expect(index.belowBytes(view, 0, bytes.length, false)).toBe(below);
      expect(index.belowBytes(view, 0, bytes.length, true)).toBe(upTo);
    }
    subject.end();
  });

  test('is destroyed in steps, naming every member once', () => {
    const subject = new Subject(kind, SEED);
    for (let i = 0; i < 20_000; i++) subject.add(subject.random.float(), Buffer.from(`m${i}`));
    const found = new RefList();
    let steps = 0;
    while (subject.index.destroyStep(subject.root, 500, found)) {
      steps++;
      expect(found.length).toBeLessThan(600 * steps);
    }
    expect(steps).toBeGreaterThan(20);
    expect([...found.refs.subarray(0, found.length)].sort()).toEqual(subject.model.map((entry) => entry.ref).sort());
    subject.members.destroy();
    expect(subject.arena.usedBytes).toBe(subject.emptyBytes);
  });

  test('refuses and stays whole without memory', () => {
    const subject = new Subject(kind, SEED);
    const { random, arena, index, model } = subject;
    for (let i = 0; i < 6000; i++) subject.add(random.float(), Buffer.from(`m${i}`));
    const spare = Buffer.from('spare');
    const refs: Entry[] = [];
    for (let i = 0; i < 3000; i++) {
      const bytes = Buffer.concat([spare, Buffer.from(String(i))]);
      const view = padded(bytes);
      const hash = subject.members.hashOfBytes(view, 0, bytes.length);
      const ref = subject.members.insertBytes(view, 0, bytes.length, hash, TYPE_ZSET, 8);
      refs.push({ score: random.float(), bytes, ref });
    }
    arena.limitBytes = arena.usedBytes + 1500;
    let refused = 0;
    for (const entry of refs) {
      if (index.insert(entry.score, entry.ref)) model.splice(subject.place(entry), 0, entry);
      else refused++;
    }
    expect(refused).toBeGreaterThan(0);
    subject.check();
    subject.walk(0, model.length);
    arena.limitBytes = Number.MAX_SAFE_INTEGER;
    subject.end();
  });
});

test('members compare as their bytes do', () => {
  const random = new Random(SEED);
  const arena = new Arena();
  const table = new RecordTable(arena, Int32Array.of(1, 2));
  table.create();
  const make = (bytes: Buffer): number => table.insertBytes(padded(bytes), 0, bytes.length, random.int32(), 3, 8);
  for (let i = 0; i < 20_000; i++) {
    const a = randomBytes(random);
    const b = random.below(3) === 0 ? Buffer.concat([a, randomBytes(random)]) : randomBytes(random);
    const expected = Buffer.compare(a, b);
    const [refA, refB] = [make(a), make(b)];
    expect(Math.sign(compareMembers(arena.words, refA, refB))).toBe(expected);
    expect(Math.sign(compareWithBytes(arena.words, refA, padded(b), 0, b.length))).toBe(expected);
    const start = byteOf(refA) + table.keyByte(refA);
    const order = compareBytes(arena.views[chunkOf(refA)], start, a.length, padded(b), 0, b.length);
    expect(Math.sign(order)).toBe(expected);
  }
});
