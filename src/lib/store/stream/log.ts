/**
 * The entries of a stream: listpacks of some hundred entries, in a tree by the ID of their first one (the master ID), byte for
 * byte what redis-server keeps and dumps.
 *
 *   node    count │ deleted │ n │ field … │ 0 │ entry │ entry │ …         the master entry names the fields that most have
 *   entry   flags │ ms − master's │ seq − master's │ values …              │ elements    SAMEFIELDS: n values
 *           flags │ ms − master's │ seq − master's │ n │ field value …     │ elements
 *
 * A deleted entry only gets a flag; a node goes when all of its entries are deleted. `elements` are what precede it, so that
 * entries can be walked from the end. A StreamLog is a view that open() points at a root, and a cursor over the entries (cursor.ts).
 */
import type { Arena } from '../arena.ts';
import * as listpack from '../listpack.ts';
import { byteOf, chunkOf, wordOf } from '../ref.ts';
import { DELETED, EntryCursor, integerOf, SAMEFIELDS } from './cursor.ts';
import { StreamId } from './id.ts';
import * as layout from './layout.ts';

/** An element takes no more than this beyond its bytes; an integer takes no more at all. */
const ELEMENT_OVERHEAD = 11;
/** Elements of an entry beside fields and values. */
const ENTRY_EXTRAS = 5;
/** Redis's limit of a node, and of an entry. */
export const NODE_MAX_BYTES = 1 << 30;
const FIRST_NODE_BYTES = 60;
const LISTPACK = layout.NODE_LISTPACK;

export class StreamLog extends EntryCursor {
  /** stream-node-max-bytes and stream-node-max-entries; 0 is no limit. */
  nodeMaxBytes = 4096;
  nodeMaxEntries = 100;
  private words: Int32Array;
  private at = 0;
  private readonly delta = new StreamId();
  private readonly edge = new StreamId();

  constructor(arena: Arena) {
    super(arena);
    this.words = arena.words[0];
  }

  open(root: number): this {
    this.root = root;
    this.words = this.arena.words[chunkOf(root)];
    this.at = wordOf(root);
    this.nodes.open(root, layout.ROOT_NODES);
    return this;
  }

  // ── what the root says ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Entries that are not deleted. */
  get length(): number {
    return this.words[this.at + layout.ROOT_LENGTH] >>> 0;
  }

  setLength(length: number): void {
    this.words[this.at + layout.ROOT_LENGTH] = length;
  }

  /** Entries that were ever added: the words of a 64-bit integer. */
  get addedLow(): number {
    return this.words[this.at + layout.ROOT_ADDED];
  }

  get addedHigh(): number {
    return this.words[this.at + layout.ROOT_ADDED + 1];
  }

  setAdded(low: number, high: number): void {
    this.words[this.at + layout.ROOT_ADDED] = low;
    this.words[this.at + layout.ROOT_ADDED + 1] = high;
  }

  lastId(into: StreamId): StreamId {
    return into.read(this.words, this.at + layout.ROOT_LAST);
  }

  setLastId(id: StreamId): void {
    id.write(this.words, this.at + layout.ROOT_LAST);
  }

  firstId(into: StreamId): StreamId {
    return into.read(this.words, this.at + layout.ROOT_FIRST);
  }

  setFirstId(id: StreamId): void {
    id.write(this.words, this.at + layout.ROOT_FIRST);
  }

  maxDeletedId(into: StreamId): StreamId {
    return into.read(this.words, this.at + layout.ROOT_DELETED);
  }

  setMaxDeletedId(id: StreamId): void {
    id.write(this.words, this.at + layout.ROOT_DELETED);
  }

