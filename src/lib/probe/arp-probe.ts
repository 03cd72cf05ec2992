/**
 * Asks for a set of addresses by ARP, several rounds of requests at a bounded rate, and collects who answers, how fast, and
 * whether more than one host does.
 *
 *   round 1: request × targets, paced ─ interval ─ round 2 … round n ─ timeout ─▶ finished
 *
 * An address that is our own, or that we announce, must be answered by nobody; every other must have one owner. Two
 * hardware addresses for one IPv4 address are a conflict (RFC 5227 §2.4 says how hosts should deal with it).
 */
import type { Link } from '../link/link.ts';
import { formatMac } from '../wire/address.ts';
import { ARP_REPLY } from '../wire/arp.ts';
import { readArp, sendArpRequest } from './arp-frame.ts';
import type { Station } from './station.ts';

export interface ArpProbeOptions {
  /** int32 addresses, each once. */
  targets: readonly number[];
  /** The sender's address in requests, int32; 0 makes them probes, which no host keeps. */
  source: number;
  /** Requests to each target. */
  rounds: number;
  /** From the start of a round to the start of the next, at least. */
  intervalUs: number;
  /** How long answers are waited for after the last request. */
  timeoutUs: number;
  /** Requests per second. */
  rate: number;
  /** Finish as soon as every target has answered once. */
  first: boolean;
  /** The targets are ours and are announced: sender and target of a request are the same. */
  announce: boolean;
  /** Our own addresses. */
  own: readonly number[];
}

/**
 * Finer times than those of the loop's turns, which include the wait for the processor: when a frame is about to leave, and
 * when the kernel saw one arrive. Microseconds, by one clock.
 */
export interface Stopwatch {
  departureUs(): number;
  arrivalUs(frame: number): number;
}

export interface ArpReply {
  address: number;
  mac: string;
  rttUs: number;
}

export class ArpTarget {
  readonly address: number;
  /** Nobody else may have it. */
  readonly ours: boolean;
  sent = 0;
  /** Requests that got at least one reply. */
  answered = 0;
  replies = 0;
  /** Hardware addresses that claim it, in the order in which they were seen. */
  readonly macs: string[] = [];
  minUs = Infinity;
  maxUs = 0;
  sumUs = 0;
  private sentUs = 0;
  private departureUs = 0;
  private waiting = false;

  constructor(address: number, ours: boolean) {
    this.address = address;
    this.ours = ours;
  }

  get conflict(): boolean {
    return this.macs.length > (this.ours ? 0 : 1);
  }

  /** @param departureUs the same moment by the stopwatch's clock */
  requested(nowUs: number, departureUs: number): void {
    this.sent++;
    this.sentUs = nowUs;
    this.departureUs = departureUs;
    this.waiting = true;
  }

  /**
   * A reply; the round trip is counted from the latest request. The stopwatch's clock may have been set meanwhile: the
   * loop's, which can't be, says how long it was at most.
   */
  replied(mac: string, nowUs: number, arrivalUs: number): number {
    const rttUs = Math.min(Math.max(0, arrivalUs - this.departureUs), nowUs - this.sentUs);
    this.replies++;
    this.minUs = Math.min(this.minUs, rttUs);
    this.maxUs = Math.max(this.maxUs, rttUs);
    this.sumUs += rttUs;
    if (this.waiting) this.answered++;
    this.waiting = false;
    this.claimed(mac);
    return rttUs;
  }

  claimed(mac: string): void {
    if (!this.macs.includes(mac)) this.macs.push(mac);
  }
}

export class ArpProbe implements Station {
  nowUs = 0;
  finished = false;
  readonly targets: ArpTarget[];
  /** Told of every reply, as it comes. */
  onReply: ((reply: ArpReply) => void) | null = null;
  private readonly link: Link;
  private readonly options: ArpProbeOptions;
  /** null: the loop's times have to do. */
  private readonly stopwatch: Stopwatch | null;
  private readonly byAddress = new Map<number, ArpTarget>();
  private readonly ownMac: string;
  private readonly gapUs: number;
  private round = 0;
  private next = 0;
  private dueUs = 0;
  private roundStartUs = 0;

  constructor(link: Link, options: ArpProbeOptions, stopwatch: Stopwatch | null = null) {
    this.link = link;
    this.options = options;
    this.stopwatch = stopwatch;
    this.ownMac = formatMac(link.mac);
    this.gapUs = 1_000_000 / options.rate;
    this.targets = options.targets.map(
      (address) => new ArpTarget(address, options.announce || options.own.includes(address)),
    );
    for (const target of this.targets) this.byAddress.set(target.address, target);
  }

  input(frame: number, length: number): void {
    const packet = readArp(this.link.memory, frame, length);
    if (packet === null) return;
    const target = this.byAddress.get(packet.senderAddress);
    const mac = formatMac(packet.senderMac);
    if (target === undefined || mac === this.ownMac || target.sent === 0) return;
    if (packet.operation !== ARP_REPLY) {
      target.claimed(mac); // it asks, or announces itself: not an answer, but it says who has the address
      return;
    }
    const rttUs = target.replied(mac, this.nowUs, this.stopwatch?.arrivalUs(frame) ?? this.nowUs);
    this.onReply?.({ address: target.address, mac, rttUs });
  }

  output(nowUs: number): void {
    this.nowUs = nowUs;
    if (this.options.first && this.round > 0 && this.targets.every((target) => target.replies > 0)) {
      this.finished = true;
      return;
    }
    while (nowUs >= this.dueUs && !this.finished) {
      if (this.round === this.options.rounds) this.finished = true;
      else this.request(nowUs);
    }
  }

  nextDeadlineUs(): number {
    return this.dueUs;
  }

  private request(nowUs: number): void {
    if (this.next === 0) this.roundStartUs = nowUs;
    const target = this.targets[this.next];
    const sender = this.options.announce ? target.address : target.ours ? 0 : this.options.source;
    if (!sendArpRequest(this.link, sender, target.address)) {
      this.dueUs = nowUs + this.gapUs; // every buffer is on its way out
      return;
    }
    target.requested(nowUs, this.stopwatch?.departureUs() ?? nowUs);
    this.link.flush();
    this.dueUs = Math.max(this.dueUs + this.gapUs, nowUs - 10 * this.gapUs); // catches up with a late turn, a little
    if (++this.next < this.targets.length) return;
    this.next = 0;
    this.round++;
    const last = this.round === this.options.rounds;
    this.dueUs = last
      ? nowUs + this.options.timeoutUs
      : Math.max(this.dueUs, this.roundStartUs + this.options.intervalUs);
  }
}
