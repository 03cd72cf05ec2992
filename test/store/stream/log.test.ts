/**
 * A stream's entries against an array as the model: random appending, deleting and trimming, with nodes of several sizes and
 * little memory; looked at from both ends, from random IDs, and by counts.
 */
import { describe, expect, test } from 'vitest';
import { Random } from '../../../src/lib/random.ts';
import { Arena } from '../../../src/lib/store/arena.ts';
import * as listpack from '../../../src/lib/store/listpack.ts';
import { StreamId } from '../../../src/lib/store/stream/id.ts';
import { Streams } from '../../../src/lib/store/stream/streams.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 11);
const STEPS = 4000;

interface Entry {
  /** ms · 2^64 + seq */
  id: bigint;
  text: string;
}

class Side {
  readonly random = new Random(SEED);
  readonly arena = new Arena();
  readonly streams = new Streams(this.arena);
  readonly root = this.streams.create();
  readonly entries: Entry[] = [];
  private readonly request = new DataView(new SharedArrayBuffer(1 << 16));
  private last = 0n;

  get log() {
    return this.streams.open(this.root);
  }

  append(): boolean {
    const { random, request } = this;
    const steps = [1n, 1n, 3n, 200n, 1n << 33n, 1n << 64n, 5n << 64n, (1n << 64n) - 2n, 1n << 98n];
    const id = this.last + steps[random.below(random.below(20) === 0 ? steps.length : 6)];
    const fields =
      random.below(3) > 0 ? ['a', 'b'] : Array.from({ length: 1 + random.below(3) }, () => `f${random.below(3)}`);
    const pieces = fields.flatMap((name) => [
      name,
      random.below(2) === 0 ? String(random.int32()) : 'v'.repeat(random.below(100)),
    ]);
    const [offsets, lengths] = [new Int32Array(pieces.length), new Int32Array(pieces.length)];
    let at = 3;
    for (const [i, piece] of pieces.entries()) {
      offsets[i] = at;
      lengths[i] = piece.length;
      for (const byte of Buffer.from(piece)) request.setUint8(at++, byte);
    }
    if (!this.log.append(toId(id), request, offsets, lengths, 0, fields.length)) return false;
    this.entries.push({ id, text: pieces.join(' ') });
    this.last = id;
    return true;
  }

  /** An ID of an entry, or one near it. */
  pick(): bigint {
    if (this.entries.length === 0) return this.last;
    const { id } = this.entries[this.random.below(this.entries.length)];
    return id + [0n, 0n, 0n, 1n, -1n, 1n << 64n][this.random.below(6)];
  }

  remove(): void {
    const id = this.pick();
    const index = this.entries.findIndex((entry) => entry.id === id);
    expect(this.log.remove(toId(id))).toBe(index >= 0);
    if (index >= 0) this.entries.splice(index, 1);
  }

  trim(): void {
    const { entries } = this;
    const id = this.pick();
    const byLength = this.random.below(2) === 0;
    const length = this.random.below(entries.length + 1);
    const gone = byLength ? entries.length - length : entries.filter((entry) => entry.id < id).length;
    const rough = this.random.below(2) === 0;
    const removed = this.log.trim(byLength ? length : -1, toId(id), rough, 0);
    if (rough) expect(removed).toBeLessThanOrEqual(gone);
    else expect(removed).toBe(gone);
    entries.splice(0, removed);
    const first = this.log.firstId(new StreamId());
    if (removed > 0) expect(fromId(first)).toBe(entries[0]?.id ?? 0n);
  }

  /** The entry that the cursor stands on. */
  here(): Entry {
    const { log } = this;
    const words: string[] = [];
    const element = (p: number): number => {
      listpack.decode(log.view, p);
      const { view, start, length } = listpack.item;
      words.push(Buffer.from(new Uint8Array(view.buffer).slice(start, start + length)).toString());
      return p + listpack.entryBytes(log.view, p);
    };
    let [name, value] = [log.names, log.values];
    for (let i = 0; i < log.fields; i++) {
      if (log.same) name = element(name);
      else value = element(value);
      value = element(value);
    }
    return { id: fromId(log.id), text: words.join(' ') };
  }

