/**
 * Scripted segments against one stack: a segment in, the expected segments out, written relative to the connection's initial
 * sequence numbers as tcpdump prints them:
 *
 *   x.in('S 0:0 win 1000 mss 1000');          the peer sends; what the stack says is collected
 *   x.out('S. 0:0 ack 1');                    exactly these segments came, in this order
 *   x.in('. 1:101 ack 1');                    100 bytes of the peer's stream: byte n is n mod 251
 *   x.advance(40); x.out('. 1:1 ack 101');    time passes, timer by timer
 *
 * Flags are S F R P, . for ACK, E and W for ECE and CWR; sequence ranges count payload only. Options: mss, wscale, ts VAL ECR,
 * sackok, blocks of the stack's stream as sack 2001:3001,4001:5001; `tos 3` marks the datagram.
 * Outgoing windows and options are looked at by `x.last`.
 */
import { expect } from 'vitest';
import { VirtualClock } from '../../src/lib/clock.ts';
import type { MemoryLink, MemoryLinkOptions } from '../../src/lib/link/memory.ts';
import { MemoryWire } from '../../src/lib/link/memory.ts';
import { Random } from '../../src/lib/random.ts';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import { reno } from '../../src/lib/tcp/congestion/reno.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { STATE_NAMES } from '../../src/lib/tcp/state.ts';
import { ADDRESS_A, ADDRESS_B, Host, Recorder, write } from './pair.ts';

const PEER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 0xaa);
const ETHERNET = 14;
const IP = 20;

/** A segment that the stack sent, with numbers relative to the script's bases. */
export interface Sent {
  readonly text: string;
  readonly atUs: number;
  readonly flags: string;
  readonly start: number;
  readonly length: number;
  readonly ack: number;
  readonly window: number;
  readonly mss: number;
  readonly wscale: number;
  readonly sackOk: boolean;
  readonly tsVal: number;
  readonly tsEcr: number;
  readonly hasTimestamps: boolean;
  readonly sack: readonly (readonly [number, number])[];
  readonly payload: Uint8Array;
  readonly frame: Uint8Array;
}

export interface ScriptOptions {
  readonly tcp?: Partial<TcpOptions>;
  readonly link?: Partial<MemoryLinkOptions>;
}

/** Plain by default: no options but MSS, no Nagle, RFC 5681's windows, so that scripts say only what they are about. */
const PLAIN: Partial<TcpOptions> = {
  timestamps: false,
  windowScale: false,
  nagle: false,
  receiveWindowBytes: 65_535,
  congestion: reno,
  slowStartLimitSegments: 1,
  rtoFloorOnVariance: false,
};

export class Script {
  readonly clock = new VirtualClock();
  readonly wire: MemoryWire;
  readonly host: Host;
  readonly handler = new Recorder();
  readonly peerPort = 40_000;
  readonly localPort = 6379;
  /** Initial sequence numbers that everything is relative to: the peer's is chosen here, the stack's is learned. */
  peerIss = 0x7fff_fff0;
  hostIss = 0;
  peer: MemoryLink;
  /** Segments not looked at yet. */
  sent: Sent[] = [];
  /** The last segment that `out` looked at. */
  last!: Sent;
  /** TSval and TSecr of what the peer sends, when timestamps are in use. */
  tsVal = -1;
  private connectPort = 0;

  constructor(options: ScriptOptions = {}) {
    this.clock.us = 1_000_000_000;
    this.wire = new MemoryWire(this.clock, new Random(1), {});
    this.host = new Host(this.wire, ADDRESS_A, 7, options.link ?? {}, { ...PLAIN, ...options.tcp });
    this.peer = this.wire.attach({
      mac: PEER_MAC,
      promiscuous: true,
      mtu: 9000,
      memoryBytes: 8 << 20,
      dataBuffers: 16,
    });
  }

  get tcp(): Host['tcp'] {
    return this.host.tcp;
  }

  /** The only connection there is. */
  get connection(): Connection {
    const found = this.tcp.connections.find((c) => c !== null);
    if (found === undefined || found === null) throw new Error('there is no connection');
    return found;
  }

