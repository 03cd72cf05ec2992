/**
 * The clock that the kernel stamps received frames with (CLOCK_REALTIME), finer than Date.now(). It may be stepped while
 * one looks: only differences over a short time mean something, and those not for certain.
 */
import { native, onFirstUse } from './library.ts';

const CLOCK_REALTIME = 0;

const table = onFirstUse(() => ({
  /** libc's own, found through the library that links to it; struct timespec is two 64-bit words. */
  read: native<(clock: number, timespec: Int32Array) => number>(
    'int clock_gettime(int clock, _Out_ int32_t *timespec)',
  ),
  timespec: new Int32Array(4),
}));

/** Microseconds since 1970, with a fraction (a double resolves a quarter of one). */
export function wallClockUs(): number {
  const { read, timespec } = table();
  read(CLOCK_REALTIME, timespec);
  return (timespec[0] >>> 0) * 1e6 + timespec[2] / 1000;
}
