/**
 * The responder on a simulated wire, pinged by a host of our own stack.
 */
import { describe, expect, it } from 'vitest';
import { FaultLink } from '../../src/lib/link/fault.ts';
import type { Conditions } from '../../src/lib/link/impairment.ts';
import type { EchoSeen } from '../../src/lib/probe/ping-responder.ts';
import { PingResponder } from '../../src/lib/probe/ping-responder.ts';
import { Random } from '../../src/lib/random.ts';
import { address, Simulation, WIRE_DELAY_US } from './simulation.ts';

const RESPONDER = address('192.0.2.10');

function pinged(pings: number, conditions: Conditions, seed = 7) {
  const lab = new Simulation();
  lab.maxStepUs = 250;
  const pinger = lab.host('192.0.2.1', '02:00:00:00:00:01');
  const link = new FaultLink(lab.attach('02:00:00:00:00:10'), conditions, new Random(seed), lab.clock);
  const responder = new PingResponder(link, {
    own: { address: RESPONDER, prefixLength: 24 },
    random: new Random(seed),
    requests: null,
    durationUs: null,
    lingerUs: 0,
  });
  const seen: EchoSeen[] = [];
  responder.onEcho = (echo) => seen.push(echo);
  lab.join(link, responder);
  const sentUs = new Map<number, number>();
  const rttUs: number[] = [];
  pinger.icmp.echoListener = {
    echoReply: (_source, _identifier, sequence) => rttUs.push(lab.clock.us - (sentUs.get(sequence) ?? 0)),
    echoError: () => {},
  };
  lab.run(null, 10_000);
  for (let sequence = 1; sequence <= pings; sequence++) {
    sentUs.set(sequence, lab.clock.us);
    pinger.echoRequest(RESPONDER, 99, sequence, new Uint8Array(56));
    pinger.link.flush();
    lab.run(null, 20_000);
  }
  lab.run(null, 2_000_000);
  return { responder, link, rttUs, seen };
}

describe('ping-responder', () => {
  it('answers every ping, and tells who asked', () => {
    const { responder, rttUs, seen } = pinged(20, {});
    expect(rttUs).toHaveLength(20);
    expect(responder.requests).toBe(20);
    expect([...responder.peers]).toEqual([[address('192.0.2.1'), 20]]);
    expect(seen[4]).toMatchObject({ identifier: 99, sequence: 5, dataBytes: 56 });
  });

  it('answers later by the delay', () => {
    const { rttUs } = pinged(20, { delayUs: 5000 });
    const expected = 2 * WIRE_DELAY_US + 5000;
    for (const us of rttUs.slice(1)) {
      // the first waits for ARP as well, which is delayed too
      expect(us).toBeGreaterThanOrEqual(expected);
      expect(us).toBeLessThan(expected + 1000);
    }
    expect(rttUs).toHaveLength(20);
  });

  it('loses, duplicates and damages its share, the same one for a seed', () => {
    const conditions = { loss: 0.2, duplicate: 0.1, corrupt: 0.1 };
    const first = pinged(300, conditions, 42);
    const { lost, duplicated, corrupted } = first.link.impairment;
    expect(lost).toBeGreaterThan(30);
    expect(lost).toBeLessThan(100);
    expect(duplicated).toBeGreaterThan(5);
    expect(corrupted).toBeGreaterThan(5);
    // A damaged answer is dropped by the pinger's checksums.
    expect(first.rttUs.length).toBeLessThanOrEqual(first.responder.requests - lost + duplicated);
    const again = pinged(300, conditions, 42);
    expect(again.rttUs).toEqual(first.rttUs);
    expect(pinged(300, conditions, 43).rttUs).not.toEqual(first.rttUs);
  });

  it('ends after its number of requests, when the last answer is out', () => {
    const lab = new Simulation();
    lab.maxStepUs = 250;
    const pinger = lab.host('192.0.2.1', '02:00:00:00:00:01');
    const link = new FaultLink(lab.attach('02:00:00:00:00:10'), { delayUs: 3000 }, new Random(1), lab.clock);
    const options = {
      own: { address: RESPONDER, prefixLength: 24 },
      random: new Random(1),
      requests: 2,
      durationUs: null,
      lingerUs: 3000,
    };
    const responder = new PingResponder(link, options);
    let replies = 0;
    pinger.icmp.echoListener = { echoReply: () => replies++, echoError: () => {} };
    lab.join(link, responder);
    lab.run(null, 10_000);
    for (const sequence of [1, 2]) {
      pinger.echoRequest(RESPONDER, 1, sequence, new Uint8Array(8));
      pinger.link.flush();
      lab.run(responder, 50_000);
    }
    expect(responder.finished).toBe(true);
    lab.run(null, 10_000);
    expect(replies).toBe(2);
  });

  it('notices another host with its address, and keeps it', () => {
    const lab = new Simulation();
    lab.host('192.0.2.10', '02:00:00:00:00:66');
    const link = lab.attach('02:00:00:00:00:10');
    const options = {
      own: { address: RESPONDER, prefixLength: 24 },
      random: new Random(1),
      requests: null,
      durationUs: 1_000_000,
      lingerUs: 0,
    };
    const responder = new PingResponder(link, options);
    const others: string[] = [];
    responder.onConflict = (mac) => others.push(mac);
    lab.join(link, responder);
    lab.run(responder, 5_000_000);
    expect(responder.finished).toBe(true);
    expect(others[0]).toBe('02:00:00:00:00:66');
  });
});
