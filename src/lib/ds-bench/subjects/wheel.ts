/**
 * Deadlines: the timing wheel whose links run through the records, against a binary heap of entries, which is what most
 * timers are kept in. Both set, move and fire the same deadlines, spread over an hour.
 */
import { PacketMemory } from '../../memory/packet-memory.ts';
import { Arena } from '../../store/arena.ts';
import { Keyspace } from '../../store/keyspace.ts';
import { ExpiryWheel } from '../../store/wheel.ts';
import type { Operation } from '../measure.ts';
import type { Subject } from '../subject.ts';
import { askOrder, type Workload, writeName } from '../workload.ts';

const SPREAD_MS = 3_600_000;
/** Firing is measured by the millisecond that passes; an operation is this many of them. */
const STEP_MS = 100;
const NO_LIMIT = 1_000_000_000;

/** A deadline, in ms, for element `id` in its `round`th life. */
function deadline(id: number, round: number): number {
  return 1 + (((Math.imul(id + 1, 0x9e3779b1) ^ Math.imul(round + 1, 0x85ebca6b)) >>> 0) % SPREAD_MS);
}

interface Timers {
  set(id: number): void;
  move(id: number): void;
  fire(nowMs: number): void;
}

function timerOperations(workload: Workload, timers: Timers): Operation[] {
  const { size } = workload;
  const ask = askOrder(workload, size);
  const operation = (name: string, count: number, each: (i: number) => void): Operation => ({
    name,
    count,
    prepare: () => {},
    run: (first, n) => {
      for (let i = first; i < first + n; i++) each(i);
    },
  });
  return [
    operation('set a deadline', size, (i) => timers.set(i)),
    operation('move a deadline', size, (i) => timers.move(ask[i])),
    operation(`${STEP_MS} ms pass`, SPREAD_MS / STEP_MS, (i) => timers.fire((i + 1) * STEP_MS)),
  ];
}

export function wheelSubject(workload: Workload): Subject {
  const { size, keyBytes } = workload;
  const arena = new Arena();
  const memory = new PacketMemory(1 << 20, 0);
  const wheel = new ExpiryWheel(arena, 0);
  const keyspace = new Keyspace(arena, memory, Int32Array.of(workload.seed, 1), wheel, 0);
  const at = memory.reserve(keyBytes + 8);
  const refs = new Int32Array(size);
  for (let id = 0; id < size; id++) {
    writeName(memory.u8, at, id, keyBytes);
    const ref = keyspace.insert(at, keyBytes, keyspace.hash(at, keyBytes), 0, 8);
    refs[id] = ref === 0 ? 0 : keyspace.setExpiry(ref, SPREAD_MS * 2);
    if (refs[id] === 0) throw new RangeError('no memory for so many keys');
    wheel.unlink(refs[id]);
  }
  const usedBytes = arena.usedBytes;
  let fired = 0;
  const onExpire = (): void => {
    fired++;
  };
  const operations = timerOperations(workload, {
    set: (id) => void keyspace.setExpiry(refs[id], deadline(id, 0)),
    move: (id) => void keyspace.setExpiry(refs[id], deadline(id, 1)),
    fire: (nowMs) => void wheel.advance(nowMs, NO_LIMIT, onExpire),
  });
  return {
    operations,
    bytesAfter: 'set a deadline',
    bytesPerElement: () => 16 + (arena.usedBytes - usedBytes) / size, // four words in the record
    extras: () => ({ kept: [fired] }),
  };
}

interface Entry {
  atMs: number;
  /** Its place in the heap, -1 when it is not there. */
  index: number;
}

export function heapSubject(workload: Workload): Subject {
  const entries: Entry[] = Array.from({ length: workload.size }, () => ({ atMs: 0, index: -1 }));
  const heap = new BinaryHeap();
  let fired = 0;
  const operations = timerOperations(workload, {
    set: (id) => heap.push(entries[id], deadline(id, 0)),
    move: (id) => {
      heap.remove(entries[id]);
      heap.push(entries[id], deadline(id, 1));
    },
    fire: (nowMs) => {
      for (let first = heap.first(); first !== undefined && first.atMs <= nowMs; first = heap.first()) {
        heap.remove(first);
        fired++;
      }
    },
  });
  const entryBytes = 12 + 8 + 4 + 4; // header, a boxed double, an index, a slot of the heap
  return {
    operations,
    bytesAfter: 'set a deadline',
    bytesPerElement: () => entryBytes,
    extras: () => ({ kept: [fired] }),
  };
}

class BinaryHeap {
  private readonly entries: Entry[] = [];

  first(): Entry | undefined {
    return this.entries[0];
  }

  push(entry: Entry, atMs: number): void {
    entry.atMs = atMs;
    entry.index = this.entries.length;
    this.entries.push(entry);
    this.up(entry);
  }

  remove(entry: Entry): void {
    const at = entry.index;
    if (at < 0) return;
    entry.index = -1;
    const last = this.entries.pop() as Entry;
    if (last === entry) return;
    this.entries[at] = last;
    last.index = at;
    this.up(last);
    this.down(last);
  }

  private up(entry: Entry): void {
    const { entries } = this;
    while (entry.index > 0) {
      const above = entries[(entry.index - 1) >> 1];
      if (above.atMs <= entry.atMs) return;
      this.exchange(above, entry);
    }
  }

  private down(entry: Entry): void {
    const { entries } = this;
    for (;;) {
      const left = entry.index * 2 + 1;
      if (left >= entries.length) return;
      const right = left + 1;
      const below = entries[right < entries.length && entries[right].atMs < entries[left].atMs ? right : left];
      if (below.atMs >= entry.atMs) return;
      this.exchange(entry, below);
    }
  }

  /** `above` and `below` change places. */
  private exchange(above: Entry, below: Entry): void {
    const at = above.index;
    above.index = below.index;
    below.index = at;
    this.entries[above.index] = above;
    this.entries[below.index] = below;
  }
}
