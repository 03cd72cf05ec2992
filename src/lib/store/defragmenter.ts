/**
 * Fragmentation, answered: when many objects of a size were removed, slabs of that size are left with a few objects each. A
 * pass goes through all keys in the order of their hashes, and moves every object whose slab is emptier than the average of
 * its class into the fullest one; so the emptiest become empty, and their pages go back to the page heap and to the system.
 *
 *   before  │▒··▒···│··▒····│▒▒▒▒▒▒·│▒▒▒·▒▒▒│        after  │·······│·······│▒▒▒▒▒▒▒│▒▒▒▒▒▒▒│▒·
 *             └───────┴─ sparse ─────▲───────▲
 *
 * The work is cut into steps that are bounded in time. Between two steps anything may change: the pass knows its place by
 * hash, and looks its record up again.
 */
import type { Arena } from './arena.ts';
import type { Keyspace } from './keyspace.ts';
import { RefList } from './table.ts';
import { ROOTED, rootOf, type ValueKind } from './value-kind.ts';

/** Records looked at between two looks at the clock. */
const RECORDS = 32;
/** Elements of one value moved between two looks at the clock. */
const ELEMENTS = 64;

/** Counters for INFO. */
export class DefragmentStats {
  /** Objects moved, and records looked at that stood well. */
  hits = 0;
  misses = 0;
  /** Keys of which something was moved, and the others. */
  keyHits = 0;
  keyMisses = 0;
  passes = 0;
}

export class Defragmenter {
  readonly stats = new DefragmentStats();
  /** A pass is under way. */
  running = false;
  private readonly arena: Arena;
  private readonly databases: readonly Keyspace[];
  private readonly kinds: readonly (ValueKind | null)[];
  private database = 0;
  private cursor = 0;
  /** Records of the last batch whose values are yet to be looked at, with their hashes, and the place in the first of them. */
  private readonly records = new RefList();
  private readonly hashes = new RefList();
  private next = 0;
  private within = 0;
  private readonly countMoved: () => void;

  constructor(arena: Arena, databases: readonly Keyspace[], kinds: readonly (ValueKind | null)[]) {
    this.arena = arena;
    this.databases = databases;
    this.kinds = kinds;
    this.countMoved = () => {
      this.stats.hits++;
    };
  }

  /** Begins a pass, if none is under way. */
  start(): void {
    if (this.running) return;
    this.running = true;
    this.database = 0;
    this.cursor = 0;
    this.forget();
    this.arena.sortSlabs();
  }

  /** Works until `expired` says that the time is over, or the pass is. */
  step(expired: () => boolean): void {
    while (this.running && !expired()) {
      if (this.next < this.records.length) this.enterValue();
      else if (this.database < this.databases.length) this.nextRecords();
      else this.finish();
    }
  }

  private finish(): void {
    this.running = false;
    this.stats.passes++;
    this.arena.purge();
  }

  private nextRecords(): void {
    const db = this.databases[this.database];
    const { stats } = this;
    this.forget();
    const hitsBefore = stats.hits;
    this.cursor = db.defragment(this.cursor, RECORDS, this.countMoved, this.records);
    stats.keyHits += stats.hits - hitsBefore;
    stats.keyMisses += this.records.length - (stats.hits - hitsBefore);
    for (let i = 0; i < this.records.length; i++) this.hashes.push(db.hashOf(this.records.refs[i]));
    if (this.cursor === 0) this.database++;
  }

  /** A part of the value of the first record in the list. */
  private enterValue(): void {
    // The batch may have been the last of its database.
    const db = this.databases[this.cursor === 0 ? this.database - 1 : this.database];
    const ref = this.records.refs[this.next];
    if (!db.holds(ref, this.hashes.refs[this.next]) || (db.flags(ref) & ROOTED) === 0) {
      this.within = 0;
      this.next++;
      return;
    }
    const kind = this.kinds[db.type(ref)];
    const root = rootOf(this.arena.words, db, ref);
    const { stats } = this;
    const hitsBefore = stats.hits;
    this.within = kind === null ? 0 : kind.defragment(root, db.flags(ref), this.within, ELEMENTS, this.countMoved);
    if (stats.hits === hitsBefore) stats.misses++;
    if (this.within === 0) this.next++;
  }

  private forget(): void {
    this.records.length = 0;
    this.hashes.length = 0;
    this.next = 0;
    this.within = 0;
  }
}
