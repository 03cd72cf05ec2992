/** The connection's variables over time: congestion window and what is in flight, round trips and timers, goodput. */
import type UPlot from 'uplot';
import { formatBytes, formatDurationUs } from '../../../cli/units.ts';
import { colour } from '../../../page/scripts/elements.ts';
import type { ColumnName } from '../page-data.ts';
import { type PlotDescription, POWERS_OF_TWO } from './plot-group.ts';
import type { Rows } from './rows.ts';

declare const uPlot: typeof UPlot;

const HEIGHT = 190;
/** Goodput is a mean over this share of the connection's time, and no less than this. */
const GOODPUT_SHARE = 1 / 60;
const MIN_GOODPUT_SECONDS = 0.01;

type Values = (number | null)[];

const bytes = (value: number): string => formatBytes(Math.round(value));

/** What the sender allows itself. In captures only what is in flight is known. */
export function windowPlot(rows: Rows): PlotDescription {
  const inside = rows.column.cwnd.some((value) => value >= 0);
  const series = inside
    ? [
        line('cwnd', 'cwnd', bytes, { width: 1.75 }),
        line('ssthresh', 'ssthresh', bytes, { dash: [6, 4], auto: false }), // it may be far above
        line('in flight', 'flight', bytes),
        line("peer's window", 'window', bytes, { auto: false }),
      ]
    : [line('client in flight', 'client', bytes), line('server in flight', 'server', bytes)];
  const names: ColumnName[] = ['cwnd', 'ssthresh', 'ownFlight', 'sendWindow'];
  return {
    title: inside ? 'Congestion window and bytes in flight' : 'Bytes in flight, as the wire shows',
    hint: inside ? 'vertical lines: congestion events' : '',
    height: HEIGHT,
    series,
    data: inside ? names.map((name) => values(rows, name)) : [0, 1].map((end) => values(rows, 'flight', end)),
    format: bytes,
    steps: POWERS_OF_TWO,
    scale: { range: (_plot, _low, high) => [0, Math.max(high ?? 1, 1) * 1.15] },
    draw: (plot) => drawCongestion(plot, rows),
  };
}

/**
 * Logarithmic, in microseconds: a timer is often a hundred times the round trip that it waits for. `local`: the end that was
 * traced from inside; what the other end's bytes take can't be seen from there.
 */
export function timePlot(rows: Rows, local: string | null): PlotDescription {
  const inside = rows.column.rtoUs.some((value) => value >= 0);
  const ends = ['client', 'server'].filter((end) => local === null || local === end);
  const own = [line('SRTT', 'window', formatDurationUs), line('RTO', 'again', formatDurationUs)];
  const names: ColumnName[] = ['srttUs', 'rtoUs'];
  return {
    title: inside ? 'Round trips and retransmission timer' : 'Round trips',
    hint: 'a point for each measured ACK',
    height: HEIGHT,
    series: [...ends.map(roundTripPoints), ...(inside ? own : [])],
    data: [
      ...ends.map((end) => roundTripsOf(rows, end === 'client' ? 0 : 1)),
      ...(inside ? names.map((name) => values(rows, name)) : []),
    ],
    scale: { distr: 3, range: (_plot, low, high) => decades(low, high) },
    format: formatDurationUs,
    splits: (_plot, _axis, low, high) => logarithmicSplits(low, high),
  };
}

function roundTripPoints(end: string): UPlot.Series {
  return {
    label: `RTT, ${end}'s bytes`,
    stroke: () => colour(end),
    paths: () => null,
    points: { show: true, size: 4, width: 1, stroke: () => colour(end), fill: () => colour(end) },
    value: (_plot, value) => (value === null ? '–' : formatDurationUs(value)),
  };
}

/** Measured by the other end's ACKs; below a microsecond, which is beside the other end, there is nothing to see. */
function roundTripsOf(rows: Rows, end: number): Values {
  return values(rows, 'rttUs', 1 - end).map((us) => (us === null || us < 1 ? null : us));
}

/** 1, 10, 100 …; where there are only few of these, 2 and 5 too. */
function logarithmicSplits(low: number, high: number): number[] {
  const steps = high / low > 1000 ? [1] : [1, 2, 5];
  const splits: number[] = [];
  for (let decade = 10 ** Math.floor(Math.log10(low)); decade <= high; decade *= 10) {
    splits.push(...steps.map((step) => step * decade).filter((at) => at >= low && at <= high));
  }
  return splits;
}

export function goodputPlot(rows: Rows): PlotDescription {
  const spanSeconds = Math.max(MIN_GOODPUT_SECONDS, rows.lastSegmentSeconds * GOODPUT_SHARE);
  const format = (value: number): string => `${bytes(value)}/s`;
  return {
    title: 'Goodput',
    hint: `bytes acknowledged, mean over ${formatDurationUs(spanSeconds * 1e6)}`,
    height: HEIGHT,
    series: [line("client's bytes", 'client', format), line("server's bytes", 'server', format)],
    data: [0, 1].map((end) => goodput(rows, end, spanSeconds)),
    format,
    steps: POWERS_OF_TWO,
  };
}

function line(label: string, name: string, format: (value: number) => string, more: UPlot.Series = {}): UPlot.Series {
  return {
    label,
    stroke: () => colour(name),
    width: 1.25,
    spanGaps: true,
    paths: uPlot.paths.stepped?.({ align: 1 }),
    points: { show: false },
    value: (_plot, value) => (value === null ? '–' : format(value)),
    ...more,
  };
}

function values(rows: Rows, name: ColumnName, end = -1): Values {
  return Array.from({ length: rows.count }, (_, row) =>
    end >= 0 && rows.column.end[row] !== end ? null : rows.value(name, row),
  );
}

/** Bytes a second that the other end acknowledged within the last `spanSeconds`. */
function goodput(rows: Rows, end: number, spanSeconds: number): Values {
  const times: number[] = [];
  const acks: number[] = [];
  let oldest = 0;
  return Array.from({ length: rows.count }, (_, row) => {
    if (!rows.isSegment(row) || rows.column.end[row] === end) return null;
    const ack = rows.value('ack', row);
    if (ack === null) return null;
    const now = rows.seconds[row];
    times.push(now);
    acks.push(Math.max(ack, acks.at(-1) ?? 0));
    while (oldest + 1 < times.length && times[oldest + 1] <= now - spanSeconds) oldest++;
    return ((acks.at(-1) ?? 0) - acks[oldest]) / Math.max(spanSeconds, now - times[oldest]);
  });
}

function decades(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null || low <= 0) return [100, 1e6];
  return [low / 1.6, high * 1.6];
}

/** A line for each congestion event, named where there is room. */
function drawCongestion(plot: UPlot, rows: Rows): void {
  const { ctx, bbox } = plot;
  const { min = 0, max = 0 } = plot.scales.x;
  const unit = uPlot.pxRatio;
  let labelledUntil = -Infinity;
  ctx.strokeStyle = colour('event');
  ctx.fillStyle = colour('muted');
  ctx.lineWidth = unit;
  ctx.font = `${10 * unit}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'alphabetic';
  ctx.setLineDash([3 * unit, 3 * unit]);
  for (let row = rows.at(min); row < rows.count && rows.seconds[row] <= max; row++) {
    if (rows.kind(row) !== 'congestion') continue;
    const x = plot.valToPos(rows.seconds[row], 'x', true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    if (x < labelledUntil) continue;
    const label = rows.text('note', row).split(':')[0];
    ctx.fillText(label, x + 3 * unit, bbox.top + 11 * unit);
    labelledUntil = x + ctx.measureText(label).width + 6 * unit;
  }
}
