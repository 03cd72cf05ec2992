/**
 * What ZUNION, ZINTER and ZDIFF read: sorted sets, and sets, whose members all have the score 1. A Source is a view of one of
 * them at a time; the keys of a command are kept as refs of records, so a command may name very many.
 */
import type { SetView } from '../../store/set-view.ts';
import type { SortedSet } from '../../store/sorted-set.ts';
import { RefList } from '../../store/table.ts';
import type { Engine } from '../engine.ts';
import { hashOf, lookupRead, TYPE_SET, TYPE_ZSET, wrongType } from '../keys.ts';

export class Source {
  /** What load() found: bytes that are good until the next load, and the score. */
  view: DataView;
  start = 0;
  length = 0;
  score = 0;
  private isSorted = false;
  private isThere = false;
  private readonly sorted: SortedSet;
  private readonly plain: SetView;

  constructor(sorted: SortedSet, plain: SetView) {
    this.sorted = sorted;
    this.plain = plain;
    this.view = sorted.view;
  }

  /** Points the view at a record; 0 is a key that is not there. */
  open(engine: Engine, ref: number): void {
    this.isThere = ref !== 0;
    if (!this.isThere) return;
    this.isSorted = engine.db.type(ref) === TYPE_ZSET;
    if (this.isSorted) this.sorted.open(engine.db, ref);
    else this.plain.open(engine.db, ref);
  }

  get size(): number {
    if (!this.isThere) return 0;
    return this.isSorted ? this.sorted.size : this.plain.size;
  }

  collect(cursor: number, count: number, into: RefList): number {
    if (!this.isThere) return 0;
    return this.isSorted ? this.sorted.collect(cursor, count, into) : this.plain.collect(cursor, count, into);
  }

  load(place: number): void {
    const from = this.isSorted ? this.sorted : this.plain;
    if (this.isSorted) {
      this.sorted.loadAt(place);
      this.score = this.sorted.score;
    } else {
      this.plain.load(place);
      this.score = 1;
    }
    this.view = from.view;
    this.start = from.start;
    this.length = from.length;
  }

  /** True when it has the member: `score` is that of it then. */
  find(view: DataView, start: number, length: number): boolean {
    if (!this.isThere) return false;
    if (!this.isSorted) {
      this.score = 1;
      return this.plain.find(view, start, length) !== 0;
    }
    const place = this.sorted.find(view, start, length);
    if (place === 0) return false;
    this.score = this.sorted.scoreAt(place);
    return true;
  }
}

/** The keys of a command: the refs of their records, in the order in which they are worked on, and their weights. */
export class Sources {
  readonly refs = new RefList();
  weights = new Float64Array(0);

  /** Finds the n keys from argument `first` on. False when one holds something else: the error has been written. */
  read(engine: Engine, first: number, n: number): boolean {
    this.refs.length = 0;
    this.weights = new Float64Array(n).fill(1);
    for (let i = first; i < first + n; i++) {
      const ref = lookupRead(engine, i, hashOf(engine, i));
      if (ref !== 0 && engine.db.type(ref) !== TYPE_ZSET && engine.db.type(ref) !== TYPE_SET) {
        wrongType(engine);
        return false;
      }
      this.refs.push(ref);
    }
    return true;
  }

  /** The smallest first; those of the same size stay in their order, on which rounded sums depend. */
  sortBySize(engine: Engine, source: Source): void {
    const n = this.refs.length;
    const refs = this.refs.refs.slice(0, n);
    const weights = this.weights.slice();
    const sizes = Float64Array.from(refs, (ref) => {
      source.open(engine, ref);
      return source.size;
    });
    const order = Array.from({ length: n }, (_, i) => i).sort((a, b) => sizes[a] - sizes[b]);
    order.forEach((from, i) => {
      this.refs.refs[i] = refs[from];
      this.weights[i] = weights[from];
    });
  }
}
