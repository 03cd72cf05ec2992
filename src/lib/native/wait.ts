/** Sleeping until something happens, and waking a sleeper in another thread: ppoll and eventfd. */
import { check } from './error.ts';
import { native, onFirstUse } from './library.ts';

/** wait(): the descriptor is ready. */
export const READY = 1;
/** wait(): a signal came, and was taken off the eventfd. */
export const WOKEN = 2;

export interface WaitCalls {
  /** Sleeps until `fd` is readable, `wakeFd` was signalled, or `timeoutUs` is over (negative: without end). -1 is no descriptor. */
  wait(fd: number, wakeFd: number, timeoutUs: number): number;
  /** Wakes who sleeps on an eventfd. */
  signal(wakeFd: number): number;
  close(fd: number): number;
}

const table = onFirstUse(() => ({
  wait: native<WaitCalls['wait']>('int rtcp_wait(int fd, int wake_fd, int timeout_us)'),
  signal: native<WaitCalls['signal']>('int rtcp_signal(int fd)'),
  close: native<WaitCalls['close']>('int rtcp_close(int fd)'),
  drain: native<(fd: number) => number>('int rtcp_drain(int fd)'),
  eventfd: native<() => number>('int rtcp_eventfd()'),
}));

/** The hot calls, to be kept in a field. */
export function waitCalls(): WaitCalls {
  return table();
}

/** A descriptor that one thread sleeps on and others signal. Any thread of the process may use its number. */
export function createEventfd(): number {
  return check(table().eventfd(), 'create an eventfd');
}

/** Wakes who sleeps on the eventfd. */
export function signal(wakeFd: number): void {
  table().signal(wakeFd);
}

/** Takes signals off an eventfd; 1 when there were any. */
export function drain(wakeFd: number): number {
  return table().drain(wakeFd);
}

export function closeFd(fd: number): void {
  table().close(fd);
}
