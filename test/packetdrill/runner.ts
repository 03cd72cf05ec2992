/**
 * Runs a script against the stack on the virtual clock.
 *
 *   a packet to the stack, a call, a command   waits for its time, then happens
 *   a packet of the stack                      is waited for, and must come at its time: the next that was sent, no other
 *
 * A relative time counts from when the event before was done. A call that blocks goes on beside the script, and the next call
 * waits for it. What the stack still sends after the last event is not looked at.
 */

import { describe } from './arguments.ts';
import { type PreparedCall, prepareCall } from './calls.ts';
import { runCode, type Variables } from './code.ts';
import { constant, numberOf } from './constants.ts';
import { Epoll } from './epoll.ts';
import { errnoName } from './errno.ts';
import type { Flow } from './flow.ts';
import { Kernel } from './kernel.ts';
import { join, joins, type MatchRules, mismatch, split } from './match.ts';
import type { Outcome } from './outcome.ts';
import type { Settings } from './profile.ts';
import {
  type CallAction,
  Mismatch,
  type PacketAction,
  type Script,
  type ScriptEvent,
  type TcpSpec,
  Unsupported,
} from './script.ts';
import { icmpFrame, type LiveSegment, tcpFrame } from './segment.ts';
import { runShell } from './shell.ts';
import { dropTimeWait, socketStates } from './socket-states.ts';
import { tcpInfoOf } from './tcp-info.ts';
import { describeSegment } from './text.ts';
import type { World } from './world.ts';

/** How long a packet with any time, or a call, may let wait: longer than any timer. */
const PATIENCE_US = 2 * 3600 * 1e6;

interface PendingCall extends PreparedCall {
  readonly action: CallAction;
  readonly line: number;
  readonly endUs: number;
  outcome: Outcome | null;
  returnedUs: number;
}

export class Runner {
  private readonly script: Script;
  private readonly settings: Settings;
  private readonly kernel: Kernel;
  private pending: PendingCall | null = null;
  private readonly variables: Variables = new Map();
  private readonly trace: (text: string) => void;

  constructor(script: Script, settings: Settings, trace: (text: string) => void = () => {}) {
    this.script = script;
    this.settings = settings;
    this.kernel = new Kernel(settings);
    this.trace = trace;
  }

  /** Throws Mismatch or Unsupported, with the line. */
  run(): void {
    for (const event of this.script.events) {
      this.runEvent(event);
      this.checkDamage(event.line);
    }
    const last = this.script.events[this.script.events.length - 1];
    this.finishPending();
    this.checkDamage(last.line);
  }

  private get world(): World {
    const { world } = this.kernel;
    world.afterTurn = () => this.afterTurn();
    return world;
  }

  private runEvent(event: ScriptEvent): void {
    const { action, line } = event;
    if (action.kind === 'shell' && event.time.kind !== 'absolute' && event.time.kind !== 'any' && event.time.us === 0) {
      this.shell(action.command, line); // before the stack exists, a setting has no time
      return;
    }
    if (action.kind === 'packet' && action.direction === 'out') {
      this.expectPacket(event, action);
      return;
    }
    const dueUs = this.dueUs(event);
    if (action.kind === 'call') this.settlePending(dueUs);
    if (dueUs > 0) this.advanceTo(dueUs);
    switch (action.kind) {
      case 'packet':
        this.inject(action, line);
        break;
      case 'call':
        this.call(action, line, dueUs, event);
        break;
      case 'shell':
        this.shell(action.command, line);
        break;
      case 'code':
        runCode(action.text, line, (name) => this.codeName(name), this.variables);
    }
  }

  /** When an event is to happen, in microseconds of the script. */
  private dueUs({ time }: ScriptEvent): number {
    if (time.kind === 'any') return this.world.nowUs;
    return time.kind === 'absolute' ? time.us : this.nowUs + time.us;
  }

  /** The stack is not made for the sake of looking at the clock. */
  private get nowUs(): number {
    return this.kernel.started ? this.world.nowUs : 0;
  }

  private advanceTo(us: number, until?: () => boolean): void {
    const { world } = this;
    const limitUs = this.pending === null ? us : Math.min(us, this.pending.dueUs);
    if (limitUs > world.nowUs) world.advanceTo(limitUs, until);
    else world.turn();
    if (limitUs < us && until?.() !== true) {
      this.afterTurn();
      world.advanceTo(us, until);
    }
  }

  // ---- packets

