import { describe, expect, it } from 'vitest';
import { sendArpRequest } from '../../src/lib/probe/arp-frame.ts';
import type { ArpProbeOptions } from '../../src/lib/probe/arp-probe.ts';
import { ArpProbe } from '../../src/lib/probe/arp-probe.ts';
import { probeReport } from '../../src/lib/probe/arp-report.ts';
import { address, Simulation, WIRE_DELAY_US } from './simulation.ts';

const OUR_MAC = '02:00:00:00:00:01';
const OUR_ADDRESS = address('192.0.2.1');

function options(targets: string[], more: Partial<ArpProbeOptions> = {}): ArpProbeOptions {
  return {
    targets: targets.map(address),
    source: OUR_ADDRESS,
    rounds: 3,
    intervalUs: 1_000_000,
    timeoutUs: 500_000,
    rate: 1000,
    first: false,
    announce: false,
    own: [OUR_ADDRESS],
    ...more,
  };
}

describe('arp-probe', () => {
  it('measures the round trip of every request', () => {
    const lab = new Simulation();
    lab.host('192.0.2.7', '02:00:00:00:00:07');
    const link = lab.attach(OUR_MAC);
    const probe = new ArpProbe(link, options(['192.0.2.7']));
    const replies: number[] = [];
    probe.onReply = ({ mac, rttUs }) => {
      expect(mac).toBe('02:00:00:00:00:07');
      replies.push(rttUs);
    };
    lab.join(link, probe);
    const tookUs = lab.run(probe);
    expect(replies).toHaveLength(3);
    for (const rttUs of replies) {
      expect(rttUs).toBeGreaterThanOrEqual(2 * WIRE_DELAY_US);
      expect(rttUs).toBeLessThan(2 * WIRE_DELAY_US + 50);
    }
    expect(tookUs).toBeGreaterThanOrEqual(2_500_000); // two intervals and the timeout
    expect(tookUs).toBeLessThan(2_600_000);
    expect(probeReport(probe, 'mem0', null).summary).toEqual({
      addresses: 1,
      sent: 3,
      replies: 3,
      answered: 1,
      expected: 1,
      conflicts: 0,
    });
  });

  it.each([
    ['the kernel saw the reply before the loop did', [1_000_000], [1_000_031.5], 31.5],
    ['the clock was set back meanwhile', [1_000_000], [400_000], 0],
    ['the clock was set forward: not longer than the loop took', [1_000_000], [9_000_000], null],
  ])('takes a stopwatch over the times of its loop: %s', (_, departures, arrivals, expected) => {
    const lab = new Simulation();
    lab.host('192.0.2.7', '02:00:00:00:00:07');
    const link = lab.attach(OUR_MAC);
    const stopwatch = { departureUs: () => departures[0], arrivalUs: () => arrivals[0] };
    const probe = new ArpProbe(link, options(['192.0.2.7'], { rounds: 1 }), stopwatch);
    lab.join(link, probe);
    lab.run(probe);
    const [{ minUs }] = probeReport(probe, 'mem0', null).targets;
    if (expected !== null) expect(minUs).toBe(expected);
    else expect(Math.abs((minUs ?? 0) - 2 * WIRE_DELAY_US)).toBeLessThan(50);
  });

  it('asks a whole network at its rate and lists who is there', () => {
    const lab = new Simulation();
    lab.host('192.0.2.20', '02:00:00:00:00:20');
    lab.host('192.0.2.30', '02:00:00:00:00:30');
    const link = lab.attach(OUR_MAC);
    const targets = Array.from({ length: 254 }, (_, i) => `192.0.2.${i + 1}`);
    const probe = new ArpProbe(link, options(targets, { rounds: 1, rate: 500 }));
    lab.join(link, probe);
    const tookUs = lab.run(probe);
    expect(tookUs).toBeGreaterThan(253 * 2000);
    const { targets: found, summary } = probeReport(probe, 'mem0', null);
    expect(found.filter((target) => target.replies > 0).map((target) => target.address)).toEqual([
      '192.0.2.20',
      '192.0.2.30',
    ]);
    expect(summary).toMatchObject({ sent: 254, answered: 2, expected: 253, conflicts: 0 });
  });

  it('two hosts with one address are a conflict', () => {
    const lab = new Simulation();
    lab.host('192.0.2.9', '02:00:00:00:00:0a');
    lab.host('192.0.2.9', '02:00:00:00:00:0b');
    const link = lab.attach(OUR_MAC);
    const probe = new ArpProbe(link, options(['192.0.2.9'], { rounds: 1 }));
    lab.join(link, probe);
    lab.run(probe);
    const [target] = probeReport(probe, 'mem0', null).targets;
    expect(target).toMatchObject({ sent: 1, answered: 1, replies: 2, conflict: true });
    expect([...target.macs].sort()).toEqual(['02:00:00:00:00:0a', '02:00:00:00:00:0b']);
  });

  it('our own address must be answered by nobody', () => {
    const lab = new Simulation();
    const link = lab.attach(OUR_MAC);
    const quiet = new ArpProbe(link, options(['192.0.2.1'], { rounds: 1 }));
    lab.join(link, quiet);
    lab.run(quiet);
    expect(probeReport(quiet, 'mem0', null).summary).toMatchObject({ expected: 0, conflicts: 0 });

    const other = new Simulation();
    other.host('192.0.2.1', '02:00:00:00:00:66');
    const second = other.attach(OUR_MAC);
    const disturbed = new ArpProbe(second, options(['192.0.2.1'], { rounds: 1 }));
    other.join(second, disturbed);
    other.run(disturbed);
    expect(probeReport(disturbed, 'mem0', null).summary.conflicts).toBe(1);
  });

  it('an announcement updates those who know the address, and is answered by its other user', () => {
    const lab = new Simulation();
    const listener = lab.host('192.0.2.3', '02:00:00:00:00:03');
    lab.host('192.0.2.50', '02:00:00:00:00:51');
    const link = lab.attach(OUR_MAC);
    const probe = new ArpProbe(link, options(['192.0.2.50'], { rounds: 1, announce: true }));
    lab.join(link, probe);
    lab.run(probe);
    expect(listener.counters.arpRequestsIn).toBe(2); // the announcement, and the defence of the other (RFC 5227 §2.4)
    expect(probeReport(probe, 'mem0', null).targets[0]).toMatchObject({ conflict: true, macs: ['02:00:00:00:00:51'] });
  });

  it('stops at the first answer of everybody when asked to', () => {
    const lab = new Simulation();
    lab.host('192.0.2.7', '02:00:00:00:00:07');
    const link = lab.attach(OUR_MAC);
    const probe = new ArpProbe(link, options(['192.0.2.7'], { rounds: 100, first: true }));
    lab.join(link, probe);
    expect(lab.run(probe)).toBeLessThan(2_000_000);
    expect(probe.targets[0].replies).toBeGreaterThan(0);
  });

  it('waits for a free buffer instead of losing a request', () => {
    const lab = new Simulation();
    lab.host('192.0.2.7', '02:00:00:00:00:07');
    const link = lab.attach(OUR_MAC);
    const taken: number[] = [];
    for (let id = link.control.alloc(); id !== 0; id = link.control.alloc()) taken.push(id);
    expect(sendArpRequest(link, OUR_ADDRESS, address('192.0.2.7'))).toBe(false);
    const probe = new ArpProbe(link, options(['192.0.2.7'], { rounds: 1 }));
    lab.join(link, probe);
    lab.run(probe, 100_000);
    expect(probe.targets[0].sent).toBe(0);
    for (const id of taken) link.control.release(id);
    lab.run(probe);
    expect(probe.targets[0]).toMatchObject({ sent: 1, answered: 1 });
  });
});
