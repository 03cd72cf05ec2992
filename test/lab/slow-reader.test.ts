/** Clients that do not read what they asked for, over the kernel's sockets and over a stack of our own. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Lab } from './lab.ts';

const NODE = new URL('../../node_modules/.bin/node', import.meta.url).pathname;
const CLIENTS = new URL('slow-reader.ts', import.meta.url).pathname;
const LIMIT_MS = 60_000;
const ELEMENTS = '1000000';

let lab: Lab;
beforeEach(() => {
  lab = new Lab();
});
afterEach(() => lab.close());

it.each([
  ['socket', ['--bind', '0.0.0.0'], '192.0.2.2'],
  ['packet', ['--iface', 'far0', '--ip', '192.0.2.10/24'], '192.0.2.10'],
])('--io %s', async (io, flags, host) => {
  const server = await lab.serve(lab.server, '--io', io, ...flags);
  const { stdout, stderr, code } = await lab.exec(lab.client, [NODE, CLIENTS, host, '6379', ELEMENTS], LIMIT_MS);
  expect(code, stderr).toBe(0);
  const { replyBytes, limited, patient, exhausted, slowestMs } = JSON.parse(stdout);
  const whole = { ping: '+PONG\r\n', missing: 0, end: 'xx\r\n' };
  expect(limited).toMatchObject({ closed: true, whole: false, clients: 1, ping: '+PONG\r\n' });
  expect(limited.peakGrowth).toBeLessThan(90 << 20); // the limit, and what the server takes by itself
  for (const { held, left, rssGivenBack, ...rest } of [patient, exhausted.last]) {
    expect(rest).toEqual(whole);
    expect(held).toBeGreaterThan(replyBytes / 2);
    expect(left).toBeLessThan(1 << 20);
    expect(rssGivenBack).toBeGreaterThan(replyBytes / 2);
  }
  expect(exhausted).toMatchObject({ closed: true, clients: 1, ping: '+PONG\r\n' });
  expect(exhausted.left).toBeLessThan(1 << 20);
  expect(slowestMs).toBeLessThan(5000); // nobody waits for the slow ones
  const closings = server.output.match(/Client id=\d+ closed for overcoming of output buffer limits/g) ?? [];
  expect(closings.length).toBeGreaterThanOrEqual(2);
  expect(await server.stop()).toBe(0);
});
