/**
 * Our end of a connection to a kernel: a stack on its own veth end in this process, with sockets that are waited for, and a
 * wire that can be cut or mark packets. What passes is captured.
 *
 *   OurSocket ── TcpStack ── Interface ── LabLink (tap: capture, cut, mark) ── PacketLink ── veth
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../src/lib/clock.ts';
import type { Link } from '../../src/lib/link/link.ts';
import { PacketLink } from '../../src/lib/link/packet.ts';
import { FileSink, PcapTap } from '../../src/lib/link/pcap.ts';
import type { Stream, StreamHandler } from '../../src/lib/link/stream.ts';
import type { BufferPool } from '../../src/lib/memory/buffer-pool.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { Interface } from '../../src/lib/net/interface.ts';
import { secretWords, unseededRandom } from '../../src/lib/random.ts';
import { SECRET_WORDS, type TcpConfig } from '../../src/lib/tcp/config.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import type { ListenOptions } from '../../src/lib/tcp/opening/listen.ts';
import type { ConnectionSettings } from '../../src/lib/tcp/settings.ts';
import { TcpStack } from '../../src/lib/tcp/stack.ts';
import { parseIpv4 } from '../../src/lib/wire/address.ts';
import { ETHERNET_HEADER_BYTES, ETHERNET_TYPE, ETHERTYPE_IPV4 } from '../../src/lib/wire/ethernet.ts';
import { IPV4_TOS, ipv4HeaderBytes, writeIpv4Checksum } from '../../src/lib/wire/ipv4.ts';
import type { Socket } from './kernel-peer.ts';

const MEMORY_BYTES = 384 << 20;
const EXTENT_BYTES = 96 << 20;
/** Headers are all that is looked at later. */
const SNAP_BYTES = 128;
const ECN_BITS = 3;
const POLL_MS = 5;
/** What waits behind a send queue before the writer has to. */
const BACKLOG_BYTES = 1 << 19;
const PATTERN = Buffer.from(Array.from({ length: 251 * 1024 }, (_, i) => i % 251));
const PATTERN_STEP = PATTERN.length - 251;

/** A link whose wire can be cut for IPv4 (ARP still works), or mark every so-manieth packet that may be marked (RFC 3168). */
export class LabLink extends PcapTap {
  cut = false;
  /** Every so-manieth packet with ECT becomes CE, both ways; 0: none. */
  markEvery = 0;
  marksIn = 0;
  marksOut = 0;
  private markable = 0;

  /** False: the wire ate the frame that arrived at `frame`. */
  passes(frame: number): boolean {
    if (this.memory.dv.getUint16(frame + ETHERNET_TYPE, false) !== ETHERTYPE_IPV4) return true;
    if (this.cut) return false;
    if (this.mark(frame)) this.marksIn++;
    return true;
  }

  override transmit(
    pool: BufferPool,
    buffer: number,
    header: number,
    headerLength: number,
    payload: number,
    payloadLength: number,
    l4Offset: number,
    mss: number,
  ): void {
    if (this.memory.dv.getUint16(header + ETHERNET_TYPE, false) === ETHERTYPE_IPV4) {
      if (this.cut) return;
      if (this.mark(header)) this.marksOut++;
    }
    super.transmit(pool, buffer, header, headerLength, payload, payloadLength, l4Offset, mss);
  }

  private mark(frame: number): boolean {
    const { memory } = this;
    const ip = frame + ETHERNET_HEADER_BYTES;
    if (this.markEvery === 0 || (memory.u8[ip + IPV4_TOS] & ECN_BITS) === 0) return false;
    if (++this.markable % this.markEvery !== 0) return false;
    memory.u8[ip + IPV4_TOS] |= ECN_BITS;
    writeIpv4Checksum(memory, ip, ipv4HeaderBytes(memory, ip));
    return true;
  }
}

/** A connection of ours whose reader and writer can be waited for. */
export class OurSocket implements Socket {
  connection!: Connection;
  /** CLOSE_* when it is over. */
  readonly closed: Promise<number>;
  ended = false;
  private readonly chunks: Buffer[] = [];
  private available = 0;
  private wrote = 0;
  private took = 0;
  private over = false;
  private wake: (() => void)[] = [];
  private tellClosed!: (reason: number) => void;

  constructor() {
    this.closed = new Promise((resolve) => {
      this.tellClosed = resolve;
    });
  }

  // ---- what its connection tells it

  data(bytes: Buffer): void {
    this.chunks.push(bytes);
    this.available += bytes.length;
    this.changed();
  }

