/** A script that runs for too long, over every --io, beside what a redis-server tells the same clients. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { Lab } from './lab.ts';

const NODE = new URL('../../node_modules/.bin/node', import.meta.url).pathname;
const CLIENTS = new URL('busy-clients.ts', import.meta.url).pathname;
const LIMIT_MS = 60_000;

/** Redis 7.2 is what we are; an older redis-server says another thing to the client of a killed script. */
const likeVersion = (line: string): string => line.replace(/(?<=killed by user with) (SCRIPT|FUNCTION) KILL\.+/, '');

async function transcriptOf(lab: Lab, namespace: string, host: string, port: string): Promise<string[]> {
  const { stdout, stderr, code } = await lab.exec(namespace, [NODE, CLIENTS, host, port], LIMIT_MS);
  expect(code, stderr).toBe(0);
  return (JSON.parse(stdout) as string[]).map(likeVersion);
}

let theirs: string[];
beforeAll(async () => {
  const lab = new Lab();
  const words = ['redis-server', '--port', '6379', '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const ended = lab.exec(lab.server, words, LIMIT_MS);
  for (let i = 0; i < 100; i++) {
    if ((await lab.exec(lab.server, ['redis-cli', 'PING'])).stdout.trim() === 'PONG') break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  theirs = await transcriptOf(lab, lab.server, '127.0.0.1', '6379');
  await ended; // SHUTDOWN NOSAVE ended it
  await lab.close();
});

let lab: Lab;
beforeEach(() => {
  lab = new Lab();
});
afterEach(() => lab.close());
afterAll(() => {
  expect(theirs.length).toBeGreaterThan(50);
});

const WAYS: [name: string, flags: string[], from: (lab: Lab) => string, host: string][] = [
  ['--io socket', ['--io', 'socket', '--bind', '0.0.0.0'], (l) => l.client, '192.0.2.2'],
  ['--io packet', ['--io', 'packet', '--iface', 'far0', '--ip', '192.0.2.10/24'], (l) => l.client, '192.0.2.10'],
  ['--io xdp', ['--io', 'xdp', '--iface', 'far0', '--ip', '192.0.2.10/24'], (l) => l.client, '192.0.2.10'],
  ['--io tap', ['--io', 'tap', '--ip', '198.51.100.2/24'], (l) => l.server, '198.51.100.2'],
  ['lo taken over', [], (l) => l.server, '127.0.0.1'],
];

it.each(WAYS)('%s', async (_, flags, from, host) => {
  const server = await lab.serve(lab.server, ...flags);
  const ended = new Promise((resolve) => server.child.once('exit', resolve));
  expect(await transcriptOf(lab, from(lab), host, '6379')).toEqual(theirs);
  expect(await ended).toBe(0);
});

it('a server that is told to stop ends a script when it has had its time', async () => {
  const server = await lab.serve(
    lab.server,
    '--io',
    'socket',
    '--bind',
    '127.0.0.1',
    '--set',
    'busy-reply-threshold=300',
  );
  const script = lab.exec(lab.server, ['redis-cli', 'EVAL', "redis.call('set','k','v') while true do end", '0']);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await server.stop()).toBe(0);
  expect((await script).stdout).toContain('Script killed by user');
});
