/**
 * Sorted sets in both forms and with both indexes against an array: members come, go and change their scores; the set is
 * copied, defragmented and measured meanwhile; at the end the arena is as it was.
 */
import { describe, expect, test } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { Random } from '../../src/lib/random.ts';
import { Arena } from '../../src/lib/store/arena.ts';
import { Keyspace } from '../../src/lib/store/keyspace.ts';
import { EMPTY_BYTES } from '../../src/lib/store/listpack.ts';
import { SortedSets } from '../../src/lib/store/sorted-sets.ts';
import { ROOTED, rootOf } from '../../src/lib/store/value-kind.ts';
import { ExpiryWheel } from '../../src/lib/store/wheel.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_240_825);
const TYPE_ZSET = 3;
const KEY = Buffer.from('key');
const ARGUMENT = 4096;

interface Entry {
  member: string;
  score: number;
}

class Subject {
  readonly random: Random;
  readonly arena = new Arena();
  readonly memory = new PacketMemory(1 << 20);
  readonly db: Keyspace;
  readonly set: SortedSets;
  readonly emptyBytes: number;
  model: Entry[] = [];

  constructor(seed: number, skiplists: boolean, maxPackedMembers: number) {
    this.random = new Random(seed);
    const hashKey = Int32Array.of(seed, ~seed);
    this.db = new Keyspace(this.arena, this.memory, hashKey, new ExpiryWheel(this.arena, 0), 0);
    this.set = new SortedSets(this.arena, hashKey, this.db, this.random);
    this.set.limits.skiplists = skiplists;
    this.set.limits.maxPackedMembers = maxPackedMembers;
    this.emptyBytes = this.arena.usedBytes;
    this.memory.u8.set(KEY, 1024);
    const ref = this.db.insert(1024, KEY.length, this.db.hash(1024, KEY.length), TYPE_ZSET, EMPTY_BYTES);
    this.set.createEmpty(this.db, ref);
  }

  /** Writes a member where arguments come from; returns its length. */
  argument(member: string): number {
    const bytes = Buffer.from(member);
    this.memory.u8.set(bytes, ARGUMENT);
    return bytes.length;
  }

  step(most: number): void {
    const { random, set, memory } = this;
    const member = random.below(4) === 0 ? String(random.below(most)) : `member ${random.below(most)}`;
    const length = this.argument(member);
    const place = set.find(memory.dv, ARGUMENT, length);
    const index = this.model.findIndex((entry) => entry.member === member);
    expect(place !== 0).toBe(index >= 0);
    const score = [random.below(20), random.float() * 10, -random.below(1e9), Infinity][random.below(4)];
    if (index < 0) {
      expect(set.add(memory.dv, ARGUMENT, length, score)).toBe(true);
      this.model.push({ member, score });
    } else if (random.below(3) === 0) {
      set.remove(place);
      this.model.splice(index, 1);
    } else if (score !== set.scoreAt(place)) {
      expect(set.rescore(place, memory.dv, ARGUMENT, length, score)).toBe(true);
      this.model[index].score = score;
    }
  }

  /** All of it, in order, and some ranks. */
  check(): void {
    const { set, model } = this;
    model.sort((a, b) =>
      a.score === b.score ? Buffer.compare(Buffer.from(a.member), Buffer.from(b.member)) : a.score - b.score,
    );
    set.open(this.db, set.ref);
    expect(set.size).toBe(model.length);
    const found: Entry[] = [];
    for (let more = set.seek(0); more; more = set.next()) {
      set.load();
      const bytes = new Uint8Array(set.view.buffer, set.start, set.length);
      found.push({ member: Buffer.from(bytes).toString(), score: set.score });
    }
    expect(found).toEqual(model);
    if (model.length === 0) return;
    const rank = this.random.below(model.length);
    expect(set.rankAt(set.find(this.memory.dv, ARGUMENT, this.argument(model[rank].member)))).toBe(rank);
    const { score } = model[rank];
    expect(set.belowScore(score, false)).toBe(model.findIndex((entry) => entry.score >= score));
    expect(set.belowScore(score, true)).toBe(model.findLastIndex((entry) => entry.score <= score) + 1);
  }

  get isRooted(): boolean {
    return (this.db.flags(this.set.ref) & ROOTED) !== 0;
  }

  get root(): number {
    return rootOf(this.arena.words, this.db, this.set.ref);
  }

  /** Housekeeping, which leaves the set as it is. */
  keepHouse(): void {
    const { set, db, arena } = this;
    expect(set.count(db, set.ref)).toBe(this.model.length);
    if (!this.isRooted) return;
    const flags = db.flags(set.ref);
    const before = arena.usedBytes;
    const copy = set.clone(this.root, flags);
    const copied = arena.usedBytes - before;
    expect(set.memoryBytes(copy, set.rootFlags, 0)).toBeLessThanOrEqual(copied);
    expect(set.memoryBytes(copy, set.rootFlags, 0)).toBeGreaterThan(copied / 2);
    while (set.release(copy, flags, 100));
    expect(arena.usedBytes).toBe(before);
    arena.sortSlabs();
    for (let cursor = set.defragment(this.root, flags, 0, 50, () => {}); cursor !== 0; ) {
      cursor = set.defragment(this.root, flags, cursor, 50, () => {});
    }
  }

  end(): void {
    const { set, db, arena } = this;
    if (this.isRooted) {
      const root = this.root;
      const flags = db.flags(set.ref);
      let steps = 0;
      while (set.release(root, flags, 64)) steps++;
      expect(steps).toBeGreaterThanOrEqual(Math.floor(this.model.length / 256));
    }
    db.remove(set.ref);
    expect(arena.usedBytes).toBe(this.emptyBytes);
  }
}

describe.each([
  ['packed', false, 1000, 60],
  ['B+tree', false, 0, 900],
  ['skiplist', true, 0, 900],
  ['packed, then B+tree', false, 100, 300],
  ['packed, then skiplist', true, 100, 300],
] as const)('%s', (_, skiplists, maxPackedMembers, most) => {
  test('is an ordered array of members', () => {
    const subject = new Subject(SEED + most + maxPackedMembers, skiplists, maxPackedMembers);
    for (let i = 0; i < 6000; i++) {
      subject.step(most);
      if (i % 101 === 0) subject.check();
      if (i % 701 === 0) subject.keepHouse();
      if (i % 1500 === 1499) {
        const { model, set, random } = subject;
        subject.check();
        const rank = random.below(model.length);
        const count = random.below(model.length - rank);
        set.removeRange(rank, count);
        set.trim();
        model.splice(rank, count);
        subject.check();
      }
    }
    subject.check();
    subject.end();
  });
});
