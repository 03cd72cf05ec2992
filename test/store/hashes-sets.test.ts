/**
 * Hashes and sets as structures, against a Map and a Set: whatever their form is and when they change it. At the end of each
 * run the arena is as it was.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { Random } from '../../src/lib/random.ts';
import { Arena } from '../../src/lib/store/arena.ts';
import { Hashes, SET_NEW } from '../../src/lib/store/hashes.ts';
import * as intset from '../../src/lib/store/intset.ts';
import { Keyspace } from '../../src/lib/store/keyspace.ts';
import { EMPTY_BYTES } from '../../src/lib/store/listpack.ts';
import { ADDED, INTSET } from '../../src/lib/store/set-view.ts';
import { Sets } from '../../src/lib/store/sets.ts';
import { RefList } from '../../src/lib/store/table.ts';
import { ROOTED, rootOf, type ValueKind } from '../../src/lib/store/value-kind.ts';
import { ExpiryWheel } from '../../src/lib/store/wheel.ts';

const NOW_MS = 1_700_000_000_000;
const TYPE_SET = 2;
const TYPE_HASH = 4;

/** A database in an arena of its own, with one key. */
class Store {
  readonly arena = new Arena();
  readonly memory = new PacketMemory(4 << 20, 0);
  readonly wheel = new ExpiryWheel(this.arena, NOW_MS);
  readonly db = new Keyspace(this.arena, this.memory, Int32Array.of(1, 2), this.wheel, 0);
  readonly hashes = new Hashes(this.arena, [this.db], this.wheel);
  readonly sets = new Sets(this.arena, this.db);
  private readonly room = this.memory.reserve(1 << 20);

  /** Writes text into packet memory; `n` keeps several apart. */
  write(text: string, n = 0): [DataView, number, number] {
    const at = this.room + n * 65_536;
    this.memory.u8.set(Buffer.from(text, 'latin1'), at);
    return [this.memory.dv, at, text.length];
  }

  create(type: number, flags: number, bytes: number): number {
    const [, at, length] = this.write('key');
    const ref = this.db.insert(at, length, this.db.hash(at, length), type, bytes);
    this.db.setFlags(ref, flags);
    return ref;
  }

  /** Removes the key, and what hangs from it in steps. */
  remove(ref: number, kind: ValueKind): void {
    const flags = this.db.flags(ref);
    const root = (flags & ROOTED) === 0 ? 0 : rootOf(this.arena.words, this.db, ref);
    this.db.remove(ref);
    if (root !== 0) while (kind.release(root, flags, 7));
  }
}

const textOf = (view: DataView, start: number, length: number): string =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => view.getUint8(start + i))).toString('latin1');

const word = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -40, max: 400 }).map(String) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 60 }).map((n) => `word${n}`) },
  fc.constantFrom('', '-0', '007', '9223372036854775807', '9223372036854775808', 'x'.repeat(12), 'y'.repeat(200)),
  fc.integer({ min: -(2 ** 40), max: 2 ** 40 }).map(String),
);

const hashStep = fc.record({ field: word, value: word, what: fc.constantFrom('set', 'set', 'set', 'remove', 'count') });

