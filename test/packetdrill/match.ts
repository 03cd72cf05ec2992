/**
 * Does what the stack sent agree with what the script expects?
 *
 *   always compared   flags (but PSH with data), sequence range, acknowledgment, options as a set, zero or non-zero window
 *   when it is said   ECN, type of service, time to live, urgent pointer
 *   strict            also PSH, the window's value, and how the data was cut into segments
 *
 * Data that was cut otherwise than the script has it compares as one piece: what the stack sent in more segments is joined,
 * what it sent in fewer is split.
 */
import { ACK, FIN, PSH, RST, SYN, URG } from '../../src/lib/wire/tcp.ts';
import type { Flow } from './flow.ts';
import type { IpSpec, TcpOption, TcpSpec } from './script.ts';
import type { LiveSegment, WireOption } from './segment.ts';
import { describeFlags, describeOption } from './text.ts';

export interface MatchRules {
  readonly strict: boolean;
  /** Microseconds of one tick of the stack's timestamp clock; 0: their values aren't compared. */
  readonly tickUs: number;
  readonly toleranceUs: number;
}

/** What is wrong, in words; null when they agree. `live` may be several segments joined. */
export function mismatch(
  live: LiveSegment,
  expected: TcpSpec,
  ip: IpSpec,
  flow: Flow,
  rules: MatchRules,
): string | null {
  return (
    flagsMismatch(live, expected, rules.strict) ??
    sequenceMismatch(live, expected, flow) ??
    ackMismatch(live, expected) ??
    windowMismatch(live, expected, rules.strict) ??
    ipMismatch(live, ip) ??
    (expected.options === null ? null : optionsMismatch(live, expected.options, flow, rules))
  );
}

function flagsMismatch(live: LiveSegment, expected: TcpSpec, strict: boolean): string | null {
  // RFC 9293 §3.9.1: when PSH is set is up to the sender.
  const ignored = !strict && expected.sequence.length > 0 && live.payload.length > 0 ? PSH : 0;
  const difference = (live.flags ^ expected.flags) & ~ignored;
  if (difference !== 0) return `flags ${describeFlags(live.flags)}, not ${describeFlags(expected.flags)}`;
  if ((live.flags & URG) !== 0 && live.urgent !== expected.urgent) {
    return `urgent pointer ${live.urgent}, not ${expected.urgent}`;
  }
  return null;
}

function sequenceMismatch(live: LiveSegment, expected: TcpSpec, flow: Flow): string | null {
  const { sequence } = expected;
  if (live.payload.length !== sequence.length) return `${live.payload.length} bytes, not ${sequence.length}`;
  if (sequence.open || live.sequence === flow.wireLocal(sequence)) return null;
  const start = sequence.absolute ? live.sequence >>> 0 : flow.scriptLocal(live.sequence);
  return `sequence number ${start}, not ${sequence.start}`;
}

function ackMismatch(live: LiveSegment, expected: TcpSpec): string | null {
  if ((expected.flags & ACK) === 0 || expected.ack === null) return null;
  return live.ack >>> 0 === expected.ack ? null : `ack ${live.ack >>> 0}, not ${expected.ack}`;
}

function windowMismatch(live: LiveSegment, expected: TcpSpec, strict: boolean): string | null {
  const { window } = expected;
  if (window === null || window === live.window) return null;
  // What a reset says of the window is of no meaning (RFC 9293 §3.10.7.4).
  const zeroCounts = (live.flags & RST) === 0 && (window === 0) !== (live.window === 0);
  return strict || zeroCounts ? `win ${live.window}, not ${window}` : null;
}

function ipMismatch(live: LiveSegment, ip: IpSpec): string | null {
  const hex = (tos: number): string => `0x${tos.toString(16).padStart(2, '0')}`;
  if (ip.tos !== null && (live.tos & ip.tosMask) !== (ip.tos & ip.tosMask)) {
    return `type of service ${hex(live.tos)}, not ${hex(ip.tos)}`;
  }
  const ecn = live.tos & 3;
  if (ip.ect01 && ecn !== 1 && ecn !== 2) return `ECN codepoint ${ecn}, neither ECT(0) nor ECT(1)`;
  return ip.ttl === null || live.ttl === ip.ttl ? null : `ttl ${live.ttl}, not ${ip.ttl}`;
}

