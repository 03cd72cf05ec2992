/**
 * One connection as the script numbers it, and as it is on the wire. A script counts sequence numbers from its own SYN's, the
 * stack from an initial sequence number that nobody knows before; its timestamps, too, begin anywhere.
 *
 *   script                 wire
 *   local    0 1 1001  ──▶  ISS, ISS+1, ISS+1001       learned from every SYN that the stack sends
 *   remote   0 1 1001  ──▶  the same
 *   TS val   100 200   ──▶  whatever it was when the script said 100; the others at the same distance
 *
 * Local is the stack's side, remote the script's.
 */
import { ACK, SYN } from '../../src/lib/wire/tcp.ts';
import type { SequenceRange, TcpOption, TcpSpec } from './script.ts';
import type { LiveSegment, Segment, WireOption } from './segment.ts';

export interface Ends {
  readonly localIp: number;
  readonly remoteIp: number;
}

export class Flow {
  readonly localPort: number;
  readonly remotePort: number;
  private readonly ends: Ends;
  /** What is added to the script's local sequence numbers; 0 until the stack has sent a SYN. */
  private localOffset = 0;
  /** The sequence number of the SYN that it was learned from: a copy teaches nothing. */
  private initial: number | null = null;
  /** Script value → value on the wire, of the stack's timestamps. */
  private readonly stamps = new Map<number, number>();
  /** The last pair: what is not known is taken to lie at the same distance. */
  private stampOffset = 0;

  constructor(ends: Ends, localPort: number, remotePort: number) {
    this.ends = ends;
    this.localPort = localPort;
    this.remotePort = remotePort;
  }

  /** The stack sent this segment. */
  owns(live: Segment): boolean {
    return live.sourcePort === this.localPort && live.destinationPort === this.remotePort;
  }

  /** The stack sent a SYN, and the script says which: from now on its numbers are known. */
  learn(live: LiveSegment, expected: TcpSpec): void {
    const isCopy = this.initial === live.sequence;
    if ((live.flags & SYN) === 0 || isCopy || expected.sequence.absolute || expected.sequence.open) return;
    this.initial = live.sequence;
    this.localOffset = (live.sequence - expected.sequence.start) | 0;
  }

  /** A new initial sequence number that the script leaves open: `...(0)`. Its connection counts from there. */
  relearn(live: LiveSegment): void {
    if ((live.flags & SYN) === 0) return;
    this.initial = live.sequence;
    this.localOffset = live.sequence;
  }

  /** A local sequence number of the wire, as the script would write it. */
  scriptLocal(sequence: number): number {
    return (sequence - this.localOffset) >>> 0;
  }

  wireLocal(range: SequenceRange): number {
    return (range.start + (range.absolute ? 0 : this.localOffset)) | 0;
  }

  // ---- timestamps

  learnStamp(script: number, live: number): void {
    this.stamps.set(script, live);
    this.stampOffset = (live - script) | 0;
  }

  get knowsStamps(): boolean {
    return this.stamps.size > 0;
  }

  /** How far a live timestamp is from where the script has it, going by the last one that was seen. */
  stampError(script: number, live: number): number {
    return ((live - script) | 0) - this.stampOffset;
  }

  private wireStamp(script: number): number {
    const exact = this.stamps.get(script);
    if (exact !== undefined) return exact;
    return script === 0 || !this.knowsStamps ? script : (script + this.stampOffset) | 0;
  }

  // ---- what the script sends

  /** The segment that a script's packet to the stack is on the wire. */
  incoming(spec: TcpSpec, tos: number, ttl: number): Segment {
    const hasAck = (spec.flags & ACK) !== 0;
    const isSyn = (spec.flags & SYN) !== 0;
    const ack = spec.ack ?? 0;
    return {
      sourceIp: this.ends.remoteIp,
      destinationIp: this.ends.localIp,
      tos,
      ttl,
      sourcePort: this.remotePort,
      destinationPort: this.localPort,
      sequence: spec.sequence.start | 0,
      ack: hasAck ? (ack + this.localOffset) | 0 : ack,
      flags: spec.flags,
      window: spec.window ?? 0,
      urgent: spec.urgent,
      options: (spec.options ?? []).map((option) => this.wireOption(option)),
      payload: streamBytes(spec.sequence.start + (isSyn ? 1 : 0), spec.sequence.length), // a SYN comes before its text
    };
  }

  /** A segment of the stack's that an ICMP error quotes. */
  quoted(range: SequenceRange): Segment {
    return {
      sourceIp: this.ends.localIp,
      destinationIp: this.ends.remoteIp,
      tos: 0,
      ttl: 0,
      sourcePort: this.localPort,
      destinationPort: this.remotePort,
      sequence: this.wireLocal(range),
      ack: 0,
      flags: ACK,
      window: 0,
      urgent: 0,
      options: [],
      payload: new Uint8Array(range.length),
    };
  }

  private wireOption(option: TcpOption): WireOption {
    if (option.kind === 'sack') {
      const edge = (sequence: number): number => (sequence + this.localOffset) | 0;
      return { kind: 'sack', blocks: option.blocks.map(([left, right]) => [edge(left), edge(right)]) };
    }
    if (option.kind !== 'TS') return option;
    const ecr = option.absoluteEcr ? option.ecr : this.wireStamp(option.ecr);
    return { kind: 'TS', val: (option.val ?? 0) | 0, ecr: ecr | 0 };
  }
}

/** The remote's stream: the byte at sequence number s is s mod 251, so that a reader can be checked. */
export function streamBytes(start: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => ((start + i) % 0x1_0000_0000) % 251);
}
