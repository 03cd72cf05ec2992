/**
 * The load: one redis-benchmark run, and what its report says. The long report is read, not --csv: only there are the
 * quantiles beyond p99.
 *
 *     ====== SET ======
 *       20000 requests completed in 0.06 seconds
 *     Latency by percentile distribution:
 *     99.902% <= 0.207 milliseconds (cumulative count 19984)
 *     Summary:
 *       throughput summary: 312500.00 requests per second
 *               avg       min       p50       p95       p99       max
 *             0.044     0.008     0.047     0.071     0.095     0.271
 */
import type { TestName, Workload } from './workload.ts';
import { requestsFor } from './workload.ts';

export interface LoadReport {
  requests: number;
  requestsPerSecond: number;
  averageUs: number;
  p50Us: number;
  p95Us: number;
  p99Us: number;
  p999Us: number;
  maxUs: number;
}

/** redis-benchmark's arguments for one cell. */
export function loadArguments(
  workload: Workload,
  host: string,
  port: number,
  test: TestName,
  pipeline: number,
  requests: number = requestsFor(workload, pipeline, test),
): string[] {
  const numbers = {
    '-c': workload.clients,
    '-d': workload.dataBytes,
    '-r': workload.keyspace,
    '-n': requests,
    '-P': pipeline,
  };
  const options = Object.entries(numbers).flatMap(([flag, value]) => [flag, String(value)]);
  return ['-h', host, '-p', String(port), ...options, '-t', test];
}

/**
 * The report of a run of one test; null when it is not one. Progress lines (ended by CR) before it are skipped, and so is the
 * report of the LPUSH that makes the list for an LRANGE.
 */
export function parseLoadReport(whole: string): LoadReport | null {
  const text = whole.slice(Math.max(0, whole.lastIndexOf('====== ', whole.lastIndexOf('requests completed'))));
  const requests = /^\s*(\d+) requests completed in/m.exec(text);
  const throughput = /throughput summary: ([\d.]+) requests per second/.exec(text);
  const latency = /avg\s+min\s+p50\s+p95\s+p99\s+max\s*\n\s*([\d.\s]+)/.exec(text);
  if (requests === null || throughput === null || latency === null) return null;
  const [average, , p50, p95, p99, max] = latency[1].trim().split(/\s+/).map(millisecondsToUs);
  return {
    requests: Number(requests[1]),
    requestsPerSecond: Number(throughput[1]),
    averageUs: average,
    p50Us: p50,
    p95Us: p95,
    p99Us: p99,
    p999Us: quantileUs(text, 99.9) ?? max,
    maxUs: max,
  };
}

/** The first step of the percentile distribution that covers `percent`. */
function quantileUs(text: string, percent: number): number | null {
  const distribution = text.split('Latency by percentile distribution:')[1]?.split('Cumulative distribution')[0] ?? '';
  for (const step of distribution.matchAll(/^\s*([\d.]+)% <= ([\d.]+) milliseconds/gm)) {
    if (Number(step[1]) >= percent) return millisecondsToUs(step[2]);
  }
  return null;
}

function millisecondsToUs(text: string): number {
  return Math.round(Number(text) * 1000);
}
