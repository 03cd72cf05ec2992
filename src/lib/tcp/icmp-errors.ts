/**
 * ICMP errors about segments that we sent. Anybody can send one, so they count only if they quote a sequence number that is in
 * flight (RFC 5927 §4.1).
 *
 *   fragmentation needed ─────────────────────────▶ path-mtu.ts
 *   hard: protocol, port, prohibited ── opening ──▶ refused (RFC 5461 §4, RFC 1122 §4.2.3.9)
 *        └─ established: treated as soft (RFC 5927 §5.2)
 *   soft: everything else ────────────────────────▶ remembered, in case it times out
 *   source quench ────────────────────────────────▶ ignored (RFC 6633 §3)
 */
import { CLOSE_REFUSED, CLOSE_TIMEOUT } from '../link/stream.ts';
import { ICMP_SOURCE_QUENCH, ICMP_UNREACHABLE, UNREACHABLE_FRAGMENTATION_NEEDED } from '../wire/icmp.ts';
import { IPV4_DESTINATION, IPV4_SOURCE, IPV4_TOTAL_LENGTH } from '../wire/ipv4.ts';
import { tcpDestinationPort, tcpSequence, tcpSourcePort } from '../wire/tcp.ts';
import { closeConnection } from './close.ts';
import type { Connection } from './connection.ts';
import { fragmentationNeeded } from './path-mtu.ts';
import { atLeast, lessThan } from './sequence.ts';
import type { TcpStack } from './stack.ts';
import { ESTABLISHED } from './state.ts';

/** Protocol, port; network, host and communication administratively prohibited: trying on will not help (RFC 1122 §3.2.2.1). */
const HARD_CODES = [2, 3, 9, 10, 13];

export function icmpErrorArrives(
  stack: TcpStack,
  type: number,
  code: number,
  nextHopMtu: number,
  quotedIp: number,
  quotedTcp: number,
): void {
  const c = connectionOf(stack, quotedIp, quotedTcp);
  if (c === null || type === ICMP_SOURCE_QUENCH) {
    stack.counters.icmpIgnored++;
    return;
  }
  if (type === ICMP_UNREACHABLE && code === UNREACHABLE_FRAGMENTATION_NEEDED) {
    const quotedBytes = stack.memory.dv.getUint16(quotedIp + IPV4_TOTAL_LENGTH, false);
    if (!fragmentationNeeded(c, nextHopMtu, quotedBytes)) stack.counters.icmpIgnored++;
    return;
  }
  c.softError = (type << 8) | code;
  const hard = type === ICMP_UNREACHABLE && HARD_CODES.includes(code);
  const { openingErrors } = stack.config;
  if (c.state >= ESTABLISHED || openingErrors === 'none' || (openingErrors === 'hard' && !hard)) {
    stack.counters.softErrors++;
    return;
  }
  if (hard) stack.counters.refused++;
  else stack.counters.timeouts++;
  closeConnection(c, hard ? CLOSE_REFUSED : CLOSE_TIMEOUT, 'ICMP error');
}

/** The connection that sent the quoted segment, if that is still in flight. */
function connectionOf(stack: TcpStack, quotedIp: number, quotedTcp: number): Connection | null {
  const memory = stack.memory;
  const remoteIp = memory.dv.getInt32(quotedIp + IPV4_DESTINATION, false);
  const localIp = memory.dv.getInt32(quotedIp + IPV4_SOURCE, false);
  const ports = (tcpDestinationPort(memory, quotedTcp) << 16) | tcpSourcePort(memory, quotedTcp);
  const value = stack.flows.find(remoteIp, ports);
  const c = value > 0 ? stack.connections[value] : null;
  if (c === null || c.localIp !== localIp) return null;
  const sequence = tcpSequence(memory, quotedTcp);
  return atLeast(sequence, c.sndUna) && lessThan(sequence, c.sndNxt) ? c : null;
}
