/**
 * The order of a sorted set as a skiplist with spans (Pugh, 1990; William Pugh's "A Skip List Cookbook" for the spans), with
 * Redis's measures: one in four nodes of a level is also on the next, 32 levels at most. For study and comparison beside the
 * B+tree: a search visits a new node, and misses the cache, at each of its steps.
 *
 *   root, the head   │ size │ level │ – │ tail │ next₀ – │ next₁ span₁ │ … │ next₃₁ span₃₁ │
 *   node             │ score, 2 words │ member │ prev │ next₀ levels │ next₁ span₁ │ … │
 *
 * A span counts the members that a step on its level goes forward, or, of a last node, those that follow it. On the lowest
 * level that is always one: the word holds the node's number of levels.
 */
import type { Random } from '../../random.ts';
import type { Arena } from '../arena.ts';
import { byteOf, chunkOf, wordOf } from '../ref.ts';
import type { RefList } from '../table.ts';
import { compareMembers, compareWithBytes } from './compare.ts';
import type { OrderedIndex } from './ordered-index.ts';

const MAX_LEVEL = 32;
const HEAD_SIZE = 0;
const HEAD_LEVEL = 1;
const HEAD_NODES = 2;
const HEAD_TAIL = 3;
const MEMBER = 2;
const PREV = 3;
const LINKS = 4;
const LEVELS = LINKS + 1;

const nodeBytes = (levels: number): number => (LINKS + 2 * levels) * 4;
const HEAD_BYTES = nodeBytes(MAX_LEVEL);

export class Skiplist implements OrderedIndex {
  size = 0;
  root = 0;
  private level = 1;
  /** Words of all nodes. */
  private nodeWords = 0;
  /** The cursor. */
  private at = 0;
  /** On each level: the last node before the place that was looked for, and its rank + 1. */
  private readonly update = new Int32Array(MAX_LEVEL);
  private readonly rankAt = new Float64Array(MAX_LEVEL);
  private readonly arena: Arena;
  private readonly chunks: Int32Array[];
  private readonly views: DataView[];
  private readonly random: Random;

  constructor(arena: Arena, random: Random) {
    this.arena = arena;
    this.chunks = arena.words;
    this.views = arena.views;
    this.random = random;
  }

  get bytes(): number {
    return HEAD_BYTES + this.nodeWords * 4;
  }

  create(): number {
    const root = this.arena.alloc(HEAD_BYTES);
    if (root === 0) return 0;
    const at = wordOf(root);
    this.chunks[chunkOf(root)].fill(0, at, at + (HEAD_BYTES >> 2));
    this.root = root;
    this.size = 0;
    this.level = 1;
    this.nodeWords = 0;
    this.save();
    return root;
  }

  open(root: number): void {
    const words = this.chunks[chunkOf(root)];
    const at = wordOf(root);
    this.root = root;
    this.size = words[at + HEAD_SIZE];
    this.level = words[at + HEAD_LEVEL];
    this.nodeWords = words[at + HEAD_NODES];
  }

  private save(): void {
    const words = this.chunks[chunkOf(this.root)];
    const at = wordOf(this.root);
    words[at + HEAD_SIZE] = this.size;
    words[at + HEAD_LEVEL] = this.level;
    words[at + HEAD_NODES] = this.nodeWords;
  }

  private scoreOf(ref: number): number {
    return this.views[chunkOf(ref)].getFloat64(byteOf(ref), true);
  }

  private nextOf(ref: number, level: number): number {
    return this.chunks[chunkOf(ref)][wordOf(ref) + LINKS + 2 * level];
  }

  private setNext(ref: number, level: number, next: number): void {
    this.chunks[chunkOf(ref)][wordOf(ref) + LINKS + 2 * level] = next;
  }

  /** Of a level above the lowest. */
  private spanOf(ref: number, level: number): number {
    return this.chunks[chunkOf(ref)][wordOf(ref) + LEVELS + 2 * level];
  }

