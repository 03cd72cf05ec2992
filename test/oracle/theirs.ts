/**
 * Their side of the oracle: a redis-server of its own on a unix socket, and connections to it. Replies are asked for by
 * number: as many as ours gave, so that nothing has to be known about how many replies a command has.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encode } from './ours.ts';
import { splitValues } from './value.ts';

const START_TIMEOUT_MS = 10_000;
const RETRY_MS = 25;
/** A reply that doesn't come in this time does not come. */
const PATIENCE_MS = 3000;

export class Connection {
  closed = false;
  /** CLIENT ID */
  id = '';
  patienceMs = PATIENCE_MS;
  private readonly socket: Socket;
  private data = '';
  private values: string[] = [];
  private wake: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.data += chunk.toString('latin1');
      this.wake?.();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.wake?.();
    });
  }

  send(commands: readonly (readonly string[])[]): void {
    this.socket.write(Buffer.from(commands.map(encode).join(''), 'latin1'));
  }

  /** The next `count` values; fewer when they don't come. */
  async take(count: number): Promise<string[]> {
    const untilMs = Date.now() + this.patienceMs;
    for (;;) {
      this.split();
      if (this.values.length >= count || this.closed) break;
      const leftMs = untilMs - Date.now();
      if (leftMs <= 0) break;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = null;
    }
    return this.values.splice(0, count);
  }

  /** What has come and nobody asked for. */
  rest(): string[] {
    this.split();
    return this.values.splice(0);
  }

  async run(commands: readonly (readonly string[])[]): Promise<string[]> {
    this.send(commands);
    return this.take(commands.length);
  }

  close(): void {
    this.socket.destroy();
  }

  private split(): void {
    if (this.data === '') return;
    const { values, used } = splitValues(this.data);
    this.values.push(...values);
    this.data = this.data.slice(used);
  }
}

export class Theirs {
  private readonly directory: string;
  private readonly process: ChildProcess;

  private constructor(directory: string, process: ChildProcess) {
    this.directory = directory;
    this.process = process;
  }

  static async start(): Promise<Theirs> {
    const directory = mkdtempSync(join(tmpdir(), 'rtcp-oracle-'));
    const args = ['--port', '0', '--unixsocket', join(directory, 'redis.sock'), '--dir', directory, '--save', ''];
    const child = spawn('redis-server', [...args, '--appendonly', 'no', '--enable-debug-command', 'yes'], {
      stdio: 'ignore',
    });
    const theirs = new Theirs(directory, child);
    const untilMs = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const connection = await theirs.tryConnect();
      connection?.close();
      if (connection !== null) return theirs;
      if (Date.now() > untilMs || child.exitCode !== null) throw new Error('redis-server did not start');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async connect(): Promise<Connection> {
    const connection = await this.tryConnect();
    if (connection === null) throw new Error('redis-server takes no connections: it crashed?');
    const [id] = await connection.run([['CLIENT', 'ID']]);
    connection.id = id.slice(1, -2);
    return connection;
  }

  async stop(): Promise<void> {
    const ended = this.process.exitCode !== null || new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }

  private tryConnect(): Promise<Connection | null> {
    return new Promise((resolve) => {
      const socket = connect(join(this.directory, 'redis.sock'));
      socket.once('connect', () => resolve(new Connection(socket)));
      socket.once('error', () => resolve(null));
    });
  }
}
