/**
 * A redis-server for comparison: started on a Unix socket in a directory of its own, fed with pipelined commands, and asked
 * for its own statistics. Ended by its process when the comparison is over, whatever happened.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandError } from '../cli/command-error.ts';

const START_TIMEOUT_MS = 10_000;
const RETRY_MS = 20;
const MARKER = 'end-of-what-was-asked';
const MARKER_REPLY = `$${MARKER.length}\r\n${MARKER}\r\n`;

export class RedisServer {
  private readonly child: ChildProcess;
  private readonly directory: string;
  private readonly socket: Socket;
  private received: Buffer[] = [];
  private tail = '';
  private wake: (() => void) | null = null;

  private constructor(child: ChildProcess, directory: string, socket: Socket) {
    this.child = child;
    this.directory = directory;
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received.push(chunk);
      this.tail = (this.tail + chunk.toString('latin1')).slice(-MARKER_REPLY.length);
      if (this.tail === MARKER_REPLY) this.wake?.();
    });
  }

  /** Throws a CommandError when there is no such program, or it does not start. */
  static async start(program: string): Promise<RedisServer> {
    const directory = mkdtempSync(join(tmpdir(), 'rtcp-ds-bench-'));
    const path = join(directory, 'redis.sock');
    const options = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', directory];
    const child = spawn(program, options, { stdio: 'ignore' });
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code) => resolve(`exit code ${code}`));
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const socket = await open(path);
      if (socket !== null) return new RedisServer(child, directory, socket);
      const end = await Promise.race([ended, sleep(RETRY_MS, null)]);
      if (end === null && Date.now() < deadline) continue;
      child.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
      throw new CommandError(`${program} did not start: ${end ?? 'no answer'}`, 'sudo apt-get install redis-server');
    }
  }

  /** Sends commands and waits for all of their replies; returns their bytes. */
  async ask(commands: readonly (readonly string[])[]): Promise<Buffer> {
    this.received = [];
    this.tail = '';
    const answered = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.socket.write([...commands, ['ECHO', MARKER]].map(encode).join(''), 'latin1');
    await answered;
    this.wake = null;
    return Buffer.concat(this.received).subarray(0, -MARKER_REPLY.length);
  }

  /** The reply of one command as text, without its marks. */
  async text(...words: string[]): Promise<string> {
    return (await this.ask([words]))
      .toString('latin1')
      .replace(/^[$:+-][^\r]*\r\n(?=[\s\S])/, '')
      .replace(/^:/, '')
      .trim();
  }

  /** A field of INFO. */
  async info(section: string, field: string): Promise<string> {
    const text = await this.text('INFO', section);
    return new RegExp(`^${field}:(.*)$`, 'm').exec(text)?.[1].trim() ?? '';
  }

  stop(): void {
    this.socket.destroy();
    this.child.kill('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function open(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

function encode(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}
