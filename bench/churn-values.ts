/**
 * What fragmentation costs collections: members, fields and elements of mixed sizes come and go through commands, ten times the
 * data set, then nine tenths go, and two passes of the defragmenter follow. Resident memory beside the bytes in use.
 *
 *   node_modules/.bin/node bench/churn-values.ts [live MB] [type …]        default: 128 hash set zset list stream
 */
import { readFileSync } from 'node:fs';
import { Random } from '../src/lib/random.ts';
import { Defragmenter } from '../src/lib/store/defragmenter.ts';
import { core, send, take } from './in-process.ts';

const [megabytes, ...chosen] = process.argv.slice(2);
const liveBytes = Number(megabytes ?? 128) * 2 ** 20;
const types = chosen.length > 0 ? chosen : ['hash', 'set', 'zset', 'list', 'stream'];
const CHURN = 10;
const KEYS = 200;
const PER_COMMAND = 100;
const PASSES = 2;
const MEAN_BYTES = 180;
const { engine } = core;
const random = new Random(7);
const members = Math.floor(liveBytes / MEAN_BYTES);

/** Without this program's own heap: it makes the commands' words. */
function residentBytes(): number {
  const { heapTotal, external } = process.memoryUsage();
  return residentAll() - heapTotal - external;
}

function residentAll(): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]) * 1024;
}

/** Log-uniform sizes from 16 to 1024 bytes; the same member always has the same size. */
function member(id: number): string {
  const size = Math.round(16 * 64 ** ((Math.imul(id, 0x9e37_79b1) >>> 0) / 2 ** 32));
  return String(id).padStart(12, '0').padEnd(size, 'x');
}

/** Every type: what adds members to key `key`, and what takes as many away. */
const CHANGES: Record<
  string,
  [add: (key: string, ids: number[]) => string[], remove: (key: string, ids: number[]) => string[]]
> = {
  hash: [
    (key, ids) => ['HSET', key, ...ids.flatMap((id) => [String(id), member(id + random.below(1000))])],
    (key, ids) => ['HDEL', key, ...ids.map(String)],
  ],
  set: [(key, ids) => ['SADD', key, ...ids.map(member)], (key, ids) => ['SREM', key, ...ids.map(member)]],
  zset: [
    (key, ids) => ['ZADD', key, ...ids.flatMap((id) => [String(random.below(1e6)), member(id)])],
    (key, ids) => ['ZREM', key, ...ids.map(member)],
  ],
  list: [(key, ids) => ['RPUSH', key, ...ids.map(member)], (key, ids) => ['LPOP', key, String(ids.length)]],
  stream: [
    (key, ids) => ['XADD', key, '*', ...ids.flatMap((id) => ['f', member(id)])],
    (key, ids) => ['XTRIM', key, 'MAXLEN', '~', String(random.below(Math.ceil((2 * members) / KEYS / ids.length)))],
  ],
};

function draw(): [key: string, ids: number[]] {
  const key = random.below(KEYS);
  const perKey = Math.floor(members / KEYS);
  return [`k${key}`, Array.from({ length: PER_COMMAND }, () => key * perKey * 2 + random.below(perKey * 2))];
}

function run(words: string[]): void {
  send(words);
  const reply = take();
  if (reply.startsWith('-')) throw new Error(`${words.slice(0, 3)}: ${reply}`);
  engine.values.reaper.step(512);
}

function report(what: string, base: number): void {
  const rss = residentBytes() - base;
  const { usedBytes, idleBytes } = engine.arena;
  const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(0).padStart(5);
  console.log(
    `${what.padEnd(42)} used ${mb(usedBytes)} MB   RSS ${mb(rss)} MB = ${(rss / usedBytes).toFixed(2)} used   ` +
      `idle in slabs ${mb(idleBytes)} MB`,
  );
}

for (const type of types) {
  const base = residentBytes();
  const [add, remove] = CHANGES[type];
  while (engine.arena.usedBytes < liveBytes) run(add(...draw()));
  report(`${type}: filled`, base);
  for (let changed = 0; changed < CHURN * members; changed += PER_COMMAND) {
    run(remove(...draw()));
    if (engine.arena.usedBytes < liveBytes) run(add(...draw()));
  }
  report(`${type}: ${CHURN}x changed`, base);
  for (let tries = 0; engine.arena.usedBytes > liveBytes / 10 && tries < 40 * members; tries += PER_COMMAND)
    run(remove(...draw()));
  report(`${type}: nine tenths removed`, base);
  const defragmenter = new Defragmenter(engine.arena, engine.databases, engine.values.kinds);
  const started = performance.now();
  for (let pass = 0; pass < PASSES; pass++) {
    defragmenter.start();
    while (defragmenter.running) defragmenter.step(() => false);
  }
  report(`${type}: ${PASSES} passes, ${(performance.now() - started).toFixed(0)} ms`, base);
  run(['FLUSHALL', 'SYNC']);
}
