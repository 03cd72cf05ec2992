/**
 * The types of values that a shard stores beside strings, each with the views through which its structures are worked on, and
 * what is done to values whatever their type: naming their encoding, freeing, copying.
 *
 *   record ── type ──▶ kinds[type] ── encoding, count, release, clone, memoryBytes (store/value-kind.ts)
 */
import type { Random } from '../random.ts';
import type { Arena } from '../store/arena.ts';
import { Hashes } from '../store/hashes.ts';
import type { Keyspace } from '../store/keyspace.ts';
import { ListKind } from '../store/list-kind.ts';
import { Quicklist } from '../store/quicklist.ts';
import { Reaper } from '../store/reaper.ts';
import { Sets } from '../store/sets.ts';
import type { SortedSet } from '../store/sorted-set.ts';
import { SortedSets } from '../store/sorted-sets.ts';
import { Streams } from '../store/stream/streams.ts';
import { ROOTED, rootOf, type ValueKind } from '../store/value-kind.ts';
import type { ExpiryWheel } from '../store/wheel.ts';
import type { Source } from './zset/sources.ts';

export class Values {
  /** By type number; null for strings, and for numbers that are no type. */
  readonly kinds: (ValueKind | null)[];
  readonly hashes: Hashes;
  readonly sets: Sets;
  readonly sortedSets: SortedSets;
  /** What ZUNION and its like read; made when first needed. */
  zsetSources: { readonly one: Source; readonly other: Source } | null = null;
  /** A sorted set on its way into being. */
  readonly zsetResult: SortedSet;
  readonly streams: Streams;
  /** Large values on their way out. */
  readonly reaper = new Reaper();
  /** The view through which commands work on lists. */
  readonly list: Quicklist;
  private readonly arena: Arena;

  /**
   * @param databases tables of elements have their secret words, too
   */
  constructor(arena: Arena, databases: readonly Keyspace[], wheel: ExpiryWheel, random: Random) {
    const db = databases[0];
    this.arena = arena;
    this.list = new Quicklist(arena);
    this.hashes = new Hashes(arena, databases, wheel);
    this.sets = new Sets(arena, db);
    this.sortedSets = new SortedSets(arena, db.hashKey, db, random);
    this.zsetResult = this.sortedSets.anotherView();
    this.streams = new Streams(arena);
    this.kinds = [null, new ListKind(arena), this.sets, this.sortedSets, this.hashes, null, this.streams, null];
  }

  /** Is called before a record of `db` is freed: what hangs from it goes, too, at once or in steps. */
  release(db: Keyspace, ref: number): void {
    const flags = db.flags(ref);
    if ((flags & ROOTED) === 0) return;
    const kind = this.kinds[db.type(ref)];
    if (kind !== null) this.reaper.bury(kind, rootOf(this.arena.words, db, ref), flags);
  }
}
