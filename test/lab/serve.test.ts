/** `rtcp serve` with real kernels and real clients at the other end, over every --io. */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NEEDED_CAPABILITIES } from '../../src/lib/native/capabilities.ts';
import { Lab, Server, traces } from './lab.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const NODE = new URL('../../node_modules/.bin/node', import.meta.url).pathname;
const CLIENTS = new URL('../interop/clients.mjs', import.meta.url).pathname;

let lab: Lab;
beforeEach(() => {
  lab = new Lab();
});
afterEach(async () => {
  await lab.close();
});

interface Way {
  name: string;
  flags: string[];
  /** Where the server runs and where its clients do. */
  from: (lab: Lab) => string;
  host: string;
  /** An address of our own: ping and arping are answered by us. */
  own?: { device: string };
}

const WAYS: Way[] = [
  { name: 'nothing said: lo taken over', flags: [], from: (l) => l.server, host: '127.0.0.1' },
  {
    name: '--io xdp, an address of its own',
    flags: ['--io', 'xdp', '--iface', 'far0', '--ip', '192.0.2.10/24'],
    from: (l) => l.client,
    host: '192.0.2.10',
    own: { device: 'near0' },
  },
  {
    name: '--io packet',
    flags: ['--io', 'packet', '--iface', 'far0', '--ip', '192.0.2.10/24'],
    from: (l) => l.client,
    host: '192.0.2.10',
    own: { device: 'near0' },
  },
  {
    name: '--io tap',
    flags: ['--io', 'tap', '--ip', '198.51.100.2/24'],
    from: (l) => l.server,
    host: '198.51.100.2',
    own: { device: 'rtcp0' },
  },
  {
    name: "--takeover of the host's port",
    flags: ['--iface', 'far0', '--takeover'],
    from: (l) => l.client,
    host: '192.0.2.2',
  },
  { name: '--io socket', flags: ['--io', 'socket', '--bind', '0.0.0.0'], from: (l) => l.client, host: '192.0.2.2' },
];

async function cli(namespace: string, host: string, ...words: string[]): Promise<string> {
  return (await lab.exec(namespace, ['redis-cli', '-h', host, ...words])).stdout.trimEnd();
}

describe.each(WAYS)('$name', ({ flags, from, host, own }) => {
  it('serves redis-cli, redis-benchmark, ioredis and node-redis, and leaves nothing behind', async () => {
    const before = await traces(lab, lab.server);
    const server: Server = await lab.serve(lab.server, ...flags);
    const namespace = from(lab);

    if (own) {
      const ping = await lab.exec(namespace, ['ping', '-c', '3', '-i', '0.05', '-s', '1400', host]);
      expect(ping.stdout).toContain('3 received');
      const large = await lab.exec(namespace, ['ping', '-c', '2', '-i', '0.05', '-s', '20000', host]);
      expect(large.stdout).toContain('2 received');
      const arping = await lab.exec(namespace, ['arping', '-c', '2', '-I', own.device, host]);
      expect(arping.stdout + arping.stderr).toMatch(/2 packets received|Received 2 response/);
    }

    expect(await cli(namespace, host, 'SET', 'a', 'b')).toBe('OK');
    expect(await cli(namespace, host, 'GET', 'a')).toBe('b');
    expect(await cli(namespace, host, 'INFO')).toMatch(/redis_version:7\.2\.4\r?\n/);

    const bench = await lab.exec(namespace, [
      ...['redis-benchmark', '-h', host, '-q', '-n', '20000', '-c', '20', '-P', '8', '-d', '200', '-r', '1000'],
      ...['-t', 'ping,set,get,incr,mset'],
    ]);
    expect(bench.code, bench.stderr).toBe(0);
    expect(bench.stdout.match(/requests per second/g)?.length).toBeGreaterThanOrEqual(5);

    const clients = await lab.exec(namespace, [NODE, CLIENTS, host, '6379'], 100_000);
    expect(clients.code, clients.stderr).toBe(0);
    expect(JSON.parse(clients.stdout)).toEqual({
      ioredis: {
        values: { 0: true, 1: true, 1460: true, 65536: true, 67108864: true },
        counter: 2000,
        ordered: true,
      },
      nodeRedis: { get: 'wert', ttl: 100, info: true, scanned: 500 },
      connections: 1000,
    });

    expect(await server.stop()).toBe(0);
    expect(await traces(lab, lab.server)).toBe(before);
  });
});

