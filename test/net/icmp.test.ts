import { describe, expect, it } from 'vitest';
import type { TransportProtocol } from '../../src/lib/net/interface.ts';
import { SilentObserver } from '../../src/lib/net/observer.ts';
import { formatIpv4 } from '../../src/lib/wire/address.ts';
import { BROADCAST_MAC, ethernet, type Ipv4Fields, icmp, ipInt, ipv4, naiveChecksum, unpadded } from './frames.ts';
import { OUR_IP, OUR_MAC, PEER_IP, PEER_MAC, Station } from './station.ts';

const DATA = Buffer.from(Array.from({ length: 56 }, (_, i) => i));

function ping(data: Uint8Array, fields: Partial<Ipv4Fields> = {}): Buffer {
  return ipv4({
    source: PEER_IP,
    destination: OUR_IP,
    protocol: 1,
    payload: icmp(8, 0, 0x1234_0007, data),
    ...fields,
  });
}

function framed(payload: Uint8Array, vlan = -1): Buffer {
  return ethernet(OUR_MAC, PEER_MAC, 0x0800, payload, vlan);
}

/** The datagram in a frame, without padding. */
function datagramOf(frame: Buffer): Buffer {
  const at = frame.readUInt16BE(12) === 0x8100 ? 18 : 14;
  return unpadded(frame, at + frame.readUInt16BE(at + 2)).subarray(at);
}

/** Cuts a datagram into fragments of `size` payload bytes (a multiple of 8). */
function fragments(fields: Ipv4Fields, size: number): Buffer[] {
  const { payload } = fields;
  const cut: Buffer[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const more = at + size < payload.length ? 0x2000 : 0;
    cut.push(ipv4({ ...fields, payload: payload.subarray(at, at + size), fragment: more | (at / 8) }));
  }
  return cut;
}

describe('echo (RFC 1122 §3.2.2.6)', () => {
  it.each([0, 1, 2, 18, 55, 56, 57, 1471, 1472])('a request with %i bytes of data gets them back', (length) => {
    const station = new Station();
    const data = Buffer.alloc(length, 0x5a);
    const [reply, ...rest] = station.send(framed(ping(data, { tos: 0x10 })));
    expect(rest).toEqual([]);
    expect(reply.subarray(0, 14).toString('hex')).toBe('020000000002' + '020000000001' + '0800');
    const payload = icmp(0, 0, 0x1234_0007, data);
    const identification = reply.readUInt16BE(18);
    const expected = ipv4({ source: OUR_IP, destination: PEER_IP, protocol: 1, payload, identification });
    expect(datagramOf(reply).toString('hex')).toBe(expected.toString('hex'));
    expect(station.net.counters.icmpEchoRepliesOut).toBe(1);
    expect(station.leaked).toEqual({ buffers: 0, extentBytes: 0 });
  });

  it('a request of zeros only is answered with a checksum of ones (RFC 1624 §3)', () => {
    const station = new Station();
    const [reply] = station.send(framed(ping(DATA, { payload: icmp(8, 0, 0, Buffer.alloc(56)) })));
    expect(datagramOf(reply).subarray(20, 24).toString('hex')).toBe('0000ffff');
  });

  it('keeps the tag', () => {
    const station = new Station();
    const [reply] = station.send(framed(ping(DATA), 0xa00b));
    expect(reply.subarray(12, 18).toString('hex')).toBe('8100' + 'a00b' + '0800');
    expect(datagramOf(reply).subarray(20).toString('hex')).toBe(icmp(0, 0, 0x1234_0007, DATA).toString('hex'));
  });

  it.each([1480, 1481, 4000, 20_000, 65_507])('a request of %i bytes comes and goes in fragments', (length) => {
    const station = new Station();
    const data = Buffer.from(Array.from({ length }, (_, i) => (i * 7) & 255));
    const request = icmp(8, 0, 0x1234_0007, data);
    const cut = fragments(
      { source: PEER_IP, destination: OUR_IP, protocol: 1, payload: request, identification: 77 },
      1480,
    );
    const replies = station.send(...cut.map((part) => framed(part))).map(datagramOf);
    const identification = replies[0].readUInt16BE(4);
    const expected = fragments(
      { source: OUR_IP, destination: PEER_IP, protocol: 1, payload: icmp(0, 0, 0x1234_0007, data), identification },
      1480,
    );
    expect(replies.map((part) => part.toString('hex'))).toEqual(expected.map((part) => part.toString('hex')));
    expect(station.net.counters.ipv4FragmentsOut).toBe(expected.length);
    expect(station.leaked).toEqual({ buffers: 0, extentBytes: 0 });
  });

  it('every request within a burst is answered, in order', () => {
    const station = new Station();
    const frames = Array.from({ length: 200 }, (_, i) => framed(ping(DATA, { payload: icmp(8, 0, i, DATA) })));
    const sequences = station.send(...frames).map((reply) => reply.readUInt16BE(40));
    expect(sequences).toEqual(Array.from({ length: 200 }, (_, i) => i));
  });

  it.each([
    [
      'a wrong checksum',
      'icmpBadChecksum',
      framed(ping(DATA, { payload: Buffer.concat([icmp(8, 0, 1, DATA), Buffer.of(1)]) })),
    ],
    ['seven bytes', 'icmpShort', framed(ping(DATA, { payload: Buffer.alloc(7) }))],
    ['broadcast', 'ipv4Broadcast', framed(ping(DATA, { destination: '192.0.2.255' }))],
    [
      'the limited broadcast',
      'ipv4Broadcast',
      ethernet(BROADCAST_MAC, PEER_MAC, 0x0800, ping(DATA, { destination: '255.255.255.255' })),
    ],
    ['a group', 'ipv4Broadcast', framed(ping(DATA, { destination: '224.0.0.1' }))],
    ['a timestamp request', 'icmpUnhandled', framed(ping(DATA, { payload: icmp(13, 0, 1, Buffer.alloc(12)) }))],
    ['a redirect', 'icmpUnhandled', framed(ping(DATA, { payload: icmp(5, 1, ipInt('192.0.2.66'), ping(DATA)) }))],
  ] as const)('not answered: %s', (_name, counter, frame) => {
    const station = new Station();
    expect(station.send(frame)).toEqual([]);
    expect(station.net.counters[counter]).toBe(1);
  });

  it('an observer sees whom we answer', () => {
    const station = new Station();
    const seen: string[] = [];
    station.net.observer = new (class extends SilentObserver {
      override echoRequest(source: number, identifier: number, sequence: number, ttl: number, length: number) {
        seen.push(`${formatIpv4(source)} ${identifier} ${sequence} ${ttl} ${length}`);
      }
    })();
    station.send(framed(ping(DATA, { ttl: 33 })));
    expect(seen).toEqual([`${PEER_IP} ${0x1234} 7 33 56`]);
  });
});

