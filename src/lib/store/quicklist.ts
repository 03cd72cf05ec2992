/**
 * A list: a chain of listpacks of a few KiB, in the arena, hanging from a root. Both ends are reached and changed in constant
 * time, an index by skipping nodes from the nearer end.
 *
 *   root │ head tail count nodes shape mark limits │ ──▶ node ⇄ node ⇄ node ⇄ … ⇄ node          quicklist-node.ts
 *                                                   │      └ compressed, if deeper than `depth` from both ends
 *                                                   └▶ │ gap │ listpack │ gap │
 *
 * A short list is one such block without a chain, in the record itself: │ start u16 │ gap │ listpack │ gap │.
 *
 * How many elements a node may have, when one is split and when two are merged decide what OBJECT ENCODING says later, so it
 * is done as redis-server does it. A Quicklist object is a view: `open` or `openPacked` points it at a list, and its cursor at
 * an element: {node, view, at, p}. Changes through another view, or of the record, make the cursor invalid.
 */
import { copyAcross, moveWithin } from '../memory/copy.ts';
import type { Arena } from './arena.ts';
import * as listpack from './listpack.ts';
import * as compression from './node-compression.ts';
import {
  BLOCK,
  CAPACITY,
  COMPRESSED,
  COUNT,
  createNode,
  freeNode,
  listpackBytes,
  moveToBlock,
  NEXT,
  NODE_BYTES,
  PLAIN,
  PREV,
  START,
  START_MASK,
} from './quicklist-node.ts';
import { byteOf, chunkOf, wordOf } from './ref.ts';
import { CLASS_BYTES, classOf, PAGE_BYTES, SMALL_MAX_BYTES } from './size-classes.ts';

export const QUICKLIST_ROOT_BYTES = 32;
const HEAD = 0;
const TAIL = 1;
const TOTAL = 2;
const NODES = 3;
/** The fill in the low 16 bits, signed, and the compression depth above. */
const SHAPE = 4;
/** The node at which a walk that is done in steps (defragmentation) goes on; 0: none, or at the end. */
const MARK = 5;
/** What the fill means: bytes and entries that a node may have. */
const LIMIT_BYTES = 6;
const LIMIT_COUNT = 7;

/** Bytes of a packed list before its block: where in it the listpack begins. */
export const PACKED_HEAD_BYTES = 2;

/** Bytes of a node for a fill of -1 … -5. */
const FILL_BYTES = Int32Array.of(0, 4096, 8192, 16_384, 32_768, 65_536);
/** A node with a limit of elements has this one of bytes, too. */
const SAFETY_BYTES = 8192;
const MAX_FILL = 32_767;
const MIN_FILL = -5;
const MAX_DEPTH = 65_535;
/** What redis-server reckons for an entry's encoding when it asks whether one more fits. */
const ESTIMATED_OVERHEAD = 8;
/** No string is this long: no element gets a node of its own for its size. */
const NEVER_PLAIN = 2 ** 30;
/** Bytes of the first block of a node, if nothing better is known. */
const FIRST_BLOCK_BYTES = 512;
/** From so many nodes on, end nodes have full blocks at once, and keep them longer. */
const LONG_NODES = 16;
/** Blocks of less are not made smaller. */
const SHRINK_MIN_BYTES = 256;

/** Bytes that a node with this fill may have. */
export function fillBytes(fill: number): number {
  return fill < 0 ? FILL_BYTES[fill < MIN_FILL ? -MIN_FILL : -fill] : SAFETY_BYTES;
}

/** Entries that a node with this fill may have. */
export function fillCount(fill: number): number {
  return fill < 0 ? 0x7fff_ffff : fill === 0 ? 1 : fill;
}

const NO_VIEW = new DataView(new SharedArrayBuffer(16));

export class Quicklist {
  /** list-max-listpack-size and list-compress-depth, for the lists that are made from now on. */
  fill = -2;
  depth = 0;
  /** DEBUG QUICKLIST-PACKED-THRESHOLD: elements of so many bytes have nodes of their own. */
  plainBytes = NEVER_PLAIN;

