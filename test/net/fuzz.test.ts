import { describe, expect, it } from 'vitest';
import type { TransportProtocol } from '../../src/lib/net/interface.ts';
import { MAX_NEIGHBOURS } from '../../src/lib/net/neighbours.ts';
import { MAX_REASSEMBLY_BYTES } from '../../src/lib/net/reassembly.ts';
import { Random } from '../../src/lib/random.ts';
import { arp, BROADCAST_MAC, ethernet, icmp, ipv4 } from './frames.ts';
import { OUR_IP, OUR_MAC, PEER_IP, PEER_MAC, Station } from './station.ts';

const FRAMES = 200_000;
const PING = ethernet(
  OUR_MAC,
  PEER_MAC,
  0x0800,
  ipv4({ source: PEER_IP, destination: OUR_IP, protocol: 1, payload: icmp(8, 0, 42, Buffer.alloc(32, 1)) }),
);

/** Good frames of every kind that the interface knows: what the mutations start from. */
function seeds(): Buffer[] {
  const frame = (payload: Uint8Array, vlan = -1): Buffer => ethernet(OUR_MAC, PEER_MAC, 0x0800, payload, vlan);
  const datagram = { source: PEER_IP, destination: OUR_IP };
  const quoted = ipv4({ source: OUR_IP, destination: PEER_IP, protocol: 6, payload: Buffer.alloc(8) });
  const options = Buffer.from('83070400000000000702000094040000', 'hex');
  return [
    PING,
    frame(PING.subarray(14), 5),
    frame(ipv4({ ...datagram, protocol: 6, payload: Buffer.alloc(40) })),
    frame(ipv4({ ...datagram, protocol: 17, payload: Buffer.alloc(40) })),
    frame(ipv4({ ...datagram, protocol: 6, payload: Buffer.alloc(8), options })),
    frame(ipv4({ ...datagram, protocol: 1, payload: Buffer.alloc(64), fragment: 0x2000, identification: 1 })),
    frame(ipv4({ ...datagram, protocol: 1, payload: Buffer.alloc(64), fragment: 0x2008, identification: 1 })),
    frame(ipv4({ ...datagram, protocol: 1, payload: Buffer.alloc(64), fragment: 0x0010, identification: 1 })),
    frame(ipv4({ ...datagram, protocol: 1, payload: icmp(3, 4, 1400, quoted) })),
    frame(ipv4({ ...datagram, protocol: 1, payload: icmp(11, 0, 0, quoted) })),
    ethernet(BROADCAST_MAC, PEER_MAC, 0x0806, arp(1, PEER_MAC, PEER_IP, '00:00:00:00:00:00', OUR_IP)),
    ethernet(OUR_MAC, PEER_MAC, 0x0806, arp(2, PEER_MAC, PEER_IP, OUR_MAC, OUR_IP)),
  ];
}

/** Mends the header checksum, so that a mutation gets past it. */
function mend(frame: Buffer): void {
  const at = frame.readUInt16BE(12) === 0x8100 ? 18 : 14;
  const end = at + (frame[at] & 15) * 4;
  if (end > frame.length || end < at + 20) return;
  frame.writeUInt16BE(0, at + 10);
  let sum = 0;
  for (let i = at; i < end; i += 2) sum += frame.readUInt16BE(i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  frame.writeUInt16BE(~sum & 0xffff, at + 10);
}

function mutate(good: readonly Buffer[], random: Random): Buffer {
  const kind = random.below(10);
  if (kind === 0) return Buffer.from(Array.from({ length: random.below(120) }, () => random.below(256)));
  const frame = Buffer.from(good[random.below(good.length)]);
  const from = kind < 3 ? 0 : 12; // most keep their addresses
  for (let i = random.below(5); i >= 0; i--) frame[from + random.below(frame.length - from)] = random.below(256);
  if (kind < 8) mend(frame);
  return kind === 9 ? frame.subarray(0, random.below(frame.length + 1)) : frame;
}

class Sink implements TransportProtocol {
  datagrams = 0;
  errors = 0;
  readonly end: number;

  constructor(memoryBytes: number) {
    this.end = memoryBytes;
  }

  input(frame: number, ip: number, l4: number, l4Length: number): void {
    this.datagrams++;
    expect(frame > 0 && ip > frame && l4 >= ip + 20 && l4Length >= 0 && l4 + l4Length <= this.end).toBe(true);
  }

  icmpError(_type: number, _code: number, mtu: number, quotedIp: number, quotedL4: number): void {
    this.errors++;
    expect(mtu >= 0 && mtu <= 65_535 && quotedL4 - quotedIp >= 20).toBe(true);
  }
}

describe(`${FRAMES} random and mutated frames`, () => {
  it.each([1, 2])('seed %i: never an exception, bounded memory, and the interface answers afterwards', (seed) => {
    const random = new Random(seed);
    const station = new Station({ insist: true });
    const sink = new Sink(station.link.memory.bytes);
    station.net.register(6, sink);
    const good = seeds();
    let answered = 0;
    for (let i = 0; i < FRAMES / 2; i += 50) {
      const burst = Array.from({ length: 50 }, () => mutate(good, random));
      answered += station.send(...burst).length;
      station.clock.advance(random.below(20_000));
      expect(station.net.reassembler.usedBytes).toBeLessThanOrEqual(MAX_REASSEMBLY_BYTES);
      expect(station.net.arp.neighbours.size).toBeLessThanOrEqual(MAX_NEIGHBOURS);
    }
    // The frames got through to every part of the interface.
    const { counters } = station.net;
    expect(sink.datagrams).toBeGreaterThan(100);
    expect(sink.errors).toBeGreaterThan(100);
    expect(answered).toBeGreaterThan(100);
    for (const count of [
      counters.fragmentsIn,
      counters.arpRequestsIn,
      counters.ipv4SourceRoute,
      counters.icmpBadChecksum,
    ]) {
      expect(count).toBeGreaterThan(100);
    }
    expect(station.send(PING).length).toBeGreaterThan(0);
    station.run(60_000_000);
    expect(station.leaked).toEqual({ buffers: 0, extentBytes: 0 });
    const [reply] = station.send(PING);
    expect(reply.subarray(34).toString('hex')).toBe(icmp(0, 0, 42, Buffer.alloc(32, 1)).toString('hex'));
  });
});
