/**
 * A B+tree in the arena from 128-bit IDs to 32-bit values: a stream's nodes, and the pending entries of a group and of each
 * of its consumers. IDs mostly come in order, so a full last leaf is not halved: its successor begins with the new entry.
 *
 *   header (in its owner) │ root │ count │ bytes │ last leaf │
 *   node                  │ level 8, capacity 12, count 12 │ next │ prev │ entry, entry … │
 *   entry                 │ ID, 4 words │ value │                   in an inner node: the lowest ID that may be below, child
 *
 * Leaves are linked in order. The ID of an inner node's first entry is not looked at. An IdTree object is a view that open()
 * points at a header; it also is a cursor: seek, first, last, next and prev stand on an entry until the tree changes.
 */
import { moveWithin } from '../../memory/copy.ts';
import type { Arena } from '../arena.ts';
import { chunkOf, wordOf } from '../ref.ts';
import { compareWords, ID_WORDS, StreamId } from './id.ts';

/** Words of the header that an owner keeps for the tree; all 0 is an empty tree. */
export const TREE_WORDS = 4;

const ROOT = 0;
const COUNT = 1;
const BYTES = 2;
const LAST = 3;

const NEXT = 1;
const PREV = 2;
const HEADER_WORDS = 3;
const ENTRY_WORDS = 5;
const VALUE = ID_WORDS;

/** Capacities that a node grows through, each to the end of a size class: 32, 72, 152, 312, 640 and 1,152 bytes. */
const CAPACITIES = Int32Array.of(1, 3, 7, 15, 31, 57);
const MAX_CAPACITY = 57;
/** Trees of 57 · 14^6 and more entries are beyond any memory. */
const MAX_LEVELS = 12;
/** A node with no more entries looks for a neighbour to merge with. */
const SPARSE = MAX_CAPACITY >> 2;

/** From so many entries on a call of memmove moves them faster: 520 bytes. */
const MOVE_ENTRIES = 26;

const LEVEL_SHIFT = 24;
const CAPACITY_SHIFT = 12;
const COUNT_MASK = (1 << CAPACITY_SHIFT) - 1;

const levelOf = (head: number): number => head >>> LEVEL_SHIFT;
const capacityOf = (head: number): number => (head >>> CAPACITY_SHIFT) & COUNT_MASK;
const nodeBytes = (capacity: number): number => (HEADER_WORDS + capacity * ENTRY_WORDS) << 2;

export class IdTree {
  private readonly arena: Arena;
  private readonly chunks: Int32Array[];
  private header: Int32Array;
  private headerAt = 0;
  /** The cursor: a leaf's chunk, its first word, and an index in it. */
  private leafWords: Int32Array;
  private leafAt = 0;
  private index = 0;
  private markedWords: Int32Array;
  private markedAt = 0;
  private markedIndex = 0;
  /** From the leaf (0) to the root: the nodes on the way to what was looked for, and which entry of each. */
  private readonly path = new Int32Array(MAX_LEVELS);
  private readonly pathIndex = new Int32Array(MAX_LEVELS);
  private levels = 0;
  /** Nodes that were made before a change that needs them. */
  private readonly spare = new Int32Array(MAX_LEVELS);
  private spares = 0;

  constructor(arena: Arena) {
    this.arena = arena;
    this.chunks = arena.words;
    this.header = arena.words[0];
    this.leafWords = arena.words[0];
    this.markedWords = this.leafWords;
  }

  /** Points the view at the header at `word` of an object. */
  open(owner: number, word: number): this {
    this.header = this.chunks[chunkOf(owner)];
    this.headerAt = wordOf(owner) + word;
    return this;
  }

  /** Entries. */
  get size(): number {
    return this.header[this.headerAt + COUNT] >>> 0;
  }

  /** Bytes of all nodes. */
  get bytes(): number {
    return this.header[this.headerAt + BYTES] >>> 0;
  }

  // ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The value of an ID, or 0. The cursor stands on it, or on the first one after. */
  find(id: StreamId): number {
    const value = this.seek(id);
    return value !== 0 && compareWords(this.leafWords, this.entryAt(), id) === 0 ? value : 0;
  }

  /** The value of the first entry at or after an ID, or 0. */
  seek(id: StreamId): number {
    if (this.header[this.headerAt + ROOT] === 0) return 0;
    this.descend(id);
    return this.stand(this.path[0], this.pathIndex[0]);
  }

