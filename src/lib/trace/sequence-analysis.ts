/**
 * The labels that Wireshark gives to segments (its User's Guide, «TCP Analysis»), from sequence numbers, windows and times
 * alone. One `Direction` for each way of a connection; a segment is judged by what its own direction and the reverse one
 * have shown before it. What the rules hold against each other:
 *
 *   own direction:   nextSeq      highest sequence number + 1 sent so far          a segment before it is sent again, or late
 *                    lastAck, window of the segment before                         the same again: duplicate, keep-alive ACK
 *   reverse:         lastAck, window                                              what the other end has, and still takes
 *                    contiguous   how far its bytes were seen without a hole       an ACK beyond it: the capture missed some
 *
 * The order of the rules is Wireshark 4.0's, which test/trace/wireshark.test.ts compares frame by frame.
 */
import { atMost, greaterThan, lessThan } from '../tcp/sequence.ts';
import { ACK, FIN, RST, SYN } from '../wire/tcp.ts';
import type { Label } from './model.ts';

// One bit a label, in this order.
const NAMES: readonly Label[] = [
  'retransmission',
  'fast-retransmission',
  'spurious-retransmission',
  'out-of-order',
  'duplicate-ack',
  'lost-segment',
  'ack-lost-segment',
  'zero-window',
  'zero-window-probe',
  'zero-window-probe-ack',
  'window-full',
  'window-update',
  'keep-alive',
  'keep-alive-ack',
  'reused-ports',
];
const bit = (label: Label): number => 1 << NAMES.indexOf(label);
const RETRANSMISSION = bit('retransmission');
const FAST_RETRANSMISSION = bit('fast-retransmission');
const SPURIOUS_RETRANSMISSION = bit('spurious-retransmission');
const OUT_OF_ORDER = bit('out-of-order');
const DUPLICATE_ACK = bit('duplicate-ack');
const LOST_SEGMENT = bit('lost-segment');
const ACK_LOST_SEGMENT = bit('ack-lost-segment');
const ZERO_WINDOW = bit('zero-window');
const ZERO_WINDOW_PROBE = bit('zero-window-probe');
const ZERO_WINDOW_PROBE_ACK = bit('zero-window-probe-ack');
const WINDOW_FULL = bit('window-full');
const WINDOW_UPDATE = bit('window-update');
const KEEP_ALIVE = bit('keep-alive');
const KEEP_ALIVE_ACK = bit('keep-alive-ack');
/** Bytes that were sent before, whatever the reason. */
const AGAIN = RETRANSMISSION | FAST_RETRANSMISSION | SPURIOUS_RETRANSMISSION;

/** A retransmission this soon after the last of two or more duplicate ACKs is a fast one. */
const FAST_WITHIN_US = 20_000;
/** A segment that is this soon behind those that it follows was overtaken; until the handshake's round trip is known. */
const OVERTAKEN_WITHIN_US = 3_000;

/** Shift count of a direction whose SYN was not seen. */
export const SCALE_UNKNOWN = -1;

/** A segment's numbers, as the wire has them. */
export interface Numbers {
  readonly tUs: number;
  readonly frame: number;
  readonly seq: number;
  readonly ack: number;
  readonly lengthBytes: number;
  readonly flags: number;
  /** Not scaled. */
  readonly window: number;
}

/** What one way of a connection has shown so far. */
export class Direction {
  seen = false;
  nextSeq = 0;
  /** When nextSeq was reached. */
  nextSeqUs = 0;
  /** End of what was seen without a hole. */
  contiguous = 0;
  contiguousKnown = false;
  /** The last segment had an ACK. */
  ackSeen = false;
  lastAck = 0;
  lastAckUs = 0;
  /** Of the last segment, not scaled; -1: none was seen. */
  window = -1;
  /** The last segment was a SYN: its window is not scaled (RFC 7323 §2.2). */
  windowUnscaled = false;
  scale = SCALE_UNKNOWN;
  /** Bits of the last segment. */
  lastBits = 0;
  /** Duplicate ACKs sent in a row. */
  duplicates = 0;
  /** The frame that acknowledged lastAck first. */
  firstAckFrame = 0;

  /** The window as bytes; null when its scale is not known. */
  windowBytes(): number | null {
    if (this.windowUnscaled) return this.window;
    return this.scale === SCALE_UNKNOWN ? null : this.window << this.scale;
  }
}

/** Judges the segments of one connection, in the order of the capture. */
export class SequenceAnalysis {
  readonly client = new Direction();
  readonly server = new Direction();
  /** From the client's SYN to the ACK that completes the handshake; 0: not known. */
  handshakeUs = 0;
  private synUs = -1;

  /** The bits of a segment from `fwd` to `rev`; both directions are brought up to date. */
  judge(segment: Numbers, fwd: Direction, rev: Direction): number {
    let bits = judgeAcknowledgment(segment, fwd, rev);
    if (segment.ack !== fwd.lastAck || !fwd.ackSeen) {
      fwd.firstAckFrame = segment.frame;
      fwd.duplicates = 0;
    }
    if (acksUnseen(segment, rev)) {
      bits |= ACK_LOST_SEGMENT;
      rev.contiguous = rev.nextSeq; // the hole is reported: not again at the next ACK
    }
    bits |= this.judgeData(segment, fwd, rev, bits);
    advance(segment, fwd, bits);
    this.timeHandshake(segment);
    return bits;
  }

