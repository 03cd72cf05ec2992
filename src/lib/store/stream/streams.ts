/**
 * Streams as the keyspace sees them: making, freeing in steps, copying and weighing all that hangs from a root (layout.ts).
 * The views through which commands work on a stream are here, too: open() points them at its root.
 *
 *   streams.open(root): log (entries) · groups (groups, consumers, pending entries) · progress (entries-read, lag)
 */
import type { Arena } from '../arena.ts';
import type { RecordTable } from '../record-table.ts';
import { chunkOf, wordOf } from '../ref.ts';
import { rootOf, type ValueKind } from '../value-kind.ts';
import { Groups } from './groups.ts';
import { StreamId } from './id.ts';
import { IdTree } from './id-tree.ts';
import * as layout from './layout.ts';
import { StreamLog } from './log.ts';
import { NameList } from './names.ts';
import { Progress } from './progress.ts';

const ROOT_BYTES = layout.ROOT_WORDS * 4;
/** What release() is given: a stream's root, or a group that was destroyed. */
export const STREAM_ROOT = 0;
export const GROUP_ROOT = 1;

export class Streams implements ValueKind {
  readonly log: StreamLog;
  readonly groups: Groups;
  readonly progress: Progress;
  private readonly arena: Arena;
  private readonly nodes: IdTree;
  private readonly names: NameList;
  /** The copy that clone() makes. */
  private readonly copy: StreamLog;
  private readonly id = new StreamId();

  constructor(arena: Arena) {
    this.arena = arena;
    this.log = new StreamLog(arena);
    this.groups = new Groups(arena);
    this.progress = new Progress(this.log, this.groups);
    this.copy = new StreamLog(arena);
    this.nodes = new IdTree(arena);
    this.names = new NameList(arena, layout.GROUP_WORDS);
  }

  /** Points `log` (and with it `progress`) at a stream. */
  open(root: number): StreamLog {
    return this.log.open(root);
  }

  /** An empty stream; 0 without memory. */
  create(): number {
    const root = this.arena.alloc(ROOT_BYTES);
    if (root !== 0) this.arena.words[chunkOf(root)].fill(0, wordOf(root), wordOf(root) + layout.ROOT_WORDS);
    return root;
  }

  // ── what the keyspace asks ───────────────────────────────────────────────────────────────────────────────────────────

  encoding(): string {
    return 'stream';
  }

  count(db: RecordTable, ref: number): number {
    return this.open(rootOf(this.arena.words, db, ref)).length;
  }

  burden(root: number, flags: number): number {
    return (flags & GROUP_ROOT) !== 0 ? this.groups.pending(root).size : this.nodes.open(root, layout.ROOT_NODES).size;
  }

  release(root: number, flags: number, budget: number): boolean {
    if ((flags & GROUP_ROOT) !== 0) return this.groups.release(root, budget) === 0;
    const { log } = this;
    let left = this.nodes.open(root, layout.ROOT_NODES).drain(budget, (node) => log.freeNode(node));
    const names = this.names.open(root, layout.ROOT_GROUPS);
    while (left > 0 && names.count > 0) {
      const group = names.at(names.count - 1);
      // The name must be out of the list before it is freed, and what is only partly freed must stay.
      left = this.groups.release(group, left);
      if (left > 0) names.remove(group);
    }
    if (left === 0) return true;
    this.arena.free(root, ROOT_BYTES);
    return false;
  }

  clone(root: number): number {
    const copy = this.create();
    if (copy === 0) return 0;
    if (this.cloneLog(root, copy) && this.cloneGroups(root, copy)) return copy;
    while (this.release(copy, STREAM_ROOT, Number.MAX_SAFE_INTEGER));
    return 0;
  }

  memoryBytes(root: number, _flags: number, samples: number): number {
    const { arena, groups } = this;
    const log = this.open(root);
    let bytes = arena.capacity(root, ROOT_BYTES) + log.nodes.bytes;
    let seen = 0;
    let nodeBytes = 0;
    const most = samples > 0 ? samples : Number.MAX_SAFE_INTEGER;
    for (let node = log.nodes.first(); node !== 0 && seen < most; node = log.nodes.next()) {
      nodeBytes += log.nodeBytes(node);
      seen++;
    }
    if (seen > 0) bytes += Math.round((nodeBytes / seen) * log.nodes.size);
    bytes += this.names.open(root, layout.ROOT_GROUPS).bytes;
    for (let i = 0, n = groups.count(root); i < n; i++) bytes += groups.memoryBytes(groups.groupAt(root, i));
    return bytes;
  }

  /** The cursor is the ms part of the ID from which on nodes were not looked at yet. */
  defragment(root: number, _flags: number, cursor: number, count: number, moved: () => void): number {
    const log = this.open(root);
    const { id } = this;
    let left = count;
    let ms = cursor;
    for (let node = log.nodes.seek(id.setSafe(cursor, 0)); node !== 0; node = log.nodes.next()) {
      const next = log.nodes.readId(id).ms;
      // Nodes of the same millisecond belong to one step: the cursor could not tell them apart.
      if (left <= 0 && next > ms) return Number.isSafeInteger(next) ? next : 0;
      ms = next;
      left -= log.nodeMaxEntries || 100;
      if (log.relocate(node)) moved();
    }
    return 0;
  }

  // ── copying ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  private cloneLog(root: number, copy: number): boolean {
    const { arena, id } = this;
    const from = this.open(root);
    const into = this.copy.open(copy);
    into.setLength(from.length);
    into.setAdded(from.addedLow, from.addedHigh);
    into.setLastId(from.lastId(id));
    into.setFirstId(from.firstId(id));
    into.setMaxDeletedId(from.maxDeletedId(id));
    for (let node = from.nodes.first(); node !== 0; node = from.nodes.next()) {
      const bytes = from.listpackBytes(node);
      const made = into.addNode(from.nodes.readId(id), bytes);
      if (made === 0) return false;
      arena.move(made, layout.NODE_LISTPACK, node, layout.NODE_LISTPACK, bytes);
    }
    return true;
  }

  private cloneGroups(root: number, copy: number): boolean {
    const { arena, groups } = this;
    for (let i = 0, n = groups.count(root); i < n; i++) {
      const group = groups.groupAt(root, i);
      const view = arena.views[chunkOf(group)];
      const made = groups.create(copy, view, groups.groupName(group), groups.nameLength(group));
      if (made === 0 || !this.cloneGroup(group, made)) return false;
    }
    return true;
  }

  private cloneGroup(group: number, copy: number): boolean {
    const { arena, groups, id } = this;
    groups.setLastId(copy, groups.lastId(group, id));
    groups.setRead(copy, groups.readLow(group), groups.readHigh(group));
    for (let i = 0, n = groups.consumerCount(group); i < n; i++) {
      const consumer = groups.consumerAt(group, i);
      const view = arena.views[chunkOf(consumer)];
      const start = groups.consumerName(consumer);
      const made = groups.createConsumer(copy, view, start, groups.nameLength(consumer), groups.seen(consumer));
      if (made === 0) return false;
      groups.setActive(made, groups.active(consumer));
      // A tree of its own for the walk: deliver() and assign() point the others elsewhere.
      const pending = this.nodes.open(consumer, layout.CONSUMER_PENDING);
      for (let nack = pending.first(); nack !== 0; nack = pending.next()) {
        const twin = groups.createNack(copy, pending.readId(id), groups.deliveredAt(nack), groups.deliveries(nack));
        if (twin === 0 || !groups.assign(twin, id, made)) return false;
      }
    }
    return true;
  }
}
