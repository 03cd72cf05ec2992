/**
 * TIME-WAIT (RFC 9293 §3.6.1): connections that we closed first, kept for twice the maximum segment lifetime so that their last
 * acknowledgment can be repeated and their old segments can do no harm. A record in typed arrays instead of a connection.
 *
 *   oldest ◀─ prev ─ … ─ next ─▶ newest        All wait equally long, so the list is in order of expiry.
 */
import type { Hop } from '../net/hop.ts';
import {
  ACK,
  FIN,
  RST,
  SYN,
  TCP_HEADER_BYTES,
  tcpAcknowledgment,
  tcpFlags,
  tcpHeaderBytes,
  tcpSequence,
} from '../wire/tcp.ts';
import { sendBare } from './bare.ts';
import type { Connection } from './connection.ts';
import { parseOptions } from './options.ts';
import { acceptable, add, atMost, distance, greaterThan, lessThan } from './sequence.ts';
import type { TcpStack } from './stack.ts';

/** Deadlines must stay within half the circle of the 32-bit clock. */
const MAX_DURATION_MS = 2_000_000;

export class TimeWaitTable {
  /** Records now. */
  size = 0;
  private readonly stack: TcpStack;
  private readonly durationUs: number;
  private readonly remoteIp: Int32Array;
  private readonly localIp: Int32Array;
  private readonly ports: Int32Array;
  private readonly sndNxt: Int32Array;
  private readonly rcvNxt: Int32Array;
  /** Window field that we last sent, and its scale. */
  private readonly window: Int32Array;
  private readonly scale: Uint8Array;
  private readonly timestamps: Uint8Array;
  private readonly tsRecent: Int32Array;
  private readonly tsOffset: Int32Array;
  private readonly dueUs: Int32Array;
  private readonly next: Int32Array;
  private readonly prev: Int32Array;
  private readonly hops: (Hop | null)[];
  private readonly capacity: number;
  private oldest = 0;
  private newest = 0;
  private freeList = 0;

  /** Records are numbered 1…capacity. */
  constructor(stack: TcpStack, capacity: number, durationMs: number) {
    this.stack = stack;
    this.capacity = capacity;
    this.durationUs = Math.min(durationMs, MAX_DURATION_MS) * 1000;
    const words = (): Int32Array => new Int32Array(capacity + 1);
    this.remoteIp = words();
    this.localIp = words();
    this.ports = words();
    this.sndNxt = words();
    this.rcvNxt = words();
    this.window = words();
    this.tsRecent = words();
    this.tsOffset = words();
    this.dueUs = words();
    this.next = words();
    this.prev = words();
    this.scale = new Uint8Array(capacity + 1);
    this.timestamps = new Uint8Array(capacity + 1);
    this.hops = new Array<Hop | null>(capacity + 1).fill(null);
    for (let i = capacity; i >= 1; i--) {
      this.next[i] = this.freeList;
      this.freeList = i;
    }
  }

  /** A connection whose flow is free already leaves a record, in the flow table as a negative value. */
  enter(c: Connection): void {
    if (this.capacity === 0) return;
    if (this.freeList === 0) {
      this.stack.counters.timeWaitEvicted++;
      this.remove(this.oldest, 'made room');
    }
    const i = this.freeList;
    this.freeList = this.next[i];
    this.size++;
    this.remoteIp[i] = c.remoteIp;
    this.localIp[i] = c.localIp;
    this.ports[i] = c.ports;
    this.sndNxt[i] = c.sndNxt;
    this.rcvNxt[i] = c.rcvNxt;
    this.window[i] = Math.min(0xffff, distance(c.rcvAdv, c.rcvNxt) >> c.rcvScale); // what was offered last
    this.scale[i] = c.rcvScale;
    this.timestamps[i] = c.timestamps ? 1 : 0;
    this.tsRecent[i] = c.tsRecent;
    this.tsOffset[i] = c.tsOffset;
    this.hops[i] = c.hop;
    this.append(i);
    this.stack.flows.set(c.remoteIp, c.ports, -i);
    this.stack.counters.timeWaitEntered++;
  }

