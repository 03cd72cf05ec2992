/**
 * Plots over the same time: they share cursor, range and the selected event. Drag zooms, Shift and drag moves, Ctrl and the
 * wheel zooms at the pointer, a double click shows everything again; a click selects the nearest event.
 */
import type UPlot from 'uplot';
import { colour, element } from '../../../page/scripts/elements.ts';
import type { Rows } from './rows.ts';

declare const uPlot: typeof UPlot;

const SYNC_KEY = 'trace';
/** A shorter drag is a click. */
const DRAG_PX = 4;
/** No range is shorter than this. */
const MIN_RANGE_SECONDS = 2e-6;

/** Steps of axes for bytes: 512 B, 1 KiB, 2 KiB … */
export const POWERS_OF_TWO: readonly number[] = Array.from({ length: 50 }, (_, power) => 2 ** power);

export interface PlotDescription {
  readonly title: string;
  readonly hint: string;
  readonly height: number;
  /** After the one for time. */
  readonly series: UPlot.Series[];
  /** One for each series, one value for each row. */
  readonly data: (number | null)[][];
  readonly scale?: UPlot.Scale;
  readonly format: (value: number) => string;
  /** Between the labels of the axis. */
  readonly steps?: readonly number[];
  readonly splits?: UPlot.Axis.Splits;
  /** Draws what lines can't, on top of them. */
  readonly draw?: (plot: UPlot) => void;
}

export class PlotGroup {
  readonly root: HTMLElement;
  private readonly rows: Rows;
  private readonly onSelect: (row: number) => void;
  private readonly plots: { plot: UPlot; height: number }[] = [];
  private readonly whole: readonly [from: number, until: number];
  private range: readonly [from: number, until: number];
  private selection = -1;
  private readonly observer: ResizeObserver;

