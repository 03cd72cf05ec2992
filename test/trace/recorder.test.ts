/**
 * The white-box way, end to end: a stack on a bad line, its recorder, the ring, the reader, the follower. The oracles are the
 * stack's own counters, and the capture of the same link.
 */
import { describe, expect, test } from 'vitest';
import { Follower } from '../../src/lib/trace/follower.ts';
import { RecordReader } from '../../src/lib/trace/record-reader.ts';
import { Recorder as StackRecorder, TRACE_OFF, TRACE_ON, TRACE_WANTED } from '../../src/lib/trace/recorder.ts';
import { RingReader, ringMemory } from '../../src/lib/trace/ring.ts';
import { Recorder, write } from '../tcp/pair.ts';
import { CapturedPair, pour, type Scenario } from './captured-pair.ts';
import { Collected, follow } from './collected.ts';
import { randomBytes } from './scenarios.ts';

interface Traced {
  pair: CapturedPair;
  collected: Collected;
}

/** Traces the server of a pair while `play` runs. */
function traceServer(scenario: Scenario, play: (pair: CapturedPair) => void, ringBytes = 1 << 24): Traced {
  const pair = new CapturedPair(scenario);
  const memory = ringMemory(ringBytes);
  const recorder = new StackRecorder(pair.server.tcp, memory, pair.clock);
  const control = new Int32Array(new SharedArrayBuffer(4));
  control[0] = TRACE_WANTED;
  recorder.obey(control, 0);
  expect(control[0]).toBe(TRACE_ON);
  play(pair);
  control[0] = TRACE_OFF;
  recorder.obey(control, 0);
  expect(pair.server.tcp.observer).toBeNull();
  const collected = new Collected();
  const follower = new Follower({ sinks: [collected] });
  const ring = new RingReader(memory);
  const reader = new RecordReader(follower);
  const records = ring.drain();
  // In pieces that cut records anywhere, as a socket brings them.
  for (let at = 0; at < records.length; at += 1001) reader.take(records.subarray(at, at + 1001));
  expect(reader.error).toBeNull();
  const lost = ring.takeLost();
  if (lost > 0) follower.lost(0, lost);
  follower.end();
  return { pair, collected };
}

/** The server pours `bytes` at each client, then closes. */
function download(bytes: number): (pair: CapturedPair) => void {
  return (pair) => {
    const served = new Recorder();
    served.open = (stream) => {
      const c = served.opened[served.opened.length - 1];
      pour(c, served, randomBytes(1, bytes), () => stream.end());
    };
    pair.server.tcp.listen(7000, served);
    const asked = new Recorder();
    asked.end = (stream) => stream.end();
    pair.connect(7000, asked);
    pair.run(900_000_000, () => asked.closes.length === 1 && served.closes.length === 1);
    pair.run(100_000_000);
  };
}

describe('a lossy download, from inside the server', () => {
  const scenario = { seed: 41, conditions: { delayUs: 5000, loss: 0.03 } };
  const { pair, collected } = traceServer(scenario, download(400_000));
  const { counters } = pair.server.tcp;

  test('every segment is there, as the capture of the same link has it', () => {
    const segments = collected.of('segment');
    expect(segments).toHaveLength(counters.segmentsIn + counters.segmentsOut);
    const captured = follow(pair.capture('server')).of('segment');
    const numbers = ({ from, flags, seq, ack, lengthBytes, windowBytes, labels }: (typeof segments)[0]): unknown[] => [
      from,
      flags,
      seq,
      ack,
      lengthBytes,
      windowBytes,
      labels,
    ];
    expect(segments.map(numbers)).toEqual(captured.map(numbers));
  });

  test('round trips are those of what the server sent: from arrival to answer is no trip', () => {
    const [{ client, server }] = collected.connections;
    expect(client.rttUs.count).toBe(0);
    expect(server.rttUs.min).toBeGreaterThanOrEqual(10_000); // twice the delay of the link
  });

  test('every retransmission has its reason, and is the segment before', () => {
    const again = collected.of('retransmit');
    expect(again).toHaveLength(counters.retransmitted);
    expect(again.length).toBeGreaterThan(0);
    const bySequence = new Map(collected.of('segment').map((segment) => [segment.frame, segment]));
    for (const { frame, seq, lengthBytes, reason, rule } of again) {
      expect(bySequence.get(frame)).toMatchObject({ from: 'server', seq, lengthBytes });
      expect(rule).not.toBe(reason); // it is explained
    }
  });

  test("the server's states are its own, the client's inferred; each end's path is whole", () => {
    const [{ client, server, local }] = collected.connections;
    expect(local).toBe('server');
    expect(server.path).toEqual([
      'LISTEN',
      'SYN-RECEIVED',
      'ESTABLISHED',
      'FIN-WAIT-1',
      'FIN-WAIT-2',
      'TIME-WAIT',
      'CLOSED',
    ]);
    expect(client.path).toEqual(['CLOSED', 'SYN-SENT', 'ESTABLISHED', 'CLOSE-WAIT', 'LAST-ACK', 'CLOSED']);
    const own = collected.of('state').filter((event) => event.own !== null);
    expect(own.every(({ end }) => end === 'server')).toBe(true);
    for (const end of ['client', 'server']) {
      const states = collected.of('state').filter((event) => event.end === end);
      const path = [states[0].from, ...states.map(({ to }) => to)];
      expect(path).toEqual(end === 'server' ? server.path : client.path); // each begins where the last one ended
    }
  });

  test('segments carry the variables of the connection', () => {
    const open = collected.of('segment').filter((event) => event.own !== null && event.own.state === 'ESTABLISHED');
    expect(open.every(({ own }) => own !== null && own.cwndBytes > 0 && own.rtoUs >= 200_000)).toBe(true);
    const windows = new Set(open.map(({ own }) => own?.cwndBytes));
    expect(windows.size).toBeGreaterThan(3); // it grew, and was reduced
    expect(collected.of('not-sent').some(({ reason }) => reason === 'cwnd')).toBe(true);
  });
});

