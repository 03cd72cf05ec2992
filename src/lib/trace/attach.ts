/** `tcp-trace --attach`: the other end of trace-socket.ts. What comes is another process's, and is not trusted. */
import { connect } from 'node:net';
import { CommandError } from '../cli/command-error.ts';
import type { Follower } from './follower.ts';
import { RecordReader } from './record-reader.ts';
import type { StopConditions } from './sources.ts';
import { PROTOCOL_VERSION } from './trace-socket.ts';

const MAX_HELLO_BYTES = 4096;

/** Follows a running server until it ends, the reader has enough, or it is told to stop. */
export async function traceAttached(
  path: string,
  follower: Follower,
  stop: StopConditions,
  onReady: (hello: Hello) => void,
): Promise<void> {
  const socket = connect(path);
  const reader = new RecordReader(follower, stop.maxFrames);
  let hello: Hello | null = null;
  let head: Buffer<ArrayBufferLike> = Buffer.alloc(0);
  await new Promise<void>((resolve, reject) => {
    const finish = (): void => {
      clearTimeout(timer);
      stop.signal.removeEventListener('abort', finish);
      socket.destroy();
      resolve();
    };
    const timer = Number.isFinite(stop.durationUs) ? setTimeout(finish, stop.durationUs / 1000) : undefined;
    stop.signal.addEventListener('abort', finish);
    socket.on('error', (error) => reject(attachError(path, error)));
    socket.on('close', () => {
      if (hello === null && !stop.signal.aborted) reject(closedEarly(path));
      else finish();
    });
    socket.on('data', (bytes: Buffer) => {
      let records = bytes;
      if (hello === null) {
        head = Buffer.concat([head, bytes]);
        const end = head.indexOf(10);
        if (end < 0 && head.length < MAX_HELLO_BYTES) return;
        hello = parseHello(head.subarray(0, Math.max(0, end)).toString('utf8'));
        if (hello === null) {
          reject(new CommandError(`${path} is no trace socket of this version`, 'attach with the rtcp that serves'));
          socket.destroy();
          return;
        }
        onReady(hello);
        records = head.subarray(end + 1);
      }
      reader.take(records);
      if (reader.error !== null)
        reject(new CommandError(`${path}: ${reader.error}`, 'attach with the rtcp that serves'));
      if (reader.error !== null || follower.totals.frames >= stop.maxFrames) finish();
    });
  });
}

/** Who serves. */
export interface Hello {
  readonly address: string;
  readonly port: number;
  readonly pid: number;
}

function parseHello(line: string): Hello | null {
  try {
    const { rtcpTrace, address, port, pid } = JSON.parse(line) as Partial<Hello> & { rtcpTrace?: number };
    return rtcpTrace === PROTOCOL_VERSION ? { address: String(address), port: Number(port), pid: Number(pid) } : null;
  } catch {
    return null; // not a line of ours
  }
}

function closedEarly(path: string): CommandError {
  return new CommandError(
    `${path} was closed before it said who serves there`,
    'a server takes 16 who attach: end one of them, or attach to an rtcp serve',
  );
}

function attachError(path: string, error: NodeJS.ErrnoException): CommandError {
  if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
    return new CommandError(`nobody serves at ${path}`, 'rtcp serve says its trace socket with --log-level debug');
  }
  return new CommandError(`${path}: ${error.message}`, 'attach as the user who serves');
}
