/**
 * Random commands of all families, right and wrong, to rtcp and to redis-server: replies, messages and states are the same, but
 * for what differences.ts allows. `npm run oracle` runs more of them, and makes a failing stream small.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Mix } from './mix.ts';
import { Oracle } from './oracle.ts';
import { shown } from './report.ts';

const SEEDS_FOR_EACH = 20;
const STREAM_COMMANDS = 2500;
const FIRST_SEED = Number(process.env.RTCP_TEST_SEED ?? 7_000_000);
const TIMEOUT_MS = 300_000;

let oracle: Oracle;

beforeAll(async () => {
  oracle = await Oracle.start();
});

afterAll(() => oracle.stop());

describe('redis-server answers the same', () => {
  for (const protocol of [2, 3]) {
    for (const part of [0, 1]) {
      const first = FIRST_SEED + (protocol * 2 + part) * SEEDS_FOR_EACH;
      test(
        `RESP${protocol}, seeds ${first} to ${first + SEEDS_FOR_EACH - 1}, ${SEEDS_FOR_EACH * STREAM_COMMANDS} commands`,
        async () => {
          for (let seed = first; seed < first + SEEDS_FOR_EACH; seed++) {
            const failure = await oracle.run(Mix.stream(seed, STREAM_COMMANDS, protocol));
            if (failure === null) continue;
            const replay = `npm run oracle -- --seeds 1 --commands ${STREAM_COMMANDS} --seed ${seed} --resp ${protocol}`;
            expect.fail(`${shown(failure)}\n${replay}`);
          }
        },
        TIMEOUT_MS,
      );
    }
  }
});
