/**
 * One set, opened: what is done to its members whatever their form is.
 *
 *   intset     record │ … │ key │ sorted integers │
 *   listpack   record │ … │ key │ listpack: member member … │
 *   table      record │ … │ key │ root ┼──▶ RecordTable of members; their records have no value
 *
 * A SetView serves one set after the other: open() points it at one. A member is named by its place: 1 + its index in an
 * intset, where it is in a listpack, or the ref of its record; 0 is none. What changes the set may move it: `ref` is where it
 * is now, and places of before mean nothing in a packed set.
 */
import { copyAcross } from '../memory/copy.ts';
import type { Random } from '../random.ts';
import type { Arena } from './arena.ts';
import { formatInteger, integerHigh, integerLow, isCanonicalInteger, TEXT_VIEW } from './integer64.ts';
import * as intset from './intset.ts';
import type { Keyspace } from './keyspace.ts';
import * as listpack from './listpack.ts';
import { RecordTable } from './record-table.ts';
import { byteOf, chunkOf } from './ref.ts';
import type { RefList } from './table.ts';
import { ROOT_BYTES, ROOTED, rootOf, setRoot, valueStart } from './value-kind.ts';

/** What add() did. */
export const ADDED = 1;
export const WAS_THERE = 0;
export const NO_MEMORY = -1;

/** Flag of a record whose packed value is an intset and no listpack. */
export const INTSET = 1;

/** Longest text of a 64-bit integer is shorter; the rest is what a reader of whole words may read past its end. */
const TEXT_BYTES = TEXT_VIEW.byteLength;
const SCRATCH_BYTES = TEXT_BYTES + 8;
/** A listpack does not grow beyond this, whatever the limits say. */
const MAX_PACKED_BYTES = 1 << 30;
const MAX_INTSET_ENTRIES = 1 << 30;

/** Up to where sets are packed: all sets of a shard share one of these. */
export class SetLimits {
  /** set-max-intset-entries */
  intsetEntries = 512;
  /** set-max-listpack-entries */
  listpackEntries = 128;
  /** set-max-listpack-value */
  listpackLength = 64;
}

type Form = 'intset' | 'listpack' | 'table';

export class SetView {
  /** The set's record; it may move while the set changes. */
  ref = 0;
  /** What load() found: bytes that are good until the next change or load. */
  view: DataView;
  start = 0;
  length = 0;
  readonly table: RecordTable;
  private form: Form = 'listpack';
  private db: Keyspace;
  /** Of a packed set: its chunk, and where the value is in it. */
  private chunk: DataView = TEXT_VIEW;
  private at = 0;
  /** The chunk that `view` shows, when it doesn't show the text of an integer. */
  private loadedChunk = 0;
  /** The text of a member that is an integer. */
  private readonly scratch = new DataView(new ArrayBuffer(SCRATCH_BYTES));
  private readonly scratchBytes = new Uint8Array(this.scratch.buffer);
  private readonly limits: SetLimits;
  private readonly arena: Arena;

