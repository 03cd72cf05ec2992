/**
 * The hook for those who want to see: `tcp-trace`, tests. `TcpStack.observer` is null when nobody does, and every place that
 * reports is one null check. Observers read; they must not call into the connection.
 */
import type { IpAddress } from '../wire/address.ts';
import type { Connection } from './connection.ts';

/** Why a segment was sent again. */
export type RetransmitReason =
  | 'timeout'
  | 'fast'
  | 'rack'
  | 'tail-probe'
  | 'partial-ack'
  | 'path-mtu'
  | 'window-reopened'
  | 'probe'
  | 'syn';

/** Why queued bytes stay where they are. */
export type NotSentReason = 'nagle' | 'cork' | 'cwnd' | 'rwnd' | 'pacing' | 'empty' | 'no-buffer' | 'unresolved';

/** What happened to the congestion window and the loss recovery; the connection's fields say the rest. */
export type CongestionEvent =
  | 'recovery-entered'
  | 'recovery-left'
  | 'loss-entered'
  | 'loss-left'
  | 'undone'
  | 'tail-repaired'
  | 'ecn-reduced'
  | 'slow-start-left'
  | 'idle-restart';

export interface TcpObserver {
  /** `from` and `to` are states of tcp/state.ts; `cause` says what made the change, such as `SYN received`. */
  stateChanged(connection: Connection, from: number, to: number, cause: string): void;
  /** A verified segment arrived: `length` bytes from its TCP header. `connection` is null when it belongs to none. */
  segmentIn(connection: Connection | null, tcp: number, length: number): void;
  /** A segment goes out: its header at `tcp` (`headerBytes` long), its payload at `payload`. */
  segmentOut(
    connection: Connection | null,
    tcp: number,
    headerBytes: number,
    payload: number,
    payloadLength: number,
  ): void;
  /** An arrived segment was not used; `reason` is the name of the counter. */
  dropped(connection: Connection | null, reason: string): void;
  retransmitted(connection: Connection, sequence: number, length: number, reason: RetransmitReason): void;
  congestionChanged(connection: Connection, event: CongestionEvent): void;
  /** A TIME-WAIT record is gone: it expired, was reused, or made room. */
  timeWaitEnded(localIp: IpAddress, localPort: number, remoteIp: IpAddress, remotePort: number, cause: string): void;
  notSent(connection: Connection, reason: NotSentReason, unsentBytes: number): void;
}
