/**
 * The ARP cache: hops by IPv4 address, with ageing and retry (RFC 1122 §2.3.2). Bounded: the least recently looked-up entry
 * leaves when it is full; connections that hold it go on using it. Who sends the requests is `NeighbourTransport`.
 */
import type { NetCounters } from './counters.ts';
import {
  HOP_FAILED,
  HOP_FIXED,
  HOP_INCOMPLETE,
  HOP_NONE,
  HOP_PROBE,
  HOP_REACHABLE,
  HOP_STALE,
  Hop,
  type HopListener,
} from './hop.ts';

export const MAX_NEIGHBOURS = 1024;
/** How long an answer is trusted; RFC 1122 §2.3.2.1 suggests a minute. */
export const REACHABLE_US = 60_000_000;
/** A hint that is in use is confirmed after this long (as Linux's delay_first_probe_time). */
export const CONFIRM_HINT_US = 5_000_000;
/** Forward progress of a transport vouches for a hop for this long. */
const PROGRESS_US = 5_000_000;
/** At most one request a second for each destination (RFC 1122 §2.3.2.1). */
export const RETRY_US = 1_000_000;
export const MAX_ATTEMPTS = 3;

export interface NeighbourTransport {
  /** Sends an ARP request: by unicast to the hop when it is resolved, else by broadcast. */
  arpRequest(hop: Hop): void;
  /** The frame that waits on the hop can go (it is resolved) or is to be dropped (it failed, or was evicted). */
  settlePending(hop: Hop): void;
}

export class NeighbourCache {
  listener: HopListener | null = null;
  /** When `run` is to be called next, at the latest. */
  nextDeadlineUs = Infinity;
  private readonly hops = new Map<number, Hop>();
  private readonly transport: NeighbourTransport;
  private readonly counters: NetCounters;
  private readonly limit: number;

  constructor(transport: NeighbourTransport, counters: NetCounters, limit = MAX_NEIGHBOURS) {
    this.transport = transport;
    this.counters = counters;
    this.limit = limit;
  }

  get size(): number {
    return this.hops.size;
  }

  entries(): IterableIterator<Hop> {
    return this.hops.values();
  }

  /** The entry without making it recent. */
  peek(address: number): Hop | null {
    return this.hops.get(address) ?? null;
  }

  lookup(address: number): Hop | null {
    const hop = this.hops.get(address);
    if (hop === undefined) return null;
    this.hops.delete(address); // Map keeps insertion order: last is most recent
    this.hops.set(address, hop);
    return hop;
  }

  /** The entry, made (unresolved, on this VLAN) when there is none. */
  obtain(address: number, vlan: number): Hop {
    const known = this.lookup(address);
    if (known !== null) return known;
    if (this.hops.size >= this.limit) this.evictOldest();
    const hop = new Hop(address);
    hop.vlan = vlan;
    this.hops.set(address, hop);
    return hop;
  }

  /** The hop's own word about where it is: trusted for REACHABLE_US. */
  confirm(hop: Hop, high16: number, low32: number, vlan: number, nowUs: number): void {
    hop.state = HOP_REACHABLE;
    hop.used = hop.pendingBuffer !== 0;
    this.schedule(hop, nowUs + REACHABLE_US);
    this.becomeUsable(hop, high16, low32, vlan);
  }

  /** Where a frame seemed to come from: used at once, confirmed soon. Never overrides what was confirmed. */
  hint(hop: Hop, high16: number, low32: number, vlan: number, nowUs: number): void {
    if (hop.state === HOP_REACHABLE || hop.state === HOP_PROBE || hop.state === HOP_FIXED) return;
    if (hop.state !== HOP_STALE) this.schedule(hop, nowUs + CONFIRM_HINT_US);
    hop.state = HOP_STALE;
    this.becomeUsable(hop, high16, low32, vlan);
  }

  /** An ARP packet that was not an answer to us gives another address than we have (RFC 826, merge). */
  update(hop: Hop, high16: number, low32: number, vlan: number, nowUs: number): void {
    if (hop.resolved && hop.macHigh16 === high16 && hop.macLow32 === low32 && hop.vlan === vlan) return;
    hop.state = HOP_STALE;
    this.schedule(hop, nowUs + CONFIRM_HINT_US);
    this.becomeUsable(hop, high16, low32, vlan);
  }

