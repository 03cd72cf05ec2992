/**
 * Who is compared: a stock redis-server, rtcp on one of its links, or a server that somebody else runs. Each says how it
 * is started in a lab and where the load reaches it.
 */
import { fileURLToPath } from 'node:url';
import type { Lab } from './lab.ts';
import {
  OWN_ADDRESS,
  PREFIX_LENGTH,
  SERVER_ADDRESS,
  SERVER_INTERFACE,
  TAP_KERNEL_ADDRESS,
  TAP_OWN_ADDRESS,
} from './lab.ts';

export const LINK_KINDS = ['packet', 'xdp', 'tap', 'socket'] as const;
export type LinkKind = (typeof LINK_KINDS)[number];

/** The name of the stock redis-server in tables, and of the baseline when it takes part. */
export const REDIS = 'redis';

const PORT = 6379;
const RTCP = fileURLToPath(new URL('../../../bin/rtcp', import.meta.url));

export interface Contender {
  name: string;
  host: string;
  port: number;
  /** The server's command line; null: it runs already. */
  command: string[] | null;
  /** The load runs beside the server, in its namespace, instead of at the wire's other end. */
  besideServer: boolean;
}

export function redisContender(redisServer: string): Contender {
  const options = ['--port', String(PORT), '--save', '', '--appendonly', 'no', '--protected-mode', 'no'];
  const command = [redisServer, '--bind', SERVER_ADDRESS, ...options];
  return { name: REDIS, host: SERVER_ADDRESS, port: PORT, command, besideServer: false };
}

export function rtcpContender(kind: LinkKind): Contender {
  const serve = [RTCP, 'serve', '--io', kind, '--port', String(PORT)];
  if (kind === 'socket') {
    const command = [...serve, '--bind', SERVER_ADDRESS];
    return { name: kind, host: SERVER_ADDRESS, port: PORT, command, besideServer: false };
  }
  if (kind === 'tap') {
    const addresses = [
      '--iface',
      'rtcp0',
      '--ip',
      `${TAP_OWN_ADDRESS}/${PREFIX_LENGTH}`,
      '--gateway',
      TAP_KERNEL_ADDRESS,
    ];
    return {
      name: kind,
      host: TAP_OWN_ADDRESS,
      port: PORT,
      command: [...serve, ...addresses],
      besideServer: true,
    };
  }
  const addresses = ['--iface', SERVER_INTERFACE, '--ip', `${OWN_ADDRESS}/${PREFIX_LENGTH}`];
  return {
    name: kind,
    host: OWN_ADDRESS,
    port: PORT,
    command: [...serve, ...addresses],
    besideServer: false,
  };
}

export function runningContender(name: string, host: string, port: number): Contender {
  return { name, host, port, command: null, besideServer: false };
}

/** The namespace that the load runs in. */
export function loadNamespace(contender: Contender, lab: Lab | null): string | null {
  if (lab === null) return null;
  return contender.besideServer ? lab.serverNamespace : lab.clientNamespace;
}
