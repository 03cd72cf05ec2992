/**
 * What a connection has in flight: its ledger, made with the second transmission and given back when everything is
 * acknowledged, and RFC 6675's pipe.
 *
 *   pipe = flight − leftBytes        leftBytes = SACKed + lost − resent, or what duplicate ACKs stand for
 */
import type { Connection } from '../connection.ts';
import { distance, minimum } from '../sequence.ts';
import { armTailProbe } from '../timers.ts';
import { type Ledger, REPEATED } from './ledger.ts';
import { LOSS, RECOVERY } from './recovery-state.ts';

/** RFC 3042: without SACK, each of the first two duplicate ACKs lets one new segment go. */
const LIMITED_TRANSMIT = 2;

/** The ledger, which what is known of the only transmission begins. */
export function ledgerOf(c: Connection): Ledger {
  if (c.ledger !== null) return c.ledger;
  const ledger = c.stack.ledgers.take(c.sndUna);
  c.ledger = ledger;
  if (c.recovery !== null) c.recovery.rackValid = false; // what had arrived before was sent before all of this
  if (c.timing) {
    const first = minimum(c.timedSeq, c.sndNxt);
    ledger.append(first, c.timedAtUs, segmentsIn(c, distance(first, c.sndUna)));
    if (first !== c.sndNxt) ledger.append(c.sndNxt, c.stack.clockUs, segmentsIn(c, distance(c.sndNxt, first)));
  } else if (c.sndNxt !== c.sndUna) {
    ledger.append(c.sndNxt, c.lastSentUs, segmentsIn(c, c.flightBytes), REPEATED); // a probe: nobody timed it
  }
  return ledger;
}

/**
 * Whether a sequence number that was SND.NXT at some time still bounds something that is in flight. What is not looked at for
 * 2³¹ bytes seems to lie ahead then, so "acknowledged" alone is no test for it.
 */
export function isOut(c: Connection, sequence: number): boolean {
  return distance(sequence, c.sndUna) >= 0 && distance(c.sndNxt, sequence) >= 0;
}

/** Something was sent behind what was in flight: everything up to SND.NXT that the ledger does not have yet. */
export function recordSent(c: Connection): void {
  if (c.ledger === null) ledgerOf(c);
  else c.ledger.append(c.sndNxt, c.stack.clockUs, segmentsIn(c, distance(c.sndNxt, c.ledger.end)));
  armTailProbe(c); // RFC 8985 §7.2
}

/** Cumulative acknowledgment up to SND.UNA, of a ledger in which nothing is in doubt. Returns a round trip in µs, or 0. */
export function shortenLedger(c: Connection): number {
  const ledger = c.ledger!;
  if (ledger.lengthOf(0) >= c.mss && ((c.sndUna - ledger.endOf(0)) | 0) >= 0) c.carriedMss = c.mss;
  const rttUs = ledger.drop(c.sndUna, c.stack.clockUs);
  if (c.sndUna === c.sndNxt) releaseLedger(c);
  return rttUs;
}

export function releaseLedger(c: Connection): void {
  if (c.ledger === null) return;
  c.stack.ledgers.give(c.ledger);
  c.ledger = null;
}

/** Sequence numbers that are on their way, as far as is known (RFC 6675 §4). */
export function pipeBytes(c: Connection): number {
  return c.flightBytes - c.leftBytes;
}

/** Called when marks or duplicate ACKs have changed. */
export function updatePipe(c: Connection): void {
  const ledger = c.ledger;
  let left = ledger === null ? 0 : ledger.sackedBytes - ledger.resentBytes;
  if (ledger !== null && (c.stack.config.prr || c.caState === LOSS)) left += ledger.lostBytes;
  if (c.dupAcks !== 0) {
    const counted = c.caState >= RECOVERY || c.dupAcks < LIMITED_TRANSMIT ? c.dupAcks : LIMITED_TRANSMIT;
    const lost = ledger === null ? 0 : ledger.lostBytes;
    left += Math.min(counted * c.mss, c.flightBytes - lost);
  }
  c.leftBytes = left;
}

function segmentsIn(c: Connection, bytes: number): number {
  return Math.max(1, Math.ceil(bytes / c.mss));
}
