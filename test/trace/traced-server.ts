/** A pair of which the server's stack is traced from inside while something plays, into any sinks. */
import { Follower } from '../../src/lib/trace/follower.ts';
import type { TraceSink } from '../../src/lib/trace/model.ts';
import { RecordReader } from '../../src/lib/trace/record-reader.ts';
import { Recorder as StackRecorder, TRACE_OFF, TRACE_WANTED } from '../../src/lib/trace/recorder.ts';
import { RingReader, ringMemory } from '../../src/lib/trace/ring.ts';
import type { CapturedPair } from './captured-pair.ts';

const RING_BYTES = 1 << 25;

export function traceFromInside(pair: CapturedPair, play: () => void, sinks: readonly TraceSink[]): void {
  const memory = ringMemory(RING_BYTES);
  const recorder = new StackRecorder(pair.server.tcp, memory, pair.clock);
  const control = Int32Array.of(TRACE_WANTED);
  recorder.obey(control, 0);
  play();
  control[0] = TRACE_OFF;
  recorder.obey(control, 0);
  const follower = new Follower({ sinks });
  new RecordReader(follower).take(new RingReader(memory).drain());
  follower.end();
}
