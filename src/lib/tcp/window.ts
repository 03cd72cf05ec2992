/**
 * The window that we offer (RFC 9293 §3.8.6). Data that is handed up at once never narrows it; what waits in the ring does.
 *
 *   rcvNxt − buffered        rcvNxt                rcvAdv
 *        ├──── RCV.USER ───────┼────── RCV.WND ──────┤
 *        ├──────────────── RCV.BUFF ──────────────────────┤   the right edge never moves left, and right by worthwhile steps
 *
 * RCV.BUFF (`rcvBuffer`) fits itself to the path: dynamic right-sizing (W. Feng, M. Fisk et al.), as Linux does it. A sender
 * that doubles its rate with each round trip needs twice what the reader took in the last one. So, when half of RCV.BUFF was
 * taken within one round trip, it doubles. It never shrinks: an edge that was offered is kept.
 */
import type { Connection } from './connection.ts';
import { add, distance } from './sequence.ts';

/** Bursts come once a round trip, never exactly: so many quarters of one still count as one. */
const ROUND_TRIP_QUARTERS = 5;
/** An echo that is older is no measure of a round trip: the sender was idle. */
const MAX_ROUND_TRIP_MS = 10_000;
/** From the TCP header to TSecr, where timestamps are the only option (RFC 7323 appendix A). */
const TSECR = 28;

/** What the window field of a segment says now, scaled down; remembers the edge that it offers. */
export function advertiseWindow(c: Connection): number {
  let offer = c.rcvBuffer;
  if (c.buffered !== 0) {
    offer -= c.buffered;
    const offered = distance(c.rcvAdv, c.rcvNxt);
    if (offer - offered < worthwhileStep(c)) offer = offered;
  }
  let field = offer >> c.rcvScale;
  if (field > 0xffff) field = 0xffff;
  const edge = (c.rcvNxt + (field << c.rcvScale)) | 0;
  if (((edge - c.rcvAdv) | 0) > 0) c.rcvAdv = edge;
  return field;
}

/** The reader took bytes out of the ring: tell the peer when the window has grown enough. */
export function updateWindowAfterRead(c: Connection): void {
  const room = c.rcvBuffer - c.buffered;
  const most = 0xffff << c.rcvScale;
  const offered = distance(c.rcvAdv, c.rcvNxt);
  const growth = (room < most ? room : most) - offered;
  // While the peer has more left than it would gain, the next acknowledgment will tell it (as Linux has it).
  if (growth < worthwhileStep(c) || growth < offered) return;
  c.ackNow = true;
  c.stack.markDirty(c.slot);
}

/** RFC 9293 §3.8.6.2.2: the silly window is avoided by steps of min(RCV.BUFF / 2, MSS). */
function worthwhileStep(c: Connection): number {
  const half = c.rcvBuffer >> 1;
  return c.mss < half ? c.mss : half;
}

/** RCV.NXT is known: from here on is measured what the reader takes. */
export function startRightSizing(c: Connection): void {
  c.takenUs = c.stack.clockUs;
  c.takenSeq = add(c.rcvNxt, c.rcvBuffer >> 1);
}

/**
 * RCV.NXT has moved. When it reaches `takenSeq`, half of RCV.BUFF has arrived since `takenUs`: doubles RCV.BUFF if that was
 * within a round trip and the reader has kept up. Called by those who find an acknowledgment due for bulk, so that requests and replies never come here.
 *
 * @param tcp offset of the segment's header if its options are as predicted, else 0
 */
export function fitWindow(c: Connection, tcp: number): void {
  const toGo = distance(c.takenSeq, c.rcvNxt);
  if (toGo > 0 && toGo <= c.rcvBuffer) return; // further off is 2³¹ bytes ago: small requests pass it unseen
  const elapsedUs = (c.stack.clockUs - c.takenUs) >>> 0; // up to 71 minutes
  // All in one turn of the loop: nobody waited for us. And what the reader has not taken does not count.
  if (elapsedUs === 0 || c.buffered !== 0) return;
  measureRoundTrip(c, tcp);
  if (elapsedUs * 4 < c.rcvRttUs * ROUND_TRIP_QUARTERS) growWindow(c);
  startRightSizing(c);
}

/**
 * A receiver learns the round trip from the echo of its timestamps; where that is too coarse, or missing, there is the one of
 * the handshake or of our own data. The least is the path's; it may grow slowly.
 */
function measureRoundTrip(c: Connection, tcp: number): void {
  const stack = c.stack;
  let sampleUs = c.rtt.srttUs;
  if (c.timestamps && tcp !== 0) {
    const echoedMs = distance(stack.clockMs + c.tsOffset, stack.memory.dv.getInt32(tcp + TSECR, false));
    if (echoedMs > 1 && echoedMs < MAX_ROUND_TRIP_MS) sampleUs = echoedMs * 1000;
  }
  if (c.rcvRttUs === 0 || sampleUs < c.rcvRttUs) c.rcvRttUs = sampleUs;
  else c.rcvRttUs += (sampleUs - c.rcvRttUs) >> 3;
}

/**
 * Doubles RCV.BUFF, up to the largest that may be or that the scale can say, as long as all connections together stay within
 * their limit and the memory that rings would come from is less than half used.
 */
function growWindow(c: Connection): void {
  const stack = c.stack;
  const { extents } = stack.memory;
  if (extents.usedBytes > extents.bytes >> 1) return;
  const most = Math.min(stack.maxReceiveWindow, 0xffff << c.rcvScale);
  const growth = Math.min(c.rcvBuffer, most - c.rcvBuffer, stack.windowGrowthLeft);
  if (growth <= 0) return;
  stack.windowGrowthLeft -= growth;
  c.rcvBuffer += growth;
  stack.counters.windowsGrown++;
}

/** The connection is over: what it had grown by may go to others. */
export function returnWindow(c: Connection): void {
  c.stack.windowGrowthLeft += Math.max(0, c.rcvBuffer - c.stack.receiveWindow);
  c.rcvBuffer = c.stack.receiveWindow;
}
