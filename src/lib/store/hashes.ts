/**
 * Hashes: values by field under one key. Small ones are packed, field and value in turn, byte for byte as Redis dumps them;
 * what is larger, or has a long field or value, is a table of records, and so is every hash that has ever had a field with a
 * deadline (Redis 7.4 keeps small ones of these packed, too, and names that `listpackex`).
 *
 *   packed   record │ … │ key │ listpack: field value field value … │
 *   rooted   record │ … │ key │ root ┼──▶ RecordTable: field ──▶ value
 *   timed    record │ … │ key │ root ┼──▶ timer, heap of deadlines ──▶ RecordTable      (field-table.ts)
 *
 * One Hashes object serves all hashes of a shard in turn: open() points it at one. A field is named by its place: where it is
 * in the listpack, or the ref of its record; 0 is none. What changes the hash may move it: `ref` is where it is now, and
 * places of before mean nothing in a packed hash.
 */
import { copyAcross } from '../memory/copy.ts';
import type { Random } from '../random.ts';
import type { Arena } from './arena.ts';
import { FieldTable } from './field-table.ts';
import { formatInteger, integerHigh, integerLow, setSafeInteger, TEXT_VIEW } from './integer64.ts';
import type { Keyspace } from './keyspace.ts';
import * as listpack from './listpack.ts';
import { valueLengthAt, valueWordAt } from './record.ts';
import type { RecordTable } from './record-table.ts';
import { byteOf, chunkOf, wordOf } from './ref.ts';
import { RefList } from './table.ts';
import { ROOT_BYTES, ROOTED, rootOf, setRoot, type ValueKind, valueStart } from './value-kind.ts';
import type { ExpiryOwner, ExpiryWheel } from './wheel.ts';

/** What set() did. */
export const SET_NEW = 1;
export const SET_AGAIN = 0;
export const SET_NO_MEMORY = -1;

/** Flag of a record whose root is a timer: fields have, or had, deadlines. */
export const TIMED = 1;
/** By this index the wheel reports timers, and not keys. */
export const TIMERS_INDEX = -1;

/** A listpack does not grow beyond this, whatever the limits say. */
const MAX_PACKED_BYTES = 1 << 30;
/** Random fields, before those whose time is over are left out by looking for one that lives. */
const RANDOM_TRIES = 256;
/** Fields that clone() copies between two looks into the table. */
const CLONE_BATCH = 256;
const TEXT_BYTES = new Uint8Array(TEXT_VIEW.buffer);
/** The text of a value that is an integer. */
const DIGITS = new DataView(new ArrayBuffer(TEXT_VIEW.byteLength));
/** A field that is an integer is written here before it goes into a table: keys are read up to 3 bytes past their end. */
const SCRATCH = new DataView(new ArrayBuffer(TEXT_VIEW.byteLength + 8));

export class Hashes implements ValueKind {
  /** A hash of more fields is a table (hash-max-listpack-entries). */
  maxPackedFields = 512;
  /** A hash with a longer field or value is a table (hash-max-listpack-value). */
  maxPackedLength = 64;
  /** The hash's record; it may move while the hash changes. */
  ref = 0;
  /** What loadField() and loadValue() found: bytes that are good until the next change or load. */
  view: DataView = TEXT_VIEW;
  start = 0;
  length = 0;
  /** The chunk that `view` shows, when it doesn't show the text of an integer. */
  private loadedChunk = 0;
  private db: Keyspace;
  private packed = true;
  /** Of a packed hash: its chunk, and where the listpack is in it. */
  private chunk: DataView = TEXT_VIEW;
  private at = 0;
  /** A field lives as long as its deadline is not before this. */
  private nowMs = 0;
  /** One more view of tables of fields, for those that are no key's value yet. */
  readonly anotherTable: () => FieldTable;
  private readonly table: FieldTable;
  /** For what is done to a hash that is not open. */
  private readonly other: FieldTable;
  private readonly arena: Arena;
  /** All databases, in an order that stays: a timer has the index. */
  private readonly databases: readonly Keyspace[];
  private readonly found = new RefList();

