/**
 * What a connection knows of itself, by the names of Linux's struct tcp_info (TCP_INFO, `ss -i`), so that scripts and readers
 * find what they know. Counts are segments where Linux counts segments; times are µs; a plain object, built when it is asked for.
 */
import type { Connection } from './connection.ts';
import { LOST, RESENT, SACKED } from './loss/ledger.ts';
import { CA_STATE_NAMES, type CaStateName } from './loss/recovery-state.ts';
import { distance } from './sequence.ts';
import { STATE_NAMES } from './state.ts';
import { TIMER_PERSIST } from './timers.ts';

/** Bits of `options`: TCPI_OPT_*. */
const OPTION_TIMESTAMPS = 1;
const OPTION_SACK = 2;
const OPTION_WINDOW_SCALE = 4;
const OPTION_ECN = 8;

/** TCP_INFINITE_SSTHRESH: no loss yet. */
const INFINITE_SSTHRESH = 0x7fff_ffff;
const DEFAULT_REORDERING = 3;
const TIMESTAMPS_BYTES = 12;

export interface TcpInfo {
  /** RFC 9293's name, as `ESTABLISHED`. */
  readonly state: string;
  readonly caState: CaStateName;
  /** Expiries of the retransmission timer since the last progress. */
  readonly retransmits: number;
  /** Probes of a closed window or of a silent peer that were not answered. */
  readonly probes: number;
  readonly backoff: number;
  readonly options: number;
  readonly sndWscale: number;
  readonly rcvWscale: number;
  readonly rtoUs: number;
  readonly atoUs: number;
  readonly sndMss: number;
  readonly rcvMss: number;
  /** Segments: in flight, SACKed of them, taken for lost (resent or not), and copies on their way. */
  readonly unacked: number;
  readonly sacked: number;
  readonly lost: number;
  readonly retrans: number;
  readonly lastDataSentMs: number;
  readonly lastDataRecvMs: number;
  readonly pmtu: number;
  readonly rttUs: number;
  readonly rttvarUs: number;
  readonly minRttUs: number;
  readonly rcvRttUs: number;
  /** Segments. */
  readonly sndSsthresh: number;
  readonly sndCwnd: number;
  readonly advmss: number;
  readonly reordering: number;
  readonly reordSeen: number;
  readonly totalRetrans: number;
  readonly dsackDups: number;
  readonly rcvSpace: number;
  readonly sndWnd: number;
  readonly rcvWnd: number;
  /** Bytes, modulo 2³². */
  readonly bytesAcked: number;
  readonly bytesReceived: number;
  readonly notsentBytes: number;
  readonly congestion: string;
}

export function tcpInfo(c: Connection): TcpInfo {
  const { stack, rtt, recovery } = c;
  const probing = (c.armed & TIMER_PERSIST) !== 0;
  return {
    state: STATE_NAMES[c.state],
    caState: CA_STATE_NAMES[c.caState],
    retransmits: probing ? 0 : c.retries,
    probes: probing ? c.retries : c.keepAliveProbes,
    backoff: rtt.backoff,
    options: optionBits(c),
    sndWscale: c.sndScale,
    rcvWscale: c.rcvScale,
    rtoUs: rtt.rtoUs,
    atoUs: stack.delayedAckUs,
    sndMss: c.mss,
    rcvMss: c.rcvMss,
    ...segmentCounts(c),
    lastDataSentMs: Math.max(0, Math.round(distance(stack.clockUs, c.lastSentUs) / 1000)),
    lastDataRecvMs: Math.max(0, distance(stack.clockMs, c.heardMs)),
    pmtu: c.pathMtu !== 0 ? c.pathMtu : stack.link.mtu,
    rttUs: rtt.srttUs,
    rttvarUs: rtt.rttvar4Us >> 2,
    minRttUs: rtt.srtt8Us === 0 ? 0 : rtt.minUs,
    rcvRttUs: c.rcvRttUs,
    sndSsthresh: c.ssthresh >= stack.config.maxCwndBytes ? INFINITE_SSTHRESH : Math.floor(c.ssthresh / c.mss),
    sndCwnd: Math.floor(c.cwnd / c.mss),
    advmss: Math.min(c.maxSeg || 0xffff, stack.offeredMss) - (c.timestamps ? TIMESTAMPS_BYTES : 0),
    reordering: recovery === null ? DEFAULT_REORDERING : recovery.reorderedSegments,
    reordSeen: recovery === null ? 0 : recovery.reorderings,
    totalRetrans: recovery === null ? 0 : recovery.copies,
    dsackDups: recovery === null ? 0 : recovery.dsackDups,
    rcvSpace: c.rcvBuffer,
    sndWnd: c.sndWnd,
    rcvWnd: distance(c.rcvAdv, c.rcvNxt),
    bytesAcked: Math.max(0, distance(c.sndUna, c.iss) - 1),
    bytesReceived: Math.max(0, distance(c.rcvNxt, c.irs) - 1),
    notsentBytes: c.queue.unsentBytes + c.queue.backlogBytes,
    congestion: c.congestion.name,
  };
}

function optionBits(c: Connection): number {
  return (
    (c.timestamps ? OPTION_TIMESTAMPS : 0) |
    (c.sackPermitted ? OPTION_SACK : 0) |
    (c.peerScales ? OPTION_WINDOW_SCALE : 0) |
    (c.ecn ? OPTION_ECN : 0)
  );
}

/** Without SACK, duplicate ACKs stand for SACKed segments, as on Linux. */
function segmentCounts(c: Connection): Pick<TcpInfo, 'unacked' | 'sacked' | 'lost' | 'retrans'> {
  const ledger = c.ledger;
  if (ledger === null) return { unacked: Math.ceil(c.flightBytes / c.mss), sacked: c.dupAcks, lost: 0, retrans: 0 };
  return {
    unacked: ledger.segmentsWith(0),
    sacked: ledger.segmentsWith(SACKED) + c.dupAcks,
    lost: ledger.segmentsWith(LOST),
    retrans: ledger.segmentsWith(RESENT),
  };
}
