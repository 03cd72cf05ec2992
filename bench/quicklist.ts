/**
 * What a list costs: ns for each operation and bytes for each element, in the structure, in the command's handler (with its
 * lookup and its reply), and in redis-server (COMMANDSTATS: the command alone, without network or parsing).
 *
 *   node_modules/.bin/node bench/quicklist.ts [elements]        default: 1000000; elements of 16 bytes
 *
 * Figures are medians over rounds. redis-server is asked on a unix socket, pipelined.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VirtualClock } from '../src/lib/clock.ts';
import { Client } from '../src/lib/engine/client.ts';
import { Engine, type Handler } from '../src/lib/engine/engine.ts';
import { listHandlers } from '../src/lib/engine/list.ts';
import { Stream } from '../src/lib/link/stream.ts';
import { BufferPool } from '../src/lib/memory/buffer-pool.ts';
import { PacketMemory } from '../src/lib/memory/packet-memory.ts';
import { SendQueue } from '../src/lib/memory/send-queue.ts';
import { Random } from '../src/lib/random.ts';
import { CommandBatch } from '../src/lib/resp/batch.ts';
import { Reply } from '../src/lib/resp/reply.ts';
import { Arena } from '../src/lib/store/arena.ts';
import { Keyspace } from '../src/lib/store/keyspace.ts';
import { item } from '../src/lib/store/listpack.ts';
import { ExpiryWheel } from '../src/lib/store/wheel.ts';

const ELEMENTS = Number(process.argv[2] ?? 1_000_000);
const ELEMENT_BYTES = 16;
const ROUNDS = 5;
const RANGE = 100;
/** Replies that are taken out of the send queue together, as a turn of the loop does. */
const TURN = 16;
const PIPELINE = 1000;
const RETRY_MS = 25;
const START_TIMEOUT_MS = 10_000;

class NoStream extends Stream {
  readonly queue: SendQueue;
  constructor(queue: SendQueue) {
    super();
    this.queue = queue;
  }
  override requestFlush(): void {}
  override end(): void {}
  override abort(): void {}
  override pauseRead(): void {}
  override resumeRead(): void {}
  override remoteAddress(): string {
    return '192.0.2.1:40000';
  }
  override localAddress(): string {
    return '192.0.2.2:6379';
  }
  override descriptor(): number {
    return 7;
  }
}

const memory = new PacketMemory(64 << 20);
const arena = new Arena();
const clock = new VirtualClock();
const wheel = new ExpiryWheel(arena, clock.wallMs());
const random = new Random(7);
const databases = [new Keyspace(arena, memory, Int32Array.of(1, 2), wheel, 0)];
const queue = new SendQueue(memory, new BufferPool(memory, 256, 16_384));
const batch = new CommandBatch();
const client = new Client(1, new NoStream(queue), 0, true);
const parts = { memory, batch, reply: new Reply(memory), arena, databases, wheel, clock, random };
const engine = new Engine(parts, client);
const words = memory.reserve(1 << 20);

/** Puts a command where a request would lie. */
function request(...args: string[]): void {
  let at = words;
  args.forEach((arg, i) => {
    const bytes = Buffer.from(arg);
    memory.u8.set(bytes, at);
    batch.argOffset[i] = at;
    batch.argLength[i] = bytes.length;
    at += bytes.length + 2;
  });
  engine.keyHash = engine.db.hash(batch.argOffset[1], batch.argLength[1]);
}

function drain(): void {
  while (queue.unsentBytes > 0) {
    const n = queue.pool.length[queue.sendBuffer] - queue.sendOffset;
    queue.sent(n);
    queue.drop(n);
  }
}

function runHandler(handler: Handler, argc: number, n: number): void {
  for (let i = 0; i < n; i += TURN) {
    engine.reply.begin(queue, 2, false);
    for (let k = 0; k < TURN; k++) handler(engine, 0, argc);
    engine.reply.finish();
    drain();
  }
}

