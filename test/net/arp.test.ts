import { describe, expect, it } from 'vitest';
import type { Hop } from '../../src/lib/net/hop.ts';
import { MAX_NEIGHBOURS } from '../../src/lib/net/neighbours.ts';
import { SilentObserver } from '../../src/lib/net/observer.ts';
import { formatIpv4 } from '../../src/lib/wire/address.ts';
import { arp, BROADCAST_MAC, ethernet, icmp, ipInt, ipv4, unpadded } from './frames.ts';
import { OUR_IP, OUR_MAC, PEER_IP, PEER_MAC, Station } from './station.ts';

const NOBODY = '00:00:00:00:00:00';
const REQUEST = 1;
const REPLY = 2;

function request(sender: string, target: string, senderMac = PEER_MAC, to = BROADCAST_MAC, vlan = -1): Buffer {
  return ethernet(to, senderMac, 0x0806, arp(REQUEST, senderMac, sender, NOBODY, target), vlan);
}

function reply(sender: string, senderMac = PEER_MAC, vlan = -1): Buffer {
  return ethernet(OUR_MAC, senderMac, 0x0806, arp(REPLY, senderMac, sender, OUR_MAC, OUR_IP), vlan);
}

/** What we ask: by broadcast, or by unicast to `to`. */
function ourRequest(target: string, to = BROADCAST_MAC, sender = OUR_IP): string {
  return ethernet(to, OUR_MAC, 0x0806, arp(REQUEST, OUR_MAC, sender, NOBODY, target)).toString('hex');
}

function hex(frame: Buffer): string {
  return unpadded(frame, 42).toString('hex');
}

function hopTo(station: Station, address: string): Hop {
  const hop = station.net.hop(ipInt(address));
  if (hop === null) throw new Error(`no route to ${address}`);
  return hop;
}

describe('answering', () => {
  it('a request for our address is answered by unicast', () => {
    const station = new Station();
    const expected = ethernet(PEER_MAC, OUR_MAC, 0x0806, arp(REPLY, OUR_MAC, OUR_IP, PEER_MAC, PEER_IP));
    expect(station.send(request(PEER_IP, OUR_IP)).map(hex)).toEqual([expected.toString('hex')]);
    expect(station.leaked.buffers).toBe(0);
  });

  it('a unicast request, too, and one with a tag within the same VLAN', () => {
    const station = new Station();
    expect(station.send(request(PEER_IP, OUR_IP, PEER_MAC, OUR_MAC)).length).toBe(1);
    const [tagged] = station.send(request(PEER_IP, OUR_IP, PEER_MAC, BROADCAST_MAC, 0x2007));
    const expected = ethernet(PEER_MAC, OUR_MAC, 0x0806, arp(REPLY, OUR_MAC, OUR_IP, PEER_MAC, PEER_IP), 0x2007);
    expect(unpadded(tagged, 46).toString('hex')).toBe(expected.toString('hex'));
    expect(hopTo(station, PEER_IP).vlan).toBe(0x2007);
  });

  it('a probe (RFC 5227) is answered, but nobody is learned from it', () => {
    const station = new Station();
    expect(station.send(request('0.0.0.0', OUR_IP)).length).toBe(1);
    expect(station.net.arp.neighbours.size).toBe(0);
  });

  it('requests for others, replies and damage are not answered', () => {
    const station = new Station();
    const good = request(PEER_IP, OUR_IP);
    const operation3 = Buffer.from(good);
    operation3[21] = 3;
    const groupSender = request(PEER_IP, OUR_IP, '03:00:00:00:00:02');
    groupSender[6] = 2; // the frame's own source is fine
    const multicastAddress = request('224.0.0.1', OUR_IP);
    const broadcastAddress = request('255.255.255.255', OUR_IP);
    const short = good.subarray(0, 41);
    expect(station.send(request(PEER_IP, '192.0.2.9'), reply(PEER_IP))).toEqual([]);
    expect(station.send(operation3, groupSender, multicastAddress, broadcastAddress, short)).toEqual([]);
    expect(station.net.counters).toMatchObject({ arpIgnored: 1, arpMalformed: 5, arpRepliesOut: 0 });
    expect(station.net.arp.neighbours.size).toBe(0);
  });

  it('in takeover mode the kernel answers, not we', () => {
    const station = new Station({ takeover: true });
    expect(station.send(request(PEER_IP, OUR_IP))).toEqual([]);
    expect(station.net.counters.arpIgnored).toBe(1);
  });

  it('an observer sees packets about others, too', () => {
    const station = new Station();
    const seen: string[] = [];
    station.net.observer = new (class extends SilentObserver {
      override arpSeen(operation: number, _high: number, _low: number, sender: number, target: number, vlan: number) {
        seen.push(`${operation} ${formatIpv4(sender)} ${formatIpv4(target)} ${vlan}`);
      }
    })();
    station.send(request(PEER_IP, '192.0.2.9'), request(PEER_IP, OUR_IP, PEER_MAC, BROADCAST_MAC, 4));
    expect(seen).toEqual([`1 ${PEER_IP} 192.0.2.9 -1`, `1 ${PEER_IP} ${OUR_IP} 4`]);
  });
});

