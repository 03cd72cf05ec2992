/**
 * Two stacks and a bad wire: whatever is lost, doubled, swapped or damaged, every byte arrives once and in order in both
 * directions, both connections close cleanly, and nothing is left behind. Each seed is one run that can be replayed.
 */
import { describe, expect, it } from 'vitest';
import type { Conditions, MemoryLinkOptions } from '../../src/lib/link/memory.ts';
import { CLOSE_NORMAL, CLOSE_TIMEOUT, type Stream } from '../../src/lib/link/stream.ts';
import { Random } from '../../src/lib/random.ts';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import { ADDRESS_B, type Host, Pair, Recorder, write } from '../tcp/pair.ts';

const HOUR_US = 3_600_000_000;
const PORT = 6379;

function randomBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = random.int32();
  return bytes;
}

/** Writes `bytes` in pieces of random size as the queue drains, then ends the stream. */
class Talker extends Recorder {
  private at = 0;
  private readonly bytes: Buffer;
  private readonly random: Random;

  constructor(bytes: Buffer, random: Random) {
    super();
    this.bytes = bytes;
    this.random = random;
    this.open = (stream) => {
      stream.wantsDrain = true;
      this.feed(stream);
    };
    this.drain = (stream) => this.feed(stream);
    // A reader that is slow at times: the window closes, and opens again.
    this.data = (stream) => {
      if (random.below(50) === 0) this.paused.push(stream);
      if (this.paused.length > 0) stream.pauseRead();
    };
  }
  readonly paused: Stream[] = [];

  resume(): void {
    for (const stream of this.paused.splice(0)) stream.resumeRead();
  }

  private feed(stream: Stream): void {
    while (this.at < this.bytes.length && stream.queue.totalBytes < 100_000) {
      const n = Math.min(this.bytes.length - this.at, 1 + this.random.below(this.random.below(4) === 0 ? 8000 : 300));
      write(stream, this.bytes.subarray(this.at, this.at + n));
      this.at += n;
    }
    if (this.at === this.bytes.length) stream.end();
  }
}

interface Scenario {
  readonly conditions: Conditions;
  readonly linkA?: Partial<MemoryLinkOptions>;
  readonly linkB?: Partial<MemoryLinkOptions>;
  readonly tcp?: Partial<TcpOptions>;
  readonly bytes?: number;
}

function expectNothingLeft(host: Host, buffers: number): void {
  expect(host.tcp.connectionCount).toBe(0);
  expect(host.tcp.timeWait.size).toBe(0);
  expect(host.tcp.flows.size).toBe(0);
  expect(host.tcp.deadlines.size).toBe(0);
  expect(host.link.memory.extents.usedBytes).toBe(0);
  expect(host.link.data.available).toBe(buffers);
  expect(host.link.control.available).toBe(host.link.control.count);
  expect(host.link.breaches).toEqual({ oversized: 0, notContiguous: 0, overwrittenInFlight: 0, badPartialChecksum: 0 });
}

function talk(seed: number, scenario: Scenario): Pair {
  const random = new Random(seed ^ 0x5eed);
  const { conditions, linkA, linkB, tcp, bytes = 120_000 } = scenario;
  const tcpOptions: Partial<TcpOptions> = {
    maxRetransmissions: 40,
    maxRtoMs: 4_000,
    receiveWindowBytes: 65_536,
    ...tcp,
  };
  const pair = new Pair({ seed, conditions, linkA, linkB, tcpA: tcpOptions, tcpB: tcpOptions });
  const said = randomBytes(random, bytes);
  const answered = randomBytes(random, bytes >> 1);
  const client = new Talker(said, random);
  const server = new Talker(answered, random);
  pair.b.tcp.listen(PORT, server);
  pair.a.tcp.connect(ADDRESS_B, PORT, client);
  // ARP gives up after three requests: on a wire as bad as this, its user tries again.
  while (!pair.run(4_000_000, () => client.opened.length > 0) && client.closes.pop() === CLOSE_TIMEOUT) {
    pair.a.tcp.connect(ADDRESS_B, PORT, client);
  }
  const done = (): boolean => client.closes.length === 1 && server.closes.length === 1;
  for (let waited = 0; !done() && waited < 4000; waited++) {
    pair.run(50_000, done);
    client.resume();
    server.resume();
  }
  const at = `seed ${seed}`;
  expect(server.received.equals(said), `${at}: what the client said`).toBe(true);
  expect(client.received.equals(answered), `${at}: what the server answered`).toBe(true);
  expect([client.ended, server.ended], at).toEqual([1, 1]);
  expect([client.closes, server.closes], at).toEqual([[CLOSE_NORMAL], [CLOSE_NORMAL]]);
  pair.run(HOUR_US);
  expectNothingLeft(pair.a, pair.a.link.data.count);
  expectNothingLeft(pair.b, pair.b.link.data.count);
  return pair;
}

