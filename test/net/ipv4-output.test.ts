import { describe, expect, it } from 'vitest';
import type { Hop } from '../../src/lib/net/hop.ts';
import { ethernet, ipInt, ipv4 } from './frames.ts';
import { OUR_IP, OUR_MAC, PEER_IP, PEER_MAC, Station } from './station.ts';

/** A station that knows its peer, on this VLAN. */
function acquainted(vlan = -1, mtu = 1500): { station: Station; hop: Hop } {
  const station = new Station({}, { mtu });
  const hop = station.net.hop(ipInt(PEER_IP));
  if (hop === null) throw new Error('no route to a neighbour');
  station.net.arp.neighbours.confirm(hop, 0x0200, 2, vlan, 0);
  return { station, hop };
}

/** `length` bytes of payload in packet memory; where. */
function payloadIn(station: Station, length: number): number {
  const { memory } = station.link;
  const at = memory.extents.alloc(65_536);
  for (let i = 0; i < length; i++) memory.u8[at + i] = i * 13;
  return at;
}

const pattern = (from: number, length: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => ((from + i) * 13) & 255));

describe('a header template', () => {
  it.each([-1, 0x4003])('is the frame that one would build by hand, tag %i', (vlan) => {
    const { station, hop } = acquainted(vlan);
    const at = station.link.memory.extents.alloc(4096) + 2;
    const source = ipInt(OUR_IP);
    station.net.writeEthernetIpv4(at, hop, source, ipInt(PEER_IP), 6, 33, 0x10, 0xbeef, true, 64);
    const fields = { source: OUR_IP, destination: PEER_IP, protocol: 6, payload: Buffer.alloc(33) };
    const whole = ipv4({ ...fields, tos: 0x10, identification: 0xbeef, fragment: 0x4000, ttl: 64 });
    const expected = ethernet(PEER_MAC, OUR_MAC, 0x0800, whole.subarray(0, 20), vlan);
    expect(Buffer.from(station.link.memory.u8.slice(at, at + expected.length))).toEqual(expected);
  });
});

describe('sendIpv4', () => {
  it.each([
    [1480, 1],
    [1481, 2],
    [2960, 2],
    [2961, 3],
  ])('%i bytes leave in %i frames of the MTU at most', (length, frames) => {
    const { station } = acquainted();
    expect(station.net.sendIpv4(ipInt(PEER_IP), 99, payloadIn(station, length), length, false)).toBe(true);
    const sent = station.turn();
    expect(sent.length).toBe(frames);
    const identification = sent[0].readUInt16BE(18);
    sent.forEach((frame, i) => {
      const from = i * 1480;
      const last = i === frames - 1;
      const payload = pattern(from, last ? length - from : 1480);
      const fragment = (last ? 0 : 0x2000) | (from / 8);
      const whole = ipv4({ source: OUR_IP, destination: PEER_IP, protocol: 99, payload, identification, fragment });
      expect(frame.subarray(0, 14 + whole.length)).toEqual(ethernet(PEER_MAC, OUR_MAC, 0x0800, whole));
    });
    expect(station.link.breaches.oversized).toBe(0);
  });

  it('fragments are multiples of eight bytes, whatever the MTU', () => {
    const { station } = acquainted(-1, 1003);
    station.net.sendIpv4(ipInt(PEER_IP), 99, payloadIn(station, 3000), 3000, false);
    expect(station.turn().map((frame) => frame.readUInt16BE(16) - 20)).toEqual([976, 976, 976, 72]);
    expect(station.link.breaches.oversized).toBe(0);
  });

  it('what must not be fragmented and is too long is refused', () => {
    const { station } = acquainted();
    const at = payloadIn(station, 1481);
    expect(station.net.sendIpv4(ipInt(PEER_IP), 99, at, 1481, true)).toBe(false);
    expect(station.net.sendIpv4(ipInt(PEER_IP), 99, at, 1480, true)).toBe(true);
    expect(station.net.sendIpv4(ipInt(PEER_IP), 99, at, 65_516, false)).toBe(false);
    expect(station.net.counters.ipv4TooBig).toBe(2);
    const [frame, ...rest] = station.turn();
    expect([frame.readUInt16BE(20), rest.length]).toEqual([0x4000, 0]);
  });

  it('without buffers nothing leaves, and nothing leaks', () => {
    const { station } = acquainted();
    const { control } = station.link;
    const taken: number[] = [];
    for (let id = control.alloc(); id !== 0; id = control.alloc()) taken.push(id);
    expect(station.net.sendIpv4(ipInt(PEER_IP), 99, payloadIn(station, 10), 10, false)).toBe(false);
    expect(station.net.counters.ipv4NoBuffer).toBe(1);
    expect(station.turn()).toEqual([]);
    for (const id of taken) control.release(id);
    expect(control.available).toBe(control.count);
  });

  it('without a route it says so', () => {
    const { station } = acquainted();
    expect(station.net.sendIpv4(ipInt('203.0.113.1'), 99, payloadIn(station, 10), 10, false)).toBe(false);
    expect(station.net.counters.ipv4NoRoute).toBe(1);
  });
});
