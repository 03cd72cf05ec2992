/**
 * The window that we offer (RFC 9293 §3.8.6). Data that is handed up at once never narrows it; what waits in the ring does.
 *
 *   rcvNxt − buffered        rcvNxt                rcvAdv
 *        ├──── RCV.USER ───────┼────── RCV.WND ──────┤
 *        ├──────────────── RCV.BUFF ──────────────────────┤   the right edge never moves left, and right by worthwhile steps
 */
import type { Connection } from './connection.ts';
import { distance } from './sequence.ts';

/** What the window field of a segment says now, scaled down; remembers the edge that it offers. */
export function advertiseWindow(c: Connection): number {
  const bufferBytes = c.stack.receiveWindow;
  let offer = bufferBytes;
  if (c.buffered !== 0) {
    offer = bufferBytes - c.buffered;
    const offered = distance(c.rcvAdv, c.rcvNxt);
    if (offer - offered < worthwhileStep(c)) offer = offered;
  }
  let field = offer >> c.rcvScale;
  if (field > 0xffff) field = 0xffff;
  const edge = (c.rcvNxt + (field << c.rcvScale)) | 0;
  if (((edge - c.rcvAdv) | 0) > 0) c.rcvAdv = edge;
  return field;
}

/** The reader took bytes out of the ring: tell the peer when the window has grown enough. */
export function updateWindowAfterRead(c: Connection): void {
  const growth = c.stack.receiveWindow - c.buffered - distance(c.rcvAdv, c.rcvNxt);
  if (growth < worthwhileStep(c)) return;
  c.ackNow = true;
  c.stack.markDirty(c.slot);
}

/** RFC 9293 §3.8.6.2.2: the silly window is avoided by steps of min(RCV.BUFF / 2, MSS). */
function worthwhileStep(c: Connection): number {
  const half = c.stack.receiveWindow >> 1;
  return c.mss < half ? c.mss : half;
}
