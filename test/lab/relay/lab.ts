/**
 * Two hosts and the relay between them, each in a network namespace of its own; a process for each TCP at each end, and one for
 * the relay. All of it is gone after close().
 *
 *   ┌ rtrl-PID-N-a ──────────────┐   ┌ rtrl-PID-N-r ──────────┐   ┌ rtrl-PID-N-b ──────────────┐
 *   │ kernel 192.0.2.1  ┐        │   │                        │   │        ┌ kernel 192.0.2.2  │
 *   │                   ├─ end0 ─│───│─ near0 ─ relay ─ far0 ─│───│─ end0 ─┤                   │
 *   │ rtcp   192.0.2.11 ┘        │   │                        │   │        └ rtcp   192.0.2.12 │
 *   └────────────────────────────┘   └────────────────────────┘   └────────────────────────────┘
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { EndKind, Outcome, Ready, RelayConditions, RelayReport, Transfer } from './protocol.ts';

const NODE = new URL('../../../node_modules/.bin/node', import.meta.url).pathname;
const HERE = new URL('.', import.meta.url).pathname;
const PREFIX = 'rtrl';
const PORT = 5001;
const SUBNET = '192.0.2.0/24';
/** How long a process may take to answer what should be immediate. */
const PROMPT_MS = 20_000;
let labs = 0;

export type Side = 'a' | 'b';

export interface Transferred {
  readonly sender: Outcome;
  readonly receiver: Outcome;
}

type Message = Ready | Outcome | RelayReport;

/** A child that is told things and answers, line by line. */
class Resident {
  private readonly child: ChildProcess;
  private readonly name: string;
  private readonly messages: Message[] = [];
  private waiting: (() => void) | null = null;
  private errors = '';

  constructor(namespace: string, script: string, ...args: string[]) {
    this.name = `${script} in ${namespace}`;
    this.child = spawn('ip', ['netns', 'exec', namespace, NODE, `${HERE}${script}`, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.messages.push(JSON.parse(line));
      this.waiting?.();
    });
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
    this.child.once('exit', () => this.waiting?.());
  }

  tell(command: Transfer | RelayConditions): void {
    this.child.stdin!.write(`${JSON.stringify(command)}\n`);
  }

  /** The next message of this kind, for at most so long. */
  async hear<K extends Message['kind']>(kind: K, limitMs = PROMPT_MS): Promise<Extract<Message, { kind: K }>> {
    const untilMs = performance.now() + limitMs;
    for (;;) {
      const at = this.messages.findIndex((message) => message.kind === kind);
      if (at >= 0) return this.messages.splice(at, 1)[0] as Extract<Message, { kind: K }>;
      const leftMs = untilMs - performance.now();
      if (this.child.exitCode !== null) throw new Error(`${this.name} ended:\n${this.errors}`);
      if (leftMs <= 0) throw new Error(`${this.name} said no "${kind}" in ${limitMs} ms\n${this.errors}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.waiting = null;
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill('SIGKILL');
    await ended;
  }
}

export interface RelayLabOptions {
  /** Of the kernel's TCP at both ends. */
  readonly congestionControl?: string;
  /** Settings of our TCP at both ends, by TcpConfig's names. */
  readonly tcp?: Readonly<Record<string, unknown>>;
}

export class RelayLab {
  private readonly namespaces: readonly string[];
  private readonly residents: Resident[] = [];
  private readonly relay: Resident;
  private readonly ends: Record<Side, Record<EndKind, Resident>>;

  constructor(options: RelayLabOptions = {}) {
    const name = `${PREFIX}-${process.pid}-${labs++}`;
    const [a, r, b] = ['a', 'r', 'b'].map((letter) => `${name}-${letter}`);
    this.namespaces = [a, r, b];
    try {
      buildNetwork(a, r, b, options.congestionControl ?? 'cubic');
    } catch (error) {
      removeNamespaces(this.namespaces);
      throw error;
    }
    const settings = JSON.stringify(options.tcp ?? {});
    this.relay = this.start(r, 'relay.ts', 'near0', 'far0');
    this.ends = {
      a: { kernel: this.start(a, 'kernel-end.ts'), rtcp: this.start(a, 'rtcp-end.ts', 'end0', '192.0.2.11', settings) },
      b: { kernel: this.start(b, 'kernel-end.ts'), rtcp: this.start(b, 'rtcp-end.ts', 'end0', '192.0.2.12', settings) },
    };
  }

  private start(namespace: string, script: string, ...args: string[]): Resident {
    const resident = new Resident(namespace, script, ...args);
    this.residents.push(resident);
    return resident;
  }

  /** Where an end lives, for those who watch its interface end0. */
  namespaceOf(side: Side): string {
    return this.namespaces[side === 'a' ? 0 : 2];
  }

  /** Sets the relay's conditions; what it did under those before. */
  async setConditions(conditions: RelayConditions): Promise<RelayReport> {
    this.relay.tell(conditions);
    return await this.relay.hear('relay');
  }

  /** `a` connects to `b`, and one of them sends. */
  async transfer(a: EndKind, b: EndKind, sender: Side, bytes: number, limitSeconds: number): Promise<Transferred> {
    const connecting = this.ends.a[a];
    const listening = this.ends.b[b];
    const address = b === 'kernel' ? '192.0.2.2' : '192.0.2.12';
    const common = { port: PORT, address, bytes, limitSeconds };
    listening.tell({ ...common, role: 'listen', side: sender === 'b' ? 'send' : 'receive' });
    await listening.hear('ready');
    connecting.tell({ ...common, role: 'connect', side: sender === 'a' ? 'send' : 'receive' });
    const limitMs = limitSeconds * 1000 + PROMPT_MS;
    const [ofA, ofB] = await Promise.all([connecting.hear('outcome', limitMs), listening.hear('outcome', limitMs)]);
    return sender === 'a' ? { sender: ofA, receiver: ofB } : { sender: ofB, receiver: ofA };
  }

  async close(): Promise<void> {
    await Promise.all(this.residents.map((resident) => resident.stop()));
    removeNamespaces(this.namespaces);
  }
}

function removeNamespaces(namespaces: readonly string[]): void {
  const existing = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' });
  for (const namespace of namespaces) if (existing.includes(namespace)) ip('netns', 'del', namespace);
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function buildNetwork(a: string, r: string, b: string, congestionControl: string): void {
  for (const namespace of [a, r, b]) {
    ip('netns', 'add', namespace);
    ip('netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    ip('netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1');
  }
  for (const [end, device, address] of [
    [a, 'near0', '192.0.2.1/24'],
    [b, 'far0', '192.0.2.2/24'],
  ]) {
    ip('-n', r, 'link', 'add', device, 'type', 'veth', 'peer', 'name', 'end0', 'netns', end);
    ip('-n', r, 'link', 'set', device, 'up');
    ip('-n', end, 'addr', 'add', address, 'dev', 'end0');
    ip('-n', end, 'link', 'set', 'end0', 'up');
    ip('-n', end, 'link', 'set', 'lo', 'up');
    // By route: a namespace may not choose what the host does not list as allowed.
    ip(
      '-n',
      end,
      'route',
      'replace',
      SUBNET,
      'dev',
      'end0',
      'src',
      address.split('/')[0],
      'congctl',
      congestionControl,
    );
    // What an earlier connection to the same host learned must not help or hinder the next one.
    ip('netns', 'exec', end, 'sysctl', '-qw', 'net.ipv4.tcp_no_metrics_save=1');
  }
}
