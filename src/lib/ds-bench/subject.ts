/**
 * One structure under test, as one contender has it: what is done to it, one operation after the other, and what it takes.
 * A subject runs in a process of its own (subject-process.ts): nothing that another did to the heap, to the compiler or to
 * the caches is in its figures.
 */
import type { Measured, Operation } from './measure.ts';
import type { Workload } from './workload.ts';

/** What --against names: JavaScript's own (Map, Set, Array; objects), and a redis-server. */
export const OPPONENTS = ['map', 'object', 'redis'] as const;
/** Those that belong to the idea of a structure and always run beside it. */
export type Contender = 'rtcp' | 'skiplist' | 'linear' | 'heap' | (typeof OPPONENTS)[number];

export interface Subject {
  /** In the order in which they are measured. What has the same name is compared. */
  readonly operations: readonly Operation[];
  /** Bytes for each element when all are there, asked after the operation of this name; null when it can't be known. */
  readonly bytesAfter: string;
  bytesPerElement(): number | null;
  /** What else is to be told (histograms); by name. */
  extras?(): Record<string, number[]>;
}

export type SubjectMaker = (workload: Workload) => Subject;

/** What a subject's process is told, as JSON on its command line. */
export interface SubjectRequest {
  readonly structure: string;
  readonly contender: Contender;
  readonly workload: Workload;
  /** The program that `redis` starts. */
  readonly redisServer: string;
}

export interface SubjectResult {
  readonly structure: string;
  readonly contender: Contender;
  readonly operations: readonly Measured[];
  readonly bytesPerElement: number | null;
  readonly extras: Readonly<Record<string, number[]>>;
}
