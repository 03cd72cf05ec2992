/**
 * The socket of a running server that `tcp-trace --attach` connects to: a Unix socket that only its owner may open. A line of
 * JSON says who serves, then come the recorder's records as they are (record.ts). Nothing is sent the other way.
 *
 *   Hub ──▶ TraceSocket ──▶ { "rtcpTrace": 1, … }␊ record record …  ──▶ attach.ts
 *
 * Whoever reads too slowly loses records, which are counted; the server waits for nobody.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Hub } from './hub.ts';
import { lostRecord, RECORD_LENGTH } from './record.ts';

/** Of the greeting and the records. */
export const PROTOCOL_VERSION = 1;
/** Bytes that may wait for a slow reader. */
const MAX_WAITING_BYTES = 4 << 20;
const MAX_ATTACHED = 16;
const READY_POLL_MS = 5;

export class TraceSocket {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly path: string;

  private constructor(server: Server, path: string) {
    this.server = server;
    this.path = path;
  }

  /** Listens; rejects with what the system says. `hello` describes the server to those who attach. */
  static async open(path: string, hub: Hub, hello: object, wallUs: () => number): Promise<TraceSocket> {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    await removeStale(path);
    const server = createServer((socket) => opened.attach(socket, hub, hello, wallUs));
    const opened = new TraceSocket(server, path);
    const mask = process.umask(0o177); // the socket is 0600 from its first moment
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, resolve);
      });
    } finally {
      process.umask(mask);
    }
    chmodSync(path, 0o600);
    server.on('error', () => opened.close()); // it can take nobody any more (no descriptors, say)
    server.unref();
    return opened;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.end();
    rmSync(this.path, { force: true });
  }

  private attach(socket: Socket, hub: Hub, hello: object, wallUs: () => number): void {
    if (this.sockets.size >= MAX_ATTACHED) {
      socket.destroy();
      return;
    }
    this.sockets.add(socket);
    socket.unref();
    let lost = 0;
    let greeted = false;
    const listener = (records: Buffer): void => {
      if (socket.writableLength > MAX_WAITING_BYTES) {
        lost += countRecords(records);
        return;
      }
      if (!greeted) socket.write(`${JSON.stringify({ rtcpTrace: PROTOCOL_VERSION, ...hello })}\n`);
      greeted = true;
      if (lost > 0) socket.write(Buffer.concat([lostRecord(wallUs(), lost), hub.knownNames()]));
      lost = 0;
      if (records.length > 0) socket.write(records);
    };
    const ready = setInterval(() => {
      if (!hub.on) return;
      clearInterval(ready);
      if (!greeted) listener(Buffer.alloc(0));
    }, READY_POLL_MS);
    ready.unref();
    const leave = (): void => {
      clearInterval(ready);
      hub.remove(listener);
      this.sockets.delete(socket);
    };
    socket.on('close', leave);
    socket.on('error', leave); // the reader is gone: 'close' follows
    hub.add(listener);
  }
}

function countRecords(records: Buffer): number {
  let count = 0;
  for (let at = 0; at < records.length; at += records.readInt32LE(at + RECORD_LENGTH)) count++;
  return count;
}

/** Removes a socket that nobody listens on; one that is in use stays, and listening will say so. */
async function removeStale(path: string): Promise<void> {
  const refused = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
  if (refused) rmSync(path, { force: true });
}
