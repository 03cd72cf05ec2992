/**
 * The consumer groups of a stream: who has read how far, and which entries were delivered to whom and not acknowledged yet
 * (the pending entries list, PEL). The group and the consumer each have a tree by ID, over the same NACKs.
 *
 *   group ─┬─ pending:  ID ─▶ NACK ◀─┐            deliver: a NACK for a new entry, or the old one goes to another consumer
 *          └─ consumer ─ pending: ID ┘            acknowledge: the NACK goes
 *
 * Groups and consumers are refs (layout.ts). A Groups object is a set of views on whatever is named in a call.
 */

import { copyAcross } from '../../memory/copy.ts';
import type { Arena } from '../arena.ts';
import { byteOf, chunkOf, wordOf } from '../ref.ts';
import { StreamId } from './id.ts';
import { IdTree } from './id-tree.ts';
import * as layout from './layout.ts';
import { NameList } from './names.ts';

const TWO_32 = 4_294_967_296;
const TIME_HIGH_BITS = 11;
const TIME_HIGH_MASK = (1 << TIME_HIGH_BITS) - 1;
/** Deliveries are counted up to here. */
const MAX_COUNT = Number.MAX_SAFE_INTEGER;
/** The latest time that is kept: the year 2248. */
const MAX_TIME = 2 ** 43 - 1;

export class Groups {
  /** The tree that pending() and pendingOf() point somewhere. */
  private readonly groupPending: IdTree;
  private readonly consumerPending: IdTree;
  private readonly arena: Arena;
  private readonly chunks: Int32Array[];
  private readonly groups: NameList;
  private readonly consumers: NameList;
  private readonly id = new StreamId();

  constructor(arena: Arena) {
    this.arena = arena;
    this.chunks = arena.words;
    this.groups = new NameList(arena, layout.GROUP_WORDS);
    this.consumers = new NameList(arena, layout.CONSUMER_WORDS);
    this.groupPending = new IdTree(arena);
    this.consumerPending = new IdTree(arena);
  }

