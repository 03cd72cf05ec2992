/**
 * HyperLogLogs as the values of string keys: checked for what they are, and changed.
 *
 * A dense one is changed where it lies. A sparse one is copied out, changed there as often as a command has elements, and
 * written back with its new length:
 *
 *   arena ── load ──▶ work: 18 … 3,000 bytes ── raise … ──▶ store ──▶ arena
 *                            └─ too large ─▶ dense, 12,304 bytes ──┘
 */
import * as hll from '../../store/hyperloglog.ts';
import type { Engine } from '../engine.ts';
import { makeString, STRING_RAW } from '../keys.ts';
import { chunkBytes, holdsString, valueBytes, valueStart } from '../string/value.ts';

/** What a sparse one may grow by in one change. */
const SLACK_BYTES = 3;
/** Working memory larger than this is given back: only what is no valid HyperLogLog needs more. */
const KEPT_BYTES = 65_536;

/** The one that is worked on, sparse or dense. */
let work: Uint8Array = new Uint8Array(hll.DENSE_BYTES);
let workLength = 0;
const dense = new Uint8Array(hll.DENSE_BYTES);

/** True when the key holds a HyperLogLog; otherwise the error has been written. */
export function holdsHyperLogLog(engine: Engine, ref: number): boolean {
  if (!holdsString(engine, ref)) return false;
  if (hll.isHyperLogLog(chunkBytes(engine, ref), valueStart(engine, ref), engine.db.valueLength(ref))) return true;
  engine.reply.error('WRONGTYPE Key is not a valid HyperLogLog string value.');
  return false;
}

export function corrupted(engine: Engine): void {
  engine.reply.error('INVALIDOBJ Corrupted HLL object detected');
}

export function isDense(engine: Engine, ref: number): boolean {
  return hll.encodingOf(chunkBytes(engine, ref), valueStart(engine, ref)) === hll.DENSE;
}

/** Begins work on the value of a key, or on an empty one for 0. */
export function load(engine: Engine, ref: number): void {
  workLength = ref === 0 ? hll.EMPTY_BYTES : engine.db.valueLength(ref);
  const room = Math.max(workLength + SLACK_BYTES, hll.DENSE_BYTES);
  if (room > work.length || work.length > KEPT_BYTES) work = new Uint8Array(room);
  if (ref === 0) hll.writeEmpty(work, 0);
  else work.set(valueBytes(engine, ref));
}

/** Raises a register of the one that is worked on: UNCHANGED, CHANGED or CORRUPT. */
export function raise(engine: Engine, index: number, value: number): number {
  if (hll.encodingOf(work, 0) !== hll.DENSE) {
    const result = hll.setSparse(work, 0, workLength, index, value, engine.hllSparseMaxBytes);
    if (result === hll.CHANGED) workLength = hll.sparseLength();
    if (result !== hll.TOO_LARGE) return result;
    if (!makeDense()) return hll.CORRUPT;
  }
  return hll.setDense(work, 0, index, value) ? hll.CHANGED : hll.UNCHANGED;
}

/** Makes the one that is worked on dense. False when it is corrupt. */
export function makeDense(): boolean {
  if (hll.encodingOf(work, 0) === hll.DENSE) return true;
  if (!hll.sparseToDense(work, 0, workLength, dense, 0)) return false;
  work.set(dense);
  workLength = hll.DENSE_BYTES;
  return true;
}

export function invalidateWork(): void {
  hll.invalidateCache(work, 0);
}

/** Gives the key in argument `key` the one that was worked on. Its ref; 0 without memory: the error has been written. */
export function store(engine: Engine, key: number, hash: number, ref: number): number {
  const made = makeString(engine, key, hash, ref, workLength, true);
  if (made === 0) return 0;
  valueBytes(engine, made).set(work.subarray(0, workLength));
  engine.db.setFlags(made, STRING_RAW);
  return made;
}
