/**
 * The ledger against a naive model: an array with one element for each sequence number.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Delivered, sentAfter } from '../../../src/lib/tcp/loss/delivered.ts';
import { Ledger, LedgerPool, LOST, MAX_ENTRIES, REPEATED, RESENT, SACKED } from '../../../src/lib/tcp/loss/ledger.ts';

interface Byte {
  sentUs: number;
  marks: number;
}

/** What the ledger must agree with. */
class Model {
  bytes: Byte[] = [];

  append(n: number, sentUs: number): void {
    for (let i = 0; i < n; i++) this.bytes.push({ sentUs, marks: 0 });
  }
  acknowledge(n: number): number {
    return this.bytes.splice(0, n).filter((byte) => (byte.marks & SACKED) === 0).length;
  }
  select(from: number, to: number): number {
    let fresh = 0;
    for (const byte of this.bytes.slice(from, to)) {
      if ((byte.marks & SACKED) === 0) fresh++;
      byte.marks = SACKED | (byte.marks & REPEATED);
    }
    return fresh;
  }
  with(mark: number): number {
    return this.bytes.filter((byte) => (byte.marks & mark) !== 0).length;
  }
}

/** Everything that can be seen of the ledger, as bytes. */
function bytesOf(ledger: Ledger): Byte[] {
  const bytes: Byte[] = [];
  for (let i = 0; i < ledger.count; i++) {
    const length = ledger.lengthOf(i);
    expect(length).toBeGreaterThan(0);
    for (let k = 0; k < length; k++) bytes.push({ sentUs: ledger.sentUsOf(i), marks: ledger.marksOf(i) });
  }
  return bytes;
}

/** Of SACKed bytes neither the time nor REPEATED is kept apart: they join. */
const visible = (byte: Byte): Byte => ((byte.marks & SACKED) !== 0 ? { sentUs: 0, marks: SACKED } : byte);

type Step =
  | { kind: 'append'; n: number }
  | { kind: 'acknowledge'; part: number }
  | { kind: 'select'; from: number; to: number }
  | { kind: 'lose'; at: number }
  | { kind: 'resend'; at: number; part: number };

const part = fc.double({ min: 0, max: 1, noNaN: true });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), n: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ kind: fc.constant('acknowledge' as const), part: part.map((p) => p * p) }),
  fc.record({ kind: fc.constant('select' as const), from: part, to: part }),
  fc.record({ kind: fc.constant('lose' as const), at: part }),
  fc.record({ kind: fc.constant('resend' as const), at: part, part }),
);

function run(steps: readonly Step[], origin: number): void {
  const ledger = new Ledger();
  ledger.reset(origin);
  const model = new Model();
  const delivered = new Delivered();
  let clockUs = 0x7fff_fff0; // wraps on the way
  let start = origin;
  for (const s of steps) {
    clockUs = (clockUs + 7) | 0;
    const size = model.bytes.length;
    const place = (p: number): number => Math.min(size, Math.floor(p * (size + 1)));
    delivered.begin(clockUs, 0, start, start, -1);
    if (s.kind === 'append') {
      model.append(s.n, clockUs);
      ledger.append((ledger.end + s.n) | 0, clockUs, Math.ceil(s.n / 10));
    } else if (s.kind === 'acknowledge') {
      const n = place(s.part);
      const fresh = model.acknowledge(n);
      start = (start + n) | 0;
      ledger.acknowledge(start, delivered);
      expect(delivered.bytes).toBe(fresh);
    } else if (s.kind === 'select') {
      const [from, to] = [place(s.from), place(s.to)].sort((a, b) => a - b);
      if (from === to) continue;
      const fresh = model.select(from, to);
      expect(ledger.select((start + from) | 0, (start + to) | 0, delivered)).toBe(true);
      expect([delivered.bytes, delivered.sackedBytes]).toEqual([fresh, fresh]);
    } else if (size > 0) {
      const i = ledger.find((start + Math.min(size - 1, place(s.at))) | 0);
      const marks = ledger.marksOf(i);
      const from = (ledger.startOf(i) - start) | 0;
      if ((marks & SACKED) !== 0) continue;
      if (s.kind === 'lose') {
        ledger.mark(i, (marks | LOST) & ~RESENT);
        for (const byte of model.bytes.slice(from, from + ledger.lengthOf(i))) byte.marks = (marks | LOST) & ~RESENT;
      } else {
        const n = Math.max(1, Math.floor(s.part * ledger.lengthOf(i)));
        if (n < ledger.lengthOf(i)) expect(ledger.split(i, (ledger.startOf(i) + n) | 0)).toBe(true);
        ledger.resent(i, clockUs);
        for (const byte of model.bytes.slice(from, from + n)) {
          byte.marks |= RESENT | REPEATED;
          byte.sentUs = clockUs;
        }
      }
    }
    expect(ledger.start).toBe(start);
    expect(bytesOf(ledger).map(visible)).toEqual(model.bytes.map(visible));
    expect(ledger.sackedBytes).toBe(model.with(SACKED));
    expect(ledger.lostBytes).toBe(model.with(LOST));
    expect(ledger.resentBytes).toBe(model.with(RESENT));
  }
}