  private setSpan(ref: number, level: number, span: number): void {
    this.chunks[chunkOf(ref)][wordOf(ref) + LEVELS + 2 * level] = span;
  }

  private stepOf(ref: number, level: number): number {
    return level === 0 ? 1 : this.spanOf(ref, level);
  }

  private isBefore(ref: number, score: number, member: number): boolean {
    const there = this.scoreOf(ref);
    if (there !== score) return there < score;
    return compareMembers(this.chunks, this.chunks[chunkOf(ref)][wordOf(ref) + MEMBER], member) < 0;
  }

  /** Fills `update` and `rankAt` for (score, member). */
  private search(score: number, member: number): void {
    let at = this.root;
    let rank = 0;
    for (let i = this.level - 1; i >= 0; i--) {
      for (let next = this.nextOf(at, i); next !== 0 && this.isBefore(next, score, member); next = this.nextOf(at, i)) {
        rank += this.stepOf(at, i);
        at = next;
      }
      this.update[i] = at;
      this.rankAt[i] = rank;
    }
  }

  private randomLevel(): number {
    const zeros = Math.clz32(this.random.int32() & 0x7fff_ffff) - 1;
    const level = 1 + (zeros >> 1); // two bits are zero once in four times
    return level < MAX_LEVEL ? level : MAX_LEVEL;
  }

  insert(score: number, member: number): boolean {
    const levels = this.randomLevel();
    const made = this.arena.alloc(nodeBytes(levels));
    if (made === 0) return false;
    this.search(score, member);
    for (; this.level < levels; this.level++) {
      this.update[this.level] = this.root;
      this.rankAt[this.level] = 0;
      this.setNext(this.root, this.level, 0);
      this.setSpan(this.root, this.level, this.size);
    }
    this.views[chunkOf(made)].setFloat64(byteOf(made), score, true);
    const words = this.chunks[chunkOf(made)];
    const at = wordOf(made);
    words[at + MEMBER] = member;
    words[at + LEVELS] = levels;
    for (let i = 0; i < levels; i++) this.link(made, i);
    for (let i = levels; i < this.level; i++) this.setSpan(this.update[i], i, this.spanOf(this.update[i], i) + 1);
    words[at + PREV] = this.update[0] === this.root ? 0 : this.update[0];
    this.setPrev(this.nextOf(made, 0), made);
    this.size++;
    this.nodeWords += nodeBytes(levels) >> 2;
    this.save();
    return true;
  }

  private link(made: number, level: number): void {
    const before = this.update[level];
    this.setNext(made, level, this.nextOf(before, level));
    this.setNext(before, level, made);
    if (level === 0) return;
    const distance = this.rankAt[0] - this.rankAt[level];
    this.setSpan(made, level, this.spanOf(before, level) - distance);
    this.setSpan(before, level, distance + 1);
  }

  /** Tells the node after another, or the head if there is none, who is before it now. */
  private setPrev(after: number, before: number): void {
    if (after !== 0) this.chunks[chunkOf(after)][wordOf(after) + PREV] = before;
    else this.chunks[chunkOf(this.root)][wordOf(this.root) + HEAD_TAIL] = before;
  }

  remove(score: number, member: number): boolean {
    this.search(score, member);
    const gone = this.nextOf(this.update[0], 0);
    if (gone === 0 || this.chunks[chunkOf(gone)][wordOf(gone) + MEMBER] !== member) return false;
    if (this.scoreOf(gone) !== score) return false;
    const levels = this.chunks[chunkOf(gone)][wordOf(gone) + LEVELS];
    for (let i = this.level - 1; i >= 0; i--) {
      const before = this.update[i];
      if (i > 0) this.setSpan(before, i, this.spanOf(before, i) - 1 + (i < levels ? this.spanOf(gone, i) : 0));
      if (i < levels) this.setNext(before, i, this.nextOf(gone, i));
    }
    this.setPrev(this.nextOf(gone, 0), this.update[0] === this.root ? 0 : this.update[0]);
    while (this.level > 1 && this.nextOf(this.root, this.level - 1) === 0) this.level--;
    this.arena.free(gone, nodeBytes(levels));
    this.size--;
    this.nodeWords -= nodeBytes(levels) >> 2;
    this.save();
    return true;
  }

