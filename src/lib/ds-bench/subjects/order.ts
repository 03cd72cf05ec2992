/**
 * The two orders that a sorted set can have, alone: the counted B+tree and the skiplist with spans, over the same records.
 */
import { PacketMemory } from '../../memory/packet-memory.ts';
import { Random } from '../../random.ts';
import { Arena } from '../../store/arena.ts';
import { BTree } from '../../store/ordered/btree.ts';
import type { OrderedIndex } from '../../store/ordered/ordered-index.ts';
import { Skiplist } from '../../store/ordered/skiplist.ts';
import { RecordTable } from '../../store/record-table.ts';
import type { Operation } from '../measure.ts';
import type { Subject } from '../subject.ts';
import { askOrder, insertOrder, scoreOf, type Workload, writeName } from '../workload.ts';

const RANGE = 100;

export function btreeSubject(workload: Workload): Subject {
  return orderSubject(workload, (arena) => new BTree(arena));
}

export function skiplistSubject(workload: Workload): Subject {
  return orderSubject(workload, (arena) => new Skiplist(arena, new Random(workload.seed)));
}

function orderSubject(workload: Workload, make: (arena: Arena) => OrderedIndex): Subject {
  const arena = new Arena();
  const index = make(arena);
  if (index.create() === 0) throw new RangeError('no memory for an empty index');
  const { size } = workload;
  const members = memberRecords(workload, arena);
  const [insert, ask] = [insertOrder(workload), askOrder(workload, size)];
  const ranges = Math.max(1, Math.min(100_000, size >> 2));
  let sum = 0;
  const operation = (name: string, count: number, each: (i: number) => number): Operation => ({
    name,
    count,
    prepare: () => {},
    run: (first, n) => {
      for (let i = first; i < first + n; i++) sum += each(i);
    },
  });
  const operations = [
    operation('insert', size, (i) => Number(index.insert(scoreOf(insert[i]), members[insert[i]]))),
    operation('rank', size, (i) => index.rank(scoreOf(ask[i]), members[ask[i]])),
    operation('at a rank', size, (i) => (index.seek(ask[i]) ? index.member : 0)),
    operation('count below a score', size, (i) => index.belowScore(scoreOf(ask[i]), true)),
    operation(`range of ${RANGE}`, ranges, (i) => {
      let seen = 0;
      for (let more = index.seek(ask[i]), n = 0; more && n < RANGE; more = index.next(), n++) seen += index.member;
      return seen;
    }),
    operation('remove', size, (i) => Number(index.remove(scoreOf(insert[i]), members[insert[i]]))),
  ];
  return {
    operations,
    bytesAfter: 'insert',
    bytesPerElement: () => index.bytes / size,
    extras: () => ({ kept: [sum] }),
  };
}

/** A record for each member, as a sorted set has them: the name as its key. */
function memberRecords(workload: Workload, arena: Arena): Int32Array {
  const memory = new PacketMemory(1 << 20, 0);
  const at = memory.reserve(workload.keyBytes + 8);
  const table = new RecordTable(arena, Int32Array.of(workload.seed, 1));
  if (table.create() === 0) throw new RangeError('no memory for an empty table');
  const refs = new Int32Array(workload.size);
  for (let id = 0; id < workload.size; id++) {
    writeName(memory.u8, at, id, workload.keyBytes);
    const hash = table.hashOfBytes(memory.dv, at, workload.keyBytes);
    refs[id] = table.insertBytes(memory.dv, at, workload.keyBytes, hash, 0, 8);
    if (refs[id] === 0) throw new RangeError('no memory for so many members');
  }
  return refs;
}