  /** The value of the last entry at or before an ID, or 0. */
  seekBack(id: StreamId): number {
    if (this.header[this.headerAt + ROOT] === 0) return 0;
    this.descend(id);
    const value = this.stand(this.path[0], this.pathIndex[0]);
    if (value !== 0 && compareWords(this.leafWords, this.entryAt(), id) === 0) return value;
    if (value === 0) return this.last();
    return this.prev();
  }

  first(): number {
    let node = this.header[this.headerAt + ROOT];
    if (node === 0) return 0;
    for (;;) {
      const words = this.chunks[chunkOf(node)];
      const at = wordOf(node);
      if (levelOf(words[at]) === 0) return this.stand(node, 0);
      node = words[at + HEADER_WORDS + VALUE];
    }
  }

  last(): number {
    const leaf = this.header[this.headerAt + LAST];
    if (leaf === 0) return 0;
    return this.stand(leaf, (this.chunks[chunkOf(leaf)][wordOf(leaf)] & COUNT_MASK) - 1);
  }

  /** The value after the one that the cursor stands on, or 0. */
  next(): number {
    if (++this.index < (this.leafWords[this.leafAt] & COUNT_MASK)) return this.leafWords[this.entryAt() + VALUE];
    const leaf = this.leafWords[this.leafAt + NEXT];
    return leaf === 0 ? 0 : this.stand(leaf, 0);
  }

  prev(): number {
    if (--this.index >= 0) return this.leafWords[this.entryAt() + VALUE];
    const leaf = this.leafWords[this.leafAt + PREV];
    return leaf === 0 ? 0 : this.stand(leaf, (this.chunks[chunkOf(leaf)][wordOf(leaf)] & COUNT_MASK) - 1);
  }

  /** Reads the ID that the cursor stands on. */
  readId(into: StreamId): StreamId {
    return into.read(this.leafWords, this.entryAt());
  }

  /** The value that the cursor stands on. */
  get value(): number {
    return this.leafWords[this.entryAt() + VALUE];
  }

  /** Remembers where the cursor stands; reset() puts it there again. */
  mark(): void {
    this.markedWords = this.leafWords;
    this.markedAt = this.leafAt;
    this.markedIndex = this.index;
  }

  reset(): void {
    this.leafWords = this.markedWords;
    this.leafAt = this.markedAt;
    this.index = this.markedIndex;
  }

  /** Changes the value that the cursor stands on. */
  setValue(value: number): void {
    this.leafWords[this.entryAt() + VALUE] = value;
  }

  private entryAt(): number {
    return this.leafAt + HEADER_WORDS + this.index * ENTRY_WORDS;
  }

  /** Puts the cursor on an entry of a leaf, or, when the index is behind the last one, of the next leaf. Its value, or 0. */
  private stand(leaf: number, index: number): number {
    this.leafWords = this.chunks[chunkOf(leaf)];
    this.leafAt = wordOf(leaf);
    this.index = index;
    if (index < (this.leafWords[this.leafAt] & COUNT_MASK)) return this.leafWords[this.entryAt() + VALUE];
    const next = this.leafWords[this.leafAt + NEXT];
    return next === 0 ? 0 : this.stand(next, 0);
  }

  /** Sets the path to the first entry at or after an ID in the leaf where it is or would be. The tree isn't empty. */
  private descend(id: StreamId): void {
    let node = this.header[this.headerAt + ROOT];
    let words = this.chunks[chunkOf(node)];
    let at = wordOf(node);
    let level = levelOf(words[at]);
    this.levels = level + 1;
    for (; level > 0; level--) {
      const i = childFor(words, at, id);
      this.path[level] = node;
      this.pathIndex[level] = i;
      node = words[at + HEADER_WORDS + i * ENTRY_WORDS + VALUE];
      words = this.chunks[chunkOf(node)];
      at = wordOf(node);
    }
    this.path[0] = node;
    this.pathIndex[0] = lowerBound(words, at, id);
  }

  // ── inserting ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Adds an ID that is not there, with a value other than 0. False, and nothing changed, when there is no memory. */
  insert(id: StreamId, value: number): boolean {
    const { header, headerAt } = this;
    const last = header[headerAt + LAST];
    if (last === 0) return this.plant(id, value);
    const words = this.chunks[chunkOf(last)];
    const at = wordOf(last);
    const head = words[at];
    const end = at + HEADER_WORDS + (head & COUNT_MASK) * ENTRY_WORDS;
    if ((head & COUNT_MASK) < capacityOf(head) && compareWords(words, end - ENTRY_WORDS, id) < 0) {
      id.write(words, end);
      words[end + VALUE] = value;
      words[at] = head + 1;
    } else {
      this.descend(id);
      if (!this.makeRoom()) return false;
      this.insertAt(0, id, value);
    }
    header[headerAt + COUNT]++;
    return true;
  }

