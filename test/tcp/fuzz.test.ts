/**
 * A million frames that nobody should send, into a stack with live connections: random bytes, mutated frames of real
 * conversations, segments aimed at the numbers of connections that may die of it, and blind shots at connections that must not.
 * Nothing throws, nothing grows, and what must live goes on echoing to a real peer.
 */
import { describe, expect, it } from 'vitest';
import { RX_CHECKSUM_VALID } from '../../src/lib/link/link.ts';
import type { Stream } from '../../src/lib/link/stream.ts';
import { Random } from '../../src/lib/random.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { ESTABLISHED } from '../../src/lib/tcp/state.ts';
import { ADDRESS_A, ADDRESS_B, Pair, Recorder, write } from './pair.ts';
import { checksum, writeIp } from './script.ts';

const SEED = 20_261_120;
const FRAMES = 1_000_000;
const GUARDED_PORT = 7;
const PREY_PORT = 9;
const GUARDED = 8;
const FRAME_BYTES = 1600;

/** Does anything that a session may do with the streams that the fuzzer can reach. */
class Prey extends Recorder {
  private readonly random: Random;
  readonly alive = new Set<Stream>();

  constructor(random: Random) {
    super();
    this.random = random;
  }

  override onOpen(stream: Stream): void {
    this.alive.add(stream);
    stream.wantsDrain = this.random.below(2) === 0;
    if (this.random.below(3) === 0) write(stream, new Uint8Array(this.random.below(5000)));
  }
  override onData(stream: Stream): void {
    this.act(stream);
  }
  override onEnd(stream: Stream): void {
    if (this.random.below(2) === 0) stream.end();
  }
  override onDrain(stream: Stream): void {
    this.act(stream);
  }
  override onClose(stream: Stream): void {
    expect(this.alive.delete(stream)).toBe(true);
  }

  act(stream: Stream): void {
    const choice = this.random.below(40);
    if (choice < 10) write(stream, new Uint8Array(1 + this.random.below(3000)));
    else if (choice < 13) stream.pauseRead();
    else if (choice < 20) stream.resumeRead();
    else if (choice === 20) stream.end();
    else if (choice === 21) stream.abort();
  }
}

class Fuzzer {
  readonly pair = new Pair({ seed: SEED, tcpA: { maxConnections: 64, maxTimeWait: 16, receiveWindowBytes: 16_384 } });
  readonly random = new Random(SEED);
  readonly prey = new Prey(this.random);
  readonly corpus: Uint8Array[] = [];
  readonly guarded: { client: Recorder; connection: Connection; sent: number }[] = [];
  private readonly frame: Uint8Array;
  private readonly view: DataView;
  private readonly at: number;

  constructor() {
    const { memory } = this.pair.a.link;
    this.at = memory.reserve(8192) + 2;
    this.frame = memory.u8.subarray(this.at, this.at + FRAME_BYTES);
    this.view = new DataView(memory.buffer, this.at, FRAME_BYTES);
    const echo = new Recorder();
    echo.data = (stream, offset, length) => {
      stream.queue.append(offset, length);
      stream.requestFlush();
    };
    this.pair.a.tcp.listen(GUARDED_PORT, echo);
    this.pair.a.tcp.listen(PREY_PORT, this.prey, { backlog: 20 });
    this.pair.wire.filter = (bytes, from) => {
      if (from === this.pair.b.link && this.corpus.length < 64) this.corpus.push(Uint8Array.from(bytes));
      return true;
    };
    for (let i = 0; i < GUARDED; i++) {
      const client = new Recorder();
      const connection = this.pair.b.tcp.connect(ADDRESS_A, GUARDED_PORT, client)!;
      this.guarded.push({ client, connection, sent: 0 });
    }
    this.echoAll();
  }

