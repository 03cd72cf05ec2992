/**
 * A cursor over the entries of a stream (log.ts), in both directions: from listpack to listpack along the tree of nodes, past
 * deleted entries. What it stands on is told by positions in the listpack; nothing is copied out.
 *
 *   seek(id) ─▶ next() … next()            countForward(end, limit): how many next() would go to
 *   seekBack(id) ─▶ previous() …           countBack(start, limit)
 */
import type { Arena } from '../arena.ts';
import * as listpack from '../listpack.ts';
import { byteOf, chunkOf } from '../ref.ts';
import { compareWords, StreamId } from './id.ts';
import { IdTree } from './id-tree.ts';
import { NODE_LISTPACK } from './layout.ts';

/** Flags of an entry. */
export const DELETED = 1;
export const SAMEFIELDS = 2;

/** Places that are remembered; a power of two. */
const PLACES = 64;
const PLACE_WORDS = 8;
const PLACE_SHIFT = 26;
const GOLDEN = 0x9e37_79b9 | 0;

export class EntryCursor {
  /** Nodes by master ID. */
  readonly nodes: IdTree;
  /** The entry that the cursor stands on: its ID, and where in `view` its flags are. */
  readonly id = new StreamId();
  view: DataView;
  entry = 0;
  /** How many fields it has; `same` when their names are the master's. */
  fields = 0;
  same = false;
  /** Where the first name is, and where the first value is (not `same`: the first name, values and names in turn). */
  names = 0;
  values = 0;
  protected readonly arena: Arena;
  /** The cursor's node: where its listpack begins (0: the cursor is nowhere), its master ID, and its first entry. */
  protected node = 0;
  protected firstEntry = 0;
  /** Where the cursor's entry ends. */
  protected after = 0;
  protected readonly master = new StreamId();
  private masterFields = 0;
  private masterNames = 0;
  private readonly wanted = new StreamId();
  /**
   * Where seek() last was in a stream, for who reads on from there: root, generation, node, its offset in the node, and the ID
   * before which no entry is that lies behind it. Good as long as the generation is the same.
   */
  private readonly places = new Int32Array(PLACES * PLACE_WORDS);
  /** Counts changes by which entries move: entries that are appended or get a flag don't. */
  protected generation = 1;
  root = 0;

  constructor(arena: Arena) {
    this.arena = arena;
    this.nodes = new IdTree(arena);
    this.view = arena.views[0];
  }

  /** Puts the cursor before the first entry at or after `id`: next() goes there. */
  seek(id: StreamId): void {
    const found = this.nodes.seekBack(id);
    const node = found !== 0 ? found : this.nodes.first();
    this.node = 0;
    this.after = 0;
    if (node === 0) return;
    this.enter(node);
    this.after = this.firstEntry;
    const place = (Math.imul(this.root, GOLDEN) >>> PLACE_SHIFT) * PLACE_WORDS;
    const { places } = this;
    if (places[place] === this.root && places[place + 1] === this.generation && places[place + 2] === node) {
      if (compareWords(places, place + 4, id) <= 0) this.after = this.node + places[place + 3];
    }
    this.wanted.copy(id);
    // Entries before it are passed by.
    while (this.next() && this.id.compare(this.wanted) < 0);
    if (this.node === 0) return;
    this.after = this.entry;
    if (this.nodes.value !== node) return;
    places[place] = this.root;
    places[place + 1] = this.generation;
    places[place + 2] = node;
    places[place + 3] = this.entry - this.node;
    this.wanted.write(places, place + 4);
  }

  /** Puts the cursor behind the last entry at or before `id`: previous() goes there. */
  seekBack(id: StreamId): void {
    const node = this.nodes.seekBack(id);
    this.node = 0;
    if (node === 0) return;
    this.enter(node);
    this.entry = listpack.end(this.view, this.node);
    this.wanted.copy(id);
    while (this.previous() && this.id.compare(this.wanted) > 0);
    if (this.node !== 0) this.entry = this.after;
  }

  /** Goes to the next entry that is not deleted; false at the end. */
  next(): boolean {
    while (this.node !== 0) {
      if (this.view.getUint8(this.after) === 0xff) this.enterNext();
      else if (this.read(this.after)) return true;
    }
    return false;
  }

  /** Goes to the entry before that is not deleted; false at the beginning. */
  previous(): boolean {
    while (this.node !== 0) {
      if (this.entry === this.firstEntry) this.enterPrevious();
      else if (this.read(this.entryBefore())) return true;
    }
    return false;
  }

  /** True when there is such an entry; the cursor stands on it then. */
  find(id: StreamId): boolean {
    this.seek(id);
    return this.next() && this.id.equals(id);
  }

  /** Points the cursor at a node, the tree's cursor standing on it. */
  protected enter(node: number): void {
    const view = this.arena.views[chunkOf(node)];
    const at = byteOf(node) + NODE_LISTPACK;
    this.nodes.readId(this.master);
    this.view = view;
    this.node = at;
    let p = at + listpack.HEADER_BYTES;
    p += listpack.entryBytes(view, p);
    p += listpack.entryBytes(view, p);
    const fields = integerOf(view, p);
    p += listpack.entryBytes(view, p);
    this.masterFields = fields;
    this.masterNames = p;
    for (let i = 0; i <= fields; i++) p += listpack.entryBytes(view, p);
    this.firstEntry = p;
  }

