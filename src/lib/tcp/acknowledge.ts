/**
 * An acceptable acknowledgment (RFC 9293 §3.10.7.4, fifth step): the send window, what leaves the retransmission queue, the
 * round-trip sample, the timer.
 */
import type { Connection } from './connection.ts';
import { shortenLedger } from './loss/flight.ts';
import { doubtfulAckArrives, resendAll, sampleEcho } from './loss/recovery.ts';
import { OPEN } from './loss/recovery-state.ts';
import { atLeast, distance } from './sequence.ts';
import { armRetransmit, TIMER_PERSIST, TIMER_REORDERING, TIMER_RETRANSMIT, TIMER_TAIL_PROBE } from './timers.ts';

/** Nothing is in flight: of these timers none is armed. */
const NOT_RETRANSMIT = ~(TIMER_RETRANSMIT | TIMER_TAIL_PROBE | TIMER_REORDERING);

/** Takes the window of a segment unless an older one overtook it: SND.WL1, SND.WL2. */
export function updateSendWindow(c: Connection, window: number, sequence: number, ack: number): void {
  const newer = (sequence - c.sndWl1) | 0;
  if (newer < 0 || (newer === 0 && ((ack - c.sndWl2) | 0) < 0)) {
    // What acknowledges more than any before it says more about the window, even if it is a retransmission with an old
    // sequence number: RFC 9293 would keep an edge that lies beyond the receiver's.
    if (((ack - c.sndUna) | 0) <= 0) return;
  }
  c.sndWl1 = sequence;
  c.sndWl2 = ack;
  if (window === c.sndWnd) return;
  const wasClosed = c.sndWnd === 0;
  c.sndWnd = window;
  if (window > c.maxSndWnd) c.maxSndWnd = window;
  if (c.queue.unsentBytes !== 0 || c.finQueued || c.leftBytes !== 0) c.stack.markDirty(c.slot);
  if (window > 0 && ((c.armed & TIMER_PERSIST) !== 0 || (wasClosed && c.rtt.backoff !== 0))) leavePersist(c);
}

/**
 * `acked` bytes up to SEG.ACK, of a connection whose segments take the short way: no FIN is queued, nothing is lost or timed
 * out, no window is closed. What remains of `acknowledge` then.
 */
export function acknowledgePredicted(c: Connection, ack: number, acked: number): void {
  const stack = c.stack;
  const queue = c.queue;
  const sndNxt = c.sndNxt;
  const flight = (sndNxt - c.sndUna) | 0;
  c.sndUna = ack;
  c.retries = 0;
  c.hop!.progressUs = stack.net.nowUs;
  queue.drop(acked);
  let rttUs = 0;
  if (c.timing && ((ack - c.timedSeq) | 0) >= 0) {
    c.timing = false;
    rttUs = (stack.clockUs - c.timedAtUs) | 0;
    c.rtt.sample(rttUs);
  }
  if (c.ledger !== null) rttUs = shortenLedger(c);
  c.congestion.onAck(c, acked, flight, rttUs);
  if (ack === sndNxt)
    c.armed &= NOT_RETRANSMIT; // RFC 6298 §5.2
  else armRetransmit(c); // §5.3
  if (queue.unsentBytes !== 0 || queue.backlogBytes !== 0) stack.markDirty(c.slot);
  if (c.wantsDrain) c.handler.onDrain(c);
}

/** SEG.ACK is after SND.UNA and not after SND.NXT. */
export function acknowledge(c: Connection, ack: number): void {
  const stack = c.stack;
  const flight = distance(c.sndNxt, c.sndUna);
  const acked = distance(ack, c.sndUna);
  const allAcked = ack === c.sndNxt;
  const bytes = c.finSent && allAcked ? acked - 1 : acked;
  c.sndUna = ack;
  c.retries = 0;
  if (c.hop !== null) c.hop.progressUs = stack.net.nowUs;
  if (bytes > 0) c.queue.drop(bytes);
  const backedOff = c.rtt.backoff !== 0;
  let rttUs = 0;
  if (c.timing && atLeast(ack, c.timedSeq)) {
    c.timing = false;
    rttUs = distance(stack.clockUs, c.timedAtUs);
    c.rtt.sample(rttUs);
  }
  let restart = true;
  if (!isPlain(c)) restart = doubtfulAckArrives(c, acked, flight, false, rttUs);
  else {
    if (backedOff && rttUs === 0) sampleEcho(c);
    if (c.ledger !== null) rttUs = shortenLedger(c);
    c.congestion.onAck(c, acked, flight, rttUs);
  }
  if (backedOff) c.updatePrediction();
  if (allAcked)
    c.armed &= NOT_RETRANSMIT; // RFC 6298 §5.2
  else if (restart && (c.armed & TIMER_PERSIST) === 0) armRetransmit(c); // §5.3
  if (c.queue.unsentBytes !== 0 || c.queue.backlogBytes !== 0 || c.finQueued) stack.markDirty(c.slot);
  if (c.wantsDrain && bytes > 0) c.handler.onDrain(c);
}

/**
 * SEG.ACK is SND.UNA. `pure`: no text, no FIN, the window as before: a duplicate in the sense of RFC 5681 §2. With SACK, the
 * blocks count, whatever else the segment carries.
 */
export function duplicateAck(c: Connection, pure: boolean): void {
  const { options, counters } = c.stack;
  const selective = c.sackPermitted && options.sackBlocks > 0;
  if (c.sndWnd === 0) {
    // The peer lives, and keeps its window closed: probe on, as long as it answers (RFC 9293 §3.8.6.1).
    c.retries = 0;
    return;
  }
  const idle = c.sndNxt === c.sndUna;
  if (idle && !selective && !c.recovery?.probing) return;
  if (pure && !idle) counters.duplicateAcksIn++;
  if (selective || pure) doubtfulAckArrives(c, 0, distance(c.sndNxt, c.sndUna), pure, 0);
}

/** Nothing is lost, out of order or being probed, and the acknowledgment does not say otherwise. */
function isPlain(c: Connection): boolean {
  if (c.caState !== OPEN || c.dupAcks !== 0 || (c.ledger !== null && !c.ledger.plain)) return false;
  if (c.recovery?.probing) return false;
  return !c.sackPermitted || c.stack.options.sackBlocks === 0;
}

/**
 * The window opened while it was being probed, by either timer: what was refused goes again at once, and not when the timer
 * that has backed off would have it.
 */
function leavePersist(c: Connection): void {
  c.armed &= ~TIMER_PERSIST;
  c.retries = 0;
  c.rtt.backoff = 0;
  c.stack.markDirty(c.slot);
  if (c.sndNxt !== c.sndUna) {
    armRetransmit(c);
    resendAll(c, 'window-reopened');
  }
  c.updatePrediction();
}
