/**
 * A keyspace against a Map: values, types, flags, deadlines, through insertion, resizing, removal, expiry, clearing, scans. Its
 * hash is the real one, or a bad one that puts keys on top of each other.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { Random } from '../../src/lib/random.ts';
import { Arena, byteOf, chunkOf } from '../../src/lib/store/arena.ts';
import { Keyspace } from '../../src/lib/store/keyspace.ts';
import { ExpiryWheel } from '../../src/lib/store/wheel.ts';

const START_MS = 1_700_000_000_000;
const memory = new PacketMemory(64 << 20);
const KEY_AT = memory.reserve(1 << 20);
const VALUE_AT = memory.reserve(8 << 20);
const HASH_KEY = Int32Array.of(0x5eed, 0x10ad);

/** A keyspace whose hashes have only some bits. */
class WeakKeyspace extends Keyspace {
  mask = -1;

  override hash(keyOffset: number, keyLength: number): number {
    return super.hash(keyOffset, keyLength) & this.mask;
  }

  override hashOf(ref: number): number {
    return super.hashOf(ref) & this.mask;
  }
}

interface Expected {
  value: Buffer;
  type: number;
  flags: number;
  expiry: number;
}

class Checked {
  readonly model = new Map<string, Expected>();
  readonly arena: Arena;
  readonly wheel: ExpiryWheel;
  readonly keyspace: WeakKeyspace;
  nowMs = START_MS;

  constructor(arena: Arena, mask = -1) {
    this.arena = arena;
    this.wheel = new ExpiryWheel(arena, START_MS);
    this.keyspace = new WeakKeyspace(arena, memory, HASH_KEY, this.wheel, 0);
    this.keyspace.mask = mask;
  }

  /** Writes a key (latin1) where keys come from; at an odd offset, as they do. */
  private place(key: string): number {
    memory.text.fill(0xee, KEY_AT, KEY_AT + key.length + 16);
    return memory.text.write(key, KEY_AT + 1, 'latin1');
  }

  find(key: string): number {
    const length = this.place(key);
    return this.keyspace.find(KEY_AT + 1, length, this.keyspace.hash(KEY_AT + 1, length));
  }

  /** SET: inserts or resizes, and writes the value. Returns false without memory. */
  set(key: string, value: Buffer, type: number, flags: number): boolean {
    const { keyspace, model } = this;
    const found = this.find(key);
    expect(found !== 0).toBe(model.has(key));
    const hash = keyspace.hash(KEY_AT + 1, key.length);
    const ref =
      found === 0
        ? keyspace.insert(KEY_AT + 1, key.length, hash, type, value.length)
        : this.overwrite(key, found, value.length)
          ? found
          : keyspace.resize(found, value.length);
    if (ref === 0) return false;
    keyspace.setType(ref, type);
    keyspace.setFlags(ref, flags);
    value.copy(memory.u8, VALUE_AT);
    this.arena.copyIn(ref, keyspace.valueByte(ref), memory, VALUE_AT, value.length);
    model.set(key, { value, type, flags, expiry: model.get(key)?.expiry ?? -1 });
    return true;
  }

  /** Takes the short way exactly when nothing but the length changes: a string of as many words, without a deadline. */
  private overwrite(key: string, ref: number, length: number): boolean {
    const old = this.model.get(key);
    const inPlace = this.keyspace.overwrite(ref, length);
    const words = (bytes: number): number => Math.ceil(bytes / 4);
    const wide = key.length >= 1024; // this suite's values are shorter than what makes a record wide
    expect(inPlace).toBe(old?.type === 0 && old.expiry < 0 && !wide && words(old.value.length) === words(length));
    if (inPlace) expect([this.keyspace.flags(ref), this.keyspace.valueLength(ref)]).toEqual([0, length]);
    return inPlace;
  }

  /** APPEND and SETRANGE's way: what both lengths have stays. */
  resize(key: string, length: number): void {
    const expected = this.model.get(key);
    const found = this.find(key);
    if (expected === undefined || found === 0) return;
    const ref = this.keyspace.resize(found, length);
    const kept = Math.min(length, expected.value.length);
    const added = Buffer.alloc(length - kept, 0x2b);
    added.copy(memory.u8, VALUE_AT);
    this.arena.copyIn(ref, this.keyspace.valueByte(ref) + kept, memory, VALUE_AT, added.length);
    expected.value = Buffer.concat([expected.value.subarray(0, kept), added]);
  }

