/**
 * A simulated Ethernet segment on a virtual clock: stations, a seed, and conditions. Deterministic: the same seed, clock and
 * frames give the same run.
 *
 *   const wire = new MemoryWire(clock, new Random(seed), { loss: 0.1, delayUs: 500 });
 *   const a = wire.attach({ mac: … });            loop: stacks' turns; wire.deliver();
 *   const b = wire.attach({ mac: … });                  clock.us = the earliest of all deadlines
 *
 * The wire does what a card does after the stack: it completes partial checksums and cuts super-segments. What stands on it is
 * usually a `MemoryLink`, but may be any `Station`.
 */
import type { Clock } from '../clock.ts';
import type { Random } from '../random.ts';
import { type Conditions, Impairment } from './impairment.ts';
import { MemoryLink, type MemoryLinkOptions, type OutgoingFrame } from './memory-link.ts';
import { completeChecksum, ipv4OffsetOf, segmentFrame } from './offload.ts';
import { Travellers } from './travellers.ts';

export type { Conditions } from './impairment.ts';
export { MemoryLink, type MemoryLinkOptions } from './memory-link.ts';

/** Shortest frame without its checksum (IEEE 802.3 §4.4.2): shorter ones are padded with zeros. */
const MIN_FRAME_BYTES = 60;
/** Congestion experienced: both ECN bits of the type of service (RFC 3168 §5). */
const ECN_CE = 3;

/** What takes frames off a wire and puts frames on it. */
export interface Station {
  readonly name: string;
  /** Six bytes. */
  readonly mac: Uint8Array;
  /** Takes every frame, whatever its destination. */
  readonly promiscuous: boolean;
  readonly takesSuperSegments: boolean;
  /** A frame is there. Its bytes may go to several stations: they must not be changed. */
  arrive(frame: OutgoingFrame): void;
  /** Reports the transmissions that are over by now. */
  complete(nowUs: number): void;
  /** When a transmission completes next; Infinity when none is under way. */
  nextCompletionUs(): number;
}

/**
 * Sees every frame before anything happens to it; false drops it. `index` counts frames of the wire from 0; `l4Offset` is not
 * 0 when the checksum there is partial.
 */
export type FrameFilter = (bytes: Uint8Array, from: Station, index: number, l4Offset: number) => boolean;
/** Sees every frame that arrives; `damaged` when a bit of it is wrong. */
export type FrameWatcher = (bytes: Uint8Array, to: Station, damaged: boolean) => void;

export class MemoryWire {
  filter: FrameFilter | null = null;
  arrivals: FrameWatcher | null = null;
  /** Frames carried, before any loss. */
  carried = 0;
  /** Frames to a station that is not here. */
  noStation = 0;
  readonly stations: Station[] = [];
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly impairments = new Map<Station, Impairment>();
  private conditions: Conditions;
  private readonly travelling = new Travellers();

  constructor(clock: Clock, random: Random, conditions: Conditions = {}) {
    this.clock = clock;
    this.random = random;
    this.conditions = conditions;
  }

  attach(options: MemoryLinkOptions): MemoryLink {
    const link = new MemoryLink(this, { name: `mem${this.stations.length}`, ...options });
    this.join(link);
    return link;
  }

  join(station: Station): void {
    this.stations.push(station);
    this.impairments.set(station, new Impairment(this.conditions, this.random));
  }

  /** The station is gone; what is on its way to it finds nobody. */
  leave(station: Station): void {
    this.stations.splice(this.stations.indexOf(station), 1);
  }

  /** What befalls the frames that `from` sends (its queue and statistics included). */
  impairment(from: Station): Impairment {
    const impairment = this.impairments.get(from);
    if (impairment === undefined) throw new Error(`${from.name} is not attached to this wire`);
    return impairment;
  }

  /** Other conditions from now on, for one sender or for all. */
  setConditions(conditions: Conditions, from?: Station): void {
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
    return this.travelling.size;
  }

