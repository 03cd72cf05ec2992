/**
 * The connections that there are, with the names that FreeBSD's sockstat has for their states.
 */
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { CLOSED, LISTEN, SYN_RECEIVED, TIME_WAIT } from '../../src/lib/tcp/state.ts';
import type { Kernel } from './kernel.ts';
import type { SocketState } from './shell.ts';

/** By state. */
const NAMES: readonly string[] = [
  'CLOSED',
  'LISTEN',
  'SYN_SENT',
  'SYN_RCVD',
  'ESTABLISHED',
  'FIN_WAIT_1',
  'FIN_WAIT_2',
  'CLOSE_WAIT',
  'CLOSING',
  'LAST_ACK',
  'TIME_WAIT',
];

export function socketStates(kernel: Kernel): SocketState[] {
  const states: SocketState[] = [];
  const owned = new Set<Connection>();
  for (const socket of kernel.sockets()) {
    const c = socket.connection;
    if (c !== null) owned.add(c);
    const state = socket.listener === null ? socket.state : LISTEN;
    const inTimeWait = state === TIME_WAIT && !isInTimeWait(kernel, socket.localPort, socket.remotePort);
    states.push({ state: NAMES[inTimeWait ? CLOSED : state], localPort: socket.localPort });
  }
  for (const c of kernel.stack.connections) {
    if (c === null || owned.has(c)) continue;
    states.push({ state: NAMES[c.state === CLOSED ? SYN_RECEIVED : c.state], localPort: c.localPort });
  }
  return states;
}

/** A socket's record of TIME-WAIT may be gone: it expired, or a new connection took its place. */
function isInTimeWait(kernel: Kernel, localPort: number, remotePort: number): boolean {
  const ports = (remotePort << 16) | localPort;
  return kernel.stack.flows.find(kernel.world.ends.remoteIp, ports) < 0;
}

/** `tcpdrop -s STATE`: connections in TIME-WAIT are forgotten, others reset. */
export function dropTimeWait(kernel: Kernel, state: string): void {
  if (state === 'TIME_WAIT' || state === '') kernel.stack.timeWait.clear();
  for (const c of kernel.stack.connections) if (c !== null && (state === '' || NAMES[c.state] === state)) c.abort();
}
