/**
 * Reductions that were for nothing: what was taken for lost was late. Three witnesses, each as soon as it speaks:
 *
 *   timestamps   the acknowledgment echoes one from before the first copy: the original arrived (Eifel, RFC 3522)
 *   D-SACK       every copy was reported as received twice (RFC 3708)
 *   F-RTO        after a timeout, what was never sent again is acknowledged (RFC 5682)
 *
 * The answer is the same for all: the windows are as they were (RFC 4015 §3), and nothing is lost.
 */
import type { Connection } from '../connection.ts';
import { distance, greaterThan, lessThan } from '../sequence.ts';
import { LOST } from './ledger.ts';
import { LOSS, OPEN, RECOVERY, type RecoveryState } from './recovery-state.ts';

/** A reduction begins that may turn out to be for nothing. */
export function watchForUndo(c: Connection, r: RecoveryState): void {
  r.undoable = c.stack.config.undo;
  r.undoFrom = c.sndUna;
  r.undoBytes = 0;
  r.copied = false;
}

/** Whether the acknowledgment that is being taken in says so; `advanced`: it acknowledges new data. */
export function wasForNothing(c: Connection, r: RecoveryState, advanced: boolean, dsack: boolean): boolean {
  if (!r.undoable || !r.copied) return false;
  if (dsack && r.undoBytes <= 0) return true;
  const { options } = c.stack;
  if (!advanced || c.caState < RECOVERY || !c.timestamps || !options.hasTimestamps || options.tsEcr === 0) return false;
  return lessThan(options.tsEcr, r.firstCopyTs);
}

/** What was in flight when a timeout expired is acknowledged, and was never sent again (RFC 5682 §3.1 step 3b). */
export function timeoutWasSpurious(c: Connection, r: RecoveryState): boolean {
  // Without SACK a copy that fills the only hole acknowledges the originals behind it, too: no witness.
  const d = r.delivered;
  return r.frto && d.original && (c.sackPermitted || !d.repeated);
}

/**
 * RFC 5682 §3.1 step 2b: the first acknowledgment of new data after a timeout lets new data go before lost data, if there is
 * some; steps 2a and 3a: an acknowledgment of nothing new means that something is missing, and recovery goes on as ever.
 */
export function stepFrto(c: Connection, r: RecoveryState, advanced: boolean, duplicate: boolean): void {
  if (!r.frto) return;
  const missing = duplicate || r.delivered.sackedBytes > 0;
  if (r.frtoSendsNew ? missing : !advanced || !mayTryNew(c)) {
    r.frto = false;
    r.frtoSendsNew = false;
  } else r.frtoSendsNew = true;
}

function mayTryNew(c: Connection): boolean {
  return c.queue.unsentBytes > 0 && greaterThan(c.sndWnd, distance(c.sndNxt, c.sndUna));
}

/** Everything as if nothing had happened. */
export function undoReduction(c: Connection, r: RecoveryState): void {
  const { counters, observer } = c.stack;
  counters.reductionsUndone++;
  r.undoable = false;
  r.frto = false;
  r.frtoSendsNew = false;
  r.reorderings++; // late is not lost
  if (c.caState === RECOVERY || c.caState === LOSS) {
    c.caState = OPEN;
    c.dupAcks = 0;
    if (c.ledger !== null) c.ledger.clear(LOST);
  }
  c.congestion.onUndo(c);
  if (observer !== null) observer.congestionChanged(c, 'undone');
}
