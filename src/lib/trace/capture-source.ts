/**
 * A capture as a source: every frame in the order of the file, numbered as Wireshark numbers them. One frame is in memory at
 * a time, whatever the file's size.
 */
import type { CaptureSource } from '../link/pcap-reader.ts';
import { CaptureReader } from '../link/pcap-reader.ts';
import type { Follower } from './follower.ts';
import { SegmentView } from './segment-view.ts';

export interface CaptureResult {
  frames: number;
  /** What is wrong with the capture, and where; everything before it was followed. */
  error: string | null;
}

/** Follows a capture frame by frame; `step` lets the caller report progress and stop between two frames. */
export class CaptureWalk {
  frames = 0;
  /** Time of the last segment. */
  lastUs = 0;
  private readonly reader: CaptureReader;
  private readonly follower: Follower;
  private readonly view = new SegmentView();

  constructor(source: CaptureSource, follower: Follower) {
    this.reader = new CaptureReader(source);
    this.follower = follower;
  }

  get error(): string | null {
    return this.reader.error;
  }

  /** Bytes of the capture that were read. */
  get offsetBytes(): number {
    return this.reader.offsetBytes;
  }

  /** Takes the next frame; false at the end, or at the first damage (see `error`). */
  step(): boolean {
    const packet = this.reader.next();
    if (packet === null) return false;
    const { follower, view } = this;
    this.frames++;
    follower.totals.frames++;
    const reason = view.takeFrame(packet.bytes, packet.linkType, packet.originalLength);
    if (reason !== null) {
      follower.ignore(reason);
      return true;
    }
    view.tUs = Number(packet.timestampNs / 1000n) + Number(packet.timestampNs % 1000n) / 1000;
    this.lastUs = view.tUs;
    view.frame = this.frames;
    view.direction = packet.direction;
    follower.segment(view, {
      number: this.frames,
      tUs: view.tUs,
      bytes: packet.bytes,
      linkType: packet.linkType,
      originalLength: packet.originalLength,
      direction: packet.direction,
    });
    return true;
  }

  close(): void {
    this.reader.close();
  }
}

/** Follows all of a capture, and ends the follower. */
export function followCapture(source: CaptureSource, follower: Follower): CaptureResult {
  const walk = new CaptureWalk(source, follower);
  while (walk.step());
  walk.close();
  follower.end();
  return { frames: walk.frames, error: walk.error };
}
