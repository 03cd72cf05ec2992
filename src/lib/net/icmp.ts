/**
 * ICMP (RFC 792, RFC 1122 §3.2.2): answers echo requests, hands errors about our datagrams to the transport that sent them,
 * sends errors about what nobody here can take, and asks echoes for tools.
 */
import type { Link } from '../link/link.ts';
import { isMulticast } from '../wire/address.ts';
import {
  ICMP_CODE,
  ICMP_ECHO_REPLY,
  ICMP_ECHO_REQUEST,
  ICMP_HEADER_BYTES,
  ICMP_NEXT_HOP_MTU,
  ICMP_REDIRECT,
  ICMP_UNREACHABLE,
  icmpChecksumOk,
  icmpIdentifier,
  icmpSequence,
  isIcmpError,
  UNREACHABLE_FRAGMENTATION_NEEDED,
  writeIcmp,
} from '../wire/icmp.ts';
import {
  DEFAULT_TTL,
  FRAGMENT_OFFSET_MASK,
  IPV4_HEADER_BYTES,
  ipv4Destination,
  ipv4Fragment,
  ipv4HeaderBytes,
  ipv4Protocol,
  ipv4Source,
  ipv4TotalLength,
  ipv4Ttl,
  PROTOCOL_ICMP,
  writeIpv4,
} from '../wire/ipv4.ts';
import type { NetCounters } from './counters.ts';
import type { Hop } from './hop.ts';
import type { Ipv4Output } from './ipv4-output.ts';
import type { NetObserver } from './observer.ts';
import { TokenBucket } from './token-bucket.ts';

/** An error quotes as much of the datagram as keeps it within 576 bytes (RFC 1812 §4.3.2.3). */
const MAX_ERROR_BYTES = 576;
/** RFC 1812 §4.3.2.8 asks for a limit; this one is Linux's icmp_msgs_per_sec and icmp_msgs_burst. */
const ERRORS_PER_SECOND = 1000;
const ERRORS_BURST = 50;

/** Takes what answers our own echo requests. Offsets are valid during the call. */
export interface EchoListener {
  echoReply(source: number, identifier: number, sequence: number, ttl: number, data: number, length: number): void;
  /** An error came back instead, from `source`. */
  echoError(source: number, type: number, code: number, identifier: number, sequence: number): void;
}

/** What ICMP asks of the interface around it. */
export interface IcmpHost {
  readonly nowUs: number;
  readonly address: number;
  readonly observer: NetObserver | null;
  /** A hop back to where the frame came from. */
  replyHop(frame: number): Hop;
  /** Gives an error to the transport of this protocol; false when there is none. */
  deliverError(
    protocol: number,
    type: number,
    code: number,
    nextHopMtu: number,
    quotedIp: number,
    quotedL4: number,
  ): boolean;
}

export class Icmp {
  echoListener: EchoListener | null = null;
  private readonly link: Link;
  private readonly host: IcmpHost;
  private readonly output: Ipv4Output;
  private readonly counters: NetCounters;
  private readonly bucket = new TokenBucket(ERRORS_PER_SECOND, ERRORS_BURST);

  constructor(link: Link, host: IcmpHost, output: Ipv4Output, counters: NetCounters) {
    this.link = link;
    this.host = host;
    this.output = output;
    this.counters = counters;
  }

  /** A whole message of `length` bytes at `icmp`, in the datagram at `ip`, in the frame at `frame`. */
  input(frame: number, ip: number, icmp: number, length: number): void {
    const memory = this.link.memory;
    this.counters.icmpIn++;
    if (length < ICMP_HEADER_BYTES) {
      this.counters.icmpShort++;
      return;
    }
    if (!icmpChecksumOk(memory, icmp, length)) {
      this.counters.icmpBadChecksum++;
      return;
    }
    const type = memory.u8[icmp];
    if (type === ICMP_ECHO_REQUEST) this.echo(frame, ip, icmp, length);
    else if (type === ICMP_ECHO_REPLY) this.echoReply(ip, icmp, length);
    else if (isIcmpError(type)) this.error(type, ip, icmp, length);
    else this.counters.icmpUnhandled++;
  }