  // ── groups ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  count(root: number): number {
    return this.groups.open(root, layout.ROOT_GROUPS).count;
  }

  /** The group of an index in the order of names. */
  groupAt(root: number, index: number): number {
    return this.groups.open(root, layout.ROOT_GROUPS).at(index);
  }

  /** A group by name, or 0. */
  find(root: number, view: DataView, start: number, length: number): number {
    return this.groups.open(root, layout.ROOT_GROUPS).find(view, start, length);
  }

  /** Makes a group that is not there, its last ID 0-0 and what it has read unknown; 0 without memory. */
  create(root: number, view: DataView, start: number, length: number): number {
    const group = this.makeNamed(layout.GROUP_WORDS, view, start, length);
    if (group === 0) return 0;
    this.setRead(group, -1, -1);
    if (this.groups.open(root, layout.ROOT_GROUPS).insert(group)) return group;
    this.freeNamed(group, layout.GROUP_WORDS);
    return 0;
  }

  /** Takes a group out of its stream; release() frees it. */
  detach(root: number, group: number): void {
    this.groups.open(root, layout.ROOT_GROUPS).remove(group);
  }

  /** Frees up to `budget` pending entries and consumers of a group that is in no stream, and the group. What is left of it. */
  release(group: number, budget: number): number {
    const { arena } = this;
    let left = this.pending(group).drain(budget, (nack) => arena.free(nack, layout.NACK_BYTES));
    const consumers = this.consumers.open(group, layout.GROUP_CONSUMERS);
    while (left > 0 && consumers.count > 0) {
      const consumer = consumers.at(consumers.count - 1);
      left = this.pendingOf(consumer).drain(left, ignore);
      if (left === 0) break;
      consumers.remove(consumer);
      this.freeNamed(consumer, layout.CONSUMER_WORDS);
      left--;
    }
    if (left > 0) this.freeNamed(group, layout.GROUP_WORDS);
    return left;
  }

  groupName(group: number): number {
    return byteOf(group) + layout.GROUP_WORDS * 4;
  }

  consumerName(consumer: number): number {
    return byteOf(consumer) + layout.CONSUMER_WORDS * 4;
  }

  /** Bytes of a group's or consumer's name, which begins at groupName() or consumerName() of the view of its chunk. */
  nameLength(object: number): number {
    return this.chunks[chunkOf(object)][wordOf(object)];
  }

  lastId(group: number, into: StreamId): StreamId {
    return into.read(this.chunks[chunkOf(group)], wordOf(group) + layout.GROUP_LAST);
  }

  setLastId(group: number, id: StreamId): void {
    id.write(this.chunks[chunkOf(group)], wordOf(group) + layout.GROUP_LAST);
  }

  /** Entries that the group has read, of all that were ever added: the words of a 64-bit integer, -1 if unknown. */
  readLow(group: number): number {
    return this.chunks[chunkOf(group)][wordOf(group) + layout.GROUP_READ];
  }

  readHigh(group: number): number {
    return this.chunks[chunkOf(group)][wordOf(group) + layout.GROUP_READ + 1];
  }

  setRead(group: number, low: number, high: number): void {
    this.chunks[chunkOf(group)][wordOf(group) + layout.GROUP_READ] = low;
    this.chunks[chunkOf(group)][wordOf(group) + layout.GROUP_READ + 1] = high;
  }

  // ── consumers ────────────────────────────────────────────────────────────────────────────────────────────────────────

  consumerCount(group: number): number {
    return this.consumers.open(group, layout.GROUP_CONSUMERS).count;
  }

  consumerAt(group: number, index: number): number {
    return this.consumers.open(group, layout.GROUP_CONSUMERS).at(index);
  }

  findConsumer(group: number, view: DataView, start: number, length: number): number {
    return this.consumers.open(group, layout.GROUP_CONSUMERS).find(view, start, length);
  }

  /** Makes a consumer that is not there, seen now and never active; 0 without memory. */
  createConsumer(group: number, view: DataView, start: number, length: number, nowMs: number): number {
    const consumer = this.makeNamed(layout.CONSUMER_WORDS, view, start, length);
    if (consumer === 0) return 0;
    this.setSeen(consumer, nowMs);
    this.setActive(consumer, -1);
    if (this.consumers.open(group, layout.GROUP_CONSUMERS).insert(consumer)) return consumer;
    this.freeNamed(consumer, layout.CONSUMER_WORDS);
    return 0;
  }

  /** Removes a consumer with all that is pending for it. */
  removeConsumer(group: number, consumer: number): void {
    const { id } = this;
    const own = this.pendingOf(consumer);
    for (let nack = own.first(); nack !== 0; nack = own.next()) {
      this.pending(group).remove(own.readId(id));
      this.arena.free(nack, layout.NACK_BYTES);
    }
    own.drain(Number.MAX_SAFE_INTEGER, ignore);
    this.consumers.open(group, layout.GROUP_CONSUMERS).remove(consumer);
    this.freeNamed(consumer, layout.CONSUMER_WORDS);
  }

  /** When the consumer was last heard of, in ms since 1970. */
  seen(consumer: number): number {
    return this.timeAt(consumer, layout.CONSUMER_SEEN);
  }

  setSeen(consumer: number, ms: number): void {
    this.setTimeAt(consumer, layout.CONSUMER_SEEN, ms);
  }

  /** When the consumer last got something, in ms since 1970; -1 never. */
  active(consumer: number): number {
    return this.timeAt(consumer, layout.CONSUMER_ACTIVE);
  }

  setActive(consumer: number, ms: number): void {
    this.setTimeAt(consumer, layout.CONSUMER_ACTIVE, ms);
  }

  private timeAt(object: number, word: number): number {
    const words = this.chunks[chunkOf(object)];
    const at = wordOf(object) + word;
    return words[at + 1] * TWO_32 + (words[at] >>> 0);
  }

  private setTimeAt(object: number, word: number, ms: number): void {
    const words = this.chunks[chunkOf(object)];
    const at = wordOf(object) + word;
    words[at] = ms | 0;
    words[at + 1] = Math.floor(ms / TWO_32) | 0;
  }

  // ── pending entries ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** The tree of a group's pending entries; good until another group's is asked for. */
  pending(group: number): IdTree {
    return this.groupPending.open(group, layout.GROUP_PENDING);
  }

  /** The tree of a consumer's pending entries; good until another consumer's is asked for. */
  pendingOf(consumer: number): IdTree {
    return this.consumerPending.open(consumer, layout.CONSUMER_PENDING);
  }

  /** A NACK in the group's tree that is no consumer's yet: assign() must follow. 0 without memory. */
  createNack(group: number, id: StreamId, timeMs: number, count: number): number {
    const nack = this.arena.alloc(layout.NACK_BYTES);
    if (nack === 0) return 0;
    if (!this.pending(group).insert(id, nack)) {
      this.arena.free(nack, layout.NACK_BYTES);
      return 0;
    }
    this.chunks[chunkOf(nack)][wordOf(nack) + layout.NACK_CONSUMER] = 0;
    this.setDelivery(nack, timeMs, count);
    return nack;
  }

  /** Gives a NACK to a consumer, from the one that has it. False, and nothing changed, when there is no memory. */
  assign(nack: number, id: StreamId, consumer: number): boolean {
    const at = wordOf(nack) + layout.NACK_CONSUMER;
    const words = this.chunks[chunkOf(nack)];
    const old = words[at];
    if (old === consumer) return true;
    if (!this.pendingOf(consumer).insert(id, nack)) return false;
    if (old !== 0) this.pendingOf(old).remove(id);
    words[at] = consumer;
    return true;
  }

  /** An entry is delivered to a consumer, for the first time or, if it is pending already, as if. False without memory. */
  deliver(group: number, consumer: number, id: StreamId, nowMs: number): boolean {
    const pending = this.pending(group).find(id);
    const nack = pending !== 0 ? pending : this.createNack(group, id, nowMs, 1);
    if (nack === 0) return false;
    if (!this.assign(nack, id, consumer)) {
      if (pending === 0) this.arena.free(this.pending(group).remove(id), layout.NACK_BYTES);
      return false;
    }
    if (pending !== 0) this.setDelivery(nack, nowMs, 1);
    return true;
  }

  /** Removes a pending entry; false when it is not pending. */
  acknowledge(group: number, id: StreamId): boolean {
    const nack = this.pending(group).remove(id);
    if (nack === 0) return false;
    const consumer = this.consumerOf(nack);
    if (consumer !== 0) this.pendingOf(consumer).remove(id);
    this.arena.free(nack, layout.NACK_BYTES);
    return true;
  }

  /** The consumer that a NACK belongs to; 0 for one that was just made. */
  consumerOf(nack: number): number {
    return this.chunks[chunkOf(nack)][wordOf(nack) + layout.NACK_CONSUMER];
  }

  /** When it was delivered last, in ms since 1970. */
  deliveredAt(nack: number): number {
    const words = this.chunks[chunkOf(nack)];
    const at = wordOf(nack);
    return (words[at + layout.NACK_HIGH] & TIME_HIGH_MASK) * TWO_32 + (words[at + layout.NACK_TIME] >>> 0);
  }

  /** How often it was delivered. */
  deliveries(nack: number): number {
    const words = this.chunks[chunkOf(nack)];
    const at = wordOf(nack);
    return (words[at + layout.NACK_HIGH] >>> TIME_HIGH_BITS) * TWO_32 + (words[at + layout.NACK_COUNT] >>> 0);
  }

  /** Sets when and how often it was delivered; what is too large becomes the largest that is kept. */
  setDelivery(nack: number, timeMs: number, count: number): void {
    const words = this.chunks[chunkOf(nack)];
    const at = wordOf(nack);
    const time = timeMs < MAX_TIME ? timeMs : MAX_TIME;
    const times = count < MAX_COUNT ? count : MAX_COUNT;
    words[at + layout.NACK_TIME] = time | 0;
    words[at + layout.NACK_COUNT] = times | 0;
    words[at + layout.NACK_HIGH] = ((times / TWO_32) << TIME_HIGH_BITS) | ((time / TWO_32) & TIME_HIGH_MASK);
  }

  // ── named objects ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** An object of so many words, all 0 but the name's length, and a name; 0 without memory. */
  private makeNamed(words: number, view: DataView, start: number, length: number): number {
    const object = this.arena.alloc(words * 4 + length);
    if (object === 0) return 0;
    const into = this.chunks[chunkOf(object)];
    const at = wordOf(object);
    into[at] = length;
    for (let i = 1; i < words; i++) into[at + i] = 0;
    copyAcross(this.arena.views[chunkOf(object)], byteOf(object) + words * 4, view, start, length);
    return object;
  }

  private freeNamed(object: number, words: number): void {
    this.arena.free(object, words * 4 + this.nameLength(object));
  }

  /** Bytes of a group, its consumers and all that is pending, in the arena. */
  memoryBytes(group: number): number {
    const { arena } = this;
    const pending = this.pending(group);
    let bytes = arena.capacity(group, layout.GROUP_WORDS * 4 + this.nameLength(group));
    bytes += pending.bytes + pending.size * layout.NACK_BYTES;
    for (let i = 0, n = this.consumerCount(group); i < n; i++) {
      const consumer = this.consumerAt(group, i);
      bytes += arena.capacity(consumer, layout.CONSUMER_WORDS * 4 + this.nameLength(consumer));
      bytes += this.pendingOf(consumer).bytes;
    }
    return bytes + this.consumers.open(group, layout.GROUP_CONSUMERS).bytes;
  }
}

function ignore(): void {}
