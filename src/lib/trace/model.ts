/**
 * What a trace is made of, whatever its source: a stream of events, and for each connection a summary that grows with them.
 *
 *   capture, interface ─▶ segment ─┐                         ┌─▶ log, NDJSON, table
 *                                  ├─▶ Follower ─▶ events ─▶ ┼─▶ pcapng with comments
 *   observer of a stack ─▶ record ─┘                         └─▶ HTML page
 *
 * A connection has two ends, named by their roles: the client sent the first SYN (or, when that was not seen, has the
 * higher port). Sequence numbers are relative to each end's first, as Wireshark shows them: its SYN is 0, its first byte 1.
 * Times are microseconds since 1970, with a fraction. Events that come from inside a stack carry `own`: what its
 * connection held when the event happened, which no capture can tell.
 */

export type End = 'client' | 'server';

/** What Wireshark's sequence analysis says of a segment; see sequence-analysis.ts for what each one means. */
export type Label =
  | 'retransmission'
  | 'fast-retransmission'
  | 'spurious-retransmission'
  | 'out-of-order'
  | 'duplicate-ack'
  | 'lost-segment'
  | 'ack-lost-segment'
  | 'zero-window'
  | 'zero-window-probe'
  | 'zero-window-probe-ack'
  | 'window-full'
  | 'window-update'
  | 'keep-alive'
  | 'keep-alive-ack'
  | 'reused-ports';

/** The variables of the connection inside the traced stack. */
export interface OwnState {
  /** As tcp/state.ts names it. */
  readonly state: string;
  readonly cwndBytes: number;
  readonly ssthreshBytes: number;
  readonly rtoUs: number;
  /** 0: no sample yet. */
  readonly srttUs: number;
  /** Sent and not acknowledged. */
  readonly inFlightBytes: number;
  /** What the peer offers. */
  readonly sendWindowBytes: number;
  /** What we offered and the peer has not used. */
  readonly receiveWindowBytes: number;
}

interface AnyEvent {
  readonly tUs: number;
  /** The connection's id, from 1 in the order of appearance; 0: it belongs to none. */
  readonly connection: number;
  /** The segment that it is about, numbered from 1 in the order of the source (in a capture: Wireshark's number); 0: none. */
  readonly frame: number;
}

/** A connection was seen for the first time. Its ends are in its summary. */
export interface OpenedEvent extends AnyEvent {
  readonly kind: 'opened';
  readonly client: string;
  readonly server: string;
  /** The end that is the traced stack's; null in captures. */
  readonly local: End | null;
  /** The handshake is in the trace; false: it was open before. */
  readonly fromStart: boolean;
}

export interface SegmentEvent extends AnyEvent {
  readonly kind: 'segment';
  readonly from: End;
  /** `SYN ACK`, `PSH ACK`, … in the order of the RFC's picture. */
  readonly flags: string;
  readonly seq: number;
  /** 0 without ACK. */
  readonly ack: number;
  /** Payload bytes on the wire. */
  readonly lengthBytes: number;
  /** Scaled when the scale is known. */
  readonly windowBytes: number;
  /** Relative blocks, as they stand in the option; null: no option. */
  readonly sack: readonly (readonly [left: number, right: number])[] | null;
  /** Options of a SYN, such as `mss 1460`, `wscale 7`, `sackOK`; empty elsewhere. */
  readonly options: readonly string[];
  readonly tsVal: number | null;
  readonly tsEcr: number | null;
  readonly labels: readonly Label[];
  /** With the label duplicate-ack: its number, and the frame that it repeats. */
  readonly duplicateNumber: number;
  readonly duplicateOf: number;
  /** The round trip that this acknowledgment measured (of segments sent once), or null. */
  readonly rttUs: number | null;
  /** What the sender has sent and not seen acknowledged, this segment included, as far as the wire shows. */
  readonly inFlightBytes: number;
  /** Redis commands, or replies (`→ $64`), that begin or go on in its bytes; bytes sent again carry the same ones. */
  readonly commands: readonly string[];
  readonly own: OwnState | null;
}

/** An end changed its state: inferred from the wire, or told by the stack (`own` is not null then). */
export interface StateEvent extends AnyEvent {
  readonly kind: 'state';
  readonly end: End;
  readonly from: string;
  readonly to: string;
  readonly cause: string;
  readonly own: OwnState | null;
}

/** The stack sent something again. `frame` is the segment that carried it. */
export interface RetransmitEvent extends AnyEvent {
  readonly kind: 'retransmit';
  readonly seq: number;
  readonly lengthBytes: number;
  /** A RetransmitReason of tcp/events.ts. */
  readonly reason: string;
  /** The reason in words and its RFC: rules.ts. */
  readonly rule: string;
  readonly own: OwnState | null;
}

/** The stack did not use a segment that arrived. */
export interface DropEvent extends AnyEvent {
  readonly kind: 'drop';
  /** The name of the counter. */
  readonly reason: string;
  /** The check that it failed and the RFC that wants it: rules.ts. */
  readonly rule: string;
  readonly own: OwnState | null;
}

/** The stack had something to send and kept it. Reported when the reason changes, not at every turn. */
export interface NotSentEvent extends AnyEvent {
  readonly kind: 'not-sent';
  /** A NotSentReason of tcp/events.ts. */
  readonly reason: string;
  readonly rule: string;
  readonly unsentBytes: number;
  readonly own: OwnState | null;
}

