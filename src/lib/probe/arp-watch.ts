/**
 * Listens to ARP and tells when an IPv4 address appears, moves to another host, or is used by two hosts at once.
 *
 *   first seen        ─▶ new
 *   another MAC       ─▶ moved      (a replaced card, a failover)
 *   the old MAC again ─▶ conflict   (both are alive: A → B → A)
 *
 * What is remembered is bounded; the address that was silent longest is forgotten first.
 */
import type { Link } from '../link/link.ts';
import { formatMac } from '../wire/address.ts';
import { ARP_REPLY } from '../wire/arp.ts';
import { readArp } from './arp-frame.ts';
import type { Station } from './station.ts';

export type ArpEventKind = 'new' | 'moved' | 'conflict';

export interface ArpEvent {
  kind: ArpEventKind;
  /** int32 */
  address: number;
  mac: string;
  /** The hardware address that it had before; null when it is new. */
  previousMac: string | null;
  atUs: number;
}

export interface ArpWatchOptions {
  /** Only these addresses; empty: all. */
  targets: ReadonlySet<number>;
  /** Our own addresses on this link: whoever else uses one is in conflict at once. */
  own: ReadonlySet<number>;
  /** null: until it is stopped. */
  durationUs: number | null;
}

interface Seen {
  mac: string;
  previousMac: string | null;
}

const MAX_REMEMBERED = 65_536;

export class ArpWatch implements Station {
  nowUs = 0;
  finished = false;
  readonly counters = { packets: 0, requests: 0, replies: 0, new: 0, moved: 0, conflict: 0 };
  onEvent: ((event: ArpEvent) => void) | null = null;
  private readonly link: Link;
  private readonly options: ArpWatchOptions;
  private readonly ownMac: string;
  /** In the order of when an address was last heard. */
  private readonly seen = new Map<number, Seen>();
  private endUs = 0;

  constructor(link: Link, options: ArpWatchOptions) {
    this.link = link;
    this.options = options;
    this.ownMac = formatMac(link.mac);
  }

  get addresses(): number {
    return this.seen.size;
  }

  input(frame: number, length: number): void {
    const packet = readArp(this.link.memory, frame, length);
    if (packet === null) return;
    const { targets, own } = this.options;
    const address = packet.senderAddress;
    if (targets.size > 0 && !targets.has(address)) return;
    this.counters.packets++;
    if (packet.operation === ARP_REPLY) this.counters.replies++;
    else this.counters.requests++;
    if (address === 0) return; // a probe: it has no address yet
    const mac = formatMac(packet.senderMac);
    if (own.has(address) && mac !== this.ownMac) this.report('conflict', address, mac, this.ownMac);
    else this.heard(address, mac);
  }

  output(nowUs: number): void {
    this.nowUs = nowUs;
    if (this.options.durationUs === null) return;
    if (this.endUs === 0) this.endUs = nowUs + this.options.durationUs;
    this.finished = nowUs >= this.endUs;
  }

  nextDeadlineUs(): number {
    return this.options.durationUs === null ? Infinity : this.endUs;
  }

  private heard(address: number, mac: string): void {
    const known = this.seen.get(address);
    this.seen.delete(address);
    if (known === undefined) {
      this.remember(address, { mac, previousMac: null });
      this.report('new', address, mac, null);
    } else if (known.mac === mac) {
      this.remember(address, known);
    } else {
      this.remember(address, { mac, previousMac: known.mac });
      this.report(known.previousMac === mac ? 'conflict' : 'moved', address, mac, known.mac);
    }
  }

  private remember(address: number, seen: Seen): void {
    this.seen.set(address, seen);
    if (this.seen.size <= MAX_REMEMBERED) return;
    const [oldest] = this.seen.keys();
    this.seen.delete(oldest);
  }

  private report(kind: ArpEventKind, address: number, mac: string, previousMac: string | null): void {
    this.counters[kind]++;
    this.onEvent?.({ kind, address, mac, previousMac, atUs: this.nowUs });
  }
}