describe('a hash', () => {
  test('is a map of fields, packed or not', () => {
    const store = new Store();
    fc.assert(
      fc.property(
        fc.array(hashStep, { maxLength: 120 }),
        fc.constantFrom(4, 20, 512),
        fc.constantFrom(6, 64),
        (steps, fields, length) => {
          const { hashes, db, arena } = store;
          hashes.maxPackedFields = fields;
          hashes.maxPackedLength = length;
          const used = arena.usedBytes;
          const ref = store.create(TYPE_HASH, 0, EMPTY_BYTES);
          hashes.createEmpty(db, ref, NOW_MS);
          const model = new Map<string, string>();
          let tabled = false;
          for (const { field, value, what } of steps) {
            const at = store.write(field);
            const place = hashes.find(...at);
            expect(place !== 0).toBe(model.has(field));
            if (what === 'remove') {
              if (place !== 0) hashes.remove(place);
              model.delete(field);
            } else if (what === 'count') {
              expect(hashes.setInteger(...at, value.length) === SET_NEW).toBe(!model.has(field));
              model.set(field, String(value.length));
            } else {
              expect(hashes.set(...at, ...store.write(value, 1)) === SET_NEW).toBe(!model.has(field));
              model.set(field, value);
            }
            const last = model.get(field) ?? '';
            if (what !== 'remove' && (field.length > length || last.length > length)) tabled = true;
            if (model.size > fields) tabled = true;
            if (model.size > 0) hashes.trim();
          }
          expect(hashes.encoding(db, hashes.ref)).toBe(tabled ? 'hashtable' : 'listpack');
          const read = contentsOf(hashes);
          expect(read).toEqual(model);
          expect(hashes.count(db, hashes.ref)).toBe(model.size);
          const { ref: last } = hashes;
          if (tabled) {
            const flags = db.flags(last);
            const copy = hashes.clone(rootOf(arena.words, db, last), flags);
            expect(hashes.memoryBytes(copy, flags, 0)).toBeGreaterThan(0);
            while (hashes.release(copy, flags, 5));
          }
          store.remove(last, hashes);
          expect(arena.usedBytes).toBe(used);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('with deadlines gives its earliest first, whatever changes', () => {
    const store = new Store();
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ field: fc.integer({ min: 0, max: 50 }), ms: fc.integer({ min: 1, max: 900 }), what: fc.nat(4) }),
          { maxLength: 200 },
        ),
        (steps) => {
          const { hashes, db, arena } = store;
          const used = arena.usedBytes;
          const inWheel = store.wheel.size;
          hashes.createEmpty(db, store.create(TYPE_HASH, 0, EMPTY_BYTES), NOW_MS);
          const model = new Map<string, number>();
          hashes.set(...store.write('stays'), ...store.write('1', 1));
          model.set('stays', -1);
          expect(hashes.makeTimed()).toBe(true);
          for (const { field: n, ms, what } of steps) {
            const field = `f${n}`;
            const at = store.write(field);
            const place = hashes.find(...at);
            if (what === 0 || place === 0) {
              hashes.set(...at, ...store.write('v'.repeat(ms % 40), 1), what === 1);
              if (what !== 1 || place === 0) model.set(field, -1);
            } else if (what === 1) {
              hashes.set(...at, ...store.write('w'.repeat(ms % 90), 1), true);
            } else if (what === 2) {
              hashes.remove(place);
              model.delete(field);
            } else {
              expect(hashes.setDeadline(place, NOW_MS + ms)).not.toBe(0);
              model.set(field, NOW_MS + ms);
            }
          }
          for (const [field, atMs] of model) expect(hashes.deadline(hashes.find(...store.write(field)))).toBe(atMs);
          const deadlines = [...new Set([...model.values()].filter((atMs) => atMs >= 0))].sort((a, b) => a - b);
          for (const atMs of deadlines) {
            hashes.open(db, hashes.ref, atMs);
            expect(hashes.hasDue).toBe(false);
            hashes.open(db, hashes.ref, atMs + 1);
            expect(hashes.hasDue).toBe(true);
            const living = [...model.values()].filter((other) => other < 0 || other > atMs).length;
            expect(hashes.size).toBe(living);
            const places = new RefList();
            let cursor = 0;
            do cursor = hashes.collect(cursor, 10_000, places);
            while (cursor !== 0);
            expect(places.length).toBe(living);
            expect(hashes.removeDue(1000)).toBe(true);
            expect(hashes.size).toBe(living);
          }
          store.remove(hashes.ref, hashes);
          expect(arena.usedBytes).toBe(used);
          expect(store.wheel.size).toBe(inWheel);
        },
      ),
      { numRuns: 100 },
    );
  });
});

