/**
 * One network interface of our own: a link, an IPv4 address, and everything between Ethernet and the transports.
 *
 *   link ─▶ input: Ethernet ─┬─▶ ARP                                        ┌─▶ ICMP
 *                            └─▶ IPv4 checks ─┬───────────────▶ demultiplex ┼─▶ TransportProtocol (TCP)
 *                                             └─ reassembly ─▶              └─▶ protocol unreachable
 *
 * Two modes. With an address of our own we speak ARP and ICMP for it. With the host's address *taken over*, the kernel keeps
 * ARP and ICMP, only the transport's datagrams come here, and they are answered to the frame's source address.
 *
 * Sans-IO: the caller sets `nowUs` at the start of each turn, feeds frames to `input`, calls `output` before it flushes the
 * link, and sleeps no longer than `nextDeadlineUs()`.
 */
import type { Link } from '../link/link.ts';
import { RX_CHECKSUM_VALID } from '../link/link.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import type { Random } from '../random.ts';
import { isMulticast, macHigh16, macLow32, prefixMask } from '../wire/address.ts';
import { fold, sum } from '../wire/checksum.ts';
import {
  ETHERNET_HEADER_BYTES,
  ETHERNET_SOURCE,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_VLAN,
  ethernetHeaderBytes,
  NO_VLAN,
  readMacHigh16,
  readMacLow32,
  readVlan,
  VLAN_TAG_BYTES,
} from '../wire/ethernet.ts';
import {
  EXCEEDED_REASSEMBLY,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
  UNREACHABLE_PORT,
  UNREACHABLE_PROTOCOL,
} from '../wire/icmp.ts';
import {
  checkOptions,
  DONT_FRAGMENT,
  FRAGMENT_OFFSET_MASK,
  IPV4_DESTINATION,
  IPV4_FRAGMENT,
  IPV4_HEADER_BYTES,
  IPV4_PROTOCOL,
  IPV4_SOURCE,
  IPV4_TOTAL_LENGTH,
  MORE_FRAGMENTS,
  OPTIONS_MALFORMED,
  OPTIONS_OK,
  PROTOCOL_ICMP,
  PROTOCOL_UDP,
  writeIpv4,
} from '../wire/ipv4.ts';
import { CLAIM_OWNED } from './address-claim.ts';
import { Arp } from './arp.ts';
import { NetCounters } from './counters.ts';
import { HOP_FIXED, Hop, type HopListener } from './hop.ts';
import { Icmp } from './icmp.ts';
import { Ipv4Output } from './ipv4-output.ts';
import type { NetObserver } from './observer.ts';
import { Reassembler } from './reassembly.ts';

export interface TransportProtocol {
  /**
   * A whole, verified IPv4 datagram for us: `ip` is its header, `l4` the transport header, with `l4Length` bytes from there
   * (padding removed). `frame` is the Ethernet header that it came with (for a reassembled datagram, the first fragment's), or
   * 0 when there is none: answer by route then.
   */
  input(frame: number, ip: number, l4: number, l4Length: number, rxFlags: number): void;
  /** An ICMP error about a datagram that we sent; at `quotedIp` and `quotedL4` are its headers, at least 8 bytes of the latter. */
  icmpError(type: number, code: number, nextHopMtu: number, quotedIp: number, quotedL4: number): void;
}

export interface InterfaceOptions {
  /** Our IPv4 address, int32. */
  readonly address: number;
  readonly prefixLength: number;
  /** The router to everything beyond the prefix; 0 is none. */
  readonly gateway?: number;
  /** Our hardware address; the link's if absent. */
  readonly mac?: Uint8Array;
  /** The host's address is taken over: ARP and ICMP stay with the kernel. */
  readonly takeover?: boolean;
  /** The 802.1Q tag (TCI) of what we send unasked; answers carry the tag of what they answer. */
  readonly vlan?: number;
  /** Never give the address up to another host that uses it (RFC 5227 §2.4 c instead of b). */
  readonly insist?: boolean;
  readonly random: Random;
}

