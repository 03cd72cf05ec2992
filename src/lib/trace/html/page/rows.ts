/** The events of one connection, out of their columns: plain arrays, one value for each row. */
import { COLUMNS, type ColumnName, ROW_KINDS, type Track, UNKNOWN } from '../page-data.ts';

export type RowKind = (typeof ROW_KINDS)[number];

export class Rows {
  readonly count: number;
  readonly column: Record<ColumnName, Float64Array>;
  /** Seconds since the connection's first event. */
  readonly seconds: Float64Array;
  /** Left, right, left, right … by row. */
  readonly sacks: ReadonlyMap<number, readonly number[]>;
  private readonly texts: readonly string[];

  constructor(track: Track, texts: readonly string[]) {
    this.count = track.rows;
    this.texts = texts;
    const columns = COLUMNS.map((name) => [name, sums(track.columns[name])]);
    this.column = Object.fromEntries(columns) as Record<ColumnName, Float64Array>;
    const { tUs } = this.column;
    this.seconds = tUs.map((us) => (us - tUs[0]) / 1e6);
    this.sacks = new Map(track.sacks.map(([row, ...edges]) => [row, edges]));
  }

  kind(row: number): RowKind {
    return ROW_KINDS[this.column.kind[row]];
  }

  isSegment(row: number): boolean {
    return this.column.kind[row] === 0;
  }

  text(name: ColumnName, row: number): string {
    return this.texts[this.column[name][row]] ?? '';
  }

  /** Null: not known, or not of this row. */
  value(name: ColumnName, row: number): number | null {
    const value = this.column[name][row];
    return value === UNKNOWN ? null : value;
  }

  /** The bytes of this segment were sent before. */
  isAgain(row: number): boolean {
    return this.column.again[row] !== 0 || this.text('labels', row).includes('retransmission');
  }

  isDropped(row: number): boolean {
    return this.column.dropped[row] !== 0;
  }

  /** Where a reader who looks for trouble wants to stop. */
  isNotable(row: number): boolean {
    const kind = this.kind(row);
    if (kind === 'segment') {
      return this.isAgain(row) || this.isDropped(row) || /zero-window|lost|out-of-order/.test(this.text('labels', row));
    }
    return kind === 'congestion' || kind === 'drop' || kind === 'retransmit';
  }

  /** The last segment's time: what follows it is the wait of TIME-WAIT. */
  get lastSegmentSeconds(): number {
    for (let row = this.count - 1; row >= 0; row--) if (this.isSegment(row)) return this.seconds[row];
    return this.seconds[this.count - 1] ?? 0;
  }

  /** The first row at or after a time. */
  at(seconds: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.seconds[middle] < seconds) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function sums(differences: readonly number[]): Float64Array {
  const values = new Float64Array(differences.length);
  let value = 0;
  for (let i = 0; i < values.length; i++) values[i] = value += differences[i];
  return values;
}