  /** The root that is open; 0 when the list is packed. */
  root = 0;
  /** The cursor: its node (0 when the list is packed), the node's listpack, and the element's position there. */
  node = 0;
  view: DataView = NO_VIEW;
  at = 0;
  p = 0;
  /** The block around the listpack: its first byte that may be used, and the one after the last. */
  private floor = 0;
  private ceiling = 0;
  /** False for a node that was expanded to be read: its listpack is a copy. */
  private writable = true;
  readonly arena: Arena;
  private words: Int32Array;
  private base = 0;
  /** Where compressed nodes are expanded to be read. */
  private scratch: DataView = NO_VIEW;

  constructor(arena: Arena) {
    this.arena = arena;
    this.words = arena.words[0];
  }

  // ── roots ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Makes an empty list with the fill and depth of now, and opens it. Returns its root; 0 without memory. */
  create(): number {
    const root = this.arena.alloc(QUICKLIST_ROOT_BYTES);
    if (root === 0) return 0;
    this.open(root);
    this.words.fill(0, this.base, this.base + (QUICKLIST_ROOT_BYTES >> 2));
    this.setShape(this.fill, this.depth);
    return root;
  }

  open(root: number): void {
    this.root = root;
    this.words = this.arena.words[chunkOf(root)];
    this.base = wordOf(root);
    this.node = 0;
  }

  /** Opens a packed list: `bytes` bytes at `start` of a view. */
  openPacked(view: DataView, start: number, bytes: number): void {
    this.root = 0;
    this.node = 0;
    this.view = view;
    this.floor = start + PACKED_HEAD_BYTES;
    this.ceiling = start + bytes;
    this.at = start + view.getUint16(start, true);
    this.writable = true;
  }

  /** Makes an empty packed list and opens it. `atEnd`: what comes will come at the front. */
  createPacked(view: DataView, start: number, bytes: number, atEnd: boolean): void {
    const at = atEnd ? bytes - listpack.EMPTY_BYTES : PACKED_HEAD_BYTES;
    view.setUint16(start, at, true);
    listpack.empty(view, start + at);
    this.openPacked(view, start, bytes);
  }

  /** Appends a listpack of `entries` entries as a node. False, and nothing done, without memory. */
  adopt(view: DataView, at: number, entries: number, spare: number): boolean {
    const bytes = listpack.totalBytes(view, at);
    const node = createNode(this.arena, bytes + spare, false);
    if (node === 0) return false;
    this.enter(node);
    copyAcross(this.view, this.at, view, at, bytes);
    this.link(node, 0);
    this.addCount(node, entries);
    return true;
  }

  /** Elements. */
  get length(): number {
    return this.root === 0 ? listpack.count(this.view, this.at) : this.words[this.base + TOTAL] >>> 0;
  }

  get nodes(): number {
    return this.root === 0 ? 1 : this.words[this.base + NODES];
  }

  get head(): number {
    return this.root === 0 ? 0 : this.words[this.base + HEAD];
  }

  get tail(): number {
    return this.root === 0 ? 0 : this.words[this.base + TAIL];
  }

  /** list-max-listpack-size when the list was made. */
  get listFill(): number {
    return (this.words[this.base + SHAPE] << 16) >> 16;
  }

  get listDepth(): number {
    return this.words[this.base + SHAPE] >>> 16;
  }

  /** See MARK. */
  get mark(): number {
    return this.words[this.base + MARK];
  }

  set mark(node: number) {
    this.words[this.base + MARK] = node;
  }

  /** Puts a node's descriptor elsewhere. Returns where; 0 without memory. */
  relocate(node: number): number {
    const { arena, words, base } = this;
    const made = arena.alloc(NODE_BYTES);
    if (made === 0) return 0;
    arena.move(made, 0, node, 0, NODE_BYTES);
    const next = this.nodeWord(node, NEXT);
    const prev = this.nodeWord(node, PREV);
    if (prev === 0) words[base + HEAD] = made;
    else this.setNodeWord(prev, NEXT, made);
    if (next === 0) words[base + TAIL] = made;
    else this.setNodeWord(next, PREV, made);
    arena.free(node, NODE_BYTES);
    return made;
  }

  /** From how many bytes on an element has a node of its own; 0: as many as no element has. */
  setPlainBytes(bytes: number): void {
    this.plainBytes = bytes === 0 ? NEVER_PLAIN : bytes;
  }

