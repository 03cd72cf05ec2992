/**
 * A text file, or standard output, written line by line in chunks. What waits is never older than FLUSH_MS, so that `tail -f`
 * shows a log that lives. A pipe whose reader is slow (`| less`) never stops the writer: what it does not take waits, and beyond
 * MAX_WAITING_BYTES lines are dropped, and their number said where they are missing.
 *
 *   write ─▶ text ── 64 KB, or 100 ms ─▶ rest ── as much as is taken ─▶ file
 */
import { closeSync, openSync, writeSync } from 'node:fs';

const FLUSH_BYTES = 1 << 16;
const FLUSH_MS = 100;
const MAX_WAITING_BYTES = 1 << 20;
const STDOUT_FD = 1;
const NOTHING = Buffer.alloc(0);

export class LineFile {
  private readonly fd: number;
  private text = '';
  /** What the pipe has not taken yet. */
  private rest = NOTHING;
  private lostLines = 0;
  private timer: NodeJS.Timeout | null = null;
  /** The timer's flush failed: the next call says it. */
  private error: unknown = null;

  /** `-` is standard output. Throws what node:fs throws, as the other methods do. */
  constructor(path: string) {
    this.fd = path === '-' ? STDOUT_FD : openSync(path, 'w');
  }

  write(line: string): void {
    if (this.error !== null) throw this.error;
    if (this.rest.length > MAX_WAITING_BYTES) this.lostLines++;
    else this.text += `${line}\n`;
    if (this.text.length >= FLUSH_BYTES) this.flush();
    this.timer ??= setTimeout(() => this.flushLater(), FLUSH_MS).unref();
  }

  /** What a pipe does not take now is gone. */
  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    try {
      if (this.error !== null) throw this.error;
      this.flush();
    } finally {
      if (this.fd !== STDOUT_FD) closeSync(this.fd);
    }
  }

  private flush(): void {
    if (this.lostLines > 0 && this.rest.length <= MAX_WAITING_BYTES) {
      this.text = `${this.lostLines} lines were lost: the reader could not keep up\n${this.text}`;
      this.lostLines = 0;
    }
    const bytes = Buffer.concat([this.rest, Buffer.from(this.text)]);
    this.text = '';
    this.rest = bytes.subarray(writeSome(this.fd, bytes));
  }

  private flushLater(): void {
    this.timer = null;
    try {
      this.flush();
      if (this.rest.length > 0) this.timer = setTimeout(() => this.flushLater(), FLUSH_MS).unref();
    } catch (error) {
      this.error = error;
    }
  }
}

/** As many bytes as the file takes without waiting. */
function writeSome(fd: number, bytes: Buffer): number {
  let done = 0;
  try {
    while (done < bytes.length) done += writeSync(fd, bytes, done);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
  }
  return done;
}
