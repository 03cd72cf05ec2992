/**
 * One finding about this machine: what was looked at, what was found, and the command that mends it.
 */
export type Status = 'ok' | 'warn' | 'fail';

export interface Finding {
  name: string;
  status: Status;
  found: string;
  /** A command to type, or null when nothing is to be mended. */
  mend: string | null;
}

export function ok(name: string, found: string): Finding {
  return { name, status: 'ok', found, mend: null };
}

/** It works without, but not as well, or not everything does. */
export function warn(name: string, found: string, mend: string | null): Finding {
  return { name, status: 'warn', found, mend };
}

/** The userspace stack can't run so. */
export function fail(name: string, found: string, mend: string | null): Finding {
  return { name, status: 'fail', found, mend };
}
