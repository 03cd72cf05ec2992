/**
 * The states of a connection (RFC 9293 §3.3.2), numbered so that comparisons have a meaning: below ESTABLISHED is not
 * synchronised, from ESTABLISHED to CLOSE_WAIT data may be sent, and CLOSED and LISTEN have no connection at all.
 *
 *   CLOSED ─▶ LISTEN ─▶ SYN_RECEIVED ─▶ ESTABLISHED ─▶ FIN_WAIT_1 ─▶ FIN_WAIT_2 ─▶ TIME_WAIT ─▶ CLOSED
 *      └────▶ SYN_SENT ───┘   └───────────▲  │              └──▶ CLOSING ────────────▲
 *                                            └─▶ CLOSE_WAIT ─▶ LAST_ACK ─▶ CLOSED
 */
export const CLOSED = 0;
export const LISTEN = 1;
export const SYN_SENT = 2;
export const SYN_RECEIVED = 3;
export const ESTABLISHED = 4;
export const FIN_WAIT_1 = 5;
export const FIN_WAIT_2 = 6;
export const CLOSE_WAIT = 7;
export const CLOSING = 8;
export const LAST_ACK = 9;
export const TIME_WAIT = 10;

/** By number, as `ss` and RFC 9293 write them. */
export const STATE_NAMES: readonly string[] = [
  'CLOSED',
  'LISTEN',
  'SYN-SENT',
  'SYN-RECEIVED',
  'ESTABLISHED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'CLOSE-WAIT',
  'CLOSING',
  'LAST-ACK',
  'TIME-WAIT',
];
