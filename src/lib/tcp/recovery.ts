/**
 * Loss, as acknowledgments tell it: duplicate ACKs, fast retransmit, and fast recovery (RFC 5681 §3.2, RFC 6582). The sizes
 * of the windows are the congestion control's; what is resent is decided here, and sent by output.ts at the end of the turn.
 */
import type { Connection } from './connection.ts';
import type { RetransmitReason } from './events.ts';
import { atLeast, atMost } from './sequence.ts';

/** RFC 5681 §3.2: duplicate ACKs that mean a loss and not a reordering. */
const DUPLICATE_THRESHOLD = 3;

/** An acknowledgment that says nothing new while data is in flight. */
export function duplicateAckArrives(c: Connection): void {
  const stack = c.stack;
  stack.counters.duplicateAcksIn++;
  stack.markDirty(c.slot);
  if (c.inRecovery) {
    stack.congestion.onDuplicateAck(c);
    return;
  }
  c.dupAcks++;
  if (c.dupAcks === 1) c.updatePrediction();
  if (c.dupAcks !== DUPLICATE_THRESHOLD || c.rtxNxt !== c.rtxEnd) return;
  // RFC 6582 §3.2 step 2: only if more than `recover` is acknowledged; else these are echoes of the last recovery.
  if (atMost(c.sndUna, c.recover)) return;
  c.recover = c.sndNxt;
  c.inRecovery = true;
  c.partialAckSeen = false;
  stack.counters.fastRetransmits++;
  stack.congestion.onEnterRecovery(c, c.flightBytes);
  c.updatePrediction();
  c.resendReason = 'fast'; // at the end of the turn: output.ts
}

/**
 * New data was acknowledged in recovery, after duplicates, or while lost data is being resent. `ackedBytes` of `flightBytes`
 * are gone from the flight already. True when the retransmission timer is to be restarted.
 */
export function recoveryAckArrives(c: Connection, ackedBytes: number, flightBytes: number): boolean {
  const stack = c.stack;
  let restartTimer = true;
  if (c.inRecovery) {
    if (atLeast(c.sndUna, c.recover)) {
      c.inRecovery = false;
      c.resendReason = null;
      stack.congestion.onExitRecovery(c, c.flightBytes);
    } else {
      stack.congestion.onPartialAck(c, ackedBytes);
      c.resendReason = 'partial-ack';
      restartTimer = !c.partialAckSeen;
      c.partialAckSeen = true;
    }
  } else stack.congestion.onAck(c, ackedBytes, flightBytes);
  c.dupAcks = 0;
  if (atMost(c.rtxEnd, c.sndUna)) c.rtxNxt = c.rtxEnd;
  stack.markDirty(c.slot);
  c.updatePrediction();
  return restartTimer;
}

/** Everything in flight is to be sent again, beginning at SND.UNA. */
export function resendAll(c: Connection, reason: RetransmitReason): void {
  c.rtxNxt = c.sndUna;
  c.rtxEnd = c.sndNxt;
  c.rtxBuffer = c.queue.head;
  c.rtxOffset = c.queue.headOffset;
  c.rtxReason = reason;
  c.resendReason = null;
  c.inRecovery = false;
  c.dupAcks = 0;
  c.timing = false;
  c.updatePrediction();
  c.stack.markDirty(c.slot);
}