describe('two stacks on a bad wire', () => {
  for (let seed = 1; seed <= 64; seed++) {
    const loss = ((seed - 1) % 8) * 0.0286; // 0 … 20 %
    const conditions: Conditions = {
      loss,
      delayUs: 200 + (seed % 5) * 700,
      jitterUs: (seed % 3) * 150,
      reorder: seed % 2 === 0 ? 0.08 : 0,
      duplicate: seed % 4 === 1 ? 0.08 : 0.01,
      corrupt: seed % 4 >= 2 ? 0.05 : 0,
    };
    it(`delivers every byte once and in order: seed ${seed}, loss ${(loss * 100).toFixed(1)} %`, () => {
      talk(seed, { conditions, tcp: { timestamps: seed % 3 !== 0, nagle: seed % 5 === 0, sack: seed % 2 === 1 } });
    });
  }
});

const TAP: Partial<MemoryLinkOptions> = {
  checksumOffload: true,
  segmentationBytes: 65_000,
  dataStride: 16_384,
  takesSuperSegments: true,
  rxChecksum: 'partial',
};

const VARIANTS: Record<string, Omit<Scenario, 'conditions'>> = {
  'nothing offloaded, no gather': { linkA: { gather: false }, linkB: { gather: false } },
  'checksum offload, no gather, late completion': {
    linkA: { gather: false, checksumOffload: true, completionDelayUs: 900 },
    linkB: { gather: false, checksumOffload: true, rxChecksum: 'partial-unflagged' },
  },
  'no gather, very late completion': {
    linkA: { gather: false, completionDelayUs: 5_000 },
    linkB: { gather: false, completionDelayUs: 50_000 },
  },
  'super-segments both ways': { linkA: TAP, linkB: TAP, bytes: 400_000 },
  'super-segments to a plain card': { linkA: TAP, linkB: { gather: false }, bytes: 300_000 },
  'super-segments without gather, 64 KiB buffers': {
    linkA: { ...TAP, gather: false, dataStride: 65_536, dataBuffers: 64 },
    linkB: TAP,
    bytes: 400_000,
  },
  'a small MTU on one side': { linkA: { mtu: 576 } },
  'loopback-sized MTU over 2 KiB buffers': { linkA: { mtu: 65_535 }, linkB: { mtu: 65_535 } },
  'hardly any buffers': { linkA: { dataBuffers: 12 }, linkB: { dataBuffers: 12 } },
  'a tiny window': { tcp: { receiveWindowBytes: 16_384, windowScale: false } },
  'selective acknowledgments': { tcp: { sack: true } },
};

describe.each(Object.entries(VARIANTS))('two stacks, %s', (_name, variant) => {
  for (let seed = 101; seed <= 106; seed++) {
    it(`on a good wire: seed ${seed}`, () => {
      talk(seed, { ...variant, conditions: { delayUs: 150, jitterUs: 50 } });
    });
    it(`on a bad wire: seed ${seed}`, () => {
      const conditions = {
        loss: 0.05,
        burstEnter: 0.01,
        burstLeave: 0.3,
        reorder: 0.05,
        duplicate: 0.05,
        corrupt: 0.02,
      };
      talk(seed, { ...variant, conditions: { ...conditions, delayUs: 400 } });
    });
  }
});

describe('a narrow line with a short queue', () => {
  it.each([201, 202, 203, 204])('delivers all, mostly by fast retransmit: seed %i', (seed) => {
    const line = { delayUs: 5_000, bitsPerSecond: 10_000_000, queueBytes: 30_000 };
    const pair = talk(seed, { conditions: line, bytes: 2_000_000, tcp: { receiveWindowBytes: 262_144 } });
    const { counters } = pair.a.tcp;
    expect(counters.fastRetransmits).toBeGreaterThan(counters.timeoutsFired);
  });
});