  end(): void {
    this.ended = true;
    this.changed();
  }

  drained(): void {
    this.changed();
  }

  gone(reason: number): void {
    this.over = true;
    this.tellClosed(reason);
    this.changed();
  }

  private changed(): void {
    for (const wake of this.wake.splice(0)) wake();
  }

  private change(): Promise<void> {
    return new Promise((resolve) => this.wake.push(resolve));
  }

  // ---- Socket

  async send(text: string): Promise<void> {
    this.write(Buffer.from(text));
  }

  async sendPattern(bytes: number, step = PATTERN_STEP): Promise<void> {
    const { connection } = this;
    connection.wantsDrain = true;
    for (const end = this.wrote + bytes; this.wrote < end; ) {
      if (this.over) throw new Error(`closed after ${this.wrote} bytes`);
      if (connection.queue.backlogBytes >= BACKLOG_BYTES) {
        await this.change();
        continue;
      }
      const at = this.wrote % 251;
      const n = Math.min(step, PATTERN_STEP, end - this.wrote);
      this.write(PATTERN.subarray(at, at + n));
      this.wrote += n;
      if (step < PATTERN_STEP) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private write(bytes: Buffer): void {
    const { queue } = this.connection;
    for (let done = 0; done < bytes.length; ) {
      const at = queue.open(1);
      if (at === 0) throw new Error('the send queue is full');
      const n = Math.min(queue.room, bytes.length - done);
      queue.memory.u8.set(bytes.subarray(done, done + n), at);
      queue.commit(n);
      done += n;
    }
    this.connection.requestFlush();
  }

  async recv(bytes: number): Promise<string> {
    while (this.available < bytes && !this.ended && !this.over) await this.change();
    const taken: Buffer[] = [];
    for (let left = Math.min(bytes, this.available); left > 0; left -= taken.at(-1)!.length)
      taken.push(this.take(left));
    return Buffer.concat(taken).toString('latin1');
  }

  async recvPattern(bytes: number, step = Infinity): Promise<number> {
    const start = this.took;
    const end = start + bytes;
    while (this.took < end) {
      if (this.available > 0) this.checkPattern(this.take(Math.min(step, end - this.took)));
      else if (this.ended || this.over) break;
      else await this.change();
    }
    return this.took - start;
  }

  /** The first of what has arrived, at most so much. */
  private take(most: number): Buffer {
    const first = this.chunks[0];
    const piece = first.subarray(0, most);
    if (piece.length === first.length) this.chunks.shift();
    else this.chunks[0] = first.subarray(piece.length);
    this.available -= piece.length;
    return piece;
  }

  private checkPattern(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const from = this.took % 251;
      const n = Math.min(PATTERN_STEP, bytes.length - at);
      if (PATTERN.compare(bytes, at, at + n, from, from + n) !== 0) throw new Error(`other bytes after ${this.took}`);
      this.took += n;
      at += n;
    }
  }

  async shutdown(): Promise<void> {
    this.connection.end();
  }

  async close(): Promise<void> {
    this.connection.close();
  }

  async abort(): Promise<void> {
    this.connection.abort();
  }
}

/** Gives each connection its socket; those that are accepted wait for who asks for them. */
class Sockets implements StreamHandler {
  private readonly accepted: OurSocket[] = [];
  private readonly acceptors: ((socket: OurSocket) => void)[] = [];
  private readonly openers = new Map<OurSocket, () => void>();

  accept(): Promise<OurSocket> {
    const socket = this.accepted.shift();
    if (socket !== undefined) return Promise.resolve(socket);
    return new Promise((resolve) => this.acceptors.push(resolve));
  }

  opening(socket: OurSocket): Promise<OurSocket> {
    return new Promise((resolve, reject) => {
      this.openers.set(socket, () => resolve(socket));
      socket.closed.then((reason) => reject(new Error(`closed: ${reason}`)));
    });
  }

  onOpen(stream: Stream): void {
    const known = stream.owner as OurSocket | null;
    if (known !== null) {
      this.openers.get(known)?.();
      this.openers.delete(known);
      return;
    }
    const socket = new OurSocket();
    socket.connection = stream as Connection;
    stream.owner = socket;
    const acceptor = this.acceptors.shift();
    if (acceptor !== undefined) acceptor(socket);
    else this.accepted.push(socket);
  }

  onData(stream: Stream, offset: number, length: number): void {
    const { memory } = (stream as Connection).stack;
    (stream.owner as OurSocket).data(Buffer.from(memory.u8.slice(offset, offset + length)));
  }

