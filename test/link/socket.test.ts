/** Kernel sockets against Node's own: echo of every size, half-close, reset, many peers, peers that do not read. */
import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../src/lib/clock.ts';
import { SocketTransport } from '../../src/lib/link/socket.ts';
import {
  CLOSE_ABORTED,
  CLOSE_NORMAL,
  CLOSE_REFUSED,
  CLOSE_RESET,
  type Stream,
  type StreamHandler,
} from '../../src/lib/link/stream.ts';
import { PacketMemory } from '../../src/lib/memory/packet-memory.ts';
import { closeFd, createEventfd, signal } from '../../src/lib/native/wait.ts';

const LOCALHOST = (127 << 24) | 1;

/** Echoes; holds its peer back when the send queue grows. Writes down what happened. */
class Echo implements StreamHandler {
  readonly events: string[] = [];
  readonly streams: Stream[] = [];
  readonly closed: number[] = [];
  drains = 0;
  endWhenPeerEnds = true;
  memory: PacketMemory;

  constructor(memory: PacketMemory) {
    this.memory = memory;
  }

  onOpen(stream: Stream): void {
    this.events.push('open');
    this.streams.push(stream);
    stream.wantsDrain = true;
  }

  onData(stream: Stream, offset: number, length: number): void {
    if (!stream.queue.append(offset, length)) throw new Error('the send queue is full');
    if (stream.queue.totalBytes > 2 << 20) stream.pauseRead();
    stream.requestFlush();
  }

  onEnd(stream: Stream): void {
    this.events.push('end');
    if (this.endWhenPeerEnds) stream.end();
  }

  onDrain(stream: Stream): void {
    this.drains++;
    if (stream.queue.totalBytes < 1 << 20) stream.resumeRead();
  }

  onClose(_stream: Stream, reason: number): void {
    this.events.push(`close ${reason}`);
    this.closed.push(reason);
  }
}

const sha = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');
const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

let memory: PacketMemory;
let echo: Echo;
let clock: VirtualClock;
let transport: SocketTransport;
let port: number;
let turning = false;

/** Turns the loop between Node's own turns until the test is over. */
async function turn(): Promise<void> {
  while (turning) {
    transport.poll(0);
    transport.flush();
    await setImmediate();
  }
}

let turns: Promise<void>;

beforeEach(() => {
  memory = new PacketMemory(256 << 20, 64 << 20);
  echo = new Echo(memory);
  clock = new VirtualClock();
  transport = new SocketTransport({ memory, handler: echo, clock });
  port = transport.listen(LOCALHOST, 0, 511);
  turning = true;
  turns = turn();
});

afterEach(async () => {
  turning = false;
  await turns;
  transport.close();
  expect(transport.openStreams()).toBe(0);
  expect(transport.pool.available).toBe(transport.pool.count);
  expect(memory.extents.usedBytes).toBe(0);
});

async function until(condition: () => boolean): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > 20_000) throw new Error('waited 20 s in vain');
    await setImmediate();
  }
}

const dial = (allowHalfOpen = false): Socket => connect({ host: '127.0.0.1', port, allowHalfOpen });

/** Sends the bytes, ends, and collects what comes back. */
function roundTrip(bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = dial(true);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => resolve(Buffer.concat(chunks)));
    socket.on('error', reject);
    socket.end(bytes);
  });
}

describe('echo', () => {
  test.each([1, 100, 1460, 16_192, 16_193, 65_536, 1 << 20, 4 << 20])(
    '%i bytes come back as they were',
    async (size) => {
      const bytes = randomBytes(size);
      const answer = await roundTrip(bytes);
      expect(answer.length).toBe(size);
      expect(sha(answer)).toBe(sha(bytes));
      await until(() => echo.closed.length === 1);
      expect(echo.events).toEqual(['open', 'end', `close ${CLOSE_NORMAL}`]);
    },
  );

  test('200 connections at once, each with its own bytes', async () => {
    const before = openDescriptors();
    const messages = Array.from({ length: 200 }, (_, i) => randomBytes(1 + i * 37));
    const answers = await Promise.all(messages.map(roundTrip));
    expect(answers.map(sha)).toEqual(messages.map(sha));
    await until(() => transport.openStreams() === 0 && openDescriptors() <= before);
    expect(transport.stats.accepted).toBe(200);
    expect(echo.closed).toEqual(new Array(200).fill(CLOSE_NORMAL));
  });

  test('addresses are those of both ends', async () => {
    const socket = dial();
    await until(() => echo.streams.length === 1 && socket.localPort !== undefined);
    expect(echo.streams[0].remoteAddress()).toBe(`127.0.0.1:${socket.localPort}`);
    expect(echo.streams[0].localAddress()).toBe(`127.0.0.1:${port}`);
    expect(echo.streams[0].descriptor()).toBeGreaterThan(0);
    socket.destroy();
    await until(() => echo.closed.length === 1);
  });

  test('over a unix socket, whose file goes when listening ends', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'rtcp-test-')), 'rtcp.sock');
    transport.listenUnix(path, 16);
    const socket = connect({ path });
    socket.write('hello');
    const chunk: Buffer = await new Promise((resolve) => socket.once('data', resolve));
    expect(chunk.toString()).toBe('hello');
    expect(echo.streams[0].remoteAddress()).toBe(`${path}:0`);
    socket.destroy();
    await until(() => echo.closed.length === 1);
    expect(existsSync(path)).toBe(true);
    transport.stopListening();
    expect(existsSync(path)).toBe(false);
  });
});

