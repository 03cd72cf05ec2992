/**
 * What an owner may choose for one connection: before it opens (`TcpStack.connect`, `TcpStack.listen` for all that it accepts),
 * and most of it while it is open, by the fields and methods of `Connection`. What is left out is as the stack's config says.
 */
import type { CongestionControl } from './congestion/congestion.ts';
import type { Connection } from './connection.ts';

export interface ConnectionSettings {
  /** RFC 9293 §3.7.4. */
  readonly nagle?: boolean;
  /** The largest segment that we send, and that our SYN asks for (as TCP_MAXSEG); bytes of payload and options. */
  readonly maxSeg?: number;
  /** False: a SYN without any option (as TCP_NOOPT). */
  readonly offersOptions?: boolean;
  /** RFC 9293 §3.8.4: silence before the first probe, time between probes, and how many of them; see TcpConfig. */
  readonly keepAliveMs?: number;
  readonly keepAliveIntervalMs?: number;
  readonly keepAliveProbes?: number;
  /** RFC 5482; 0: none. */
  readonly userTimeoutMs?: number;
  /** How long to try to open, whatever the number of SYNs; 0: as long as they last. */
  readonly openTimeoutMs?: number;
  /** See Connection.lingerMs. */
  readonly lingerMs?: number;
  readonly tos?: number;
  readonly ttl?: number;
  readonly congestion?: CongestionControl;
}

/** Takes over what is set; called before the connection's SYN goes out. */
export function applySettings(c: Connection, settings: ConnectionSettings): void {
  c.nagle = settings.nagle ?? c.nagle;
  c.maxSeg = settings.maxSeg ?? c.maxSeg;
  c.offersOptions = settings.offersOptions ?? c.offersOptions;
  c.keepAliveMs = settings.keepAliveMs ?? c.keepAliveMs;
  c.keepAliveIntervalMs = settings.keepAliveIntervalMs ?? c.keepAliveIntervalMs;
  c.keepAliveLimit = settings.keepAliveProbes ?? c.keepAliveLimit;
  c.userTimeoutMs = settings.userTimeoutMs ?? c.userTimeoutMs;
  c.openTimeoutMs = settings.openTimeoutMs ?? c.openTimeoutMs;
  c.lingerMs = settings.lingerMs ?? c.lingerMs;
  c.tos = settings.tos ?? c.tos;
  c.ttl = settings.ttl ?? c.ttl;
  c.congestion = settings.congestion ?? c.congestion;
}
