/** Captures and records that are damaged: whatever comes, everything is followed as far as it makes sense, and nothing throws. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BufferSource } from '../../src/lib/link/pcap-reader.ts';
import { Random } from '../../src/lib/random.ts';
import { CaptureOutput } from '../../src/lib/trace/capture-output.ts';
import { followCapture } from '../../src/lib/trace/capture-source.ts';
import { Follower } from '../../src/lib/trace/follower.ts';
import { JsonOutput } from '../../src/lib/trace/json-output.ts';
import { LogOutput } from '../../src/lib/trace/log-output.ts';
import { fileOutput } from '../../src/lib/trace/outputs.ts';
import { RecordReader } from '../../src/lib/trace/record-reader.ts';
import { Recorder as StackRecorder, TRACE_WANTED } from '../../src/lib/trace/recorder.ts';
import { RingReader, ringMemory } from '../../src/lib/trace/ring.ts';
import { SummaryOutput } from '../../src/lib/trace/summary-output.ts';
import { MemorySink } from '../link/pcap-capture.ts';
import { Recorder } from '../tcp/pair.ts';
import { CapturedPair, pour } from './captured-pair.ts';
import { keepFrames, randomBytes, redisTalk } from './scenarios.ts';

const CASES = 300;
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rtcp-trace-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** All outputs at once; returns how many lines they made. */
function followInto(run: (follower: Follower) => void): number {
  let lines = 0;
  const write = (line: string): void => {
    lines++;
    if (line.length > 20_000) throw new Error(`a line of ${line.length} characters`);
  };
  const sinks = [
    new LogOutput({ write, style: (_style, text) => text, wide: true }),
    new JsonOutput((line) => {
      JSON.parse(line);
      lines++;
    }),
    new SummaryOutput({ write, bold: (text) => text }),
    new CaptureOutput(new MemorySink()),
  ];
  run(new Follower({ sinks, resp: 'always', maxConnections: 50 }));
  return lines;
}

/** Some bytes changed, some cut out or doubled. */
function damaged(bytes: Buffer, random: Random): Buffer {
  let copy: Buffer<ArrayBufferLike> = Buffer.from(bytes);
  const below = (n: number): number => (random.int32() >>> 0) % n;
  for (let n = below(20); n >= 0; n--) copy[below(copy.length)] = below(256);
  if (below(3) === 0) copy = copy.subarray(0, below(copy.length));
  if (below(4) === 0 && copy.length > 100) {
    const at = below(copy.length - 50);
    copy = Buffer.concat([copy.subarray(0, at), copy.subarray(below(at + 1))]);
  }
  return copy;
}

test(`captures damaged anywhere, ${CASES} seeds`, () => {
  const whole = redisTalk(51, 0.05, 5).capture('client');
  let said = 0;
  for (let seed = 0; seed < CASES; seed++) {
    const bytes = damaged(whole, new Random(seed));
    followInto((follower) => {
      const { error } = followCapture(new BufferSource(bytes), follower);
      if (error === null) return;
      said++;
      expect(error, `seed ${seed}`).toMatch(/at byte \d+, after \d+ packets/);
    });
  }
  expect(said).toBeGreaterThan(CASES / 10);
});

test(`frames damaged behind their Ethernet header, ${CASES} seeds`, () => {
  const whole = redisTalk(52, 0.05, 5).capture('client');
  for (let seed = 0; seed < CASES; seed++) {
    const random = new Random(seed);
    const bytes = keepFrames(
      whole,
      () => true,
      (frame) => {
        if (random.int32() % 3 === 0) return frame;
        const copy = Buffer.from(frame);
        for (let n = 0; n < 3; n++) copy[14 + ((random.int32() >>> 0) % (copy.length - 14))] = random.int32() & 255;
        return copy.subarray(0, 14 + ((random.int32() >>> 0) % copy.length));
      },
    );
    expect(followInto((follower) => void followCapture(new BufferSource(bytes), follower))).toBeGreaterThan(0);
  }
});

test(`records damaged on their way, ${CASES} seeds`, () => {
  const pair = new CapturedPair({ seed: 53, conditions: { delayUs: 1000, loss: 0.02 } });
  const memory = ringMemory();
  new StackRecorder(pair.server.tcp, memory, pair.clock).obey(Int32Array.of(TRACE_WANTED), 0);
  const served = new Recorder();
  served.open = (stream) => pour(served.opened[0], served, randomBytes(1, 20_000), () => stream.end());
  pair.server.tcp.listen(7000, served);
  pair.connect(7000, new Recorder());
  pair.run(5_000_000);
  const records = new RingReader(memory).drain();
  let said = 0;
  for (let seed = 0; seed < CASES; seed++) {
    const bytes = damaged(records, new Random(seed));
    followInto((follower) => {
      const reader = new RecordReader(follower);
      for (let at = 0; at < bytes.length; at += 777) reader.take(bytes.subarray(at, at + 777));
      follower.end();
      if (reader.error !== null) said++;
    });
  }
  expect(said).toBeGreaterThan(CASES / 10);
});

function raise(error: Error): void {
  throw error;
}

test('a text file is what its ending says', () => {
  const capture = redisTalk(54, 0, 3).capture('client');
  const written = (name: string): string => {
    const path = join(folder, name);
    followCapture(new BufferSource(capture), new Follower({ sinks: [fileOutput(path, { onError: raise })] }));
    return readFileSync(path, 'utf8');
  };
  expect(written('a.log')).toMatch(/→ SYN 0:1 win/);
  const documents = written('a.ndjson')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string });
  expect([documents[0].kind, documents.at(-1)?.kind]).toEqual(['opened', 'summary']);
});