  expireAt(key: string, atMs: number): void {
    const expected = this.model.get(key);
    const found = this.find(key);
    if (expected === undefined || found === 0) return;
    this.keyspace.setExpiry(found, atMs);
    expected.expiry = atMs > 0 ? atMs : -1;
  }

  remove(key: string): void {
    const found = this.find(key);
    expect(found !== 0).toBe(this.model.has(key));
    if (found !== 0) this.keyspace.remove(found);
    this.model.delete(key);
  }

  advance(ms: number): void {
    this.nowMs += ms;
    const { keyspace, model, nowMs } = this;
    const expire = (_index: number, ref: number): void => {
      const key = this.keyOf(ref);
      expect(model.get(key)?.expiry).toBeLessThanOrEqual(nowMs);
      keyspace.remove(ref);
      model.delete(key);
    };
    while (this.wheel.advance(nowMs, 20, expire));
    for (const { expiry } of model.values()) if (expiry >= 0) expect(expiry).toBeGreaterThan(nowMs);
  }

  keyOf(ref: number): string {
    const start = byteOf(ref) + this.keyspace.keyByte(ref);
    const bytes = this.arena.bytes8[chunkOf(ref)].subarray(start, start + this.keyspace.keyLength(ref));
    return Buffer.from(bytes).toString('latin1');
  }

  valueOf(ref: number): Buffer {
    const length = this.keyspace.valueLength(ref);
    this.arena.copyOut(ref, this.keyspace.valueByte(ref), memory, VALUE_AT, length);
    return Buffer.from(memory.u8.slice(VALUE_AT, VALUE_AT + length));
  }

  checkAll(): void {
    const { keyspace, model } = this;
    expect(keyspace.size).toBe(model.size);
    expect(keyspace.expires).toBe([...model.values()].filter(({ expiry }) => expiry >= 0).length);
    for (const [key, expected] of model) {
      const ref = this.find(key);
      if (ref === 0) throw new Error(`key ${key} is lost`);
      expect(this.keyOf(ref)).toBe(key);
      expect(keyspace.type(ref)).toBe(expected.type);
      expect(keyspace.flags(ref)).toBe(expected.flags);
      expect(keyspace.expiry(ref)).toBe(expected.expiry);
      expect(keyspace.valueByte(ref) % 4).toBe(0);
      if (Buffer.compare(this.valueOf(ref), expected.value) !== 0) throw new Error(`the value of ${key} is wrong`);
    }
  }
}

const keys = [
  '',
  ...Array.from({ length: 60 }, (_, i) => `key:${i}`.padEnd((i * 7) % 23, '\xff')),
  ...Array.from({ length: 6 }, (_, i) => 'wide'.repeat(255) + 'x'.repeat(i)),
];
const key = fc.constantFrom(...keys);
const length = fc.oneof(
  { weight: 6, arbitrary: fc.nat(90) },
  { weight: 3, arbitrary: fc.nat(2000) },
  { weight: 2, arbitrary: fc.nat(40_000) },
  { weight: 1, arbitrary: fc.constantFrom(4_194_303, 4_194_304, 5_000_000) },
);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ what: fc.constant('set'), key, n: length, x: fc.nat(255) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('resize'), key, n: length, x: fc.nat(255) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('remove'), key, n: fc.constant(0), x: fc.constant(0) }) },
  { weight: 3, arbitrary: fc.record({ what: fc.constant('expire'), key, n: fc.nat(100_000), x: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ what: fc.constant('advance'), key, n: fc.nat(30_000), x: fc.constant(0) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant('clear'), key, n: fc.constant(0), x: fc.nat(3) }) },
);

/** The hash's bits that count: all, the top six, the low four, none. */
const mask = fc.constantFrom(-1, -1, 0xfc000000 | 0, 15, 0);

