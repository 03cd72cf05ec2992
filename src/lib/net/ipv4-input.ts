/**
 * The checks of RFC 1122 §3.2.1 on a received IPv4 datagram, in its order, each with its counter. Plain datagrams to us pass
 * by the short way of `Interface.input`; whatever that doubts comes here.
 */
import { RX_CHECKSUM_VALID } from '../link/link.ts';
import type { PacketMemory } from '../memory/packet-memory.ts';
import { isMulticast } from '../wire/address.ts';
import {
  checkOptions,
  IPV4_HEADER_BYTES,
  ipv4ChecksumOk,
  ipv4Destination,
  ipv4Source,
  ipv4TotalLength,
  OPTIONS_MALFORMED,
  OPTIONS_OK,
} from '../wire/ipv4.ts';
import type { NetCounters } from './counters.ts';

export class Ipv4Input {
  private readonly memory: PacketMemory;
  private readonly counters: NetCounters;
  private readonly address: number;
  private readonly broadcast: number;
  private readonly loopback: boolean;

  constructor(memory: PacketMemory, counters: NetCounters, address: number, broadcast: number, loopback: boolean) {
    this.memory = memory;
    this.counters = counters;
    this.address = address;
    this.broadcast = broadcast;
    this.loopback = loopback;
  }

  /**
   * Checks the datagram at `ip`, of which `available` bytes are there. Its header's length in bytes, or 0 when it is to be
   * dropped (counted). A host keeps a datagram whatever its TTL (RFC 1122 §3.2.1.7).
   */
  check(ip: number, available: number, rxFlags: number): number {
    const memory = this.memory;
    const headerBytes = this.headerBytes(ip, available);
    if (headerBytes === 0) return 0;
    const total = ipv4TotalLength(memory, ip);
    if (total < headerBytes || total > available) {
      this.counters.ipv4BadTotalLength++;
      return 0;
    }
    if ((rxFlags & RX_CHECKSUM_VALID) === 0 && !ipv4ChecksumOk(memory, ip, headerBytes)) {
      this.counters.ipv4BadChecksum++;
      return 0;
    }
    if (headerBytes !== IPV4_HEADER_BYTES && !this.optionsOk(ip, headerBytes)) return 0;
    const destination = ipv4Destination(memory, ip);
    if (destination !== this.address) {
      this.countForeign(destination);
      return 0;
    }
    if (!this.plausibleSource(ipv4Source(memory, ip))) {
      this.counters.ipv4BadSource++;
      return 0;
    }
    return headerBytes;
  }

  private headerBytes(ip: number, available: number): number {
    if (available < IPV4_HEADER_BYTES) {
      this.counters.ipv4Short++;
      return 0;
    }
    const first = this.memory.u8[ip];
    if (first >> 4 !== 4) {
      this.counters.ipv4BadVersion++;
      return 0;
    }
    const headerBytes = (first & 15) << 2;
    if (headerBytes >= IPV4_HEADER_BYTES && headerBytes <= available) return headerBytes;
    this.counters.ipv4BadHeaderLength++;
    return 0;
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
}
