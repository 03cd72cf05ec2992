/**
 * A connection: the transmission control block of RFC 9293 §3.3.1 as one class, and the stream that the session sees. The
 * fields keep the RFC's names. What happens to them is written elsewhere, a file for each job:
 *
 *   listen, connect ─▶ handshake   input ─▶ acknowledge, deliver   output ─▶ header ─▶ link   timers, recovery, close
 *
 * All numbers are 32-bit integers: sequence numbers signed, times in microseconds of the stack's clock (`TcpStack.clockUs`).
 */
import { Stream, type StreamHandler } from '../link/stream.ts';
import { SendQueue } from '../memory/send-queue.ts';
import type { Hop } from '../net/hop.ts';
import { formatIpv4 } from '../wire/address.ts';
import { ACK } from '../wire/tcp.ts';
import { abortConnection, endConnection } from './close.ts';
import { deliverBuffered } from './deliver.ts';
import type { RetransmitReason } from './events.ts';
import type { Listener } from './listen.ts';
import type { ReceiveRing } from './receive-ring.ts';
import { RoundTrip } from './rtt.ts';
import { distance } from './sequence.ts';
import type { TcpStack } from './stack.ts';
import { CLOSED, ESTABLISHED } from './state.ts';
import { TIMER_DELAYED_ACK, TIMER_PERSIST } from './timers.ts';
import { updateWindowAfterRead } from './window.ts';

/** `predicted` of a connection whose segments all take the long way. */
const NOT_PREDICTED = -1;
const DELAYED_ACK = TIMER_DELAYED_ACK; // as in header.ts

export class Connection extends Stream {
  readonly stack: TcpStack;
  /** Index in the connection table, 1…maxConnections. */
  readonly slot: number;
  readonly queue: SendQueue;
  readonly handler: StreamHandler;
  readonly rtt: RoundTrip;
  readonly localIp: number;

  // The first half is touched by nearly every segment, in few cache lines; the second by few.
  state = CLOSED;
  /**
   * Header prediction: the data offset and flags (without PSH) of the segment that the short way takes, or −1 when none may:
   * not ESTABLISHED, the reader is paused, something is out of order or lost, the timeout is backed off.
   */
  predicted = NOT_PREDICTED;

  // Receive sequence space
  rcvNxt = 0;
  /** The right edge that we offered: nothing from here on is accepted. */
  rcvAdv = 0;
  rcvScale = 0;
  /** In-order bytes in the ring, not handed up yet (RCV.USER). */
  buffered = 0;
  /** Received since our last acknowledgment. */
  unackedBytes = 0;
  /** When the peer was last heard, in milliseconds of the stack's clock. */
  heardMs = 0;
  /** An acknowledgment goes out at the end of this turn. */
  ackNow = false;
  readPaused = false;

  // Send sequence space
  sndUna = 0;
  /** Everything before was sent at least once. */
  sndNxt = 0;
  sndWnd = 0;
  sndWl1 = 0;
  sndWl2 = 0;
  /** Largest window that the peer ever offered (RFC 5961 §5.2, RFC 9293 §3.8.6.2.1). */
  maxSndWnd = 0;
  sndScale = 0;
  /** Payload bytes of a full segment, options already taken off (Eff.snd.MSS). */
  mss = 536;
  /** Payload of the largest frame that is given to the link: `mss`, or a multiple when the link cuts super-segments. */
  superBytes = 536;
  /** Small segments wait for an acknowledgment (RFC 9293 §3.7.4). May be changed at any time. */
  nagle: boolean;
  finQueued = false;
  finSent = false;

  // Timestamps (RFC 7323)
  timestamps = false;
  tsRecent = 0;
  /** When tsRecent was taken, in seconds (§5.5: it is worth nothing after 24 days). */
  tsRecentSeconds = 0;
  lastAckSent = 0;
  tsOffset = 0;

  // Retransmission: [rtxNxt, rtxEnd) is to be sent again, beginning in rtxBuffer at rtxOffset
  rtxNxt = 0;
  rtxEnd = 0;
  /** The first unacknowledged segment is to be sent again, for this reason. */
  resendReason: RetransmitReason | null = null;
  /** Expiries of the retransmission or persist timer since the peer was last heard to make progress. */
  retries = 0;

  // Congestion control (RFC 5681, RFC 6582)
  cwnd = 0;
  ssthresh = 0;
  dupAcks = 0;
  inRecovery = false;
  lastSentUs = 0;

  // Round-trip time: an acknowledgment of timedSeq gives a sample: it was sent at timedAtUs, once
  timing = false;
  timedSeq = 0;
  timedAtUs = 0;

  // Timers: one bit each in `armed`, and when they are due
  armed = 0;
  retransmitDueUs = 0;
  delayedAckDueUs = 0;

  // Header template: see header.ts
  hop: Hop | null = null;
  hopVersion = -1;
  tcpHeaderBytes = 20;
  /** With Ethernet and IPv4. */
  headerBytes = 54;
  /** Where the template ends. */
  templateEnd = 0;
  ipChecksumBase = 0;
  pseudoHeaderBase = 0;

