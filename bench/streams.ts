/**
 * Streams beside redis-server: ns for each command (its own time, without network and parsing; of redis-server what INFO
 * commandstats says) and bytes for each entry and for each pending entry.
 *
 *   node_modules/.bin/node bench/streams.ts [entries]        default: 200000
 *
 * Entries have two fields, `name` and `age`, with values of 11 and 1 to 6 bytes. Figures are medians over rounds.
 */
import type { Handler } from '../src/lib/engine/engine.ts';
import { streamHandlers } from '../src/lib/engine/stream.ts';
import { BufferPool } from '../src/lib/memory/buffer-pool.ts';
import { SendQueue } from '../src/lib/memory/send-queue.ts';
import { Harness } from '../test/engine/harness.ts';
import { RedisPeer } from '../test/engine/redis-peer.ts';

const ENTRIES = Number(process.argv[2] ?? 200_000);
const ROUNDS = 5;
/** Commands that are measured together here. */
const BATCH = 32;
/** Commands that redis-server gets at a time, and those with large replies. */
const CHUNK = 500;
const LARGE_CHUNK = 10;
const TIMEOUT_MS = 300_000;

const harness = new Harness();
const { engine, memory } = harness;
const queue = new SendQueue(memory, new BufferPool(memory, 256, 65_536));
const requests = memory.reserve(1 << 20);

/** The words of the n-th command. */
type Commands = (n: number) => string[];

/** Writes commands into the batch, one behind the other as they come in from a client that pipelines. Returns how many words. */
function prepare(first: number, commands: Commands): number {
  const { batch } = engine;
  let at = requests;
  let arg = 0;
  for (let n = first; n < first + BATCH; n++) {
    for (const word of commands(n)) {
      if (arg === batch.argOffset.length) batch.grow(arg * 2);
      batch.argOffset[arg] = at;
      batch.argLength[arg++] = word.length;
      memory.u8.set(Buffer.from(word), at);
      at += word.length + 2;
    }
  }
  engine.argOffset = batch.argOffset;
  engine.argLength = batch.argLength;
  engine.keyHash = engine.db.hash(batch.argOffset[1], batch.argLength[1]);
  engine.nowMs = Date.now();
  return arg;
}

/** Calls the handler for each command of the batch; what it answers is thrown away. Returns ns for one. */
function call(handler: Handler, words: number, argc: number): number {
  engine.reply.begin(queue, 2, false);
  const start = process.hrtime.bigint();
  for (let arg = 0; arg < words; arg += argc) handler(engine, arg, argc);
  const ns = Number(process.hrtime.bigint() - start) / BATCH;
  engine.reply.finish();
  let bytes = 0;
  for (; queue.unsentBytes > 0; ) {
    const n = queue.pool.length[queue.sendBuffer] - queue.sendOffset;
    queue.sent(n);
    queue.drop(n);
    bytes += n;
  }
  if (bytes < 4 * BATCH) throw new Error('no answer');
  return ns;
}

/** Median over all batches. */
function ours(name: string, count: number, commands: Commands): number {
  const costs = new Float64Array(Math.floor(count / BATCH));
  for (let i = 0; i < costs.length; i++) {
    const words = prepare(i * BATCH, commands);
    costs[i] = call(streamHandlers[name], words, words / BATCH);
  }
  costs.sort();
  return costs[costs.length >> 1];
}