  private inject({ packet, ip }: PacketAction, line: number): void {
    const { world } = this;
    const tos = ip.tos ?? 0;
    const ttl = ip.ttl ?? 0;
    if (packet.kind === 'tcp') {
      const flow = this.kernel.flow(packet.destinationPort, packet.sourcePort);
      const segment = flow.incoming(packet, tos, ttl);
      this.trace(`${this.clock()} < line ${line}`);
      world.inject(tcpFrame(segment, world.macs));
      return;
    }
    const flow = this.kernel.flow(0, 0);
    const { remoteIp, localIp } = world.ends;
    const addresses = { sourceIp: remoteIp, destinationIp: localIp, tos, ttl };
    world.inject(icmpFrame(packet.type, packet.code, packet.mtu, flow.quoted(packet.quoted), addresses, world.macs));
  }

  private expectPacket(event: ScriptEvent, { packet, ip }: PacketAction): void {
    const { line, time } = event;
    if (packet.kind !== 'tcp') throw new Unsupported(line, 'ICMP from the stack');
    const flow = this.kernel.flow(packet.sourcePort, packet.destinationPort);
    const startUs = time.kind === 'any' ? 0 : this.dueUs(event);
    const endUs = time.kind === 'any' ? Infinity : startUs + (time.endUs - time.us);
    const toleranceUs = this.toleranceUs(time.kind === 'any' ? 0 : endUs - this.nowUs);
    const latestUs = Math.min(endUs + toleranceUs, this.nowUs + PATIENCE_US);
    let live = this.nextSegment(flow, latestUs, packet, line);
    this.checkTime(live, startUs - toleranceUs, endUs + toleranceUs, flow, event);
    if (!this.settings.strict) live = this.recut(live, packet.sequence.length, flow, latestUs);
    flow.learn(live, packet);
    if (packet.sequence.open) flow.relearn(live);
    const wrong = mismatch(live, packet, ip, flow, this.rules(toleranceUs));
    if (wrong !== null) throw new Mismatch(line, `${wrong}: the stack sent ${describeSegment(live, flow)}`);
    this.learnStamp(live, packet, flow);
  }

  private rules(toleranceUs: number): MatchRules {
    return { strict: this.settings.strict, tickUs: this.settings.tickUs, toleranceUs };
  }

  /** Late by this much is still in time: of a long wait, a part of it. */
  private toleranceUs(waitUs: number): number {
    const { toleranceUs, tolerancePercent } = this.settings;
    return Math.max(toleranceUs, Math.round((waitUs * tolerancePercent) / 100));
  }

  private nextSegment(flow: Flow, latestUs: number, expected: TcpSpec, line: number): LiveSegment {
    const { world } = this;
    const find = (): number => world.sent.findIndex((live) => flow.owns(live));
    if (find() < 0) this.advanceTo(latestUs, () => find() >= 0);
    const at = find();
    if (at < 0) {
      const other = world.sent.length > 0 ? ' (but to other ports)' : '';
      throw new Mismatch(line, `the stack sent nothing until ${seconds(world.nowUs)}${other}`);
    }
    const [live] = world.sent.splice(at, 1);
    this.trace(
      `${seconds(live.atUs)} > ${describeSegment(live, flow)} (line ${line}: ${expected.sequence.length} bytes)`,
    );
    return live;
  }

  private checkTime(live: LiveSegment, fromUs: number, untilUs: number, flow: Flow, { line, time }: ScriptEvent): void {
    if (live.atUs >= fromUs && live.atUs <= untilUs) return;
    if (time.kind === 'any') return;
    const early = live.atUs < fromUs ? 'too early' : 'too late';
    const wanted = time.endUs === time.us ? '' : ` to ${seconds(untilUs)}`;
    throw new Mismatch(
      line,
      `${early}, at ${seconds(live.atUs)} and not within ${seconds(fromUs)}${wanted || ` to ${seconds(untilUs)}`}: ${describeSegment(live, flow)}`,
    );
  }

  /** Joins or splits what was cut otherwise than the script has it. */
  private recut(first: LiveSegment, length: number, flow: Flow, latestUs: number): LiveSegment {
    const { world } = this;
    let live = first;
    while (live.payload.length > 0 && live.payload.length < length) {
      const joinable = (): number => {
        const at = world.sent.findIndex((next) => flow.owns(next));
        return at >= 0 && joins(live, world.sent[at]) ? at : -1;
      };
      const blocked = (): boolean => world.sent.some((next) => flow.owns(next));
      if (!blocked()) this.advanceTo(latestUs, blocked);
      const at = joinable();
      if (at < 0) return live;
      live = join(live, world.sent.splice(at, 1)[0]);
    }
    if (length === 0 || live.payload.length <= length) return live;
    const [head, tail] = split(live, length);
    world.sent.unshift(tail);
    return head;
  }

