/**
 * A data type of rtcp's, through the handlers of its commands: the engine as a shard has it, arguments in packet memory,
 * replies into a send queue that is emptied between the batches. What is timed is what redis-server times, too: finding the
 * key, the work, the reply's bytes.
 */
import { systemClock } from '../../clock.ts';
import { lookup } from '../../engine/command-table.ts';
import { BufferPool } from '../../memory/buffer-pool.ts';
import { PacketMemory } from '../../memory/packet-memory.ts';
import { SendQueue } from '../../memory/send-queue.ts';
import { ADVICE_DISCARD, ADVICE_HUGE_PAGES, adviseBytes } from '../../native/memory.ts';
import { assembleCore } from '../../server/assemble.ts';
import { Config } from '../../server/config.ts';
import { findParameter } from '../../server/config-table.ts';
import type { CommandPlan, CommandStep } from '../command-plans.ts';
import { BATCH, type Operation } from '../measure.ts';
import type { Subject } from '../subject.ts';

const MEMORY_BYTES = 64 * 1024 * 1024;
const REQUEST_BYTES = 4 * 1024 * 1024;
const REPLY_BUFFERS = 1024;
const REPLY_BUFFER_BYTES = 16_384;
const NO_TRANSPORT = { io: 'socket', interface: '', address: '', port: 0, counters: {} };

class BenchEngine {
  private readonly memory = new PacketMemory(MEMORY_BYTES);
  private readonly core;
  private readonly queue: SendQueue;
  private readonly requests: number;
  private readonly ids = new Int32Array(BATCH);
  private readonly first = new Int32Array(BATCH);
  private readonly argc = new Int32Array(BATCH);

  constructor(settings: Readonly<Record<string, string>>) {
    const config = new Config();
    for (const [name, value] of Object.entries(settings)) {
      const parameter = findParameter(name);
      if (parameter !== undefined) config.load(parameter, [value]);
    }
    this.core = assembleCore({
      memory: this.memory,
      clock: systemClock,
      config,
      hooks: {
        requestShutdown: () => {},
        abortShutdown: () => false,
        killClient: () => {},
        sleepMs: () => {},
        resumePaused: () => {},
        transportInfo: () => NO_TRANSPORT,
        log: () => {},
      },
      version: '',
      advice: {
        prepare: (bytes) => void adviseBytes(bytes, ADVICE_HUGE_PAGES),
        discard: (bytes) => void adviseBytes(bytes, ADVICE_DISCARD),
      },
    });
    this.queue = new SendQueue(this.memory, new BufferPool(this.memory, REPLY_BUFFERS, REPLY_BUFFER_BYTES));
    this.requests = this.memory.reserve(REQUEST_BYTES);
  }

  get usedBytes(): number {
    return this.core.engine.arena.usedBytes;
  }

  operation(step: CommandStep): Operation {
    return {
      name: step.name,
      count: step.count,
      prepare: (from, n) => this.prepare(step, from, n),
      run: (_, n) => this.run(n),
    };
  }

  /** Writes the commands' arguments as they would come in, and forgets the replies of the batch before. */
  private prepare(step: CommandStep, from: number, n: number): void {
    const { memory } = this;
    const { engine } = this.core;
    this.queue.clear();
    let at = this.requests;
    let arg = 0;
    for (let i = 0; i < n; i++) {
      const words = step.words(from + i);
      this.first[i] = arg;
      this.argc[i] = words.length;
      for (const word of words) {
        engine.argOffset[arg] = at;
        engine.argLength[arg++] = word.length;
        for (let k = 0; k < word.length; k++) memory.u8[at++] = word.charCodeAt(k);
        at += 2;
      }
      const name = this.first[i];
      this.ids[i] = lookup(memory, engine.argOffset[name], engine.argLength[name]);
    }
    engine.nowMs = systemClock.wallMs();
  }

  private run(n: number): void {
    const { engine, context } = this.core;
    const { db, reply } = engine;
    const { runner } = context;
    if (runner === null) return;
    reply.begin(this.queue, 2, false);
    for (let i = 0; i < n; i++) {
      const arg = this.first[i];
      const hash = db.hash(engine.argOffset[arg + 1], engine.argLength[arg + 1]);
      runner.call(this.ids[i], arg, this.argc[i], hash);
    }
    reply.finish();
  }
}

/** `settings` are directives of redis.conf. */
export function rtcpCommands(plan: CommandPlan, settings: Readonly<Record<string, string>> = {}): Subject {
  const bench = new BenchEngine(settings);
  const emptyBytes = bench.usedBytes;
  const full = plan.steps.find((step) => step.name === plan.full);
  return {
    operations: plan.steps.map((step) => bench.operation(step)),
    bytesAfter: plan.full,
    bytesPerElement: () => (bench.usedBytes - emptyBytes) / (full?.count ?? 1),
  };
}
