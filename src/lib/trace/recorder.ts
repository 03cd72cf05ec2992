/**
 * The observer of a running stack: writes each event into the ring and is done. It runs in the shard's loop, so it allocates
 * nothing for a segment; formatting, following and writing are the other thread's.
 *
 *   TcpStack ── TcpObserver ──▶ Recorder ──▶ ring ──▶ main thread
 *
 * Reasons and causes are strings of the code: each is introduced once by a NAME record, and then named by its number.
 */
import type { Clock } from '../clock.ts';
import type { Connection } from '../tcp/connection.ts';
import type { CongestionEvent, NotSentReason, RetransmitReason, TcpObserver } from '../tcp/events.ts';
import { distance } from '../tcp/sequence.ts';
import type { TcpStack } from '../tcp/stack.ts';
import {
  FLAG_CONNECTION,
  FLAG_OUTBOUND,
  KEPT_PAYLOAD_BYTES,
  KIND_CONGESTION,
  KIND_DROP,
  KIND_NAME,
  KIND_NOT_SENT,
  KIND_RETRANSMIT,
  KIND_SEGMENT,
  KIND_STATE,
  KIND_TIME_WAIT_ENDED,
  RECORD_A,
  RECORD_B,
  RECORD_CWND,
  RECORD_FLAGS,
  RECORD_IN_FLIGHT,
  RECORD_KIND,
  RECORD_LOCAL_IP,
  RECORD_LOCAL_PORT,
  RECORD_NAME,
  RECORD_RECEIVE_WINDOW,
  RECORD_REMOTE_IP,
  RECORD_REMOTE_PORT,
  RECORD_RTO,
  RECORD_SEND_WINDOW,
  RECORD_SRTT,
  RECORD_SSTHRESH,
  RECORD_STATE,
  RECORD_TAIL,
  RECORD_TAIL_BYTES,
  RECORD_TIME,
} from './record.ts';
import { RingWriter } from './ring.ts';

/** Of an IPv4 header without options, which lies before the TCP header. */
const VERSION_AND_LENGTH = 0x45;
const MAX_NAMES = 65_535;

/** Values of the control word by which the main thread switches the recorder. */
export const TRACE_OFF = 0;
export const TRACE_WANTED = 1;
/** The recorder has seen it: every event from now on is in the ring. */
export const TRACE_ON = 2;

export class Recorder implements TcpObserver {
  private readonly stack: TcpStack;
  private readonly ring: RingWriter;
  private readonly epochUs: number;
  private readonly names = new Map<string, number>();
  private at = 0;

  constructor(stack: TcpStack, memory: SharedArrayBuffer, clock: Clock) {
    this.stack = stack;
    this.ring = new RingWriter(memory);
    this.epochUs = clock.wallMs() * 1000 - clock.nowUs();
  }

  /** Installs or removes itself as `control[word]` wants it. */
  obey(control: Int32Array, word: number): void {
    const wanted = Atomics.load(control, word);
    if (wanted === TRACE_WANTED) {
      this.names.clear(); // those who listen now have heard none
      this.stack.observer = this;
      Atomics.compareExchange(control, word, TRACE_WANTED, TRACE_ON);
    } else if (wanted === TRACE_OFF && this.stack.observer === this) this.stack.observer = null;
  }

  stateChanged(connection: Connection, from: number, to: number, cause: string): void {
    const name = this.nameOf(cause);
    if (!this.begin(KIND_STATE, name, 0)) return;
    this.aboutConnection(connection, 0);
    this.finish(from, to);
  }

  segmentIn(connection: Connection | null, tcp: number, length: number): void {
    const headerBytes = (this.stack.memory.u8[tcp + 12] >> 4) << 2;
    this.segment(connection, tcp, headerBytes, tcp + headerBytes, length - headerBytes, false);
  }

  segmentOut(
    connection: Connection | null,
    tcp: number,
    headerBytes: number,
    payload: number,
    payloadLength: number,
  ): void {
    this.segment(connection, tcp, headerBytes, payload, payloadLength, true);
  }

  dropped(connection: Connection | null, reason: string): void {
    const name = this.nameOf(reason);
    if (!this.begin(KIND_DROP, name, 0)) return;
    if (connection !== null) this.aboutConnection(connection, 0);
    this.finish(0, 0);
  }

  retransmitted(connection: Connection, sequence: number, length: number, reason: RetransmitReason): void {
    const name = this.nameOf(reason);
    if (!this.begin(KIND_RETRANSMIT, name, 0)) return;
    this.aboutConnection(connection, 0);
    this.finish(sequence, length);
  }

  congestionChanged(connection: Connection, event: CongestionEvent): void {
    const name = this.nameOf(event);
    if (!this.begin(KIND_CONGESTION, name, 0)) return;
    this.aboutConnection(connection, 0);
    this.finish(0, 0);
  }

  timeWaitEnded(localIp: number, localPort: number, remoteIp: number, remotePort: number, cause: string): void {
    const name = this.nameOf(cause);
    if (!this.begin(KIND_TIME_WAIT_ENDED, name, 0)) return;
    this.ends(localIp, localPort, remoteIp, remotePort);
    this.finish(0, 0);
  }