describe('a keyspace', () => {
  test('is a map with types, flags and deadlines, whatever happens, and gives all its memory back', () => {
    const arena = new Arena();
    let emptyBytes = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 70 }), mask, (steps, bits) => {
        const checked = new Checked(arena, bits);
        const begin = arena.usedBytes;
        for (const { what, key, n, x } of steps) {
          if (what === 'set') expect(checked.set(key, Buffer.alloc(n, x), x % 7, x)).toBe(true);
          else if (what === 'resize') checked.resize(key, n);
          else if (what === 'remove') checked.remove(key);
          else if (what === 'expire') checked.expireAt(key, x === 0 ? -1 : checked.nowMs + n * (x === 9 ? 1e6 : 1));
          else if (what === 'advance') checked.advance(n);
          else {
            checked.keyspace.clear();
            checked.model.clear();
            for (let i = 0; i < x; i++) checked.keyspace.freeStep(5);
          }
        }
        checked.checkAll();
        for (const key of [...checked.model.keys()]) checked.remove(key);
        while (checked.keyspace.freeStep(100));
        expect(checked.wheel.size).toBe(0);
        emptyBytes = Math.max(emptyBytes, arena.usedBytes - begin);
        expect(arena.usedBytes).toBeLessThanOrEqual(begin + 8192); // a crowded table keeps a longer tail
      }),
      { numRuns: 120 },
    );
  });

  test('grows and shrinks through many keys, and remembers each', () => {
    const checked = new Checked(new Arena());
    const random = new Random(42);
    const begin = checked.arena.usedBytes;
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 8000; i++) {
        const name = `key:${random.below(20_000)}`;
        const what = random.below(10);
        if (what < 3 + round) checked.remove(name);
        else if (what === 9) checked.expireAt(name, checked.nowMs + random.below(1e9));
        else checked.set(name, Buffer.alloc(random.below(200), round), 0, 0);
      }
      checked.advance(1e8);
      checked.checkAll();
    }
    for (const name of [...checked.model.keys()]) checked.remove(name);
    expect(checked.arena.usedBytes).toBe(begin);
  });

  test('scans every key that stays, once, while others come and go', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 0, max: 3000 }),
        (seed, count, churn) => {
          const checked = new Checked(new Arena(256 << 20));
          const random = new Random(seed);
          const stay = Array.from({ length: 1 + random.below(400) }, (_, i) => `stay:${i}`);
          for (const name of stay) checked.set(name, Buffer.from('v'), 0, 0);
          for (let i = 0; i < churn; i++) checked.set(`go:${i}`, Buffer.from('v'), 0, 0);
          const visits = new Map<string, number>();
          let cursor = 0;
          let calls = 0;
          do {
            cursor = checked.keyspace.scan(cursor, count, (ref) => {
              const name = checked.keyOf(ref);
              expect(checked.model.has(name)).toBe(true);
              visits.set(name, (visits.get(name) ?? 0) + 1);
            });
            for (let i = random.below(200); i > 0; i--) {
              const name = `go:${random.below(6000)}`;
              if (random.below(2) === 0 && calls < 30) checked.set(name, Buffer.from('w'), 0, 0);
              else checked.remove(name);
            }
            calls++;
          } while (cursor !== 0 && calls < 100_000);
          expect(cursor).toBe(0);
          for (const name of stay) expect(visits.get(name)).toBe(1);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('lets a visitor remove the record that it visits', () => {
    const checked = new Checked(new Arena());
    for (let i = 0; i < 3000; i++) checked.set(`key:${i}`, Buffer.from('v'), 0, 0);
    checked.keyspace.forEach((ref) => {
      const name = checked.keyOf(ref);
      if (Number(name.slice(4)) % 3 !== 0) return;
      checked.keyspace.remove(ref);
      checked.model.delete(name);
    });
    checked.checkAll();
    expect(checked.keyspace.size).toBe(2000);
  });

  test('is empty at once when cleared, and is freed in steps, without ghosts in the wheel', () => {
    const checked = new Checked(new Arena());
    const begin = checked.arena.usedBytes;
    for (let i = 0; i < 5000; i++) {
      checked.set(`key:${i}`, Buffer.alloc(64), i % 7, 0);
      checked.expireAt(`key:${i}`, START_MS + 10 + (i % 100));
    }
    let released = 0;
    checked.keyspace.releaseValue = (ref) => {
      expect(checked.keyspace.type(ref)).not.toBe(0);
      released++;
    };
    checked.keyspace.clear();
    checked.model.clear();
    expect(checked.keyspace.size).toBe(0);
    expect(checked.find('key:7')).toBe(0);
    expect(checked.keyspace.freeStep(1000)).toBe(true);
    checked.set('key:7', Buffer.from('new'), 0, 0);
    checked.advance(1000); // throws if a cleared record is reported
    while (checked.keyspace.freeStep(1000));
    checked.checkAll();
    expect(released).toBe(5000 - Math.ceil(5000 / 7));
    checked.remove('key:7');
    expect(checked.arena.usedBytes).toBe(begin);
    expect(checked.wheel.size).toBe(0);
  });

  test('clears although there is no memory for a new table', () => {
    const checked = new Checked(new Arena(200_000));
    let stored = 0;
    while (checked.set(`key:${stored}`, Buffer.alloc(20), 0, 0)) stored++;
    while (checked.arena.alloc(8) !== 0); // not one object more
    checked.keyspace.clear();
    checked.model.clear();
    checked.checkAll();
    expect(checked.set('after', Buffer.from('v'), 0, 0)).toBe(true);
    checked.checkAll();
  });

  test('refuses what does not fit, and keeps what it has', () => {
    const checked = new Checked(new Arena(300_000));
    let stored = 0;
    while (checked.set(`key:${stored}`, Buffer.alloc(100, stored), 0, 0)) stored++;
    expect(stored).toBeGreaterThan(1000);
    const ref = checked.find('key:5');
    expect(checked.keyspace.resize(ref, 50_000)).toBe(0);
    while (checked.arena.alloc(8) !== 0);
    expect(checked.keyspace.setExpiry(ref, START_MS + 1)).toBe(0);
    checked.checkAll();
    checked.remove('key:6');
    expect(checked.set('key:new', Buffer.alloc(100, 1), 0, 0)).toBe(true);
    checked.checkAll();
  });

  test('keeps nothing of a key that the table has no memory for', () => {
    const checked = new Checked(new Arena(120_000), 0xff);
    let stored = 0;
    while (checked.set(`key:${stored}`, Buffer.alloc(0), 0, 0)) stored++;
    const before = checked.arena.usedBytes;
    expect(before).toBeLessThan(110_000); // not the record, the table is what does not fit
    for (let i = 0; i < 100; i++) expect(checked.set(`key:${stored}`, Buffer.alloc(0), 0, 0)).toBe(false);
    expect(checked.arena.usedBytes).toBe(before);
    checked.checkAll();
  });

  test('finds the slot of a record again when the table was rebuilt since, or cleared', () => {
    for (const others of [0, 3, 20, 200, 7000]) {
      const checked = new Checked(new Arena());
      checked.set('held', Buffer.from('v'), 0, 0);
      const held = checked.find('held');
      for (let i = 0; i < others; i++) {
        const length = memory.text.write(`other:${i}`, KEY_AT, 'latin1');
        const hash = checked.keyspace.hash(KEY_AT, length);
        expect(checked.keyspace.insert(KEY_AT, length, hash, 0, 8)).not.toBe(0);
      }
      checked.keyspace.remove(held);
      expect(checked.keyspace.size).toBe(others);
      expect(checked.find('held')).toBe(0);

      checked.model.clear();
      checked.keyspace.clear();
      checked.set('held', Buffer.alloc(100), 0, 0);
      checked.find('held');
      checked.keyspace.clear();
      while (checked.keyspace.freeStep(100));
      const length = memory.text.write('held', KEY_AT, 'latin1');
      const again = checked.keyspace.insert(KEY_AT, length, checked.keyspace.hash(KEY_AT, length), 0, 100);
      checked.keyspace.remove(again);
      expect(checked.find('held')).toBe(0);
      expect(checked.keyspace.size).toBe(0);
    }
  });

  test('moves a value over the border between narrow and wide records and back', () => {
    const checked = new Checked(new Arena());
    const border = 1 << 22;
    checked.set('key', Buffer.alloc(border - 1, 7), 3, 0x5a);
    checked.expireAt('key', START_MS + 5);
    for (const length of [border, border - 1, border + 1, 10, border, 0]) {
      checked.resize('key', length);
      checked.checkAll();
    }
    for (const keyLength of [1023, 1024]) checked.set('k'.repeat(keyLength), Buffer.from('v'), 0, 0);
    checked.expireAt('k'.repeat(1024), START_MS + 5);
    checked.checkAll();
    checked.expireAt('k'.repeat(1024), -1);
    checked.checkAll();
  });

  test('keeps appended values in place most of the time', () => {
    const checked = new Checked(new Arena());
    checked.set('log', Buffer.alloc(20_000), 0, 0);
    let moves = 0;
    let ref = checked.find('log');
    for (let bytes = 20_000; bytes < 2_000_000; bytes += 100) {
      const now = checked.keyspace.resize(ref, bytes);
      if (now !== ref) moves++;
      ref = now;
    }
    expect(moves).toBeLessThan(60);
  });

  test('has an access clock of 19 bits beside type and flags', () => {
    const checked = new Checked(new Arena());
    checked.set('key', Buffer.from('v'), 4, 0xa5);
    const ref = checked.find('key');
    expect(checked.keyspace.lru(ref)).toBe(0);
    for (const clock of [0x7ffff, 0x55555, 1]) {
      checked.keyspace.touch(ref, clock);
      expect(checked.keyspace.lru(ref)).toBe(clock);
      checked.checkAll();
    }
    checked.keyspace.touch(ref, 0x80001);
    expect(checked.keyspace.lru(ref)).toBe(1);
  });

  test('reports expired keys under the number that the database has now', () => {
    const arena = new Arena();
    const wheel = new ExpiryWheel(arena, START_MS);
    const databases = [0, 1].map((index) => new Keyspace(arena, memory, HASH_KEY, wheel, index));
    memory.text.write('k', KEY_AT, 'latin1');
    const hash = databases[0].hash(KEY_AT, 1);
    const ref = databases[0].setExpiry(databases[0].insert(KEY_AT, 1, hash, 0, 3), START_MS + 5);
    [databases[0].index, databases[1].index] = [1, 0];
    const reported: number[][] = [];
    wheel.advance(START_MS + 5, 10, (index, expired) => reported.push([index, expired]));
    expect(reported).toEqual([[1, ref]]);
  });

  test('prefetches any hashes, of keys that are there and not', () => {
    const checked = new Checked(new Arena());
    const random = new Random(1);
    const hashes = Int32Array.from({ length: 100 }, () => random.int32());
    hashes[0] = 0x7fffffff;
    hashes[1] = -0x80000000;
    checked.keyspace.prefetch(hashes, 100);
    expect(checked.keyspace.worthPrefetching).toBe(false);
    for (let i = 0; i < 70_000; i++) checked.set(`key:${i}`, Buffer.alloc(10), 0, 0);
    for (let n = 0; n <= 100; n++) checked.keyspace.prefetch(hashes, n);
    expect(checked.keyspace.worthPrefetching).toBe(true);
  });

  test('takes at most 125 bytes for a key of 16 and a value of 64, from a thousand keys on', () => {
    const checked = new Checked(new Arena());
    const begin = checked.arena.usedBytes - checked.keyspace.tableBytes;
    const value = Buffer.alloc(64);
    for (let n = 1; n <= 60_000; n++) {
      checked.set(`key:${String(n).padStart(12, '0')}`, value, 0, 0);
      if (n >= 1000 && n % 100 === 0) expect((checked.arena.usedBytes - begin) / n).toBeLessThanOrEqual(125);
    }
    const ref = checked.find(`key:${String(5).padStart(12, '0')}`);
    expect(checked.keyspace.memoryBytes(ref)).toBeGreaterThanOrEqual(96);
    expect(checked.keyspace.memoryBytes(ref)).toBeLessThanOrEqual(125);
  });
});
