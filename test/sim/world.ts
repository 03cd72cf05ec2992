/**
 * A world: hosts, wires and applications by one plan, on one virtual clock. Nothing in it comes from outside, so the same plan
 * gives the same events, one after the other, in every run: their number and the hash of all frames say whether it did.
 *
 *            ┌────────────────────────────────────────────────┐
 *            ▼                                                │
 *   clock = the earliest of: agenda, wires, hosts             │
 *     agenda: applications and faults act                     │
 *     wires:  frames arrive                                   │
 *     hosts:  one turn of each that has something to do ─▶ rules hold?
 */
import { VirtualClock } from '../../src/lib/clock.ts';
import { MemoryWire, type Station } from '../../src/lib/link/memory.ts';
import { Random } from '../../src/lib/random.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { Agenda } from './agenda.ts';
import { startOf } from './clocks.ts';
import { Acceptor, Conversation, type Side, type Surroundings } from './conversation.ts';
import { hardshipOf, isIdeal } from './hardship.ts';
import { Host } from './host.ts';
import {
  addressOf,
  type ConversationPlan,
  DEAD_PORT,
  type FaultPlan,
  LISTENING_PORT,
  NOBODY,
  type WorldPlan,
} from './plan.ts';
import { Router } from './router.ts';
import { StackRules } from './stack-rules.ts';
import { Violation } from './violation.ts';
import { WireRules } from './wire-rules.ts';

const SECOND_US = 1_000_000;
/** After everybody was told to come to an end, what is still open must have ended by itself: all timers are over. */
const PATIENCE_US = 3_600 * SECOND_US;
/** The ARP cache looks at its entries for ever; so long after everything else is silent, it holds no frames any more. */
const NEIGHBOURS_US = 300 * SECOND_US;
/** Turns at one instant, and events in one world, that no good run comes near: something goes round in a circle. */
const MAX_TURNS_AT_ONCE = 10_000;
const MAX_EVENTS = 2_000_000;

export interface WorldResult {
  readonly seed: number;
  /** Frames that arrived, and turns of hosts. */
  readonly events: number;
  readonly hash: number;
  readonly connectionSeconds: number;
  readonly virtualSeconds: number;
  readonly connections: number;
  readonly frames: number;
  readonly transitions: number;
  /** Sums of all stacks' counters. */
  readonly counters: Record<string, number>;
  readonly violation: Violation | null;
}

/** Sees a world from outside: for logs and captures. */
export interface Onlooker {
  log(atUs: number, text: string): void;
  sent(atUs: number, from: Station, bytes: Uint8Array): void;
  arrived(atUs: number, to: Station, bytes: Uint8Array): void;
}

export class World implements Surroundings {
  readonly agenda = new Agenda();
  closing = false;
  readonly plan: WorldPlan;
  readonly conversations: Conversation[] = [];
  private readonly clock = new VirtualClock();
  private readonly startUs: number;
  private readonly wires: MemoryWire[];
  private readonly hosts: (Host | null)[];
  private readonly rules: (StackRules | null)[] = [];
  private readonly wireRules = new WireRules();
  /** By the client's side of an opening: conversations may have the same addresses and ports, one after the other. */
  private readonly opened = new Map<string, Conversation>();
  private readonly onlooker: Onlooker | null;
  private readonly ideal: boolean;
  private readonly counters: Record<string, number> = {};
  private events = 0;
  private deaths = 0;
  private transitions = 0;
  private turnsAtOnce = 0;
  private lastBusyUs = 0;

