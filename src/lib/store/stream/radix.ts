/**
 * How many nodes the radix tree would have in which redis-server keeps a stream's listpacks by their 128-bit master IDs: what
 * XINFO STREAM says, though nothing is kept in one here.
 *
 *   prefix all have ─▶ branch ─┬─▶ rest ─▶ leaf          a run of bytes without a branch is one node, a branch is one,
 *                              └─▶ branch ─▶ …           and so is each leaf
 */
import { StreamId } from './id.ts';
import type { StreamLog } from './log.ts';

const ID_BYTES = 16;

export function radixNodes(log: StreamLog): number {
  const { nodes } = log;
  let n = nodes.size;
  if (n === 0) return 1; // the root
  /** Depths of the branches on the way to the last leaf. */
  const open: number[] = [];
  const before = new StreamId();
  const id = new StreamId();
  /** Bytes that the last leaf has in common with the one before it; -1 for none. */
  let common = -1;
  const close = (depth: number, parent: number): void => {
    if (depth - parent > 1) n++;
  };
  nodes.first();
  nodes.readId(before);
  while (nodes.next() !== 0) {
    nodes.readId(id);
    const shared = sharedBytes(before, id);
    close(ID_BYTES, Math.max(common, shared));
    while (open.length > 0 && open[open.length - 1] > shared) {
      const depth = open.pop() as number;
      close(depth, Math.max(open.at(-1) ?? -1, shared));
    }
    if (open.at(-1) !== shared) {
      open.push(shared);
      n++;
    }
    common = shared;
    before.copy(id);
  }
  close(ID_BYTES, common);
  while (open.length > 0) close(open.pop() as number, open.at(-1) ?? -1);
  return n;
}

/** Leading bytes that two IDs have in common; below 16. */
function sharedBytes(a: StreamId, b: StreamId): number {
  if (a.msHigh !== b.msHigh) return Math.clz32(a.msHigh ^ b.msHigh) >> 3;
  if (a.msLow !== b.msLow) return 4 + (Math.clz32(a.msLow ^ b.msLow) >> 3);
  if (a.seqHigh !== b.seqHigh) return 8 + (Math.clz32(a.seqHigh ^ b.seqHigh) >> 3);
  return 12 + (Math.clz32(a.seqLow ^ b.seqLow) >> 3);
}
