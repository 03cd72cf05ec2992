/**
 * Loss recovery: every acknowledgment that is not plain comes here, and is taken in by the same steps.
 *
 *   SACK blocks, D-SACK ─▶ ledger ─▶ what was delivered ─▶ undo? ─▶ recovery over? ─▶ what is lost ─▶ state ─▶ window (PRR)
 *
 * What is resent goes out at the end of the turn (retransmit.ts). Losses are found by RACK (rack.ts) or, without SACK, by
 * counting duplicates (RFC 6582); the windows are the congestion control's.
 */
import type { Connection } from '../connection.ts';
import type { RetransmitReason } from '../events.ts';
import { add, atLeast, distance } from '../sequence.ts';
import { armRetransmit, TIMER_REORDERING, TIMER_TAIL_PROBE } from '../timers.ts';
import { isOut, ledgerOf, pipeBytes, releaseLedger, updatePipe } from './flight.ts';
import { type Ledger, LOST, RESENT, SACKED } from './ledger.ts';
import { beginReduction, reduceProportionally } from './prr.ts';
import { markLosses, narrowReordering, rackDelivered, widenReordering } from './rack.ts';
import { CWR, DISORDER, LOSS, OPEN, RECOVERY, type RecoveryState, recoveryOf } from './recovery-state.ts';
import { takeSackBlocks } from './scoreboard.ts';
import { tailProbeAcked } from './tail-probe.ts';
import { stepFrto, timeoutWasSpurious, undoReduction, wasForNothing, watchForUndo } from './undo.ts';

/** RFC 5681 §3.2: duplicate ACKs that mean a loss and not a reordering. */
const DUPLICATE_THRESHOLD = 3;
/** No round trip is as long: the echo is of something else. */
const MAX_ECHO_AGE_MS = 120_000;
/** The timestamp clock's step: less than one is no round trip of nothing. */
const TIMESTAMP_STEP_US = 1000;

/**
 * An acknowledgment while something is in doubt, or with SACK blocks, or a duplicate. SND.UNA has moved by `acked` already,
 * `flight` bytes were out before. `rttUs` is what the timed segment measured, or 0. True when the retransmission timer may be
 * restarted.
 */
export function doubtfulAckArrives(
  c: Connection,
  acked: number,
  flight: number,
  duplicate: boolean,
  rttUs: number,
): boolean {
  const r = recoveryOf(c);
  const d = r.delivered;
  const advanced = acked > 0;
  const dsack = takeIn(c, r, acked, duplicate);
  c.rtt.ageMinimum(c.stack.nowSeconds);
  // What fills a hole acknowledges what had arrived behind it long before: no round trip either (Karn).
  if (rttUs === 0 && d.rttUs > 0 && !d.repeated) c.rtt.sample(d.rttUs);
  // What came twice, and was acknowledged before, by an acknowledgment that got lost, echoes the first copy: no round trip.
  else if (rttUs === 0 && advanced && !dsack && c.rtt.backoff !== 0) sampleEcho(c);
  const repaired = tailProbeAcked(c, r, flight, duplicate && !dsack);
  if (wasForNothing(c, r, advanced, dsack)) undoReduction(c, r);
  if (c.caState >= CWR && atLeast(c.sndUna, c.recover)) {
    leave(c, r); // and this is an acknowledgment like others: it opens the window
  } else if (c.caState === LOSS) {
    if (timeoutWasSpurious(c, r)) undoReduction(c, r);
    else stepFrto(c, r, advanced, duplicate);
  }
  if (c.caState === RECOVERY && advanced && c.stack.config.answersPartialAcks) c.ackNow = true;
  const restart = findLosses(c, r, acked, d.bytes > 0);
  if (!repaired && opensWindow(c, r, advanced)) {
    // What had announced itself by a duplicate or a SACK was counted then, or is not: only what is new opens the window.
    c.congestion.onAck(c, d.bytes, flight, rttUs !== 0 || d.repeated ? rttUs : d.rttUs);
  }
  if (c.sndUna === c.sndNxt) releaseLedger(c);
  settle(c);
  return restart;
}

/** RACK's reordering timer: what was late is lost now (RFC 8985 §6.2 step 5). */
export function reorderingTimeout(c: Connection): void {
  const r = recoveryOf(c);
  r.delivered.begin(c.stack.clockUs, c.rtt.minUs, c.recover, r.fack, -1);
  findLosses(c, r, 0, true);
  settle(c);
}