describe('learning (RFC 826)', () => {
  it('who asks us is known, without a request of ours', () => {
    const station = new Station();
    station.send(request(PEER_IP, OUR_IP));
    expect(hopTo(station, PEER_IP)).toMatchObject({ resolved: true, macHigh16: 0x0200, macLow32: 2, vlan: -1 });
  });

  it('unsolicited replies and announcements make no entry', () => {
    const station = new Station();
    station.send(reply(PEER_IP), request('192.0.2.3', '192.0.2.3'));
    expect(station.net.arp.neighbours.size).toBe(0);
  });

  it('but they update one: a neighbour that moved is followed, and its version tells', () => {
    const station = new Station();
    station.send(request(PEER_IP, OUR_IP));
    const hop = hopTo(station, PEER_IP);
    const before = hop.version;
    station.send(request(PEER_IP, PEER_IP));
    expect(hop.version).toBe(before);
    station.send(request(PEER_IP, PEER_IP, '02:00:00:00:00:33'));
    expect(hop).toMatchObject({ resolved: true, macLow32: 0x33, version: before + 1 });
  });

  it('a full cache forgets the one that was not used for longest, and keeps what connections hold usable', () => {
    const station = new Station({ prefixLength: 8 });
    const gateway = hopTo(station, '192.0.2.254');
    for (let i = 0; i < MAX_NEIGHBOURS + 50; i++) {
      station.send(request(formatIpv4(ipInt('192.1.0.0') + i), OUR_IP));
      if (i % 100 === 0) expect(hopTo(station, '192.0.2.254')).toBe(gateway);
    }
    expect(station.net.arp.neighbours.size).toBe(MAX_NEIGHBOURS);
    expect(station.net.counters.arpEvicted).toBe(51);
    expect(hopTo(station, '192.0.2.254')).toBe(gateway);
    expect(station.leaked.buffers).toBe(0);
  });
});

describe('asking', () => {
  it('three requests a second apart, then it gives up and says so; later it may be asked again', () => {
    const station = new Station();
    const events: string[] = [];
    station.net.hopListener = {
      onResolved: (hop) => events.push(`resolved ${formatIpv4(hop.address)}`),
      unreachable: (hop) => events.push(`unreachable ${formatIpv4(hop.address)}`),
    };
    const hop = hopTo(station, '192.0.2.7');
    expect(hop).toMatchObject({ resolved: false, failed: false });
    expect(station.net.nextDeadlineUs()).toBe(Infinity);
    for (let i = 0; i < 5; i++) station.net.resolve(hop); // whoever calls, it is asked once
    const sent = station.run(10_000_000);
    expect(sent.map(({ us, frame }) => [us, hex(frame)])).toEqual(
      [0, 1_000_000, 2_000_000].map((us) => [us, ourRequest('192.0.2.7')]),
    );
    expect(hop).toMatchObject({ resolved: false, failed: true });
    expect(events).toEqual(['unreachable 192.0.2.7']);
    expect(station.net.counters.arpResolveFailed).toBe(1);
    station.net.resolve(hop);
    expect(hop.failed).toBe(false);
    expect(station.turn().map(hex)).toEqual([ourRequest('192.0.2.7')]);
    station.send(reply('192.0.2.7', '02:00:00:00:00:77'));
    expect(hop).toMatchObject({ resolved: true, failed: false, macLow32: 0x77 });
    expect(events[1]).toBe('resolved 192.0.2.7');
    expect(station.leaked.buffers).toBe(0);
  });

  it('a reply from somebody else does not answer', () => {
    const station = new Station();
    const hop = hopTo(station, '192.0.2.7');
    station.net.resolve(hop);
    station.send(reply('192.0.2.8'));
    expect(hop.resolved).toBe(false);
  });

  it('while a hop is in use it is confirmed each minute, by unicast', () => {
    const station = new Station();
    const hop = hopTo(station, PEER_IP);
    station.net.resolve(hop);
    station.turn();
    station.send(reply(PEER_IP));
    hop.used = true;
    station.clock.advance(59_999_999);
    expect(station.turn()).toEqual([]);
    station.clock.advance(1);
    expect(station.turn().map(hex)).toEqual([ourRequest(PEER_IP, PEER_MAC)]);
    expect(hop.resolved).toBe(true);
    station.send(reply(PEER_IP));
    expect(station.run(120_000_000)).toEqual([]); // idle now: it goes stale without a word
    expect(hop.resolved).toBe(true);
  });

  it('a used hop is not asked while a transport makes progress through it, also when it never answers ARP', () => {
    const station = new Station();
    const hop = hopTo(station, PEER_IP);
    station.net.resolve(hop);
    station.turn();
    station.send(reply(PEER_IP));
    for (let minute = 0; minute < 5; minute++) {
      hop.used = true;
      hop.progressUs = station.clock.nowUs() + 59_000_000;
      expect(station.run(60_000_000)).toEqual([]);
    }
    expect(hop.resolved).toBe(true);
    hop.used = true;
    expect(station.run(70_000_000).length).toBeGreaterThan(0); // the progress is over
  });

  it('a used hop that no longer answers is asked by unicast, then by broadcast, then has failed', () => {
    const station = new Station();
    const hop = hopTo(station, PEER_IP);
    station.net.resolve(hop);
    station.turn();
    station.send(reply(PEER_IP));
    hop.used = true;
    const sent = station.run(70_000_000).map(({ us, frame }) => [us / 1e6, hex(frame)]);
    expect(sent).toEqual([
      ...[60, 61, 62].map((s) => [s, ourRequest(PEER_IP, PEER_MAC)]),
      ...[63, 64, 65].map((s) => [s, ourRequest(PEER_IP)]),
    ]);
    expect(hop).toMatchObject({ resolved: false, failed: true });
  });

  it('a resolved hop can be doubted: it is asked at once, at most once a second', () => {
    const station = new Station();
    station.send(request(PEER_IP, OUR_IP));
    const hop = hopTo(station, PEER_IP);
    station.net.resolve(hop);
    station.net.resolve(hop);
    expect(station.turn().map(hex)).toEqual([ourRequest(PEER_IP, PEER_MAC)]);
    expect(hop.resolved).toBe(true);
    station.send(reply(PEER_IP));
    station.clock.advance(999_999);
    station.turn();
    station.net.resolve(hop);
    expect(station.turn()).toEqual([]);
    station.clock.advance(1);
    station.turn();
    station.net.resolve(hop);
    expect(station.turn().map(hex)).toEqual([ourRequest(PEER_IP, PEER_MAC)]);
  });
});

