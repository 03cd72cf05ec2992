import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RX_CHECKSUM_PARTIAL, RX_CHECKSUM_VALID } from '../../src/lib/link/link.ts';
import type { NetCounters } from '../../src/lib/net/counters.ts';
import type { TransportProtocol } from '../../src/lib/net/interface.ts';
import { BROADCAST_MAC, ethernet, type Ipv4Fields, icmp, ipv4, mac, naiveChecksum } from './frames.ts';
import { OUR_IP, OUR_MAC, PEER_IP, PEER_MAC, Station } from './station.ts';

const SEGMENT = Buffer.from('pretend this is a TCP segment');

/** Takes protocol 6 and remembers what it was given. */
class Recorder implements TransportProtocol {
  readonly seen: { payload: string; frame: number; ip: number; l4: number; flags: number; vlan: number }[] = [];
  readonly station: Station;

  constructor(station: Station) {
    this.station = station;
    station.net.register(6, this);
  }

  input(frame: number, ip: number, l4: number, l4Length: number, flags: number): void {
    const payload = this.station.link.memory.latin1(l4, l4Length);
    this.seen.push({ payload, frame, ip, l4, flags, vlan: this.station.net.rxVlan });
  }

  icmpError(): void {
    throw new Error('no ICMP error was sent');
  }
}

function datagram(fields: Partial<Ipv4Fields> = {}): Buffer {
  return ipv4({ source: PEER_IP, destination: OUR_IP, protocol: 6, payload: SEGMENT, ...fields });
}

function framed(payload: Uint8Array, vlan = -1): Buffer {
  return ethernet(OUR_MAC, PEER_MAC, 0x0800, payload, vlan);
}

describe('a good datagram', () => {
  it('reaches its transport, without padding, with the offsets of its headers', () => {
    const station = new Station();
    const tcp = new Recorder(station);
    station.send(Buffer.concat([framed(datagram()), Buffer.alloc(20, 0xee)]));
    const [{ frame, ip, l4, payload, vlan }] = tcp.seen;
    expect(payload).toBe(SEGMENT.toString());
    expect([frame & 3, ip - frame, l4 - ip, vlan]).toEqual([2, 14, 20, -1]);
  });

  it('is found behind one 802.1Q tag, which is remembered', () => {
    const station = new Station();
    const tcp = new Recorder(station);
    station.send(framed(datagram(), 0x6005), framed(datagram()));
    expect(tcp.seen.map(({ payload, vlan, ip, frame }) => [payload, vlan, ip - frame])).toEqual([
      [SEGMENT.toString(), 0x6005, 18],
      [SEGMENT.toString(), -1, 14],
    ]);
  });

  it.each([
    ['padding', '00000000'],
    ['router alert', '94040000'],
    ['record route, full length', `0727${'04'.padEnd(74, '0')}00`],
  ])('may carry options: %s', (_name, hex) => {
    const station = new Station();
    const tcp = new Recorder(station);
    station.send(framed(datagram({ options: Buffer.from(hex, 'hex') })));
    expect(tcp.seen.map(({ payload, ip, l4 }) => [payload, l4 - ip])).toEqual([
      [SEGMENT.toString(), 20 + hex.length / 2],
    ]);
  });

  it.each([0, 1, 255])('is kept with a TTL of %i (RFC 1122 §3.2.1.7)', (ttl) => {
    const station = new Station();
    const tcp = new Recorder(station);
    station.send(framed(datagram({ ttl })));
    expect(tcp.seen.length).toBe(1);
  });

  it('may have no payload at all', () => {
    const station = new Station();
    const tcp = new Recorder(station);
    station.send(framed(datagram({ payload: Buffer.alloc(0) })));
    expect(tcp.seen.map(({ payload }) => payload)).toEqual(['']);
  });

  it('with its checksum verified below is not verified again; a partial one concerns TCP only', () => {
    const station = new Station();
    const tcp = new Recorder(station);
    const wrong = framed(datagram());
    wrong[24] ^= 1;
    station.link.inject(wrong, RX_CHECKSUM_VALID);
    station.link.inject(wrong, RX_CHECKSUM_PARTIAL);
    station.turn();
    expect(tcp.seen.map(({ flags }) => flags)).toEqual([RX_CHECKSUM_VALID]);
    expect(station.net.counters.ipv4BadChecksum).toBe(1);
  });
});

/** Puts the checksum right that a 20-byte header ought to have. */
function mendChecksum(header: Buffer): void {
  header.writeUInt16BE(0, 10);
  header.writeUInt16BE(naiveChecksum(header.subarray(0, 20)), 10);
}

