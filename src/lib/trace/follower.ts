/**
 * Follows connections: takes segments one by one (and, from inside a stack, what no segment shows), and tells sinks what
 * happened. One follower serves every source and every output.
 *
 *   segment ─▶ flow (found or made) ─▶ labels ─▶ states ─▶ round trips ─▶ Redis commands ─▶ event
 *
 * Memory is bounded: of more connections than `maxConnections`, those that ended first are folded into one line of the
 * totals.
 */
import { CLOSED, STATE_NAMES, TIME_WAIT } from '../tcp/state.ts';
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';
import { Flow, type FlowEnd } from './flow.ts';
import type {
  ConnectionSummary,
  End,
  Label,
  OwnState,
  TracedFrame,
  TraceEvent,
  TraceSink,
  TraceTotals,
} from './model.ts';
import { looksLikeResp, RespJoin } from './resp-join.ts';
import { keyOf, REDIS_PORT, type Roles, rolesOf } from './roles.ts';
import { CONGESTION_RULES, DROP_RULES, NOT_SENT_RULES, RETRANSMIT_RULES, ruleOf } from './rules.ts';
import { segmentEvent } from './segment-event.ts';
import type { SegmentView } from './segment-view.ts';
import { isAgain, isDuplicateAck, labelsOf } from './sequence-analysis.ts';

const DEFAULT_MAX_CONNECTIONS = 10_000;

/** Which connections are followed. */
export interface ConnectionFilter {
  /** An address (int32) that one end must have. */
  readonly address?: number;
  /** … with this port. */
  readonly addressPort?: number;
  /** A port that one end must have. */
  readonly port?: number;
}

export interface FollowerOptions {
  readonly sinks: readonly TraceSink[];
  readonly filter?: ConnectionFilter;
  /** Read all payloads as Redis traffic: `auto` does it for port 6379 and for what looks like it. */
  readonly resp?: 'auto' | 'always' | 'never';
  readonly maxConnections?: number;
}

/** The ends of a connection as a stack knows them. */
export interface StackEnds {
  readonly localIp: number;
  readonly localPort: number;
  readonly remoteIp: number;
  readonly remotePort: number;
}

export class Follower {
  readonly totals: TraceTotals = {
    frames: 0,
    ignored: new Map(),
    lostEvents: 0,
    folded: { connections: 0, segments: 0, bytes: 0, retransmits: 0 },
  };
  private readonly sinks: readonly TraceSink[];
  private readonly filter: ConnectionFilter;
  private readonly resp: 'auto' | 'always' | 'never';
  private readonly maxConnections: number;
  private readonly flows = new Map<string, Flow>();
  /** By id, ascending; those that a newer connection replaced included. */
  private readonly summaries = new Map<number, Flow>();
  private nextId = 1;
  private nowUs = 0;
  private frame = 0;

  constructor(options: FollowerOptions) {
    this.sinks = options.sinks;
    this.filter = options.filter ?? {};
    this.resp = options.resp ?? 'auto';
    this.maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
  }

  /** A frame of the source that could not be followed. */
  ignore(reason: string): void {
    this.totals.ignored.set(reason, (this.totals.ignored.get(reason) ?? 0) + 1);
  }

  /** Connections that are known now, ended ones included. */
  get connectionCount(): number {
    return this.summaries.size;
  }

  /** The segment in `view`, from a capture. `frame` is what the capture outputs write. */
  segment(view: SegmentView, frame: TracedFrame): void {
    this.take(view, frame, null, false);
  }

  /** The same from inside a stack; `own` is null when the segment belongs to none of its connections. */
  stackSegment(view: SegmentView, frame: TracedFrame, own: OwnState | null): void {
    this.take(view, frame, own, true);
  }

  private take(view: SegmentView, frame: TracedFrame, own: OwnState | null, fromStack: boolean): void {
    this.nowUs = view.tUs;
    this.frame = view.frame;
    if (!this.wanted(view)) return;
    for (const sink of this.sinks) sink.frame?.(frame);
    let flow = this.flows.get(keyOf(view.sourceIp, view.sourcePort, view.destinationIp, view.destinationPort));
    const synOnly = (view.flags & (SYN | ACK)) === SYN;
    let reused = false;
    if (flow !== undefined && (view.flags & SYN) !== 0) {
      const known = flow.senderOf(view.sourceIp, view.sourcePort);
      reused = known.baseKnown && known.base !== view.seq;
      if (reused && synOnly) flow = undefined;
    }
    flow ??= this.open(rolesOf(view, fromStack));
    this.follow(flow, view, reused, own);
  }