  /** Every guarded connection says something and hears it again. */
  echoAll(): void {
    for (const { client, connection } of this.guarded) {
      client.chunks.length = 0;
      write(connection, Buffer.from(`still there ${this.random.int32()}`.repeat(100)));
    }
    const heard = (): boolean => this.guarded.every(({ client }) => client.received.length >= 1200);
    expect(this.pair.run(60_000_000, heard), `seed ${SEED}: the guarded connections echo`).toBe(true);
    this.pair.run(1_000_000);
  }

  /** One frame of some kind. */
  shoot(): void {
    const kind = this.random.below(10);
    let length: number;
    if (kind === 0) length = this.noise();
    else if (kind <= 2) length = this.mutant();
    else if (kind <= 7) length = this.aimed();
    else length = this.blind();
    const flags = kind >= 2 && this.random.below(20) !== 0 ? RX_CHECKSUM_VALID : 0;
    this.pair.a.net.input(this.at, length, flags);
  }

  /** What was sent in answer is thrown away, time passes a little. */
  settle(): void {
    const { a, b, clock, wire } = this.pair;
    clock.us += this.random.below(this.random.below(100) === 0 ? 2_000_000 : 2_000);
    a.net.nowUs = clock.us;
    for (const stream of [...this.prey.alive]) if (this.random.below(8) === 0) this.prey.act(stream);
    a.tcp.output(clock.us);
    a.net.output(clock.us);
    a.link.flush();
    wire.deliver(clock.us + 1_000_000_000);
    b.link.takeReceived();
  }

  checkInvariants(): void {
    for (const c of this.pair.a.tcp.connections) {
      if (c === null) continue;
      const flight = c.flightBytes;
      expect(flight).toBeGreaterThanOrEqual(0);
      if (c.state >= ESTABLISHED) {
        expect(c.queue.bytes - c.queue.unsentBytes).toBe(flight - (c.finSent && flight > 0 ? 1 : 0));
        expect(c.cwnd).toBeGreaterThanOrEqual(c.mss);
      }
      expect((c.rcvAdv - c.rcvNxt) | 0).toBeGreaterThanOrEqual(0);
      expect(c.buffered).toBeLessThanOrEqual(16_384);
    }
    const { a } = this.pair;
    expect(a.tcp.flows.size).toBe(a.tcp.connectionCount + a.tcp.timeWait.size);
    expect(a.tcp.deadlines.size).toBeLessThanOrEqual(a.tcp.connectionCount);
    expect(a.tcp.listeners.get(PREY_PORT)!.halfOpen).toBeLessThanOrEqual(20);
    expect(a.link.memory.extents.usedBytes).toBeLessThan(16 << 20);
  }

  private noise(): number {
    const length = this.random.below(200);
    for (let i = 0; i < length; i++) this.frame[i] = this.random.int32();
    if (this.random.below(4) > 0) {
      this.frame.set(this.pair.a.link.mac, 0);
      this.frame[6] &= 0xfe;
      this.view.setUint16(12, 0x0800);
      if (this.random.below(2) > 0) {
        writeIp(this.view, 14, Math.max(20, length - 14), ADDRESS_B, ADDRESS_A);
        return Math.max(34, length);
      }
    }
    return length;
  }

  private mutant(): number {
    const original = this.corpus[this.random.below(this.corpus.length)];
    this.frame.set(original);
    for (let n = this.random.below(6); n >= 0; n--)
      this.frame[this.random.below(original.length)] = this.random.int32();
    // Not from a guarded port with its own numbers: such a segment may do what it says.
    if (original[37] === GUARDED_PORT) this.view.setUint16(34, 1 + this.random.below(500));
    if (this.random.below(4) > 0) this.fixIpChecksum();
    return original.length - (this.random.below(4) === 0 ? this.random.below(original.length) : 0);
  }

