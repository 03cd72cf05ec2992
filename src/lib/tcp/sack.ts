/**
 * Selective acknowledgment, the receiver's side (RFC 2018): a duplicate ACK names the ranges that have arrived behind the gap,
 * so that the sender resends only what is missing. The sender's side (a scoreboard) would live here, too.
 *
 *   │ no-op │ no-op │ kind 5 │ length │ left edge │ right edge │ … up to 4 blocks, 3 beside timestamps
 */
import { ACK, TCP_HEADER_BYTES, writeTcp } from '../wire/tcp.ts';
import { allocateFrame, dispatchFrame, endpointsOf } from './bare.ts';
import type { Connection } from './connection.ts';
import { SACK_BLOCK_BYTES, TIMESTAMPS_BLOCK_BYTES, writeSackLead, writeTimestamps } from './options.ts';
import type { ReceiveRing } from './receive-ring.ts';
import { add } from './sequence.ts';
import { advertiseWindow } from './window.ts';

const MAX_BLOCKS = 4;
const MAX_BLOCKS_WITH_TIMESTAMPS = 3;
/** Two no-ops, kind and length. */
const SACK_LEAD_BYTES = 4;

/** An acknowledgment with the ranges of the connection's ring. False when there is no buffer. */
export function sendSelectiveAck(c: Connection, ring: ReceiveRing): boolean {
  const stack = c.stack;
  const id = allocateFrame(stack, c.hop);
  if (id === 0) return false;
  const blocks = Math.min(ring.rangeCount, c.timestamps ? MAX_BLOCKS_WITH_TIMESTAMPS : MAX_BLOCKS);
  const timestampBytes = c.timestamps ? TIMESTAMPS_BLOCK_BYTES : 0;
  const headerBytes = TCP_HEADER_BYTES + timestampBytes + SACK_LEAD_BYTES + blocks * SACK_BLOCK_BYTES;
  const tcp = stack.link.control.payload(id) - headerBytes;
  const { memory } = stack;
  writeTcp(memory, tcp, c.localPort, c.remotePort, c.sndNxt, c.rcvNxt, headerBytes, ACK, advertiseWindow(c));
  let at = tcp + TCP_HEADER_BYTES;
  if (c.timestamps) writeTimestamps(memory, at, add(stack.clockMs, c.tsOffset), c.tsRecent);
  at += timestampBytes;
  writeSackLead(memory, at, blocks);
  at += SACK_LEAD_BYTES;
  // §4: the first block holds the segment that this acknowledges, the others repeat what is there.
  writeBlock(c, ring, ring.lastTouched, at);
  for (let range = 0, written = 1; written < blocks; range++) {
    if (range !== ring.lastTouched) writeBlock(c, ring, range, at + SACK_BLOCK_BYTES * written++);
  }
  c.noteAcknowledged();
  dispatchFrame(stack, c, endpointsOf(c), id, tcp, headerBytes);
  return true;
}

function writeBlock(c: Connection, ring: ReceiveRing, range: number, at: number): void {
  const { dv } = c.stack.memory;
  dv.setInt32(at, ring.ranges[2 * range], false);
  dv.setInt32(at + 4, ring.ranges[2 * range + 1], false);
}