  /** The stack's connection changed its state. */
  stateChanged(tUs: number, ends: StackEnds, from: number, to: number, cause: string, own: OwnState): void {
    const flow = this.flowOf(tUs, ends, to);
    if (flow === null) return;
    const end = flow.end(flow.roles.local ?? 'server');
    this.enter(flow, end, STATE_NAMES[from] ?? '?', STATE_NAMES[to] ?? '?', cause, own);
    if (to === CLOSED || to === TIME_WAIT) this.close(flow, cause);
  }

  retransmitted(
    tUs: number,
    ends: StackEnds,
    sequence: number,
    lengthBytes: number,
    reason: string,
    own: OwnState,
  ): void {
    const flow = this.flowOf(tUs, ends, -1);
    if (flow === null) return;
    const end = flow.end(flow.roles.local ?? 'server');
    end.summary.retransmits.set(reason, (end.summary.retransmits.get(reason) ?? 0) + 1);
    const seq = end.relative(sequence);
    const rule = ruleOf(RETRANSMIT_RULES, reason);
    this.tell({ kind: 'retransmit', ...this.about(flow), seq, lengthBytes, reason, rule, own }, flow);
  }

  /** `ends` is null for a segment that belongs to no connection. */
  dropped(tUs: number, ends: StackEnds | null, reason: string, own: OwnState | null): void {
    this.nowUs = tUs;
    const flow = ends === null ? null : this.flowOf(tUs, ends, -1);
    if (ends !== null && flow === null) return;
    const rule = ruleOf(DROP_RULES, reason);
    if (flow !== null) {
      const { drops } = flow.end(flow.roles.local ?? 'server').summary;
      drops.set(reason, (drops.get(reason) ?? 0) + 1);
    }
    const about = flow === null ? { tUs, connection: 0, frame: this.frame } : this.about(flow);
    this.tell({ kind: 'drop', ...about, reason, rule, own }, flow);
  }

  /** Only a reason that differs from the last one is told: a full window would be told at every turn. */
  notSent(tUs: number, ends: StackEnds, reason: string, unsentBytes: number, own: OwnState): void {
    const flow = this.flowOf(tUs, ends, -1);
    if (flow === null || flow.notSentReason === reason) return;
    flow.notSentReason = reason;
    const rule = ruleOf(NOT_SENT_RULES, reason);
    this.tell({ kind: 'not-sent', ...this.about(flow), reason, rule, unsentBytes, own }, flow);
  }

  congestionChanged(tUs: number, ends: StackEnds, event: string, own: OwnState): void {
    const flow = this.flowOf(tUs, ends, -1);
    if (flow === null) return;
    this.tell({ kind: 'congestion', ...this.about(flow), event, rule: ruleOf(CONGESTION_RULES, event), own }, flow);
  }

  timeWaitEnded(tUs: number, ends: StackEnds, cause: string): void {
    this.nowUs = tUs;
    const flow = this.flows.get(keyOf(ends.localIp, ends.localPort, ends.remoteIp, ends.remotePort));
    if (flow === undefined) return;
    const end = flow.end(flow.roles.local ?? 'server');
    if (end.summary.state === 'TIME-WAIT') this.enter(flow, end, 'TIME-WAIT', 'CLOSED', cause, null);
  }

  /** The tracer could not keep up. */
  lost(tUs: number, count: number): void {
    this.totals.lostEvents += count;
    this.tell({ kind: 'lost', tUs, connection: 0, frame: 0, count }, null);
  }

  /** The trace is over: the sinks write what they have. */
  end(): void {
    const connections = [...this.summaries.values()].map((flow) => settled(flow));
    for (const sink of this.sinks) sink.end(connections, this.totals);
  }

  private wanted(view: SegmentView): boolean {
    const { sourceIp, sourcePort, destinationIp, destinationPort } = view;
    return this.passes(sourceIp, sourcePort, destinationIp, destinationPort);
  }

