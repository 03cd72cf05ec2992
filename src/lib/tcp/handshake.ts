/**
 * What both roles share of the three-way handshake: numbers and options taken from a SYN, the SYN's own retransmission, and
 * the step into ESTABLISHED.
 */
import { ACK, SYN } from '../wire/tcp.ts';
import { sendSyn } from './bare.ts';
import { setState } from './close.ts';
import type { Connection } from './connection.ts';
import { buildTemplate } from './header.ts';
import { initialSequence, timestampOffset } from './isn.ts';
import { type ParsedOptions, TIMESTAMPS_BLOCK_BYTES } from './options.ts';
import { add, distance } from './sequence.ts';
import { CLOSED, ESTABLISHED, FIN_WAIT_1, SYN_SENT } from './state.ts';
import { armKeepAlive, armRetransmit, TIMER_RETRANSMIT } from './timers.ts';

/** RFC 9293 §3.7.1: the send MSS when the peer's SYN has no MSS option. */
const DEFAULT_MSS = 536;
/** Smaller announcements are not believed: headers would outweigh the payload (Linux's TCP_MIN_SND_MSS). */
const MIN_MSS = 48;
const IPV4_TCP_HEADER_BYTES = 40;
const MIN_BUFFER_BYTES = 512;

/** Chooses ISS, and with it the send sequence space. */
export function chooseInitialSequence(c: Connection): void {
  const stack = c.stack;
  const ports = (c.localPort << 16) | c.remotePort;
  startSending(c, initialSequence(stack.config.secret, stack.net.nowUs, c.localIp, c.remoteIp, ports));
  c.tsOffset = timestampOffset(stack.config.secret, c.localIp, c.remoteIp);
}

export function startSending(c: Connection, iss: number): void {
  c.iss = iss;
  c.sndUna = iss;
  c.sndNxt = add(iss, 1);
  c.recover = iss;
  c.rtxNxt = iss;
  c.rtxEnd = iss;
}

/** Takes the peer's initial sequence number and options from its SYN. */
export function acceptSyn(c: Connection, sequence: number, window: number, options: ParsedOptions): void {
  const stack = c.stack;
  const offer = stack.config;
  c.irs = sequence;
  c.rcvNxt = add(sequence, 1);
  c.rcvAdv = add(c.rcvNxt, Math.min(stack.receiveWindow, 0xffff));
  c.peerMss = options.mss === 0 ? DEFAULT_MSS : Math.max(MIN_MSS, options.mss);
  c.peerScales = offer.windowScale && options.windowScale >= 0;
  c.sndScale = c.peerScales ? options.windowScale : 0;
  c.rcvScale = c.peerScales ? stack.windowScale : 0;
  c.timestamps = offer.timestamps && options.hasTimestamps;
  c.sackPermitted = offer.sack && options.sackPermitted;
  if (c.timestamps) {
    c.tsRecent = options.tsVal;
    c.tsRecentSeconds = stack.nowSeconds;
  }
  c.sndWnd = window; // a SYN's window is not scaled
  c.maxSndWnd = window;
  updateMss(c);
}

/** Computes Eff.snd.MSS (RFC 9293 §3.7.1) and how a super-segment is cut, from what the peer, path and link allow. */
export function updateMss(c: Connection): void {
  const stack = c.stack;
  const pool = stack.link.data;
  const path = c.pathMtu !== 0 && c.pathMtu < stack.link.mtu ? c.pathMtu : stack.link.mtu;
  const largest = Math.min(c.peerMss, path - IPV4_TCP_HEADER_BYTES);
  const optionBytes = c.timestamps ? TIMESTAMPS_BLOCK_BYTES : 0;
  c.mss = Math.min(Math.max(largest, MIN_MSS) - optionBytes, pool.capacity);
  const superBytes = Math.min(stack.superSegmentBytes, pool.capacity);
  c.superBytes = superBytes > c.mss ? superBytes - (superBytes % c.mss) : c.mss;
  // Segments of a tiny MSS share a buffer: a writer can rely on room for a few words.
  const worthwhile = c.mss * Math.ceil(MIN_BUFFER_BYTES / c.mss);
  c.queue.capacity = Math.min(Math.max(c.superBytes, worthwhile), pool.capacity);
}

/** Sends our SYN or SYN,ACK, first or again, and restarts its timer. */
export function transmitSyn(c: Connection): void {
  sendSyn(c, c.state === SYN_SENT ? SYN : SYN | ACK);
  armRetransmit(c);
}

/**
 * Our SYN was acknowledged and the peer's is known. Starts the clockwork of an open connection and tells the owner, who may
 * have closed it again on return.
 */
export function establish(c: Connection, cause: string): void {
  const stack = c.stack;
  const synLost = c.retries > 0;
  if (!synLost && c.timing) c.rtt.sample(distance(stack.clockUs, c.timedAtUs));
  // RFC 6298 §5.7
  else if (synLost) c.rtt.baseRtoUs = Math.max(c.rtt.baseRtoUs, stack.config.synLostRtoMs * 1000);
  c.rtt.backoff = 0;
  c.timing = false;
  c.retries = 0;
  c.armed &= ~TIMER_RETRANSMIT;
  c.rtxNxt = c.sndUna;
  c.rtxEnd = c.sndUna;
  c.lastSentUs = stack.clockUs;
  buildTemplate(c);
  stack.congestion.onOpen(c, synLost);
  stack.counters.established++;
  c.heardMs = stack.clockMs;
  if (c.keepAliveMs > 0) armKeepAlive(c, c.keepAliveMs);
  if (c.state < ESTABLISHED && c.listener !== null) c.listener.halfOpen--;
  setState(c, ESTABLISHED, cause);
  c.announced = true;
  c.handler.onOpen(c);
  if (c.state === CLOSED) return;
  if (c.finQueued && c.state === ESTABLISHED) setState(c, FIN_WAIT_1, 'CLOSE was called');
  stack.markDirty(c.slot);
}
