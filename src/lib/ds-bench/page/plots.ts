/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * Plots: how long batches took while an operation went on (where a table stops the world to grow, there is a tower), and how
 * many entries need so many probes.
 */
import type UPlot from 'uplot';
import { colour, element } from '../../page/scripts/elements.ts';
import type { PageSection } from '../page-output.ts';
import type { SubjectResult } from '../subject.ts';
import { colourOf, nanoseconds } from './figures.ts';

// uPlot's script comes before this one.
declare const uPlot: typeof UPlot;

const HEIGHT = 220;
/** Fewer make no course. */
const LEAST_POINTS = 10;
const LOGARITHMIC = 3;

/** A contender, and the place that gives it its colour. */
interface Placed {
  readonly subject: SubjectResult;
  readonly place: number;
}

const placed = ({ subjects }: PageSection): Placed[] => subjects.map((subject, place) => ({ subject, place }));

export class Plots {
  private readonly made: { plot: UPlot; holder: HTMLElement }[] = [];
  private readonly observer = new ResizeObserver(() => this.resize());

  /** The course of the operations from `first` on, up to `end`; of the contenders that tell it. */
  courses(section: PageSection, first: number, end: number): HTMLElement {
    const root = element('div', { class: 'plots' });
    for (const { name } of section.subjects[0].operations.slice(first, end)) {
      const curveOf = ({ operations }: SubjectResult): readonly number[] =>
        operations.find((each) => each.name === name)?.curveNs ?? [];
      const shown = placed(section).filter(({ subject }) => curveOf(subject).length >= LEAST_POINTS);
      if (shown.length === 0) continue;
      const curves = shown.map(({ subject }) => curveOf(subject));
      const points = Math.max(...curves.map((curve) => curve.length));
      const progress = Array.from({ length: points }, (_, i) => (i / points) * 100);
      const data = [progress, ...curves.map((curve) => resampled(curve, points))] as UPlot.AlignedData;
      root.append(this.holder(`${name}: longest batch on the way, for each operation`));
      this.add(root, data, shown, {
        scale: { distr: LOGARITHMIC },
        x: (value) => `${value} %`,
        y: nanoseconds,
        paths: null,
      });
    }
    return root;
  }

  /** Shares of the entries by the number of probes, for hits and misses. */
  probes(section: PageSection): HTMLElement {
    const root = element('div', { class: 'plots' });
    for (const kind of ['hit', 'miss']) {
      const counts = section.subjects.map(({ extras }) => extras[kind] ?? []);
      const probes = counts[0].map((_, i) => i + 1);
      const data = [probes, ...counts.map(shares)] as UPlot.AlignedData;
      root.append(this.holder(`probes of a ${kind}: share of the entries`));
      this.add(root, data, placed(section), {
        scale: { distr: LOGARITHMIC, range: [0.001, 100] },
        x: (value) => String(value),
        y: (value) => `${value} %`,
        paths: uPlot.paths.stepped?.({ align: 1 }) ?? null,
      });
    }
    return root;
  }

  redraw(): void {
    for (const { plot } of this.made) plot.redraw(false, true);
  }

  private holder(title: string): HTMLElement {
    return element('section', {}, element('h3', {}, title), element('div', { class: 'plot' }));
  }

  private add(
    root: HTMLElement,
    data: UPlot.AlignedData,
    shown: readonly Placed[],
    form: {
      scale: UPlot.Scale;
      x: (value: number) => string;
      y: (value: number) => string;
      paths: UPlot.Series.PathBuilder | null;
    },
  ): void {
    const holder = root.lastElementChild?.lastElementChild as HTMLElement;
    const grid = { stroke: () => colour('grid'), width: 1 };
    const axis = { stroke: () => colour('muted'), font: '11px system-ui, sans-serif', grid, ticks: grid };
    const labels =
      (text: (value: number) => string) =>
      (_plot: UPlot, at: (number | null)[]): string[] =>
        at.map((value) => (value === null ? '' : text(value)));
    const plot = new uPlot(
      {
        width: 520,
        height: HEIGHT,
        scales: { x: { time: false }, y: form.scale },
        axes: [
          { ...axis, size: 30, values: labels(form.x) },
          { ...axis, size: 70, values: labels(form.y) },
        ],
        series: [
          { label: 'at', value: (_plot, value) => (value === null ? '–' : form.x(Math.round(value))) },
          ...shown.map(
            ({ subject, place }): UPlot.Series => ({
              label: subject.contender,
              stroke: () => colourOf(place),
              width: 1.5,
              points: { show: false },
              value: (_plot, value) => (value === null ? '–' : form.y(value)),
              ...(form.paths === null ? {} : { paths: form.paths }),
            }),
          ),
        ],
      },
      data,
      holder,
    );
    this.made.push({ plot, holder });
    this.observer.observe(holder);
  }

  private resize(): void {
    for (const { plot, holder } of this.made) {
      if (holder.clientWidth > 0) plot.setSize({ width: holder.clientWidth, height: HEIGHT });
    }
  }
}

/** A curve at so many points: its highest value around each. */
function resampled(curve: readonly number[], points: number): (number | null)[] {
  if (curve.length === 0) return new Array(points).fill(null);
  return Array.from({ length: points }, (_, i) => {
    const from = Math.floor((i * curve.length) / points);
    const to = Math.max(from + 1, Math.floor(((i + 1) * curve.length) / points));
    return Math.max(1, ...curve.slice(from, to));
  });
}

function shares(counts: readonly number[]): (number | null)[] {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (count === 0 ? null : (count * 100) / all));
}
