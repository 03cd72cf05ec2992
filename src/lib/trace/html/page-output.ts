/**
 * The trace as one HTML page, written when the trace ends: a table of the connections, and for each one a ladder diagram, the
 * time-sequence plots, the stack's variables and the way through the state diagram. It opens offline, in any browser.
 */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { summaryDocument } from '../json-output.ts';
import type { ConnectionSummary, TraceEvent, TraceSink, TraceTotals } from '../model.ts';
import { BoundedEvents } from './bounded-events.ts';
import type { PageData } from './page-data.ts';
import { traceDocument } from './page-document.ts';
import { TrackEncoder } from './track-encoder.ts';

export interface PageOptions {
  /** What was traced, in words: `eth0`, `slow.pcapng`. */
  readonly source?: string;
  /** Of more events than this, the first and the last halves are kept. */
  readonly maxEvents?: number;
  /** Of more connections than this, those that carried most are kept. */
  readonly maxConnections?: number;
}

const DEFAULT_MAX_EVENTS = 100_000;
const DEFAULT_MAX_CONNECTIONS = 500;

export class PageOutput implements TraceSink {
  private readonly write: (page: string) => void;
  private readonly source: string;
  private readonly maxConnections: number;
  private readonly events: BoundedEvents;
  private count = 0;
  private firstUs = 0;
  private lastUs = 0;

  /** `write` gets the whole page, once. */
  constructor(write: (page: string) => void, options: PageOptions = {}) {
    this.write = write;
    this.source = options.source ?? '';
    this.maxConnections = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS;
    this.events = new BoundedEvents(options.maxEvents ?? DEFAULT_MAX_EVENTS);
  }

  /** Opens the file at once, so that a name that can't be written is known before the trace. Throws what node:fs throws. */
  static toFile(path: string, options: PageOptions = {}): PageOutput {
    const fd = openSync(path, 'w');
    return new PageOutput((page) => {
      const bytes = Buffer.from(page);
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      closeSync(fd);
    }, options);
  }

  event(event: TraceEvent): void {
    if (event.tUs > 0) {
      if (this.firstUs === 0) this.firstUs = event.tUs;
      this.lastUs = Math.max(this.lastUs, event.tUs);
    }
    this.count++;
    this.events.add(event);
  }

  end(connections: readonly ConnectionSummary[], totals: TraceTotals): void {
    const shown = [...connections].sort((a, b) => volume(b) - volume(a)).slice(0, this.maxConnections);
    shown.sort((a, b) => a.id - b.id);
    const wanted = new Map(shown.map(({ id, local }) => [id, local === 'client' ? 0 : 1]));
    const encoder = new TrackEncoder(this.firstUs, wanted);
    for (const event of this.events) encoder.add(event);
    const data: PageData = {
      source: this.source,
      version: packageVersion(),
      writtenAtMs: Date.now(),
      firstUs: this.firstUs,
      lastUs: this.lastUs,
      events: this.count,
      forgottenEvents: this.events.forgotten,
      forgottenConnections: connections.length - shown.length,
      summary: summaryDocument(shown, totals),
      texts: encoder.texts,
      tracks: encoder.finish(),
    };
    this.write(traceDocument(data));
  }
}

const volume = ({ client, server }: ConnectionSummary): number =>
  client.bytes + server.bytes + client.segments + server.segments;

function packageVersion(): string {
  const text = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
