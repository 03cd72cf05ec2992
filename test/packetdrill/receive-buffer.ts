/**
 * The stack's ring as a kernel's receive buffer: bytes are taken from it when a reader asks, not when they come.
 */
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { CLOSED, SYN_RECEIVED, SYN_SENT } from '../../src/lib/tcp/state.ts';
import { updateWindowAfterRead } from '../../src/lib/tcp/window.ts';

/** In-order bytes that wait; what came with a SYN does not count before the connection is established. */
export function available(c: Connection): number {
  const opening = c.state === SYN_SENT || c.state === SYN_RECEIVED;
  return c.ring === null || opening ? 0 : c.ring.readable;
}

/** Takes `n` bytes, in pieces that `see` is shown with their sequence numbers; then the window may open. */
export function takeBytes(
  c: Connection,
  n: number,
  peek: boolean,
  see: (bytes: Uint8Array, sequence: number) => void,
): void {
  const ring = c.ring;
  if (ring === null) return;
  for (let left = n; left > 0; ) {
    const step = Math.min(left, ring.pieceLength());
    see(c.stack.memory.u8.slice(ring.pieceOffset(), ring.pieceOffset() + step), ring.readSeq);
    if (peek) return;
    ring.consume(step);
    c.buffered = ring.readable;
    left -= step;
  }
  if (n > 0 && !c.lingering && c.state !== CLOSED) updateWindowAfterRead(c);
}