  constructor(plan: WorldPlan, onlooker: Onlooker | null = null) {
    this.plan = plan;
    this.onlooker = onlooker;
    this.ideal = isIdeal(plan);
    this.startUs = startOf(plan);
    this.clock.us = this.startUs;
    this.wires = plan.segments.map(({ conditions }, i) => this.makeWire(i, conditions));
    const hasRouter = plan.segments.length > 1;
    const mtus = plan.segments.map(({ mtu }) => mtu);
    if (hasRouter) new Router(this.wires, mtus, plan.transit, () => this.clock.us - this.startUs);
    this.hosts = plan.hosts.map(() => null);
    for (let i = 0; i < plan.hosts.length; i++) this.makeHost(i);
    for (const fault of plan.faults) this.planFault(fault);
    for (const conversation of plan.conversations) this.planConversation(conversation);
    this.agenda.at(this.startUs + plan.closingUs, () => this.close());
  }

  nowUs(): number {
    return this.clock.us;
  }

  log(text: string): void {
    this.onlooker?.log(this.clock.us - this.startUs, text);
  }

  /** Lives through everything, to the end or to the first violation. */
  run(): WorldResult {
    let violation: Violation | null = null;
    try {
      while (this.step());
      this.expectOver();
    } catch (error) {
      violation =
        error instanceof Violation ? error : new Violation('exception', (error as Error).stack ?? String(error));
    }
    return this.result(violation);
  }

  /** All that happens at the next instant at which anything does. False when nothing ever will. */
  private step(): boolean {
    let busyUs = this.agenda.firstUs;
    for (const wire of this.wires) busyUs = Math.min(busyUs, wire.nextDeadlineUs());
    let nextUs = busyUs;
    for (const host of this.hosts) {
      if (host === null) continue;
      busyUs = Math.min(busyUs, host.tcpDueUs);
      nextUs = Math.min(nextUs, host.nextTurnUs());
    }
    if (busyUs < Infinity) this.lastBusyUs = busyUs;
    else if (nextUs > this.lastBusyUs + NEIGHBOURS_US) return false;
    const nowUs = Math.max(this.clock.us, Math.ceil(nextUs));
    if (nowUs > this.clock.us) this.turnsAtOnce = 0;
    else if (++this.turnsAtOnce > MAX_TURNS_AT_ONCE)
      throw new Violation('time stands still', `at ${nowUs - this.startUs} µs`);
    if (this.events > MAX_EVENTS) throw new Violation('too many events', '');
    this.clock.us = nowUs;
    while (this.agenda.firstUs <= nowUs) this.agenda.next();
    for (const wire of this.wires) if (wire.nextDeadlineUs() <= nowUs) this.events += wire.deliver(nowUs);
    for (let i = 0; i < this.hosts.length; i++) {
      const host = this.hosts[i];
      if (host === null || host.nextTurnUs() > nowUs) continue;
      this.events++;
      host.turn(nowUs);
      this.rules[i]?.check();
    }
    return true;
  }

  private makeWire(segment: number, conditions: object): MemoryWire {
    const wire = new MemoryWire(this.clock, new Random(this.plan.seed + 1000 * (segment + 1)), conditions);
    const { wireRules, onlooker } = this;
    wire.filter = (bytes, from, _index, l4Offset) => {
      const isHost = from.mac[5] <= this.plan.hosts.length;
      if (isHost) wireRules.sent(bytes, l4Offset > 0, this.clock.us);
      else wireRules.mix(bytes, this.clock.us);
      onlooker?.sent(this.clock.us, from, bytes);
      return true;
    };
    wire.arrivals = (bytes, to, damaged) => {
      if (!damaged && to.mac[5] <= this.plan.hosts.length) wireRules.arrived(bytes);
      onlooker?.arrived(this.clock.us, to, bytes);
    };
    return wire;
  }

  private makeHost(index: number): void {
    const plan = this.plan.hosts[index];
    const host = new Host(index, plan, this.wires[plan.segment], this.plan.segments.length > 1, this.deaths);
    // What nobody observes takes its shortest ways.
    const rules = plan.observed ? new StackRules(host, this.ideal, (text) => this.log(text)) : null;
    host.tcp.observer = rules;
    this.hosts[index] = host;
    this.rules[index] = rules;
    this.listen(host);
  }