  /**
   * Sends an error about the datagram at `ip` (`available` bytes of it are there) to its source, unless none may be sent
   * (RFC 1122 §3.2.2) or too many were. `low16` is the second half of the message's second word: the MTU, if any.
   */
  sendError(type: number, code: number, low16: number, frame: number, ip: number, available: number): void {
    if (!this.mayComplainAbout(ip, available)) {
      this.counters.icmpSuppressed++;
      return;
    }
    if (!this.bucket.take(this.host.nowUs)) {
      this.counters.icmpRateLimited++;
      return;
    }
    const id = this.output.allocate();
    if (id === 0) return;
    const memory = this.link.memory;
    const at = this.link.control.payload(id);
    const icmp = at + IPV4_HEADER_BYTES;
    const room = Math.min(MAX_ERROR_BYTES, this.output.maxBytes) - IPV4_HEADER_BYTES - ICMP_HEADER_BYTES;
    const quoted = Math.min(room, available, ipv4TotalLength(memory, ip));
    const destination = ipv4Source(memory, ip);
    memory.copy(icmp + ICMP_HEADER_BYTES, ip, quoted);
    writeIcmp(memory, icmp, type, code, 0, low16, ICMP_HEADER_BYTES + quoted);
    const total = IPV4_HEADER_BYTES + ICMP_HEADER_BYTES + quoted;
    const identification = this.output.nextIdentification();
    // Precedence 6, internetwork control (RFC 1812 §4.3.2.5).
    writeIpv4(memory, at, 0xc0, total, identification, 0, DEFAULT_TTL, PROTOCOL_ICMP, this.host.address, destination);
    this.counters.icmpErrorsOut++;
    this.host.observer?.icmpErrorSent(destination, type, code);
    this.output.dispatch(id, total, this.host.replyHop(frame));
  }

  /** Sends an echo request with these data bytes to `destination` by way of `hop`. False when there was no memory. */
  echoRequest(hop: Hop, destination: number, identifier: number, sequence: number, data: Uint8Array): boolean {
    const memory = this.link.memory;
    const length = ICMP_HEADER_BYTES + data.length;
    const block = memory.extents.alloc(length);
    if (block === 0) {
      this.counters.ipv4NoBuffer++;
      return false;
    }
    memory.u8.set(data, block + ICMP_HEADER_BYTES);
    writeIcmp(memory, block, ICMP_ECHO_REQUEST, 0, identifier, sequence, length);
    const sent = this.output.send(hop, this.host.address, destination, PROTOCOL_ICMP, block, length, false);
    memory.extents.free(block, length);
    return sent;
  }

  /** RFC 1122 §3.2.2.6. The request becomes the reply where it lies; options are not echoed. */
  private echo(frame: number, ip: number, icmp: number, length: number): void {
    const memory = this.link.memory;
    this.counters.icmpEchoRequestsIn++;
    const source = ipv4Source(memory, ip);
    const observer = this.host.observer;
    if (observer !== null) {
      const sequence = icmpSequence(memory, icmp);
      const ttl = ipv4Ttl(memory, ip);
      observer.echoRequest(source, icmpIdentifier(memory, icmp), sequence, ttl, length - ICMP_HEADER_BYTES);
    }
    // Computed afresh: RFC 1624's update leaves 0 where data of zeros needs 0xffff.
    const code = memory.u8[icmp + ICMP_CODE];
    writeIcmp(memory, icmp, ICMP_ECHO_REPLY, code, icmpIdentifier(memory, icmp), icmpSequence(memory, icmp), length);
    const hop = this.host.replyHop(frame);
    if (this.output.send(hop, this.host.address, source, PROTOCOL_ICMP, icmp, length, false)) {
      this.counters.icmpEchoRepliesOut++;
    }
  }

