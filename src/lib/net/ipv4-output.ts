/**
 * Datagrams of senders that are not in a hurry (ICMP, ARP): built in control buffers, fragmented when they are larger than
 * the link takes (RFC 791 §2.3), held back, one for each hop, until ARP has an address (RFC 1122 §2.3.2.2).
 *
 *   control buffer:  …headroom…│eth│ IPv4 header │ ICMP …
 *                                  └ pool.payload(id), word-aligned
 */
import type { Link } from '../link/link.ts';
import { ETHERTYPE_IPV4, ethernetHeaderBytes, writeEtherType, writeMac } from '../wire/ethernet.ts';
import {
  DEFAULT_TTL,
  DONT_FRAGMENT,
  IPV4_HEADER_BYTES,
  IPV4_MAX_BYTES,
  MORE_FRAGMENTS,
  writeIpv4,
} from '../wire/ipv4.ts';
import type { NetCounters } from './counters.ts';
import type { Hop } from './hop.ts';

export class Ipv4Output {
  /** Largest datagram that leaves in one frame. */
  readonly maxBytes: number;
  private identification: number;
  private readonly link: Link;
  private readonly counters: NetCounters;
  private readonly macHigh16: number;
  private readonly macLow32: number;

  constructor(link: Link, counters: NetCounters, macHigh16: number, macLow32: number, firstIdentification: number) {
    this.link = link;
    this.counters = counters;
    this.macHigh16 = macHigh16;
    this.macLow32 = macLow32;
    this.identification = firstIdentification & 0xffff;
    this.maxBytes = Math.min(link.mtu, link.control.capacity);
  }

  /** A control buffer, or 0 (counted). Its datagram begins at `link.control.payload(id)`. */
  allocate(): number {
    const id = this.link.control.alloc();
    if (id === 0) this.counters.ipv4NoBuffer++;
    return id;
  }

  /** A fresh identification (RFC 6864: it matters for datagrams that may be fragmented only). */
  nextIdentification(): number {
    this.identification = (this.identification + 1) & 0xffff;
    return this.identification;
  }

  /**
   * Sends `l4Length` bytes at `l4` (anywhere in packet memory; they are copied) to `hop`, in fragments if need be. False when
   * nothing, or not everything, could be sent (counted).
   */
  send(
    hop: Hop,
    source: number,
    destination: number,
    protocol: number,
    l4: number,
    l4Length: number,
    dontFragment: boolean,
  ): boolean {
    if (IPV4_HEADER_BYTES + l4Length > (dontFragment ? this.maxBytes : IPV4_MAX_BYTES)) {
      this.counters.ipv4TooBig++;
      return false;
    }
    const fragmentBytes = (this.maxBytes - IPV4_HEADER_BYTES) & ~7;
    const fits = IPV4_HEADER_BYTES + l4Length <= this.maxBytes;
    const identification = this.nextIdentification();
    let done = 0;
    do {
      const length = fits || l4Length - done <= fragmentBytes ? l4Length - done : fragmentBytes;
      const more = done + length < l4Length ? MORE_FRAGMENTS : 0;
      const field = dontFragment ? DONT_FRAGMENT : more | (done >> 3);
      const id = this.allocate();
      if (id === 0) return false;
      const ip = this.link.control.payload(id);
      this.link.memory.copy(ip + IPV4_HEADER_BYTES, l4 + done, length);
      const total = IPV4_HEADER_BYTES + length;
      writeIpv4(this.link.memory, ip, 0, total, identification, field, DEFAULT_TTL, protocol, source, destination);
      if (!fits) this.counters.ipv4FragmentsOut++;
      this.dispatch(id, total, hop);
      done += length;
    } while (done < l4Length);
    return true;
  }

  /** Sends the datagram of `length` bytes in control buffer `id`, or keeps it until the hop is resolved. Takes the buffer. */
  dispatch(id: number, length: number, hop: Hop): void {
    if (!hop.resolved) {
      this.hold(id, length, hop);
      return;
    }
    hop.used = true;
    this.counters.ipv4Out++;
    const frame = this.link.control.payload(id) - ethernetHeaderBytes(hop.vlan);
    this.writeEthernet(frame, hop.macHigh16, hop.macLow32, ETHERTYPE_IPV4, hop.vlan);
    this.transmit(id, frame, length + ethernetHeaderBytes(hop.vlan));
  }

  writeEthernet(frame: number, high16: number, low32: number, type: number, vlan: number): void {
    const memory = this.link.memory;
    writeMac(memory, frame, high16, low32);
    writeMac(memory, frame + 6, this.macHigh16, this.macLow32);
    writeEtherType(memory, frame, type, vlan);
  }

  /** Hands a whole frame in control buffer `id` to the link, and the buffer back to its pool once it has left. */
  transmit(id: number, frame: number, length: number): void {
    const control = this.link.control;
    this.link.transmit(control, id, frame, length, frame + length, 0, 0, 0);
    control.release(id);
  }

  /** The hop got its address, or none is to be expected: its waiting frame goes out, or is dropped. */
  settlePending(hop: Hop): void {
    const id = hop.pendingBuffer;
    if (id === 0) return;
    hop.pendingBuffer = 0;
    if (hop.resolved) {
      this.dispatch(id, hop.pendingLength, hop);
      return;
    }
    this.counters.ipv4Unresolved++;
    this.link.control.release(id);
  }

  /** Keeps the latest frame (RFC 1122 §2.3.2.2), dropping the one before. */
  private hold(id: number, length: number, hop: Hop): void {
    if (hop.pendingBuffer !== 0) {
      this.counters.ipv4Unresolved++;
      this.link.control.release(hop.pendingBuffer);
    }
    hop.pendingBuffer = id;
    hop.pendingLength = length;
  }
}
