/** Timeouts of blocking commands: what they mean, and how wrong ones are refused, by redis-server's own words. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { timeoutArgument, timeoutMsArgument } from '../../src/lib/engine/blocking.ts';
import type { Engine } from '../../src/lib/engine/engine.ts';
import { Harness } from './harness.ts';
import { RedisPeer } from './redis-peer.ts';

let redis: RedisPeer;
beforeAll(async () => {
  redis = await RedisPeer.start();
});
afterAll(() => redis.stop());

const sayDeadline = (deadline: (engine: Engine, i: number) => number) => (engine: Engine, arg: number) => {
  const ms = deadline(engine, arg + 1);
  if (ms >= 0) engine.reply.integer(ms === 0 ? 0 : ms - engine.nowMs);
};
const harness = new Harness({
  families: [{ echo: sayDeadline(timeoutArgument), select: sayDeadline(timeoutMsArgument) }],
});

it.each(['', 'x', ' 1', '1 ', '-1', '-0.0011', '-inf', 'nan', '-1e30', '1x', '1e-5000'])(
  'a timeout of "%s" seconds is refused in the same words',
  async (text) => {
    const [reply] = await redis.run([['BLPOP', 'key', text]]);
    expect(harness.text('ECHO', text)).toBe(reply.toString());
  },
);

// redis-server 7.0 computes on and calls these negative; 7.2 has a message of its own.
it.each([
  '1e400',
  'inf',
  '9223372036854775.808',
  '9223372036854776',
  '9223372036854775',
  '9223372036854775808',
  '1e20',
])('a timeout of "%s" seconds is out of range', (text) => {
  expect(harness.text('ECHO', text)).toBe('-ERR timeout is out of range\r\n');
});

it.each(['x', '-1', '1.5', '9223372036854775808', '', ' 1'])(
  'a timeout of "%s" milliseconds is refused in the same words',
  async (text) => {
    const [reply] = await redis.run([['XREAD', 'BLOCK', text, 'STREAMS', 'key', '$']]);
    expect(harness.text('SELECT', text)).toBe(reply.toString());
  },
);

it.each([
  ['0', ':0\r\n'],
  ['0.0', ':0\r\n'],
  ['-0', ':0\r\n'],
  ['-0.001', ':0\r\n'], // a little more than -1 ms, as a long double
  ['-0.0000001', ':0\r\n'],
  ['1e-400', ':1\r\n'],
  ['1', ':1000\r\n'],
  ['0.5', ':500\r\n'],
  ['0.0001', ':1\r\n'],
  ['1.0001', ':1001\r\n'],
  ['1e2', ':100000\r\n'],
  ['0x10', ':16000\r\n'],
])('%s seconds', (text, reply) => {
  expect(harness.text('ECHO', text)).toBe(reply);
});

it('takes milliseconds as they are', () => {
  expect(harness.text('SELECT', '0')).toBe(':0\r\n');
  expect(harness.text('SELECT', '1500')).toBe(':1500\r\n');
  expect(harness.text('SELECT', '9223372036854775807')).toBe('-ERR timeout is out of range\r\n');
});
