/**
 * The time-sequence plot of one direction, as W. R. Stevens drew them and tcptrace does: each segment is a bar from its first
 * to its last byte, below it the line of what was acknowledged, above it the end of the window; bytes that were sent again
 * and what the receiver reported by SACK have their own colours and shapes.
 */
import type UPlot from 'uplot';
import { formatBytes } from '../../../cli/units.ts';
import { colour } from '../../../page/scripts/elements.ts';
import { type PlotDescription, POWERS_OF_TWO } from './plot-group.ts';
import type { Rows } from './rows.ts';

declare const uPlot: typeof UPlot;

const HEIGHT = 300;
const END_NAMES = ['client', 'server'];

/** `end`: whose bytes, 0 the client's, 1 the server's. Null: it sent none. */
export function sequencePlot(rows: Rows, end: number): PlotDescription | null {
  const sent: (number | null)[] = [];
  const acked: (number | null)[] = [];
  const window: (number | null)[] = [];
  let segments = 0;
  for (let row = 0; row < rows.count; row++) {
    const own = rows.isSegment(row) && rows.column.end[row] === end;
    const ack = rows.isSegment(row) && !own ? rows.value('ack', row) : null;
    const bytes = own ? rows.column.length[row] : 0;
    if (bytes > 0) segments++;
    sent.push(bytes > 0 ? rows.column.seq[row] + bytes : null);
    acked.push(ack);
    window.push(ack === null ? null : ack + rows.column.window[row]);
  }
  if (segments === 0) return null;
  const sacks = newlySacked(rows, end);
  const stepped = uPlot.paths.stepped?.({ align: 1 });
  const value = (_plot: UPlot, at: number | null): string => (at === null ? '–' : String(at));
  const line = { spanGaps: true, paths: stepped, points: { show: false }, value };
  return {
    title: `Sequence numbers, ${END_NAMES[end]} → ${END_NAMES[1 - end]}`,
    hint: '◆ sent again, × not used, violet: new SACK',
    height: HEIGHT,
    series: [
      { label: 'sent', stroke: () => colour('segment'), paths: () => null, points: { show: false }, value },
      { label: 'acked', stroke: () => colour('ack'), width: 1.25, ...line },
      // Often far above everything else: it does not say how high the plot reaches.
      { label: 'window', stroke: () => colour('window'), width: 1.25, auto: false, ...line },
    ],
    data: [sent, acked, window],
    scale: { range: (_plot, low, high) => padded(low, high) },
    format: (bytes) => formatBytes(Math.round(bytes)),
    steps: POWERS_OF_TWO,
    draw: (plot) => drawSegments(plot, rows, end, sacks),
  };
}

/** Room below for bars that begin there, above for the window's line. */
function padded(low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const span = Math.max(high - low, 1);
  return [Math.max(0, low - span * 0.06), high + span * 0.14];
}

function drawSegments(plot: UPlot, rows: Rows, end: number, sacks: ReadonlyMap<number, readonly number[]>): void {
  const { min = 0, max = 0 } = plot.scales.x;
  const first = rows.at(min);
  const sent = new Path2D();
  const again = new Path2D();
  const sacked = new Path2D();
  const marks = new Path2D();
  const crosses = new Path2D();
  const unit = uPlot.pxRatio;
  const yOf = (sequence: number): number => plot.valToPos(sequence, 'y', true);
  for (let row = first; row < rows.count && rows.seconds[row] <= max; row++) {
    if (!rows.isSegment(row)) continue;
    const x = plot.valToPos(rows.seconds[row], 'x', true);
    if (rows.column.end[row] !== end) {
      const edges = sacks.get(row) ?? [];
      for (let i = 0; i + 1 < edges.length; i += 2) bar(sacked, x, yOf(edges[i]), yOf(edges[i + 1]), 0);
      continue;
    }
    const [seq, length] = [rows.column.seq[row], rows.column.length[row]];
    if (length === 0) continue;
    const [bottom, top] = [yOf(seq), yOf(seq + length)];
    bar(rows.isAgain(row) ? again : sent, x, bottom, top, 3 * unit);
    if (rows.isAgain(row)) diamond(marks, x, (bottom + top) / 2, 4 * unit);
    if (rows.isDropped(row)) cross(crosses, x, (bottom + top) / 2, 5 * unit);
  }
  const { ctx } = plot;
  const stroke = (path: Path2D, name: string, width: number): void => {
    ctx.strokeStyle = colour(name);
    ctx.lineWidth = width * unit;
    ctx.stroke(path);
  };
  stroke(sacked, 'sack', 3);
  stroke(sent, 'segment', 1.5);
  stroke(again, 'again', 2);
  ctx.fillStyle = colour('again');
  ctx.fill(marks);
  stroke(crosses, 'again', 2);
}

/**
 * By row, the parts of its SACK blocks that no earlier segment reported: each ACK repeats what the ones before it said. Left,
 * right, left, right …
 */
function newlySacked(rows: Rows, end: number): Map<number, number[]> {
  const found = new Map<number, number[]>();
  let known: (readonly [left: number, right: number])[] = [];
  for (const [row, edges] of rows.sacks) {
    if (rows.column.end[row] === end) continue;
    const fresh: number[] = [];
    for (let i = 0; i + 1 < edges.length; i += 2) {
      const gaps = uncovered(edges[i], edges[i + 1], known);
      fresh.push(...gaps.flat());
      known.push(...gaps);
    }
    known = joined(known, rows.column.ack[row]);
    if (fresh.length > 0) found.set(row, fresh);
  }
  return found;
}

/** The parts of a range that are not in `known`. */
function uncovered(left: number, right: number, known: readonly (readonly [number, number])[]): [number, number][] {
  const parts: [number, number][] = [];
  let from = left;
  for (const [knownLeft, knownRight] of [...known].sort((a, b) => a[0] - b[0])) {
    if (knownLeft >= right) break;
    if (knownLeft > from) parts.push([from, knownLeft]);
    from = Math.max(from, knownRight);
  }
  if (from < right) parts.push([from, right]);
  return parts;
}

/** In order, neighbours made one, without what is acknowledged. */
function joined(ranges: readonly (readonly [number, number])[], ack: number): [number, number][] {
  const result: [number, number][] = [];
  for (const [left, right] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = result.at(-1);
    if (right <= ack) continue;
    if (last !== undefined && left <= last[1]) last[1] = Math.max(last[1], right);
    else result.push([left, right]);
  }
  return result;
}

/** With a short line at both ends where there is room for it. */
function bar(path: Path2D, x: number, bottom: number, top: number, tick: number): void {
  path.moveTo(x, bottom);
  path.lineTo(x, Math.min(top, bottom - 1));
  if (tick === 0 || bottom - top < 2 * tick) return;
  path.moveTo(x - tick / 2, bottom);
  path.lineTo(x + tick / 2, bottom);
  path.moveTo(x - tick / 2, top);
  path.lineTo(x + tick / 2, top);
}

function diamond(path: Path2D, x: number, y: number, size: number): void {
  path.moveTo(x, y - size);
  path.lineTo(x + size, y);
  path.lineTo(x, y + size);
  path.lineTo(x - size, y);
  path.closePath();
}

function cross(path: Path2D, x: number, y: number, size: number): void {
  path.moveTo(x - size, y - size);
  path.lineTo(x + size, y + size);
  path.moveTo(x - size, y + size);
  path.lineTo(x + size, y - size);
}
