/** Lists, as the keyspace's housekeeping knows them (value-kind.ts). */
import type { Arena } from './arena.ts';
import { QUICKLIST_ROOT_BYTES, Quicklist } from './quicklist.ts';
import { BLOCK, CAPACITY, COUNT, cloneNode, NEXT, NODE_BYTES, relocateBlock } from './quicklist-node.ts';
import { FLAGS_SHIFT, valueLengthAt, valueWordAt } from './record.ts';
import type { RecordTable } from './record-table.ts';
import { chunkOf, wordOf } from './ref.ts';
import { ROOTED, type ValueKind } from './value-kind.ts';

/** Flag of a list's record: redis-server would keep it as a quicklist; else it is one listpack, in a node or in the record. */
export const LIST_QUICKLIST = 1;

export class ListKind implements ValueKind {
  private readonly arena: Arena;
  /** A view of its own: housekeeping happens between any two steps of a command. */
  private readonly list: Quicklist;

  constructor(arena: Arena) {
    this.arena = arena;
    this.list = new Quicklist(arena);
  }

  encoding(db: RecordTable, ref: number): string {
    return (db.flags(ref) & LIST_QUICKLIST) !== 0 ? 'quicklist' : 'listpack';
  }

  count(_db: RecordTable, ref: number): number {
    openList(this.list, this.arena, ref);
    return this.list.length;
  }

  burden(root: number): number {
    this.list.open(root);
    return this.list.nodes;
  }

  /** A node is one step of the budget: freeing it does not depend on what is in it. */
  release(root: number, _flags: number, budget: number): boolean {
    const { list } = this;
    list.open(root);
    for (let left = budget; left > 0 && list.head !== 0; left--) list.drop(list.head);
    if (list.head !== 0) return true;
    this.arena.free(root, QUICKLIST_ROOT_BYTES);
    return false;
  }

  clone(root: number, flags: number): number {
    const { arena, list } = this;
    list.open(root);
    const fill = list.listFill;
    const depth = list.listDepth;
    let node = list.head;
    const copy = list.create();
    if (copy === 0) return 0;
    list.setShape(fill, depth);
    for (; node !== 0; node = list.nodeWord(node, NEXT)) {
      const made = cloneNode(arena, node);
      if (made === 0) {
        while (this.release(copy, flags, 1024));
        return 0;
      }
      list.link(made, 0);
      list.addTotal(list.nodeWord(made, COUNT));
    }
    return copy;
  }

  defragment(root: number, _flags: number, cursor: number, count: number, moved: () => void): number {
    const { arena, list } = this;
    list.open(root);
    if (cursor === 0) list.mark = list.head;
    let left = count;
    let node = list.mark;
    while (node !== 0 && left > 0) {
      left -= list.nodeWord(node, COUNT);
      if (arena.isSparse(node, NODE_BYTES)) {
        const made = list.relocate(node);
        if (made !== 0) {
          node = made;
          moved();
        }
      }
      if (arena.isSparse(list.nodeWord(node, BLOCK), list.nodeWord(node, CAPACITY)) && relocateBlock(arena, node))
        moved();
      node = list.nodeWord(node, NEXT);
    }
    list.mark = node;
    return node === 0 ? 0 : 1;
  }

  /** `samples` counts elements. Both end nodes are looked at; the first ones behind the head stand for all between them. */
  memoryBytes(root: number, _flags: number, samples: number): number {
    const { list } = this;
    list.open(root);
    const { head, tail } = list;
    let bytes = QUICKLIST_ROOT_BYTES;
    if (head === 0) return bytes;
    bytes += this.nodeBytes(head);
    if (head === tail) return bytes;
    bytes += this.nodeBytes(tail);
    let seen = 0;
    let nodes = 0;
    let sampled = 0;
    for (let node = list.nextOf(head); node !== tail && (samples === 0 || seen < samples); node = list.nextOf(node)) {
      seen += list.nodeWord(node, COUNT);
      nodes++;
      sampled += this.nodeBytes(node);
    }
    return nodes === 0 ? bytes : bytes + Math.round((sampled / nodes) * (list.nodes - 2));
  }

  private nodeBytes(node: number): number {
    return NODE_BYTES + this.list.nodeWord(node, CAPACITY);
  }
}

/** Points a view at a record's list. */
export function openList(list: Quicklist, arena: Arena, ref: number): void {
  const chunk = chunkOf(ref);
  const words = arena.words[chunk];
  const at = wordOf(ref);
  const value = valueWordAt(words, at);
  if ((words[at] & (ROOTED << FLAGS_SHIFT)) !== 0) list.open(words[value]);
  else list.openPacked(arena.views[chunk], value << 2, valueLengthAt(words, at));
}