  /** Reads the entry at p; false when it is deleted. `after` is where it ends. */
  protected read(p: number): boolean {
    const { view, id } = this;
    const flags = view.getUint8(p); // a small integer is its own encoding
    let q = p + 2;
    id.copy(this.master);
    const ms = view.getUint8(q);
    const seq = ms < 0x80 ? view.getUint8(q + 2) : 0x80;
    if (ms < 0x80 && seq < 0x80) {
      q += 4;
      if ((ms | seq) !== 0) id.add(ms, 0, seq, 0);
    } else {
      listpack.decode(view, q);
      const msLow = listpack.item.low;
      const msHigh = listpack.item.high;
      q += listpack.entryBytes(view, q);
      listpack.decode(view, q);
      id.add(msLow, msHigh, listpack.item.low, listpack.item.high);
      q += listpack.entryBytes(view, q);
    }
    let elements: number;
    if ((flags & SAMEFIELDS) !== 0) {
      this.same = true;
      this.fields = this.masterFields;
      this.names = this.masterNames;
      elements = this.fields + 1;
    } else {
      this.same = false;
      this.fields = integerOf(view, q);
      q += listpack.entryBytes(view, q);
      this.names = q;
      elements = this.fields * 2 + 1;
    }
    this.values = q;
    for (; elements > 0; elements--) q += listpack.entryBytes(view, q);
    this.entry = p;
    this.after = q;
    return (flags & DELETED) === 0;
  }

  /**
   * Entries from the cursor to `end`, but no more than `limit` (0: all); the cursor stays. Nodes that are wholly in the range
   * are counted by their master entry.
   */
  countForward(end: StreamId, limit: number): number {
    const most = limit > 0 ? limit : Number.MAX_SAFE_INTEGER;
    const { node, after } = this;
    this.nodes.mark();
    let n = 0;
    while (this.node !== 0 && n < most) {
      if (this.after === this.firstEntry && this.endsBefore(end)) n += this.nodeCount();
      else {
        while (n < most && this.view.getUint8(this.after) !== 0xff) {
          const lives = this.read(this.after);
          if (this.id.compare(end) > 0) break;
          if (lives) n++;
        }
        if (this.id.compare(end) >= 0) break;
      }
      this.enterNext();
    }
    this.nodes.reset();
    if (node !== 0) this.enter(this.nodes.value);
    this.after = after;
    return n < most ? n : most;
  }

  /** As countForward, from the cursor backwards to `start`. */
  countBack(start: StreamId, limit: number): number {
    const most = limit > 0 ? limit : Number.MAX_SAFE_INTEGER;
    const { node, entry } = this;
    this.nodes.mark();
    let n = 0;
    while (this.node !== 0 && n < most) {
      const whole = this.master.compare(start) >= 0;
      if (whole && this.entry === listpack.end(this.view, this.node)) n += this.nodeCount();
      else {
        while (n < most && this.entry !== this.firstEntry) {
          const lives = this.read(this.entryBefore());
          if (this.id.compare(start) < 0) break;
          if (lives) n++;
        }
        if (!whole) break;
      }
      this.enterPrevious();
    }
    this.nodes.reset();
    if (node !== 0) this.enter(this.nodes.value);
    this.entry = entry;
    return n < most ? n : most;
  }

  /** Entries of the cursor's node. */
  protected nodeCount(): number {
    return integerOf(this.view, this.node + listpack.HEADER_BYTES);
  }

  /** True when the last entry of the cursor's node, deleted or not, is not after `end`. */
  private endsBefore(end: StreamId): boolean {
    if (end.isMax) return true;
    const { after } = this;
    this.readLast();
    this.after = after;
    return this.id.compare(end) <= 0;
  }

  /** Reads the last entry of the cursor's node, deleted or not. */
  protected readLast(): void {
    this.entry = listpack.end(this.view, this.node);
    this.read(this.entryBefore());
  }

  /** Where the entry before the cursor's is, in the same node. */
  private entryBefore(): number {
    let p = listpack.prev(this.view, this.node, this.entry);
    for (let left = integerOf(this.view, p); left > 0; left--) p = listpack.prev(this.view, this.node, p);
    return p;
  }

  /** Puts the cursor before the first entry of the next node; nowhere if there is none. */
  private enterNext(): void {
    const node = this.nodes.next();
    this.node = 0;
    if (node === 0) return;
    this.enter(node);
    this.after = this.firstEntry;
  }

  /** Puts the cursor behind the last entry of the node before; nowhere if there is none. */
  private enterPrevious(): void {
    const node = this.nodes.prev();
    this.node = 0;
    if (node === 0) return;
    this.enter(node);
    this.entry = listpack.end(this.view, this.node);
  }
}

/** A listpack integer of up to 2^53. */
export function integerOf(view: DataView, p: number): number {
  const mark = view.getUint8(p);
  if (mark < 0x80) return mark;
  listpack.decode(view, p);
  return listpack.item.integer;
}
