/**
 * What can be seen on the wire and must hold, whoever sends: checksums, the limits that windows and segment sizes set, and that
 * no window is taken back. It knows nothing of the stacks, only frames: when they were sent, and when they arrived.
 *
 *   half (a → b)   iss ───────── sndMax ──────── edge: as far as b's ACKs that arrived at a allow
 *   half (b → a)   offered: as far as b's ACKs, once sent, have promised          (both in a's sequence space)
 */
import { distance, greaterThan, maximum } from '../../src/lib/tcp/sequence.ts';
import { ACK, FIN, RST, SYN } from '../../src/lib/wire/tcp.ts';
import { DEFAULT_MSS, describe, expectChecksums, Segment } from './segment.ts';
import { Violation } from './violation.ts';

const FNV_PRIME = 0x0100_0193;
/** What of a frame goes into the hash: all headers, which hold the checksum of the rest. */
const HASHED_BYTES = 72;

/** One direction of a connection: what is known of its sender. */
class Half {
  /** The other direction. */
  reverse: Half = this;
  opened = false;
  iss = 0;
  /** The acknowledgment in its SYN,ACK. */
  answered = 0;
  /** From the sender's SYN: its window scale (−1: none), its window, its MSS. */
  scale = -1;
  synWindow = 0;
  mss = DEFAULT_MSS;
  /** After everything that was sent. */
  sndMax = 0;
  /** The right edge that the receiver offered in what arrived here. */
  edge = 0;
  /** The right edge, in the other direction's sequence space, that the sender has promised. */
  offered = 0;
  hasOffered = false;
  /** The last acknowledgment that the sender sent, in the other direction's sequence space. */
  acked = 0;
  /** Where its FIN is, once that was sent. */
  hasFin = false;
  finSeq = 0;
  /** Answers to one SYN with several initial sequence numbers are on their way (SYN cookies): which one counts is not known. */
  ambiguous = false;
}

export class WireRules {
  /** Of all frames and when they were sent. */
  hash = 0x811c_9dc5 | 0;
  frames = 0;
  private readonly halves = new Map<number, Half>();
  private readonly segment = new Segment();

  /** A host sends a frame. `partial`: its L4 checksum is left to the card. */
  sent(bytes: Uint8Array, partial: boolean, nowUs: number): void {
    this.frames++;
    this.mix(bytes, nowUs);
    expectChecksums(bytes, partial);
    const segment = this.segment;
    if (!segment.parse(bytes) || (segment.flags & RST) !== 0) return;
    const half = this.half(segment.source, segment.destination, segment.ports);
    if ((segment.flags & SYN) !== 0) synSent(half, segment);
    else if (half.opened) textSent(half, segment, partial);
    if ((segment.flags & ACK) !== 0) windowOffered(half, segment);
  }

  /** A frame arrives at a host, undamaged. */
  arrived(bytes: Uint8Array): void {
    const segment = this.segment;
    if (!segment.parse(bytes) || (segment.flags & RST) !== 0) return;
    const sender = this.half(segment.source, segment.destination, segment.ports);
    const receiver = sender.reverse;
    if (!receiver.opened) return;
    const isSyn = (segment.flags & SYN) !== 0;
    const ack = (segment.flags & ACK) !== 0 ? segment.ack : (receiver.iss + 1) | 0;
    if ((segment.flags & ACK) === 0 && !isSyn) return;
    if (!acknowledges(receiver, ack)) return;
    const edge = (ack + (segment.window << (isSyn ? 0 : shift(sender)))) | 0;
    receiver.edge = maximum(edge, receiver.edge);
  }

  /** Something happened at this time: into the hash with it. */
  mix(bytes: Uint8Array, nowUs: number): void {
    let hash = Math.imul(this.hash ^ (nowUs | 0), FNV_PRIME);
    hash = Math.imul(hash ^ bytes.length, FNV_PRIME);
    const end = Math.min(bytes.length, HASHED_BYTES);
    for (let i = 0; i < end; i++) hash = Math.imul(hash ^ bytes[i], FNV_PRIME);
    this.hash = hash;
  }

  private half(source: number, destination: number, ports: number): Half {
    const key = keyOf(source, destination, ports);
    const found = this.halves.get(key);
    if (found !== undefined) return found;
    const half = new Half();
    const reverse = new Half();
    half.reverse = reverse;
    reverse.reverse = half;
    this.halves.set(key, half);
    this.halves.set(keyOf(destination, source, (ports << 16) | (ports >>> 16)), reverse);
    return half;
  }
}

/** The stations' numbers and the lowest bits of the networks' tell all addresses apart: 20 bits, and 32 of ports. */
function keyOf(source: number, destination: number, ports: number): number {
  const station = (address: number): number => ((address >>> 24) & 3) * 256 + (address & 255);
  return (station(source) * 1024 + station(destination)) * 2 ** 32 + (ports >>> 0);
}

/** A SYN, the first or again: a new first one begins a new connection, in which nothing has been offered yet. */
function synSent(half: Half, segment: Segment): void {
  const { reverse } = half;
  if (half.opened && half.iss === segment.sequence) return;
  half.ambiguous = half.opened && (segment.flags & ACK) !== 0 && segment.ack === half.answered;
  half.answered = segment.ack;
  half.opened = true;
  half.iss = segment.sequence;
  half.scale = segment.scale;
  half.synWindow = segment.window;
  half.mss = segment.mss;
  half.sndMax = (segment.sequence + 1) | 0;
  half.edge = (segment.sequence + 1 + ((segment.flags & ACK) !== 0 ? reverse.synWindow : 0)) | 0;
  half.hasOffered = false;
  half.hasFin = false;
  reverse.hasOffered = false;
}

