/** `serve --trace FILE`: records of the ring, followed and written to a file. */
import { Follower } from './follower.ts';
import type { RecordListener } from './hub.ts';
import { fileOutput } from './outputs.ts';
import { RecordReader } from './record-reader.ts';

export interface FileTrace {
  readonly listener: RecordListener;
  /** Writes what is left. */
  end(): void;
}

/**
 * Opens the file (throws a CommandError). A disk that is full, later, ends the trace and not the server: `onError` is told
 * once.
 */
export function traceInto(path: string, onError: (error: Error) => void): FileTrace {
  const follower = new Follower({ sinks: [fileOutput(path, { source: 'rtcp serve', onError })] });
  const reader = new RecordReader(follower);
  return { listener: (records) => reader.take(records), end: () => follower.end() };
}
