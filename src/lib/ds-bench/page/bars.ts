/** Mean times as bars, a group for each operation: lengths are comparable within a structure. */
import { element } from '../../page/scripts/elements.ts';
import type { PageSection } from '../page-output.ts';
import { colourName, nanoseconds } from './figures.ts';

export function legend({ subjects }: PageSection): HTMLElement {
  const entries = subjects.map(({ contender }, place) => element('span', {}, swatch('swatch', place, ''), contender));
  return element('div', { class: 'legend' }, ...entries);
}

export function bars({ subjects }: PageSection): HTMLElement {
  const longest = Math.max(...subjects.flatMap(({ operations }) => operations.map(({ meanNs }) => meanNs)));
  const grid = element('div', { class: 'bars' });
  for (const { name } of subjects[0].operations) {
    const group = element('div');
    for (const [place, { operations }] of subjects.entries()) {
      const same = operations.find((operation) => operation.name === name);
      if (same === undefined) continue;
      const width = `${((same.meanNs / longest) * 80).toFixed(2)}%`;
      group.append(
        element('div', { class: 'bar' }, swatch('', place, width), element('span', {}, nanoseconds(same.meanNs))),
      );
    }
    grid.append(element('div', { class: 'name' }, name), group);
  }
  return grid;
}

/** Set by properties: the page's policy allows no style attributes. */
function swatch(className: string, place: number, width: string): HTMLElement {
  const made = element('i', { class: className });
  made.style.background = `var(--${colourName(place)})`;
  if (width !== '') made.style.width = width;
  return made;
}