export class Interface {
  readonly link: Link;
  readonly memory: PacketMemory;
  readonly address: number;
  readonly prefixLength: number;
  readonly gateway: number;
  readonly macHigh16: number;
  readonly macLow32: number;
  readonly takeover: boolean;
  /** The link is `lo`: hardware addresses are zero, and peers may have our own address. */
  readonly loopback: boolean;
  readonly counters = new NetCounters();
  readonly arp: Arp;
  readonly icmp: Icmp;
  readonly reassembler: Reassembler;
  readonly ipv4Output: Ipv4Output;
  /** Monotonic time of this turn in microseconds, set by the loop. */
  nowUs = 0;
  /** The tag of the frame that is being worked on: its 16-bit TCI, or -1. */
  rxVlan = NO_VLAN;
  private readonly mask: number;
  private readonly broadcast: number;
  private readonly vlan: number;
  private readonly transports: (TransportProtocol | null)[] = new Array<TransportProtocol | null>(256).fill(null);
  private readonly loopbackHop = new Hop(0);
  private watcher: NetObserver | null = null;

  constructor(link: Link, options: InterfaceOptions) {
    const mac = options.mac ?? link.mac;
    this.link = link;
    this.memory = link.memory;
    this.address = options.address;
    this.prefixLength = options.prefixLength;
    this.gateway = options.gateway ?? 0;
    this.macHigh16 = macHigh16(mac);
    this.macLow32 = macLow32(mac);
    this.takeover = options.takeover ?? false;
    this.loopback = this.macHigh16 === 0 && this.macLow32 === 0;
    this.vlan = options.vlan ?? NO_VLAN;
    this.mask = prefixMask(options.prefixLength);
    // A /31 (RFC 3021) or /32 has no broadcast address of its own.
    this.broadcast = options.prefixLength < 31 ? options.address | ~this.mask : -1;
    const { random } = options;
    this.ipv4Output = new Ipv4Output(link, this.counters, this.macHigh16, this.macLow32, random.int32());
    const insist = options.insist ?? false;
    this.arp = new Arp(link, this.ipv4Output, this.counters, options.address, mac, this.vlan, random, insist);
    this.icmp = new Icmp(link, this, this.ipv4Output, this.counters);
    this.reassembler = new Reassembler(link.memory, this.counters, this);
    this.loopbackHop.state = HOP_FIXED;
    this.loopbackHop.setMac(0, 0, NO_VLAN);
  }

  get observer(): NetObserver | null {
    return this.watcher;
  }

  set observer(observer: NetObserver | null) {
    this.watcher = observer;
    this.arp.observer = observer;
  }

  /** Told when a hop resolves or fails. */
  set hopListener(listener: HopListener | null) {
    this.arp.neighbours.listener = listener;
  }

  /** Datagrams of this protocol, and errors about those we sent, go to `transport`. */
  register(protocol: number, transport: TransportProtocol): void {
    this.transports[protocol] = transport;
  }

  // ---- in

