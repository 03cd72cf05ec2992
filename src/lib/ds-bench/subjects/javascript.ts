/**
 * What JavaScript itself has for the same purpose, as one would use it without a store of one's own: a Map or an object of
 * strings, an Array as a list, a Set, a Map with a sorted array beside it. The names are made before the time runs.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Operation } from '../measure.ts';
import { BATCH } from '../measure.ts';
import type { Subject } from '../subject.ts';
import { askOrder, insertOrder, nameOf, type Workload } from '../workload.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function heapBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

/** What the operations leave behind, so that none is optimised away. */
export let kept: unknown = null;

/** An operation on named elements: `run` gets one name at a time. */
function named(
  name: string,
  order: Int32Array,
  bytes: number,
  offset: number,
  each: (key: string) => unknown,
): Operation {
  const names: string[] = new Array(BATCH).fill('');
  return {
    name,
    count: order.length,
    prepare: (first, n) => {
      // A string that came from the network is flat and its hash not known yet.
      for (let i = 0; i < n; i++) names[i] = Buffer.from(nameOf(order[first + i] + offset, bytes)).toString('latin1');
    },
    run: (_, n) => {
      for (let i = 0; i < n; i++) kept = each(names[i]);
    },
  };
}

function subject(operations: Operation[], bytesAfter: string, size: number): Subject {
  const emptyBytes = heapBytes();
  return { operations, bytesAfter, bytesPerElement: () => (heapBytes() - emptyBytes) / size };
}

/** Elements with values, in a Map. `names`: of insert, hit, miss, overwrite and delete, as those that they are compared with. */
export function mapSubject(workload: Workload, names: readonly string[]): Subject {
  const [set, hit, miss, again, remove] = names;
  const { size, keyBytes } = workload;
  const map = new Map<string, string>();
  const value = (): string => Buffer.alloc(workload.valueBytes, 'v').toString('latin1');
  const [insert, ask] = [insertOrder(workload), askOrder(workload, size)];
  return subject(
    [
      named(set, insert, keyBytes, 0, (key) => map.set(key, value())),
      named(hit, ask, keyBytes, 0, (key) => map.get(key)),
      named(miss, ask, keyBytes, size, (key) => map.get(key)),
      named(again, ask, keyBytes, 0, (key) => map.set(key, value())),
      named(remove, insert, keyBytes, 0, (key) => map.delete(key)),
    ],
    set,
    size,
  );
}

/** The same in an object without a prototype. */
export function objectSubject(workload: Workload, names: readonly string[]): Subject {
  const [set, hit, miss, again, remove] = names;
  const { size, keyBytes } = workload;
  const object: Record<string, string> = Object.create(null);
  const value = (): string => Buffer.alloc(workload.valueBytes, 'v').toString('latin1');
  const [insert, ask] = [insertOrder(workload), askOrder(workload, size)];
  return subject(
    [
      named(set, insert, keyBytes, 0, (key) => {
        object[key] = value();
      }),
      named(hit, ask, keyBytes, 0, (key) => object[key]),
      named(miss, ask, keyBytes, size, (key) => object[key]),
      named(again, ask, keyBytes, 0, (key) => {
        object[key] = value();
      }),
      named(remove, insert, keyBytes, 0, (key) => delete object[key]),
    ],
    set,
    size,
  );
}

/** Elements without values, in a Set. */
export function setSubject(workload: Workload, names: readonly string[]): Subject {
  const { size, keyBytes } = workload;
  const [add, hit, miss, remove] = names;
  const set = new Set<string>();
  const [insert, ask] = [insertOrder(workload), askOrder(workload, size)];
  return subject(
    [
      named(add, insert, keyBytes, 0, (key) => set.add(key)),
      named(hit, ask, keyBytes, 0, (key) => set.has(key)),
      named(miss, ask, keyBytes, size, (key) => set.has(key)),
      named(remove, insert, keyBytes, 0, (key) => set.delete(key)),
    ],
    add,
    size,
  );
}

/** A list, in an Array, at its fast end. */
export function arraySubject(workload: Workload): Subject {
  const { keyBytes, size } = workload;
  const list: string[] = [];
  const inOrder = Int32Array.from({ length: size }, (_, i) => i);
  return subject(
    [
      named('RPUSH', inOrder, keyBytes, 0, (key) => list.push(key)),
      named('LRANGE of 100', inOrder.subarray(0, Math.max(1, size >> 2)), keyBytes, 0, () => list.slice(-100)),
      named('RPOP', inOrder, keyBytes, 0, () => list.pop()),
    ],
    'RPUSH',
    size,
  );
}