  /** Bytes, or a SYN or FIN, that do not advance nextSeq were sent again or came late. */
  private judgeData(segment: Numbers, fwd: Direction, rev: Direction, bits: number): number {
    const { seq, lengthBytes, flags, tUs } = segment;
    const control = (flags & (SYN | FIN)) !== 0 ? 1 : 0;
    if ((lengthBytes === 0 && control === 0) || (bits & KEEP_ALIVE) !== 0) return 0;
    if (lengthBytes > 0 && rev.ackSeen && atMost((seq + lengthBytes) | 0, rev.lastAck)) return SPURIOUS_RETRANSMISSION;
    if (!fwd.seen || !lessThan(seq, fwd.nextSeq)) return 0;
    // One byte before nextSeq, and more than that: the byte was a probe of a closed window.
    if (lengthBytes > 1 && ((fwd.nextSeq - 1) | 0) === seq) return 0;
    if (rev.duplicates >= 2 && rev.lastAck === seq && tUs - rev.lastAckUs < FAST_WITHIN_US) return FAST_RETRANSMISSION;
    const overtakenUs = this.handshakeUs > 0 ? this.handshakeUs : OVERTAKEN_WITHIN_US;
    const reachesEnd = ((seq + lengthBytes + control) | 0) === fwd.nextSeq;
    if (tUs - fwd.nextSeqUs < overtakenUs && !reachesEnd) return OUT_OF_ORDER;
    return RETRANSMISSION;
  }

  private timeHandshake({ flags, tUs }: Numbers): void {
    if ((flags & (SYN | ACK)) === SYN) this.synUs = tUs;
    else if ((flags & (SYN | ACK)) === ACK && this.synUs >= 0 && this.handshakeUs === 0) {
      this.handshakeUs = tUs - this.synUs;
    }
  }
}

/** What a segment says by its sequence number, acknowledgment and window. */
function judgeAcknowledgment(segment: Numbers, fwd: Direction, rev: Direction): number {
  const { seq, ack, lengthBytes, flags, window } = segment;
  const atNext = fwd.seen && seq === fwd.nextSeq;
  if (lengthBytes === 1 && atNext && rev.window === 0) return ZERO_WINDOW_PROBE;
  const plain = (flags & (SYN | FIN | RST)) === 0;
  let bits = 0;
  if (window === 0 && plain) bits |= ZERO_WINDOW;
  if (fwd.seen && greaterThan(seq, fwd.nextSeq) && (flags & RST) === 0) bits |= LOST_SEGMENT;
  if (!plain) return bits;
  if (lengthBytes <= 1 && fwd.seen && seq === ((fwd.nextSeq - 1) | 0)) bits |= KEEP_ALIVE;
  if (lengthBytes > 0) {
    const offered = rev.windowBytes();
    const full = offered !== null && rev.ackSeen && ((seq + lengthBytes) | 0) === ((rev.lastAck + offered) | 0);
    return full ? bits | WINDOW_FULL : bits;
  }
  if (!atNext || !fwd.ackSeen || ack !== fwd.lastAck) return bits;
  if (window !== fwd.window) return window > 0 ? bits | WINDOW_UPDATE : bits;
  // The segment before it once more.
  if (window === 0) return (rev.lastBits & ZERO_WINDOW_PROBE) !== 0 ? bits | ZERO_WINDOW_PROBE_ACK : bits;
  if ((rev.lastBits & KEEP_ALIVE) !== 0) return bits | KEEP_ALIVE_ACK;
  fwd.duplicates++;
  return bits | DUPLICATE_ACK;
}

function acksUnseen({ ack, flags }: Numbers, rev: Direction): boolean {
  return (flags & ACK) !== 0 && rev.contiguousKnown && greaterThan(ack, rev.contiguous);
}

/** Remembers the segment. A probe of a closed window advances nothing: its byte is not taken yet. */
function advance(segment: Numbers, fwd: Direction, bits: number): void {
  const { seq, lengthBytes, flags, tUs } = segment;
  const end = (seq + lengthBytes + ((flags & (SYN | FIN)) !== 0 ? 1 : 0)) | 0;
  if ((bits & ZERO_WINDOW_PROBE) === 0) {
    if (!fwd.seen || greaterThan(end, fwd.nextSeq)) {
      fwd.nextSeq = end;
      fwd.nextSeqUs = tUs;
      fwd.seen = true;
    }
    if (!fwd.contiguousKnown || seq === fwd.contiguous) {
      fwd.contiguous = fwd.nextSeq;
      fwd.contiguousKnown = true;
    }
  }
  fwd.window = segment.window;
  fwd.windowUnscaled = (flags & SYN) !== 0;
  fwd.ackSeen = (flags & ACK) !== 0;
  fwd.lastAck = segment.ack;
  fwd.lastAckUs = tUs;
  fwd.lastBits = bits;
}

export const isAgain = (bits: number): boolean => (bits & AGAIN) !== 0;
export const isDuplicateAck = (bits: number): boolean => (bits & DUPLICATE_ACK) !== 0;

const NONE: readonly Label[] = [];
const REUSED: readonly Label[] = ['reused-ports'];

export function labelsOf(bits: number, reusedPorts: boolean): readonly Label[] {
  if (bits === 0) return reusedPorts ? REUSED : NONE;
  const labels = NAMES.filter((_, index) => (bits & (1 << index)) !== 0);
  return reusedPorts ? [...labels, ...REUSED] : labels;
}