/** The retransmission timer expired, for the c.retries-th time: all that is not SACKed is lost (RFC 6298 §5.4–5.6). */
export function enterLoss(c: Connection): void {
  const r = recoveryOf(c);
  const ledger = ledgerOf(c);
  const again = c.retries > 1;
  // RFC 5681 §3.1: ssthresh is held when the same data times out again, or was reduced for already.
  const reduced = again || c.caState === RECOVERY;
  c.congestion.onTimeout(c, c.flightBytes, reduced);
  if (!reduced) watchForUndo(c, r);
  // RFC 2018 §8: a receiver that acknowledges up to what it had SACKed, or says nothing, may have thrown that away.
  if (again || (ledger.marksOf(0) & SACKED) !== 0) ledger.clear(SACKED);
  markLost(ledger, 'timeout');
  r.frto = c.stack.config.frto && (again || c.caState < RECOVERY);
  r.frtoSendsNew = false;
  r.probing = false;
  c.caState = LOSS;
  c.recover = c.sndNxt; // RFC 6582 §4
  c.dupAcks = 0;
  c.timing = false;
  c.armed &= ~(TIMER_TAIL_PROBE | TIMER_REORDERING);
  const { observer } = c.stack;
  if (observer !== null) observer.congestionChanged(c, 'loss-entered');
  settle(c);
}

/** Everything in flight that was not SACKed is to be sent again, and it is nobody's congestion: the path or the window changed. */
export function resendAll(c: Connection, reason: RetransmitReason): void {
  if (c.sndNxt === c.sndUna) return;
  markLost(ledgerOf(c), reason);
  c.dupAcks = 0;
  c.timing = false;
  settle(c);
}

/** A router marked what we sent (RFC 3168 §6.1.2): the window goes down as for a loss, at most once for each window. */
export function reduceByEcn(c: Connection): void {
  if (c.caState >= CWR) return;
  const r = recoveryOf(c);
  c.congestion.onCongestion(c, countedFlight(c));
  beginReduction(c, r, 0);
  r.undoable = false;
  c.recover = c.sndNxt;
  c.caState = CWR;
  const { observer } = c.stack;
  if (observer !== null) observer.congestionChanged(c, 'ecn-reduced');
  settle(c);
}

// ---- steps

/** Ledger and scoreboard take the acknowledgment in; `r.delivered` says what came of it. True for a D-SACK. */
function takeIn(c: Connection, r: RecoveryState, acked: number, duplicate: boolean): boolean {
  const stack = c.stack;
  const d = r.delivered;
  const sndUna = add(c.sndUna, -acked);
  const ahead = distance(r.fack, sndUna);
  const fack = ahead > 0 && ahead <= distance(c.sndNxt, sndUna) ? r.fack : sndUna; // else it is from another flight
  d.begin(stack.clockUs, c.rtt.minUs, c.recover, fack, echoAgeUs(c));
  if (acked > 0) {
    if (c.ledger !== null) c.ledger.acknowledge(c.sndUna, d);
    else d.bytes = acked;
  }
  if (!c.sackPermitted) {
    countDuplicate(c, r, acked, duplicate);
    return false;
  }
  const dsack = stack.options.sackBlocks > 0 && takeSackBlocks(c, r);
  if (dsack) widenReordering(c, r);
  rackDelivered(c, r);
  return dsack;
}

/** Without SACK a duplicate stands for one segment that has arrived, and is taken off what is acknowledged later. */
function countDuplicate(c: Connection, r: RecoveryState, acked: number, duplicate: boolean): void {
  const d = r.delivered;
  if (duplicate) {
    c.dupAcks++;
    d.bytes += c.mss;
  } else if (acked > 0) {
    d.bytes = Math.max(acked - c.dupAcks * c.mss, Math.min(acked, c.mss));
    // In recovery, one of the segments filled the hole, and the others had announced themselves.
    const announced = Math.ceil(acked / c.mss) - 1;
    c.dupAcks = c.caState === RECOVERY ? Math.max(0, c.dupAcks - announced) : 0;
  }
}

/**
 * Finds what is lost, and lets that change the state and, in a reduction, the window. Without `news` of something delivered
 * there is nothing to find: an acknowledgment that repeats itself costs no walk through the ledger. False: leave the timer alone.
 */
function findLosses(c: Connection, r: RecoveryState, acked: number, news: boolean): boolean {
  let lostBytes = 0;
  let restart = true;
  if (c.sndUna !== c.sndNxt) {
    if (!c.sackPermitted) lostBytes = markByDuplicates(c, acked);
    else if (news) lostBytes = markLosses(c, r);
    if (!c.sackPermitted && c.caState === RECOVERY && acked > 0) {
      restart = !r.partialAckSeen;
      r.partialAckSeen = true;
    }
  }
  if (lostBytes > 0 && c.caState < RECOVERY) enterRecovery(c, r);
  else if (c.caState < CWR)
    c.caState = c.dupAcks > 0 || (c.ledger !== null && c.ledger.sackedBytes > 0) ? DISORDER : OPEN;
  updatePipe(c);
  if (c.caState === RECOVERY || c.caState === CWR) {
    const resends = c.caState === RECOVERY && (r.prrOut === 0 || (lostBytes > 0 && !c.sackPermitted));
    reduceProportionally(c, r, r.delivered.bytes, acked > 0 && lostBytes === 0, resends);
  }
  return restart;
}

