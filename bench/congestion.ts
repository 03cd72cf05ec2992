/**
 * Congestion control on a simulated narrow line, with a virtual clock: what HyStart++, the limit L of byte counting, and ECN
 * change in drops, retransmissions and time. The same code gives the same numbers anywhere.
 *
 *   node bench/congestion.ts
 *
 * Each row is the mean over nine lines: 10, 20 and 50 Mbit/s with 20, 40 and 80 ms. Queues are in bandwidth-delay products.
 */
import type { TcpOptions } from '../src/lib/tcp/config.ts';
import { Pair, Recorder, write } from '../test/tcp/pair.ts';

const RATES_MBIT = [10, 20, 50];
const ROUND_TRIPS_MS = [20, 40, 80];

interface Line {
  readonly mbit: number;
  readonly rttMs: number;
  /** In bandwidth-delay products. */
  readonly queue: number;
  /** From which waiting share of a bandwidth-delay product on the queue marks ECT frames; 0: never. */
  readonly mark: number;
  /** The receiver gets super-segments whole, and acknowledges each once. */
  readonly stretched: boolean;
}

interface Outcome {
  ms: number;
  drops: number;
  marks: number;
  resent: number;
}

/** Sends `bytes` over a line by 16 KiB super-segments. */
function transfer(bytes: number, line: Line, tcp: Partial<TcpOptions>): Outcome {
  const bitsPerSecond = line.mbit * 1e6;
  const product = (bitsPerSecond / 8) * (line.rttMs / 1e3);
  const markBytes = line.mark > 0 ? line.mark * product : Number.POSITIVE_INFINITY;
  const options = { nagle: false, receiveWindowBytes: 4 << 20, ...tcp };
  const pair = new Pair({
    conditions: { delayUs: line.rttMs * 500, bitsPerSecond, queueBytes: line.queue * product, markBytes },
    linkA: { checksumOffload: true, gather: true, segmentationBytes: 16_384, dataBuffers: 1500, memoryBytes: 64 << 20 },
    linkB: { takesSuperSegments: line.stretched, dataBuffers: 256 },
    tcpA: options,
    tcpB: options,
  });
  let received = 0;
  const sink = new Recorder();
  sink.data = (_stream, _offset, length) => {
    received += length;
    sink.chunks.length = 0;
  };
  const source = new Recorder();
  source.open = (stream) => void write(stream, Buffer.alloc(bytes));
  pair.b.tcp.listen(6379, sink);
  const startUs = pair.clock.us;
  pair.a.tcp.connect(pair.b.net.address, 6379, source);
  if (!pair.run(300e6, () => received === bytes)) throw new Error('the transfer did not end');
  const impairment = pair.wire.impairment(pair.a.link);
  return {
    ms: (pair.clock.us - startUs) / 1e3,
    drops: impairment.queueFull,
    marks: impairment.marked,
    resent: pair.a.tcp.counters.retransmitted,
  };
}

/** The mean over all lines, as a row. */
function row(name: string, bytes: number, shape: Partial<Line>, tcp: Partial<TcpOptions>): void {
  const mean: Outcome = { ms: 0, drops: 0, marks: 0, resent: 0 };
  const count = RATES_MBIT.length * ROUND_TRIPS_MS.length;
  for (const mbit of RATES_MBIT) {
    for (const rttMs of ROUND_TRIPS_MS) {
      const outcome = transfer(bytes, { mbit, rttMs, queue: 1, mark: 0, stretched: false, ...shape }, tcp);
      mean.ms += outcome.ms / count;
      mean.drops += outcome.drops / count;
      mean.marks += outcome.marks / count;
      mean.resent += outcome.resent / count;
    }
  }
  const cells = [mean.ms.toFixed(0), mean.drops.toFixed(1), mean.marks.toFixed(1), mean.resent.toFixed(1)];
  console.log(name.padEnd(44) + cells.map((cell) => cell.padStart(8)).join(''));
}

console.log(''.padEnd(44) + ['ms', 'drops', 'marks', 'resent'].map((name) => name.padStart(8)).join(''));
for (const queue of [0.25, 0.5, 1, 2, 4]) {
  for (const hystart of [false, true]) {
    row(`1 MB, queue ${queue}, ${hystart ? 'HyStart++' : 'plain slow start'}`, 1_000_000, { queue }, { hystart });
  }
}
for (const stretched of [false, true]) {
  for (const slowStartLimitSegments of [1, 2, 8]) {
    const acks = stretched ? 'one ACK a super-segment' : 'one ACK two segments';
    row(`1 MB, ${acks}, L = ${slowStartLimitSegments}`, 1_000_000, { stretched }, { slowStartLimitSegments });
  }
}
for (const ecn of ['off', 'active'] as const) {
  row(`10 MB, marks from 0.25 on, ECN ${ecn}`, 10_000_000, { mark: 0.25 }, { ecn });
}
