/**
 * TCP_INFO of a socket, under the names that scripts have for its fields, in the units of the profile's system: Linux counts
 * windows and flights in segments, FreeBSD in bytes.
 */
import type { Connection } from '../../src/lib/tcp/connection.ts';
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
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from '../../src/lib/tcp/state.ts';
import { tcpInfo } from '../../src/lib/tcp/tcp-info.ts';
import { TIMER_PERSIST } from '../../src/lib/tcp/timers.ts';
import type { ProfileName } from './profile.ts';
import type { TcpSocket } from './tcp-socket.ts';

/** By our state: Linux's numbers, FreeBSD's. */
const STATE_NUMBERS: readonly (readonly [number, number, number])[] = [
  [CLOSED, 7, 0],
  [LISTEN, 10, 1],
  [SYN_SENT, 2, 2],
  [SYN_RECEIVED, 3, 3],
  [ESTABLISHED, 1, 4],
  [FIN_WAIT_1, 4, 6],
  [FIN_WAIT_2, 5, 9],
  [CLOSE_WAIT, 8, 5],
  [CLOSING, 11, 7],
  [LAST_ACK, 9, 8],
  [TIME_WAIT, 6, 10],
];

export type TcpInfoFields = Readonly<Record<string, number>>;

/** Null when the socket never had a connection. */
export function tcpInfoOf(socket: TcpSocket): TcpInfoFields | null {
  const c = socket.connection;
  const { profile } = socket.kernel;
  const state = stateNumber(socket.listener === null ? socket.state : LISTEN, profile);
  if (c === null) return { tcpi_state: state };
  const fields = { ...linuxFields(c), ...(profile === 'freebsd' ? freebsdFields(c) : {}) };
  return { ...fields, tcpi_state: state };
}

function stateNumber(state: number, profile: ProfileName): number {
  const row = STATE_NUMBERS.find(([ours]) => ours === state) ?? STATE_NUMBERS[0];
  return profile === 'linux' ? row[1] : row[2];
}

/** `rcvRttUs` is tcpi_rcv_rtt. */
function linuxFields(c: Connection): Record<string, number> {
  const fields: Record<string, number> = {};
  for (const [name, value] of Object.entries(tcpInfo(c))) {
    const words = name.replace(/(Us|Ms)$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (typeof value === 'number') fields[`tcpi_${words}`] = value;
  }
  fields.tcpi_ca_state = c.caState;
  fields.tcpi_probes = (c.armed & TIMER_PERSIST) === 0 ? 0 : c.retries;
  fields.tcpi_snd_nxt = c.sndNxt >>> 0;
  fields.tcpi_rcv_nxt = c.rcvNxt >>> 0;
  return fields;
}

function freebsdFields(c: Connection): Record<string, number> {
  return {
    tcpi_snd_cwnd: c.cwnd,
    tcpi_snd_ssthresh: c.ssthresh,
    tcpi_snd_rexmitpack: tcpInfo(c).totalRetrans,
    tcpi_rcv_space: distance(c.rcvAdv, c.rcvNxt),
  };
}
