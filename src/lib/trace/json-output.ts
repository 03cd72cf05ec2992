/**
 * NDJSON: one JSON document a line, the events of model.ts as they are, and at the end one of kind `summary`. Maps become
 * objects; everything else is numbers, strings, arrays.
 *
 *     {"kind":"segment","tUs":1700000000000104,"connection":1,"frame":2,"from":"server","flags":"SYN ACK","seq":0,…}
 *     {"kind":"summary","connections":[{"id":1,"client":{"address":"192.0.2.1",…},…}],"totals":{…}}
 */
import type { ConnectionSummary, EndSummary, TraceEvent, TraceSink, TraceTotals } from './model.ts';
import { goodputBytesPerSecond } from './model.ts';

export class JsonOutput implements TraceSink {
  private readonly write: (line: string) => void;

  /** `write` takes a line without its newline. */
  constructor(write: (line: string) => void) {
    this.write = write;
  }

  event(event: TraceEvent): void {
    this.write(JSON.stringify(event));
  }

  end(connections: readonly ConnectionSummary[], totals: TraceTotals): void {
    this.write(JSON.stringify(summaryDocument(connections, totals)));
  }
}

export interface EndDocument {
  address: string;
  port: number;
  state: string;
  path: readonly string[];
  stateUs: Record<string, number>;
  segments: number;
  bytes: number;
  ackedBytes: number;
  goodputBytesPerSecond: number;
  retransmits: Record<string, number>;
  labels: Record<string, number>;
  drops: Record<string, number>;
  rttUs: { count: number; min: number; mean: number; max: number } | null;
  commands: number;
}

export interface SummaryDocument {
  kind: 'summary';
  connections: {
    id: number;
    local: string | null;
    fromStart: boolean;
    firstUs: number;
    lastUs: number;
    closed: string | null;
    client: EndDocument;
    server: EndDocument;
  }[];
  totals: {
    frames: number;
    ignored: Record<string, number>;
    lostEvents: number;
    folded: { connections: number; segments: number; bytes: number; retransmits: number };
  };
}

/** Summaries as plain data. */
export function summaryDocument(connections: readonly ConnectionSummary[], totals: TraceTotals): SummaryDocument {
  return {
    kind: 'summary',
    connections: connections.map((connection) => ({
      id: connection.id,
      local: connection.local,
      fromStart: connection.fromStart,
      firstUs: connection.firstUs,
      lastUs: connection.lastUs,
      closed: connection.closed || null,
      client: endDocument(connection.client, goodputBytesPerSecond(connection, 'client')),
      server: endDocument(connection.server, goodputBytesPerSecond(connection, 'server')),
    })),
    totals: {
      frames: totals.frames,
      ignored: Object.fromEntries(totals.ignored),
      lostEvents: totals.lostEvents,
      folded: totals.folded,
    },
  };
}

function endDocument(end: EndSummary, goodput: number): EndDocument {
  const { count, min, mean, max } = end.rttUs;
  return {
    address: end.address,
    port: end.port,
    state: end.state,
    path: end.path,
    stateUs: Object.fromEntries(end.stateUs),
    segments: end.segments,
    bytes: end.bytes,
    ackedBytes: end.ackedBytes,
    goodputBytesPerSecond: Math.round(goodput),
    retransmits: Object.fromEntries(end.retransmits),
    labels: Object.fromEntries(end.labels),
    drops: Object.fromEntries(end.drops),
    rttUs: count === 0 ? null : { count, min, mean, max },
    commands: end.commands,
  };
}