  /** Connections are taken as they come, or wait until it is looked for them. */
  private listen(host: Host): void {
    const { backlog, acceptBacklog, acceptEveryUs } = host.plan;
    const acceptor = new Acceptor((stream) => this.sideOf(stream as Connection, host));
    const waiting = acceptBacklog > 0 ? { acceptBacklog } : {};
    const listener = host.tcp.listen(LISTENING_PORT, acceptor, { backlog, ...waiting });
    if (acceptBacklog === 0) return;
    const look = (): void => {
      if (this.hosts[host.index] !== host) return;
      while (listener.accept() !== null) host.dueUs = this.clock.us;
      if (this.clock.us < this.startUs + this.plan.closingUs + PATIENCE_US)
        this.agenda.at(this.clock.us + acceptEveryUs, look);
    };
    this.agenda.at(this.clock.us + acceptEveryUs, look);
  }

  private planFault(fault: FaultPlan): void {
    const at = (us: number, happen: () => void): void => this.agenda.at(this.startUs + us, happen);
    if (fault.kind === 'flap') {
      at(fault.atUs, () => this.setDown(fault.segment, fault.host, true));
      at(fault.untilUs, () => this.setDown(fault.segment, fault.host, false));
    } else if (fault.kind === 'death') {
      at(fault.atUs, () => this.kill(fault.host));
      if (fault.untilUs < Infinity) {
        at(fault.untilUs, () => {
          this.log(`host ${fault.host} is back`);
          if (this.hosts[fault.host] === null) this.makeHost(fault.host);
        });
      }
    } else if (fault.kind === 'stall') {
      at(fault.atUs, () => {
        this.log(`host ${fault.host} stands still`);
        const host = this.hosts[fault.host];
        if (host !== null) host.stalledUntilUs = this.startUs + fault.untilUs;
      });
    } else {
      at(fault.atUs, () => {
        this.log(`host ${fault.host} listens no more`);
        this.hosts[fault.host]?.tcp.unlisten(LISTENING_PORT);
      });
    }
  }

  private setDown(segment: number, host: number, down: boolean): void {
    const wire = this.wires[segment];
    this.log(`segment ${segment} ${host < 0 ? '' : `of host ${host}`} is ${down ? 'down' : 'up'}`);
    for (const station of wire.stations) {
      if (host >= 0 && station.mac[5] !== host + 1) continue;
      wire.setConditions({ ...wire.impairment(station).conditions, down }, station);
    }
  }

  /** Without a word. Its buffers are not looked at any more. */
  private kill(index: number): void {
    const host = this.hosts[index];
    if (host === null) return;
    this.log(`host ${index} dies`);
    this.deaths++;
    this.retire(host);
    host.wire.leave(host.link);
    this.hosts[index] = null;
    this.rules[index] = null;
    for (const { client, server } of this.conversations) {
      if (client.host === host) client.vanish();
      if (server?.host === host) server.vanish();
    }
  }

  private planConversation(plan: ConversationPlan): void {
    this.agenda.at(this.startUs + plan.atUs, () => {
      const host = this.hosts[plan.client];
      if (host !== null) this.begin(plan, host);
    });
  }

  private begin(plan: ConversationPlan, host: Host): void {
    const conversation = new Conversation(plan, this, host, hardshipOf(this.plan, plan));
    this.conversations.push(conversation);
    this.log(`conversation ${plan.id} begins: ${plan.kind}, host ${plan.client} to ${plan.server}`);
    const { segment } = this.plan.hosts[plan.server];
    const address = addressOf(segment, plan.kind === 'dead-host' ? NOBODY : plan.server + 1);
    const serverHost = this.hosts[plan.server];
    if (plan.kind === 'simultaneous' && serverHost !== null) {
      // Each connects to the port from which the other does.
      const server = conversation.accepted(serverHost);
      if (server !== null) this.connect(server, host.address, plan.clientPort, plan.clientPort);
      this.connect(conversation.client, address, plan.clientPort, plan.clientPort);
      return;
    }
    const port = plan.kind === 'dead-port' ? DEAD_PORT : LISTENING_PORT;
    const stream = this.connect(conversation.client, address, port, plan.clientPort);
    if (stream !== null)
      this.opened.set(openingOf(stream.localIp, stream.localPort, stream.iss, address), conversation);
  }