  // ── appending ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Appends an entry, whose ID is above the last one. Its fields and values in turn are `2 · fields` pieces of `from`, from
   * the piece `first` on. False, and nothing changed, when there is no memory.
   */
  append(
    id: StreamId,
    from: DataView,
    offsets: Int32Array,
    lengths: Int32Array,
    first: number,
    fields: number,
  ): boolean {
    let bytes = 0;
    for (let i = first, end = first + fields * 2; i < end; i++) bytes += lengths[i];
    const need = bytes + (fields * 2 + ENTRY_EXTRAS) * ELEMENT_OVERHEAD;
    const last = this.nodes.last();
    let node = 0;
    if (last !== 0) {
      if (this.takesMore(last, bytes)) {
        node = this.ensureRoom(last, need);
        if (node === 0) return false;
      } else this.shrink(last);
    }
    let flags = SAMEFIELDS;
    if (node === 0) {
      node = this.beginNode(id, need + ENTRY_EXTRAS * ELEMENT_OVERHEAD, from, offsets, lengths, first, fields);
      if (node === 0) return false;
    } else if (!this.countOneMore(node, from, offsets, lengths, first, fields)) flags = 0;
    this.write(node, id, flags, from, offsets, lengths, first, fields);
    this.countAppended(id);
    return true;
  }

  private countAppended(id: StreamId): void {
    const { words, at } = this;
    const length = ++words[at + layout.ROOT_LENGTH];
    if (++words[at + layout.ROOT_ADDED] === 0) words[at + layout.ROOT_ADDED + 1]++;
    id.write(words, at + layout.ROOT_LAST);
    if (length === 1) id.write(words, at + layout.ROOT_FIRST);
  }

  /** The limits of a node allow for an entry of so many bytes of fields and values. */
  private takesMore(node: number, bytes: number): boolean {
    const view = this.arena.views[chunkOf(node)];
    const at = byteOf(node) + LISTPACK;
    const limit = this.nodeMaxBytes;
    const maxBytes = limit === 0 || limit > NODE_MAX_BYTES ? NODE_MAX_BYTES : limit;
    if (listpack.totalBytes(view, at) + bytes >= maxBytes) return false;
    if (this.nodeMaxEntries === 0) return true;
    const count = at + listpack.HEADER_BYTES;
    const deleted = count + listpack.entryBytes(view, count);
    return integerOf(view, count) + integerOf(view, deleted) < this.nodeMaxEntries;
  }

  /** Makes a last node with a master entry of these fields; 0 without memory. */
  private beginNode(
    id: StreamId,
    need: number,
    from: DataView,
    offsets: Int32Array,
    lengths: Int32Array,
    first: number,
    fields: number,
  ): number {
    let names = 0;
    for (let i = 0; i < fields; i++) names += lengths[first + i * 2] + ELEMENT_OVERHEAD;
    const node = this.addNode(id, need + names + listpack.EMPTY_BYTES);
    if (node === 0) return 0;
    const view = this.arena.views[chunkOf(node)];
    const at = byteOf(node) + LISTPACK;
    listpack.empty(view, at);
    listpack.appendInteger(view, at, 1, 0);
    listpack.appendInteger(view, at, 0, 0);
    listpack.appendInteger(view, at, fields, 0);
    for (let i = 0; i < fields; i++) listpack.append(view, at, from, offsets[first + i * 2], lengths[first + i * 2]);
    listpack.appendInteger(view, at, 0, 0);
    this.nodes.last();
    return node;
  }

  /** Counts an entry more in the master entry; true when its fields are the master's. */
  private countOneMore(
    node: number,
    from: DataView,
    offsets: Int32Array,
    lengths: Int32Array,
    first: number,
    fields: number,
  ): boolean {
    const view = this.arena.views[chunkOf(node)];
    const at = byteOf(node) + LISTPACK;
    let p = at + listpack.HEADER_BYTES;
    const before = listpack.entryBytes(view, p);
    listpack.replaceInteger(view, at, p, integerOf(view, p) + 1, 0);
    if (listpack.entryBytes(view, p) !== before) this.generation = (this.generation + 1) | 0;
    p += listpack.entryBytes(view, p);
    p += listpack.entryBytes(view, p);
    if (integerOf(view, p) !== fields) return false;
    for (let i = first, end = first + fields * 2; i < end; i += 2) {
      p += listpack.entryBytes(view, p);
      if (!listpack.equals(view, p, from, offsets[i], lengths[i])) return false;
    }
    return true;
  }