export interface CongestionEvent extends AnyEvent {
  readonly kind: 'congestion';
  /** A CongestionEvent of tcp/events.ts. */
  readonly event: string;
  readonly rule: string;
  readonly own: OwnState | null;
}

/** What an earlier frame carried, known now that the bytes before it came. */
export interface CommandEvent extends AnyEvent {
  readonly kind: 'command';
  readonly from: End;
  readonly commands: readonly string[];
}

/** Nothing more is to come: both ends are done, or one was reset. */
export interface ClosedEvent extends AnyEvent {
  readonly kind: 'closed';
  readonly cause: string;
}

/** Events that the tracer could not keep up with (`connection` is 0). */
export interface LostEvent extends AnyEvent {
  readonly kind: 'lost';
  readonly count: number;
}

export type TraceEvent =
  | OpenedEvent
  | SegmentEvent
  | StateEvent
  | RetransmitEvent
  | DropEvent
  | NotSentEvent
  | CongestionEvent
  | CommandEvent
  | ClosedEvent
  | LostEvent;

export type EventKind = TraceEvent['kind'];

export const EVENT_KINDS: readonly EventKind[] = [
  'opened',
  'segment',
  'state',
  'retransmit',
  'drop',
  'not-sent',
  'congestion',
  'command',
  'closed',
  'lost',
];

/** Minimum, mean and maximum without the samples. */
export class Spread {
  count = 0;
  min = 0;
  max = 0;
  sum = 0;

  add(value: number): void {
    if (this.count === 0 || value < this.min) this.min = value;
    if (value > this.max) this.max = value;
    this.sum += value;
    this.count++;
  }

  get mean(): number {
    return this.count === 0 ? 0 : this.sum / this.count;
  }
}

/** What one end did. */
export class EndSummary {
  /** Dotted. */
  readonly address: string;
  readonly port: number;
  state = 'CLOSED';
  /** Since when, for stateUs. */
  stateSinceUs: number;
  /** Microseconds in each state that was left; the current one up to the connection's last event. */
  readonly stateUs = new Map<string, number>();
  /** The states in the order in which they were taken. */
  readonly path: string[] = [];
  segments = 0;
  /** Payload bytes sent, those that were sent again included. */
  bytes = 0;
  /** Payload bytes that the other end acknowledged: what goodput is made of. */
  ackedBytes = 0;
  /** Segments sent again, by reason: the stack's where it told, else the label. */
  readonly retransmits = new Map<string, number>();
  /** Segments of each label. */
  readonly labels = new Map<Label, number>();
  /** Round trips of what this end sent. */
  readonly rttUs = new Spread();
  /** Segments to this end that its stack did not use, by reason. */
  readonly drops = new Map<string, number>();
  /** Redis commands of a client, replies of a server. */
  commands = 0;

  constructor(address: string, port: number, tUs: number) {
    this.address = address;
    this.port = port;
    this.stateSinceUs = tUs;
  }
}

export class ConnectionSummary {
  readonly id: number;
  readonly client: EndSummary;
  readonly server: EndSummary;
  /** The end that is the traced stack's; null in captures. */
  readonly local: End | null;
  readonly fromStart: boolean;
  readonly firstUs: number;
  lastUs: number;
  /** Why it is over; empty: it was open at the end of the trace. */
  closed = '';

  constructor(
    id: number,
    client: EndSummary,
    server: EndSummary,
    local: End | null,
    fromStart: boolean,
    firstUs: number,
  ) {
    this.id = id;
    this.client = client;
    this.server = server;
    this.local = local;
    this.fromStart = fromStart;
    this.firstUs = firstUs;
    this.lastUs = firstUs;
  }

  end(name: End): EndSummary {
    return name === 'client' ? this.client : this.server;
  }
}

/** Counts of connections whose summaries were folded into one because there were too many. */
export interface FoldedSummaries {
  connections: number;
  segments: number;
  bytes: number;
  retransmits: number;
}

/** A frame as it was captured, or as much of it as a stack's tracer kept. */
export interface TracedFrame {
  readonly number: number;
  readonly tUs: number;
  /** From the Ethernet header (link type 1), or what `linkType` says. */
  readonly bytes: Uint8Array;
  readonly linkType: number;
  /** Bytes on the wire. */
  readonly originalLength: number;
  readonly direction: 'in' | 'out' | 'unknown';
}

export interface TraceTotals {
  /** Frames of the source, those that are not TCP over IPv4 included. */
  frames: number;
  /** Frames that were not followed, by reason: `not IPv4`, `fragment`, … */
  readonly ignored: Map<string, number>;
  /** Events that the tracer could not keep up with. */
  lostEvents: number;
  readonly folded: FoldedSummaries;
}

/** Takes what the follower finds. Objects may be kept; the frame's bytes are valid during the call only. */
export interface TraceSink {
  /** Called before the events of that frame. */
  frame?(frame: TracedFrame): void;
  /** `connection` is null for events of none. */
  event(event: TraceEvent, connection: ConnectionSummary | null): void;
  /** The trace is over: once, with every connection that is still known, by id. May throw what node:fs throws. */
  end(connections: readonly ConnectionSummary[], totals: TraceTotals): void;
}

export function otherEnd(end: End): End {
  return end === 'client' ? 'server' : 'client';
}

/** Payload bytes acknowledged in each second of the connection's life, of what `end` sent. */
export function goodputBytesPerSecond(connection: ConnectionSummary, end: End): number {
  const us = connection.lastUs - connection.firstUs;
  return us <= 0 ? 0 : (connection.end(end).ackedBytes * 1e6) / us;
}
