/**
 * What the store costs: ns for each operation, the memory of a key, the worst pauses. Keys of 16 bytes, values of 64.
 *
 *   node_modules/.bin/node bench/store.ts [keys …]        default: 10000 1000000; 10000000 loads for a minute and takes 1.3 GB
 *
 * Each size runs in a process of its own; figures are medians over rounds. The queries are random keys, written one behind
 * the other as they come in from the network, so only the table and the records are cold.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { PacketMemory } from '../src/lib/memory/packet-memory.ts';
import { Random, secretWords } from '../src/lib/random.ts';
import { Arena } from '../src/lib/store/arena.ts';
import { Keyspace } from '../src/lib/store/keyspace.ts';
import { ExpiryWheel } from '../src/lib/store/wheel.ts';

const KEY_BYTES = 16;
const VALUE_BYTES = 64;
const QUERIES = 1 << 17;
const ROUNDS = 9;
const BATCH = 32;
const START_MS = 1_700_000_000_000;

const arena = new Arena();
const memory = new PacketMemory(32 << 20, 0);
const wheel = new ExpiryWheel(arena, START_MS);
const keyspace = new Keyspace(arena, memory, secretWords(2), wheel, 0);
const random = new Random(7);
const queries = memory.reserve(QUERIES * KEY_BYTES);
const reply = memory.reserve(BATCH * (VALUE_BYTES + 8));
const hashes = new Int32Array(BATCH);

function residentBytes(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1024;
}

/** `key:` and twelve digits. */
function writeKey(at: number, id: number): void {
  const u8 = memory.u8;
  u8[at] = 107;
  u8[at + 1] = 101;
  u8[at + 2] = 121;
  u8[at + 3] = 58;
  let rest = id;
  for (let digit = KEY_BYTES - 1; digit >= 4; digit--) {
    u8[at + digit] = 48 + (rest % 10);
    rest = (rest / 10) | 0;
  }
}

/** Loads `keys` keys. Returns the median and the worst time of one insert, in ns. */
function load(keys: number): { medianNs: number; worstNs: number; over1Ms: number } {
  const costs = new Float64Array(keys);
  let over1Ms = 0;
  for (let id = 0; id < keys; id++) {
    writeKey(queries, id);
    const start = process.hrtime.bigint();
    const hash = keyspace.hash(queries, KEY_BYTES);
    if (keyspace.find(queries, KEY_BYTES, hash) !== 0) throw new Error('the key is there already');
    const ref = keyspace.insert(queries, KEY_BYTES, hash, 0, VALUE_BYTES);
    arena.copyIn(ref, keyspace.valueByte(ref), memory, reply, VALUE_BYTES);
    costs[id] = Number(process.hrtime.bigint() - start);
    if (costs[id] > 1e6) over1Ms++;
  }
  costs.sort();
  return { medianNs: costs[keys >> 1], worstNs: costs[keys - 1], over1Ms };
}

function writeQueries(keys: number): void {
  for (let i = 0; i < QUERIES; i++) writeKey(queries + i * KEY_BYTES, random.below(keys));
}

function getOne(at: number, to: number, hash: number): void {
  const ref = keyspace.find(at, KEY_BYTES, hash);
  if (ref === 0) throw new Error('a key is missing');
  arena.copyOut(ref, keyspace.valueByte(ref), memory, to, keyspace.valueLength(ref));
}

function getAll(): void {
  for (let i = 0, at = queries; i < QUERIES; i++, at += KEY_BYTES) getOne(at, reply, keyspace.hash(at, KEY_BYTES));
}

function getInBatches(): void {
  for (let i = 0; i < QUERIES; i += BATCH) {
    const first = queries + i * KEY_BYTES;
    for (let j = 0; j < BATCH; j++) hashes[j] = keyspace.hash(first + j * KEY_BYTES, KEY_BYTES);
    keyspace.prefetch(hashes, BATCH);
    for (let j = 0; j < BATCH; j++) getOne(first + j * KEY_BYTES, reply + j * VALUE_BYTES, hashes[j]);
  }
}

function setAll(): void {
  for (let i = 0, at = queries; i < QUERIES; i++, at += KEY_BYTES) {
    const found = keyspace.find(at, KEY_BYTES, keyspace.hash(at, KEY_BYTES));
    const ref = keyspace.resize(found, VALUE_BYTES);
    arena.copyIn(ref, keyspace.valueByte(ref), memory, reply, VALUE_BYTES);
  }
}

