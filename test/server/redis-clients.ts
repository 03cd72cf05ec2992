/**
 * Several clients of one server at once, each step answered before the next: of a real redis-server (the oracle), and of our
 * own core in this process. What every client received after each step is one line of a transcript; the two are compared.
 *
 *   [0, 'WATCH k'], [1, 'SET k v'], [0, 'EXEC'] …  ──▶  ['+OK', '', …], ['', '+OK', …] …
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PeerStream, request, World } from './peer.ts';

/** Which client, and what it sends: words (split at blanks when it is one string), or several commands at once. */
export type Step = readonly [client: number, command: string | readonly string[] | readonly (readonly string[])[]];

/** What each client received after each step. `#n` stands for the id of client n in what was sent and received. */
export type Transcript = string[][];

const START_TIMEOUT_MS = 10_000;
const RETRY_MS = 25;

function bytesOf(command: Step[1], ids: readonly string[]): Buffer {
  const commands = (
    typeof command === 'string' ? [command.split(' ')] : typeof command[0] === 'string' ? [command] : command
  ) as string[][];
  const word = (text: string): string => text.replace(/#(\d)/g, (_, i) => ids[Number(i)]);
  return Buffer.concat(commands.map((words) => request(...words.map(word))));
}

class RedisClient {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  private data = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.data += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      socket.on('close', () => {
        this.data += '<closed>';
        resolve();
      });
    });
  }

  take(): string {
    const { data } = this;
    this.data = '';
    return data;
  }
}

export class RedisServer {
  private readonly directory: string;
  private readonly path: string;
  private readonly process: ChildProcess;

  private constructor(directory: string, path: string, process: ChildProcess) {
    this.directory = directory;
    this.path = path;
    this.process = process;
  }

  static async start(...args: string[]): Promise<RedisServer> {
    const directory = mkdtempSync(join(tmpdir(), 'rtcp-redis-'));
    const path = join(directory, 'redis.sock');
    const base = ['--port', '0', '--unixsocket', path, '--dir', directory, '--save', '', '--appendonly', 'no'];
    const child = spawn('redis-server', [...base, ...args], { stdio: 'ignore' });
    const server = new RedisServer(directory, path, child);
    const untilMs = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      const socket = await server.open();
      socket?.destroy();
      if (socket !== null) return server;
      if (Date.now() > untilMs || child.exitCode !== null) throw new Error('redis-server did not start');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill('SIGTERM');
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }

  private open(): Promise<Socket | null> {
    return new Promise((resolve) => {
      const socket = connect(this.path);
      socket.once('connect', () => resolve(socket));
      socket.once('error', () => resolve(null));
    });
  }

  /** Runs the steps, with new clients on an empty server. */
  async run(clients: number, steps: readonly Step[]): Promise<Transcript> {
    const sockets: RedisClient[] = [];
    for (let i = 0; i <= clients; i++) sockets.push(new RedisClient((await this.open()) as Socket));
    const control = sockets.pop() as RedisClient;
    /** After two round trips of another client whatever the step caused has been read here. */
    const settle = async (): Promise<void> => {
      for (let i = 0; i < 2; i++) {
        control.socket.write(request('PING'));
        while (!control.take().includes('PONG')) await new Promise((resolve) => control.socket.once('data', resolve));
      }
      await new Promise((resolve) => setImmediate(resolve)); // what else the last poll brought
    };
    control.socket.write(request('FLUSHALL'));
    while (control.take() === '') await new Promise((resolve) => control.socket.once('data', resolve));
    const ids: string[] = [];
    for (const client of sockets) {
      client.socket.write(request('CLIENT', 'ID'));
      await settle();
      ids.push(client.take().slice(1, -2));
    }
    const transcript: Transcript = [];
    for (const [i, command] of steps) {
      if (command === '<close>') {
        sockets[i].socket.destroy();
        await sockets[i].closed;
      } else sockets[i].socket.write(bytesOf(command, ids));
      await settle();
      if (command === 'QUIT') await sockets[i].closed;
      transcript.push(sockets.map((client) => masked(client.take(), ids, command)));
    }
    for (const client of [...sockets, control]) client.socket.destroy();
    return transcript;
  }
}

/** The same steps with our own core. */
export function runHere(clients: number, steps: readonly Step[], settings: Record<string, string> = {}): Transcript {
  const world = new World();
  for (const [name, value] of Object.entries(settings)) world.setting(name, value);
  const peers: PeerStream[] = Array.from({ length: clients }, () => world.connect());
  const ids = peers.map((_, i) => String(i + 1));
  const transcript: Transcript = [];
  const closed = new Set<number>();
  for (const [i, command] of steps) {
    if (command === '<close>') peers[i].close();
    else peers[i].send(bytesOf(command, ids));
    transcript.push(
      peers.map((peer, k) => {
        const end = (peer.ended || peer.aborted || (command === '<close>' && k === i)) && !closed.has(k);
        if (end) closed.add(k);
        return masked(peer.received(), ids, command) + (end ? '<closed>' : '');
      }),
    );
  }
  for (const peer of peers) peer.close();
  const { context } = world.core;
  const left = [context.clients.size, context.blocked.count, context.watches.keyCount];
  // The first script takes memory for all scripts to come.
  if (!steps.some(([, command]) => String(command).startsWith('EVAL'))) left.push(world.memory.extents.usedBytes);
  if (left.some((count) => count !== 0)) throw new Error(`clients are gone, but something is left: ${left}`);
  return transcript;
}

/** Client ids as `#n`, in what tells of them. */
function masked(text: string, ids: readonly string[], command: Step[1]): string {
  const asked = /CLIENT (ID|GETREDIR|TRACKINGINFO)|HELLO/.test(String(command));
  const pattern = asked ? /(?<=(^|\n):|id=)\d+(?=\r\n| )/g : /(?<=\bid=)\d+(?= )/g;
  return text.replace(pattern, (id) => (ids.includes(id) ? `#${ids.indexOf(id)}` : id));
}
