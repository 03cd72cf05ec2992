/**
 * One byte stream to a peer, whatever carries it: a connection of our own TCP, or a kernel socket. Everything from the
 * session upwards knows this and nothing more.
 *
 *   transport ── onData(stream, offset, length) ──▶ session ── stream.queue ──▶ transport
 *
 * A handler takes all the bytes that it is given (they are gone when it returns) and says `pauseRead()` when it can't take
 * more. It writes into `queue` and calls `requestFlush()`; the transport sends at the end of the loop's turn.
 */
import type { SendQueue } from '../memory/send-queue.ts';

/** Why a stream ended. */
export const CLOSE_NORMAL = 0; // both sides said FIN
export const CLOSE_RESET = 1; // the peer reset it
export const CLOSE_TIMEOUT = 2; // the peer no longer answers
export const CLOSE_ABORTED = 3; // we reset it
export const CLOSE_REFUSED = 4; // an active open was refused

export abstract class Stream {
  /** What is to be sent. Written by the session's encoder, read by the transport. */
  abstract readonly queue: SendQueue;
  /** The session (or other owner) that this stream feeds; set by the handler in onOpen. */
  owner: unknown = null;
  /** `onDrain` is wanted when the send queue got shorter. */
  wantsDrain = false;

  /** Something was written into `queue`: send at the end of this turn. Cheap, idempotent. */
  abstract requestFlush(): void;
  /** Sends what is queued, then ends our direction; the stream closes when the peer has ended its own. Idempotent. */
  abstract end(): void;
  /** Ends at once: a reset to the peer, what is queued is lost. */
  abstract abort(): void;
  /** No onData until resumeRead(): the peer is held back by the window. */
  abstract pauseRead(): void;
  abstract resumeRead(): void;
  /** `192.0.2.1:40000` */
  abstract remoteAddress(): string;
  /** `192.0.2.2:6379` */
  abstract localAddress(): string;
  /** A number that identifies the stream while it lives: the descriptor of a kernel socket, the slot of a connection. */
  abstract descriptor(): number;
}

export interface StreamHandler {
  /** A peer connected (passive open), or our active open succeeded. */
  onOpen(stream: Stream): void;
  /** In-order bytes of the peer in packet memory: valid until this returns, or until the burst's end if the transport says so. */
  onData(stream: Stream, offset: number, length: number): void;
  /** The peer ended its direction; what is queued can still be sent. */
  onEnd(stream: Stream): void;
  /** Bytes left the send queue (only when `wantsDrain`). */
  onDrain(stream: Stream): void;
  /** The stream is gone (CLOSE_*). Nothing may be written any more. Called once for every onOpen. */
  onClose(stream: Stream, reason: number): void;
}