describe('routes', () => {
  it('on the link: the neighbour; beyond: the gateway; without one: nowhere', () => {
    const station = new Station({ gateway: ipInt('192.0.2.254') });
    expect(hopTo(station, '192.0.2.200').address).toBe(ipInt('192.0.2.200'));
    expect(hopTo(station, '203.0.113.5').address).toBe(ipInt('192.0.2.254'));
    expect(hopTo(station, '203.0.113.6')).toBe(hopTo(station, '203.0.113.5'));
    expect(new Station().net.hop(ipInt('203.0.113.5'))).toBeNull();
  });

  it.each(['0.0.0.0', '255.255.255.255', '192.0.2.255', '224.0.0.1', '240.0.0.1'])('never to %s', (address) => {
    const station = new Station({ gateway: ipInt('192.0.2.254') });
    expect(station.net.hop(ipInt(address))).toBeNull();
    expect(station.net.counters.ipv4NoRoute).toBe(1);
  });

  it('a /31 has two hosts and no broadcast (RFC 3021)', () => {
    const station = new Station({ address: ipInt('192.0.2.0'), prefixLength: 31 });
    expect(hopTo(station, '192.0.2.1').address).toBe(ipInt('192.0.2.1'));
  });
});

describe('a peer that speaks first', () => {
  const frameFrom = (station: Station, source: string, sourceMac: string, vlan = -1): number => {
    const payload = ipv4({ source, destination: OUR_IP, protocol: 6, payload: Buffer.alloc(20) });
    station.link.inject(ethernet(OUR_MAC, sourceMac, 0x0800, payload, vlan));
    station.link.receive();
    return station.link.rxOffset[0];
  };

  it('on the link: is answered to its frame at once, and confirmed after five seconds if in use', () => {
    const station = new Station();
    const hop = station.net.learn(ipInt(PEER_IP), frameFrom(station, PEER_IP, PEER_MAC));
    expect(hop).toMatchObject({ resolved: true, macLow32: 2, address: ipInt(PEER_IP) });
    expect(hop).toBe(hopTo(station, PEER_IP));
    if (hop !== null) hop.used = true;
    const sent = station.run(5_000_000);
    expect(sent.map(({ us, frame }) => [us, hex(frame)])).toEqual([[5_000_000, ourRequest(PEER_IP, PEER_MAC)]]);
  });

  it('a hint never overrides what ARP confirmed', () => {
    const station = new Station();
    const hop = hopTo(station, PEER_IP);
    station.net.resolve(hop);
    station.turn();
    station.send(reply(PEER_IP));
    station.net.learn(ipInt(PEER_IP), frameFrom(station, PEER_IP, '02:00:00:00:00:66'));
    expect(hop.macLow32).toBe(2);
  });

  it('beyond the link: by the gateway if there is one, whoever forwarded it', () => {
    const station = new Station({ gateway: ipInt('192.0.2.254') });
    const hop = station.net.learn(ipInt('203.0.113.5'), frameFrom(station, '203.0.113.5', '02:00:00:00:00:fe'));
    expect(hop).toMatchObject({ address: ipInt('192.0.2.254'), resolved: true, macLow32: 0xfe });
  });

  it('beyond the link and no gateway known: back where it came from, and the route stays', () => {
    const station = new Station();
    const hop = station.net.learn(ipInt('203.0.113.5'), frameFrom(station, '203.0.113.5', '02:00:00:00:00:fe'));
    expect(hop).toMatchObject({ resolved: true, macLow32: 0xfe });
    expect(hopTo(station, '203.0.113.5')).toBe(hop);
    if (hop !== null) {
      hop.used = true;
      station.net.resolve(hop);
    }
    expect(station.run(200_000_000)).toEqual([]); // there is nobody to ask by ARP
    station.send(request('203.0.113.5', OUR_IP, '02:00:00:00:00:66')); // and nobody to tell us by ARP
    expect(hop).toMatchObject({ resolved: true, macLow32: 0xfe });
  });

  it('in takeover mode: always the frame, with its tag, never ARP', () => {
    const station = new Station({ takeover: true });
    const hop = station.net.learn(ipInt(PEER_IP), frameFrom(station, PEER_IP, PEER_MAC, 7));
    expect(hop).toMatchObject({ resolved: true, macLow32: 2, vlan: 7 });
    const moved = station.net.learn(ipInt(PEER_IP), frameFrom(station, PEER_IP, '02:00:00:00:00:55', 7));
    expect(moved).toBe(hop);
    expect(hop).toMatchObject({ macLow32: 0x55, version: 2 });
    expect(station.net.hop(ipInt('192.0.2.77'))).toBeNull();
    expect(station.run(200_000_000)).toEqual([]);
  });

  it('with an address that may be forged: its frame is answered, and nothing remembered or asked', () => {
    const station = new Station({ gateway: ipInt('192.0.2.254') });
    const forged = station.net.answerHop(ipInt(PEER_IP), frameFrom(station, PEER_IP, PEER_MAC, 7));
    expect(forged).toMatchObject({ resolved: true, macLow32: 2, vlan: 7 });
    expect(station.net.arp.neighbours.size).toBe(0);
    forged.used = true;
    station.net.resolve(forged);
    expect(station.run(200_000_000)).toEqual([]);
    const other = station.net.answerHop(ipInt(PEER_IP), frameFrom(station, PEER_IP, '02:00:00:00:00:66'));
    expect(other).not.toBe(forged);
    expect(forged.macLow32).toBe(2);
  });

  it('a hop that was pushed out of the cache while a connection held it is resolved all the same', () => {
    const station = new Station({ prefixLength: 8 });
    const hop = hopTo(station, '192.0.2.7');
    for (let i = 0; i < MAX_NEIGHBOURS; i++) station.send(request(formatIpv4(ipInt('192.1.0.0') + i), OUR_IP));
    expect(station.net.arp.neighbours.peek(ipInt('192.0.2.7'))).toBeNull();
    station.net.resolve(hop);
    station.send(reply('192.0.2.7'));
    expect(hop).toMatchObject({ resolved: true, macLow32: 2 });
  });
});