  get state(): string {
    const found = this.tcp.connections.find((c) => c !== null);
    if (found) return STATE_NAMES[found.state];
    return this.tcp.timeWait.size > 0 ? 'TIME-WAIT' : 'CLOSED';
  }

  listen(backlog?: number): void {
    this.tcp.listen(this.localPort, this.handler, backlog === undefined ? {} : { backlog });
  }

  /** Active open; the peer answers ARP. Afterwards the SYN is in `sent`. */
  connect(): Connection {
    const c = this.tcp.connect(ADDRESS_B, this.peerPort, this.handler)!;
    this.connectPort = c.localPort;
    this.hostIss = c.iss;
    this.turn();
    return c;
  }

  /** Passive open, all three segments: established, everything looked at. `options` go into the SYN. */
  establish(options = 'mss 1000', window = 60_000): Connection {
    this.listen();
    this.in(`S 0:0 win ${window} ${options}`);
    this.sent = [];
    this.in(`. 1:1 ack 1 win ${window}`);
    expect(this.state).toBe('ESTABLISHED');
    this.expectSilence();
    return this.connection;
  }

  /** The stack's owner writes `n` bytes of its stream; byte k of the stream is k mod 241. */
  write(n: number, c: Connection = this.connection): void {
    write(c, outgoing(this.written, n));
    this.written += n;
    this.turn();
  }
  private written = 1;

  /** Checks a segment's payload against the stream that `write` wrote. */
  expectPayload(segment: Sent): void {
    expect(Buffer.from(segment.payload).equals(outgoing(segment.start, segment.length))).toBe(true);
  }

  /** The peer sends a segment; see the top of the file. */
  in(text: string): void {
    this.inject(this.frame(text));
  }

  /** Several segments that arrive in one burst. */
  burst(...texts: string[]): void {
    for (const text of texts) this.host.link.inject(this.frame(text));
    this.turn();
  }

  inject(frame: Uint8Array): void {
    this.host.link.inject(frame);
    this.turn();
  }

  /** Time passes; timers fire at their own instants. */
  advance(ms: number): void {
    const endUs = this.clock.us + Math.round(ms * 1000);
    for (;;) {
      const nextUs = Math.max(this.host.nextDeadlineUs(), this.clock.us + 1);
      if (nextUs > endUs) break;
      this.clock.us = nextUs;
      this.turn();
    }
    this.clock.us = endUs;
    this.turn();
  }

  /** Exactly these segments were sent since the last look. */
  out(...texts: string[]): void {
    const got = this.sent;
    this.sent = [];
    if (got.length > 0) this.last = got[got.length - 1];
    expect(got.map((segment) => segment.text)).toEqual(texts);
  }

  expectSilence(): void {
    this.out();
  }

  /** Checks that the next segment is sent `ms` after now, and is this one. */
  outAfter(ms: number, text: string): void {
    const dueUs = this.clock.us + Math.round(ms * 1000);
    this.advance(ms - 0.001);
    this.expectSilence();
    this.advance(0.001);
    this.out(text);
    expect(this.last.atUs).toBe(dueUs);
  }

  /** The bytes that a reader must have got after the peer sent up to relative sequence number `end`. */
  expectReceived(end: number): void {
    expect(this.handler.received.equals(incoming(1, end - 1))).toBe(true);
  }

  /** One turn of the stack; answers ARP requests, collects segments. */
  turn(): void {
    for (;;) {
      this.host.turn(this.clock.us);
      this.wire.deliver();
      for (const frame of this.peer.takeReceived()) this.collect(frame);
      if (!this.host.link.pending()) return;
    }
  }