describe('errors that we send', () => {
  const stray = (fields: Partial<Ipv4Fields> = {}): Buffer =>
    framed(ipv4({ source: PEER_IP, destination: OUR_IP, protocol: 99, payload: Buffer.alloc(2000, 1), ...fields }));

  it('quote as much as fits 576 bytes (RFC 1812 §4.3.2.3), with precedence 6', () => {
    const station = new Station({}, { mtu: 3000 });
    const frame = stray();
    const [error] = station.send(frame).map(datagramOf);
    expect(error.length).toBe(576);
    expect(error[1]).toBe(0xc0);
    expect(error.subarray(20, 24).toString('hex').slice(0, 4)).toBe('0302');
    expect(naiveChecksum(error.subarray(20))).toBe(0);
    expect(error.subarray(28)).toEqual(frame.subarray(14, 14 + 548));
  });

  it('quote no padding', () => {
    const station = new Station();
    const frame = stray({ payload: Buffer.from('abc') });
    const [error] = station.send(Buffer.concat([frame, Buffer.alloc(40)])).map(datagramOf);
    expect(error.length).toBe(20 + 8 + 23);
  });

  it.each([
    ['a non-initial fragment that completes nothing', stray({ fragment: 0x2001, payload: Buffer.alloc(16) })],
    [
      'an ICMP error',
      framed(ipv4({ source: PEER_IP, destination: OUR_IP, protocol: 1, payload: icmp(3, 3, 0, ping(DATA)) })),
    ],
    [
      'a broadcast',
      ethernet(
        BROADCAST_MAC,
        PEER_MAC,
        0x0800,
        ipv4({ source: PEER_IP, destination: '192.0.2.255', protocol: 17, payload: DATA }),
      ),
    ],
    ['a source that is no single host', stray({ source: '255.255.255.255' })],
  ])('none about %s (RFC 1122 §3.2.2)', (_name, frame) => {
    const station = new Station();
    expect(station.send(frame)).toEqual([]);
    expect(station.net.counters.icmpErrorsOut).toBe(0);
  });

  it('none about a later fragment, whoever asks for it', () => {
    const station = new Station();
    const frame = stray({ fragment: 1, payload: DATA });
    station.link.inject(frame);
    station.link.receive();
    const at = station.link.rxOffset[0];
    station.net.icmp.sendError(3, 2, 0, at, at + 14, frame.length - 14);
    expect(station.turn()).toEqual([]);
    expect(station.net.counters.icmpSuppressed).toBe(1);
  });

  it('at most 50 at once and 1,000 a second (RFC 1812 §4.3.2.8)', () => {
    const station = new Station();
    const frame = stray({ payload: DATA });
    const flood = Array.from({ length: 400 }, () => frame);
    expect(station.send(...flood).length).toBe(50);
    let sent = 0;
    for (let ms = 0; ms < 1000; ms++) {
      station.clock.advance(1000);
      sent += station.send(frame, frame, frame).length;
    }
    expect(sent).toBe(1000);
    expect(station.net.counters.icmpRateLimited).toBe(350 + 2000);
    station.clock.advance(60_000_000);
    expect(station.send(...flood).length).toBe(50);
  });
});

