/**
 * Events of the follower into the columns of page-data.ts. What is told of a segment after it (why it was sent again, that it
 * was dropped, which command it carried) becomes part of its row; what stands for itself is a row of its own.
 */
import type { End, OwnState, SegmentEvent, TraceEvent } from '../model.ts';
import { COLUMNS, type ColumnName, ROW_KINDS, TEXT_COLUMNS, type Track, UNKNOWN } from './page-data.ts';

/** From here on ssthresh means that there is none. */
const MAX_SSTHRESH = 0x3fff_ffff;

/** A track as it grows: values as they are, made differences at the end. */
class TrackBuilder {
  readonly connection: number;
  readonly columns = Object.fromEntries(COLUMNS.map((name) => [name, []])) as unknown as Record<ColumnName, number[]>;
  readonly sacks: number[][] = [];

  constructor(connection: number) {
    this.connection = connection;
  }

  get rows(): number {
    return this.columns.kind.length;
  }

  /** Appends a row; columns that are not named get UNKNOWN, texts 0. */
  push(values: Partial<Record<ColumnName, number>>): void {
    for (const name of COLUMNS) this.columns[name].push(values[name] ?? (TEXT_COLUMNS.has(name) ? 0 : UNKNOWN));
  }

  finish(): Track {
    for (const name of COLUMNS) toDifferences(this.columns[name]);
    return { connection: this.connection, rows: this.rows, columns: this.columns, sacks: this.sacks };
  }
}

/** Events in, tracks out. Events of connections that are not in `wanted` are left out. */
export class TrackEncoder {
  readonly texts: string[] = [''];
  private readonly textIndex = new Map<string, number>([['', 0]]);
  private readonly tracks = new Map<number, TrackBuilder>();
  /** Where each frame's segment is. */
  private readonly frames = new Map<number, { track: TrackBuilder; row: number }>();
  private readonly firstUs: number;
  private readonly locals: ReadonlyMap<number, number>;

  /** `wanted`: by connection the number of the end that the stack is: 0 or 1, also when there is none. */
  constructor(firstUs: number, wanted: ReadonlyMap<number, number>) {
    this.firstUs = firstUs;
    this.locals = wanted;
  }

  add(event: TraceEvent): void {
    if (this.belongsToSegment(event)) return;
    const local = this.locals.get(event.connection);
    if (local === undefined) return;
    if (event.kind === 'segment') this.segment(event);
    else if (event.kind !== 'opened' && event.kind !== 'command') this.note(event, local);
  }

  finish(): Track[] {
    return [...this.tracks.values()].map((track) => track.finish());
  }

  private segment(event: SegmentEvent): void {
    const track = this.trackOf(event.connection);
    const row = track.rows;
    this.frames.set(event.frame, { track, row });
    this.row(event, {
      tUs: Math.round(event.tUs - this.firstUs),
      end: endNumber(event.from),
      frame: event.frame,
      flags: this.text(event.flags),
      seq: event.seq,
      ack: event.flags.includes('ACK') ? event.ack : UNKNOWN,
      length: event.lengthBytes,
      window: event.windowBytes,
      flight: event.inFlightBytes,
      rttUs: event.rttUs === null ? UNKNOWN : Math.round(event.rttUs),
      labels: this.text(labelsOf(event)),
      options: this.text(optionsOf(event)),
      commands: this.text(event.commands.join(', ')),
      ...this.own(event.own),
    });
    if (event.sack !== null) track.sacks.push([row, ...event.sack.flat()]);
  }

  /** What is told of a segment becomes part of its row; false when it stands for itself, or the segment is not in the page. */
  private belongsToSegment(event: TraceEvent): boolean {
    if (event.kind === 'drop') return this.mark(event.frame, 'dropped', noteOf(event));
    if (event.kind === 'retransmit') return this.mark(event.frame, 'again', noteOf(event));
    return event.kind === 'command' && this.mark(event.frame, 'commands', event.commands.join(', '));
  }

  private note(event: TraceEvent, local: number): void {
    this.row(event, {
      tUs: Math.round(event.tUs - this.firstUs),
      end: event.kind === 'state' ? endNumber(event.end) : local,
      frame: event.frame,
      note: this.text(noteOf(event)),
      ...this.own('own' in event ? event.own : null),
    });
  }

  private row(event: TraceEvent, values: Partial<Record<ColumnName, number>>): void {
    const kind = ROW_KINDS.indexOf(event.kind as (typeof ROW_KINDS)[number]);
    this.trackOf(event.connection).push({ ...values, kind });
  }

  /** Writes a text into the row of a frame's segment; false when the page has no such row. */
  private mark(frame: number, column: 'again' | 'dropped' | 'commands', text: string): boolean {
    const place = this.frames.get(frame);
    if (place === undefined) return false;
    place.track.columns[column][place.row] = this.text(text);
    return true;
  }

  private own(own: OwnState | null): Partial<Record<ColumnName, number>> {
    if (own === null) return {};
    return {
      state: this.text(own.state),
      cwnd: own.cwndBytes,
      ssthresh: own.ssthreshBytes > MAX_SSTHRESH ? UNKNOWN : own.ssthreshBytes,
      rtoUs: own.rtoUs,
      srttUs: own.srttUs === 0 ? UNKNOWN : own.srttUs,
      ownFlight: own.inFlightBytes,
      sendWindow: own.sendWindowBytes,
      receiveWindow: own.receiveWindowBytes,
    };
  }

  private trackOf(connection: number): TrackBuilder {
    let track = this.tracks.get(connection);
    if (track === undefined) {
      track = new TrackBuilder(connection);
      this.tracks.set(connection, track);
    }
    return track;
  }

  private text(text: string): number {
    let index = this.textIndex.get(text);
    if (index === undefined) {
      index = this.texts.push(text) - 1;
      this.textIndex.set(text, index);
    }
    return index;
  }
}

const endNumber = (end: End): number => (end === 'client' ? 0 : 1);

/** Begins with the name of the reason where it has one, and a colon. */
function noteOf(event: TraceEvent): string {
  switch (event.kind) {
    case 'state':
      return `${event.from} → ${event.to}: ${event.cause}`;
    case 'retransmit':
    case 'drop':
      return `${event.reason}: ${event.rule}`;
    case 'not-sent':
      return `${event.unsentBytes} bytes wait, ${event.reason}: ${event.rule}`;
    case 'congestion':
      return `${event.event}: ${event.rule}`;
    case 'closed':
      return `closed: ${event.cause}`;
    default:
      return '';
  }
}

function labelsOf({ labels, duplicateNumber, duplicateOf }: SegmentEvent): string {
  return labels
    .map((label) => (label === 'duplicate-ack' ? `${label} #${duplicateNumber} of frame ${duplicateOf}` : label))
    .join(', ');
}

function optionsOf({ options, tsVal, tsEcr }: SegmentEvent): string {
  const timestamps = tsVal === null ? [] : [`TS val ${tsVal} ecr ${tsEcr}`];
  return [...options, ...timestamps].join(', ');
}

function toDifferences(column: number[]): void {
  for (let i = column.length - 1; i > 0; i--) column[i] -= column[i - 1];
}
