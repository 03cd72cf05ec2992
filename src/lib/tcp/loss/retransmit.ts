/**
 * What goes again: the ranges that the ledger has as lost, in the order of their sequence numbers, read from the send queue
 * where they lie; and the first byte as a probe.
 */
import { FIN, PSH } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import type { RetransmitReason } from '../events.ts';
import { add, atLeast, distance } from '../sequence.ts';
import { armRetransmit, retrySoon, TIMER_RETRANSMIT } from '../timers.ts';
import { sendEmpty, sendRange } from '../transmit.ts';
import { pipeBytes, updatePipe } from './flight.ts';
import { type Ledger, LOST, REPEATED, RESENT, SACKED } from './ledger.ts';
import { type RecoveryState, recoveryOf } from './recovery-state.ts';

/** Resends lost ranges as far as the windows go. True when none is left. */
export function resendLost(c: Connection, ledger: Ledger): boolean {
  for (let i = 0; i < ledger.count; i++) {
    if ((ledger.marksOf(i) & (SACKED | LOST | RESENT)) !== LOST) continue;
    const n = resendableBytes(c, ledger, i);
    if (n === 0 || !resendEntry(c, ledger, i, n, ledger.reason)) return false;
  }
  return true;
}

/** Resends the first n sequence numbers of entry i; the rest becomes an entry of its own. False without a buffer. */
export function resendEntry(c: Connection, ledger: Ledger, i: number, n: number, reason: RetransmitReason): boolean {
  const sequence = ledger.startOf(i);
  const end = add(sequence, n);
  const withFin = c.finSent && end === c.sndNxt;
  seek(c, ledger, sequence);
  const bytes = withFin ? n - 1 : n;
  if (!resendRange(c, ledger.cursorBuffer, ledger.cursorOffset, bytes, sequence, reason)) return false;
  if (end !== ledger.endOf(i)) ledger.split(i, end);
  ledger.resent(i, c.stack.clockUs);
  updatePipe(c);
  return true;
}

/** A probe, or a byte that a closed window refused: `limit` bytes from SND.UNA, or the FIN. False without a buffer. */
export function resendFirst(c: Connection, limit: number, reason: RetransmitReason): boolean {
  const queue = c.queue;
  const flight = c.flightBytes;
  const dataBytes = c.finSent ? flight - 1 : flight;
  const here = dataBytes > 0 ? queue.pool.length[queue.head] - queue.headOffset : 0;
  const n = Math.min(here, dataBytes, limit);
  if (c.ledger !== null) c.ledger.mark(0, c.ledger.marksOf(0) | REPEATED);
  return resendRange(c, queue.head, queue.headOffset, n, c.sndUna, reason);
}

/**
 * How many sequence numbers of entry i may go now: whole segments, or all of it. At SND.UNA the peer's window does not matter,
 * it may have been taken back.
 */
function resendableBytes(c: Connection, ledger: Ledger, i: number): number {
  const sequence = ledger.startOf(i);
  let n = pieceBytes(c, ledger, i);
  const room = c.cwnd - pipeBytes(c);
  if (n > room && n > 1) n = room < c.mss ? 0 : room - (room % c.mss);
  if (sequence !== c.sndUna && distance(add(sequence, n), add(c.sndUna, c.sndWnd)) > 0) return 0;
  return n;
}

/** How many sequence numbers entry i has in one piece of a buffer, and in one frame; a FIN counts with the byte before it. */
export function pieceBytes(c: Connection, ledger: Ledger, i: number): number {
  const length = ledger.lengthOf(i);
  const withFin = c.finSent && ledger.endOf(i) === c.sndNxt;
  const dataBytes = withFin ? length - 1 : length;
  seek(c, ledger, ledger.startOf(i));
  const here = dataBytes > 0 ? c.queue.pool.length[ledger.cursorBuffer] - ledger.cursorOffset : 0;
  const n = Math.min(here, dataBytes, c.superBytes);
  return withFin && n === dataBytes ? n + 1 : n;
}

/** Moves the ledger's cursor to a sequence number in flight. At a FIN's there is no buffer. */
function seek(c: Connection, ledger: Ledger, sequence: number): void {
  const { queue } = c;
  const { pool } = queue;
  const known = ledger.cursorBuffer !== 0 && atLeast(ledger.cursorSeq, c.sndUna) && atLeast(sequence, ledger.cursorSeq);
  let buffer = known ? ledger.cursorBuffer : queue.head;
  let offset = known ? ledger.cursorOffset : queue.headOffset;
  let left = distance(sequence, known ? ledger.cursorSeq : c.sndUna);
  while (buffer !== 0) {
    const here = pool.length[buffer] - offset;
    if (left < here) break;
    left -= here;
    buffer = pool.next[buffer];
    offset = 0;
  }
  ledger.cursorSeq = sequence;
  ledger.cursorBuffer = buffer;
  ledger.cursorOffset = offset + left;
}

/** Resends n bytes of a buffer at their sequence number, with the FIN if it follows them. */
function resendRange(
  c: Connection,
  buffer: number,
  offset: number,
  n: number,
  sequence: number,
  reason: RetransmitReason,
): boolean {
  const stack = c.stack;
  const finFollows = c.finSent && add(sequence, n + 1) === c.sndNxt;
  const last = finFollows || (add(sequence, n) === c.sndNxt && c.queue.unsentBytes === 0);
  const flags = (finFollows ? FIN : 0) | (last && n > 0 ? PSH : 0);
  const done = n > 0 ? sendRange(c, buffer, offset, n, sequence, flags) : sendEmpty(c, sequence, flags);
  if (!done) {
    retrySoon(c);
    return false;
  }
  c.timing = false; // Karn: RFC 6298 §3
  noteCopy(recoveryOf(c), c, n);
  stack.counters.retransmitted++;
  if (stack.observer !== null) stack.observer.retransmitted(c, sequence, n, reason);
  if ((c.armed & TIMER_RETRANSMIT) === 0) armRetransmit(c);
  return true;
}

/** What undo.ts has to know about the copies since the last reduction. */
function noteCopy(r: RecoveryState, c: Connection, n: number): void {
  r.copies++;
  if (!r.undoable) return;
  r.undoBytes += n;
  if (r.copied) return;
  r.copied = true;
  r.firstCopyTs = add(c.stack.clockMs, c.tsOffset);
}
