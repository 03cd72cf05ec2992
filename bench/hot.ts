/**
 * The whole way of one request through our code, without a kernel: frame → Ethernet → IPv4 → TCP → RESP → store → reply →
 * TCP → frame. Prints nanoseconds for one PING, GET and SET (16-byte keys, 64-byte values, 32 connections with one request
 * each in a burst), and how much the JavaScript heap grew over ten million requests.
 *
 *   npm run bench:hot            the figures of docs/performance.md
 *   npm run bench:hot -- --keys 1000000
 */
import { parseArgs } from 'node:util';
import { bench, do_not_optimize, run } from 'mitata';
import { systemClock } from '../src/lib/clock.ts';
import { PacketMemory } from '../src/lib/memory/packet-memory.ts';
import { ADVICE_HUGE_PAGES, adviseBytes } from '../src/lib/native/memory.ts';
import { Interface } from '../src/lib/net/interface.ts';
import { Random, secretWords } from '../src/lib/random.ts';
import { assembleCore } from '../src/lib/server/assemble.ts';
import { Config } from '../src/lib/server/config.ts';
import { widenInlining } from '../src/lib/server/jit.ts';
import { StackTransport } from '../src/lib/server/transport.ts';
import { SECRET_WORDS } from '../src/lib/tcp/config.ts';
import { TcpStack } from '../src/lib/tcp/stack.ts';
import { ClientSide, HEADER_BYTES, SERVER_ADDRESS } from './client-side.ts';
import { HotLink } from './hot-link.ts';

const { values: flags } = parseArgs({
  options: {
    keys: { type: 'string', default: '10000' },
    requests: { type: 'string', default: '10000000' },
    json: { type: 'boolean', default: false },
  },
});
const KEYS = Number(flags.keys);
const REQUESTS = Number(flags.requests);
const CONNECTIONS = 32;
const SYN = 2;
const ACK = 16;
const PSH = 8;

widenInlining();
const memory = new PacketMemory(256 << 20, 32 << 20);
const link = new HotLink(memory);
const random = new Random(1);
const net = new Interface(link, { address: SERVER_ADDRESS, prefixLength: 24, takeover: true, random });
const hooks = {
  requestShutdown: () => {},
  abortShutdown: () => false,
  killClient: () => {},
  sleepMs: () => {},
  resumePaused: () => {},
  transportInfo: () => ({ io: 'memory', interface: 'hot0', address: '192.0.2.2', port: 6379, counters: {} }),
  log: () => {},
};
// As serve has it: huge pages under the records.
const advice = { prepare: (bytes: Uint8Array) => void adviseBytes(bytes, ADVICE_HUGE_PAGES), discard: () => {} };
const core = assembleCore({ memory, clock: systemClock, config: new Config(), hooks, version: '0', advice });
const tcp = new TcpStack(net, { random, secret: secretWords(SECRET_WORDS), nagle: false });
const transport = new StackTransport(link, net, tcp, core.sessions, 6379, 511);

const client = new ClientSide(link, CONNECTIONS);
const { sequence, acknowledgment } = client;
const { dv, u8 } = memory;

let nowUs = 1_000_000;

function turn(frames: number): void {
  nowUs += 50;
  link.waiting = frames;
  transport.turn(nowUs);
}

function openConnections(): void {
  for (let i = 0; i < CONNECTIONS; i++) {
    const before = link.stats.txFrames;
    // One at a time in slot 0, so that each SYN,ACK can be read.
    const f = link.slot(0);
    client.writeFrame(0, i, SYN, 0);
    turn(1);
    if (link.stats.txFrames === before) throw new Error('no SYN,ACK');
    sequence[i]++;
    acknowledgment[i] = (dv.getInt32(link.lastHeader + 38) + 1) | 0;
    const echo = dv.getInt32(link.lastHeader + 58);
    dv.setInt32(f + 62, echo);
    dv.setInt32(f + 38, sequence[i]);
    dv.setInt32(f + 42, acknowledgment[i]);
    dv.setUint16(f + 46, 0x8000 | ACK);
    turn(1);
  }
}