  private echoReply(ip: number, icmp: number, length: number): void {
    const memory = this.link.memory;
    this.counters.icmpEchoRepliesIn++;
    this.echoListener?.echoReply(
      ipv4Source(memory, ip),
      icmpIdentifier(memory, icmp),
      icmpSequence(memory, icmp),
      ipv4Ttl(memory, ip),
      icmp + ICMP_HEADER_BYTES,
      length - ICMP_HEADER_BYTES,
    );
  }

  /** An error about a datagram of ours: whose, says the quotation (RFC 1122 §3.2.2: pass it to the transport). */
  private error(type: number, ip: number, icmp: number, length: number): void {
    const memory = this.link.memory;
    this.counters.icmpErrorsIn++;
    if (type === ICMP_REDIRECT) {
      this.counters.icmpUnhandled++; // one gateway, configured by the operator: nobody on the link may change it
      return;
    }
    const quotedIp = icmp + ICMP_HEADER_BYTES;
    const quotedBytes = length - ICMP_HEADER_BYTES;
    if (!this.quotesUs(quotedIp, quotedBytes)) {
      this.counters.icmpBadQuote++;
      return;
    }
    const quotedL4 = quotedIp + ipv4HeaderBytes(memory, quotedIp);
    const protocol = ipv4Protocol(memory, quotedIp);
    const code = memory.u8[icmp + ICMP_CODE];
    if (protocol === PROTOCOL_ICMP) {
      this.echoError(type, code, ipv4Source(memory, ip), quotedL4);
      return;
    }
    const tooBig = type === ICMP_UNREACHABLE && code === UNREACHABLE_FRAGMENTATION_NEEDED;
    const mtu = tooBig ? memory.dv.getUint16(icmp + ICMP_NEXT_HOP_MTU, false) : 0;
    if (!this.host.deliverError(protocol, type, code, mtu, quotedIp, quotedL4)) this.counters.icmpBadQuote++;
  }

  private echoError(type: number, code: number, source: number, quotedL4: number): void {
    const memory = this.link.memory;
    if (memory.u8[quotedL4] !== ICMP_ECHO_REQUEST) {
      this.counters.icmpBadQuote++;
      return;
    }
    const identifier = icmpIdentifier(memory, quotedL4);
    this.echoListener?.echoError(source, type, code, identifier, icmpSequence(memory, quotedL4));
  }

  /** A header that we may have sent, with at least eight bytes of what followed it. */
  private quotesUs(quotedIp: number, quotedBytes: number): boolean {
    const memory = this.link.memory;
    if (quotedBytes < IPV4_HEADER_BYTES || memory.u8[quotedIp] >> 4 !== 4) return false;
    const headerBytes = ipv4HeaderBytes(memory, quotedIp);
    if (headerBytes < IPV4_HEADER_BYTES || quotedBytes < headerBytes + 8) return false;
    if ((ipv4Fragment(memory, quotedIp) & FRAGMENT_OFFSET_MASK) !== 0) return false; // no ports in it
    return ipv4Source(memory, quotedIp) === this.host.address;
  }

  /** RFC 1122 §3.2.2: not about ICMP errors, non-initial fragments, or datagrams that name no single host as source or target. */
  private mayComplainAbout(ip: number, available: number): boolean {
    const memory = this.link.memory;
    const source = ipv4Source(memory, ip);
    if (source === 0 || source === -1 || isMulticast(source) || source === this.host.address) return false;
    if (ipv4Destination(memory, ip) !== this.host.address) return false;
    if ((ipv4Fragment(memory, ip) & FRAGMENT_OFFSET_MASK) !== 0) return false;
    if (ipv4Protocol(memory, ip) !== PROTOCOL_ICMP) return true;
    const headerBytes = ipv4HeaderBytes(memory, ip);
    return available > headerBytes && !isIcmpError(memory.u8[ip + headerBytes]);
  }
}
