import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Measurement } from '../../src/lib/bench/summary.ts';
import { median, summarise } from '../../src/lib/bench/summary.ts';
import { cellName, missedBy, parseThreshold } from '../../src/lib/bench/threshold.ts';

function measured(contender: string, round: number, rps: number, cpuUs: number | null, pipeline = 1): Measurement {
  const load = {
    requests: 1000,
    requestsPerSecond: rps,
    averageUs: 50,
    p50Us: 40,
    p95Us: 80,
    p99Us: 100,
    p999Us: 200,
    maxUs: 300,
  };
  return { contender, round, pipeline, test: 'get', load, serverCpuUs: cpuUs, machineBusyUs: 20 };
}

describe('median', () => {
  it('is the middle, or the mean of the two middles, whatever the order', () => {
    expect([median([3, 1, 2]), median([4, 1, 3, 2]), median([7])]).toEqual([2, 2.5, 7]);
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1, maxLength: 30 }), (values) => {
        const below = values.filter((value) => value < median(values)).length;
        const above = values.filter((value) => value > median(values)).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(values.length / 2);
      }),
    );
  });
});

describe('summarise', () => {
  it('takes the ratio within each round, then the median of the ratios', () => {
    // Drift: the machine is twice as slow in round 2. The ratio of the medians would be 1.0.
    const cells = summarise(
      [
        measured('redis', 1, 100, 10),
        measured('packet', 1, 150, 5),
        measured('redis', 2, 50, 20),
        measured('packet', 2, 75, 10),
        measured('redis', 3, 150, 8),
        measured('packet', 3, 100, 4),
      ],
      'redis',
    );
    expect(
      cells.map(({ contender, requestsPerSecond, serverCpuUs, ratio, cpuRatio }) => [
        contender,
        requestsPerSecond,
        serverCpuUs,
        ratio,
        cpuRatio,
      ]),
    ).toEqual([
      ['redis', 100, 10, null, null],
      ['packet', 100, 5, 1.5, 0.5],
    ]);
  });

  it('orders cells by depth and keeps contenders in the order in which they ran', () => {
    const cells = summarise(
      [
        measured('redis', 1, 9, 1, 16),
        measured('redis', 1, 9, 1, 1),
        measured('xdp', 1, 9, 1, 16),
        measured('xdp', 1, 9, 1, 1),
      ],
      'redis',
    );
    expect(cells.map(cellName)).toEqual(['redis.P1.get', 'xdp.P1.get', 'redis.P16.get', 'xdp.P16.get']);
  });

  it('has no ratio for a round that the baseline did not finish, and no CPU of a foreign server', () => {
    const [alone] = summarise([measured('packet', 2, 100, null)], 'redis');
    expect(alone).toMatchObject({ ratio: null, cpuRatio: null, serverCpuUs: null });
  });
});

describe('thresholds', () => {
  const cells = summarise([measured('redis', 1, 100_000, 8), measured('packet', 1, 120_000, 4, 1)], 'redis');

  it.each([
    ['p99>2ms', []],
    ['p99>50us', ['redis.P1.get', 'packet.P1.get']],
    ['p99.9 > 150us', ['redis.P1.get', 'packet.P1.get']],
    ['packet:p99>50us', ['packet.P1.get']],
    ['packet.P1.get:ratio<1.3', ['packet.P1.get']],
    ['P16:ratio<9', []],
    ['ratio<1.3', ['packet.P1.get']],
    ['ratio<1.1', []],
    ['cpuratio>0.4', ['packet.P1.get']],
    ['rps<110k', ['redis.P1.get']],
    ['cpu>5us', ['redis.P1.get']],
  ])('%s is met by %j', (text, names) => {
    const condition = parseThreshold(text);
    if (condition === null) throw new Error(`${text} was not understood`);
    expect(missedBy(condition, cells).map(cellName)).toEqual(names);
  });

  it.each(['', 'p99', 'p99>', 'p98>1ms', 'p99>5', 'p99=5ms', 'ratio<x', 'rps<1.5', '>5'])(
    '%j is no condition',
    (text) => {
      expect(parseThreshold(text)).toBeNull();
    },
  );
});