  /** An Ethernet frame with a segment of the peer. */
  frame(text: string): Uint8Array {
    const words = text.split(' ');
    const flags = words[0];
    const [start, end] = words[1].split(':').map(Number);
    const value = (name: string, fallback: number): number => {
      const at = words.indexOf(name);
      return at < 0 ? fallback : Number(words[at + 1]);
    };
    const options: number[] = [];
    const mss = value('mss', -1);
    if (mss >= 0) options.push(2, 4, mss >> 8, mss & 255);
    const wscale = value('wscale', -1);
    if (wscale >= 0) options.push(1, 3, 3, wscale);
    if (words.includes('sackok')) options.push(1, 1, 4, 2);
    const ts = words.indexOf('ts');
    if (ts >= 0 || this.tsVal >= 0) {
      const val = ts >= 0 ? Number(words[ts + 1]) : this.tsVal;
      const ecr = ts >= 0 ? Number(words[ts + 2]) : 0;
      options.push(1, 1, 8, 10, ...be32(val), ...be32(ecr));
    }
    const sack = words.indexOf('sack');
    if (sack >= 0) {
      const blocks = words[sack + 1].split(',').map((block) => block.split(':').map(Number));
      options.push(1, 1, 5, 2 + 8 * blocks.length);
      for (const edge of blocks.flat()) options.push(...be32((this.hostIss + edge) | 0));
    }
    const raw = words.find((word) => word.startsWith('raw='));
    if (raw !== undefined) options.push(...Buffer.from(raw.slice(4), 'hex'));
    while (options.length % 4 !== 0) options.push(0);
    const length = end - start;
    const headerBytes = 20 + options.length;
    const frame = new Uint8Array(ETHERNET + IP + headerBytes + length);
    const view = new DataView(frame.buffer);
    frame.set(this.host.link.mac, 0);
    frame.set(PEER_MAC, 6);
    view.setUint16(12, 0x0800);
    const source = value('from', ADDRESS_B);
    writeIp(view, ETHERNET, IP + headerBytes + length, source, ADDRESS_A, 6, value('tos', 0));
    const tcp = ETHERNET + IP;
    view.setUint16(tcp, value('sport', this.peerPort));
    view.setUint16(tcp + 2, value('dport', this.connectPort || this.localPort));
    view.setInt32(tcp + 4, (this.peerIss + start) | 0);
    view.setInt32(tcp + 8, flags.includes('.') ? (this.hostIss + value('ack', 0)) | 0 : 0);
    view.setUint16(tcp + 12, (headerBytes << 10) | flagBits(flags));
    view.setUint16(tcp + 14, value('win', 60_000));
    frame.set(options, tcp + 20);
    frame.set(incoming(start, length), tcp + headerBytes);
    view.setUint16(tcp + 16, checksum(frame, tcp, frame.length, pseudo(view, frame.length - tcp)));
    return frame;
  }

