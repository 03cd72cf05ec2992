/**
 * A server core in this process, and a client of it whose network is a function call: for benchmarks of commands.
 *
 *   send(words) ─▶ sessions.onData ─▶ … ─▶ send queue ─▶ take()
 */
import { systemClock } from '../src/lib/clock.ts';
import { Stream } from '../src/lib/link/stream.ts';
import { BufferPool } from '../src/lib/memory/buffer-pool.ts';
import { PacketMemory } from '../src/lib/memory/packet-memory.ts';
import { SendQueue } from '../src/lib/memory/send-queue.ts';
import { ADVICE_DISCARD, ADVICE_HUGE_PAGES, adviseBytes } from '../src/lib/native/memory.ts';
import { threadTimeUs } from '../src/lib/native/process.ts';
import { assembleCore } from '../src/lib/server/assemble.ts';
import { Config } from '../src/lib/server/config.ts';

const FRAME_BYTES = 65_536;

const memory = new PacketMemory(0x7fff_0000, 0x5000_0000);
const pool = new BufferPool(memory, 1024, 16_384);
const frame = memory.reserve(FRAME_BYTES);

class Peer extends Stream {
  readonly queue = new SendQueue(memory, pool);
  gone = false;
  override requestFlush(): void {}
  override end(): void {}
  override abort(): void {
    this.gone = true;
    core.sessions.onClose(this);
    this.queue.clear();
  }
  override pauseRead(): void {}
  override resumeRead(): void {}
  override remoteAddress(): string {
    return '127.0.0.1:1';
  }
  override localAddress(): string {
    return '127.0.0.1:2';
  }
  override descriptor(): number {
    return -1;
  }
  /** Takes what was answered; its first bytes. */
  take(): string {
    const { queue } = this;
    let first = '';
    for (;;) {
      if (queue.unsentBytes === 0) queue.refill();
      if (queue.unsentBytes === 0) return first;
      const id = queue.sendBuffer;
      const n = pool.length[id] - queue.sendOffset;
      if (first === '') first = memory.latin1(pool.payload(id) + queue.sendOffset, Math.min(n, 60));
      queue.sent(n);
      queue.drop(n);
    }
  }
}

/** What giving pages back to the system takes. */
export const discards = { count: 0, us: 0, longestUs: 0 };
export const core = assembleCore({
  memory,
  clock: systemClock,
  config: new Config(),
  version: '0.0.0',
  hooks: {
    requestShutdown: () => {},
    abortShutdown: () => false,
    killClient: (client) => core.sessions.kill(client),
    sleepMs: () => {},
    resumePaused: () => {},
    transportInfo: () => ({ io: 'memory', interface: '', address: '127.0.0.1', port: 1, counters: {} }),
    log: (level, text) => console.log(`    ${level}: ${text}`),
  },
  advice: {
    prepare: (bytes) => void adviseBytes(bytes, ADVICE_HUGE_PAGES),
    discard: (bytes) => {
      const fromUs = threadTimeUs();
      adviseBytes(bytes, ADVICE_DISCARD);
      const us = threadTimeUs() - fromUs;
      discards.count++;
      discards.us += us;
      discards.longestUs = Math.max(discards.longestUs, us);
    },
  },
});
let peer = new Peer();
core.sessions.onOpen(peer);

/** The first bytes of what was answered; all of it is taken. A client that was closed is replaced by a new one. */
export function take(): string {
  if (!peer.gone) return peer.take();
  peer = new Peer();
  core.sessions.onOpen(peer);
  return '(closed)';
}

function encode(words: string[]): Buffer {
  return Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1');
}

/** One command of the client's. */
export function send(words: string[]): void {
  const bytes = encode(words);
  for (let at = 0; at < bytes.length; at += FRAME_BYTES) {
    const part = bytes.subarray(at, at + FRAME_BYTES);
    memory.u8.set(part, frame);
    core.sessions.onData(peer, frame, part.length);
    core.sessions.flush();
  }
}