describe('errors that we get', () => {
  class Transport implements TransportProtocol {
    readonly errors: number[][] = [];
    readonly station: Station;

    constructor(station: Station) {
      this.station = station;
      station.net.register(6, this);
    }

    input(): void {
      throw new Error('no datagram was sent');
    }

    icmpError(type: number, code: number, mtu: number, quotedIp: number, quotedL4: number): void {
      const port = this.station.link.memory.dv.getUint16(quotedL4, false);
      this.errors.push([type, code, mtu, quotedL4 - quotedIp, port]);
    }
  }

  const ours = (fields: Partial<Ipv4Fields> = {}): Buffer =>
    ipv4({
      source: OUR_IP,
      destination: '203.0.113.9',
      protocol: 6,
      payload: Buffer.from('18eb1f90aabbccdd', 'hex'),
      ...fields,
    });
  const about = (quoted: Uint8Array, type = 3, code = 4, word = 1400): Buffer =>
    framed(ipv4({ source: '198.51.100.1', destination: OUR_IP, protocol: 1, payload: icmp(type, code, word, quoted) }));

  it('reach the transport that sent the datagram', () => {
    const station = new Station();
    const tcp = new Transport(station);
    station.send(
      about(ours()),
      about(ours(), 3, 1, 0),
      about(ours(), 11, 0, 0),
      about(ours(), 12, 0, 0),
      about(ours(), 4, 0, 0),
    );
    const options = Buffer.from('01010100', 'hex');
    station.send(about(ours({ options }), 3, 4, 576));
    expect(tcp.errors).toEqual([
      [3, 4, 1400, 20, 6379],
      [3, 1, 0, 20, 6379],
      [11, 0, 0, 20, 6379],
      [12, 0, 0, 20, 6379],
      [4, 0, 0, 20, 6379],
      [3, 4, 576, 24, 6379],
    ]);
  });

  it.each([
    ['quotes a datagram of somebody else', about(ours({ source: '192.0.2.3' }))],
    ['quotes less than eight bytes of it', about(ours().subarray(0, 27))],
    ['quotes less than a header', about(ours().subarray(0, 12))],
    ['quotes nothing', about(Buffer.alloc(0))],
    ['quotes a later fragment', about(ours({ fragment: 5 }))],
    ['quotes a header of 16 bytes', about(Buffer.concat([Buffer.of(0x44), ours().subarray(1)]))],
    ['quotes version 6', about(Buffer.concat([Buffer.of(0x65), ours().subarray(1)]))],
    ['quotes a protocol that we have not', about(ours({ protocol: 17 }))],
    ['quotes an echo reply of ours', about(ours({ protocol: 1, payload: icmp(0, 0, 1, DATA) }))],
  ])('ignored: one that %s', (_name, frame) => {
    const station = new Station();
    const tcp = new Transport(station);
    expect(station.send(frame)).toEqual([]);
    expect(tcp.errors).toEqual([]);
    expect(station.net.counters.icmpBadQuote).toBe(1);
  });
});

describe('asking for an echo', () => {
  it('the answer, or the error instead, comes back with its numbers', () => {
    const station = new Station();
    const seen: string[] = [];
    station.net.icmp.echoListener = {
      echoReply: (source, identifier, sequence, ttl, data, length) =>
        seen.push(`${formatIpv4(source)} ${identifier} ${sequence} ${ttl} ${station.link.memory.latin1(data, length)}`),
      echoError: (source, type, code, identifier, sequence) =>
        seen.push(`${formatIpv4(source)} error ${type}/${code} ${identifier} ${sequence}`),
    };
    station.send(framed(ping(DATA))); // not learned from: it must ask
    station.net.echoRequest(ipInt(PEER_IP), 300, 1, Buffer.from('hello'));
    station.turn();
    const arpReply = Buffer.concat([Buffer.from('0001080006040002020000000002c0000202020000000001c0000201', 'hex')]);
    const [request] = station.send(ethernet(OUR_MAC, PEER_MAC, 0x0806, arpReply));
    expect(datagramOf(request).subarray(20).toString('hex')).toBe(
      icmp(8, 0, (300 << 16) | 1, Buffer.from('hello')).toString('hex'),
    );
    const answer = icmp(0, 0, (300 << 16) | 1, Buffer.from('hello'));
    station.send(framed(ipv4({ source: PEER_IP, destination: OUR_IP, protocol: 1, payload: answer, ttl: 57 })));
    const error = icmp(11, 0, 0, datagramOf(request));
    station.send(framed(ipv4({ source: '198.51.100.1', destination: OUR_IP, protocol: 1, payload: error })));
    expect(seen).toEqual([`${PEER_IP} 300 1 57 hello`, '198.51.100.1 error 11/0 300 1']);
    expect(station.leaked).toEqual({ buffers: 0, extentBytes: 0 });
  });
});
