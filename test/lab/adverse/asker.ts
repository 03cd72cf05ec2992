/**
 * A client that works: opens connections one after the other, asks PING a hundred times on each and waits for every answer.
 * Prints requests, connections, failures, and the times of both in microseconds.
 *
 *   node test/lab/adverse/asker.ts --host 192.0.2.10 --port 6379 --seconds 5
 */
import { connect, type Socket } from 'node:net';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '' },
    port: { type: 'string', default: '6379' },
    seconds: { type: 'string', default: '5' },
  },
});
const REQUESTS_EACH = 100;
const PATIENCE_MS = 5_000;

const requestUs: number[] = [];
const connectUs: number[] = [];
let failures = 0;

function opened(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(values.port), values.host);
    socket.setNoDelay(true);
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('no answer')));
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

function ask(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error): void => reject(error ?? new Error('closed'));
    socket.once('error', fail);
    socket.once('close', fail);
    socket.once('data', (data) => {
      socket.off('error', fail);
      socket.off('close', fail);
      if (data.toString() === '+PONG\r\n') resolve();
      else reject(new Error(`answered ${data.toString()}`));
    });
    socket.write('PING\r\n');
  });
}

async function timed<T>(into: number[], work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await work();
  into.push((performance.now() - began) * 1000);
  return result;
}

const endMs = performance.now() + Number(values.seconds) * 1000;
while (performance.now() < endMs) {
  try {
    const socket = await timed(connectUs, opened);
    for (let i = 0; i < REQUESTS_EACH && performance.now() < endMs; i++) await timed(requestUs, () => ask(socket));
    socket.destroy();
  } catch {
    failures++;
  }
}

function percentiles(samples: number[]): { p50: number; p99: number; max: number } {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

console.log(
  JSON.stringify({
    requests: requestUs.length,
    connections: connectUs.length,
    failures,
    requestUs: percentiles(requestUs),
    connectUs: percentiles(connectUs),
  }),
);
