/**
 * The output that belongs to a file, by its ending: `.pcapng` a capture with comments, `.json` and `.ndjson` JSON lines,
 * `.html` a page, anything else the log as text. `-` is standard output, as text.
 */
import { CommandError } from '../cli/command-error.ts';
import { CaptureOutput } from './capture-output.ts';
import { GuardedOutput } from './guarded-output.ts';
import { PageOutput } from './html/page-output.ts';
import { JsonOutput } from './json-output.ts';
import { LineFile } from './line-file.ts';
import { LogOutput } from './log-output.ts';
import type { ConnectionSummary, TraceEvent, TraceSink, TraceTotals } from './model.ts';
import { SummaryOutput } from './summary-output.ts';

export type OutputFormat = 'pcapng' | 'json' | 'html' | 'log';

export function formatOf(path: string): OutputFormat {
  if (/\.(pcapng|pcap)$/i.test(path)) return 'pcapng';
  if (/\.(json|ndjson)$/i.test(path)) return 'json';
  if (/\.html?$/i.test(path)) return 'html';
  return 'log';
}

export interface FileOptions {
  /** By the file's ending. */
  readonly format?: OutputFormat;
  /** What is traced, in words, for a page. */
  readonly source?: string;
  /** Told once when the file can't be written any more (a full disk): this output ends, nothing else does. */
  onError(error: Error): void;
}

/** Opens the file; throws a CommandError when it can't be written. */
export function fileOutput(path: string, { format = formatOf(path), source = '', onError }: FileOptions): TraceSink {
  try {
    return new GuardedOutput(open(path, format, source), onError);
  } catch (error) {
    throw new CommandError(`${path}: ${(error as Error).message}`, 'name a file that can be written');
  }
}

function open(path: string, format: OutputFormat, source: string): TraceSink {
  if (format === 'pcapng') return CaptureOutput.toFile(path);
  if (format === 'html') return PageOutput.toFile(path, { source });
  const lines = new LineFile(path);
  const write = (line: string): void => lines.write(line);
  if (format === 'json') return new ClosingOutput([new JsonOutput(write)], lines);
  const log = new LogOutput({ write, style: (_style, text) => text, wide: true });
  return new ClosingOutput([log, new SummaryOutput({ write, bold: (text) => text })], lines);
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
