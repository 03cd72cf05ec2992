/**
 * What hashes and sets cost: ns for each command, bytes for each element, beside redis-server's own figures for the same
 * commands (INFO commandstats, MEMORY USAGE). Fields, members and values of 16 bytes.
 *
 *   node_modules/.bin/node bench/hashes-sets.ts [elements …]        default: 100 10000 1000000
 *
 * Ours is the time of the handlers, arguments in packet memory and replies into a buffer that nobody reads; commands come 32
 * at a time, as in a batch, with what dispatch does before it runs them, or (`alone`) without. Queries are random, so among a
 * million elements each one waits for memory. The best of several
 * rounds on both sides, because a round in which the machine did something else says nothing.
 */

import { lookup } from '../src/lib/engine/command-table.ts';
import type { Handler } from '../src/lib/engine/engine.ts';
import { hashHandlers } from '../src/lib/engine/hash.ts';
import { hashOf } from '../src/lib/engine/keys.ts';
import { MemberPrefetch } from '../src/lib/engine/prefetch-members.ts';
import { setHandlers } from '../src/lib/engine/set.ts';
import { Random } from '../src/lib/random.ts';
import { rootOf } from '../src/lib/store/value-kind.ts';
import { Harness } from '../test/engine/harness.ts';
import { parseReply, RedisPeer } from '../test/engine/redis-peer.ts';

const ELEMENT_BYTES = 16;
const QUERIES = 1 << 16;
const ROUNDS = 9;
const REDIS_ROUNDS = 4;
const BATCH = 32;
const PIPELINE = 2000;
const LOAD_STEP = 100;
const VALUE = 'v'.repeat(16);

const element = (prefix: string, id: number): string =>
  prefix + String(id).padStart(ELEMENT_BYTES - prefix.length, '0');
const handlers: Record<string, Handler> = { ...hashHandlers, ...setHandlers };

/** Our side: one command on one key, again and again, with other elements. */
class Ours {
  readonly harness = new Harness({ seed: 7 });
  private readonly at = this.harness.memory.reserve(QUERIES * 2 * ELEMENT_BYTES + 4096);
  private readonly prefetch = new MemberPrefetch(this.harness.engine);
  private readonly random = new Random(3);

  load(key: string, elements: number, isHash: boolean): void {
    for (let id = 0; id < elements; id += LOAD_STEP) {
      const words: string[] = [isHash ? 'HSET' : 'SADD', key];
      for (let k = id; k < Math.min(elements, id + LOAD_STEP); k++) {
        words.push(element('e', k));
        if (isHash) words.push(VALUE);
      }
      this.harness.run(...words);
    }
  }

  bytes(key: string): number {
    const { engine } = this.harness;
    this.harness.run('EXISTS', key);
    const ref = engine.db.find(engine.argOffset[1], engine.argLength[1], hashOf(engine, 1));
    const flags = engine.db.flags(ref);
    const own = engine.db.recordBytes(ref);
    if ((flags & 0x80) === 0) return own;
    const root = rootOf(engine.arena.words, engine.db, ref);
    return own + (engine.values.kinds[engine.db.type(ref)]?.memoryBytes(root, flags, 0) ?? 0);
  }

  /** Least ns of a command with random elements. `fresh`: of elements that are not there yet, which are removed again. */
  measure(name: string, key: string, elements: number, withValue: boolean, batched: boolean, fresh = false): number {
    const costs: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      this.writeQueries(elements, fresh);
      const start = performance.now();
      this.runAll(name, key, withValue, batched);
      costs.push(((performance.now() - start) * 1e6) / QUERIES);
      if (fresh) this.runAll(name === 'sadd' ? 'srem' : 'hdel', key, false, true);
    }
    return Math.min(...costs);
  }

  private writeQueries(elements: number, fresh: boolean): void {
    const { u8 } = this.harness.memory;
    for (let q = 0; q < QUERIES; q++) {
      const name = fresh ? element('x', q) : element('e', this.random.below(elements));
      for (let i = 0; i < ELEMENT_BYTES; i++) u8[this.at + 4096 + q * ELEMENT_BYTES + i] = name.charCodeAt(i);
    }
  }

  private runAll(name: string, key: string, withValue: boolean, batched: boolean): void {
    const { engine, memory, client } = this.harness;
    const { batch } = engine;
    const words = Buffer.from(`${name}${key}${VALUE}`);
    memory.u8.set(words, this.at);
    const argc = withValue ? 4 : 3;
    const handler = handlers[name];
    const keyAt = this.at + name.length;
    const hash = engine.db.hash(keyAt, key.length);
    const id = lookup(memory, this.at, name.length);
    engine.reply.begin(client.stream.queue, 2, true);
    for (let q = 0; q < QUERIES; q += BATCH) {
      for (let i = 0; i < BATCH; i++) {
        const arg = i * 4;
        batch.argOffset[arg] = this.at;
        batch.argLength[arg] = name.length;
        batch.argOffset[arg + 1] = keyAt;
        batch.argLength[arg + 1] = key.length;
        batch.argOffset[arg + 2] = this.at + 4096 + (q + i) * ELEMENT_BYTES;
        batch.argLength[arg + 2] = ELEMENT_BYTES;
        batch.argOffset[arg + 3] = keyAt + key.length;
        batch.argLength[arg + 3] = VALUE.length;
        batch.first[i] = arg;
        batch.argc[i] = argc;
        batch.id[i] = id;
        batch.hash[i] = hash;
      }
      batch.count = BATCH;
      engine.argOffset = batch.argOffset;
      engine.argLength = batch.argLength;
      if (batched) this.prefetch.run(batch);
      for (let i = 0; i < BATCH; i++) {
        engine.keyHash = batch.hash[i];
        handler(engine, batch.first[i], argc);
      }
      batch.count = 0;
    }
    engine.reply.finish();
  }
}

