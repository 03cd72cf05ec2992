/**
 * SYN cookies (RFC 4987 §3.6): under pressure a SYN is answered without keeping anything of it. What a connection needs to
 * know comes back in the last ACK of the handshake:
 *
 *   sequence number  │ 29 bits of a keyed code │ 3 bits: which MSS │      the code: the ends, the client's ISN, the MSS, the minute
 *   timestamp        │ our clock, to 64 ms │ ECN │ SACK │ scale, 4 bits │      only if the client offered timestamps
 *
 * The minute is a counter of 64 s, which is not sent: a cookie is tried with the counter of now and the one before, so it is
 * good for 64 to 128 s. An attacker's guess hits once in 2²⁸. Window scale, SACK and ECN need the timestamp; its clock only
 * loses its low bits, rounded down, so later segments carry later values (RFC 7323 §5.4).
 */
import { IPV4_DESTINATION, IPV4_SOURCE } from '../../wire/ipv4.ts';
import {
  ACK,
  CWR,
  ECE,
  SYN,
  TCP_HEADER_BYTES,
  tcpAcknowledgment,
  tcpDestinationPort,
  tcpFlags,
  tcpHeaderBytes,
  tcpSequence,
  tcpSourcePort,
  tcpWindow,
} from '../../wire/tcp.ts';
import { sendSynFrame, sourceOf } from '../bare.ts';
import { setState } from '../close.ts';
import type { Connection } from '../connection.ts';
import { type ParsedOptions, parseOptions } from '../options.ts';
import { add, distance } from '../sequence.ts';
import type { TcpStack } from '../stack.ts';
import { LISTEN, SYN_RECEIVED } from '../state.ts';
import { acceptSyn, startSending } from './handshake.ts';
import { cookieCode, timestampOffset } from './isn.ts';

/** Sizes that a cookie can name; the largest that is not above the peer's stands for it. */
const MSS_TABLE = [88, 256, 536, 1_200, 1_360, 1_440, 1_460, 8_960];
const MSS_MASK = 7;
/** The counter's step: 64 s. */
const COUNTER_SHIFT = 6;
/** Counters that a cookie is good for: this one, and the one before. */
const MAX_AGE = 2;
/** Cookies go on for so long after the backlog was last seen full: a slot that gets free is not the next forged SYN's. */
const PRESSURE_SECONDS = 5;

const TIMESTAMP_BITS = 63;
const NO_SCALE = 15;
const SACK_BIT = 16;
const ECN_BIT = 32;
const NEVER = -1;

export class SynCookies {
  private readonly stack: TcpStack;
  private fullSecond = NEVER;
  private sentSecond = NEVER;

  constructor(stack: TcpStack) {
    this.stack = stack;
  }

  /** Is a SYN to be answered without keeping state? `full`: the backlog is. */
  wanted(full: boolean): boolean {
    const policy = this.stack.config.synCookies;
    if (policy !== 'pressure') return policy === 'always';
    const now = this.stack.nowSeconds;
    if (full) this.fullSecond = now;
    return this.fullSecond !== NEVER && now - this.fullSecond < PRESSURE_SECONDS;
  }

  /** Cookies that are still good are out: an ACK for no connection may bring one. */
  get outstanding(): boolean {
    return this.sentSecond !== NEVER && this.stack.nowSeconds - this.sentSecond < MAX_AGE << COUNTER_SHIFT;
  }

  /** Answers the SYN at `tcp`, whose options are in `stack.options`. */
  answer(frame: number, ip: number, tcp: number): void {
    const stack = this.stack;
    const { memory, config, options, synOffer } = stack;
    const to = sourceOf(stack, frame, ip, tcp);
    const sequence = tcpSequence(memory, tcp);
    const index = mssIndex(options.mss);
    const cookie = this.cookieAt(ip, tcp, sequence, stack.nowSeconds >> COUNTER_SHIFT, index);
    to.timestamps = config.timestamps && options.hasTimestamps;
    synOffer.mss = stack.offeredMss;
    synOffer.windowScale = to.timestamps && config.windowScale && options.windowScale >= 0 ? stack.windowScale : -1;
    synOffer.sackPermitted = to.timestamps && config.sack && options.sackPermitted;
    const asksEcn = (tcpFlags(memory, tcp) & (ECE | CWR)) === (ECE | CWR);
    const ecn = to.timestamps && config.ecn !== 'off' && asksEcn;
    if (to.timestamps) {
      const scale = synOffer.windowScale < 0 ? NO_SCALE : options.windowScale;
      const bits = scale | (synOffer.sackPermitted ? SACK_BIT : 0) | (ecn ? ECN_BIT : 0);
      const clock = add(stack.clockMs, timestampOffset(config.secret, to.localIp, to.remoteIp));
      to.tsVal = cookieTimestamp(clock, bits);
      to.tsEcr = options.tsVal;
    }
    this.sentSecond = stack.nowSeconds;
    stack.counters.cookiesSent++;
    sendSynFrame(stack, null, to, cookie, add(sequence, 1), SYN | ACK | (ecn ? ECE : 0));
  }

