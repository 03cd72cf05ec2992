/**
 * Sets as a type of value, and what set operations work with: two sets that are open at a time, and a third that is being
 * made and no key's value yet.
 *
 *   one ────┐  members of `one`, some hundred at a time, are looked up in `other`;
 *   other ──┼▶ what is to be kept is replied, or gathered in a table: the result
 *   result ─┘  which becomes a key's value in the smallest form that it fits
 */
import type { Arena } from './arena.ts';
import { copyRecord, tableMemory } from './hashes.ts';
import { integerHigh, integerLow, isCanonicalInteger } from './integer64.ts';
import * as intset from './intset.ts';
import type { Keyspace } from './keyspace.ts';
import * as listpack from './listpack.ts';
import { RecordTable } from './record-table.ts';
import { chunkOf } from './ref.ts';
import { INTSET, SetLimits, SetView } from './set-view.ts';
import { RefList } from './table.ts';
import { ROOT_BYTES, ROOTED, rootOf, setRoot, type ValueKind, valueStart } from './value-kind.ts';

/** Members that are copied between two looks into a table. */
const CLONE_BATCH = 256;

export class Sets implements ValueKind {
  readonly limits = new SetLimits();
  readonly one: SetView;
  readonly other: SetView;
  readonly result: SetView;
  private readonly hidden: RecordTable;
  private readonly copied: RecordTable;
  private readonly arena: Arena;
  private readonly found = new RefList();

  /** @param db any database */
  constructor(arena: Arena, db: Keyspace) {
    this.arena = arena;
    this.one = new SetView(arena, db, this.limits);
    this.other = new SetView(arena, db, this.limits);
    this.result = new SetView(arena, db, this.limits);
    this.hidden = new RecordTable(arena, db.hashKey);
    this.copied = new RecordTable(arena, db.hashKey);
  }

  // ── a result ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Makes `result` an empty set that is no key's value, with room for so many members. False without memory. */
  beginResult(expected: number): boolean {
    const root = this.result.table.create(expected);
    if (root !== 0) this.result.openTable(root);
    this.wasMore = 0;
    return root !== 0;
  }

  /** Frees the result. */
  dropResult(): void {
    this.result.table.destroy();
  }

  /** Flags and bytes of the value that the result will be. */
  resultFlags = 0;
  resultBytes = 0;
  /** The result had members that did not fit an intset, or not even a listpack: removing them makes it none again. */
  private wasMore = 0;

  /** Members of the result are about to be removed: it stays in the form that it has with them. */
  settleResult(): void {
    this.weighResult();
    this.wasMore = this.resultFlags === ROOTED ? 2 : this.resultFlags === INTSET ? 0 : 1;
  }

  /** Chooses the form of the result: the smallest that it fits. */
  weighResult(): void {
    const { result, limits } = this;
    const n = result.size;
    this.resultFlags = ROOTED;
    this.resultBytes = ROOT_BYTES;
    if (n > limits.intsetEntries && n > limits.listpackEntries) return;
    this.collectResult();
    let integers = n <= limits.intsetEntries && this.wasMore === 0;
    let fits = n <= limits.listpackEntries && this.wasMore < 2;
    let listpackBytes = listpack.EMPTY_BYTES;
    let width = 2;
    for (let i = 0; i < n && (integers || fits); i++) {
      result.load(this.found.refs[i]);
      const { view, start, length } = result;
      if (length > limits.listpackLength) fits = false;
      if (fits) listpackBytes += listpack.encodedBytes(view, start, length);
      if (integers && !isCanonicalInteger(view, start, length)) integers = false;
      if (integers) width = Math.max(width, intset.widthOf(integerLow(), integerHigh()));
    }
    if (integers) {
      this.resultFlags = INTSET;
      this.resultBytes = intset.HEADER_BYTES + width * n;
    } else if (fits) {
      this.resultFlags = 0;
      this.resultBytes = listpackBytes;
    }
  }

  /** Moves the result into a new record that was made by what weighResult() said; `result` is no more. */
  placeResult(db: Keyspace, ref: number): void {
    const { result } = this;
    if (this.resultFlags === ROOTED) {
      setRoot(this.arena.words, db, ref, result.table.root);
      return;
    }
    const view = this.arena.views[chunkOf(ref)];
    const at = valueStart(db, ref);
    if (this.resultFlags === INTSET) intset.empty(view, at);
    else listpack.empty(view, at);
    for (let i = 0; i < this.found.length; i++) {
      result.load(this.found.refs[i]);
      if (this.resultFlags !== INTSET) listpack.append(view, at, result.view, result.start, result.length);
      else if (isCanonicalInteger(result.view, result.start, result.length)) {
        const low = integerLow();
        const high = integerHigh();
        intset.insert(view, at, -1 - intset.find(view, at, low, high), low, high);
      }
    }
    this.dropResult();
  }

  private collectResult(): void {
    const { found, result } = this;
    found.length = 0;
    let cursor = 0;
    do cursor = result.collect(cursor, found.length + CLONE_BATCH, found);
    while (cursor !== 0);
  }

  // ── as values ────────────────────────────────────────────────────────────────────────────────────────────────────────

  encoding(db: RecordTable, ref: number): string {
    const flags = db.flags(ref);
    if ((flags & ROOTED) !== 0) return 'hashtable';
    return (flags & INTSET) !== 0 ? 'intset' : 'listpack';
  }

  count(db: RecordTable, ref: number): number {
    const flags = db.flags(ref);
    const view = this.arena.views[chunkOf(ref)];
    if ((flags & INTSET) !== 0) return intset.count(view, valueStart(db, ref));
    if ((flags & ROOTED) === 0) return listpack.count(view, valueStart(db, ref));
    this.hidden.open(rootOf(this.arena.words, db, ref));
    return this.hidden.size;
  }

  burden(root: number): number {
    this.hidden.open(root);
    return this.hidden.size;
  }

  release(root: number, _flags: number, budget: number): boolean {
    this.hidden.open(root);
    return this.hidden.destroyStep(budget);
  }

  clone(root: number, _flags: number): number {
    const { arena, hidden, copied } = this;
    hidden.open(root);
    const made = copied.create(hidden.size);
    if (made === 0) return 0;
    const found = new RefList();
    let cursor = 0;
    do {
      found.length = 0;
      cursor = hidden.collect(cursor, CLONE_BATCH, found);
      for (let i = 0; i < found.length; i++) {
        if (copyRecord(arena, hidden, found.refs[i], copied) !== 0) continue;
        copied.destroy();
        return 0;
      }
    } while (cursor !== 0);
    return made;
  }

  memoryBytes(root: number, _flags: number, samples: number): number {
    this.hidden.open(root);
    return tableMemory(this.hidden, samples);
  }

  defragment(root: number, _flags: number, cursor: number, count: number, moved: () => void): number {
    this.hidden.open(root);
    return this.hidden.defragment(cursor, count, moved, new RefList());
  }
}