const command = (...args: string[]): Buffer =>
  Buffer.from(`*${args.length}\r\n${args.map((a) => `$${a.length}\r\n${a}\r\n`).join('')}`);
const key = (i: number): string => `key:${String(i).padStart(12, '0')}`;
/** Four decimal digits as one big-endian word: choosing a key must not cost what is measured. */
const DIGITS = Int32Array.from({ length: 10_000 }, (_, i) => Buffer.from(String(i).padStart(4, '0')).readInt32BE());
const VALUE = 'v'.repeat(64);

/** A burst of one request on each connection; `reply` is the length of what comes back. */
function burst(template: Buffer, keyAt: number, reply: number): () => void {
  for (let i = 0; i < CONNECTIONS; i++) {
    client.writeFrame(i, i, ACK | PSH, template.length);
    u8.set(template, link.slot(i) + HEADER_BYTES);
  }
  let next = 12345;
  return () => {
    for (let i = 0; i < CONNECTIONS; i++) {
      const f = link.slot(i);
      dv.setInt32(f + 38, sequence[i]);
      dv.setInt32(f + 42, acknowledgment[i]);
      if (keyAt > 0) {
        next = (Math.imul(next, 1103515245) + 12345) & 0x7fff_ffff;
        const n = next % KEYS;
        const high = (n / 10_000) | 0;
        dv.setInt32(f + HEADER_BYTES + keyAt + 8, DIGITS[high]);
        dv.setInt32(f + HEADER_BYTES + keyAt + 12, DIGITS[n - high * 10_000]);
      }
      sequence[i] = (sequence[i] + template.length) | 0;
      acknowledgment[i] = (acknowledgment[i] + reply) | 0;
    }
    turn(CONNECTIONS);
  };
}

openConnections();
const set = command('SET', key(0), VALUE);
const get = command('GET', key(0));
const keyOffset = (template: Buffer): number => template.indexOf('key:');
{
  // Fill the table: every key once.
  const fill = burst(set, 0, 5);
  for (let k = 0; k < KEYS; k += CONNECTIONS) {
    for (let i = 0; i < CONNECTIONS; i++)
      u8.set(Buffer.from(key((k + i) % KEYS)), link.slot(i) + HEADER_BYTES + keyOffset(set));
    fill();
  }
}

const cases: [string, () => () => void][] = [
  ['PING', () => burst(command('PING'), 0, 7)],
  ['GET', () => burst(get, keyOffset(get), 5 + 64 + 2)],
  ['SET', () => burst(set, keyOffset(set), 5)],
];
const results: Record<string, number> = {};
for (const [name, make] of cases) {
  bench(name, function* () {
    const go = make();
    yield () => do_not_optimize(go());
  });
}
const report = await run({ colors: process.stdout.isTTY, format: 'quiet' });
for (const trial of report.benchmarks) {
  const stats = trial.runs[0].stats;
  if (stats !== undefined) results[trial.alias] = stats.p50 / CONNECTIONS;
}

globalThis.gc?.();
const heapBefore = process.memoryUsage().heapUsed;
const goGet = burst(get, keyOffset(get), 5 + 64 + 2);
for (let n = 0; n < REQUESTS; n += CONNECTIONS) goGet();
globalThis.gc?.();
const heapGrowth = process.memoryUsage().heapUsed - heapBefore;
const processed = core.engine.stats.commandsProcessed;

if (flags.json)
  console.log(JSON.stringify({ keys: KEYS, ns: results, heapGrowthBytes: heapGrowth, requests: REQUESTS }));
else {
  for (const [name, ns] of Object.entries(results))
    console.log(`${name.padEnd(5)} ${ns.toFixed(0).padStart(5)} ns a request`);
  console.log(`heap  ${heapGrowth} bytes more after ${REQUESTS} GETs (${processed} commands in all, ${KEYS} keys)`);
}
