/**
 * One direction of the relay: takes frames off one link, decides the fate of each packet, and gives what survives to another
 * link when it is due.
 *
 *   super-frame │ headers │ seg 0 │ seg 1 │ seg 2 │ seg 3 │          each segment is a packet: its own fate
 *                                    lost ↑
 *        runs   │ headers │ seg 0 │      │ headers │ seg 2 │ seg 3 │  kept in a ring of packet memory until they are due
 *
 * Links with vnet headers carry super-segments of up to 64 KB. A card would cut them before the wire and join them after it; so
 * survivors that stood together travel together, and the relay's cost is for each run, not for each packet.
 */
import type { Conditions, Fate } from '../../../src/lib/link/impairment.ts';
import { Impairment } from '../../../src/lib/link/impairment.ts';
import type { PacketLink } from '../../../src/lib/link/packet.ts';
import { VNET_HEADER_BYTES } from '../../../src/lib/link/vnet.ts';
import type { PacketMemory } from '../../../src/lib/memory/packet-memory.ts';
import type { Random } from '../../../src/lib/random.ts';
import { fold, pseudoHeader } from '../../../src/lib/wire/checksum.ts';
import { ETHERNET_HEADER_BYTES, ETHERNET_TYPE, ETHERTYPE_IPV4 } from '../../../src/lib/wire/ethernet.ts';
import {
  IPV4_DESTINATION,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  ipv4Fragment,
  ipv4HeaderBytes,
  ipv4Protocol,
  ipv4TotalLength,
  PROTOCOL_TCP,
  writeIpv4Checksum,
} from '../../../src/lib/wire/ipv4.ts';
import {
  CWR,
  FIN,
  PSH,
  TCP_CHECKSUM,
  TCP_FLAGS,
  TCP_SEQUENCE,
  tcpHeaderBytes,
  tcpSequence,
} from '../../../src/lib/wire/tcp.ts';

/** Runs that wait at most, a power of two. */
const MAX_RUNS = 1 << 16;
/** From the vnet header's start to the payload bytes of each packet of a super-segment. */
const VNET_SEGMENT_BYTES = 4;
/** DON'T FRAGMENT is all that a whole datagram may have there. */
const FRAGMENT_BITS = 0x3fff;

export class DelayLine {
  packets = 0;
  overrun = 0;
  impairment: Impairment;
  private readonly memory: PacketMemory;
  private readonly to: PacketLink;
  // The ring: bytes first, and the runs in it in the order of their departure
  private readonly base: number;
  private readonly capacity: number;
  private writeAt = 0;
  private readonly dueUs = new Float64Array(MAX_RUNS);
  private readonly at = new Int32Array(MAX_RUNS);
  private readonly headerBytes = new Int32Array(MAX_RUNS);
  private readonly payloadBytes = new Int32Array(MAX_RUNS);
  /** Where the TCP header begins, in the frame; 0 for what is not TCP. */
  private readonly l4Offset = new Int32Array(MAX_RUNS);
  private readonly segmentBytes = new Int32Array(MAX_RUNS);
  private first = 0;
  private count = 0;

  constructor(memory: PacketMemory, to: PacketLink, ringBytes: number, random: Random) {
    this.memory = memory;
    this.to = to;
    this.capacity = ringBytes;
    this.base = memory.extents.alloc(ringBytes);
    if (this.base === 0) throw new RangeError(`no room for a delay line of ${ringBytes} bytes`);
    this.impairment = new Impairment({}, random);
  }

  /** Counts from zero, by new conditions. */
  reset(conditions: Conditions, random: Random): void {
    this.impairment = new Impairment(conditions, random);
    this.packets = 0;
    this.overrun = 0;
  }

  /** When the next run leaves; Infinity when none waits. */
  get nextUs(): number {
    return this.count === 0 ? Infinity : this.dueUs[this.first];
  }

  /** A frame arrived from a link with vnet headers. */
  take(frame: number, length: number, nowUs: number): void {
    const memory = this.memory;
    const ip = frame + ETHERNET_HEADER_BYTES;
    const isTcp =
      memory.dv.getUint16(frame + ETHERNET_TYPE, false) === ETHERTYPE_IPV4 &&
      ipv4Protocol(memory, ip) === PROTOCOL_TCP &&
      (ipv4Fragment(memory, ip) & FRAGMENT_BITS) === 0;
    if (!isTcp) {
      for (const fate of this.decide(length, nowUs)) this.store(frame, length, 0, 0, 0, 0, fate.dueUs);
      return;
    }
    const l4Offset = ETHERNET_HEADER_BYTES + ipv4HeaderBytes(memory, ip);
    const headerBytes = l4Offset + tcpHeaderBytes(memory, frame + l4Offset);
    const payloadBytes = ETHERNET_HEADER_BYTES + ipv4TotalLength(memory, ip) - headerBytes; // Ethernet's padding is dropped
    const mss = memory.dv.getUint16(frame - VNET_HEADER_BYTES + VNET_SEGMENT_BYTES, true) || payloadBytes;
    this.takeSegments(frame, headerBytes, payloadBytes, l4Offset, mss, nowUs);
  }

