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
import { type IpAddress, macHigh16, macLow32 } from '../wire/address.ts';
import { fold, swap16, swap32 } from '../wire/checksum.ts';
import {
  ETHERNET_HEADER_BYTES,
  ETHERNET_SOURCE,
  ETHERNET_TYPE,
  ETHERTYPE_ARP,
  ETHERTYPE_IPV4,
  ETHERTYPE_VLAN,
  ethernetHeaderBytes,
  NO_VLAN,
  VLAN_TAG_BYTES,
  VLAN_TCI,
  VLAN_TYPE,
} from '../wire/ethernet.ts';
import {
  EXCEEDED_REASSEMBLY,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
  UNREACHABLE_PORT,
  UNREACHABLE_PROTOCOL,
} from '../wire/icmp.ts';
import {
  DONT_FRAGMENT,
  FRAGMENT_OFFSET_MASK,
  IPV4_HEADER_BYTES,
  ipv4Fragment,
  ipv4Protocol,
  ipv4TotalLength,
  MORE_FRAGMENTS,
  PROTOCOL_ICMP,
  PROTOCOL_UDP,
  writeIpv4,
} from '../wire/ipv4.ts';
import { type AddressClaim, CLAIM_OWNED } from './address-claim.ts';
import { Arp } from './arp.ts';
import { NetCounters } from './counters.ts';
import type { Hop, HopListener } from './hop.ts';
import { Icmp } from './icmp.ts';
import { Ipv4Input } from './ipv4-input.ts';
import { Ipv4Output } from './ipv4-output.ts';
import type { NetObserver } from './observer.ts';
import { Reassembler } from './reassembly.ts';
import { Routes } from './routes.ts';

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
  readonly address: IpAddress;
  readonly prefixLength: number;
  /** The router to everything beyond the prefix; 0 is none. */
  readonly gateway?: IpAddress;
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

