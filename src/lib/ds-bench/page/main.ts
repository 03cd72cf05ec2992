/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** Puts the page together: what was measured, then a section for each structure. */
import { element } from '../../page/scripts/elements.ts';
import type { PageData, PageSection } from '../page-output.ts';
import { bars, legend } from './bars.ts';
import { Plots } from './plots.ts';
import { figureTable } from './table.ts';

function header({ workload, node, writtenAtMs, sections, failed }: PageData): HTMLElement {
  const { size, keyBytes, valueBytes, distribution, seed } = workload;
  const facts = [
    `${size.toLocaleString('en')} elements of ${keyBytes} B, values of ${valueBytes} B`,
    `asked for in ${distribution} order, seed ${seed}`,
    `Node.js ${node}`,
    new Date(writtenAtMs).toISOString().slice(0, 16).replace('T', ' '),
  ];
  const root = element('header', {}, element('h1', {}, 'Data structures'));
  root.append(element('div', { class: 'facts' }, ...facts.map((fact) => element('span', {}, fact))));
  for (const { structure, contender, cause } of failed) {
    root.append(element('p', { class: 'warning' }, `${structure}, ${contender}: ${cause}`));
  }
  const links = sections.map(({ structure }) => element('a', { href: `#${structure}` }, structure));
  root.append(element('nav', {}, ...links));
  return root;
}

function sectionOf(section: PageSection, plots: Plots): HTMLElement {
  const { structure, idea } = section;
  const root = element('section', { class: 'structure', id: structure });
  root.append(element('h2', {}, structure, element('span', { class: 'hint' }, idea)));
  root.append(legend(section), bars(section), figureTable(section));
  if (structure === 'probes') root.append(plots.probes(section));
  root.append(plots.courses(section, 0, 1));
  const others = plots.courses(section, 1, section.subjects[0].operations.length);
  if (others.childElementCount > 0) {
    root.append(element('details', {}, element('summary', {}, 'The course of the other operations'), others));
  }
  return root;
}

function start(): void {
  const data = JSON.parse(document.getElementById('data')?.textContent ?? '') as PageData;
  const page = document.getElementById('page') as HTMLElement;
  const plots = new Plots();
  page.append(header(data), ...data.sections.map((section) => sectionOf(section, plots)));
  page.append(
    element(
      'p',
      { class: 'hint' },
      'Quantiles are of means over 64 operations. × is how many times faster rtcp is, by the means. redis is measured by its own ' +
        'COMMANDSTATS: in-command time, pipelined over a Unix socket.',
    ),
  );
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plots.redraw());
}

start();