  private connect(side: Side, address: number, port: number, localPort: number): Connection | null {
    const { host } = side;
    host.net.nowUs = this.clock.us;
    const stream = host.tcp.connect(address, port, side, localPort);
    side.stream = stream;
    if (stream !== null) side.openedUs = this.clock.us; // else there was no port or no room
    host.dueUs = this.clock.us;
    return stream;
  }

  /** Whom a connection that was accepted belongs to. */
  private sideOf(stream: Connection, host: Host): Side | null {
    const { remoteIp, remotePort, irs, localIp } = stream;
    const conversation = this.opened.get(openingOf(remoteIp, remotePort, irs, localIp));
    if (conversation === undefined) throw new Violation('accepted from nobody', stream.remoteAddress());
    return conversation.accepted(host);
  }

  /** Everybody is told to come to an end; the patience with those who don't has one, too. */
  private close(): void {
    this.log('everybody is to come to an end');
    this.closing = true;
    for (const { client, server } of this.conversations) {
      for (const side of [client, server]) {
        side?.comeToAnEnd();
        if (side !== null) side.host.dueUs = Math.min(side.host.dueUs, this.clock.us);
      }
    }
    this.agenda.at(this.clock.us + PATIENCE_US, () => this.loseLastPatience());
  }

  /** Where much gets lost, a backed-off timeout can take hours over a megabyte; elsewhere whatever is left waits for nothing. */
  private loseLastPatience(): void {
    for (const conversation of this.conversations) {
      if (conversation.isOver) continue;
      const { plan, hardship, client, server } = conversation;
      if (!hardship.timeouts) throw new Violation('not over after an hour', `conversation ${plan.id}`);
      for (const side of [client, server]) side?.giveUp();
    }
  }

  private expectOver(): void {
    for (const host of this.hosts) {
      if (host === null) continue;
      host.tcp.unlisten(LISTENING_PORT);
      host.expectEmpty();
    }
    for (const wire of this.wires) {
      if (wire.inTransit > 0) throw new Violation('frames that never arrive', `${wire.inTransit}`);
    }
  }

  /** Adds up what a stack has counted. */
  private retire(host: Host): void {
    host.expectNoBreaches();
    for (const [name, value] of Object.entries(host.tcp.counters)) {
      this.counters[name] = (this.counters[name] ?? 0) + (value as number);
    }
    this.transitions += this.rules[host.index]?.transitions ?? 0;
  }

  private result(violation: Violation | null): WorldResult {
    for (const host of this.hosts) if (host !== null && violation === null) this.retire(host);
    const lifeUs = (side: Side | null): number =>
      side === null || side.openedUs === 0 ? 0 : (side.closedUs || this.clock.us) - side.openedUs;
    // A connection is one, though it has two ends: it lasts as long as the longer one.
    const connectionUs = this.conversations.reduce(
      (sum, { client, server }) => sum + Math.max(lifeUs(client), lifeUs(server)),
      0,
    );
    return {
      seed: this.plan.seed,
      events: this.events,
      hash: this.wireRules.hash,
      connectionSeconds: connectionUs / SECOND_US,
      virtualSeconds: (this.clock.us - this.startUs) / SECOND_US,
      connections: this.conversations.length,
      frames: this.wireRules.frames,
      transitions: this.transitions,
      counters: this.counters,
      violation,
    };
  }
}

function openingOf(client: number, port: number, iss: number, server: number): string {
  return `${client} ${port} ${iss} ${server}`;
}