/** RFC 9293 §3.8.6.1: one byte (or the FIN) may go beyond the window, as a probe; §3.7.1: segments fit the peer's MSS. */
function textSent(half: Half, segment: Segment, partial: boolean): void {
  const length = segment.payloadBytes + ((segment.flags & FIN) !== 0 ? 1 : 0);
  const end = (segment.sequence + length) | 0;
  if (!half.ambiguous) inOrder(half, segment, end);
  if (greaterThan(end, half.sndMax)) half.sndMax = end;
  const over = distance(end, half.edge);
  if (length > 0 && over > (length === 1 ? 1 : 0) && !half.ambiguous) {
    throw new Violation('sent beyond the window', `${describe(segment)}: ${over} bytes`);
  }
  if (partial) return; // perhaps a super-segment, which the card cuts
  const { mss, opened } = half.reverse;
  if (opened && segment.payloadBytes > 0 && segment.datagramBytes > Math.max(mss, 88) + 40) {
    throw new Violation(
      'sent more than the MSS',
      `${describe(segment)}: a datagram of ${segment.datagramBytes}, MSS ${mss}`,
    );
  }
}

/** A stream has no holes when it is sent for the first time, and nothing behind its FIN. */
function inOrder(half: Half, segment: Segment, end: number): void {
  const hole = distance(segment.sequence, half.sndMax);
  if (hole > 0) throw new Violation('sent with a hole', `${describe(segment)}: of ${hole} bytes`);
  if (half.hasFin && distance(end, half.finSeq) > 0) throw new Violation('sent behind the FIN', describe(segment));
  if ((segment.flags & FIN) === 0) return;
  if (half.hasFin && end !== half.finSeq) throw new Violation('the FIN moved', describe(segment));
  half.hasFin = true;
  half.finSeq = end;
}

/** RFC 9293 §3.8.6: a receiver should not shrink its window; what scaling rounds away is not shrinking (RFC 7323 §2.4). */
function windowOffered(half: Half, segment: Segment): void {
  if (half.reverse.ambiguous || !acknowledges(half.reverse, segment.ack)) return;
  if (beginsAnew(half, segment)) half.hasOffered = false;
  acknowledged(half, segment);
  const isSyn = (segment.flags & SYN) !== 0; // its window is short of the scale, not of memory
  const edge = (segment.ack + (segment.window << (isSyn ? 0 : shift(half)))) | 0;
  if (half.hasOffered && !isSyn && distance(edge, half.offered) <= -(1 << shift(half))) {
    throw new Violation('window taken back', `${describe(segment)}: by ${distance(half.offered, edge)} bytes`);
  }
  half.offered = half.hasOffered ? maximum(edge, half.offered) : edge;
  half.hasOffered = true;
}

/**
 * An acknowledgment is sent with SND.NXT, which never goes back: one with the first number after the SYN is of a connection that
 * an old segment with a SYN cookie in it has begun, after the first one was over (RFC 4987 §3.6: nothing remembers it).
 */
function beginsAnew(half: Half, segment: Segment): boolean {
  const first = (half.iss + 1) | 0;
  const isBare = segment.payloadBytes === 0 && (segment.flags & (SYN | FIN)) === 0;
  return isBare && segment.sequence === first && distance(half.sndMax, first) > 1;
}

/**
 * Acknowledgments never go back, and name as selectively acknowledged (RFC 2018 §3) what was sent and lies beyond them; but for
 * the first block, which may report a duplicate (RFC 2883 §4).
 */
function acknowledged(half: Half, segment: Segment): void {
  const { reverse } = half;
  if (half.hasOffered && distance(segment.ack, half.acked) < 0) {
    // An old handshake ACK with a SYN cookie in it can begin a connection that was over: from its beginning.
    if (segment.ack !== half.answered) {
      throw new Violation(
        'acknowledgment went back',
        `${describe(segment)}: by ${distance(half.acked, segment.ack)} bytes`,
      );
    }
    half.hasOffered = false;
  }
  half.acked = segment.ack;
  const { sack } = segment;
  for (let i = 0; i < segment.sackBlocks; i++) {
    const [left, right] = [sack[2 * i], sack[2 * i + 1]];
    const wasSent =
      distance(right, left) > 0 && distance(right, reverse.sndMax) <= 0 && distance(left, reverse.iss) > 0;
    const isNew = distance(left, segment.ack) > 0;
    if (!wasSent || (i > 0 && !isNew)) {
      throw new Violation(
        'SACK block that cannot be',
        `${describe(segment)}: block ${i}, ${left}:${right}, ack ${segment.ack}`,
      );
    }
  }
}

/** Is this an acknowledgment of what the half has sent in this connection, and not in one before? */
function acknowledges(half: Half, ack: number): boolean {
  return half.opened && distance(ack, half.iss) > 0 && distance(ack, half.sndMax) <= 0;
}

/** The scale of a sender's windows: in use if both SYNs had the option (RFC 7323 §1.3). */
function shift(half: Half): number {
  return half.scale >= 0 && half.reverse.scale >= 0 ? Math.min(half.scale, 14) : 0;
}