  /** Throws a RangeError when the wheel has no number for the owner of timers. */
  constructor(arena: Arena, databases: readonly Keyspace[], wheel: ExpiryWheel) {
    const timers: ExpiryOwner = { index: TIMERS_INDEX };
    const owner = wheel.register(timers);
    if (owner === 0) throw new RangeError('too many keyspaces');
    const { hashKey } = databases[0];
    this.arena = arena;
    this.db = databases[0];
    this.databases = [...databases];
    this.anotherTable = () => new FieldTable(arena, hashKey, wheel, owner);
    this.table = this.anotherTable();
    this.other = this.anotherTable();
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Opens a hash as it is at a time, in ms since 1970. */
  open(db: Keyspace, ref: number, nowMs: number): void {
    const flags = db.flags(ref);
    this.db = db;
    this.ref = ref;
    this.nowMs = nowMs;
    this.packed = (flags & ROOTED) === 0;
    if (this.packed) this.locate();
    else openRoot(this.table, rootOf(this.arena.words, db, ref), flags);
  }

  /** Fields that live. */
  get size(): number {
    if (this.packed) return listpack.count(this.chunk, this.at) >> 1;
    return this.table.timer === 0 ? this.table.size : this.table.size - this.table.dueBefore(this.nowMs);
  }

  /** The place of the field of `length` bytes at `start` of a view. */
  find(view: DataView, start: number, length: number): number {
    if (!this.packed) {
      const ref = this.table.findBytes(view, start, length, this.table.hashOfBytes(view, start, length));
      return ref !== 0 && this.isOver(ref) ? 0 : ref;
    }
    return listpack.find(this.chunk, listpack.first(this.chunk, this.at), 1, view, start, length);
  }

  loadField(place: number): void {
    if (this.packed) {
      this.decode(place);
      return;
    }
    this.loadedChunk = chunkOf(place);
    this.view = this.arena.views[this.loadedChunk];
    this.start = byteOf(place) + this.table.keyByte(place);
    this.length = this.table.keyLength(place);
  }

  loadValue(place: number): void {
    if (this.packed) {
      this.decode(listpack.next(this.chunk, place));
      return;
    }
    const chunk = chunkOf(place);
    const words = this.arena.words[chunk];
    const at = wordOf(place);
    this.loadedChunk = chunk;
    this.view = this.arena.views[chunk];
    this.start = valueWordAt(words, at) << 2;
    this.length = valueLengthAt(words, at);
  }

  /** What was loaded, as bytes of `view`. */
  get bytes(): Uint8Array {
    return this.view === TEXT_VIEW ? TEXT_BYTES : this.arena.bytes8[this.loadedChunk];
  }

  /** As RecordTable.collect: all the places at once of a packed hash. */
  collect(cursor: number, count: number, into: RefList): number {
    if (!this.packed) return this.collectLiving(cursor, count, into);
    const view = this.chunk;
    for (let p = listpack.first(view, this.at); p !== 0; p = listpack.next(view, listpack.next(view, p))) into.push(p);
    return 0;
  }

  touchPlaces(places: RefList): void {
    if (!this.packed) this.table.touchRecords(places, 0);
  }

  private collectLiving(cursor: number, count: number, into: RefList): number {
    const first = into.length;
    const next = this.table.collect(cursor, count, into);
    if (this.table.earliestMs >= this.nowMs) return next;
    let left = first;
    for (let i = first; i < into.length; i++) if (!this.isOver(into.refs[i])) into.refs[left++] = into.refs[i];
    into.length = left;
    return next;
  }

  /** The place of a field chosen at random, each with the same chance; the hash must not be empty. */
  random(random: Random): number {
    if (!this.packed) {
      let ref = this.table.randomRef(random);
      for (let tries = 0; this.isOver(ref) && tries < RANDOM_TRIES; tries++) ref = this.table.randomRef(random);
      return this.isOver(ref) ? this.firstLiving() : ref;
    }
    return listpack.seek(this.chunk, this.at, 2 * random.below(this.size));
  }

  private firstLiving(): number {
    const { found } = this;
    let cursor = 0;
    do {
      found.length = 0;
      cursor = this.collectLiving(cursor, CLONE_BATCH, found);
    } while (found.length === 0 && cursor !== 0);
    return found.length === 0 ? 0 : found.refs[0];
  }

  private isOver(ref: number): boolean {
    if (this.table.timer === 0) return false;
    const atMs = this.table.expiry(ref);
    return atMs >= 0 && atMs < this.nowMs;
  }

  private decode(p: number): void {
    listpack.decode(this.chunk, p);
    this.loadedChunk = chunkOf(this.ref);
    this.view = listpack.item.view;
    this.start = listpack.item.start;
    this.length = listpack.item.length;
  }

  private locate(): void {
    this.chunk = this.arena.views[chunkOf(this.ref)];
    this.at = valueStart(this.db, this.ref);
  }

  // ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Makes the bytes of a new record's value (listpack.EMPTY_BYTES or more) a hash without fields, and opens it. */
  createEmpty(db: Keyspace, ref: number, nowMs: number): void {
    this.db = db;
    this.nowMs = nowMs;
    this.ref = ref;
    this.packed = true;
    this.locate();
    listpack.empty(this.chunk, this.at);
  }

  /** So many fields are about to be added, or set again: more than a packed hash may have go into a table at once. */
  expect(fields: number): boolean {
    return !this.packed || fields <= this.maxPackedFields || this.unpack();
  }

  /** Gives the field a value, which lives for ever unless it keeps its deadline. SET_NO_MEMORY leaves both as they were. */
  set(
    field: DataView,
    fieldStart: number,
    fieldLength: number,
    value: DataView,
    valueStart: number,
    valueLength: number,
    keepsDeadline = false,
  ): number {
    if (this.packed) {
      if (fieldLength <= this.maxPackedLength && valueLength <= this.maxPackedLength) {
        const done = this.setPacked(field, fieldStart, fieldLength, value, valueStart, valueLength);
        if (done !== NEEDS_TABLE) return done;
      }
      if (!this.unpack()) return SET_NO_MEMORY;
    }
    const { table } = this;
    const hash = table.hashOfBytes(field, fieldStart, fieldLength);
    const found = table.findBytes(field, fieldStart, fieldLength, hash);
    let ref = found;
    if (found === 0) ref = table.insertBytes(field, fieldStart, fieldLength, hash, 0, valueLength);
    else if (!table.overwrite(found, valueLength)) ref = table.resize(found, valueLength);
    if (ref === 0) return SET_NO_MEMORY;
    const at = byteOf(ref) + table.valueByte(ref);
    copyAcross(this.arena.views[chunkOf(ref)], at, value, valueStart, valueLength);
    if (found === 0) return SET_NEW;
    const wasOver = this.isOver(ref);
    if (table.timer !== 0 && (wasOver || !keepsDeadline)) table.clearDeadline(ref);
    return wasOver ? SET_NEW : SET_AGAIN;
  }

  /** As set, of an integer within ±(2^53 - 1); the field keeps its deadline. */
  setInteger(field: DataView, fieldStart: number, fieldLength: number, value: number): number {
    setSafeInteger(value);
    const length = formatInteger(integerLow(), integerHigh());
    copyAcross(DIGITS, 0, TEXT_VIEW, 0, TEXT_VIEW.byteLength); // finding a place for it may decode other integers
    return this.set(field, fieldStart, fieldLength, DIGITS, TEXT_VIEW.byteLength - length, length, true);
  }

  remove(place: number): void {
    if (this.packed) listpack.deleteRange(this.chunk, this.at, place, 2);
    else this.table.remove(place);
  }

  /** After changes: the memory that a packed hash does not need goes back. */
  trim(): void {
    if (!this.packed) return;
    const bytes = listpack.totalBytes(this.chunk, this.at);
    if (bytes === this.db.valueLength(this.ref)) return;
    const moved = this.db.resize(this.ref, bytes);
    if (moved === 0) return; // no memory to move into: it stays larger than it need be
    this.ref = moved;
    this.locate();
  }

  /** Of a hash whose fields may be so many and so long. NEEDS_TABLE when this one would be one too many. */
  private setPacked(
    field: DataView,
    fieldStart: number,
    fieldLength: number,
    value: DataView,
    valueStart: number,
    valueLength: number,
  ): number {
    const p = this.find(field, fieldStart, fieldLength);
    if (p !== 0) {
      const old = listpack.next(this.chunk, p);
      const offset = old - this.at;
      const more = listpack.replaceNeed(this.chunk, old, value, valueStart, valueLength);
      if (!this.grow(more)) return SET_NO_MEMORY;
      listpack.replace(this.chunk, this.at, this.at + offset, value, valueStart, valueLength);
      return SET_AGAIN;
    }
    if (this.size >= this.maxPackedFields) return NEEDS_TABLE;
    const fieldBytes = listpack.encodedBytes(field, fieldStart, fieldLength);
    const bytes = fieldBytes + listpack.encodedBytes(value, valueStart, valueLength);
    if (listpack.totalBytes(this.chunk, this.at) + bytes > MAX_PACKED_BYTES) return NEEDS_TABLE;
    if (!this.grow(bytes)) return SET_NO_MEMORY;
    listpack.append(this.chunk, this.at, field, fieldStart, fieldLength);
    listpack.append(this.chunk, this.at, value, valueStart, valueLength);
    return SET_NEW;
  }

  /** Room for a listpack of so many bytes more. False without memory. */
  private grow(more: number): boolean {
    const bytes = listpack.totalBytes(this.chunk, this.at) + more;
    if (bytes <= this.db.valueLength(this.ref)) return true;
    const moved = this.db.resize(this.ref, bytes);
    if (moved === 0) return false;
    this.ref = moved;
    this.locate();
    return true;
  }

  /** Makes a packed hash a table. False, and nothing done, without memory. */
  private unpack(): boolean {
    const { table, chunk, db } = this;
    const root = table.create();
    if (root === 0) return false;
    for (let p = listpack.first(chunk, this.at); p !== 0; ) {
      const valueAt = listpack.next(chunk, p);
      const ref = this.insertFrom(p, valueAt);
      if (ref === 0) {
        table.destroy();
        return false;
      }
      p = listpack.next(chunk, valueAt);
    }
    const flags = db.flags(this.ref);
    this.ref = db.resize(this.ref, ROOT_BYTES) || this.ref; // without memory to move into, it stays where it is
    db.setFlags(this.ref, flags | ROOTED);
    setRoot(this.arena.words, db, this.ref, root);
    this.packed = false;
    return true;
  }

  /** Inserts the listpack's entries `p` and `valueAt` into the table. */
  private insertFrom(p: number, valueAt: number): number {
    const { item } = listpack;
    listpack.decode(this.chunk, p);
    let view = item.view;
    if (item.isInteger) {
      copyAcross(SCRATCH, 0, item.view, 0, TEXT_VIEW.byteLength);
      view = SCRATCH;
    }
    const { start, length } = item;
    const hash = this.table.hashOfBytes(view, start, length);
    listpack.decode(this.chunk, valueAt);
    const ref = this.table.insertBytes(view, start, length, hash, 0, item.length);
    if (ref === 0) return 0;
    const at = byteOf(ref) + this.table.valueByte(ref);
    copyAcross(this.arena.views[chunkOf(ref)], at, item.view, item.start, item.length);
    return ref;
  }

  // ── deadlines ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** When the field at a place dies, in ms since 1970; -1: never. */
  deadline(place: number): number {
    return this.packed || this.table.timer === 0 ? -1 : this.table.expiry(place);
  }

  /** Makes the hash one whose fields can have deadlines; places of before mean nothing then. False without memory. */
  makeTimed(): boolean {
    const { db, table } = this;
    if (this.packed && !this.unpack()) return false;
    if (table.timer !== 0) return true;
    const timer = table.createTimer();
    if (timer === 0) return false;
    db.setFlags(this.ref, ROOTED | TIMED);
    setRoot(this.arena.words, db, this.ref, timer);
    this.nameTimer(table, db, this.ref);
    return true;
  }

  /** Gives a field of a hash that was made for it a deadline. Returns its place now; 0 without memory. */
  setDeadline(place: number, atMs: number): number {
    return this.table.setDeadline(place, atMs);
  }

  /** Lets a field live for ever. False when it did already. */
  clearDeadline(place: number): boolean {
    if (this.deadline(place) < 0) return false;
    this.table.clearDeadline(place);
    return true;
  }

  /** Fields whose time is over are there, and not removed yet. */
  get hasDue(): boolean {
    return !this.packed && this.table.earliestMs < this.nowMs;
  }

  /** Removes at most `budget` fields whose time is over. Returns whether any field is left, living or not. */
  removeDue(budget: number): boolean {
    const { table } = this;
    for (let left = budget; left > 0 && table.earliestMs < this.nowMs; left--) table.remove(table.earliest);
    return table.size > 0;
  }

  /**
   * Opens the hash whose timer the wheel reported. False when there is none: its key is gone, and the timer is soon. After
   * removeDue(), `rewind` puts the timer into the wheel again.
   */
  openDue(timer: number, nowMs: number): boolean {
    const { other } = this;
    other.openTimed(timer);
    const { key } = other;
    if (key === 0) return false;
    const db = this.databases[other.database];
    const view = this.arena.views[chunkOf(key)];
    const hash = db.hashOfBytes(view, byteOf(key), other.keyNameLength);
    const ref = db.findBytes(view, byteOf(key), other.keyNameLength, hash);
    if (ref === 0 || this.timerOf(db, ref) !== timer) return false;
    this.open(db, ref, nowMs);
    return true;
  }

  /** The table under a root. */
  tableOf(root: number, flags: number): number {
    return (flags & TIMED) === 0 ? root : this.other.tableOf(root);
  }

  /** The database of the open hash. */
  get database(): Keyspace {
    return this.db;
  }

  rewind(): void {
    this.table.schedule();
  }

  /** The value of this record came from under another key, or from nowhere. */
  adopted(db: Keyspace, ref: number): void {
    const timer = this.timerOf(db, ref);
    if (timer === 0) return;
    this.other.openTimed(timer);
    this.nameTimer(this.other, db, ref);
  }

  private timerOf(db: Keyspace, ref: number): number {
    const timed = db.type(ref) === TYPE_HASH && (db.flags(ref) & (ROOTED | TIMED)) === (ROOTED | TIMED);
    return timed ? rootOf(this.arena.words, db, ref) : 0;
  }

  private nameTimer(table: FieldTable, db: Keyspace, ref: number): void {
    const view = this.arena.views[chunkOf(ref)];
    table.name(this.databases.indexOf(db), view, byteOf(ref) + db.keyByte(ref), db.keyLength(ref));
  }

  // ── as values ────────────────────────────────────────────────────────────────────────────────────────────────────────

  encoding(db: RecordTable, ref: number): string {
    return (db.flags(ref) & ROOTED) === 0 ? 'listpack' : 'hashtable';
  }

  count(db: RecordTable, ref: number): number {
    const flags = db.flags(ref);
    if ((flags & ROOTED) === 0) return listpack.count(this.arena.views[chunkOf(ref)], valueStart(db, ref)) >> 1;
    openRoot(this.other, rootOf(this.arena.words, db, ref), flags);
    return this.other.size;
  }

  burden(root: number, flags: number): number {
    openRoot(this.other, root, flags);
    return this.other.size;
  }

  release(root: number, flags: number, budget: number): boolean {
    openRoot(this.other, root, flags);
    return this.other.destroyTimedStep(budget);
  }

  clone(root: number, flags: number): number {
    const { other, table, found } = this;
    openRoot(other, root, flags);
    let made = table.create(other.size);
    if (made === 0) return 0;
    if ((flags & TIMED) !== 0) made = table.createTimer();
    if (made === 0) {
      table.destroy();
      return 0;
    }
    let cursor = 0;
    do {
      found.length = 0;
      cursor = other.collect(cursor, CLONE_BATCH, found);
      for (let i = 0; i < found.length; i++) {
        if (this.cloneField(found.refs[i])) continue;
        while (this.release(made, flags, CLONE_BATCH));
        return 0;
      }
    } while (cursor !== 0);
    return made;
  }

  private cloneField(ref: number): boolean {
    const { arena, other, table } = this;
    const copy = copyRecord(arena, other, ref, table);
    const atMs = copy === 0 ? -1 : other.expiry(ref);
    return atMs < 0 ? copy !== 0 : table.setDeadline(copy, atMs) !== 0;
  }

  memoryBytes(root: number, flags: number, samples: number): number {
    openRoot(this.other, root, flags);
    return tableMemory(this.other, samples) + this.other.timerBytes;
  }

  defragment(root: number, flags: number, cursor: number, count: number, moved: () => void): number {
    openRoot(this.other, root, flags);
    return this.other.defragment(cursor, count, moved, new RefList());
  }
}

/** The type of hashes in a record. */
const TYPE_HASH = 4;

function openRoot(table: FieldTable, root: number, flags: number): void {
  if ((flags & TIMED) !== 0) table.openTimed(root);
  else table.open(root);
}

/** The packed hash is as large as it may be. */
const NEEDS_TABLE = -2;

/** Inserts a copy of a record of one table into another, which does not have its key. Returns the copy; 0 without memory. */
export function copyRecord(arena: Arena, from: RecordTable, ref: number, to: RecordTable): number {
  const view = arena.views[chunkOf(ref)];
  const key = byteOf(ref) + from.keyByte(ref);
  const keyLength = from.keyLength(ref);
  const valueLength = from.valueLength(ref);
  const made = to.insertBytes(view, key, keyLength, to.hashOfBytes(view, key, keyLength), from.type(ref), valueLength);
  if (made !== 0) arena.move(made, to.valueByte(made), ref, from.valueByte(ref), valueLength);
  return made;
}

/** Bytes of a table with its records, of which `samples` are looked at; 0: all. */
export function tableMemory(table: RecordTable, samples: number): number {
  if (table.size === 0) return table.tableBytes;
  const found = new RefList();
  let bytes = 0;
  let looked = 0;
  let cursor = 0;
  do {
    found.length = 0;
    cursor = table.collect(cursor, CLONE_BATCH, found);
    for (let i = 0; i < found.length && (samples === 0 || looked < samples); i++, looked++) {
      bytes += table.recordBytes(found.refs[i]);
    }
  } while (cursor !== 0 && (samples === 0 || looked < samples));
  return table.tableBytes + Math.round((bytes / looked) * table.size);
}
