/**
 * The kernel as a peer: a network namespace of its own, and a process in it (kernel-peer.py) whose sockets are worked from
 * here. Both are gone when stop() is called or this process ends, however it ends.
 *
 *   const socket = await peer.connect('192.0.2.2', 7);   await socket.send('hello');   await socket.recv(5);
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const PROGRAM = new URL('./kernel-peer.py', import.meta.url).pathname;
const WHOLE = 65_536;

/** What both ends of a connection can do, ours and the kernel's, so that a scenario may be told with either in either role. */
export interface Socket {
  send(text: string): Promise<void>;
  /** The next bytes of the stream in which byte n is n mod 251, at most `step` with each call. */
  sendPattern(bytes: number, step?: number): Promise<void>;
  /** So many bytes as text; fewer at the end of the stream only. */
  recv(bytes: number): Promise<string>;
  /** Takes so many bytes of the pattern, or fewer at the end of the stream; how many. Other bytes are an error. */
  recvPattern(bytes: number, step?: number): Promise<number>;
  /** Ends our direction. */
  shutdown(): Promise<void>;
  /** Neither reads nor writes any more. */
  close(): Promise<void>;
  abort(): Promise<void>;
}

/** By the names of socket(7), ip(7) and tcp(7): an integer, several, or bytes in hexadecimal. */
export type SocketOptions = Readonly<Record<string, number | readonly number[] | string>>;

export class KernelSocket implements Socket {
  readonly peer: KernelPeer;
  private readonly number: number;

  constructor(peer: KernelPeer, number: number) {
    this.peer = peer;
    this.number = number;
  }

  async accept(): Promise<KernelSocket> {
    return new KernelSocket(this.peer, await this.peer.call('accept', this.number));
  }

  /** As a listener: echoes on so many connections until they end. */
  echo(connections: number): Promise<number> {
    return this.peer.call('echo', this.number, connections);
  }

  option(name: string, value: number | readonly number[]): Promise<void> {
    return this.peer.call('option', this.number, name, value);
  }

  send(text: string): Promise<void> {
    return this.peer.call('send', this.number, text);
  }

  /** The last byte is urgent. */
  async sendUrgent(text: string): Promise<void> {
    await this.peer.call('send', this.number, text, true);
  }

  async sendPattern(bytes: number, step = WHOLE): Promise<void> {
    await this.peer.call('send_pattern', this.number, bytes, step);
  }

  recv(bytes: number): Promise<string> {
    return this.peer.call('recv', this.number, bytes);
  }

  recvPattern(bytes: number, step = WHOLE): Promise<number> {
    return this.peer.call('recv_pattern', this.number, bytes, step);
  }

  shutdown(): Promise<void> {
    return this.peer.call('shutdown', this.number);
  }

  close(): Promise<void> {
    return this.peer.call('close', this.number);
  }

  async abort(): Promise<void> {
    await this.option('SO_LINGER', [1, 0]);
    await this.close();
  }
}

interface Waiting {
  readonly name: string;
  readonly resolve: (value: never) => void;
  readonly reject: (error: Error) => void;
}

export class KernelPeer {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private calls = 0;
  private errors = '';
  /** Of the process, which `ip link … netns` takes as the name of its namespace. */
  readonly ready: Promise<number>;

  constructor() {
    this.child = spawn('unshare', ['-n', 'python3', PROGRAM], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.ready = new Promise((resolve, reject) => this.waiting.set(0, { name: 'start', resolve, reject }));
    createInterface({ input: this.child.stdout! }).on('line', (line) => this.take(JSON.parse(line)));
    this.child.stderr!.on('data', (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
    this.child.once('exit', () => {
      for (const { name, reject } of this.waiting.values())
        reject(new Error(`the peer ended in ${name}\n${this.errors}`));
    });
  }

  private take([number, value, error]: [number, never, string?]): void {
    const waiting = this.waiting.get(number);
    this.waiting.delete(number);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(`${waiting.name}: ${error}`));
  }

  /** A function of kernel-peer.py; fails with errno's name. */
  call<T>(name: string, ...args: unknown[]): Promise<T> {
    const number = ++this.calls;
    return new Promise((resolve, reject) => {
      this.waiting.set(number, { name, resolve, reject });
      this.child.stdin!.write(`${JSON.stringify([number, name, ...args])}\n`);
    });
  }

  async connect(address: string, port: number, localPort = 0, options: SocketOptions = {}): Promise<KernelSocket> {
    return new KernelSocket(this, await this.call('connect', address, port, localPort, options));
  }

  async listen(port: number, backlog = 16, options: SocketOptions = {}): Promise<KernelSocket> {
    return new KernelSocket(this, await this.call('listen', port, backlog, options));
  }

  /** Runs a program in the namespace; its output. */
  run(command: string): Promise<string> {
    return this.call('run', ...command.split(' '));
  }

  /** `ipv4/tcp_sack`, 0 */
  sysctl(name: string, value: number | string): Promise<void> {
    return this.call('sysctl', name, value);
  }

  counters(): Promise<Record<string, number>> {
    return this.call('counters');
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stdin!.end();
    await ended;
  }
}
