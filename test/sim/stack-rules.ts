/**
 * What must hold inside a stack after each of its turns: the states' diagram, the order of the sequence numbers, windows that
 * let a connection live, a timer for whatever waits for an answer, and memory within its bounds.
 */
import type { Connection } from '../../src/lib/tcp/connection.ts';
import type { CongestionEvent, NotSentReason, RetransmitReason, TcpObserver } from '../../src/lib/tcp/events.ts';
import { distance } from '../../src/lib/tcp/sequence.ts';
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  LISTEN,
  STATE_NAMES,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from '../../src/lib/tcp/state.ts';
import { TIMER_DELAYED_ACK, TIMER_FIN_WAIT, TIMER_KEEP_ALIVE } from '../../src/lib/tcp/timers.ts';
import type { Host } from './host.ts';
import { Violation } from './violation.ts';

/** RFC 9293 figure 5, and from everywhere to CLOSED: a reset, an ABORT or a timeout. */
const LEGAL: Record<number, readonly number[]> = {
  [CLOSED]: [SYN_SENT],
  [LISTEN]: [SYN_RECEIVED],
  [SYN_SENT]: [SYN_RECEIVED, ESTABLISHED],
  [SYN_RECEIVED]: [ESTABLISHED, FIN_WAIT_1],
  [ESTABLISHED]: [FIN_WAIT_1, CLOSE_WAIT],
  [FIN_WAIT_1]: [FIN_WAIT_2, CLOSING, TIME_WAIT],
  [FIN_WAIT_2]: [TIME_WAIT],
  [CLOSE_WAIT]: [LAST_ACK],
  [CLOSING]: [TIME_WAIT],
  [LAST_ACK]: [],
  [TIME_WAIT]: [],
};
/** Timers that wait for nothing that the peer owes to data. */
const NOT_FOR_DATA = TIMER_DELAYED_ACK | TIMER_FIN_WAIT | TIMER_KEEP_ALIVE;

export class StackRules implements TcpObserver {
  transitions = 0;
  private readonly host: Host;
  private readonly ideal: boolean;
  private readonly log: (text: string) => void;
  /** Connections that something happened to in this turn; mostly one. */
  private readonly touched: Connection[] = [];

  /** `ideal`: nothing can get lost here, so nothing may be sent twice. */
  constructor(host: Host, ideal: boolean, log: (text: string) => void) {
    this.host = host;
    this.ideal = ideal;
    this.log = log;
  }

  /** The turn is over. */
  check(): void {
    for (const c of this.touched) if (c.state !== CLOSED && c.state !== TIME_WAIT) expectSound(c);
    this.touched.length = 0;
    const { tcp, link } = this.host;
    const { config } = tcp;
    const { data, control, memory } = link;
    const bounded =
      tcp.connectionCount <= config.maxConnections &&
      tcp.timeWait.size <= config.maxTimeWait &&
      data.available >= 0 &&
      data.available <= data.count &&
      control.available >= 0 &&
      control.available <= control.count &&
      memory.extents.usedBytes >= 0;
    if (!bounded) throw new Violation('bounds', `host ${this.host.index}`);
  }

  // ---- TcpObserver

  stateChanged(c: Connection, from: number, to: number, cause: string): void {
    this.transitions++;
    this.touch(c);
    this.log(`host ${this.host.index} ${name(c)} ${STATE_NAMES[from]} → ${STATE_NAMES[to]}: ${cause}`);
    if (to === CLOSED || LEGAL[from].includes(to)) return;
    throw new Violation('not in the diagram', `${STATE_NAMES[from]} → ${STATE_NAMES[to]} (${cause})`);
  }

  segmentIn(c: Connection | null): void {
    if (c !== null) this.touch(c);
  }

  segmentOut(c: Connection | null): void {
    if (c !== null) this.touch(c);
  }

  dropped(c: Connection | null, reason: string): void {
    this.log(`host ${this.host.index} ${c === null ? '' : name(c)} dropped: ${reason}`);
  }

  retransmitted(c: Connection, sequence: number, length: number, reason: RetransmitReason): void {
    this.log(`host ${this.host.index} ${name(c)} again: ${distance(sequence, c.iss)}+${length}, ${reason}`);
    // RFC 5681 §4.2: for less than two segments (of the receiver's size, which may be larger) the acknowledgment may be delayed,
    // longer than a tail loss probe waits.
    const early = reason === 'tail-probe' && c.flightBytes <= 2 * c.mss;
    if (this.ideal && !early)
      fail(c, 'sent twice, though nothing gets lost', `${distance(sequence, c.iss)}+${length}, ${reason}`);
  }

  congestionChanged(c: Connection, event: CongestionEvent): void {
    this.touch(c);
    this.log(`host ${this.host.index} ${name(c)} ${event}: cwnd ${c.cwnd}, ssthresh ${c.ssthresh}`);
  }

  timeWaitEnded(_localIp: number, localPort: number, _remoteIp: number, remotePort: number, cause: string): void {
    this.log(`host ${this.host.index} ${localPort}-${remotePort} TIME-WAIT is over: ${cause}`);
  }

  notSent(_c: Connection, _reason: NotSentReason, _unsentBytes: number): void {}

  private touch(c: Connection): void {
    if (!this.touched.includes(c)) this.touched.push(c);
  }
}

function name(c: Connection): string {
  return `${c.localPort}-${c.remotePort}`;
}

function expectSound(c: Connection): void {
  const flight = distance(c.sndNxt, c.sndUna);
  const windowBytes = distance(c.rcvAdv, c.rcvNxt);
  const { queue, stack } = c;
  if (flight < 0) fail(c, 'SND.UNA after SND.NXT', `by ${-flight}`);
  if (c.state < ESTABLISHED) return;
  if (windowBytes < 0) fail(c, 'RCV.NXT beyond the window', `by ${-windowBytes}`);
  if (windowBytes > Math.max(stack.config.maxReceiveWindowBytes, stack.config.receiveWindowBytes)) {
    fail(c, 'window beyond its limit', `${windowBytes}`);
  }
  const sentBytes = queue.bytes - queue.unsentBytes;
  const inFlight = flight - (c.finSent && flight > 0 ? 1 : 0);
  if (sentBytes !== inFlight) fail(c, 'the queue is not what is in flight', `${sentBytes} and ${inFlight}`);
  if (c.cwnd < Math.min(c.mss, 536)) fail(c, 'cwnd below a segment', `${c.cwnd} of ${c.mss}`);
  if (c.ssthresh <= 0) fail(c, 'ssthresh', `${c.ssthresh}`);
  if (flight > 0 && (c.armed & ~NOT_FOR_DATA) === 0) fail(c, 'no timer for what is in flight', `${flight} bytes`);
}

function fail(c: Connection, rule: string, details: string): never {
  throw new Violation(rule, `${c.localAddress()} → ${c.remoteAddress()} ${STATE_NAMES[c.state]}: ${details}`);
}