/** redis-server: µs for each call by its own account, as ns. */
class Theirs {
  readonly peer: RedisPeer;
  private readonly random = new Random(3);

  constructor(peer: RedisPeer) {
    this.peer = peer;
  }

  async load(key: string, elements: number, isHash: boolean): Promise<void> {
    let commands: string[][] = [];
    for (let id = 0; id < elements; id += LOAD_STEP) {
      const words: string[] = [isHash ? 'HSET' : 'SADD', key];
      for (let k = id; k < Math.min(elements, id + LOAD_STEP); k++) {
        words.push(element('e', k));
        if (isHash) words.push(VALUE);
      }
      commands.push(words);
      if (commands.length < LOAD_STEP && id + LOAD_STEP < elements) continue;
      await this.peer.run(commands);
      commands = [];
    }
  }

  async bytes(key: string): Promise<number> {
    const [reply] = await this.peer.run([['MEMORY', 'USAGE', key, 'SAMPLES', '0']]);
    return Number(String(parseReply(reply)).slice(1));
  }

  async measure(name: string, key: string, elements: number, withValue: boolean, fresh = false): Promise<number> {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < REDIS_ROUNDS; round++) {
      best = Math.min(best, await this.measureOnce(name, key, elements, withValue, fresh));
    }
    return best;
  }

  private async measureOnce(
    name: string,
    key: string,
    elements: number,
    withValue: boolean,
    fresh: boolean,
  ): Promise<number> {
    await this.peer.run([['CONFIG', 'RESETSTAT']]);
    for (let q = 0; q < QUERIES; q += PIPELINE) {
      const commands = Array.from({ length: Math.min(PIPELINE, QUERIES - q) }, (_, i) => {
        const member = fresh ? element('x', q + i) : element('e', this.random.below(elements));
        return withValue ? [name, key, member, VALUE] : [name, key, member];
      });
      await this.peer.run(commands);
    }
    const [reply] = await this.peer.run([['INFO', 'commandstats']]);
    const found = new RegExp(`cmdstat_${name}:.*?usec_per_call=([\\d.]+)`).exec(reply.toString());
    if (fresh) {
      const undo = name === 'sadd' ? 'SREM' : 'HDEL';
      for (let q = 0; q < QUERIES; q += PIPELINE) {
        const count = Math.min(PIPELINE, QUERIES - q);
        await this.peer.run(Array.from({ length: count }, (_, i) => [undo, key, element('x', q + i)]));
      }
    }
    return Number(found?.[1]) * 1000;
  }
}

const MEASURED: [name: string, key: string, withValue: boolean, fresh: boolean, label: string][] = [
  ['hget', 'hash', false, false, 'HGET'],
  ['hset', 'hash', true, false, 'HSET again'],
  ['hset', 'hash', true, true, 'HSET new'],
  ['sismember', 'set', false, false, 'SISMEMBER'],
  ['sadd', 'set', false, true, 'SADD new'],
];

async function report(elements: number, theirs: Theirs): Promise<void> {
  const ours = new Ours();
  await theirs.peer.run([['FLUSHALL']]);
  for (const [key, isHash] of [
    ['hash', true],
    ['set', false],
  ] as const) {
    ours.load(key, elements, isHash);
    await theirs.load(key, elements, isHash);
  }
  console.log(`\n${elements} elements            ns alone   in a batch   redis-server   ratio`);
  for (const [name, key, withValue, fresh, label] of MEASURED) {
    if (fresh && elements < 1000) continue; // it would not stay small
    const alone = ours.measure(name, key, elements, withValue, false, fresh);
    const batched = ours.measure(name, key, elements, withValue, true, fresh);
    const redis = await theirs.measure(name, key, elements, withValue, fresh);
    const cells = [alone, batched, redis].map((ns) => ns.toFixed(0).padStart(13)).join('');
    console.log(`${label.padEnd(20)}${cells}${(redis / batched).toFixed(2).padStart(8)}`);
  }
  for (const key of ['hash', 'set']) {
    const [a, b] = [ours.bytes(key) / elements, (await theirs.bytes(key)) / elements];
    console.log(
      `bytes of the ${key.padEnd(6)} ${a.toFixed(1).padStart(26)}${b.toFixed(1).padStart(13)}${(a / b).toFixed(2).padStart(8)}`,
    );
  }
}

const sizes = process.argv.slice(2).map(Number);
const peer = await RedisPeer.start();
for (const elements of sizes.length > 0 ? sizes : [100, 10_000, 1_000_000]) await report(elements, new Theirs(peer));
await peer.stop();
