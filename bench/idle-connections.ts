/**
 * What an idle connection costs: opens 10,000 to one stack, lets them be idle (keep-alive on, as `serve` has it), and prints
 * the bytes of heap and of arrays for each, what the timers hold, and what a turn of the loop takes with and without them.
 *
 *   node --expose-gc bench/idle-connections.ts [--connections 10000]
 */
import { parseArgs } from 'node:util';
import type { StreamHandler } from '../src/lib/link/stream.ts';
import { PacketMemory } from '../src/lib/memory/packet-memory.ts';
import { Interface } from '../src/lib/net/interface.ts';
import { Random, secretWords } from '../src/lib/random.ts';
import { SECRET_WORDS } from '../src/lib/tcp/config.ts';
import { TcpStack } from '../src/lib/tcp/stack.ts';
import { ClientSide, SERVER_ADDRESS } from './client-side.ts';
import { HotLink } from './hot-link.ts';

const { values: flags } = parseArgs({ options: { connections: { type: 'string', default: '10000' } } });
const CONNECTIONS = Number(flags.connections);
const KEEP_ALIVE_MS = 300_000;
const TURNS = 1_000_000;
const SYN = 2;
const ACK = 16;

class Idle implements StreamHandler {
  onOpen(): void {}
  onData(): void {}
  onEnd(): void {}
  onDrain(): void {}
  onClose(): void {}
}

const memory = new PacketMemory(64 << 20, 32 << 20);
const { dv } = memory;
const link = new HotLink(memory);
const net = new Interface(link, { address: SERVER_ADDRESS, prefixLength: 24, takeover: true, random: new Random(1) });
const client = new ClientSide(link, CONNECTIONS);
let nowUs = 1_000_000;

function bytesInUse(): { heap: number; arrays: number } {
  if (globalThis.gc === undefined) throw new Error('run it with --expose-gc');
  for (let i = 0; i < 4; i++) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return { heap: heapUsed, arrays: arrayBuffers };
}

function turn(tcp: TcpStack, frames: number, stepUs: number): void {
  nowUs += stepUs;
  net.nowUs = nowUs;
  for (let i = 0; i < frames; i++) net.input(link.rxOffset[i], link.rxLength[i], link.rxFlags[i]);
  tcp.output(nowUs);
  link.flush();
}

/** Nanoseconds of a turn in which nothing arrives. */
function idleTurnNs(tcp: TcpStack): number {
  for (let i = 0; i < TURNS; i++) turn(tcp, 0, 1);
  const began = process.hrtime.bigint();
  for (let i = 0; i < TURNS; i++) turn(tcp, 0, 1);
  return Number(process.hrtime.bigint() - began) / TURNS;
}

const before = bytesInUse();
const tcp = new TcpStack(net, {
  random: new Random(2),
  secret: secretWords(SECRET_WORDS),
  nagle: false,
  keepAliveMs: KEEP_ALIVE_MS,
});
tcp.listen(6379, new Idle());
const emptyTurnNs = idleTurnNs(tcp);
const empty = bytesInUse();
for (let i = 0; i < CONNECTIONS; i++) {
  client.writeFrame(0, i, SYN, 0);
  turn(tcp, 1, 10);
  client.sequence[i]++;
  client.acknowledgment[i] = (dv.getInt32(link.lastHeader + 38) + 1) | 0;
  client.writeFrame(0, i, ACK, 0);
  dv.setInt32(link.slot(0) + 62, dv.getInt32(link.lastHeader + 58));
  turn(tcp, 1, 10);
}
if (tcp.counters.established !== CONNECTIONS) throw new Error(`only ${tcp.counters.established} connections opened`);
turn(tcp, 0, 1_000_000); // what the handshakes left in the timers is over
const full = bytesInUse();
const fullTurnNs = idleTurnNs(tcp);

const each = (bytes: number): string => `${Math.round(bytes / CONNECTIONS)}`.padStart(6);
console.log(`${each(full.heap - empty.heap)} bytes of heap for each of ${CONNECTIONS} idle connections`);
console.log(`${each(full.arrays - empty.arrays)} bytes of arrays that grew with it`);
console.log(`${each(empty.heap - before.heap + empty.arrays - before.arrays)} bytes, its share of the stack's tables`);
console.log(
  `${`${tcp.deadlines.size}`.padStart(6)} entries in the timers, the first due in ${Math.round((tcp.nextDeadlineUs() - nowUs) / 1e6)} s`,
);
console.log(
  `${emptyTurnNs.toFixed(1).padStart(6)} ns for a turn without connections, ${fullTurnNs.toFixed(1)} with them`,
);
