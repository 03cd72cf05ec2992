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
import { formatIpv4, type IpAddress } from '../wire/address.ts';
import { ACK } from '../wire/tcp.ts';
import { abortConnection, endConnection, letGo } from './close.ts';
import type { CongestionControl } from './congestion/congestion.ts';
import type { CubicEpoch } from './congestion/cubic.ts';
import type { HyStart } from './congestion/hystart.ts';
import { deliverBuffered } from './deliver.ts';
import type { Ledger } from './loss/ledger.ts';
import { OPEN, type RecoveryState } from './loss/recovery-state.ts';
import type { Listener } from './opening/listen.ts';
import type { ReceiveRing } from './receive-ring.ts';
import { RoundTrip } from './rtt.ts';
import { distance } from './sequence.ts';
import type { TcpStack } from './stack.ts';
import { CLOSED, ESTABLISHED, SYN_RECEIVED } from './state.ts';
import { armKeepAlive, TIMER_DELAYED_ACK, TIMER_PERSIST } from './timers.ts';
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
  readonly localIp: IpAddress;

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
  /** RCV.BUFF: grows with what the reader takes in a round trip (window.ts). */
  rcvBuffer: number;
  /** When RCV.NXT gets here, half of RCV.BUFF has come since takenUs. */
  takenSeq = 0;
  /** In-order bytes in the ring, not handed up yet (RCV.USER). */
  buffered = 0;
  /** Received since our last acknowledgment. */
  unackedBytes = 0;
  /** Text of the peer's full segments, as far as they show it: more than one of them is acknowledged at once (quick-ack.ts). */
  rcvMss = 536;
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
  /** A short last segment may have to wait: because of `nagle`, or `corked`. Looked at for every segment. */
  holdsShort = false;
  finQueued = false;
  finSent = false;

  // Timestamps (RFC 7323)
  timestamps = false;
  tsRecent = 0;
  /** When tsRecent was taken, in seconds (§5.5: it is worth nothing after 24 days). */
  tsRecentSeconds = 0;
  lastAckSent = 0;
  tsOffset = 0;

  // Retransmission: see ledger.ts
  /** What is in flight, once it is more than one transmission. */
  ledger: Ledger | null = null;
  /** Of the bytes in flight, those that are not on their way (SACKed, lost), without the copies that are: flight.ts. */
  leftBytes = 0;
  /** Expiries of the retransmission or persist timer since the peer was last heard to make progress. */
  retries = 0;

  // Congestion control (RFC 5681, RFC 6582): windows in bytes
  /** May be changed at any time. */
  congestion: CongestionControl;
  cwnd = 0;
  ssthresh = 0;
  /** What is before was sent under a full congestion window: congestion.ts. */
  cwndFullUntil = 0;
  /** The most that was in flight in the round trip that ends at `roundEnd`, in bytes: congestion.ts. */
  roundFlight = 0;
  roundEnd = 0;
  /** Without SACK: duplicates, each of which stands for a segment that has arrived. */
  dupAcks = 0;
  /** OPEN, DISORDER, CWR, RECOVERY or LOSS: recovery-state.ts. */
  caState = OPEN;
  lastSentUs = 0;

  // Round-trip time: an acknowledgment of timedSeq gives a sample: it was sent at timedAtUs, once
  timing = false;
  timedSeq = 0;
  timedAtUs = 0;

  // Timers: one bit each in `armed`, and when they are due
  armed = 0;
  retransmitDueUs = 0;
  delayedAckDueUs = 0;

  /** ECN is agreed on: marks that arrive are echoed, echoes heeded. Every segment that goes out asks for it. */
  ecn = false;

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
  readonly remoteIp: IpAddress;
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
  /** The end of a flight is probed (RFC 8985 §7). */
  probesTail = false;
  /** When the tail is probed, or RACK looks again. */
  lossDueUs = 0;
  recovery: RecoveryState | null = null;
  /** What the next selective acknowledgment says came twice (RFC 2883): [dsackFrom, dsackTo), or nothing. */
  dsackFrom = 0;
  dsackTo = 0;
  cwndCredit = 0;
  /** The windows before the last reduction, which may turn out to have been for nothing. */
  priorCwnd = 0;
  priorSsthresh = 0;
  /** Slow start after a timeout, until what was in flight then is acknowledged. */
  rtxSlowStart = false;
  /** Made when the congestion window is first in full use; null otherwise. */
  hystart: HyStart | null = null;
  cubic: CubicEpoch | null = null;
  priorCubic: CubicEpoch | null = null;

  // Explicit congestion notification: see ecn.ts
  /** Our data says that it may be marked. */
  ect = false;
  /** A mark arrived: every acknowledgment says so until the peer says that it has slowed down. */
  echoMark = false;
  /** We have: the next new data says so. */
  sendCwr = false;
  /** SND.NXT when the last loss was seen (RFC 6582's recover, plus one). */
  recover = 0;
  ring: ReceiveRing | null = null;
  takenUs = 0;
  /** The round trip as a receiver can tell; 0: not measured. */
  rcvRttUs = 0;
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
  /** Silence after which the peer is asked whether it is still there; 0 is never. See `keepAlive`. */
  keepAliveMs: number;
  keepAliveIntervalMs: number;
  /** Probes that it may leave unanswered, and those that it has. */
  keepAliveLimit: number;
  keepAliveProbes = 0;
  /** When the last one went, in milliseconds of the stack's clock. */
  keepAliveSentMs = 0;

  // Quick acknowledgments: quick-ack.ts
  /** When text last came out of order or twice. */
  disorderSeconds = -60;
  /** How many are left; −1: nothing has arrived yet. */
  quickAcks = -1;
  /** Where the last short segment ended (Nagle). */
  shortEnd = 0;
  /** The owner answers what arrives. */
  interactive = false;
  /** When something last arrived whose acknowledgment could wait, and SND.NXT then. */
  arrivedUs = 0;
  arrivedNxt = 0;

  // How long its owner's patience is: expiry.ts
  /** RFC 5482; 0: maxRetransmissions alone decides. May be changed at any time. */
  userTimeoutMs: number;
  openTimeoutMs: number;
  /** When what the peer does not take was first sent, in milliseconds of the stack's clock. */
  stalledSinceMs = 0;
  /** SND.UNA then. */
  stalledUna = 0;
  userTimeoutDueUs = 0;
  /**
   * What `end` does: −1, sends what is queued for as long as it takes; 0, resets; else resets if it takes longer than so many
   * milliseconds (1,000 s at most).
   */
  lingerMs = -1;

  // Ends that are not the usual one: close.ts
  /** Its owner has ended it: one of maxOrphans. */
  orphaned = false;
  /** Nobody reads any more (`close`): new bytes are answered by a reset. */
  detached = false;
  /** It waits to be accepted: listen.ts. */
  waiting = false;
  /** CLOSE_* of a connection that ended while it waited. */
  closeReason = 0;

  // The path: path-mtu.ts, icmp-errors.ts
  /** The last ICMP error about it, `type << 8 | code`, or −1: what a timeout may be due to (RFC 5461 §2). */
  softError = -1;
  pathMtuDueUs = 0;
  /** Payload of a full segment that has arrived on this path, as far as was noticed; 0: none. */
  carriedMss = 0;
  /** The size that got lost (0: none did, so far as is known), and what pathMtu was before. */
  blackHoleMtu = 0;
  mtuBeforeBlackHole = 0;
  /** Our SYN has options; without, the peer sends segments of 536 bytes and none of RFC 7323 or 2018 is in use. */
  offersOptions = true;
  /** Our own limit for segments, of both directions; 0: none. */
  maxSeg = 0;
  /** Type of service and time to live of its datagrams; see `setTypeOfService`. */
  tos: number;
  ttl: number;
  private nagles = false;
  private corks = false;

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
    this.nagles = config.nagle;
    this.holdsShort = config.nagle;
    this.tos = config.tos;
    this.ttl = config.ttl;
    this.userTimeoutMs = config.userTimeoutMs;
    this.openTimeoutMs = config.openTimeoutMs;
    this.keepAliveIntervalMs = config.keepAliveIntervalMs;
    this.keepAliveLimit = config.keepAliveProbes;
    this.congestion = config.congestion;
    this.keepAliveMs = config.keepAliveMs;
    this.queue = new SendQueue(stack.memory, stack.link.data, config.maxSendBufferBytes);
    this.rcvBuffer = stack.receiveWindow;
    this.rtt = new RoundTrip(
      config.initialRtoMs * 1000,
      config.minRtoMs * 1000,
      config.maxRtoMs * 1000,
      config.rtoFloorOnVariance,
      config.rtoSlopMs * 1000,
    );
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

  /** Small segments wait for an acknowledgment (RFC 9293 §3.7.4). */
  get nagle(): boolean {
    return this.nagles;
  }

  set nagle(on: boolean) {
    this.nagles = on;
    this.holdsShort = on || this.corks;
    if (this.queue.unsentBytes > 0) this.stack.markDirty(this.slot);
  }

  /** What is short of a full segment waits until the cork is drawn, or the override timeout is over (at least 200 ms). */
  get corked(): boolean {
    return this.corks;
  }

  set corked(on: boolean) {
    this.corks = on;
    this.holdsShort = on || this.nagles;
    if (this.queue.unsentBytes > 0) this.stack.markDirty(this.slot);
  }

  /** Asks a peer that was silent for `idleMs` (0: never) every `intervalMs`, and gives up after `limit` unanswered probes. */
  keepAlive(idleMs: number, intervalMs = this.keepAliveIntervalMs, limit = this.keepAliveLimit): void {
    this.keepAliveMs = idleMs;
    this.keepAliveIntervalMs = intervalMs;
    this.keepAliveLimit = limit;
    this.keepAliveProbes = 0;
    const silentMs = distance(this.stack.clockMs, this.heardMs);
    if (idleMs > 0 && this.state >= ESTABLISHED) armKeepAlive(this, Math.max(0, idleMs - silentMs));
  }

  /** From the next segment on. */
  setTypeOfService(tos: number, ttl = this.ttl): void {
    this.tos = tos;
    this.ttl = ttl;
    this.hopVersion = -1; // the template is out of date
  }

  /** Decides anew whether segments may take the short way. Called when any of its conditions changed. */
  updatePrediction(): void {
    const plain =
      this.state === ESTABLISHED &&
      !this.ecn &&
      !this.readPaused &&
      !this.finSeen &&
      this.caState === OPEN &&
      this.dupAcks === 0 &&
      (this.ledger === null || this.ledger.plain) &&
      (this.recovery === null || !this.recovery.probing) &&
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
    this.stack.ringBytes -= this.ring.capacity;
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

  /**
   * CLOSE by an owner that reads no more, as close(2) has it (`end` is shutdown(2)): no onData and no onEnd follow, only
   * onClose. When bytes of the peer were never read, here or (`unread`) in the owner's hands, it is reset, so that the peer
   * knows that they are lost (RFC 9293 §3.10.4, RFC 2525 §2.17); bytes that come later are answered by a reset, too.
   */
  close(unread = false): void {
    letGo(this, unread);
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
    if (this.delivering || this.state === SYN_RECEIVED) return; // deliverBuffered goes on, or establish begins
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
