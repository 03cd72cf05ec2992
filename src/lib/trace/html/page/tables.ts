/** The head of the page: what was traced, the connections, and what the two ends of the chosen one did. */
import { formatBytes, formatCount, formatDurationUs, plural } from '../../../cli/units.ts';
import { element } from '../../../page/scripts/elements.ts';
import type { EndDocument, SummaryDocument } from '../../json-output.ts';
import type { PageData } from '../page-data.ts';

export type ConnectionDocument = SummaryDocument['connections'][number];

export function pageHeader(data: PageData): HTMLElement {
  const { summary, firstUs, lastUs } = data;
  const { totals } = summary;
  const when =
    firstUs === 0 ? 'nothing was traced' : `${localTime(firstUs / 1000)}, ${formatDurationUs(lastUs - firstUs)}`;
  const ignored = Object.entries(totals.ignored)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ');
  const facts = [
    when,
    `${plural(totals.frames, 'frame')}${ignored === '' ? '' : ` (not followed: ${ignored})`}`,
    plural(summary.connections.length + data.forgottenConnections + totals.folded.connections, 'connection'),
    plural(data.events, 'event'),
    `written ${localTime(data.writtenAtMs)} by rtcp ${data.version}`,
  ];
  const header = element(
    'header',
    { class: 'page-header' },
    element('h1', {}, 'TCP trace', ...(data.source === '' ? [] : [element('span', { class: 'source' }, data.source)])),
    element('p', { class: 'facts' }, ...facts.map((fact) => element('span', {}, fact))),
  );
  for (const warning of warnings(data)) header.append(element('p', { class: 'warning' }, warning));
  return header;
}

/** What the page does not show. */
function warnings(data: PageData): string[] {
  const { totals } = data.summary;
  const found: string[] = [];
  if (totals.lostEvents > 0) {
    found.push(`${plural(totals.lostEvents, 'event')} lost: the trace could not keep up, so what follows has holes.`);
  }
  if (data.forgottenEvents > 0) {
    found.push(`The middle is cut out: ${plural(data.forgottenEvents, 'event')} between the first and the last ones.`);
  }
  const connections = data.forgottenConnections + totals.folded.connections;
  if (connections > 0) found.push(`${plural(connections, 'smaller or older connection')} not shown.`);
  return found;
}

/** One row a connection; `chosen` is called with its place in the list. */
export function connectionTable(
  connections: readonly ConnectionDocument[],
  chosen: (index: number) => void,
): HTMLElement {
  const head = ['#', 'client', 'server', 'time', 'client sent', 'server sent', 'sent again', 'RTT', 'ended'];
  const body = element('tbody');
  const rows = connections.map((connection, index) => {
    const button = element('button', { type: 'button' }, `#${connection.id}`);
    const row = element(
      'tr',
      {},
      element('td', {}, button),
      ...cells(connection).map((text) => element('td', {}, text)),
    );
    row.addEventListener('click', () => {
      for (const other of rows) other.toggleAttribute('aria-selected', other === row);
      chosen(index);
    });
    return row;
  });
  body.append(...rows);
  rows[0]?.setAttribute('aria-selected', 'true');
  const heads = element('tr', {}, ...head.map((name) => element('th', { scope: 'col' }, name)));
  return element('div', { class: 'connections' }, element('table', {}, element('thead', {}, heads), body));
}

function cells({ client, server, local, firstUs, lastUs, closed }: ConnectionDocument): string[] {
  const means = [client, server]
    .filter((end) => local === null || end === (local === 'client' ? client : server))
    .map(({ rttUs }) => rttUs?.mean ?? 0);
  const rttUs = Math.max(...means); // of two ends, the one that the capture is nearer to has hardly any
  return [
    `${client.address}:${client.port}`,
    `${server.address}:${server.port}`,
    formatDurationUs(lastUs - firstUs),
    formatBytes(client.bytes),
    formatBytes(server.bytes),
    formatCount(sum(client.retransmits) + sum(server.retransmits)),
    rttUs < 1 ? '–' : formatDurationUs(rttUs),
    closed ?? 'still open',
  ];
}

/** What each end of a connection did. */
export function endTable(connection: ConnectionDocument): HTMLElement {
  const { client, server, local } = connection;
  const head = [
    '',
    'segments',
    'bytes',
    'Redis',
    'goodput',
    'sent again',
    'dup ACKs',
    '0 windows',
    'not used',
    'RTT min / avg / max',
  ];
  const row = (name: 'client' | 'server', end: EndDocument): HTMLElement =>
    element(
      'tr',
      {},
      element(
        'th',
        { scope: 'row' },
        element('span', { class: `end-name ${name}` }, name),
        ` ${end.address}:${end.port}${local === name ? ' (our stack)' : ''}`,
      ),
      ...endCells(end, local === null || local === name).map((text) => element('td', {}, text)),
    );
  const heads = element('tr', {}, ...head.map((name) => element('th', { scope: 'col' }, name)));
  const body = element('tbody', {}, row('client', client), row('server', server));
  return element('div', { class: 'ends' }, element('table', {}, element('thead', {}, heads), body));
}

/** `timed`: the trace saw what the round trips of its bytes are. */
function endCells(end: EndDocument, timed: boolean): string[] {
  const { rttUs } = end;
  return [
    formatCount(end.segments),
    formatBytes(end.bytes),
    end.commands === 0 ? '–' : formatCount(end.commands),
    end.goodputBytesPerSecond === 0 ? '–' : `${formatBytes(end.goodputBytesPerSecond)}/s`,
    counts(end.retransmits),
    String(end.labels['duplicate-ack'] ?? 0),
    String(end.labels['zero-window'] ?? 0),
    counts(end.drops),
    rttUs === null || !timed || rttUs.max < 1
      ? '–'
      : [rttUs.min, rttUs.mean, rttUs.max].map(formatDurationUs).join(' / '),
  ];
}

/** `7: 4 rack, 3 tail-probe` */
function counts(byReason: Readonly<Record<string, number>>): string {
  const parts = Object.entries(byReason).map(([reason, count]) => `${count} ${reason}`);
  return parts.length === 0 ? '0' : parts.join(', ');
}

function sum(byReason: Readonly<Record<string, number>>): number {
  return Object.values(byReason).reduce((total, count) => total + count, 0);
}

/** ISO, in the reader's time zone. */
function localTime(ms: number): string {
  const date = new Date(ms);
  const local = new Date(ms - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19).replace('T', ' ');
}