/** RFC 6582 §3.2: the third duplicate means that the first segment is lost, a partial acknowledgment that the next is. */
function markByDuplicates(c: Connection, acked: number): number {
  const partial = c.caState === RECOVERY && acked > 0;
  if (!partial) {
    if (c.caState >= RECOVERY || c.dupAcks < DUPLICATE_THRESHOLD) return 0;
    // Step 2: only past the last recovery; else these are echoes of it.
    if (c.caState !== CWR && isOut(c, c.recover)) return 0;
  }
  const ledger = ledgerOf(c);
  if ((ledger.marksOf(0) & LOST) !== 0) return 0;
  if (ledger.lengthOf(0) > c.mss) ledger.split(0, add(ledger.start, c.mss));
  ledger.mark(0, ledger.marksOf(0) | LOST);
  ledger.reason = partial ? 'partial-ack' : 'fast';
  return ledger.lengthOf(0);
}

function enterRecovery(c: Connection, r: RecoveryState): void {
  const { counters, observer } = c.stack;
  counters.fastRetransmits++;
  if (c.caState !== CWR) {
    c.congestion.onCongestion(c, countedFlight(c));
    beginReduction(c, r, r.delivered.bytes);
    watchForUndo(c, r);
    if (c.ect && c.stack.config.cwrOnLoss) c.sendCwr = true;
  }
  c.caState = RECOVERY;
  c.recover = c.sndNxt;
  r.partialAckSeen = false;
  r.probing = false;
  c.armed &= ~TIMER_TAIL_PROBE;
  armRetransmit(c); // what is resent now has a full timeout
  if (observer !== null) observer.congestionChanged(c, 'recovery-entered');
}

/** What was in flight at the reduction is acknowledged. */
function leave(c: Connection, r: RecoveryState): void {
  const { observer } = c.stack;
  const wasLoss = c.caState === LOSS;
  if (!wasLoss) c.congestion.onRecoveryEnd(c);
  if (c.caState === RECOVERY) narrowReordering(r);
  c.caState = OPEN;
  c.dupAcks = 0;
  r.frto = false;
  r.frtoSendsNew = false;
  if (observer !== null) observer.congestionChanged(c, wasLoss ? 'loss-left' : 'recovery-left');
}

/** Outside a reduction; by SACKs alone only where packets overtake each other by so much that they mean no loss (as Linux). */
function opensWindow(c: Connection, r: RecoveryState, advanced: boolean): boolean {
  if (c.caState === CWR || c.caState === RECOVERY) return false;
  return advanced || (c.caState !== LOSS && r.delivered.bytes > 0 && r.reorderedSegments > DUPLICATE_THRESHOLD);
}

function settle(c: Connection): void {
  updatePipe(c);
  c.updatePrediction();
  c.stack.markDirty(c.slot);
}

function markLost(ledger: Ledger, reason: RetransmitReason): void {
  for (let i = 0; i < ledger.count; i++) {
    const marks = ledger.marksOf(i);
    if ((marks & SACKED) === 0) ledger.mark(i, (marks | LOST) & ~RESENT);
  }
  ledger.reason = reason;
}

/** FlightSize for a reduction: without what limited transmit has added (RFC 5681 §3.2 step 2). */
function countedFlight(c: Connection): number {
  return Math.min(c.flightBytes, Math.max(c.cwnd, pipeBytes(c)));
}

/** Karn leaves no sample when everything was resent, but the echo of a timestamp tells the copies apart (RFC 7323 §4.1). */
export function sampleEcho(c: Connection): void {
  const ageUs = echoAgeUs(c);
  if (ageUs >= 0) c.rtt.sample(Math.max(ageUs, TIMESTAMP_STEP_US));
}

/** How old the timestamp is that the acknowledgment echoes, in µs, or −1. */
function echoAgeUs(c: Connection): number {
  const { options, clockMs } = c.stack;
  if (!c.timestamps || !options.hasTimestamps || options.tsEcr === 0) return -1;
  const ageMs = distance(add(clockMs, c.tsOffset), options.tsEcr);
  return ageMs < 0 || ageMs > MAX_ECHO_AGE_MS ? -1 : ageMs * 1000;
}
