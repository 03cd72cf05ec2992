/**
 * Puts fragmented datagrams together again (RFC 791 §3.2, RFC 815): a block for each datagram, into which fragments are
 * copied where they belong, and a list of the runs of bytes that are there.
 *
 *   block                         payload = block + 128
 *   ├──── …│eth│ IPv4 header of the ┼▓▓▓▓ run ▓▓▓▓┊   hole   ┊▓▓ run ▓▓┊      hole …
 *   │          first fragment       │0           end0       start1    end1            total
 *
 * Bounded in memory, datagrams, runs and time. A fragment that brings nothing new is ignored; one that overlaps what is there
 * in part condemns the whole datagram: overlaps are made by attackers only (RFC 5722, and Linux for IPv4 too).
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import {
  FRAGMENT_OFFSET_MASK,
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_IDENTIFICATION,
  IPV4_MAX_BYTES,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  MORE_FRAGMENTS,
  writeIpv4Checksum,
} from '../wire/ipv4.ts';
import type { NetCounters } from './counters.ts';

export const REASSEMBLY_TIMEOUT_US = 30_000_000;
export const MAX_REASSEMBLY_BYTES = 4 << 20;
export const MAX_DATAGRAMS = 64;
/** Separate runs of one datagram at a time. */
export const MAX_RUNS = 64;

/** Room in front of the payload: an Ethernet header with a tag, and an IPv4 header with options. */
const HEAD_BYTES = 128;

/** Told about a datagram whose time is over and whose first fragment is there. */
export interface ReassemblyListener {
  reassemblyTimedOut(frame: number, ip: number, available: number): void;
}

class Datagram {
  source = 0;
  destination = 0;
  identification = 0;
  protocol = 0;
  deadlineUs = 0;
  block = 0;
  blockBytes = 0;
  /** Bytes from the payload back to the Ethernet header of the first fragment, or 0 while that is missing. */
  frameBytes = 0;
  headerBytes = 0;
  /** Payload bytes of the whole, or -1 until the last fragment is there. */
  totalBytes = -1;
  receivedBytes = 0;
  runs = 0;
  readonly starts = new Int32Array(MAX_RUNS);
  readonly ends = new Int32Array(MAX_RUNS);
}

export class Reassembler {
  /** The datagram that `input` completed: where its Ethernet header, IPv4 header and payload lie, until `release`. */
  frame = 0;
  ip = 0;
  payload = 0;
  payloadBytes = 0;
  usedBytes = 0;
  private complete: Datagram | null = null;
  /** Oldest first. */
  private readonly datagrams: Datagram[] = [];
  private readonly spare: Datagram[] = [];
  private readonly memory: PacketMemory;
  private readonly counters: NetCounters;
  private readonly listener: ReassemblyListener;
  private readonly maxBytes: number;

  constructor(
    memory: PacketMemory,
    counters: NetCounters,
    listener: ReassemblyListener,
    maxBytes: number = MAX_REASSEMBLY_BYTES,
  ) {
    this.memory = memory;
    this.counters = counters;
    this.listener = listener;
    this.maxBytes = maxBytes;
  }

  get pending(): number {
    return this.datagrams.length;
  }

  get nextDeadlineUs(): number {
    return this.datagrams.length === 0 ? Infinity : this.datagrams[0].deadlineUs;
  }

  /**
   * A fragment: its Ethernet header at `frame`, its verified IPv4 header at `ip`, then `length` payload bytes. True when it
   * completed a datagram: use `ip`, `payload`, `payloadBytes`, then call `release`.
   */
  input(frame: number, ip: number, headerBytes: number, length: number, nowUs: number): boolean {
    this.counters.fragmentsIn++;
    const field = this.memory.dv.getUint16(ip + IPV4_FRAGMENT, false);
    const start = (field & FRAGMENT_OFFSET_MASK) << 3;
    const end = start + length;
    const last = (field & MORE_FRAGMENTS) === 0;
    // Every fragment but the last is a multiple of 8 bytes (RFC 791 §3.2); none may end past the largest datagram.
    if (length === 0 || (!last && (length & 7) !== 0) || end + headerBytes > IPV4_MAX_BYTES) {
      this.counters.fragmentBadLength++;
      return false;
    }
    const datagram = this.find(ip) ?? this.open(ip, nowUs);
    if (!this.fits(datagram, end, last) || !this.reserve(datagram, end)) {
      this.discard(datagram);
      return false;
    }
    const verdict = addRun(datagram, start, end);
    if (verdict !== RUN_ADDED) {
      this.reject(datagram, verdict);
      return false;
    }
    this.memory.copy(datagram.block + HEAD_BYTES + start, ip + headerBytes, length);
    datagram.receivedBytes += length;
    if (last) datagram.totalBytes = end;
    if (start === 0) this.keepHeader(datagram, frame, ip, headerBytes);
    if (datagram.receivedBytes !== datagram.totalBytes) return false;
    return this.finish(datagram);
  }

