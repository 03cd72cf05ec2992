/** Long double arithmetic against redis-server's INCRBYFLOAT, which computes with the processor's own, and known roundings. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addLongDouble, formatLongDouble, parseLongDouble } from '../../src/lib/engine/long-double.ts';
import { Random } from '../../src/lib/random.ts';
import { RedisPeer } from './redis-peer.ts';

const SEED = Number(process.env.RTCP_TEST_SEED ?? 1234);
const CASES = 20_000;
const CHUNK = 1000;

let redis: RedisPeer;

beforeAll(async () => {
  redis = await RedisPeer.start();
});

afterAll(async () => {
  await redis.stop();
});

/** What INCRBYFLOAT would answer, or the error. */
function sum(a: string, b: string): string {
  const [x, y] = [parseLongDouble(a), parseLongDouble(b)];
  if (x === null || y === null) return '-ERR value is not a valid float\r\n';
  const result = addLongDouble(x, y);
  if (result === null || result.infinite) return '-ERR increment would produce NaN or Infinity\r\n';
  const text = formatLongDouble(result);
  return `$${text.length}\r\n${text}\r\n`;
}

function randomNumber(random: Random): string {
  const digits = (n: number): string => Array.from({ length: random.below(n) }, () => random.below(10)).join('');
  const sign = ['', '-', '+'][random.below(3)];
  if (random.below(5) === 0) {
    const hex = (n: number): string =>
      Array.from({ length: random.below(n) }, () => random.below(16).toString(16)).join('');
    return `${sign}0x${hex(20)}.${hex(20)}p${random.below(140) - 70}`;
  }
  const power = random.below(3) === 0 ? `e${random.below(random.below(10) === 0 ? 10_000 : 50) - 25}` : '';
  return `${sign}${digits(25)}.${digits(25)}${power}`;
}

describe('long doubles', () => {
  test(`add and print as the processor and glibc do, ${CASES} random sums`, async () => {
    const random = new Random(SEED);
    for (let done = 0; done < CASES; done += CHUNK) {
      const cases = Array.from({ length: CHUNK }, () => [randomNumber(random), randomNumber(random)]);
      const replies = await redis.run(
        cases.flatMap(([a, b]) => [
          ['SET', 'k', a],
          ['INCRBYFLOAT', 'k', b],
        ]),
      );
      cases.forEach(([a, b], i) => {
        const shown = `seed ${SEED}: ${a} + ${b}`;
        expect([shown, sum(a, b)]).toEqual([shown, replies[2 * i + 1].toString()]);
      });
    }
  });

  test.each([
    // 64 bits of significand: 2^64 + 1 is a tie and goes to even, 2^64 + 3 goes up.
    ['18446744073709551616', '1', '18446744073709551616'],
    ['18446744073709551616', '3', '18446744073709551620'],
    ['0.1', '0.2', '0.3'],
    ['3', '-3', '0'],
    ['-0.000000000000000001', '0', '0'],
    ['10.5', '0.1', '10.6'],
    ['5.0e3', '2.0e2', '5200'],
  ])('%s + %s = %s', (a, b, expected) => {
    expect(sum(a, b)).toBe(`$${expected.length}\r\n${expected}\r\n`);
  });

  test('what strtold refuses or redis-server does, is refused', () => {
    const refused = [
      '',
      ' 1',
      '1 ',
      '.',
      '-',
      'e1',
      '1e',
      '1e+',
      '0x',
      '0x.p1',
      '0x1p',
      'nan',
      'infin',
      '1_0',
      '1\0',
      '1e5000',
      '1e-5000',
    ];
    for (const text of [...refused, '9'.repeat(5120)]) expect([text, parseLongDouble(text)]).toEqual([text, null]);
    for (const text of ['1.', '.5', '+1', '0X1P+1', 'INF', '-Infinity', '9'.repeat(4900)])
      expect(parseLongDouble(text)).not.toBe(null);
  });
});