describe('starting and stopping', () => {
  it('answers with a SYN,ACK of our own on lo: the kernel has no listener', async () => {
    await lab.serve(lab.server);
    const capture = lab.exec(lab.server, [
      'timeout',
      '5',
      'tcpdump',
      '-nni',
      'lo',
      '-c',
      '2',
      'tcp[tcpflags] & tcp-syn != 0',
    ]);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await cli(lab.server, '127.0.0.1', 'PING')).toBe('PONG');
    expect((await capture).stdout).toMatch(/127\.0\.0\.1\.6379 > 127\.0\.0\.1\.\d+: Flags \[S\.\]/);
    expect((await lab.exec(lab.server, ['ss', '-Htln'])).stdout).not.toContain(':6379');
  });

  it('after kill -9 nothing blocks the port, the next start works, and the sysctl goes back to what it was', async () => {
    const before = await traces(lab, lab.server);
    const killed = await lab.serve(lab.server);
    killed.child.kill('SIGKILL');
    await new Promise((resolve) => killed.child.once('exit', resolve));
    const refused = await lab.exec(lab.server, ['redis-cli', 'PING']);
    expect(refused.stdout + refused.stderr).toMatch(/refused/i);
    const next = await lab.serve(lab.server);
    expect(await cli(lab.server, '127.0.0.1', 'PING')).toBe('PONG');
    expect(await next.stop('SIGINT')).toBe(0);
    expect(await traces(lab, lab.server)).toBe(before);
  });

  it('refuses with the cause and the mend when somebody already listens', async () => {
    await lab.serve(lab.server, '--io', 'socket');
    const second = await lab.exec(lab.server, ['./bin/rtcp', 'serve']);
    expect(second.code).toBe(2);
    expect(second.stderr).toMatch(/6379/);
    expect(second.stderr.trim().split('\n').length).toBeLessThanOrEqual(3);
  });

  it('writes what passed into --pcap, in both directions, with checksums that tshark finds right', async () => {
    const file = `/tmp/rtcp-serve-${process.pid}.pcapng`;
    const server = await lab.serve(lab.server, '--pcap', file);
    expect(await cli(lab.server, '127.0.0.1', 'SET', 'pcap', 'x'.repeat(5000))).toBe('OK');
    expect(await server.stop()).toBe(0);
    const fields = [
      '-T',
      'fields',
      '-e',
      'frame.packet_flags_direction',
      '-e',
      'tcp.checksum.status',
      '-e',
      'resp.bulk_string.value',
    ];
    const read = await lab.exec(lab.server, [
      'tshark',
      '-r',
      file,
      '-o',
      'tcp.check_checksum:TRUE',
      '-Y',
      'tcp',
      ...fields,
    ]);
    rmSync(file);
    const rows = read.stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
    expect(new Set(rows.map(([direction]) => direction))).toEqual(new Set(['0x00000001', '0x00000002']));
    expect(rows.filter(([, checksum]) => checksum !== '1')).toEqual([]);
  });

  it('finishes replies and closes with FIN on SIGTERM', async () => {
    const server = await lab.serve(lab.server, '--io', 'xdp', '--iface', 'far0', '--ip', '192.0.2.10/24');
    const script = `
      const s = require('net').connect(6379, '192.0.2.10', () => s.write('SET k ' + 'x'.repeat(50000) + '\\r\\n' + 'GET k\\r\\n'.repeat(40)));
      let n = 0, error = '';
      s.on('data', (d) => { if (n === 0) console.error('first'); n += d.length; });
      s.on('error', (e) => { error = e.code; });
      s.on('end', () => console.log(JSON.stringify({ n, error, end: true })));
      s.on('close', () => setTimeout(() => process.exit(0), 50));`;
    const client = lab.exec(lab.client, [NODE, '-e', script]);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(await server.stop()).toBe(0);
    const seen = JSON.parse((await client).stdout);
    expect(seen).toEqual({ n: 5 + 40 * (50_000 + 10), error: '', end: true });
  });

  it.each([
    ['our own stack', []],
    ['kernel sockets', ['--io', 'socket']],
  ])('a client that stays connected does not hold up the stop: %s', async (_name, flags) => {
    const server = await lab.serve(lab.server, ...flags);
    const prompt = spawn('ip', ['netns', 'exec', lab.server, 'redis-cli'], { stdio: ['pipe', 'pipe', 'ignore'] });
    try {
      prompt.stdin.write('PING\n'); // and then it waits at its prompt
      await new Promise((resolve) => prompt.stdout.once('data', resolve));
      const sinceMs = Date.now();
      expect(await server.stop('SIGINT')).toBe(0);
      expect(Date.now() - sinceMs).toBeLessThan(2_500); // to drain, who owes something may take 3 s
    } finally {
      prompt.kill();
    }
  });

  it('needs no root: the capabilities that doctor names are enough, and leave nothing behind', async () => {
    const before = await traces(lab, lab.server);
    const capabilities = NEEDED_CAPABILITIES.split(',').map((name) => `+${name.replace('cap_', '')}`);
    const raised = ['--inh-caps', capabilities.join(','), '--ambient-caps', capabilities.join(',')];
    const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', ...raised];
    const namespace = ['ip', 'netns', 'exec', lab.server];
    const child = spawn(namespace[0], [...namespace.slice(1), ...nobody, './bin/rtcp', 'serve'], { cwd: ROOT });
    const server = new Server(child);
    try {
      await server.ready();
      expect(server.output).toContain('our own TCP/IP stack (xdp on lo)');
      expect(await cli(lab.server, '127.0.0.1', 'PING')).toBe('PONG');
    } finally {
      await server.stop();
    }
    expect(await traces(lab, lab.server)).toBe(before);
  });
});
