/**
 * The other end of the recorder: records, read back and told to a follower. Bytes may come in any pieces. What arrives over
 * the socket is another process's: what makes no sense ends the reading and is said in `error`.
 */
import { STATE_NAMES } from '../tcp/state.ts';
import type { Follower, StackEnds } from './follower.ts';
import type { OwnState, TracedFrame } from './model.ts';
import {
  FLAG_CONNECTION,
  FLAG_OUTBOUND,
  KIND_CONGESTION,
  KIND_DROP,
  KIND_LOST,
  KIND_NAME,
  KIND_NOT_SENT,
  KIND_RETRANSMIT,
  KIND_SEGMENT,
  KIND_STATE,
  KIND_TIME_WAIT_ENDED,
  MAX_RECORD_BYTES,
  RECORD_A,
  RECORD_B,
  RECORD_CWND,
  RECORD_FLAGS,
  RECORD_IN_FLIGHT,
  RECORD_KIND,
  RECORD_LENGTH,
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
import { SegmentView } from './segment-view.ts';

const IPV4_HEADER_BYTES = 20;
/** An IPv4 datagram has 65,535 at most. */
const MAX_SEGMENT_BYTES = 0xffff - IPV4_HEADER_BYTES;
const LINKTYPE_IPV4 = 228;

export class RecordReader {
  /** What is wrong with the records, or null. */
  error: string | null = null;
  private readonly follower: Follower;
  private readonly maxFrames: number;
  private readonly names = new Map<number, string>();
  private readonly view = new SegmentView();
  private rest: Buffer<ArrayBufferLike> = Buffer.alloc(0);

  /** Records behind the one of the last frame that is wanted are read up to the next frame. */
  constructor(follower: Follower, maxFrames = Infinity) {
    this.follower = follower;
    this.maxFrames = maxFrames;
  }

  take(bytes: Buffer): void {
    if (this.error !== null) return;
    const all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    let at = 0;
    while (at + RECORD_TAIL <= all.length) {
      const length = all.readInt32LE(at + RECORD_LENGTH);
      if (length < RECORD_TAIL || length > MAX_RECORD_BYTES || length % 8 !== 0) {
        this.error = `a record claims ${length} bytes`;
        return;
      }
      if (at + length > all.length) break;
      if (!Number.isFinite(all.readDoubleLE(at + RECORD_TIME))) {
        this.error = 'a record has no time';
        return;
      }
      if (all[at + RECORD_KIND] === KIND_SEGMENT && this.follower.totals.frames >= this.maxFrames) return;
      this.record(all.subarray(at, at + length));
      at += length;
    }
    this.rest = Buffer.from(all.subarray(at));
  }

  private record(record: Buffer): void {
    const { follower } = this;
    const tUs = record.readDoubleLE(RECORD_TIME);
    const a = record.readInt32LE(RECORD_A);
    const b = record.readInt32LE(RECORD_B);
    const name = this.names.get(record.readUInt16LE(RECORD_NAME)) ?? '?';
    const ends = endsOf(record);
    const own = ownOf(record);
    switch (record[RECORD_KIND]) {
      case KIND_NAME:
        this.names.set(record.readUInt16LE(RECORD_NAME), tailOf(record).toString('utf8'));
        return;
      case KIND_SEGMENT:
        this.segment(record, tUs, a, ends, own);
        return;
      case KIND_STATE:
        follower.stateChanged(tUs, ends, a, b, name, own);
        return;
      case KIND_RETRANSMIT:
        follower.retransmitted(tUs, ends, a, b, name, own);
        return;
      case KIND_DROP: {
        const known = (record[RECORD_FLAGS] & FLAG_CONNECTION) !== 0;
        follower.dropped(tUs, known ? ends : null, name, known ? own : null);
        return;
      }
      case KIND_NOT_SENT:
        follower.notSent(tUs, ends, name, a, own);
        return;
      case KIND_CONGESTION:
        follower.congestionChanged(tUs, ends, name, own);
        return;
      case KIND_TIME_WAIT_ENDED:
        follower.timeWaitEnded(tUs, ends, name);
        return;
      case KIND_LOST:
        follower.lost(tUs, a);
        return;
    }
  }

  private segment(record: Buffer, tUs: number, wireBytes: number, ends: StackEnds, own: OwnState): void {
    const { follower, view } = this;
    const number = ++follower.totals.frames;
    const kept = tailOf(record);
    if (wireBytes < kept.length || wireBytes > MAX_SEGMENT_BYTES) {
      follower.ignore('record that makes no sense');
      return;
    }
    const outbound = (record[RECORD_FLAGS] & FLAG_OUTBOUND) !== 0;
    const direction = outbound ? 'out' : 'in';
    const packet = asPacket(kept, wireBytes, ends, outbound);
    const reason = view.takeTcp(packet, IPV4_HEADER_BYTES, wireBytes, packet.length);
    if (reason !== null) {
      follower.ignore(reason);
      return;
    }
    view.tUs = tUs;
    view.frame = number;
    view.direction = direction;
    view.sourceIp = outbound ? ends.localIp : ends.remoteIp;
    view.destinationIp = outbound ? ends.remoteIp : ends.localIp;
    const originalLength = IPV4_HEADER_BYTES + wireBytes;
    const frame: TracedFrame = {
      number,
      tUs,
      bytes: packet,
      linkType: LINKTYPE_IPV4,
      originalLength,
      direction,
    };
    const known = (record[RECORD_FLAGS] & FLAG_CONNECTION) !== 0;
    follower.stackSegment(view, frame, known ? own : null);
  }
}

function tailOf(record: Buffer): Buffer {
  const bytes = record.readInt32LE(RECORD_TAIL_BYTES);
  return record.subarray(RECORD_TAIL, RECORD_TAIL + Math.max(0, bytes));
}

function endsOf(record: Buffer): StackEnds {
  return {
    localIp: record.readInt32LE(RECORD_LOCAL_IP),
    localPort: record.readUInt16LE(RECORD_LOCAL_PORT),
    remoteIp: record.readInt32LE(RECORD_REMOTE_IP),
    remotePort: record.readUInt16LE(RECORD_REMOTE_PORT),
  };
}

function ownOf(record: Buffer): OwnState {
  return {
    state: STATE_NAMES[record.readInt32LE(RECORD_STATE)] ?? '?',
    cwndBytes: record.readInt32LE(RECORD_CWND),
    ssthreshBytes: record.readInt32LE(RECORD_SSTHRESH),
    rtoUs: record.readInt32LE(RECORD_RTO),
    srttUs: record.readInt32LE(RECORD_SRTT),
    inFlightBytes: record.readInt32LE(RECORD_IN_FLIGHT),
    sendWindowBytes: record.readInt32LE(RECORD_SEND_WINDOW),
    receiveWindowBytes: record.readInt32LE(RECORD_RECEIVE_WINDOW),
  };
}

/** The segment behind an IPv4 header that says where it came from, so that captures can hold it. Its checksum is left 0. */
function asPacket(segment: Buffer, wireBytes: number, ends: StackEnds, outbound: boolean): Buffer {
  const packet = Buffer.alloc(IPV4_HEADER_BYTES + segment.length);
  packet[0] = 0x45;
  packet.writeUInt16BE(IPV4_HEADER_BYTES + wireBytes, 2);
  packet[8] = 64;
  packet[9] = 6;
  packet.writeInt32BE(outbound ? ends.localIp : ends.remoteIp, 12);
  packet.writeInt32BE(outbound ? ends.remoteIp : ends.localIp, 16);
  segment.copy(packet, IPV4_HEADER_BYTES);
  return packet;
}
