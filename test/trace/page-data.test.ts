/** What goes into the page comes out of it: the columns, decoded as the page does it, are the events again. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoundedEvents } from '../../src/lib/trace/html/bounded-events.ts';
import { Rows } from '../../src/lib/trace/html/page/rows.ts';
import { TrackEncoder } from '../../src/lib/trace/html/track-encoder.ts';
import type { LostEvent, OwnState, SegmentEvent } from '../../src/lib/trace/model.ts';

const PROPERTY = { numRuns: 200, seed: 7 };

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const own: fc.Arbitrary<OwnState> = fc.record({
  state: fc.constantFrom('ESTABLISHED', 'FIN-WAIT-1'),
  cwndBytes: fc.nat(),
  ssthreshBytes: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
  rtoUs: fc.nat(),
  srttUs: fc.nat(),
  inFlightBytes: fc.nat(),
  sendWindowBytes: fc.nat(),
  receiveWindowBytes: fc.nat(),
});
const segment: fc.Arbitrary<SegmentEvent> = fc.record({
  kind: fc.constant('segment' as const),
  tUs: fc.integer({ min: 1_000, max: 2 ** 50 }),
  connection: fc.constant(1),
  frame: fc.nat(),
  from: fc.constantFrom('client' as const, 'server' as const),
  flags: fc.constantFrom('SYN', 'ACK', 'PSH ACK', 'RST'),
  seq: uint32,
  ack: uint32,
  lengthBytes: fc.nat(65_535),
  windowBytes: fc.nat(2 ** 30),
  sack: fc.option(fc.array(fc.tuple(uint32, uint32), { minLength: 1, maxLength: 4 })),
  options: fc.constant([]),
  tsVal: fc.constant(null),
  tsEcr: fc.constant(null),
  labels: fc.constantFrom([], ['retransmission' as const], ['out-of-order' as const, 'window-full' as const]),
  duplicateNumber: fc.constant(0),
  duplicateOf: fc.constant(0),
  rttUs: fc.option(fc.nat()),
  inFlightBytes: fc.nat(),
  commands: fc.array(fc.string(), { maxLength: 2 }),
  own: fc.option(own),
});

test('columns of differences are the events again', () => {
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 30 }), (events) => {
      const encoder = new TrackEncoder(1_000, new Map([[1, 0]]));
      for (const event of events) encoder.add(event);
      const [track] = JSON.parse(JSON.stringify(encoder.finish()));
      const rows = new Rows(track, encoder.texts);
      expect(rows.count).toBe(events.length);
      for (const [row, event] of events.entries()) {
        expect(rows.kind(row)).toBe('segment');
        expect(rows.column.tUs[row]).toBe(event.tUs - 1_000);
        expect(rows.column.seq[row]).toBe(event.seq);
        expect(rows.value('ack', row)).toBe(event.flags.includes('ACK') ? event.ack : null);
        expect(rows.column.window[row]).toBe(event.windowBytes);
        expect(rows.value('rttUs', row)).toBe(event.rttUs);
        expect(rows.value('cwnd', row)).toBe(event.own?.cwndBytes ?? null);
        expect(rows.text('flags', row)).toBe(event.flags);
        expect(rows.text('labels', row)).toBe(event.labels.join(', '));
        expect(rows.text('commands', row)).toBe(event.commands.join(', '));
        expect(rows.sacks.get(row) ?? null).toEqual(event.sack === null ? null : event.sack.flat());
      }
    }),
    PROPERTY,
  );
});

test('of more events than the limit the first and the last ones stay, and the rest is counted', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 25 }), fc.nat(120), (half, count) => {
      const events = new BoundedEvents(2 * half);
      const lost = (index: number): LostEvent => ({ kind: 'lost', tUs: index, connection: 0, frame: 0, count: 1 });
      for (let index = 0; index < count; index++) events.add(lost(index));
      const all = Array.from({ length: count }, (_, index) => index);
      const kept = count <= 2 * half ? all : [...all.slice(0, half), ...all.slice(-half)];
      expect([...events].map(({ tUs }) => tUs)).toEqual(kept);
      expect(events.forgotten).toBe(count - kept.length);
    }),
    PROPERTY,
  );
});

test('what is told of a segment later belongs to its row', () => {
  const encoder = new TrackEncoder(0, new Map([[1, 1]]));
  const [plain] = fc.sample(segment, { numRuns: 1, seed: 3 });
  encoder.add({ ...plain, tUs: 10, frame: 5, labels: [] });
  const later = { connection: 1, frame: 5, tUs: 20, own: null };
  encoder.add({ ...later, kind: 'retransmit', seq: 1, lengthBytes: 2, reason: 'rack', rule: 'RFC 8985' });
  encoder.add({ ...later, kind: 'drop', connection: 0, reason: 'noConnection', rule: 'RFC 9293' });
  encoder.add({ ...later, kind: 'command', from: 'client', commands: ['GET k'] });
  encoder.add({ ...later, kind: 'drop', frame: 6, reason: 'outsideWindow', rule: 'RFC 9293' });
  const rows = new Rows(encoder.finish()[0], encoder.texts);
  expect(rows.text('again', 0)).toBe('rack: RFC 8985');
  expect(rows.text('dropped', 0)).toBe('noConnection: RFC 9293');
  expect(rows.text('commands', 0)).toBe('GET k');
  expect([rows.isAgain(0), rows.isDropped(0)]).toEqual([true, true]);
  expect([rows.count, rows.kind(1), rows.text('note', 1)]).toEqual([2, 'drop', 'outsideWindow: RFC 9293']);
});
