/**
 * When an acknowledgment that could wait does not (RFC 9293 §3.8.6.3 lets it wait, RFC 5681 §4.2 says when it must not). With
 * `config.quickAcks`, as Linux does it: a new connection's sender is in slow start, which every acknowledgment speeds up, so
 * the first ones go at once; also after a pause. But when the owner answers what it gets, they ride on the answers.
 *
 * And whoever has lost something is short of acknowledgments: its window is small, and the second segment that a delayed one waits
 * for is the probe of an acknowledgment that got lost, or gets lost itself. So then each full segment is acknowledged.
 */
import { TCP_HEADER_BYTES } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { distance } from './sequence.ts';

/** How long something out of order, or that came twice, speaks of a path that loses segments. */
const LOSSY_SECONDS = 1;

/**
 * More than rcvMss is unacknowledged, and no reply carried the acknowledgment: is that more than a full segment, so that one is
 * due (RFC 5681 §4.2: for at least every second segment, and the last may be short)? Not if it shows that the peer's full
 * segments are larger than was thought, as they are when its MSS is smaller than ours.
 */
export function moreThanFull(c: Connection): boolean {
  const most = c.stack.offeredMss - (c.tcpHeaderBytes - TCP_HEADER_BYTES);
  c.rcvMss = c.unackedBytes < most ? c.unackedBytes : most;
  return c.unackedBytes > c.rcvMss;
}

/** Called where an acknowledgment would be delayed; true: send it now. */
export function takeQuickAck(c: Connection): boolean {
  const { clockUs, config, delayedAckUs, nowSeconds } = c.stack;
  const full = c.unackedBytes >= c.rcvMss || c.unackedBytes >= c.mss;
  if (full && nowSeconds - c.disorderSeconds <= LOSSY_SECONDS) return true;
  if (config.quickAcks === 0) return false;
  const answeredAfterUs = distance(c.lastSentUs, c.arrivedUs);
  const answered = c.sndNxt !== c.arrivedNxt && answeredAfterUs >= 0 && answeredAfterUs < delayedAckUs;
  const silentUs = (clockUs - c.arrivedUs) >>> 0; // up to 71 minutes
  if (c.quickAcks < 0 || silentUs > c.rtt.rtoUs) c.quickAcks = config.quickAcks;
  else if (answered) c.interactive = true;
  c.arrivedUs = clockUs;
  c.arrivedNxt = c.sndNxt;
  if (c.interactive || c.quickAcks === 0) return false;
  c.quickAcks--;
  return true;
}
