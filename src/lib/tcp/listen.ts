/**
 * Passive open (RFC 9293 §3.10.7.2): a SYN to a port that is listened on becomes a connection in SYN-RECEIVED, bounded by the
 * listener's backlog. A SYN beyond it is dropped and counted; its sender tries again.
 */
import { CLOSE_TIMEOUT, type StreamHandler } from '../link/stream.ts';
import { IPV4_DESTINATION, IPV4_SOURCE } from '../wire/ipv4.ts';
import {
  ACK,
  RST,
  SYN,
  TCP_HEADER_BYTES,
  tcpDestinationPort,
  tcpFlags,
  tcpHeaderBytes,
  tcpSequence,
  tcpSourcePort,
  tcpWindow,
} from '../wire/tcp.ts';
import { answerWithReset } from './bare.ts';
import { closeConnection, setState } from './close.ts';
import type { Connection } from './connection.ts';
import { acceptSyn, chooseInitialSequence, startSending, transmitSyn } from './handshake.ts';
import { parseOptions } from './options.ts';
import { add, atMost, distance } from './sequence.ts';
import type { TcpStack } from './stack.ts';
import { SYN_RECEIVED } from './state.ts';

export interface ListenOptions {
  /** Connections in SYN-RECEIVED at most; 511 as Redis's tcp-backlog. */
  readonly backlog?: number;
}

const DEFAULT_BACKLOG = 511;
/** A half-open connection whose SYN,ACK was not answered for so long gives way to a new SYN: the initial RTO (RFC 6298). */
const PATIENCE_US = 1_000_000;

export class Listener {
  readonly port: number;
  readonly handler: StreamHandler;
  readonly backlog: number;
  /** Connections in SYN-RECEIVED now. */
  halfOpen = 0;
  /** Connections in the order of their SYNs, a ring: those in SYN-RECEIVED, and some that are not any more. */
  private readonly order: (Connection | null)[];
  private readonly enteredUs: Int32Array;
  private first = 0;
  private count = 0;

  constructor(port: number, handler: StreamHandler, options: ListenOptions) {
    this.port = port;
    this.handler = handler;
    this.backlog = options.backlog ?? DEFAULT_BACKLOG;
    const size = 2 * Math.max(1, this.backlog);
    this.order = new Array<Connection | null>(size).fill(null);
    this.enteredUs = new Int32Array(size);
  }

  enter(c: Connection, clockUs: number): void {
    if (this.count === this.order.length) this.shift();
    const i = (this.first + this.count++) % this.order.length;
    this.order[i] = c;
    this.enteredUs[i] = clockUs;
  }

  /** The oldest half-open connection, if it may give way to a new one. */
  overdue(clockUs: number): Connection | null {
    while (this.count > 0) {
      const c = this.order[this.first];
      if (c !== null && c.state === SYN_RECEIVED) {
        return distance(clockUs, this.enteredUs[this.first]) > PATIENCE_US ? c : null;
      }
      this.shift();
    }
    return null;
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
  const memory = stack.memory;
  const flags = tcpFlags(memory, tcp);
  if ((flags & RST) !== 0) {
    stack.drop(null, 'noConnection'); // first: a reset is ignored
    return;
  }
  if ((flags & ACK) !== 0) {
    stack.drop(null, 'noConnection'); // second: any acknowledgment is bad
    answerWithReset(stack, frame, ip, tcp, length);
    return;
  }
  if ((flags & SYN) === 0) {
    stack.drop(null, 'noConnection'); // fourth: not likely to get here
    return;
  }
  if (listener.halfOpen >= listener.backlog) {
    stack.drop(null, 'synBacklogFull');
    const oldest = listener.overdue(stack.clockUs);
    if (oldest === null) return;
    closeConnection(oldest, CLOSE_TIMEOUT, 'half-open too long');
  }
  const remoteIp = memory.dv.getInt32(ip + IPV4_SOURCE, false);
  const localIp = memory.dv.getInt32(ip + IPV4_DESTINATION, false);
  const hop = stack.net.learn(remoteIp, frame);
  if (hop === null) {
    stack.drop(null, 'noRoute');
    return;
  }
  const remotePort = tcpSourcePort(memory, tcp);
  const localPort = tcpDestinationPort(memory, tcp);
  const c = stack.admit(listener.handler, listener, localIp, localPort, remoteIp, remotePort);
  if (c === null) {
    stack.drop(null, 'connectionTableFull');
    return;
  }
  // Third: text or a FIN that comes with the SYN is not acknowledged, so its sender repeats it.
  parseOptions(memory, tcp + TCP_HEADER_BYTES, tcp + tcpHeaderBytes(memory, tcp), stack.options);
  stack.counters.passiveOpens++;
  listener.halfOpen++;
  listener.enter(c, stack.clockUs);
  c.hop = hop;
  chooseInitialSequence(c);
  if (reuse && atMost(c.iss, reuseAfter)) startSending(c, add(reuseAfter, 64_000));
  acceptSyn(c, tcpSequence(memory, tcp), tcpWindow(memory, tcp), stack.options);
  c.sndWl1 = c.irs;
  c.sndWl2 = c.iss;
  setState(c, SYN_RECEIVED, 'SYN received');
  c.timing = true;
  c.timedAtUs = stack.clockUs;
  transmitSyn(c);
}
