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

/**
 * Any thrown value as a CommandError. Errors of the floors below carry `mend`, and `code` (an errno name) when the
 * system said it; what says neither is a fault of ours, and its stack is what mends it.
 */
export function toCommandError(thrown: unknown): CommandError {
  if (thrown instanceof CommandError) return thrown;
  const error: SystemError = thrown instanceof Error ? thrown : new Error(String(thrown));
  const cause = firstLine(error.message);
  const denied = typeof error.code === 'string' && PRIVILEGE_CODES.includes(error.code);
  const exitCode = typeof error.exitCode === 'number' ? error.exitCode : denied ? EXIT_NO_PRIVILEGE : EXIT_FAILED;
  if (typeof error.mend === 'string') return new CommandError(cause, error.mend, exitCode);
  if (denied) return new CommandError(cause, 'run it as root, or see what is missing: rtcp doctor', exitCode);
  if (typeof error.code === 'string') return new CommandError(cause, 'see what this machine lacks: rtcp doctor', exitCode);
  const unexpected = new CommandError(cause, 'this is a defect: run it again with RTCP_DEBUG=1 and report the stack');
  if (error.stack !== undefined) unexpected.stack = error.stack;
  return unexpected;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0].trim();
}
