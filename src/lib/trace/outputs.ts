/**
 * The output that belongs to a file, by its ending: `.pcapng` a capture with comments, `.json` and `.ndjson` JSON lines,
 * `.html` a page, anything else the log as text. `-` is standard output, as text.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { CommandError } from '../cli/command-error.ts';
import { CaptureOutput } from './capture-output.ts';
import { PageOutput } from './html/page-output.ts';
import { JsonOutput } from './json-output.ts';
import { LogOutput } from './log-output.ts';
import type { ConnectionSummary, TraceEvent, TraceSink, TraceTotals } from './model.ts';
import { SummaryOutput } from './summary-output.ts';

export type OutputFormat = 'pcapng' | 'json' | 'html' | 'log';

const FLUSH_BYTES = 1 << 16;

export function formatOf(path: string): OutputFormat {
  if (/\.(pcapng|pcap)$/i.test(path)) return 'pcapng';
  if (/\.(json|ndjson)$/i.test(path)) return 'json';
  if (/\.html?$/i.test(path)) return 'html';
  return 'log';
}

/** Opens the file; throws a CommandError when it can't be written. */
export function fileOutput(path: string, format: OutputFormat = formatOf(path), source = ''): TraceSink {
  try {
    if (format === 'pcapng') return CaptureOutput.toFile(path);
    if (format === 'html') return PageOutput.toFile(path, { source });
    const lines = new LineFile(path);
    if (format === 'json') return new ClosingOutput([new JsonOutput((line) => lines.write(line))], lines);
    const write = (line: string): void => lines.write(line);
    const log = new LogOutput({ write, style: (_style, text) => text, wide: true });
    return new ClosingOutput([log, new SummaryOutput({ write, bold: (text) => text })], lines);
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`, 'name a file that can be written');
  }
}

/** A text file, written in chunks. */
class LineFile {
  private readonly fd: number;
  private text = '';

  constructor(path: string) {
    this.fd = path === '-' ? process.stdout.fd : openSync(path, 'w');
  }

  write(line: string): void {
    this.text += `${line}\n`;
    if (this.text.length >= FLUSH_BYTES) this.flush();
  }

  flush(): void {
    const bytes = Buffer.from(this.text);
    this.text = '';
    let done = 0;
    while (done < bytes.length) done += writeSync(this.fd, bytes, done);
  }

  close(): void {
    this.flush();
    if (this.fd !== process.stdout.fd) closeSync(this.fd);
  }
}

/** Outputs that share a file, which is closed at the end. */
class ClosingOutput implements TraceSink {
  private readonly outputs: readonly TraceSink[];
  private readonly file: LineFile;

  constructor(outputs: readonly TraceSink[], file: LineFile) {
    this.outputs = outputs;
    this.file = file;
  }

  event(event: TraceEvent, connection: ConnectionSummary | null): void {
    for (const output of this.outputs) output.event(event, connection);
  }

  end(connections: readonly ConnectionSummary[], totals: TraceTotals): void {
    for (const output of this.outputs) output.end(connections, totals);
    this.file.close();
  }
}
