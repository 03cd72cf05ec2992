/**
 * The data inside the page: what the follower found, as columns of small numbers. Each column holds differences to the row
 * before, and texts are numbers into one list, so that 100,000 events are a few megabytes of JSON.
 *
 *   tUs      0, 104, 9, 31 …      kind   0, 0, 1, −1 …      commands  0, 12, 1, −13 …  ─▶ texts[…]
 *
 * What is told of a segment after it (why it was sent again, that it was dropped, which command it carried) becomes part of
 * its row; what stands for itself (a state, a change of the congestion window) is a row of its own.
 */
import type { SummaryDocument } from '../json-output.ts';

/** Rows of a track by their number in the column `kind`. */
export const ROW_KINDS = ['segment', 'state', 'retransmit', 'drop', 'not-sent', 'congestion', 'closed'] as const;

/** `ssthresh` that is not set, and every other value that is not known. */
export const UNKNOWN = -1;

/**
 * Columns of a track. Times in microseconds since the page's `firstUs`, sizes in bytes; `end` is 0 for what the client sent
 * or did and 1 for the server; those in TEXT_COLUMNS are indices into `texts`, of which 0 is empty.
 */
export const COLUMNS = [
  'kind',
  'tUs',
  'end',
  'frame',
  'flags',
  'seq',
  'ack',
  'length',
  'window',
  'flight',
  'rttUs',
  'labels',
  'options',
  'commands',
  'again',
  'dropped',
  'note',
  'state',
  'cwnd',
  'ssthresh',
  'rtoUs',
  'srttUs',
  'ownFlight',
  'sendWindow',
  'receiveWindow',
] as const;

export type ColumnName = (typeof COLUMNS)[number];

/** The events of one connection. */
export interface Track {
  readonly connection: number;
  readonly rows: number;
  readonly columns: Record<ColumnName, number[]>;
  /** SACK blocks: row, left, right, left, right … */
  readonly sacks: number[][];
}

export interface PageData {
  /** What was traced, in words. */
  readonly source: string;
  readonly version: string;
  readonly writtenAtMs: number;
  /** Microseconds since 1970 of the first event. */
  readonly firstUs: number;
  readonly lastUs: number;
  readonly events: number;
  /** Events that are not in the page, because there were more than its limit. */
  readonly forgottenEvents: number;
  /** Connections that are not in the page, for the same reason. */
  readonly forgottenConnections: number;
  readonly summary: SummaryDocument;
  readonly texts: string[];
  readonly tracks: Track[];
}

/** Columns whose values are indices into `texts`. */
export const TEXT_COLUMNS: ReadonlySet<ColumnName> = new Set([
  'flags',
  'labels',
  'options',
  'commands',
  'again',
  'dropped',
  'note',
  'state',
]);