  /** Does the ACK at `tcp` acknowledge a cookie of ours? */
  check(ip: number, tcp: number): boolean {
    const { memory, nowSeconds } = this.stack;
    const cookie = add(tcpAcknowledgment(memory, tcp), -1);
    const sequence = add(tcpSequence(memory, tcp), -1);
    const counter = nowSeconds >> COUNTER_SHIFT;
    for (let age = 0; age < MAX_AGE; age++) {
      if (this.cookieAt(ip, tcp, sequence, counter - age, cookie & MSS_MASK) === cookie) return true;
    }
    return false;
  }

  /** The cookie for the sender of the segment at `tcp`, whose SYN had this sequence number. */
  private cookieAt(ip: number, tcp: number, sequence: number, counter: number, index: number): number {
    const { memory, config } = this.stack;
    const localIp = memory.dv.getInt32(ip + IPV4_DESTINATION, false);
    const remoteIp = memory.dv.getInt32(ip + IPV4_SOURCE, false);
    const ports = (tcpSourcePort(memory, tcp) << 16) | tcpDestinationPort(memory, tcp);
    const content = (counter << 3) | index;
    return (cookieCode(config.secret, localIp, remoteIp, ports, sequence, content) & ~MSS_MASK) | index;
  }
}

/** Makes a new connection what it would be if its SYN had been kept, from the ACK at `tcp`, whose cookie was checked. */
export function openByCookie(c: Connection, tcp: number): void {
  const stack = c.stack;
  const { memory, options } = stack;
  const cookie = add(tcpAcknowledgment(memory, tcp), -1);
  parseOptions(memory, tcp + TCP_HEADER_BYTES, tcp + tcpHeaderBytes(memory, tcp), options);
  c.tsOffset = timestampOffset(stack.config.secret, c.localIp, c.remoteIp);
  const bits = options.hasTimestamps ? options.tsEcr & TIMESTAMP_BITS : NO_SCALE;
  restoreOffer(options, bits, cookie & MSS_MASK);
  startSending(c, cookie);
  acceptSyn(c, add(tcpSequence(memory, tcp), -1), tcpWindow(memory, tcp), options);
  c.sndWl1 = c.irs;
  c.sndWl2 = c.iss;
  c.lastAckSent = c.rcvNxt;
  c.ecn = (bits & ECN_BIT) !== 0 && stack.config.ecn !== 'off';
  c.ect = c.ecn;
  stack.counters.cookiesAccepted++;
  c.state = LISTEN; // its listener's, until now
  setState(c, SYN_RECEIVED, 'SYN cookie');
}

/** What the SYN offered, as far as the cookie and the echo of its timestamp tell. */
function restoreOffer(options: ParsedOptions, bits: number, index: number): void {
  const scale = bits & NO_SCALE;
  options.mss = MSS_TABLE[index];
  options.windowScale = scale === NO_SCALE ? -1 : scale;
  options.sackPermitted = (bits & SACK_BIT) !== 0;
}

/** The clock with its low bits replaced, not later than it was. */
function cookieTimestamp(clock: number, bits: number): number {
  const stamped = (clock & ~TIMESTAMP_BITS) | bits;
  return distance(stamped, clock) > 0 ? add(stamped, -TIMESTAMP_BITS - 1) : stamped;
}

function mssIndex(mss: number): number {
  const announced = mss === 0 ? 536 : mss;
  let index = MSS_TABLE.length - 1;
  while (index > 0 && MSS_TABLE[index] > announced) index--;
  return index;
}
