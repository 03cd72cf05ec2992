/**
 * Listpacks of stream entries from anywhere, checked before a stream takes one over: what its cursors rely on (store/stream).
 *
 *   count │ deleted │ n │ field … │ 0 │ entry …          entry: flags │ ms │ seq │ [n │ field value … | value …] │ elements
 */
import * as listpack from '../../store/listpack.ts';
import { DELETED, SAMEFIELDS } from '../../store/stream/cursor.ts';
import { StreamId } from '../../store/stream/id.ts';

/** Elements of an entry beside fields and values: flags, ms, seq. */
const ENTRY_EXTRAS = 3;

/** Walks through one listpack; every step is false when something is not as it must be. */
export class StreamNodeCheck {
  /** Entries of the last listpack that are not deleted. */
  entries = 0;
  /** The ID of the last entry of all listpacks so far, deleted or not. */
  readonly last = new StreamId();
  private any = false;
  private readonly id = new StreamId();
  private view: DataView = new DataView(new SharedArrayBuffer(0));
  private p = 0;
  private masterFields = 0;

  /** A new stream begins. */
  reset(): void {
    this.any = false;
    this.last.setMin();
  }

  /**
   * True for the listpack (a valid one) of a node with this master ID: its entries are as many as it says, and each has an ID
   * after the one before it, in this node and those before.
   */
  check(view: DataView, at: number, master: StreamId): boolean {
    this.view = view;
    this.p = listpack.first(view, at);
    const count = this.number();
    const deleted = this.number();
    this.masterFields = this.number();
    if (!(count > 0 && deleted >= 0 && this.masterFields >= 0)) return false;
    if (!this.skip(this.masterFields) || this.number() !== 0) return false;
    this.entries = 0;
    for (let left = count + deleted; left > 0; left--) if (!this.entry(master)) return false;
    return this.p === 0 && this.entries === count;
  }

  private entry(master: StreamId): boolean {
    const flags = this.number();
    if (!(flags >= 0 && flags <= (DELETED | SAMEFIELDS))) return false;
    const { id, last } = this;
    const { item } = listpack;
    id.copy(master);
    if (Number.isNaN(this.integer())) return false;
    const { low, high } = item;
    if (Number.isNaN(this.integer())) return false;
    id.add(low, high, item.low, item.high);
    if (this.any && id.compare(last) <= 0) return false;
    this.any = true;
    last.copy(id);
    let elements = this.masterFields;
    if ((flags & SAMEFIELDS) === 0) {
      const fields = this.number();
      if (!(fields >= 0)) return false;
      elements = 2 * fields + 1;
      if (!this.skip(2 * fields)) return false;
    } else if (!this.skip(elements)) return false;
    if (this.number() !== elements + ENTRY_EXTRAS) return false;
    if ((flags & DELETED) === 0) this.entries++;
    return true;
  }

  /** The integer at p, which moves on; NaN when there is none, or none below 2^53. */
  private number(): number {
    return this.integer() === 0 ? listpack.item.integer : Number.NaN;
  }

  /** Reads the integer at p into listpack.item, and moves on. 0; NaN when there is none. */
  private integer(): number {
    if (this.p === 0) return Number.NaN;
    listpack.decode(this.view, this.p);
    if (!listpack.item.isInteger) return Number.NaN;
    this.p = listpack.next(this.view, this.p);
    return 0;
  }

  private skip(n: number): boolean {
    for (let left = n; left > 0; left--) {
      if (this.p === 0) return false;
      this.p = listpack.next(this.view, this.p);
    }
    return true;
  }
}
