/**
 * The hash table's idea, made visible: how far entries stand from their home. Robin Hood hashing (the table that rtcp has, in
 * hash order) against plain linear probing, the same hashes in both, at the same load. The average is the same; what Robin
 * Hood takes away are the long ones, and a miss that may stop early.
 *
 *   linear      home ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒● found after 20      a miss goes on to the next empty slot
 *   Robin Hood  home ▒▒▒▒▒● found after 5                      a miss stops at the first larger hash
 */
import { PacketMemory } from '../../memory/packet-memory.ts';
import { hashBytes } from '../../store/hash.ts';
import type { Operation } from '../measure.ts';
import type { Subject } from '../subject.ts';
import { askOrder, insertOrder, type Workload, writeName } from '../workload.ts';

/** The load at which both are looked at: where a segment of rtcp's table grows. */
const LOAD = 0.8;
/** Distances beyond this are counted together. */
const LONGEST = 64;

/** Slots of {hash, element + 1}; `ordered`: sorted by hash from home on, so that later entries push larger hashes away. */
class ProbedTable {
  readonly hashes: Int32Array;
  readonly elements: Int32Array;
  private readonly homes: number;
  private readonly ordered: boolean;

  constructor(size: number, ordered: boolean) {
    this.homes = Math.ceil(size / LOAD);
    this.ordered = ordered;
    const slots = this.homes + size; // never wraps: the tail takes what is pushed over the end
    this.hashes = new Int32Array(slots);
    this.elements = new Int32Array(slots);
  }

  home(hash: number): number {
    return Math.floor(((hash ^ 0x80000000) >>> 0) * (this.homes / 4_294_967_296));
  }

  insert(hash: number, element: number): void {
    const { hashes, elements } = this;
    let slot = this.home(hash);
    if (!this.ordered) {
      while (elements[slot] !== 0) slot++;
    } else {
      while (elements[slot] !== 0 && hashes[slot] < hash) slot++;
      let empty = slot;
      while (elements[empty] !== 0) empty++;
      hashes.copyWithin(slot + 1, slot, empty);
      elements.copyWithin(slot + 1, slot, empty);
    }
    hashes[slot] = hash;
    elements[slot] = element + 1;
  }

  /** Slots looked at until it is clear that the hash is there or not. */
  probes(hash: number): number {
    const { hashes, elements } = this;
    const first = this.home(hash);
    let slot = first;
    while (elements[slot] !== 0 && (this.ordered ? hashes[slot] < hash : hashes[slot] !== hash)) slot++;
    return slot - first + 1;
  }
}

function probeSubject(workload: Workload, ordered: boolean): Subject {
  const { size, keyBytes } = workload;
  const memory = new PacketMemory(1 << 20, 0);
  const at = memory.reserve(keyBytes + 8);
  const key = Int32Array.of(workload.seed, 7);
  const hashOf = (id: number): number => {
    writeName(memory.u8, at, id, keyBytes);
    return hashBytes(memory.dv, at, keyBytes, key);
  };
  const there = Int32Array.from({ length: size }, (_, id) => hashOf(id));
  const absent = Int32Array.from({ length: size }, (_, id) => hashOf(id + size));
  const table = new ProbedTable(size, ordered);
  const [insert, ask] = [insertOrder(workload), askOrder(workload, size)];
  let sum = 0;
  const operation = (name: string, each: (i: number) => void): Operation => ({
    name,
    count: size,
    prepare: () => {},
    run: (first, n) => {
      for (let i = first; i < first + n; i++) each(i);
    },
  });
  return {
    operations: [
      operation(`insert, load up to ${LOAD}`, (i) => table.insert(there[insert[i]], insert[i])),
      operation('hit', (i) => {
        sum += table.probes(there[ask[i]]);
      }),
      operation('miss', (i) => {
        sum += table.probes(absent[ask[i]]);
      }),
    ],
    bytesAfter: 'hit',
    bytesPerElement: () => 8 / LOAD,
    extras: () => ({ hit: histogram(table, there), miss: histogram(table, absent), kept: [sum] }),
  };
}

/** How many of the hashes take 1, 2, … LONGEST or more probes. */
function histogram(table: ProbedTable, hashes: Int32Array): number[] {
  const counts: number[] = new Array(LONGEST).fill(0);
  for (const hash of hashes) counts[Math.min(LONGEST, table.probes(hash)) - 1]++;
  return counts;
}

export function robinHoodSubject(workload: Workload): Subject {
  return probeSubject(workload, true);
}

export function linearSubject(workload: Workload): Subject {
  return probeSubject(workload, false);
}
