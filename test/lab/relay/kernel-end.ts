/**
 * An end of the lab with the kernel's TCP: sends or receives one stream at a time, as it is told.
 *
 *   node test/lab/relay/kernel-end.ts
 */
import { createHash } from 'node:crypto';
import { createConnection, createServer, type Socket } from 'node:net';
import { answer, CONTENT_BLOCK, onCommand, type Transfer } from './protocol.ts';

const MICROSECONDS = 1000;

onCommand<Transfer>((transfer) => {
  const serve = transfer.side === 'send' ? send : receive;
  if (transfer.role === 'connect') {
    const socket = createConnection(transfer.port, transfer.address);
    socket.once('connect', () => serve(socket, transfer));
    socket.once('error', () => socket.destroy());
    return;
  }
  const server = createServer({ allowHalfOpen: true, highWaterMark: 1 << 20 }, (socket) => {
    server.close();
    serve(socket, transfer);
  });
  server.listen(transfer.port, () => answer({ kind: 'ready' }));
});

function send(socket: Socket, { bytes }: Transfer): void {
  let sent = 0;
  let broken = false;
  const fill = (): void => {
    while (sent < bytes) {
      const from = sent % CONTENT_BLOCK.length;
      const n = Math.min(CONTENT_BLOCK.length - from, bytes - sent);
      sent += n;
      if (!socket.write(CONTENT_BLOCK.subarray(from, from + n))) return;
    }
    socket.end();
  };
  socket.on('drain', fill);
  socket.on('error', () => {
    broken = true;
  });
  socket.on('close', () => {
    const end = broken ? 'broken' : 'complete';
    answer({ kind: 'outcome', side: 'send', end, bytes: sent, sha256: '', elapsedUs: 0, leftovers: {}, counters: {} });
  });
  socket.resume(); // to see the end
  fill();
}

function receive(socket: Socket, { limitSeconds }: Transfer): void {
  const hash = createHash('sha256');
  let bytes = 0;
  let firstMs = 0;
  let lastMs = 0;
  let end: 'complete' | 'limit' | 'broken' = 'broken';
  const limit = setTimeout(() => {
    end = 'limit';
    socket.resetAndDestroy();
  }, limitSeconds * 1000);
  socket.on('data', (chunk: Buffer) => {
    lastMs = performance.now();
    if (bytes === 0) firstMs = lastMs;
    bytes += chunk.length;
    hash.update(chunk);
  });
  socket.on('end', () => {
    end = 'complete';
    socket.end();
  });
  socket.on('error', () => {
    // 'close' follows, and says what came of it
  });
  socket.on('close', () => {
    clearTimeout(limit);
    const elapsedUs = Math.round((lastMs - firstMs) * MICROSECONDS);
    const sha256 = hash.digest('hex');
    answer({ kind: 'outcome', side: 'receive', end, bytes, sha256, elapsedUs, leftovers: {}, counters: {} });
  });
}
