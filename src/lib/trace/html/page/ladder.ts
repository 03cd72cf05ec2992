/**
 * The ladder: time goes down, one row an event, segments as arrows between the two lifelines. Only the rows in sight are
 * drawn; where a row lies is the sum of the heights before it, and a longer silence makes a larger gap.
 *
 *   0.000000  │──── SYN 0 ─────────▶│
 *   0.010104  │◀─── SYN ACK 0 ──────│  SYN-RECEIVED
 */
import { type Attributes, drawing, element } from '../../../page/scripts/elements.ts';
import type { Rows } from './rows.ts';

const SEGMENT_HEIGHT = 30;
const NOTE_HEIGHT = 24;
const TIME_WIDTH = 84;
const MARGIN = 14;
/** How far an arrow falls: it takes time to arrive. */
const FALL = 7;
const CHARACTER_WIDTH = 6.65;
/** Silences from here on are shown as gaps. */
const GAP_SECONDS = 0.002;
const MAX_GAP_HEIGHT = 44;
const OVERSCAN_PX = 200;

export interface LadderListener {
  selected(row: number): void;
  /** −1: none. */
  hovered(row: number): void;
}

export class Ladder {
  readonly root: HTMLElement;
  private readonly rows: Rows;
  private readonly listener: LadderListener;
  private readonly canvas: SVGSVGElement;
  private readonly spacer: HTMLElement;
  /** Where each row begins, and the end. */
  private readonly tops: Float64Array;
  private selection = -1;

  constructor(rows: Rows, listener: LadderListener) {
    this.rows = rows;
    this.listener = listener;
    this.tops = layOut(rows);
    this.canvas = drawing('svg', { class: 'ladder-canvas' });
    this.spacer = element('div', { class: 'ladder-spacer' }, this.canvas);
    this.spacer.style.height = `${this.tops[rows.count]}px`;
    const label = 'Ladder diagram: arrow keys select events, n and p go to the next and previous anomaly';
    this.root = element('div', { class: 'ladder', tabindex: 0, role: 'application', 'aria-label': label }, this.spacer);
    this.root.addEventListener('scroll', () => this.draw());
    this.root.addEventListener('keydown', (event) => this.key(event));
    this.canvas.addEventListener('click', (event) => this.pointed(event, (row) => listener.selected(row)));
    this.canvas.addEventListener('mousemove', (event) => this.pointed(event, (row) => listener.hovered(row)));
    this.canvas.addEventListener('mouseleave', () => listener.hovered(-1));
    new ResizeObserver(() => this.draw()).observe(this.root);
  }

  /** Marks a row and brings it into sight. */
  select(row: number): void {
    this.selection = row;
    const top = this.tops[row];
    const { scrollTop, clientHeight } = this.root;
    if (top < scrollTop || this.tops[row + 1] > scrollTop + clientHeight) this.root.scrollTop = top - clientHeight / 3;
    this.draw();
  }

