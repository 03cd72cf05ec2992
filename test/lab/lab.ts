/**
 * A lab: two network namespaces joined by a veth pair, and servers and tools started in them; everything is ended and removed
 * by close().
 *
 *   ┌ rtcpt-PID-N-c ───────────────┐            ┌ rtcpt-PID-N-s ───────────────┐
 *   │ near0 192.0.2.1/24           │─── veth ───│ far0 192.0.2.2/24   (server) │   192.0.2.10 is free for a stack of our own
 *   └──────────────────────────────┘            └──────────────────────────────┘
 */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = new URL('../../', import.meta.url).pathname;
const READY_MS = 15_000;
let labs = 0;

export interface Output {
  stdout: string;
  stderr: string;
  code: number;
}

export class Lab {
  readonly client: string;
  readonly server: string;
  private readonly children: ChildProcess[] = [];

  constructor() {
    const name = `rtcpt-${process.pid}-${labs++}`;
    this.client = `${name}-c`;
    this.server = `${name}-s`;
    const ip = (...args: string[]): void => void execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    ip('netns', 'add', this.client);
    ip('netns', 'add', this.server);
    ip('-n', this.client, 'link', 'add', 'near0', 'type', 'veth', 'peer', 'name', 'far0', 'netns', this.server);
    ip('-n', this.client, 'addr', 'add', '192.0.2.1/24', 'dev', 'near0');
    ip('-n', this.server, 'addr', 'add', '192.0.2.2/24', 'dev', 'far0');
    for (const [namespace, device] of [
      [this.client, 'near0'],
      [this.client, 'lo'],
      [this.server, 'far0'],
      [this.server, 'lo'],
    ]) {
      ip('netns', 'exec', namespace, 'sysctl', '-qw', `net.ipv6.conf.${device}.disable_ipv6=1`);
      ip('-n', namespace, 'link', 'set', device, 'up');
    }
  }

  /** Runs a program in a namespace; a non-zero exit is a result, not an exception. */
  async exec(namespace: string, command: string[], timeoutMs = 60_000): Promise<Output> {
    try {
      const { stdout, stderr } = await run('ip', ['netns', 'exec', namespace, ...command], {
        timeout: timeoutMs,
        maxBuffer: 1 << 26,
        cwd: ROOT,
      });
      return { stdout, stderr, code: 0 };
    } catch (error) {
      const { stdout = '', stderr = '', code = -1 } = error as { stdout?: string; stderr?: string; code?: number };
      return { stdout, stderr, code };
    }
  }

  /** Starts `rtcp serve` in a namespace and waits until it says that it serves. */
  async serve(namespace: string, ...flags: string[]): Promise<Server> {
    const child = spawn('ip', ['netns', 'exec', namespace, './bin/rtcp', 'serve', ...flags], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.children.push(child);
    const server = new Server(child);
    await server.ready();
    return server;
  }

  async close(): Promise<void> {
    for (const child of this.children) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await new Promise((resolve) => child.once('exit', resolve));
      }
    }
    for (const namespace of [this.client, this.server]) execFileSync('ip', ['netns', 'del', namespace]);
  }
}

export class Server {
  readonly child: ChildProcess;
  /** Everything that it printed. */
  output = '';

  constructor(child: ChildProcess) {
    this.child = child;
    const collect = (chunk: Buffer): void => {
      this.output += chunk.toString();
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
  }

  async ready(): Promise<void> {
    const until = Date.now() + READY_MS;
    while (!this.output.includes('Ready to accept connections')) {
      if (this.child.exitCode !== null)
        throw new Error(`rtcp serve ended with ${this.child.exitCode}:\n${this.output}`);
      if (Date.now() > until) throw new Error(`rtcp serve is not ready after ${READY_MS} ms:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Sends a signal and waits for the end; the exit code (or the signal's name). */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string> {
    const ended = new Promise<number | string>((resolve) => {
      this.child.once('exit', (code, name) => resolve(code ?? name ?? -1));
    });
    if (this.child.exitCode !== null) return this.child.exitCode;
    this.child.kill(signal);
    return await ended;
  }
}

/** What a server might leave behind in a namespace: devices, BPF programs on them, rules, sysctls. */
export async function traces(lab: Lab, namespace: string): Promise<string> {
  const parts = await Promise.all([
    lab.exec(namespace, ['ip', '-o', '-d', 'link']),
    lab.exec(namespace, ['ip', '-o', 'addr']),
    lab.exec(namespace, ['sysctl', 'net.ipv4.conf.lo.route_localnet', 'net.ipv4.conf.lo.accept_local']),
    lab.exec(namespace, ['ss', '-Htlpn']),
  ]);
  // Whether the carrier is up yet, and reference counts, are not what is compared.
  const passing = /NO-CARRIER,|,LOWER_UP| state \w+| (qlen|promiscuity|allmulti|numtxqueues|numrxqueues) \d+/g;
  return parts.map((part) => part.stdout.replace(passing, '')).join('\n');
}
