/**
 * Segments of an open connection become frames: with a range of the send queue, or empty.
 *
 *   offset 0 of a buffer ──▶ headers into its headroom, sent from where it lies
 *   elsewhere            ──▶ headers into a control buffer; the link gathers, or if it can't, the range is copied
 */
import type { Connection } from './connection.ts';
import { transmitSegment } from './header.ts';
import { retrySoon } from './timers.ts';

/** A segment without payload, built in a control buffer. */
export function sendEmpty(c: Connection, sequence: number, flags: number): boolean {
  const stack = c.stack;
  const control = stack.link.control;
  const id = control.alloc();
  if (id === 0) {
    stack.counters.noBuffer++;
    return false;
  }
  const at = control.payload(id);
  transmitSegment(c, control, id, at, at, 0, sequence, flags, 0);
  control.release(id);
  return true;
}

/** n bytes of a buffer of the send queue as one frame (or one super-segment). */
export function sendRange(
  c: Connection,
  buffer: number,
  offset: number,
  n: number,
  sequence: number,
  flags: number,
): boolean {
  const stack = c.stack;
  const pool = c.queue.pool;
  const payload = pool.payload(buffer) + offset;
  const segmentBytes = n > c.mss ? c.mss : 0;
  // The headroom is free unless the kernel still reads headers there.
  if (offset === 0 && pool.inFlight[buffer] === 0) {
    transmitSegment(c, pool, buffer, payload, payload, n, sequence, flags, segmentBytes);
    return true;
  }
  const gather = stack.link.capabilities.gather;
  const from = gather || n <= stack.link.control.capacity ? stack.link.control : pool;
  const id = from.alloc();
  if (id === 0) {
    stack.counters.noBuffer++;
    if (stack.observer !== null) stack.observer.notSent(c, 'no-buffer', n);
    retrySoon(c);
    return false;
  }
  const headerEnd = from.payload(id);
  if (!gather) {
    stack.memory.copy(headerEnd, payload, n);
    stack.counters.payloadCopies++;
  }
  transmitSegment(c, from, id, headerEnd, gather ? payload : headerEnd, n, sequence, flags, segmentBytes);
  from.release(id);
  return true;
}
