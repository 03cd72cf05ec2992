import { expect, it } from 'vitest';
import { compareThroughput, measureThroughput, storedThroughput } from './throughput.ts';

it('goodput in the simulation is nowhere more than a tenth below what it was', () => {
  expect(compareThroughput(storedThroughput(), measureThroughput())).toEqual([]);
});

it('a cell that dropped is reported, with the command that accepts it', () => {
  const drops = compareThroughput({ fast: 100e6, same: 5e6, gone: 1e6 }, { fast: 89e6, same: 5e6 });
  expect(drops).toEqual([
    'fast: 89.0 Mbit/s, was 100.0',
    'gone: 0.000 Mbit/s, was 1.0',
    expect.stringContaining('npm run sim -- --throughput --update'),
  ]);
});
