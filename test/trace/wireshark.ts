/** What tshark's sequence analysis says of each frame of a capture, and what ours says, in one form. */
import { execFileSync } from 'node:child_process';
import { BufferSource } from '../../src/lib/link/pcap-reader.ts';
import { followCapture } from '../../src/lib/trace/capture-source.ts';
import { Follower } from '../../src/lib/trace/follower.ts';
import type { TraceEvent, TraceSink } from '../../src/lib/trace/model.ts';
import { withFile } from '../link/pcap-capture.ts';

/** tshark's field for each label. */
const FIELDS: readonly (readonly [label: string, field: string])[] = [
  ['retransmission', 'tcp.analysis.retransmission'],
  ['fast-retransmission', 'tcp.analysis.fast_retransmission'],
  ['spurious-retransmission', 'tcp.analysis.spurious_retransmission'],
  ['out-of-order', 'tcp.analysis.out_of_order'],
  ['duplicate-ack', 'tcp.analysis.duplicate_ack'],
  ['lost-segment', 'tcp.analysis.lost_segment'],
  ['ack-lost-segment', 'tcp.analysis.ack_lost_segment'],
  ['zero-window', 'tcp.analysis.zero_window'],
  ['zero-window-probe', 'tcp.analysis.zero_window_probe'],
  ['zero-window-probe-ack', 'tcp.analysis.zero_window_probe_ack'],
  ['window-full', 'tcp.analysis.window_full'],
  ['window-update', 'tcp.analysis.window_update'],
  ['keep-alive', 'tcp.analysis.keep_alive'],
  ['keep-alive-ack', 'tcp.analysis.keep_alive_ack'],
  ['reused-ports', 'tcp.analysis.reused_ports'],
];
export const LABELS = FIELDS.map(([label]) => label);

const OTHER_FIELDS = [
  'tcp.analysis.duplicate_ack_num',
  'tcp.analysis.duplicate_ack_frame',
  'tcp.seq',
  'tcp.ack',
  'tcp.len',
  'tcp.window_size',
];

/** One line a TCP frame: its number, relative numbers, window, labels, `#n of frame` for a duplicate ACK. */
export type Judged = Map<number, string>;

export function judgedByTshark(capture: Uint8Array): Judged {
  const fields = ['frame.number', ...FIELDS.map(([, field]) => field), ...OTHER_FIELDS];
  const wanted = fields.flatMap((field) => ['-e', field]);
  const output = withFile(capture, (path) =>
    execFileSync('tshark', ['-r', path, '-Y', 'tcp', '-T', 'fields', ...wanted], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 60_000,
      maxBuffer: 1 << 28,
    }),
  );
  const judged: Judged = new Map();
  for (const line of output.split('\n')) {
    if (line === '') continue;
    const values = line.split('\t');
    let labels = FIELDS.filter((_, index) => values[index + 1] !== '').map(([label]) => label);
    // Wireshark marks fast and spurious ones as retransmissions besides.
    if (labels.some((label) => label.endsWith('-retransmission')))
      labels = labels.filter((label) => label !== 'retransmission');
    const [number, of, seq, ack, length, window] = values.slice(FIELDS.length + 1);
    judged.set(
      Number(values[0]),
      describe(seq, ack, length, window, labels, number === '' ? '' : `#${number} of ${of}`),
    );
  }
  return judged;
}

export function judgedByUs(capture: Uint8Array): Judged {
  const judged: Judged = new Map();
  const sink: TraceSink = {
    event: (event: TraceEvent) => {
      if (event.kind !== 'segment') return;
      const { seq, ack, lengthBytes, windowBytes, labels, duplicateNumber, duplicateOf } = event;
      const duplicate = labels.includes('duplicate-ack') ? `#${duplicateNumber} of ${duplicateOf}` : '';
      const text = describe(`${seq}`, `${ack}`, `${lengthBytes}`, `${windowBytes}`, labels, duplicate);
      judged.set(event.frame, text);
    },
    end: () => {},
  };
  const follower = new Follower({ sinks: [sink] });
  const result = followCapture(new BufferSource(capture), follower);
  if (result.error !== null) throw new Error(result.error);
  return judged;
}

function describe(
  seq: string,
  ack: string,
  length: string,
  window: string,
  labels: readonly string[],
  duplicate: string,
): string {
  return `seq ${seq} ack ${ack} len ${length} win ${window} ${[...labels].sort().join(' ')} ${duplicate}`.trim();
}

export interface Comparison {
  /** `frame: theirs | ours` for each frame that is judged differently. */
  readonly disagreements: readonly string[];
  /** The labels that tshark gave. */
  readonly labels: ReadonlySet<string>;
}

export function compareWithTshark(capture: Uint8Array): Comparison {
  const theirs = judgedByTshark(capture);
  const ours = judgedByUs(capture);
  const frames = [...new Set([...theirs.keys(), ...ours.keys()])].sort((a, b) => a - b);
  const disagreements = frames
    .filter((frame) => theirs.get(frame) !== ours.get(frame))
    .map((frame) => `${frame}: tshark ${theirs.get(frame)} | rtcp ${ours.get(frame)}`);
  const words = new Set([...theirs.values()].flatMap((text) => text.split(' ')));
  return { disagreements, labels: new Set(LABELS.filter((label) => words.has(label))) };
}