function contentsOf(hashes: Hashes): Map<string, string> {
  const places = new RefList();
  let cursor = 0;
  do cursor = hashes.collect(cursor, places.length + 50, places);
  while (cursor !== 0);
  const read = new Map<string, string>();
  for (let i = 0; i < places.length; i++) {
    hashes.loadField(places.refs[i]);
    const field = textOf(hashes.view, hashes.start, hashes.length);
    hashes.loadValue(places.refs[i]);
    read.set(field, textOf(hashes.view, hashes.start, hashes.length));
  }
  expect(read.size).toBe(places.length);
  return read;
}

describe('a set', () => {
  test('is a set of members in all its forms', () => {
    const store = new Store();
    const steps = fc.array(fc.tuple(word, fc.boolean()), { maxLength: 120 });
    fc.assert(
      fc.property(
        steps,
        fc.constantFrom(3, 30, 512),
        fc.constantFrom(4, 40, 128),
        fc.boolean(),
        (all, integers, packed, onlyIntegers) => {
          const { sets, db, arena } = store;
          const { one, limits } = sets;
          limits.intsetEntries = integers;
          limits.listpackEntries = packed;
          limits.listpackLength = 10;
          const used = arena.usedBytes;
          one.createEmpty(db, store.create(TYPE_SET, INTSET, intset.HEADER_BYTES));
          const model = new Set<string>();
          const random = new Random(1);
          for (const [member, adds] of all) {
            if (onlyIntegers && !/^-?\d{1,9}$/.test(member)) continue;
            const at = store.write(member);
            const place = one.find(...at);
            expect(place !== 0).toBe(model.has(member));
            if (adds) {
              expect(one.add(...at) === ADDED).toBe(!model.has(member));
              model.add(member);
            } else if (place !== 0) {
              one.remove(place);
              model.delete(member);
            }
            one.trim();
            if (model.size === 0) continue;
            one.load(one.random(random));
            expect(model.has(textOf(one.view, one.start, one.length))).toBe(true);
          }
          const places = new RefList();
          let cursor = 0;
          do cursor = one.collect(cursor, places.length + 50, places);
          while (cursor !== 0);
          const read = new Set<string>();
          for (let i = 0; i < places.length; i++) {
            one.load(places.refs[i]);
            read.add(textOf(one.view, one.start, one.length));
            expect(textOf(new DataView(one.bytes.buffer), one.start, one.length)).toBe(
              textOf(one.view, one.start, one.length),
            );
          }
          expect(places.length).toBe(model.size);
          expect(read).toEqual(model);
          expect(sets.count(db, one.ref)).toBe(model.size);
          const was = sets.encoding(db, one.ref);
          one.toListpack(places);
          expect(one.size).toBe(model.size);
          for (const member of model) expect(one.find(...store.write(member))).not.toBe(0);
          if (was !== 'hashtable') expect(sets.encoding(db, one.ref)).toBe(was);
          const flags = db.flags(one.ref);
          if ((flags & ROOTED) !== 0) {
            const copy = sets.clone(rootOf(arena.words, db, one.ref), flags);
            while (sets.release(copy, flags, 3));
          }
          store.remove(one.ref, sets);
          expect(arena.usedBytes).toBe(used);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('without memory is as it was', () => {
    const store = new Store();
    const { sets, db, arena } = store;
    const { one } = sets;
    one.createEmpty(db, store.create(TYPE_SET, INTSET, intset.HEADER_BYTES));
    for (let i = 0; i < 100; i++) one.add(...store.write(String(i)));
    one.trim();
    arena.limitBytes = arena.usedBytes + 16;
    expect(one.add(...store.write('x'.repeat(65)))).toBe(-1);
    expect(one.size).toBe(100);
    for (let i = 0; i < 100; i++) expect(one.find(...store.write(String(i)))).not.toBe(0);
    expect(sets.encoding(db, one.ref)).toBe('intset');
  });
});