describe('Ledger', () => {
  it('agrees with a model of single bytes, also where sequence numbers wrap', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.constantFrom(0, 0x7fff_ffd0, -20), (steps, origin) =>
        run(steps, origin),
      ),
      { numRuns: 400 },
    );
  });

  it('finds the entry of every sequence number', () => {
    const ledger = new Ledger();
    ledger.reset(-5);
    for (const end of [10, 11, 40]) ledger.append(end, 0, 1);
    const places = Array.from({ length: 46 }, (_, i) => ledger.find((-5 + i) | 0));
    expect(places).toEqual([...Array(15).fill(0), 1, ...Array(29).fill(2), 3]);
  });

  it('joins what was SACKed with its neighbours, and keeps count of the segments', () => {
    const ledger = new Ledger();
    const delivered = new Delivered();
    ledger.reset(0);
    for (let i = 1; i <= 9; i++) ledger.append(i * 100, i, 1);
    ledger.select(100, 200, delivered);
    ledger.select(300, 400, delivered);
    ledger.select(200, 300, delivered);
    expect(ledger.count).toBe(7);
    expect(ledger.segmentsWith(SACKED)).toBe(3);
    expect(ledger.segmentsWith(0)).toBe(9);
  });

  it('never has more entries than its limit: it becomes coarser, and ignores what it can’t tell apart', () => {
    const ledger = new Ledger();
    const delivered = new Delivered();
    ledger.reset(0);
    const bytes = 10 * MAX_ENTRIES;
    ledger.append(bytes, 1, 1);
    let ignored = 0;
    for (let at = 0; at < bytes; at += 4) if (!ledger.select(at, at + 2, delivered)) ignored++;
    expect(ledger.count).toBeLessThanOrEqual(MAX_ENTRIES);
    expect(ignored).toBeGreaterThan(0);
    ledger.append(bytes + 100, 2, 1);
    expect(ledger.end).toBe(bytes + 100);
    ledger.acknowledge(bytes + 100, delivered);
    expect(ledger.count).toBe(0);
    expect(ledger.plain).toBe(true);
    for (let i = 1; i <= 2 * MAX_ENTRIES; i++) ledger.append(bytes + 100 + i, i, 1);
    expect(ledger.count).toBeLessThanOrEqual(MAX_ENTRIES);
    expect(ledger.end).toBe(bytes + 100 + 2 * MAX_ENTRIES);
    expect(ledger.segmentsWith(0)).toBe(2 * MAX_ENTRIES);
  });

  it('comes out of the pool as new', () => {
    const pool = new LedgerPool();
    const ledger = pool.take(7);
    ledger.append(107, 1, 1);
    ledger.mark(0, LOST);
    pool.give(ledger);
    const again = pool.take(-3);
    expect(again).toBe(ledger);
    expect([again.start, again.end, again.count, again.plain]).toEqual([-3, -3, 0, true]);
  });

  it('measures the round trip of what was sent last, and of nothing that was sent twice', () => {
    const ledger = new Ledger();
    ledger.reset(0);
    ledger.append(100, 10, 1);
    ledger.append(200, 30, 1);
    ledger.append(300, 40, 1);
    expect(ledger.drop(200, 130)).toBe(100);
    ledger.resent(0, 50);
    ledger.clear(RESENT);
    expect(ledger.drop(300, 200)).toBe(0);
  });
});

describe('Delivered', () => {
  const gather = (minRttUs: number, echoAgeUs: number): Delivered => {
    const ledger = new Ledger();
    const delivered = new Delivered();
    ledger.reset(0);
    ledger.append(100, 0, 1);
    ledger.append(200, 10, 1);
    ledger.resent(0, 900);
    delivered.begin(1000, minRttUs, 200, 0, echoAgeUs);
    ledger.acknowledge(200, delivered);
    return delivered;
  };

  it('takes the time of a copy only if that is what must have arrived (RFC 8985 §6.2 step 2)', () => {
    expect(gather(50, -1)).toMatchObject({ timed: true, sentUs: 900, end: 100, rttUs: 990 });
    expect(gather(500, -1)).toMatchObject({ timed: true, sentUs: 10, end: 200 }); // no round trip is as short as 100 µs
    expect(gather(50, 5000)).toMatchObject({ sentUs: 10 }); // the echo is from before the copy
  });

  it('orders by time, and by sequence number within an instant', () => {
    expect(sentAfter(5, 100, 4, 900)).toBe(true);
    expect(sentAfter(5, 100, 5, 99)).toBe(true);
    expect(sentAfter(5, 100, 5, 100)).toBe(false);
    expect(sentAfter(-0x8000_0000, 0, 0x7fff_ffff, 0)).toBe(true);
  });
});