  /**
   * A segment for record `i` (RFC 9293 §3.10.7.4, TIME-WAIT). Returns true when it is a SYN that may open the connection anew,
   * and there is somebody `listening`: the record is gone then, and `reuseAfter` is the sequence number that the new one must begin after.
   */
  input(i: number, tcp: number, length: number, listening: boolean): boolean {
    const stack = this.stack;
    const memory = stack.memory;
    const flags = tcpFlags(memory, tcp);
    const sequence = tcpSequence(memory, tcp);
    const options = stack.options;
    const headerBytes = tcpHeaderBytes(memory, tcp);
    parseOptions(memory, tcp + TCP_HEADER_BYTES, tcp + headerBytes, options);
    if ((flags & RST) !== 0) {
      const inWindow = acceptable(sequence, 0, this.rcvNxt[i], this.window[i] << this.scale[i]);
      if (stack.config.timeWaitIgnoresReset || !inWindow) stack.drop(null, 'resetOutsideWindow');
      else this.remove(i, 'RST received');
      return false;
    }
    if ((flags & (SYN | FIN)) === (SYN | FIN) && stack.config.dropSynFin) {
      stack.drop(null, 'synWithFin');
      return false;
    }
    if (listening && (flags & (SYN | ACK)) === SYN && this.mayReuse(i, sequence)) {
      this.reuseAfter = this.sndNxt[i];
      stack.counters.timeWaitReused++;
      this.remove(i, 'opened anew');
      return true;
    }
    if (stack.config.timeWaitNeedsAck && (flags & ACK) === 0 && (listening || (flags & SYN) === 0)) return false;
    const old = this.timestamps[i] !== 0 && options.hasTimestamps && lessThan(options.tsVal, this.tsRecent[i]);
    const text = length - headerBytes + ((flags & SYN) !== 0 ? 1 : 0) + ((flags & FIN) !== 0 ? 1 : 0);
    if ((flags & FIN) !== 0 && add(sequence, text) === this.rcvNxt[i] && !old) {
      this.unlink(i); // a retransmission of the peer's FIN: acknowledged, and the wait begins anew
      this.append(i);
    } else if (text === 0 && sequence === this.rcvNxt[i] && !old && this.acknowledgesAll(i, tcp)) {
      return false; // an ACK of our ACK
    }
    if (text > 0 || stack.resetBudget.take(stack.nowSeconds)) this.acknowledge(i);
    return false;
  }
  reuseAfter = 0;

  /** Forgets what has waited long enough. */
  run(clockUs: number): void {
    while (this.oldest !== 0 && atMost(this.dueUs[this.oldest], clockUs)) this.remove(this.oldest, '2 MSL over');
  }

  /** Microseconds until the first record expires; Infinity when there is none. */
  untilFirst(clockUs: number): number {
    return this.oldest === 0 ? Infinity : distance(this.dueUs[this.oldest], clockUs);
  }

  /** The oldest makes room for a new connection. */
  evictOldest(): boolean {
    if (this.oldest === 0) return false;
    this.stack.counters.timeWaitEvicted++;
    this.remove(this.oldest, 'made room');
    return true;
  }

  clear(): void {
    while (this.oldest !== 0) this.remove(this.oldest, 'stack closed');
  }

  /**
   * RFC 6191 §2: with timestamps on both, the new SYN's must be later, or equal with a higher sequence number; without, the
   * sequence number decides (RFC 9293 §3.6.1, RFC 1122 §4.2.2.13).
   */
  private mayReuse(i: number, sequence: number): boolean {
    const options = this.stack.options;
    const higher = greaterThan(sequence, this.rcvNxt[i]);
    if (this.timestamps[i] === 0 || !options.hasTimestamps) return higher;
    const later = distance(options.tsVal, this.tsRecent[i]);
    return later > 0 || (later === 0 && higher);
  }

  private acknowledgesAll(i: number, tcp: number): boolean {
    const { memory } = this.stack;
    return (tcpFlags(memory, tcp) & ACK) !== 0 && tcpAcknowledgment(memory, tcp) === this.sndNxt[i];
  }

  private acknowledge(i: number): void {
    const stack = this.stack;
    const to = stack.endpoints;
    to.localIp = this.localIp[i];
    to.remoteIp = this.remoteIp[i];
    to.localPort = this.ports[i] & 0xffff;
    to.remotePort = this.ports[i] >>> 16;
    to.hop = this.hops[i];
    to.timestamps = this.timestamps[i] !== 0;
    to.tsVal = add(stack.clockMs, this.tsOffset[i]);
    to.tsEcr = this.tsRecent[i];
    to.tos = stack.config.tos;
    to.ttl = stack.config.ttl;
    sendBare(stack, to, this.sndNxt[i], this.rcvNxt[i], ACK, this.window[i]);
  }

  private append(i: number): void {
    this.dueUs[i] = add(this.stack.clockUs, this.durationUs);
    this.next[i] = 0;
    this.prev[i] = this.newest;
    if (this.newest === 0) this.oldest = i;
    else this.next[this.newest] = i;
    this.newest = i;
  }

  private unlink(i: number): void {
    const next = this.next[i];
    const prev = this.prev[i];
    if (prev === 0) this.oldest = next;
    else this.next[prev] = next;
    if (next === 0) this.newest = prev;
    else this.prev[next] = prev;
  }

  private remove(i: number, cause: string): void {
    const ports = this.ports[i];
    this.stack.observer?.timeWaitEnded(this.localIp[i], ports & 0xffff, this.remoteIp[i], ports >>> 16, cause);
    this.unlink(i);
    this.stack.flows.delete(this.remoteIp[i], this.ports[i]);
    this.hops[i] = null;
    this.next[i] = this.freeList;
    this.freeList = i;
    this.size--;
  }
}