  /** Cuts at the packets that are lost, and where the next one is due at another time. */
  private takeSegments(
    frame: number,
    headerBytes: number,
    payloadBytes: number,
    l4Offset: number,
    mss: number,
    nowUs: number,
  ): void {
    let start = 0;
    let runDueUs = -1;
    for (let at = 0; at < payloadBytes || at === 0; at += mss) {
      const n = Math.min(mss, payloadBytes - at);
      const [fate] = this.decide(headerBytes + n, nowUs); // one copy: nothing is duplicated here
      const dueUs = fate === undefined ? -1 : fate.dueUs;
      if (dueUs !== runDueUs) {
        if (runDueUs >= 0) this.storeRun(frame, headerBytes, payloadBytes, l4Offset, mss, start, at, runDueUs);
        start = at;
        runDueUs = dueUs;
      }
      if (n <= 0) break;
    }
    if (runDueUs >= 0) {
      this.storeRun(frame, headerBytes, payloadBytes, l4Offset, mss, start, payloadBytes, runDueUs);
    }
  }

  /** Stores payload bytes [start, end) of a frame as a frame of their own: sequence number, lengths, flags and checksums. */
  private storeRun(
    frame: number,
    headerBytes: number,
    payloadBytes: number,
    l4Offset: number,
    mss: number,
    start: number,
    end: number,
    dueUs: number,
  ): void {
    const copy = this.store(frame, headerBytes, frame + headerBytes + start, end - start, l4Offset, mss, dueUs);
    if (copy < 0) return;
    const { memory } = this;
    const ip = copy + ETHERNET_HEADER_BYTES;
    const tcp = copy + l4Offset;
    const ipBytes = headerBytes - ETHERNET_HEADER_BYTES + end - start;
    memory.dv.setUint16(ip + IPV4_TOTAL_LENGTH, ipBytes, false);
    writeIpv4Checksum(memory, ip, l4Offset - ETHERNET_HEADER_BYTES);
    memory.dv.setInt32(tcp + TCP_SEQUENCE, tcpSequence(memory, tcp) + start, false);
    if (end < payloadBytes) memory.u8[tcp + TCP_FLAGS] &= ~(FIN | PSH);
    if (start > 0) memory.u8[tcp + TCP_FLAGS] &= ~CWR;
    const source = memory.dv.getInt32(ip + IPV4_SOURCE, false);
    const destination = memory.dv.getInt32(ip + IPV4_DESTINATION, false);
    const tcpBytes = headerBytes - l4Offset + end - start;
    memory.dv.setUint16(tcp + TCP_CHECKSUM, fold(pseudoHeader(source, destination, PROTOCOL_TCP, tcpBytes)), true);
  }

  /** Keeps header and payload, one behind the other; returns where, or -1 when there is no room. */
  private store(
    header: number,
    headerBytes: number,
    payload: number,
    payloadBytes: number,
    l4Offset: number,
    mss: number,
    dueUs: number,
  ): number {
    const at = this.allocate(headerBytes + payloadBytes);
    if (at < 0) {
      this.overrun++;
      return -1;
    }
    this.memory.copy(at, header, headerBytes);
    if (payloadBytes > 0) this.memory.copy(at + headerBytes, payload, payloadBytes);
    const i = (this.first + this.count++) & (MAX_RUNS - 1);
    this.dueUs[i] = dueUs;
    this.at[i] = at;
    this.headerBytes[i] = headerBytes;
    this.payloadBytes[i] = payloadBytes;
    this.l4Offset[i] = l4Offset;
    this.segmentBytes[i] = payloadBytes > mss ? mss : 0;
    return at;
  }

  /** Room in one piece for `n` bytes, on a word boundary; -1: none. Runs leave in order, so what is used is one arc. */
  private allocate(n: number): number {
    if (this.count === MAX_RUNS) return -1;
    const used = this.count === 0 ? -1 : this.at[this.first] - this.base;
    let at = this.writeAt;
    if (at + n > this.capacity) {
      if (used >= at) return -1; // the arc reaches over the ring's end already
      at = 0;
    }
    if (used >= at && at + n >= used) return -1;
    this.writeAt = (at + n + 3) & ~3;
    return this.base + at;
  }

  private decide(bytes: number, nowUs: number): readonly Fate[] {
    this.packets++;
    return this.impairment.decide(bytes, nowUs);
  }

  /** Gives the link what is due. The caller flushes before the next take(): the payload is sent from the ring. */
  emit(nowUs: number): void {
    while (this.count > 0 && this.dueUs[this.first] <= nowUs) {
      this.transmit(this.first);
      this.first = (this.first + 1) & (MAX_RUNS - 1);
      this.count--;
    }
  }

  private transmit(i: number): void {
    const { control } = this.to;
    const id = control.alloc();
    if (id === 0) {
      this.overrun++;
      return;
    }
    // What is not TCP was stored as header alone, whatever its length; it goes as payload, behind its Ethernet header.
    const headerBytes = this.l4Offset[i] === 0 ? ETHERNET_HEADER_BYTES : this.headerBytes[i];
    const payloadBytes = this.headerBytes[i] + this.payloadBytes[i] - headerBytes;
    const header = control.payload(id) - headerBytes;
    this.memory.copy(header, this.at[i], headerBytes);
    const payload = this.at[i] + headerBytes;
    this.to.transmit(control, id, header, headerBytes, payload, payloadBytes, this.l4Offset[i], this.segmentBytes[i]);
    control.release(id);
  }
}
