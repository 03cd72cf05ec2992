/**
 * An Ethernet link through AF_XDP (Documentation/networking/af_xdp.rst). The kernel puts frames into chunks of packet memory
 * and takes them from there; four rings, mapped into packet memory too, say which.
 *
 *   umem   │ rxBuffers chunks of 2 KB │ txBuffers chunks: the buffer pool │
 *
 *   fill ring ──▶ kernel ──▶ RX ring ──▶ receive() ── release() ──▶ fill ring
 *   transmit() ──▶ TX ring ──▶ flush(): kick ──▶ completion ring ──▶ pool.completed()
 *
 * Where the kernel can (Linux 6.6), a frame longer than a chunk comes as several descriptors, which are joined here; where it
 * can (6.8), it fills TCP checksums in, told by 24 bytes of metadata before the frame.
 */
import { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { baseAddress } from '../native/memory.ts';
import { Resources } from '../native/resources.ts';
import { type WaitCalls, waitCalls } from '../native/wait.ts';
import {
  XDP_PKT_CONTD,
  XDP_RING_NEED_WAKEUP,
  XDP_TX_METADATA,
  XDP_TXMD_FLAGS_CHECKSUM,
  type XdpCalls,
  xdpCalls,
} from '../native/xdp.ts';
import { BURST, type Link, type LinkCapabilities, type LinkStats } from './link.ts';
import { loadAcquire, storeRelease } from './ring.ts';
import {
  CHUNK_BYTES,
  openSocket,
  type Ring,
  TX_METADATA_BYTES,
  type XdpLinkOptions,
  type XdpSocket,
} from './xdp-open.ts';

/** What one descriptor holds of a received frame: a chunk less the kernel's headroom (256) and ours (2). */
const RX_DESCRIPTOR_BYTES = CHUNK_BYTES - 258;
const ETHERNET_HEADER_BYTES = 14;
/** Frames of several descriptors are joined here: one burst's worth, each at most MAX_JOINED_BYTES. */
const JOIN_AREA_BYTES = 1 << 20;
const MAX_JOINED_BYTES = 65_536 + 256;
/** Bytes from the TCP header to its checksum (RFC 9293, 3.1). */
const TCP_CHECKSUM_OFFSET = 16;
/** With frames left in the TX ring (the device's queue is full), a sleep ends after this to try again. */
const RETRY_US = 1000;

export class XdpLink implements Link {
  readonly kind = 'xdp';
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
  /** How the program is attached and how frames cross: for people. */
  readonly mode: 'native' | 'generic';
  readonly zeroCopy: boolean;
  /** Frames longer than a chunk arrive; without it the sender's TCP segmentation offload must be off. */
  readonly multiBuffer: boolean;

  private readonly fd: number;
  private readonly calls: XdpCalls;
  private readonly waits: WaitCalls;
  private readonly i32: Int32Array;
  private readonly dv: DataView;
  private readonly umem: number;
  private readonly rx: Ring;
  private readonly tx: Ring;
  private readonly fill: Ring;
  private readonly completion: Ring;
  /** Our indices; they wrap at 2^32 as the kernel's do. `held` RX descriptors are between receive() and release(). */
  private rxConsumer = 0;
  private held = 0;
  private fillProducer = 0;
  private txProducer = 0;
  private txPublished = 0;
  private completionConsumer = 0;
  private readonly joinArea: number;
  private joined = 0;
  private joinDropped = 0;
  private readonly kernelCounters = new Float64Array(6);
  private readonly counters: LinkStats;
  private readonly resources: Resources;
  private open = true;

  private constructor(options: XdpLinkOptions, socket: XdpSocket, resources: Resources) {
    const memory = options.memory;
    this.resources = resources;
    this.memory = memory;
    this.name = socket.info.name;
    this.mac = options.mac ?? socket.info.mac;
    this.mtu = Math.min(socket.info.mtu, RX_DESCRIPTOR_BYTES - ETHERNET_HEADER_BYTES);
    this.mode = socket.mode;
    this.zeroCopy = socket.zeroCopy;
    this.multiBuffer = socket.multiBuffer;
    this.capabilities = { gather: false, checksumOffload: socket.checksumOffload, segmentationBytes: 0 };
    this.data = new BufferPool(memory, socket.txBuffers, CHUNK_BYTES, socket.umem + socket.rxBuffers * CHUNK_BYTES);
    this.control = this.data;
    this.fd = socket.fd;
    this.calls = xdpCalls();
    this.waits = waitCalls();
    this.i32 = memory.i32;
    this.dv = memory.dv;
    this.umem = socket.umem;
    this.rx = socket.rings[0];
    this.tx = socket.rings[1];
    this.fill = socket.rings[2];
    this.completion = socket.rings[3];
    this.joinArea = socket.multiBuffer ? memory.reserve(JOIN_AREA_BYTES) : 0;
    this.counters = { rxFrames: 0, rxBytes: 0, txFrames: 0, txBytes: 0, rxDropped: 0, txDropped: 0, kicks: 0 };
    for (let i = 0; i < socket.rxBuffers; i++) this.giveChunk(i * CHUNK_BYTES);
    storeRelease(this.i32, this.fill.producer, this.fillProducer);
  }

  /** Opens the link. Throws a NativeError and leaves nothing behind when it can't. */
  static open(options: XdpLinkOptions): XdpLink {
    return Resources.opening((resources) => {
      const socket = openSocket(options, baseAddress(options.memory), resources);
      const link = new XdpLink(options, socket, resources);
      socket.start(); // the fill ring is full: frames may come
      return link;
    });
  }

  /** Counted since open; asks the kernel for its drops. */
  get stats(): LinkStats {
    if (this.open && this.calls.statistics(this.fd, this.kernelCounters) >= 0) {
      const [dropped, , , ringFull] = this.kernelCounters;
      this.counters.rxDropped = dropped + ringFull + this.joinDropped;
    }
    return this.counters;
  }

  receive(): number {
    this.reap();
    const i32 = this.i32;
    const rx = this.rx;
    const available = (loadAcquire(i32, rx.producer) - this.rxConsumer) | 0;
    this.joined = 0;
    let n = 0;
    let used = 0;
    while (n < BURST && used < available) {
      const d = rx.descriptors + (((this.rxConsumer + used) & rx.mask) << 2);
      if ((i32[d + 3] & XDP_PKT_CONTD) === 0) {
        this.rxOffset[n] = this.umem + i32[d];
        this.rxLength[n] = i32[d + 2];
        used++;
        n++;
      } else {
        const taken = this.join(n, used, available);
        if (taken === 0) break; // its end is not here yet, or the area is full: the next burst
        used += taken;
        if (this.rxLength[n] > 0) n++;
      }
    }
    this.held = used;
    if (n > 0) this.count(n);
    else this.release(); // only what was dropped, if anything
    return n;
  }

  private count(frames: number): void {
    let bytes = 0;
    for (let i = 0; i < frames; i++) bytes += this.rxLength[i];
    this.counters.rxBytes += bytes;
    this.counters.rxFrames += frames;
  }

  /**
   * Joins the frame that begins at the `first` waiting descriptor into frame n of the burst. Returns the descriptors taken,
   * or 0 when it must wait. A frame that is longer than any datagram is taken and gets length 0.
   */
  private join(n: number, first: number, available: number): number {
    const i32 = this.i32;
    const rx = this.rx;
    let length = 0;
    let end = first;
    for (let more = true; more; end++) {
      if (end === available) return 0;
      const d = rx.descriptors + (((this.rxConsumer + end) & rx.mask) << 2);
      length += i32[d + 2];
      more = (i32[d + 3] & XDP_PKT_CONTD) !== 0;
    }
    this.rxLength[n] = 0;
    if (length > MAX_JOINED_BYTES) {
      this.joinDropped++;
      return end - first;
    }
    if (this.joined + length + 128 > JOIN_AREA_BYTES) return 0;
    let at = this.joinArea + this.joined + 2; // 2 mod 4, as every frame
    this.rxOffset[n] = at;
    this.rxLength[n] = length;
    this.joined = (this.joined + length + 127) & ~63;
    for (let i = first; i < end; i++) {
      const d = rx.descriptors + (((this.rxConsumer + i) & rx.mask) << 2);
      this.memory.copy(at, this.umem + i32[d], i32[d + 2]);
      at += i32[d + 2];
    }
    return end - first;
  }

  release(): void {
    const held = this.held;
    if (held === 0) return;
    const rx = this.rx;
    for (let i = 0; i < held; i++) {
      const d = rx.descriptors + (((this.rxConsumer + i) & rx.mask) << 2);
      this.giveChunk(this.i32[d] & -CHUNK_BYTES);
    }
    this.rxConsumer = (this.rxConsumer + held) | 0;
    this.held = 0;
    storeRelease(this.i32, rx.consumer, this.rxConsumer);
    storeRelease(this.i32, this.fill.producer, this.fillProducer);
  }

  /** Writes a chunk's address into the fill ring. There is always room: it has as many entries as there are RX chunks. */
  private giveChunk(address: number): void {
    const d = this.fill.descriptors + ((this.fillProducer & this.fill.mask) << 1);
    this.i32[d] = address;
    this.i32[d + 1] = 0;
    this.fillProducer = (this.fillProducer + 1) | 0;
  }

  transmit(
    pool: BufferPool,
    buffer: number,
    headerOffset: number,
    headerLength: number,
    _payloadOffset: number,
    payloadLength: number,
    l4Offset: number,
    _mss: number,
  ): void {
    const i32 = this.i32;
    const tx = this.tx;
    if (((this.txProducer - loadAcquire(i32, tx.consumer)) | 0) > tx.mask) {
      this.flush();
      if (((this.txProducer - loadAcquire(i32, tx.consumer)) | 0) > tx.mask) {
        this.counters.txDropped++;
        return;
      }
    }
    const length = headerLength + payloadLength;
    const d = tx.descriptors + ((this.txProducer & tx.mask) << 2);
    i32[d] = headerOffset - this.umem;
    i32[d + 1] = 0;
    i32[d + 2] = length;
    i32[d + 3] = l4Offset === 0 ? 0 : XDP_TX_METADATA;
    if (l4Offset !== 0) this.askForChecksum(headerOffset - TX_METADATA_BYTES, l4Offset);
    this.txProducer = (this.txProducer + 1) | 0;
    pool.inFlight[buffer]++;
    this.counters.txFrames++;
    this.counters.txBytes += length;
  }

  /** struct xsk_tx_metadata: u64 flags, u16 csum_start, u16 csum_offset (Documentation/networking/xsk-tx-metadata.rst). */
  private askForChecksum(at: number, l4Offset: number): void {
    const dv = this.dv;
    dv.setInt32(at, XDP_TXMD_FLAGS_CHECKSUM, true);
    dv.setInt32(at + 4, 0, true);
    dv.setInt32(at + 8, l4Offset | (TCP_CHECKSUM_OFFSET << 16), true);
  }

  flush(): void {
    const i32 = this.i32;
    const tx = this.tx;
    if (this.txPublished !== this.txProducer) {
      storeRelease(i32, tx.producer, this.txProducer);
      this.txPublished = this.txProducer;
    }
    if (this.unsent() && (i32[tx.flags] & XDP_RING_NEED_WAKEUP) !== 0) {
      this.calls.kick(this.fd);
      this.counters.kicks++;
      this.reap();
    }
    if (this.zeroCopy && (i32[this.fill.flags] & XDP_RING_NEED_WAKEUP) !== 0) this.calls.fillWakeup(this.fd);
  }

  /** Frames are in the TX ring that the kernel has not taken. */
  private unsent(): boolean {
    return loadAcquire(this.i32, this.tx.consumer) !== this.txPublished;
  }

  /** Reports frames that have left to the pool. */
  private reap(): void {
    const i32 = this.i32;
    const completion = this.completion;
    const producer = loadAcquire(i32, completion.producer);
    let consumer = this.completionConsumer;
    if (consumer === producer) return;
    const pool = this.data;
    while (consumer !== producer) {
      const address = i32[completion.descriptors + ((consumer & completion.mask) << 1)];
      pool.completed(pool.idOf(this.umem + address));
      consumer = (consumer + 1) | 0;
    }
    this.completionConsumer = consumer;
    storeRelease(i32, completion.consumer, consumer);
  }

  pending(): boolean {
    return loadAcquire(this.i32, this.rx.producer) !== this.rxConsumer;
  }

  wait(wakeFd: number, timeoutUs: number): void {
    const limited = this.unsent() && (timeoutUs < 0 || timeoutUs > RETRY_US);
    this.waits.wait(this.fd, wakeFd, limited ? RETRY_US : timeoutUs);
  }

  /** Detaches the program and lets the rings go; the views of packet memory stay valid. */
  close(): void {
    this.open = false;
    this.resources.release();
  }
}