  /** Gives the open list another fill and depth. */
  setShape(fill: number, depth: number): void {
    const f = Math.max(MIN_FILL, Math.min(fill, MAX_FILL));
    this.words[this.base + SHAPE] = (f & 0xffff) | (Math.min(depth, MAX_DEPTH) << 16);
    this.words[this.base + LIMIT_BYTES] = fillBytes(f);
    this.words[this.base + LIMIT_COUNT] = fillCount(f);
  }

  /** Bytes of the only listpack of a list of one node (or none: 0); of a longer one, infinitely many. */
  get singleBytes(): number {
    if (this.root === 0) return listpack.totalBytes(this.view, this.at);
    const head = this.words[this.base + HEAD];
    if (head === 0) return 0;
    if (this.words[this.base + NODES] > 1 || this.isPlain(head)) return Number.POSITIVE_INFINITY;
    return listpackBytes(this.arena, head);
  }

  // ── nodes ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  nodeWord(node: number, field: number): number {
    return this.arena.words[chunkOf(node)][wordOf(node) + field];
  }

  setNodeWord(node: number, field: number, value: number): void {
    this.arena.words[chunkOf(node)][wordOf(node) + field] = value;
  }

  isPlain(node: number): boolean {
    return (this.nodeWord(node, START) & PLAIN) !== 0;
  }

  isCompressed(node: number): boolean {
    return (this.nodeWord(node, START) & COMPRESSED) !== 0;
  }

  /** Puts the cursor's node, view and listpack on a node, for reading. */
  enter(node: number): void {
    const words = this.arena.words[chunkOf(node)];
    const i = wordOf(node);
    const start = words[i + START];
    const block = words[i + BLOCK];
    this.node = node;
    if ((start & COMPRESSED) !== 0) {
      this.enterCompressed(node);
      return;
    }
    this.view = this.arena.views[chunkOf(block)];
    this.floor = byteOf(block);
    this.ceiling = this.floor + words[i + CAPACITY];
    this.at = this.floor + (start & START_MASK);
    this.writable = true;
  }

  private enterCompressed(node: number): void {
    const bytes = listpackBytes(this.arena, node);
    if (this.scratch.byteLength < bytes) this.scratch = new DataView(new SharedArrayBuffer(bytes + (bytes >> 1)));
    compression.expandInto(this.arena, node, new Uint8Array(this.scratch.buffer), 0);
    this.view = this.scratch;
    this.at = 0;
    this.writable = false;
  }

  /** As enter, for changing: a compressed node is expanded for good. False without memory. */
  enterToChange(node: number): boolean {
    if (this.isCompressed(node) && !compression.expand(this.arena, node)) return false;
    this.enter(node);
    return true;
  }

  /**
   * Makes the cursor's node one that may be changed, the cursor staying on its element. False, and nothing done, without memory,
   * which only a compressed node needs. Afterwards nothing that is removed from this node needs any.
   */
  own(): boolean {
    if (this.writable) return true;
    const offset = this.p - this.at;
    if (!this.enterToChange(this.node)) return false;
    this.p = this.at + offset;
    return true;
  }

  /** Puts a node that is in no chain before another (0: at the end). */
  link(node: number, before: number): void {
    const { words, base } = this;
    const after = before === 0 ? words[base + TAIL] : this.nodeWord(before, PREV);
    this.setNodeWord(node, NEXT, before);
    this.setNodeWord(node, PREV, after);
    if (after === 0) words[base + HEAD] = node;
    else this.setNodeWord(after, NEXT, node);
    if (before === 0) words[base + TAIL] = node;
    else this.setNodeWord(before, PREV, node);
    words[base + NODES]++;
  }

  /** Takes a node out of the chain and frees it, with what is in it. */
  drop(node: number): void {
    const { words, base } = this;
    const next = this.nodeWord(node, NEXT);
    const prev = this.nodeWord(node, PREV);
    if (prev === 0) words[base + HEAD] = next;
    else this.setNodeWord(prev, NEXT, next);
    if (next === 0) words[base + TAIL] = prev;
    else this.setNodeWord(next, PREV, prev);
    words[base + NODES]--;
    if (words[base + MARK] === node) words[base + MARK] = next;
    freeNode(this.arena, node);
    if (this.node === node) this.node = 0;
  }

  addCount(node: number, n: number): void {
    this.words[this.base + TOTAL] += n;
    this.arena.words[chunkOf(node)][wordOf(node) + COUNT] += n;
  }

  /** Counts elements that moved from node to node. */
  addTotal(n: number): void {
    this.words[this.base + TOTAL] += n;
  }

  /** True when a node takes one more element of `length` bytes. */
  admits(node: number, length: number): boolean {
    if (node === 0 || length >= this.plainBytes || this.isPlain(node)) return false;
    const { words, base } = this;
    if (listpackBytes(this.arena, node) + length + ESTIMATED_OVERHEAD > words[base + LIMIT_BYTES]) return false;
    return this.nodeWord(node, COUNT) < words[base + LIMIT_COUNT];
  }

  // ── the cursor ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Puts the cursor on the element of an index, from 0 or (-1 …) from the end. False when there is none. */
  seek(index: number): boolean {
    if (this.root === 0) {
      this.p = listpack.seek(this.view, this.at, index);
      return this.p !== 0;
    }
    const total = this.words[this.base + TOTAL] >>> 0;
    let left = index < 0 ? index + total : index;
    if (left < 0 || left >= total) return false;
    const chunks = this.arena.words;
    if (left < total >> 1) {
      let node = this.words[this.base + HEAD];
      for (;;) {
        const words = chunks[chunkOf(node)];
        const i = wordOf(node);
        if (left < words[i + COUNT]) break;
        left -= words[i + COUNT];
        node = words[i + NEXT];
      }
      this.enter(node);
    } else {
      left -= total; // -1: the last
      let node = this.words[this.base + TAIL];
      for (;;) {
        const words = chunks[chunkOf(node)];
        const i = wordOf(node);
        if (left >= -words[i + COUNT]) break;
        left += words[i + COUNT];
        node = words[i + PREV];
      }
      this.enter(node);
    }
    this.p = listpack.seek(this.view, this.at, left);
    return true;
  }

  /** The end of the cursor's listpack: where the element after its last one would be. */
  get end(): number {
    return this.at + listpack.totalBytes(this.view, this.at) - 1;
  }

  /** Moves the cursor to the next element. False, and past the end, when there is none. */
  next(): boolean {
    const p = this.p + listpack.entryBytes(this.view, this.p);
    if (p < this.at + listpack.totalBytes(this.view, this.at) - 1) {
      this.p = p;
      return true;
    }
    return this.nextNode();
  }

  /** Moves the cursor to the first element of the next node. */
  nextNode(): boolean {
    if (this.node === 0) return false;
    const next = this.nodeWord(this.node, NEXT);
    if (next === 0) return false;
    return this.seekFirstOf(next);
  }

  prev(): boolean {
    const p = listpack.prev(this.view, this.at, this.p);
    if (p !== 0) {
      this.p = p;
      return true;
    }
    return this.prevNode();
  }

  /** Moves the cursor to the last element of the previous node. */
  prevNode(): boolean {
    if (this.node === 0) return false;
    const prev = this.nodeWord(this.node, PREV);
    if (prev === 0) return false;
    return this.seekLastOf(prev);
  }

  /** The chain's neighbours of a node; 0: none. */
  nextOf(node: number): number {
    return this.nodeWord(node, NEXT);
  }

  prevOf(node: number): number {
    return this.nodeWord(node, PREV);
  }

  /** Puts the cursor on a node's first element. Returns true. */
  seekFirstOf(node: number): true {
    this.enter(node);
    this.p = this.at + listpack.HEADER_BYTES;
    return true;
  }

  seekLastOf(node: number): true {
    this.enter(node);
    this.p = listpack.last(this.view, this.at);
    return true;
  }

  /** Reads the cursor's element into listpack.item. */
  decode(): void {
    listpack.decode(this.view, this.p);
  }

  // ── both ends ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Adds an element before the first. `limited`: nodes have the list's limit; else there is one node, without any. False, and
   * nothing done, when there is no memory. In a packed list there must be room for it.
   */
  pushFront(from: DataView, start: number, length: number, limited: boolean): boolean {
    if (this.root !== 0 && !this.enterEnd(HEAD, length, limited)) return false;
    const need = listpack.measure(from, start, length);
    if (this.at - this.floor < need && !this.makeRoom(true, need)) return this.abandonEmpty();
    this.setAt(listpack.prependMeasured(this.view, this.at, need, from, start, length));
    if (this.root !== 0) this.addCount(this.node, 1);
    return true;
  }

  /** Adds an element after the last; see pushFront. */
  pushBack(from: DataView, start: number, length: number, limited: boolean): boolean {
    if (this.root !== 0 && !this.enterEnd(TAIL, length, limited)) return false;
    const need = listpack.measure(from, start, length);
    if (this.backGap < need && !this.makeRoom(false, need)) return this.abandonEmpty();
    listpack.appendMeasured(this.view, this.at, need, from, start, length);
    if (this.root !== 0) this.addCount(this.node, 1);
    return true;
  }

  /** Enters the node at one end (HEAD or TAIL) if it takes the element, else a new one before or behind it. */
  private enterEnd(end: number, length: number, limited: boolean): boolean {
    const { words, base } = this;
    const node = words[base + end];
    if (node === 0) return this.enterNew(node, end, length);
    const nodeWords = this.arena.words[chunkOf(node)];
    const i = wordOf(node);
    const start = nodeWords[i + START];
    const block = nodeWords[i + BLOCK];
    if (start >>> 30 !== 0) {
      // Plain, or compressed.
      if (limited && !this.admits(node, length)) return this.enterNew(node, end, length);
      return this.enterToChange(node);
    }
    const view = this.arena.views[chunkOf(block)];
    const floor = byteOf(block);
    const at = floor + start;
    const full =
      view.getUint32(at, true) + length + ESTIMATED_OVERHEAD > words[base + LIMIT_BYTES] ||
      nodeWords[i + COUNT] >= words[base + LIMIT_COUNT] ||
      length >= this.plainBytes;
    if (full && limited) return this.enterNew(node, end, length);
    this.node = node;
    this.view = view;
    this.floor = floor;
    this.ceiling = floor + nodeWords[i + CAPACITY];
    this.at = at;
    this.writable = true;
    return true;
  }

  /** Enters a new node at one end, where `node` (0: none) is now. */
  private enterNew(node: number, end: number, length: number): boolean {
    const made = this.newEndNode(node, end === HEAD, length);
    if (made === 0) return false;
    this.link(made, end === HEAD ? node : 0);
    if (node !== 0) this.seal(node);
    if (length >= this.plainBytes) this.setNodeWord(made, START, this.nodeWord(made, START) | PLAIN);
    this.compressAround(made);
    this.enter(made);
    return true;
  }

  /** What one block more or less matters little to. */
  private get isLong(): boolean {
    return this.words[this.base + NODES] >= LONG_NODES;
  }

  /** A node for an element, as large as its neighbour in a long chain, since it will become like it. */
  private newEndNode(neighbour: number, front: boolean, length: number): number {
    const need = listpack.EMPTY_BYTES + entryBytesAtMost(length);
    let bytes = FIRST_BLOCK_BYTES;
    if (this.isLong) {
      bytes = Math.min(listpackBytes(this.arena, neighbour), this.words[this.base + LIMIT_BYTES]);
    }
    return createNode(this.arena, Math.max(bytes, need), front);
  }

  /** A node that was made for an element for which there is no memory goes again. Returns false. */
  private abandonEmpty(): false {
    if (this.node !== 0 && this.nodeWord(this.node, COUNT) === 0) this.drop(this.node);
    return false;
  }

  /** Removes the first n elements, all of which are in the first node, which may be changed (see own). */
  removeFirst(n: number): void {
    if (this.root === 0) {
      this.setAt(listpack.removeFirstUp(this.view, this.at, n));
      return;
    }
    const node = this.words[this.base + HEAD];
    this.addTotal(-n);
    const left = this.nodeWord(node, COUNT) - n;
    if (left === 0) {
      this.drop(node);
      this.compressAround(0);
      return;
    }
    this.setNodeWord(node, COUNT, left);
    if (this.node !== node) this.enter(node);
    this.setAt(listpack.removeFirstUp(this.view, this.at, n));
    this.shrink();
  }

  /** Removes the last element; the last node is one that may be changed (see own). */
  removeLast(): void {
    const { root } = this;
    if (root === 0) {
      listpack.removeLast(this.view, this.at);
      return;
    }
    const node = this.words[this.base + TAIL];
    const nodeWords = this.arena.words[chunkOf(node)];
    const i = wordOf(node);
    this.words[this.base + TOTAL]--;
    if (--nodeWords[i + COUNT] === 0) {
      this.drop(node);
      this.compressAround(0);
      return;
    }
    if (this.node !== node) this.enter(node);
    listpack.removeLast(this.view, this.at);
    this.shrink();
  }

  // ── within a node ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Inserts before position p of the cursor's listpack; the cursor is on the new element. False without memory. */
  insertHere(position: number, from: DataView, start: number, length: number): boolean {
    this.p = position;
    if (!this.own()) return false;
    const need = listpack.encodedBytes(from, start, length);
    const first = this.p === this.at + listpack.HEADER_BYTES;
    if (first && this.at - this.floor >= need) {
      this.setAt(listpack.prependDown(this.view, this.at, from, start, length));
      this.p = this.at + listpack.HEADER_BYTES;
    } else {
      if (this.backGap < need && !this.makeRoomHere(need)) return false;
      listpack.insert(this.view, this.at, this.p, from, start, length);
    }
    if (this.root !== 0) this.addCount(this.node, 1);
    return true;
  }

  /** Gives the cursor's element other bytes. False without memory. */
  replaceHere(from: DataView, start: number, length: number): boolean {
    if (!this.own()) return false;
    const need = listpack.replaceNeed(this.view, this.p, from, start, length);
    if (need > this.backGap && !this.makeRoomHere(need)) return false;
    listpack.replace(this.view, this.at, this.p, from, start, length);
    if (need < 0) this.shrinkHere();
    return true;
  }

  /**
   * Removes n elements of the cursor's node, of which there are so many, from the cursor on. If the node is empty then, it is
   * gone, and the cursor's node is 0; else the cursor's position is that of the next element, or of the end mark. False
   * without memory, which only a compressed node needs.
   */
  removeHere(n: number): boolean {
    if (!this.own()) return false;
    const { node } = this;
    if (this.root !== 0) {
      this.addCount(node, -n);
      if (this.nodeWord(node, COUNT) === 0) {
        this.drop(node);
        return true;
      }
    }
    if (this.p === this.at + listpack.HEADER_BYTES) {
      this.setAt(listpack.removeFirstUp(this.view, this.at, n));
      this.p = this.at + listpack.HEADER_BYTES;
    } else listpack.deleteRange(this.view, this.at, this.p, n);
    this.shrinkHere();
    return true;
  }

  /** Makes sure of a gap of so many bytes behind the cursor's listpack; the cursor's position is lost. */
  roomBehind(bytes: number): boolean {
    return this.backGap >= bytes || this.makeRoom(false, bytes);
  }

  private get backGap(): number {
    return this.ceiling - this.at - listpack.totalBytes(this.view, this.at);
  }

  /** The listpack begins elsewhere now. */
  private setAt(at: number): void {
    this.at = at;
    if (this.node === 0) {
      const start = this.floor - PACKED_HEAD_BYTES;
      this.view.setUint16(start, at - start, true);
      return;
    }
    const words = this.arena.words[chunkOf(this.node)];
    const i = wordOf(this.node) + START;
    words[i] = (words[i] & PLAIN) | (at - this.floor);
  }

  private makeRoomHere(need: number): boolean {
    const offset = this.p - this.at;
    const made = this.makeRoom(false, need);
    this.p = this.at + offset;
    return made;
  }

  /**
   * Makes a gap of `need` bytes before (front) or behind the cursor's listpack: by moving it within its block, if that leaves
   * enough for the next times, else into a larger block. False without memory.
   */
  private makeRoom(front: boolean, need: number): boolean {
    const total = listpack.totalBytes(this.view, this.at);
    const free = this.ceiling - this.floor - total;
    const wanted = total + need;
    const limit = this.node === 0 ? 0 : this.words[this.base + LIMIT_BYTES];
    const atLimit = this.node === 0 || (wanted <= limit && this.ceiling - this.floor >= limit);
    if (free >= need && (atLimit || free - need >= total >> 3)) {
      // The other end may be pushed to next.
      const gap = need + Math.ceil((free - need) * 0.75);
      this.shift(front ? gap : free - gap);
      return true;
    }
    const isEnd = this.node === this.words[this.base + HEAD] || this.node === this.words[this.base + TAIL];
    let bytes = wanted + (isEnd ? wanted >> 2 : wanted >> 3);
    if (bytes > limit) bytes = Math.max(limit, wanted);
    if (!moveToBlock(this.arena, this.node, bytes, front ? -1 : 0)) return false;
    this.enter(this.node);
    return true;
  }

  /** Moves a packed list to the beginning of its record's value, so that this can be made shorter. */
  packToFront(): void {
    this.shift(0);
  }

  /** Makes a packed list, for which there is room, the same as another listpack. */
  copyHere(view: DataView, at: number, bytes: number): void {
    copyAcross(this.view, this.at, view, at, bytes);
  }

  /** Moves the listpack to `gap` bytes after the beginning of its block. */
  private shift(gap: number): void {
    moveWithin(this.view, this.floor + gap, this.at, listpack.totalBytes(this.view, this.at));
    this.setAt(this.floor + gap);
  }

  /** Gives back what an end node has too much. */
  private shrink(): void {
    const total = listpack.totalBytes(this.view, this.at);
    const capacity = this.ceiling - this.floor;
    if (total > (this.isLong ? capacity >> 2 : capacity >> 1) || capacity < SHRINK_MIN_BYTES) return;
    if (moveToBlock(this.arena, this.node, total + (total >> 2), total >> 3)) this.enter(this.node);
  }

  /** As shrink, keeping the cursor, which may be on the end mark. */
  private shrinkHere(): void {
    if (this.node === 0) return;
    const offset = this.p - this.at;
    this.shrink();
    this.p = this.at + offset;
  }

  /** Makes the block of a node that is no end any more as small as it may be. */
  seal(node: number): void {
    if (this.isCompressed(node)) return;
    const total = listpackBytes(this.arena, node);
    if (roundedBytes(total) < this.nodeWord(node, CAPACITY)) moveToBlock(this.arena, node, total, 0);
  }

  // ── compression ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** As compressAround, for a list of which any nodes may have been changed. */
  compressAll(): void {
    if (this.root === 0 || this.listDepth === 0) return;
    this.compressAround(0);
    const deepest = this.nodes - this.listDepth;
    let node = this.head;
    for (let i = 0; i < deepest; i++) {
      if (i >= this.listDepth) compression.compress(this.arena, node);
      node = this.nextOf(node);
    }
  }

  /**
   * Brings the nodes near both ends into the form that the depth asks for, after nodes came or went: `depth` of them plain at
   * each end, the next one compressed, and `node` (0: none), if it is deeper. The cursor's node must be entered again.
   */
  compressAround(node: number): void {
    const depth = this.listDepth;
    if (depth === 0) return;
    let forward = this.words[this.base + HEAD];
    let backward = this.words[this.base + TAIL];
    if (forward === 0) return;
    let inDepth = node === 0 || this.words[this.base + NODES] < depth * 2;
    for (let i = 0; i < depth; i++) {
      if (this.isCompressed(forward)) compression.expand(this.arena, forward);
      if (this.isCompressed(backward)) compression.expand(this.arena, backward);
      if (forward === node || backward === node) inDepth = true;
      if (forward === backward || this.nodeWord(forward, NEXT) === backward) return;
      forward = this.nodeWord(forward, NEXT);
      backward = this.nodeWord(backward, PREV);
    }
    if (!inDepth) compression.compress(this.arena, node);
    compression.compress(this.arena, forward);
    compression.compress(this.arena, backward);
  }
}

/** Bytes that the arena gives for so many. */
function roundedBytes(bytes: number): number {
  return bytes <= SMALL_MAX_BYTES ? CLASS_BYTES[classOf(bytes)] : Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/** Bytes that an entry of `length` bytes takes at most: an integer's never takes more than its text would. */
export function entryBytesAtMost(length: number): number {
  return length + (length < 64 ? 2 : length < 4096 ? 4 : 10);
}

/** True when a listpack of so many bytes and entries is too large for a node with this fill. */
export function exceedsFill(fill: number, bytes: number, entries: number): boolean {
  return bytes > fillBytes(fill) || entries > fillCount(fill);
}
