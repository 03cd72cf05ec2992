/**
 * What is left when the trace is over: of a few connections everything, of many one line each.
 *
 *   #1 192.0.2.1:40000 → 192.0.2.2:6379, 1.20 s, FIN from server
 *            segments     bytes   goodput  again  dup ACKs  0 windows
 *   client         12   482 B …
 *   client: SYN-SENT 104 µs, ESTABLISHED 1.19 s, …
 *   client RTT: min 98.0 µs, avg 104 µs, max 130 µs
 */
import { type Column, renderTable } from '../cli/table.ts';
import { formatBytes, formatCount, formatDurationUs, plural } from '../cli/units.ts';
import type { ConnectionSummary, End, EndSummary, Label, TraceEvent, TraceSink, TraceTotals } from './model.ts';
import { goodputBytesPerSecond } from './model.ts';

export interface SummaryOptions {
  write(line: string): void;
  bold(text: string): string;
}

/** More connections than this get one line each. */
const MAX_DETAILED = 8;
/** And more than this only their number. */
const MAX_LISTED = 100;

const END_COLUMNS: readonly Column[] = [
  { head: '' },
  { head: 'segments', align: 'right' },
  { head: 'bytes', align: 'right' },
  { head: 'goodput', align: 'right' },
  { head: 'again', align: 'right' },
  { head: 'dup ACKs', align: 'right' },
  { head: '0 windows', align: 'right' },
];

const LIST_COLUMNS: readonly Column[] = [
  { head: '#', align: 'right' },
  { head: 'client' },
  { head: 'server' },
  { head: 'time', align: 'right' },
  { head: '→', align: 'right' },
  { head: '←', align: 'right' },
  { head: 'again', align: 'right' },
  { head: 'RTT', align: 'right' },
];

export class SummaryOutput implements TraceSink {
  private readonly options: SummaryOptions;

  constructor(options: SummaryOptions) {
    this.options = options;
  }

  event(_event: TraceEvent): void {
    // only the summaries count here
  }

  end(connections: readonly ConnectionSummary[], totals: TraceTotals): void {
    if (connections.length <= MAX_DETAILED) for (const connection of connections) this.detailed(connection);
    else this.list(connections);
    this.totals(connections.length, totals);
  }

  private detailed(connection: ConnectionSummary): void {
    const { write, bold } = this.options;
    const { client, server } = connection;
    const ends = `${client.address}:${client.port} → ${server.address}:${server.port}`;
    const time = formatDurationUs(connection.lastUs - connection.firstUs);
    write('');
    write(`${bold(`#${connection.id} ${ends}`)}, ${time}, ${connection.closed || 'still open'}`);
    write(renderTable(END_COLUMNS, [row(connection, 'client'), row(connection, 'server')]));
    for (const end of ['client', 'server'] as const) {
      write(`${end}: ${stateTimes(connection.end(end))}`);
      if (connection.end(end).rttUs.count > 0) write(`${end} RTT: ${roundTrip(connection.end(end))}`);
      const again = counts(connection.end(end).retransmits);
      if (again !== '') write(`${end} sent again: ${again}`);
      const drops = counts(connection.end(end).drops);
      if (drops !== '') write(`${end} dropped: ${drops}`);
    }
    if (client.commands > 0)
      write(`${plural(client.commands, 'Redis command')}, ${plural(server.commands, 'reply', 'replies')}`);
  }

  private list(connections: readonly ConnectionSummary[]): void {
    const { write } = this.options;
    const largest = [...connections].sort((a, b) => volume(b) - volume(a)).slice(0, MAX_LISTED);
    write('');
    write(renderTable(LIST_COLUMNS, largest.map(listRow)));
    if (largest.length < connections.length) {
      write(`and ${plural(connections.length - largest.length, 'smaller connection')} (--json has all)`);
    }
  }

  private totals(known: number, { frames, ignored, lostEvents, folded }: TraceTotals): void {
    const { write } = this.options;
    const parts = [`${plural(frames, 'frame')}, ${plural(known + folded.connections, 'connection')}`];
    if (ignored.size > 0) parts.push(`not followed: ${counts(ignored)}`);
    if (lostEvents > 0) parts.push(`${plural(lostEvents, 'event')} lost: the trace could not keep up`);
    if (folded.connections > 0) {
      parts.push(
        `${plural(folded.connections, 'old connection')} forgotten to save memory (${formatCount(folded.segments)} segments, ${formatBytes(folded.bytes)}, ${folded.retransmits} sent again)`,
      );
    }
    write('');
    write(parts.join('; '));
  }
}

function row(connection: ConnectionSummary, name: End): string[] {
  const end = connection.end(name);
  return [
    connection.local === name ? `${name} (ours)` : name,
    String(end.segments),
    formatBytes(end.bytes),
    rate(goodputBytesPerSecond(connection, name)),
    String(total(end.retransmits)),
    label(end, 'duplicate-ack'),
    label(end, 'zero-window'),
  ];
}

function listRow(connection: ConnectionSummary): string[] {
  const { id, client, server, firstUs, lastUs } = connection;
  const rtt = server.rttUs.count > 0 ? server.rttUs : client.rttUs;
  return [
    String(id),
    `${client.address}:${client.port}`,
    `${server.address}:${server.port}`,
    formatDurationUs(lastUs - firstUs),
    formatBytes(client.bytes),
    formatBytes(server.bytes),
    String(total(client.retransmits) + total(server.retransmits)),
    rtt.count === 0 ? '–' : formatDurationUs(rtt.mean),
  ];
}

const volume = ({ client, server }: ConnectionSummary): number => client.bytes + server.bytes;
const label = (end: EndSummary, name: Label): string => String(end.labels.get(name) ?? 0);
const rate = (bytesPerSecond: number): string =>
  bytesPerSecond === 0 ? '–' : `${formatBytes(Math.round(bytesPerSecond))}/s`;

function total(byReason: ReadonlyMap<string, number>): number {
  let sum = 0;
  for (const count of byReason.values()) sum += count;
  return sum;
}

/** `3 timeout, 1 fast` */
function counts(byReason: ReadonlyMap<string, number>): string {
  return [...byReason].map(([reason, count]) => `${count} ${reason}`).join(', ');
}

function roundTrip({ rttUs }: EndSummary): string {
  // Captures with coarse clocks show segment and answer at one time: that says nothing of the trip.
  const [min, mean, max] = [rttUs.min, rttUs.mean, rttUs.max].map((us) => (us === 0 ? '–' : formatDurationUs(us)));
  return `min ${min}, avg ${mean}, max ${max}`;
}

function stateTimes(end: EndSummary): string {
  const states = [...new Set(end.path)].filter((state) => (end.stateUs.get(state) ?? 0) > 0);
  const times = states.map((state) => `${state} ${formatDurationUs(end.stateUs.get(state) ?? 0)}`);
  return times.length === 0 ? end.state : `${times.join(', ')}${states.at(-1) === end.state ? '' : `, ${end.state}`}`;
}
