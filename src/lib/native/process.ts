/** This process and thread: pinned-memory limit, CPU affinity, CPU time. */
import { check } from './error.ts';
import { native, onFirstUse } from './library.ts';

const CLOCK_THREAD_CPUTIME_ID = 3;

const table = onFirstUse(() => ({
  memlock: native<() => number>('int rtcp_memlock_unlimited()'),
  pin: native<(cpu: number) => number>('int rtcp_pin_thread(int cpu)'),
  cpuUs: native<(wholeProcess: number) => number>('double rtcp_cpu_us(int whole_process)'),
  /** libc's own; struct timespec is two 64-bit words. */
  clock: native<(clock: number, timespec: Int32Array) => number>(
    'int clock_gettime(int clock, _Out_ int32_t *timespec)',
  ),
  timespec: new Int32Array(4),
}));

/** Lifts RLIMIT_MEMLOCK as far as we may; a umem is pinned memory. Returns 0, or -errno without the privilege. */
export function raiseMemlockLimit(): number {
  return table().memlock();
}

/** Binds the calling thread to one CPU. */
export function pinThread(cpu: number): void {
  check(table().pin(cpu), `run on CPU ${cpu} only`);
}

/** User and system time of the calling thread, in microseconds. */
export function threadCpuUs(): number {
  return table().cpuUs(0);
}

/** User and system time of all threads, in microseconds. */
export function processCpuUs(): number {
  return table().cpuUs(1);
}

/** As threadCpuUs, exact to the microsecond, where that counts in ticks of up to 4 ms: for the time that one step takes. */
export function threadTimeUs(): number {
  const { clock, timespec } = table();
  clock(CLOCK_THREAD_CPUTIME_ID, timespec);
  return timespec[0] * 1e6 + timespec[2] / 1000;
}
