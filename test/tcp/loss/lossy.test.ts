/**
 * Transfers both ways over bad wires, with loss recovery of every kind on either side: every byte arrives once and in order, the
 * ledgers agree with the connections after every turn, and nothing is left over. The seed is in the name of the test.
 */
import { describe, expect, it } from 'vitest';
import type { MemoryLinkOptions } from '../../../src/lib/link/memory.ts';
import type { Stream } from '../../../src/lib/link/stream.ts';
import { Random } from '../../../src/lib/random.ts';
import type { TcpOptions } from '../../../src/lib/tcp/config.ts';
import { LOST, RESENT, SACKED } from '../../../src/lib/tcp/loss/ledger.ts';
import type { TcpStack } from '../../../src/lib/tcp/stack.ts';
import { type Host, Pair, Recorder, write } from '../pair.ts';

const SEEDS = 24;
const SUPER = { dataStride: 16_576, dataBuffers: 256, segmentationBytes: 16_384, checksumOffload: true, gather: true };
const ON: Partial<TcpOptions> = {};
const KINDS: Record<string, [Partial<TcpOptions>, Partial<TcpOptions>]> = {
  'RACK, PRR and all on both sides': [ON, ON],
  'no SACK on one side': [{ sack: false }, ON],
  'no RACK on one side (RFC 6675)': [{ rack: false }, ON],
  'no timestamps, no D-SACK, no undo': [
    { timestamps: false, dsack: false },
    { undo: false, frto: false },
  ],
};

/** Names what is wrong, or nothing. Without `expect`, which would take most of the time. */
function unsound(stack: TcpStack): string {
  for (const c of stack.connections) {
    const ledger = c?.ledger ?? null;
    if (c === null || ledger === null) continue;
    let [sacked, lost, resent] = [0, 0, 0];
    for (let i = 0; i < ledger.count; i++) {
      const length = ledger.lengthOf(i);
      const marks = ledger.marksOf(i);
      if (length <= 0) return 'an empty entry';
      if ((marks & SACKED) !== 0 && (marks & (LOST | RESENT)) !== 0) return 'SACKed and in doubt';
      if ((marks & SACKED) !== 0) sacked += length;
      if ((marks & LOST) !== 0) lost += length;
      if ((marks & RESENT) !== 0) resent += length;
    }
    if (ledger.sackedBytes !== sacked || ledger.lostBytes !== lost || ledger.resentBytes !== resent) return 'totals';
    if (ledger.start !== c.sndUna || c.flightBytes <= 0) return 'a ledger of something else';
    if (c.cwnd < c.mss) return 'no window';
  }
  return '';
}

function transfer(seed: number, tcpA: Partial<TcpOptions>, tcpB: Partial<TcpOptions>): void {
  const random = new Random(seed);
  const pick = <T>(...values: T[]): T => values[random.below(values.length)];
  const conditions = {
    delayUs: pick(50, 1000, 20_000),
    jitterUs: pick(0, 0, 500),
    loss: pick(0, 0.01, 0.05),
    burstEnter: pick(0, 0, 0.005),
    burstLeave: 0.3,
    reorder: pick(0, 0.02, 0.2),
    duplicate: pick(0, 0.02),
    corrupt: pick(0, 0, 0.01),
    bitsPerSecond: pick(0, 20_000_000),
    queueBytes: pick(20_000, 100_000),
  };
  const link = pick<Partial<MemoryLinkOptions>>({}, SUPER);
  const pair = new Pair({ seed, conditions, tcpA, tcpB, linkA: link, linkB: link });
  const size = pick(3000, 60_000, 200_000);
  const payload = Buffer.from(Uint8Array.from({ length: size }, (_, i) => i * 7 + (i >> 8)));
  const side = (): Recorder => {
    const recorder = new Recorder();
    let sent = 0;
    const pump = (stream: Stream): void => {
      while (sent < size && stream.queue.bytes < 100_000) {
        const n = Math.min(size - sent, 1 + random.below(9000));
        write(stream, payload.subarray(sent, sent + n));
        sent += n;
      }
      stream.wantsDrain = sent < size;
      if (sent === size) stream.end();
    };
    recorder.open = pump;
    recorder.drain = pump;
    return recorder;
  };
  const [server, client] = [side(), side()];
  pair.b.tcp.listen(7, server);
  pair.a.tcp.connect(pair.b.net.address, 7, client);
  let wrong = '';
  const over = (): boolean => {
    wrong ||= unsound(pair.a.tcp) || unsound(pair.b.tcp);
    return wrong !== '' || (server.closes.length > 0 && client.closes.length > 0);
  };
  expect(pair.run(900_000_000, over), `seed ${seed}`).toBe(true);
  expect(wrong, `seed ${seed}`).toBe('');
  expect(server.received.equals(payload), `seed ${seed}: to the server`).toBe(true);
  expect(client.received.equals(payload), `seed ${seed}: to the client`).toBe(true);
  pair.run(130_000_000); // TIME-WAIT
  for (const host of [pair.a, pair.b]) expectNothingLeft(host);
}

function expectNothingLeft({ tcp, link }: Host): void {
  expect(tcp.connectionCount).toBe(0);
  expect(tcp.deadlines.size).toBe(0);
  expect(link.data.available).toBe(link.data.count);
  expect(link.memory.extents.usedBytes).toBe(0);
}

describe.each(Object.keys(KINDS))('%s', (kind) => {
  const [tcpA, tcpB] = KINDS[kind];
  it.each(Array.from({ length: SEEDS / 8 }, (_, i) => i * 8 + 1))('seeds %i and the next seven', (first) => {
    for (let seed = first; seed < first + 8; seed++) transfer(seed, tcpA, tcpB);
  });
});
