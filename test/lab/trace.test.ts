/**
 * tcp-trace on real interfaces: its labels against tshark's on captures of the kernel's TCP and of ours over a lossy relay, and
 * the running server followed from inside.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TraceEvent } from '../../src/lib/trace/model.ts';
import { compareWithTshark } from '../trace/wireshark.ts';
import { Lab } from './lab.ts';
import { RelayLab } from './relay/lab.ts';
import type { EndKind } from './relay/protocol.ts';

const RTCP = new URL('../../bin/rtcp', import.meta.url).pathname;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'rtcp-trace-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A program in a namespace, and what it has printed. */
class Program {
  output = '';
  errors = '';
  private readonly child: ChildProcess;

  constructor(namespace: string, ...command: string[]) {
    this.child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (chunk: Buffer) => {
      this.output += chunk.toString();
    });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
  }

  /** Until it says this on stderr. */
  async says(text: string | RegExp): Promise<void> {
    const untilMs = Date.now() + 20_000;
    while (this.errors.search(text) < 0) {
      if (Date.now() > untilMs || this.child.exitCode !== null)
        throw new Error(`it does not say ${text}: ${this.errors}`);
      await sleep(20);
    }
  }

  async stop(name: NodeJS.Signals = 'SIGINT'): Promise<number | null> {
    if (this.child.exitCode === null) {
      const ended = new Promise((resolve) => this.child.once('close', resolve));
      this.child.kill(name);
      await ended;
    }
    return this.child.exitCode;
  }
}

describe('labels agree with tshark, over a relay that loses', () => {
  let lab: RelayLab;
  beforeAll(() => {
    lab = new RelayLab();
  });
  afterAll(async () => await lab.close());

  const PAIRS: [EndKind, EndKind, loss: number][] = [
    ['kernel', 'kernel', 0.01],
    ['kernel', 'kernel', 0.05],
    ['kernel', 'rtcp', 0.02],
    ['rtcp', 'kernel', 0.02],
  ];

  it.each(PAIRS)('%s to %s, loss %f', async (a, b, loss) => {
    await lab.setConditions({ loss, delayUs: 3000, bitsPerSecond: 0, queueBytes: 0, seed: 7 });
    const captures = (['a', 'b'] as const).map((side) => join(folder, `${a}-${b}-${loss}-${side}.pcap`));
    const dumps = (['a', 'b'] as const).map(
      (side, i) => new Program(lab.namespaceOf(side), 'tcpdump', '-i', 'end0', '-s', '128', '-w', captures[i], 'tcp'),
    );
    await Promise.all(dumps.map((dump) => dump.says('listening on')));
    await lab.transfer(a, b, 'a', 2 << 20, 60);
    await sleep(300);
    await Promise.all(dumps.map((dump) => dump.stop()));
    const compared = captures.map((capture) => compareWithTshark(readFileSync(capture)));
    expect(compared.map(({ disagreements }) => disagreements)).toEqual([[], []]);
    const labels = compared.flatMap((comparison) => [...comparison.labels]);
    expect(labels).toContain('lost-segment'); // the line was as bad as it should be
  });
});

describe('a running server', () => {
  let lab: Lab;
  beforeEach(() => {
    lab = new Lab();
  });
  afterEach(async () => await lab.close());

  const own = ['--iface', 'far0', '--ip', '192.0.2.10/24'];
  const cli = async (...command: string[]): Promise<string> =>
    (await lab.exec(lab.client, ['redis-cli', '-h', '192.0.2.10', ...command])).stdout;

  it('is followed from inside, and from the wire, with the same segments', { timeout: 60_000 }, async () => {
    const file = join(folder, 'inside.ndjson');
    const server = await lab.serve(lab.server, ...own, '--trace', file);
    const wire = new Program(lab.client, RTCP, 'tcp-trace', '--iface', 'near0', '--json');
    await wire.says('watching near0');
    await sleep(300);
    await cli('SET', 'user:1', 'hello');
    await cli('GET', 'user:1');
    await sleep(200);
    expect(await wire.stop()).toBe(0);
    await server.stop();
    const segments = (text: string): string[] =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as TraceEvent)
        .filter((event) => event.kind === 'segment')
        .map(({ from, flags, seq, ack, commands }) => `${from} ${flags} ${seq} ${ack} ${commands.join()}`);
    const inside = segments(readFileSync(file, 'utf8'));
    expect(inside).toEqual(segments(wire.output));
    expect(inside.some((line) => line.endsWith('→ $5 (GET user:1)'))).toBe(true);
  });

  it('lets its owner attach while it runs', { timeout: 60_000 }, async () => {
    const socket = join(folder, 'trace.sock');
    const server = await lab.serve(lab.server, ...own, '--trace-socket', socket);
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    const attached = new Program(lab.server, RTCP, 'tcp-trace', '--attach', socket);
    await attached.says(/attached to 192\.0\.2\.10:6379/);
    await cli('SET', 'user:1', 'hello');
    await lab.exec(lab.client, [
      'redis-benchmark',
      '-h',
      '192.0.2.10',
      '-n',
      '20000',
      '-c',
      '20',
      '-P',
      '8',
      '-q',
      '-t',
      'set',
    ]);
    await sleep(300);
    expect(await attached.stop()).toBe(0);
    expect(attached.output).toMatch(/→ PSH ACK 1:\d+ ack 1 (win \d+ )?· SET user:1 hello/);
    expect(attached.output).toContain('server SYN-RECEIVED → ESTABLISHED: ACK received');
    expect(attached.output).toMatch(/^\d+ frames, 22 connections$/m);
    expect(await cli('GET', 'user:1')).toBe('hello\n');
    await server.stop();
    expect(existsSync(socket)).toBe(false);
  });

  it('writes packets with comments that Wireshark shows', { timeout: 60_000 }, async () => {
    const file = join(folder, 'inside.pcapng');
    const server = await lab.serve(lab.server, ...own, '--trace', file);
    await cli('SET', 'user:1', 'hello');
    await server.stop();
    const shown = execFileSync('tshark', ['-r', file, '-T', 'fields', '-e', 'frame.comment', '-e', '_ws.col.Info'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(shown).toMatch(/SET user:1 hello.*\t.*set user:1 hello/i);
    expect(shown).toContain('server: SYN-RECEIVED → ESTABLISHED: ACK received');
  });

  it('ends after so many frames, and says what a capture that is damaged lacks', { timeout: 60_000 }, async () => {
    const trace = lab.exec(lab.client, [RTCP, 'tcp-trace', '--iface', 'near0', '-c', '5', '--duration', '20s', '-q']);
    await sleep(1500);
    await lab.exec(lab.client, ['ping', '-c', '6', '-i', '0.1', '192.0.2.2']);
    expect(await trace).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^5 frames, 0 connections; not followed: /m),
    });
    const damaged = await lab.exec(lab.client, [RTCP, 'tcp-trace', '--pcap', RTCP]);
    expect(damaged).toMatchObject({ code: 1, stderr: expect.stringMatching(/not a capture.*at byte 0/) });
  });
});
