/**
 * Congestion control by the names that both systems have for it.
 */
import * as algorithms from '../../src/lib/tcp/congestion/algorithms.ts';
import type { CongestionControl } from '../../src/lib/tcp/congestion/congestion.ts';

/** Undefined when there is none of that name here. */
export function congestionByName(name: string): CongestionControl | undefined {
  return algorithms.congestionByName(name === 'newreno' ? 'reno' : name) ?? undefined;
}
