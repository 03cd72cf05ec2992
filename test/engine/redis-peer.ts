/**
 * A real redis-server on a unix socket in a directory of its own, as the oracle for replies: started and ended here, by its
 * process. Replies come back as raw bytes, one piece for each command.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_TIMEOUT_MS = 10_000;
const RETRY_MS = 25;
const CR = 13;

export class RedisPeer {
  private readonly directory: string;
  private readonly process: ChildProcess;
  private readonly socket: Socket;
  private received: Buffer = Buffer.alloc(0);
  private wanted = 0;
  private done: ((replies: Buffer[]) => void) | null = null;

  private constructor(directory: string, process: ChildProcess, socket: Socket) {
    this.directory = directory;
    this.process = process;
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.received = this.received.length === 0 ? chunk : Buffer.concat([this.received, chunk]);
      this.deliver();
    });
  }

  /** Starts a server with these configuration arguments, and connects. */
  static async start(...args: string[]): Promise<RedisPeer> {
    const directory = mkdtempSync(join(tmpdir(), 'rtcp-redis-'));
    const path = join(directory, 'redis.sock');
    const base = ['--port', '0', '--unixsocket', path, '--dir', directory, '--save', '', '--appendonly', 'no'];
    const child = spawn('redis-server', [...base, ...args], { stdio: 'ignore' });
    let failure = '';
    child.on('error', (error) => {
      failure = error.message;
    });
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const socket = await tryConnect(path);
      if (socket !== null) return new RedisPeer(directory, child, socket);
      if (failure !== '' || Date.now() > deadline) {
        child.kill('SIGKILL');
        rmSync(directory, { recursive: true, force: true });
        throw new Error(`redis-server did not start: ${failure}`);
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** Sends the commands in one go; returns the reply of each. */
  async run(commands: (string | Uint8Array)[][]): Promise<Buffer[]> {
    const replies = new Promise<Buffer[]>((resolve) => {
      this.done = resolve;
    });
    this.wanted = commands.length;
    this.socket.write(Buffer.concat(commands.map(encode)));
    return replies;
  }

  /** Ends the server and removes its directory. */
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.socket.destroy();
    this.process.kill('SIGTERM');
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }

  private deliver(): void {
    if (this.done === null) return;
    const replies: Buffer[] = [];
    let at = 0;
    while (replies.length < this.wanted) {
      const end = replyEnd(this.received, at);
      if (end < 0) return;
      replies.push(this.received.subarray(at, end));
      at = end;
    }
    this.received = this.received.subarray(at);
    const done = this.done;
    this.done = null;
    done(replies);
  }
}

function tryConnect(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

function encode(words: (string | Uint8Array)[]): Buffer {
  const parts: Uint8Array[] = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words) {
    const bytes = Buffer.from(word as string);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}

/** Where the reply that begins at `at` ends; -1 when it isn't complete. */
export function replyEnd(bytes: Buffer, at: number): number {
  const line = bytes.indexOf(CR, at);
  if (line < 0 || line + 2 > bytes.length) return -1;
  const mark = String.fromCharCode(bytes[at]);
  const count = Number(bytes.toString('latin1', at + 1, line));
  let end = line + 2;
  if ('$=!'.includes(mark)) {
    if (count >= 0) end += count + 2;
    return end > bytes.length ? -1 : end;
  }
  const elements = '*~>'.includes(mark) ? count : mark === '%' ? count * 2 : 0;
  for (let i = 0; i < elements; i++) {
    end = replyEnd(bytes, end);
    if (end < 0) return -1;
  }
  return end;
}

/** A reply as nested arrays of strings: `$`, `+`, `:`… with their text, aggregates with their elements. */
export type Parsed = string | Parsed[];

export function parseReply(bytes: Buffer, at = 0): Parsed {
  const line = bytes.indexOf(CR, at);
  const mark = String.fromCharCode(bytes[at]);
  const head = bytes.toString('latin1', at + 1, line);
  if ('$=!'.includes(mark)) {
    const length = Number(head);
    return length < 0 ? 'nil' : `${mark}${bytes.toString('latin1', line + 2, line + 2 + length)}`;
  }
  if (!'*~>%'.includes(mark)) return mark === '_' ? 'nil' : mark + head;
  const count = Number(head) * (mark === '%' ? 2 : 1);
  const elements: Parsed[] = [];
  let next = line + 2;
  for (let i = 0; i < count; i++) {
    elements.push(parseReply(bytes, next));
    next = replyEnd(bytes, next);
  }
  return elements;
}
