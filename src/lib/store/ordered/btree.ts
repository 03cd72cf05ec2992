/**
 * The order of a sorted set as a counted B+tree (Bayer and McCreight, 1972; ranks by counts: Knuth, TAOCP 3, 6.2.3). Every node
 * is 1 KiB, sixteen cache lines, of which a search touches five or six: scores stand side by side, and a member's record is
 * only looked at where scores are equal.
 *
 *   root   │ top node │ height │ size │ nodes │
 *   inner  │ count │ – – – │ 50 lowest scores │ 50 lowest members │ 50 children │ 50 sizes of subtrees │
 *   leaf   │ count │ next │ prev │ – │ 84 scores │ 84 members │
 *
 * A subtree's lowest score and member are the separator before it. The first child's is not kept: what is there is stale and
 * never read. A separator is always the subtree's real first member, since its record goes when the member is removed.
 */
import type { Arena } from '../arena.ts';
import { byteOf, chunkOf, wordOf } from '../ref.ts';
import type { RefList } from '../table.ts';
import * as balance from './btree-balance.ts';
import * as node from './btree-node.ts';
import {
  CHILDREN,
  INNER_MAX,
  INNER_MEMBERS,
  INNER_MIN,
  INNER_SCORES,
  LEAF_MAX,
  LEAF_MEMBERS,
  LEAF_MIN,
  LEAF_SCORES,
  NEXT,
  NODE_BYTES,
  PREV,
  SIZES,
} from './btree-node.ts';
import { compareMembers, compareWithBytes } from './compare.ts';
import type { OrderedIndex } from './ordered-index.ts';

const ROOT_TOP = 0;
const ROOT_HEIGHT = 1;
const ROOT_SIZE = 2;
const ROOT_NODES = 3;
const ROOT_BYTES = 16;
/** Seventeen to a node make 2^31 members in eight levels. */
const MAX_HEIGHT = 12;
/** Two neighbours become one when they fill at most three quarters of it. */
const LEAF_MERGE = (LEAF_MAX * 3) >> 2;
const INNER_MERGE = (INNER_MAX * 3) >> 2;

export class BTree implements OrderedIndex {
  size = 0;
  root = 0;
  /** Levels above the leaves. */
  private height = 0;
  private top = 0;
  private nodes = 0;
  /** The way to the leaf of the last descent: inner nodes and the child that was taken in each. */
  private readonly pathNode = new Int32Array(MAX_HEIGHT);
  private readonly pathSlot = new Int32Array(MAX_HEIGHT);
  /** Nodes allocated for a split before it begins. */
  private readonly spare = new Int32Array(MAX_HEIGHT + 1);
  private spares = 0;
  /** The cursor. */
  private leafWords: Int32Array;
  private leafView: DataView;
  private leafAt = 0;
  private slot = 0;
  private readonly arena: Arena;
  private readonly chunks: Int32Array[];
  private readonly views: DataView[];

  constructor(arena: Arena) {
    this.arena = arena;
    this.chunks = arena.words;
    this.views = arena.views;
    this.leafWords = arena.words[0];
    this.leafView = arena.views[0];
  }

  get bytes(): number {
    return this.nodes * NODE_BYTES + ROOT_BYTES;
  }

  create(): number {
    const root = this.arena.alloc(ROOT_BYTES);
    const leaf = root === 0 ? 0 : this.arena.alloc(NODE_BYTES);
    if (leaf === 0) {
      if (root !== 0) this.arena.free(root, ROOT_BYTES);
      return 0;
    }
    node.makeLeaf(this.chunks[chunkOf(leaf)], wordOf(leaf));
    this.root = root;
    this.top = leaf;
    this.height = 0;
    this.size = 0;
    this.nodes = 1;
    this.save();
    return root;
  }

  open(root: number): void {
    const words = this.chunks[chunkOf(root)];
    const at = wordOf(root);
    this.root = root;
    this.top = words[at + ROOT_TOP];
    this.height = words[at + ROOT_HEIGHT];
    this.size = words[at + ROOT_SIZE];
    this.nodes = words[at + ROOT_NODES];
  }

  private save(): void {
    const words = this.chunks[chunkOf(this.root)];
    const at = wordOf(this.root);
    words[at + ROOT_TOP] = this.top;
    words[at + ROOT_HEIGHT] = this.height;
    words[at + ROOT_SIZE] = this.size;
    words[at + ROOT_NODES] = this.nodes;
  }