  private passes(ipA: number, portA: number, ipB: number, portB: number): boolean {
    const { address, addressPort, port } = this.filter;
    if (port !== undefined && port !== portA && port !== portB) return false;
    if (address === undefined) return true;
    const isPeer = (ip: number, at: number): boolean =>
      ip === address && (addressPort === undefined || addressPort === at);
    return isPeer(ipA, portA) || isPeer(ipB, portB);
  }

  private follow(flow: Flow, view: SegmentView, reused: boolean, own: OwnState | null): void {
    const sender = flow.senderOf(view.sourceIp, view.sourcePort);
    const receiver = flow.other(sender);
    flow.lastFrame = view.frame;
    if (own !== null) flow.knownToStack = true;
    flow.summary.lastUs = view.tUs;
    const syn = (view.flags & SYN) !== 0;
    if (syn) flow.takeSyn(sender, view);
    sender.setBase((view.seq - 1) | 0);
    if ((view.flags & ACK) !== 0) receiver.setBase((view.ack - 1) | 0);
    const before = sender.direction.nextSeq;
    const known = sender.direction.seen;
    const bits = flow.analysis.judge(view, sender.direction, receiver.direction);
    const rttUs = flow.timeSegment(sender, receiver, view, before, known);
    const labels = labelsOf(bits, reused);
    const commands = this.commandsOf(flow, sender, view);
    this.count(sender, view, labels, isAgain(bits) && !flow.isLocal(sender));
    const event = segmentEvent(flow, sender, view, labels, isDuplicateAck(bits), rttUs, commands, own);
    this.tell(event, flow);
    if (view.lengthBytes > 0) flow.notSentReason = '';
    const window = receiver.direction.windowBytes() ?? receiver.direction.window;
    flow.states.segment(sender.wire, receiver.wire, view.seq, view.ack, view.lengthBytes, view.flags, window);
    if ((view.flags & ACK) !== 0) receiver.countAcked(view.ack);
    if (flow.states.over && !flow.knownToStack) this.close(flow, closingCause(flow, view.flags, sender.name));
  }

  private count(sender: FlowEnd, view: SegmentView, labels: readonly Label[], again: boolean): void {
    const { summary } = sender;
    summary.segments++;
    summary.bytes += view.lengthBytes;
    for (const label of labels) sender.countLabel(label);
    if (!again) return;
    const label = labels.find((name) => name.endsWith('retransmission')) ?? 'retransmission';
    summary.retransmits.set(label, (summary.retransmits.get(label) ?? 0) + 1);
  }

  private commandsOf(flow: Flow, sender: FlowEnd, view: SegmentView): readonly string[] {
    if (view.lengthBytes === 0) return NO_COMMANDS;
    const fromClient = sender === flow.client;
    if (!flow.respDecided) this.decideResp(flow, fromClient, view);
    if (flow.resp === null) return NO_COMMANDS;
    const { payloadStart, payloadEnd, lengthBytes } = view;
    const late = (frame: number, names: readonly string[]): void => {
      this.tell(
        { kind: 'command', tUs: view.tUs, connection: flow.summary.id, frame, from: sender.name, commands: names },
        flow,
      );
    };
    const seq = (view.flags & SYN) !== 0 ? (view.seq + 1) | 0 : view.seq;
    const names = flow.resp.take(fromClient, view.frame, seq, view.bytes, payloadStart, payloadEnd, lengthBytes, late);
    flow.client.summary.commands = flow.resp.commands;
    flow.server.summary.commands = flow.resp.answers;
    return names;
  }

  /** The port says it, or the first bytes of the client do. */
  private decideResp(flow: Flow, fromClient: boolean, view: SegmentView): void {
    const byPort = flow.roles.serverPort === REDIS_PORT || this.resp === 'always';
    const byBytes = fromClient && looksLikeResp(view.bytes, view.payloadStart, view.payloadEnd);
    if (this.resp !== 'never' && (byPort || byBytes)) {
      flow.resp = new RespJoin();
      if (flow.roles.fromStart) {
        for (const end of [flow.client, flow.server]) {
          if (end.baseKnown) flow.resp.startAt(end === flow.client, (end.base + 1) | 0);
        }
      }
    }
    flow.respDecided = flow.resp !== null || fromClient || this.resp === 'never';
  }

