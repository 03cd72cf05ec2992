/**
 * Passive open (RFC 9293 §3.10.7.2): a SYN to a port that is listened on becomes a connection in SYN-RECEIVED, bounded by the
 * listener's backlog, and once its handshake is complete it goes to the listener's owner, at once or by way of a queue.
 *
 *            backlog                  acceptBacklog
 *   SYN ─▶ half-open ── last ACK ─┬─▶ accept queue ── accept() ──▶ owner
 *    │                            └────────────── onOpen ────────▶ owner       (without acceptBacklog)
 *    └ full ─▶ SYN cookie ── last ACK ─▶ as above                              (syn-cookies.ts)
 *
 * Until then nothing is remembered of where it came from: the address may be forged, so the answers go to the frame's source.
 */
import { CLOSE_TIMEOUT, type StreamHandler } from '../../link/stream.ts';
import {
  ACK,
  FIN,
  RST,
  SYN,
  TCP_HEADER_BYTES,
  tcpFlags,
  tcpHeaderBytes,
  tcpSequence,
  tcpWindow,
} from '../../wire/tcp.ts';
import { answerWithReset, sourceOf } from '../bare.ts';
import { abortConnection, announceClose, closeConnection, setState } from '../close.ts';
import type { Connection } from '../connection.ts';
import { ecnSynArrives } from '../ecn.ts';
import { segmentArrives } from '../input.ts';
import { parseOptions } from '../options.ts';
import { add, atMost, distance } from '../sequence.ts';
import { applySettings, type ConnectionSettings } from '../settings.ts';
import type { TcpStack } from '../stack.ts';
import { CLOSED, LISTEN, SYN_RECEIVED } from '../state.ts';
import { acceptSyn, chooseInitialSequence, startOpenTimeout, startSending, transmitSyn } from './handshake.ts';
import { openByCookie } from './syn-cookies.ts';

/** With the settings of the connections that it accepts. */
export interface ListenOptions extends ConnectionSettings {
  /** Connections in SYN-RECEIVED at most; 511 as Redis's tcp-backlog. */
  readonly backlog?: number;
  /**
   * Established connections that may wait for the owner to `accept` them. Without it the owner gets each at once, by onOpen.
   * When so many wait, SYNs are dropped, and so is the last ACK of a handshake: the SYN,ACK goes out again, as on Linux.
   */
  readonly acceptBacklog?: number;
}

const DEFAULT_BACKLOG = 511;
/** A half-open connection whose SYN,ACK was not answered for so long gives way to a new SYN: the initial RTO (RFC 6298). */
const PATIENCE_US = 1_000_000;

export class Listener {
  readonly port: number;
  readonly handler: StreamHandler;
  readonly backlog: number;
  /** Of the connections that it accepts from now on. */
  settings: ConnectionSettings;
  /** Connections in SYN-RECEIVED now. */
  halfOpen = 0;
  /** Established connections that wait for `accept`; null when nobody has to. */
  readonly waiting: Connection[] | null;
  private readonly acceptBacklog: number;
  /** Connections in the order of their SYNs, a ring: those in SYN-RECEIVED, and some that are not any more. */
  private readonly order: (Connection | null)[];
  private readonly enteredUs: Int32Array;
  private first = 0;
  private count = 0;

  constructor(port: number, handler: StreamHandler, options: ListenOptions) {
    this.port = port;
    this.handler = handler;
    this.settings = options;
    this.backlog = options.backlog ?? DEFAULT_BACKLOG;
    this.acceptBacklog = options.acceptBacklog ?? 0;
    this.waiting = options.acceptBacklog === undefined ? null : [];
    const size = 2 * Math.max(1, this.backlog);
    this.order = new Array<Connection | null>(size).fill(null);
    this.enteredUs = new Int32Array(size);
  }

  /**
   * The connection that has waited longest, or null. Its handler's onOpen is called in this call, and reading is paused:
   * `resumeRead` hands up what it has sent meanwhile. It may have ended already: onClose follows onOpen then.
   */
  accept(): Connection | null {
    const c = this.waiting?.shift();
    if (c === undefined) return null;
    c.waiting = false;
    c.announced = true;
    c.handler.onOpen(c);
    if (c.state === CLOSED) {
      c.queue.clear(); // what its owner has said to nobody
      announceClose(c, c.closeReason);
    }
    return c;
  }

  /** There is room for one more established connection. */
  get hasRoom(): boolean {
    return this.waiting === null || this.waiting.length < this.acceptBacklog;
  }

  /** A handshake is complete, and the owner will ask for it. */
  enqueue(c: Connection): void {
    c.waiting = true;
    c.pauseRead();
    this.waiting?.push(c);
  }

  /** A SYN was answered. */
  enter(c: Connection, clockUs: number): void {
    if (this.count === this.order.length) this.compact();
    const i = (this.first + this.count++) % this.order.length;
    this.order[i] = c;
    this.enteredUs[i] = clockUs;
  }

  /** The oldest half-open connection, if it may give way to a new one. */
  overdue(clockUs: number): Connection | null {
    const c = this.oldest();
    return c !== null && distance(clockUs, this.enteredUs[this.first]) > PATIENCE_US ? c : null;
  }

  /** Nobody listens any more: who has not been accepted is reset, who is half open is forgotten. */
  close(): void {
    for (const c of this.waiting?.splice(0) ?? []) abortConnection(c);
    for (let c = this.oldest(); c !== null; c = this.oldest()) closeConnection(c, CLOSE_TIMEOUT, 'listener closed');
  }