  rescore(score: number, member: number, to: number): boolean {
    this.search(score, member);
    const ref = this.nextOf(this.update[0], 0);
    if (ref === 0 || this.chunks[chunkOf(ref)][wordOf(ref) + MEMBER] !== member) return false;
    const before = this.update[0];
    const after = this.nextOf(ref, 0);
    if (before !== this.root && !(this.scoreOf(before) < to)) return false;
    if (after !== 0 && !(to < this.scoreOf(after))) return false;
    this.views[chunkOf(ref)].setFloat64(byteOf(ref), to, true);
    return true;
  }

  replace(rank: number, member: number): void {
    if (this.seek(rank)) this.chunks[chunkOf(this.at)][wordOf(this.at) + MEMBER] = member;
  }

  rank(score: number, member: number): number {
    this.search(score, member);
    return this.rankAt[0];
  }

  belowScore(score: number, inclusive: boolean): number {
    let at = this.root;
    let rank = 0;
    for (let i = this.level - 1; i >= 0; i--) {
      for (let next = this.nextOf(at, i); next !== 0; next = this.nextOf(at, i)) {
        const there = this.scoreOf(next);
        if (there > score || (there === score && !inclusive)) break;
        rank += this.stepOf(at, i);
        at = next;
      }
    }
    return rank;
  }

  belowBytes(view: DataView, start: number, length: number, inclusive: boolean): number {
    const limit = inclusive ? 1 : 0; // a comparison below this counts
    let at = this.root;
    let rank = 0;
    for (let i = this.level - 1; i >= 0; i--) {
      for (let next = this.nextOf(at, i); next !== 0; next = this.nextOf(at, i)) {
        const member = this.chunks[chunkOf(next)][wordOf(next) + MEMBER];
        if (compareWithBytes(this.chunks, member, view, start, length) >= limit) break;
        rank += this.stepOf(at, i);
        at = next;
      }
    }
    return rank;
  }

  // ── the cursor ───────────────────────────────────────────────────────────────────────────────────────────────────────

  seek(rank: number): boolean {
    if (rank < 0 || rank >= this.size) return false;
    let at = this.root;
    let left = rank + 1;
    for (let i = this.level - 1; i >= 0 && left > 0; i--) {
      for (let next = this.nextOf(at, i); next !== 0; next = this.nextOf(at, i)) {
        const step = this.stepOf(at, i);
        if (step > left) break;
        left -= step;
        at = next;
      }
    }
    this.at = at;
    return true;
  }

  next(): boolean {
    this.at = this.nextOf(this.at, 0);
    return this.at !== 0;
  }

  prev(): boolean {
    this.at = this.chunks[chunkOf(this.at)][wordOf(this.at) + PREV];
    return this.at !== 0;
  }

  get score(): number {
    return this.scoreOf(this.at);
  }

  get member(): number {
    return this.chunks[chunkOf(this.at)][wordOf(this.at) + MEMBER];
  }

  // ── destroying ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Frees nodes from the first on; the head's lowest link tells where to go on. */
  destroyStep(root: number, budget: number, into: RefList): boolean {
    let at = this.nextOf(root, 0);
    for (let left = budget; left > 0 && at !== 0; left--) {
      const words = this.chunks[chunkOf(at)];
      const word = wordOf(at);
      into.push(words[word + MEMBER]);
      const next = words[word + LINKS];
      this.arena.free(at, nodeBytes(words[word + LEVELS]));
      at = next;
    }
    this.setNext(root, 0, at);
    if (at !== 0) return true;
    this.arena.free(root, HEAD_BYTES);
    this.root = 0;
    return false;
  }
}
