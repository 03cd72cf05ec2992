/**
 * The congestion controls there are, by the names that operators and scripts give them (Linux's).
 */
import type { CongestionControl } from './congestion.ts';
import { cubic } from './cubic.ts';
import { reno } from './reno.ts';

export const CONGESTION_CONTROLS: readonly CongestionControl[] = [cubic, reno];

/** Null when there is none of this name. */
export function congestionByName(name: string): CongestionControl | null {
  return CONGESTION_CONTROLS.find((control) => control.name === name) ?? null;
}
