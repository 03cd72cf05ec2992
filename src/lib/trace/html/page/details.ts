/** Everything that is known of one event, as words. */
import { formatDurationUs } from '../../../cli/units.ts';
import { element } from '../../../page/scripts/elements.ts';
import { pairs } from './ladder.ts';
import type { Rows } from './rows.ts';

type Fact = readonly [name: string, value: string];

/** Fills `into` with a row's facts; nothing for row −1. */
export function showDetails(into: HTMLElement, rows: Rows, row: number): void {
  if (row < 0 || row >= rows.count) {
    into.replaceChildren(
      element(
        'p',
        { class: 'hint' },
        'Point at an event, or select one: arrow keys, click; n, p: next, previous anomaly.',
      ),
    );
    return;
  }
  const list = element('dl');
  for (const [name, value] of facts(rows, row)) {
    if (value !== '') list.append(element('div', {}, element('dt', {}, name), element('dd', {}, value)));
  }
  into.replaceChildren(list);
}

function facts(rows: Rows, row: number): Fact[] {
  const end = rows.column.end[row] === 0 ? 'client' : 'server';
  const place: Fact[] = [
    ['time', `${rows.seconds[row].toFixed(6)} s`],
    ['frame', number(rows.value('frame', row))],
  ];
  const kind = rows.kind(row);
  const event: Fact[] =
    kind === 'segment' ? segmentFacts(rows, row, end) : [[kind, `${end}: ${rows.text('note', row)}`]];
  return [...place, ...event, ...ownFacts(rows, row)];
}

function segmentFacts(rows: Rows, row: number, end: string): Fact[] {
  const { column } = rows;
  const length = column.length[row];
  const rttUs = rows.value('rttUs', row);
  return [
    ['from', end],
    ['flags', rows.text('flags', row)],
    ['seq', `${column.seq[row]}${length > 0 ? `:${column.seq[row] + length} (${length})` : ''}`],
    ['ack', number(rows.value('ack', row))],
    ['window', number(rows.value('window', row))],
    ['in flight', number(rows.value('flight', row))],
    ['RTT', rttUs === null ? '' : formatDurationUs(rttUs)],
    ['options', rows.text('options', row)],
    ['SACK', pairs(rows.sacks.get(row) ?? [])],
    ['sent again', rows.text('again', row)],
    ['dropped', rows.text('dropped', row)],
    ['labels', rows.text('labels', row)],
    ['Redis', rows.text('commands', row)],
  ];
}

function ownFacts(rows: Rows, row: number): Fact[] {
  const duration = (name: 'rtoUs' | 'srttUs'): string => {
    const us = rows.value(name, row);
    return us === null ? '' : formatDurationUs(us);
  };
  if (rows.value('cwnd', row) === null) return [];
  return [
    ['state', rows.text('state', row)],
    ['cwnd', number(rows.value('cwnd', row))],
    ['ssthresh', number(rows.value('ssthresh', row)) || 'none'],
    ['in flight (stack)', number(rows.value('ownFlight', row))],
    ['SRTT', duration('srttUs')],
    ['RTO', duration('rtoUs')],
    ["peer's window", number(rows.value('sendWindow', row))],
    ['our window', number(rows.value('receiveWindow', row))],
  ];
}

const number = (value: number | null): string => (value === null ? '' : String(value));