  private plant(id: StreamId, value: number): boolean {
    const leaf = this.make(0, CAPACITIES[0]);
    if (leaf === 0) return false;
    const words = this.chunks[chunkOf(leaf)];
    const at = wordOf(leaf);
    id.write(words, at + HEADER_WORDS);
    words[at + HEADER_WORDS + VALUE] = value;
    words[at]++;
    this.header[this.headerAt + ROOT] = leaf;
    this.header[this.headerAt + LAST] = leaf;
    this.header[this.headerAt + COUNT] = 1;
    return true;
  }

  /**
   * Makes sure that an entry can be inserted on the path: the first node that isn't as large as nodes become is made larger
   * if need be, and for each one below, which will be split, there is a spare node; one more for a new root.
   */
  private makeRoom(): boolean {
    let level = 0;
    for (; level < this.levels; level++) {
      const node = this.path[level];
      const head = this.chunks[chunkOf(node)][wordOf(node)];
      if ((head & COUNT_MASK) < capacityOf(head)) break;
      if (capacityOf(head) < MAX_CAPACITY) {
        if (!this.enlarge(level)) return false;
        break;
      }
    }
    const wanted = level === this.levels ? level + 1 : level;
    for (let i = 0; i < wanted; i++) {
      const node = this.make(i, i === this.levels ? CAPACITIES[1] : MAX_CAPACITY);
      if (node === 0) {
        while (this.spares > 0) this.discard(this.spare[--this.spares]);
        return false;
      }
      this.spare[this.spares++] = node;
    }
    return true;
  }

  /** Inserts at the path's place of a level. The room was made: spare nodes are by level. */
  private insertAt(level: number, id: StreamId, value: number): void {
    const node = this.path[level];
    const words = this.chunks[chunkOf(node)];
    const at = wordOf(node);
    const count = words[at] & COUNT_MASK;
    const index = this.pathIndex[level];
    if (count < capacityOf(words[at])) {
      put(words, at, index, id, value);
      this.spares = 0;
      return;
    }
    const right = this.spare[level];
    const into = this.chunks[chunkOf(right)];
    const rightAt = wordOf(right);
    const appends = index === count && words[at + NEXT] === 0;
    const stay = appends ? count : (count + 1) >> 1;
    copyEntries(into, rightAt, 0, words, at, stay, count - stay);
    words[at] -= count - stay;
    into[rightAt] += count - stay;
    if (level === 0) this.linkAfter(node, right);
    if (index <= stay && !appends) put(words, at, index, id, value);
    else put(into, rightAt, index - stay, id, value);
    separator.read(into, rightAt + HEADER_WORDS);
    this.insertChild(level + 1, node, separator, right);
  }

  /** Names a node that was split off `left`; the root's split makes a new root. */
  private insertChild(level: number, left: number, id: StreamId, right: number): void {
    if (level < this.levels) {
      this.pathIndex[level]++;
      this.insertAt(level, id, right);
      return;
    }
    const root = this.spare[level];
    const words = this.chunks[chunkOf(root)];
    const at = wordOf(root);
    put(words, at, 0, id, left);
    put(words, at, 1, id, right);
    this.header[this.headerAt + ROOT] = root;
    this.spares = 0;
  }

  private linkAfter(node: number, right: number): void {
    const words = this.chunks[chunkOf(node)];
    const at = wordOf(node);
    const into = this.chunks[chunkOf(right)];
    const next = words[at + NEXT];
    into[wordOf(right) + NEXT] = next;
    into[wordOf(right) + PREV] = node;
    words[at + NEXT] = right;
    if (next === 0) this.header[this.headerAt + LAST] = right;
    else this.chunks[chunkOf(next)][wordOf(next) + PREV] = right;
  }

