/** Captures of bad lines, each from its seed. */

import { BufferSource, CaptureReader } from '../../src/lib/link/pcap-reader.ts';
import { PcapngWriter } from '../../src/lib/link/pcapng.ts';
import { Random } from '../../src/lib/random.ts';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import { MemorySink } from '../link/pcap-capture.ts';
import { Recorder, write } from '../tcp/pair.ts';
import { CapturedPair, pour, type Scenario } from './captured-pair.ts';

export function randomBytes(seed: number, length: number): Buffer {
  const random = new Random(seed);
  return Buffer.from(Uint8Array.from({ length }, () => random.int32() & 255));
}

/** A client pours, the server answers with as many bytes; then both close. */
export function transfer(scenario: Scenario, bytes: number): CapturedPair {
  const pair = new CapturedPair(scenario);
  const served = new Recorder();
  served.open = (stream) => {
    const c = served.opened[0];
    let received = 0;
    served.data = (_stream, _offset, length) => {
      received += length;
      if (received === bytes) pour(c, served, randomBytes(scenario.seed + 7, bytes), () => stream.end());
    };
  };
  pair.server.tcp.listen(7000, served);
  const asked = new Recorder();
  asked.open = () => pour(asked.opened[0], asked, randomBytes(scenario.seed + 8, bytes));
  asked.end = (stream) => stream.end();
  pair.connect(7000, asked);
  pair.run(900_000_000, () => asked.closes.length + served.closes.length === 2);
  return pair;
}

/** A server whose reader stops reading, twice, until its window is closed and probed. */
export function closedWindow(): CapturedPair {
  const serverTcp = { receiveWindowBytes: 20_000 };
  const pair = new CapturedPair({ seed: 20, conditions: { delayUs: 1000 }, serverTcp });
  const served = new Recorder();
  served.open = (stream) => stream.pauseRead();
  pair.server.tcp.listen(7000, served);
  const asked = new Recorder();
  asked.open = () => pour(asked.opened[0], asked, randomBytes(1, 90_000));
  pair.connect(7000, asked);
  pair.run(5_000_000);
  served.opened[0].resumeRead();
  pair.run(1_000_000);
  served.opened[0].pauseRead();
  pair.run(9_000_000);
  served.opened[0].resumeRead();
  pair.run(2_000_000);
  asked.opened[0].abort();
  pair.run(1_000_000);
  return pair;
}

/** An idle connection that is asked whether its peer lives; then the peer is gone. */
export function keptAlive(): CapturedPair {
  const pair = new CapturedPair({ seed: 21, conditions: { delayUs: 1000 }, serverTcp: { keepAliveMs: 3000 } });
  const served = new Recorder();
  pair.server.tcp.listen(7000, served);
  const asked = new Recorder();
  asked.open = () => pour(asked.opened[0], asked, randomBytes(1, 3000));
  pair.connect(7000, asked);
  pair.run(12_000_000);
  pair.wire.setConditions({ down: true });
  pair.run(30_000_000);
  return pair;
}

/** Three connections from one port. */
export function samePorts(): CapturedPair {
  const pair = new CapturedPair({ seed: 22, conditions: { delayUs: 1000 } });
  const served = new Recorder();
  served.end = (stream) => stream.end();
  pair.server.tcp.listen(7000, served);
  for (let i = 0; i < 3; i++) {
    const asked = new Recorder();
    asked.open = (stream) => {
      pour(asked.opened[0], asked, randomBytes(i, 2000));
      if (i === 1) stream.abort();
      else stream.end();
    };
    pair.connect(7000, asked, 40_000);
    pair.run(200_000_000, () => asked.closes.length === 1);
    pair.run(100_000_000);
  }
  return pair;
}

