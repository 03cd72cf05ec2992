/**
 * Log lines in redis-server's form:
 *
 *   4242:M 20 Nov 2026 15:18:35.123 * Ready to accept connections
 *   pid:role day month year time.ms level text          role M master · level . debug  - verbose  * notice  # warning
 *
 * Where they go is the caller's choice. Levels have redis-server's names in the configuration; the command line also takes
 * error, warn, info, debug and 0 to 3.
 */
import { escapeControl } from './quote.ts';

export type LogLevel = 'debug' | 'verbose' | 'notice' | 'warning';

export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'verbose', 'notice', 'warning'];
const MARKS: Readonly<Record<LogLevel, string>> = { debug: '.', verbose: '-', notice: '*', warning: '#' };
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** redis-server has no level between its warnings and silence, so errors only and warnings are one. */
const OTHER_NAMES: Readonly<Record<string, LogLevel>> = {
  error: 'warning',
  warn: 'warning',
  info: 'notice',
  '0': 'warning',
  '1': 'warning',
  '2': 'notice',
  '3': 'debug',
};

/** The level of that name (`notice`, `info`, `2` …), or null. */
export function parseLogLevel(name: string): LogLevel | null {
  const lower = name.toLowerCase();
  return LOG_LEVELS.find((level) => level === lower) ?? OTHER_NAMES[lower] ?? null;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** One line without its newline. Local time, as redis-server has it. */
export function formatLogLine(pid: number, role: string, level: LogLevel, nowMs: number, text: string): string {
  const at = new Date(nowMs);
  const day = `${two(at.getDate())} ${MONTHS[at.getMonth()]} ${at.getFullYear()}`;
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  const ms = String(at.getMilliseconds()).padStart(3, '0');
  return `${pid}:${role} ${day} ${time}.${ms} ${MARKS[level]} ${escapeControl(text)}`;
}

export interface LoggerParts {
  /** Takes one line with its newline. */
  write(line: string): void;
  wallMs(): number;
  pid: number;
  level: LogLevel;
}

export class Logger {
  /** Lines below this level are dropped. */
  level: LogLevel;
  /** M, as long as there is no replication. */
  role = 'M';
  private readonly parts: LoggerParts;

  constructor(parts: LoggerParts) {
    this.parts = parts;
    this.level = parts.level;
  }

  log(level: LogLevel, text: string): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.level)) return;
    const { pid, write, wallMs } = this.parts;
    write(`${formatLogLine(pid, this.role, level, wallMs(), text)}\n`);
  }
}
