/**
 * The router between the segments of a world: answers ARP for its addresses, forwards what is sound, and complains (RFC 1812)
 * about what is too large for the way between or for nobody. What a plan says about its transit MTU holds between any two segments.
 */
import type { MemoryWire, Station } from '../../src/lib/link/memory.ts';
import type { OutgoingFrame } from '../../src/lib/link/memory-link.ts';
import { completeChecksum } from '../../src/lib/link/offload.ts';
import { macOf, ROUTER_STATION } from './host.ts';
import { addressOf, type TransitPlan } from './plan.ts';

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const UNREACHABLE = 3;
const HOST_UNREACHABLE = 1;
const FRAGMENTATION_NEEDED = 4;
const BROADCAST = Uint8Array.of(255, 255, 255, 255, 255, 255);

export class Router {
  forwarded = 0;
  tooBig = 0;
  private readonly ports: RouterPort[];
  private readonly transit: TransitPlan;
  private readonly nowUs: () => number;

  /** One port on each segment's wire; `mtus` are the segments'. */
  constructor(wires: readonly MemoryWire[], mtus: readonly number[], transit: TransitPlan, nowUs: () => number) {
    this.transit = transit;
    this.nowUs = nowUs;
    this.ports = wires.map((wire, segment) => new RouterPort(this, wire, segment, mtus[segment]));
  }

  /** A datagram for another segment, as a frame that may be changed. */
  forward(frame: Uint8Array, from: RouterPort): void {
    const view = new DataView(frame.buffer);
    const destination = view.getInt32(ETHERNET_BYTES + 16);
    const to = this.ports.find((port) => (port.address ^ destination) >>> 8 === 0);
    const station = destination & 255;
    if (to === undefined || --frame[ETHERNET_BYTES + 8] === 0) return;
    if (!to.knows(station)) {
      this.complain(frame, from, HOST_UNREACHABLE, 0);
      return;
    }
    const mtu = Math.min(this.mtu(), to.mtu);
    const total = view.getUint16(ETHERNET_BYTES + 2);
    if (total > mtu) {
      this.tooBig++;
      const mayFragment = (view.getUint16(ETHERNET_BYTES + 6) & 0x4000) === 0;
      if (this.transit.reports !== 'nothing' && !mayFragment) {
        this.complain(frame, from, FRAGMENTATION_NEEDED, this.transit.reports === 'mtu' ? mtu : 0);
      }
      return;
    }
    this.forwarded++;
    view.setUint16(ETHERNET_BYTES + 10, 0);
    view.setUint16(ETHERNET_BYTES + 10, checksum(frame, ETHERNET_BYTES, IPV4_BYTES));
    to.send(frame, macOf(to.segment, station));
  }

  /** RFC 792, RFC 1812 §4.3.2.3: with as much of the datagram as 576 bytes hold. */
  private complain(frame: Uint8Array, to: RouterPort, code: number, mtu: number): void {
    frame[ETHERNET_BYTES + 8]++; // quoted as it came
    const view = new DataView(frame.buffer);
    const quoted = Math.min(view.getUint16(ETHERNET_BYTES + 2), 576 - IPV4_BYTES - 8);
    const error = new Uint8Array(ETHERNET_BYTES + IPV4_BYTES + 8 + quoted);
    const out = new DataView(error.buffer);
    const icmp = ETHERNET_BYTES + IPV4_BYTES;
    out.setUint16(12, 0x0800);
    out.setUint16(ETHERNET_BYTES, 0x45c0);
    out.setUint16(ETHERNET_BYTES + 2, error.length - ETHERNET_BYTES);
    out.setUint16(ETHERNET_BYTES + 8, 0x4001);
    out.setInt32(ETHERNET_BYTES + 12, to.address);
    out.setInt32(ETHERNET_BYTES + 16, view.getInt32(ETHERNET_BYTES + 12));
    out.setUint16(ETHERNET_BYTES + 10, checksum(error, ETHERNET_BYTES, IPV4_BYTES));
    out.setUint16(icmp, (UNREACHABLE << 8) | code);
    out.setUint16(icmp + 6, mtu);
    error.set(frame.subarray(ETHERNET_BYTES, ETHERNET_BYTES + quoted), icmp + 8);
    out.setUint16(icmp + 2, checksum(error, icmp, 8 + quoted));
    to.send(error, frame.subarray(6, 12));
  }

  private mtu(): number {
    const { mtus } = this.transit;
    const nowUs = this.nowUs();
    let i = mtus.length - 1;
    while (i > 0 && mtus[i].atUs > nowUs) i--;
    return mtus[i].mtu;
  }
}

class RouterPort implements Station {
  readonly name: string;
  readonly mac: Uint8Array;
  readonly promiscuous = false;
  readonly takesSuperSegments = false;
  readonly address: number;
  readonly segment: number;
  readonly mtu: number;
  private readonly router: Router;
  private readonly wire: MemoryWire;

  constructor(router: Router, wire: MemoryWire, segment: number, mtu: number) {
    this.router = router;
    this.wire = wire;
    this.segment = segment;
    this.mtu = mtu;
    this.name = `router${segment}`;
    this.mac = macOf(segment, ROUTER_STATION);
    this.address = addressOf(segment, ROUTER_STATION);
    wire.join(this);
  }

  /** Does anybody of this number stand on the segment? (A real router would find out by ARP.) */
  knows(station: number): boolean {
    return this.wire.stations.some((other) => other !== this && other.mac[5] === station);
  }

  arrive({ bytes, l4Offset, damaged }: OutgoingFrame): void {
    if (damaged) return; // it looks at the Ethernet checksum: bits wrong twice over may add up to a right sum
    const frame = Uint8Array.from(bytes);
    if (frame[12] === 8 && frame[13] === 6) {
      this.answerArp(frame);
      return;
    }
    const isDatagram = frame[12] === 8 && frame[13] === 0 && checksum(frame, ETHERNET_BYTES, IPV4_BYTES) === 0;
    if (!isDatagram || new DataView(frame.buffer).getInt32(ETHERNET_BYTES + 16) === this.address) return;
    if (l4Offset > 0) completeChecksum(frame, l4Offset);
    this.router.forward(frame, this);
  }

  complete(): void {}

  nextCompletionUs(): number {
    return Infinity;
  }

  send(frame: Uint8Array, to: Uint8Array): void {
    frame.set(to, 0);
    frame.set(this.mac, 6);
    this.wire.carry(this, { bytes: frame, l4Offset: 0, mss: 0, damaged: false });
  }

  private answerArp(frame: Uint8Array): void {
    const view = new DataView(frame.buffer);
    if (view.getUint16(20) !== 1 || view.getInt32(38) !== this.address) return;
    const asker = frame.slice(22, 32);
    const reply = new Uint8Array(42);
    reply.set(BROADCAST);
    reply.set(frame.subarray(12, 20), 12);
    reply[21] = 2;
    reply.set(this.mac, 22);
    reply.set(frame.subarray(38, 42), 28);
    reply.set(asker, 32);
    this.send(reply, asker.subarray(0, 6));
  }
}

/** RFC 1071 over `length` bytes, complemented: 0 for what contains its own, right checksum. */
function checksum(bytes: Uint8Array, from: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) sum += (bytes[from + i] << 8) | (i + 1 < length ? bytes[from + i + 1] : 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