// ---- options

function optionsMismatch(
  live: LiveSegment,
  expected: readonly TcpOption[],
  flow: Flow,
  rules: MatchRules,
): string | null {
  const filler = (option: { kind: string }): boolean => option.kind === 'nop' || option.kind === 'eol';
  const sent = live.options.filter((option) => !filler(option));
  const wanted = expected.filter((option) => !filler(option));
  for (const option of sent) {
    if (!wanted.some(({ kind }) => kind === option.kind)) return `option <${describeOption(option)}> is not expected`;
  }
  for (const option of wanted) {
    const found = sent.find(({ kind }) => kind === option.kind);
    if (found === undefined) return `option <${describeOption(option)}> is missing`;
    const wrong = optionMismatch(found, option, live, flow, rules);
    if (wrong !== null) return wrong;
  }
  return null;
}

function optionMismatch(
  live: WireOption,
  expected: TcpOption,
  segment: LiveSegment,
  flow: Flow,
  rules: MatchRules,
): string | null {
  if (live.kind === 'TS' && expected.kind === 'TS') return stampMismatch(live, expected, flow, rules);
  if (live.kind === 'sack' && expected.kind === 'sack') return sackMismatch(live.blocks, expected.blocks);
  if ((live.kind === 'mss' || live.kind === 'wscale') && 'value' in expected && live.value !== expected.value) {
    return `${live.kind} ${live.value}, not ${expected.value}${(segment.flags & SYN) === 0 ? ' (not in a SYN)' : ''}`;
  }
  return null;
}

function stampMismatch(
  live: { val: number; ecr: number },
  expected: { val: number | null; ecr: number },
  flow: Flow,
  rules: MatchRules,
): string | null {
  if (live.ecr >>> 0 !== expected.ecr) return `TS ecr ${live.ecr >>> 0}, not ${expected.ecr}`;
  if (expected.val === null) return null;
  if (rules.tickUs > 0 && flow.knowsStamps) {
    const error = flow.stampError(expected.val, live.val);
    if (Math.abs(error) * rules.tickUs > rules.toleranceUs + rules.tickUs) {
      return `TS val ${expected.val + error}, not ${expected.val}`;
    }
  }
  return null;
}

/** RFC 2018 §4: the first block is the one that came last (or, RFC 2883, what came twice); the others have no order. */
function sackMismatch(
  live: readonly (readonly [number, number])[],
  expected: readonly (readonly [number, number])[],
): string | null {
  const text = (blocks: readonly (readonly [number, number])[]): string =>
    blocks.map(([left, right]) => `${left >>> 0}:${right >>> 0}`).join(' ');
  const sorted = (blocks: readonly (readonly [number, number])[]): string =>
    blocks
      .map((block) => text([block]))
      .sort()
      .join(' ');
  const same = text(live.slice(0, 1)) === text(expected.slice(0, 1)) && sorted(live) === sorted(expected);
  return same ? null : `sack ${text(live)}, not ${text(expected)}`;
}

// ---- segments cut otherwise

/** `next` carries on where `first` ends, and nothing but its length and PSH or FIN differs. */
export function joins(first: LiveSegment, next: LiveSegment): boolean {
  return (
    next.payload.length > 0 &&
    ((first.sequence + first.payload.length) | 0) === next.sequence &&
    ((first.flags ^ next.flags) & ~(PSH | FIN)) === 0 &&
    (first.flags & FIN) === 0
  );
}

/** Both as one, with what the later one says. */
export function join(first: LiveSegment, next: LiveSegment): LiveSegment {
  const payload = new Uint8Array(first.payload.length + next.payload.length);
  payload.set(first.payload);
  payload.set(next.payload, first.payload.length);
  return { ...next, atUs: first.atUs, sequence: first.sequence, payload };
}

/** The first `length` bytes, without FIN and PSH, and the rest. */
export function split(live: LiveSegment, length: number): [LiveSegment, LiveSegment] {
  const head = { ...live, flags: live.flags & ~(FIN | PSH), payload: live.payload.slice(0, length) };
  const tail = { ...live, sequence: (live.sequence + length) | 0, payload: live.payload.slice(length) };
  return [head, tail];
}
