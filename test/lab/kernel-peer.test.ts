/**
 * The state machine and the options with the Linux kernel as the peer, in both roles. How it is judged: kernel-peer-lab.ts.
 * `SCENARIO=text` plays only those whose name contains it.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { CLOSING_SCENARIOS } from './kernel-peer-closing.ts';
import { DATA_SCENARIOS } from './kernel-peer-data.ts';
import { playAll, type Verdict } from './kernel-peer-lab.ts';
import { OPTION_SCENARIOS } from './kernel-peer-options.ts';
import { PATH_SCENARIOS } from './kernel-peer-path.ts';

const wanted = process.env.SCENARIO ?? '';
const scenarios = [...CLOSING_SCENARIOS, ...DATA_SCENARIOS, ...OPTION_SCENARIOS, ...PATH_SCENARIOS].filter(({ name }) =>
  name.includes(wanted),
);
let verdicts: Verdict[] = [];

beforeAll(async () => {
  verdicts = await playAll(scenarios);
}, 180_000);

describe('with the kernel as the peer', () => {
  for (const [i, { name, remarkable = [] }] of scenarios.entries()) {
    it(name, () => {
      const { error, left, remarkable: seen } = verdicts[i];
      expect(error, seen.join('\n')).toBe(null);
      expect(left).toEqual([]);
      expect(seen, seen.join('\n')).toEqual([...remarkable].sort());
    });
  }
});