  check(): void {
    const { log, entries, random } = this;
    expect(log.length).toBe(entries.length);
    const [low, high] = [this.pick(), this.pick()];
    const within = entries.filter((entry) => entry.id >= low && entry.id <= high);
    const limit = random.below(3) === 0 ? 0 : 1 + random.below(30);
    const cut = (all: Entry[]): Entry[] => (limit > 0 ? all.slice(0, limit) : all);
    log.seek(toId(low));
    const forward: Entry[] = [];
    const n = low <= high ? log.countForward(toId(high), limit) : 0;
    for (let i = 0; i < n && log.next(); i++) forward.push(this.here());
    expect(forward).toEqual(cut(within));
    log.seekBack(toId(high));
    const back: Entry[] = [];
    const m = low <= high ? log.countBack(toId(low), limit) : 0;
    for (let i = 0; i < m && log.previous(); i++) back.push(this.here());
    expect(back).toEqual(cut(within.toReversed()));
    const last = new StreamId();
    expect(log.lastEntryId(last)).toBe(entries.length > 0);
    if (entries.length > 0) expect(fromId(last)).toBe(entries[entries.length - 1].id);
    for (const id of [low, high]) expect(log.find(toId(id))).toBe(entries.some((entry) => entry.id === id));
  }
}

function toId(value: bigint): StreamId {
  const word = (shift: bigint): number => Number(BigInt.asIntN(32, value >> shift));
  return new StreamId().set(word(96n), word(64n), word(32n), word(0n));
}

function fromId(id: StreamId): bigint {
  const word = (n: number): bigint => BigInt(n >>> 0);
  return (word(id.msHigh) << 96n) | (word(id.msLow) << 64n) | (word(id.seqHigh) << 32n) | word(id.seqLow);
}

describe('StreamLog', () => {
  for (const [entries, bytes] of [
    [100, 4096],
    [3, 0],
    [0, 500],
    [0, 0],
  ]) {
    test(`nodes of ${entries} entries and ${bytes} bytes: as an array`, () => {
      const side = new Side();
      side.log.nodeMaxEntries = entries;
      side.log.nodeMaxBytes = bytes;
      for (let i = 0; i < STEPS; i++) {
        const dice = side.random.below(100);
        // In turn long and short.
        if (dice < (i % 2000 < 1200 ? 80 : 45)) expect(side.append()).toBe(true);
        else if (dice < 97) side.remove();
        else if (dice < 99) side.check();
        else if (i % 7 === 0) side.trim();
      }
      side.check();
      while (side.streams.release(side.root, 0, 50));
      expect(side.arena.usedBytes).toBe(0);
    });
  }

  test('nothing changes without memory', () => {
    const side = new Side();
    let refused = 0;
    for (let i = 0; i < STEPS; i++) {
      side.arena.limitBytes = side.random.below(3) === 0 ? side.arena.usedBytes + side.random.below(500) : 1 << 30;
      const used = side.arena.usedBytes;
      if (!side.append()) {
        refused++;
        expect(side.arena.usedBytes).toBeLessThanOrEqual(used); // a full node may have been given back what it does not need
      }
      if (i % 50 === 0) side.check();
      if (i % 3 === 0) side.remove();
    }
    expect(refused).toBeGreaterThan(20);
    side.check();
  });

  test('nodes of sparse slabs move, and the cursor comes past all of them', () => {
    const side = new Side();
    side.log.nodeMaxEntries = 2;
    for (let i = 0; i < 5000; i++) side.append();
    while (side.entries.length > 1000) side.remove();
    side.arena.sortSlabs();
    let moved = 0;
    let cursor = 0;
    let steps = 0;
    do {
      cursor = side.streams.defragment(side.root, 0, cursor, 100, () => moved++);
      steps++;
      side.check();
    } while (cursor !== 0);
    expect(steps).toBeGreaterThan(1);
    expect(moved).toBeGreaterThan(10);
    side.check();
  });
});