/** ns of processor time for each of n operations: what else the machine does is left out. */
function time(n: number, run: () => void): number {
  const start = process.cpuUsage();
  run();
  const used = process.cpuUsage(start);
  return ((used.user + used.system) * 1000) / n;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** The structure alone: a root, the packed form left out. */
function structureRound(into: Map<string, number[]>): void {
  const { list } = engine.values;
  const { dv } = memory;
  const note = (name: string, ns: number): void => void into.set(name, [...(into.get(name) ?? []), ns]);
  const usedBefore = arena.usedBytes;
  const root = list.create();
  const each = (n: number, what: () => void): (() => void) => {
    return () => {
      for (let i = 0; i < n; i++) what();
    };
  };
  request('LPUSH', 'l', '0123456789abcdef');
  const at = batch.argOffset[2];
  note(
    'LPUSH',
    time(
      ELEMENTS,
      each(ELEMENTS, () => {
        list.open(root);
        list.pushFront(dv, at, ELEMENT_BYTES, true);
      }),
    ),
  );
  note('bytes', (arena.usedBytes - usedBefore) / ELEMENTS);
  let checksum = 0;
  const lookups = Math.min(ELEMENTS, 20_000);
  note(
    'LINDEX anywhere',
    time(
      lookups,
      each(lookups, () => {
        list.open(root);
        list.seek(random.below(ELEMENTS));
        list.decode();
        checksum += item.length;
      }),
    ),
  );
  note(
    'LRANGE 0 99',
    time(
      lookups,
      each(lookups, () => {
        list.open(root);
        list.seek(0);
        for (let k = 0; k < RANGE; k++) {
          list.decode();
          checksum += item.length;
          list.next();
        }
      }),
    ),
  );
  note(
    'RPOP',
    time(
      ELEMENTS - 1,
      each(ELEMENTS - 1, () => {
        list.open(root);
        list.seek(-1);
        list.decode();
        checksum += item.length;
        list.removeLast();
      }),
    ),
  );
  list.removeLast();
  engine.values.kinds[1]?.release(root, 0, 1);
  if (checksum === 0) throw new Error('nothing was read');
}

/** Commands of the bench, with the number of times that each is called. */
const COMMANDS: [name: string, n: number, ...words: string[]][] = [
  ['LPUSH', ELEMENTS, 'LPUSH', 'l', '0123456789abcdef'],
  ['LINDEX anywhere', 0, 'LINDEX', 'l', String(ELEMENTS >> 1)],
  ['LRANGE 0 99', 20_000, 'LRANGE', 'l', '0', String(RANGE - 1)],
  ['RPOP', ELEMENTS, 'RPOP', 'l'],
  ['LPUSH+RPOP, 10 elements', 0],
];

function handlerRound(into: Map<string, number[]>): void {
  const note = (name: string, ns: number): void => void into.set(name, [...(into.get(name) ?? []), ns]);
  for (const [name, n, ...args] of COMMANDS) {
    if (n === 0) continue;
    request(...args);
    note(
      name,
      time(n, () => runHandler(listHandlers[args[0].toLowerCase()], args.length, n)),
    );
  }
  const lookups = 20_000;
  request('LPUSH', 'l', '0123456789abcdef');
  runHandler(listHandlers.lpush, 3, ELEMENTS);
  note(
    'LINDEX anywhere',
    time(lookups, () => {
      for (let i = 0; i < lookups; i += TURN) {
        request('LINDEX', 'l', String(random.below(ELEMENTS)));
        runHandler(listHandlers.lindex, 3, TURN);
      }
    }),
  );
  engine.db.remove(engine.db.find(batch.argOffset[1], batch.argLength[1], engine.keyHash));
  while (engine.values.reaper.step(1000));
  request('LPUSH', 'q', '0123456789abcdef');
  runHandler(listHandlers.lpush, 3, 10);
  const pairs = ELEMENTS >> 2;
  note(
    'LPUSH+RPOP, 10 elements',
    time(pairs * 2, () => {
      for (let i = 0; i < pairs; i++) {
        engine.reply.begin(queue, 2, false);
        listHandlers.lpush(engine, 0, 3);
        listHandlers.rpop(engine, 0, 2);
        engine.reply.finish();
        if (i % TURN === 0) drain();
      }
    }),
  );
  engine.db.remove(engine.db.find(batch.argOffset[1], batch.argLength[1], engine.keyHash));
  drain();
}

// ── redis-server ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** A connection whose replies are counted by their lines or, for INFO, kept. */
class Peer {
  private readonly socket: Socket;
  private text = '';
  private wake: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('latin1');
      if (this.text.includes('+PONG\r\n')) this.wake?.();
    });
  }

  /** Sends commands and a PING behind them; what came before its answer. */
  async ask(commands: string[]): Promise<string> {
    this.text = '';
    const answered = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.socket.write(`${commands.join('\r\n')}\r\nPING\r\n`);
    await answered;
    return this.text;
  }

  async many(n: number, command: (i: number) => string): Promise<void> {
    for (let i = 0; i < n; i += PIPELINE) {
      await this.ask(Array.from({ length: Math.min(PIPELINE, n - i) }, (_, k) => command(i + k)));
    }
  }

  /** usec_per_call of a command since CONFIG RESETSTAT, in ns. */
  async nsPerCall(command: string): Promise<number> {
    const info = await this.ask(['INFO commandstats']);
    return Number(new RegExp(`cmdstat_${command}:.*?usec_per_call=([\\d.]+)`).exec(info)?.[1]) * 1000;
  }

  end(): void {
    this.socket.destroy();
  }
}

