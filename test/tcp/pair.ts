/**
 * Two TCP stacks on a simulated wire and a virtual clock, and handlers that keep what they are told. `run` moves the clock
 * from deadline to deadline, so that an hour takes milliseconds.
 */
import { VirtualClock } from '../../src/lib/clock.ts';
import type { MemoryLink, MemoryLinkOptions } from '../../src/lib/link/memory.ts';
import { type Conditions, MemoryWire } from '../../src/lib/link/memory.ts';
import type { Stream, StreamHandler } from '../../src/lib/link/stream.ts';
import { Interface } from '../../src/lib/net/interface.ts';
import { Random } from '../../src/lib/random.ts';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import { SECRET_WORDS } from '../../src/lib/tcp/config.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { TcpStack } from '../../src/lib/tcp/stack.ts';
import { parseIpv4 } from '../../src/lib/wire/address.ts';

export const ADDRESS_A = parseIpv4('192.0.2.1')!;
export const ADDRESS_B = parseIpv4('192.0.2.2')!;

/** Records what a handler is told; writes what it is asked to. */
export class Recorder implements StreamHandler {
  readonly opened: Connection[] = [];
  readonly chunks: Buffer[] = [];
  ended = 0;
  drained = 0;
  readonly closes: number[] = [];
  /** Called after the bytes are recorded. */
  data: ((stream: Stream, offset: number, length: number) => void) | null = null;
  open: ((stream: Stream) => void) | null = null;
  end: ((stream: Stream) => void) | null = null;
  drain: ((stream: Stream) => void) | null = null;

  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  onOpen(stream: Stream): void {
    this.opened.push(stream as Connection);
    this.open?.(stream);
  }

  onData(stream: Stream, offset: number, length: number): void {
    const { memory } = (stream as Connection).stack;
    this.chunks.push(Buffer.from(memory.u8.slice(offset, offset + length)));
    this.data?.(stream, offset, length);
  }

  onEnd(stream: Stream): void {
    this.ended++;
    this.end?.(stream);
  }

  onDrain(stream: Stream): void {
    this.drained++;
    this.drain?.(stream);
  }

  onClose(_stream: Stream, reason: number): void {
    this.closes.push(reason);
  }
}

/** Appends bytes to a stream's queue and asks for them to be sent. False when the queue took only a part. */
export function write(stream: Stream, bytes: Uint8Array): boolean {
  const { queue } = stream;
  let done = 0;
  while (done < bytes.length) {
    const at = queue.open(1);
    if (at === 0) return false;
    const n = Math.min(queue.room, bytes.length - done);
    queue.memory.u8.set(bytes.subarray(done, done + n), at);
    queue.commit(n);
    done += n;
  }
  stream.requestFlush();
  return true;
}

export class Host {
  readonly link: MemoryLink;
  readonly net: Interface;
  readonly tcp: TcpStack;

  constructor(
    wire: MemoryWire,
    address: number,
    seed: number,
    link: Partial<MemoryLinkOptions>,
    tcp: Partial<TcpOptions>,
  ) {
    const random = new Random(seed);
    const mac = Uint8Array.of(2, 0, 0, 0, 0, address & 255);
    this.link = wire.attach({ mac, memoryBytes: 40 << 20, dataBuffers: 512, ...link });
    this.net = new Interface(this.link, { address, prefixLength: 24, random, insist: true });
    this.net.nowUs = wire.nowUs();
    const secret = Int32Array.from({ length: SECRET_WORDS }, () => random.int32());
    this.tcp = new TcpStack(this.net, { random, secret, maxConnections: 256, maxTimeWait: 64, ...tcp });
  }

  /** One turn of the loop: a burst in, everything out. */
  turn(nowUs: number): void {
    this.net.nowUs = nowUs;
    const count = this.link.receive();
    for (let i = 0; i < count; i++) this.net.input(this.link.rxOffset[i], this.link.rxLength[i], this.link.rxFlags[i]);
    this.tcp.output(nowUs);
    this.net.output(nowUs);
    this.link.flush();
    this.link.release();
  }

  nextDeadlineUs(): number {
    return Math.min(this.tcp.nextDeadlineUs(), this.net.nextDeadlineUs());
  }
}

export interface PairOptions {
  readonly seed?: number;
  readonly conditions?: Conditions;
  readonly linkA?: Partial<MemoryLinkOptions>;
  readonly linkB?: Partial<MemoryLinkOptions>;
  readonly tcpA?: Partial<TcpOptions>;
  readonly tcpB?: Partial<TcpOptions>;
}

export class Pair {
  readonly clock = new VirtualClock();
  readonly wire: MemoryWire;
  readonly a: Host;
  readonly b: Host;

  constructor(options: PairOptions = {}) {
    const { seed = 1, conditions = { delayUs: 100 }, linkA = {}, linkB = {}, tcpA = {}, tcpB = {} } = options;
    this.clock.us = 1_000_000_000;
    this.wire = new MemoryWire(this.clock, new Random(seed), conditions);
    this.a = new Host(this.wire, ADDRESS_A, seed + 1, linkA, tcpA);
    this.b = new Host(this.wire, ADDRESS_B, seed + 2, linkB, tcpB);
  }

  /** Lets time pass until `done` says so or `limitUs` are over; false then. */
  run(limitUs: number, done: () => boolean = () => false): boolean {
    const endUs = this.clock.us + limitUs;
    for (;;) {
      this.wire.deliver();
      this.a.turn(this.clock.us);
      this.b.turn(this.clock.us);
      if (done()) return true;
      const busy = this.a.link.pending() || this.b.link.pending();
      const nextUs = Math.min(this.wire.nextDeadlineUs(), this.a.nextDeadlineUs(), this.b.nextDeadlineUs());
      if (busy || nextUs <= this.clock.us) {
        if (!busy && nextUs < this.clock.us) this.clock.us += 1;
        continue;
      }
      if (nextUs > endUs) {
        this.clock.us = endUs;
        return false;
      }
      this.clock.us = Math.ceil(nextUs);
    }
  }
}