  private write(
    node: number,
    id: StreamId,
    flags: number,
    from: DataView,
    offsets: Int32Array,
    lengths: Int32Array,
    first: number,
    fields: number,
  ): void {
    const view = this.arena.views[chunkOf(node)];
    const at = byteOf(node) + LISTPACK;
    const { delta } = this;
    delta.setDifference(id, this.nodes.readId(this.master));
    listpack.appendInteger(view, at, flags, 0);
    listpack.appendInteger(view, at, delta.msLow, delta.msHigh);
    listpack.appendInteger(view, at, delta.seqLow, delta.seqHigh);
    let elements = fields + 3;
    let i = first + 1;
    let step = 2;
    if ((flags & SAMEFIELDS) === 0) {
      listpack.appendInteger(view, at, fields, 0);
      elements += fields + 1;
      i = first;
      step = 1;
    }
    for (const end = first + fields * 2; i < end; i += step) listpack.append(view, at, from, offsets[i], lengths[i]);
    listpack.appendInteger(view, at, elements, 0);
  }

  // ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A node for a listpack of so many bytes, not in the tree; 0 without memory. */
  private allocNode(bytes: number): number {
    const wanted = LISTPACK + (bytes < FIRST_NODE_BYTES ? FIRST_NODE_BYTES : bytes);
    const node = this.arena.alloc(wanted);
    if (node !== 0) this.arena.words[chunkOf(node)][wordOf(node)] = wanted;
    return node;
  }

  /** As allocNode, in the tree under its master ID; what the listpack holds is the caller's, and what the root says of it. */
  addNode(id: StreamId, bytes: number): number {
    const node = this.allocNode(bytes);
    if (node === 0 || this.nodes.insert(id, node)) return node;
    this.freeNode(node);
    return 0;
  }

  /** Bytes of a node's listpack. */
  listpackBytes(node: number): number {
    return listpack.totalBytes(this.arena.views[chunkOf(node)], byteOf(node) + LISTPACK);
  }

  freeNode(node: number): void {
    this.generation = (this.generation + 1) | 0;
    this.arena.free(node, this.arena.words[chunkOf(node)][wordOf(node)]);
  }

  /** Bytes that a node takes in the arena. */
  nodeBytes(node: number): number {
    return this.arena.capacity(node, this.arena.words[chunkOf(node)][wordOf(node)]);
  }

  /** The last node, on which the tree's cursor stands, with room for so many bytes more: moved if need be; 0 without memory. */
  private ensureRoom(node: number, more: number): number {
    const size = this.listpackBytes(node);
    const capacity = this.nodeBytes(node) - LISTPACK;
    if (size + more <= capacity) return node;
    // Twice as much, but not much more than a full node takes.
    let wanted = size + more;
    if (wanted < capacity * 2) wanted = Math.max(wanted, Math.min(capacity * 2, this.nodeMaxBytes || capacity * 2));
    let moved = this.allocNode(wanted);
    if (moved === 0) moved = this.allocNode(size + more);
    if (moved === 0) return 0;
    this.moveNode(node, moved, size);
    return moved;
  }

  /** Gives back what a full node, on which the tree's cursor stands, does not need. */
  private shrink(node: number): void {
    const size = this.listpackBytes(node);
    if (this.nodeBytes(node) - LISTPACK - size < 64) return;
    const moved = this.allocNode(size);
    if (moved !== 0) this.moveNode(node, moved, size);
  }

  /** Moves a node, on which the tree's cursor stands, if it is in a sparse slab; true when it did. */
  relocate(node: number): boolean {
    const bytes = this.arena.words[chunkOf(node)][wordOf(node)];
    if (!this.arena.isSparse(node, bytes)) return false;
    const moved = this.allocNode(bytes - LISTPACK);
    if (moved === 0) return false;
    this.moveNode(node, moved, this.listpackBytes(node));
    return true;
  }

  private moveNode(node: number, moved: number, bytes: number): void {
    this.arena.move(moved, LISTPACK, node, LISTPACK, bytes);
    this.nodes.setValue(moved);
    this.freeNode(node);
  }

