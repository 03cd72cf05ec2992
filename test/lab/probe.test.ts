/**
 * arp-probe and ping-responder against Debian's arping and ping and the kernel, on a veth pair.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab, traces } from './lab.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const FREE = '192.0.2.10';
let lab: Lab;
const started: ChildProcess[] = [];

beforeAll(() => {
  lab = new Lab();
});

afterAll(async () => {
  for (const child of started) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  await lab.close();
});

interface Tool {
  child: ChildProcess;
  ended: Promise<{ code: number | null; stdout: string }>;
}

/** Starts a command of ours and waits for its first words on stderr. */
async function start(namespace: string, ...args: string[]): Promise<Tool> {
  const child = spawn('ip', ['netns', 'exec', namespace, './bin/rtcp', ...args], { cwd: ROOT });
  started.push(child);
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  const ended = new Promise<{ code: number | null; stdout: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, stdout }));
  });
  await Promise.race([new Promise((resolve) => child.stderr.once('data', resolve)), ended]);
  return { child, ended };
}

const mac = async (): Promise<string> =>
  (await lab.exec(lab.server, ['cat', '/sys/class/net/far0/address'])).stdout.trim();

describe('arp-probe', () => {
  it('finds what arping finds', async () => {
    const ours = await lab.exec(lab.client, [
      './bin/rtcp',
      'arp-probe',
      '192.0.2.2',
      '-c',
      '2',
      '-i',
      '100ms',
      '--json',
    ]);
    const theirs = await lab.exec(lab.client, ['arping', '-c', '2', '-i', 'near0', '192.0.2.2']);
    expect({ ours: ours.code, theirs: theirs.code }).toEqual({ ours: 0, theirs: 0 });
    const report = JSON.parse(ours.stdout) as {
      interface: string;
      targets: { macs: string[]; answered: number; maxUs: number }[];
    };
    expect(report.interface).toBe('near0');
    const [target] = report.targets;
    expect(target).toMatchObject({ macs: [await mac()], answered: 2 });
    expect(theirs.stdout).toContain(target.macs[0]);
    expect(target.maxUs).toBeLessThan(1_000_000);
  });

  it('exits 1 when somebody does not answer, as arping does', async () => {
    const ours = await lab.exec(lab.client, [
      './bin/rtcp',
      'arp-probe',
      '192.0.2.2',
      '192.0.2.99',
      '-c',
      '1',
      '-w',
      '200ms',
    ]);
    expect(ours.code).toBe(1);
    expect(ours.stdout).toContain('1 of 2 answered');
  });

  it('lists a network', async () => {
    const ours = await lab.exec(lab.client, [
      './bin/rtcp',
      'arp-probe',
      '192.0.2.0/27',
      '-c',
      '1',
      '-w',
      '300ms',
      '--json',
    ]);
    const { summary } = JSON.parse(ours.stdout) as { summary: { sent: number; answered: number } };
    expect(summary).toMatchObject({ sent: 30, answered: 1 });
  });

  it('does not ask beyond a router', async () => {
    const ours = await lab.exec(lab.client, ['./bin/rtcp', 'arp-probe', '203.0.113.1']);
    expect(ours.code).toBe(1);
    expect(ours.stderr).toMatch(/no route leads to 203\.0\.113\.1\nmend: /);
  });

  it('--announce is heard by the kernel at the other end', async () => {
    await lab.exec(lab.server, ['sysctl', '-qw', 'net.ipv4.conf.far0.arp_accept=1']);
    const announced = await lab.exec(lab.client, [
      './bin/rtcp',
      'arp-probe',
      '--announce',
      '--iface',
      'near0',
      '192.0.2.44',
      '-c',
      '1',
      '-w',
      '100ms',
    ]);
    expect(announced.stdout).toMatch(
      /192\.0\.2\.44 is at .*: announced 1 time\n1 announcement of 1 address, 0 in conflict/,
    );
    const neighbours = await lab.exec(lab.server, ['ip', 'neighbour', 'show', '192.0.2.44']);
    const own = (await lab.exec(lab.client, ['cat', '/sys/class/net/near0/address'])).stdout.trim();
    expect(neighbours.stdout).toContain(own);
  });

  it('--watch sees a conflict, and exits 3 at Ctrl-C', async () => {
    const watch = await start(lab.client, 'arp-probe', '--watch', '--iface', 'near0', '--json');
    const speak = async (as: string): Promise<void> => {
      await lab.exec(lab.server, ['ip', 'link', 'set', 'far0', 'address', as]);
      await lab.exec(lab.server, ['arping', '-U', '-c', '1', '-i', 'far0', '-S', '192.0.2.77', '192.0.2.77']);
    };
    const before = await mac();
    for (const as of ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:00:00:00:00:0a']) await speak(as);
    await lab.exec(lab.server, ['ip', 'link', 'set', 'far0', 'address', before]);
    watch.child.kill('SIGINT');
    const { code, stdout } = await watch.ended;
    expect(code).toBe(3);
    const { events } = JSON.parse(stdout) as { events: { kind: string; address: string; mac: string }[] };
    expect(
      events.filter((event) => event.address === '192.0.2.77').map((event) => `${event.kind} ${event.mac.slice(-2)}`),
    ).toEqual(['new 0a', 'moved 0b', 'conflict 0a']);
  });
});

describe.each(['packet', 'xdp'])('ping-responder --io %s', (io) => {
  const flags = (...more: string[]): string[] => [
    'ping-responder',
    '--iface',
    'far0',
    '--ip',
    `${FREE}/24`,
    '--io',
    io,
    '--json',
    ...more,
  ];

  it('answers arping and ping of every size, and leaves nothing behind', async () => {
    const before = await traces(lab, lab.server);
    const responder = await start(lab.server, ...flags('--duration', '30s'));
    const arping = await lab.exec(lab.client, ['arping', '-c', '2', '-i', 'near0', FREE]);
    expect(arping.stdout).toContain('0% unanswered');
    for (const size of ['0', '56', '1472', '1473', '9000', '65507']) {
      const ping = await lab.exec(lab.client, ['ping', '-c', '3', '-i', '0.05', '-W', '2', '-s', size, FREE]);
      expect({ size, code: ping.code, loss: / 0% packet loss/.test(ping.stdout) }).toEqual({
        size,
        code: 0,
        loss: true,
      });
    }
    responder.child.kill('SIGINT');
    const { code, stdout } = await responder.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      requests: 18,
      conflicts: 0,
      peers: [{ address: '192.0.2.1', requests: 18 }],
    });
    expect(await traces(lab, lab.server)).toBe(before);
  });

  it('loses and delays what it was asked to', async () => {
    const responder = await start(
      lab.server,
      ...flags('--delay', '20ms', '--loss', '30%', '--seed', '5', '--duration', '30s'),
    );
    const ping = await lab.exec(lab.client, ['ping', '-c', '60', '-i', '0.02', '-W', '1', '-q', FREE]);
    responder.child.kill('SIGTERM');
    const { stdout } = await responder.ended;
    const received = Number(/(\d+) received/.exec(ping.stdout)?.[1]);
    const minimumMs = Number(/rtt min[^=]*= ([\d.]+)/.exec(ping.stdout)?.[1]);
    const { requests, line } = JSON.parse(stdout) as { requests: number; line: { lost: number } };
    expect(minimumMs).toBeGreaterThanOrEqual(20);
    expect(requests).toBe(60);
    expect(line.lost).toBeGreaterThan(5);
    expect(received).toBeGreaterThanOrEqual(60 - line.lost); // some of the lost ones were ARP
    expect(received).toBeLessThan(60);
  });

  it('does not take an address that the kernel has', async () => {
    const taken = await lab.exec(lab.server, [
      './bin/rtcp',
      'ping-responder',
      '--iface',
      'far0',
      '--ip',
      '192.0.2.2/24',
      '--io',
      io,
    ]);
    expect(taken.code).toBe(2);
    expect(taken.stderr).toMatch(/kernel's own address on far0.*\nmend: /);
  });
});

describe('ping-responder --io tap', () => {
  it('makes its device, answers the kernel on it, and takes it away', async () => {
    const responder = await start(
      lab.client,
      'ping-responder',
      '--io',
      'tap',
      '--ip',
      '198.51.100.2/24',
      '--gateway',
      '198.51.100.1',
      '-c',
      '3',
      '--duration',
      '20s',
    );
    const ping = await lab.exec(lab.client, ['ping', '-c', '3', '-i', '0.1', '-W', '2', '-s', '3000', '198.51.100.2']);
    expect(ping.stdout).toContain(' 0% packet loss');
    expect((await responder.ended).code).toBe(0);
    expect((await lab.exec(lab.client, ['ip', 'link', 'show', 'rtcp0'])).code).not.toBe(0);
  });
});
