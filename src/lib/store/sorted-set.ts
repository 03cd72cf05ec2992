/**
 * One sorted set, whatever its form: a view that open() points at one after another.
 *
 *   packed   record │ … │ key │ listpack: member score member score … │             packed-sorted-set.ts
 *   rooted   record │ … │ key │ root ┼──▶ │ members │ index │
 *                                              │       └──▶ B+tree or skiplist: (score, member) in order     ordered/
 *                                              └──▶ table of records: member ──▶ score
 *
 * A member is named by its place: its position in the listpack, or the ref of its record; 0 is none. The cursor walks in order
 * of score; load() reads the member under it. What changes the set may move it: `ref` is where it is now, and places and the
 * cursor of before mean nothing.
 */
import type { Random } from '../random.ts';
import type { Arena } from './arena.ts';
import { TEXT_VIEW } from './integer64.ts';
import type { Keyspace } from './keyspace.ts';
import * as listpack from './listpack.ts';
import { BTree } from './ordered/btree.ts';
import { MemberTable } from './ordered/member-table.ts';
import type { OrderedIndex } from './ordered/ordered-index.ts';
import { Skiplist } from './ordered/skiplist.ts';
import * as packed from './packed-sorted-set.ts';
import { keyLengthAt, keyWordAt } from './record.ts';
import { chunkOf, wordOf } from './ref.ts';
import { RefList } from './table.ts';
import { ROOT_BYTES, ROOTED, rootOf, setRoot, valueStart } from './value-kind.ts';

/** Flag of a rooted record whose index is a skiplist. */
export const SKIPLIST = 1;
/** Bytes of a root: the refs of the members' table and of the index. */
export const SET_ROOT_BYTES = 8;
/** A listpack does not grow beyond this, whatever the limits say. */
const MAX_PACKED_BYTES = 1 << 30;

/** What all views of a shard share: the limits of the configuration. */
export class SortedSetLimits {
  /** A set of more members is rooted (zset-max-listpack-entries). */
  maxPackedMembers = 128;
  /** A set with a longer member is rooted (zset-max-listpack-value). */
  maxPackedLength = 64;
  /** New indexes are skiplists (zset-index). */
  skiplists = false;
}

export class SortedSet {
  readonly limits: SortedSetLimits;
  /** The set's record; it may move while the set changes. */
  ref = 0;
  /** What load() found: the member's bytes, good until the next change or load, and its score. */
  view: DataView = TEXT_VIEW;
  start = 0;
  length = 0;
  score = 0;
  readonly members: MemberTable;
  /** The index of a rooted set. */
  index: OrderedIndex;
  protected readonly arena: Arena;
  protected readonly chunks: Int32Array[];
  /** Members about to be freed, kept from step to step. */
  private readonly gone = new RefList();
  private readonly btree: BTree;
  private readonly skiplist: Skiplist;
  private db: Keyspace;
  private isPacked = true;
  /** Of a packed set: its chunk, where the listpack is in it, and the cursor. */
  private chunk: DataView = TEXT_VIEW;
  private at = 0;
  private cursor = 0;
  /** A member that is an integer is written here: its bytes outlive what is decoded next, and keys are read past their end. */
  private readonly digits = new DataView(new ArrayBuffer(TEXT_VIEW.byteLength + 8));

  /**
   * @param hashKey two secret words
   * @param db any database
   */
  constructor(arena: Arena, hashKey: Int32Array, db: Keyspace, random: Random, limits: SortedSetLimits) {
    this.arena = arena;
    this.chunks = arena.words;
    this.db = db;
    this.limits = limits;
    this.members = new MemberTable(arena, hashKey);
    this.btree = new BTree(arena);
    this.skiplist = new Skiplist(arena, random);
    this.index = this.btree;
  }

