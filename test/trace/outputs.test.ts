/** What people and programs see, of events that are written down here. */
import { describe, expect, test } from 'vitest';
import { BufferSource, CaptureReader } from '../../src/lib/link/pcap-reader.ts';
import { CaptureOutput } from '../../src/lib/trace/capture-output.ts';
import { EventFilter } from '../../src/lib/trace/event-filter.ts';
import { JsonOutput } from '../../src/lib/trace/json-output.ts';
import { LogOutput } from '../../src/lib/trace/log-output.ts';
import {
  ConnectionSummary,
  EndSummary,
  type EventKind,
  type OwnState,
  type SegmentEvent,
  type TraceEvent,
  type TraceTotals,
} from '../../src/lib/trace/model.ts';
import { fileOutput, formatOf } from '../../src/lib/trace/outputs.ts';
import { parsePeer } from '../../src/lib/trace/peer.ts';
import { SummaryOutput } from '../../src/lib/trace/summary-output.ts';
import { parseIpv4 } from '../../src/lib/wire/address.ts';
import { MemorySink, tsharkFields } from '../link/pcap-capture.ts';
import { Collected } from './collected.ts';

const START_US = 1_700_000_000_000_000;
const OWN: OwnState = {
  state: 'ESTABLISHED',
  cwndBytes: 14_480,
  ssthreshBytes: 1 << 26,
  rtoUs: 200_000,
  srttUs: 104,
  inFlightBytes: 5,
  sendWindowBytes: 64_256,
  receiveWindowBytes: 262_144,
};
const SEGMENT: SegmentEvent = {
  kind: 'segment',
  tUs: START_US + 1_500_000,
  connection: 1,
  frame: 9,
  from: 'server',
  flags: 'PSH ACK',
  seq: 1,
  ack: 30,
  lengthBytes: 5,
  windowBytes: 65_536,
  sack: [[40, 50]],
  options: [],
  tsVal: null,
  tsEcr: null,
  labels: ['duplicate-ack', 'zero-window'],
  duplicateNumber: 2,
  duplicateOf: 7,
  rttUs: 104,
  inFlightBytes: 5,
  commands: ['→ +OK (SET k v)'],
  own: OWN,
};
const about = { tUs: START_US, connection: 1, frame: 3 };
const rule = 'because of that';
const EVENTS: TraceEvent[] = [
  { kind: 'opened', ...about, client: '192.0.2.1:1024', server: '192.0.2.2:6379', local: null, fromStart: false },
  SEGMENT,
  { kind: 'state', ...about, end: 'client', from: 'SYN-SENT', to: 'ESTABLISHED', cause: 'SYN,ACK received', own: null },
  { kind: 'retransmit', ...about, seq: 1, lengthBytes: 10, reason: 'rack', rule, own: OWN },
  { kind: 'drop', ...about, connection: 0, frame: 0, reason: 'badAck', rule, own: null },
  { kind: 'not-sent', ...about, reason: 'cwnd', rule, unsentBytes: 77, own: null },
  { kind: 'congestion', ...about, event: 'undone', rule, own: null },
  { kind: 'command', ...about, from: 'client', commands: ['GET a', 'GET b'] },
  { kind: 'closed', ...about, cause: 'RST from client' },
  { kind: 'lost', ...about, connection: 0, frame: 0, count: 12 },
];

function log(wide: boolean): string[] {
  const lines: string[] = [];
  const output = new LogOutput({
    write: (line) => lines.push(line),
    style: (style, text) => `<${style} ${text}>`,
    wide,
  });
  for (const event of EVENTS) output.event(event, null);
  return lines.map((line) => line.replace(/^<dim [^>]*>/, ''));
}

test('the log has a line for each event', () => {
  expect(log(false)).toEqual([
    ' #1 <bold 192.0.2.1:1024 → 192.0.2.2:6379> (open before the trace)',
    ' #1 <green ←> PSH ACK 1:6 ack 30 win 65536 sack 40:50 <dim rtt 104 µs> <yellow [duplicate-ack #2 of 7, zero-window]> · <bold → +OK (SET k v)>',
    ' #1 client SYN-SENT → <bold ESTABLISHED>: SYN,ACK received',
    ' #1 <yellow sent again 1:11: rack> – because of that {cwnd 14480 ssthresh ∞ in flight 5 srtt 104 µs rto 200 ms}',
    ' <red dropped: badAck> – because of that',
    ' #1 <cyan 77 bytes wait: cwnd> – because of that',
    ' #1 <yellow undone> – because of that',
    ' #1 <dim frame 3 carried GET a, GET b>',
    ' #1 <bold closed: RST from client>',
    ' <red 12 events were lost: the trace could not keep up>',
  ]);
  expect(log(true)[1]).toMatch(/<dim {2}\{cwnd 14480 ssthresh ∞ in flight 5 srtt 104 µs rto 200 ms\}>$/);
});