  // ── searching ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The leaf where a member is or would be; the way to it is left in the path. */
  private descend(score: number, member: number): number {
    let at = this.top;
    for (let d = 0; d < this.height; d++) {
      const slot = this.childFor(at, score, member);
      this.pathNode[d] = at;
      this.pathSlot[d] = slot;
      at = this.chunks[chunkOf(at)][wordOf(at) + CHILDREN + slot];
    }
    return at;
  }

  /** The last child whose separator is not above (score, member). */
  private childFor(ref: number, score: number, member: number): number {
    const chunk = chunkOf(ref);
    const words = this.chunks[chunk];
    const view = this.views[chunk];
    const at = wordOf(ref);
    const scores = byteOf(ref) + INNER_SCORES;
    let low = 1;
    let high = words[at];
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = view.getFloat64(scores + (middle << 3), true);
      if (there < score || (there === score && this.isAtMost(words[at + INNER_MEMBERS + middle], member)))
        low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private isAtMost(a: number, b: number): boolean {
    return compareMembers(this.chunks, a, b) <= 0;
  }

  /** The first slot of a leaf that is not before (score, member). */
  private slotFor(ref: number, score: number, member: number): number {
    const chunk = chunkOf(ref);
    const words = this.chunks[chunk];
    const view = this.views[chunk];
    const at = wordOf(ref);
    const scores = byteOf(ref) + LEAF_SCORES;
    let low = 0;
    let high = words[at];
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = view.getFloat64(scores + (middle << 3), true);
      if (there < score || (there === score && !this.isAtMost(member, words[at + LEAF_MEMBERS + middle])))
        low = middle + 1;
      else high = middle;
    }
    return low;
  }

  rank(score: number, member: number): number {
    let at = this.top;
    let before = 0;
    for (let d = 0; d < this.height; d++) {
      const slot = this.childFor(at, score, member);
      const words = this.chunks[chunkOf(at)];
      const word = wordOf(at);
      before += node.sumSizes(words, word, slot);
      at = words[word + CHILDREN + slot];
    }
    return before + this.slotFor(at, score, member);
  }

  belowScore(score: number, inclusive: boolean): number {
    let at = this.top;
    let before = 0;
    for (let d = 0; d < this.height; d++) {
      const chunk = chunkOf(at);
      const words = this.chunks[chunk];
      const word = wordOf(at);
      const slot = node.countBelow(this.views[chunk], byteOf(at) + INNER_SCORES, 1, words[word], score, inclusive) - 1;
      before += node.sumSizes(words, word, slot);
      at = words[word + CHILDREN + slot];
    }
    const chunk = chunkOf(at);
    const count = this.chunks[chunk][wordOf(at)];
    return before + node.countBelow(this.views[chunk], byteOf(at) + LEAF_SCORES, 0, count, score, inclusive);
  }

  belowBytes(view: DataView, start: number, length: number, inclusive: boolean): number {
    const limit = inclusive ? 1 : 0; // a comparison below this counts
    let at = this.top;
    let before = 0;
    for (let d = 0; d <= this.height; d++) {
      const words = this.chunks[chunkOf(at)];
      const word = wordOf(at);
      const isLeaf = d === this.height;
      const members = word + (isLeaf ? LEAF_MEMBERS : INNER_MEMBERS);
      let low = isLeaf ? 0 : 1;
      let high = words[word];
      while (low < high) {
        const middle = (low + high) >> 1;
        const order = compareWithBytes(this.chunks, words[members + middle], view, start, length);
        if (order < limit) low = middle + 1;
        else high = middle;
      }
      if (isLeaf) return before + low;
      before += node.sumSizes(words, word, low - 1);
      at = words[word + CHILDREN + low - 1];
    }
    return before;
  }

  // ── the cursor ───────────────────────────────────────────────────────────────────────────────────────────────────────

  seek(rank: number): boolean {
    if (rank < 0 || rank >= this.size) return false;
    let at = this.top;
    let left = rank;
    for (let d = 0; d < this.height; d++) {
      const words = this.chunks[chunkOf(at)];
      const word = wordOf(at);
      let slot = word + SIZES;
      while (left >= words[slot]) left -= words[slot++];
      at = words[slot - SIZES + CHILDREN];
    }
    this.enter(at);
    this.slot = left;
    return true;
  }

