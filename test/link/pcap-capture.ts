/** Captures in tests: a sink that keeps the bytes, a temporary file, and what tshark says of it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CaptureSink } from '../../src/lib/link/pcapng.ts';

export class MemorySink implements CaptureSink {
  readonly chunks: Buffer[] = [];
  closed = false;

  write(bytes: Uint8Array): void {
    this.chunks.push(Buffer.from(bytes));
  }

  close(): void {
    this.closed = true;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

/** Runs `use` with the path of a file that holds `bytes`, and removes it. */
export function withFile<T>(bytes: Uint8Array, use: (path: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'rtcp-capture-'));
  try {
    const path = join(directory, 'capture');
    writeFileSync(path, bytes);
    return use(path);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** The named fields of every packet, as tshark reads them. */
export function tsharkFields(bytes: Uint8Array, fields: readonly string[]): string[][] {
  const wanted = fields.flatMap((field) => ['-e', field]);
  const options = ['-o', 'tcp.check_checksum:TRUE', '-o', 'ip.check_checksum:TRUE'];
  return withFile(bytes, (path) => {
    const output = execFileSync('tshark', ['-r', path, ...options, '-T', 'fields', ...wanted], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 30_000,
    });
    return output
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => line.split('\t'));
  });
}