  onEnd(stream: Stream): void {
    (stream.owner as OurSocket).end();
  }

  onDrain(stream: Stream): void {
    (stream.owner as OurSocket).drained();
  }

  onClose(stream: Stream, reason: number): void {
    (stream.owner as OurSocket).gone(reason);
  }
}

export interface HostOptions {
  readonly interfaceName: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly capture: string;
  /** Slots of 66 KB of the kernel's memory each. */
  readonly rxSlots: number;
  readonly tcp: Partial<TcpConfig>;
}

export class OurHost {
  readonly address: string;
  readonly link: LabLink;
  readonly net: Interface;
  readonly tcp: TcpStack;
  /** Nothing is taken from the wire. */
  deaf = false;
  private readonly sockets = new Sockets();
  private readonly extentsAtRest: number;

  constructor(options: HostOptions) {
    const { interfaceName, prefixLength, gateway, rxSlots, tcp } = options;
    this.address = options.address;
    const address = parseIpv4(options.address)!;
    const memory = new PacketMemory(MEMORY_BYTES, EXTENT_BYTES);
    const match = { kind: 'address', address } as const;
    const link: Link = PacketLink.open({ memory, interfaceName, match, rxSlots });
    this.link = new LabLink(link, new FileSink(options.capture), systemClock, SNAP_BYTES);
    const random = unseededRandom();
    this.net = new Interface(this.link, { address, prefixLength, gateway: parseIpv4(gateway)!, random });
    this.net.nowUs = systemClock.nowUs();
    this.tcp = new TcpStack(this.net, { random, secret: secretWords(SECRET_WORDS), maxConnections: 64, ...tcp });
    this.extentsAtRest = memory.extents.usedBytes;
  }

  /** Fails with the reason when it can't be opened. */
  connect(address: string, port: number, localPort = 0, settings: ConnectionSettings = {}): Promise<OurSocket> {
    this.net.nowUs = systemClock.nowUs();
    const connection = this.tcp.connect(parseIpv4(address)!, port, this.sockets, localPort, settings);
    if (connection === null) throw new Error('no way to connect');
    const socket = new OurSocket();
    socket.connection = connection;
    connection.owner = socket;
    return this.sockets.opening(socket);
  }

  listen(port: number, options: ListenOptions = {}): void {
    this.tcp.listen(port, this.sockets, options);
  }

  /** Accepts by way of a queue of so many: a function that takes the next one out of it, and reads on. */
  listenForAccept(port: number, acceptBacklog: number): () => Promise<OurSocket> {
    const listener = this.tcp.listen(port, this.sockets, { acceptBacklog });
    return async () => {
      for (let c = listener.accept(); ; c = listener.accept()) {
        if (c === null) {
          await sleep(POLL_MS);
          continue;
        }
        c.resumeRead();
        return await this.accept();
      }
    };
  }

  /** The next connection that somebody opened. */
  accept(): Promise<OurSocket> {
    return this.sockets.accept();
  }

  /** One turn of the loop; true when something arrived. */
  turn(): boolean {
    const { net, link, tcp } = this;
    const nowUs = systemClock.nowUs();
    net.nowUs = nowUs;
    const n = this.deaf ? 0 : link.receive();
    for (let i = 0; i < n; i++) {
      if (link.passes(link.rxOffset[i])) net.input(link.rxOffset[i], link.rxLength[i], link.rxFlags[i]);
    }
    tcp.output(nowUs);
    net.output(nowUs);
    if (n > 0) link.release();
    link.flush();
    return n > 0;
  }

  /** What connections that are over should have given back: nothing, when nothing is left. */
  leftovers(): string[] {
    const { tcp, link } = this;
    const left = {
      connections: tcp.connectionCount,
      lingering: tcp.lingering.size,
      orphans: tcp.orphans,
      halfOpen: [...tcp.listeners.values()].reduce((sum, { halfOpen }) => sum + halfOpen, 0),
      timers: tcp.deadlines.size,
      extentBytes: link.memory.extents.usedBytes - this.extentsAtRest,
      dataBuffers: link.data.count - link.data.available,
      controlBuffers: link.control.count - link.control.available,
    };
    return Object.entries(left).flatMap(([name, count]) => (count === 0 ? [] : [`rtcp has ${count} ${name} left`]));
  }

  close(): void {
    this.tcp.close();
    this.turn();
    this.link.close();
  }
}
