/**
 * A connection whose round trip is known, with a flight of segments of 1,000 bytes in the air: where the scripts about loss
 * begin. The first byte of the flight has relative sequence number 1001.
 */
import type { TcpOptions } from '../../../src/lib/tcp/config.ts';
import type { RetransmitReason } from '../../../src/lib/tcp/events.ts';
import { Script, type ScriptOptions } from '../script.ts';

export const RTT_MS = 100;

export interface FlightOptions {
  readonly tcp?: Partial<TcpOptions>;
  /** Segments in flight. */
  readonly segments?: number;
  /** Bytes that wait behind them. */
  readonly waiting?: number;
  readonly sack?: boolean;
  readonly link?: ScriptOptions['link'];
}

/** SRTT is 100 ms, RTTVAR 37.5 ms (two equal samples), RTO 250 ms; cwnd is what is in flight. */
export function flight(options: FlightOptions = {}): Script {
  const { tcp = {}, segments = 10, waiting = 0, sack = true } = options;
  const x = new Script({ tcp: { maxRtoMs: 10_000, blackHoleTimeouts: 0, ...tcp }, link: options.link ?? {} });
  if (tcp.timestamps) x.tsVal = 1;
  x.listen();
  x.in(`S 0:0 win 60000 mss ${tcp.timestamps ? 1012 : 1000}${sack ? ' sackok' : ''}`);
  x.advance(RTT_MS);
  x.in('. 1:1 ack 1');
  x.write(1000);
  x.advance(RTT_MS);
  x.in('. 1:1 ack 1001');
  x.connection.cwnd = segments * 1000;
  x.sent = [];
  x.write(segments * 1000 + waiting);
  x.sent = [];
  return x;
}

/** The i-th segment of the flight, from 1 on, as `from:to`. */
export function segment(i: number, count = 1): string {
  return `${i * 1000 + 1}:${(i + count) * 1000 + 1}`;
}

/** Writes down why segments are sent again, and what happens to the window. */
export function watch(x: Script): string[] {
  const seen: string[] = [];
  const log = (text: string): void => {
    seen.push(text);
  };
  x.tcp.observer = {
    stateChanged: () => undefined,
    segmentIn: () => undefined,
    segmentOut: () => undefined,
    dropped: (_c, reason) => log(`dropped ${reason}`),
    retransmitted: (c, sequence, _length, reason: RetransmitReason) => log(`${reason} ${(sequence - c.iss) | 0}`),
    congestionChanged: (_c, event) => log(event),
    timeWaitEnded: () => undefined,
    notSent: () => undefined,
  };
  return seen;
}