  /** Moves the path's node of a level into a larger one. */
  private enlarge(level: number): boolean {
    const node = this.path[level];
    const words = this.chunks[chunkOf(node)];
    const at = wordOf(node);
    const count = words[at] & COUNT_MASK;
    let step = 0;
    while (CAPACITIES[step] <= count) step++;
    const moved = this.make(level, CAPACITIES[step]);
    if (moved === 0) return false;
    const into = this.chunks[chunkOf(moved)];
    const movedAt = wordOf(moved);
    copyEntries(into, movedAt, 0, words, at, 0, count);
    into[movedAt] += count;
    if (level === 0) {
      const next = (into[movedAt + NEXT] = words[at + NEXT]);
      const prev = (into[movedAt + PREV] = words[at + PREV]);
      if (next === 0) this.header[this.headerAt + LAST] = moved;
      else this.chunks[chunkOf(next)][wordOf(next) + PREV] = moved;
      if (prev !== 0) this.chunks[chunkOf(prev)][wordOf(prev) + NEXT] = moved;
    }
    if (level + 1 === this.levels) this.header[this.headerAt + ROOT] = moved;
    else {
      const parent = this.path[level + 1];
      const entry = wordOf(parent) + HEADER_WORDS + this.pathIndex[level + 1] * ENTRY_WORDS;
      this.chunks[chunkOf(parent)][entry + VALUE] = moved;
    }
    this.path[level] = moved;
    this.discard(node);
    return true;
  }

  // ── removing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Removes an ID. Returns its value, or 0 when it was not there. */
  remove(id: StreamId): number {
    const value = this.find(id);
    if (value === 0) return 0;
    this.removeAt(0);
    this.header[this.headerAt + COUNT]--;
    return value;
  }

  /**
   * Removes up to `budget` entries from the front and gives their values to `visit`. Returns how many are left of the budget:
   * not 0 means that the tree is empty.
   */
  drain(budget: number, visit: (value: number) => void): number {
    let left = budget;
    while (left > 0 && this.first() !== 0) {
      this.pathToFront();
      const words = this.leafWords;
      const at = this.leafAt;
      let count = words[at] & COUNT_MASK;
      // From the leaf's end: nothing has to move.
      for (; count > 1 && left > 0; left--) visit(words[at + HEADER_WORDS + --count * ENTRY_WORDS + VALUE]);
      this.header[this.headerAt + COUNT] -= (words[at] & COUNT_MASK) - count;
      words[at] = (words[at] & ~COUNT_MASK) | count;
      if (left === 0) break;
      visit(words[at + HEADER_WORDS + VALUE]);
      left--;
      this.removeAt(0);
      this.header[this.headerAt + COUNT]--;
    }
    return left;
  }

  private pathToFront(): void {
    let node = this.header[this.headerAt + ROOT];
    let level = levelOf(this.chunks[chunkOf(node)][wordOf(node)]);
    this.levels = level + 1;
    this.pathIndex.fill(0);
    for (; level >= 0; level--) {
      this.path[level] = node;
      node = this.chunks[chunkOf(node)][wordOf(node) + HEADER_WORDS + VALUE];
    }
  }

  /** Removes the path's entry of a level; nodes that become empty go, sparse ones merge with a neighbour. */
  private removeAt(level: number): void {
    const node = this.path[level];
    const words = this.chunks[chunkOf(node)];
    const at = wordOf(node);
    const count = (words[at] & COUNT_MASK) - 1;
    const index = this.pathIndex[level];
    if (count - index < MOVE_ENTRIES) copyEntries(words, at, index, words, at, index + 1, count - index);
    else {
      const to = (at + HEADER_WORDS + index * ENTRY_WORDS) << 2;
      moveWithin(this.arena.views[chunkOf(node)], to, to + ENTRY_WORDS * 4, (count - index) * ENTRY_WORDS * 4);
    }
    words[at]--;
    const isRoot = level + 1 === this.levels;
    if (count === 0) {
      if (level === 0) this.unlink(words, at);
      this.discard(node);
      if (isRoot) this.header[this.headerAt + ROOT] = 0;
      else this.removeAt(level + 1);
    } else if (isRoot) {
      if (level > 0 && count === 1) this.lowerRoot();
    } else if (count <= SPARSE) this.merge(level, node);
  }

  /** While the root has one child only, the child is the root. */
  private lowerRoot(): void {
    for (;;) {
      const root = this.header[this.headerAt + ROOT];
      const words = this.chunks[chunkOf(root)];
      const at = wordOf(root);
      if (levelOf(words[at]) === 0 || (words[at] & COUNT_MASK) > 1) return;
      this.header[this.headerAt + ROOT] = words[at + HEADER_WORDS + VALUE];
      this.discard(root);
    }
  }