  private collect(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset);
    if (view.getUint16(12) === 0x0806) {
      this.answerArp(frame, view);
      return;
    }
    const tcp = ETHERNET + IP;
    const total = view.getUint16(ETHERNET + 2);
    expect(checksum(frame, ETHERNET, ETHERNET + IP, 0), 'IPv4 header checksum').toBe(0);
    expect(checksum(frame, tcp, ETHERNET + total, pseudo(view, total - IP)), 'TCP checksum').toBe(0);
    this.sent.push(this.parse(frame.subarray(0, ETHERNET + total), view));
  }

  private parse(frame: Uint8Array, view: DataView): Sent {
    const tcp = ETHERNET + IP;
    const headerBytes = (frame[tcp + 12] >> 4) * 4;
    const bits = frame[tcp + 13];
    const flags = flagText(bits);
    const isSyn = (bits & 2) !== 0;
    if (isSyn) this.hostIss = view.getInt32(tcp + 4);
    const start = (view.getInt32(tcp + 4) - this.hostIss) | 0;
    const hasAck = (bits & 16) !== 0;
    const ack = hasAck ? (view.getInt32(tcp + 8) - this.peerIss) | 0 : 0;
    const payload = frame.slice(tcp + headerBytes);
    const text = `${flags} ${start}:${start + payload.length}${hasAck ? ` ack ${ack}` : ''}`;
    return {
      text,
      atUs: this.clock.us,
      flags,
      start,
      length: payload.length,
      ack,
      window: view.getUint16(tcp + 14),
      payload,
      frame,
      ...this.parseOptions(view, tcp + 20, tcp + headerBytes),
    };
  }

  private parseOptions(
    view: DataView,
    from: number,
    end: number,
  ): Pick<Sent, 'mss' | 'wscale' | 'sackOk' | 'tsVal' | 'tsEcr' | 'hasTimestamps' | 'sack'> {
    let [mss, wscale, sackOk, tsVal, tsEcr, hasTimestamps] = [0, -1, false, 0, 0, false];
    const sack: [number, number][] = [];
    for (let at = from; at < end; ) {
      const kind = view.getUint8(at);
      if (kind === 0) break;
      if (kind === 1) {
        at++;
        continue;
      }
      const length = view.getUint8(at + 1);
      if (kind === 2) mss = view.getUint16(at + 2);
      if (kind === 3) wscale = view.getUint8(at + 2);
      if (kind === 4) sackOk = true;
      if (kind === 5) {
        for (let block = at + 2; block < at + length; block += 8) {
          sack.push([(view.getInt32(block) - this.peerIss) | 0, (view.getInt32(block + 4) - this.peerIss) | 0]);
        }
      }
      if (kind === 8) {
        hasTimestamps = true;
        tsVal = view.getInt32(at + 2);
        tsEcr = view.getInt32(at + 6);
      }
      at += length;
    }
    return { mss, wscale, sackOk, tsVal, tsEcr, hasTimestamps, sack };
  }

  private answerArp(request: Uint8Array, view: DataView): void {
    if (view.getUint16(20) !== 1 || view.getInt32(38) !== ADDRESS_B) return;
    const reply = new Uint8Array(42);
    reply.set(request.subarray(0, 42));
    reply.set(this.host.link.mac, 0);
    reply.set(PEER_MAC, 6);
    reply[21] = 2;
    reply.set(PEER_MAC, 22);
    reply.set(request.subarray(38, 42), 28);
    reply.set(request.subarray(22, 28), 32);
    reply.set(request.subarray(28, 32), 38);
    this.host.link.inject(reply);
  }
}

/** Bytes of the peer's stream from relative sequence number `start` on. */
export function incoming(start: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (start + i + 251_000) % 251));
}

/** Bytes of the stack's stream. */
export function outgoing(start: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => (start + i) % 241));
}

function flagBits(flags: string): number {
  let bits = 0;
  for (const flag of flags) bits |= { F: 1, S: 2, R: 4, P: 8, '.': 16, U: 32, E: 64, W: 128 }[flag] ?? 0;
  return bits;
}

function flagText(bits: number): string {
  const names = ['F', 'S', 'R', 'P', '.', '', 'E', 'W'];
  return names.filter((_, i) => (bits & (1 << i)) !== 0).join('');
}

function be32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

/** A 20-byte IPv4 header with its checksum. */
export function writeIp(
  view: DataView,
  at: number,
  total: number,
  source: number,
  destination: number,
  protocol = 6,
  tos = 0,
): void {
  view.setUint16(at, 0x4500 | tos);
  view.setUint16(at + 2, total);
  view.setUint16(at + 6, 0x4000);
  view.setUint8(at + 8, 64);
  view.setUint8(at + 9, protocol);
  view.setInt32(at + 12, source);
  view.setInt32(at + 16, destination);
  view.setUint16(at + 10, checksum(new Uint8Array(view.buffer, view.byteOffset), at, at + 20, 0));
}

/** RFC 1071, plainly: the complement of the one's-complement sum of big-endian words. */
export function checksum(bytes: Uint8Array, from: number, end: number, initial: number): number {
  let total = initial;
  for (let i = from; i < end; i += 2) total += (bytes[i] << 8) | (i + 1 < end ? bytes[i + 1] : 0);
  while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 0x1_0000);
  return ~total & 0xffff;
}

function pseudo(view: DataView, length: number): number {
  let total = 6 + length;
  for (let i = 0; i < 8; i += 2) total += view.getUint16(ETHERNET + 12 + i);
  return total;
}
