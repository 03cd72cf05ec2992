/**
 * TCP options (RFC 9293 §3.2, RFC 7323, RFC 2018): read into one reused object, written as aligned words.
 *
 *   kind 0 end │ 1 no-op │ 2 MSS (4) │ 3 window scale (3) │ 4 SACK permitted (2) │ 5 SACK (8n+2) │ 8 timestamps (10)
 *
 * What is malformed is tolerated by one rule: an option of unknown kind or with a wrong length for its kind is skipped by
 * its length; a length below 2 or past the header's end makes the rest unreadable, and it is ignored.
 */
import type { PacketMemory } from '../memory/packet-memory.ts';

const KIND_END = 0;
const KIND_NOP = 1;
const KIND_MSS = 2;
const KIND_WINDOW_SCALE = 3;
const KIND_SACK_PERMITTED = 4;
const KIND_SACK = 5;
const KIND_TIMESTAMPS = 8;

const MSS_BYTES = 4;
const WINDOW_SCALE_BYTES = 3;
const SACK_PERMITTED_BYTES = 2;
const TIMESTAMPS_BYTES = 10;

/** The usual timestamps block: no-op, no-op, kind 8, length 10 (RFC 7323 appendix A), as a big-endian word. */
export const TIMESTAMPS_WORD = 0x0101_080a;
/** That block's length: with it a header has 32 bytes. */
export const TIMESTAMPS_BLOCK_BYTES = 12;
/** RFC 7323 §2.3: a larger shift count is taken for this. */
export const MAX_WINDOW_SCALE = 14;
export const SACK_BLOCK_BYTES = 8;

/** What the options of one segment said. */
export class ParsedOptions {
  /** 0: not there. */
  mss = 0;
  /** −1: not there; at most 14. */
  windowScale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;
  /** SACK blocks, and where the first lies; 0 when there are none. */
  sackBlocks = 0;
  sackOffset = 0;
  /** The walk ended early on an illegal length. */
  malformed = false;
}

/** Reads the options between `start` and `end` into `out`. */
export function parseOptions(memory: PacketMemory, start: number, end: number, out: ParsedOptions): void {
  out.mss = 0;
  out.windowScale = -1;
  out.sackPermitted = false;
  out.hasTimestamps = false;
  out.tsVal = 0;
  out.tsEcr = 0;
  out.sackBlocks = 0;
  out.sackOffset = 0;
  out.malformed = false;
  const u8 = memory.u8;
  for (let at = start; at < end; ) {
    const kind = u8[at];
    if (kind === KIND_END) return;
    if (kind === KIND_NOP) {
      at++;
      continue;
    }
    const length = at + 1 < end ? u8[at + 1] : 0;
    if (length < 2 || at + length > end) {
      out.malformed = true;
      return;
    }
    readOption(memory, kind, at, length, out);
    at += length;
  }
}

function readOption(memory: PacketMemory, kind: number, at: number, length: number, out: ParsedOptions): void {
  const dv = memory.dv;
  if (kind === KIND_TIMESTAMPS && length === TIMESTAMPS_BYTES) {
    out.hasTimestamps = true;
    out.tsVal = dv.getInt32(at + 2, false);
    out.tsEcr = dv.getInt32(at + 6, false);
  } else if (kind === KIND_MSS && length === MSS_BYTES) {
    out.mss = dv.getUint16(at + 2, false);
  } else if (kind === KIND_WINDOW_SCALE && length === WINDOW_SCALE_BYTES) {
    out.windowScale = Math.min(memory.u8[at + 2], MAX_WINDOW_SCALE);
  } else if (kind === KIND_SACK_PERMITTED && length === SACK_PERMITTED_BYTES) {
    out.sackPermitted = true;
  } else if (kind === KIND_SACK && length > 2 && (length - 2) % SACK_BLOCK_BYTES === 0) {
    out.sackBlocks = (length - 2) / SACK_BLOCK_BYTES;
    out.sackOffset = at + 2;
  }
}

/** Bytes that the options of a SYN take, always a multiple of 4. `mss` 0 and `windowScale` −1: without that one. */
export function synOptionBytes(mss: number, windowScale: number, timestamps: boolean, sackPermitted: boolean): number {
  return (mss > 0 ? 4 : 0) + (timestamps ? TIMESTAMPS_BLOCK_BYTES : sackPermitted ? 4 : 0) + (windowScale >= 0 ? 4 : 0);
}

/**
 * Writes the options of a SYN at `at`: MSS; SACK permitted and timestamps share three words; window scale behind a no-op.
 * `mss` 0 and `windowScale` −1 leave that option out. Returns the bytes written.
 */
export function writeSynOptions(
  memory: PacketMemory,
  at: number,
  mss: number,
  windowScale: number,
  timestamps: boolean,
  sackPermitted: boolean,
  tsVal: number,
  tsEcr: number,
): number {
  const dv = memory.dv;
  let to = at;
  if (mss > 0) {
    dv.setInt32(to, (KIND_MSS << 24) | (MSS_BYTES << 16) | mss, false);
    to += 4;
  }
  if (timestamps) {
    const lead = sackPermitted ? (KIND_SACK_PERMITTED << 8) | SACK_PERMITTED_BYTES : (KIND_NOP << 8) | KIND_NOP;
    dv.setInt32(to, (lead << 16) | (KIND_TIMESTAMPS << 8) | TIMESTAMPS_BYTES, false);
    dv.setInt32(to + 4, tsVal, false);
    dv.setInt32(to + 8, tsEcr, false);
    to += TIMESTAMPS_BLOCK_BYTES;
  } else if (sackPermitted) {
    dv.setInt32(to, (KIND_NOP << 24) | (KIND_NOP << 16) | (KIND_SACK_PERMITTED << 8) | SACK_PERMITTED_BYTES, false);
    to += 4;
  }
  if (windowScale >= 0) {
    dv.setInt32(to, (KIND_NOP << 24) | (KIND_WINDOW_SCALE << 16) | (WINDOW_SCALE_BYTES << 8) | windowScale, false);
    to += 4;
  }
  return to - at;
}

/** Writes what comes before `blocks` SACK blocks: 4 bytes. */
export function writeSackLead(memory: PacketMemory, at: number, blocks: number): void {
  const length = 2 + blocks * SACK_BLOCK_BYTES;
  memory.dv.setInt32(at, (KIND_NOP << 24) | (KIND_NOP << 16) | (KIND_SACK << 8) | length, false);
}

/** Writes the timestamps block of every other segment: 12 bytes. */
export function writeTimestamps(memory: PacketMemory, at: number, tsVal: number, tsEcr: number): void {
  const dv = memory.dv;
  dv.setInt32(at, TIMESTAMPS_WORD, false);
  dv.setInt32(at + 4, tsVal, false);
  dv.setInt32(at + 8, tsEcr, false);
}
