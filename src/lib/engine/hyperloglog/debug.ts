/** PFDEBUG, which shows a HyperLogLog from within, and PFSELFTEST, which tries the code on this machine. */
import { Random } from '../../random.ts';
import * as hll from '../../store/hyperloglog.ts';
import { shownText } from '../arguments.ts';
import type { Engine } from '../engine.ts';
import { hashOf, lookupWrite, STRING_RAW } from '../keys.ts';
import { chunkBytes, valueStart } from '../string/value.ts';
import { corrupted, holdsHyperLogLog, isDense, load, makeDense, store } from './value.ts';

type Subcommand = (engine: Engine, key: number, ref: number) => void;

const SUBCOMMANDS = new Map<string, Subcommand>([
  ['getreg', getRegisters],
  ['decode', decode],
  ['encoding', (engine, _, ref) => engine.reply.simple(isDense(engine, ref) ? 'dense' : 'sparse')],
  ['todense', toDense],
]);

export function pfdebug(engine: Engine, arg: number, argc: number): void {
  const name = shownText(engine, arg + 1);
  const ref = lookupWrite(engine, arg + 2, hashOf(engine, arg + 2));
  if (ref === 0) {
    engine.reply.error('ERR The specified key does not exist');
    return;
  }
  if (!holdsHyperLogLog(engine, ref)) return;
  engine.db.setFlags(ref, STRING_RAW);
  const subcommand = SUBCOMMANDS.get(name.toLowerCase());
  if (subcommand === undefined) engine.reply.error(`ERR Unknown PFDEBUG subcommand '${name}'`);
  else if (argc !== 3) engine.reply.error(`ERR Wrong number of arguments for the '${name}' subcommand`);
  else subcommand(engine, arg + 2, ref);
}

function toDense(engine: Engine, key: number, ref: number): void {
  const before = isDense(engine, ref);
  if (makeDenseValue(engine, key, ref) !== 0) engine.reply.integer(before ? 0 : 1);
}

/** Makes the value dense; its ref, 0 after an error. Counted as a change, and told to nobody: so redis-server does it. */
function makeDenseValue(engine: Engine, key: number, ref: number): number {
  if (isDense(engine, ref)) return ref;
  load(engine, ref);
  if (!makeDense()) {
    corrupted(engine);
    return 0;
  }
  const made = store(engine, key, hashOf(engine, key), ref);
  if (made !== 0) engine.stats.dirty++;
  return made;
}

function getRegisters(engine: Engine, key: number, ref: number): void {
  const made = makeDenseValue(engine, key, ref);
  if (made === 0) return;
  const bytes = chunkBytes(engine, made);
  const start = valueStart(engine, made);
  engine.reply.array(hll.REGISTERS);
  for (let i = 0; i < hll.REGISTERS; i++) engine.reply.integer(hll.getDense(bytes, start, i));
}

function decode(engine: Engine, _key: number, ref: number): void {
  if (isDense(engine, ref)) {
    engine.reply.error('ERR HLL encoding is not sparse');
    return;
  }
  const bytes = chunkBytes(engine, ref);
  const start = valueStart(engine, ref);
  const end = start + engine.db.valueLength(ref);
  const runs: string[] = [];
  for (let p = start + hll.HEADER_BYTES; p < end; p += hll.runBytes(bytes[p])) {
    const span = hll.spanOf(bytes, p, end);
    if (hll.isVal(bytes[p])) runs.push(`v:${hll.runValue(bytes[p])},${span}`);
    else runs.push(`${hll.isXzero(bytes[p]) ? 'Z' : 'z'}:${span}`);
  }
  engine.reply.bulkText(runs.join(' '));
}

const TEST_ROUNDS = 20;
const TEST_ELEMENTS = 100_000;
/** The standard error of 16,384 registers, 1.04 / √m, and how many of it are allowed. */
const RELATIVE_ERROR = 1.04 / Math.sqrt(hll.REGISTERS);
const ALLOWED_ERRORS = 6;

export function pfselftest(engine: Engine, _arg: number, _argc: number): void {
  const failure = registersFail() ?? estimatesFail(engine);
  if (failure === null) engine.reply.ok();
  else engine.reply.error(`ERR TESTFAILED ${failure}`);
}

/** Registers of 6 bits hold what they are given, whatever their neighbours get. */
function registersFail(): string | null {
  const random = new Random(1);
  const bytes = new Uint8Array(hll.DENSE_BYTES);
  const values = new Uint8Array(hll.REGISTERS);
  for (let round = 0; round < TEST_ROUNDS; round++) {
    for (let i = 0; i < hll.REGISTERS; i++) {
      const value = random.below(64);
      values[i] = Math.max(values[i], value);
      hll.setDense(bytes, 0, i, value);
    }
    for (let i = 0; i < hll.REGISTERS; i++) {
      const found = hll.getDense(bytes, 0, i);
      if (found !== values[i]) return `Register ${i} should be ${values[i]} but is ${found}`;
    }
  }
  return null;
}

/** Estimates are as near as they should be, and the same for both representations. */
function estimatesFail(engine: Engine): string | null {
  const element = new DataView(new ArrayBuffer(8));
  const dense = new Uint8Array(hll.DENSE_BYTES);
  const sparse = new Uint8Array(hll.DENSE_BYTES);
  hll.writeEmpty(sparse, 0);
  const maxBytes = Math.min(engine.hllSparseMaxBytes, hll.DENSE_BYTES - 3);
  let sparseLength = hll.EMPTY_BYTES; // 0 once it is too large
  let checkpoint = 1;
  const seed = engine.random.int32();
  for (let n = 1; n <= TEST_ELEMENTS; n++) {
    element.setInt32(0, n ^ seed, true);
    element.setInt32(4, seed, true);
    hll.hashElement(element, 0, 8);
    hll.setDense(dense, 0, hll.register(), hll.count());
    if (sparseLength > 0) {
      const result = hll.setSparse(sparse, 0, sparseLength, hll.register(), hll.count(), maxBytes);
      if (result === hll.CORRUPT) return 'The sparse representation is corrupt';
      if (result === hll.CHANGED) sparseLength = hll.sparseLength();
      if (result === hll.TOO_LARGE) sparseLength = 0;
    }
    if (n !== checkpoint) continue;
    checkpoint *= 10;
    const estimate = hll.countHyperLogLog(dense, 0, hll.DENSE_BYTES);
    const error = Math.abs(estimate - n);
    if (error > Math.ceil(ALLOWED_ERRORS * RELATIVE_ERROR * n)) return `Too big error. card:${n} abserr:${error}`;
    if (sparseLength > 0 && hll.countHyperLogLog(sparse, 0, sparseLength) !== estimate) return 'dense/sparse disagree';
  }
  return null;
}
