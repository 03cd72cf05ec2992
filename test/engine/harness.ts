/**
 * An engine without a network: arguments go in as strings or bytes, replies come out as the bytes a client would read. Time
 * stands still unless `nowMs` is moved.
 */

import { VirtualClock } from '../../src/lib/clock.ts';
import { Client } from '../../src/lib/engine/client.ts';
import { commandFirstKey, commands, lookup } from '../../src/lib/engine/command-table.ts';
import { admits, bind, type HandlerFamily } from '../../src/lib/engine/dispatch-table.ts';
import { Engine, type Handler } from '../../src/lib/engine/engine.ts';
import { engineFamilies } from '../../src/lib/engine/families.ts';
import { Stream } from '../../src/lib/link/stream.ts';
import { BufferPool } from '../../src/lib/memory/buffer-pool.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { SendQueue } from '../../src/lib/memory/send-queue.ts';
import { Random } from '../../src/lib/random.ts';
import { CommandBatch } from '../../src/lib/resp/batch.ts';
import { Reply } from '../../src/lib/resp/reply.ts';
import { Arena } from '../../src/lib/store/arena.ts';
import { Keyspace } from '../../src/lib/store/keyspace.ts';
import { ExpiryWheel } from '../../src/lib/store/wheel.ts';

const MEMORY_BYTES = 256 * 1024 * 1024;
const REQUEST_BYTES = 32 * 1024 * 1024;
const DATABASES = 16;

class TestStream extends Stream {
  readonly queue: SendQueue;

  constructor(queue: SendQueue) {
    super();
    this.queue = queue;
  }

  override requestFlush(): void {}
  override end(): void {}
  override abort(): void {}
  override pauseRead(): void {}
  override resumeRead(): void {}
  override remoteAddress(): string {
    return '192.0.2.1:40000';
  }
  override localAddress(): string {
    return '192.0.2.2:6379';
  }
  override descriptor(): number {
    return 7;
  }
}

export interface HarnessOptions {
  seed?: number;
  /** Limit of the arena. */
  limitBytes?: number;
  /** Handlers of commands beyond the engine's own families; those without one answer `+NOT-HERE`. */
  families?: HandlerFamily[];
}

export class Harness {
  readonly engine: Engine;
  readonly memory = new PacketMemory(MEMORY_BYTES);
  readonly client: Client;
  private readonly queue: SendQueue;
  private readonly handlers: Handler[];
  private readonly requests: number;

  constructor(options: HarnessOptions = {}) {
    const { memory } = this;
    const batch = new CommandBatch();
    const reply = new Reply(memory);
    const clock = new VirtualClock();
    const arena = new Arena(options.limitBytes);
    const wheel = new ExpiryWheel(arena, clock.wallMs());
    const random = new Random(options.seed ?? 1);
    const hashKey = Int32Array.of(random.int32(), random.int32());
    const databases = Array.from({ length: DATABASES }, (_, i) => new Keyspace(arena, memory, hashKey, wheel, i));
    this.queue = new SendQueue(memory, new BufferPool(memory, 256, 16_384));
    this.requests = memory.reserve(REQUEST_BYTES);
    this.client = new Client(1, new TestStream(this.queue), clock.wallMs(), true);
    this.engine = new Engine({ memory, batch, reply, arena, databases, wheel, clock, random }, this.client);
    this.engine.nowMs = clock.wallMs();
    const known = [...engineFamilies, ...(options.families ?? [])];
    const names = new Set(known.flatMap((family) => Object.keys(family)));
    const missing = commands.filter((command) => !names.has(command.spec.name)).map((command) => command.spec.name);
    this.handlers = bind([...known, Object.fromEntries(missing.map((name) => [name, notHere]))]);
  }

  /** Runs one command; returns the reply's bytes. */
  run(...words: (string | Uint8Array)[]): Buffer {
    const { engine, memory } = this;
    const batch = engine.batch;
    if (batch.argOffset.length < words.length) batch.grow(words.length);
    let at = this.requests;
    words.forEach((word, i) => {
      const bytes = typeof word === 'string' ? Buffer.from(word) : word;
      memory.u8.set(bytes, at);
      batch.argOffset[i] = at;
      batch.argLength[i] = bytes.length;
      at += bytes.length + 2; // as in a request: CR LF follows
    });
    engine.argOffset = batch.argOffset;
    engine.argLength = batch.argLength;
    engine.db = engine.databases[this.client.database];
    engine.reply.begin(this.queue, this.client.protocol, false);
    const id = lookup(memory, batch.argOffset[0], batch.argLength[0]);
    if (admits(engine, id, 0, words.length)) {
      const key = commandFirstKey[id];
      if (key > 0 && key < words.length) engine.keyHash = engine.db.hash(batch.argOffset[key], batch.argLength[key]);
      this.handlers[id](engine, 0, words.length);
    }
    engine.reply.finish();
    return this.drain();
  }

  /** As run, as text: CR LF kept, bytes as latin1. */
  text(...words: (string | Uint8Array)[]): string {
    return this.run(...words).toString('latin1');
  }

  private drain(): Buffer {
    const { queue, memory } = this;
    const parts: Buffer[] = [];
    while (queue.unsentBytes > 0) {
      const pool = queue.pool;
      const id = queue.sendBuffer;
      const n = pool.length[id] - queue.sendOffset;
      const from = pool.payload(id) + queue.sendOffset;
      parts.push(Buffer.from(memory.u8.slice(from, from + n)));
      queue.sent(n);
      queue.drop(n);
    }
    return Buffer.concat(parts);
  }
}

function notHere(engine: Engine): void {
  engine.reply.simple('NOT-HERE');
}