  private oldest(): Connection | null {
    while (this.count > 0) {
      const c = this.order[this.first];
      if (c !== null && c.state === SYN_RECEIVED) return c;
      this.shift();
    }
    return null;
  }

  /** The ring is full: who is not half open any more leaves it, or, if all are, the oldest. */
  private compact(): void {
    const { order, enteredUs, first, count } = this;
    this.count = 0;
    for (let i = 0; i < count; i++) {
      const from = (first + i) % order.length;
      const c = order[from];
      order[from] = null;
      if (c === null || c.state !== SYN_RECEIVED) continue;
      const to = (first + this.count++) % order.length;
      order[to] = c;
      enteredUs[to] = enteredUs[from];
    }
    if (this.count === order.length) this.shift();
  }

  private shift(): void {
    this.order[this.first] = null;
    this.first = (this.first + 1) % this.order.length;
    this.count--;
  }
}

/**
 * A segment for a listener. `reuse`: it reopens a connection that was in TIME-WAIT, whose sequence numbers ended at
 * `reuseAfter`.
 */
export function listenArrives(
  stack: TcpStack,
  listener: Listener,
  frame: number,
  ip: number,
  tcp: number,
  length: number,
  reuse: boolean,
  reuseAfter: number,
): void {
  const flags = tcpFlags(stack.memory, tcp);
  if ((flags & RST) !== 0) {
    stack.drop(null, 'noConnection'); // first: a reset is ignored
    return;
  }
  if ((flags & ACK) !== 0) {
    ackArrives(stack, listener, frame, ip, tcp, length); // second
    return;
  }
  if ((flags & SYN) === 0) {
    stack.drop(null, 'noConnection'); // fourth: not likely to get here
    return;
  }
  if ((flags & FIN) !== 0 && stack.config.dropSynFin) {
    stack.drop(null, 'synWithFin');
    return;
  }
  if (!listener.hasRoom) {
    stack.drop(null, 'acceptQueueFull');
    return;
  }
  // Third: text or a FIN that comes with the SYN is tolerated but not acknowledged, so its sender repeats it.
  parseOptions(stack.memory, tcp + TCP_HEADER_BYTES, tcp + tcpHeaderBytes(stack.memory, tcp), stack.options);
  const full = listener.halfOpen >= listener.backlog;
  // A SYN that reopens a connection fits what we know of that one: no flood does. So it is neither a cookie's nor in the way.
  if (!reuse) {
    if (stack.cookies.wanted(full)) {
      stack.cookies.answer(frame, ip, tcp);
      return;
    }
    if (full && !makeRoom(stack, listener)) return;
  }
  const c = admitFrom(stack, listener, frame, ip, tcp);
  if (c === null) return;
  listener.enter(c, stack.clockUs);
  chooseInitialSequence(c);
  if (reuse && atMost(c.iss, reuseAfter)) startSending(c, add(reuseAfter, 64_000));
  acceptSyn(c, tcpSequence(stack.memory, tcp), tcpWindow(stack.memory, tcp), stack.options);
  ecnSynArrives(c, flags);
  c.sndWl1 = c.irs;
  c.sndWl2 = c.iss;
  c.state = LISTEN; // its listener's, until now
  setState(c, SYN_RECEIVED, 'SYN received');
  c.timing = true;
  c.timedAtUs = stack.clockUs;
  startOpenTimeout(c);
  transmitSyn(c);
}

/** Any acknowledgment is bad in LISTEN, unless it is of a SYN,ACK that we kept no state of. */
function ackArrives(stack: TcpStack, listener: Listener, frame: number, ip: number, tcp: number, length: number): void {
  const checkable = (tcpFlags(stack.memory, tcp) & SYN) === 0 && stack.cookies.outstanding;
  if (checkable && stack.cookies.check(ip, tcp)) {
    if (!listener.hasRoom) {
      stack.drop(null, 'acceptQueueFull'); // the peer will say it again
      return;
    }
    const c = admitFrom(stack, listener, frame, ip, tcp);
    if (c === null) return;
    openByCookie(c, tcp);
    segmentArrives(c, tcp, length);
    return;
  }
  stack.drop(null, checkable ? 'badCookie' : 'noConnection');
  answerWithReset(stack, frame, ip, tcp, length);
}

/** The backlog is full: the oldest half-open connection goes, if it had its time. */
function makeRoom(stack: TcpStack, listener: Listener): boolean {
  stack.drop(null, 'synBacklogFull');
  const oldest = listener.overdue(stack.clockUs);
  if (oldest === null) return false;
  closeConnection(oldest, CLOSE_TIMEOUT, 'half-open too long');
  return true;
}

/** A connection with the sender of this segment, half open; null when there is no room (counted). */
function admitFrom(stack: TcpStack, listener: Listener, frame: number, ip: number, tcp: number): Connection | null {
  const to = sourceOf(stack, frame, ip, tcp);
  const hop = frame !== 0 ? stack.net.answerHop(to.remoteIp, frame) : to.hop;
  if (hop === null) {
    stack.drop(null, 'noRoute');
    return null;
  }
  const c = stack.admit(listener.handler, listener, to.localIp, to.localPort, to.remoteIp, to.remotePort);
  if (c === null) {
    stack.drop(null, 'connectionTableFull');
    return null;
  }
  applySettings(c, listener.settings);
  stack.counters.passiveOpens++;
  listener.halfOpen++;
  c.hop = hop;
  return c;
}
