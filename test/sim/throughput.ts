/**
 * Goodput of one transfer between two stacks, in the simulation's time: receive buffer × loss × round trip, as smoltcp's netsim
 * keeps it. Deterministic, so the table is a snapshot (`throughput.json`), and a cell that drops is a change in behaviour.
 *
 * Each cell is the mean over some seeds: the bytes that a reader got in a limited time, over a line of 100 Mbit/s with a queue
 * of at least one bandwidth-delay product.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { VirtualClock } from '../../src/lib/clock.ts';
import { MemoryWire } from '../../src/lib/link/memory.ts';
import type { Stream, StreamHandler } from '../../src/lib/link/stream.ts';
import { Random } from '../../src/lib/random.ts';
import { Host } from './host.ts';
import type { HostPlan } from './plan.ts';

const BUFFERS_BYTES = [4_096, 16_384, 65_536, 262_144, 1_048_576];
const LOSSES = [0, 0.001, 0.01, 0.05];
const ROUND_TRIPS_MS = [0.2, 2, 20, 100];
/** Transfers of a cell, by loss: where one timeout more or less weighs much, the mean needs many. */
const TRANSFERS: Record<number, number> = { 0: 1, 0.001: 8, 0.01: 16, 0.05: 24 };
const LINE_BITS_PER_SECOND = 100_000_000;
/** A cell ends with these bytes, or after so long. */
const TRANSFER_BYTES = 1_500_000;
const LIMIT_US = 20_000_000;
/** A drop by more than this fails. */
const TOLERANCE = 0.1;
const PORT = 80;
/** What a speaker keeps queued, and writes at once. */
const QUEUE_BYTES = 2_000_000;
const CHUNK_BYTES = 32_768;
const MIN_QUEUE_BYTES = 60_000;
const START_US = 1_000_000_000;

/** Goodput in bits per second by `buffer/loss/round trip`. */
export type Throughput = Record<string, number>;

export function measureThroughput(): Throughput {
  const table: Throughput = {};
  for (const bufferBytes of BUFFERS_BYTES) {
    for (const loss of LOSSES) {
      for (const roundTripMs of ROUND_TRIPS_MS) {
        const transfers = TRANSFERS[loss];
        let sum = 0;
        for (let seed = 1; seed <= transfers; seed++) sum += transfer(bufferBytes, loss, roundTripMs, seed);
        table[keyOf(bufferBytes, loss, roundTripMs)] = Math.round(sum / transfers);
      }
    }
  }
  return table;
}

function keyOf(bufferBytes: number, loss: number, roundTripMs: number): string {
  return `${bufferBytes / 1024} KiB, ${100 * loss} %, ${roundTripMs} ms`;
}

/** Speaks as long as somebody listens. */
class Speaker implements StreamHandler {
  private readonly host: Host;

  constructor(host: Host) {
    this.host = host;
  }

  onOpen(stream: Stream): void {
    stream.wantsDrain = true;
    this.onDrain(stream);
  }

  onDrain(stream: Stream): void {
    const { content } = this.host;
    while (stream.queue.totalBytes < QUEUE_BYTES) stream.queue.append(content.at(0, 0), CHUNK_BYTES);
    stream.requestFlush();
  }

  onData(): void {}
  onEnd(): void {}
  onClose(): void {}
}

class Listener implements StreamHandler {
  received = 0;

  onData(_stream: Stream, _offset: number, length: number): void {
    this.received += length;
  }

  onOpen(): void {}
  onEnd(): void {}
  onDrain(): void {}
  onClose(): void {}
}

function transfer(bufferBytes: number, loss: number, roundTripMs: number, seed: number): number {
  const clock = new VirtualClock();
  clock.us = START_US;
  const delayUs = roundTripMs * 500;
  const queueBytes = Math.max(MIN_QUEUE_BYTES, (LINE_BITS_PER_SECOND / 8e6) * 2 * delayUs);
  const conditions = { loss, delayUs, bitsPerSecond: LINE_BITS_PER_SECOND, queueBytes };
  const wire = new MemoryWire(clock, new Random(seed), conditions);
  const plan: HostPlan = {
    segment: 0,
    seed,
    link: { memoryBytes: 40 << 20, dataBuffers: 2048, rxChecksum: 'verified' },
    tcp: { receiveWindowBytes: bufferBytes, maxReceiveWindowBytes: bufferBytes, maxConnections: 4, maxTimeWait: 4 },
    congestion: 'cubic',
    backlog: 4,
    acceptBacklog: 0,
    acceptEveryUs: 0,
    observed: false,
  };
  const hosts = [new Host(0, plan, wire, false), new Host(1, plan, wire, false)];
  const listener = new Listener();
  hosts[1].tcp.listen(PORT, listener);
  hosts[0].tcp.connect(hosts[1].address, PORT, new Speaker(hosts[0]));
  hosts[0].dueUs = START_US;
  while (listener.received < TRANSFER_BYTES) {
    const nextUs = Math.min(wire.nextDeadlineUs(), hosts[0].dueUs, hosts[1].dueUs);
    if (nextUs > START_US + LIMIT_US) break;
    clock.us = Math.max(clock.us, Math.ceil(nextUs));
    wire.deliver();
    for (const host of hosts) if (host.dueUs <= clock.us || host.link.pending()) host.turn(clock.us);
  }
  return (listener.received * 8e6) / Math.max(1, clock.us - START_US);
}

// ---- the snapshot

const SNAPSHOT = new URL('throughput.json', import.meta.url);

export function storedThroughput(): Throughput {
  return JSON.parse(readFileSync(SNAPSHOT, 'utf8')) as Throughput;
}

export function storeThroughput(table: Throughput): void {
  writeFileSync(SNAPSHOT, `${JSON.stringify(table, null, 2)}\n`);
}

/** What is worse than stored: a line for each cell. */
export function compareThroughput(stored: Throughput, measured: Throughput): string[] {
  const drops: string[] = [];
  for (const [cell, before] of Object.entries(stored)) {
    const now = measured[cell] ?? 0;
    if (now >= before * (1 - TOLERANCE)) continue;
    drops.push(`${cell}: ${megabits(now)} Mbit/s, was ${megabits(before)}`);
  }
  if (drops.length > 0) drops.push('If that is meant to be so: npm run sim -- --throughput --update');
  return drops;
}

/** A row for each buffer and loss, a column for each round trip, in Mbit/s. */
export function printThroughput(table: Throughput): string {
  const columns = ROUND_TRIPS_MS.map((ms) => `${ms} ms`.padStart(9)).join('');
  const lines = [`Mbit/s of ${LINE_BITS_PER_SECOND / 1e6}`.padEnd(20) + columns];
  for (const bufferBytes of BUFFERS_BYTES) {
    for (const loss of LOSSES) {
      const cells = ROUND_TRIPS_MS.map((ms) => megabits(table[keyOf(bufferBytes, loss, ms)]).padStart(9));
      lines.push(`${bufferBytes / 1024} KiB`.padStart(8) + `${100 * loss} %`.padStart(8).padEnd(12) + cells.join(''));
    }
  }
  return `${lines.join('\n')}\n`;
}

function megabits(bitsPerSecond: number): string {
  return (bitsPerSecond / 1e6).toFixed(bitsPerSecond < 1e6 ? 3 : 1);
}