  /** A segment near the numbers of a connection that may die of it; or a new one. */
  private aimed(): number {
    const { tcp } = this.pair.a;
    const c = tcp.connections[1 + this.random.below(64)];
    if (c === null || c.localPort !== PREY_PORT) {
      const port = 1000 + this.random.below(100);
      return this.segment(
        port,
        PREY_PORT,
        this.random.int32(),
        0,
        this.random.below(8) > 0 ? 2 : this.random.below(256),
      );
    }
    const near = (n: number): number => {
      const choice = this.random.below(8);
      if (choice < 4) return n;
      if (choice < 7) return (n + this.random.below(20_000) - 10_000) | 0;
      return this.random.int32();
    };
    const ack = this.random.below(2) === 0 ? c.sndNxt : (c.sndUna + this.random.below(c.flightBytes + 1)) | 0;
    const flags = this.random.below(30) === 0 ? this.random.below(256) : 16 | (this.random.below(12) === 0 ? 1 : 0);
    return this.segment(c.remotePort, PREY_PORT, near(c.rcvNxt), near(ack), flags);
  }

  /** Somebody who knows everything about a guarded connection but its sequence numbers. */
  private blind(): number {
    const { connection } = this.guarded[this.random.below(GUARDED)];
    return this.segment(
      connection.localPort,
      GUARDED_PORT,
      this.random.int32(),
      this.random.int32(),
      this.random.below(256),
    );
  }

  private segment(from: number, to: number, sequence: number, ack: number, flags: number): number {
    const { frame, view, random } = this;
    const optionWords = random.below(3) === 0 ? random.below(11) : 0;
    const text = random.below(3) === 0 ? 0 : random.below(random.below(2) === 0 ? 100 : 1400);
    const length = 54 + optionWords * 4 + text;
    frame.set(this.pair.a.link.mac, 0);
    frame.set(this.pair.b.link.mac, 6);
    view.setUint16(12, 0x0800);
    writeIp(view, 14, length - 14, ADDRESS_B, ADDRESS_A);
    view.setUint16(34, from);
    view.setUint16(36, to);
    view.setInt32(38, sequence);
    view.setInt32(42, ack);
    view.setUint16(46, ((5 + optionWords) << 12) | flags);
    view.setUint16(48, random.below(4) === 0 ? random.below(3) * 700 : random.below(65_536));
    for (let i = 54; i < 54 + optionWords * 4; i++) frame[i] = random.below(3) > 0 ? random.below(11) : random.int32();
    return length;
  }

  private fixIpChecksum(): void {
    this.view.setUint16(24, 0);
    this.view.setUint16(24, checksum(this.frame, 14, 34, 0));
  }
}

describe('a million bad frames', () => {
  it(`leave the stack alive: seed ${SEED}`, { timeout: 120_000 }, () => {
    const fuzzer = new Fuzzer();
    const { a, b } = fuzzer.pair;
    for (let n = 0; n < FRAMES; n += 64) {
      for (let i = 0; i < 64; i++) fuzzer.shoot();
      fuzzer.settle();
      if (n % 6400 === 0) fuzzer.checkInvariants();
      if (n % 128_000 === 0) fuzzer.echoAll();
    }
    fuzzer.echoAll();
    const { counters } = a.tcp;
    // The shots reached what they were aimed at.
    expect(counters.established).toBeGreaterThan(500);
    expect(counters.outOfOrder).toBeGreaterThan(1000);
    expect(counters.badAck).toBeGreaterThan(1000);
    expect(counters.outsideWindow).toBeGreaterThan(1000);
    expect(counters.cookiesSent).toBeGreaterThan(10);

    a.tcp.close();
    b.tcp.close();
    fuzzer.settle();
    fuzzer.pair.clock.us += 60_000_000; // IPv4 reassembly gives up, too
    fuzzer.settle();
    expect(fuzzer.prey.alive.size).toBe(0);
    expect(a.tcp.connectionCount).toBe(0);
    expect(a.tcp.flows.size).toBe(0);
    expect(a.link.memory.extents.usedBytes).toBe(0);
    expect(a.link.data.available).toBe(a.link.data.count);
  });
});