  constructor(rows: Rows, onSelect: (row: number) => void) {
    this.rows = rows;
    this.onSelect = onSelect;
    const last = rows.lastSegmentSeconds;
    const margin = Math.max(last * 0.02, MIN_RANGE_SECONDS);
    this.whole = [-margin, last + margin];
    this.range = this.whole;
    this.root = element('div', { class: 'plots' });
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.root);
  }

  add(description: PlotDescription): void {
    const { title, hint, height } = description;
    const holder = element('div', { class: 'plot', tabindex: 0, 'aria-label': `${title}: keys + − ← → 0` });
    const head = element('h3', {}, title, ' ', element('span', { class: 'hint' }, hint));
    this.root.append(element('section', {}, head, holder));
    const data = [Array.from(this.rows.seconds), ...description.data] as UPlot.AlignedData;
    const plot = new uPlot(this.options(description), data, holder);
    this.plots.push({ plot, height });
    this.listen(plot, holder);
  }

  /** Seconds. */
  setRange(from: number, until: number): void {
    const middle = (from + until) / 2;
    const half = Math.max(MIN_RANGE_SECONDS, until - from) / 2;
    this.range = [middle - half, middle + half];
    for (const { plot } of this.plots) plot.setScale('x', { min: this.range[0], max: this.range[1] });
    this.root.dataset.range = `${this.range[0]} ${this.range[1]}`;
  }

  /** `factor` below 1 comes closer; `at` stays where it is (the middle when not named). */
  zoom(factor: number, at = (this.range[0] + this.range[1]) / 2): void {
    const [from, until] = this.range;
    this.setRange(at - (at - from) * factor, at + (until - at) * factor);
  }

  /** By a share of what is shown. */
  move(share: number): void {
    const [from, until] = this.range;
    const by = (until - from) * share;
    this.setRange(from + by, until + by);
  }

  showAll(): void {
    this.setRange(this.whole[0], this.whole[1]);
  }

  /** Marks a row's time, and moves there when it is out of sight. */
  select(row: number): void {
    this.selection = row;
    const at = this.rows.seconds[row];
    const [from, until] = this.range;
    if (at < from || at > until) this.setRange(at - (until - from) / 2, at + (until - from) / 2);
    else this.redraw();
  }

  /** With the colours as they are now. */
  redraw(): void {
    for (const { plot } of this.plots) plot.redraw(false, true);
  }

  destroy(): void {
    this.observer.disconnect();
    for (const { plot } of this.plots) plot.destroy();
  }

  private resize(): void {
    const width = this.root.clientWidth;
    if (width > 0) for (const { plot, height } of this.plots) plot.setSize({ width, height });
  }

  private options({ height, series, scale, draw, ...axes }: PlotDescription): UPlot.Options {
    return {
      width: Math.max(300, this.root.clientWidth),
      height,
      padding: [10, 14, 0, 0],
      scales: { x: { time: false, min: this.range[0], max: this.range[1] }, y: scale ?? {} },
      series: [{ label: 'time', value: (_plot, value) => (value === null ? '–' : `${value.toFixed(6)} s`) }, ...series],
      axes: axesOf(axes),
      cursor: {
        sync: { key: SYNC_KEY, setSeries: false },
        drag: { x: true, y: false, setScale: false },
        points: { size: 6 },
        bind: {
          mousedown: (_plot, _target, handler) => (event) => (event.shiftKey ? null : handler(event)),
          dblclick: () => () => null,
        },
      },
      hooks: {
        setSelect: [(plot) => this.dragged(plot)],
        draw: [(plot) => clipped(plot, () => draw?.(plot)), (plot) => this.drawSelection(plot)],
      },
    };
  }

  private dragged(plot: UPlot): void {
    const { left, width } = plot.select;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (width >= DRAG_PX) this.setRange(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'));
  }

  private listen(plot: UPlot, holder: HTMLElement): void {
    const { over } = plot;
    over.addEventListener('dblclick', () => this.showAll());
    over.addEventListener('mousedown', (event) => {
      if (event.button !== 0) return;
      if (event.shiftKey) this.drag(plot, event);
      else addEventListener('mouseup', (up) => this.released(plot, event, up), { once: true });
    });
    over.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
        event.preventDefault();
        const at = plot.posToVal(event.clientX - over.getBoundingClientRect().left, 'x');
        this.zoom(event.deltaY > 0 ? 1.25 : 0.8, at);
      },
      { passive: false },
    );
    holder.addEventListener('keydown', (event) => this.key(event));
  }

  /** Without a move it was a click. */
  private released(plot: UPlot, down: MouseEvent, up: MouseEvent): void {
    if (Math.abs(up.clientX - down.clientX) >= DRAG_PX) return;
    this.onSelect(this.nearest(plot.posToVal(down.clientX - plot.over.getBoundingClientRect().left, 'x')));
  }

  private drag(plot: UPlot, start: MouseEvent): void {
    const [from, until] = this.range;
    const secondsForPixel = (until - from) / plot.over.clientWidth;
    const moved = (event: MouseEvent): void => {
      const by = (start.clientX - event.clientX) * secondsForPixel;
      this.setRange(from + by, until + by);
    };
    const done = (): void => {
      removeEventListener('mousemove', moved);
      removeEventListener('mouseup', done);
    };
    addEventListener('mousemove', moved);
    addEventListener('mouseup', done);
    start.preventDefault();
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '+' || event.key === '=') this.zoom(0.5);
    else if (event.key === '-') this.zoom(2);
    else if (event.key === 'ArrowLeft') this.move(-0.25);
    else if (event.key === 'ArrowRight') this.move(0.25);
    else if (event.key === '0') this.showAll();
    else return;
    event.preventDefault();
  }

  private nearest(at: number): number {
    const { rows } = this;
    const after = Math.min(rows.at(at), rows.count - 1);
    const closer = after > 0 && at - rows.seconds[after - 1] < rows.seconds[after] - at;
    return closer ? after - 1 : after;
  }

  private drawSelection(plot: UPlot): void {
    if (this.selection < 0) return;
    const x = Math.round(plot.valToPos(this.rows.seconds[this.selection], 'x', true));
    const { left, top, width, height } = plot.bbox;
    if (x < left || x > left + width) return;
    const { ctx } = plot;
    ctx.save();
    ctx.strokeStyle = colour('selection-line');
    ctx.lineWidth = uPlot.pxRatio;
    ctx.beginPath();
    ctx.moveTo(x + 0.5, top);
    ctx.lineTo(x + 0.5, top + height);
    ctx.stroke();
    ctx.restore();
  }
}

function axesOf({ format, steps, splits }: Pick<PlotDescription, 'format' | 'steps' | 'splits'>): UPlot.Axis[] {
  const grid = { stroke: () => colour('grid'), width: 1 };
  const common = { stroke: () => colour('muted'), font: '11px system-ui, sans-serif', grid, ticks: grid };
  const values = (_plot: UPlot, at: number[]): string[] => at.map((value) => (value === null ? '' : format(value)));
  return [
    { ...common, size: 30, space: 80, values: (_plot, at, _axis, _space, step) => seconds(at, step) },
    {
      ...common,
      size: 76,
      values,
      ...(steps ? { incrs: [...steps] } : {}),
      ...(splits ? { splits, filter: unfiltered } : {}),
    },
  ];
}

const unfiltered: UPlot.Axis.Filter = (_plot, splits) => splits;

/** Draws inside the plot's area only. */
function clipped(plot: UPlot, draw: () => void): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  draw();
  ctx.restore();
}

/** With as many decimals as the step needs. */
function seconds(splits: readonly number[], step: number): string[] {
  const decimals = Math.min(6, Math.max(0, -Math.floor(Math.log10(step))));
  return splits.map((value) => `${value.toFixed(decimals)} s`);
}
