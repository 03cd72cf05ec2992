/**
 * Our TCP against the kernel's, in both roles and both ways, over a relay that loses and delays (relay/lab.ts). What is checked
 * here is that every byte arrives and nothing is left behind; how fast is what `node test/lab/relay/goodput.ts` measures.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RelayLab, type Side } from './relay/lab.ts';
import { contentSha256, type EndKind, type Outcome } from './relay/protocol.ts';

const BYTES = 3 << 20;
const LIMIT_SECONDS = 60;
const SEED = 20261120;

interface Path {
  name: string;
  loss: number;
  delayUs: number;
}

const PATHS: Path[] = [
  { name: 'a clean path', loss: 0, delayUs: 0 },
  { name: '5 ms each way', loss: 0, delayUs: 5_000 },
  { name: '1 % loss', loss: 0.01, delayUs: 0 },
  { name: '0.1 % loss and 5 ms each way', loss: 0.001, delayUs: 5_000 },
];

/** The end that connects, and the one that listens. */
const PAIRS: [EndKind, EndKind][] = [
  ['kernel', 'kernel'],
  ['rtcp', 'kernel'],
  ['kernel', 'rtcp'],
  ['rtcp', 'rtcp'],
];

let lab: RelayLab;
beforeAll(() => {
  lab = new RelayLab();
});
afterAll(async () => {
  await lab.close();
});

function expectNothingLeft({ leftovers }: Outcome): void {
  expect(leftovers).toEqual(Object.fromEntries(Object.keys(leftovers).map((name) => [name, 0])));
}

describe.each(PATHS)('$name', ({ loss, delayUs }) => {
  const conditions = { loss, delayUs, bitsPerSecond: 0, queueBytes: 0, seed: SEED };

  it.each(PAIRS)('%s connects to %s: every byte arrives, both ways', async (a, b) => {
    await lab.setConditions(conditions);
    for (const sender of ['a', 'b'] as Side[]) {
      const transferred = await lab.transfer(a, b, sender, BYTES, LIMIT_SECONDS);
      expect(transferred.receiver).toMatchObject({ end: 'complete', bytes: BYTES, sha256: contentSha256(BYTES) });
      expect(transferred.sender).toMatchObject({ end: 'complete', bytes: BYTES });
      expectNothingLeft(transferred.receiver);
      expectNothingLeft(transferred.sender);
    }
    const report = await lab.setConditions(conditions);
    expect(report.packets).toBeGreaterThan((2 * BYTES) / 1460);
    // The conditions were real: within what chance allows (five standard deviations of a binomial distribution).
    const expected = report.packets * loss;
    expect(Math.abs(report.lost - expected)).toBeLessThanOrEqual(5 * Math.sqrt(expected));
  });
});
