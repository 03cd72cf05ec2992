/**
 * A link carries bursts of Ethernet frames between a wire and packet memory. Drivers: xdp, packet, tap (native), memory (a
 * simulated wire), pcap (wraps another link, or reads a capture). What the wire side can do is said by `capabilities`, so
 * that TCP has no special case for a driver.
 *
 *   receive() ─▶ rxOffset[i], rxLength[i], rxFlags[i]  ─▶ stack.input(…) ─▶ release()
 *   stack ─▶ transmit(…) × n ─▶ flush(): one call into the kernel
 *
 * Every received frame starts at an offset that is 2 mod 4 (IP and TCP headers are then word-aligned) and is valid until
 * release(). At least 64 bytes after its end are readable.
 */
import type { BufferPool } from '../memory/buffer-pool.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';

/** Frames that one receive() returns at most. */
export const BURST = 64;

/** The checksums were verified below us. */
export const RX_CHECKSUM_VALID = 1;
/** The L4 checksum field holds the pseudo-header sum only: the sender is on this machine and left the rest to a device. */
export const RX_CHECKSUM_PARTIAL = 2;

export interface LinkCapabilities {
  /**
   * Header and payload of a frame may lie apart (two ranges in one frame). Without it they must be contiguous. A link that
   * gathers has copied the payload when flush() returns: `inFlight` counts the header's buffer only.
   */
  readonly gather: boolean;
  /** The L4 checksum may be left to the link: the field then holds the folded, uncomplemented pseudo-header sum. */
  readonly checksumOffload: boolean;
  /** Largest L4 payload of one super-segment that the link cuts into MSS-sized frames; 0 when it can't. */
  readonly segmentationBytes: number;
}

export interface LinkStats {
  rxFrames: number;
  rxBytes: number;
  txFrames: number;
  txBytes: number;
  /** Frames that the kernel or the wire dropped before we saw them. */
  rxDropped: number;
  /** Frames that could not be sent: the queue was full. */
  txDropped: number;
  /** Calls into the kernel to send. */
  kicks: number;
}

export interface Link {
  /** `xdp`, `packet`, `tap`, `memory`, `pcap`. */
  readonly kind: string;
  /** The interface's name, for people. */
  readonly name: string;
  readonly memory: PacketMemory;
  /** The interface's hardware address, 6 bytes. */
  readonly mac: Uint8Array;
  /** Largest IP datagram, in bytes. */
  readonly mtu: number;
  readonly capabilities: LinkCapabilities;
  /** Buffers for payload: send queues are made of these. */
  readonly data: BufferPool;
  /** Small frames (ACKs, ARP, ICMP), at least 1,600 bytes of payload or the same pool as `data`. */
  readonly control: BufferPool;
  readonly stats: LinkStats;

  /** Frames of the last receive(). */
  readonly rxOffset: Int32Array;
  readonly rxLength: Int32Array;
  readonly rxFlags: Int32Array;

  /** Takes up to BURST frames off the wire, returns how many. Frames of the receive() before must have been released. */
  receive(): number;
  /** Gives the frames of the last receive() back to the wire. */
  release(): void;

  /**
   * Queues one frame for the next flush(). The header range holds everything up to the payload and lies in a buffer of
   * `pool`; the payload range follows it directly (then it is one contiguous frame), or lies elsewhere if the link gathers.
   *
   * @param pool the pool of the buffer that the header lies in; its `inFlight` is counted up until the frame has left
   * @param buffer that buffer's id
   * @param l4Offset bytes from the frame's start to the TCP header when its checksum is left to the link, else 0
   * @param mss payload bytes of each frame when the link is to segment this one, else 0
   */
  transmit(
    pool: BufferPool,
    buffer: number,
    headerOffset: number,
    headerLength: number,
    payloadOffset: number,
    payloadLength: number,
    l4Offset: number,
    mss: number,
  ): void;

  /** Hands the queued frames to the wire. Buffers whose transmission is complete are reported to their pool. */
  flush(): void;

  /** Frames may be waiting (cheap, no system call where the driver has a ring). */
  pending(): boolean;
  /** Sleeps until a frame arrives, `wakeFd` is readable, or the time is over. Negative: without end. */
  wait(wakeFd: number, timeoutUs: number): void;
  close(): void;
}
