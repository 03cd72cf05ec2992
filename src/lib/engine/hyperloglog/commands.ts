/** PFADD, PFCOUNT, PFMERGE: elements counted without being kept. */
import * as hll from '../../store/hyperloglog.ts';
import type { Engine } from '../engine.ts';
import { changed, hashOf, lookupRead, lookupWrite, STRING_RAW, UNTOLD } from '../keys.ts';
import { chunkBytes, valueStart } from '../string/value.ts';
import { corrupted, holdsHyperLogLog, invalidateWork, isDense, load, makeDense, raise, store } from './value.ts';

/** The registers of a union, a byte each. */
const union = new Uint8Array(hll.REGISTERS);
const INT64_MIN = -(2n ** 63n);

export function pfadd(engine: Engine, arg: number, argc: number): void {
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  if (ref !== 0 && !holdsHyperLogLog(engine, ref)) return;
  if (ref !== 0 && isDense(engine, ref)) {
    addToDense(engine, arg, argc, ref);
    return;
  }
  load(engine, ref);
  let changes = ref === 0 ? 1 : 0;
  for (let i = arg + 2; i < arg + argc; i++) {
    hll.hashElement(engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
    const result = raise(engine, hll.register(), hll.count());
    if (result === hll.CHANGED) changes++;
    if (result !== hll.CORRUPT) continue;
    if (store(engine, arg + 1, engine.keyHash, ref) !== 0) corrupted(engine); // what was added before stays added
    return;
  }
  if (changes > 0) {
    invalidateWork();
    const made = store(engine, arg + 1, engine.keyHash, ref);
    if (made !== 0) answerAdded(engine, made, changes);
  } else answerAdded(engine, ref, 0);
}

function addToDense(engine: Engine, arg: number, argc: number, ref: number): void {
  const bytes = chunkBytes(engine, ref);
  const start = valueStart(engine, ref);
  let changes = 0;
  for (let i = arg + 2; i < arg + argc; i++) {
    hll.hashElement(engine.memory.dv, engine.argOffset[i], engine.argLength[i]);
    if (hll.setDense(bytes, start, hll.register(), hll.count())) changes++;
  }
  if (changes > 0) hll.invalidateCache(bytes, start);
  answerAdded(engine, ref, changes);
}

function answerAdded(engine: Engine, ref: number, changes: number): void {
  engine.db.setFlags(ref, STRING_RAW);
  if (changes > 0) {
    engine.stats.dirty += changes - 1; // and one more by changed()
    changed(engine, engine.db, 'pfadd', ref);
  }
  engine.reply.integer(changes > 0 ? 1 : 0);
}

export function pfcount(engine: Engine, arg: number, argc: number): void {
  if (argc > 2) {
    if (unite(engine, arg + 1, arg + argc) >= 0) replyCardinality(engine, hll.countRegisters(union));
    return;
  }
  const ref = lookupRead(engine, arg + 1, engine.keyHash);
  if (ref === 0) {
    engine.reply.integer(0);
    return;
  }
  if (!holdsHyperLogLog(engine, ref)) return;
  engine.db.setFlags(ref, STRING_RAW);
  const bytes = chunkBytes(engine, ref);
  const start = valueStart(engine, ref);
  if (hll.isCacheValid(bytes, start)) {
    replyCached(engine, hll.cachedLow(bytes, start), hll.cachedHigh(bytes, start));
    return;
  }
  const cardinality = hll.countHyperLogLog(bytes, start, engine.db.valueLength(ref));
  if (cardinality < 0) {
    corrupted(engine);
    return;
  }
  hll.writeCardinality(bytes, start, cardinality);
  changed(engine, engine.db, UNTOLD, ref); // the value is another, though the command is one that reads
  replyCardinality(engine, cardinality);
}

/** Of registers that no element leaves redis-server makes what C makes of infinity. */
function replyCardinality(engine: Engine, cardinality: number): void {
  if (cardinality < Number.POSITIVE_INFINITY) engine.reply.integer(cardinality);
  else engine.reply.integer64(INT64_MIN);
}

function replyCached(engine: Engine, low: number, high: number): void {
  if (high >>> 21 === 0) engine.reply.integer(high * 4_294_967_296 + (low >>> 0));
  else engine.reply.integer64((BigInt(high) << 32n) | BigInt(low >>> 0));
}

/** Makes `union` of keys [from, end). The number of dense ones; -1 after an error. */
function unite(engine: Engine, from: number, end: number): number {
  let denseOnes = 0;
  union.fill(0);
  for (let i = from; i < end; i++) {
    const ref = lookupRead(engine, i, hashOf(engine, i));
    if (ref === 0) continue;
    if (!holdsHyperLogLog(engine, ref)) return -1;
    if (isDense(engine, ref)) denseOnes++;
    const length = engine.db.valueLength(ref);
    if (hll.mergeInto(union, chunkBytes(engine, ref), valueStart(engine, ref), length)) continue;
    corrupted(engine);
    return -1;
  }
  return denseOnes;
}

export function pfmerge(engine: Engine, arg: number, argc: number): void {
  const denseOnes = unite(engine, arg + 1, arg + argc);
  if (denseOnes < 0) return;
  const ref = lookupWrite(engine, arg + 1, engine.keyHash);
  load(engine, ref);
  if (denseOnes > 0) makeDense(); // can't fail: what is corrupt did not unite
  for (let i = 0; i < hll.REGISTERS; i++) if (union[i] !== 0) raise(engine, i, union[i]);
  invalidateWork();
  const made = store(engine, arg + 1, engine.keyHash, ref);
  if (made === 0) return;
  changed(engine, engine.db, 'pfadd', made);
  engine.reply.ok();
}