  private enter(leaf: number): void {
    const chunk = chunkOf(leaf);
    this.leafWords = this.chunks[chunk];
    this.leafView = this.views[chunk];
    this.leafAt = wordOf(leaf);
  }

  next(): boolean {
    if (++this.slot < this.leafWords[this.leafAt]) return true;
    const next = this.leafWords[this.leafAt + NEXT];
    if (next === 0) return false;
    this.enter(next);
    this.slot = 0;
    return true;
  }

  prev(): boolean {
    if (--this.slot >= 0) return true;
    const prev = this.leafWords[this.leafAt + PREV];
    if (prev === 0) return false;
    this.enter(prev);
    this.slot = this.leafWords[this.leafAt] - 1;
    return true;
  }

  get score(): number {
    return this.leafView.getFloat64((this.leafAt << 2) + LEAF_SCORES + (this.slot << 3), true);
  }

  get member(): number {
    return this.leafWords[this.leafAt + LEAF_MEMBERS + this.slot];
  }

  // ── inserting ────────────────────────────────────────────────────────────────────────────────────────────────────────

  insert(score: number, member: number): boolean {
    const leaf = this.descend(score, member);
    const chunk = chunkOf(leaf);
    const words = this.chunks[chunk];
    const at = wordOf(leaf);
    const slot = this.slotFor(leaf, score, member);
    const full = words[at] === LEAF_MAX;
    if (full && !this.allocateForSplits()) return false;
    for (let d = 0; d < this.height; d++) {
      this.chunks[chunkOf(this.pathNode[d])][wordOf(this.pathNode[d]) + SIZES + this.pathSlot[d]]++;
    }
    this.size++;
    if (full) this.splitLeaf(leaf, slot, score, member);
    else node.insertInLeaf(words, this.views[chunk], at, slot, score, member);
    this.save();
    return true;
  }

  /** The nodes that splitting the leaf at the end of the path takes, all or none. */
  private allocateForSplits(): boolean {
    let need = 1;
    let d = this.height - 1;
    while (d >= 0 && this.chunks[chunkOf(this.pathNode[d])][wordOf(this.pathNode[d])] === INNER_MAX) {
      need++;
      d--;
    }
    if (d < 0) need++;
    for (this.spares = 0; this.spares < need; this.spares++) {
      const ref = this.arena.alloc(NODE_BYTES);
      if (ref === 0) {
        while (this.spares > 0) this.arena.free(this.spare[--this.spares], NODE_BYTES);
        return false;
      }
      this.spare[this.spares] = ref;
    }
    this.nodes += need;
    return true;
  }

  /** Inserts into a full leaf. What is added at the very end gets a leaf to itself: so ascending scores fill leaves wholly. */
  private splitLeaf(left: number, slot: number, score: number, member: number): void {
    const right = this.spare[--this.spares];
    const wordsL = this.chunks[chunkOf(left)];
    const wordsR = this.chunks[chunkOf(right)];
    const viewR = this.views[chunkOf(right)];
    const atL = wordOf(left);
    const atR = wordOf(right);
    const next = wordsL[atL + NEXT];
    node.makeLeaf(wordsR, atR);
    wordsR[atR + NEXT] = next;
    wordsR[atR + PREV] = left;
    wordsL[atL + NEXT] = right;
    if (next !== 0) this.chunks[chunkOf(next)][wordOf(next) + PREV] = right;
    const keep = next === 0 && slot === LEAF_MAX ? LEAF_MAX : LEAF_MAX >> 1;
    node.moveLeafTail(wordsL, this.views[chunkOf(left)], atL, keep, wordsR, viewR, atR);
    if (slot > keep || keep === LEAF_MAX) node.insertInLeaf(wordsR, viewR, atR, slot - keep, score, member);
    else node.insertInLeaf(wordsL, this.views[chunkOf(left)], atL, slot, score, member);
    this.addToParents(right, wordsR[atR], node.leafScore(viewR, atR, 0), wordsR[atR + LEAF_MEMBERS]);
  }

