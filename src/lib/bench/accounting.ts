/**
 * Who spent the processor: the CPU time of a process (all its threads, kernel and user) and the busy time of the whole
 * machine, as differences over a run. proc(5): fields 14 and 15 of /proc/PID/stat, and the `cpu` line of /proc/stat, count
 * ticks of 10 ms; a thread's schedstat counts nanoseconds, so it is preferred.
 */
import { readdirSync, readFileSync } from 'node:fs';

const TICK_US = 10_000; // USER_HZ is 100 on every Linux port that Node.js runs on

/** CPU time of a process since its start, in µs: the live threads' where schedstat is there, else utime + stime. */
export function processCpuUs(pid: number): number {
  try {
    let nanoseconds = 0;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      nanoseconds += parseSchedstatNs(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1'));
    }
    return nanoseconds / 1000;
  } catch {
    return parseProcessStatUs(readFileSync(`/proc/${pid}/stat`, 'latin1')); // schedstat is a kernel option
  }
}

/** Busy time of all processors since boot, in µs. */
export function machineBusyUs(): number {
  return parseMachineStatUs(readFileSync('/proc/stat', 'latin1'));
}

/** The first number of a schedstat file: time on a processor in ns. */
export function parseSchedstatNs(text: string): number {
  return Number(text.split(' ', 1)[0]);
}

/** utime + stime. The name in parentheses may hold spaces and parentheses itself: count from the last one. */
export function parseProcessStatUs(text: string): number {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' '); // begins with field 3, the state
  return (Number(fields[14 - 3]) + Number(fields[15 - 3])) * TICK_US;
}

/** user + nice + system + irq + softirq + steal of the summary line; guest time is within user already. */
export function parseMachineStatUs(text: string): number {
  const [user, nice, system, , , irq, softirq, steal] = text.split('\n', 1)[0].trim().split(/\s+/).slice(1).map(Number);
  return (user + nice + system + irq + softirq + steal) * TICK_US;
}
