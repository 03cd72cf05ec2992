/**
 * An acceptable acknowledgment (RFC 9293 §3.10.7.4, fifth step): the send window, what leaves the retransmission queue, the
 * round-trip sample, the timer.
 */
import type { Connection } from './connection.ts';
import { duplicateAckArrives, recoveryAckArrives, resendAll } from './recovery.ts';
import { atLeast, distance } from './sequence.ts';
import { armRetransmit, TIMER_PERSIST, TIMER_RETRANSMIT } from './timers.ts';

const NOT_RETRANSMIT = ~TIMER_RETRANSMIT;

/** Takes the window of a segment unless an older one overtook it: SND.WL1, SND.WL2. */
export function updateSendWindow(c: Connection, window: number, sequence: number, ack: number): void {
  const newer = (sequence - c.sndWl1) | 0;
  if (newer < 0 || (newer === 0 && ((ack - c.sndWl2) | 0) < 0)) return;
  c.sndWl1 = sequence;
  c.sndWl2 = ack;
  if (window === c.sndWnd) return;
  c.sndWnd = window;
  if (window > c.maxSndWnd) c.maxSndWnd = window;
  if (c.queue.unsentBytes !== 0 || c.finQueued || c.rtxNxt !== c.rtxEnd) c.stack.markDirty(c.slot);
  if ((c.armed & TIMER_PERSIST) !== 0 && window > 0) leavePersist(c);
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
  c.rtxNxt = ack;
  c.rtxEnd = ack;
  c.retries = 0;
  c.hop!.progressUs = stack.net.nowUs;
  queue.drop(acked);
  if (c.timing && ((ack - c.timedSeq) | 0) >= 0) {
    c.timing = false;
    c.rtt.sample((stack.clockUs - c.timedAtUs) | 0);
  }
  stack.congestion.onAck(c, acked, flight);
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
  if (c.timing && atLeast(ack, c.timedSeq)) {
    c.timing = false;
    c.rtt.sample(distance(stack.clockUs, c.timedAtUs));
  } else if (backedOff) sampleByTimestamp(c);
  let restart = true;
  if (c.inRecovery || c.dupAcks !== 0 || c.rtxNxt !== c.rtxEnd) restart = recoveryAckArrives(c, acked, flight);
  else {
    c.rtxNxt = ack;
    c.rtxEnd = ack;
    stack.congestion.onAck(c, acked, flight);
  }
  if (backedOff) c.updatePrediction();
  if (allAcked)
    c.armed &= ~TIMER_RETRANSMIT; // RFC 6298 §5.2
  else if (restart && (c.armed & TIMER_PERSIST) === 0) armRetransmit(c); // §5.3
  if (c.queue.unsentBytes !== 0 || c.queue.backlogBytes !== 0 || c.finQueued) stack.markDirty(c.slot);
  if (c.wantsDrain && bytes > 0) c.handler.onDrain(c);
}

/** SEG.ACK is SND.UNA. `pure`: no text, no FIN, the window as before: a duplicate in the sense of RFC 5681 §2. */
export function duplicateAck(c: Connection, pure: boolean): void {
  if (c.sndNxt === c.sndUna) return;
  if (c.sndWnd === 0) {
    // The peer lives, and keeps its window closed: probe on, as long as it answers (RFC 9293 §3.8.6.1).
    c.retries = 0;
    return;
  }
  if (pure) duplicateAckArrives(c);
}

/** Karn leaves no sample when everything was resent, but the echo of a timestamp tells the copies apart (RFC 7323 §4.1). */
function sampleByTimestamp(c: Connection): void {
  const options = c.stack.options;
  if (!c.timestamps || !options.hasTimestamps || options.tsEcr === 0) return;
  const elapsedMs = distance(c.stack.clockMs + c.tsOffset, options.tsEcr);
  if (elapsedMs >= 0 && elapsedMs < 120_000) c.rtt.sample(elapsedMs * 1000);
}

/** The window opened while it was being probed: what the probes carried, and were refused, goes again at once. */
function leavePersist(c: Connection): void {
  c.armed &= ~TIMER_PERSIST;
  c.retries = 0;
  c.rtt.backoff = 0;
  c.stack.markDirty(c.slot);
  if (c.sndNxt !== c.sndUna) resendAll(c, 'window-reopened');
  c.updatePrediction();
}
