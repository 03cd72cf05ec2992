/**
 * Clients that ask for a list of many elements and do not read the answer, while another one asks whether the server is there.
 * Prints, as JSON, what they saw.
 *
 *   node slow-reader.ts HOST PORT ELEMENTS
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { request } from '../server/peer.ts';

const ELEMENT_BYTES = 100;
const REPLY_BYTES_EACH = ELEMENT_BYTES + '$100\r\n\r\n'.length;
const PATIENCE_MS = 5000;
const FILL = `local batch = {}
for i = 1, 1000 do batch[i] = string.rep('x', ${ELEMENT_BYTES}) end
for i = 1, ARGV[1], 1000 do redis.call('RPUSH', KEYS[1], unpack(batch)) end`;
const LRANGE = request('LRANGE', 'l', '0', '-1');
const [, , host, port, elements] = process.argv;
/** What LRANGE answers. */
const replyBytes = `*${elements}\r\n`.length + Number(elements) * REPLY_BYTES_EACH;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

class Reader {
  readonly socket: Socket;
  bytes = 0;
  closed = false;
  last = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static async open(): Promise<Reader> {
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    return new Reader(socket);
  }

  /** From now on it reads. */
  read(): void {
    this.socket.on('data', (chunk) => {
      this.bytes += chunk.length;
      this.last = chunk;
    });
  }

  leave(): void {
    this.socket.destroy();
  }
}

/** A client with one question at a time; counts how long the longest answer took. */
class Asker {
  slowestMs = 0;
  private readonly socket: Socket;
  private text = '';

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
    });
  }

  async ask(...words: string[]): Promise<string> {
    const startMs = performance.now();
    this.text = '';
    this.socket.write(request(...words));
    while (!this.complete()) await once(this.socket, 'data');
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
    return this.text;
  }

  private complete(): boolean {
    if (!this.text.endsWith('\r\n')) return false;
    if (!this.text.startsWith('$') || this.text.startsWith('$-1')) return true;
    const lineEnd = this.text.indexOf('\r\n');
    return this.text.length === lineEnd + 2 + Number(this.text.slice(1, lineEnd)) + 2;
  }

  async figure(name: string): Promise<number> {
    const info = await this.ask('INFO', 'everything');
    return Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1]);
  }

  /** Asks until the figure suits; what it was last. */
  async until(name: string, suits: (value: number) => boolean): Promise<number> {
    for (const endMs = Date.now() + PATIENCE_MS; ; await wait(50)) {
      const value = await this.figure(name);
      if (suits(value) || Date.now() > endMs) return value;
    }
  }
}

const asker = new Asker((await Reader.open()).socket);
await asker.ask('EVAL', FILL, '1', 'l', elements);
asker.slowestMs = 0;

const pid = await asker.figure('process_id');

/** The most memory that the server has ever had. */
function peakBytes(): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

/** The client is closed when 64 MiB wait for it. */
async function limited(): Promise<object> {
  await asker.ask('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 64mb 0 0');
  const before = peakBytes();
  const slow = await Reader.open();
  slow.socket.write(LRANGE);
  await asker.ask('PING');
  await wait(500);
  const clients = await asker.until('connected_clients', (value) => value === 1);
  const peakGrowth = peakBytes() - before;
  slow.read();
  for (const endMs = Date.now() + PATIENCE_MS; !slow.closed && Date.now() < endMs; ) await wait(20);
  await asker.ask('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 0 0 0');
  const ping = await asker.ask('PING');
  return { peakGrowth, closed: slow.closed, whole: slow.bytes >= replyBytes, clients, ping };
}

/** Without a limit the answer waits, and comes whole in the end. */
async function patient(): Promise<object> {
  const slow = await Reader.open();
  slow.socket.write(LRANGE);
  const held = await asker.until('mem_clients_normal', (value) => value > replyBytes / 2);
  const rssHeld = await asker.figure('used_memory_rss');
  await wait(300);
  const ping = await asker.ask('PING');
  slow.read();
  for (const endMs = Date.now() + PATIENCE_MS; slow.bytes < replyBytes && Date.now() < endMs; ) await wait(20);
  const { bytes, last } = slow;
  slow.leave();
  const left = await asker.until('mem_clients_normal', (value) => value < 1 << 20);
  const rssGivenBack = rssHeld - (await asker.until('used_memory_rss', (value) => value < rssHeld - replyBytes / 2));
  return { held, ping, missing: replyBytes - bytes, end: last.toString('latin1').slice(-4), left, rssGivenBack };
}

/** More answers wait than there is packet memory for. */
async function exhausted(): Promise<object> {
  const readers: Reader[] = [];
  let connected = 1;
  while (connected > readers.length && readers.length < 40) {
    const slow = await Reader.open();
    readers.push(slow);
    slow.socket.write(LRANGE);
    await wait(100);
    connected = await asker.figure('connected_clients');
  }
  const ping = await asker.ask('PING');
  for (const slow of readers) slow.leave();
  const clients = await asker.until('connected_clients', (value) => value === 1);
  const left = await asker.until('mem_clients_normal', (value) => value < 1 << 20);
  const last = await patient();
  return { closed: connected <= readers.length, ping, clients, left, last };
}

const result = { replyBytes, limited: await limited(), patient: await patient(), exhausted: await exhausted() };
process.stdout.write(JSON.stringify({ ...result, slowestMs: Math.round(asker.slowestMs) }));
process.exit(0);
