/**
 * What a packetdrill script says, as data: options, then events, each with a time, a line and one of four things to do.
 *
 *   --tolerance_usecs=10000                    options
 *   `sysctl -q net.ipv4.tcp_sack=0`            a shell command; without a time it happens at once
 *   +0 socket(..., SOCK_STREAM, 0) = 3         a system call and its result
 *   +.1 < S 0:0(0) win 65535 <mss 1460>        a packet to the stack
 *   +0 > S. 0:0(0) ack 1 <...>                 a packet that the stack must send
 *   +0 %{ assert tcpi_snd_cwnd == 10 }%        an assertion
 *
 * Times are in microseconds. `null` is what the script leaves open: an absent field, or `...`.
 */

export interface Script {
  readonly file: string;
  readonly options: readonly ScriptOption[];
  readonly events: readonly ScriptEvent[];
}

export interface ScriptOption {
  readonly line: number;
  readonly name: string;
  readonly value: string | null;
}

/** When an event happens: at a time of the script's, so long after the event before, or (outgoing packets) whenever. */
export type EventTime =
  | { readonly kind: 'absolute' | 'relative'; readonly us: number; readonly endUs: number }
  | { readonly kind: 'any' };

export interface ScriptEvent {
  readonly line: number;
  readonly time: EventTime;
  readonly action: PacketAction | CallAction | ShellAction | CodeAction;
}

export interface ShellAction {
  readonly kind: 'shell';
  readonly command: string;
}

export interface CodeAction {
  readonly kind: 'code';
  readonly text: string;
}

// ---- packets

export interface PacketAction {
  readonly kind: 'packet';
  readonly direction: 'in' | 'out';
  readonly ip: IpSpec;
  readonly packet: TcpSpec | IcmpSpec;
}

/** What is said of the IP header; null is not looked at, or 0 and 64 in what we send. */
export interface IpSpec {
  readonly tos: number | null;
  /** Bits of `tos` that are looked at. */
  readonly tosMask: number;
  /** Either of the two ECN-capable codepoints will do. */
  readonly ect01: boolean;
  readonly ttl: number | null;
}

export interface SequenceRange {
  readonly start: number;
  readonly length: number;
  /** As it is on the wire, not relative to the initial sequence number. */
  readonly absolute: boolean;
  /** `...(5)`: only the length counts. */
  readonly open: boolean;
}

export interface TcpSpec {
  readonly kind: 'tcp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** The bits of RFC 9293's flags field. */
  readonly flags: number;
  readonly sequence: SequenceRange;
  readonly ack: number | null;
  readonly window: number | null;
  readonly urgent: number;
  /** null: `<...>`. */
  readonly options: readonly TcpOption[] | null;
}

export type TcpOption =
  | { readonly kind: 'nop' | 'eol' | 'sackOK' }
  | { readonly kind: 'mss' | 'wscale'; readonly value: number }
  | { readonly kind: 'sack'; readonly blocks: readonly (readonly [number, number])[] }
  | { readonly kind: 'TS'; readonly val: number | null; readonly ecr: number; readonly absoluteEcr: boolean };

export interface IcmpSpec {
  readonly kind: 'icmp';
  readonly type: number;
  readonly code: number;
  readonly mtu: number;
  readonly quoted: SequenceRange;
}

// ---- system calls

export interface CallAction {
  readonly kind: 'call';
  readonly name: string;
  readonly arguments: readonly Expression[];
  /** For a call that blocks: when it returns, on the scale of the event's time. */
  readonly endUs: number | null;
  readonly result: Expression;
  /** `EAGAIN`; null when the script doesn't say. */
  readonly errno: string | null;
}

export type Expression =
  | { readonly kind: 'open' }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'word'; readonly name: string }
  | { readonly kind: 'or'; readonly terms: readonly Expression[] }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'struct'; readonly fields: readonly StructField[] }
  | { readonly kind: 'function'; readonly name: string; readonly arguments: readonly Expression[] };

/** `msg_iov(2)=[…]`: name, count, value; without a name it stands by its place. */
export interface StructField {
  readonly name: string;
  readonly value: Expression;
}

// ---- what is wrong with a script

/** It can't be read. */
export class ScriptError extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** It can be read, but asks for something that isn't done here. */
export class Unsupported extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** It was run, and this is not what happened. */
export class Mismatch extends Error {
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}