describe('endings', () => {
  test('after the peer has ended, what is queued still goes out', async () => {
    echo.endWhenPeerEnds = false;
    const socket = dial(true);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.end('ping');
    await until(() => echo.events.includes('end'));
    const bytes = randomBytes(300_000);
    memory.u8.set(bytes, memory.extents.start);
    echo.streams[0].queue.append(memory.extents.start, bytes.length);
    echo.streams[0].end();
    await new Promise((resolve) => socket.once('end', resolve));
    expect(sha(Buffer.concat(chunks))).toBe(sha(Buffer.concat([Buffer.from('ping'), bytes])));
    await until(() => echo.closed.length === 1);
    expect(echo.closed).toEqual([CLOSE_NORMAL]);
  });

  test('our end first: the stream closes when the peer has ended too', async () => {
    const socket = dial(true);
    socket.on('data', () => {});
    await until(() => echo.streams.length === 1);
    echo.streams[0].end();
    await new Promise((resolve) => socket.once('end', resolve));
    expect(echo.closed).toEqual([]);
    socket.end();
    await until(() => echo.closed.length === 1);
    expect(echo.closed).toEqual([CLOSE_NORMAL]);
  });

  test('a peer that never ends its side is closed after a minute', async () => {
    const socket = dial(true);
    socket.on('data', () => {});
    await until(() => echo.streams.length === 1);
    echo.streams[0].end();
    await new Promise((resolve) => socket.once('end', resolve));
    clock.advance(59_000_000);
    for (let i = 0; i < 20; i++) await setImmediate();
    expect(echo.closed).toEqual([]);
    expect(transport.nextDeadlineUs()).toBe(60_000_000);
    clock.advance(1_000_001);
    await until(() => echo.closed.length === 1);
    expect(transport.nextDeadlineUs()).toBe(Number.POSITIVE_INFINITY);
    socket.destroy();
  });

  test('abort resets the peer', async () => {
    const socket = dial();
    const failure = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    await until(() => echo.streams.length === 1);
    echo.streams[0].abort();
    expect((await failure).code).toBe('ECONNRESET');
    expect(echo.closed).toEqual([CLOSE_ABORTED]);
  });

  test('a reset by the peer closes the stream, also while it is paused', async () => {
    for (const paused of [false, true]) {
      const socket = dial();
      const before = echo.streams.length;
      await until(() => echo.streams.length === before + 1);
      if (paused) echo.streams[before].pauseRead();
      socket.resetAndDestroy();
      await until(() => echo.closed.length === before + 1);
      expect(echo.closed[before]).toBe(CLOSE_RESET);
    }
  });
});

describe('pace', () => {
  test('a peer that does not read holds back only itself, and gets every byte later', async () => {
    const slow = dial();
    slow.pause();
    await until(() => echo.streams.length === 1);
    const bytes = randomBytes(16 << 20); // more than the kernel's buffers on both sides
    slow.write(bytes);
    await until(() => echo.streams[0].queue.totalBytes > 1 << 20);
    expect(sha(await roundTrip(bytes.subarray(0, 50_000)))).toBe(sha(bytes.subarray(0, 50_000)));
    const hash = createHash('sha1');
    let received = 0;
    slow.on('data', (chunk) => {
      hash.update(chunk);
      received += chunk.length;
    });
    slow.resume();
    await until(() => received === bytes.length);
    expect(hash.digest('hex')).toBe(sha(bytes));
    expect(echo.drains).toBeGreaterThan(0);
    slow.destroy();
    await until(() => echo.closed.length === 2);
  });

  test('a paused stream gets nothing until it is resumed', async () => {
    const socket = dial();
    await until(() => echo.streams.length === 1);
    echo.streams[0].pauseRead();
    let answer = '';
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.write('later');
    for (let i = 0; i < 50; i++) await setImmediate();
    expect(transport.stats.rxBytes).toBe(0);
    echo.streams[0].resumeRead();
    await until(() => answer === 'later');
    socket.destroy();
    await until(() => echo.closed.length === 1);
  });
});