  /** An address that ARP has no say in. */
  fix(hop: Hop, high16: number, low32: number, vlan: number): void {
    hop.state = HOP_FIXED;
    hop.deadlineUs = Infinity;
    this.becomeUsable(hop, high16, low32, vlan);
  }

  /** Asks for a hop that is not resolved, or asks a resolved one whether it is still there. Rate-limited, retried, bounded. */
  resolve(hop: Hop, nowUs: number): void {
    if (hop.state === HOP_FIXED || hop.state === HOP_INCOMPLETE || hop.state === HOP_PROBE) return;
    if (nowUs - hop.requestedUs < RETRY_US) return;
    this.readopt(hop);
    hop.attempts = 0;
    hop.state = hop.resolved ? HOP_PROBE : HOP_INCOMPLETE;
    hop.failed = false;
    this.ask(hop, nowUs);
  }

  /** Runs what is due: retries, expiry. */
  run(nowUs: number): void {
    if (nowUs < this.nextDeadlineUs) return;
    let next = Infinity;
    for (const hop of this.hops.values()) {
      if (hop.deadlineUs <= nowUs) this.expire(hop, nowUs);
      if (hop.deadlineUs < next) next = hop.deadlineUs;
    }
    this.nextDeadlineUs = next;
  }

  private expire(hop: Hop, nowUs: number): void {
    hop.deadlineUs = Infinity;
    if (hop.resolved && nowUs - hop.progressUs < PROGRESS_US) {
      // No need to ask: it answers above us.
      hop.state = HOP_REACHABLE;
      this.schedule(hop, nowUs + REACHABLE_US);
      return;
    }
    switch (hop.state) {
      case HOP_REACHABLE:
      case HOP_STALE:
        if (hop.used) {
          hop.attempts = 0;
          hop.state = HOP_PROBE;
          this.ask(hop, nowUs);
        } else {
          hop.state = HOP_STALE;
          this.schedule(hop, nowUs + REACHABLE_US);
        }
        return;
      case HOP_PROBE:
        if (hop.attempts < MAX_ATTEMPTS) {
          this.ask(hop, nowUs);
          return;
        }
        // Perhaps it moved: forget the address and ask everybody.
        hop.resolved = false;
        hop.state = HOP_INCOMPLETE;
        hop.attempts = 0;
        this.ask(hop, nowUs);
        return;
      case HOP_INCOMPLETE:
        if (hop.attempts < MAX_ATTEMPTS) this.ask(hop, nowUs);
        else this.fail(hop);
        return;
    }
  }

  private ask(hop: Hop, nowUs: number): void {
    hop.attempts++;
    hop.requestedUs = nowUs;
    this.schedule(hop, nowUs + RETRY_US);
    this.transport.arpRequest(hop);
  }

  private fail(hop: Hop): void {
    hop.state = HOP_FAILED;
    hop.failed = true;
    this.counters.arpResolveFailed++;
    this.transport.settlePending(hop);
    this.listener?.unreachable(hop);
  }

  private becomeUsable(hop: Hop, high16: number, low32: number, vlan: number): void {
    const wasResolved = hop.resolved;
    hop.setMac(high16, low32, vlan);
    if (wasResolved) return;
    this.transport.settlePending(hop);
    this.listener?.onResolved(hop);
  }

  private schedule(hop: Hop, deadlineUs: number): void {
    hop.deadlineUs = deadlineUs;
    if (deadlineUs < this.nextDeadlineUs) this.nextDeadlineUs = deadlineUs;
  }

  private evictOldest(): void {
    for (const hop of this.hops.values()) {
      this.hops.delete(hop.address);
      this.counters.arpEvicted++;
      // Its holders go on using the address it has, and `resolve` takes it in again.
      if (hop.state !== HOP_FIXED) hop.state = hop.resolved ? HOP_STALE : HOP_NONE;
      hop.deadlineUs = Infinity;
      this.transport.settlePending(hop);
      return;
    }
  }

  /** Puts a hop that was evicted while a connection held it back into the cache, where the answer will look for it. */
  private readopt(hop: Hop): void {
    const present = this.hops.get(hop.address);
    if (present === hop) return;
    if (present === undefined && this.hops.size >= this.limit) this.evictOldest();
    if (present !== undefined) this.transport.settlePending(present);
    this.hops.set(hop.address, hop);
  }
}
