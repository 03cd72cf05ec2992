/**
 * A simulated Ethernet segment on a virtual clock: stations (`MemoryLink`s), a seed, and conditions. Deterministic: the same
 * seed, clock and frames give the same run.
 *
 *   const wire = new MemoryWire(clock, new Random(seed), { loss: 0.1, delayUs: 500 });
 *   const a = wire.attach({ mac: … });            loop: stacks' turns; wire.deliver();
 *   const b = wire.attach({ mac: … });                  clock.us = the earliest of all deadlines
 *
 * The wire does what a card does after the stack: it completes partial checksums and cuts super-segments.
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import { type Conditions, Impairment } from './impairment.ts';
import { MemoryLink, type MemoryLinkOptions, type OutgoingFrame } from './memory-link.ts';
import { completeChecksum, ipv4OffsetOf, l4ChecksumOffset, pseudoHeaderSum, segmentFrame } from './offload.ts';

export type { Conditions } from './impairment.ts';
export { MemoryLink, type MemoryLinkOptions } from './memory-link.ts';

/** Shortest frame without its checksum (IEEE 802.3 §4.4.2): shorter ones are padded with zeros. */
const MIN_FRAME_BYTES = 60;

interface Traveller {
  readonly dueUs: number;
  readonly order: number;
  readonly to: MemoryLink;
  readonly frame: OutgoingFrame;
}

/** Sees every frame before anything happens to it; false drops it. `index` counts frames of the wire from 0. */
export type FrameFilter = (bytes: Uint8Array, from: MemoryLink, index: number) => boolean;

export class MemoryWire {
  filter: FrameFilter | null = null;
  /** Frames carried, before any loss. */
  carried = 0;
  /** Frames to a station that is not here. */
  noStation = 0;
  readonly links: MemoryLink[] = [];
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly impairments = new Map<MemoryLink, Impairment>();
  private conditions: Conditions;
  /** Ascending by due time, then by order of sending. */
  private travelling: Traveller[] = [];
  private sequence = 0;

  constructor(clock: Clock, random: Random, conditions: Conditions = {}) {
    this.clock = clock;
    this.random = random;
    this.conditions = conditions;
  }

  attach(options: MemoryLinkOptions): MemoryLink {
    const link = new MemoryLink(this, { name: `mem${this.links.length}`, ...options });
    this.links.push(link);
    this.impairments.set(link, new Impairment(this.conditions, this.random));
    return link;
  }

  /** What befalls the frames that `from` sends (its queue and statistics included). */
  impairment(from: MemoryLink): Impairment {
    const impairment = this.impairments.get(from);
    if (impairment === undefined) throw new Error(`${from.name} is not attached to this wire`);
    return impairment;
  }

  /** Other conditions from now on, for one sender or for all. */
  setConditions(conditions: Conditions, from?: MemoryLink): void {
    if (from !== undefined) {
      this.impairment(from).conditions = conditions;
      return;
    }
    this.conditions = conditions;
    for (const impairment of this.impairments.values()) impairment.conditions = conditions;
  }

  nowUs(): number {
    return this.clock.nowUs();
  }

  /** Frames on their way. */
  get inTransit(): number {
    return this.travelling.length;
  }

  /** A link sends a frame (called by MemoryLink.flush). */
  carry(from: MemoryLink, frame: OutgoingFrame): void {
    if (frame.l4Offset > 0) checkPartial(from, frame);
    for (const to of this.recipients(from, frame.bytes)) {
      if (frame.mss > 0 && !to.takesSuperSegments) {
        const cuts = segmentFrame(frame.bytes, frame.l4Offset || tcpOffset(frame.bytes), frame.mss);
        for (const bytes of cuts) this.launch(from, to, { bytes, l4Offset: 0, mss: 0 });
      } else this.launch(from, to, frame);
    }
  }

  /** Moves what is due by now into the inboxes and completes transmissions. Returns how many frames arrived. */
  deliver(nowUs: number = this.clock.nowUs()): number {
    let count = 0;
    while (count < this.travelling.length && this.travelling[count].dueUs <= nowUs) count++;
    for (const { to, frame } of this.travelling.splice(0, count)) {
      if (frame.l4Offset > 0) to.injectPartial(frame);
      else to.inject(padded(frame.bytes));
    }
    for (const link of this.links) link.complete(nowUs);
    return count;
  }

  /** When `deliver` has something to do next; Infinity when the wire is silent. */
  nextDeadlineUs(): number {
    let next = this.travelling.length === 0 ? Infinity : this.travelling[0].dueUs;
    for (const link of this.links) next = Math.min(next, link.nextCompletionUs());
    return next;
  }

  private recipients(from: MemoryLink, bytes: Uint8Array): MemoryLink[] {
    const isGroup = (bytes[0] & 1) === 1;
    const to = this.links.filter(
      (link) => link !== from && (isGroup || link.promiscuous || Buffer.compare(link.mac, bytes.subarray(0, 6)) === 0),
    );
    if (to.length === 0) this.noStation++;
    return to;
  }

  private launch(from: MemoryLink, to: MemoryLink, frame: OutgoingFrame): void {
    const index = this.carried++;
    if (this.filter !== null && !this.filter(frame.bytes, from, index)) return;
    for (const { dueUs, corruptBit } of this.impairment(from).decide(frame.bytes.length, this.clock.nowUs())) {
      const carried = corruptBit < 0 ? frame : corrupted(frame, corruptBit);
      this.insert({ dueUs, order: this.sequence++, to, frame: carried });
    }
  }

  private insert(traveller: Traveller): void {
    let low = 0;
    let high = this.travelling.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.travelling[mid].dueUs <= traveller.dueUs) low = mid + 1;
      else high = mid;
    }
    this.travelling.splice(low, 0, traveller);
  }
}

/** The field of a partial checksum must hold the folded pseudo-header sum, and only a link that offloads may be given one. */
function checkPartial(from: MemoryLink, frame: OutgoingFrame): void {
  const at = l4ChecksumOffset(frame.bytes, frame.l4Offset);
  const field = (frame.bytes[at] << 8) | frame.bytes[at + 1];
  if (!from.capabilities.checksumOffload || field !== pseudoHeaderSum(frame.bytes, frame.l4Offset)) {
    from.breaches.badPartialChecksum++;
  }
}

function tcpOffset(bytes: Uint8Array): number {
  const ip = ipv4OffsetOf(bytes);
  return ip + ((bytes[ip] & 15) << 2);
}

/** A copy with one bit inverted. A real wire carries complete checksums: so does this one, before the damage. */
function corrupted(frame: OutgoingFrame, bit: number): OutgoingFrame {
  const bytes = Uint8Array.from(frame.bytes);
  if (ipv4OffsetOf(bytes) < 0) return frame; // ARP has no checksum: its damage would be believed
  if (frame.l4Offset > 0) completeChecksum(bytes, frame.l4Offset);
  const at = Math.max(bit >> 3, ipv4OffsetOf(bytes));
  bytes[at] ^= 1 << (bit & 7);
  return { bytes, l4Offset: 0, mss: 0 };
}

function padded(bytes: Uint8Array): Uint8Array {
  if (bytes.length >= MIN_FRAME_BYTES) return bytes;
  const frame = new Uint8Array(MIN_FRAME_BYTES);
  frame.set(bytes);
  return frame;
}