/** Lines, windows, options and manners of both ends drawn by the seed; two connections from one port. */
export function mixed(seed: number): CapturedPair {
  const random = new Random(seed);
  const below = (n: number): number => (random.int32() >>> 0) % n;
  const conditions = {
    delayUs: below(30_000),
    jitterUs: below(3) === 0 ? below(10_000) : 0,
    loss: [0, 0.01, 0.03, 0.1][below(4)],
    duplicate: [0, 0, 0.03][below(3)],
    reorder: [0, 0, 0.05][below(3)],
    reorderUs: 200 + below(5000),
    bitsPerSecond: [0, 0, 5_000_000][below(3)],
  };
  const options = (): Partial<TcpOptions> => ({
    sack: below(3) > 0,
    timestamps: below(3) > 0,
    windowScale: below(3) > 0,
    receiveWindowBytes: [8000, 30_000, 262_144][below(3)],
    nagle: below(2) === 0,
  });
  const serverTcp = { ...options(), keepAliveMs: below(2) * 500 };
  const pair = new CapturedPair({ seed, conditions, clientTcp: options(), serverTcp });
  const served = new Recorder();
  pair.server.tcp.listen(7000, served);
  served.open = (stream) => {
    pour(served.opened[served.opened.length - 1], served, Buffer.alloc(below(100_000)));
    if (below(3) === 0) stream.pauseRead();
  };
  served.end = (stream) => {
    stream.resumeRead();
    stream.end();
  };
  for (let i = 0; i < 2; i++) talk(pair, served, below);
  return pair;
}

function talk(pair: CapturedPair, served: Recorder, below: (n: number) => number): void {
  const asked = new Recorder();
  asked.open = (stream) => {
    pour(asked.opened[0], asked, Buffer.alloc(below(100_000)));
    if (below(3) === 0) stream.pauseRead();
  };
  asked.end = (stream) => stream.end();
  pair.connect(7000, asked, 50_000);
  pair.run(1_000_000 + below(3_000_000));
  for (const stream of served.opened) stream.resumeRead();
  pair.run(3_000_000);
  asked.opened[0]?.resumeRead();
  pair.run(1_000_000);
  if (below(3) === 0) asked.opened[0]?.abort();
  else asked.opened[0]?.end();
  pair.run(70_000_000);
}

const bulks = (...words: string[]): Buffer =>
  Buffer.from(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`, 'latin1');

/** A Redis client on a bad line: `count` GETs one after the other, answered by `$5 hello`, then a SET of 30,000 bytes. */
export function redisTalk(seed: number, loss: number, count: number): CapturedPair {
  const pair = new CapturedPair({ seed, conditions: { delayUs: 5000, loss } });
  const served = new Recorder();
  let pending = Buffer.alloc(0);
  served.data = (stream) => {
    pending = Buffer.concat([pending, ...served.chunks.splice(0)]);
    if (!pending.subarray(-2).equals(Buffer.from('\r\n'))) return;
    if (pending.includes('GET')) write(stream, Buffer.from('$5\r\nhello\r\n'));
    else if (pending.length > 30_000) write(stream, Buffer.from('+OK\r\n'));
    else return;
    pending = Buffer.alloc(0);
  };
  served.end = (stream) => stream.end();
  pair.server.tcp.listen(6379, served);
  const asked = new Recorder();
  let sent = 0;
  const ask = (): void => {
    const c = asked.opened[0];
    sent++;
    if (sent <= count) write(c, bulks('GET', `user:${sent}`));
    else if (sent === count + 1) pour(c, asked, bulks('SET', 'k', 'v'.repeat(30_000)));
    else c.end();
  };
  asked.open = ask;
  asked.data = ask;
  pair.connect(6379, asked);
  pair.run(120_000_000, () => asked.closes.length > 0);
  return pair;
}

/** A capture without some of its frames, or with others in their place. */
export function keepFrames(
  capture: Buffer,
  keep: (index: number) => boolean,
  change: (frame: Uint8Array) => Uint8Array = (frame) => frame,
): Buffer {
  const reader = new CaptureReader(new BufferSource(capture));
  const sink = new MemorySink();
  const writer = new PcapngWriter(sink, 'test');
  writer.addInterface({ name: 'kept' });
  let index = 0;
  for (let packet = reader.next(); packet !== null; packet = reader.next()) {
    if (keep(index++)) writer.packet(0, Number(packet.timestampNs / 1000n), change(packet.bytes), 0);
  }
  writer.close();
  return sink.bytes;
}
