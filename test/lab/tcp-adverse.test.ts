/** `rtcp serve` under attack on a real wire: a client works on while forged SYNs come, and nothing of them stays. */
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Lab } from './lab.ts';

const NODE = new URL('../../node_modules/.bin/node', import.meta.url).pathname;
const tool = (name: string): string => new URL(`./adverse/${name}.ts`, import.meta.url).pathname;
const ADDRESS = '192.0.2.10';
const SECONDS = 4;
const RATE = 100_000;

interface Asked {
  requests: number;
  connections: number;
  failures: number;
  requestUs: { p50: number; p99: number; max: number };
  connectUs: { p50: number; p99: number; max: number };
}

let lab: Lab;
beforeEach(() => {
  lab = new Lab();
});
afterEach(async () => {
  await lab.close();
});

async function asked(): Promise<Asked> {
  const flags = ['--host', ADDRESS, '--seconds', String(SECONDS)];
  const { stdout, stderr } = await lab.exec(lab.client, [NODE, tool('asker'), ...flags]);
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Asked;
}

/** Kilobytes of memory that the process and its threads have resident. */
function residentKb(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

describe.each(['packet', 'xdp'])('a SYN flood on --io %s', (io) => {
  it('leaves a working client its answers, and the server its memory', async () => {
    const server = await lab.serve(lab.server, '--io', io, '--iface', 'far0', '--ip', `${ADDRESS}/24`);
    const quiet = await asked();
    const pid = server.child.pid;
    const beforeKb = residentKb(pid);
    const link = await lab.exec(lab.server, ['cat', '/sys/class/net/far0/address']);
    const flags = ['--iface', 'near0', '--to', ADDRESS, '--mac', link.stdout.trim()];
    const flood = lab.exec(lab.client, [
      NODE,
      tool('syn-flood'),
      ...flags,
      ...['--rate', String(RATE), '--seconds', String(SECONDS + 1)],
    ]);
    const flooded = await asked();
    const { stdout, stderr } = await flood;
    expect(stderr).toBe('');
    const { sent } = JSON.parse(stdout) as { sent: number };
    console.log(`--io ${io}: ${sent} forged SYNs; request p99 ${quiet.requestUs.p99} → ${flooded.requestUs.p99} µs`);
    console.log(JSON.stringify({ quiet, flooded }));
    expect(sent).toBeGreaterThan(RATE); // the machine may be busy: not all of them, but a flood
    expect([quiet.failures, flooded.failures]).toEqual([0, 0]);
    expect(flooded.requests).toBeGreaterThan(100);
    expect(flooded.connections).toBeGreaterThan(1);
    expect(residentKb(pid) - beforeKb).toBeLessThan(64 << 10);
    expect(await server.stop()).toBe(0);
  });
});
