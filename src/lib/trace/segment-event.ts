/**
 * A followed segment as an event: its numbers made relative, its window scaled, its options in words.
 */
import { ACK, SYN } from '../wire/tcp.ts';
import type { Flow, FlowEnd } from './flow.ts';
import type { Label, OwnState, SegmentEvent } from './model.ts';
import { flagText, type SegmentView } from './segment-view.ts';

const NO_OPTIONS: readonly string[] = [];

/** `duplicate`: it is labelled duplicate-ack. */
export function segmentEvent(
  flow: Flow,
  sender: FlowEnd,
  view: SegmentView,
  labels: readonly Label[],
  duplicate: boolean,
  rttUs: number | null,
  commands: readonly string[],
  own: OwnState | null,
): SegmentEvent {
  const receiver = flow.other(sender);
  return {
    kind: 'segment',
    tUs: view.tUs,
    connection: flow.summary.id,
    frame: view.frame,
    from: sender.name,
    flags: flagText(view.flags),
    seq: sender.relative(view.seq),
    ack: (view.flags & ACK) === 0 ? 0 : receiver.relative(view.ack),
    lengthBytes: view.lengthBytes,
    windowBytes: flow.windowBytes(sender, view),
    sack: sackOf(receiver, view),
    options: (view.flags & SYN) === 0 ? NO_OPTIONS : synOptions(view),
    tsVal: view.hasTimestamps ? view.tsVal >>> 0 : null,
    tsEcr: view.hasTimestamps ? view.tsEcr >>> 0 : null,
    labels,
    duplicateNumber: duplicate ? sender.direction.duplicates : 0,
    duplicateOf: duplicate ? sender.direction.firstAckFrame : 0,
    rttUs,
    inFlightBytes: flow.inFlightBytes(sender),
    commands,
    own,
  };
}

function sackOf(receiver: FlowEnd, { sackEdges }: SegmentView): (readonly [number, number])[] | null {
  if (sackEdges.length === 0) return null;
  const blocks: (readonly [number, number])[] = [];
  for (let i = 0; i + 1 < sackEdges.length; i += 2) {
    blocks.push([receiver.relative(sackEdges[i]), receiver.relative(sackEdges[i + 1])]);
  }
  return blocks;
}

function synOptions(view: SegmentView): string[] {
  const options: string[] = [];
  if (view.mss > 0) options.push(`mss ${view.mss}`);
  if (view.scale >= 0) options.push(`wscale ${view.scale}`);
  if (view.sackPermitted) options.push('sackOK');
  return options;
}
