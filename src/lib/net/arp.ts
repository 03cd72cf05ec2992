/**
 * ARP (RFC 826): answers for our address, keeps the cache by what is heard, asks, announces, and watches for others who use
 * our address (RFC 5227).
 *
 * Entries are made only for hosts that ask us (they will want an answer) or that we asked; everything else can update an
 * entry but not make one.
 */
import type { Link } from '../link/link.ts';
import type { Random } from '../random.ts';
import { isMulticast, macHigh16, macLow32 } from '../wire/address.ts';
import {
  ARP_BYTES,
  ARP_REPLY,
  ARP_REQUEST,
  ARP_SENDER_MAC,
  arpOperation,
  arpSenderAddress,
  arpTargetAddress,
  isArp,
  writeArp,
} from '../wire/arp.ts';
import { ETHERTYPE_ARP, ethernetHeaderBytes, readMacHigh16, readMacLow32 } from '../wire/ethernet.ts';
import { AddressClaim, CLAIM_OWNED, CLAIM_PROBING } from './address-claim.ts';
import type { NetCounters } from './counters.ts';
import { HOP_FIXED, HOP_INCOMPLETE, HOP_PROBE, type Hop } from './hop.ts';
import type { Ipv4Output } from './ipv4-output.ts';
import { NeighbourCache } from './neighbours.ts';
import type { NetObserver } from './observer.ts';

const BROADCAST_HIGH16 = 0xffff;
const BROADCAST_LOW32 = -1;

export class Arp {
  readonly neighbours: NeighbourCache;
  readonly claim: AddressClaim;
  observer: NetObserver | null = null;
  private readonly link: Link;
  private readonly output: Ipv4Output;
  private readonly counters: NetCounters;
  private readonly address: number;
  private readonly vlan: number;
  private readonly macHigh16: number;
  private readonly macLow32: number;

  constructor(
    link: Link,
    output: Ipv4Output,
    counters: NetCounters,
    address: number,
    mac: Uint8Array,
    vlan: number,
    random: Random,
    insist: boolean,
  ) {
    this.link = link;
    this.output = output;
    this.counters = counters;
    this.address = address;
    this.vlan = vlan;
    this.macHigh16 = macHigh16(mac);
    this.macLow32 = macLow32(mac);
    this.neighbours = new NeighbourCache(this, counters);
    this.claim = new AddressClaim(this, random, insist);
  }

  get nextDeadlineUs(): number {
    return Math.min(this.neighbours.nextDeadlineUs, this.claim.deadlineUs);
  }

  run(nowUs: number): void {
    this.neighbours.run(nowUs);
    this.claim.run(nowUs);
  }

  /** An ARP packet of `length` bytes at `at`, on the VLAN `vlan`. */
  input(at: number, length: number, vlan: number, nowUs: number): void {
    const memory = this.link.memory;
    if (!isArp(memory, at, length)) {
      this.counters.arpMalformed++;
      return;
    }
    const operation = arpOperation(memory, at);
    const sender = arpSenderAddress(memory, at);
    const target = arpTargetAddress(memory, at);
    const high16 = readMacHigh16(memory, at + ARP_SENDER_MAC);
    const low32 = readMacLow32(memory, at + ARP_SENDER_MAC);
    const badSender = (high16 & 0x0100) !== 0 || isMulticast(sender) || sender === -1;
    if (badSender || (operation !== ARP_REQUEST && operation !== ARP_REPLY)) {
      this.counters.arpMalformed++;
      return;
    }
    if (this.observer !== null) this.observer.arpSeen(operation, high16, low32, sender, target, vlan);
    if (operation === ARP_REQUEST) this.counters.arpRequestsIn++;
    else this.counters.arpRepliesIn++;
    if (high16 === this.macHigh16 && low32 === this.macLow32) return; // our own, looped back
    if (this.isConflict(operation, sender, target)) {
      this.conflict(high16, low32, nowUs);
      return;
    }
    if (sender !== 0) this.merge(operation, sender, target, high16, low32, vlan, nowUs);
    if (operation !== ARP_REQUEST || target !== this.address) {
      if (target !== this.address) this.counters.arpIgnored++;
      return;
    }
    if (this.claim.state === CLAIM_OWNED) this.reply(high16, low32, sender, vlan);
  }