  /** The next row that something is wrong with, or before it. */
  goToNotable(direction: 1 | -1): void {
    for (let row = this.selection + direction; row >= 0 && row < this.rows.count; row += direction) {
      if (this.rows.isNotable(row)) {
        this.listener.selected(row);
        return;
      }
    }
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.root.clientHeight / SEGMENT_HEIGHT) - 1);
    const steps: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page };
    const last = this.rows.count - 1;
    if (event.key === 'n' || event.key === 'p') this.goToNotable(event.key === 'n' ? 1 : -1);
    else if (event.key === 'Home') this.listener.selected(0);
    else if (event.key === 'End') this.listener.selected(last);
    else if (Object.hasOwn(steps, event.key)) {
      this.listener.selected(Math.min(last, Math.max(0, this.selection + steps[event.key])));
    } else return;
    event.preventDefault();
  }

  private pointed(event: MouseEvent, tell: (row: number) => void): void {
    const y = event.clientY - this.canvas.getBoundingClientRect().top + Number(this.canvas.dataset.top ?? 0);
    const row = this.rowAt(y);
    if (row >= 0 && row < this.rows.count) tell(row);
  }

  private rowAt(y: number): number {
    let low = 0;
    let high = this.rows.count;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.tops[middle] <= y) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  private draw(): void {
    const { canvas, root, rows, tops } = this;
    const width = root.clientWidth;
    if (width === 0 || rows.count === 0) return;
    const first = this.rowAt(root.scrollTop - OVERSCAN_PX);
    const last = Math.min(rows.count - 1, this.rowAt(root.scrollTop + root.clientHeight + OVERSCAN_PX));
    const top = tops[first];
    const height = tops[last + 1] - top;
    canvas.dataset.top = String(top);
    canvas.style.transform = `translateY(${top}px)`;
    canvas.setAttribute('width', String(width));
    canvas.setAttribute('height', String(height));
    const left = TIME_WIDTH + MARGIN;
    const right = width - MARGIN - 4;
    const lines = [left, right].map((x) => drawing('line', { class: 'lifeline', x1: x, x2: x, y1: 0, y2: height }));
    const drawn: SVGElement[] = [arrowHeads(), ...lines];
    for (let row = first; row <= last; row++) drawn.push(this.row(row, tops[row] - top, left, right));
    canvas.replaceChildren(...drawn);
  }

  /** `y`: where the row's space begins, its gap included. */
  private row(row: number, y: number, left: number, right: number): SVGElement {
    const { rows, tops } = this;
    const segment = rows.isSegment(row);
    const height = segment ? SEGMENT_HEIGHT : NOTE_HEIGHT;
    const gap = tops[row + 1] - tops[row] - height;
    const group = drawing('g', { class: `row ${rowClass(rows, row)}`, 'data-row': row });
    if (gap > 0) group.append(gapMark(rows, row, y, gap, left, right));
    const at = y + gap;
    if (row === this.selection) {
      group.append(drawing('rect', { class: 'selection', x: 0, y: at, width: right + MARGIN + 4, height }));
    }
    group.append(
      drawing('text', { class: 'time', x: TIME_WIDTH - 4, y: at + height - 10 }, rows.seconds[row].toFixed(6)),
    );
    group.append(segment ? arrow(rows, row, at, left, right) : note(rows, row, at, left, right));
    return group;
  }
}

/** Where each row begins. */
function layOut(rows: Rows): Float64Array {
  const tops = new Float64Array(rows.count + 1);
  for (let row = 0; row < rows.count; row++) {
    tops[row + 1] = tops[row] + (rows.isSegment(row) ? SEGMENT_HEIGHT : NOTE_HEIGHT) + gapHeight(rows, row);
  }
  return tops;
}

/** Pixels for the silence before a row: they grow with its logarithm. */
function gapHeight(rows: Rows, row: number): number {
  const silence = row === 0 ? 0 : rows.seconds[row] - rows.seconds[row - 1];
  return silence < GAP_SECONDS ? 0 : Math.min(MAX_GAP_HEIGHT, 14 + Math.round(8 * Math.log10(silence / GAP_SECONDS)));
}

function gapMark(rows: Rows, row: number, y: number, gap: number, left: number, right: number): SVGElement {
  const silence = rows.seconds[row] - rows.seconds[row - 1];
  const text = silence < 1 ? `${(silence * 1000).toFixed(1)} ms` : `${silence.toFixed(3)} s`;
  const mark = drawing('g', { class: 'gap' });
  for (const x of [left, right]) mark.append(drawing('line', { x1: x, x2: x, y1: y + 3, y2: y + gap - 1 }));
  mark.append(drawing('text', { x: TIME_WIDTH - 4, y: y + gap / 2 + 4 }, `+ ${text}`));
  return mark;
}

function rowClass(rows: Rows, row: number): string {
  const kind = rows.kind(row);
  if (kind !== 'segment') return kind;
  if (rows.isDropped(row)) return 'segment dropped';
  if (rows.isAgain(row)) return 'segment again';
  return rows.column.length[row] > 0 ? 'segment data' : 'segment bare';
}

