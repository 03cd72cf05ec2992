/**
 * The sorted sets of a shard: the one that commands work on, and what housekeeping must know of them (value-kind.ts). Work on
 * values that are not open goes through a second view, so that it leaves the first where it is.
 */
import type { Random } from '../random.ts';
import type { Arena } from './arena.ts';
import type { Keyspace } from './keyspace.ts';
import * as packed from './packed-sorted-set.ts';
import type { RecordTable } from './record-table.ts';
import { chunkOf } from './ref.ts';
import { SET_ROOT_BYTES, SortedSet, SortedSetLimits } from './sorted-set.ts';
import { ROOTED, rootOf, type ValueKind, valueStart } from './value-kind.ts';

export class SortedSets extends SortedSet implements ValueKind {
  /** For what is done to a set that is not open. */
  private readonly other: SortedSet;
  private readonly hashKey: Int32Array;
  private readonly anyDb: Keyspace;
  private readonly random32: Random;

  /**
   * @param hashKey two secret words
   * @param db any database
   */
  constructor(arena: Arena, hashKey: Int32Array, db: Keyspace, random: Random) {
    super(arena, hashKey, db, random, new SortedSetLimits());
    this.hashKey = hashKey;
    this.anyDb = db;
    this.random32 = random;
    this.other = this.anotherView();
  }

  /** One more view, for commands that read several sets at once. */
  anotherView(): SortedSet {
    return new SortedSet(this.arena, this.hashKey, this.anyDb, this.random32, this.limits);
  }

  encoding(db: RecordTable, ref: number): string {
    return (db.flags(ref) & ROOTED) === 0 ? 'listpack' : 'skiplist';
  }

  count(db: RecordTable, ref: number): number {
    const flags = db.flags(ref);
    if ((flags & ROOTED) === 0) return packed.count(this.arena.views[chunkOf(ref)], valueStart(db, ref));
    this.other.openRoot(rootOf(this.chunks, db, ref), flags);
    return this.other.size;
  }

  burden(root: number, flags: number): number {
    this.other.openRoot(root, flags);
    return this.other.size;
  }

  release(root: number, flags: number, budget: number): boolean {
    const { other } = this;
    other.openRoot(root, flags);
    return other.destroyStep(root, budget);
  }

  /** In order of score: so the copy's index is filled wholly. */
  clone(root: number, flags: number): number {
    const from = this.other;
    const to = this.anotherView();
    from.openRoot(root, flags);
    const made = to.createRoot();
    if (made === 0) return 0;
    for (let more = from.seek(0); more; more = from.next()) {
      from.load();
      if (to.add(from.view, from.start, from.length, from.score)) continue;
      to.destroyRoot(made);
      return 0;
    }
    return made;
  }

  memoryBytes(root: number, flags: number, samples: number): number {
    const { other } = this;
    other.openRoot(root, flags);
    const { size, members } = other;
    const wanted = samples === 0 ? size : Math.min(samples, size);
    let bytes = 0;
    let looked = 0;
    for (let more = other.seek(0); more && looked < wanted; more = other.next(), looked++) {
      bytes += members.recordBytes(other.place);
    }
    const records = looked === 0 ? 0 : Math.round((bytes / looked) * size);
    return SET_ROOT_BYTES + members.tableBytes + other.index.bytes + records;
  }

  /** The cursor is a rank: what comes and goes between two steps may be left out, or met again. */
  defragment(root: number, flags: number, cursor: number, count: number, moved: () => void): number {
    const { other } = this;
    other.openRoot(root, flags);
    const { members, index } = other;
    const stop = Math.min(cursor + count, index.size);
    for (let rank = cursor; rank < stop; rank++) {
      if (!index.seek(rank)) return 0;
      const to = members.evacuate(index.member);
      if (to === 0) continue;
      index.replace(rank, to);
      moved();
    }
    return stop < index.size ? stop : 0;
  }
}