/** A datagram whose header bytes were changed, with the checksum mended. */
function patched(patch: (header: Buffer) => void, mend = true): Buffer {
  const bytes = datagram();
  patch(bytes);
  if (mend) mendChecksum(bytes);
  return bytes;
}

describe('what is wrong is dropped under its reason, and not answered', () => {
  const cases: [string, keyof NetCounters, Buffer][] = [
    ['a frame shorter than its header', 'ethernetShort', framed(datagram()).subarray(0, 13)],
    ['a tag cut off', 'ethernetShort', framed(datagram(), 5).subarray(0, 17)],
    ['a frame for another station', 'ethernetNotForUs', ethernet('02:00:00:00:00:09', PEER_MAC, 0x0800, datagram())],
    ['a multicast frame', 'ethernetNotForUs', ethernet('01:00:5e:00:00:01', PEER_MAC, 0x0800, datagram())],
    ['a group as its source', 'ethernetBadSource', ethernet(OUR_MAC, '03:00:00:00:00:02', 0x0800, datagram())],
    ['IPv6', 'ethernetUnknownType', ethernet(OUR_MAC, PEER_MAC, 0x86dd, datagram())],
    ['two tags', 'ethernetUnknownType', ethernet(OUR_MAC, PEER_MAC, 0x8100, Buffer.from('000181000002', 'hex'), 3)],
    ['19 bytes', 'ipv4Short', framed(datagram().subarray(0, 19))],
    ['version 6', 'ipv4BadVersion', framed(patched((h) => h.writeUInt8(0x65, 0)))],
    ['version 0', 'ipv4BadVersion', framed(patched((h) => h.writeUInt8(0x05, 0)))],
    ['a header of 16 bytes', 'ipv4BadHeaderLength', framed(patched((h) => h.writeUInt8(0x44, 0)))],
    ['a header longer than the frame', 'ipv4BadHeaderLength', framed(patched((h) => h.writeUInt8(0x4f, 0)))],
    ['a total length below the header', 'ipv4BadTotalLength', framed(patched((h) => h.writeUInt16BE(19, 2)))],
    ['a total length beyond the frame', 'ipv4BadTotalLength', framed(patched((h) => h.writeUInt16BE(50, 2)))],
    ['a wrong checksum', 'ipv4BadChecksum', framed(patched((h) => h.writeUInt8(63, 8), false))],
    ['a checksum of zero', 'ipv4BadChecksum', framed(patched((h) => h.writeUInt16BE(0, 10), false))],
    ['malformed options', 'ipv4BadOptions', framed(datagram({ options: Buffer.from('94000000', 'hex') }))],
    ['a source route', 'ipv4SourceRoute', framed(datagram({ options: Buffer.from('830704c000020100', 'hex') }))],
    ['another destination', 'ipv4NotForUs', framed(datagram({ destination: '192.0.2.9' }))],
    ['the limited broadcast', 'ipv4Broadcast', framed(datagram({ destination: '255.255.255.255' }))],
    ['the broadcast of the subnet', 'ipv4Broadcast', framed(datagram({ destination: '192.0.2.255' }))],
    ['a group', 'ipv4Broadcast', framed(datagram({ destination: '224.0.0.1' }))],
    ['our address by link broadcast', 'ipv4Broadcast', ethernet(BROADCAST_MAC, PEER_MAC, 0x0800, datagram())],
    ['source 0.0.0.0', 'ipv4BadSource', framed(datagram({ source: '0.0.0.0' }))],
    ['source 0.1.2.3', 'ipv4BadSource', framed(datagram({ source: '0.1.2.3' }))],
    ['source 127.0.0.1', 'ipv4BadSource', framed(datagram({ source: '127.0.0.1' }))],
    ['source 224.0.0.1', 'ipv4BadSource', framed(datagram({ source: '224.0.0.1' }))],
    ['source 240.0.0.1', 'ipv4BadSource', framed(datagram({ source: '240.0.0.1' }))],
    ['source 255.255.255.255', 'ipv4BadSource', framed(datagram({ source: '255.255.255.255' }))],
    ['the broadcast of the subnet as source', 'ipv4BadSource', framed(datagram({ source: '192.0.2.255' }))],
    ['our own address as source', 'ipv4BadSource', framed(datagram({ source: OUR_IP }))],
  ];

  it.each(cases)('%s', (_name, counter, frame) => {
    const station = new Station();
    const tcp = new Recorder(station);
    expect(station.send(frame)).toEqual([]);
    expect(tcp.seen).toEqual([]);
    expect(station.net.counters[counter]).toBe(1);
  });
});

