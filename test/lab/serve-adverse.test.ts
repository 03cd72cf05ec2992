/** `rtcp serve` where the machine or the clients don't cooperate: a log that can't be written, clients that never stop asking. */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url).pathname;
const PORT = 16_379;
const READY_MS = 10_000;
const server = { child: null as ReturnType<typeof spawn> | null };

function start(stdout: number): void {
  server.child = spawn('./bin/rtcp', ['serve', '--io', 'socket', '--port', String(PORT)], {
    cwd: ROOT,
    stdio: ['ignore', stdout, 'ignore'],
  });
}

function exitCode(): Promise<number | null> {
  return new Promise((resolve) => server.child?.once('exit', (code) => resolve(code)));
}

/** A connection, as soon as the server takes one. */
async function connected(): Promise<Socket> {
  const untilMs = Date.now() + READY_MS;
  for (;;) {
    const socket = connect(PORT, '127.0.0.1');
    const open = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (open) return socket;
    if (Date.now() > untilMs || server.child?.exitCode !== null) throw new Error('the server does not listen');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

afterEach(() => void server.child?.kill('SIGKILL'));

describe('rtcp serve', () => {
  it('serves on when its log has no room', async () => {
    start(openSync('/dev/full', 'w'));
    const socket = await connected();
    socket.write('PING\r\n');
    expect(await new Promise((resolve) => socket.once('data', resolve))).toEqual(Buffer.from('+PONG\r\n'));
    socket.destroy();
    const ended = exitCode();
    server.child?.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  it('told to stop by SIGTERM, ends a client that asks without a pause after a whole reply', async () => {
    start(openSync('/dev/null', 'w'));
    const socket = await connected();
    const burst = Buffer.from('ECHO 0123456789\r\n'.repeat(2000));
    const ask = (): void => {
      while (socket.writable && socket.write(burst));
    };
    socket.on('drain', ask);
    socket.on('error', () => socket.destroy()); // it may write to a server that is gone
    let bytes = 0;
    let last = Buffer.alloc(0);
    socket.on('data', (data) => {
      bytes += data.length;
      last = Buffer.from(data.subarray(-5));
      if (bytes > 1_000_000 && !server.child?.killed) server.child?.kill('SIGTERM');
    });
    const fin = new Promise((resolve) => socket.once('end', () => resolve('FIN')));
    const ended = exitCode();
    ask();
    expect(await fin).toBe('FIN');
    expect(bytes % '$10\r\n0123456789\r\n'.length).toBe(0);
    expect(last.toString()).toBe('789\r\n');
    socket.destroy();
    await ended;
  });
});
