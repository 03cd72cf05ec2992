/** The comparison as one HTML page that opens offline: tables, bars, tails, the course of each operation, probe lengths. */
import { writeFileSync } from 'node:fs';
import { pageDocument } from '../page/document.ts';
import { PAGE_STYLE } from './page-style.ts';
import type { DsBenchResult } from './run.ts';
import { STRUCTURES } from './structures.ts';
import type { SubjectResult } from './subject.ts';

/** One structure as the page shows it: rtcp's subject first. */
export interface PageSection {
  readonly structure: string;
  readonly idea: string;
  /** What bytes are told for; '' when for nothing. */
  readonly element: string;
  readonly subjects: readonly SubjectResult[];
}

export interface PageData {
  readonly workload: DsBenchResult['workload'];
  readonly node: string;
  readonly writtenAtMs: number;
  readonly sections: readonly PageSection[];
  readonly failed: DsBenchResult['failed'];
}

/** Throws what node:fs throws. */
export function writePage(path: string, result: DsBenchResult): void {
  writeFileSync(path, dsBenchPage(result, Date.now()));
}

export function dsBenchPage(result: DsBenchResult, writtenAtMs: number): string {
  const structures = [...new Set(result.subjects.map(({ structure }) => structure))];
  const data: PageData = {
    workload: result.workload,
    node: result.node,
    writtenAtMs,
    sections: structures.map((structure) => ({
      structure,
      idea: STRUCTURES[structure].idea,
      element: STRUCTURES[structure].element,
      subjects: result.subjects.filter((subject) => subject.structure === structure),
    })),
    failed: result.failed,
  };
  return pageDocument({
    title: `rtcp ds-bench: ${structures.join(' ')}`,
    data,
    style: PAGE_STYLE,
    script: new URL('page/main', import.meta.url),
  });
}
