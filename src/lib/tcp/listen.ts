/**
 * Passive open (RFC 9293 §3.10.7.2): a SYN to a port that is listened on becomes a connection in SYN-RECEIVED, bounded by the
 * listener's backlog. A SYN beyond it is dropped and counted; its sender tries again.
 */
import type { StreamHandler } from '../link/stream.ts';
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
import { setState } from './close.ts';
import { acceptSyn, chooseInitialSequence, startSending, transmitSyn } from './handshake.ts';
import { parseOptions } from './options.ts';
import { add, atMost } from './sequence.ts';
import type { TcpStack } from './stack.ts';
import { SYN_RECEIVED } from './state.ts';

export interface ListenOptions {
  /** Connections in SYN-RECEIVED at most; 511 as Redis's tcp-backlog. */
  readonly backlog?: number;
}

const DEFAULT_BACKLOG = 511;

export class Listener {
  readonly port: number;
  readonly handler: StreamHandler;
  readonly backlog: number;
  /** Connections in SYN-RECEIVED now. */
  halfOpen = 0;

  constructor(port: number, handler: StreamHandler, options: ListenOptions) {
    this.port = port;
    this.handler = handler;
    this.backlog = options.backlog ?? DEFAULT_BACKLOG;
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
    return;
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
