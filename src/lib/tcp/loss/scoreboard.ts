/**
 * Selective acknowledgment, the sender's side (RFC 2018, RFC 6675 §4): the blocks of an arrived segment go into the ledger. A
 * block may say anything: only what lies between SND.UNA and SND.NXT is taken, the rest is counted.
 *
 *   kind 5 │ length │ left │ right │ left │ right │ …      block 0 may be a D-SACK (RFC 2883 §4): what came twice
 */
import type { Connection } from '../connection.ts';
import { SACK_BLOCK_BYTES } from '../options.ts';
import { atMost, distance, greaterThan, lessThan } from '../sequence.ts';
import { ledgerOf } from './flight.ts';
import type { RecoveryState } from './recovery-state.ts';

/** Takes the SACK blocks of the segment whose options were read last. True when the first of them is a D-SACK. */
export function takeSackBlocks(c: Connection, recovery: RecoveryState): boolean {
  const { options, memory, counters } = c.stack;
  const { dv } = memory;
  const duplicate = firstIsDuplicate(c);
  let at = options.sackOffset;
  for (let block = 0; block < options.sackBlocks; block++, at += SACK_BLOCK_BYTES) {
    if (block === 0 && duplicate) continue;
    const left = dv.getInt32(at, false);
    const right = dv.getInt32(at + 4, false);
    if (lessThan(left, c.sndUna) || greaterThan(right, c.sndNxt) || atMost(right, left)) {
      counters.sackBlocksIgnored++;
    } else if (!ledgerOf(c).select(left, right, recovery.delivered)) counters.sackBlocksIgnored++;
  }
  if (duplicate) duplicateArrives(c, recovery);
  return duplicate;
}

/** RFC 2883 §4: block 0 lies below the acknowledgment, or within block 1. */
function firstIsDuplicate(c: Connection): boolean {
  const { options, memory } = c.stack;
  const { dv } = memory;
  const at = options.sackOffset;
  const left = dv.getInt32(at, false);
  const right = dv.getInt32(at + 4, false);
  if (atMost(right, left) || greaterThan(right, c.sndNxt)) return false;
  if (lessThan(left, c.sndUna)) return distance(c.sndUna, left) <= c.maxSndWnd;
  if (options.sackBlocks === 1) return false;
  const outerLeft = dv.getInt32(at + SACK_BLOCK_BYTES, false);
  const outerRight = dv.getInt32(at + SACK_BLOCK_BYTES + 4, false);
  return !lessThan(left, outerLeft) && atMost(right, outerRight);
}

/** What was received twice was sent twice without need. */
function duplicateArrives(c: Connection, recovery: RecoveryState): void {
  const { options, memory, counters } = c.stack;
  const left = memory.dv.getInt32(options.sackOffset, false);
  const right = memory.dv.getInt32(options.sackOffset + 4, false);
  counters.dsacksIn++;
  recovery.dsackDups++;
  if (recovery.undoable && !lessThan(left, recovery.undoFrom)) recovery.undoBytes -= distance(right, left);
  // RFC 8985 §7.4.2: the probe arrived beside what it repeated.
  if (recovery.probing && recovery.probeIsCopy && right === recovery.probeEnd) recovery.probing = false;
}
