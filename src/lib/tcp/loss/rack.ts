/**
 * Loss found by time (RFC 8985 §6): what was sent before something that has arrived, by more than a round trip and a
 * reordering window, is lost. It needs no three duplicates, sees lost retransmissions, and waits where packets overtake each
 * other. Without it, and with SACK: RFC 6675's count of what was SACKed above.
 *
 *   sent:   1   2   3   4   5           5 is SACKed, one RTT after it was sent:
 *           ✓   ✗   ✓   ✗   ✓           2 and 4 were sent before it and are lost, once RTT + reordering window are over
 */
import type { Connection } from '../connection.ts';
import { add } from '../sequence.ts';
import { armReordering, TIMER_REORDERING } from '../timers.ts';
import { sentAfter } from './delivered.ts';
import { isOut, ledgerOf } from './flight.ts';
import { type Ledger, LOST, RESENT, SACKED } from './ledger.ts';
import { RECOVERY, type RecoveryState } from './recovery-state.ts';

/** Segments SACKed above that mean a loss and not a reordering (RFC 6675 §2, RFC 8985 §6.2 step 4). */
const DUPLICATE_THRESHOLD = 3;
/** Linux's tcp_max_reordering. */
const MAX_REORDERED = 300;
/** RFC 8985 §6.2 step 4: recoveries for which a widened reordering window stays wide. */
const REORDER_PERSISTS = 16;

/** Steps 1 to 3: what an acknowledgment has delivered tells which transmission is the latest to have arrived. */
export function rackDelivered(c: Connection, r: RecoveryState): void {
  const d = r.delivered;
  r.fack = d.fack;
  if (d.reorderedBytes > 0) {
    r.reorderings++;
    r.reorderedSegments = Math.max(r.reorderedSegments, Math.min(Math.ceil(d.reorderedBytes / c.mss), MAX_REORDERED));
  }
  if (!d.timed) return;
  if (r.rackValid && !sentAfter(d.sentUs, d.end, r.rackSentUs, r.rackEnd)) return;
  r.rackValid = true;
  r.rackSentUs = d.sentUs;
  r.rackEnd = d.end;
  r.rackRttUs = (c.stack.clockUs - d.sentUs) | 0;
}

/** Step 4: a D-SACK means that something was taken for lost too early. Once for each round trip. */
export function widenReordering(c: Connection, r: RecoveryState): void {
  if (r.widened && c.sndUna !== r.widenedUntil && isOut(c, r.widenedUntil)) return;
  r.widened = true;
  r.widenedUntil = c.sndNxt;
  r.reorderSteps = Math.min(r.reorderSteps + 1, 255);
  r.reorderPersists = REORDER_PERSISTS;
}

/** Step 4: a recovery is over without a D-SACK. */
export function narrowReordering(r: RecoveryState): void {
  if (r.reorderPersists > 0 && --r.reorderPersists === 0) r.reorderSteps = 1;
}

/** Marks what is lost now, and returns how many bytes of that were not before. Says when to look again (step 5). */
export function markLosses(c: Connection, r: RecoveryState): number {
  const ledger = ledgerOf(c);
  c.armed &= ~TIMER_REORDERING;
  if (!c.stack.config.rack) return markBelowSacked(c, ledger);
  if (!r.rackValid || (c.caState < RECOVERY && ledger.plain)) return 0;
  const dueAfterUs = r.rackRttUs + reorderingUs(c, r, ledger);
  const clockUs = c.stack.clockUs;
  let lostBytes = 0;
  let waitUs = 0;
  for (let i = 0; i < ledger.count; i++) {
    const marks = ledger.marksOf(i);
    if ((marks & SACKED) !== 0 || (marks & (LOST | RESENT)) === LOST) continue;
    const sentUs = ledger.sentUsOf(i);
    if (!sentAfter(r.rackSentUs, r.rackEnd, sentUs, ledger.endOf(i))) continue;
    const leftUs = (add(sentUs, dueAfterUs) - clockUs) | 0;
    if (leftUs <= 0) {
      ledger.mark(i, (marks | LOST) & ~RESENT);
      lostBytes += ledger.lengthOf(i);
    } else if (leftUs > waitUs) waitUs = leftUs;
  }
  if (lostBytes > 0) ledger.reason = 'rack';
  if (waitUs > 0) armReordering(c, waitUs);
  return lostBytes;
}

/** RACK_update_reo_wnd: how long a segment may be late; nothing when it is plain that some are lost. */
function reorderingUs(c: Connection, r: RecoveryState, ledger: Ledger): number {
  if (r.reorderings === 0) {
    if (c.caState >= RECOVERY || ledger.segmentsWith(SACKED) >= DUPLICATE_THRESHOLD) return 0;
  }
  const windowUs = r.reorderSteps * (c.rtt.minUs >> 2);
  return windowUs < c.rtt.srttUs ? windowUs : c.rtt.srttUs;
}

/** IsLost of RFC 6675 §4: three segments, or more than two full ones, were SACKed above. Copies are never lost again. */
function markBelowSacked(c: Connection, ledger: Ledger): number {
  let segments = 0;
  let bytes = 0;
  let lostBytes = 0;
  for (let i = ledger.count - 1; i >= 0; i--) {
    const marks = ledger.marksOf(i);
    if ((marks & SACKED) !== 0) {
      segments += ledger.segmentsOf(i);
      bytes += ledger.lengthOf(i);
    } else if ((marks & (LOST | RESENT)) === 0) {
      if (segments < DUPLICATE_THRESHOLD && bytes <= (DUPLICATE_THRESHOLD - 1) * c.mss) continue;
      ledger.mark(i, marks | LOST);
      lostBytes += ledger.lengthOf(i);
    }
  }
  if (lostBytes > 0) ledger.reason = 'fast';
  return lostBytes;
}
