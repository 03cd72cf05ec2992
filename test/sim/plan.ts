/**
 * A world as data, drawn from its seed before anything happens in it: what the network is like, how each stack is set, who
 * talks to whom and how, what breaks when. So a world can be printed, and taken apart: see simplify.ts.
 *
 *   segment 0 ──┬── host 0        router (if there are more segments than one): datagrams larger than its transit MTU are
 *               ├── host 1        dropped, and it says so, or says it badly, or not at all
 *               └── router ──── segment 1 ──┬── host 2 …
 */
import type { Conditions, MemoryLinkOptions } from '../../src/lib/link/memory.ts';
import type { TcpOptions } from '../../src/lib/tcp/config.ts';
import { Draw } from './draw.ts';
import { drawConversations } from './draw-conversations.ts';
import { drawHosts } from './draw-hosts.ts';
import { drawFaults, drawSegments, drawTransit } from './draw-network.ts';

export interface WorldPlan {
  readonly seed: number;
  /** What the clocks of initial sequence numbers and timestamps are about to do when the first conversation begins. */
  readonly clocks: 'anywhere' | 'sequence-wrap' | 'timestamp-sign' | 'timestamp-wrap';
  segments: SegmentPlan[];
  transit: TransitPlan;
  hosts: HostPlan[];
  conversations: ConversationPlan[];
  faults: FaultPlan[];
  /** When every application that still talks is told to come to an end. */
  readonly closingUs: number;
}

export interface SegmentPlan {
  conditions: Conditions;
  mtu: number;
}

export interface TransitPlan {
  /** Largest datagram from some time on, in order of time. */
  mtus: { readonly atUs: number; readonly mtu: number }[];
  /** What a datagram that is too large is answered with: the MTU (RFC 1191), no number (RFC 792), nothing. */
  readonly reports: 'mtu' | 'no-number' | 'nothing';
}

export type TcpSettings = Omit<Partial<TcpOptions>, 'random' | 'secret' | 'congestion'>;

export interface HostPlan {
  readonly segment: number;
  readonly seed: number;
  link: Omit<MemoryLinkOptions, 'mac'>;
  tcp: TcpSettings;
  congestion: string;
  backlog: number;
  /** Connections that may wait to be accepted, and how often it is looked for them; 0: they don't wait. */
  acceptBacklog: number;
  readonly acceptEveryUs: number;
  /** Without an observer the stack takes its shortest ways; the wire's rules hold all the same. */
  observed: boolean;
}

export interface SidePlan {
  bytes: number;
  /** Bytes of one write, after each of which it thinks for up to so long. */
  readonly chunkBytes: number;
  readonly thinkUs: number;
  /** Each chunk is a question, or the answer to one: it waits for the peer's before it. */
  readonly dialogue: boolean;
  /** What follows its last byte: its end, its end once the peer's came, silence until it is told to come to an end. */
  readonly afterwards: 'end' | 'end-after-peer' | 'stay';
  /** It gives up after so many bytes, sent or received; 0: it does not. */
  abortAfterBytes: number;
  /** It stops reading after each so many bytes (0: never), for so long. */
  pauseEveryBytes: number;
  readonly pauseUs: number;
}

export interface ConversationPlan {
  readonly id: number;
  readonly atUs: number;
  readonly client: number;
  readonly server: number;
  readonly kind: 'usual' | 'simultaneous' | 'dead-port' | 'dead-host';
  /** 0: the stack chooses. */
  readonly clientPort: number;
  readonly clientSide: SidePlan;
  readonly serverSide: SidePlan;
}

export type FaultPlan =
  /** Frames of the segment (or of one host only) get lost for a while. */
  | { kind: 'flap'; readonly atUs: number; readonly untilUs: number; readonly segment: number; readonly host: number }
  /** The host is gone without a word; a new one takes its place later (Infinity: none does). */
  | { kind: 'death'; readonly atUs: number; readonly untilUs: number; readonly host: number }
  /** The host does nothing, and its frames wait: its process got no time. */
  | { kind: 'stall'; readonly atUs: number; readonly untilUs: number; readonly host: number }
  /** The host listens no more. */
  | { kind: 'deaf'; readonly atUs: number; readonly host: number };

/** The port on which every host listens, one on which none does, and the host number of an address that nobody has. */
export const LISTENING_PORT = 80;
export const DEAD_PORT = 81;
export const NOBODY = 199;

/** Some worlds are calm: nothing gets lost in them and everybody is as usual, so that nothing may even be sent twice. */
const CALM = 0.12;

export function drawWorld(seed: number): WorldPlan {
  const draw = new Draw(seed, 'world');
  const calm = draw.chance(CALM);
  const segments = drawSegments(seed, calm);
  const hosts = drawHosts(seed, segments, calm);
  const { conversations, lastUs } = drawConversations(seed, hosts.length, calm);
  const closingUs = lastUs + 1;
  return {
    seed,
    clocks: draw.pick(['anywhere', 'sequence-wrap', 'timestamp-sign', 'timestamp-wrap'] as const),
    segments,
    transit: drawTransit(seed, segments, calm, closingUs),
    hosts,
    conversations,
    faults: calm ? [] : drawFaults(seed, segments.length, hosts.length, closingUs),
    closingUs,
  };
}

/** 192.0.2.1, 192.0.2.2, … for the first segment, 198.51.100.… and 203.0.113.… for the others (RFC 5737). */
export function addressOf(segment: number, station: number): number {
  const networks = [0xc000_0200, 0xc633_6400, 0xcb00_7100];
  return networks[segment] | station | 0;
}
