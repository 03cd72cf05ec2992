/**
 * A shard from its parts: memory, store, engine, sessions, and the transport that carries them. Used by the worker behind
 * `rtcp serve`, and by tests and benchmarks with a link of their own.
 */
import type { Clock } from '../clock.ts';
import { Client } from '../engine/client.ts';
import { Engine } from '../engine/engine.ts';
import { engineFamilies } from '../engine/families.ts';
import { Stream } from '../link/stream.ts';
import { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { SendQueue } from '../memory/send-queue.ts';
import { secretWords, unseededRandom } from '../random.ts';
import { CommandBatch } from '../resp/batch.ts';
import { Reply } from '../resp/reply.ts';
import { Arena, type PageAdvice } from '../store/arena.ts';
import { Keyspace } from '../store/keyspace.ts';
import { ExpiryWheel } from '../store/wheel.ts';
import { bindServerCommands } from './commands/bind.ts';
import type { Config } from './config.ts';
import { applyConfig } from './config-effects.ts';
import { ServerContext, type ServerHooks } from './context.ts';
import { Dispatcher } from './dispatch.ts';
import { CommandRunner } from './run-command.ts';
import { Sessions } from './sessions.ts';

export interface ShardCore {
  engine: Engine;
  context: ServerContext;
  dispatcher: Dispatcher;
  sessions: Sessions;
}

export interface CoreOptions {
  memory: PacketMemory;
  clock: Clock;
  config: Config;
  hooks: ServerHooks;
  version: string;
  /** What the operating system is told about the store's pages; nothing by default. */
  advice?: PageAdvice;
}

/** Everything above the transport. */
export function assembleCore(options: CoreOptions): ShardCore {
  const { memory, clock, config } = options;
  const batch = new CommandBatch();
  const arena = new Arena(undefined, options.advice);
  const wheel = new ExpiryWheel(arena, clock.wallMs());
  const hashKey = secretWords(2);
  const databases = Array.from({ length: config.databases }, (_, i) => new Keyspace(arena, memory, hashKey, wheel, i));
  const reply = new Reply(memory);
  const random = unseededRandom();
  const nobody = new Client(0, new NobodyStream(memory), clock.wallMs(), true);
  const engine = new Engine({ memory, batch, reply, arena, databases, wheel, clock, random }, nobody);
  engine.nowMs = clock.wallMs();
  const context = new ServerContext({ engine, config, hooks: options.hooks, version: options.version });
  applyConfig(context);
  const families = [...engineFamilies, bindServerCommands(context)];
  const runner = new CommandRunner(engine, context, clock, families);
  context.runner = runner;
  const dispatcher = new Dispatcher(engine, context, clock, runner);
  const sessions = new Sessions(memory, batch, context, dispatcher);
  sessions.parser.maxBulkBytes = config.maxBulkBytes;
  config.onChange('proto-max-bulk-len', (changed) => {
    sessions.parser.maxBulkBytes = changed.maxBulkBytes;
    return null;
  });
  return { engine, context, dispatcher, sessions };
}

/** The peer of the client that stands in before the first command. */
class NobodyStream extends Stream {
  readonly queue: SendQueue;

  constructor(memory: PacketMemory) {
    super();
    this.queue = new SendQueue(memory, new BufferPool(memory, 1, 1024));
  }

  override requestFlush(): void {}
  override end(): void {}
  override abort(): void {}
  override pauseRead(): void {}
  override resumeRead(): void {}
  override remoteAddress(): string {
    return '';
  }
  override localAddress(): string {
    return '';
  }
  override descriptor(): number {
    return -1;
  }
}
