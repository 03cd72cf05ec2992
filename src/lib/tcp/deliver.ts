/**
 * The segment text (RFC 9293 §3.10.7.4, seventh step): from frame to reader without a copy when it is in order, by way of the
 * ring when it is not or the reader is paused.
 *
 *   in order, nothing waits ──────────────────────────────▶ onData(frame bytes)
 *   out of order, or paused ──▶ ring ── gap filled, resumed ─▶ onData(ring bytes), in two pieces at the ring's end
 */
import { finishLingering } from './close.ts';
import type { Connection } from './connection.ts';
import { sendAck } from './output.ts';
import { ReceiveRing } from './receive-ring.ts';
import { noteOverlap } from './sack.ts';
import { add, distance } from './sequence.ts';
import { fitWindow } from './window.ts';

/**
 * Takes `n` bytes of text that begin at or after RCV.NXT and end within the window. On return the connection may have been
 * closed by its reader.
 */
export function receiveText(c: Connection, sequence: number, payload: number, n: number): void {
  const stack = c.stack;
  const inOrder = sequence === c.rcvNxt;
  if (inOrder && !c.readPaused && (c.ring === null || c.ring.empty)) {
    c.rcvNxt = add(sequence, n);
    if (c.ring !== null) c.ring.moveTo(c.rcvNxt);
    countReceived(c, n);
    fitWindow(c, 0);
    c.delivering = true;
    c.handler.onData(c, payload, n);
    c.delivering = false;
    return;
  }
  if (!storeText(c, sequence, payload, n)) {
    c.ackNow = true;
    stack.markDirty(c.slot);
    return;
  }
  if (!inOrder) {
    // RFC 5681 §4.2: a duplicate ACK at once, one for each segment, so that the sender can count them.
    stack.counters.outOfOrder++;
    c.disorderSeconds = stack.nowSeconds;
    sendAck(c);
    return;
  }
  const ring = c.ring!;
  const filled = ring.nextSeq !== add(sequence, n) || ring.rangeCount > 0;
  countReceived(c, distance(ring.nextSeq, c.rcvNxt));
  c.rcvNxt = ring.nextSeq;
  c.buffered = ring.readable;
  if (filled) c.ackNow = true; // RFC 5681 §4.2: a segment that fills a gap, or a part of one
  deliverBuffered(c);
  if (!c.isClosed) fitWindow(c, 0);
}

/** Hands up what waits in order, until the reader pauses; then the end of the stream, if that came. */
export function deliverBuffered(c: Connection): void {
  const ring = c.ring;
  if (ring !== null) {
    c.delivering = true;
    while (!c.readPaused && c.ring === ring && ring.readable > 0) {
      const n = ring.pieceLength();
      const at = ring.pieceOffset();
      ring.consume(n);
      c.buffered = ring.readable;
      c.handler.onData(c, at, n);
    }
    c.delivering = false;
    if (c.ring === ring && ring.empty) c.stack.markDirty(c.slot); // its memory is given back at the end of the turn
  }
  if (c.readPaused || c.buffered > 0 || !c.announced) return; // !announced: its reader ended it
  if (c.endPending) {
    c.endPending = false;
    c.handler.onEnd(c);
  }
  if (c.lingering) finishLingering(c);
}

/** `n` bytes that came with the SYN of a simultaneous open: kept until it is established (§3.10.7.3), and not acknowledged. */
export function holdText(c: Connection, payload: number, n: number): void {
  const room = distance(c.rcvAdv, c.rcvNxt);
  storeText(c, c.rcvNxt, payload, n < room ? n : room);
}

/** It is: what was held counts now. */
export function takeHeldText(c: Connection): void {
  const ring = c.ring;
  if (ring === null || ring.empty) return;
  countReceived(c, distance(ring.nextSeq, c.rcvNxt));
  c.rcvNxt = ring.nextSeq;
  c.buffered = ring.readable;
  deliverBuffered(c);
}

function storeText(c: Connection, sequence: number, payload: number, n: number): boolean {
  const stack = c.stack;
  let ring = c.ring;
  if (ring === null) {
    ring = new ReceiveRing(stack.memory, stack.config.maxRanges, c.rcvNxt);
    c.ring = ring;
    c.updatePrediction();
  } else if (ring.empty) ring.moveTo(c.rcvNxt);
  if (!growRing(c, ring, add(sequence, n))) {
    stack.drop(c, 'reassemblyNoMemory');
    return false;
  }
  noteOverlap(c, ring, sequence, add(sequence, n));
  if (ring.insert(sequence, payload, n)) return true;
  stack.drop(c, 'reassemblyTooManyRanges');
  return false;
}

/** Makes room for everything before `end`, as long as the rings of all connections together leave half of the memory to others. */
function growRing(c: Connection, ring: ReceiveRing, end: number): boolean {
  const stack = c.stack;
  const growth = ring.capacityFor(end) - ring.capacity;
  if (growth === 0) return true;
  if (stack.ringBytes + growth > stack.maxRingBytes || !ring.reserve(end)) return false;
  stack.ringBytes += growth;
  return true;
}

/** An acknowledgment is due: at once for every second full-sized segment (RFC 5681 §4.2), else delayed. */
function countReceived(c: Connection, n: number): void {
  c.unackedBytes += n;
  if (c.unackedBytes >= 2 * c.mss) c.ackNow = true;
  c.stack.markDirty(c.slot);
}
