/**
 * Everything that can be set on a TCP stack, with its default and where the default comes from. Tests that script segments
 * set what they need; `serve` sets Nagle off.
 */
import type { Random } from '../random.ts';
import type { CongestionControl } from './congestion/congestion.ts';
import { reno } from './congestion/reno.ts';

export interface TcpConfig {
  /** For ephemeral ports and jitter; not for what a peer must not guess. */
  readonly random: Random;
  /** Eight secret words (`secretWords(8)`): the keys of sequence numbers, timestamps and the flow table. */
  readonly secret: Int32Array;
  /** Largest window that we offer, and the size of a receive ring. */
  readonly receiveWindowBytes: number;
  readonly maxConnections: number;
  /** Connections in TIME-WAIT; the oldest leaves early when there are more. */
  readonly maxTimeWait: number;
  /** RFC 9293 §3.7.4 (MUST-17: it can be turned off for each connection). */
  readonly nagle: boolean;
  /** RFC 9293 §3.8.6.3: below 500 ms. 40 ms as Linux's minimum. */
  readonly delayedAckMs: number;
  /** RFC 9293 §3.4.2 says 2 minutes; 30 s as Linux and the BSDs, so TIME-WAIT lasts 60 s. */
  readonly mslMs: number;
  /** RFC 6298 §2.1. */
  readonly initialRtoMs: number;
  /** RFC 6298 §2.4 says 1 s; 200 ms as Linux. */
  readonly minRtoMs: number;
  /** RFC 6298 §2.5: at least 60 s. */
  readonly maxRtoMs: number;
  /** RFC 6298 §5.7: the timeout once data flows when a SYN was lost. */
  readonly synLostRtoMs: number;
  /** R2 for SYN, at least 3 minutes (RFC 9293 §3.8.3): 1+2+4+…+60+60 s. */
  readonly maxSynRetransmissions: number;
  /** For the SYN,ACK of a passive open: given up after 63 s, as Linux. */
  readonly maxSynAckRetransmissions: number;
  /** R2 for data, at least 100 s (RFC 9293 §3.8.3); 15 as Linux: about 9 minutes. */
  readonly maxRetransmissions: number;
  /** A connection in FIN-WAIT-2 whose peer says nothing for so long is dropped; 0: never. */
  readonly finWait2Ms: number;
  /** RFC 6928. */
  readonly initialWindowSegments: number;
  /** RFC 3465 §2.2 L: segments by which one acknowledgment may open the window in slow start; 1 is RFC 5681's. */
  readonly slowStartLimitSegments: number;
  /** The sender's buffers bound the flight anyway; so cwnd need not grow past this. */
  readonly maxCwndBytes: number;
  readonly congestion: CongestionControl;
  /** RFC 8985: losses found by time (RACK) and tail loss probes; where the peer has no SACK, RFC 6582's duplicates count. */
  readonly rack: boolean;
  readonly tailLossProbe: boolean;
  /** RFC 2883: tell the sender which bytes came twice. */
  readonly dsack: boolean;
  /** RFC 5682: find out after a timeout whether it was spurious; with it, and with timestamps or D-SACK, reductions are undone. */
  readonly frto: boolean;
  readonly undo: boolean;
  /** RFC 3168: `active` asks for it in our SYNs, `passive` agrees when the peer asks (as Linux), `off` does neither. */
  readonly ecn: 'off' | 'passive' | 'active';
  /** RFC 4987: answer SYNs without keeping state: when the backlog is full, always, or never. */
  readonly synCookies: 'off' | 'pressure' | 'always';
  /** RFC 7323: offer timestamps, window scale. */
  readonly timestamps: boolean;
  readonly windowScale: boolean;
  /** Silence after which an idle peer is asked whether it is still there (RFC 9293 §3.8.4); 0, the default, is never. */
  readonly keepAliveMs: number;
  /** Between keep-alive probes that are not answered; 0: a third of keepAliveMs. */
  readonly keepAliveIntervalMs: number;
  /** Unanswered keep-alive probes after which it is not. */
  readonly keepAliveProbes: number;
  /** RFC 5482: unacknowledged data ends the connection after so long, whatever maxRetransmissions says; 0: it does not. */
  readonly userTimeoutMs: number;
  /** Connections that their owner has ended and whose peer has not: more than these are reset. */
  readonly maxOrphans: number;
  /** RFC 2018, as a receiver: say which bytes have arrived out of order. */
  readonly sack: boolean;
  /** Ranges of out-of-order bytes that a connection holds. */
  readonly maxRanges: number;
  /** RFC 5961 §7: challenge ACKs of one connection in `challengeWindowMs`, and of all in a second. */
  readonly challengeLimit: number;
  readonly challengeWindowMs: number;
  readonly challengeLimitPerSecond: number;
  /** Resets in answer to segments for no connection, in a second. */
  readonly resetLimitPerSecond: number;
  /** RFC 1337 §3 F1: a reset does not end TIME-WAIT. Off: it does, as RFC 9293 §3.10.7.4 has it. */
  readonly timeWaitIgnoresReset: boolean;
  /** Take a checksum field that holds the pseudo-header sum only: see RX_CHECKSUM_PARTIAL and tcp/stack.ts. */
  readonly acceptPartialChecksum: boolean;
  /** Type of service and time to live of what we send. */
  readonly tos: number;
  readonly ttl: number;
}

export type TcpOptions = Partial<TcpConfig> & Pick<TcpConfig, 'random' | 'secret'>;

/** Words of `secret`. */
export const SECRET_WORDS = 8;

export function completeConfig(options: TcpOptions): TcpConfig {
  return {
    receiveWindowBytes: 262_144,
    maxConnections: 16_384,
    maxTimeWait: 8_192,
    nagle: true,
    delayedAckMs: 40,
    mslMs: 30_000,
    initialRtoMs: 1_000,
    minRtoMs: 200,
    maxRtoMs: 60_000,
    synLostRtoMs: 3_000,
    maxSynRetransmissions: 7,
    maxSynAckRetransmissions: 5,
    maxRetransmissions: 15,
    finWait2Ms: 60_000,
    initialWindowSegments: 10,
    slowStartLimitSegments: 1,
    maxCwndBytes: 1 << 26,
    congestion: reno,
    rack: true,
    tailLossProbe: true,
    dsack: true,
    frto: true,
    undo: true,
    ecn: 'passive',
    synCookies: 'pressure',
    timestamps: true,
    windowScale: true,
    keepAliveMs: 0,
    keepAliveIntervalMs: 0,
    keepAliveProbes: 3,
    userTimeoutMs: 0,
    maxOrphans: 4_096,
    sack: true,
    maxRanges: 32,
    challengeLimit: 10,
    challengeWindowMs: 5_000,
    challengeLimitPerSecond: 1_000,
    resetLimitPerSecond: 1_000,
    timeWaitIgnoresReset: true,
    acceptPartialChecksum: true,
    tos: 0,
    ttl: 64,
    ...options,
  };
}