describe('a datagram for a neighbour that must be asked for', () => {
  const sendEcho = (station: Station, sequence: number): boolean =>
    station.net.echoRequest(ipInt('192.0.2.7'), 1, sequence, Buffer.from('data'));

  it('waits for the answer; of several, the latest (RFC 1122 §2.3.2.2)', () => {
    const station = new Station();
    expect([sendEcho(station, 1), sendEcho(station, 2)]).toEqual([true, true]);
    expect(station.turn().map(hex)).toEqual([ourRequest('192.0.2.7')]);
    const sent = station.send(reply('192.0.2.7', '02:00:00:00:00:77'));
    expect(sent.length).toBe(1);
    expect(sent[0].subarray(0, 6).toString('hex')).toBe('020000000077');
    expect(sent[0].subarray(34, 46).toString('hex')).toBe(icmp(8, 0, 0x0001_0002, Buffer.from('data')).toString('hex'));
    expect(station.net.counters.ipv4Unresolved).toBe(1);
    expect(station.leaked.buffers).toBe(0);
  });

  it('is dropped when nobody answers', () => {
    const station = new Station();
    sendEcho(station, 1);
    station.run(10_000_000);
    expect(station.net.counters.ipv4Unresolved).toBe(1);
    expect(station.leaked).toEqual({ buffers: 0, extentBytes: 0 });
  });
});