  /** One received frame: `length` bytes at `frame`, which is 2 mod 4. */
  input(frame: number, length: number, rxFlags: number): void {
    const dv = this.memory.dv;
    if (length < ETHERNET_HEADER_BYTES) {
      this.counters.ethernetShort++;
      return;
    }
    const low32 = dv.getInt32(frame + 2, false);
    const high16 = dv.getUint16(frame, false);
    const toUs = low32 === this.macLow32 && high16 === this.macHigh16;
    if (!toUs && (low32 !== -1 || high16 !== 0xffff)) {
      this.counters.ethernetNotForUs++;
      return;
    }
    if ((this.memory.u8[frame + ETHERNET_SOURCE] & 1) !== 0) {
      this.counters.ethernetBadSource++; // a group is nobody's source (IEEE 802.3 §3.2.3)
      return;
    }
    let type = dv.getUint16(frame + 12, false);
    let payload = frame + ETHERNET_HEADER_BYTES;
    this.rxVlan = NO_VLAN;
    if (type === ETHERTYPE_VLAN) {
      if (length < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) {
        this.counters.ethernetShort++;
        return;
      }
      this.rxVlan = dv.getUint16(frame + 14, false);
      type = dv.getUint16(frame + 16, false);
      payload += VLAN_TAG_BYTES;
    }
    const available = frame + length - payload;
    if (type === ETHERTYPE_IPV4) {
      // RFC 1122 §3.3.6: nothing that came by link broadcast is meant for a single host.
      if (toUs) this.ipv4Input(frame, payload, available, rxFlags);
      else this.counters.ipv4Broadcast++;
    } else if (type === ETHERTYPE_ARP) {
      if (this.takeover || this.loopback) this.counters.arpIgnored++;
      else this.arp.input(payload, available, this.rxVlan, this.nowUs);
    } else this.counters.ethernetUnknownType++;
  }

  /** The checks of RFC 1122 §3.2.1, in its order. A host keeps a datagram whatever its TTL (§3.2.1.7). */
  private ipv4Input(frame: number, ip: number, available: number, rxFlags: number): void {
    const memory = this.memory;
    const counters = this.counters;
    counters.ipv4In++;
    if (available < IPV4_HEADER_BYTES) {
      counters.ipv4Short++;
      return;
    }
    let headerBytes = IPV4_HEADER_BYTES;
    if (memory.u8[ip] !== 0x45) {
      headerBytes = this.unusualHeaderBytes(ip, available);
      if (headerBytes === 0) return;
    }
    const total = memory.dv.getUint16(ip + IPV4_TOTAL_LENGTH, false);
    if (total < headerBytes || total > available) {
      counters.ipv4BadTotalLength++;
      return;
    }
    if ((rxFlags & RX_CHECKSUM_VALID) === 0 && fold(sum(memory, ip, headerBytes)) !== 0xffff) {
      counters.ipv4BadChecksum++;
      return;
    }
    if (headerBytes !== IPV4_HEADER_BYTES && !this.optionsOk(ip, headerBytes)) return;
    if (memory.dv.getInt32(ip + IPV4_DESTINATION, false) !== this.address) {
      this.countForeign(memory.dv.getInt32(ip + IPV4_DESTINATION, false));
      return;
    }
    if (!this.plausibleSource(memory.dv.getInt32(ip + IPV4_SOURCE, false))) {
      counters.ipv4BadSource++;
      return;
    }
    if (this.arp.claim.state !== CLAIM_OWNED) {
      counters.ipv4AddressUnusable++;
      return;
    }
    const l4Length = total - headerBytes;
    if ((memory.dv.getUint16(ip + IPV4_FRAGMENT, false) & (MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK)) !== 0) {
      this.fragmentInput(frame, ip, headerBytes, l4Length);
      return;
    }
    this.deliver(frame, ip, ip + headerBytes, l4Length, rxFlags);
  }

  private fragmentInput(frame: number, ip: number, headerBytes: number, length: number): void {
    const reassembler = this.reassembler;
    if (!reassembler.input(frame, ip, headerBytes, length, this.nowUs)) return;
    // What was said of the checksums of the parts does not hold for the whole.
    this.deliver(reassembler.frame, reassembler.ip, reassembler.payload, reassembler.payloadBytes, 0);
    reassembler.release();
  }

  private deliver(frame: number, ip: number, l4: number, l4Length: number, rxFlags: number): void {
    const protocol = this.memory.u8[ip + IPV4_PROTOCOL];
    const transport = this.transports[protocol];
    if (transport !== null) transport.input(frame, ip, l4, l4Length, rxFlags);
    else if (protocol === PROTOCOL_ICMP && !this.takeover) this.icmp.input(frame, ip, l4, l4Length);
    else this.unknownProtocol(frame, ip, protocol, l4 - ip + l4Length);
  }

