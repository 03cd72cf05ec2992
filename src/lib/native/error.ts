/**
 * Errors of set-up calls. The C side answers -errno; here it becomes a NativeError that says what was attempted, why the
 * kernel refused, and what mends it. Hot calls return their number and never come here.
 */
import { getSystemErrorMap } from 'node:util';
import { capabilityMend } from './capabilities.ts';

export class NativeError extends Error {
  override readonly name = 'NativeError';
  /** `EPERM`, `EBUSY`, … */
  readonly code: string;
  /** Positive errno. */
  readonly errno: number;
  /** What was attempted: `bind the AF_XDP socket to eth0, queue 0`. */
  readonly attempted: string;
  /** What the operator can do about it, or empty. */
  readonly mend: string;

  constructor(errno: number, attempted: string, mend: string) {
    const [code, text] = getSystemErrorMap().get(-errno) ?? [`E${errno}`, `error ${errno}`];
    super(`can't ${attempted}: ${text} (${code})${mend === '' ? '' : `; ${mend}`}`);
    this.code = code;
    this.errno = errno;
    this.attempted = attempted;
    this.mend = mend;
  }
}

/** The kernel's error numbers that are told apart here (asm-generic/errno-base.h, errno.h). */
export const EPERM = 1;
export const ENOENT = 2;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const EINVAL = 22;
export const EMFILE = 24;
export const EOPNOTSUPP = 95;
export const EADDRINUSE = 98;
export const EADDRNOTAVAIL = 99;
export const ECONNRESET = 104;
export const ETIMEDOUT = 110;
export const ECONNREFUSED = 111;

/**
 * Passes a result on, or throws what it means.
 *
 * @param returned what a native call returned
 * @param attempted what it was for, as an infinitive without "to"
 * @param mends for an errno, what helps; missing privileges are explained without it
 */
export function check(returned: number, attempted: string, mends: Readonly<Record<number, string>> = {}): number {
  if (returned >= 0) return returned;
  const errno = -returned;
  const privilege = errno === EPERM || errno === EACCES ? capabilityMend() : '';
  throw new NativeError(errno, attempted, mends[errno] ?? privilege);
}
