/**
 * What a system call comes to: a number, an error, or nothing yet.
 */

export interface Outcome {
  readonly value: number;
  /** Set when `value` is −1. */
  readonly errno: string | null;
}

/** The call has to wait. */
export const WAITS = null;

export function returns(value: number): Outcome {
  return { value, errno: null };
}

export function fails(errno: string): Outcome {
  return { value: -1, errno };
}

export const DONE = returns(0);