test('times count from the first segment, also when a filter keeps its events out', () => {
  const lines: string[] = [];
  const output = new LogOutput({ write: (line) => lines.push(line), style: (_style, text) => text, wide: false });
  const filter = new EventFilter(output, { kinds: new Set<EventKind>(['segment']), state: null });
  const frame = { number: 3, tUs: START_US, bytes: new Uint8Array(0), linkType: 228, originalLength: 0 };
  filter.frame({ ...frame, direction: 'in' });
  for (const event of EVENTS.slice(0, 2)) filter.event(event, null);
  expect(lines.map((line) => line.slice(0, 19))).toEqual(['  1.500000     9 #1']);
});

test('a full disk ends one output, is told once, and stops nothing else', () => {
  for (const format of ['pcapng', 'json', 'html', 'log'] as const) {
    const errors: string[] = [];
    const output = fileOutput('/dev/full', { format, onError: (error) => errors.push(error.message) });
    const bytes = new Uint8Array(60_000);
    const frame = { number: 1, tUs: START_US, bytes, linkType: 228, originalLength: 60_000, direction: 'in' } as const;
    for (let i = 0; i < 3; i++) {
      output.frame?.(frame);
      for (const event of EVENTS) output.event(event, null);
    }
    output.end(summaries(1), totals());
    output.end(summaries(1), totals());
    expect(errors.map((message) => message.slice(0, 6))).toEqual(['ENOSPC']);
  }
});

test('a rule is told once', () => {
  const lines: string[] = [];
  const output = new LogOutput({ write: (line) => lines.push(line), style: (_style, text) => text, wide: false });
  for (const event of [EVENTS[4], EVENTS[5], EVENTS[4]]) output.event(event, null);
  expect(lines.map((line) => line.includes(rule))).toEqual([true, true, false]);
});

test('times count from the first event', () => {
  const lines: string[] = [];
  const output = new LogOutput({ write: (line) => lines.push(line), style: (_style, text) => text, wide: false });
  for (const event of EVENTS.slice(0, 2)) output.event(event, null);
  expect(lines.map((line) => line.slice(0, 19))).toEqual(['  0.000000     3 #1', '  1.500000     9 #1']);
});

function summaries(count: number): ConnectionSummary[] {
  return Array.from({ length: count }, (_, i) => {
    const client = new EndSummary('192.0.2.1', 40_000 + i, START_US);
    const server = new EndSummary('192.0.2.2', 6379, START_US);
    const connection = new ConnectionSummary(i + 1, client, server, 'server', true, START_US);
    connection.lastUs = START_US + 2_000_000;
    connection.closed = i === 0 ? 'RST from client' : '';
    client.segments = 3;
    client.bytes = 2_097_152;
    client.ackedBytes = 2_097_152;
    client.path.push('SYN-SENT', 'ESTABLISHED', 'CLOSED');
    client.stateUs.set('SYN-SENT', 500).set('ESTABLISHED', 1_999_500);
    client.retransmits.set('rack', 2).set('timeout', 1);
    client.labels.set('duplicate-ack', 4).set('zero-window', 1);
    for (const us of [100, 200, 600]) client.rttUs.add(us);
    server.drops.set('badAck', 7);
    client.commands = 1;
    return connection;
  });
}

function totals(): TraceTotals {
  const folded = { connections: 3, segments: 5000, bytes: 2048, retransmits: 6 };
  return { frames: 12, ignored: new Map([['fragment', 2]]), lostEvents: 1, folded };
}

describe('the summary', () => {
  const printed = (count: number): string[] => {
    const lines: string[] = [];
    new SummaryOutput({ write: (line) => lines.push(line), bold: (text) => text }).end(summaries(count), totals());
    return lines.join('\n').split('\n');
  };

  test('of a few connections has everything, within 80 columns', () => {
    const lines = printed(1);
    expect(lines.slice(1, 5)).toEqual([
      '#1 192.0.2.1:40000 → 192.0.2.2:6379, 2.00 s, RST from client',
      '               segments     bytes     goodput  again  dup ACKs  0 windows',
      'client                3  2.00 MiB  1.00 MiB/s      3         4          1',
      'server (ours)         0       0 B           –      0         0          0',
    ]);
    expect(lines).toContain('client: SYN-SENT 500 µs, ESTABLISHED 2.00 s, CLOSED');
    expect(lines).toContain('client RTT: min 100 µs, avg 300 µs, max 600 µs');
    expect(lines).toContain('client sent again: 2 rack, 1 timeout');
    expect(lines).toContain('server dropped: 7 badAck');
    expect(lines).toContain('1 Redis command, 0 replies');
    expect(lines.slice(0, -1).filter((line) => line.length > 80)).toEqual([]);
  });

  test('of many has a line each, and of more only their number', () => {
    expect(printed(20).filter((line) => line.includes('192.0.2.1:'))).toHaveLength(20);
    const many = printed(150);
    expect(many.filter((line) => line.includes('192.0.2.1:'))).toHaveLength(100);
    expect(many).toContain('and 50 smaller connections (--json has all)');
    expect(many.at(-1)).toBe(
      '12 frames, 153 connections; not followed: 2 fragment; 1 event lost: the trace could not keep up; 3 old connections forgotten to save memory (5.00k segments, 2.00 KiB, 6 sent again)',
    );
  });
});

