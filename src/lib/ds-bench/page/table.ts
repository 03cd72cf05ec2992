/** The figures of a structure as a table: rtcp's whole, of the others the mean and how many times rtcp is faster. */
import { element } from '../../page/scripts/elements.ts';
import type { PageSection } from '../page-output.ts';
import { byteCount, nanoseconds } from './figures.ts';

export function figureTable({ subjects, element: what }: PageSection): HTMLElement {
  const [own, ...others] = subjects;
  const head = element('tr', {}, element('th', {}, 'operation'));
  for (const title of ['mean', 'p50', 'p99', 'p99.9', 'max', 'longest batch', 'GC pauses']) {
    head.append(element('th', { class: 'figure' }, title));
  }
  for (const other of others) head.append(element('th', { class: 'figure', colspan: 2 }, other.contender));
  const body = element('tbody');
  for (const operation of own.operations) {
    const row = element('tr', {}, element('th', { scope: 'row' }, operation.name));
    const { meanNs, p50Ns, p99Ns, p999Ns, maxNs, worstBatchUs, gcCount, gcMaxMs } = operation;
    for (const ns of [meanNs, p50Ns, p99Ns, p999Ns, maxNs, worstBatchUs * 1000]) row.append(figure(nanoseconds(ns)));
    row.append(figure(gcCount === 0 ? '–' : `${gcCount}, longest ${gcMaxMs.toFixed(1)} ms`));
    for (const other of others) {
      const same = other.operations.find(({ name }) => name === operation.name);
      row.append(figure(same === undefined ? '–' : nanoseconds(same.meanNs)));
      row.append(element('td', { class: 'ratio' }, same === undefined ? '' : `${(same.meanNs / meanNs).toFixed(1)}×`));
    }
    body.append(row);
  }
  if (own.bytesPerElement !== null && what !== '') body.append(bytesRow(what, subjects));
  return element('div', { class: 'scroll' }, element('table', {}, element('thead', {}, head), body));
}

function bytesRow(what: string, [own, ...others]: PageSection['subjects']): HTMLElement {
  const row = element('tr', {}, element('th', { scope: 'row' }, `bytes for each ${what}`));
  row.append(figure(byteCount(own.bytesPerElement)), element('td', { colspan: 6 }));
  for (const { bytesPerElement } of others) {
    row.append(figure(byteCount(bytesPerElement)));
    const share = bytesPerElement === null ? '' : `${((own.bytesPerElement ?? 0) / bytesPerElement).toFixed(2)} of it`;
    row.append(element('td', { class: 'ratio' }, share));
  }
  return row;
}

function figure(text: string): HTMLElement {
  return element('td', { class: 'figure' }, text);
}
