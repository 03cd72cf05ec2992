/**
 * An Ethernet link to this machine's own kernel: a TAP device that exists while we hold it. One read for each frame (there is
 * no ring), so a burst is read in one native call into slots that are wide enough for super-segments.
 *
 *   slot │ vnet 10 │ frame at 2 mod 4 …                                            kernel side: rtcp0, its own MAC and address
 */
import { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { check, EACCES, EBUSY, EINVAL, ENOENT } from '../native/error.ts';
import {
  bringUp,
  type InterfaceInfo,
  interfaceInfo,
  setInterfaceAddress,
  setInterfaceMac,
  setInterfaceMtu,
} from '../native/interface.ts';
import { baseAddress } from '../native/memory.ts';
import { Resources } from '../native/resources.ts';
import { type TapCalls, tapCalls } from '../native/tap.ts';
import { type WaitCalls, waitCalls } from '../native/wait.ts';
import { BURST, type Link, type LinkCapabilities, type LinkStats } from './link.ts';
import {
  dataBuffersFor,
  receivedFlags,
  SUPER_BUFFER_BYTES,
  SUPER_FRAME_BYTES,
  VNET_HEADER_BYTES,
  VnetQueue,
} from './vnet.ts';

export interface TapLinkOptions {
  readonly memory: PacketMemory;
  /** `rtcp0` by default; `rtcp%d` takes the next free number. */
  readonly interfaceName?: string;
  /** The kernel side's address (int32, host order) and prefix length; without it the kernel side has none. */
  readonly kernelAddress?: number;
  readonly kernelPrefix?: number;
  readonly kernelMac?: Uint8Array;
  /** Our hardware address; by default the kernel side's with its last bit turned. */
  readonly mac?: Uint8Array;
  readonly mtu?: number;
  /** Several queues (links) on one device of this name. */
  readonly multiQueue?: boolean;
  readonly dataBuffers?: number;
  readonly controlBuffers?: number;
}

const TX_QUEUE_FRAMES = 512;

export class TapLink implements Link {
  readonly kind = 'tap';
  readonly name: string;
  readonly memory: PacketMemory;
  readonly mac: Uint8Array;
  readonly mtu: number;
  readonly capabilities: LinkCapabilities;
  readonly data: BufferPool;
  readonly control: BufferPool;
  readonly stats: LinkStats;
  readonly rxOffset = new Int32Array(BURST);
  readonly rxLength = new Int32Array(BURST);
  readonly rxFlags = new Int32Array(BURST);

  private readonly fd: number;
  private readonly base: number;
  private readonly calls: TapCalls;
  private readonly waits: WaitCalls;
  private readonly queue: VnetQueue;
  private readonly i32: Int32Array;
  private readonly u8: Uint8Array;
  /** BURST slots, and the int32 lengths that the kernel read into them. */
  private readonly slots: number;
  private readonly lengths: number;
  /** Frames that pending() has read already. */
  private read = 0;
  private readonly resources: Resources;

  private constructor(options: TapLinkOptions, info: InterfaceInfo, resources: Resources, fd: number) {
    const memory = options.memory;
    this.resources = resources;
    this.fd = fd;
    this.memory = memory;
    this.name = info.name;
    this.mac = options.mac ?? info.mac.with(5, info.mac[5] ^ 1);
    this.data = new BufferPool(memory, options.dataBuffers ?? dataBuffersFor(memory), SUPER_BUFFER_BYTES);
    this.control = new BufferPool(memory, options.controlBuffers ?? 4096, 2048);
    this.mtu = Math.min(info.mtu, this.data.capacity);
    this.capabilities = { gather: true, checksumOffload: true, segmentationBytes: this.data.capacity };
    this.stats = { rxFrames: 0, rxBytes: 0, txFrames: 0, txBytes: 0, rxDropped: 0, txDropped: 0, kicks: 0 };
    this.queue = new VnetQueue(memory, TX_QUEUE_FRAMES, this.control);
    this.slots = memory.reserve(BURST * SUPER_FRAME_BYTES);
    this.lengths = memory.reserve(BURST * 4);
    this.base = baseAddress(memory);
    this.calls = tapCalls();
    this.waits = waitCalls();
    this.i32 = memory.i32;
    this.u8 = memory.u8;
  }

  /** Makes the device and brings it up. Throws a NativeError and leaves nothing behind when it can't. */
  static open(options: TapLinkOptions): TapLink {
    return Resources.opening((resources) => {
      const wanted = options.interfaceName ?? 'rtcp0';
      const actual = new Uint8Array(16);
      const opened = tapCalls().open(wanted, options.multiQueue ? 1 : 0, actual);
      const fd = resources.fd(
        check(opened, `create the TAP device ${wanted}`, {
          [EBUSY]: 'a device of that name is in use: choose another with --iface',
          [EINVAL]:
            'the name is that of another kind of interface, or longer than 15 characters: choose another with --iface',
          [EACCES]: 'sudo chmod a+rw /dev/net/tun', // udev makes it so
          [ENOENT]: 'the kernel has no TAP driver here: modprobe tun',
        }),
      );
      const name = Buffer.from(actual.buffer, 0, actual.indexOf(0)).toString();
      if (options.kernelMac !== undefined) setInterfaceMac(name, options.kernelMac);
      if (options.mtu !== undefined) setInterfaceMtu(name, options.mtu);
      if (options.kernelAddress !== undefined)
        setInterfaceAddress(name, options.kernelAddress, options.kernelPrefix ?? 24);
      bringUp(name);
      return new TapLink(options, interfaceInfo(name), resources, fd);
    });
  }

  receive(): number {
    let n = this.read;
    if (n === 0) n = this.calls.receive(this.fd, this.base, this.slots, SUPER_FRAME_BYTES, BURST, this.lengths);
    this.read = 0;
    for (let i = 0; i < n; i++) {
      const at = this.slots + i * SUPER_FRAME_BYTES;
      const length = this.i32[(this.lengths >> 2) + i] - VNET_HEADER_BYTES;
      this.rxOffset[i] = at + VNET_HEADER_BYTES;
      this.rxLength[i] = length;
      this.rxFlags[i] = receivedFlags(this.u8[at]);
      this.stats.rxBytes += length;
    }
    this.stats.rxFrames += n;
    return n;
  }

  /** The slots are read into again by the next receive(): nothing has to be given back. */
  release(): void {}

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
    this.stats.kicks++;
    this.stats.txFrames += sent;
    this.stats.txBytes += queue.bytes;
    this.stats.txDropped += queue.count - sent;
    queue.complete();
  }

  /**
   * There is no ring to look at: reads a burst, which receive() then hands out. Only between release() and receive().
   */
  pending(): boolean {
    if (this.read === 0) {
      this.read = this.calls.receive(this.fd, this.base, this.slots, SUPER_FRAME_BYTES, BURST, this.lengths);
    }
    return this.read > 0;
  }

  wait(wakeFd: number, timeoutUs: number): void {
    if (this.read === 0) this.waits.wait(this.fd, wakeFd, timeoutUs);
  }

  /** The device goes with its descriptor. */
  close(): void {
    this.read = 0;
    this.resources.release();
  }
}
