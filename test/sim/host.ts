/**
 * A host of a world: a card, an interface and a stack by its plan, and the content that its applications speak. It may die, and
 * another may be made by the same plan.
 */
import type { MemoryLink, MemoryWire } from '../../src/lib/link/memory.ts';
import { Interface } from '../../src/lib/net/interface.ts';
import { Random } from '../../src/lib/random.ts';
import { SECRET_WORDS } from '../../src/lib/tcp/config.ts';
import { congestionByName } from '../../src/lib/tcp/congestion/algorithms.ts';
import { TcpStack } from '../../src/lib/tcp/stack.ts';
import { Content } from './content.ts';
import { addressOf, type HostPlan } from './plan.ts';
import { Violation } from './violation.ts';

/** The last number of a segment's router. */
export const ROUTER_STATION = 254;
const NO_BREACHES = { oversized: 0, notContiguous: 0, overwrittenInFlight: 0, badPartialChecksum: 0 };

export function macOf(segment: number, station: number): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, segment, station);
}

/** The secret of a host's stacks: the first's is known before there is a world, so that clocks can be aimed. */
export function secretOf(plan: HostPlan, incarnation: number): Int32Array {
  const random = new Random(plan.seed + 7919 * incarnation);
  return Int32Array.from({ length: SECRET_WORDS }, () => random.int32());
}

export class Host {
  readonly index: number;
  readonly plan: HostPlan;
  readonly wire: MemoryWire;
  readonly address: number;
  readonly link: MemoryLink;
  readonly net: Interface;
  readonly tcp: TcpStack;
  readonly content: Content;
  /** When it has something to do next; when its TCP has. */
  dueUs = Infinity;
  tcpDueUs = Infinity;
  /** It gets no turns before. */
  stalledUntilUs = 0;
  turns = 0;

  constructor(index: number, plan: HostPlan, wire: MemoryWire, hasRouter: boolean, incarnation = 0) {
    const station = index + 1;
    const { segment } = plan;
    const random = new Random(plan.seed + 7919 * incarnation + 1);
    this.index = index;
    this.plan = plan;
    this.wire = wire;
    this.address = addressOf(segment, station);
    this.link = wire.attach({ ...plan.link, name: `host${index}`, mac: macOf(segment, station) });
    const gateway = hasRouter ? addressOf(segment, ROUTER_STATION) : 0;
    this.net = new Interface(this.link, { address: this.address, prefixLength: 24, gateway, random, insist: true });
    this.net.nowUs = wire.nowUs();
    const congestion = congestionByName(plan.congestion);
    if (congestion === null) throw new Error(`there is no congestion control ${plan.congestion}`);
    this.tcp = new TcpStack(this.net, { ...plan.tcp, congestion, random, secret: secretOf(plan, incarnation) });
    this.content = new Content(this.link.memory);
  }

  /** When it has its next turn: at once if a frame waits. */
  nextTurnUs(): number {
    return Math.max(this.stalledUntilUs, this.link.pending() ? 0 : this.dueUs);
  }

  /** One turn of the loop: all that arrived in, everything out. */
  turn(nowUs: number): void {
    const { net, tcp, link } = this;
    this.turns++;
    net.nowUs = nowUs;
    do {
      const count = link.receive();
      for (let i = 0; i < count; i++) net.input(link.rxOffset[i], link.rxLength[i], link.rxFlags[i]);
      tcp.output(nowUs);
      net.output(nowUs);
      link.flush();
      link.release();
    } while (link.pending());
    this.tcpDueUs = tcp.nextDeadlineUs();
    this.dueUs = Math.min(this.tcpDueUs, net.nextDeadlineUs());
  }

  /** Nothing is left of what was: throws what is. */
  expectEmpty(): void {
    const { tcp, link } = this;
    const left = {
      connections: tcp.connectionCount,
      timeWait: tcp.timeWait.size,
      flows: tcp.flows.size,
      deadlines: tcp.deadlines.size,
      lingering: tcp.lingering.size,
      extentBytes: link.memory.extents.usedBytes,
      dataBuffers: link.data.count - link.data.available,
      controlBuffers: link.control.count - link.control.available,
      halfOpen: [...tcp.listeners.values()].reduce((sum, listener) => sum + listener.halfOpen, 0),
    };
    const leaks = Object.entries(left).filter(([, amount]) => amount !== 0);
    if (leaks.length > 0) throw new Violation('something is left', `on host ${this.index}: ${JSON.stringify(leaks)}`);
    this.expectNoBreaches();
  }

  expectNoBreaches(): void {
    const { breaches } = this.link;
    if (JSON.stringify(breaches) === JSON.stringify(NO_BREACHES)) return;
    throw new Violation('contract of the link', `host ${this.index}: ${JSON.stringify(breaches)}`);
  }
}
