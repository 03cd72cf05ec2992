/**
 * TCP alone: what a frame costs from Ethernet to the reader, and a reply from the send queue to the link. No kernel, no RESP:
 * 32 connections with timestamps, one segment each in a burst.
 *
 *   node bench/tcp-input.ts
 */
import { bench, do_not_optimize, run } from 'mitata';
import { RX_CHECKSUM_VALID } from '../src/lib/link/link.ts';
import type { Stream, StreamHandler } from '../src/lib/link/stream.ts';
import { PacketMemory } from '../src/lib/memory/packet-memory.ts';
import { Interface } from '../src/lib/net/interface.ts';
import { Random, secretWords } from '../src/lib/random.ts';
import { widenInlining } from '../src/lib/server/jit.ts';
import { SECRET_WORDS } from '../src/lib/tcp/config.ts';
import { TcpStack } from '../src/lib/tcp/stack.ts';
import { ClientSide, SERVER_ADDRESS } from './client-side.ts';
import { HotLink } from './hot-link.ts';

const CONNECTIONS = 32;
const REQUEST_BYTES = 35; // GET of a 16-byte key
const REPLY_BYTES = 71; // its 64-byte value
const SYN = 2;
const ACK = 16;
const PSH = 8;

widenInlining();
const memory = new PacketMemory(128 << 20, 32 << 20);
const { dv } = memory;
const link = new HotLink(memory);
const net = new Interface(link, { address: SERVER_ADDRESS, prefixLength: 24, takeover: true, random: new Random(1) });
const tcp = new TcpStack(net, { random: new Random(2), secret: secretWords(SECRET_WORDS), nagle: false });

/** Takes what it is given, and answers when told to. */
class Session implements StreamHandler {
  answers = false;
  bytes = 0;
  onOpen(): void {}
  onData(stream: Stream, _offset: number, length: number): void {
    this.bytes += length;
    if (!this.answers) return;
    const queue = stream.queue;
    queue.open(REPLY_BYTES);
    queue.commit(REPLY_BYTES);
    stream.requestFlush();
  }
  onEnd(): void {}
  onDrain(): void {}
  onClose(): void {}
}
const session = new Session();
tcp.listen(6379, session);

const client = new ClientSide(link, CONNECTIONS);
const { sequence, acknowledgment } = client;
let nowUs = 1_000_000;

function input(frames: number): void {
  net.nowUs = nowUs;
  for (let i = 0; i < frames; i++) net.input(link.rxOffset[i], link.rxLength[i], RX_CHECKSUM_VALID);
}

function turn(frames: number): void {
  nowUs += 50;
  input(frames);
  tcp.output(nowUs);
  link.flush();
}

for (let i = 0; i < CONNECTIONS; i++) {
  client.writeFrame(0, i, SYN, 0);
  turn(1);
  sequence[i]++;
  acknowledgment[i] = (dv.getInt32(link.lastHeader + 38) + 1) | 0;
  client.writeFrame(0, i, ACK, 0);
  dv.setInt32(link.slot(0) + 62, dv.getInt32(link.lastHeader + 58));
  turn(1);
}
if (tcp.counters.established !== CONNECTIONS) throw new Error('handshakes failed');

/** Frames of one burst; each call sends the next `bytes` of every connection, acknowledging `replyBytes` more. */
function burst(bytes: number, replyBytes: number): void {
  for (let i = 0; i < CONNECTIONS; i++) {
    const f = link.slot(i);
    dv.setInt32(f + 38, sequence[i]);
    dv.setInt32(f + 42, acknowledgment[i]);
    sequence[i] = (sequence[i] + bytes) | 0;
    acknowledgment[i] = (acknowledgment[i] + replyBytes) | 0;
  }
}

for (let i = 0; i < CONNECTIONS; i++) client.writeFrame(i, i, ACK | PSH, REQUEST_BYTES);

const cases: Record<string, () => void> = {
  'write the frames (overhead of the bench)': () => {
    burst(0, 0);
  },
  'request in, acknowledgment out': () => {
    session.answers = false;
    burst(REQUEST_BYTES, 0);
    turn(CONNECTIONS);
  },
  'request in, reply out, reply acknowledged': () => {
    session.answers = true;
    burst(REQUEST_BYTES, REPLY_BYTES);
    turn(CONNECTIONS);
  },
};
for (const [name, go] of Object.entries(cases)) bench(name, () => do_not_optimize(go()));

const report = await run({ format: 'quiet' });
for (const trial of report.benchmarks) {
  const stats = trial.runs[0].stats;
  if (stats !== undefined) console.log(`${(stats.p50 / CONNECTIONS).toFixed(1).padStart(7)} ns  ${trial.alias}`);
}
console.log(`${tcp.counters.predicted} of ${tcp.counters.segmentsIn} segments took the short way`);