  /** The completed datagram was used. */
  release(): void {
    if (this.complete === null) return;
    this.freeBlock(this.complete);
    this.spare.push(this.complete);
    this.complete = null;
  }

  /** Drops what did not become whole in time. */
  run(nowUs: number): void {
    while (this.datagrams.length > 0 && this.datagrams[0].deadlineUs <= nowUs) {
      const datagram = this.datagrams[0];
      this.counters.fragmentTimeout++;
      if (datagram.frameBytes > 0) {
        const payload = datagram.block + HEAD_BYTES;
        const available = datagram.headerBytes + datagram.ends[0];
        // RFC 792: no time exceeded message without fragment zero.
        this.listener.reassemblyTimedOut(payload - datagram.frameBytes, payload - datagram.headerBytes, available);
      }
      this.discard(datagram);
    }
  }

  /** Gives all memory back. */
  clear(): void {
    this.release();
    while (this.datagrams.length > 0) this.discard(this.datagrams[0]);
  }

  /** Fragments belong together by source, destination, protocol and identification (RFC 791 §3.2). */
  private find(ip: number): Datagram | null {
    const dv = this.memory.dv;
    const source = dv.getInt32(ip + IPV4_SOURCE, false);
    const destination = dv.getInt32(ip + IPV4_DESTINATION, false);
    const identification = dv.getUint16(ip + IPV4_IDENTIFICATION, false);
    const protocol = this.memory.u8[ip + IPV4_PROTOCOL];
    for (const datagram of this.datagrams) {
      if (
        datagram.identification === identification &&
        datagram.source === source &&
        datagram.destination === destination &&
        datagram.protocol === protocol
      ) {
        return datagram;
      }
    }
    return null;
  }

  private open(ip: number, nowUs: number): Datagram {
    if (this.datagrams.length >= MAX_DATAGRAMS) this.evictOldest();
    const dv = this.memory.dv;
    const datagram = this.spare.pop() ?? new Datagram();
    datagram.source = dv.getInt32(ip + IPV4_SOURCE, false);
    datagram.destination = dv.getInt32(ip + IPV4_DESTINATION, false);
    datagram.identification = dv.getUint16(ip + IPV4_IDENTIFICATION, false);
    datagram.protocol = this.memory.u8[ip + IPV4_PROTOCOL];
    datagram.deadlineUs = nowUs + REASSEMBLY_TIMEOUT_US;
    datagram.frameBytes = 0;
    datagram.headerBytes = 0;
    datagram.totalBytes = -1;
    datagram.receivedBytes = 0;
    datagram.runs = 0;
    this.datagrams.push(datagram);
    return datagram;
  }

  /** The datagram has one length, and nothing lies beyond it. */
  private fits(datagram: Datagram, end: number, last: boolean): boolean {
    const furthest = datagram.runs === 0 ? 0 : datagram.ends[datagram.runs - 1];
    const known = datagram.totalBytes;
    const fits = last ? (known < 0 || known === end) && furthest <= end : known < 0 || end <= known;
    if (!fits) this.counters.fragmentOverlap++;
    return fits;
  }

  /** Makes the block large enough for `end` payload bytes. */
  private reserve(datagram: Datagram, end: number): boolean {
    const need = HEAD_BYTES + end;
    if (need <= datagram.blockBytes) return true;
    const extents = this.memory.extents;
    const granted = Math.ceil(need / 16_384) * 16_384;
    while (this.usedBytes + granted > this.maxBytes && this.datagrams[0] !== datagram) this.evictOldest();
    const block = this.usedBytes + granted > this.maxBytes ? 0 : extents.alloc(granted);
    if (block === 0) {
      this.counters.fragmentNoMemory++;
      return false;
    }
    if (datagram.block !== 0) {
      this.memory.copy(block, datagram.block, datagram.blockBytes);
      this.freeBlock(datagram);
    }
    datagram.block = block;
    datagram.blockBytes = granted;
    this.usedBytes += granted;
    return true;
  }