describe('active open', () => {
  let server: Server;

  const serve = (onConnection: (socket: Socket) => void): Promise<number> =>
    new Promise((resolve) => {
      server = createServer(onConnection).listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });

  test('what was written before the connection stood is sent', async () => {
    const heard: string[] = [];
    const there = await serve((socket) => {
      socket.on('error', () => heard.push(' reset'));
      socket.on('data', (chunk) => heard.push(chunk.toString()));
    });
    const stream = transport.connect(LOCALHOST, there);
    memory.u8.set(Buffer.from('early'), memory.extents.start);
    stream.queue.append(memory.extents.start, 5);
    stream.requestFlush();
    await until(() => heard.join('') === 'early');
    expect(echo.events).toEqual(['open']);
    stream.abort();
    await until(() => heard.join('') === 'early reset');
    server.close();
  });

  test('a refused connection closes without having opened', async () => {
    const there = await serve(() => {});
    await new Promise((resolve) => server.close(resolve));
    transport.connect(LOCALHOST, there);
    await until(() => echo.closed.length === 1);
    expect(echo.events).toEqual([`close ${CLOSE_REFUSED}`]);
  });
});

test('wait ends when a socket has something, by a signal, or in time, and keeps what came for the next poll', async () => {
  turning = false;
  await turns;
  const wake = createEventfd();
  const socket = dial();
  socket.write('hello');
  await new Promise((resolve) => socket.once('connect', resolve));
  transport.wait(wake, 5_000_000);
  expect(echo.events).toEqual([]);
  expect(transport.poll(0)).toBe(1);
  expect(echo.events).toEqual(['open']);
  transport.wait(wake, 5_000_000);
  expect(transport.poll(0)).toBe(1);
  transport.flush();
  expect(transport.stats).toMatchObject({ rxBytes: 5, txBytes: 5, sendCalls: 1 });
  signal(wake);
  const start = performance.now();
  transport.wait(wake, 5_000_000); // the signal
  expect(performance.now() - start).toBeLessThan(4000);
  expect(transport.poll(0)).toBe(0);
  transport.wait(wake, 20_000); // nothing: the time
  expect(performance.now() - start).toBeGreaterThan(19);
  expect(transport.poll(0)).toBe(0);
  transport.wait(-1, 0);
  closeFd(wake);
  socket.destroy();
});

test('connections beyond the limit of descriptors wait until one is free', () => {
  const url = (path: string): string => new URL(`../../src/lib/${path}`, import.meta.url).href;
  const script = `
    import { connect } from 'node:net';
    import { setImmediate } from 'node:timers/promises';
    const { PacketMemory } = await import('${url('memory/packet-memory.ts')}');
    const { SocketTransport } = await import('${url('link/socket.ts')}');
    const open = new Set();
    const handler = {
      onOpen: (stream) => open.add(stream),
      onData() {}, onDrain() {},
      onEnd: (stream) => stream.end(),
      onClose: (stream) => open.delete(stream),
    };
    const transport = new SocketTransport({ memory: new PacketMemory(256 << 20, 1 << 20), handler });
    const port = transport.listen(${LOCALHOST}, 0, 511);
    const clients = Array.from({ length: 60 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    const turns = async (n) => { for (let i = 0; i < n; i++) { transport.poll(0); transport.flush(); await setImmediate(); } };
    for (let i = 0; i < 200 && transport.stats.acceptFailures === 0; i++) await turns(1);
    const failures = transport.stats.acceptFailures;
    const before = transport.stats.accepted;
    while (transport.stats.accepted < before + 5 && clients.length > 0) { clients.pop().destroy(); await turns(5); }
    console.log(failures > 0, failures < 20, before < 60, transport.stats.accepted >= before + 5);
    process.exit();`;
  const { stdout, stderr } = spawnSync(
    'prlimit',
    ['--nofile=90', process.execPath, '--input-type=module', '-e', script],
    { encoding: 'utf8', timeout: 20_000 },
  );
  expect(stdout.trim() + stderr).toBe('true true true true');
});

test('a port that is taken is refused with the command that names its owner', () => {
  expect(() => transport.listen(LOCALHOST, port, 16)).toThrow(/EADDRINUSE.*ss -ltnp/);
  expect(() => transport.listen((192 << 24) | (2 << 8) | 9, 0, 16)).toThrow(/EADDRNOTAVAIL/);
});