  // ── removing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Deletes an entry; false when there is none. `first-id` and `max-deleted-id` are the caller's. */
  remove(id: StreamId): boolean {
    if (!this.find(id)) return false;
    const { view, node } = this;
    view.setUint8(this.entry, view.getUint8(this.entry) | DELETED);
    const count = node + listpack.HEADER_BYTES;
    const left = integerOf(view, count) - 1;
    if (left === 0) this.dropNode();
    else this.setCounts(left, 1);
    this.words[this.at + layout.ROOT_LENGTH]--;
    return true;
  }

  /** Writes the master entry's counts: `left` entries, and so many more deleted ones. The counts can only get shorter, or … */
  private setCounts(left: number, deleted: number): void {
    this.generation = (this.generation + 1) | 0;
    let { view, node } = this;
    const count = node + listpack.HEADER_BYTES;
    const already = integerOf(view, count + listpack.entryBytes(view, count));
    const grows = listpack.integerEntryBytes(already + deleted, 0) - listpack.integerEntryBytes(already, 0);
    if (grows > 0) {
      // … the deleted ones longer, by a byte or two. Without memory the count stays as it is, which no reader minds.
      const roomy = this.ensureRoom(this.nodes.value, grows);
      if (roomy === 0) {
        listpack.replaceInteger(view, node, count, left, 0);
        return;
      }
      view = this.arena.views[chunkOf(roomy)];
      node = byteOf(roomy) + LISTPACK;
    }
    const at = node + listpack.HEADER_BYTES;
    listpack.replaceInteger(view, node, at + listpack.entryBytes(view, at), already + deleted, 0);
    listpack.replaceInteger(view, node, at, left, 0);
  }

  /** Removes the node on which the tree's cursor stands. */
  private dropNode(): void {
    this.freeNode(this.nodes.remove(this.nodes.readId(this.edge)));
    this.node = 0;
  }

  /**
   * Removes the oldest entries: until there are `maxLength`, or, if that is -1, those before `minId`. Whole nodes only if
   * `approximate`, and no more than `limit` entries (0: no limit). Returns how many were removed.
   */
  trim(maxLength: number, minId: StreamId, approximate: boolean, limit: number): number {
    const byLength = maxLength >= 0;
    let removed = 0;
    for (let node = this.nodes.first(); node !== 0; node = this.nodes.first()) {
      const { length } = this;
      if (byLength && length <= maxLength) break;
      this.enter(node);
      const entries = this.nodeCount();
      if (limit > 0 && removed + entries > limit) break;
      let whole = length - entries >= maxLength;
      if (!byLength) {
        this.readLast();
        whole = this.id.compare(minId) < 0;
      }
      if (whole) {
        this.dropNode();
        this.setLength(length - entries);
        removed += entries;
        continue;
      }
      if (!approximate) removed += this.trimNode(entries, byLength ? length - maxLength : -1, minId);
      break;
    }
    if (removed > 0) this.findFirstId();
    return removed;
  }

  /** Marks entries of the cursor's node as deleted: `most` of them, or, if that is -1, those before `minId`. */
  private trimNode(entries: number, most: number, minId: StreamId): number {
    const { view } = this;
    let removed = 0;
    for (let p = this.firstEntry; view.getUint8(p) !== 0xff; p = this.after) {
      if (most >= 0 && removed >= most) break;
      const lives = this.read(p);
      if (most < 0 && this.id.compare(minId) >= 0) break;
      if (!lives) continue;
      view.setUint8(p, view.getUint8(p) | DELETED);
      removed++;
    }
    if (removed > 0) this.setCounts(entries - removed, removed);
    this.setLength(this.length - removed);
    return removed;
  }

  /** Sets first-id to the first entry's ID; 0-0 if there is none. */
  findFirstId(): void {
    this.edge.setMin();
    if (this.length > 0) {
      this.seek(this.edge);
      if (this.next()) this.edge.copy(this.id);
    }
    this.setFirstId(this.edge);
  }

  /** The ID of the last entry that is not deleted; false if there is none. */
  lastEntryId(into: StreamId): boolean {
    into.setMax();
    this.seekBack(into);
    if (this.length === 0 || !this.previous()) return false;
    into.copy(this.id);
    return true;
  }
}