  /** An ARP request (NeighbourTransport): by unicast to a hop whose address is to be confirmed, else by broadcast. */
  arpRequest(hop: Hop): void {
    this.counters.arpRequestsOut++;
    const high16 = hop.resolved ? hop.macHigh16 : BROADCAST_HIGH16;
    const low32 = hop.resolved ? hop.macLow32 : BROADCAST_LOW32;
    this.send(ARP_REQUEST, high16, low32, hop.vlan, this.address, 0, 0, hop.address);
  }

  settlePending(hop: Hop): void {
    this.output.settlePending(hop);
  }

  arpProbe(): void {
    this.counters.arpRequestsOut++;
    this.send(ARP_REQUEST, BROADCAST_HIGH16, BROADCAST_LOW32, this.vlan, 0, 0, 0, this.address);
  }

  arpAnnounce(): void {
    this.counters.arpRequestsOut++;
    this.send(ARP_REQUEST, BROADCAST_HIGH16, BROADCAST_LOW32, this.vlan, this.address, 0, 0, this.address);
  }

  claimChanged(state: number): void {
    if (state === CLAIM_OWNED && this.observer !== null) this.observer.addressClaimed();
  }

  /** RFC 5227 §2.4: a packet from our address; §2.1.1: while probing, also a probe for it by somebody else. */
  private isConflict(operation: number, sender: number, target: number): boolean {
    if (sender === this.address) return true;
    return this.claim.state === CLAIM_PROBING && operation === ARP_REQUEST && sender === 0 && target === this.address;
  }

  private conflict(high16: number, low32: number, nowUs: number): void {
    this.counters.arpConflicts++;
    this.claim.conflict(nowUs);
    const lost = this.claim.state !== CLAIM_OWNED;
    if (this.observer !== null) this.observer.addressConflict(high16, low32, lost);
  }

  /** RFC 826: update what is known; add the sender if it asks us. */
  private merge(
    operation: number,
    sender: number,
    target: number,
    high16: number,
    low32: number,
    vlan: number,
    nowUs: number,
  ): void {
    const known = this.neighbours.peek(sender);
    const toUs = target === this.address;
    if (known !== null) {
      if (known.state === HOP_FIXED) return;
      const asked = known.state === HOP_INCOMPLETE || known.state === HOP_PROBE;
      if (operation === ARP_REPLY && toUs && asked) this.neighbours.confirm(known, high16, low32, vlan, nowUs);
      else if (known.resolved || toUs) this.neighbours.update(known, high16, low32, vlan, nowUs);
      return;
    }
    if (operation !== ARP_REQUEST || !toUs) return;
    this.neighbours.hint(this.neighbours.obtain(sender, vlan), high16, low32, vlan, nowUs);
  }

  private reply(high16: number, low32: number, sender: number, vlan: number): void {
    this.counters.arpRepliesOut++;
    this.send(ARP_REPLY, high16, low32, vlan, this.address, high16, low32, sender);
  }

  private send(
    operation: number,
    toHigh16: number,
    toLow32: number,
    vlan: number,
    senderAddress: number,
    targetHigh16: number,
    targetLow32: number,
    targetAddress: number,
  ): void {
    const id = this.output.allocate();
    if (id === 0) return;
    const at = this.link.control.payload(id);
    const headerBytes = ethernetHeaderBytes(vlan);
    this.output.writeEthernet(at - headerBytes, toHigh16, toLow32, ETHERTYPE_ARP, vlan);
    writeArp(
      this.link.memory,
      at,
      operation,
      this.macHigh16,
      this.macLow32,
      senderAddress,
      targetHigh16,
      targetLow32,
      targetAddress,
    );
    this.output.transmit(id, at - headerBytes, headerBytes + ARP_BYTES);
  }
}