/** Mean over all calls, as redis-server counts them, in ns. */
async function theirs(redis: RedisPeer, name: string, count: number, commands: Commands): Promise<number> {
  await redis.run([['CONFIG', 'RESETSTAT']]);
  const chunk = name === 'xrange' ? LARGE_CHUNK : CHUNK;
  for (let n = 0; n < count; n += chunk) {
    await redis.run(Array.from({ length: Math.min(chunk, count - n) }, (_, i) => commands(n + i)));
  }
  const [stats] = await redis.run([['INFO', 'commandstats']]);
  const line = new RegExp(`cmdstat_${name}:calls=\\d+,usec=\\d+,usec_per_call=([\\d.]+)`).exec(stats.toString());
  return Number(line?.[1]) * 1000;
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

const xadd: Commands = (n) => ['XADD', 's', '*', 'name', `person ${1000 + (n % 9000)}`, 'age', String(n)];
const xrange: Commands = (n) => ['XRANGE', 's', firstIds[n % firstIds.length], '+', 'COUNT', '100'];
const xreadgroup: Commands = () => ['XREADGROUP', 'GROUP', 'g', 'ann', 'COUNT', '1', 'STREAMS', 's', '>'];
const xack: Commands = (n) => ['XACK', 's', 'g', ids[n]];

/** All IDs of the stream at hand, and every 1000th of them. */
let ids: string[] = [];
let firstIds: string[] = [];

/** In pieces: the peer reads a large reply again for each packet. */
async function readTheirIds(redis: RedisPeer): Promise<void> {
  const pages: Buffer[] = [];
  for (let from = '-'; pages.length * 1000 < ENTRIES; from = `(${idsOf(pages[pages.length - 1]).at(-1)}`) {
    pages.push(...(await redis.run([['XRANGE', 's', from, '+', 'COUNT', '1000']])));
  }
  readIds(Buffer.concat(pages));
}

function idsOf(reply: Buffer): string[] {
  return Array.from(reply.toString('latin1').matchAll(/\r\n(\d{13}-\d+)\r\n/g), (match) => match[1]);
}

function readIds(reply: Buffer): void {
  ids = idsOf(reply);
  firstIds = ids.filter((_, n) => n % 1000 === 17 && n < ids.length - 100);
  if (ids.length !== ENTRIES) throw new Error(`${ids.length} entries instead of ${ENTRIES}`);
}

interface Figures {
  xadd: number;
  xrange: number;
  xreadgroup: number;
  xack: number;
  entryBytes: number;
  pendingBytes: number;
}

function measureOurs(): Figures {
  harness.run('DEL', 's');
  while (engine.values.reaper.step(1000));
  const used = (): number => engine.arena.usedBytes;
  const before = used();
  const add = ours('xadd', ENTRIES, xadd);
  const entryBytes = (used() - before) / ENTRIES;
  readIds(harness.run('XRANGE', 's', '-', '+'));
  const range = ours('xrange', 2000, xrange);
  harness.run('XGROUP', 'CREATE', 's', 'g', '0');
  const unread = used();
  const read = ours('xreadgroup', ENTRIES, xreadgroup);
  const pendingBytes = (used() - unread) / ENTRIES;
  return { xadd: add, xrange: range, xreadgroup: read, xack: ours('xack', ENTRIES, xack), entryBytes, pendingBytes };
}

async function measureTheirs(redis: RedisPeer): Promise<Figures> {
  const used = async (): Promise<number> => {
    const [info] = await redis.run([['INFO', 'memory']]);
    return Number(/used_memory:(\d+)/.exec(info.toString())?.[1]);
  };
  await redis.run([['FLUSHALL']]);
  const before = await used();
  const add = await theirs(redis, 'xadd', ENTRIES, xadd);
  const entryBytes = ((await used()) - before) / ENTRIES;
  await readTheirIds(redis);
  const range = await theirs(redis, 'xrange', 2000, xrange);
  await redis.run([['XGROUP', 'CREATE', 's', 'g', '0']]);
  const unread = await used();
  const read = await theirs(redis, 'xreadgroup', ENTRIES, xreadgroup);
  const pendingBytes = ((await used()) - unread) / ENTRIES;
  const ack = await theirs(redis, 'xack', ENTRIES, xack);
  return { xadd: add, xrange: range, xreadgroup: read, xack: ack, entryBytes, pendingBytes };
}

function show(label: string, unit: string, mine: number, other: number): void {
  const cell = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0)).padStart(9);
  console.log(`${label.padEnd(28)} ${cell(mine)} ${cell(other)} ${unit}   ${(mine / other).toFixed(2)}`);
}

const timer = setTimeout(() => process.exit(1), TIMEOUT_MS);
const redis = await RedisPeer.start();
try {
  const mine: Figures[] = [];
  const other: Figures[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    mine.push(measureOurs());
    other.push(await measureTheirs(redis));
  }
  const of = (figures: Figures[], name: keyof Figures): number => median(figures.map((round) => round[name]));
  console.log(`${ENTRIES} entries, ${ROUNDS} rounds`.padEnd(33) + 'here  redis-server');
  const row = (label: string, unit: string, name: keyof Figures): void =>
    show(label, unit, of(mine, name), of(other, name));
  row('XADD, 2 fields', 'ns', 'xadd');
  row('XRANGE COUNT 100', 'ns', 'xrange');
  row('XREADGROUP COUNT 1', 'ns', 'xreadgroup');
  row('XACK', 'ns', 'xack');
  row('entry', 'bytes', 'entryBytes');
  row('pending entry', 'bytes', 'pendingBytes');
} finally {
  clearTimeout(timer);
  await redis.stop();
}