  // ---- from here on: opening, closing, loss, a slow reader

  /** The listener of a passive open, else null. */
  readonly listener: Listener | null;
  readonly remoteIp: number;
  readonly localPort: number;
  readonly remotePort: number;
  /** onOpen was called, or connect() returned: onClose is owed. */
  announced = false;
  /** The state machine is done; the object lives on because its reader is behind. */
  lingering = false;
  iss = 0;
  irs = 0;
  /** What the peer's MSS option said. */
  peerMss = 536;
  /** Largest datagram of the path, as far as ICMP told. */
  pathMtu = 0;
  sackPermitted = false;
  /** The peer's SYN had a window scale option. */
  peerScales = false;
  rtxBuffer = 0;
  rtxOffset = 0;
  rtxReason: RetransmitReason = 'timeout';
  cwndCredit = 0;
  /** SND.NXT when the last loss was seen (RFC 6582's recover, plus one). */
  recover = 0;
  /** The first partial ACK of this recovery was seen (RFC 6582 §3.2: only it restarts the timer). */
  partialAckSeen = false;
  ring: ReceiveRing | null = null;
  /** deliverBuffered is at work further up the stack. */
  delivering = false;
  /** The peer's FIN was seen at finSeq, out of order: it counts once everything before it is there. */
  finSeen = false;
  finSeq = 0;
  /** The peer's FIN came, but bytes before it wait in the ring. */
  endPending = false;
  persistDueUs = 0;
  finWaitDueUs = 0;
  keepAliveDueUs = 0;
  /** Silence after which the peer is asked whether it is still there; 0 is never. Set while it opens, may be raised later. */
  keepAliveMs: number;
  /** Probes that it left unanswered. */
  keepAliveProbes = 0;

  // Challenge ACKs (RFC 5961 §7)
  challengeSinceUs = 0;
  challenges = 0;

  constructor(
    stack: TcpStack,
    slot: number,
    handler: StreamHandler,
    listener: Listener | null,
    localIp: number,
    localPort: number,
    remoteIp: number,
    remotePort: number,
  ) {
    super();
    const config = stack.config;
    this.stack = stack;
    this.slot = slot;
    this.handler = handler;
    this.listener = listener;
    this.localIp = localIp;
    this.localPort = localPort;
    this.remoteIp = remoteIp;
    this.remotePort = remotePort;
    this.nagle = config.nagle;
    this.keepAliveMs = config.keepAliveMs;
    this.queue = new SendQueue(stack.memory, stack.link.data);
    this.rtt = new RoundTrip(config.initialRtoMs * 1000, config.minRtoMs * 1000, config.maxRtoMs * 1000);
  }

  /** The key of the flow table: remote port << 16 | local port. */
  get ports(): number {
    return (this.remotePort << 16) | this.localPort;
  }

  /** Bytes (and FIN) sent and not acknowledged. */
  get flightBytes(): number {
    return distance(this.sndNxt, this.sndUna);
  }

  get isClosed(): boolean {
    return this.state === CLOSED;
  }

  /** Decides anew whether segments may take the short way. Called when any of its conditions changed. */
  updatePrediction(): void {
    const plain =
      this.state === ESTABLISHED &&
      !this.readPaused &&
      !this.finSeen &&
      !this.inRecovery &&
      this.dupAcks === 0 &&
      this.rtxNxt === this.rtxEnd &&
      this.ring === null &&
      this.rtt.backoff === 0 &&
      (this.armed & TIMER_PERSIST) === 0;
    this.predicted = plain ? (this.tcpHeaderBytes << 10) | ACK : NOT_PREDICTED;
  }

  /** What we owed to the peer is in the segment that is being sent. */
  noteAcknowledged(): void {
    this.lastAckSent = this.rcvNxt;
    this.unackedBytes = 0;
    this.ackNow = false;
    this.armed &= ~DELAYED_ACK;
  }

  /** Gives the ring back, with what is in it. */
  releaseRing(): void {
    if (this.ring === null) return;
    this.ring.release();
    this.ring = null;
    this.buffered = 0;
  }

  // ---- Stream

  override requestFlush(): void {
    this.stack.markDirty(this.slot);
  }

  override end(): void {
    endConnection(this);
  }

  override abort(): void {
    abortConnection(this);
  }

  override pauseRead(): void {
    this.readPaused = true;
    this.updatePrediction();
  }

  /** Hands up what waits in the ring at once (so onData may be called from here), then opens the window again. */
  override resumeRead(): void {
    if (!this.readPaused) return;
    this.readPaused = false;
    this.updatePrediction();
    if (this.delivering) return; // deliverBuffered goes on
    deliverBuffered(this);
    if (this.state !== CLOSED) updateWindowAfterRead(this);
  }

  override remoteAddress(): string {
    return `${formatIpv4(this.remoteIp)}:${this.remotePort}`;
  }

  override localAddress(): string {
    return `${formatIpv4(this.localIp)}:${this.localPort}`;
  }

  override descriptor(): number {
    return this.slot;
  }
}
