/**
 * The stack under test on its simulated wire, with a virtual clock, and what it sends, collected with the time of each
 * segment. The other end of the wire is the script: it answers ARP by itself, everything else is injected.
 *
 *   inject(frame) ─▶ link ─▶ Ethernet ─▶ IPv4 ─▶ TCP          advanceTo(time): timer by timer
 *   sent ◀────────── link ◀─ Ethernet ◀─ IPv4 ◀─┘
 */
import { VirtualClock } from '../../src/lib/clock.ts';
import { type MemoryLink, MemoryWire } from '../../src/lib/link/memory.ts';
import { Random } from '../../src/lib/random.ts';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import type { TcpStack } from '../../src/lib/tcp/stack.ts';
import { ADDRESS_A, ADDRESS_B, Host } from '../tcp/pair.ts';
import type { Ends } from './flow.ts';
import { type LiveSegment, type Macs, readSegment } from './segment.ts';

const START_US = 1_000_000_000;
const SEED = 7;
const PEER_MAC = Uint8Array.of(2, 0, 0, 0, 0, 0xaa);
/** Frames larger than a small buffer need the large kind. */
const LARGE_MTU = 1_900;
/** Turns of the stack's loop in one script: far more than any needs, few enough to end soon. */
const MAX_TURNS = 1_000_000;

export interface WorldOptions {
  readonly mtu: number;
  readonly tcp: Partial<TcpOptions>;
}

/** The stack does not come to rest. */
export class Restless extends Error {}

export class World {
  readonly ends: Ends = { localIp: ADDRESS_A, remoteIp: ADDRESS_B };
  readonly tcp: TcpStack;
  readonly macs: Macs;
  /** What the stack has sent and nobody has looked at yet, oldest first. */
  readonly sent: LiveSegment[] = [];
  /** Called after every turn: what waits for the stack may go on. */
  afterTurn: () => void = () => {};
  /** What the harness found wrong with a frame of the stack's; the first counts. */
  damage: string | null = null;
  private readonly clock = new VirtualClock();
  private readonly wire: MemoryWire;
  private readonly host: Host;
  private readonly peer: MemoryLink;
  private turns = 0;

  constructor(options: WorldOptions) {
    this.clock.us = START_US;
    this.wire = new MemoryWire(this.clock, new Random(SEED), {});
    const large = options.mtu > LARGE_MTU;
    // Scripts inject what a receiver that merges segments would see: ten kilobytes in one.
    const link = {
      mtu: options.mtu,
      takesSuperSegments: true,
      dataStride: large ? 16_384 : 2_048,
      dataBuffers: large ? 256 : 1_024,
    };
    this.host = new Host(this.wire, this.ends.localIp, SEED, link, { maxConnections: 64, ...options.tcp });
    this.tcp = this.host.tcp;
    const peerMtu = Math.max(options.mtu, 1500);
    this.peer = this.wire.attach({
      mac: PEER_MAC,
      promiscuous: true,
      mtu: peerMtu,
      memoryBytes: 16 << 20,
      dataBuffers: 16,
      dataStride: large ? 16_384 : 2_048,
    });
    this.macs = { source: PEER_MAC, destination: this.host.link.mac };
  }

  /** Microseconds since the script began. */
  get nowUs(): number {
    return this.clock.us - START_US;
  }

  /** When the stack has something to do by itself; Infinity when never. */
  nextDeadlineUs(): number {
    const dueUs = Math.min(this.host.nextDeadlineUs(), this.wire.nextDeadlineUs());
    return Math.max(this.nowUs, Math.ceil(dueUs) - START_US);
  }

  inject(frame: Uint8Array): void {
    this.host.link.inject(frame);
    this.turn();
  }

  /** Runs everything that is due until `us`; returns early, at that time, when `until` holds. */
  advanceTo(us: number, until: () => boolean = () => false): void {
    this.turn();
    while (!until()) {
      const nextUs = this.nextDeadlineUs();
      if (nextUs > us) {
        this.clock.us = Math.max(this.clock.us, us + START_US);
        this.turn();
        return;
      }
      this.clock.us = Math.max(nextUs + START_US, this.clock.us + 1);
      this.turn();
    }
  }

  /** Lets the stack finish what it can do now. */
  turn(): void {
    do {
      do {
        if (++this.turns > MAX_TURNS) throw new Restless('the stack does not come to rest');
        this.host.turn(this.clock.us);
        this.wire.deliver();
        for (const frame of this.peer.takeReceived()) this.collect(frame);
      } while (this.host.link.pending() || this.tcp.nextDeadlineUs() <= this.clock.us);
      this.afterTurn();
    } while (this.tcp.nextDeadlineUs() <= this.clock.us);
  }

  private collect(frame: Uint8Array): void {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    if (view.getUint16(12) === 0x0806) {
      if (view.getUint16(20) === 1 && view.getInt32(38) === this.ends.remoteIp) this.answerArp(frame);
      return;
    }
    const segment = readSegment(frame, this.nowUs);
    if (typeof segment === 'string') this.damage ??= segment;
    else if (segment !== null) this.sent.push(segment);
  }

  /** Sender and target change places, and the answer goes where the question came from (RFC 826). */
  private answerArp(request: Uint8Array): void {
    const reply = request.slice(0, 42);
    reply.set(this.host.link.mac, 0);
    reply.set(PEER_MAC, 6);
    reply[21] = 2;
    reply.set(PEER_MAC, 22);
    reply.set(request.subarray(38, 42), 28);
    reply.set(request.subarray(22, 28), 32);
    reply.set(request.subarray(28, 32), 38);
    this.host.link.inject(reply);
  }
}
