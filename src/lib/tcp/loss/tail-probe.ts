/**
 * Tail loss probe (RFC 8985 §7): the last segments of a flight have nothing behind them that could tell of their loss. After
 * two round trips of silence one more segment goes, new if there is one, else the last again: its SACK brings RACK to work, a
 * retransmission timeout and a collapsed window later.
 */
import type { Connection } from '../connection.ts';
import { sendOneMore } from '../output.ts';
import { add, greaterThan, lessThan } from '../sequence.ts';
import { armRetransmit, mayProbeTail, TIMER_TAIL_PROBE } from '../timers.ts';
import { ledgerOf } from './flight.ts';
import { OPEN, type RecoveryState, recoveryOf } from './recovery-state.ts';
import { pieceBytes, resendEntry } from './retransmit.ts';

/** The probe timeout (§7.3). True when a probe was sent, and the retransmission timer is on for another full timeout. */
export function tailProbeTimeout(c: Connection): boolean {
  c.armed &= ~TIMER_TAIL_PROBE;
  if (!mayProbeTail(c) || c.sndWnd === 0) return false;
  const before = c.sndNxt;
  if (!sendOneMore(c) && !resendLast(c)) return false;
  const r = recoveryOf(c);
  c.stack.counters.tailProbes++;
  r.probing = true;
  r.probeEnd = c.sndNxt;
  r.probeIsCopy = c.sndNxt === before;
  c.armed &= ~TIMER_TAIL_PROBE;
  armRetransmit(c);
  c.updatePrediction();
  return true;
}

/** The last segment again, with the FIN if that was sent. */
function resendLast(c: Connection): boolean {
  const ledger = ledgerOf(c);
  let i = ledger.count - 1;
  const length = ledger.lengthOf(i);
  const dataBytes = c.finSent ? length - 1 : length;
  const before = dataBytes > 0 ? dataBytes - 1 - ((dataBytes - 1) % c.mss) : 0;
  if (before > 0 && ledger.split(i, add(ledger.startOf(i), before))) i++;
  // It lies in one buffer, unless it was not sent as one.
  for (let n = pieceBytes(c, ledger, i); n < ledger.lengthOf(i); n = pieceBytes(c, ledger, i)) {
    if (!ledger.split(i, add(ledger.startOf(i), n))) return resendEntry(c, ledger, i, n, 'tail-probe');
    i++;
  }
  return resendEntry(c, ledger, i, ledger.lengthOf(i), 'tail-probe');
}

/**
 * §7.4: what an acknowledgment says about the probe. When it was a copy and later data is acknowledged without a sign that
 * both arrived, the probe has repaired a loss, and the window is reduced as for one (true): `flight` bytes were out.
 */
export function tailProbeAcked(c: Connection, r: RecoveryState, flight: number, duplicate: boolean): boolean {
  if (!r.probing || lessThan(c.sndUna, r.probeEnd)) return false;
  if (!r.probeIsCopy) {
    r.probing = false;
    return false;
  }
  if (!greaterThan(c.sndUna, r.probeEnd)) {
    if (duplicate) r.probing = false; // both arrived
    return false;
  }
  r.probing = false;
  if (c.caState > OPEN) return false; // it is being reduced, or will be, for what was found missing
  const { observer } = c.stack;
  c.congestion.onCongestion(c, flight);
  c.congestion.onRecoveryEnd(c);
  if (observer !== null) observer.congestionChanged(c, 'tail-repaired');
  return true;
}
