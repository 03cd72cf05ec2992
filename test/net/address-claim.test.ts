import { describe, expect, it } from 'vitest';
import { CLAIM_LOST, CLAIM_OWNED, CLAIM_PROBING } from '../../src/lib/net/address-claim.ts';
import type { InterfaceOptions } from '../../src/lib/net/interface.ts';
import { SilentObserver } from '../../src/lib/net/observer.ts';
import { Random } from '../../src/lib/random.ts';
import { arp, BROADCAST_MAC, ethernet, icmp, ipv4, unpadded } from './frames.ts';
import { OUR_IP, OUR_MAC, PEER_IP, PEER_MAC, Station } from './station.ts';

const NOBODY = '00:00:00:00:00:00';
const PROBE = ethernet(BROADCAST_MAC, OUR_MAC, 0x0806, arp(1, OUR_MAC, '0.0.0.0', NOBODY, OUR_IP)).toString('hex');
const ANNOUNCEMENT = ethernet(BROADCAST_MAC, OUR_MAC, 0x0806, arp(1, OUR_MAC, OUR_IP, NOBODY, OUR_IP)).toString('hex');

/** Somebody else says that our address is theirs. */
const THEFT = ethernet(BROADCAST_MAC, PEER_MAC, 0x0806, arp(1, PEER_MAC, OUR_IP, NOBODY, OUR_IP));
const PING = ethernet(
  OUR_MAC,
  PEER_MAC,
  0x0800,
  ipv4({ source: PEER_IP, destination: OUR_IP, protocol: 1, payload: icmp(8, 0, 1, Buffer.alloc(8)) }),
);

class Watcher extends SilentObserver {
  readonly events: string[] = [];

  override addressClaimed(): void {
    this.events.push('claimed');
  }

  override addressConflict(_high16: number, low32: number, lost: boolean): void {
    this.events.push(`conflict with ${low32}${lost ? ', lost' : ''}`);
  }
}

function start(options: Partial<InterfaceOptions> = {}): { station: Station; watcher: Watcher } {
  const station = new Station(options);
  const watcher = new Watcher();
  station.net.observer = watcher;
  return { station, watcher };
}

const hex = (frame: Buffer): string => unpadded(frame, 42).toString('hex');

describe('probing (RFC 5227 §2.1.1)', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('asks three times, waits, announces twice: the timing of seed %i', (seed) => {
    const { station, watcher } = start({ random: new Random(seed) });
    station.net.arp.claim.probe(0);
    const sent = station.run(60_000_000);
    expect(sent.map(({ frame }) => hex(frame))).toEqual([PROBE, PROBE, PROBE, ANNOUNCEMENT, ANNOUNCEMENT]);
    const at = sent.map(({ us }) => us);
    const gaps = at.slice(1).map((us, i) => us - at[i]);
    expect(at[0]).toBeLessThan(1_000_000); // PROBE_WAIT
    for (const gap of gaps.slice(0, 2)) {
      expect(gap).toBeGreaterThanOrEqual(1_000_000); // PROBE_MIN
      expect(gap).toBeLessThan(2_000_000); // PROBE_MAX
    }
    expect(gaps.slice(2)).toEqual([2_000_000, 2_000_000]); // ANNOUNCE_WAIT, ANNOUNCE_INTERVAL
    expect(watcher.events).toEqual(['claimed']);
    expect(station.net.arp.claim.state).toBe(CLAIM_OWNED);
  });

  it('until the address is ours, nothing answers for it', () => {
    const { station } = start();
    station.net.arp.claim.probe(0);
    const question = ethernet(BROADCAST_MAC, PEER_MAC, 0x0806, arp(1, PEER_MAC, PEER_IP, NOBODY, OUR_IP));
    station.clock.advance(1_500_000);
    const sent = station.send(question, PING);
    expect(sent.map(hex)).toEqual([PROBE]);
    expect(station.net.counters.ipv4AddressUnusable).toBe(1);
    station.run(60_000_000);
    expect(station.send(PING).length).toBe(1);
  });

  it.each([
    ['the owner answers', ethernet(OUR_MAC, PEER_MAC, 0x0806, arp(2, PEER_MAC, OUR_IP, OUR_MAC, '0.0.0.0'))],
    ['the owner announces', THEFT],
    [
      'somebody probes for the same',
      ethernet(BROADCAST_MAC, PEER_MAC, 0x0806, arp(1, PEER_MAC, '0.0.0.0', NOBODY, OUR_IP)),
    ],
  ])('%s: the address is lost', (_name, frame) => {
    const { station, watcher } = start();
    station.net.arp.claim.probe(0);
    station.clock.advance(1_500_000);
    station.send(frame);
    expect(station.net.arp.claim.state).toBe(CLAIM_LOST);
    expect(watcher.events).toEqual(['conflict with 2, lost']);
    expect(station.run(60_000_000)).toEqual([]);
    expect(station.send(PING)).toEqual([]);
  });

  it('our own probe, looped back, is no conflict', () => {
    const { station } = start();
    station.net.arp.claim.probe(0);
    station.send(Buffer.from(PROBE, 'hex'));
    expect(station.net.arp.claim.state).toBe(CLAIM_PROBING);
  });
});

describe('announcing (RFC 5227 §2.3)', () => {
  it('at once and two seconds later', () => {
    const { station } = start();
    station.net.arp.claim.announce(0);
    expect(station.run(60_000_000).map(({ us, frame }) => [us, hex(frame)])).toEqual([
      [0, ANNOUNCEMENT],
      [2_000_000, ANNOUNCEMENT],
    ]);
  });
});

describe('defending (RFC 5227 §2.4)', () => {
  it('a first conflict is answered by one announcement', () => {
    const { station, watcher } = start();
    expect(station.send(THEFT).map(hex)).toEqual([ANNOUNCEMENT]);
    expect(watcher.events).toEqual(['conflict with 2']);
    expect(station.send(PING).length).toBe(1);
  });

  it('a second within ten seconds costs the address (b)', () => {
    const { station, watcher } = start();
    station.send(THEFT);
    station.clock.advance(9_999_999);
    expect(station.send(THEFT)).toEqual([]);
    expect(watcher.events).toEqual(['conflict with 2', 'conflict with 2, lost']);
    expect(station.send(PING)).toEqual([]);
    expect(station.net.arp.claim.state).toBe(CLAIM_LOST);
  });

  it('one each ten seconds is endured', () => {
    const { station } = start();
    for (let i = 0; i < 5; i++) {
      expect(station.send(THEFT).map(hex)).toEqual([ANNOUNCEMENT]);
      station.clock.advance(10_000_000);
    }
    expect(station.net.arp.claim.defended).toBe(5);
  });

  it('who insists keeps the address, and announces at most once in ten seconds (c)', () => {
    const { station } = start({ insist: true });
    const announcements = Array.from({ length: 25 }, () => {
      station.clock.advance(1_000_000);
      return station.send(THEFT).length;
    });
    expect(announcements.filter((count) => count === 1).length).toBe(3);
    expect(station.net.arp.claim.state).toBe(CLAIM_OWNED);
    expect(station.send(PING).length).toBe(1);
  });
});