  private open(roles: Roles): Flow {
    const key = keyOf(roles.clientIp, roles.clientPort, roles.serverIp, roles.serverPort);
    if (this.summaries.size >= this.maxConnections) this.foldOldest();
    const flow = new Flow(this.nextId++, key, roles, this.nowUs, (of, end, from, to, cause) => {
      if (!of.isLocal(end)) this.enter(of, end, from, to, cause, null);
    });
    this.flows.set(key, flow);
    this.summaries.set(flow.summary.id, flow);
    const { client, server, id } = flow.summary;
    this.tell(
      {
        kind: 'opened',
        tUs: this.nowUs,
        connection: id,
        frame: this.frame,
        client: `${client.address}:${client.port}`,
        server: `${server.address}:${server.port}`,
        local: roles.local,
        fromStart: roles.fromStart,
      },
      flow,
    );
    return flow;
  }

  /** The flow of a stack's connection; made when the stack spoke before any segment did. Null: the filter excludes it. */
  private flowOf(tUs: number, ends: StackEnds, entering: number): Flow | null {
    const { localIp, localPort, remoteIp, remotePort } = ends;
    this.nowUs = tUs;
    if (!this.passes(localIp, localPort, remoteIp, remotePort)) return null;
    const known = this.flows.get(keyOf(localIp, localPort, remoteIp, remotePort));
    const opening = STATE_NAMES[entering] === 'SYN-SENT';
    if (known !== undefined && !(opening && known.summary.closed !== '')) {
      known.summary.lastUs = tUs;
      known.knownToStack = true;
      return known;
    }
    const localIsClient = opening || (entering < 0 && localPort > remotePort);
    const local = { clientIp: localIp, clientPort: localPort, serverIp: remoteIp, serverPort: remotePort };
    const remote = { clientIp: remoteIp, clientPort: remotePort, serverIp: localIp, serverPort: localPort };
    const roles = localIsClient ? local : remote;
    const flow = this.open({ ...roles, local: localIsClient ? 'client' : 'server', fromStart: opening });
    flow.knownToStack = true;
    return flow;
  }

  private enter(flow: Flow, end: FlowEnd, from: string, to: string, cause: string, own: OwnState | null): void {
    end.enter(to, this.nowUs);
    this.tell({ kind: 'state', ...this.about(flow), end: end.name, from, to, cause, own }, flow);
  }

  private close(flow: Flow, cause: string): void {
    if (flow.summary.closed !== '') return;
    flow.summary.closed = cause;
    this.tell({ kind: 'closed', ...this.about(flow), cause }, flow);
  }

  private about(flow: Flow): { tUs: number; connection: number; frame: number } {
    return { tUs: this.nowUs, connection: flow.summary.id, frame: flow.lastFrame };
  }

  private tell(event: TraceEvent, flow: Flow | null): void {
    const summary = flow === null ? null : flow.summary;
    for (const sink of this.sinks) sink.event(event, summary);
  }

  /** Makes room: the oldest connection that is over, else the oldest. */
  private foldOldest(): void {
    let oldest: Flow | null = null;
    for (const flow of this.summaries.values()) {
      oldest ??= flow;
      if (flow.summary.closed === '') continue;
      oldest = flow;
      break;
    }
    if (oldest === null) return;
    this.summaries.delete(oldest.summary.id);
    if (this.flows.get(oldest.key) === oldest) this.flows.delete(oldest.key);
    const { folded } = this.totals;
    folded.connections++;
    for (const { segments, bytes, retransmits } of [oldest.client.summary, oldest.server.summary]) {
      folded.segments += segments;
      folded.bytes += bytes;
      for (const count of retransmits.values()) folded.retransmits += count;
    }
  }
}

const NO_COMMANDS: readonly string[] = [];

function closingCause(flow: Flow, flags: number, sender: End): string {
  if ((flags & RST) !== 0) return `RST from ${sender}`;
  const first = flow.summary.client.path.includes('FIN-WAIT-1') ? 'client' : 'server';
  return (flags & FIN) !== 0 ? `FIN from ${sender}` : `both sides closed, ${first} first`;
}

/** The time in the current state, up to the connection's last event. */
function settled(flow: Flow): ConnectionSummary {
  for (const { summary } of [flow.client, flow.server]) {
    const spentUs = flow.summary.lastUs - summary.stateSinceUs;
    summary.stateUs.set(summary.state, (summary.stateUs.get(summary.state) ?? 0) + Math.max(0, spentUs));
    summary.stateSinceUs = flow.summary.lastUs;
  }
  return flow.summary;
}