  /** Hangs a new node of `size` members beside the child that the path took, splitting upwards as needed. */
  private addToParents(node0: number, size0: number, score0: number, member0: number): void {
    let added = node0;
    let size = size0;
    let score = score0;
    let member = member0;
    for (let d = this.height - 1; d >= 0; d--) {
      let parent = this.pathNode[d];
      let slot = this.pathSlot[d];
      this.chunks[chunkOf(parent)][wordOf(parent) + SIZES + slot] -= size;
      let right = 0;
      let rightScore = 0;
      let rightMember = 0;
      if (this.chunks[chunkOf(parent)][wordOf(parent)] === INNER_MAX) {
        right = this.spare[--this.spares];
        this.splitInner(parent, right);
        const chunk = chunkOf(right);
        rightScore = node.innerScore(this.views[chunk], wordOf(right), 0);
        rightMember = this.chunks[chunk][wordOf(right) + INNER_MEMBERS];
        if (slot >= INNER_MAX >> 1) {
          parent = right;
          slot -= INNER_MAX >> 1;
        }
      }
      const chunk = chunkOf(parent);
      node.insertInInner(this.chunks[chunk], this.views[chunk], wordOf(parent), slot + 1, added, size, score, member);
      if (right === 0) return;
      added = right;
      size = node.sumSizes(this.chunks[chunkOf(right)], wordOf(right), this.chunks[chunkOf(right)][wordOf(right)]);
      score = rightScore;
      member = rightMember;
    }
    this.growTop(added, size, score, member);
  }

  private splitInner(left: number, right: number): void {
    const wordsR = this.chunks[chunkOf(right)];
    wordsR[wordOf(right)] = 0;
    const keep = INNER_MAX >> 1;
    node.moveInnerTail(
      this.chunks[chunkOf(left)],
      this.views[chunkOf(left)],
      wordOf(left),
      keep,
      wordsR,
      this.views[chunkOf(right)],
      wordOf(right),
    );
  }

  private growTop(right: number, size: number, score: number, member: number): void {
    const top = this.spare[--this.spares];
    const chunk = chunkOf(top);
    const words = this.chunks[chunk];
    const at = wordOf(top);
    words[at] = 0;
    node.insertInInner(words, this.views[chunk], at, 0, this.top, this.size - size, 0, 0);
    node.insertInInner(words, this.views[chunk], at, 1, right, size, score, member);
    this.top = top;
    this.height++;
  }