  notSent(connection: Connection, reason: NotSentReason, unsentBytes: number): void {
    if (reason === 'empty') return; // at every turn
    const name = this.nameOf(reason);
    if (!this.begin(KIND_NOT_SENT, name, 0)) return;
    this.aboutConnection(connection, 0);
    this.finish(unsentBytes, 0);
  }

  private segment(
    c: Connection | null,
    tcp: number,
    headerBytes: number,
    payload: number,
    payloadBytes: number,
    outbound: boolean,
  ): void {
    const kept = payloadBytes < KEPT_PAYLOAD_BYTES ? payloadBytes : KEPT_PAYLOAD_BYTES;
    if (kept < 0 || !this.begin(KIND_SEGMENT, 0, headerBytes + kept)) return;
    const { u8 } = this.stack.memory;
    const flags = outbound ? FLAG_OUTBOUND : 0;
    if (c !== null) this.aboutConnection(c, flags);
    else this.aboutStranger(tcp, outbound);
    const to = this.at + RECORD_TAIL;
    const out = this.ring.u8;
    for (let i = 0; i < headerBytes; i++) out[to + i] = u8[tcp + i];
    for (let i = 0; i < kept; i++) out[to + headerBytes + i] = u8[payload + i];
    this.finish(headerBytes + payloadBytes, 0);
  }

  /** A record of `tailBytes` behind its head; false when the ring has no room. */
  private begin(kind: number, name: number, tailBytes: number): boolean {
    if (name < 0) return false;
    const length = (RECORD_TAIL + tailBytes + 7) & ~7;
    const at = this.ring.begin(length);
    if (at < 0) return false;
    this.at = at;
    const { dv } = this.ring;
    dv.setUint8(at + RECORD_KIND, kind);
    dv.setUint8(at + RECORD_FLAGS, 0);
    dv.setUint16(at + RECORD_NAME, name, true);
    dv.setFloat64(at + RECORD_TIME, this.epochUs + this.stack.net.nowUs, true);
    dv.setInt32(at + RECORD_TAIL_BYTES, tailBytes, true);
    this.ends(0, 0, 0, 0);
    return true;
  }

  private finish(a: number, b: number): void {
    const { dv } = this.ring;
    const { at } = this;
    dv.setInt32(at + RECORD_A, a, true);
    dv.setInt32(at + RECORD_B, b, true);
    this.ring.commit(dv.getInt32(at, true));
  }

  private ends(localIp: number, localPort: number, remoteIp: number, remotePort: number): void {
    const { dv } = this.ring;
    const { at } = this;
    dv.setInt32(at + RECORD_LOCAL_IP, localIp, true);
    dv.setInt32(at + RECORD_REMOTE_IP, remoteIp, true);
    dv.setUint16(at + RECORD_LOCAL_PORT, localPort, true);
    dv.setUint16(at + RECORD_REMOTE_PORT, remotePort, true);
  }

  private aboutConnection(c: Connection, flags: number): void {
    const { dv } = this.ring;
    const { at } = this;
    dv.setUint8(at + RECORD_FLAGS, flags | FLAG_CONNECTION);
    this.ends(c.localIp, c.localPort, c.remoteIp, c.remotePort);
    dv.setInt32(at + RECORD_STATE, c.state, true);
    dv.setInt32(at + RECORD_CWND, c.cwnd, true);
    dv.setInt32(at + RECORD_SSTHRESH, c.ssthresh, true);
    dv.setInt32(at + RECORD_RTO, c.rtt.rtoUs, true);
    dv.setInt32(at + RECORD_SRTT, c.rtt.srttUs, true);
    dv.setInt32(at + RECORD_IN_FLIGHT, c.flightBytes, true);
    dv.setInt32(at + RECORD_SEND_WINDOW, c.sndWnd, true);
    dv.setInt32(at + RECORD_RECEIVE_WINDOW, distance(c.rcvAdv, c.rcvNxt), true);
  }

  /** A segment of no connection: its addresses stand before it, unless the IPv4 header has options. */
  private aboutStranger(tcp: number, outbound: boolean): void {
    const { dv, u8 } = this.stack.memory;
    this.ring.dv.setUint8(this.at + RECORD_FLAGS, outbound ? FLAG_OUTBOUND : 0);
    if (u8[tcp - 20] !== VERSION_AND_LENGTH) return;
    const source = dv.getInt32(tcp - 8, false);
    const destination = dv.getInt32(tcp - 4, false);
    const sourcePort = dv.getUint16(tcp, false);
    const destinationPort = dv.getUint16(tcp + 2, false);
    if (outbound) this.ends(source, sourcePort, destination, destinationPort);
    else this.ends(destination, destinationPort, source, sourcePort);
  }

  /** The number of a name, introduced when it is new; -1 when there was no room for that. */
  private nameOf(text: string): number {
    const known = this.names.get(text);
    if (known !== undefined) return known;
    const number = this.names.size + 1;
    if (number > MAX_NAMES) return -1;
    const bytes = Buffer.from(text, 'utf8').subarray(0, KEPT_PAYLOAD_BYTES);
    if (!this.begin(KIND_NAME, number, bytes.length)) return -1;
    this.ring.u8.set(bytes, this.at + RECORD_TAIL);
    this.finish(0, 0);
    this.names.set(text, number);
    return number;
  }
}
