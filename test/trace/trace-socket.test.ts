/** Attaching: a hub, its socket and those who attach, in one process. The recorder is played by the test. */
import { chmodSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Hello, traceAttached } from '../../src/lib/trace/attach.ts';
import { Follower } from '../../src/lib/trace/follower.ts';
import { Hub } from '../../src/lib/trace/hub.ts';
import {
  KIND_DROP,
  KIND_NAME,
  RECORD_KIND,
  RECORD_NAME,
  RECORD_TAIL,
  RECORD_TAIL_BYTES,
} from '../../src/lib/trace/record.ts';
import { RecordReader } from '../../src/lib/trace/record-reader.ts';
import { TRACE_OFF, TRACE_ON, TRACE_WANTED } from '../../src/lib/trace/recorder.ts';
import { RingWriter, ringMemory } from '../../src/lib/trace/ring.ts';
import { TraceSocket } from '../../src/lib/trace/trace-socket.ts';
import { Collected } from './collected.ts';

const HELLO = { address: '192.0.2.2', port: 6379, pid: 42 };
const RECORD_BYTES = 80;

let folder = '';
let path = '';
let control = new Int32Array(new SharedArrayBuffer(4));
let writer: RingWriter;
let hub: Hub;
let socket: TraceSocket;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rtcp-attach-'));
  path = join(folder, 'below', 'trace.sock');
  control = new Int32Array(new SharedArrayBuffer(4));
  const memory = ringMemory();
  writer = new RingWriter(memory);
  hub = new Hub(memory, control, 0, () => 1);
  socket = await TraceSocket.open(path, hub, HELLO, () => 1);
});

afterEach(() => {
  socket.close();
  hub.close();
  rmSync(folder, { recursive: true });
});

/** What the recorder writes for a drop of no connection. */
function record(kind: number, name: number, text = ''): void {
  const at = writer.begin(RECORD_BYTES);
  writer.u8.fill(0, at + 4, at + RECORD_BYTES);
  writer.dv.setUint8(at + RECORD_KIND, kind);
  writer.dv.setUint16(at + RECORD_NAME, name, true);
  writer.dv.setInt32(at + RECORD_TAIL_BYTES, text.length, true);
  writer.u8.set(Buffer.from(text), at + RECORD_TAIL);
  writer.commit(RECORD_BYTES);
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(2);
}

interface Attached {
  collected: Collected;
  hello: Hello[];
  leave(): Promise<void>;
}

function attach(): Attached {
  const collected = new Collected();
  const follower = new Follower({ sinks: [collected] });
  const abort = new AbortController();
  const hello: Hello[] = [];
  const stop = { maxFrames: Infinity, durationUs: Infinity, signal: abort.signal };
  const ended = traceAttached(path, follower, stop, (who) => hello.push(who));
  const leave = async (): Promise<void> => {
    abort.abort();
    await ended;
  };
  return { collected, hello, leave };
}

test('the recorder works from the first who attaches to the last who leaves', async () => {
  expect(control[0]).toBe(TRACE_OFF);
  const first = attach();
  await until(() => control[0] === TRACE_WANTED);
  expect(first.hello).toEqual([]); // it is not ready before the recorder is
  Atomics.store(control, 0, TRACE_ON);
  record(KIND_NAME, 1, 'badAck');
  record(KIND_DROP, 1);
  await until(() => first.collected.of('drop').length === 1);
  expect(first.hello).toEqual([HELLO]);
  const second = attach();
  await until(() => second.hello.length === 1);
  record(KIND_DROP, 1);
  await until(() => second.collected.of('drop').length === 1 && first.collected.of('drop').length === 2);
  expect(second.collected.of('drop')[0].reason).toBe('badAck'); // a name from before it came
  await first.leave();
  await sleep(20);
  expect(control[0]).toBe(TRACE_ON);
  await second.leave();
  await until(() => control[0] === TRACE_OFF);
});

test('a reader that does not read loses records and is told how many; the others do not', async () => {
  const asleep = connect(path);
  asleep.pause();
  const awake = attach();
  await until(() => control[0] === TRACE_WANTED);
  Atomics.store(control, 0, TRACE_ON);
  record(KIND_NAME, 1, 'badAck');
  await until(() => awake.hello.length === 1);
  const rounds = 60;
  const each = 2000;
  for (let i = 0; i < rounds; i++) {
    for (let n = 0; n < each; n++) record(KIND_DROP, 1);
    hub.drain();
    await until(() => awake.collected.of('drop').length >= (i - 4) * each);
  }
  await until(() => awake.collected.of('drop').length === rounds * each);
  const woken: Buffer[] = [];
  asleep.on('data', (bytes: Buffer) => void woken.push(bytes));
  asleep.resume();
  await sleep(100);
  record(KIND_DROP, 1);
  hub.drain();
  await until(() => awake.collected.of('drop').length === rounds * each + 1);
  await sleep(100);
  const collected = new Collected();
  const bytes = Buffer.concat(woken);
  new RecordReader(new Follower({ sinks: [collected] })).take(bytes.subarray(bytes.indexOf(10) + 1));
  const [{ count }] = collected.of('lost');
  expect(count).toBeGreaterThan(each);
  expect(collected.of('drop').length + count).toBe(rounds * each + 1);
  asleep.destroy();
  await awake.leave();
});

test('only its owner may attach, and nothing is left when the server ends', () => {
  expect(statSync(path).mode & 0o777).toBe(0o600);
  socket.close();
  expect(() => statSync(path)).toThrow(/ENOENT/);
});

test('a socket that a dead server left is taken over; a living one is not', async () => {
  await expect(TraceSocket.open(path, hub, HELLO, () => 1)).rejects.toThrow(/EADDRINUSE/);
  const left = join(folder, 'left.sock');
  const dead = createServer();
  await new Promise<void>((resolve) => dead.listen(left, resolve));
  // A bound socket whose listener is gone is what a killed process leaves; Node.js would unlink it, so it is moved aside.
  renameSync(left, `${left}.kept`);
  await new Promise((resolve) => dead.close(resolve));
  const taken = await TraceSocket.open(`${left}.kept`, hub, HELLO, () => 1);
  taken.close();
});

test('what is no trace socket is said so', async () => {
  const follower = new Follower({ sinks: [] });
  const stop = { maxFrames: Infinity, durationUs: Infinity, signal: new AbortController().signal };
  const nothing = join(folder, 'nothing.sock');
  await expect(traceAttached(nothing, follower, stop, () => {})).rejects.toThrow(/nobody serves/);
  const other = join(folder, 'other.sock');
  const server = createServer((client) => void client.write('hello?\n'));
  await new Promise<void>((resolve) => server.listen(other, resolve));
  await expect(traceAttached(other, follower, stop, () => {})).rejects.toThrow(/no trace socket of this version/);
  server.close();
  const mute = createServer((client) => void client.destroy());
  const silent = join(folder, 'silent.sock');
  await new Promise<void>((resolve) => mute.listen(silent, resolve));
  await expect(traceAttached(silent, follower, stop, () => {})).rejects.toThrow(/closed before it said who/);
  mute.close();
  const file = join(folder, 'file');
  writeFileSync(file, '');
  chmodSync(file, 0o600);
  await expect(traceAttached(file, follower, stop, () => {})).rejects.toThrow(/nobody serves|ENOTSOCK/);
});
