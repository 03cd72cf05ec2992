/**
 * Everything that can be set on a TCP stack, with its default and where the default comes from. Tests that script segments
 * set what they need; `serve` sets Nagle off.
 */
import type { Random } from '../random.ts';
import type { CongestionControl } from './congestion/congestion.ts';
import { cubic } from './congestion/cubic.ts';

export interface TcpConfig {
  /** For ephemeral ports and jitter; not for what a peer must not guess. */
  readonly random: Random;
  /** Eight secret words (`secretWords(8)`): the keys of sequence numbers, timestamps and the flow table. */
  readonly secret: Int32Array;
  /** The window that a connection offers at first. */
  readonly receiveWindowBytes: number;
  /**
   * The window grows up to this as the reader takes more in each round trip (window.ts): 6 MiB as Linux's tcp_rmem, or what
   * receiveWindowBytes says, if that is set alone. The window scale that we offer covers it.
   */
  readonly maxReceiveWindowBytes: number;
  /** By how much all windows together may grow, as tcp_mem limits Linux; 0: a quarter of the memory that rings come from. */
  readonly maxReceiveMemoryBytes: number;
  /** What a connection keeps in transmit buffers at most, however large its flight becomes: 4 MiB as Linux's tcp_wmem. */
  readonly maxSendBufferBytes: number;
  readonly maxConnections: number;
  /** Connections in TIME-WAIT; the oldest leaves early when there are more. */
  readonly maxTimeWait: number;
  /** RFC 9293 §3.7.4 (MUST-17: it can be turned off for each connection). */
  readonly nagle: boolean;
  /** RFC 9293 §3.8.6.3: below 500 ms. 40 ms as Linux's minimum. */
  readonly delayedAckMs: number;
  /** RFC 9293 §3.4.2 says 2 minutes; 30 s as Linux and the BSDs, so TIME-WAIT lasts 60 s. */
  readonly mslMs: number;
  /** How long TIME-WAIT lasts; 0, the default: twice mslMs. */
  readonly timeWaitMs: number;
  /** RFC 6298 §2.1. */
  readonly initialRtoMs: number;
  /** RFC 6298 §2.4 says 1 s; 200 ms as Linux. */
  readonly minRtoMs: number;
  /**
   * minRtoMs is the floor of 4·RTTVAR, as on Linux; off: of the whole RTO, as RFC 6298 §2.4 has it for its second. With a floor of
   * 200 ms the latter leaves a steady round trip of more than 160 ms no time for a delayed acknowledgment.
   */
  readonly rtoFloorOnVariance: boolean;
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
  /**
   * RFC 3465 §2.2 L: segments by which one acknowledgment may open the window in slow start; 8 is RFC 9406's, 1 RFC 5681's.
   * Practically none by default, as on Linux: where frames are joined below the receiver, one acknowledgment covers a super-segment
   * of 45, or all of a turn's; with 8, goodput at 5 and 50 ms each way is half to a third (test/lab/relay/goodput.ts).
   */
  readonly slowStartLimitSegments: number;
  /** The sender's buffers bound the flight anyway; so cwnd need not grow past this. */
  readonly maxCwndBytes: number;
  readonly congestion: CongestionControl;
  /** RFC 9406: the first slow start ends when round trips grow, before a queue overflows. */
  readonly hystart: boolean;
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
  /**
   * RFC 5482: unacknowledged data ends the connection after so long, whatever maxRetransmissions says; 0: it does not. As on
   * Linux it also bounds the wait for a closed window, even if the peer answers, and for answers to keep-alive probes.
   */
  readonly userTimeoutMs: number;
  /** How long a connection may take to open, whatever the number of SYNs; 0: as long as they last. */
  readonly openTimeoutMs: number;
  /** Connections that their owner has ended and whose peer has not: more than these are reset. */
  readonly maxOrphans: number;
  /** RFC 2018, as a receiver: say which bytes have arrived out of order. */
  readonly sack: boolean;
  /** Ranges of out-of-order bytes that a connection holds. A full queue drops every other frame: with 32, thrice as much was resent. */
  readonly maxRanges: number;
  /** Smaller announcements of the peer's MSS are not believed: headers would outweigh the payload. */
  readonly minMss: number;
  /** No router makes us send smaller datagrams than this: forged errors would cost too much. 552 as Linux. */
  readonly minPathMtu: number;
  /** RFC 1191 §6.3: after so long, the path may have become wider. */
  readonly pathMtuAgeMs: number;
  /**
   * Timeouts in a row after which segments smaller than full ones are tried (RFC 2923 §2.1), 3 as Linux's tcp_retries1; twice as
   * many where full ones have arrived before; 0: never.
   */
  readonly blackHoleTimeouts: number;
  /**
   * RFC 5461 §4: which ICMP errors end a connection that is opening: none; the hard ones (protocol or port unreachable,
   * prohibited); or the soft ones, too, as Linux has it.
   */
  readonly openingErrors: 'none' | 'hard' | 'soft';
  /** RFC 5961 §3.2 and §4.2 turned off: any reset, or any SYN, in the window ends the connection, as RFC 793 had it. */
  readonly insecureReset: boolean;
  readonly insecureSyn: boolean;
  /** Drop a SYN that has a FIN; else the FIN is not acknowledged, and comes again. */
  readonly dropSynFin: boolean;
  /** After a silence the window is no longer taken for valid (RFC 2861, RFC 7661); Linux calls it tcp_slow_start_after_idle. */
  readonly idleRestart: boolean;
  /** Added to every timeout but the first of a SYN, as FreeBSD does. */
  readonly rtoSlopMs: number;
  /** A SYN that was resent so often goes on with no option but MSS: somebody on the way may drop the others; 0: never. */
  readonly plainSynAfter: number;
  /** CWR also says that the window was reduced because of a loss, and a retransmission may say it, as FreeBSD has it. */
  readonly cwrOnLoss: boolean;
  /** How often a SYN that asks for ECN is resent as it is (RFC 3168 §6.1.1.1). */
  readonly ecnSynRetries: number;
  /** RCV.WND is the room in the buffer, as the BSDs have it, even where 16 bits can't say so much; off: it is what was offered. */
  readonly acceptBeyondOffer: boolean;
  /** The acknowledgment of the peer's FIN repeats ours while that is not acknowledged, as the BSDs do. */
  readonly repeatFin: boolean;
  /**
   * Nagle as Minshall has it, and Linux (draft-minshall-nagle-01): a short segment waits only for the acknowledgment of another
   * short one. Off: RFC 9293 §3.7.4, for any.
   */
  readonly minshall: boolean;
  /**
   * RFC 9937: a reduction is spread over a round trip. Off: cwnd is ssthresh at once, and what was lost counts as in flight, so
   * that nothing is sent until half a window has arrived, as FreeBSD has it without PRR.
   */
  readonly prr: boolean;
  /** In recovery an acknowledgment of a part is itself acknowledged, as FreeBSD does, unless data goes out. */
  readonly answersPartialAcks: boolean;
  /** What a loss reduces is cwnd, as on Linux, which RFC 9438 §4.6 allows; off: FlightSize (RFC 5681 §3.1). */
  readonly reducesWindow: boolean;
  /** A closed window is probed by an old sequence number and no text, as Linux does; off: by a byte (RFC 9293 §3.8.6.1). */
  readonly emptyProbes: boolean;
  /** Segments that are acknowledged at once before acknowledgments are delayed, as Linux does; 0: none. See timers.ts. */
  readonly quickAcks: number;
  /** RFC 5961 §7: challenge ACKs of one connection in `challengeWindowMs`, and of all in a second. */
  readonly challengeLimit: number;
  readonly challengeWindowMs: number;
  readonly challengeLimitPerSecond: number;
  /** Resets in answer to segments for no connection, in a second, on average. */
  readonly resetLimitPerSecond: number;
  /** RFC 1337 §3 F1: a reset does not end TIME-WAIT. Off: it does, as RFC 9293 §3.10.7.4 has it. */
  readonly timeWaitIgnoresReset: boolean;
  /**
   * In TIME-WAIT what has no ACK flag gets no answer, as FreeBSD has it, also a SYN that is too old to open the connection anew, if
   * somebody listens; off: it gets an acknowledgment, as RFC 9293 §3.10.7.4 has it.
   */
  readonly timeWaitNeedsAck: boolean;
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
    maxReceiveWindowBytes: options.receiveWindowBytes ?? 6 << 20,
    maxReceiveMemoryBytes: 0,
    maxSendBufferBytes: 4 << 20,
    maxConnections: 16_384,
    maxTimeWait: 8_192,
    nagle: true,
    delayedAckMs: 40,
    mslMs: 30_000,
    timeWaitMs: 0,
    initialRtoMs: 1_000,
    minRtoMs: 200,
    rtoFloorOnVariance: true,
    maxRtoMs: 60_000,
    synLostRtoMs: 3_000,
    maxSynRetransmissions: 7,
    maxSynAckRetransmissions: 5,
    maxRetransmissions: 15,
    finWait2Ms: 60_000,
    initialWindowSegments: 10,
    slowStartLimitSegments: 1_024,
    maxCwndBytes: 1 << 26,
    congestion: cubic,
    hystart: true,
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
    openTimeoutMs: 0,
    maxOrphans: 4_096,
    sack: true,
    maxRanges: 256,
    minMss: 88,
    minPathMtu: 552,
    pathMtuAgeMs: 600_000,
    blackHoleTimeouts: 3,
    openingErrors: 'hard',
    insecureReset: false,
    insecureSyn: false,
    dropSynFin: false,
    idleRestart: true,
    rtoSlopMs: 0,
    plainSynAfter: 0,
    cwrOnLoss: false,
    ecnSynRetries: 0,
    acceptBeyondOffer: false,
    repeatFin: false,
    minshall: false,
    prr: true,
    answersPartialAcks: false,
    reducesWindow: false,
    emptyProbes: false,
    quickAcks: 0,
    challengeLimit: 10,
    challengeWindowMs: 5_000,
    challengeLimitPerSecond: 1_000,
    resetLimitPerSecond: 1_000,
    timeWaitIgnoresReset: true,
    timeWaitNeedsAck: false,
    acceptPartialChecksum: true,
    tos: 0,
    ttl: 64,
    ...options,
  };
}
