/**
 * The events of a stack as bytes: what the recorder writes into the ring, and what goes through the socket. Little-endian
 * (both ends are on this machine), lengths multiples of 8.
 *
 *     0 length  4 kind │ flags │ name     8 time, float64 µs since 1970
 *    16 local address  20 remote address  24 local, remote port   28 a   32 b
 *    36 state  40 cwnd  44 ssthresh  48 RTO  52 SRTT  56 in flight  60 send window  64 receive window      (all 32 bits)
 *    68 bytes behind the head: header and payload of a segment as far as they are kept, or a name's text
 *    72 …
 */
export const RECORD_LENGTH = 0;
export const RECORD_KIND = 4;
export const RECORD_FLAGS = 5;
/** Number of a name that a NAME record has introduced: a reason, a cause. */
export const RECORD_NAME = 6;
export const RECORD_TIME = 8;
export const RECORD_LOCAL_IP = 16;
export const RECORD_REMOTE_IP = 20;
export const RECORD_LOCAL_PORT = 24;
export const RECORD_REMOTE_PORT = 26;
/** SEGMENT: its bytes on the wire. STATE: from. RETRANSMIT: the sequence number. NOT_SENT: bytes. LOST: how many. */
export const RECORD_A = 28;
/** STATE: to. RETRANSMIT: its length. */
export const RECORD_B = 32;
export const RECORD_STATE = 36;
export const RECORD_CWND = 40;
export const RECORD_SSTHRESH = 44;
export const RECORD_RTO = 48;
export const RECORD_SRTT = 52;
export const RECORD_IN_FLIGHT = 56;
export const RECORD_SEND_WINDOW = 60;
export const RECORD_RECEIVE_WINDOW = 64;
export const RECORD_TAIL_BYTES = 68;
export const RECORD_TAIL = 72;

export const KIND_NAME = 1;
export const KIND_SEGMENT = 2;
export const KIND_STATE = 3;
export const KIND_RETRANSMIT = 4;
export const KIND_DROP = 5;
export const KIND_NOT_SENT = 6;
export const KIND_CONGESTION = 7;
export const KIND_TIME_WAIT_ENDED = 8;
export const KIND_LOST = 9;

/** The record tells of a connection: its variables follow. */
export const FLAG_CONNECTION = 1;
export const FLAG_OUTBOUND = 2;

/** Payload bytes of a segment that are kept. */
export const KEPT_PAYLOAD_BYTES = 256;
/** TCP headers have 60 bytes at most. */
export const MAX_RECORD_BYTES = RECORD_TAIL + 64 + KEPT_PAYLOAD_BYTES;

/** A record by itself that says how many were lost. */
export function lostRecord(tUs: number, count: number): Buffer {
  const record = Buffer.alloc(RECORD_TAIL);
  record.writeInt32LE(RECORD_TAIL, RECORD_LENGTH);
  record[RECORD_KIND] = KIND_LOST;
  record.writeDoubleLE(tUs, RECORD_TIME);
  record.writeInt32LE(Math.min(count, 0x7fff_ffff), RECORD_A);
  return record;
}
