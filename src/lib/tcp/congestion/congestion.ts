/**
 * Congestion control: how much may be in flight. An algorithm has no state of its own, it works on the fields of the
 * connection (`cwnd`, `ssthresh`, in bytes); loss detection and what is resent are `tcp/input.ts`'s and `tcp/recovery.ts`'s.
 *
 *   onOpen ─▶ onAck…  ─3 duplicates─▶ onEnterRecovery ─▶ onDuplicateAck…, onPartialAck… ─▶ onExitRecovery ─▶ onAck…
 *                     ─timeout──────▶ onTimeout ─▶ onAck…
 */
import type { Connection } from '../connection.ts';

export interface CongestionControl {
  readonly name: string;
  /** The handshake is complete. `synLost`: the SYN or SYN,ACK was sent more than once. */
  onOpen(connection: Connection, synLost: boolean): void;
  /** New data was acknowledged, outside recovery. `flightBytes` was in flight before. */
  onAck(connection: Connection, ackedBytes: number, flightBytes: number): void;
  /** The third duplicate acknowledgment. */
  onEnterRecovery(connection: Connection, flightBytes: number): void;
  /** Every further one. */
  onDuplicateAck(connection: Connection): void;
  /** An acknowledgment of new data that does not end the recovery. */
  onPartialAck(connection: Connection, ackedBytes: number): void;
  /** Everything that was in flight when the loss was seen has been acknowledged. `flightBytes` is in flight now. */
  onExitRecovery(connection: Connection, flightBytes: number): void;
  /** The retransmission timer expired; `again`: the same data was resent by the timer before. */
  onTimeout(connection: Connection, flightBytes: number, again: boolean): void;
  /** Sending resumes after nothing was sent for longer than the retransmission timeout. */
  onIdleRestart(connection: Connection): void;
}

/** RFC 6928 §2: min(segments · MSS, max(2 · MSS, segments · 1460)). */
export function initialWindow(mss: number, segments: number): number {
  return Math.min(segments * mss, Math.max(2 * mss, segments * 1460));
}
