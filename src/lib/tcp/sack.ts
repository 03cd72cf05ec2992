/**
 * Selective acknowledgment, the receiver's side (RFC 2018): a duplicate ACK names the ranges that have arrived behind the gap,
 * so that the sender resends only what is missing; and what has arrived twice (D-SACK, RFC 2883), so that it learns what it
 * resent for nothing. The sender's side is scoreboard.ts.
 *
 *   │ no-op │ no-op │ kind 5 │ length │ left edge │ right edge │ … up to 4 blocks, 3 beside timestamps
 *
 *   blocks: what came twice, once │ the range that has just grown │ those that were named last │ others
 */
import { ACK, TCP_HEADER_BYTES, writeTcp } from '../wire/tcp.ts';
import { allocateFrame, dispatchFrame, endpointsOf } from './bare.ts';
import type { Connection } from './connection.ts';
import { echoFlag } from './ecn.ts';
import { SACK_BLOCK_BYTES, TIMESTAMPS_BLOCK_BYTES, writeSackLead, writeTimestamps } from './options.ts';
import { MAX_SACK_BLOCKS, type ReceiveRing } from './receive-ring.ts';
import { add, atMost, distance, lessThan, maximum, minimum } from './sequence.ts';
import { advertiseWindow } from './window.ts';

const MAX_BLOCKS_WITH_TIMESTAMPS = 3;
/** Two no-ops, kind and length. */
const SACK_LEAD_BYTES = 4;

/** The edges of the blocks of the segment that is being built. */
const edges = new Int32Array(2 * MAX_SACK_BLOCKS);

/** [from, to) has arrived before (RFC 2883 §4): the next acknowledgment says so. */
export function noteDuplicate(c: Connection, from: number, to: number): void {
  c.disorderSeconds = c.stack.nowSeconds;
  if (!c.sackPermitted || !c.stack.config.dsack || atMost(to, from)) return;
  c.dsackFrom = from;
  c.dsackTo = to;
}

/** Notes what of [from, to), which is about to be stored, the ring holds already; its first piece, if there are more. */
export function noteOverlap(c: Connection, ring: ReceiveRing, from: number, to: number): void {
  for (let range = 0; range < ring.rangeCount; range++) {
    const left = maximum(from, ring.ranges[2 * range]);
    const right = minimum(to, ring.ranges[2 * range + 1]);
    if (!lessThan(left, right)) continue;
    noteDuplicate(c, left, right);
    return;
  }
}

/** Whether the next acknowledgment has something selective to say. */
export function hasSelectiveAck(c: Connection): boolean {
  return c.sackPermitted && (c.dsackFrom !== c.dsackTo || (c.ring !== null && c.ring.rangeCount > 0));
}

/** An acknowledgment with the ranges of the connection's ring, and what came twice. False when there is no buffer. */
export function sendSelectiveAck(c: Connection): boolean {
  const stack = c.stack;
  const id = allocateFrame(stack, c.hop);
  if (id === 0) return false;
  const blocks = chooseBlocks(c, c.timestamps ? MAX_BLOCKS_WITH_TIMESTAMPS : MAX_SACK_BLOCKS);
  const timestampBytes = c.timestamps ? TIMESTAMPS_BLOCK_BYTES : 0;
  const headerBytes = TCP_HEADER_BYTES + timestampBytes + SACK_LEAD_BYTES + blocks * SACK_BLOCK_BYTES;
  const tcp = stack.link.control.payload(id) - headerBytes;
  const { memory } = stack;
  const flags = ACK | echoFlag(c);
  writeTcp(memory, tcp, c.localPort, c.remotePort, c.sndNxt, c.rcvNxt, headerBytes, flags, advertiseWindow(c));
  let at = tcp + TCP_HEADER_BYTES;
  if (c.timestamps) writeTimestamps(memory, at, add(stack.clockMs, c.tsOffset), c.tsRecent);
  at += timestampBytes;
  writeSackLead(memory, at, blocks);
  at += SACK_LEAD_BYTES;
  for (let i = 0; i < 2 * blocks; i++) memory.dv.setInt32(at + 4 * i, edges[i], false);
  if (c.dsackFrom !== c.dsackTo) stack.counters.dsacksOut++;
  c.dsackFrom = c.dsackTo;
  c.noteAcknowledged();
  dispatchFrame(stack, c, endpointsOf(c), id, tcp, headerBytes);
  return true;
}

/** Fills `edges`, and returns the number of blocks. */
function chooseBlocks(c: Connection, most: number): number {
  let blocks = 0;
  const twice = c.dsackFrom !== c.dsackTo;
  if (twice) blocks = putBlock(0, c.dsackFrom, c.dsackTo);
  const ring = c.ring;
  if (ring === null || ring.rangeCount === 0) return blocks;
  // RFC 2883 §4: what came twice within a range is followed by that range; RFC 2018 §4: else the newest comes first, and
  // those that were first before come next, so that each is named several times, whichever acknowledgments get lost.
  const around = twice ? rangeAt(ring, c.dsackFrom) : -1;
  blocks = putRange(ring, around >= 0 ? around : ring.lastTouched, twice ? 1 : 0, blocks);
  for (let i = 0; i < MAX_SACK_BLOCKS && blocks < most; i++) {
    const range = rangeAt(ring, ring.reported[i]);
    if (range >= 0) blocks = putRange(ring, range, twice ? 1 : 0, blocks);
  }
  for (let range = 0; range < ring.rangeCount && blocks < most; range++) {
    blocks = putRange(ring, range, twice ? 1 : 0, blocks);
  }
  const first = twice ? 1 : 0;
  for (let i = first; i < blocks; i++) ring.reported[i - first] = edges[2 * i];
  return blocks;
}

/** Puts a range behind `blocks` others, unless it is among those from `first` on. Returns the number of blocks then. */
function putRange(ring: ReceiveRing, range: number, first: number, blocks: number): number {
  const left = ring.ranges[2 * range];
  for (let i = first; i < blocks; i++) if (edges[2 * i] === left) return blocks;
  return putBlock(blocks, left, ring.ranges[2 * range + 1]);
}

function putBlock(at: number, left: number, right: number): number {
  edges[2 * at] = left;
  edges[2 * at + 1] = right;
  return at + 1;
}

/** The range that holds a sequence number, or −1. */
function rangeAt(ring: ReceiveRing, sequence: number): number {
  for (let range = 0; range < ring.rangeCount; range++) {
    if (distance(sequence, ring.ranges[2 * range]) >= 0 && lessThan(sequence, ring.ranges[2 * range + 1])) return range;
  }
  return -1;
}