test('JSON lines are the events, and a summary', () => {
  const lines: string[] = [];
  const output = new JsonOutput((line) => lines.push(line));
  for (const event of EVENTS) output.event(event);
  output.end(summaries(1), totals());
  expect(lines.some((line) => line.includes('\n'))).toBe(false);
  const parsed = lines.map((line) => JSON.parse(line) as { kind: string; connections?: { client: object }[] });
  expect(parsed.slice(0, -1)).toEqual(EVENTS);
  expect(parsed.at(-1)?.kind).toBe('summary');
  expect(parsed.at(-1)?.connections?.[0].client).toMatchObject({
    goodputBytesPerSecond: 1_048_576,
    retransmits: { rack: 2, timeout: 1 },
    rttUs: { count: 3, min: 100, mean: 300, max: 600 },
  });
});

test('a capture has the events of each packet as its comments, and what was cut off as its length', () => {
  const sink = new MemorySink();
  const output = new CaptureOutput(sink);
  const packet = Buffer.from('450000640000000040060000c0000201c0000202100018eb00000001000000025010ffff00000000', 'hex');
  const frame = { tUs: START_US, bytes: packet, linkType: 228, originalLength: 100, direction: 'in' } as const;
  output.frame({ ...frame, number: 1 });
  for (const event of EVENTS.slice(0, 5)) output.event(event);
  output.frame({ ...frame, number: 2, tUs: START_US + 1.5 });
  output.end();
  const reader = new CaptureReader(new BufferSource(sink.bytes));
  expect(reader.next()).toMatchObject({
    linkType: 228,
    originalLength: 100,
    direction: 'in',
    comments: [
      'connection 1: 192.0.2.1:1024 → 192.0.2.2:6379',
      '→ +OK (SET k v) [duplicate-ack #2 of 7, zero-window] {cwnd 14480 ssthresh ∞ in flight 5 srtt 104 µs rto 200 ms}',
      'client: SYN-SENT → ESTABLISHED: SYN,ACK received',
      'sent again: rack – because of that',
      'dropped: badAck – because of that',
    ],
  });
  expect(reader.next()).toMatchObject({ comments: [], timestampNs: BigInt(START_US) * 1000n + 1500n });
  const [[comments, length]] = tsharkFields(sink.bytes, ['frame.comment', 'frame.len']);
  expect([comments.includes('sent again: rack'), length]).toEqual([true, '100']);
});

test('a filter lets kinds and states through, and all summaries', () => {
  const [connection] = summaries(1);
  connection.client.state = 'CLOSED';
  const through = (kinds: EventKind[], state: string | null): string[] => {
    const collected = new Collected();
    const filter = new EventFilter(collected, { kinds: new Set(kinds), state });
    for (const event of EVENTS) filter.event(event, event.connection === 0 ? null : connection);
    filter.end([connection], totals());
    expect(collected.connections).toEqual([connection]);
    return collected.events.map(({ kind }) => kind);
  };
  expect(through([], null)).toEqual(EVENTS.map(({ kind }) => kind));
  expect(through(['state', 'lost'], null)).toEqual(['state', 'lost']);
  expect(through([], 'SYN-SENT')).toEqual(['state']);
  expect(through(['closed', 'segment', 'state'], 'CLOSED')).toEqual(['segment', 'closed']);
});

test('the ending of a file says how it is written', () => {
  expect(['a.pcapng', 'a.ndjson', 'a.json', 'a.html', 'a.log', '-'].map(formatOf)).toEqual([
    'pcapng',
    'json',
    'json',
    'html',
    'log',
    'log',
  ]);
});

test('a peer is an address, with a port or without', () => {
  const address = parseIpv4('192.0.2.1');
  expect(parsePeer('192.0.2.1')).toEqual({ address });
  expect(parsePeer('192.0.2.1:40000')).toEqual({ address, addressPort: 40_000 });
  for (const wrong of ['', 'host', '192.0.2.1:', '192.0.2.1:0', '192.0.2.1:65536', '192.0.2.1:1:2'])
    expect(() => parsePeer(wrong)).toThrow(/is no address/);
});
