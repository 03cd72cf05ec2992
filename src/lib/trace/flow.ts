/**
 * One connection as it is followed: its two ends, each with its direction of the sequence analysis, its place in the state
 * diagram, its round trips, and where its sequence numbers begin; and its summary.
 */
import { add, distance, greaterThan } from '../tcp/sequence.ts';
import { STATE_NAMES } from '../tcp/state.ts';
import { formatIpv4 } from '../wire/address.ts';
import { ACK, FIN, SYN } from '../wire/tcp.ts';
import type { End, Label } from './model.ts';
import { ConnectionSummary, EndSummary } from './model.ts';
import type { RespJoin } from './resp-join.ts';
import type { Roles } from './roles.ts';
import { RoundTrips } from './round-trips.ts';
import type { SegmentView } from './segment-view.ts';
import type { Direction } from './sequence-analysis.ts';
import { SCALE_UNKNOWN, SequenceAnalysis } from './sequence-analysis.ts';
import type { WireEnd } from './wire-states.ts';
import { WireStates } from './wire-states.ts';

/** One end: what it sends, and what the other end has taken of it. */
export class FlowEnd {
  readonly name: End;
  readonly summary: EndSummary;
  readonly direction: Direction;
  readonly wire: WireEnd;
  readonly roundTrips = new RoundTrips();
  /** The sequence number that is shown as 0. */
  base = 0;
  baseKnown = false;
  /** What the other end has acknowledged. */
  private acked = 0;
  private ackedKnown = false;

  constructor(name: End, summary: EndSummary, direction: Direction, wire: WireEnd) {
    this.name = name;
    this.summary = summary;
    this.direction = direction;
    this.wire = wire;
  }

  /** Where sequence numbers begin: at the SYN, else just before the first one seen. */
  setBase(base: number): void {
    if (this.baseKnown) return;
    this.base = base;
    this.baseKnown = true;
  }

  /** 0…2³²−1 from the base on. */
  relative(sequence: number): number {
    return (sequence - this.base) >>> 0;
  }

  /** The other end acknowledges up to `ack`: counts the payload in it. */
  countAcked(ack: number): void {
    if (!this.ackedKnown) {
      this.ackedKnown = true;
      this.acked = this.baseKnown ? add(this.base, 1) : ack;
    }
    const bytes = distance(ack, this.acked);
    if (bytes <= 0) return;
    this.acked = ack;
    const finToo = this.wire.finSent && ack === this.wire.finEnd ? 1 : 0;
    this.summary.ackedBytes += bytes - finToo;
  }

  enter(state: string, tUs: number): void {
    const { summary } = this;
    const spentUs = tUs - summary.stateSinceUs;
    summary.stateUs.set(summary.state, (summary.stateUs.get(summary.state) ?? 0) + spentUs);
    summary.state = state;
    summary.stateSinceUs = tUs;
    summary.path.push(state);
  }

  countLabel(label: Label): void {
    this.summary.labels.set(label, (this.summary.labels.get(label) ?? 0) + 1);
  }
}

/** Takes a transition that the wire showed. */
export type OnWireState = (flow: Flow, end: FlowEnd, from: string, to: string, cause: string) => void;

export class Flow {
  readonly key: string;
  readonly roles: Roles;
  readonly summary: ConnectionSummary;
  readonly client: FlowEnd;
  readonly server: FlowEnd;
  readonly analysis = new SequenceAnalysis();
  readonly states: WireStates;
  /** Null: the bytes are no Redis traffic, or it is not known yet. */
  resp: RespJoin | null = null;
  respDecided = false;
  /** The last reason for keeping data back that was reported. */
  notSentReason = '';
  /** The last segment. */
  lastFrame = 0;
  /** The traced stack has, or had, a connection here. */
  knownToStack = false;

  constructor(id: number, key: string, roles: Roles, tUs: number, onWireState: OnWireState) {
    this.key = key;
    this.roles = roles;
    const client = new EndSummary(formatIpv4(roles.clientIp), roles.clientPort, tUs);
    const server = new EndSummary(formatIpv4(roles.serverIp), roles.serverPort, tUs);
    this.summary = new ConnectionSummary(id, client, server, roles.local, roles.fromStart, tUs);
    this.states = new WireStates(roles.fromStart, (wire, from, to, cause) => {
      const end = wire === this.client.wire ? this.client : this.server;
      onWireState(this, end, STATE_NAMES[from], STATE_NAMES[to], cause);
    });
    this.client = new FlowEnd('client', client, this.analysis.client, this.states.client);
    this.server = new FlowEnd('server', server, this.analysis.server, this.states.server);
    for (const end of [this.client, this.server]) {
      end.summary.state = STATE_NAMES[end.wire.state];
      end.summary.path.push(end.summary.state);
    }
  }

  end(name: End): FlowEnd {
    return name === 'client' ? this.client : this.server;
  }

  /** The end that sends from this address and port. */
  senderOf(ip: number, port: number): FlowEnd {
    return ip === this.roles.clientIp && port === this.roles.clientPort ? this.client : this.server;
  }

  other(end: FlowEnd): FlowEnd {
    return end === this.client ? this.server : this.client;
  }

  /** The traced stack's end, once the stack has shown that it has a connection: it tells its states itself then. */
  isLocal(end: FlowEnd): boolean {
    return this.knownToStack && this.roles.local === end.name;
  }

  /** A SYN's sequence number and options. A SYN,ACK without window scale says that there is none (RFC 7323 §2.2). */
  takeSyn(sender: FlowEnd, view: SegmentView): void {
    sender.setBase(view.seq);
    sender.direction.scale = view.scale;
    this.resp?.startAt(sender === this.client, add(view.seq, 1));
    if ((view.flags & ACK) === 0) return;
    const receiver = this.other(sender);
    if (sender.direction.scale === SCALE_UNKNOWN || receiver.direction.scale === SCALE_UNKNOWN) {
      sender.direction.scale = 0;
      receiver.direction.scale = 0;
    }
  }

  /** The window as bytes, or as it stands in the header when the scale is not known. */
  windowBytes(sender: FlowEnd, view: SegmentView): number {
    const scale = sender.direction.scale;
    return (view.flags & SYN) !== 0 || scale <= 0 ? view.window : view.window << scale;
  }

  /**
   * The round trip that this segment's ACK ends, and the sender's own bytes under way from now on. From inside a stack only its own
   * end's: from a segment that arrives to the answer is no trip.
   */
  timeSegment(sender: FlowEnd, receiver: FlowEnd, view: SegmentView, before: number, known: boolean): number | null {
    const control = (view.flags & (SYN | FIN)) !== 0 ? 1 : 0;
    const end = add(view.seq, view.lengthBytes + control);
    if (view.lengthBytes + control > 0) {
      if (!known || greaterThan(end, before)) sender.roundTrips.sent(view.seq, end, view.tUs);
      else sender.roundTrips.sentAgain(view.seq, end);
    }
    if ((view.flags & ACK) === 0 || this.roles.local === sender.name) return null;
    const rttUs = receiver.roundTrips.acknowledged(view.ack, view.tUs);
    if (rttUs !== null) receiver.summary.rttUs.add(rttUs);
    return rttUs;
  }

  /** What `sender` has sent and the other end has not acknowledged, as far as the wire shows. */
  inFlightBytes(sender: FlowEnd): number {
    const { direction } = sender;
    const back = this.other(sender).direction;
    if (!direction.seen || !back.ackSeen) return 0;
    return Math.max(0, distance(direction.nextSeq, back.lastAck));
  }
}