function hashAll(): void {
  let sum = 0;
  for (let i = 0, at = queries; i < QUERIES; i++, at += KEY_BYTES) sum ^= keyspace.hash(at, KEY_BYTES);
  keyspace.touched ^= sum;
}

function removeAndInsertAll(): void {
  for (let i = 0, at = queries; i < QUERIES; i++, at += KEY_BYTES) {
    const hash = keyspace.hash(at, KEY_BYTES);
    keyspace.remove(keyspace.find(at, KEY_BYTES, hash));
    const ref = keyspace.insert(at, KEY_BYTES, hash, 0, VALUE_BYTES);
    arena.copyIn(ref, keyspace.valueByte(ref), memory, reply, VALUE_BYTES);
  }
}

/** Median ns for each query. */
function measure(run: () => void, prepare: () => void): number {
  const costs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    prepare();
    const start = performance.now();
    run();
    costs.push(((performance.now() - start) * 1e6) / QUERIES);
  }
  costs.sort((a, b) => a - b);
  return costs[ROUNDS >> 1];
}

/** Gives every key a deadline within ten minutes and lets them pass. Returns ns for each step and the longest advance(). */
function expireAll(keys: number): { setNs: number; expireNs: number; worstMs: number } {
  let start = performance.now();
  keyspace.forEach((ref) => {
    keyspace.setExpiry(ref, START_MS + 1000 + random.below(600_000));
  });
  const setNs = ((performance.now() - start) * 1e6) / keys;
  const remove = (_index: number, ref: number): void => keyspace.remove(ref);
  let worstMs = 0;
  start = performance.now();
  for (let nowMs = START_MS; keyspace.size > 0; nowMs++) {
    for (let more = true; more; ) {
      const before = performance.now();
      more = wheel.advance(nowMs, 1000, remove);
      worstMs = Math.max(worstMs, performance.now() - before);
    }
  }
  return { setNs, expireNs: ((performance.now() - start) * 1e6) / keys, worstMs };
}

function report(keys: number): void {
  memory.u8.fill(120, reply, reply + BATCH * VALUE_BYTES);
  for (let i = 0; i < 3; i++) {
    load(20_000); // warms the compiler up
    keyspace.clear();
    while (keyspace.freeStep(1000));
  }
  const emptyBytes = residentBytes();
  const loaded = load(keys);
  const residentPerKey = (residentBytes() - emptyBytes - keys * 8) / keys;
  const prepare = (): void => writeQueries(keys);
  const print = (what: string, value: string): void => console.log(`  ${what.padEnd(34)} ${value}`);
  console.log(`${keys} keys, Node ${process.version}`);
  print(
    'insert, median / worst',
    `${loaded.medianNs} ns / ${(loaded.worstNs / 1e6).toFixed(2)} ms (${loaded.over1Ms} over 1 ms)`,
  );
  print(
    'bytes for each key, used / resident',
    `${(arena.usedBytes / keys).toFixed(1)} / ${keys < 100_000 ? '–' : residentPerKey.toFixed(1)}`,
  );
  print('of it the table', (keyspace.tableBytes / keys).toFixed(1));
  print('hash', `${measure(hashAll, prepare).toFixed(0)} ns`);
  print('get', `${measure(getAll, prepare).toFixed(0)} ns`);
  print(`get, ${BATCH} prefetched together`, `${measure(getInBatches, prepare).toFixed(0)} ns`);
  print('set of an existing key', `${measure(setAll, prepare).toFixed(0)} ns`);
  print('remove and insert', `${measure(removeAndInsertAll, prepare).toFixed(0)} ns`);
  const expired = expireAll(keys);
  print('setExpiry', `${expired.setNs.toFixed(0)} ns`);
  print(
    'expire and remove, in 10 minutes',
    `${expired.expireNs.toFixed(0)} ns, longest advance of 1000: ${expired.worstMs.toFixed(2)} ms`,
  );
}

if (process.argv[2] === '--one') report(Number(process.argv[3]));
else {
  const sizes = process.argv.length > 2 ? process.argv.slice(2) : ['10000', '1000000'];
  for (const size of sizes) spawnSync(process.execPath, [import.meta.filename, '--one', size], { stdio: 'inherit' });
}