  private reject(datagram: Datagram, verdict: number): void {
    if (verdict === RUN_DUPLICATE) {
      this.counters.fragmentDuplicate++;
      return;
    }
    if (verdict === RUN_OVERLAP) this.counters.fragmentOverlap++;
    else this.counters.fragmentTooMany++;
    this.discard(datagram);
  }

  /** The first fragment's headers are the datagram's. */
  private keepHeader(datagram: Datagram, frame: number, ip: number, headerBytes: number): void {
    datagram.headerBytes = headerBytes;
    datagram.frameBytes = ip + headerBytes - frame;
    this.memory.copy(datagram.block + HEAD_BYTES - datagram.frameBytes, frame, datagram.frameBytes);
  }

  private finish(datagram: Datagram): boolean {
    this.remove(datagram);
    this.complete = datagram;
    this.payload = datagram.block + HEAD_BYTES;
    this.payloadBytes = datagram.totalBytes;
    this.ip = this.payload - datagram.headerBytes;
    this.frame = this.payload - datagram.frameBytes;
    if (datagram.headerBytes + datagram.totalBytes > IPV4_MAX_BYTES) {
      this.counters.fragmentBadLength++;
      this.release();
      return false;
    }
    const dv = this.memory.dv;
    dv.setUint16(this.ip + IPV4_TOTAL_LENGTH, datagram.headerBytes + datagram.totalBytes, false);
    dv.setUint16(this.ip + IPV4_FRAGMENT, 0, false);
    writeIpv4Checksum(this.memory, this.ip, datagram.headerBytes);
    this.counters.fragmentsReassembled++;
    return true;
  }

  private evictOldest(): void {
    this.counters.fragmentEvicted++;
    this.discard(this.datagrams[0]);
  }

  private discard(datagram: Datagram): void {
    this.remove(datagram);
    this.freeBlock(datagram);
    this.spare.push(datagram);
  }

  private remove(datagram: Datagram): void {
    this.datagrams.splice(this.datagrams.indexOf(datagram), 1);
  }

  private freeBlock(datagram: Datagram): void {
    if (datagram.block === 0) return;
    this.memory.extents.free(datagram.block, datagram.blockBytes);
    this.usedBytes -= datagram.blockBytes;
    datagram.block = 0;
    datagram.blockBytes = 0;
  }
}

const RUN_ADDED = 0;
const RUN_DUPLICATE = 1;
const RUN_OVERLAP = 2;
const RUN_LIMIT = 3;

/** Adds start…end to the sorted, separate runs, joining neighbours. */
function addRun(datagram: Datagram, start: number, end: number): number {
  const { starts, ends } = datagram;
  let i = 0;
  while (i < datagram.runs && ends[i] < start) i++;
  // Run i, if any, is the first that touches or follows the new bytes.
  if (i < datagram.runs && starts[i] <= start && end <= ends[i]) return RUN_DUPLICATE;
  const joinsLeft = i < datagram.runs && ends[i] === start;
  const right = joinsLeft ? i + 1 : i;
  if (right < datagram.runs && starts[right] < end) return RUN_OVERLAP;
  const joinsRight = right < datagram.runs && starts[right] === end;
  if (joinsLeft && joinsRight) {
    ends[i] = ends[right];
    removeRun(datagram, right);
  } else if (joinsLeft) ends[i] = end;
  else if (joinsRight) starts[right] = start;
  else {
    if (datagram.runs === MAX_RUNS) return RUN_LIMIT;
    starts.copyWithin(i + 1, i, datagram.runs);
    ends.copyWithin(i + 1, i, datagram.runs);
    starts[i] = start;
    ends[i] = end;
    datagram.runs++;
  }
  return RUN_ADDED;
}

function removeRun(datagram: Datagram, index: number): void {
  datagram.starts.copyWithin(index, index + 1, datagram.runs);
  datagram.ends.copyWithin(index, index + 1, datagram.runs);
  datagram.runs--;
}
