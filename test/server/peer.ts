/**
 * A server core without a transport, and streams whose peer is the test: bytes go in cut as the test wants, and what the
 * sessions queued comes out as text.
 */
import { VirtualClock } from '../../src/lib/clock.ts';
import { Stream } from '../../src/lib/link/stream.ts';
import { BufferPool } from '../../src/lib/memory/buffer-pool.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { SendQueue } from '../../src/lib/memory/send-queue.ts';
import { assembleCore, type ShardCore } from '../../src/lib/server/assemble.ts';
import { Config } from '../../src/lib/server/config.ts';
import type { Sessions } from '../../src/lib/server/sessions.ts';

export class PeerStream extends Stream {
  readonly queue: SendQueue;
  ended = false;
  aborted = false;
  paused = false;
  private readonly world: World;
  private closed = false;

  constructor(world: World) {
    super();
    this.world = world;
    this.queue = new SendQueue(world.memory, world.pool);
  }

  override requestFlush(): void {}
  override end(): void {
    this.ended = true;
  }
  override abort(): void {
    this.aborted = true;
    this.close();
  }
  override pauseRead(): void {
    this.paused = true;
  }
  override resumeRead(): void {
    this.paused = false;
  }
  override remoteAddress(): string {
    return '192.0.2.1:40000';
  }
  override localAddress(): string {
    return '192.0.2.2:6379';
  }
  override descriptor(): number {
    return 8;
  }

  /** Bytes arrive, as one segment: the memory that they lie in is reused for the next one. */
  send(bytes: Buffer | string): void {
    const { memory, frame } = this.world;
    const all = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes;
    for (let at = 0; at < all.length; at += World.FRAME_BYTES) {
      const part = all.subarray(at, at + World.FRAME_BYTES);
      memory.u8.set(part, frame);
      this.world.sessions.onData(this, frame, part.length);
      this.world.sessions.flush();
      memory.u8.fill(0x55, frame, frame + part.length); // nothing may point here any more
    }
  }

  /** What was answered since the last call. */
  received(): string {
    const { queue } = this;
    const { memory, pool } = this.world;
    const parts: string[] = [];
    for (;;) {
      if (queue.unsentBytes === 0) queue.refill();
      if (queue.unsentBytes === 0) break;
      const id = queue.sendBuffer;
      const n = pool.length[id] - queue.sendOffset;
      parts.push(memory.latin1(pool.payload(id) + queue.sendOffset, n));
      queue.sent(n);
      queue.drop(n);
    }
    return parts.join('');
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.world.sessions.onClose(this);
    this.queue.clear();
  }
}

export class World {
  static readonly FRAME_BYTES = 65_536;
  readonly memory: PacketMemory;
  readonly pool: BufferPool;
  readonly frame: number;
  readonly clock = new VirtualClock();
  readonly config = new Config();
  readonly core: ShardCore;
  readonly log: string[] = [];

  constructor(extentBytes = 96 << 20) {
    this.memory = new PacketMemory(extentBytes + (96 << 20), extentBytes);
    this.pool = new BufferPool(this.memory, 256, 4096);
    this.frame = this.memory.reserve(World.FRAME_BYTES + 64) + 6;
    this.core = assembleCore({
      memory: this.memory,
      clock: this.clock,
      config: this.config,
      version: '0.0.0',
      hooks: {
        requestShutdown: () => {},
        abortShutdown: () => false,
        killClient: (client) => this.sessions.kill(client),
        sleepMs: () => {},
        resumePaused: () => {},
        transportInfo: () => ({ io: 'memory', interface: '', address: '192.0.2.2', port: 6379, counters: {} }),
        log: (_level, text) => void this.log.push(text),
      },
    });
  }

  get sessions(): Sessions {
    return this.core.sessions;
  }

  connect(): PeerStream {
    const stream = new PeerStream(this);
    this.sessions.onOpen(stream);
    return stream;
  }

  setting(name: string, value: string): void {
    const error = this.config.set([[name, value]], true);
    if (error !== null) throw new Error(error);
  }
}

export const request = (...args: (string | Buffer)[]): Buffer =>
  Buffer.concat([
    Buffer.from(`*${args.length}\r\n`),
    ...args.flatMap((arg) => {
      const bytes = typeof arg === 'string' ? Buffer.from(arg, 'latin1') : arg;
      return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
    }),
  ]);
