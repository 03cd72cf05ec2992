/**
 * What both roles share of the three-way handshake: numbers and options taken from a SYN, the SYN's own retransmission, and
 * the step into ESTABLISHED.
 */
import { ACK, SYN } from '../../wire/tcp.ts';
import { sendSyn } from '../bare.ts';
import { setState } from '../close.ts';
import type { Connection } from '../connection.ts';
import { takeHeldText } from '../deliver.ts';
import { ecnSynFlags } from '../ecn.ts';
import { buildTemplate } from '../header.ts';
import { type ParsedOptions, TIMESTAMPS_BLOCK_BYTES } from '../options.ts';
import { add, distance } from '../sequence.ts';
import { CLOSED, ESTABLISHED, FIN_WAIT_1, SYN_SENT } from '../state.ts';
import { armKeepAlive, armRetransmit, armUserTimeout, TIMER_RETRANSMIT } from '../timers.ts';
import { startRightSizing } from '../window.ts';
import { initialSequence, timestampOffset } from './isn.ts';

/** RFC 9293 §3.7.1: the send MSS when the peer's SYN has no MSS option. */
const DEFAULT_MSS = 536;
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
  c.shortEnd = iss;
  c.recover = iss;
}

/** Takes the peer's initial sequence number and options from its SYN. */
export function acceptSyn(c: Connection, sequence: number, window: number, options: ParsedOptions): void {
  const stack = c.stack;
  const offer = stack.config;
  c.irs = sequence;
  c.rcvNxt = add(sequence, 1);
  c.rcvAdv = add(c.rcvNxt, Math.min(stack.receiveWindow, 0xffff));
  startRightSizing(c);
  c.peerMss = options.mss === 0 ? DEFAULT_MSS : Math.max(offer.minMss, options.mss);
  c.peerScales = c.offersOptions && offer.windowScale && options.windowScale >= 0;
  c.sndScale = c.peerScales ? options.windowScale : 0;
  c.rcvScale = c.peerScales ? stack.windowScale : 0;
  c.timestamps = c.offersOptions && offer.timestamps && options.hasTimestamps;
  c.sackPermitted = c.offersOptions && offer.sack && options.sackPermitted;
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
  const allowed = c.maxSeg !== 0 && c.maxSeg < c.peerMss ? c.maxSeg : c.peerMss;
  const largest = Math.min(allowed, path - IPV4_TCP_HEADER_BYTES);
  const optionBytes = c.timestamps ? TIMESTAMPS_BLOCK_BYTES : 0;
  c.mss = Math.min(largest - optionBytes, pool.capacity);
  c.rcvMss = Math.min(c.mss, stack.offeredMss - optionBytes);
  if (c.cwnd !== 0 && c.cwnd < c.mss) c.cwnd = c.mss; // the path got wider after a timeout: else no full segment would go
  const superBytes = Math.min(stack.superSegmentBytes, pool.capacity);
  c.superBytes = superBytes > c.mss ? superBytes - (superBytes % c.mss) : c.mss;
  // Segments of a tiny MSS share a buffer: a writer can rely on room for a few words.
  const worthwhile = c.mss * Math.ceil(MIN_BUFFER_BYTES / c.mss);
  c.queue.capacity = Math.min(Math.max(c.superBytes, worthwhile), pool.capacity);
}

/** From now on it may take `openTimeoutMs` to open. */
export function startOpenTimeout(c: Connection): void {
  if (c.openTimeoutMs === 0) return;
  c.stalledSinceMs = c.stack.clockMs;
  armUserTimeout(c, c.openTimeoutMs);
}

/** Sends our SYN or SYN,ACK, first or again, and starts its timer anew. */
export function transmitSyn(c: Connection): void {
  const flags = c.state === SYN_SENT ? SYN : SYN | ACK;
  sendSyn(c, flags | ecnSynFlags(c, flags));
  armRetransmit(c);
}

/** The peer's SYN came again: so does our SYN,ACK, while its timer runs on, or a sender of SYNs could keep it for ever. */
export function repeatSyn(c: Connection): void {
  c.timing = false; // Karn
  sendSyn(c, SYN | ACK | ecnSynFlags(c, SYN | ACK));
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
  c.probesTail = stack.config.rack && stack.config.tailLossProbe && c.sackPermitted;
  c.lastSentUs = stack.clockUs;
  const listener = c.listener;
  if (listener !== null) {
    listener.halfOpen--;
    // The peer has shown that its address is its own: from now on ARP may know it.
    c.hop = stack.net.learn(c.remoteIp, stack.frame) ?? c.hop;
  }
  buildTemplate(c);
  c.congestion.onOpen(c, synLost);
  stack.counters.established++;
  c.heardMs = stack.clockMs;
  if (c.keepAliveMs > 0) armKeepAlive(c, c.keepAliveMs);
  setState(c, ESTABLISHED, cause);
  if (listener?.waiting != null) {
    listener.enqueue(c);
    return;
  }
  c.announced = true;
  c.handler.onOpen(c);
  if (c.ring !== null && c.state === ESTABLISHED) takeHeldText(c);
  if (c.state === CLOSED) return;
  if (c.finQueued && c.state === ESTABLISHED) setState(c, FIN_WAIT_1, 'CLOSE was called');
  stack.markDirty(c.slot);
}