  // ── opening ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  open(db: Keyspace, ref: number): void {
    const flags = db.flags(ref);
    this.db = db;
    this.ref = ref;
    this.isPacked = (flags & ROOTED) === 0;
    if (this.isPacked) this.locate();
    else this.openRoot(rootOf(this.chunks, db, ref), flags);
  }

  /** Points the view at a rooted set that no record need name. */
  openRoot(root: number, flags: number): void {
    const words = this.chunks[chunkOf(root)];
    const at = wordOf(root);
    this.isPacked = false;
    this.index = (flags & SKIPLIST) === 0 ? this.btree : this.skiplist;
    this.members.open(words[at]);
    this.index.open(words[at + 1]);
  }

  /** Makes a rooted set without members and opens it. Returns its root; 0 without memory. Its flags are `rootFlags`. */
  createRoot(): number {
    const root = this.arena.alloc(SET_ROOT_BYTES);
    if (root === 0) return 0;
    this.index = this.limits.skiplists ? this.skiplist : this.btree;
    if (this.members.create() !== 0) {
      if (this.index.create() !== 0) {
        const words = this.chunks[chunkOf(root)];
        words[wordOf(root)] = this.members.root;
        words[wordOf(root) + 1] = this.index.root;
        this.isPacked = false;
        return root;
      }
      this.members.destroy();
    }
    this.arena.free(root, SET_ROOT_BYTES);
    return 0;
  }

  /** Flags of a record for the root that is open, ROOTED among them. */
  get rootFlags(): number {
    return ROOTED | (this.index === this.skiplist ? SKIPLIST : 0);
  }

  /** Makes the bytes of a new record's value (listpack.EMPTY_BYTES or more) a set without members, and opens it. */
  createEmpty(db: Keyspace, ref: number): void {
    this.db = db;
    this.ref = ref;
    this.isPacked = true;
    this.locate();
    listpack.empty(this.chunk, this.at);
  }

  private locate(): void {
    this.chunk = this.arena.views[chunkOf(this.ref)];
    this.at = valueStart(this.db, this.ref);
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Members. */
  get size(): number {
    return this.isPacked ? packed.count(this.chunk, this.at) : this.index.size;
  }

  /** The place of the member of `length` bytes at `start` of a view. */
  find(view: DataView, start: number, length: number): number {
    if (this.isPacked) return packed.find(this.chunk, this.at, view, start, length);
    return this.members.findBytes(view, start, length, this.members.hashOfBytes(view, start, length));
  }

  scoreAt(place: number): number {
    return this.isPacked ? packed.scoreAt(this.chunk, place) : this.members.scoreOf(place);
  }

  rankAt(place: number): number {
    if (this.isPacked) return packed.rankOf(this.chunk, this.at, place);
    return this.index.rank(this.members.scoreOf(place), place);
  }

  /** How many members have a lower score, or (inclusive) one that is not higher. */
  belowScore(score: number, inclusive: boolean): number {
    if (this.isPacked) return packed.belowScore(this.chunk, this.at, score, inclusive);
    return this.index.belowScore(score, inclusive);
  }

  /** How many members, all of the same score, are before these bytes, or (inclusive) not after them. */
  belowBytes(view: DataView, start: number, length: number, inclusive: boolean): number {
    if (this.isPacked) return packed.belowBytes(this.chunk, this.at, view, start, length, inclusive);
    return this.index.belowBytes(view, start, length, inclusive);
  }

  /** Puts the cursor on a rank; false when there is no such member. */
  seek(rank: number): boolean {
    if (!this.isPacked) return this.index.seek(rank);
    this.cursor = rank < 0 ? 0 : packed.seek(this.chunk, this.at, rank);
    return this.cursor !== 0;
  }

  next(): boolean {
    if (!this.isPacked) return this.index.next();
    this.cursor = packed.next(this.chunk, this.cursor);
    return this.cursor !== 0;
  }

  prev(): boolean {
    if (!this.isPacked) return this.index.prev();
    this.cursor = packed.prev(this.chunk, this.at, this.cursor);
    return this.cursor !== 0;
  }

  /** The place under the cursor. */
  get place(): number {
    return this.isPacked ? this.cursor : this.index.member;
  }

  /** The score under the cursor, without its member. */
  get cursorScore(): number {
    return this.isPacked ? packed.scoreAt(this.chunk, this.cursor) : this.index.score;
  }

  /** Loads member and score under the cursor. */
  load(): void {
    if (this.isPacked) {
      this.loadPacked(this.cursor);
      return;
    }
    this.score = this.index.score;
    this.loadRecord(this.index.member);
  }

  /** Loads member and score of a place. */
  loadAt(place: number): void {
    if (this.isPacked) {
      this.loadPacked(place);
      return;
    }
    this.score = this.members.scoreOf(place);
    this.loadRecord(place);
  }

  private loadRecord(ref: number): void {
    const chunk = chunkOf(ref);
    const words = this.chunks[chunk];
    const at = wordOf(ref);
    this.view = this.arena.views[chunk];
    this.start = keyWordAt(words, at) << 2;
    this.length = keyLengthAt(words, at);
  }

  private loadPacked(place: number): void {
    const { item } = listpack;
    this.score = packed.scoreAt(this.chunk, place);
    listpack.decode(this.chunk, place);
    this.view = item.view;
    this.start = item.start;
    this.length = item.length;
    if (!item.isInteger) return;
    for (let i = 0; i < TEXT_VIEW.byteLength; i += 8) {
      this.digits.setBigUint64(i, TEXT_VIEW.getBigUint64(i, true), true);
    }
    this.view = this.digits;
  }

  /** As RecordTable.collect, of places: all at once of a packed set. */
  collect(cursor: number, count: number, into: RefList): number {
    if (!this.isPacked) return this.members.collect(cursor, count, into);
    for (let p = listpack.first(this.chunk, this.at); p !== 0; p = packed.next(this.chunk, p)) into.push(p);
    return 0;
  }

  /** The place of a member chosen at random, each with the same chance; the set must not be empty. */
  random(random: Random): number {
    if (!this.isPacked) return this.members.randomRef(random);
    return packed.seek(this.chunk, this.at, random.below(this.size));
  }

  /** True when scores are kept as text (the set is packed). */
  get keepsText(): boolean {
    return this.isPacked;
  }

  // ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** So many members are about to be added: more than a packed set may have go into a rooted one at once. */
  expect(members: number): boolean {
    return !this.isPacked || members <= this.limits.maxPackedMembers || this.unpack();
  }

  /** Adds a member that is not there; `score` is not NaN. False, and nothing changed, without memory. */
  add(view: DataView, start: number, length: number, score: number): boolean {
    if (this.isPacked) {
      if (this.mayStayPacked(length)) {
        const bytes = packed.pairBytes(view, start, length, score);
        if (!this.grow(bytes)) return false;
        packed.insert(this.chunk, this.at, view, start, length, score);
        return true;
      }
      if (!this.unpack()) return false;
    }
    return this.addRecord(view, start, length, score);
  }

  private mayStayPacked(length: number): boolean {
    const { maxPackedMembers, maxPackedLength } = this.limits;
    if (length > maxPackedLength || this.size >= maxPackedMembers) return false;
    return listpack.totalBytes(this.chunk, this.at) + length <= MAX_PACKED_BYTES;
  }

  private addRecord(view: DataView, start: number, length: number, score: number): boolean {
    const { members } = this;
    const ref = members.insertMember(view, start, length, members.hashOfBytes(view, start, length), score);
    if (ref === 0) return false;
    if (this.index.insert(score, ref)) return true;
    members.remove(ref);
    return false;
  }

  /** Gives the member at a place, whose bytes are also elsewhere, another score. False, and nothing changed, without memory. */
  rescore(place: number, view: DataView, start: number, length: number, score: number): boolean {
    if (this.isPacked) return this.rescorePacked(place, view, start, length, score);
    const { members, index } = this;
    const old = members.scoreOf(place);
    if (!index.rescore(old, place, score)) {
      index.remove(old, place);
      if (!index.insert(score, place)) {
        index.insert(old, place); // there is room where it was
        return false;
      }
    }
    members.setScore(place, score);
    return true;
  }

  private rescorePacked(place: number, view: DataView, start: number, length: number, score: number): boolean {
    const offset = place - this.at;
    const gone = listpack.entryBytes(this.chunk, place + listpack.entryBytes(this.chunk, place));
    const more = packed.pairBytes(view, start, length, score) - gone - listpack.entryBytes(this.chunk, place);
    if (more > 0 && !this.grow(more)) return false;
    packed.remove(this.chunk, this.at, this.at + offset, 1);
    packed.insert(this.chunk, this.at, view, start, length, score);
    return true;
  }

  remove(place: number): void {
    if (this.isPacked) {
      packed.remove(this.chunk, this.at, place, 1);
      return;
    }
    this.index.remove(this.members.scoreOf(place), place);
    this.members.remove(place);
  }

  /** Removes `count` members from `rank` on. */
  removeRange(rank: number, count: number): void {
    if (count <= 0 || !this.seek(rank)) return;
    if (this.isPacked) {
      packed.remove(this.chunk, this.at, this.cursor, count);
      return;
    }
    if (count === 1) {
      this.remove(this.index.member);
      return;
    }
    const gone = new RefList();
    for (let i = 0; i < count; i++) {
      gone.push(this.index.member);
      this.index.next();
    }
    for (let i = 0; i < count; i++) this.remove(gone.refs[i]);
  }

  /** After changes: the memory that a packed set does not need goes back. */
  trim(): void {
    if (!this.isPacked) return;
    const bytes = listpack.totalBytes(this.chunk, this.at);
    if (bytes !== this.db.valueLength(this.ref)) this.resize(bytes); // without memory to move into, it stays larger
  }

  /** Room for a listpack of so many bytes more. False without memory. */
  private grow(more: number): boolean {
    const bytes = listpack.totalBytes(this.chunk, this.at) + more;
    return bytes <= this.db.valueLength(this.ref) || this.resize(bytes);
  }

  private resize(bytes: number): boolean {
    const moved = this.db.resize(this.ref, bytes);
    if (moved === 0) return false;
    this.ref = moved;
    this.locate();
    return true;
  }

  /** Makes a packed set a rooted one. False, and nothing done, without memory. */
  private unpack(): boolean {
    const { chunk, at, db } = this;
    const root = this.createRoot();
    if (root === 0) return false;
    for (let p = listpack.first(chunk, at); p !== 0; p = packed.next(chunk, p)) {
      this.loadPackedFrom(chunk, p);
      if (this.addRecord(this.view, this.start, this.length, this.score)) continue;
      this.destroyRoot(root);
      this.isPacked = true;
      return false;
    }
    const flags = db.flags(this.ref);
    this.ref = db.resize(this.ref, ROOT_BYTES) || this.ref; // without memory to move into, it stays where it is
    db.setFlags(this.ref, flags | this.rootFlags);
    setRoot(this.chunks, db, this.ref, root);
    return true;
  }

  private loadPackedFrom(chunk: DataView, p: number): void {
    this.chunk = chunk;
    this.loadPacked(p);
  }

  /** Frees all that is under a root at once. */
  destroyRoot(root: number): void {
    while (this.destroyStep(root, 1 << 16));
  }

  /** Frees about `budget` members under the root that is open, and the root at last. True when more is left. */
  destroyStep(root: number, budget: number): boolean {
    const words = this.chunks[chunkOf(root)];
    const index = words[wordOf(root) + 1];
    if (index !== 0) {
      const { gone } = this;
      gone.length = 0;
      const more = this.index.destroyStep(index, budget, gone);
      for (let i = 0; i < gone.length; i++) this.members.free(gone.refs[i]);
      if (more) return true;
      words[wordOf(root) + 1] = 0;
    }
    if (this.members.dropTableStep(budget)) return true;
    this.arena.free(root, SET_ROOT_BYTES);
    return false;
  }

  /** Frees a root of which nothing else is left. */
  freeRoot(root: number): void {
    this.arena.free(root, SET_ROOT_BYTES);
  }
}
