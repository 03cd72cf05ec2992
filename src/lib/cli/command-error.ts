/**
 * Everything that an operator can do wrong, or that their machine lacks, ends in one of these: one line that names the
 * cause, one that mends it, and the exit code. The mend is a command to type where there is one.
 *
 *     rtcp arp-probe: no interface is called eth9
 *     mend: choose one of lo, eth0 (ip -brief link)
 */
import { EXIT_FAILED, EXIT_NO_PRIVILEGE, EXIT_USAGE } from './exit-codes.ts';

export class CommandError extends Error {
  readonly mend: string;
  readonly exitCode: number;

  constructor(cause: string, mend: string, exitCode: number = EXIT_FAILED) {
    super(cause);
    this.name = 'CommandError';
    this.mend = mend;
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong (exit 2). */
export class UsageError extends CommandError {
  constructor(cause: string, mend: string) {
    super(cause, mend, EXIT_USAGE);
    this.name = 'UsageError';
  }
}

interface SystemError extends Error {
  code?: unknown;
  mend?: unknown;
  exitCode?: unknown;
}

const PRIVILEGE_CODES = ['EPERM', 'EACCES'];
/** What the operator named is taken, or is not there: a matter of the command line. */
const NAMED_CODES = ['EADDRINUSE', 'EADDRNOTAVAIL', 'EBUSY', 'EEXIST', 'ENODEV'];
/** An errno name, as against Node.js's own ERR_… codes. */
const ERRNO = /^E[A-Z0-9]+$/;

/**
 * Any thrown value as a CommandError. Errors of the floors below carry `mend`, and `code` (an errno name) when the
 * system said it; what says neither is a fault of ours, and its stack is what mends it.
 */
export function toCommandError(thrown: unknown): CommandError {
  if (thrown instanceof CommandError) return thrown;
  const error: SystemError = thrown instanceof Error ? thrown : new Error(String(thrown));
  const denied = typeof error.code === 'string' && PRIVILEGE_CODES.includes(error.code);
  const exitCode = typeof error.exitCode === 'number' ? error.exitCode : exitCodeOf(error.code);
  const cause = firstLine(error.message);
  if (typeof error.mend === 'string' && error.mend !== '') {
    return new CommandError(withoutEnding(cause, `; ${error.mend}`), error.mend, exitCode);
  }
  if (error.name === 'NativeLibraryError') return new CommandError(cause, 'npm run build:native', exitCode);
  if (denied) return new CommandError(cause, 'run it as root, or see what is missing: rtcp doctor', exitCode);
  if (typeof error.code === 'string' && ERRNO.test(error.code))
    return new CommandError(cause, 'see what this machine lacks: rtcp doctor', exitCode);
  return new CommandError(cause, 'this is a defect: run it again with RTCP_DEBUG=1 and report the stack', exitCode);
}

function withoutEnding(text: string, ending: string): string {
  return text.endsWith(ending) ? text.slice(0, -ending.length) : text;
}

function exitCodeOf(code: unknown): number {
  if (typeof code !== 'string') return EXIT_FAILED;
  if (PRIVILEGE_CODES.includes(code)) return EXIT_NO_PRIVILEGE;
  return NAMED_CODES.includes(code) ? EXIT_USAGE : EXIT_FAILED;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0].trim();
}