  /** RFC 1122 §3.2.2.1: nobody here takes it; of UDP, which has ports, no port is open. */
  private unknownProtocol(frame: number, ip: number, protocol: number, length: number): void {
    this.counters.ipv4UnknownProtocol++;
    if (this.takeover) return; // the kernel has its own opinion
    const code = protocol === PROTOCOL_UDP ? UNREACHABLE_PORT : UNREACHABLE_PROTOCOL;
    this.icmp.sendError(ICMP_UNREACHABLE, code, 0, frame, ip, length);
  }

  /** Header length of a datagram that is not plain version 4 without options, or 0 (counted). */
  private unusualHeaderBytes(ip: number, available: number): number {
    const first = this.memory.u8[ip];
    if (first >> 4 !== 4) {
      this.counters.ipv4BadVersion++;
      return 0;
    }
    const headerBytes = (first & 15) << 2;
    if (headerBytes < IPV4_HEADER_BYTES || headerBytes > available) {
      this.counters.ipv4BadHeaderLength++;
      return 0;
    }
    return headerBytes;
  }

  private optionsOk(ip: number, headerBytes: number): boolean {
    const verdict = checkOptions(this.memory, ip, headerBytes);
    if (verdict === OPTIONS_MALFORMED) this.counters.ipv4BadOptions++;
    else if (verdict !== OPTIONS_OK) this.counters.ipv4SourceRoute++;
    return verdict === OPTIONS_OK;
  }

  private countForeign(destination: number): void {
    if (destination === -1 || destination === this.broadcast || isMulticast(destination)) this.counters.ipv4Broadcast++;
    else this.counters.ipv4NotForUs++;
  }

  /** RFC 1122 §3.2.1.3: a source is a single host: not this network, not loopback, not a group or broadcast, not us. */
  private plausibleSource(source: number): boolean {
    const network = source >>> 24;
    if (network === 0 || network >= 224) return false;
    if (this.loopback) return true;
    return network !== 127 && source !== this.address && source !== this.broadcast;
  }

  // ---- next hops

  /**
   * Where a datagram to `destination` goes next: a neighbour on the link or the gateway, perhaps not resolved yet. Null when
   * there is no way (counted). Look it up once for each connection, not for each segment.
   */
  hop(destination: number): Hop | null {
    if (this.loopback) return this.loopbackHop;
    const neighbours = this.arp.neighbours;
    if (destination === 0 || destination === this.broadcast || destination >>> 28 >= 14) return this.noRoute();
    if (this.takeover) return neighbours.lookup(destination) ?? this.noRoute();
    if (this.onLink(destination)) return neighbours.obtain(destination, this.vlan);
    if (this.gateway !== 0) return neighbours.obtain(this.gateway, this.vlan);
    return neighbours.lookup(destination) ?? this.noRoute();
  }

  /**
   * A peer spoke first, in this frame: its hop, resolved without an ARP exchange. In takeover mode, and for peers beyond the
   * link when no gateway is known, the frame's source is the hop. Else it is a hint, confirmed by ARP while it is in use.
   */
  learn(source: number, frame: number): Hop | null {
    if (frame === 0 || this.loopback) return this.hop(source);
    const neighbours = this.arp.neighbours;
    const high16 = readMacHigh16(this.memory, frame + ETHERNET_SOURCE);
    const low32 = readMacLow32(this.memory, frame + ETHERNET_SOURCE);
    const vlan = readVlan(this.memory, frame);
    if (this.takeover || (this.gateway === 0 && !this.onLink(source))) {
      const hop = neighbours.obtain(source, vlan);
      neighbours.fix(hop, high16, low32, vlan);
      return hop;
    }
    const hop = this.hop(source);
    if (hop !== null) neighbours.hint(hop, high16, low32, vlan, this.nowUs);
    return hop;
  }

  /** Asks for an unresolved hop, or whether a resolved one is still there. At most once a second, whoever calls. */
  resolve(hop: Hop): void {
    this.arp.neighbours.resolve(hop, this.nowUs);
  }

