/**
 * Active open (RFC 9293 §3.10.1) and the SYN-SENT state (§3.10.7.3), simultaneous open included.
 */
import { CLOSE_REFUSED, type StreamHandler } from '../../link/stream.ts';
import type { IpAddress } from '../../wire/address.ts';
import {
  ACK,
  FIN,
  RST,
  SYN,
  TCP_HEADER_BYTES,
  tcpAcknowledgment,
  tcpFlags,
  tcpHeaderBytes,
  tcpSequence,
  tcpWindow,
} from '../../wire/tcp.ts';
import { answerWithReset } from '../bare.ts';
import { closeConnection, setState } from '../close.ts';
import type { Connection } from '../connection.ts';
import { holdText } from '../deliver.ts';
import { ecnSynAckArrives, ecnSynArrives } from '../ecn.ts';
import { parseOptions } from '../options.ts';
import { atMost, greaterThan } from '../sequence.ts';
import { applySettings, type ConnectionSettings } from '../settings.ts';
import type { TcpStack } from '../stack.ts';
import { CLOSED, SYN_RECEIVED, SYN_SENT } from '../state.ts';
import { acceptSyn, chooseInitialSequence, establish, startOpenTimeout, transmitSyn } from './handshake.ts';

/** RFC 6335 §6: the dynamic ports. */
const FIRST_EPHEMERAL = 49_152;
const EPHEMERAL_PORTS = 16_384;

/** Opens a connection; null when there is no route, no free port, or no room in the table. */
export function openConnection(
  stack: TcpStack,
  remoteIp: IpAddress,
  remotePort: number,
  handler: StreamHandler,
  localPort: number,
  settings: ConnectionSettings,
): Connection | null {
  const hop = stack.net.hop(remoteIp);
  if (hop === null) {
    stack.counters.noRoute++;
    return null;
  }
  const port = localPort !== 0 ? localPort : chooseLocalPort(stack, remoteIp, remotePort);
  if (port === 0 || stack.flows.find(remoteIp, (remotePort << 16) | port) !== 0) return null;
  const c = stack.admit(handler, null, stack.net.address, port, remoteIp, remotePort);
  if (c === null) {
    stack.counters.connectionTableFull++;
    return null;
  }
  stack.counters.activeOpens++;
  c.hop = hop;
  c.announced = true;
  applySettings(c, settings);
  chooseInitialSequence(c);
  setState(c, SYN_SENT, 'OPEN called');
  c.timing = true;
  c.timedAtUs = stack.clockUs;
  startOpenTimeout(c);
  transmitSyn(c);
  return c;
}

/** A random free ephemeral port towards this peer (RFC 6056 §3.3.1), or 0. */
function chooseLocalPort(stack: TcpStack, remoteIp: number, remotePort: number): number {
  const start = stack.config.random.below(EPHEMERAL_PORTS);
  for (let i = 0; i < EPHEMERAL_PORTS; i++) {
    const port = FIRST_EPHEMERAL + ((start + i) % EPHEMERAL_PORTS);
    if (stack.listeners.has(port)) continue;
    if (stack.flows.find(remoteIp, (remotePort << 16) | port) === 0) return port;
  }
  return 0;
}

/**
 * A segment in SYN-SENT. True when it established the connection and has more to be looked at (text, FIN: §3.10.7.4 from the
 * sixth step on).
 */
export function synSentArrives(c: Connection, frame: number, ip: number, tcp: number, length: number): boolean {
  const stack = c.stack;
  const memory = stack.memory;
  const flags = tcpFlags(memory, tcp);
  const ack = tcpAcknowledgment(memory, tcp);
  const hasAck = (flags & ACK) !== 0;
  // First: an acknowledgment of anything but our SYN
  if (hasAck && (atMost(ack, c.iss) || greaterThan(ack, c.sndNxt))) {
    stack.drop(c, 'badAck');
    answerWithReset(stack, frame, ip, tcp, length);
    return false;
  }
  // Second: a reset counts only if it acknowledges our SYN (RFC 5961 §3.2)
  if ((flags & RST) !== 0) {
    if (!hasAck) {
      stack.drop(c, 'resetOutsideWindow');
      return false;
    }
    stack.counters.resetsIn++;
    stack.counters.refused++;
    closeConnection(c, CLOSE_REFUSED, 'RST received');
    return false;
  }
  // Fifth: neither SYN nor RST
  if ((flags & SYN) === 0) {
    stack.drop(c, 'noAckFlag');
    return false;
  }
  if ((flags & FIN) !== 0 && stack.config.dropSynFin) {
    stack.drop(c, 'synWithFin');
    return false;
  }
  // Fourth: the peer's SYN
  const window = tcpWindow(memory, tcp);
  parseOptions(memory, tcp + TCP_HEADER_BYTES, tcp + tcpHeaderBytes(memory, tcp), stack.options);
  acceptSyn(c, tcpSequence(memory, tcp), window, stack.options);
  c.sndWl1 = c.irs;
  c.sndWl2 = ack;
  if (!hasAck) {
    c.sndWl2 = c.iss;
    ecnSynArrives(c, flags);
    setState(c, SYN_RECEIVED, 'SYN received'); // simultaneous open
    // "If there are other controls or text in the segment, queue them": the text; a FIN comes again.
    const n = length - tcpHeaderBytes(memory, tcp);
    if (n > 0) holdText(c, tcp + length - n, n);
    transmitSyn(c);
    return false;
  }
  c.sndUna = ack;
  c.ackNow = true;
  ecnSynAckArrives(c, flags);
  establish(c, 'SYN,ACK received');
  return c.state !== CLOSED;
}
