/**
 * What fragmentation costs: keys whose values have mixed sizes are overwritten at random, ten times the data set, and the
 * process's resident memory is compared with the bytes of keys and values that live then.
 *
 *   node_modules/.bin/node bench/churn.ts [live MB]        default: 512
 *
 * Two patterns: sizes drawn anew from 16 B to 4 KB for every write (uniform in the size's logarithm, and uniform in the size),
 * and then the worst for size classes: nine tenths of the keys go, and what comes in their place is all of one size.
 */
import { readFileSync } from 'node:fs';
import { PacketMemory } from '../src/lib/memory/packet-memory.ts';
import { ADVICE_DISCARD, ADVICE_HUGE_PAGES, adviseBytes } from '../src/lib/native/memory.ts';
import { Random } from '../src/lib/random.ts';
import { Arena } from '../src/lib/store/arena.ts';
import { Defragmenter } from '../src/lib/store/defragmenter.ts';
import { Keyspace } from '../src/lib/store/keyspace.ts';
import { ExpiryWheel } from '../src/lib/store/wheel.ts';

const liveMb = Number(process.argv[2] ?? 512);
const KEY_BYTES = 12;
const MIN_BYTES = 16;
const MAX_BYTES = 4096;
const CHURN = 10;
const PASSES = 2;

function residentBytes(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1024;
}

const arena = new Arena(undefined, {
  prepare: (bytes) => void adviseBytes(bytes, ADVICE_HUGE_PAGES),
  discard: (bytes) => void adviseBytes(bytes, ADVICE_DISCARD),
});
const memory = new PacketMemory(1 << 20, 0);
const keyspace = new Keyspace(arena, memory, Int32Array.of(1, 2), new ExpiryWheel(arena, 0), 0);
const defragmenter = new Defragmenter(arena, [keyspace], []);
const random = new Random(7);
const at = memory.reserve(64);

const bySizesLogarithm = (): number => Math.round(MIN_BYTES * (MAX_BYTES / MIN_BYTES) ** random.float());
const bySize = (): number => MIN_BYTES + random.below(MAX_BYTES - MIN_BYTES + 1);

/** Gives key `id` a value of `bytes`, all written; 0 removes it. Returns by how many bytes there is more of keys and values. */
function put(id: number, bytes: number): number {
  for (let i = 0, rest = id; i < KEY_BYTES; i++, rest = (rest / 10) | 0) memory.u8[at + i] = 48 + (rest % 10);
  const hash = keyspace.hash(at, KEY_BYTES);
  let ref = keyspace.find(at, KEY_BYTES, hash);
  const before = ref === 0 ? 0 : keyspace.valueLength(ref) + KEY_BYTES;
  if (bytes === 0) {
    if (ref !== 0) keyspace.remove(ref);
    return -before;
  }
  ref = ref === 0 ? keyspace.insert(at, KEY_BYTES, hash, 0, bytes) : keyspace.resize(ref, bytes);
  if (ref === 0) throw new Error('no memory');
  const from = ((ref & 0x7fffff) << 3) + keyspace.valueByte(ref);
  arena.bytes8[ref >>> 23].fill(120, from, from + bytes);
  return bytes + KEY_BYTES - before;
}

function report(what: string, liveBytes: number, baseBytes: number): void {
  const rss = residentBytes() - baseBytes;
  const ratio = (bytes: number): string => (bytes / liveBytes).toFixed(3);
  console.log(
    `${what.padEnd(48)} live ${(liveBytes / 2 ** 20).toFixed(0).padStart(5)} MB   ` +
      `used ${ratio(arena.usedBytes)}   RSS ${ratio(rss)}   mapped ${ratio(arena.reservedBytes)}`,
  );
}

function run(name: string, size: () => number): void {
  const baseBytes = residentBytes();
  let live = 0;
  let keys = 0;
  while (live < liveMb * 2 ** 20) live += put(keys++, size());
  report(`${name}: filled, ${keys} keys`, live, baseBytes);
  for (let written = 0; written < CHURN * liveMb * 2 ** 20; ) {
    const bytes = size();
    live += put(random.below(keys), bytes);
    written += bytes;
  }
  report(`${name}: ${CHURN}× overwritten`, live, baseBytes);
  for (let id = 0; id < keys; id++) if (random.below(10) !== 0) live += put(id, 0);
  report(`${name}: nine tenths removed`, live, baseBytes);
  const started = performance.now();
  for (let pass = 0; pass < PASSES; pass++) {
    defragmenter.start();
    while (defragmenter.running) defragmenter.step(() => false);
  }
  const ms = (performance.now() - started).toFixed(0);
  report(`${name}: ${PASSES} passes of defragmenting, ${ms} ms`, live, baseBytes);
  for (let id = keys; live < liveMb * 2 ** 20; id++) live += put(id, 1000);
  report(`${name}: filled again by values of 1000 B`, live, baseBytes);
  keyspace.clear();
  while (keyspace.freeStep(4096));
}

run('log-uniform', bySizesLogarithm);
run('uniform', bySize);
