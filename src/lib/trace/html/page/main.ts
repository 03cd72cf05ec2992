/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * Puts the page together: the head and the tables once, and for the chosen connection its ladder, plots and states, which
 * select and show the same event.
 */

import { element } from '../../../page/scripts/elements.ts';
import type { PageData } from '../page-data.ts';
import { showDetails } from './details.ts';
import { Ladder } from './ladder.ts';
import { PlotGroup } from './plot-group.ts';
import { Rows } from './rows.ts';
import { sequencePlot } from './sequence-plot.ts';
import { stateDiagram } from './state-diagram.ts';
import { type ConnectionDocument, connectionTable, endTable, pageHeader } from './tables.ts';
import { goodputPlot, timePlot, windowPlot } from './variable-plots.ts';

class ConnectionView {
  readonly root: HTMLElement;
  private readonly plots: PlotGroup | null = null;

  /** In the page from the beginning: plots are as wide as their place. */
  constructor(page: HTMLElement, connection: ConnectionDocument, rows: Rows | null) {
    const states = element('section', { class: 'state-figures' }, element('h2', {}, 'States (RFC 9293, figure 5)'));
    const figures = (['client', 'server'] as const).map((end) => stateDiagram(end, connection[end]));
    states.append(element('div', { class: 'figures' }, ...figures));
    this.root = element('div', { class: 'connection' }, endTable(connection));
    page.append(this.root);
    if (rows === null) {
      this.root.append(element('p', { class: 'warning' }, 'The events of this connection are not in the page.'));
    } else {
      this.plots = this.diagrams(connection, rows);
    }
    this.root.append(states);
  }

  redraw(): void {
    this.plots?.redraw();
  }

  destroy(): void {
    this.plots?.destroy();
    this.root.remove();
  }

  private diagrams(connection: ConnectionDocument, rows: Rows): PlotGroup {
    const details = element('div', { class: 'details', 'aria-live': 'polite' });
    let selection = -1;
    const select = (row: number): void => {
      selection = row;
      ladder.select(row);
      plots.select(row);
      showDetails(details, rows, row);
    };
    const hover = (row: number): void => showDetails(details, rows, row < 0 ? selection : row);
    const ladder = new Ladder(rows, { selected: select, hovered: hover });
    const plots = new PlotGroup(rows, select);
    const left = element('section', { class: 'ladder-side' }, ladderHead(ladder, connection), ladder.root, details);
    const right = element('section', { class: 'plot-side' }, toolbar(plots), plots.root);
    this.root.append(element('div', { class: 'diagrams' }, left, right));
    const mostFirst = connection.client.bytes > connection.server.bytes ? [0, 1] : [1, 0];
    const sequences = mostFirst.map((end) => sequencePlot(rows, end));
    for (const plot of [...sequences, windowPlot(rows), timePlot(rows, connection.local), goodputPlot(rows)]) {
      if (plot !== null) plots.add(plot);
    }
    plots.showAll();
    showDetails(details, rows, -1);
    return plots;
  }
}

function ladderHead(ladder: Ladder, { client, server }: ConnectionDocument): HTMLElement {
  return element(
    'div',
    { class: 'ladder-head' },
    element('span', { class: 'end-name client' }, `client ${client.address}:${client.port}`),
    element(
      'span',
      { class: 'toolbar' },
      button('▲ anomaly', 'The previous segment that was sent again, dropped, out of order …', () =>
        ladder.goToNotable(-1),
      ),
      button('anomaly ▼', 'The next one', () => ladder.goToNotable(1)),
    ),
    element('span', { class: 'end-name server' }, `server ${server.address}:${server.port}`),
  );
}

function toolbar(plots: PlotGroup): HTMLElement {
  return element(
    'div',
    { class: 'toolbar plot-toolbar' },
    button('+', 'Zoom in', () => plots.zoom(0.5)),
    button('−', 'Zoom out', () => plots.zoom(2)),
    button('◀', 'Earlier', () => plots.move(-0.25)),
    button('▶', 'Later', () => plots.move(0.25)),
    button('All', 'Everything (double click)', () => plots.showAll()),
    element('span', { class: 'hint' }, 'drag, Ctrl-wheel: zoom · Shift-drag: move · click: select'),
  );
}

function button(text: string, title: string, pressed: () => void): HTMLElement {
  const made = element('button', { type: 'button', title, 'aria-label': title }, text);
  made.addEventListener('click', pressed);
  return made;
}

function start(): void {
  const data = JSON.parse(document.getElementById('data')?.textContent ?? '') as PageData;
  const page = document.getElementById('page') as HTMLElement;
  const { connections } = data.summary;
  let view: ConnectionView | null = null;
  const choose = (index: number): void => {
    view?.destroy();
    const connection = connections[index];
    const track = data.tracks.find((one) => one.connection === connection.id);
    view = new ConnectionView(page, connection, track === undefined ? null : new Rows(track, data.texts));
  };
  page.append(pageHeader(data));
  if (connections.length > 1) page.append(connectionTable(connections, choose));
  if (connections.length > 0) choose(0);
  else page.append(element('p', { class: 'warning' }, 'No TCP connection was seen.'));
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => view?.redraw());
}

start();
