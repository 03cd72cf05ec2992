/**
 * Proportional Rate Reduction (RFC 9937, which follows RFC 6937): while the window is being reduced, each acknowledgment lets
 * so much be sent that at the end of the recovery ssthresh is in flight, evenly, without a silence and without a burst.
 *
 *   pipe > ssthresh:   sent so far = delivered so far · ssthresh / flight at the start
 *   otherwise:         up to ssthresh, as fast as slow start (SSRB) or only as things are delivered (CRB)
 */
import type { Connection } from '../connection.ts';
import { pipeBytes } from './flight.ts';
import type { RecoveryState } from './recovery-state.ts';

/**
 * The reduction begins with an acknowledgment that delivers so many bytes. Of the flight, what was delivered before it does not
 * count, because it won't be again (RFC 9937 §6.1).
 */
export function beginReduction(c: Connection, r: RecoveryState, deliveredBytes: number): void {
  const arrived = (c.ledger === null ? 0 : c.ledger.sackedBytes) + c.dupAcks * c.mss;
  r.prrDelivered = 0;
  r.prrOut = 0;
  r.recoverFlight = Math.max(c.flightBytes - arrived + deliveredBytes, c.mss);
}

/**
 * An acknowledgment delivered so many bytes: sets cwnd. `safe`: it acknowledged new data and showed no further loss, so SSRB may
 * be used, else CRB (RFC 9937 §6.2). `resends`: there is a loss to resend that goes in any case: the first, and the next hole
 * that a partial acknowledgment without SACK shows.
 */
export function reduceProportionally(
  c: Connection,
  r: RecoveryState,
  deliveredBytes: number,
  safe: boolean,
  resends: boolean,
): void {
  const pipe = pipeBytes(c);
  if (!c.stack.config.prr) {
    c.cwnd = resends ? Math.max(c.ssthresh, pipe + c.mss) : c.ssthresh;
    return;
  }
  r.prrDelivered += deliveredBytes;
  let budget: number;
  if (pipe > c.ssthresh) {
    // Whole segments are rounded up to: half of one can't be sent, and would be missed at the end.
    budget = Math.ceil((r.prrDelivered * c.ssthresh) / (r.recoverFlight * c.mss)) * c.mss - r.prrOut;
  } else {
    const conserved = Math.max(r.prrDelivered - r.prrOut, deliveredBytes);
    budget = Math.min(c.ssthresh - pipe, safe ? conserved + c.mss : conserved);
  }
  const least = resends ? c.mss : 0;
  c.cwnd = Math.max(c.mss, pipe + Math.max(least, budget));
}