  private learnStamp(live: LiveSegment, expected: TcpSpec, flow: Flow): void {
    const wanted = expected.options?.find((option) => option.kind === 'TS');
    const found = live.options.find((option) => option.kind === 'TS');
    if (wanted?.kind === 'TS' && wanted.val !== null && found?.kind === 'TS') flow.learnStamp(wanted.val, found.val);
  }

  // ---- calls

  private call(action: CallAction, line: number, dueUs: number, event: ScriptEvent): void {
    const prepared = prepareCall(this.kernel, action, line);
    this.trace(`${this.clock()} ${action.name} (line ${line})`);
    const outcome = prepared.attempt();
    if (this.kernel.started) this.world.turn();
    if (action.endUs === null) {
      if (outcome === null) throw new Mismatch(line, `${action.name} blocks`);
      this.checkOutcome(action, outcome, line);
      return;
    }
    const offsetUs = event.time.kind === 'absolute' ? 0 : dueUs - (event.time.kind === 'any' ? 0 : event.time.us);
    const endUs = action.endUs + offsetUs;
    this.pending = { ...prepared, action, line, endUs, outcome, returnedUs: this.nowUs };
    if (outcome === null) this.afterTurn();
  }

  /** A call that blocks is tried again; an epoll looks what is no longer ready. */
  private afterTurn(): void {
    for (const descriptor of this.kernel.descriptors.values()) {
      if (descriptor instanceof Epoll) descriptor.look();
      else descriptor.settle();
    }
    const { pending } = this;
    if (pending === null || pending.outcome !== null) return;
    pending.outcome = pending.attempt();
    pending.returnedUs = this.nowUs;
  }

  /** Only one call at a time: the one before must return first, and at its time. */
  private settlePending(untilUs: number): void {
    const { pending } = this;
    if (pending === null) return;
    const toleranceUs = this.toleranceUs(pending.endUs - this.nowUs);
    if (pending.outcome === null) {
      this.advanceTo(Math.max(untilUs, pending.endUs + toleranceUs), () => pending.outcome !== null);
    }
    if (pending.outcome === null) {
      throw new Mismatch(pending.line, `${pending.action.name} has not returned by ${seconds(this.nowUs)}`);
    }
    this.pending = null;
    if (Math.abs(pending.returnedUs - pending.endUs) > toleranceUs) {
      const wanted = seconds(pending.endUs);
      throw new Mismatch(
        pending.line,
        `${pending.action.name} returned at ${seconds(pending.returnedUs)}, not at ${wanted}`,
      );
    }
    this.checkOutcome(pending.action, pending.outcome, pending.line);
  }

  private finishPending(): void {
    if (this.pending !== null) this.settlePending(this.pending.endUs);
  }

  private checkOutcome(action: CallAction, outcome: Outcome, line: number): void {
    const got = outcome.errno === null ? String(outcome.value) : `-1 ${outcome.errno}`;
    const expected = numberOf(action.result, this.settings.profile);
    if (action.result.kind === 'open') return;
    if (expected === null) throw new Unsupported(line, `result ${describe(action.result)}`);
    const sameErrno = action.errno === null || errnoName(action.errno) === outcome.errno;
    if (outcome.value === expected && sameErrno) return;
    throw new Mismatch(
      line,
      `${action.name} returned ${got}, not ${expected}${action.errno === null ? '' : ` ${action.errno}`}`,
    );
  }

  // ---- commands and code

  private shell(command: string, line: number): void {
    runShell(command, line, {
      settings: this.settings,
      changed: () => this.kernel.settingsChanged(),
      socketStates: () => socketStates(this.kernel),
      dropConnections: (state) => dropTimeWait(this.kernel, state),
    });
  }

  /** tcp_info is the last connected socket's. */
  private codeName(name: string): number | undefined {
    if (!name.startsWith('tcpi_')) return constant(name, this.settings.profile);
    const sockets = this.kernel.sockets();
    const socket = sockets.findLast((candidate) => candidate.connection !== null) ?? sockets.at(-1);
    return socket === undefined ? undefined : tcpInfoOf(socket)?.[name];
  }

  private checkDamage(line: number): void {
    const damage = this.kernel.damage ?? (this.kernel.started ? this.world.damage : null);
    if (damage !== null) throw new Mismatch(line, damage);
  }

  private clock(): string {
    return seconds(this.nowUs);
  }
}

function seconds(us: number): string {
  return us === Infinity ? 'ever' : `${(us / 1e6).toFixed(6)} s`;
}
