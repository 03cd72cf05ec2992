/** This process and thread: pinned-memory limit, CPU affinity, CPU time. */
import { check } from './error.ts';
import { native, onFirstUse } from './library.ts';

const table = onFirstUse(() => ({
  memlock: native<() => number>('int rtcp_memlock_unlimited()'),
  pin: native<(cpu: number) => number>('int rtcp_pin_thread(int cpu)'),
  cpuUs: native<(wholeProcess: number) => number>('double rtcp_cpu_us(int whole_process)'),
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