function arrow(rows: Rows, row: number, y: number, left: number, right: number): SVGElement {
  const fromLeft = rows.column.end[row] === 0;
  const [x1, x2] = fromLeft ? [left, right] : [right, left];
  const y1 = y + SEGMENT_HEIGHT - 10;
  const dropped = rows.isDropped(row);
  // A segment that was not used stops before the lifeline.
  const reach = dropped ? x2 + (fromLeft ? -14 : 14) : x2 + (fromLeft ? -2 : 2);
  const group = drawing('g');
  const kind = dropped ? 'dropped' : rows.isAgain(row) ? 'again' : 'plain';
  const head: Attributes = dropped ? {} : { 'marker-end': `url(#head-${kind})` };
  group.append(drawing('line', { class: 'arrow', x1, y1, x2: reach, y2: y1 + FALL, ...head }));
  if (dropped) {
    const [x, at] = [reach, y1 + FALL];
    group.append(drawing('path', { class: 'cross', d: `M${x - 5} ${at - 5}l10 10m0 -10l-10 10` }));
  }
  group.append(caption(rows, row, (left + right) / 2, y1 - 4, right - left - 16));
  return group;
}

/** What stands on an arrow; what does not fit is cut, the details have all of it. */
function caption(rows: Rows, row: number, x: number, y: number, width: number): SVGElement {
  const { column } = rows;
  const text = drawing('text', { class: 'caption', x, y });
  let room = Math.floor(width / CHARACTER_WIDTH);
  const put = (name: string, words: string): void => {
    if (words === '' || room < 4) return;
    const shown = words.length > room ? `${words.slice(0, room - 1)}…` : words;
    text.append(drawing('tspan', { class: name }, shown), ' ');
    room -= shown.length + 1;
  };
  const length = column.length[row];
  put('flags', rows.text('flags', row));
  put('numbers', length > 0 ? `${column.seq[row]}:${column.seq[row] + length}` : String(column.seq[row]));
  const ack = rows.value('ack', row);
  put('numbers', `${ack === null ? '' : `ack ${ack} `}win ${column.window[row]}${length > 0 ? ` len ${length}` : ''}`);
  const again = rows.text('again', row);
  const why = rows.isDropped(row) ? rows.text('dropped', row) : again;
  put('label', why.split(':')[0]);
  put('label', rows.text('labels', row).replace(/ of frame \d+/, ''));
  const edges = rows.sacks.get(row) ?? [];
  if (edges.length > 0) put('sack', `sack ${pairs(edges)}`);
  put('command', rows.text('commands', row));
  return text;
}

/** `1:1461 2921:4381` */
export function pairs(edges: readonly number[]): string {
  const texts: string[] = [];
  for (let i = 0; i + 1 < edges.length; i += 2) texts.push(`${edges[i]}:${edges[i + 1]}`);
  return texts.join(' ');
}

/** A note at the lifeline of the end that it belongs to. */
function note(rows: Rows, row: number, y: number, left: number, right: number): SVGElement {
  const atLeft = rows.column.end[row] === 0;
  const room = Math.floor((right - left - 40) / CHARACTER_WIDTH);
  const words = noteWords(rows, row);
  const shown = words.length > room ? `${words.slice(0, room - 1)}…` : words;
  const width = shown.length * CHARACTER_WIDTH + 16;
  const x = atLeft ? left + 8 : right - 8 - width;
  const dot = drawing('circle', { class: 'note-dot', cx: atLeft ? left : right, cy: y + NOTE_HEIGHT / 2, r: 4 });
  const box = drawing('rect', { class: 'note-box', x, y: y + 3, width, height: NOTE_HEIGHT - 6, rx: 4 });
  return drawing('g', {}, dot, box, drawing('text', { class: 'note-text', x: x + 8, y: y + 16 }, shown));
}

function noteWords(rows: Rows, row: number): string {
  const words = rows.text('note', row);
  switch (rows.kind(row)) {
    case 'not-sent':
      return `not sent: ${words.split(':')[0]}`;
    case 'drop':
      return `dropped: ${words}`;
    case 'retransmit':
      return `sent again: ${words}`;
    default:
      return words;
  }
}

function arrowHeads(): SVGElement {
  const heads = ['plain', 'again', 'dropped'].map((name) =>
    drawing(
      'marker',
      { id: `head-${name}`, viewBox: '0 0 8 8', refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: 'auto' },
      drawing('path', { class: `head ${name}`, d: 'M0 0.8L8 4L0 7.2z' }),
    ),
  );
  return drawing('defs', {}, ...heads);
}
