import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { NetCounters } from '../../src/lib/net/counters.ts';
import { MAX_DATAGRAMS, MAX_REASSEMBLY_BYTES, MAX_RUNS, Reassembler } from '../../src/lib/net/reassembly.ts';
import { ethernet, icmp, ipv4, naiveChecksum } from './frames.ts';
import { OUR_IP, OUR_MAC, PEER_IP, PEER_MAC, Station } from './station.ts';

const memory = new PacketMemory(16 << 20);
const RX = memory.reserve(128 << 10) + 2;

interface Piece {
  /** In units of 8 bytes. */
  offset: number;
  length: number;
  more: boolean;
  identification?: number;
  fill?: number;
  protocol?: number;
}

/** One reassembler and what came out of it. */
class Bench {
  readonly counters = new NetCounters();
  readonly expired: number[] = [];
  readonly reassembler: Reassembler;

  constructor(maxBytes?: number) {
    const listener = {
      reassemblyTimedOut: (_f: number, _i: number, available: number) => this.expired.push(available),
    };
    this.reassembler = new Reassembler(memory, this.counters, listener, maxBytes);
  }

  /** Feeds one fragment cut out of `whole`; the datagram if it is complete now. */
  feed(whole: Uint8Array, piece: Piece, nowUs = 0): Buffer | null {
    const at = piece.offset * 8;
    const payload = Buffer.from(whole.subarray(at, at + piece.length));
    if (piece.fill !== undefined) payload.fill(piece.fill);
    const fragment = (piece.more ? 0x2000 : 0) | piece.offset;
    const { identification = 1, protocol = 6 } = piece;
    const datagram = ipv4({ source: PEER_IP, destination: OUR_IP, protocol, payload, fragment, identification });
    memory.u8.set(ethernet(OUR_MAC, PEER_MAC, 0x0800, datagram), RX);
    const r = this.reassembler;
    if (!r.input(RX, RX + 14, 20, payload.length, nowUs)) return null;
    expect(memory.latin1(r.frame, 14)).toBe(memory.latin1(RX, 14));
    expect(r.payload - r.ip).toBe(20);
    const header = Buffer.from(memory.u8.slice(r.ip, r.payload));
    expect([naiveChecksum(header), header.readUInt16BE(2), header.readUInt16BE(6)]).toEqual([
      0,
      20 + r.payloadBytes,
      0,
    ]);
    const bytes = Buffer.from(memory.u8.slice(r.payload, r.payload + r.payloadBytes));
    r.release();
    return bytes;
  }
}

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 255);

/** All pieces of a datagram, of at most `units` × 8 bytes. */
function cut(length: number, units: number): Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < length; at += units * 8) {
    pieces.push({ offset: at / 8, length: Math.min(units * 8, length - at), more: at + units * 8 < length });
  }
  return pieces;
}

