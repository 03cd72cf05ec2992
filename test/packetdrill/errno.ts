/**
 * Error names of the socket calls, and which of them an end of a connection leads to. Names, not numbers: the two systems
 * number them differently, and scripts name them.
 */
import {
  ICMP_PARAMETER_PROBLEM,
  ICMP_SOURCE_QUENCH,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
} from '../../src/lib/wire/icmp.ts';
import type { ProfileName } from './profile.ts';

/** Two names for one error. */
const SAME: Readonly<Record<string, string>> = { EWOULDBLOCK: 'EAGAIN', ENOTSUP: 'EOPNOTSUPP' };

export function errnoName(name: string): string {
  return SAME[name] ?? name;
}

/** Linux's icmp_err_convert: by the code of an unreachable error. */
const LINUX_UNREACHABLE: readonly string[] = [
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENOPROTOOPT',
  'ECONNREFUSED',
  'EMSGSIZE',
  'EOPNOTSUPP',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ENONET',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTUNREACH',
  'EHOSTUNREACH',
  'EHOSTUNREACH',
  'EHOSTUNREACH',
];

const FREEBSD_REFUSALS = new Set([2, 3, 9, 10, 13]);

/** `softError` of a connection: type << 8 | code of the last ICMP error. */
export function icmpErrno(softError: number, profile: ProfileName): string {
  const type = softError >> 8;
  const code = softError & 255;
  if (type === ICMP_UNREACHABLE) {
    if (profile === 'linux') return LINUX_UNREACHABLE[code] ?? 'EHOSTUNREACH';
    return FREEBSD_REFUSALS.has(code) ? 'ECONNREFUSED' : 'EHOSTUNREACH';
  }
  if (type === ICMP_PARAMETER_PROBLEM) return profile === 'linux' ? 'EPROTO' : 'ENOPROTOOPT';
  if (type === ICMP_TIME_EXCEEDED || type === ICMP_SOURCE_QUENCH) return 'EHOSTUNREACH';
  return 'ECONNREFUSED';
}
