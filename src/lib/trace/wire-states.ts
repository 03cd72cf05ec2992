/**
 * The states of both ends as an onlooker can tell them (RFC 9293 §3.3.2, figure 5): an end has taken a segment when it
 * acknowledges it, so each transition is put where its proof passes by.
 *
 *   SYN ▶            client CLOSED → SYN-SENT
 *       ◀ SYN ACK    server LISTEN → SYN-RECEIVED
 *   ACK ▶            client → ESTABLISHED (SYN,ACK received), server → ESTABLISHED (ACK of SYN)
 *
 * Where a stack tells its own states, only the other end is inferred.
 */
import { atLeast, distance } from '../tcp/sequence.ts';
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  LISTEN,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from '../tcp/state.ts';
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';

/** Takes a transition: states are numbers of tcp/state.ts. */
export type OnTransition = (end: WireEnd, from: number, to: number, cause: string) => void;

/** What the wire showed of one end. */
export class WireEnd {
  state: number;
  synSent = false;
  iss = 0;
  finSent = false;
  /** Sequence number behind the FIN. */
  finEnd = 0;
  /** The last segment's ACK and window, unscaled: a reset must fall into it. */
  ackKnown = false;
  lastAck = 0;

  constructor(state: number) {
    this.state = state;
  }
}

export class WireStates {
  readonly client: WireEnd;
  readonly server: WireEnd;
  private readonly onTransition: OnTransition;

  /** `fromStart`: the first segment is a SYN; else both ends are taken for open. */
  constructor(fromStart: boolean, onTransition: OnTransition) {
    this.client = new WireEnd(fromStart ? CLOSED : ESTABLISHED);
    this.server = new WireEnd(fromStart ? LISTEN : ESTABLISHED);
    this.onTransition = onTransition;
  }

  /** Nothing more can come, but for what TIME-WAIT waits for. */
  get over(): boolean {
    return isOver(this.client.state) && isOver(this.server.state);
  }

  /** A segment from `sender` to `receiver`; `windowBytes` is what the receiver offers, for resets. */
  segment(
    sender: WireEnd,
    receiver: WireEnd,
    seq: number,
    ack: number,
    lengthBytes: number,
    flags: number,
    windowBytes: number,
  ): void {
    if ((flags & RST) !== 0) {
      if (resetIsTaken(receiver, seq, windowBytes)) this.reset(sender, receiver);
      return;
    }
    if ((flags & SYN) !== 0) this.syn(sender, seq, (flags & ACK) !== 0);
    if ((flags & ACK) !== 0) this.acknowledged(sender, receiver, ack);
    if ((flags & FIN) !== 0) this.fin(sender, (seq + lengthBytes + 1) | 0);
  }

  private move(end: WireEnd, to: number, cause: string): void {
    const from = end.state;
    end.state = to;
    this.onTransition(end, from, to, cause);
  }

  private syn(sender: WireEnd, seq: number, withAck: boolean): void {
    sender.synSent = true;
    sender.iss = seq;
    if (withAck) {
      if (sender.state === LISTEN) this.move(sender, SYN_RECEIVED, 'SYN received');
      else if (sender.state === SYN_SENT) this.move(sender, SYN_RECEIVED, 'SYN received'); // simultaneous open
    } else if (sender.state === CLOSED || sender.state === LISTEN) this.move(sender, SYN_SENT, 'SYN sent');
  }

  /** `sender` acknowledges what `receiver` sent: it has taken it, and the receiver will learn it by this segment. */
  private acknowledged(sender: WireEnd, receiver: WireEnd, ack: number): void {
    sender.ackKnown = true;
    sender.lastAck = ack;
    if (receiver.synSent && atLeast(ack, (receiver.iss + 1) | 0)) {
      if (sender.state === SYN_SENT) this.move(sender, ESTABLISHED, 'SYN,ACK received');
      if (receiver.state === SYN_RECEIVED) this.move(receiver, ESTABLISHED, 'ACK of SYN');
    }
    if (receiver.finSent && atLeast(ack, receiver.finEnd)) {
      this.finTaken(sender);
      this.finAcknowledged(receiver);
    }
  }

  private finTaken(end: WireEnd): void {
    if (end.state === ESTABLISHED || end.state === SYN_RECEIVED) this.move(end, CLOSE_WAIT, 'FIN received');
    else if (end.state === FIN_WAIT_1) this.move(end, CLOSING, 'FIN received');
    else if (end.state === FIN_WAIT_2) this.move(end, TIME_WAIT, 'FIN received');
  }

  private finAcknowledged(end: WireEnd): void {
    if (end.state === FIN_WAIT_1) this.move(end, FIN_WAIT_2, 'FIN acknowledged');
    else if (end.state === CLOSING) this.move(end, TIME_WAIT, 'FIN acknowledged');
    else if (end.state === LAST_ACK) this.move(end, CLOSED, 'FIN acknowledged');
  }

  private fin(sender: WireEnd, end: number): void {
    sender.finSent = true;
    sender.finEnd = end;
    if (sender.state === ESTABLISHED || sender.state === SYN_RECEIVED) this.move(sender, FIN_WAIT_1, 'FIN sent');
    else if (sender.state === CLOSE_WAIT) this.move(sender, LAST_ACK, 'FIN sent');
  }

  private reset(sender: WireEnd, receiver: WireEnd): void {
    if (sender.state !== CLOSED) this.move(sender, CLOSED, 'RST sent');
    if (receiver.state !== CLOSED) this.move(receiver, CLOSED, 'RST received');
  }
}

const isOver = (state: number): boolean => state === CLOSED || state === LISTEN || state === TIME_WAIT;

/** RFC 9293 §3.10.7.4: a reset outside the window is not believed. Before the handshake there is no window yet. */
function resetIsTaken(receiver: WireEnd, seq: number, windowBytes: number): boolean {
  if (!receiver.ackKnown) return true;
  const offset = distance(seq, receiver.lastAck);
  return offset >= 0 && offset <= windowBytes;
}