describe('whole datagrams', () => {
  it('come together in any order, with duplicates, whatever their size', () => {
    const shape = fc.record({ length: fc.integer({ min: 9, max: 8000 }), units: fc.integer({ min: 16, max: 200 }) });
    fc.assert(
      fc.property(shape, fc.infiniteStream(fc.nat()), ({ length, units }, numbers) => {
        const bench = new Bench();
        const whole = pattern(length);
        const pieces = cut(length, units);
        const random = numbers[Symbol.iterator]();
        const order = pieces.map((piece) => ({ piece, key: random.next().value })).sort((a, b) => a.key - b.key);
        const withDuplicates = order
          .slice(0, -1)
          .flatMap(({ piece, key }) => (key % 3 === 0 ? [piece, piece] : [piece]));
        for (const piece of withDuplicates) expect(bench.feed(whole, piece)).toBeNull();
        const last = bench.feed(whole, order[order.length - 1].piece);
        expect(last?.equals(whole)).toBe(true);
        expect(bench.reassembler.pending).toBe(0);
        expect(memory.extents.usedBytes).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('as large as IPv4 has them, but not larger', () => {
    const bench = new Bench();
    const whole = pattern(65_515);
    const results = cut(65_515, 185).map((piece) => bench.feed(whole, piece));
    expect(results.at(-1)?.equals(whole)).toBe(true);
    // "ping of death": the last fragment would end past 65,535.
    expect(bench.feed(pattern(70_000), { offset: 8189, length: 4, more: false })).toBeNull();
    expect(bench.counters.fragmentBadLength).toBe(1);
    expect(memory.extents.usedBytes).toBe(0);
  });

  it.each([
    ['identification', [{ identification: 5 }, { identification: 6 }]],
    ['protocol', [{ protocol: 17 }, { protocol: 6 }]],
  ])('several at a time are kept apart by %s', (_name, marks) => {
    const bench = new Bench();
    const wholes = [pattern(3000), pattern(2999).reverse()];
    const pieces = wholes.map((whole, i) => cut(whole.length, 60).map((piece) => ({ ...piece, ...marks[i] })));
    const done: (Buffer | null)[] = [];
    for (let i = 0; i < pieces[0].length; i++) {
      for (let k = 0; k < 2; k++) done.push(bench.feed(wholes[k], pieces[k][i]));
    }
    expect(done.slice(-2).map((bytes, k) => bytes?.equals(wholes[k]))).toEqual([true, true]);
  });
});

/**
 * What a receiver may make of fragments in any order: bytes placed one by one into an array. A fragment wholly within what is
 * there changes nothing; one that overlaps in part, or contradicts the length, condemns the datagram.
 */
class Model {
  bytes: (number | undefined)[] = [];
  total = -1;

  feed(whole: Uint8Array, { offset, length, more, fill }: Piece): Uint8Array | null {
    const start = offset * 8;
    const end = start + length;
    if (length === 0 || (more && length % 8 !== 0)) return null;
    const present = Array.from({ length }, (_, i) => this.bytes[start + i] !== undefined);
    const contradicts = more
      ? this.total >= 0 && end > this.total
      : (this.total >= 0 && this.total !== end) || this.bytes.length > end;
    if (contradicts || (present.includes(true) && present.includes(false))) {
      this.bytes = [];
      this.total = -1;
      return null;
    }
    if (present.includes(true)) return null;
    for (let i = 0; i < length; i++) this.bytes[start + i] = fill ?? whole[start + i];
    if (!more) this.total = end;
    if (this.total < 0 || this.bytes.length !== this.total || this.bytes.includes(undefined)) return null;
    const done = Uint8Array.from(this.bytes, (byte) => byte ?? 0);
    this.bytes = [];
    this.total = -1;
    return done;
  }
}

describe('hostile fragments', () => {
  it('any sequence of overlapping fragments gives what the model gives', () => {
    const fill = fc.integer({ min: 1, max: 255 });
    // Pieces of one tiling of 64 bytes, often enough to complete it, and wild ones.
    const tile = fc
      .record({ at: fc.integer({ min: 0, max: 3 }), tiles: fc.constantFrom(1, 1, 1, 2, 4), fill })
      .map(({ at, tiles, fill }) => ({ offset: at * 2, length: tiles * 16, more: at + tiles < 4, fill }));
    const units = fc.integer({ min: 1, max: 6 });
    const wild = fc
      .record({ offset: fc.integer({ min: 0, max: 12 }), units, more: fc.boolean(), fill })
      .map(({ units, ...rest }) => ({ ...rest, length: units * 8 }));
    const piece = fc.oneof({ weight: 12, arbitrary: tile }, { weight: 1, arbitrary: wild });
    let completed = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40, size: 'max' }), (pieces) => {
        const bench = new Bench();
        const model = new Model();
        const whole = pattern(200);
        for (const each of pieces) {
          const expected = model.feed(whole, each);
          const got = bench.feed(whole, each);
          if (expected !== null) completed++;
          expect(got === null ? null : [...got]).toEqual(expected === null ? null : [...expected]);
        }
        bench.reassembler.clear();
        expect(memory.extents.usedBytes).toBe(0);
      }),
      { numRuns: 2000 },
    );
    expect(completed).toBeGreaterThan(200);
  });

  it.each([
    ['one byte too many in the middle', [{ offset: 0, length: 17, more: true }], 'fragmentBadLength'],
    ['nothing', [{ offset: 0, length: 0, more: true }], 'fragmentBadLength'],
    [
      'an overlap',
      [
        { offset: 0, length: 24, more: true },
        { offset: 2, length: 24, more: true },
      ],
      'fragmentOverlap',
    ],
    [
      'two different ends',
      [
        { offset: 4, length: 8, more: false },
        { offset: 6, length: 8, more: false },
      ],
      'fragmentOverlap',
    ],
    [
      'bytes behind the end',
      [
        { offset: 4, length: 8, more: false },
        { offset: 5, length: 8, more: true },
      ],
      'fragmentOverlap',
    ],
    [
      'the same again',
      [
        { offset: 1, length: 8, more: true },
        { offset: 1, length: 8, more: true },
      ],
      'fragmentDuplicate',
    ],
  ] as [string, Piece[], keyof NetCounters][])('%s is counted', (_name, pieces, counter) => {
    const bench = new Bench();
    for (const piece of pieces) expect(bench.feed(pattern(200), piece)).toBeNull();
    expect(bench.counters[counter]).toBe(1);
    bench.reassembler.clear();
  });

  it('a datagram in too many separate runs is given up', () => {
    const bench = new Bench();
    for (let i = 0; i < MAX_RUNS; i++) bench.feed(pattern(4000), { offset: i * 2 + 1, length: 8, more: true });
    expect(bench.reassembler.pending).toBe(1);
    bench.feed(pattern(4000), { offset: MAX_RUNS * 2 + 1, length: 8, more: true });
    expect(bench.reassembler.pending).toBe(0);
    expect(bench.counters.fragmentTooMany).toBe(1);
    expect(memory.extents.usedBytes).toBe(0);
  });

  it('datagrams without end push out the oldest', () => {
    const bench = new Bench();
    for (let i = 0; i < 10_000; i++) bench.feed(pattern(64), { offset: 1, length: 8, more: true, identification: i });
    expect(bench.reassembler.pending).toBe(MAX_DATAGRAMS);
    expect(bench.counters.fragmentEvicted).toBe(10_000 - MAX_DATAGRAMS);
    bench.reassembler.clear();
    expect(memory.extents.usedBytes).toBe(0);
  });

  it('memory stays within its limit', () => {
    const bench = new Bench();
    for (let i = 0; i < 500; i++) {
      bench.feed(pattern(65_000), { offset: 8000, length: 8, more: true, identification: i });
      expect(bench.reassembler.usedBytes).toBeLessThanOrEqual(MAX_REASSEMBLY_BYTES);
      expect(memory.extents.usedBytes).toBe(bench.reassembler.usedBytes);
    }
    expect(bench.counters.fragmentEvicted).toBeGreaterThan(0);
    bench.reassembler.clear();
    expect(memory.extents.usedBytes).toBe(0);
  });

  it('a datagram larger than the whole limit is refused', () => {
    const bench = new Bench(32 << 10);
    expect(bench.feed(pattern(65_000), { offset: 6000, length: 8, more: true })).toBeNull();
    expect(bench.counters.fragmentNoMemory).toBe(1);
    expect(bench.reassembler.pending).toBe(0);
  });
});

const ICMP_ERROR = {
  source: PEER_IP,
  destination: OUR_IP,
  protocol: 1,
  payload: icmp(3, 1, 0, ipv4({ source: OUR_IP, destination: PEER_IP, protocol: 6, payload: Buffer.alloc(20) })),
};

describe('time', () => {
  it('30 seconds after its first fragment arrived, a datagram is dropped; nothing extends that', () => {
    const bench = new Bench();
    bench.feed(pattern(64), { offset: 0, length: 8, more: true }, 5_000_000);
    bench.feed(pattern(64), { offset: 2, length: 8, more: true }, 34_000_000);
    bench.feed(pattern(64), { offset: 1, length: 8, more: true, identification: 2 }, 5_000_000); // its first never comes
    expect(bench.reassembler.nextDeadlineUs).toBe(35_000_000);
    bench.reassembler.run(34_999_999);
    expect(bench.reassembler.pending).toBe(2);
    bench.reassembler.run(35_000_000);
    expect([bench.reassembler.pending, bench.counters.fragmentTimeout, bench.expired]).toEqual([0, 2, [28]]);
    expect(bench.reassembler.nextDeadlineUs).toBe(Infinity);
    expect(memory.extents.usedBytes).toBe(0);
  });

  it('time exceeded is sent if the first fragment is there, and only then (RFC 792)', () => {
    const station = new Station();
    const payload = Buffer.alloc(64, 7);
    const part = (fragment: number, identification: number, protocol = 6): Buffer =>
      ipv4({ source: PEER_IP, destination: OUR_IP, protocol, payload, fragment, identification });
    const parts = [
      part(0x2000, 1), // the first of several
      part(0x2008, 1),
      part(0x2008, 2), // not the first
      ipv4({ ...ICMP_ERROR, fragment: 0x2000, identification: 3 }), // about an error there is no error
    ];
    station.send(...parts.map((bytes) => ethernet(OUR_MAC, PEER_MAC, 0x0800, bytes)));
    const sent = station.run(31_000_000);
    expect(sent.map(({ us }) => us)).toEqual([30_000_000]);
    const message = sent[0].frame.subarray(34, 14 + sent[0].frame.readUInt16BE(16));
    expect(message.toString('hex')).toBe(icmp(11, 1, 0, part(0x2000, 1)).toString('hex'));
    expect(station.net.counters).toMatchObject({ fragmentTimeout: 3, icmpSuppressed: 1 });
    expect(station.leaked).toEqual({ buffers: 0, extentBytes: 0 });
  });
});
