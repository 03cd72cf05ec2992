import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  machineBusyUs,
  parseMachineStatUs,
  parseProcessStatUs,
  parseSchedstatNs,
  processCpuUs,
} from '../../src/lib/bench/accounting.ts';

/** Burns CPU until the process has used `us` more of it. */
function burn(us: number): void {
  const start = process.cpuUsage();
  for (let used = process.cpuUsage(start); used.user + used.system < us; ) used = process.cpuUsage(start);
}

describe('CPU accounting', () => {
  it('counts what this process burns, by its own account', () => {
    const before = { seen: processCpuUs(process.pid), busy: machineBusyUs() };
    const own = process.cpuUsage();
    burn(300_000);
    const { user, system } = process.cpuUsage(own);
    const seen = processCpuUs(process.pid) - before.seen;
    expect(seen).toBeGreaterThan((user + system) * 0.9 - 20_000);
    expect(seen).toBeLessThan((user + system) * 1.1 + 20_000);
    expect(machineBusyUs() - before.busy).toBeGreaterThan(250_000);
  });

  it('utime and stime are found behind a name with blanks and parentheses', () => {
    const line = `4242 (a) b (c) S 1 4242 4242 0 -1 4194560 1000 0 0 0 ${120} ${35} 7 8 20 0 5 0 100 0 0\n`;
    expect(parseProcessStatUs(line)).toBe(1_550_000);
    const self = readFileSync('/proc/self/stat', 'latin1');
    const { user, system } = process.cpuUsage();
    expect(Math.abs(parseProcessStatUs(self) - (user + system))).toBeLessThan(100_000);
  });

  it('busy is everything but idle and waiting for disks', () => {
    expect(parseMachineStatUs('cpu  100 2 30 9999 888 5 6 7 11 0\ncpu0 1 1 1\n')).toBe(1_500_000);
    expect(parseSchedstatNs('123456 99 1\n')).toBe(123_456);
  });

  it('a process that is gone is an error, not zero', () => {
    expect(() => processCpuUs(2 ** 22 + 1)).toThrow();
  });
});