describe('what the server did not use', () => {
  test('is told with its check, and counted with the connection', () => {
    const scenario = { seed: 42, conditions: { delayUs: 1000, duplicate: 0.3 } };
    const { pair, collected } = traceServer(scenario, download(50_000));
    const { counters } = pair.server.tcp;
    const drops = collected.of('drop');
    const byReason = (reason: string): number => drops.filter((drop) => drop.reason === reason).length;
    expect(byReason('outsideWindow')).toBe(counters.outsideWindow);
    expect(byReason('noConnection')).toBe(counters.noConnection);
    expect(drops.length).toBeGreaterThan(0);
    expect(drops.filter(({ rule }) => !/RFC \d+/.test(rule))).toEqual([]);
  });

  test('a segment for nobody belongs to a connection that never was', () => {
    const { collected } = traceServer({ seed: 43, conditions: { delayUs: 1000 } }, (pair) => {
      pair.connect(7001, new Recorder());
      pair.run(1_000_000);
    });
    expect(collected.of('drop').map(({ reason }) => reason)).toEqual(['noConnection']);
    expect(collected.of('closed').map(({ cause }) => cause)).toEqual(['RST from server']);
  });
});

test('a SYN,ACK that is sent again has its reason, too', () => {
  const { collected } = traceServer({ seed: 46, conditions: { delayUs: 1000 } }, (pair) => {
    // After the first SYN nothing gets through for 4 s, so that the server sends again by itself.
    let syns = 0;
    pair.wire.filter = (bytes) => {
      const isArp = bytes[12] === 8 && bytes[13] === 6;
      return isArp || syns++ === 0 || pair.clock.us > 1_004_000_000;
    };
    let connected = false;
    pair.server.tcp.listen(7000, new Recorder());
    const asked = new Recorder();
    asked.open = () => {
      connected = true;
    };
    pair.connect(7000, asked);
    pair.run(30_000_000, () => connected);
  });
  const again = collected.of('retransmit').filter(({ reason }) => reason === 'syn');
  expect(again.length).toBeGreaterThan(0);
  const byFrame = new Map(collected.of('segment').map((segment) => [segment.frame, segment]));
  expect(again.map(({ frame }) => byFrame.get(frame)?.flags)).toEqual(again.map(() => 'SYN ACK'));
});

test('a ring that is too small loses events, says how many, and what is left makes sense', () => {
  const scenario = { seed: 44, conditions: { delayUs: 5000 } };
  const { pair, collected } = traceServer(scenario, download(200_000), 1 << 13);
  const { counters } = pair.server.tcp;
  const segments = collected.of('segment').length;
  expect(collected.totals?.lostEvents).toBeGreaterThan(100);
  expect(segments).toBeLessThan(counters.segmentsIn + counters.segmentsOut);
});

test('switched on in the middle, it follows from there', () => {
  const pair = new CapturedPair({ seed: 45, conditions: { delayUs: 1000 } });
  const served = new Recorder();
  served.data = (stream) => void write(stream, Buffer.from('+OK\r\n'));
  pair.server.tcp.listen(6379, served);
  const asked = new Recorder();
  pair.connect(6379, asked);
  pair.run(1_000_000);
  const memory = ringMemory();
  const recorder = new StackRecorder(pair.server.tcp, memory, pair.clock);
  recorder.obey(Int32Array.of(TRACE_WANTED), 0);
  write(asked.opened[0], Buffer.from('*1\r\n$4\r\nPING\r\n'));
  pair.run(1_000_000);
  const collected = new Collected();
  const follower = new Follower({ sinks: [collected] });
  new RecordReader(follower).take(new RingReader(memory).drain());
  follower.end();
  const [{ local, fromStart, server }] = collected.connections;
  expect([local, fromStart, server.state]).toEqual(['server', false, 'ESTABLISHED']);
  expect(collected.commands).toEqual(['PING', '→ +OK (PING)']);
});
