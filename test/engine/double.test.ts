/** Doubles in arguments, and with up to 17 digits, side by side with redis-server: scores and bounds of ranges. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatSeventeenDigits } from '../../src/lib/engine/double.ts';
import { Random } from '../../src/lib/random.ts';
import { Harness } from './harness.ts';
import { parseReply, RedisPeer } from './redis-peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 20_240_815);
const TEXTS = 6000;

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

/** Numbers near every limit, and pieces of numbers put together in any order. */
function randomText(random: Random): string {
  const pick = (list: string[]): string => list[random.below(list.length)];
  const digits = (most: number): string => Array.from({ length: random.below(most) }, () => random.below(10)).join('');
  switch (random.below(6)) {
    case 0:
      return `${pick(['', '-', '+'])}${digits(20)}.${digits(20)}e${pick(['', '-', '+'])}${digits(4)}`;
    case 1:
      return `${pick(['', '-'])}0x${pick(['', '1', 'ff.8', '.8', '1fffffffffffff.8', digits(18)])}p${pick(['', '-'])}${digits(5)}`;
    case 2:
      return `${pick(['', '-'])}${digits(25)}`;
    case 3: {
      const bits = new DataView(new ArrayBuffer(8));
      bits.setInt32(0, random.int32());
      bits.setInt32(4, random.int32());
      return String(bits.getFloat64(0));
    }
    case 4:
      return `${pick(['2.4703282292062327', '2.4703282292062328', '4.9406564584124654', '1.7976931348623158'])}e${pick(['-324', '308', '-323', '0'])}`;
    default:
      return Array.from({ length: 1 + random.below(5) }, () =>
        pick(['1', '0', '.', 'e', '-', '+', 'x', 'p', 'inf', 'nan', 'inity', ' ', '\0', '(', ')', '\t', 'f', '23']),
      ).join('');
  }
}

test('scores and bounds are read as strtod does', async () => {
  const random = new Random(SEED);
  const harness = new Harness();
  await redis.run([['FLUSHALL']]);
  // An option followed by a NUL is one for redis-server.
  const texts = Array.from({ length: TEXTS }, () => randomText(random)).filter((text) => !text.startsWith('xx\0'));
  const commands = texts.flatMap((text) => [
    ['ZADD', 'z', text, 'member'],
    ['ZSCORE', 'z', 'member'],
    ['ZCOUNT', 'z', text, '+inf'],
    ['ZCOUNT', 'z', `(${text}`, '+inf'],
    ['DEL', 'z'],
  ]);
  const theirs = await redis.run(commands);
  commands.forEach((command, i) => {
    const ours = harness.run(...command);
    const their = parseReply(theirs[i]);
    if (command[0] !== 'ZSCORE' || their === 'nil') {
      expect(ours.toString('latin1'), `RTCP_TEST_SEED=${SEED} ${JSON.stringify(command)}`).toBe(
        theirs[i].toString('latin1'),
      );
      return;
    }
    const score = harness.engine.values.sortedSets.scoreAt(placeOf(harness));
    expect(`$${formatSeventeenDigits(score)}`, `RTCP_TEST_SEED=${SEED} ${JSON.stringify(commands[i - 1])}`).toBe(their);
  });
});

/** The place of the only member of `z`. */
function placeOf(harness: Harness): number {
  harness.run('ZCARD', 'z');
  const set = harness.engine.values.sortedSets;
  set.seek(0);
  return set.place;
}

test('an exact half is rounded to the even digit', () => {
  expect(formatSeventeenDigits(2 ** -25)).toBe('2.9802322387695312e-08');
  expect(formatSeventeenDigits(3 * 2 ** -25)).toBe('8.9406967163085938e-08');
  expect(formatSeventeenDigits(123_456_789_012_345_680)).toBe('1.2345678901234568e+17');
  expect(formatSeventeenDigits(0.1)).toBe('0.10000000000000001');
  expect(formatSeventeenDigits(-0.0001)).toBe('-0.0001');
  expect(formatSeventeenDigits(100)).toBe('100');
});
