/** Moving what stands in sparse slabs: nothing is lost or changed, and memory is given back. */
import { describe, expect, test } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { Random } from '../../src/lib/random.ts';
import { Arena } from '../../src/lib/store/arena.ts';
import { Defragmenter } from '../../src/lib/store/defragmenter.ts';
import { Keyspace } from '../../src/lib/store/keyspace.ts';
import { ExpiryWheel } from '../../src/lib/store/wheel.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 11);

class Store {
  readonly memory = new PacketMemory(1 << 20, 0);
  readonly at = this.memory.reserve(4096);
  readonly arena = new Arena();
  readonly wheel = new ExpiryWheel(this.arena, 0);
  readonly databases = [0, 1].map((i) => new Keyspace(this.arena, this.memory, Int32Array.of(1, 2), this.wheel, i));

  /** Bytes of the key in packet memory, and its hash. */
  key(id: number): [length: number, hash: number] {
    const bytes = Buffer.from(`key:${id}`);
    this.memory.u8.set(bytes, this.at);
    return [bytes.length, this.databases[0].hash(this.at, bytes.length)];
  }

  add(db: number, id: number, valueBytes: number): void {
    const [length, hash] = this.key(id);
    let ref = this.databases[db].insert(this.at, length, hash, 0, valueBytes);
    const from = ((ref & 0x7fffff) << 3) + this.databases[db].valueByte(ref);
    this.arena.bytes8[ref >>> 23].fill(id & 255, from, from + valueBytes);
    if (id % 3 === 0) ref = this.databases[db].setExpiry(ref, 1000 + id);
    expect(ref).not.toBe(0);
  }

  find(db: number, id: number): number {
    const [length, hash] = this.key(id);
    return this.databases[db].find(this.at, length, hash);
  }

  check(db: number, id: number, valueBytes: number): void {
    const ref = this.find(db, id);
    const keyspace = this.databases[db];
    expect([id, keyspace.valueLength(ref)]).toEqual([id, valueBytes]);
    const from = ((ref & 0x7fffff) << 3) + keyspace.valueByte(ref);
    const bytes = this.arena.bytes8[ref >>> 23].subarray(from, from + valueBytes);
    expect(bytes.every((byte) => byte === (id & 255))).toBe(true);
    expect(keyspace.expiry(ref)).toBe(id % 3 === 0 ? 1000 + id : -1);
  }
}

describe('defragmenting', () => {
  test('loses nothing, keeps deadlines, and empties sparse slabs, whatever happens between its steps', () => {
    const store = new Store();
    const random = new Random(SEED);
    const model = new Map<number, number>();
    const COUNT = 40_000;
    for (let id = 0; id < COUNT; id++) {
      const bytes = 10 + random.below(random.below(4) === 0 ? 2000 : 200);
      store.add(id & 1, id, bytes);
      model.set(id, bytes);
    }
    for (let id = 0; id < COUNT; id++) {
      if (random.below(10) === 0) continue;
      store.databases[id & 1].remove(store.find(id & 1, id));
      model.delete(id);
    }
    const idleBefore = store.arena.idleBytes;
    const defragmenter = new Defragmenter(store.arena, store.databases, []);
    let nextId = COUNT;
    for (let pass = 0; pass < 3; pass++) {
      defragmenter.start();
      while (defragmenter.running) {
        let looks = 0;
        defragmenter.step(() => looks++ > 3);
        // Between two steps, others go on.
        store.add(nextId & 1, nextId, 100);
        model.set(nextId++, 100);
        const victim = [...model.keys()][random.below(64)];
        store.databases[victim & 1].remove(store.find(victim & 1, victim));
        model.delete(victim);
      }
    }
    expect(defragmenter.stats.hits).toBeGreaterThan(1000);
    expect(store.arena.idleBytes).toBeLessThan(idleBefore / 3);
    for (const [id, bytes] of model) store.check(id & 1, id, bytes);
    expect(store.databases[0].size + store.databases[1].size).toBe(model.size);
    // The wheel's links were moved along.
    const expired = new Set<number>();
    while (store.wheel.advance(COUNT * 2, 10_000, (_, ref) => expired.add(ref)));
    expect(expired.size).toBe([...model.keys()].filter((id) => id % 3 === 0).length);
  });
});
