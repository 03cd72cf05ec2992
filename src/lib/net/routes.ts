/**
 * Where a datagram goes next: to a neighbour on the link, to the gateway, or back to where a frame came from.
 *
 *   loopback ─────────────▶ one hop for all, hardware address zero
 *   takeover ─────────────▶ the source of the peer's frames: the kernel, which keeps ARP, has asked already
 *   on the link ──────────▶ the neighbour, by ARP
 *   beyond, gateway known ▶ the gateway, by ARP
 *   beyond, none known ───▶ the source of the peer's frames, if it spoke first
 */
import type { PacketMemory } from '../memory/packet-memory.ts';
import { type IpAddress, prefixMask } from '../wire/address.ts';
import { ETHERNET_SOURCE, NO_VLAN, readMacHigh16, readMacLow32, readVlan } from '../wire/ethernet.ts';
import type { NetCounters } from './counters.ts';
import { HOP_FIXED, Hop } from './hop.ts';
import type { NeighbourCache } from './neighbours.ts';

export interface RouteOptions {
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** 0 is none. */
  readonly gateway: IpAddress;
  readonly takeover: boolean;
  readonly loopback: boolean;
  /** The tag of frames to neighbours that have not spoken yet. */
  readonly vlan: number;
}

export class Routes {
  /** Our subnet's broadcast address; -1 (the limited broadcast) where there is none: a /31 (RFC 3021) or /32. */
  readonly broadcast: number;
  private readonly options: RouteOptions;
  private readonly mask: number;
  private readonly memory: PacketMemory;
  private readonly neighbours: NeighbourCache;
  private readonly counters: NetCounters;
  private readonly loopbackHop = new Hop(0);
  private readonly replies = new Hop(0);

  constructor(options: RouteOptions, memory: PacketMemory, neighbours: NeighbourCache, counters: NetCounters) {
    this.options = options;
    this.mask = prefixMask(options.prefixLength);
    this.broadcast = options.prefixLength < 31 ? options.address | ~this.mask : -1;
    this.memory = memory;
    this.neighbours = neighbours;
    this.counters = counters;
    this.loopbackHop.state = HOP_FIXED;
    this.loopbackHop.setMac(0, 0, NO_VLAN);
  }

  /** The next hop to `destination`, perhaps not resolved yet; null when there is no way (counted). */
  hop(destination: IpAddress): Hop | null {
    const { loopback, takeover, gateway, vlan } = this.options;
    if (loopback) return this.loopbackHop;
    if (destination === 0 || destination === this.broadcast || destination >>> 28 >= 14) return this.noRoute();
    if (!takeover && this.onLink(destination)) return this.neighbours.obtain(destination, vlan);
    if (!takeover && gateway !== 0) return this.neighbours.obtain(gateway, vlan);
    return this.neighbours.lookup(destination) ?? this.noRoute();
  }

  /** The hop to a peer that spoke first, in this frame: see Interface.learn. */
  learn(source: IpAddress, frame: number, nowUs: number): Hop | null {
    const { loopback, takeover, gateway } = this.options;
    if (frame === 0 || loopback) return this.hop(source);
    const high16 = readMacHigh16(this.memory, frame + ETHERNET_SOURCE);
    const low32 = readMacLow32(this.memory, frame + ETHERNET_SOURCE);
    const vlan = readVlan(this.memory, frame);
    if (takeover || (gateway === 0 && !this.onLink(source))) {
      const hop = this.neighbours.obtain(source, vlan);
      this.neighbours.fix(hop, high16, low32, vlan);
      return hop;
    }
    const hop = this.hop(source);
    if (hop !== null) this.neighbours.hint(hop, high16, low32, vlan, nowUs);
    return hop;
  }

  /** A hop for the answer to this frame, by its source address, remembering nothing: valid until the next call. */
  replyHop(frame: number): Hop {
    const source = frame + ETHERNET_SOURCE;
    const high16 = readMacHigh16(this.memory, source);
    this.replies.setMac(high16, readMacLow32(this.memory, source), readVlan(this.memory, frame));
    return this.replies;
  }

  /**
   * A hop of its own for the sender of this frame, in no cache and never asked for by ARP: for a peer that has not shown yet
   * that its address is not forged.
   */
  answerHop(source: IpAddress, frame: number): Hop {
    if (this.options.loopback) return this.loopbackHop;
    const hop = new Hop(source);
    hop.state = HOP_FIXED;
    const high16 = readMacHigh16(this.memory, frame + ETHERNET_SOURCE);
    hop.setMac(high16, readMacLow32(this.memory, frame + ETHERNET_SOURCE), readVlan(this.memory, frame));
    return hop;
  }

  private onLink(destination: number): boolean {
    return ((destination ^ this.options.address) & this.mask) === 0;
  }

  private noRoute(): null {
    this.counters.ipv4NoRoute++;
    return null;
  }
}
