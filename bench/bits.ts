/**
 * What working on bytes costs: counting and combining bits, HyperLogLog, the checks and the compression of DUMP payloads.
 *
 *   node_modules/.bin/node bench/bits.ts
 *
 * The best of several rounds, in ns for each call or GB/s of the bytes that are taken apart: a round in which the machine did
 * something else says nothing.
 */
import { popcount } from '../src/lib/engine/bitmap/popcount.ts';
import { Random } from '../src/lib/random.ts';
import { crc16 } from '../src/lib/store/crc16.ts';
import { Crc64 } from '../src/lib/store/crc64.ts';
import * as hll from '../src/lib/store/hyperloglog.ts';
import { compress, decompress } from '../src/lib/store/lzf.ts';

const ROUNDS = 40;
const BYTES = 1 << 20;
const ELEMENTS = 50_000;

const random = new Random(7);
const words = new Int32Array(new SharedArrayBuffer(BYTES));
const bytes = new Uint8Array(words.buffer);
for (let i = 0; i < words.length; i++) words[i] = random.int32();
/** Something like JSON: it becomes about a third. */
const text = new Uint8Array(new SharedArrayBuffer(BYTES));
for (let at = 0; at < BYTES; ) {
  const line = Buffer.from(`{"id":${random.below(1e6)},"name":"user${random.below(1000)}","active":true},`);
  for (let i = 0; i < line.length && at < BYTES; i++) text[at++] = line[i];
}

/** Shortest time of a call, in ns. */
function bestNs(work: () => void): number {
  const costs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    work();
    costs.push(Number(process.hrtime.bigint() - start));
  }
  return Math.min(...costs);
}

const rates = (name: string, ns: number, size: number): void =>
  console.log(`${name.padEnd(44)} ${(size / ns).toFixed(2).padStart(8)} GB/s`);
const times = (name: string, ns: number): void => console.log(`${name.padEnd(44)} ${ns.toFixed(1).padStart(8)} ns`);

let sink = 0;
rates(
  'popcount, 1 MiB',
  bestNs(() => (sink += popcount(words, bytes, 0, BYTES))),
  BYTES,
);
const crc = new Crc64();
rates(
  'CRC-64, 1 MiB',
  bestNs(() => crc.update(bytes, 0, BYTES)),
  BYTES,
);
rates(
  'CRC-16, 1 MiB',
  bestNs(() => (sink += crc16(bytes, 0, BYTES))),
  BYTES,
);
const packed = new Uint8Array(new SharedArrayBuffer(BYTES));
let length = 0;
rates(
  'LZF, 1 MiB of text',
  bestNs(() => (length = compress(text, 0, BYTES, packed, 0, BYTES))),
  BYTES,
);
console.log(`  becomes ${((100 * length) / BYTES).toFixed(1)} %`);
const back = new Uint8Array(new SharedArrayBuffer(BYTES));
rates(
  'LZF back',
  bestNs(() => (sink += decompress(packed, 0, length, back, 0, BYTES))),
  BYTES,
);

const element = new DataView(new SharedArrayBuffer(32));
const hashOne = (n: number): void => {
  element.setInt32(0, n, true);
  element.setInt32(4, ~n, true);
  hll.hashElement(element, 0, 16);
};
times(
  'HyperLogLog, hash of 16 bytes',
  bestNs(() => {
    for (let n = 0; n < ELEMENTS; n++) hashOne(n);
  }) / ELEMENTS,
);
const dense = new Uint8Array(hll.DENSE_BYTES);
times(
  'HyperLogLog, element into a dense one',
  bestNs(() => {
    for (let n = 0; n < ELEMENTS; n++) {
      hashOne(n);
      if (hll.setDense(dense, 0, hll.register(), hll.count())) sink++;
    }
  }) / ELEMENTS,
);
times(
  'HyperLogLog, count of a dense one',
  bestNs(() => (sink += hll.countHyperLogLog(dense, 0, hll.DENSE_BYTES))),
);
const union = new Uint8Array(hll.REGISTERS);
times(
  'HyperLogLog, merge of a dense one',
  bestNs(() => {
    hll.mergeInto(union, dense, 0, hll.DENSE_BYTES);
  }),
);
if (sink === 0) console.log('nothing was done');