  /** A hop for the answer to this frame, by its source address, remembering nothing: valid until the next call. */
  replyHop(frame: number): Hop {
    const memory = this.memory;
    const hop = this.scratchHop;
    const source = frame + ETHERNET_SOURCE;
    hop.setMac(readMacHigh16(memory, source), readMacLow32(memory, source), readVlan(memory, frame));
    return hop;
  }
  private readonly scratchHop = new Hop(0);

  private onLink(destination: number): boolean {
    return ((destination ^ this.address) & this.mask) === 0;
  }

  private noRoute(): null {
    this.counters.ipv4NoRoute++;
    return null;
  }

  // ---- out

  /**
   * Writes the Ethernet header (with the hop's tag, if it has one) and a 20-byte IPv4 header with its checksum, for `l4Length`
   * bytes of transport. `frameStart` is 2 mod 4. Meant for templates: nothing is looked up.
   */
  writeEthernetIpv4(
    frameStart: number,
    hop: Hop,
    source: number,
    destination: number,
    protocol: number,
    l4Length: number,
    tos: number,
    identification: number,
    dontFragment: boolean,
    ttl: number,
  ): void {
    this.ipv4Output.writeEthernet(frameStart, hop.macHigh16, hop.macLow32, ETHERTYPE_IPV4, hop.vlan);
    const ip = frameStart + ethernetHeaderBytes(hop.vlan);
    const field = dontFragment ? DONT_FRAGMENT : 0;
    const total = IPV4_HEADER_BYTES + l4Length;
    writeIpv4(this.memory, ip, tos, total, identification, field, ttl, protocol, source, destination);
  }

  /**
   * For senders that are not in a hurry: sends `l4Length` bytes at `l4` (copied) from our address, in fragments if they are
   * larger than the link takes and `dontFragment` is false. While the hop is unresolved, one frame waits for it. False when
   * it could not be sent (counted).
   */
  sendIpv4(destination: number, protocol: number, l4: number, l4Length: number, dontFragment: boolean): boolean {
    const hop = this.hop(destination);
    if (hop === null) return false;
    if (!hop.resolved) this.resolve(hop);
    return this.ipv4Output.send(hop, this.address, destination, protocol, l4, l4Length, dontFragment);
  }

  /** Sends an echo request; the answer comes to `icmp.echoListener`. False when it could not be sent (counted). */
  echoRequest(destination: number, identifier: number, sequence: number, data: Uint8Array): boolean {
    const hop = this.hop(destination);
    if (hop === null) return false;
    if (!hop.resolved) this.resolve(hop);
    return this.icmp.echoRequest(hop, destination, identifier, sequence, data);
  }

  /** Runs the timers that are due. */
  output(nowUs: number): void {
    this.nowUs = nowUs;
    if (nowUs >= this.arp.nextDeadlineUs) this.arp.run(nowUs);
    if (nowUs >= this.reassembler.nextDeadlineUs) this.reassembler.run(nowUs);
  }

  /** When `output` has something to do next; Infinity when nothing is planned. */
  nextDeadlineUs(): number {
    return Math.min(this.arp.nextDeadlineUs, this.reassembler.nextDeadlineUs);
  }

  // ---- what ARP, ICMP and reassembly report

  deliverError(
    protocol: number,
    type: number,
    code: number,
    nextHopMtu: number,
    quotedIp: number,
    quotedL4: number,
  ): boolean {
    const transport = this.transports[protocol];
    if (transport === null) return false;
    transport.icmpError(type, code, nextHopMtu, quotedIp, quotedL4);
    return true;
  }

  reassemblyTimedOut(frame: number, ip: number, available: number): void {
    if (this.takeover) return;
    this.icmp.sendError(ICMP_TIME_EXCEEDED, EXCEEDED_REASSEMBLY, 0, frame, ip, available);
  }
}
