/**
 * An Ethernet link on an existing interface through AF_PACKET. Frames arrive in a TPACKET_V2 ring that is mapped into packet
 * memory, and leave straight from the send queues; vnet headers bring partial checksums and super-segments both ways.
 *
 *   block │ slot: tpacket2_hdr … vnet │ frame …          │ slot …  │ ×15  │ rest │
 *            status ──▶ USER: ours until release() writes KERNEL
 *
 * The kernel sees the same frames. It ignores those to an address that is not its own; for one that is, `match` names a
 * port, and a tcx program drops what the socket has seen before the kernel's TCP could answer with a reset.
 */
import { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { check, EEXIST, EINVAL } from '../native/error.ts';
import { bringUp, type InterfaceInfo, interfaceInfo, takeDown } from '../native/interface.ts';
import { type Match, matchNumbers } from '../native/match.ts';
import { baseAddress, unmap } from '../native/memory.ts';
import {
  type PacketCalls,
  packetCalls,
  TP_STATUS_KERNEL,
  TP_STATUS_USER,
  TP_STATUS_VLAN_TPID_VALID,
  TP_STATUS_VLAN_VALID,
} from '../native/packet.ts';
import { Resources } from '../native/resources.ts';
import { type WaitCalls, waitCalls } from '../native/wait.ts';
import { BURST, type Link, type LinkCapabilities, type LinkStats } from './link.ts';
import { loadAcquire, storeRelease } from './ring.ts';
import {
  dataBuffersFor,
  receivedFlags,
  SUPER_BUFFER_BYTES,
  SUPER_FRAME_BYTES,
  VNET_HEADER_BYTES,
  VnetQueue,
} from './vnet.ts';

export interface PacketLinkOptions {
  readonly memory: PacketMemory;
  readonly interfaceName: string;
  readonly match: Match;
  /** Our hardware address, when it is not the interface's (the interface then becomes promiscuous while we are open). */
  readonly mac?: Uint8Array;
  /** Receive slots, 66 KB of kernel memory each; 960 by default, for a thousand connections that ask at once. */
  readonly rxSlots?: number;
  readonly dataBuffers?: number;
  readonly controlBuffers?: number;
  /** Receive what this machine sends through the interface, too: for those who watch. */
  readonly outgoing?: boolean;
  /** Shares the interface with other links of the same group number, flow by flow. */
  readonly fanoutGroup?: number;
}

/** Blocks of a power of two: the kernel allocates them that way, and would waste the rest. */
const BLOCK_BYTES = 1 << 20;
const SLOTS_PER_BLOCK = Math.floor(BLOCK_BYTES / SUPER_FRAME_BYTES);
const DEFAULT_RX_SLOTS = 64 * SLOTS_PER_BLOCK;
const TX_QUEUE_FRAMES = 512;
const TX_BUFFER_BYTES = 16 << 20;

/** Words and half-words of struct tpacket2_hdr (<linux/if_packet.h>). */
const STATUS = 0;
const LENGTH = 1;
const CAPTURED_LENGTH = 2;
const SECONDS = 4;
const NANOSECONDS = 5;
const MAC_OFFSET_HALF = 6;
const VLAN_TCI_HALF = 12;
const VLAN_TPID_HALF = 13;
/** struct sockaddr_ll lies behind it, aligned to 16: its sll_pkttype. */
const PACKET_TYPE = 32 + 10;
const PACKET_OUTGOING = 4;
/** EtherType of a VLAN tag (IEEE 802.1Q), for kernels that don't say. */
const TPID_8021Q = 0x8100;

export class PacketLink implements Link {
  readonly kind = 'packet';
  readonly name: string;
  readonly memory: PacketMemory;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly capabilities: LinkCapabilities;
  readonly data: BufferPool;
  readonly control: BufferPool;
  readonly rxOffset = new Int32Array(BURST);
  readonly rxLength = new Int32Array(BURST);
  readonly rxFlags = new Int32Array(BURST);

  /** The socket, for a loop that sleeps on several links at once. */
  readonly fd: number;
  private readonly base: number;
  private readonly calls: PacketCalls;
  private readonly waits: WaitCalls;
  private readonly queue: VnetQueue;
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  private readonly u16: Uint16Array;
  /** Offset of each slot, in ring order. */
  private readonly slots: Int32Array;
  /** The next slot that the kernel fills; the `held` slots before it are ours. */
  private slot = 0;
  private held = 0;
  private readonly counters: LinkStats;
  private readonly resources: Resources;
  private open = true;

  private constructor(
    options: PacketLinkOptions,
    info: InterfaceInfo,
    resources: Resources,
    fd: number,
    slots: Int32Array,
  ) {
    const memory = options.memory;
    this.resources = resources;
    this.fd = fd;
    this.slots = slots;
    this.memory = memory;
    this.name = info.name;
    this.mac = options.mac ?? info.mac;
    this.data = new BufferPool(memory, options.dataBuffers ?? dataBuffersFor(memory), SUPER_BUFFER_BYTES);
    this.control = new BufferPool(memory, options.controlBuffers ?? 4096, 2048);
    this.mtu = Math.min(info.mtu, this.data.capacity);
    this.capabilities = { gather: true, checksumOffload: true, segmentationBytes: this.data.capacity };
    this.queue = new VnetQueue(memory, TX_QUEUE_FRAMES, this.control);
    this.base = baseAddress(memory);
    this.calls = packetCalls();
    this.waits = waitCalls();
    this.i32 = memory.i32;
    this.u8 = memory.u8;
    this.u16 = memory.u16;
    this.counters = { rxFrames: 0, rxBytes: 0, txFrames: 0, txBytes: 0, rxDropped: 0, txDropped: 0, kicks: 0 };
  }

  /** Opens the link; brings the interface up if it is down. Throws a NativeError and leaves nothing behind when it can't. */
  static open(options: PacketLinkOptions): PacketLink {
    return Resources.opening((resources) => {
      const calls = packetCalls();
      const info = interfaceInfo(options.interfaceName);
      if (!info.up) {
        bringUp(info.name);
        resources.add(() => takeDown(info.name));
      }
      const fd = resources.fd(check(calls.socket(), `open a packet socket on ${info.name}`));
      check(calls.filter(fd, ...matchNumbers(options.match)), 'attach the packet filter');
      if (options.outgoing === true) check(calls.outgoing(fd, 1), 'receive outgoing frames');
      const slots = mapRing(options, resources, fd);
      const link = new PacketLink(options, info, resources, fd, slots);
      if (options.mac !== undefined)
        resources.fd(check(calls.promiscuous(info.index), `make ${info.name} promiscuous`));
      // Before the first frame can come: a SYN that is dropped now is sent again, one that is reset is not.
      if (options.match.kind === 'port') hidePort(options.match, info, resources);
      check(calls.bind(fd, info.index, TX_BUFFER_BYTES), `bind the packet socket to ${info.name}`);
      if (options.fanoutGroup !== undefined) {
        check(calls.fanout(fd, options.fanoutGroup, 0), `join packet fanout group ${options.fanoutGroup}`);
      }
      return link;
    });
  }

  /** Counted since open; asks the kernel for its drops. */
  get stats(): LinkStats {
    if (this.open) this.counters.rxDropped += Math.max(0, this.calls.drops(this.fd));
    return this.counters;
  }

  receive(): number {
    const i32 = this.i32;
    let n = 0;
    while (n < BURST && this.held < this.slots.length) {
      const at = this.slots[this.slot];
      const header = at >> 2;
      const status = loadAcquire(i32, header + STATUS);
      if ((status & TP_STATUS_USER) === 0) break;
      this.slot = this.slot + 1 === this.slots.length ? 0 : this.slot + 1;
      this.held++;
      const length = i32[header + CAPTURED_LENGTH];
      if (length === i32[header + LENGTH]) this.take(n++, at, length, status);
      else this.counters.rxDropped++; // longer than a slot: only its beginning is here
    }
    this.counters.rxFrames += n;
    if (n === 0) this.release(); // only slots that were dropped, if any
    return n;
  }

  private take(n: number, at: number, length: number, status: number): void {
    let frame = at + this.u16[(at >> 1) + MAC_OFFSET_HALF];
    this.rxFlags[n] = receivedFlags(this.u8[frame - VNET_HEADER_BYTES]);
    if ((status & TP_STATUS_VLAN_VALID) !== 0) {
      // The tag was taken out of the frame: the addresses move up, over the vnet header, and it goes back in.
      const u8 = this.u8;
      const tci = this.u16[(at >> 1) + VLAN_TCI_HALF];
      for (let i = 0; i < 12; i++) u8[frame - 4 + i] = u8[frame + i];
      const tpid = (status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? this.u16[(at >> 1) + VLAN_TPID_HALF] : TPID_8021Q;
      u8[frame + 8] = tpid >> 8;
      u8[frame + 9] = tpid & 0xff;
      u8[frame + 10] = tci >> 8;
      u8[frame + 11] = tci & 0xff;
      frame -= 4;
      length += 4;
    }
    this.rxOffset[n] = frame;
    this.rxLength[n] = length;
    this.counters.rxBytes += length;
  }

  /**
   * When the kernel saw a frame of the last receive(): microseconds since 1970, with a fraction (native/wall-clock.ts). For
   * tools that measure; it looks the frame's slot up.
   */
  arrivalUs(frame: number): number {
    const at = this.slots.findLast((slot) => slot < frame) ?? this.slots[0];
    const header = at >> 2;
    return (this.i32[header + SECONDS] >>> 0) * 1e6 + this.i32[header + NANOSECONDS] / 1000;
  }

  /** Whether this machine sent a frame of the last receive(); only with `outgoing`. It looks the frame's slot up. */
  isOutgoing(frame: number): boolean {
    const at = this.slots.findLast((slot) => slot < frame) ?? this.slots[0];
    return this.u8[at + PACKET_TYPE] === PACKET_OUTGOING;
  }

  release(): void {
    const count = this.slots.length;
    let slot = this.slot - this.held;
    if (slot < 0) slot += count;
    for (; this.held > 0; this.held--) {
      storeRelease(this.i32, this.slots[slot] >> 2, TP_STATUS_KERNEL);
      slot = slot + 1 === count ? 0 : slot + 1;
    }
  }

  transmit(
    pool: BufferPool,
    buffer: number,
    headerOffset: number,
    headerLength: number,
    payloadOffset: number,
    payloadLength: number,
    l4Offset: number,
    mss: number,
  ): void {
    if (this.queue.count === TX_QUEUE_FRAMES) this.flush();
    this.queue.push(pool, buffer, headerOffset, headerLength, payloadOffset, payloadLength, l4Offset, mss);
  }

  flush(): void {
    const queue = this.queue;
    if (queue.count === 0) return;
    const sent = this.calls.send(this.fd, this.base, queue.descriptors, queue.count);
    this.counters.kicks++;
    this.counters.txFrames += sent;
    this.counters.txBytes += queue.bytes;
    this.counters.txDropped += queue.count - sent;
    queue.complete();
  }

  pending(): boolean {
    return (loadAcquire(this.i32, this.slots[this.slot] >> 2) & TP_STATUS_USER) !== 0;
  }

  wait(wakeFd: number, timeoutUs: number): void {
    this.waits.wait(this.fd, wakeFd, timeoutUs);
  }

  close(): void {
    this.open = false;
    this.resources.release();
  }
}

/** Maps the receive ring into packet memory; returns the offset of each slot. */
function mapRing(options: PacketLinkOptions, resources: Resources, fd: number): Int32Array {
  const { memory, interfaceName } = options;
  const blocks = Math.max(1, Math.ceil((options.rxSlots ?? DEFAULT_RX_SLOTS) / SLOTS_PER_BLOCK));
  const offset = memory.reserve(blocks * BLOCK_BYTES);
  resources.add(() => unmap(memory, offset, blocks * BLOCK_BYTES));
  check(
    packetCalls().ring(fd, baseAddress(memory), offset, BLOCK_BYTES, blocks, SUPER_FRAME_BYTES),
    `map a receive ring of ${blocks} MiB on ${interfaceName}`,
  );
  const slots = new Int32Array(blocks * SLOTS_PER_BLOCK);
  for (let i = 0; i < slots.length; i++) {
    slots[i] = offset + Math.floor(i / SLOTS_PER_BLOCK) * BLOCK_BYTES + (i % SLOTS_PER_BLOCK) * SUPER_FRAME_BYTES;
  }
  return slots;
}

/** Keeps frames to our port of the host's address from the kernel's TCP, once the packet socket has seen them. */
function hidePort(match: { address: number; port: number }, info: InterfaceInfo, resources: Resources): void {
  const calls = packetCalls();
  const log = new Uint8Array(16_384);
  const tooOld = 'tcx needs Linux 6.6: use --io xdp, or an address of your own (--ip)';
  const program = resources.fd(
    check(calls.tcxProgram(match.address, match.port, log, log.length), 'load the tcx program', { [EINVAL]: tooOld }),
  );
  resources.fd(
    check(calls.tcxAttach(program, info.index), `attach the tcx program to ${info.name}`, {
      [EINVAL]: tooOld,
      [EEXIST]: 'another rtcp serves there',
    }),
  );
}
