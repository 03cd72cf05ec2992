/**
 * ICMP errors about segments that we sent. Anybody can send one, so they count only if they quote a sequence number that is in
 * flight (RFC 5927 §4.1), and the hard ones end a connection only while it opens (RFC 5461 §4.1, RFC 5927 §5.2).
 */
import { CLOSE_REFUSED } from '../link/stream.ts';
import { ICMP_UNREACHABLE } from '../wire/icmp.ts';
import { IPV4_DESTINATION, IPV4_SOURCE, IPV4_TOTAL_LENGTH } from '../wire/ipv4.ts';
import { tcpDestinationPort, tcpSequence, tcpSourcePort } from '../wire/tcp.ts';
import { closeConnection } from './close.ts';
import { updateMss } from './handshake.ts';
import { resendAll } from './recovery.ts';
import { atLeast, lessThan } from './sequence.ts';
import type { TcpStack } from './stack.ts';
import { ESTABLISHED, SYN_SENT } from './state.ts';

const CODE_PROTOCOL_UNREACHABLE = 2;
const CODE_PORT_UNREACHABLE = 3;
const CODE_FRAGMENTATION_NEEDED = 4;
/** RFC 791: every link carries this much. */
const MIN_MTU = 68;
/** RFC 1191 §7.1: the sizes of links that there are, for routers that do not say. */
const PLATEAUS = [32_000, 17_914, 8_166, 4_352, 2_002, 1_492, 1_006, 508, 296, MIN_MTU];

export function icmpErrorArrives(
  stack: TcpStack,
  type: number,
  code: number,
  nextHopMtu: number,
  quotedIp: number,
  quotedTcp: number,
): void {
  const memory = stack.memory;
  const remoteIp = memory.dv.getInt32(quotedIp + IPV4_DESTINATION, false);
  const localIp = memory.dv.getInt32(quotedIp + IPV4_SOURCE, false);
  const ports = (tcpDestinationPort(memory, quotedTcp) << 16) | tcpSourcePort(memory, quotedTcp);
  const value = stack.flows.find(remoteIp, ports);
  const c = value > 0 ? stack.connections[value] : null;
  const sequence = tcpSequence(memory, quotedTcp);
  const inFlight = c !== null && c.localIp === localIp && atLeast(sequence, c.sndUna) && lessThan(sequence, c.sndNxt);
  if (c === null || !inFlight || type !== ICMP_UNREACHABLE) {
    stack.counters.icmpIgnored++;
    return;
  }
  if (code === CODE_FRAGMENTATION_NEEDED) {
    const quotedBytes = memory.dv.getUint16(quotedIp + IPV4_TOTAL_LENGTH, false);
    const before = c.mss;
    const mtu = nextHopMtu >= MIN_MTU ? nextHopMtu : plateauBelow(quotedBytes);
    const known = c.pathMtu !== 0 ? c.pathMtu : stack.link.mtu;
    if (mtu >= known) {
      stack.counters.icmpIgnored++;
      return;
    }
    c.pathMtu = mtu;
    stack.counters.pathMtuLowered++;
    updateMss(c);
    // RFC 1191 §6.5: resent at once, and not as a sign of congestion.
    if (c.state >= ESTABLISHED && c.mss < before) resendAll(c, 'path-mtu');
    return;
  }
  const hard = code === CODE_PROTOCOL_UNREACHABLE || code === CODE_PORT_UNREACHABLE;
  if (!hard || c.state !== SYN_SENT) {
    stack.counters.icmpIgnored++;
    return;
  }
  stack.counters.refused++;
  closeConnection(c, CLOSE_REFUSED, 'ICMP unreachable');
}

/** The largest usual size that is smaller than the datagram that did not fit. */
function plateauBelow(bytes: number): number {
  for (const plateau of PLATEAUS) if (plateau < bytes) return plateau;
  return MIN_MTU;
}