describe('the short way in', () => {
  /** What one frame changes: what its transport gets, what is sent, what is counted. */
  function effect(frame: Uint8Array, flags: number): unknown {
    const station = new Station();
    const tcp = new Recorder(station);
    station.link.inject(frame, flags);
    const sent = station.turn();
    return { seen: tcp.seen.map(({ payload }) => payload), sent: sent.length, counters: { ...station.net.counters } };
  }

  it('decides like the careful way, which a tagged frame takes', () => {
    const mostly = <T>(usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
      fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
    const byte = fc.record({ at: fc.integer({ min: 0, max: 23 }), value: fc.integer({ min: 0, max: 255 }) });
    const addresses = [
      '0.0.0.0',
      '127.0.0.1',
      '192.0.2.255',
      OUR_IP,
      PEER_IP,
      '224.0.0.1',
      '223.1.1.1',
      '255.255.255.255',
    ];
    const address = fc.constantFrom(...addresses);
    const fragment = fc.constantFrom(0, 0x4000, 0x2000, 0x8000, 1, 0x100);
    const shape = fc.record({
      changes: fc.array(byte, { maxLength: 2 }),
      mend: fc.boolean(),
      source: mostly(PEER_IP, address),
      destination: mostly(OUR_IP, address),
      fragment: mostly(0, fragment),
      protocol: mostly(6, fc.constantFrom(17, 99)),
      flags: fc.constantFrom(0, RX_CHECKSUM_VALID, RX_CHECKSUM_PARTIAL),
      cut: mostly(0, fc.integer({ min: 0, max: 50 })),
    });
    const outcomes = { delivered: 0, dropped: 0 };
    fc.assert(
      fc.property(shape, ({ changes, mend, source, destination, fragment: field, protocol, flags, cut }) => {
        const whole = datagram({ source, destination, protocol, fragment: field });
        for (const { at, value } of changes) whole[at] = value;
        if (mend) mendChecksum(whole);
        const bytes = whole.subarray(0, whole.length - Math.min(cut, whole.length));
        const [short, careful] = [framed(bytes), framed(bytes, 5)].map((frame) => effect(frame, flags));
        expect(short).toEqual(careful);
        if ((short as { seen: string[] }).seen.length > 0) outcomes.delivered++;
        else outcomes.dropped++;
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(outcomes.delivered, outcomes.dropped)).toBeGreaterThan(100);
  }, 30_000);
});

describe('loopback', () => {
  const ZERO_MAC = '00:00:00:00:00:00';

  it('knows no strangers: our own address and 127/8 are peers like any other', () => {
    const station = new Station({ address: 0x7f000001, prefixLength: 8, takeover: true }, { mac: mac(ZERO_MAC) });
    const tcp = new Recorder(station);
    const frame = (source: string) =>
      ethernet(ZERO_MAC, ZERO_MAC, 0x0800, datagram({ source, destination: '127.0.0.1' }));
    station.send(frame('127.0.0.1'), frame('127.0.0.2'), frame(PEER_IP), frame('224.0.0.1'));
    expect(tcp.seen.length).toBe(3);
    const hop = station.net.hop(0x7f000002);
    expect(hop).toMatchObject({ resolved: true, macHigh16: 0, macLow32: 0, vlan: -1 });
    expect(station.net.hop(0x7f000001)).toBe(hop);
  });
});

describe('a protocol that nobody takes', () => {
  it('is answered by protocol unreachable, a UDP datagram by port unreachable (RFC 1122 §3.2.2.1)', () => {
    const station = new Station();
    const sctp = datagram({ protocol: 132, identification: 1 });
    const udp = datagram({ protocol: 17, identification: 2 });
    const sent = station.send(framed(sctp), framed(udp));
    const expected = [sctp, udp].map((quoted, i) => icmp(3, 2 + i, 0, quoted).toString('hex'));
    expect(sent.map((frame) => frame.subarray(34, 34 + 8 + sctp.length).toString('hex'))).toEqual(expected);
    expect(sent.map((frame) => [frame.subarray(0, 6).toString('hex'), frame.subarray(30, 34).join('.')])).toEqual([
      ['020000000002', PEER_IP],
      ['020000000002', PEER_IP],
    ]);
  });

  it('is left to the kernel when its address was taken over', () => {
    const station = new Station({ takeover: true });
    expect(station.send(framed(datagram({ protocol: 132 })))).toEqual([]);
    expect(station.net.counters.ipv4UnknownProtocol).toBe(1);
  });
});
