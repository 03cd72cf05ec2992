/** Which end of a connection is the client, and the key under which both of its directions are found. */
import { ACK, SYN } from '../wire/tcp.ts';
import type { End } from './model.ts';
import type { SegmentView } from './segment-view.ts';

/** Its connections are read as Redis traffic, and it is a server's. */
export const REDIS_PORT = 6379;

/** How a new connection's ends are told apart, and which of them is the traced stack's. */
export interface Roles {
  readonly clientIp: number;
  readonly clientPort: number;
  readonly serverIp: number;
  readonly serverPort: number;
  readonly local: End | null;
  /** The handshake is in the trace. */
  readonly fromStart: boolean;
}

/** The same for both directions. */
export function keyOf(ipA: number, portA: number, ipB: number, portB: number): string {
  return ipA < ipB || (ipA === ipB && portA < portB)
    ? `${ipA}:${portA} ${ipB}:${portB}`
    : `${ipB}:${portB} ${ipA}:${portA}`;
}

/** Who is the client: the sender of a SYN, the receiver of a SYN,ACK; else the end whose port is not a service's. */
export function rolesOf(view: SegmentView, fromStack: boolean): Roles {
  const { sourceIp, sourcePort, destinationIp, destinationPort, flags } = view;
  const syn = (flags & SYN) !== 0;
  const sourceIsClient = syn ? (flags & ACK) === 0 : destinationPort === REDIS_PORT || sourcePort > destinationPort;
  const localIsSource = view.direction === 'out';
  const local: End | null = fromStack ? (localIsSource === sourceIsClient ? 'client' : 'server') : null;
  const fromStart = syn && (flags & ACK) === 0;
  return sourceIsClient
    ? {
        clientIp: sourceIp,
        clientPort: sourcePort,
        serverIp: destinationIp,
        serverPort: destinationPort,
        local,
        fromStart,
      }
    : {
        clientIp: destinationIp,
        clientPort: destinationPort,
        serverIp: sourceIp,
        serverPort: sourcePort,
        local,
        fromStart,
      };
}