  // ── removing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  remove(score: number, member: number): boolean {
    const leaf = this.descend(score, member);
    const chunk = chunkOf(leaf);
    const words = this.chunks[chunk];
    const at = wordOf(leaf);
    const slot = this.slotFor(leaf, score, member);
    const view = this.views[chunk];
    if (slot === words[at] || words[at + LEAF_MEMBERS + slot] !== member) return false;
    if (node.leafScore(view, at, slot) !== score) return false;
    node.removeFromLeaf(words, view, at, slot);
    for (let d = 0; d < this.height; d++) {
      this.chunks[chunkOf(this.pathNode[d])][wordOf(this.pathNode[d]) + SIZES + this.pathSlot[d]]--;
    }
    this.size--;
    if (slot === 0) this.renewSeparator(leaf);
    if (this.height > 0 && words[at] < LEAF_MIN) this.rebalance();
    this.save();
    return true;
  }

  /** The leaf at the end of the path lost its first member: the separator that names it gets the next one. */
  private renewSeparator(leaf: number): void {
    let d = this.height - 1;
    while (d >= 0 && this.pathSlot[d] === 0) d--;
    if (d < 0) return;
    let from = leaf;
    // An empty leaf is about to take over members of the one after it, or to go, and its separator with it.
    if (this.chunks[chunkOf(leaf)][wordOf(leaf)] === 0) from = this.chunks[chunkOf(leaf)][wordOf(leaf) + NEXT];
    if (from === 0) return;
    const parent = this.pathNode[d];
    const slot = this.pathSlot[d];
    const score = node.leafScore(this.views[chunkOf(from)], wordOf(from), 0);
    const member = this.chunks[chunkOf(from)][wordOf(from) + LEAF_MEMBERS];
    node.setSeparator(this.chunks[chunkOf(parent)], this.views[chunkOf(parent)], wordOf(parent), slot, score, member);
  }

  /** The leaf at the end of the path has too few members: it shares with a neighbour, or becomes one with it; and so upwards. */
  private rebalance(): void {
    for (let d = this.height - 1; d >= 0; d--) {
      const parent = this.pathNode[d];
      const slot = this.pathSlot[d] > 0 ? this.pathSlot[d] - 1 : 0;
      const words = this.chunks[chunkOf(parent)];
      const at = wordOf(parent);
      const left = words[at + CHILDREN + slot];
      const right = words[at + CHILDREN + slot + 1];
      const total = this.chunks[chunkOf(left)][wordOf(left)] + this.chunks[chunkOf(right)][wordOf(right)];
      const isLeaf = d === this.height - 1;
      if (total > (isLeaf ? LEAF_MERGE : INNER_MERGE)) {
        if (isLeaf) balance.shareLeaves(this.chunks, this.views, parent, slot, left, right);
        else balance.shareInners(this.chunks, this.views, parent, slot, left, right);
        return;
      }
      if (isLeaf) balance.mergeLeaves(this.chunks, this.views, left, right);
      else balance.mergeInners(this.chunks, this.views, parent, slot, left, right);
      words[at + SIZES + slot] += words[at + SIZES + slot + 1];
      node.removeFromInner(words, this.views[chunkOf(parent)], at, slot + 1);
      this.freeNode(right);
      if (d === 0 && words[at] === 1) {
        this.top = left;
        this.height--;
        this.freeNode(parent);
      }
      if (words[at] >= INNER_MIN) return;
    }
  }

  private freeNode(ref: number): void {
    this.arena.free(ref, NODE_BYTES);
    this.nodes--;
  }

  rescore(score: number, member: number, to: number): boolean {
    const leaf = this.descend(score, member);
    const chunk = chunkOf(leaf);
    const view = this.views[chunk];
    const at = wordOf(leaf);
    const slot = this.slotFor(leaf, score, member);
    const last = this.chunks[chunk][at] - 1;
    // The first member's score is also a separator, and the neighbours of the outermost are in other leaves.
    if (slot <= 0 || slot >= last) return false;
    if (!(node.leafScore(view, at, slot - 1) < to && to < node.leafScore(view, at, slot + 1))) return false;
    node.setLeafScore(view, at, slot, to);
    return true;
  }

  replace(rank: number, member: number): void {
    let at = this.top;
    let left = rank;
    let separator = 0; // the node and slot of the separator that is before the leaf
    let separatorSlot = 0;
    for (let d = 0; d < this.height; d++) {
      const words = this.chunks[chunkOf(at)];
      const word = wordOf(at);
      let slot = 0;
      while (left >= words[word + SIZES + slot]) left -= words[word + SIZES + slot++];
      if (slot > 0) {
        separator = at;
        separatorSlot = slot;
      }
      at = words[word + CHILDREN + slot];
    }
    this.chunks[chunkOf(at)][wordOf(at) + LEAF_MEMBERS + left] = member;
    if (left === 0 && separator !== 0) {
      this.chunks[chunkOf(separator)][wordOf(separator) + INNER_MEMBERS + separatorSlot] = member;
    }
  }

  // ── destroying ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes the tree down from its last leaf on; what is left is told by the nodes' counts. */
  destroyStep(root: number, budget: number, into: RefList): boolean {
    this.open(root);
    for (let left = budget; left > 0; ) {
      let at = this.top;
      for (let d = 0; d < this.height; d++) {
        const words = this.chunks[chunkOf(at)];
        const word = wordOf(at);
        this.pathNode[d] = at;
        at = words[word + CHILDREN + words[word] - 1];
      }
      const words = this.chunks[chunkOf(at)];
      const leaf = wordOf(at);
      const count = words[leaf];
      for (let i = 0; i < count; i++) into.push(words[leaf + LEAF_MEMBERS + i]);
      left -= count + 1;
      this.freeNode(at);
      if (!this.dropLastChild()) {
        this.arena.free(root, ROOT_BYTES);
        this.root = 0;
        return false;
      }
    }
    this.save();
    return true;
  }

  /** The last child of the path's last node is gone, and with it each node that has none left. False when that is the top. */
  private dropLastChild(): boolean {
    for (let d = this.height - 1; d >= 0; d--) {
      const ref = this.pathNode[d];
      if (--this.chunks[chunkOf(ref)][wordOf(ref)] > 0) return true;
      this.freeNode(ref);
    }
    return false;
  }
}