// What the short way in uses, as constants of its own: an imported binding is loaded and checked at each use (V8 13.6).
const ETHERNET_BYTES = ETHERNET_HEADER_BYTES;
const IPV4_BYTES = IPV4_HEADER_BYTES;
const ETHER_SOURCE = ETHERNET_SOURCE;
const TYPE = ETHERNET_TYPE;
const CHECKSUM_VALID = RX_CHECKSUM_VALID;
const OWNED = CLAIM_OWNED;
const UNTAGGED = NO_VLAN;
/** As a 16-bit load sees it. */
const ETHERTYPE_IPV4_LE = swap16(ETHERTYPE_IPV4);
/** The bits of MORE_FRAGMENTS and the fragment offset within the header's second word, as a 32-bit load sees it. */
const FRAGMENT_LE = swap16(MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK) << 16;

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
  private readonly claim: AddressClaim;
  private readonly routes: Routes;
  private readonly ipv4Check: Ipv4Input;
  private readonly transports: (TransportProtocol | null)[] = new Array<TransportProtocol | null>(256).fill(null);
  private watcher: NetObserver | null = null;
  // For the short way in: as 16- and 32-bit loads see them in memory.
  private readonly ourMacHigh16: number;
  private readonly ourMacLow32: number;
  private readonly ourAddress: number;
  /** A first octet, and two addresses, that no source may have; 0, which none may have anyway, on loopback. */
  private readonly refusedNetwork: number;
  private readonly refusedSource: number;
  private readonly refusedBroadcast: number;

  constructor(link: Link, options: InterfaceOptions) {
    const mac = options.mac ?? link.mac;
    const { address, prefixLength, gateway = 0, takeover = false, vlan = NO_VLAN, insist = false, random } = options;
    this.link = link;
    this.memory = link.memory;
    this.address = address;
    this.prefixLength = prefixLength;
    this.gateway = gateway;
    this.macHigh16 = macHigh16(mac);
    this.macLow32 = macLow32(mac);
    this.takeover = takeover;
    this.loopback = this.macHigh16 === 0 && this.macLow32 === 0;
    const { counters, loopback, memory } = this;
    this.ipv4Output = new Ipv4Output(link, counters, this.macHigh16, this.macLow32, random.int32());
    this.arp = new Arp(link, this.ipv4Output, counters, address, mac, vlan, random, insist);
    this.claim = this.arp.claim;
    const route = { address, prefixLength, gateway, takeover, loopback, vlan };
    this.routes = new Routes(route, memory, this.arp.neighbours, counters);
    this.ipv4Check = new Ipv4Input(memory, counters, address, this.routes.broadcast, loopback);
    this.icmp = new Icmp(link, this, this.ipv4Output, counters);
    this.reassembler = new Reassembler(memory, counters, this);
    this.ourMacHigh16 = swap16(this.macHigh16);
    this.ourMacLow32 = swap32(this.macLow32);
    this.ourAddress = swap32(address);
    this.refusedNetwork = loopback ? 0 : 127;
    this.refusedSource = loopback ? 0 : this.ourAddress;
    this.refusedBroadcast = loopback ? 0 : swap32(this.routes.broadcast);
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

  /**
   * One received frame: `length` bytes at `frame`, which is 2 mod 4.
   *
   * The short way is for what nearly every frame is: untagged, to us, IPv4 without options or fragments, from a plausible
   * source. It takes the IPv4 header in five word loads, which serve all checks and the checksum. Anything else goes the
   * careful way, which finds out what it is and counts it.
   */
  input(frame: number, length: number, rxFlags: number): void {
    const words = this.memory.i32;
    const halves = this.memory.u16;
    const at = (frame + ETHERNET_BYTES) >> 2;
    if (
      length < ETHERNET_BYTES + IPV4_BYTES ||
      halves[(frame + TYPE) >> 1] !== ETHERTYPE_IPV4_LE ||
      words[(frame + 2) >> 2] !== this.ourMacLow32 ||
      halves[frame >> 1] !== this.ourMacHigh16 ||
      (words[(frame + ETHER_SOURCE) >> 2] & 1) !== 0
    ) {
      this.inputCarefully(frame, length, rxFlags);
      return;
    }
    const first = words[at]; // version, IHL, TOS, total length
    const second = words[at + 1]; // identification, flags, fragment offset
    const third = words[at + 2]; // TTL, protocol, checksum
    const source = words[at + 3];
    const destination = words[at + 4];
    const total = ((first >>> 8) & 0xff00) | (first >>> 24);
    const network = source & 0xff;
    if (
      (first & 0xff) !== 0x45 ||
      total < IPV4_BYTES ||
      total > length - ETHERNET_BYTES ||
      (second & FRAGMENT_LE) !== 0 ||
      destination !== this.ourAddress ||
      network === 0 ||
      network >= 224 ||
      network === this.refusedNetwork ||
      source === this.refusedSource ||
      source === this.refusedBroadcast ||
      ((rxFlags & CHECKSUM_VALID) === 0 && !sumsUp(first, second, third, source, destination)) ||
      this.claim.state !== OWNED
    ) {
      this.inputCarefully(frame, length, rxFlags);
      return;
    }
    this.rxVlan = UNTAGGED;
    this.counters.ipv4In++;
    const ip = frame + ETHERNET_BYTES;
    this.deliver((third >>> 8) & 0xff, frame, ip, ip + IPV4_BYTES, total - IPV4_BYTES, rxFlags);
  }

  private inputCarefully(frame: number, length: number, rxFlags: number): void {
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
    let type = dv.getUint16(frame + ETHERNET_TYPE, false);
    let payload = frame + ETHERNET_HEADER_BYTES;
    this.rxVlan = NO_VLAN;
    if (type === ETHERTYPE_VLAN) {
      if (length < ETHERNET_HEADER_BYTES + VLAN_TAG_BYTES) {
        this.counters.ethernetShort++;
        return;
      }
      this.rxVlan = dv.getUint16(frame + VLAN_TCI, false);
      type = dv.getUint16(frame + VLAN_TYPE, false);
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

  private ipv4Input(frame: number, ip: number, available: number, rxFlags: number): void {
    this.counters.ipv4In++;
    const headerBytes = this.ipv4Check.check(ip, available, rxFlags);
    if (headerBytes === 0) return;
    if (this.claim.state !== CLAIM_OWNED) {
      this.counters.ipv4AddressUnusable++;
      return;
    }
    const l4Length = ipv4TotalLength(this.memory, ip) - headerBytes;
    if ((ipv4Fragment(this.memory, ip) & (MORE_FRAGMENTS | FRAGMENT_OFFSET_MASK)) !== 0) {
      this.fragmentInput(frame, ip, headerBytes, l4Length);
      return;
    }
    this.deliver(ipv4Protocol(this.memory, ip), frame, ip, ip + headerBytes, l4Length, rxFlags);
  }

  private fragmentInput(frame: number, ip: number, headerBytes: number, length: number): void {
    const reassembler = this.reassembler;
    if (!reassembler.input(frame, ip, headerBytes, length, this.nowUs)) return;
    // What was said of the checksums of the parts does not hold for the whole.
    const { frame: first, ip: header, payload, payloadBytes } = reassembler;
    this.deliver(ipv4Protocol(this.memory, header), first, header, payload, payloadBytes, 0);
    reassembler.release();
  }

  private deliver(protocol: number, frame: number, ip: number, l4: number, l4Length: number, rxFlags: number): void {
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

  // ---- next hops

  /**
   * Where a datagram to `destination` goes next: a neighbour on the link or the gateway, perhaps not resolved yet. Null when
   * there is no way (counted). Look it up once for each connection, not for each segment.
   */
  hop(destination: IpAddress): Hop | null {
    return this.routes.hop(destination);
  }

  /**
   * A peer spoke first, in this frame: its hop, resolved without an ARP exchange. In takeover mode, and for peers beyond the
   * link when no gateway is known, the frame's source is the hop. Else it is a hint, confirmed by ARP while it is in use.
   */
  learn(source: IpAddress, frame: number): Hop | null {
    return this.routes.learn(source, frame, this.nowUs);
  }

  /** Asks for an unresolved hop, or whether a resolved one is still there. At most once a second, whoever calls. */
  resolve(hop: Hop): void {
    this.arp.neighbours.resolve(hop, this.nowUs);
  }

  /** A hop for the answer to this frame, by its source address, remembering nothing: valid until the next call. */
  replyHop(frame: number): Hop {
    return this.routes.replyHop(frame);
  }

  /** The hop of a peer that may be forged, from its frame, which nothing but the caller remembers. */
  answerHop(source: IpAddress, frame: number): Hop {
    return this.routes.answerHop(source, frame);
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
  sendIpv4(destination: IpAddress, protocol: number, l4: number, l4Length: number, dontFragment: boolean): boolean {
    const hop = this.hop(destination);
    if (hop === null) return false;
    if (!hop.resolved) this.resolve(hop);
    return this.ipv4Output.send(hop, this.address, destination, protocol, l4, l4Length, dontFragment);
  }

  /** Sends an echo request; the answer comes to `icmp.echoListener`. False when it could not be sent (counted). */
  echoRequest(destination: IpAddress, identifier: number, sequence: number, data: Uint8Array): boolean {
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

/** The checksum of a header without options, from its five words. */
function sumsUp(first: number, second: number, third: number, source: number, destination: number): boolean {
  const low = (first & 0xffff) + (second & 0xffff) + (third & 0xffff) + (source & 0xffff) + (destination & 0xffff);
  const high = (first >>> 16) + (second >>> 16) + (third >>> 16) + (source >>> 16) + (destination >>> 16);
  return fold(low + high) === 0xffff;
}