function dial(path: string): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

async function redisFigures(): Promise<Map<string, number>> {
  const directory = mkdtempSync(join(tmpdir(), 'quicklist-bench-'));
  const path = join(directory, 'redis.sock');
  const options = ['--port', '0', '--unixsocket', path, '--save', '', '--dir', directory];
  const server = spawn('redis-server', options, { stdio: 'ignore' });
  const figures = new Map<string, number>();
  try {
    const deadline = Date.now() + START_TIMEOUT_MS;
    let socket: Socket | null = null;
    while (socket === null) {
      if (Date.now() > deadline) throw new Error('redis-server did not start');
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      socket = await dial(path);
    }
    const peer = new Peer(socket);
    await peer.many(ELEMENTS, () => 'LPUSH l 0123456789abcdef');
    figures.set('LPUSH', await peer.nsPerCall('lpush'));
    const usage = await peer.ask(['MEMORY USAGE l SAMPLES 0']);
    figures.set('bytes', Number(/:(\d+)/.exec(usage)?.[1]) / ELEMENTS);
    await peer.many(5000, () => `LINDEX l ${random.below(ELEMENTS)}`);
    figures.set('LINDEX anywhere', await peer.nsPerCall('lindex'));
    await peer.many(5000, () => `LRANGE l 0 ${RANGE - 1}`);
    figures.set('LRANGE 0 99', await peer.nsPerCall('lrange'));
    await peer.many(ELEMENTS, () => 'RPOP l');
    figures.set('RPOP', await peer.nsPerCall('rpop'));
    await peer.ask(['CONFIG RESETSTAT', ...Array.from({ length: 10 }, () => 'LPUSH q 0123456789abcdef')]);
    await peer.many(ELEMENTS >> 2, (i) => (i % 2 === 0 ? 'LPUSH q 0123456789abcdef' : 'RPOP q'));
    figures.set('LPUSH+RPOP, 10 elements', ((await peer.nsPerCall('lpush')) + (await peer.nsPerCall('rpop'))) / 2);
    peer.end();
  } finally {
    server.kill('SIGKILL');
    await new Promise((resolve) => server.once('exit', resolve));
    rmSync(directory, { recursive: true, force: true });
  }
  return figures;
}

const structure = new Map<string, number[]>();
const handlers = new Map<string, number[]>();
for (let round = 0; round < ROUNDS; round++) {
  structureRound(structure);
  handlerRound(handlers);
}
const redis = await redisFigures();
const shown = (values: number[] | undefined): string => (values === undefined ? '–' : median(values).toFixed(1));
console.log(`${ELEMENTS} elements of ${ELEMENT_BYTES} bytes; ns for each operation\n`);
console.log(`${''.padEnd(26)}structure    handler    redis-server`);
for (const name of ['LPUSH', 'RPOP', 'LINDEX anywhere', 'LRANGE 0 99', 'LPUSH+RPOP, 10 elements', 'bytes']) {
  const columns = [shown(structure.get(name)).padStart(9), shown(handlers.get(name)).padStart(11)];
  console.log(`${name.padEnd(26)}${columns.join('')}${(redis.get(name) ?? Number.NaN).toFixed(1).padStart(16)}`);
}