  /** A station sends a frame (MemoryLink.flush does it). */
  carry(from: Station, frame: OutgoingFrame): void {
    const { bytes } = frame;
    const isGroup = (bytes[0] & 1) === 1;
    let recipients = 0;
    for (const to of this.stations) {
      if (to === from || !(isGroup || to.promiscuous || isAddressedTo(bytes, to.mac))) continue;
      recipients++;
      if (frame.mss > 0 && !to.takesSuperSegments) {
        const cuts = segmentFrame(bytes, frame.l4Offset || tcpOffset(bytes), frame.mss);
        for (const cut of cuts) this.launch(from, to, { bytes: cut, l4Offset: 0, mss: 0, damaged: false });
      } else this.launch(from, to, frame);
    }
    if (recipients > 0) return;
    this.noStation++;
    this.filter?.(bytes, from, this.carried++, frame.l4Offset);
  }

  /** Gives what is due by now to its stations and completes transmissions. Returns how many frames arrived. */
  deliver(nowUs: number = this.clock.nowUs()): number {
    const { travelling, arrivals } = this;
    let count = 0;
    // What is sent by whom something arrives at travels from the next call on, even without delay.
    const before = travelling.order;
    while (travelling.firstDueUs <= nowUs && travelling.first.order < before) {
      const { to, frame } = travelling.pop();
      count++;
      if (!this.stations.includes(to)) continue;
      if (arrivals !== null) arrivals(frame.bytes, to, frame.damaged);
      to.arrive(frame);
    }
    for (const station of this.stations) station.complete(nowUs);
    return count;
  }

  /** When `deliver` has something to do next; Infinity when the wire is silent. */
  nextDeadlineUs(): number {
    let next = this.travelling.firstDueUs;
    for (const station of this.stations) next = Math.min(next, station.nextCompletionUs());
    return next;
  }

  private launch(from: Station, to: Station, frame: OutgoingFrame): void {
    const index = this.carried++;
    if (this.filter !== null && !this.filter(frame.bytes, from, index, frame.l4Offset)) return;
    for (const { dueUs, corruptBit, marked } of this.impairment(from).decide(frame.bytes.length, this.clock.nowUs())) {
      let carried = marked ? congested(frame) : frame;
      if (corruptBit >= 0) carried = corrupted(carried, corruptBit);
      if (carried.l4Offset === 0) carried = padded(carried);
      this.travelling.push(dueUs, to, carried);
    }
  }
}

function isAddressedTo(bytes: Uint8Array, mac: Uint8Array): boolean {
  // The last byte is the one in which the addresses of a simulation differ.
  for (let i = 5; i >= 0; i--) if (bytes[i] !== mac[i]) return false;
  return true;
}

function tcpOffset(bytes: Uint8Array): number {
  const ip = ipv4OffsetOf(bytes);
  return ip + ((bytes[ip] & 15) << 2);
}

/** A copy marked CE, with the header checksum updated (RFC 1624), if its sender said that it understands ECN. */
function congested(frame: OutgoingFrame): OutgoingFrame {
  const ip = ipv4OffsetOf(frame.bytes);
  if (ip < 0 || (frame.bytes[ip + 1] & ECN_CE) === 0) return frame;
  const bytes = Uint8Array.from(frame.bytes);
  const view = new DataView(bytes.buffer, ip);
  const before = view.getUint16(0);
  bytes[ip + 1] |= ECN_CE;
  const sum = (~view.getUint16(10) & 0xffff) + (~before & 0xffff) + view.getUint16(0);
  const folded = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~(folded + (folded >>> 16)));
  return { ...frame, bytes };
}

/** A copy with one bit inverted. A real wire carries complete checksums: so does this one, before the damage. */
function corrupted(frame: OutgoingFrame, bit: number): OutgoingFrame {
  const bytes = Uint8Array.from(frame.bytes);
  const ip = ipv4OffsetOf(bytes);
  if (ip < 0) return frame; // ARP has no checksum: its damage would be believed
  if (frame.l4Offset > 0) completeChecksum(bytes, frame.l4Offset);
  const totalBytes = (bytes[ip + 2] << 8) | bytes[ip + 3];
  const at = Math.max(bit >> 3, ip);
  bytes[at] ^= 1 << (bit & 7);
  return { bytes, l4Offset: 0, mss: 0, damaged: at < ip + totalBytes }; // nobody looks at the padding
}

function padded(frame: OutgoingFrame): OutgoingFrame {
  if (frame.bytes.length >= MIN_FRAME_BYTES) return frame;
  const bytes = new Uint8Array(MIN_FRAME_BYTES);
  bytes.set(frame.bytes);
  return { ...frame, bytes };
}