  /** @param db any database */
  constructor(arena: Arena, db: Keyspace, limits: SetLimits) {
    this.arena = arena;
    this.db = db;
    this.limits = limits;
    this.table = new RecordTable(arena, db.hashKey);
    this.view = this.scratch;
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  open(db: Keyspace, ref: number): void {
    const flags = db.flags(ref);
    this.db = db;
    this.ref = ref;
    if ((flags & ROOTED) !== 0) {
      this.form = 'table';
      this.table.open(rootOf(this.arena.words, db, ref));
      return;
    }
    this.form = (flags & INTSET) !== 0 ? 'intset' : 'listpack';
    this.locate();
  }

  /** Opens a table that is no key's value. */
  openTable(root: number): void {
    this.ref = 0;
    this.form = 'table';
    this.table.open(root);
  }

  /** Members. */
  get size(): number {
    if (this.form === 'table') return this.table.size;
    return this.form === 'intset' ? intset.count(this.chunk, this.at) : listpack.count(this.chunk, this.at);
  }

  /** The members are records of `table`. */
  get isTable(): boolean {
    return this.form === 'table';
  }

  /** The place of the member of `length` bytes at `start` of a view, in which 3 bytes more can be read. */
  find(view: DataView, start: number, length: number): number {
    if (this.form !== 'table') return this.findPacked(view, start, length);
    return this.table.findBytes(view, start, length, this.table.hashOfBytes(view, start, length));
  }

  private findPacked(view: DataView, start: number, length: number): number {
    if (this.form === 'listpack') {
      return listpack.find(this.chunk, listpack.first(this.chunk, this.at), 0, view, start, length);
    }
    if (!isCanonicalInteger(view, start, length)) return 0;
    const index = intset.find(this.chunk, this.at, integerLow(), integerHigh());
    return index < 0 ? 0 : index + 1;
  }

  load(place: number): void {
    if (this.form === 'table') {
      this.loadedChunk = chunkOf(place);
      this.view = this.arena.views[this.loadedChunk];
      this.start = byteOf(place) + this.table.keyByte(place);
      this.length = this.table.keyLength(place);
      return;
    }
    if (this.form === 'intset') {
      intset.get(this.chunk, this.at, place - 1);
      this.loadText(formatInteger(intset.memberLow(), intset.memberHigh()));
      return;
    }
    listpack.decode(this.chunk, place);
    if (listpack.item.isInteger) {
      this.loadText(listpack.item.length);
      return;
    }
    this.loadedChunk = chunkOf(this.ref);
    this.view = this.chunk;
    this.start = listpack.item.start;
    this.length = listpack.item.length;
  }

  /** The last `length` bytes of TEXT_VIEW: nothing can be read past its end, and the next integer goes there, too. */
  private loadText(length: number): void {
    copyAcross(this.scratch, 0, TEXT_VIEW, 0, TEXT_BYTES);
    this.view = this.scratch;
    this.start = TEXT_BYTES - length;
    this.length = length;
  }

  /** What was loaded, as bytes of `view`. */
  get bytes(): Uint8Array {
    return this.view === this.scratch ? this.scratchBytes : this.arena.bytes8[this.loadedChunk];
  }

  /** As RecordTable.collect: all the places at once of a packed set. */
  collect(cursor: number, count: number, into: RefList): number {
    if (this.form === 'table') return this.table.collect(cursor, count, into);
    if (this.form === 'intset') for (let place = 1, n = this.size; place <= n; place++) into.push(place);
    else {
      const view = this.chunk;
      for (let p = listpack.first(view, this.at); p !== 0; p = listpack.next(view, p)) into.push(p);
    }
    return 0;
  }

  touchPlaces(places: RefList): void {
    if (this.form === 'table') this.table.touchRecords(places, 0);
  }

  /** The place of a member chosen at random, each with the same chance; the set must not be empty. */
  random(random: Random): number {
    if (this.form === 'table') return this.table.randomRef(random);
    if (this.form === 'intset') return 1 + random.below(this.size);
    return listpack.seek(this.chunk, this.at, random.below(this.size));
  }

  private locate(): void {
    this.chunk = this.arena.views[chunkOf(this.ref)];
    this.at = valueStart(this.db, this.ref);
  }

  // ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Makes a new record's value of `emptyBytes` an empty set of the form that its flags say, and opens it. */
  createEmpty(db: Keyspace, ref: number): void {
    this.open(db, ref);
    if (this.form === 'intset') intset.empty(this.chunk, this.at);
    else listpack.empty(this.chunk, this.at);
  }

  /** So many members are about to be added: more than its form may have make it a table at once. False without memory. */
  expect(members: number): boolean {
    const { limits } = this;
    if (this.form === 'table') return true;
    return members <= (this.form === 'intset' ? limits.intsetEntries : limits.listpackEntries) || this.toTable();
  }

  /** Adds the member of `length` bytes at `start` of a view, in which 3 bytes more can be read. */
  add(view: DataView, start: number, length: number): number {
    if (this.form === 'intset') {
      if (isCanonicalInteger(view, start, length)) return this.addInteger(integerLow(), integerHigh());
      if (!this.leaveIntset(length)) return NO_MEMORY;
    }
    if (this.form === 'listpack') {
      if (this.findPacked(view, start, length) !== 0) return WAS_THERE;
      if (this.fitsListpack(this.size, length)) {
        const grown = this.grow(listpack.totalBytes(this.chunk, this.at) + listpack.encodedBytes(view, start, length));
        if (grown) listpack.append(this.chunk, this.at, view, start, length);
        return grown ? ADDED : NO_MEMORY;
      }
      if (!this.toTable()) return NO_MEMORY;
    }
    return this.addRecord(view, start, length);
  }

  private addRecord(view: DataView, start: number, length: number): number {
    const { table } = this;
    const hash = table.hashOfBytes(view, start, length);
    if (table.findBytes(view, start, length, hash) !== 0) return WAS_THERE;
    return table.insertBytes(view, start, length, hash, 0, 0) === 0 ? NO_MEMORY : ADDED;
  }

  private addInteger(low: number, high: number): number {
    const index = intset.find(this.chunk, this.at, low, high);
    if (index >= 0) return WAS_THERE;
    const most = Math.min(this.limits.intsetEntries, MAX_INTSET_ENTRIES);
    if (this.size >= most) {
      if (!this.toTable()) return NO_MEMORY;
      this.loadText(formatInteger(low, high));
      return this.addRecord(this.view, this.start, this.length);
    }
    if (!this.grow(intset.bytesWith(this.chunk, this.at, low, high))) return NO_MEMORY;
    intset.insert(this.chunk, this.at, -1 - index, low, high);
    return ADDED;
  }

  remove(place: number): void {
    if (this.form === 'table') this.table.remove(place);
    else if (this.form === 'intset') intset.remove(this.chunk, this.at, place - 1);
    else listpack.remove(this.chunk, this.at, place);
  }

  /** After changes: the memory that a packed set does not need goes back. */
  trim(): void {
    if (this.form === 'table') return;
    const bytes =
      this.form === 'intset' ? intset.totalBytes(this.chunk, this.at) : listpack.totalBytes(this.chunk, this.at);
    if (bytes === this.db.valueLength(this.ref)) return;
    const moved = this.db.resize(this.ref, bytes);
    if (moved === 0) return; // no memory to move into: it stays larger than it need be
    this.ref = moved;
    this.locate();
  }

  // ── forms ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** May a listpack of so many members have one more, of this length? */
  private fitsListpack(members: number, length: number): boolean {
    const { listpackEntries, listpackLength } = this.limits;
    if (members >= listpackEntries || length > listpackLength) return false;
    return this.form !== 'listpack' || listpack.totalBytes(this.chunk, this.at) + length < MAX_PACKED_BYTES;
  }

  /** Makes an intset what a member of this length, which is no integer, can be added to. False without memory. */
  private leaveIntset(length: number): boolean {
    const n = this.size;
    let longest = 0;
    if (n > 0) {
      for (const index of [0, n - 1]) {
        intset.get(this.chunk, this.at, index);
        longest = Math.max(longest, formatInteger(intset.memberLow(), intset.memberHigh()));
      }
    }
    return this.fitsListpack(n, Math.max(length, longest)) ? this.intsetToListpack() : this.toTable();
  }

  private intsetToListpack(): boolean {
    const copy = new DataView(new ArrayBuffer(intset.totalBytes(this.chunk, this.at)));
    copyAcross(copy, 0, this.chunk, this.at, copy.byteLength);
    const n = intset.count(copy, 0);
    let bytes = listpack.EMPTY_BYTES;
    for (let i = 0; i < n; i++) {
      intset.get(copy, 0, i);
      bytes += listpack.integerEntryBytes(intset.memberLow(), intset.memberHigh());
    }
    if (!this.grow(bytes)) return false;
    this.form = 'listpack';
    this.db.setFlags(this.ref, 0);
    listpack.empty(this.chunk, this.at);
    for (let i = 0; i < n; i++) {
      intset.get(copy, 0, i);
      listpack.appendInteger(this.chunk, this.at, intset.memberLow(), intset.memberHigh());
    }
    return true;
  }

  /** Makes a packed set a table. False, and nothing done, without memory. */
  private toTable(): boolean {
    const { table, db, chunk } = this;
    const root = table.create();
    if (root === 0) return false;
    const n = this.size;
    let place = this.form === 'intset' ? 1 : listpack.first(chunk, this.at);
    for (let i = 0; i < n; i++) {
      this.load(place);
      if (this.addRecord(this.view, this.start, this.length) === NO_MEMORY) {
        table.destroy();
        return false;
      }
      place = this.form === 'intset' ? place + 1 : listpack.next(chunk, place);
    }
    this.ref = db.resize(this.ref, ROOT_BYTES) || this.ref; // without memory to move into, it stays where it is
    db.setFlags(this.ref, ROOTED);
    setRoot(this.arena.words, db, this.ref, root);
    this.form = 'table';
    return true;
  }

  /** Makes a table that has become small enough for it a listpack. Without memory for that, it stays one. */
  toListpack(places: RefList): void {
    const { table, db, limits } = this;
    if (this.form !== 'table' || table.size > limits.listpackEntries) return;
    places.length = 0;
    let cursor = 0;
    do cursor = table.collect(cursor, places.length + table.size, places);
    while (cursor !== 0);
    let bytes = listpack.EMPTY_BYTES;
    for (let i = 0; i < places.length; i++) {
      this.load(places.refs[i]);
      if (this.length > limits.listpackLength) return;
      bytes += listpack.encodedBytes(this.view, this.start, this.length);
    }
    const moved = db.resize(this.ref, bytes);
    if (moved === 0) return;
    this.ref = moved;
    db.setFlags(moved, 0);
    this.locate();
    listpack.empty(this.chunk, this.at);
    for (let i = 0; i < places.length; i++) {
      this.load(places.refs[i]);
      listpack.append(this.chunk, this.at, this.view, this.start, this.length);
    }
    table.destroy();
    this.form = 'listpack';
  }

  /** Room for a packed value of so many bytes. False without memory. */
  private grow(bytes: number): boolean {
    if (bytes <= this.db.valueLength(this.ref)) return true;
    const moved = this.db.resize(this.ref, bytes);
    if (moved === 0) return false;
    this.ref = moved;
    this.locate();
    return true;
  }
}