  /** Takes in a sparse node's right neighbour, or lets the left one take it in, if they fit and have the same parent. */
  private merge(level: number, node: number): void {
    const parent = this.path[level + 1];
    const words = this.chunks[chunkOf(parent)];
    const entries = wordOf(parent) + HEADER_WORDS;
    const index = this.pathIndex[level + 1];
    if (index + 1 < (words[wordOf(parent)] & COUNT_MASK)) {
      const right = entries + (index + 1) * ENTRY_WORDS;
      if (this.join(level, node, words[right + VALUE], words, right)) {
        this.pathIndex[level + 1]++;
        this.removeAt(level + 1);
        return;
      }
    }
    if (index === 0) return;
    const own = entries + index * ENTRY_WORDS;
    if (this.join(level, words[own - 1], node, words, own)) this.removeAt(level + 1);
  }

  /** Appends what is in `right`, whose entry in their parent is at `entry`, to `left` if it fits, and frees it. */
  private join(level: number, left: number, right: number, parent: Int32Array, entry: number): boolean {
    const into = this.chunks[chunkOf(left)];
    const leftAt = wordOf(left);
    const words = this.chunks[chunkOf(right)];
    const at = wordOf(right);
    const have = into[leftAt] & COUNT_MASK;
    const more = words[at] & COUNT_MASK;
    if (have + more > capacityOf(into[leftAt])) return false;
    // The first entry's ID was not looked at until now: the parent knows the right one.
    if (level > 0) for (let i = 0; i < ID_WORDS; i++) words[at + HEADER_WORDS + i] = parent[entry + i];
    copyEntries(into, leftAt, have, words, at, 0, more);
    into[leftAt] += more;
    if (level === 0) this.unlink(words, at);
    this.discard(right);
    return true;
  }

  /** Takes a leaf out of the chain. */
  private unlink(words: Int32Array, at: number): void {
    const next = words[at + NEXT];
    const prev = words[at + PREV];
    if (next === 0) this.header[this.headerAt + LAST] = prev;
    else this.chunks[chunkOf(next)][wordOf(next) + PREV] = prev;
    if (prev !== 0) this.chunks[chunkOf(prev)][wordOf(prev) + NEXT] = next;
  }

  // ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  private make(level: number, capacity: number): number {
    const node = this.arena.alloc(nodeBytes(capacity));
    if (node === 0) return 0;
    const words = this.chunks[chunkOf(node)];
    const at = wordOf(node);
    words[at] = (level << LEVEL_SHIFT) | (capacity << CAPACITY_SHIFT);
    words[at + NEXT] = 0;
    words[at + PREV] = 0;
    this.header[this.headerAt + BYTES] += nodeBytes(capacity);
    return node;
  }

  private discard(node: number): void {
    const bytes = nodeBytes(capacityOf(this.chunks[chunkOf(node)][wordOf(node)]));
    this.header[this.headerAt + BYTES] -= bytes;
    this.arena.free(node, bytes);
  }
}

/** The lowest ID of a node that was split off, on its way to the parent. */
const separator = new StreamId();

/** Index of a leaf's first entry whose ID is not below `id`; the number of entries if there is none. */
function lowerBound(words: Int32Array, at: number, id: StreamId): number {
  let low = 0;
  let high = words[at] & COUNT_MASK;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareWords(words, at + HEADER_WORDS + middle * ENTRY_WORDS, id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Index of the inner node's child in which `id` is or would be: the last one whose lowest ID is not above. */
function childFor(words: Int32Array, at: number, id: StreamId): number {
  let low = 1;
  let high = words[at] & COUNT_MASK;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareWords(words, at + HEADER_WORDS + middle * ENTRY_WORDS, id) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** Inserts an entry into a node that has room. */
function put(words: Int32Array, at: number, index: number, id: StreamId, value: number): void {
  copyEntries(words, at, index + 1, words, at, index, (words[at] & COUNT_MASK) - index);
  const entry = at + HEADER_WORDS + index * ENTRY_WORDS;
  id.write(words, entry);
  words[entry + VALUE] = value;
  words[at]++;
}

/** Copies n entries, also within a node; heads are left as they are. */
function copyEntries(
  into: Int32Array,
  intoAt: number,
  toIndex: number,
  from: Int32Array,
  fromAt: number,
  fromIndex: number,
  n: number,
): void {
  let to = intoAt + HEADER_WORDS + toIndex * ENTRY_WORDS;
  let source = fromAt + HEADER_WORDS + fromIndex * ENTRY_WORDS;
  const count = n * ENTRY_WORDS;
  if (to <= source || into !== from) {
    for (const end = source + count; source < end; to++, source++) into[to] = from[source];
    return;
  }
  for (let i = count - 1; i >= 0; i--) into[to + i] = from[source + i];
}
