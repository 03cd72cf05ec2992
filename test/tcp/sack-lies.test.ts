/**
 * A peer whose acknowledgments and SACK blocks say anything, in any order, with any window, while time passes and more is
 * written. Whatever it says: the ledger's books balance, nothing that it has acknowledged is sent again, every segment carries
 * the bytes of its sequence numbers, one acknowledgment lets go no more than a window, and when it comes to its senses the
 * stream ends as if nothing had been.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import { cubic } from '../../src/lib/tcp/congestion/cubic.ts';
import type { Connection } from '../../src/lib/tcp/connection.ts';
import { pipeBytes } from '../../src/lib/tcp/loss/flight.ts';
import { LOST, MAX_ENTRIES, RESENT, SACKED } from '../../src/lib/tcp/loss/ledger.ts';
import { Script } from './script.ts';

/** Edges are sequence numbers in units of half a segment, so that they meet and miss the segments' own. */
const UNIT = 50;

type Step =
  | { readonly kind: 'ack'; readonly at: number; readonly window: number; readonly blocks: readonly [number, number][] }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'write'; readonly bytes: number }
  | { readonly kind: 'mtu'; readonly mtu: number }
  | { readonly kind: 'end' };

const edge = fc.integer({ min: -4, max: 90 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('ack' as const),
      at: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 3, arbitrary: edge }),
      window: fc.constantFrom(60_000, 60_000, 60_000, 4000, 150, 0),
      blocks: fc.array(fc.tuple(edge, edge), { maxLength: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(1, 10, 60, 250, 3000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('write' as const), bytes: fc.integer({ min: 1, max: 2500 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('mtu' as const), mtu: fc.constantFrom(130, 100, 1500) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'end' } as const) },
);

const STACKS: readonly Partial<TcpOptions>[] = [
  {},
  { congestion: cubic, initialWindowSegments: 30 },
  { rack: false },
  { sack: false },
  { initialWindowSegments: 40, nagle: true, idleRestart: false },
];

/** Names what does not balance, or nothing. */
function unbalanced(c: Connection): string {
  const pipe = pipeBytes(c);
  if (pipe < 0 || pipe > 2 * c.flightBytes) return `pipe ${pipe} of ${c.flightBytes}`;
  if (c.cwnd < c.mss || c.cwnd > c.stack.config.maxCwndBytes) return `cwnd ${c.cwnd}`;
  const { ledger } = c;
  if (ledger === null) return '';
  if (ledger.start !== c.sndUna || (ledger.end !== c.sndNxt && (c.armed & 2) === 0)) return 'not the flight';
  if (ledger.count > MAX_ENTRIES) return 'too many entries';
  let [at, sacked, lost, resent] = [ledger.start, 0, 0, 0];
  for (let i = 0; i < ledger.count; i++) {
    const length = ledger.lengthOf(i);
    const marks = ledger.marksOf(i);
    if (ledger.startOf(i) !== at || length <= 0) return 'a gap';
    if ((marks & SACKED) !== 0 && (marks & (LOST | RESENT)) !== 0) return 'SACKed and in doubt';
    at = ledger.endOf(i);
    sacked += (marks & SACKED) !== 0 ? length : 0;
    lost += (marks & LOST) !== 0 ? length : 0;
    resent += (marks & RESENT) !== 0 ? length : 0;
  }
  return ledger.sackedBytes === sacked && ledger.lostBytes === lost && ledger.resentBytes === resent ? '' : 'totals';
}

/** The connection under test, and what the peer has acknowledged of it, relative to ISS. */
class Liar {
  readonly x: Script;
  readonly c: Connection;
  acknowledged = 1;

  constructor(tcp: Partial<TcpOptions>, superSegments: boolean) {
    const link = superSegments
      ? { dataStride: 16_576, dataBuffers: 64, segmentationBytes: 16_384, checksumOffload: true, gather: true }
      : {};
    this.x = new Script({ tcp: { minPathMtu: 100, maxRetransmissions: 100, ...tcp }, link });
    this.c = this.x.establish('mss 100 sackok', 60_000);
    this.x.write(3000);
    this.check();
  }

  take(step: Step): void {
    const { x, c } = this;
    if (c.isClosed) return;
    const next = (c.sndNxt - c.iss) | 0;
    if (step.kind === 'wait') x.advance(step.ms);
    else if (step.kind === 'write') {
      if (!c.finQueued) x.write(step.bytes);
    } else if (step.kind === 'end') {
      c.end();
      x.turn();
    } else if (step.kind === 'mtu') {
      c.pathMtu = 0;
      x.tcp.net.nowUs = x.clock.us;
      this.fragmentationNeeded(step.mtu);
    } else {
      const ack = this.acknowledged + step.at * UNIT;
      if (ack > this.acknowledged && ack <= next) this.acknowledged = ack;
      const blocks = step.blocks.map(
        ([from, to]) => `${this.acknowledged + from * UNIT}:${this.acknowledged + to * UNIT}`,
      );
      x.in(`. 1:1 ack ${ack} win ${step.window}${blocks.length > 0 ? ` sack ${blocks.join(',')}` : ''}`);
    }
    this.check();
  }

  /** What a router would say of the first segment in flight. */
  private fragmentationNeeded(mtu: number): void {
    const { x, c } = this;
    const { memory } = x.tcp;
    const at = memory.reserve(64);
    memory.dv.setUint16(at + 2, 140, false);
    memory.dv.setInt32(at + 12, c.localIp, false);
    memory.dv.setInt32(at + 16, c.remoteIp, false);
    memory.dv.setUint16(at + 20, c.localPort, false);
    memory.dv.setUint16(at + 22, c.remotePort, false);
    memory.dv.setInt32(at + 24, c.sndUna, false);
    x.tcp.icmpError(3, 4, mtu, at, at + 20);
    x.turn();
  }

  check(): void {
    const { x, c } = this;
    if (!c.isClosed) expect(unbalanced(c)).toBe('');
    for (const segment of x.sent.splice(0)) {
      if (segment.flags.includes('R')) continue;
      x.expectPayload(segment);
      if (segment.length > 0 || segment.flags.includes('F')) {
        expect(segment.start + segment.length).toBeGreaterThanOrEqual(this.acknowledged);
        expect(segment.start).toBeGreaterThanOrEqual(this.acknowledged);
      }
    }
  }

  /** Everything is acknowledged, as it comes. */
  relent(): void {
    const { x, c } = this;
    c.end();
    x.turn();
    for (let i = 0; i < 400 && !c.isClosed && !(c.finSent && c.flightBytes === 0); i++) {
      this.check();
      this.acknowledged = (c.sndNxt - c.iss) | 0;
      x.in(`. 1:1 ack ${this.acknowledged} win 60000`);
      x.advance(50);
    }
  }
}

it.each([
  ['segments', false],
  ['super-segments', true],
])('%s: any acknowledgments and SACK blocks leave the ledger sound', (_what, superSegments) => {
  fc.assert(
    fc.property(fc.nat(STACKS.length - 1), fc.array(step, { minLength: 1, maxLength: 40 }), (stack, steps) => {
      const liar = new Liar(STACKS[stack], superSegments);
      for (const one of steps) liar.take(one);
      liar.relent();
      const { c, x } = liar;
      expect([c.flightBytes, c.ledger, c.queue.totalBytes]).toEqual([0, null, 0]);
      expect(x.host.link.data.available).toBe(x.host.link.data.count);
    }),
    { numRuns: 150 },
  );
});
