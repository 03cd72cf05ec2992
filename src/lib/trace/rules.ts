/**
 * Reasons in words: for each name that a stack reports (counters of drops, reasons of retransmission, of keeping data back, of
 * changes to the congestion window) the check or mechanism behind it, and where it is written. The compiler wants a rule for
 * every reason of tcp/events.ts; a name that another version of rtcp sends is shown as it is.
 */
import type { CongestionEvent, NotSentReason, RetransmitReason } from '../tcp/events.ts';
import type { DropReason } from '../tcp/stack.ts';

/** Drop reasons are the counters of tcp/counters.ts. */
export const DROP_RULES: Readonly<Record<DropReason, string>> = {
  tooShort: 'shorter than its TCP header, RFC 9293 §3.1',
  badChecksum: 'checksum is wrong, RFC 9293 §3.1 (MUST-3)',
  badAddress: 'from or to an address that can have no connection, RFC 9293 §3.9.2.3 (MUST-57, MUST-63)',
  noConnection: 'no connection and no listener: answered by RST, RFC 9293 §3.10.7.1',
  synBacklogFull: 'the queue of half-open connections is full, RFC 4987 §3',
  acceptQueueFull: 'the queue of connections that wait to be accepted is full, RFC 9293 §3.10.1',
  badCookie: 'acknowledges no SYN cookie of ours: answered by RST, RFC 4987 §3.6',
  synWithFin: 'SYN and FIN at once, which no host sends',
  connectionTableFull: 'the connection table is full',
  noRoute: 'there is no route back',
  pawsRejected: 'timestamp older than the last one: PAWS, RFC 7323 §5.3 R1',
  missingTimestamps: 'timestamps were agreed and this segment has none, RFC 7323 §3.2',
  outsideWindow: 'sequence number outside the receive window: answered by ACK, RFC 9293 §3.10.7.4 first check',
  noAckFlag: 'no ACK flag, RFC 9293 §3.10.7.4 fifth check',
  badAck: 'acknowledges what was never sent or is long gone: challenge ACK, RFC 5961 §5.2',
  resetOutsideWindow: 'RST is not exactly at RCV.NXT: not believed, RFC 5961 §3.2',
  unexpectedSyn: 'SYN on an open connection: challenge ACK, RFC 5961 §4.2',
  dataAfterFin: 'text behind the FIN, RFC 9293 §3.10.7.4 seventh check',
  dataAfterClose: 'nobody reads any more: answered by RST, RFC 9293 §3.10.7.4, RFC 2525 §2.17',
  reassemblyNoMemory: 'out of order, and no memory to keep it; it will be sent again, RFC 9293 §3.10.7.4 (SHLD-31)',
  reassemblyTooManyRanges: 'out of order, and too many holes already; it will be sent again',
};

export const RETRANSMIT_RULES: Readonly<Record<RetransmitReason, string>> = {
  timeout: 'the retransmission timer (RTO) expired, RFC 6298 §5.4',
  fast: 'three duplicate ACKs, RFC 5681 §3.2',
  rack: 'sent before something that has arrived, and overdue: RACK, RFC 8985 §6.2',
  'tail-probe': 'the last ones may be lost: tail loss probe, RFC 8985 §7',
  'partial-ack': 'a partial ACK in recovery shows the next hole, RFC 6582 §3.2',
  'path-mtu': 'it was too big for the path, RFC 1191 §6.5',
  'window-reopened': 'the peer refused it with a closed window, which is open again',
  probe: 'a closed window is asked whether it still is, RFC 9293 §3.8.6.1',
  syn: 'the SYN was not answered, RFC 9293 §3.8.1 and RFC 6298 §5.4',
};

export const NOT_SENT_RULES: Readonly<Record<NotSentReason, string>> = {
  nagle: 'a short segment waits while others are in flight: Nagle, RFC 9293 §3.7.4',
  cork: 'the application holds it back',
  cwnd: 'the congestion window is full, RFC 5681 §3.1',
  rwnd: "the peer's window is full, or too small to be worth it, RFC 9293 §3.8.6.2.1",
  pacing: 'its time has not come: pacing',
  empty: 'nothing is queued',
  'no-buffer': 'no buffer is free',
  unresolved: 'the next hop has no hardware address yet',
};

export const CONGESTION_RULES: Readonly<Record<CongestionEvent, string>> = {
  'recovery-entered': 'loss found: recovery begins, RFC 5681 §3.2, RFC 6675 §5',
  'recovery-left': 'everything sent before the loss was acknowledged, RFC 6582 §3.2',
  'loss-entered': 'a timeout: everything in flight is taken for lost, RFC 5681 §3.1',
  'loss-left': 'what was lost in the timeout was acknowledged',
  undone: 'the loss was none: the reduction is taken back, RFC 5682, RFC 3522',
  'tail-repaired': 'a tail loss probe repaired the loss: the window is reduced for it, RFC 8985 §7.4',
  'ecn-reduced': 'a router marked congestion, RFC 3168 §6.1.2',
  'slow-start-left': 'slow start ends, RFC 5681 §3.1, RFC 9406',
  'idle-restart': 'idle for longer than an RTO, RFC 5681 §4.1',
};

export function ruleOf(table: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(table, name) ? table[name] : name;
}
