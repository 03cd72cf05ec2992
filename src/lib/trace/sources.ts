/**
 * Where segments come from: a capture file, or an interface that is watched. Both run in slices, so that signals and other
 * work of the process get their turn, and stop after a number of frames, after a time, or when told.
 */
import { statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { UsageError } from '../cli/command-error.ts';
import { PacketLink } from '../link/packet.ts';
import { FileSource } from '../link/pcap-reader.ts';
import { PacketMemory } from '../memory/packet-memory.ts';
import { interfaceInfo } from '../native/interface.ts';
import { CaptureWalk } from './capture-source.ts';
import type { Follower } from './follower.ts';
import { SegmentView } from './segment-view.ts';

export interface StopConditions {
  /** Frames of TCP and others; Infinity: no limit. */
  readonly maxFrames: number;
  /** Infinity: until the end, or the signal. */
  readonly durationUs: number;
  readonly signal: AbortSignal;
}

/** Takes the share of the work that is done, 0…1. */
export type OnProgress = (share: number) => void;

const SLICE_MS = 20;
const PROGRESS_MS = 250;

/** Follows a capture file to its end; returns what is wrong with it, or null. */
export async function traceCapture(
  path: string,
  follower: Follower,
  stop: StopConditions,
  onProgress: OnProgress,
): Promise<string | null> {
  const sizeBytes = captureBytes(path);
  const walk = new CaptureWalk(new FileSource(path), follower);
  try {
    let firstUs = -1;
    let sliceEndMs = performance.now() + SLICE_MS;
    let progressMs = performance.now() + PROGRESS_MS;
    while (walk.frames < stop.maxFrames && walk.step()) {
      if (firstUs < 0) firstUs = walk.lastUs;
      if (walk.lastUs - firstUs > stop.durationUs) break;
      if ((walk.frames & 63) !== 0 || performance.now() < sliceEndMs) continue;
      await turn();
      if (stop.signal.aborted) break;
      const nowMs = performance.now();
      sliceEndMs = nowMs + SLICE_MS;
      if (nowMs < progressMs) continue;
      progressMs = nowMs + PROGRESS_MS;
      onProgress(sizeBytes === 0 ? 0 : walk.offsetBytes / sizeBytes);
    }
    return walk.error;
  } finally {
    walk.close();
  }
}

/** The size of a capture; throws a UsageError when there is none. */
export function captureBytes(path: string): number {
  try {
    const found = statSync(path);
    if (!found.isDirectory()) return found.size;
  } catch (error) {
    throw new UsageError(`--pcap: ${(error as Error).message}`, 'name a capture that can be read: --pcap FILE');
  }
  throw new UsageError(`--pcap ${path} is a directory`, 'name a capture file: --pcap FILE');
}

const MEMORY_BYTES = 128 << 20;
const EXTENT_BYTES = 1 << 20; // nothing here needs extents
/** 66 KB each: room for a burst of super-segments while a slice of other work runs. */
const RX_SLOTS = 1500;
const BUFFERS = 16;
const LINKTYPE_ETHERNET = 1;
const WAIT_US = 20_000;

export interface WatchResult {
  /** Frames that the kernel dropped because we were too slow. */
  dropped: number;
}

/**
 * Follows what passes an interface, both ways, beside whoever uses it; `onTick` is called a few times a second. Throws a
 * NativeError without the privilege.
 */
export async function traceInterface(
  name: string,
  follower: Follower,
  stop: StopConditions,
  onTick: () => void,
): Promise<WatchResult> {
  // Over lo every frame goes out and comes in: one of the two is enough.
  const outgoing = !interfaceInfo(name).loopback;
  const memory = new PacketMemory(MEMORY_BYTES, EXTENT_BYTES);
  const pools = { dataBuffers: BUFFERS, controlBuffers: BUFFERS };
  const link = PacketLink.open({
    memory,
    interfaceName: name,
    match: { kind: 'all' },
    rxSlots: RX_SLOTS,
    outgoing,
    ...pools,
  });
  try {
    const view = new SegmentView();
    const endMs = performance.now() + stop.durationUs / 1000;
    let sliceEndMs = 0;
    let tickMs = 0;
    while (!stop.signal.aborted && follower.totals.frames < stop.maxFrames) {
      const count = link.receive();
      for (let i = 0; i < count && follower.totals.frames < stop.maxFrames; i++) {
        takeFrame(link, link.rxOffset[i], link.rxLength[i], view, follower);
      }
      link.release();
      const nowMs = performance.now();
      if (nowMs >= endMs) break;
      if (nowMs >= tickMs) {
        tickMs = nowMs + PROGRESS_MS;
        onTick();
      }
      if (nowMs >= sliceEndMs) {
        await turn();
        sliceEndMs = performance.now() + SLICE_MS;
      } else if (count === 0) link.wait(-1, WAIT_US);
    }
    return { dropped: link.stats.rxDropped };
  } finally {
    link.close();
  }
}

function takeFrame(link: PacketLink, offset: number, length: number, view: SegmentView, follower: Follower): void {
  const bytes = link.memory.u8.subarray(offset, offset + length);
  const number = ++follower.totals.frames;
  const reason = view.takeFrame(bytes, LINKTYPE_ETHERNET, length);
  if (reason !== null) {
    follower.ignore(reason);
    return;
  }
  const tUs = link.arrivalUs(offset);
  const direction = link.isOutgoing(offset) ? 'out' : 'in';
  view.tUs = tUs;
  view.frame = number;
  view.direction = direction;
  follower.segment(view, { number, tUs, bytes, linkType: LINKTYPE_ETHERNET, originalLength: length, direction });
}
